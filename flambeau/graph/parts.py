"""Complex values as pairs of real ones: a graph with complex nodes rewritten as one that compiled devices know how to run.

A complex buffer is, byte for byte, a real one with one more axis of 2. A primitive's rule for complex operands stands beside its
other rules (`Primitive.parts`); it gives the real nodes of the result from those of the operands. So nothing from the scheduler
down knows of complex numbers. May import `flambeau.dtypes` and `flambeau.graph.node`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import flambeau.graph.node as graph
from flambeau.dtypes import dtype, int32
from flambeau.graph.node import PRIMITIVES, Node

__all__ = ["Pair", "Rule", "componentwise", "constant", "real_graph", "spread"]


class Pair:
    """A complex value as real nodes: its two parts, or the whole, which has an axis of 2 behind; one is made of the other."""

    __slots__ = ("_real", "_imag", "_whole")

    def __init__(self, real: Node | None = None, imag: Node | None = None, whole: Node | None = None) -> None:
        self._real, self._imag, self._whole = real, imag, whole

    @property
    def has_whole(self) -> bool:
        """Whether the whole is there without interleaving the parts."""
        return self._whole is not None

    @property
    def real(self) -> Node:
        if self._real is None:
            self._real = self._part(0)
        return self._real

    @property
    def imag(self) -> Node:
        if self._imag is None:
            self._imag = self._part(1)
        return self._imag

    def _part(self, which: int) -> Node:
        whole = self._whole
        assert whole is not None
        shape, rank = whole.shape[:-1], len(whole.shape)
        kept = PRIMITIVES["slice"]((whole,), ((*(0,) * (rank - 1), which), (1,) * rank, (*shape, 1), whole.shape))
        return PRIMITIVES["reshape"]((kept,), (shape, (*shape, 1)))

    @property
    def whole(self) -> Node:
        if self._whole is None:
            real, imag = spread(self.real), spread(self.imag)
            ones = (1,) * (len(real.shape) - 1)
            place = PRIMITIVES["reshape"]((PRIMITIVES["iota"]((), (2, int32), real.device),), ((*ones, 2), (2,)))
            place = PRIMITIVES["expand"]((place,), (real.shape, (*ones, 2)))
            is_real = PRIMITIVES["eq"]((place, constant(0, place)))
            self._whole = PRIMITIVES["where"]((is_real, real, imag))
        return self._whole


Rule = Callable[[Node, Sequence[Any]], Any]
"""`(node, operands) -> Pair or node`: operands are a `Pair` each where complex, else nodes; a `Pair` where `node` is complex."""


def constant(value: float, like: Node, type: dtype | None = None) -> Node:
    """A number of another node's dtype (or of `type`), repeated to its shape."""
    type = type or like.dtype
    return Node(PRIMITIVES["constant"], (), (value, type), like.shape, type, like.device)


def spread(node: Node) -> Node:
    """A real node repeated along a new last axis of 2."""
    one = (*node.shape, 1)
    return PRIMITIVES["expand"]((PRIMITIVES["reshape"]((node,), (one, node.shape)),), ((*node.shape, 2), one))


class componentwise:
    """The rule of a primitive that does to each part what it does to the whole: all that moves or adds elements.

    `trailing(params)` are its parameters once operands have the parts' axis behind; where those are not at hand, or `trailing`
    gives None, the primitive is applied twice.
    """

    def __init__(self, trailing: Callable[[tuple[Any, ...]], tuple[Any, ...] | None] = lambda params: params) -> None:
        self._trailing = trailing

    def __call__(self, node: Node, operands: Sequence[Any]) -> Pair:
        if all(o.has_whole for o in operands if isinstance(o, Pair)):
            params = self._trailing(node.params)
            if params is not None:
                return Pair(
                    whole=node.primitive(tuple([o.whole if isinstance(o, Pair) else spread(o) for o in operands]), params)
                )
        real = node.primitive(tuple([o.real if isinstance(o, Pair) else o for o in operands]), node.params)
        return Pair(real, node.primitive(tuple([o.imag if isinstance(o, Pair) else o for o in operands]), node.params))


def real_graph(nodes: Sequence[Node]) -> dict[int, Node]:
    """For each node of a graph the real node that computes it, by serial: itself where nothing that it needs is complex.

    What stands for a complex node has an axis of 2 behind, in whose memory the elements lie as they do in complex memory.
    """
    if all(node.dtype.category != 3 for node in nodes):
        return {node.serial: node for node in nodes}
    found: dict[int, Any] = {}
    naming = graph.naming
    try:
        for node in sorted(nodes, key=lambda n: n.serial):
            if naming is not None:  # what a profile shows: the operator that made the node makes its parts
                graph.naming = lambda origin=node.origin: origin  # type: ignore[misc]
            found[node.serial] = _rewritten(node, [found[i.serial] for i in node.inputs])
    finally:
        graph.naming = naming
    return {serial: made.whole if isinstance(made, Pair) else made for serial, made in found.items()}


def _rewritten(node: Node, operands: list[Any]) -> Any:
    is_complex = node.dtype.category == 3
    if node.buffer is not None:
        if not is_complex:
            return node
        leaf = Node(PRIMITIVES["buffer"], (), (), (*node.shape, 2), node.dtype.real, node.device)
        leaf.buffer = node.buffer
        return Pair(whole=leaf)
    if is_complex or any(isinstance(o, Pair) for o in operands):
        assert node.primitive.parts is not None, node
        return node.primitive.parts(node, operands)
    if all(made is old for made, old in zip(operands, node.inputs)):
        return node
    return Node(node.primitive, tuple(operands), node.params, node.shape, node.dtype, node.device)
