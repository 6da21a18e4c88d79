"""`Node`: one value in the lazy graph, and `Primitive`: what a node may be made by.

A node is immutable but for one thing: once computed, it holds its `buffer` and lets go of its inputs. May import
`flambeau.dtypes` only.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from flambeau.dtypes import check_held, dtype, name_of_dtype

__all__ = ["next_serial", "Node", "Primitive", "PRIMITIVES", "topological_order", "Shape"]

Shape = tuple[int, ...]
Form = tuple[Shape, dtype, str, int, int, int]
"""What nodes have in common that are made alike: shape, dtype, device, size, kind and signature."""

naming: Callable[[], str | None] | None = None
"""While a profile is being taken, what tells which operator makes a node."""

PRIMITIVES: dict[str, Primitive] = {}
"""Every primitive by name. Devices key their lowerings by these names."""

_REMEMBERED = 1 << 18
"""How much each table below holds; when there is more all is forgotten, and what comes gets new numbers."""
_kinds: dict[Any, int] = {}
_signatures: dict[Any, int] = {}
_forms: dict[Any, Form] = {}
"""What a primitive makes of operands of given kinds: its rule is asked once; and what nodes are like whose parts are given."""
_numbers = itertools.count(1)
_counter = itertools.count()
_new = object.__new__


def _remembered(table: dict[Any, int], key: Any) -> int:
    """The number that stands for `key`: another for each, and never used again."""
    number = table.get(key)
    if number is None:
        if len(table) >= _REMEMBERED:
            table.clear()
        number = table[key] = next(_numbers)
    return number


def _form(primitive: Primitive, params: tuple[Any, ...], inputs: int, shape: Shape, type: dtype, device: str) -> Form:
    if type.index < 0:
        check_held(type)
    size = 1
    for n in shape:
        size *= n
    kind = _remembered(_kinds, (shape, type, device))
    signature = _remembered(_signatures, (primitive, () if primitive.is_value_free else params, inputs, kind))
    return shape, type, device, size, kind, signature


def _known(key: Any, form: Form) -> Form:
    """Notes a form, and gives it."""
    if len(_forms) >= _REMEMBERED:
        _forms.clear()
    _forms[key] = form
    return form


class Primitive:
    """One operation of the graph: its shape and dtype rule, its gradient and its NumPy meaning.

    Attributes:
        name: unique, the key of device lowerings.
        kind: "leaf", "elementwise", "movement", "reduction", "contraction", "indexing", "scan", "sort", "random",
            "write", "recurrence", "attention" or "routine"; schedulers treat a kind alike.
        infer: `(inputs, params) -> (shape, dtype)`; raises on operands that don't fit.
        evaluate: `(node, *arrays) -> array`, the meaning in NumPy (or anything with its interface).
        gradient: `(grad, output, inputs, params) -> one tensor or None for each input`, written in tensor operations,
            so that it can be differentiated again; None where the primitive has no gradient.
        saves: which of "inputs" and "output" the gradient reads; the tape keeps only those. "shapes" instead of "inputs":
            of the inputs only their shape and dtype are read. Or a function of params that says so.
        reads: for each input, the inputs that its own gradient reads, where that is not all of them: the tape keeps only
            what the gradients asked for need (of others it hands on shape and dtype). Or a function of params that says so.
        batch: how the primitive is written for many examples at once (`graph.batching.Rule`); None for leaves.
        parts: how it is written in the parts of complex operands (`graph.parts.Rule`); None where it has no complex meaning.
        conjugates: whether the gradient rule is a derivative, whose conjugate is the gradient of complex operands.
        known: what the gradient built before, by what it depends on; the tape's.
    """

    __slots__ = (
        "name", "kind", "infer", "evaluate", "gradient", "saves_inputs", "saves_output", "reads", "batch", "parts", "conjugates",
        "is_value_free", "known",
    )  # fmt: skip
    values: tuple[int, ...] = ()
    """The inputs that a gradient reads as they were, whoever writes over them since (see `ops.composite`): of no primitive."""

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
        parts: Callable[..., Any] | None = None,
        conjugates: bool = True,
    ) -> None:
        self.name, self.kind, self.infer, self.evaluate, self.gradient = name, kind, infer, evaluate, gradient
        self.batch, self.parts, self.conjugates = batch, parts, conjugates
        self.saves_inputs: bool = not isinstance(saves, str) or "inputs" in saves or "shapes" in saves
        self.saves_output: Any = "output" in saves if isinstance(saves, str) else lambda params: "output" in saves(params)
        self.reads = ((),) * 3 if isinstance(saves, str) and "shapes" in saves else reads
        self.known: dict[Any, Any] = {}
        self.is_value_free = name in ("scalar", "buffer")  # params hold a number that varies without a new plan
        assert name not in PRIMITIVES, name
        PRIMITIVES[name] = self

    def make(self, inputs: tuple[Node, ...], params: tuple[Any, ...] = (), device: str | None = None) -> Node:
        """A node of this primitive; `device` where there are no inputs. Raises what `infer` does. The same as a call, but
        quicker: Python calls a method without leaving its loop."""
        count = len(inputs)
        if count == 1:
            key: Any = self, params, inputs[0].kind
        elif count == 2:
            key = self, params, inputs[0].kind, inputs[1].kind
        elif count:
            key = self, params, *[i.kind for i in inputs]
        else:
            shape, type = self.infer(inputs, params)
            assert device is not None
            return Node(self, inputs, params, shape, type, device)
        form = _forms.get(key)
        if form is None:
            if self.parts is None:
                for i in inputs:
                    if i.dtype.category == 3:
                        raise NotImplementedError(f"\"{self.name}_cpu\" not implemented for '{name_of_dtype(i.dtype)}'")
            form = _known(key, _form(self, params, count, *self.infer(inputs, params), inputs[0].device))
        node: Node = _new(Node)
        node.primitive, node.inputs, node.params = self, inputs, params
        node.shape, node.dtype, node.device, node.size, node.kind, node.signature = form
        node.buffer = None
        node.serial = next(_counter)
        node.origin = None if naming is None else naming()
        return node

    __call__ = make

    def __repr__(self) -> str:
        return self.name


class Node:
    """One value: `shape` and `dtype` are known, the elements once `buffer` is set (row-major, densely packed).

    `kind` stands for (shape, dtype, device), `signature` for (primitive, params, number of inputs, kind): two graphs whose nodes
    have equal signatures and equal wiring compute the same function of their leaves. `serial` grows with creation, so it is a
    topological order. A scalar leaf's number is in `params` and not in its signature: it varies without a new plan.
    `origin` is the operator that made it, known while a profile is being taken.
    """

    __slots__ = (
        "primitive",
        "inputs",
        "params",
        "shape",
        "dtype",
        "device",
        "size",
        "kind",
        "signature",
        "buffer",
        "serial",
        "origin",
        "__weakref__",
    )

    def __init__(
        self, primitive: Primitive, inputs: tuple[Node, ...], params: tuple[Any, ...], shape: Shape, type: dtype, device: str
    ) -> None:
        self.primitive, self.inputs, self.params = primitive, inputs, params
        key = primitive, () if primitive.is_value_free else params, len(inputs), shape, type, device
        form = _forms.get(key)
        if form is None:
            form = _known(key, _form(primitive, params, len(inputs), shape, type, device))
        self.shape, self.dtype, self.device, self.size, self.kind, self.signature = form
        self.buffer: Any = None
        self.serial = next(_counter)
        self.origin: str | None = None if naming is None else naming()

    def again(self, inputs: tuple[Node, ...]) -> Node:
        """A node like this one, of other inputs of the same kinds."""
        node: Node = _new(Node)
        node.primitive, node.inputs, node.params = self.primitive, inputs, self.params
        node.shape, node.dtype, node.device, node.size = self.shape, self.dtype, self.device, self.size
        node.kind, node.signature = self.kind, self.signature
        node.buffer = None
        node.serial = next(_counter)
        node.origin = None if naming is None else naming()
        return node

    def twin(self, buffer: Any) -> Node:
        """A leaf of the same kind that holds `buffer`: quicker than making one from its parts."""
        twin: Node = _new(Node)
        twin.primitive, twin.inputs, twin.params = self.primitive, self.inputs, self.params
        twin.shape, twin.dtype, twin.device, twin.size = self.shape, self.dtype, self.device, self.size
        twin.kind, twin.signature, twin.origin = self.kind, self.signature, None
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


def next_serial() -> int:
    """A serial that nodes made from now on exceed."""
    return next(_counter)


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
