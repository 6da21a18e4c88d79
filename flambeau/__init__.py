"""PyTorch's API as a compiler in pure Python: `import flambeau as torch`."""

from __future__ import annotations

from flambeau import autograd as autograd
from flambeau import ops as _ops
