"""`Operation`: the scheduler's copy of a graph node, numbered, shared where equal, and simplified as it is made.

May import `flambeau.dtypes` and `flambeau.graph`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flambeau.dtypes import bool_, dtype
from flambeau.graph.node import PRIMITIVES, Node

__all__ = ["Operation", "Program", "MOVEMENT"]

MOVEMENT = frozenset(("reshape", "permute", "expand", "slice", "pad", "window", "as_strided"))


class Operation:
    """One operation of a program. `number` is its place in a topological order; `users` are the operations that read it.

    Leaves are "memory" (a plan input), "scalar", "constant" and "iota". `origin` is the operator that it came from first, where
    a profile asks for it. `computed` and `stored` are for `kernels/repeated.py`.
    """

    __slots__ = (
        "name", "inputs", "params", "shape", "dtype", "size", "number", "users", "kind", "origin", "computed", "stored",
    )  # fmt: skip

    def __init__(
        self, name: str, inputs: tuple[Operation, ...], params: tuple[Any, ...], shape: tuple[int, ...], type: dtype, number: int
    ) -> None:
        self.name, self.inputs, self.params, self.shape, self.dtype, self.number = name, inputs, params, shape, type, number
        self.kind = "leaf" if name == "memory" else PRIMITIVES[name].kind
        self.users: list[Operation] = []
        self.origin: str | None = None
        self.computed = self.stored = 0
        size = 1
        for n in shape:
            size *= n
        self.size = size

    def __repr__(self) -> str:
        inputs = ", ".join(f"%{i.number}" for i in self.inputs)
        return f"%{self.number} = {self.name}({inputs}) {list(self.shape)} {self.dtype.name}"


class Program:
    """The operations of one plan in topological order; equal ones are one."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self._known: dict[Any, Operation] = {}

    def new(
        self,
        name: str,
        shape: tuple[int, ...],
        type: dtype,
        inputs: tuple[Operation, ...] = (),
        params: tuple[Any, ...] = (),
    ) -> Operation:
        """An operation as it is, its own even where another is equal: plan inputs and scalars."""
        operation = Operation(name, inputs, params, shape, type, len(self.operations))
        self.operations.append(operation)
        return operation

    def from_node(self, node: Node, inputs: tuple[Operation, ...]) -> Operation:
        """The operation for a node that is not computed."""
        count = len(self.operations)
        operation = self.make(node.primitive.name, inputs, node.params, node.shape, node.dtype)
        if node.origin is not None:
            for made in (operation, *self.operations[count:]):
                made.origin = made.origin or node.origin
        return operation

    def make(
        self, name: str, inputs: tuple[Operation, ...], params: tuple[Any, ...], shape: tuple[int, ...], type: dtype
    ) -> Operation:
        """An operation, simplified and shared; its result may be an earlier operation."""
        rewrite = _REWRITES.get(name)
        if rewrite is not None:
            simpler = rewrite(self, inputs, params, shape, type)
            if simpler is not None:
                return simpler
        key = (name, tuple(i.number for i in inputs), params, shape, type, repr(params) if name == "constant" else None)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = Operation(name, inputs, params, shape, type, len(self.operations))
            self.operations.append(found)
        return found

    def reshape(self, x: Operation, shape: tuple[int, ...]) -> Operation:
        """`x` under another shape."""
        return self.make("reshape", (x,), (shape, x.shape), shape, x.dtype)

    def repeated(self, x: Operation, shape: tuple[int, ...]) -> Operation:
        """A zero-dimensional `x` at every place of `shape`."""
        ones = (1,) * len(shape)
        return self.make("expand", (self.reshape(x, ones),), (shape, ones), shape, x.dtype)

    def permute(self, x: Operation, order: Sequence[int]) -> Operation:
        """`x` with its dimensions in `order`."""
        return self.make("permute", (x,), (tuple(order),), tuple(x.shape[d] for d in order), x.dtype)

    def finish(self, outputs: Sequence[Operation]) -> list[Operation]:
        """The operations that `outputs` need, with their users filled in."""
        needed: set[int] = set()
        stack = list(outputs)
        while stack:
            operation = stack.pop()
            if operation.number not in needed:
                needed.add(operation.number)
                stack.extend(operation.inputs)
        kept = [o for o in self.operations if o.number in needed]
        for operation in kept:
            for i in {i.number: i for i in operation.inputs}.values():
                i.users.append(operation)
        return kept


# --- rewrites: the same value by simpler operations --------------------------------------------------------------------------
def _reshape(p: Program, inputs: Any, params: Any, shape: Any, type: Any) -> Operation | None:
    (x,) = inputs
    if x.shape == shape:
        return x
    if x.name == "reshape":
        return p.make("reshape", x.inputs, (shape, x.params[1]), shape, type)
    return None


def _permute(p: Program, inputs: Any, params: Any, shape: Any, type: Any) -> Operation | None:
    (x,), (order,) = inputs, params
    if order == tuple(range(len(order))):
        return x
    if x.name == "permute":
        return p.permute(x.inputs[0], tuple(x.params[0][d] for d in order))
    if x.name == "concatenate":  # its parts are written where they belong
        (axis,) = x.params
        return p.make("concatenate", tuple(p.permute(part, order) for part in x.inputs), (order.index(axis),), shape, type)
    moved = [d for d in order if x.shape[d] != 1]
    if moved == sorted(moved):  # only dimensions of size 1 move
        return p.reshape(x, shape)
    return None


def _same_shape(p: Program, inputs: Any, params: Any, shape: Any, type: Any) -> Operation | None:
    return inputs[0] if inputs[0].shape == shape else None


def _slice(p: Program, inputs: Any, params: Any, shape: Any, type: Any) -> Operation | None:
    starts, steps, sizes, source = params
    if sizes == source and not any(starts) and all(s == 1 or n == 1 for s, n in zip(steps, sizes)):
        return inputs[0]
    return None


def _cast(p: Program, inputs: Any, params: Any, shape: Any, type: Any) -> Operation | None:
    return inputs[0] if inputs[0].dtype is type else None


def _as_strided(p: Program, inputs: Any, params: Any, shape: Any, type: Any) -> Operation | None:
    """Dense row-major reading of everything is a reshape; a transposed dense one a permute."""
    (x,), (_, strides, offset, _) = inputs, params
    if offset != 0 or x.size == 0 or 0 in shape:
        return None
    size = 1
    for n in shape:
        size *= n
    if size != x.size:
        return None
    by_stride = sorted((d for d, n in enumerate(shape) if n != 1), key=lambda d: -strides[d])
    expected = 1
    for d in reversed(by_stride):
        if strides[d] != expected:
            return None
        expected *= shape[d]
    order = by_stride + [d for d, n in enumerate(shape) if n == 1]
    dense = p.reshape(x, tuple(shape[d] for d in order))
    return p.permute(dense, tuple(order.index(d) for d in range(len(shape))))


def _assign(p: Program, inputs: Any, params: Any, shape: Any, type: Any) -> Operation | None:
    """Writing all of the base in its own order is the value."""
    base, value = inputs
    _, strides, offset = params
    if value.size == 0:
        return base
    if value.size == base.size and offset == 0:
        expected = 1
        for n, s in zip(reversed(value.shape), reversed(strides)):
            if n != 1 and s != expected:
                return None
            expected *= n
        return p.reshape(value, shape)
    return None


def _scatter(p: Program, inputs: Any, params: Any, shape: Any, type: Any) -> Operation | None:
    return inputs[0] if inputs[1].size == 0 else None


def _scan(p: Program, inputs: Any, params: Any, shape: Any, type: Any) -> Operation | None:
    if shape[params[0]] == 1 and not params[1].startswith("arg"):
        return inputs[0]
    return None


def _argsort(p: Program, inputs: Any, params: Any, shape: Any, type: Any) -> Operation | None:
    """Sorting happens along the last dimension."""
    (x,), (axis, descending, kept) = inputs, params
    last = len(shape) - 1
    if axis == last:
        return None
    order = [d for d in range(last + 1) if d != axis] + [axis]
    moved = p.permute(x, order)
    result = p.make("argsort", (moved,), (last, descending, kept), (*moved.shape[:last], kept), type)
    return p.permute(result, tuple(order.index(d) for d in range(last + 1)))


def _reduction(p: Program, inputs: Any, params: Any, shape: Any, type: Any) -> Operation | None:
    """Over dimensions of size 1 there is nothing to combine."""
    (x,), axes = inputs, params[0]
    return p.reshape(x, shape) if all(x.shape[d] == 1 for d in axes) and type is x.dtype else None


def _contract(p: Program, inputs: Any, params: Any, shape: Any, type: Any) -> Operation | None:
    """A contraction that sums nothing is a product."""
    out = params[2]
    factors = []
    for x, labels in zip(inputs, params):
        if any(label not in out and n != 1 for label, n in zip(labels, x.shape)):
            return None
        kept = [d for d, label in enumerate(labels) if label in out]
        x = p.reshape(x, tuple(x.shape[d] for d in kept))
        places = [out.index(labels[d]) for d in kept]
        x = p.permute(x, sorted(range(len(kept)), key=lambda d: places[d]))
        small = tuple(n if d in places else 1 for d, n in enumerate(shape))
        factors.append(p.make("expand", (p.reshape(x, small),), (shape, small), shape, type))
    return p.make("bitwise_and" if type is bool_ else "mul", tuple(factors), (), shape, type)


def _recurrence(p: Program, inputs: Any, params: Any, shape: Any, type: Any) -> Operation | None:
    """Operands are dense memory, whatever their shape."""
    plain = tuple(i.inputs[0] if i.name == "reshape" else i for i in inputs)
    return None if plain == inputs else p.make("recurrence", plain, params, shape, type)


_REWRITES = {
    "recurrence": _recurrence,
    "contract": _contract,
    "reshape": _reshape,
    "permute": _permute,
    "expand": _same_shape,
    "pad": _same_shape,
    "slice": _slice,
    "cast": _cast,
    "as_strided": _as_strided,
    "assign": _assign,
    "scatter": _scatter,
    "scan": _scan,
    "argsort": _argsort,
    "sum": _reduction,
    "prod": _reduction,
    "max": _reduction,
    "min": _reduction,
    "any": _reduction,
    "all": _reduction,
}
