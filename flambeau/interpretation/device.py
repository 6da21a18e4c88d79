"""The device of interpretation: small numbers that a program asks for are computed, others aren't known.

May import `flambeau.devices.reference` and `flambeau.graph`.
"""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.devices.reference import ReferenceBackend
from flambeau.graph.node import Node, topological_order
from flambeau.interpretation.unknown import Looked

__all__ = ["SmallWork"]

NODES = 500
ELEMENTS = 1 << 14


class SmallWork(ReferenceBackend):
    """NumPy computes what is small and doesn't depend on random floating-point numbers: a length, an index, a permutation."""

    def realize(self, nodes: Sequence[Node]) -> None:
        order = [node for node in topological_order(nodes) if node.buffer is None]
        if len(order) > NODES or any(node.size > ELEMENTS for node in order):
            raise Looked
        random: set[int] = set()
        for node in order:
            if node.primitive.kind == "random" or any(i.serial in random for i in node.inputs):
                random.add(node.serial)
                if node.dtype.category >= 2:
                    raise Looked
        super().realize(nodes)
