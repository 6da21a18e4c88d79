"""Device memory: blocks in size classes, handed back by themselves when nothing refers to them, and counted.

May import `flambeau.devices.webgpu.host`.
"""

from __future__ import annotations

import itertools
from collections import defaultdict, deque
from contextlib import AbstractContextManager
from heapq import heappop, heappush
from typing import Any

from flambeau.devices.webgpu.host import Host, OutOfMemoryError

__all__ = ["Block", "Buffer", "Pool", "class_size"]

_numbers = itertools.count(1)


class Block:
    """A GPU buffer of the pool. `batch` is the last command batch that used it; `number` is never used again."""

    __slots__ = ("handle", "nbytes", "number", "batch")

    def __init__(self, handle: Any, nbytes: int) -> None:
        self.handle, self.nbytes, self.batch = handle, nbytes, 0
        self.number = next(_numbers)


class Buffer:
    """Memory that a tensor owns: its block goes back to the pool with it."""

    __slots__ = ("block", "nbytes", "pool", "__weakref__")

    def __init__(self, pool: Pool, block: Block, nbytes: int) -> None:
        self.pool, self.block, self.nbytes = pool, block, nbytes

    def __del__(self) -> None:
        self.pool.returned.append(self.block)  # whatever this thread is doing, and without the lock, which another may hold


def class_size(nbytes: int) -> int:
    """The size class: eight steps to each doubling, so that at most an eighth is wasted."""
    if nbytes <= 256:
        return 256
    step = 1 << max((nbytes - 1).bit_length() - 4, 8)
    return -(-nbytes // step) * step


class Pool:
    """Blocks by size class. Work is ordered on the queue, so a freed block can be used again by the very next command.

    Of the idle blocks of a class the oldest is taken, whatever the order in which they came back: so a plan that runs again finds
    its values where they were, and the bind groups made for them serve again.

    All but `returned` is for who holds the backend's lock.
    """

    def __init__(self, host: Host, lock: AbstractContextManager[Any]) -> None:
        self.host = host
        self.returned: deque[Block] = deque()
        """Blocks of buffers that are gone, to be taken back by `collect`."""
        self._lock = lock
        self.idle: defaultdict[int, list[int]] = defaultdict(list)
        """By size class, a heap of blocks' numbers."""
        self._blocks: dict[int, Block] = {}  # all of them: the collector must not find a block's handle garbage with its buffer
        self.reserved = self.allocated = self.reserved_peak = self.allocated_peak = 0
        self.allocations = self.creations = self.failures = 0
        self.on_release: Any = None

    def allocate(self, nbytes: int) -> Block:
        """A block of at least `nbytes`, its contents undefined. Raises OutOfMemoryError."""
        size = class_size(nbytes)
        self.allocations += 1
        if self.returned:
            self.collect()
        idle = self.idle.get(size)
        block = self._blocks[heappop(idle)] if idle else self._create(size, nbytes)
        self.allocated += block.nbytes
        if self.allocated > self.allocated_peak:
            self.allocated_peak = self.allocated
        return block

    def _create(self, size: int, wanted: int) -> Block:
        limit = self.host.target.max_buffer_bytes
        if size > limit:
            size = -(-wanted // 4) * 4
        if size > limit:
            self.failures += 1
            raise OutOfMemoryError(
                f"webgpu out of memory: tried to allocate {wanted} bytes, but the largest buffer that {self.host.name} allows "
                f"is {limit} bytes"
            )
        try:
            handle = self.host.create_buffer(size)
        except OutOfMemoryError:
            self.release()
            try:
                handle = self.host.create_buffer(size)
            except OutOfMemoryError as error:
                self.failures += 1
                raise OutOfMemoryError(
                    f"webgpu out of memory: tried to allocate {wanted} bytes on {self.host.name} with"
                    f" {self.allocated} bytes in use: {error}"
                ) from error
        self.creations += 1
        self.reserved += size
        self.reserved_peak = max(self.reserved_peak, self.reserved)
        block = Block(handle, size)
        self._blocks[block.number] = block
        return block

    def free(self, block: Block) -> None:
        """Takes a block back."""
        self.allocated -= block.nbytes
        heappush(self.idle[block.nbytes], block.number)

    def collect(self) -> None:
        """Takes back the blocks of buffers that are gone, so that the counters say what is held."""
        with self._lock:
            while self.returned:
                self.free(self.returned.popleft())

    def release(self) -> int:
        """Gives idle blocks back to the driver; returns how many bytes."""
        self.collect()
        if self.on_release is not None:
            self.on_release()
        released = 0
        for numbers in self.idle.values():
            while numbers:
                block = self._blocks.pop(numbers.pop())
                released += block.nbytes
                self.host.destroy_buffer(block.handle)
        self.reserved -= released
        return released
