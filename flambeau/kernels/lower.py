"""From operations to loop kernels, by pulling: an element of a result is an expression of elements of memory.

A movement operation maps the index that is asked for to the index to ask of its operand; an elementwise one asks its operands
at the same index; a reduction opens new axes. May import `flambeau.dtypes`, `flambeau.graph` and `flambeau.kernels`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Any

from flambeau.dtypes import bool_, dtype, int64
from flambeau.graph.primitives.indexing import Bounds
from flambeau.kernels.index import ZERO, Condition, Index, Space, constant, literal
from flambeau.kernels.ir import Expr, LoopKernel, Slot, Store
from flambeau.kernels.operation import Operation
from flambeau.kernels.traverse import walk

__all__ = ["Unfusable", "Write", "Lowering", "lower_loops", "moved"]

Mask = frozenset[Condition]
Key = tuple[Operation, tuple[Index, ...], Mask]
NO_MASK: Mask = frozenset()
_IDENTITIES = {"sum": 0, "prod": 1, "any": False, "all": True, "max": float("-inf"), "min": float("inf")}
"""What a reduction of nothing gives."""


class Unfusable(Exception):
    """The operation's value has to be in memory before this kernel can be made."""

    def __init__(self, operation: Operation) -> None:
        super().__init__(operation)
        self.operation = operation


@dataclass(frozen=True)
class Write:
    """What one store of a loop kernel does: elements of `value` go to `target`'s memory.

    `kind` is "all" (the target is the value), "copy" (the target starts as the value), "part" (its first element at `corner`,
    one of the parts of a concatenation), "row" (at `row` of the target's dimension 0, which the value lacks), "assign" (at
    strided positions) or "scatter" (at positions that an index operand gives).
    """

    target: Operation
    value: Operation
    kind: str = "all"
    corner: tuple[int, ...] = ()
    row: int = 0


class Lowering:
    """One kernel being made: its axes, the memory it touches, and the expressions pulled so far.

    `memory` holds the numbers of the operations whose values are in memory; `heights` how many reductions are below an
    operation.
    """

    def __init__(self, shape: Sequence[int], memory: Container[int], heights: Sequence[int]) -> None:
        self.shape = tuple(n for n in shape if n != 1)
        self.memory, self.heights = memory, heights
        self.factors: dict[Any, list[int]] = {}
        self.fixed: set[Any] = set()
        self.merged: dict[int, tuple[int, int]] = {}
        self.computed: dict[int, tuple[Index, ...]] = {}
        self.start()

    def start(self) -> None:
        """Forgets what was pulled, keeping how axes are split."""
        self.space = Space()
        self.space.merged = self.merged
        self.owners: dict[int, list[tuple[Any, int]]] = {}
        self.groups: dict[Any, list[int]] = {}
        self.slots: dict[Operation, int] = {}
        self.memo: dict[Key, Expr] = {}
        self.parallel: list[int] = []
        self.index = self.open_axes([("out", d) for d in range(len(self.shape))], self.shape, self.parallel)

    # --- axes ----------------------------------------------------------------------------------------------------------
    def index_of(self, shape: Sequence[int]) -> tuple[Index, ...]:
        """The iteration as an index over `shape`, which is the kernel's but for dimensions of size 1."""
        own = iter(self.index)
        return tuple(ZERO if n == 1 else next(own) for n in shape)

    def open_axes(self, keys: Sequence[Any], shape: Sequence[int], numbers: list[int]) -> tuple[Index, ...]:
        """An index over `shape` by axes whose numbers are in `numbers` (filled in where it is empty).

        `keys` name the dimensions, so that a split of one is remembered when the lowering starts again.
        """
        space = self.space
        fresh = not numbers
        result = []
        place = 0
        for key, n in zip(keys, shape):
            factors = self.factors.setdefault(key, [n])
            position, stride = ZERO, n
            for part, extent in enumerate(factors):
                stride //= extent
                if extent == 1:
                    continue
                if fresh:
                    numbers.append(len(self.owners))
                    self.owners[numbers[-1]] = []
                axis = numbers[place]
                self.owners[axis].append((key, part))
                place += 1
                position = space.add(position, space.scale(space.axis(axis, extent), stride))
            result.append(position)
        return tuple(result)

    def reduce_axes(self, operation: Operation, dims: Sequence[int], shape: Sequence[int]) -> tuple[tuple[Index, ...], list[int]]:
        """New axes for the reduced dimensions; reductions side by side over equal extents share theirs."""
        keys = [(operation.number, d) for d in dims]
        sizes = [shape[d] for d in dims]
        factors = tuple(tuple(self.factors.setdefault(k, [n])) for k, n in zip(keys, sizes))
        height = self.heights[operation.number]
        numbers = self.groups.setdefault((height, factors, operation.name.startswith("arg")), [])
        return self.open_axes(keys, sizes, numbers), numbers

    def refine(self) -> bool:
        """Splits axes as the space wished; False when there is nothing to split."""
        changed = False
        done: set[tuple[Any, int]] = set()
        for axis, inner in sorted(self.space.splits, reverse=True):
            for key, part in self.owners[axis]:
                if key in self.fixed or (key, part) in done:
                    continue
                done.add((key, part))  # higher parts came first, so that this part's place still holds
                factors = self.factors[key]
                outer = factors[part] // inner
                if outer > 1 and inner > 1:
                    factors[part : part + 1] = [outer, inner]
                    changed = True
        return changed

    def merge(self) -> bool:
        """Joins neighbouring axes that every position runs through as one; True when any were joined."""
        merged: dict[int, tuple[int, int]] = {}
        number = 0
        joined = False
        for numbers in (self.parallel, *self.groups.values()):
            for place, axis in enumerate(numbers):
                follows = place + 1 < len(numbers) and self.may_merge(axis) and self.may_merge(numbers[place + 1])
                if follows and self.space.mergeable(axis, numbers[place + 1]):
                    merged[axis] = (number, 0)
                    joined = True
                else:
                    merged[axis] = (number, 1)
                    number += 1
        self.merged = merged
        return joined

    def may_merge(self, axis: int) -> bool:
        """Whether the axis may be joined with a neighbour."""
        return all(key not in self.fixed for key, _ in self.owners[axis])

    def final(self, numbers: Sequence[int]) -> tuple[tuple[int, int], ...]:
        """(number, extent) of the axes as the kernel will see them."""
        result, extent = [], 1
        for axis in numbers:
            number, last = self.merged.get(axis, (axis, 1))
            extent *= self.space.extents[axis]
            if last:
                result.append((number, extent))
                extent = 1
        return tuple(result)

    # --- memory --------------------------------------------------------------------------------------------------------
    def slot(self, operation: Operation) -> int:
        """The kernel argument that holds the operation's value."""
        return self.slots.setdefault(operation, len(self.slots))

    def load(self, operation: Operation, index: tuple[Index, ...], mask: Mask) -> Expr:
        """An element of memory; 0 where the mask fails."""
        space = self.space
        where = space.express(space.flat(index, operation.shape))
        test = space.test(mask)
        arguments = (where,) if test is None else (where, test)
        return Expr("load", arguments, operation.dtype, self.slot(operation))

    # --- pulling -------------------------------------------------------------------------------------------------------
    def pull(self, operation: Operation, index: tuple[Index, ...], mask: Mask = NO_MASK) -> Expr:
        """The element of `operation` at `index`, which is asked for only where `mask` holds."""
        memo = self.memo
        wanted = (operation, index, mask)
        stack = [wanted]
        waiting: dict[Key, tuple[tuple[Key, ...], Callable[..., Any]]] = {}
        while stack:
            key = stack[-1]
            if key in memo:
                stack.pop()
                continue
            step = waiting.get(key)
            if step is None:
                found = self.visit(*key)
                if isinstance(found, Expr):
                    memo[key] = found
                    stack.pop()
                    continue
                step = waiting[key] = found
                missing = [k for k in found[0] if k not in memo]
                if missing:
                    stack.extend(missing)
                    continue
            needed, combine = step
            result = combine(*[memo[k] for k in needed])
            if isinstance(result, Expr):
                memo[key] = result
                stack.pop()
            else:
                waiting[key] = result
                stack.extend(k for k in result[0] if k not in memo)
        return memo[wanted]

    def visit(self, operation: Operation, index: tuple[Index, ...], mask: Mask) -> Any:
        """The element, or what it is made from: (keys, function of their expressions)."""
        own = self.computed.get(operation.number)
        if own is not None and own != index:
            raise Unfusable(operation)
        if own is None and operation.number in self.memory:
            return self.load(operation, index, mask)
        name, kind, type = operation.name, operation.kind, operation.dtype
        if kind == "elementwise":
            keys = tuple((i, index, mask) for i in operation.inputs)
            return keys, lambda *values: self.where_asked(elementwise(name, values, type), mask)
        if kind == "movement":
            return self.visit_movement(operation, index, mask)
        if kind == "reduction":
            return self.visit_reduction(operation, index, mask)
        return getattr(self, "visit_" + name)(operation, index, mask)

    def where_asked(self, value: Expr, mask: Mask) -> Expr:
        """An elementwise value that divides by zero only where the mask holds: elsewhere operands read as 0."""
        test = self.space.test(mask) if value.divides_integers else None
        if test is None:
            return value
        dividend, divisor = value.args
        divisor = Expr("where", (test, divisor, Expr("literal", (), divisor.dtype, 1)), divisor.dtype)
        return Expr(value.op, (dividend, divisor), value.dtype, value.param)

    def visit_constant(self, operation: Operation, index: Any, mask: Mask) -> Any:
        return Expr("literal", (), operation.dtype, operation.params[0])

    def visit_scalar(self, operation: Operation, index: Any, mask: Mask) -> Any:
        return Expr("load", (literal(0),), operation.dtype, self.slot(operation))

    def visit_iota(self, operation: Operation, index: tuple[Index, ...], mask: Mask) -> Any:
        return elementwise("cast", (self.space.express(index[0]),), operation.dtype)

    def visit_random_bits(self, operation: Operation, index: tuple[Index, ...], mask: Mask) -> Any:
        position = self.space.express(self.space.flat(index, operation.shape))
        keys = tuple((i, (), NO_MASK) for i in operation.inputs)
        return keys, lambda seed, offset: Expr("philox", (seed, offset, position), operation.dtype)

    def visit_movement(self, operation: Operation, index: tuple[Index, ...], mask: Mask) -> Any:
        (source,) = operation.inputs
        space = self.space
        if operation.name != "pad":
            return ((source, moved(space, operation, index), mask),), lambda value: value
        low, _, interior, value = operation.params
        padding = Expr("literal", (), operation.dtype, value)
        conditions, at = [], []
        for i, a, gap, n in zip(index, low, interior, source.shape):
            position = space.add(i, constant(-a))
            condition = space.within(position, 0, (n - 1) * (gap + 1) + 1, gap + 1) if n else False
            if condition is False:
                return padding
            if condition is not True:
                conditions.append(condition)
            at.append(space.divide(position, gap + 1))
        if not conditions:
            return ((source, tuple(at), mask),), lambda inside: inside
        inner = mask | frozenset(conditions)
        test = space.test(inner)
        assert test is not None

        def choose(inside: Expr) -> Expr:
            if inside.op == "load" and inside.args[1:] == (test,) and value == 0:
                return inside
            return Expr("where", (test, inside, padding), operation.dtype)

        return ((source, tuple(at), inner),), choose

    def visit_reduction(self, operation: Operation, index: tuple[Index, ...], mask: Mask) -> Any:
        (source,) = operation.inputs
        dims = sorted(operation.params[0])
        kind, type = operation.name, operation.dtype
        if 0 in source.shape:
            return Expr("literal", (), type, _IDENTITIES[kind])
        inner, numbers = self.reduce_axes(operation, dims, source.shape)
        kept, opened = iter(index), iter(inner)
        at = tuple(next(opened) if d in dims else next(kept) for d in range(len(source.shape)))
        axes = self.final(numbers)
        if not axes:
            if kind.startswith("arg"):
                return Expr("literal", (), type, 0)
            return ((source, at, mask),), lambda body: body
        return ((source, at, mask),), lambda body: Expr("reduce", (body,), type, (kind, axes))

    def visit_contract(self, operation: Operation, index: tuple[Index, ...], mask: Mask) -> Any:
        """A contraction as loops: for element types and forms that the contraction kernel is not for."""
        sizes: dict[int, int] = {}
        at: dict[int, Index] = dict(zip(operation.params[2], index))
        for labels, source in zip(operation.params, operation.inputs):
            sizes.update(zip(labels, source.shape))
        summed = sorted(set(sizes) - set(at))
        type = operation.dtype
        if any(sizes[label] == 0 for label in summed):
            return Expr("literal", (), type, 0)
        inner, numbers = self.reduce_axes(operation, summed, sizes)  # type: ignore[arg-type]
        at.update(zip(summed, inner))
        axes = self.final(numbers)
        keys = tuple((x, tuple(at[label] for label in labels), mask) for x, labels in zip(operation.inputs, operation.params))
        product, total = ("bitwise_and", "any") if type is bool_ else ("mul", "sum")

        def combine(a: Expr, b: Expr) -> Expr:
            body = Expr(product, (a, b), type)
            return Expr("reduce", (body,), type, (total, axes)) if axes else body

        return keys, combine

    def visit_gather(self, operation: Operation, index: tuple[Index, ...], mask: Mask) -> Any:
        source, places = operation.inputs
        axis, bounds = operation.params

        def found(value: Expr) -> Any:
            position, check = self.checked(value, bounds, axis, source.shape[axis], mask)
            at = (*index[:axis], position, *index[axis + 1 :])
            return ((source, at, mask),), lambda element: after(check, element, element)

        return ((places, index, mask),), found

    def checked(self, value: Expr, bounds: Bounds, axis: int, size: int, mask: Mask) -> tuple[Index, Expr]:
        """A position read from memory along a dimension, made non-negative and checked, and what checks it."""
        test = self.space.test(mask)
        if test is not None:
            value = Expr("where", (test, value, literal(0)), int64)
        check = Expr("check", (value, literal(size)), int64, bounds.along(axis))
        return self.space.opaque(check, 0, max(size - 1, 0)), check

    def visit_scan(self, operation: Operation, index: tuple[Index, ...], mask: Mask) -> Any:
        axis, kind = operation.params
        if index != self.index_of(operation.shape) or mask:
            raise Unfusable(operation)
        if operation.shape[axis] == 1:
            return Expr("literal", (), operation.dtype, 0)
        key = ("out", sum(n != 1 for n in operation.shape[:axis]))
        self.fixed.add(key)
        ((number, _),) = [(n, o) for n, o in self.owners.items() if (key, 0) in o]
        final = self.merged.get(number, (number, 1))[0]
        type = operation.dtype
        return ((operation.inputs[0], index, mask),), lambda body: Expr("scan", (body,), type, (kind, final))

    def visit_other(self, operation: Operation, index: Any, mask: Any) -> Any:
        raise Unfusable(operation)

    visit_memory = visit_scatter = visit_assign = visit_argsort = visit_routine = visit_concatenate = visit_other
    visit_recurrence = visit_fourier_parts = visit_attention = visit_other
    visit_attention_query_gradient = visit_attention_key_gradient = visit_other


def moved(space: Space, operation: Operation, index: tuple[Index, ...]) -> tuple[Index, ...]:
    """Where a movement operation other than a pad reads its operand."""
    name, params = operation.name, operation.params
    source = operation.inputs[0].shape
    if name == "reshape":
        return space.reshape(index, operation.shape, source)
    if name == "permute":
        at = [ZERO] * len(index)
        for i, d in zip(index, params[0]):
            at[d] = i
        return tuple(at)
    if name == "expand":
        return tuple(ZERO if n == 1 and m != 1 else i for i, n, m in zip(index, source, operation.shape))
    if name == "slice":
        return tuple(space.add(space.scale(i, step), constant(start)) for i, start, step in zip(index, params[0], params[1]))
    if name == "window":
        dims, _, strides, dilations = params
        result = list(index[: len(source)])
        for d, s, dilation, k in zip(dims, strides, dilations, index[len(source) :]):
            result[d] = space.add(space.scale(result[d], s), space.scale(k, dilation))
        return tuple(result)
    assert name == "as_strided", name
    _, strides, offset, _ = params
    return (space.add(constant(offset), *(space.scale(i, s) for i, s in zip(index, strides))),)


def after(check: Expr, value: Expr, place: Expr) -> Expr:
    """`value`, which is had only once a position was checked, also where `place` doesn't depend on the position.

    All elements may be one number, or the dimension have one element.
    """
    if any(e == check for e in walk((place,))):
        return value
    return Expr("where", (Expr("ge", (check, literal(0)), bool_), value, value), value.dtype)


def elementwise(name: str, values: tuple[Expr, ...], type: dtype) -> Expr:
    """The expression of an elementwise primitive, with what is known at once folded."""
    if name == "cast":
        (x,) = values
        if x.dtype is type:
            return x
        if x.op == "literal":
            value = x.param
            exact = isinstance(value, (bool, int, float)) and abs(value) < 128 and value * 1024 == int(value * 1024)
            if exact and type is bool_:
                return Expr("literal", (), type, value != 0)
            if exact and (type.category == 2 or (value == int(value) and value >= 0)):
                return Expr("literal", (), type, float(value) if type.category == 2 else int(value))
    elif name == "where" and values[0].op == "literal":
        return values[1] if values[0].param else values[2]
    elif name == "abs" and values[0].op == "literal":
        return Expr("literal", (), type, abs(values[0].param))
    elif name in _COMPARISONS and values[0].op == "literal" and values[1].op == "literal":
        return Expr("literal", (), type, _COMPARISONS[name](values[0].param, values[1].param))
    return Expr(name, values, type)


_COMPARISONS = {
    "eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge,
}  # fmt: skip


def lower_loops(writes: Sequence[Write], memory: Container[int], heights: Sequence[int]) -> tuple[LoopKernel, list[Operation]]:
    """One loop kernel that makes all `writes` (their values have one shape but for ones), and the operation of each slot.

    Raises `Unfusable` with the operation that must be put in memory first.
    """
    lowering = Lowering(writes[0].value.shape, memory, heights)
    stores = _attempt(lowering, writes)
    for _ in range(16):
        if not lowering.refine():
            break
        lowering.start()
        stores = _attempt(lowering, writes)
    if lowering.merge():
        lowering.start()
        stores = _attempt(lowering, writes)
    access: dict[Operation, str] = {}
    for w in writes:
        access[w.target] = "out" if w.kind in ("all", "copy", "part", "row") else "inout"
    operations = sorted(lowering.slots, key=lambda o: lowering.slots[o])
    slots = tuple(Slot(o.dtype, o.size, access.get(o, "in")) for o in operations)
    axes = tuple(extent for _, extent in lowering.final(lowering.parallel))
    return LoopKernel(axes, slots, tuple(stores)), operations


def _attempt(lowering: Lowering, writes: Sequence[Write]) -> list[Store]:
    space = lowering.space
    indices = [lowering.index_of(w.value.shape) for w in writes]
    lowering.computed = {w.target.number: index for w, index in zip(writes, indices) if w.kind == "all"}
    values = [lowering.pull(w.value, index) for w, index in zip(writes, indices)]
    stores = []
    for w, index, value in zip(writes, indices, values):
        target, mode, scatters = w.target, "set", False
        if w.kind in ("all", "copy"):
            place = space.flat(index, target.shape)
        elif w.kind == "part":
            at = [space.add(i, constant(first)) if first else i for i, first in zip(index, w.corner)]
            place = space.flat(at, target.shape)
        elif w.kind == "row":
            place = space.add(constant(w.row * w.value.size), space.flat(index, w.value.shape))
        elif w.kind == "assign":
            _, strides, offset = target.params
            place = space.add(constant(offset), *(space.scale(i, s) for i, s in zip(index, strides)))
        else:
            axis, mode, bounds = target.params
            wanted = lowering.pull(target.inputs[1], index)
            position, check = lowering.checked(wanted, bounds, axis, target.shape[axis], NO_MASK)
            place = space.flat((*index[:axis], position, *index[axis + 1 :]), target.shape)
            value = after(check, value, space.express(place))
            scatters = True
        stores.append(Store(lowering.slot(target), space.express(place), value, mode, None, scatters))
    return stores
