"""`meta`: tensors that have a shape, a dtype and strides and no elements. Nothing is computed or held: a graph is let go of.

May import `flambeau.dtypes`, `flambeau.graph` and `flambeau.devices.foreign`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flambeau.devices.foreign import ForeignMemory
from flambeau.dtypes import dtype
from flambeau.graph.node import Node

__all__ = ["start", "MetaBackend", "Nothing"]


class Nothing:
    """What stands for a buffer of `nbytes` bytes."""

    __slots__ = ("nbytes",)

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes


class MetaBackend:
    """A device on which every value is computed by forgetting how."""

    name = "meta"
    runs_plans = False
    takes_sizes = False
    is_host = False
    multiplies_halves = False
    window = None

    def supports(self, type: dtype) -> bool:
        return True

    def upload(self, data: Any, nbytes: int) -> Nothing:
        """What stands for the bytes, which are not read: a tensor comes here without being computed."""
        return Nothing(nbytes)

    def download(self, buffer: Any, nbytes: int) -> memoryview:
        """Raises NotImplementedError, as PyTorch's copy of a meta tensor does."""
        raise NotImplementedError("Cannot copy out of meta tensor; no data!")

    def adopt(self, memory: ForeignMemory) -> Nothing:
        return Nothing(memory.nbytes)

    def realize(self, nodes: Sequence[Node]) -> None:
        for node in nodes:
            if node.buffer is None:
                node.realize(Nothing(node.size * node.dtype.itemsize))

    def execute(self, plan: Any, inputs: Sequence[Any], scalars: Sequence[Any], donated: frozenset[int]) -> list[Any]:
        raise RuntimeError("the meta device runs no plans")

    def synchronize(self) -> None:
        pass


def start(index: int) -> MetaBackend:
    return MetaBackend()
