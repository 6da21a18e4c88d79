"""`from_dlpack` and `to_dlpack`: arrays exchanged with other libraries without a copy. May import `flambeau.ops`."""

from __future__ import annotations

from typing import Any

from flambeau.dlpack import DLDeviceType
from flambeau.ops.sharing import from_dlpack
from flambeau.tensor import Tensor

__all__ = ["DLDeviceType", "from_dlpack", "to_dlpack"]


def to_dlpack(tensor: Tensor) -> Any:
    """A DLPack capsule of the tensor's memory, which `from_dlpack` of any library reads once; new code gives it the tensor."""
    return tensor.detach().__dlpack__()
