"""A tensor's memory as an object: `untyped_storage`, `storage`.

May import what `flambeau.ops` may.
"""

from __future__ import annotations

import mmap
import os
from typing import Any, Self

from flambeau.device import device
from flambeau.dtypes import dtype, uint8
from flambeau.ops.creation import empty
from flambeau.ops.registry import operator
from flambeau.ops.sharing import frombuffer
from flambeau.ops.strided import whole_memory
from flambeau.tensor import Tensor

__all__ = ["TypedStorage", "UntypedStorage"]


class UntypedStorage:
    """The bytes that a tensor, and every view of it, looks at."""

    __slots__ = ("_tensor",)

    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor

    @staticmethod
    def from_file(filename: str, shared: bool = False, nbytes: int = 0) -> UntypedStorage:
        """A file's bytes, which the system reads when they are looked at.

        nbytes: how many. With `shared` what is written goes to the file, which is made, or made longer, where there
        aren't so many; else it changes this memory alone. Raises RuntimeError for a file that can't be opened or is too short.
        """
        try:
            number = os.open(filename, os.O_RDWR | os.O_CREAT if shared else os.O_RDONLY)
        except OSError as error:
            mode = "read-write" if shared else "read-only"
            raise RuntimeError(f"unable to open file <{filename}> in {mode} mode: {error.strerror} ({error.errno})") from None
        try:
            there = os.fstat(number).st_size
            if not nbytes:
                return UntypedStorage(empty(0, dtype=uint8))
            if nbytes > there:
                if not shared:
                    raise RuntimeError(f"file <{filename}> size <{there}> is smaller than the required mapping size <{nbytes}>")
                os.ftruncate(number, nbytes)
            mapped = mmap.mmap(number, nbytes, access=mmap.ACCESS_WRITE if shared else mmap.ACCESS_COPY)
        finally:
            os.close(number)
        return UntypedStorage(frombuffer(mapped, dtype=uint8))

    def untyped(self) -> UntypedStorage:
        """The same memory as bytes."""
        return self if type(self) is UntypedStorage else UntypedStorage(self._tensor)

    def _whole(self) -> Tensor:
        return whole_memory(self._tensor.detach())

    def nbytes(self) -> int:
        """How many bytes there are."""
        return self._tensor._storage.size * self._tensor.itemsize

    size = __len__ = nbytes

    def element_size(self) -> int:
        """Bytes of one element: 1."""
        return 1

    def data_ptr(self) -> int:
        """The address of the first byte; 0 where there is none. On a GPU a number of this memory."""
        return self._tensor._address()

    @property
    def device(self) -> device:
        """Where the bytes lie."""
        return self._tensor.device

    def seen_as(self, type: dtype) -> Tensor:
        """A vector over the memory, of elements of a dtype."""
        whole = self._whole()
        return whole if whole.dtype is type else whole.view(type)

    def _elements(self) -> Tensor:
        """What this storage is a sequence of, as a vector over the memory."""
        return self.seen_as(uint8)

    def tolist(self) -> list[Any]:
        """The bytes as integers."""
        return self._elements().tolist()

    def __getitem__(self, index: Any) -> Any:
        """One byte; of a slice a storage, whose bytes are copies of these. Raises RuntimeError for a step."""
        if not isinstance(index, slice):
            count = len(self)
            if not -count <= index < count:
                raise IndexError(f"index {index} out of range for storage of size {count}")
            return self._elements()[index].item()
        start, stop, step = index.indices(len(self))
        if step != 1:
            raise RuntimeError(f"Trying to slice with a step of {step}, but only a step of 1 is supported")
        return UntypedStorage(self._elements()[start : max(start, stop)].clone())

    def __setitem__(self, index: int, value: Any) -> None:
        self._elements()[index] = value

    def fill_(self, value: Any) -> Self:
        """Writes one number everywhere."""
        self._elements().fill_(value)
        return self

    def copy_(self, source: UntypedStorage, non_blocking: bool = False) -> Self:
        """Writes what another storage of this length holds."""
        self._elements().copy_(source._elements())
        return self

    def clone(self) -> Self:
        """A storage of a copy."""
        return type(self)(self._whole().clone())

    def share_memory_(self) -> Self:
        """Moves the bytes to memory that other processes can have, too: `Tensor.share_memory_`."""
        self._tensor.share_memory_()
        return self

    def is_shared(self) -> bool:
        """Whether other processes may have the memory."""
        return self._tensor.is_shared()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntypedStorage) and other._tensor._storage is self._tensor._storage

    def __hash__(self) -> int:
        return hash(id(self._tensor._storage))

    def __repr__(self) -> str:
        numbers = "".join(f" {byte}\n" for byte in self.tolist())
        return f"{numbers}[torch.storage.UntypedStorage(device={self.device}) of size {self.nbytes()}]"


class TypedStorage(UntypedStorage):
    """The elements that a tensor, and every view of it, looks at."""

    __slots__ = ()

    @property
    def dtype(self) -> dtype:
        """The type of the elements."""
        return self._tensor.dtype

    def size(self) -> int:
        """How many elements there are."""
        return self._tensor._storage.size

    __len__ = size

    def element_size(self) -> int:
        """Bytes of one element."""
        return self._tensor.itemsize

    def _elements(self) -> Tensor:
        return self._whole()

    def __getitem__(self, index: Any) -> Any:
        """One element. Raises RuntimeError for a slice."""
        if isinstance(index, slice):
            raise RuntimeError("slices are only supported in UntypedStorage.__getitem__")
        return super().__getitem__(index)

    def __repr__(self) -> str:
        numbers = "".join(f" {value}\n" for value in self.tolist())
        return f"{numbers}[torch.storage.TypedStorage(dtype={self.dtype}, device={self.device}) of size {self.size()}]"


@operator(namespace=None)
def untyped_storage(self: Tensor) -> UntypedStorage:
    """The bytes that this tensor looks at.

    >>> x = torch.zeros(4)
    >>> x.untyped_storage().nbytes(), x[2:].untyped_storage() == x.untyped_storage()
    (16, True)
    """
    return UntypedStorage(self)


@operator("storage", "_typed_storage", namespace=None)
def typed_storage(self: Tensor) -> TypedStorage:
    """The elements of the memory that this tensor looks at."""
    return TypedStorage(self)


@operator(method=False, overridden=False)
def is_storage(obj: Any) -> bool:
    """Whether `obj` is a storage."""
    return isinstance(obj, UntypedStorage)
