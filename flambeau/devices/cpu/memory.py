"""Host memory for tensors: blocks of 64-byte aligned memory, pooled by size.

A `Buffer` gives its block back when nothing refers to it. Blocks that were freed wait in the pool for the next buffer of
about their size (fresh memory costs a page fault for every 4 KiB, which is often more than computing what goes into it); the
pool holds no more than half of what is in use plus a constant, and gives the rest to the system. May import NumPy.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import threading
from typing import Any

__all__ = ["Buffer", "Pool", "Region", "block_size"]

_ALIGNMENT = 64
_SLAB = 1 << 20
_LARGE = 1 << 18
"""Blocks of at least this size are mapped one by one."""
_HUGE = 4 << 20
"""Blocks of at least this size ask for huge pages."""
_KEPT = 256 << 20


def block_size(nbytes: int) -> int:
    """What is allotted for `nbytes`: an eighth of a power of two more at most; at least one cache line."""
    if nbytes <= _ALIGNMENT:
        return _ALIGNMENT
    step = max(_ALIGNMENT, 1 << max(0, (nbytes - 1).bit_length() - 4))
    if nbytes >= _LARGE:
        step = max(step, mmap.PAGESIZE)
    return -(-nbytes // step) * step


def map_anonymous(size: int) -> mmap.mmap:
    """Fresh memory that a forked child gets a copy of. Raises MemoryError when the system has none."""
    try:
        if hasattr(mmap, "MAP_PRIVATE"):
            memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        else:
            memory = mmap.mmap(-1, size)
    except (OSError, ValueError, OverflowError) as error:
        raise MemoryError(f"the CPU could not allocate {size} bytes: {error}") from None
    if size >= _HUGE and hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # advice that this system doesn't take
            memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


class Buffer:
    """A block of memory at `address`; the first `nbytes` bytes of it are the tensor's."""

    __slots__ = ("address", "nbytes", "packed", "_block", "_pool", "__weakref__")

    def __init__(self, address: int, nbytes: int, block: int, pool: Pool) -> None:
        self.address, self.nbytes, self._block, self._pool = address, nbytes, block, pool
        self.packed: dict[int, Buffer | None] | None = None
        """What kernels made of the contents and may use again while those stay: by the address of the packing function; None
        where it was made but not kept. Whoever overwrites the contents sets this to None."""

    def __del__(self) -> None:
        self._pool.free(self.address, self._block)

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """NumPy's way to the memory: an array over it keeps the buffer alive."""
        return {"data": (self.address, False), "shape": (self.nbytes,), "typestr": "|u1", "version": 3}


class Region:
    """Memory that grows when more is asked for, and loses its contents then."""

    def __init__(self) -> None:
        self.nbytes = 0
        self._memory: mmap.mmap | None = None
        self._address = 0

    def at_least(self, nbytes: int) -> int:
        """The address of so many bytes. Raises MemoryError when the system has none."""
        if nbytes > self.nbytes:
            self.release()
            size = -(-nbytes // _SLAB) * _SLAB
            self._memory = map_anonymous(size)
            self._address = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
            self.nbytes = size
        return self._address

    def release(self) -> None:
        """Gives the memory back to the system."""
        if self._memory is not None:
            self._memory.close()
        self._memory, self.nbytes = None, 0


class Pool:
    """Free blocks by size, and what is in use."""

    def __init__(self) -> None:
        self.free_blocks: dict[int, list[int]] = {}
        self.live = self.peak = self.waiting = 0
        self.count = 0
        self._maps: dict[int, mmap.mmap] = {}
        self._lock = threading.RLock()  # a buffer may be freed by the collector while its own thread allots

    def allocate(self, nbytes: int) -> Buffer:
        """A buffer of uninitialised memory. Raises MemoryError when the system has none."""
        block = block_size(nbytes)
        with self._lock:
            waiting = self.free_blocks.get(block)
            if waiting:
                address = waiting.pop()
                self.waiting -= block
            else:
                address = self._fresh(block)
            self.live += block
            self.count += 1
            if self.live > self.peak:
                self.peak = self.live
        return Buffer(address, nbytes, block, self)

    def free(self, address: int, block: int, large: int = _LARGE, kept: int = _KEPT) -> None:
        """Takes a block back. The limits are arguments because buffers die after the module's names when Python exits."""
        with self._lock:
            self.live -= block
            self.count -= 1
            if block >= large and self.waiting + block > kept + self.live // 2:
                self._unmap(address)
                return
            self.free_blocks.setdefault(block, []).append(address)
            self.waiting += block

    def trim(self) -> None:
        """Gives the large waiting blocks back to the system."""
        with self._lock:
            for block in [b for b in self.free_blocks if b >= _LARGE]:
                for address in self.free_blocks.pop(block):
                    self.waiting -= block
                    self._unmap(address)

    def after_fork(self) -> None:
        """In a forked child: another thread may have held the lock."""
        self._lock = threading.RLock()

    def statistics(self) -> dict[str, int]:
        """Bytes in use now and at most, bytes waiting in the pool, and the number of buffers in use."""
        return {"live_bytes": self.live, "peak_bytes": self.peak, "pooled_bytes": self.waiting, "buffers": self.count}

    def _fresh(self, block: int) -> int:
        if block >= _LARGE:
            return self._map(block)
        slab = self._map(_SLAB)
        addresses = list(range(slab, slab + _SLAB - block + 1, block))
        self.free_blocks.setdefault(block, []).extend(reversed(addresses[1:]))
        self.waiting += block * (len(addresses) - 1)
        return addresses[0]

    def _map(self, size: int) -> int:
        try:
            memory = map_anonymous(size)
        except MemoryError:
            self.trim()
            memory = map_anonymous(size)
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        self._maps[address] = memory
        return address

    def _unmap(self, address: int) -> None:
        self._maps.pop(address).close()
