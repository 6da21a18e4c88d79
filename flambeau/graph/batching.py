"""Batching: one graph for one example made into one graph for many. What `vmap` is made of.

A primitive's batching rule stands beside its shape rule: it says how the primitive is written once its operands have one more
dimension in front, for the examples. May import `flambeau.graph.node`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flambeau.graph.node import PRIMITIVES, Node

__all__ = ["Batch", "Rule", "leading", "everywhere", "unchanged"]

Rule = Callable[[Node, Sequence[Node], Sequence[bool], int], Node]
"""`(node, inputs, which of them are batched, n) -> node`: the inputs that are batched have a dimension of n in front of what
`node`'s inputs have; so has the result."""


def leading(node: Node, n: int) -> Node:
    """The node, the same for each of n examples."""
    one = (1, *node.shape)
    return PRIMITIVES["expand"]((PRIMITIVES["reshape"]((node,), (one, node.shape)),), ((n, *node.shape), one))


def everywhere(params: Callable[[tuple[Any, ...], int], tuple[Any, ...]]) -> Rule:
    """The rule of a primitive that is itself again, with `params(params, n)`, once all its operands are batched."""

    def rule(node: Node, inputs: Sequence[Node], batched: Sequence[bool], n: int) -> Node:
        operands = tuple([i if b else leading(i, n) for i, b in zip(inputs, batched)])
        return node.primitive(operands, params(node.params, n))

    return rule


unchanged = everywhere(lambda params, n: params)
"""The rule of a primitive whose parameters don't speak of dimensions."""


class Batch:
    """What stands for each node of the graph of one example in the graph of n; it grows as more of the graph is asked for.

    `bind(node, batched)` says what a node of the one stands for. Nodes that depend on none of those are the same for all
    examples and stand for themselves.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self._found: dict[int, Node] = {}
        self._same: set[int] = set()
        self._first: int | None = None

    def bind(self, node: Node, batched: Node) -> None:
        """`batched` has a dimension of n in front of what `node` has."""
        self._found[node.serial] = batched
        self._first = node.serial if self._first is None else min(self._first, node.serial)

    def depends(self, node: Node) -> bool:
        """Whether a node is another for each example."""
        found = self._found
        if node.serial in found:
            return True
        waiting = [node]
        path: list[Node] = []
        seen: set[int] = set()
        while waiting:
            current = waiting.pop()
            if current.serial in found:
                return True
            if current.serial in seen or self._is_same(current):
                continue
            seen.add(current.serial)
            path.append(current)
            waiting.extend(current.inputs)
        self._same.update(n.serial for n in path)
        return False

    def _is_same(self, node: Node) -> bool:
        return self._first is None or node.serial < self._first or node.buffer is not None or node.serial in self._same

    def of(self, node: Node) -> Node | None:
        """What stands for `node`: a node with the dimension of the examples in front; None where it is the same for all."""
        found = self._found
        order: list[Node] = []
        waiting = [node]
        seen: set[int] = set()
        while waiting:
            current = waiting.pop()
            if current.serial in seen or current.serial in found or self._is_same(current):
                continue
            seen.add(current.serial)
            order.append(current)
            waiting.extend(current.inputs)
        order.sort(key=lambda n: n.serial)
        for current in order:
            operands = [found.get(i.serial) for i in current.inputs]
            batched = [o is not None for o in operands]
            if not any(batched):
                self._same.add(current.serial)
                continue
            rule = current.primitive.batch
            if rule is None:
                raise RuntimeError(f"vmap: {current.primitive.name} has no batching rule")
            made = rule(current, [i if o is None else o for i, o in zip(current.inputs, operands)], batched, self.n)
            made.origin = current.origin
            found[current.serial] = made
        return found.get(node.serial)
