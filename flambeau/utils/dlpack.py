"""`from_dlpack` and `to_dlpack`: arrays exchanged with other libraries, as copies. May import `flambeau.ops`."""

from __future__ import annotations

from typing import Any

from flambeau.ops.storages import from_dlpack
from flambeau.tensor import Tensor

__all__ = ["from_dlpack", "to_dlpack"]


class _Capsule:
    """What `to_dlpack` gives: the tensor, which `from_dlpack` of any library reads once more."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def __dlpack__(self, **kwargs: Any) -> Any:
        return self.tensor.__dlpack__(**kwargs)

    def __dlpack_device__(self) -> tuple[Any, int]:
        return self.tensor.__dlpack_device__()


def to_dlpack(tensor: Tensor) -> _Capsule:
    """The tensor for `from_dlpack`, which new code gives the tensor itself."""
    return _Capsule(tensor)
