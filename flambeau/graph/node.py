"""`Node`: one value in the lazy graph, and `Primitive`: what a node may be made by.

A node is immutable but for one thing: once computed, it holds its `buffer` and lets go of its inputs. May import
`flambeau.dtypes` only.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from flambeau.dtypes import dtype

__all__ = ["Node", "Primitive", "PRIMITIVES", "topological_order", "Shape"]

Shape = tuple[int, ...]

naming: Callable[[], str | None] | None = None
"""While a profile is being taken, what tells which operator makes a node."""

PRIMITIVES: dict[str, Primitive] = {}
"""Every primitive by name. Devices key their lowerings by these names."""

_interned: dict[Any, int] = {}
_INTERNED = 1 << 18
"""How many signatures are remembered; when there are more all are forgotten, and what comes gets new numbers."""
_signatures = itertools.count()
_counter = itertools.count()


class Primitive:
    """One operation of the graph: its shape and dtype rule, its gradient and its NumPy meaning.

    Attributes:
        name: unique, the key of device lowerings.
        kind: "leaf", "elementwise", "movement", "reduction", "contraction", "indexing", "scan", "sort", "random",
            "write" or "routine"; schedulers treat a kind alike.
        infer: `(inputs, params) -> (shape, dtype)`; raises on operands that don't fit.
        evaluate: `(node, *arrays) -> array`, the meaning in NumPy (or anything with its interface).
        gradient: `(grad, output, inputs, params) -> one tensor or None for each input`, written in tensor operations,
            so that it can be differentiated again; None where the primitive has no gradient.
        saves: which of "inputs" and "output" the gradient reads; the tape keeps only those. "shapes" instead of "inputs":
            of the inputs only their shape and dtype are read. Or a function of params that says so.
        reads: for each input, the inputs that its own gradient reads, where that is not all of them: the tape keeps only
            what the gradients asked for need (of others it hands on shape and dtype). Or a function of params that says so.
        batch: how the primitive is written for many examples at once (`graph.batching.Rule`); None for leaves.
    """

    __slots__ = (
        "name", "kind", "infer", "evaluate", "gradient", "saves_inputs", "saves_output", "reads", "batch", "is_value_free",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        kind: str,
        infer: Callable[[Sequence[Node], tuple[Any, ...]], tuple[Shape, dtype]],
        evaluate: Callable[..., Any],
        gradient: Callable[..., Sequence[Any]] | None = None,
        saves: str | Callable[[tuple[Any, ...]], str] = "inputs",
        reads: tuple[tuple[int, ...], ...] | Callable[..., Any] | None = None,
        batch: Callable[..., Node] | None = None,
    ) -> None:
        self.name, self.kind, self.infer, self.evaluate, self.gradient = name, kind, infer, evaluate, gradient
        self.batch = batch
        self.saves_inputs: bool = not isinstance(saves, str) or "inputs" in saves or "shapes" in saves
        self.saves_output: Any = "output" in saves if isinstance(saves, str) else lambda params: "output" in saves(params)
        self.reads = ((),) * 3 if isinstance(saves, str) and "shapes" in saves else reads
        self.is_value_free = name in ("scalar", "buffer")  # params hold a number that varies without a new plan
        assert name not in PRIMITIVES, name
        PRIMITIVES[name] = self

    def __call__(self, inputs: tuple[Node, ...], params: tuple[Any, ...] = (), device: str | None = None) -> Node:
        shape, type = self.infer(inputs, params)
        return Node(self, inputs, params, shape, type, inputs[0].device if device is None else device)

    def __repr__(self) -> str:
        return self.name


class Node:
    """One value: `shape` and `dtype` are known, the elements once `buffer` is set (row-major, densely packed).

    `signature` is an interned number of (primitive, params, shape, dtype): two graphs whose nodes have equal signatures
    and equal wiring compute the same function of their leaves. `serial` grows with creation, so it is a topological
    order. A scalar leaf's number is in `params` and not in its signature: it varies without a new plan.
    `origin` is the operator that made it, known while a profile is being taken.
    """

    __slots__ = (
        "primitive",
        "inputs",
        "params",
        "shape",
        "dtype",
        "device",
        "buffer",
        "signature",
        "serial",
        "origin",
        "__weakref__",
    )

    def __init__(
        self, primitive: Primitive, inputs: tuple[Node, ...], params: tuple[Any, ...], shape: Shape, type: dtype, device: str
    ) -> None:
        self.primitive = primitive
        self.inputs = inputs
        self.params = params
        self.shape = shape
        self.dtype = type
        self.device = device
        self.buffer: Any = None
        self.serial = next(_counter)
        self.origin: str | None = None if naming is None else naming()
        key = (primitive, () if primitive.is_value_free else params, shape, type)
        signature = _interned.get(key)
        if signature is None:
            if len(_interned) >= _INTERNED:
                _interned.clear()
            signature = _interned[key] = next(_signatures)
        self.signature = signature

    @property
    def size(self) -> int:
        n = 1
        for s in self.shape:
            n *= s
        return n

    def twin(self, buffer: Any) -> Node:
        """A leaf of the same kind that holds `buffer`: quicker than making one from its parts."""
        twin = object.__new__(Node)
        twin.primitive, twin.inputs, twin.params = self.primitive, self.inputs, self.params
        twin.shape, twin.dtype, twin.device = self.shape, self.dtype, self.device
        twin.signature, twin.origin = self.signature, None
        twin.buffer = buffer
        twin.serial = next(_counter)
        return twin

    def realize(self, buffer: Any) -> None:
        """Gives the node its value and lets go of what it was computed from."""
        self.buffer = buffer
        self.inputs = ()

    def __repr__(self) -> str:
        state = "" if self.buffer is None else ", realized"
        return f"Node({self.primitive.name}, {list(self.shape)}, {self.dtype.name}, {self.device}{state})"


def topological_order(outputs: Iterable[Node]) -> list[Node]:
    """Every node that `outputs` need, inputs first, stopping at nodes that have their buffer (those are listed too).

    Iterative: graphs of any depth are fine.
    """
    seen: dict[int, Node] = {}
    reached = list(outputs)
    for node in reached:  # grows while it is walked
        serial = node.serial
        if serial not in seen:
            seen[serial] = node
            if node.buffer is None:
                reached += node.inputs
    return [seen[serial] for serial in sorted(seen)]
