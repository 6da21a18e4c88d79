"""`torch.linalg`: linear algebra. Filled from the operator registry; may import `flambeau.ops`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flambeau.ops.host_linalg import LinAlgError as LinAlgError
from flambeau.ops.registry import OPERATORS

globals().update({name: o.public for (namespace, name), o in OPERATORS.items() if namespace == "linalg"})
__all__ = sorted(["LinAlgError", *(name for namespace, name in OPERATORS if namespace == "linalg")])

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...
