"""What every device offers to the rest. May import `flambeau.dtypes` and `flambeau.graph`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from flambeau.devices.foreign import ForeignMemory
from flambeau.dtypes import dtype
from flambeau.graph.node import Node

__all__ = ["Backend", "Buffer", "HostBackend"]


class Buffer(Protocol):
    """A block of device memory; freed (or pooled) when nothing refers to it."""

    nbytes: int


class Backend(Protocol):
    """A device. Data on it is dense and row-major, in native byte order; bool is one byte, bfloat16 its 16 bits."""

    name: str
    runs_plans: bool
    """Whether `execute` works, so that calls can be recorded."""
    takes_sizes: bool
    """Whether `execute` takes `general` plans, whose sizes are given with each run."""
    is_host: bool
    """Whether buffers lie in the host's memory, where others may share them: then it is a `HostBackend`."""
    multiplies_halves: bool
    """Whether products of float16 have units of their own, so that making something again costs less than keeping it."""

    @property
    def window(self) -> Callable[[Any, int, int], Buffer] | None:
        """`(buffer, start, nbytes)` gives these bytes of a buffer as one that may only be read; None where there is no such
        thing."""

    def supports(self, type: dtype) -> bool:
        """Whether tensors of `type` can live here."""

    def upload(self, data: Any, nbytes: int) -> Buffer:
        """Copies `nbytes` bytes of a bytes-like object to the device."""

    def download(self, buffer: Any, nbytes: int) -> memoryview:
        """The first `nbytes` bytes as a memoryview of format "B", on the host. A device in host memory gives its own memory."""

    def realize(self, nodes: Sequence[Node]) -> None:
        """Computes the nodes (and gives each its buffer), in as few kernels as it can."""

    def execute(self, plan: Any, inputs: Sequence[Any], scalars: Sequence[Any], donated: frozenset[int]) -> list[Any]:
        """Runs a plan on these inputs; `donated` are positions in `inputs` whose memory may be overwritten, where it can be.

        An exception of any kind but `schedule.execution.Interrupted` means that none of them was.
        """

    def synchronize(self) -> None:
        """Waits until everything submitted is done."""


class HostBackend(Backend, Protocol):
    """A device in the host's memory."""

    def adopt(self, memory: ForeignMemory) -> Buffer:
        """A buffer that is memory of someone else's."""

    def address(self, buffer: Any) -> int:
        """Where a buffer lies."""

    def holds_same(self, buffer: Any, other: Any, nbytes: int) -> bool:
        """Whether the first `nbytes` bytes of two buffers are equal."""

    def keep_packed(self, buffer: Any, is_kept: bool) -> None:
        """Whether what kernels make of a buffer's contents may be used again: not while others may write there."""
