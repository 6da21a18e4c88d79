"""Host memory for tensors: blocks of 64-byte aligned memory, pooled by size.

A `Buffer` gives its block back when nothing refers to it. Blocks that were freed wait in the pool for the next buffer of
about their size (fresh memory costs a page fault for every 4 KiB, which is often more than computing what goes into it); of
large blocks the pool keeps no more than a quarter of what is in use plus a constant, and those that were freed last. Imports
nothing of flambeau.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import threading
from typing import Any

__all__ = ["AllocationError", "Buffer", "Pool", "Region", "Window", "block_size"]

_new = object.__new__
_ALIGNMENT = 64
_SLAB = 1 << 20
_LARGE = 1 << 18
"""Blocks of at least this size are mapped one by one."""
_HUGE = 4 << 20
"""Blocks of at least this size ask for huge pages."""
_KEPT = 64 << 20


def block_size(nbytes: int) -> int:
    """What is allotted for `nbytes`: an eighth of a power of two more at most; at least one cache line."""
    if nbytes <= _ALIGNMENT:
        return _ALIGNMENT
    step = max(_ALIGNMENT, 1 << max(0, (nbytes - 1).bit_length() - 4))
    if nbytes >= _LARGE:
        step = max(step, mmap.PAGESIZE)
    return -(-nbytes // step) * step


class AllocationError(RuntimeError, MemoryError):
    """The system has no memory for a tensor: PyTorch's RuntimeError, which is Python's MemoryError, too."""


def map_anonymous(size: int) -> mmap.mmap:
    """Fresh memory that a forked child gets a copy of. Raises AllocationError when the system has none."""
    try:
        if hasattr(mmap, "MAP_PRIVATE"):
            memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        else:
            memory = mmap.mmap(-1, size)
    except (OSError, ValueError, OverflowError) as error:
        raise AllocationError(
            f"DefaultCPUAllocator: can't allocate memory: you tried to allocate {size} bytes: {error}"
        ) from None
    if size >= _HUGE and hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # advice that this system doesn't take
            memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


class _Size:
    """Blocks of one size: how many there are, and the addresses of those that wait for use.

    Small blocks come and go by single list operations, which no lock needs to guard; large ones through the pool, which bounds
    how many wait.
    """

    __slots__ = ("block", "count", "pool", "waiting")

    def __init__(self, block: int, pool: Pool | None) -> None:
        self.block, self.pool = block, pool
        self.count = 0
        self.waiting: list[int] = []


class _Unkept(dict[Any, Any]):
    """Forgets what it is given."""

    def __setitem__(self, name: Any, value: Any) -> None:
        pass


UNKEPT = _Unkept()
"""Stands for `Buffer.packed` while others may write the contents: nothing made of them may be used again."""


class Buffer:
    """A block of memory at `address`; the first `nbytes` bytes of it are the tensor's. `Pool.allocate` makes them."""

    __slots__ = ("__weakref__", "_size", "address", "nbytes", "packed")
    is_writable = True

    address: int
    nbytes: int
    packed: dict[Any, Any] | None
    """What kernels made of the contents and may use again while those stay: by the pack's name a buffer, or None
    where it was made but not kept; by start and bytes what was made of a window. Whoever overwrites the contents sets this to
    None."""
    _size: _Size

    def __del__(self) -> None:
        size = getattr(self, "_size", None)
        if size is None:  # Ctrl-C came while it was made
            return
        if size.pool is None:
            size.waiting.append(self.address)
        else:
            size.pool.free_large(self.address, size)

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """NumPy's way to the memory: an array over it keeps the buffer alive."""
        return {"data": (self.address, False), "shape": (self.nbytes,), "typestr": "|u1", "version": 3}


class Window:
    """A part of a buffer's memory, for reading: `nbytes` bytes from byte `start` of `whole`, which it keeps."""

    __slots__ = ("__weakref__", "address", "nbytes", "start", "whole")
    is_writable = False

    def __init__(self, whole: Any, start: int, nbytes: int) -> None:
        self.whole, self.start, self.nbytes = whole, start, nbytes
        self.address = whole.address + start

    @property
    def packed(self) -> Any:
        """What kernels made of these bytes, kept with the whole buffer's."""
        packed = self.whole.packed
        return None if packed is None else packed.get((self.start, self.nbytes))

    @packed.setter
    def packed(self, packed: Any) -> None:
        kept = self.whole.packed
        if kept is None:
            kept = self.whole.packed = {}
        kept[self.start, self.nbytes] = packed

    def copied(self, pool: Pool) -> Buffer:
        """A buffer with these bytes."""
        buffer = pool.allocate(self.nbytes)
        ctypes.memmove(buffer.address, self.address, self.nbytes)
        return buffer

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return {"data": (self.address, True), "shape": (self.nbytes,), "typestr": "|u1", "version": 3}


class Region:
    """Memory that grows when more is asked for, and loses its contents then."""

    def __init__(self) -> None:
        self.nbytes = 0
        self._memory: mmap.mmap | None = None
        self._address = 0

    def at_least(self, nbytes: int) -> int:
        """The address of so many bytes. Raises AllocationError when the system has none."""
        if nbytes > self.nbytes:
            self.release()
            size = -(-nbytes // _SLAB) * _SLAB
            self._memory = map_anonymous(size)
            self._address = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
            self.nbytes = size
        return self._address

    def release(self) -> None:
        """Gives the memory back to the system."""
        self.nbytes, self._memory = 0, None


class Pool:
    """Blocks by size. `_by_bytes` finds the size for a number of bytes that was asked for before.

    Signals' handlers run after calls: what belongs together is written without one in between, so that an exception of theirs
    doesn't part it."""

    def __init__(self) -> None:
        self._sizes: dict[int, _Size] = {}
        self._by_bytes: dict[int, _Size] = {}
        self._maps: dict[int, mmap.mmap] = {}
        self._freed: dict[int, _Size] = {}
        """The large blocks that wait, in the order in which they were freed."""
        self._waiting = self._live = 0
        """Bytes of large blocks."""
        self._kept = _KEPT
        self._lock = threading.RLock()  # a buffer may be freed by the collector while its own thread allots

    def allocate(self, nbytes: int) -> Buffer:
        """A buffer of uninitialised memory. Raises AllocationError when the system has none."""
        size = self._by_bytes.get(nbytes)
        if size is None:
            size = self._size_for(nbytes)
        try:
            if size.pool is not None:
                address = self._allocate_large(size)
            else:
                address = size.waiting.pop()
        except IndexError:
            address = self._allocate_fresh(size)
        buffer: Buffer = _new(Buffer)
        buffer.address, buffer.nbytes, buffer.packed, buffer._size = address, nbytes, None, size
        return buffer

    def _size_for(self, nbytes: int) -> _Size:
        block = block_size(nbytes)
        with self._lock:
            size = self._sizes.get(block)
            if size is None:
                size = self._sizes[block] = _Size(block, self if block >= _LARGE else None)
            if len(self._by_bytes) > 10_000:
                self._by_bytes.clear()
            self._by_bytes[nbytes] = size
            return size

    def _allocate_large(self, size: _Size) -> int:
        with self._lock:
            if size.waiting:
                address = size.waiting[-1]
                del size.waiting[-1], self._freed[address]
                self._waiting -= size.block
            else:
                address = self._map(size.block)
                size.count += 1
            self._live += size.block
            return address

    def _allocate_fresh(self, size: _Size) -> int:
        """A slab cut into blocks; the first of them."""
        with self._lock:
            slab = self._map(_SLAB)
            addresses = range(slab, slab + _SLAB - size.block + 1, size.block)
            size.count += len(addresses)
            size.waiting.extend(reversed(addresses[1:]))
            return addresses[0]

    def free_large(self, address: int, size: _Size) -> None:
        """Takes a large block back. It waits, and those that have waited longest go to the system where too much does."""
        with self._lock:
            self._live -= size.block
            most = self._kept + self._live // 4
            if size.block > most:
                size.count -= 1
                del self._maps[address]
                return
            self._freed[address] = size
            self._waiting += size.block
            size.waiting.append(address)
            while self._waiting > most:
                self._release(next(iter(self._freed)))

    def _release(self, address: int) -> None:
        """Gives a large block that waits back to the system."""
        size = self._freed[address]
        size.count -= 1
        self._waiting -= size.block
        del self._freed[address], self._maps[address]
        size.waiting.remove(address)

    def trim(self) -> None:
        """Gives the large waiting blocks back to the system."""
        with self._lock:
            for address in list(self._freed):
                self._release(address)

    def after_fork(self) -> None:
        """In a forked child: another thread may have held the lock."""
        self._lock = threading.RLock()

    def statistics(self) -> dict[str, int]:
        """`live_bytes` in `buffers` that are in use, and `pooled_bytes` that wait."""
        with self._lock:
            in_use = [(s.block, s.count - len(s.waiting), len(s.waiting)) for s in self._sizes.values()]
        return {
            "live_bytes": sum(block * used for block, used, _ in in_use),
            "buffers": sum(used for _, used, _ in in_use),
            "pooled_bytes": sum(block * waiting for block, _, waiting in in_use),
        }

    def _map(self, size: int) -> int:
        try:
            memory = map_anonymous(size)
        except MemoryError:
            self.trim()
            memory = map_anonymous(size)
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        self._maps[address] = memory
        return address
