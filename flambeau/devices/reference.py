"""`reference`: the graph run node by node with each primitive's NumPy meaning. The device that tests compare others with.

May import `flambeau.graph`, `flambeau.dtypes` and `flambeau.devices.foreign`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flambeau.devices.foreign import ForeignMemory
from flambeau.dtypes import dtype
from flambeau.graph.node import Node, topological_order
from flambeau.graph.numpy import array_type, np

__all__ = ["start", "ReferenceBackend"]


class ReferenceBackend:
    """Buffers are NumPy arrays."""

    name = "reference"
    runs_plans = False
    takes_sizes = False
    is_host = True
    multiplies_halves = False
    window = None

    def supports(self, type: dtype) -> bool:
        return True

    def upload(self, data: Any, nbytes: int) -> Any:
        copied = bytearray(memoryview(data).cast("B")[:nbytes])
        try:
            return np.frombuffer(copied, np.uint8)
        except ModuleNotFoundError:  # a page without NumPy holds values that come from the GPU, and reads them
            return copied

    def download(self, buffer: Any, nbytes: int) -> memoryview:
        if isinstance(buffer, bytearray):
            return memoryview(buffer)[:nbytes]
        return memoryview(np.ascontiguousarray(buffer).reshape(-1).view(np.uint8))[:nbytes]

    def adopt(self, memory: ForeignMemory) -> Any:
        return np.asarray(memory)

    def address(self, buffer: Any) -> int:
        return buffer.ctypes.data

    def holds_same(self, buffer: Any, other: Any, nbytes: int) -> bool:
        return bytes(self.download(buffer, nbytes)) == bytes(self.download(other, nbytes))

    def keep_packed(self, buffer: Any, is_kept: bool) -> None:
        """Nothing is packed here."""

    def realize(self, nodes: Sequence[Node]) -> None:
        values: dict[int, Any] = {}
        for node in topological_order(nodes):
            if node.buffer is not None:
                flat = np.ascontiguousarray(node.buffer).reshape(-1).view(np.uint8)
                wanted = node.size * node.dtype.itemsize
                values[node.serial] = flat[:wanted].view(array_type(node.dtype)).reshape(node.shape)
            else:
                values[node.serial] = node.primitive.evaluate(node, *(values[i.serial] for i in node.inputs))
        for node in nodes:
            if node.buffer is None:
                node.realize(np.array(values[node.serial], order="C"))

    def execute(self, plan: Any, inputs: Sequence[Any], scalars: Sequence[Any], donated: frozenset[int]) -> list[Any]:
        raise RuntimeError("the reference device runs graphs, not plans")

    def synchronize(self) -> None:
        pass


def start(index: int) -> ReferenceBackend:
    return ReferenceBackend()
