"""What programs use of `torch._tensor_str`: how tensors are printed. May import `flambeau.printing`."""

from __future__ import annotations

from flambeau.printing import _body
from flambeau.printing import options as PRINT_OPTS
from flambeau.tensor import Tensor

__all__ = ["PRINT_OPTS"]


def _tensor_str(self: Tensor, indent: int) -> str:
    """The numbers of a tensor, in brackets; further lines begin with `indent` spaces."""
    return _body(self, indent)
