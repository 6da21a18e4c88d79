"""The memory of tensors as PyTorch's files describe it: typed storages, and tensors as strided views of them.

May import: tensor, dtypes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flambeau import dtypes
from flambeau.dtypes import dtype
from flambeau.tensor import Tensor, from_bytes, from_node

__all__ = ["STORAGE_NAMES", "StorageType", "LoadedStorage", "storage_bytes", "view_of"]

STORAGE_NAMES = {d: dtypes.name_of_dtype(d) + "Storage" for d in dtypes.ALL if d is not dtypes.uint32}
"""PyTorch's names of storages by dtype; what isn't here is stored as bytes with its dtype beside."""


class StorageType:
    """Stands for a storage class of PyTorch's while a file is read. `dtype` is None for bytes without one."""

    __slots__ = ("name", "dtype")

    def __init__(self, name: str, dtype: dtype | None) -> None:
        self.name, self.dtype = name, dtype


class LoadedStorage:
    """One storage of a file that is being read: its bytes become memory once, whatever tensors view it.

    `device` is where `map_location` put it.
    """

    __slots__ = ("_data", "_tensors", "nbytes", "dtype", "device")

    def __init__(self, data: Any, dtype: dtype | None, device: str) -> None:
        self._data = data
        self._tensors: dict[dtypes.dtype, Tensor] = {}
        self.nbytes = memoryview(data).nbytes
        self.dtype, self.device = dtype, device

    def cpu(self) -> LoadedStorage:
        """Moves it to the CPU: what functions given as `map_location` call."""
        self.device = "cpu"
        return self

    def to(self, device: Any) -> LoadedStorage:
        """Moves it to `device`."""
        self.device = str(device)
        return self

    def flat(self, dtype: dtype) -> Tensor:
        """All of the memory as a vector of `dtype`."""
        if dtype not in self._tensors:
            count = self.nbytes // dtype.itemsize
            self._tensors[dtype] = from_bytes(self._data, dtype, (count,), self.device)
        return self._tensors[dtype]


def view_of(flat: Tensor, size: Sequence[int], stride: Sequence[int], offset: int) -> Tensor:
    """A tensor over the memory of `flat`; ValueError for a place outside of it."""
    if len(size) != len(stride) or min((*size, *stride, offset), default=0) < 0:
        raise ValueError(f"a tensor with size {tuple(size)}, stride {tuple(stride)} and offset {offset}")
    last = offset + sum((n - 1) * s for n, s in zip(size, stride)) if all(size) else -1
    if last >= flat.numel():
        raise ValueError(f"a tensor reaches element {last} of a storage of {flat.numel()}")
    return flat.as_strided(tuple(size), tuple(stride), offset).detach()


def storage_bytes(tensor: Tensor) -> memoryview:
    """The bytes of the whole memory that `tensor` views."""
    return from_node(tensor._storage.node)._bytes()
