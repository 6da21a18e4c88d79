"""`Step`: what a recurrence does at each step, as a graph over given nodes. May import `flambeau.graph` and `flambeau.dtypes`."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import Any
from weakref import WeakValueDictionary

from flambeau.graph.node import Node
from flambeau.graph.primitives.leaf import PLACEHOLDER

__all__ = ["Step", "down_to"]


def down_to(leaves: Container[int], results: Sequence[Node]) -> list[Node]:
    """Every node that `results` need, operands first, not going on below the nodes whose serial numbers are `leaves`."""
    seen: dict[int, Node] = {}
    reached = list(results)
    for node in reached:  # grows while it is walked
        if node.serial not in seen:
            seen[node.serial] = node
            if node.serial not in leaves:
                reached += node.inputs
    return [seen[serial] for serial in sorted(seen)]


class Step:
    """A function of states, rows (what one step reads of the recurrence's sequences) and constants: nodes, mostly placeholders,
    whose values are given.

    `results` begin with the next states, of the states' shapes and dtypes; further ones are outputs of the step. Equal steps are
    one object, so a step may be a node's parameter; `made` is where others keep what they derive from it.
    """

    __slots__ = ("states", "rows", "constants", "results", "order", "made", "__weakref__")

    states: tuple[Node, ...]
    rows: tuple[Node, ...]
    constants: tuple[Node, ...]
    results: tuple[Node, ...]
    order: list[Node]
    """Everything that the results need, operands first."""
    made: dict[Any, Any]

    _table: WeakValueDictionary[Any, Step] = WeakValueDictionary()

    def __new__(cls, states: Sequence[Node], rows: Sequence[Node], constants: Sequence[Node], results: Sequence[Node]) -> Step:
        leaves = (*states, *rows, *constants)
        place = {node.serial: -1 - i for i, node in enumerate(leaves)}
        order = down_to(dict(place), results)
        key: list[Any] = [len(states), len(rows), len(constants), results[0].device]
        key += [node.signature for node in leaves]
        for i, node in enumerate(order):
            if node.serial in place:
                continue
            assert node.buffer is None and node.primitive is not PLACEHOLDER, "a step reads nothing but its leaves"
            place[node.serial] = i
            key += (node.signature, *(place[x.serial] for x in node.inputs))
        key.append(tuple(place[r.serial] for r in results))
        known = tuple(key)
        found = cls._table.get(known)
        if found is not None:
            return found
        self = object.__new__(cls)
        self.states, self.rows, self.constants, self.results = tuple(states), tuple(rows), tuple(constants), tuple(results)
        self.order, self.made = order, {}
        for given, following in zip(self.states, self.results):
            assert given.shape == following.shape and given.dtype is following.dtype, (given, following)
        cls._table[known] = self
        return self

    @property
    def leaves(self) -> tuple[Node, ...]:
        """The given nodes: states, rows, constants."""
        return self.states + self.rows + self.constants

    def evaluate(self, values: Sequence[Any], compute: Callable[[Node, list[Any]], Any]) -> list[Any]:
        """The results for these values of the leaves; `compute(node, operands)` says what a node gives."""
        known = {leaf.serial: value for leaf, value in zip(self.leaves, values, strict=True)}
        for node in self.order:
            if node.serial not in known:
                known[node.serial] = compute(node, [known[i.serial] for i in node.inputs])
        return [known[r.serial] for r in self.results]
