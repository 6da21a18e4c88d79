"""`Template`: what a function of nodes builds, noted once and then built again on other nodes without calling the function.

May import `flambeau.graph.node`, and the leaves among the primitives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from flambeau.graph.node import Node
from flambeau.graph.primitives.leaf import CONSTANT, IOTA, PLACEHOLDER, SCALAR

__all__ = ["Template", "Unrepeatable"]


class Unrepeatable(Exception):
    """What a function built depends on more than the nodes it was given."""


class Template:
    """How `results` are built from `given`, placeholders; nodes of a serial up to `since` were there before.

    Numbers may come in from outside, but no memory, and nothing random but what starts from a given node. Raises Unrepeatable
    for such.
    """

    __slots__ = ("_constants", "_steps", "_results", "_leaves", "reads")
    reads: frozenset[int]
    """Which of the given nodes it reads; what `build` gets in the others' places doesn't matter."""

    def __init__(self, given: Sequence[Node], results: Sequence[Node], since: int) -> None:
        found: dict[Node, None] = dict.fromkeys(results)
        reached = list(found)
        for node in reached:  # grows while it is walked
            for i in node.inputs:
                if i not in found:
                    found[i] = None
                    reached.append(i)
        place = {node: i for i, node in enumerate(given)}
        self._constants: list[Node] = []
        for node in reached:
            if node in place:
                continue
            if node.buffer is not None or node.primitive is PLACEHOLDER:
                raise Unrepeatable
            if node.primitive.kind == "random" and not all(i in place for i in node.inputs):  # they would be the same numbers
                raise Unrepeatable
            if not node.inputs:
                if node.primitive not in (CONSTANT, SCALAR, IOTA) or callable(node.params[0]):
                    raise Unrepeatable
                place[node] = len(given) + len(self._constants)
                self._constants.append(node)
            elif node.serial <= since and node.primitive.kind != "movement":
                raise Unrepeatable  # a value of before: it may depend on anything
        self._steps: list[tuple[Callable[..., Node], int, Callable[..., tuple[Node, ...]] | None]] = []
        """What makes the node, and where its operands are: the one, or what finds the several."""
        self.reads = frozenset([i for i, node in enumerate(given) if node in found])
        for node in sorted(reached, key=lambda n: n.serial):
            if node not in place:
                operands = [place[i] for i in node.inputs]
                place[node] = len(given) + len(self._constants) + len(self._steps)
                self._steps.append((node.again, operands[0], itemgetter(*operands) if len(operands) > 1 else None))
        self._results = [place[node] for node in results]
        self._leaves = [i for i, node in enumerate(results) if node in self._constants]

    def build(self, given: Sequence[Node | None]) -> list[Node]:
        """The results for these nodes, which are of the kinds of the placeholders."""
        nodes: list[Any] = [*given, *self._constants]
        append = nodes.append
        for again, first, others in self._steps:
            append(again((nodes[first],) if others is None else others(nodes)))
        results: list[Node] = [nodes[i] for i in self._results]
        for i in self._leaves:  # a number that is looked at would be in memory for all that is built later
            results[i] = results[i].again(())
        return results
