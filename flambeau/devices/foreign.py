"""`ForeignMemory`: host memory that belongs to someone else, for tensors to lie in. May import nothing of flambeau."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["ForeignMemory", "ALONE", "foreign_of"]


class ForeignMemory:
    """`nbytes` bytes at `address`, kept there by `owner`; a buffer of a device in host memory.

    Attributes:
        owner: what must live as long as the memory is used: an array, a capsule's manager.
        keeps: further objects that must live, such as the view that keeps a bytearray from growing.
        references: how many references to `owner` this memory itself causes; 0 where others may know the memory without
            holding the owner, so that it is never known to be alone; -1 where nobody can write to it.
        is_writable: whether writing to it is safe. It may be part of a mapped file, or of a `bytes` object.
        packed: what the CPU's kernels keep of a buffer's contents (`devices.cpu.memory.Buffer`).
    """

    __slots__ = ("address", "nbytes", "owner", "keeps", "references", "is_writable", "packed", "__weakref__")

    def __init__(self, address: int, nbytes: int, owner: Any, keeps: Any, references: int, is_writable: bool) -> None:
        self.address, self.nbytes, self.owner, self.keeps = address, nbytes, owner, keeps
        self.references, self.is_writable = references, is_writable
        self.packed: Any = None

    def is_known_outside(self) -> bool:
        """Whether anyone but this object may read or write the memory."""
        references = self.references
        return references == 0 or (references > 0 and sys.getrefcount(self.owner) != ALONE + references - 1)

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """NumPy's way to the memory."""
        return {"data": (self.address, not self.is_writable), "shape": (self.nbytes,), "typestr": "|u1", "version": 3}


def foreign_of(buffer: Any) -> ForeignMemory | None:
    """The foreign memory that a buffer is: the CPU's buffer itself, or what `reference`'s array lies in."""
    if isinstance(buffer, ForeignMemory):
        return buffer
    base = getattr(buffer, "base", None)
    return base if isinstance(base, ForeignMemory) else None


def _calibrate() -> int:
    memory = ForeignMemory(0, 0, object(), None, 1, False)
    return sys.getrefcount(memory.owner)


ALONE = _calibrate()
"""What `sys.getrefcount` says of an object that one attribute alone refers to, asked through that attribute."""
