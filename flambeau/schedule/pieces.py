"""Graphs whose structure is another each time, as programs make that walk trees: computed piece by piece.

Planning a graph takes a hundred times what its run takes, which is lost where the structure won't come again. Such graphs are new
sentences of known words: each node is like one of an earlier graph, or most are in one that says the same over and over (an
episode's steps, however many they are). When that happened some times, what is new is cut into pieces small enough to be met
again, about what one kernel does, each of which has a plan. A structure that does come again gets a plan of its own. May import
`flambeau.graph`.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from flambeau.graph.node import Node

__all__ = ["Novelty", "pieces"]

_PLANNED = 8
"""So many graphs of known words alone are planned as a whole; repetitive ones count twice, since they are large."""
_REPETITIVE = 8
"""A repetitive graph has so many nodes for each word."""
_AGAIN = 8
"""A structure that is met so many times is, too."""
_MOST_WORDS, _MOST_STRUCTURES = 1 << 16, 1 << 10
_MOST = 16
"""Nodes of a piece, views aside."""
_COMPUTED_ALONG = ("elementwise", "reduction", "movement")
"""Kinds of nodes that what they read may be computed along with; for a reduction only what is elementwise."""
_serial = attrgetter("serial")


class Novelty:
    """What graphs have been made of, and how often each of the new structures was met."""

    def __init__(self) -> None:
        self._words: set[int] = set()
        self._sentences = 0
        self._met: dict[tuple[Any, ...], int] = {}

    def is_planned(self, structure: tuple[Any, ...], order: Sequence[Node]) -> bool:
        """Whether a graph of a structure that has no plan is to get one."""
        made = [node.signature for node in order if node.buffer is None]
        words = set(made)
        new = words - self._words
        if new:
            if len(self._words) > _MOST_WORDS:
                self._words.clear()
            self._words |= words
        is_repetitive = len(made) > _REPETITIVE * len(words)
        if len(new) > (len(words) // 2 if is_repetitive else 0):
            return True
        self._sentences += 2 if is_repetitive else 1
        if self._sentences <= _PLANNED:
            return True
        if len(self._met) > _MOST_STRUCTURES:
            self._met.clear()
        times = self._met[structure] = self._met.get(structure, 0) + 1
        return times >= _AGAIN


def pieces(nodes: Sequence[Node], order: Sequence[Node]) -> list[Node]:
    """Nodes that, computed one after another, give `nodes`; `order` are all nodes of the graph.

    Computed alone are: what several nodes read; what is read by other kinds of nodes than those that go along with what they
    read; and where a node reads several results of products, sums and the like, each of those.
    """
    within = sorted([node for node in order if node.buffer is None and node.inputs], key=_serial)
    source: dict[Node, Node] = {}
    """What a view is of."""
    reads: dict[Node, set[Node]] = {}
    """What is read by each node that is no view, all but views."""
    read: set[Node] = set()
    alone = set(nodes)
    for node in within:
        kind, operands = node.primitive.kind, node.inputs
        if len(operands) == 1:
            (operand,) = operands
            sources = {source.get(operand, operand)}
        else:
            sources = {source.get(operand, operand) for operand in operands}
        if kind == "movement" and len(operands) == 1:
            (source[node],) = sources
            if node not in alone:
                continue
        elif kind == "recurrence":  # its parts are computed together
            return list(nodes)
        else:
            reads[node] = sources
        if kind not in _COMPUTED_ALONG:
            alone |= sources
        else:
            for made_by in sources:
                if made_by in read or (kind == "reduction" and made_by.primitive.kind != "elementwise"):
                    alone.add(made_by)
        read |= sources
    size: dict[Node, int] = {}
    heavy: dict[Node, bool] = {}
    for node, sources in reads.items():
        joined = [s for s in sources if s in size and s not in alone]
        if joined:
            apart = [s for s in joined if heavy[s]]
            if len(apart) < 2 and node.primitive.kind == "elementwise":
                apart = []
            if sum([size[s] for s in joined]) >= _MOST:
                apart = joined
            if apart:
                alone.update(apart)
                joined = [s for s in joined if s not in alone]
        size[node] = 1 + sum([size[s] for s in joined])
        heavy[node] = node.primitive.kind != "elementwise" or any(heavy[s] for s in joined)
    return sorted({*nodes, *[node for node in alone if node.buffer is None and node.inputs]}, key=_serial)
