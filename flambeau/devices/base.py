"""What every device offers to the rest. May import `flambeau.dtypes` and `flambeau.graph`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from flambeau.dtypes import dtype
from flambeau.graph.node import Node

__all__ = ["Backend", "Buffer"]


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

    def supports(self, type: dtype) -> bool:
        """Whether tensors of `type` can live here."""

    def upload(self, data: Any, nbytes: int) -> Buffer:
        """Copies `nbytes` bytes of a bytes-like object to the device."""

    def download(self, buffer: Any, nbytes: int) -> memoryview:
        """The first `nbytes` bytes as a memoryview of format "B", on the host. A device in host memory gives its own memory."""

    def realize(self, nodes: Sequence[Node]) -> None:
        """Computes the nodes (and gives each its buffer), in as few kernels as it can."""

    def execute(self, plan: Any, inputs: Sequence[Any], scalars: Sequence[Any], donated: frozenset[int]) -> list[Any]:
        """Runs a plan on these inputs; `donated` are positions in `inputs` whose memory may be overwritten.

        An exception of any kind but `schedule.execution.Interrupted` means that none of them was.
        """

    def synchronize(self) -> None:
        """Waits until everything submitted is done."""
