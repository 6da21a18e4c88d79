"""Reduce expressions: inner loops that carry accumulators.

Where the value is a vector of the enclosing loop's lanes, each lane accumulates its own. Else neighbours along one of the
reduction's own axes share a vector: partial results in every lane, combined pairwise at the end. Long float sums are taken in
blocks of a few hundred terms, and the blocks are summed in float64: the error does not grow with the length. May import the
builder and `codegen.llvm`'s expression parts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from flambeau.codegen.llvm import elementwise
from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.loops.schedule import SHORT, fitting
from flambeau.codegen.llvm.loops.sizes import highest
from flambeau.codegen.llvm.types import Int, Value, constant, element_of, lanes_of, poison, vector
from flambeau.codegen.llvm.values import is_half, literal, register_type, round_to
from flambeau.dtypes import bool_, dtype
from flambeau.kernels.ir import Expr
from flambeau.kernels.traverse import walk
from flambeau.kernels.weights import weight

if TYPE_CHECKING:
    from flambeau.codegen.llvm.loops.evaluate import Evaluator

__all__ = ["evaluate", "lowest", "own_lane"]

_BLOCK = 128
"""Terms that one float accumulator takes before it is added to the total."""
_UNROLLED = 16
"""Turns of a reduction's loops that are written out one by one."""
_UNROLLED_BODY = 1000
"""What all of them may cost, in units of `weight`."""


def lowest(type: dtype, kind: str) -> Value:
    """The neutral element of `max` (the least value), or of `min`."""
    sign = -1 if kind == "max" else 1
    if type.category == 2:
        return literal(type, sign * math.inf)
    if type is bool_:
        return literal(type, kind == "min")
    bits = 8 * type.itemsize
    if type.is_signed:
        return literal(type, -(1 << (bits - 1)) if sign < 0 else (1 << (bits - 1)) - 1)
    return literal(type, 0 if sign < 0 else (1 << bits) - 1)


class _Accumulator:
    """How one reduction starts, takes in a value, merges two parts and ends. Values are lists: argmax carries two."""

    def __init__(self, f: Function, e: Expr, lanes: int) -> None:
        self.f, self.e, self.lanes = f, e, lanes
        self.kind: str = e.param[0]
        self.type = e.args[0].dtype
        self.is_long_sum = self.kind == "sum" and self.type.category == 2

    @property
    def neutral(self) -> Value:
        if self.kind in ("sum", "any"):
            return literal(self.type, 0)
        if self.kind in ("prod", "all"):
            return literal(self.type, 1)
        return lowest(self.type, "max" if self.kind in ("max", "argmax") else "min")

    def start(self) -> list[Value]:
        value = self.f.splat(self.neutral, self.lanes)
        if self.kind.startswith("arg"):
            return [value, constant(vector("i64", self.lanes), -1)]
        return [value]

    def start_total(self) -> list[Value]:
        """Where blocks are summed: floats in float64."""
        if self.is_long_sum:
            return [constant(vector("double", self.lanes), 0.0)]
        return self.start()

    def add_block(self, total: list[Value], block: list[Value]) -> list[Value]:
        if self.is_long_sum:
            wide = block[0] if self.type.itemsize == 8 else self.f.cast("fpext", block[0], "double")
            return [self.f.binary("fadd", total[0], wide)]
        return self.merge(total, block)

    def take(self, carried: list[Value], x: Value, position: Callable[[], Value], mask: bool | Value) -> list[Value]:
        """One more value a lane; lanes outside the mask stay as they are."""
        f = self.f
        if self.kind.startswith("arg"):
            return self._take_place(carried, x, position(), mask)
        if isinstance(mask, Value):
            x = f.select(mask, x, f.splat(self.neutral, self.lanes))
        return self.merge(carried, [x])

    def merge(self, a: list[Value], b: list[Value]) -> list[Value]:
        """Two parts as one."""
        f = self.f
        if self.kind.startswith("arg"):
            better = self._is_better(b[0], a[0], b[1], a[1])
            return [f.select(better, b[0], a[0]), f.select(better, b[1], a[1])]
        op = {"sum": "add", "prod": "mul", "max": "maximum", "min": "minimum", "any": "bitwise_or", "all": "bitwise_and"}
        return [elementwise.emit(f, op[self.kind], [a[0], b[0]], self.type, [self.type, self.type])]

    def _take_place(self, carried: list[Value], x: Value, place: Value, mask: bool | Value) -> list[Value]:
        f = self.f
        if lanes_of(place.type) < self.lanes:
            place = f.splat(place, self.lanes)
        better = self._is_better(x, carried[0], place, carried[1])
        if isinstance(mask, Value):
            better = f.both(better, mask)
        return [f.select(better, x, carried[0]), f.select(better, place, carried[1])]

    def _is_better(self, x: Value, best: Value, place: Value, best_place: Value) -> Value:
        """Whether x beats the best so far: NaN beats all, the lower place wins a tie, and place -1 means nothing yet."""
        f = self.f
        relation = "gt" if self.kind == "argmax" else "lt"
        if self.type.category == 2:
            x_nan, best_nan = f.test("fcmp uno", x, x), f.test("fcmp uno", best, best)
            wins = f.binary("and", f.test(f"fcmp u{relation}", x, best), f.test("fcmp ord", best, best))
            equal = f.binary("or", f.test("fcmp oeq", x, best), f.binary("and", x_nan, best_nan))
        else:
            sign = "s" if self.type.is_signed and self.type is not bool_ else "u"
            wins = f.test(f"icmp {sign}{relation}", x, best)
            equal = f.test("icmp eq", x, best)
        none = constant(place.type, -1)
        earlier = f.binary("and", equal, f.test("icmp ult", place, best_place))
        some = f.test("icmp ne", place, none)
        nothing_yet = f.test("icmp eq", best_place, none)
        return f.binary("and", some, f.binary("or", nothing_yet, f.binary("or", wins, earlier)))

    def fold(self, carried: list[Value]) -> list[Value]:
        """All lanes as one, in pairs."""
        f = self.f
        width = self.lanes
        while width > 1:
            half = width // 2
            if half == 1:
                lower, upper = [f.extract(c, 0) for c in carried], [f.extract(c, 1) for c in carried]
            else:
                lower = [f.shuffle(c, poison(c.type), list(range(half))) for c in carried]
                upper = [f.shuffle(c, poison(c.type), [half + i for i in range(half)]) for c in carried]
            carried = self._merge_totals(lower, upper)
            width = half
        return carried

    def _merge_totals(self, a: list[Value], b: list[Value]) -> list[Value]:
        if self.is_long_sum:
            return [self.f.binary("fadd", a[0], b[0])]
        return self.merge(a, b)

    def finish(self, carried: list[Value]) -> Value:
        """The reduction's value in the register form of its dtype."""
        f = self.f
        if self.kind.startswith("arg"):
            return carried[1]
        result = carried[0]
        if self.is_long_sum and element_of(result.type) == "double" and register_type(self.type) == "float":
            result = f.cast("fptrunc", result, "float")
        return round_to(f, result, self.type) if is_half(self.type) else result


def own_lane(ev: Evaluator, group: Sequence[Expr]) -> int | None:
    """The axis of a reduction whose neighbours lie next to each other in memory most often; None if it is short."""
    scores = {axis: 0 for axis, _ in group[0].param[1]}
    for load in loads_of([e.args[0] for e in group]):
        index = ev.indices.linear(load.args[0])
        for axis in scores:
            if axis in load.axes:
                good = index.is_affine_in(axis) and index.coefficient(axis) in (1, -1)
                scores[axis] += 2 if good else -2
    longest = dict(group[0].param[1])
    best = max(scores, key=lambda axis: (scores[axis] * min(longest[axis], 16), longest[axis], axis))
    return best if longest[best] >= SHORT else None


def loads_of(roots: Sequence[Expr]) -> list[Expr]:
    """Every load in these expressions."""
    found, seen, stack = [], set(), list(roots)
    while stack:
        e = stack.pop()
        if e not in seen:
            seen.add(e)
            stack.extend(e.args)
            if e.op == "load":
                found.append(e)
    return found


def natural_lanes(ev: Evaluator, group: Sequence[Expr]) -> int:
    """Lanes of a register for these bodies."""
    widest = min((max(e.args[0].dtype.itemsize, 4) for e in group), default=4)
    return ev.target.lanes(8 * widest)


def evaluate(ev: Evaluator, group: Sequence[Expr]) -> list[Value]:
    """The values of reductions over the same axes, computed in one pass."""
    bodies = [e.args[0] for e in group]
    if ev.lane is not None and any(ev.varies(e) for e in group):
        return _accumulate(ev, group, bodies, None, ev.lanes, True)
    axis = own_lane(ev, group)
    if axis is None or ev.target.vector_bits < 128:
        with ev.in_lanes(None, 1, True):
            return _accumulate(ev, group, bodies, None, 1, False)
    extent = dict(group[0].param[1])[axis]
    lanes = fitting(natural_lanes(ev, group), extent)
    if extent >= 8 * lanes:
        lanes *= 4
    with ev.in_lanes(None, 1, True):
        return _accumulate(ev, group, bodies, axis, lanes, False)


def _accumulate(
    ev: Evaluator, group: Sequence[Expr], bodies: Sequence[Expr], lane: int | None, lanes: int, is_outer: bool
) -> list[Value]:
    f = ev.f
    parts = [_Accumulator(f, e, lanes) for e in group]
    axes = [(axis, extent) for axis, extent in group[0].param[1] if axis != lane]
    if lane is not None:
        axes.append((lane, dict(group[0].param[1])[lane]))
    widths = [len(p.start()) for p in parts]

    def flat(values: Sequence[list[Value]]) -> list[Value]:
        return [v for part in values for v in part]

    def split(values: Sequence[Value]) -> list[list[Value]]:
        result, at = [], 0
        for width in widths:
            result.append(list(values[at : at + width]))
            at += width
        return result

    def take(carried: Sequence[Value], mask: bool | Value) -> list[Value]:
        ev.hoist(bodies)
        result = []
        for part, e, body, values in zip(parts, group, bodies, split(carried), strict=True):
            x = ev.evaluate(body)
            if lanes > 1 and lanes_of(x.type) == 1:
                x = f.splat(x, lanes)
            result.append(part.take(values, x, lambda e=e: _place(ev, e), mask))  # type: ignore[misc]
        return flat(result)

    def add_block(total: Sequence[Value], block: Sequence[Value]) -> list[Value]:
        return flat([p.add_block(t, b) for p, t, b in zip(parts, split(total), split(block), strict=True)])

    def start() -> list[Value]:
        return flat([p.start() for p in parts])

    def lane_turns(carried: Sequence[Value], low: Int, high: Int) -> list[Value]:
        assert lane is not None

        def turn(i: Int, c: list[Value]) -> list[Value]:
            with ev.bound(lane, i), ev.in_lanes(lane, lanes, True):
                return take(c, True)

        return f.loop(low, high, lanes, turn, carried)

    def lane_rest(carried: Sequence[Value], low: Int, high: Int) -> list[Value]:
        """The last turn, of fewer lanes."""
        assert lane is not None
        mask = f.lane_mask(0, f.sub(high, low), lanes)
        with ev.bound(lane, low), ev.in_lanes(lane, lanes, mask):
            return take(carried, mask)

    def loop(depth: int, carried: Sequence[Value]) -> list[Value]:
        """Loops `depth` and inward, into the carried values."""
        if depth == len(axes):
            return take(carried, True)
        axis, extent = axes[depth]
        low, high = _limits(ev, axis, extent)
        if axis == lane:
            whole = _whole(f, low, high, lanes)
            carried = lane_turns(carried, low, whole)
            if isinstance(whole, int) and isinstance(high, int):
                return lane_rest(carried, whole, high) if whole < high else list(carried)
            return f.choose(f.compare("slt", whole, high), lambda: lane_rest(carried, whole, high), lambda: list(carried))

        def turn(i: Int, c: list[Value]) -> list[Value]:
            with ev.bound(axis, i):
                ev.hoist(bodies)
                return loop(depth + 1, c)

        if isinstance(low, int) and isinstance(high, int) and 0 < (high - low) * inner[depth + 1] <= unrolled:
            for i in range(low, high):
                carried = turn(i, list(carried))
            return list(carried)
        return f.loop(low, high, 1, turn, carried)

    turns = [-(-highest(extent) // lanes) if axis == lane else highest(extent) for axis, extent in axes]
    inner = [math.prod(turns[depth:]) for depth in range(len(axes) + 1)]
    unrolled = min(_UNROLLED, _UNROLLED_BODY // sum(weight(e.op) for e in walk(bodies)))
    is_blocked = any(p.is_long_sum for p in parts) and inner[0] > 2 * _BLOCK
    if math.prod(extent for _, extent in axes) == 0:
        carried = start()
    elif not is_blocked:
        carried = loop(0, start())
    else:
        depth = next(d for d in range(len(axes) + 1) if inner[d] <= _BLOCK)
        carried = _in_blocks(ev, axes, lane, lanes, depth, inner, loop, lane_turns, lane_rest, add_block, start, parts)
    results = []
    for part, values in zip(parts, split(carried), strict=True):
        if not is_outer and lanes > 1:
            if part.is_long_sum and register_type(part.type) == "float" and not is_blocked:
                values = [f.cast("fpext", values[0], "double")]
            values = part.fold(values)
        results.append(part.finish(values))
    return results


def _in_blocks(
    ev: Evaluator,
    axes: Sequence[tuple[int, int]],
    lane: int | None,
    lanes: int,
    depth: int,
    inner: Sequence[int],
    loop: Callable[[int, Sequence[Value]], list[Value]],
    lane_turns: Callable[[Sequence[Value], Int, Int], list[Value]],
    lane_rest: Callable[[Sequence[Value], Int, Int], list[Value]],
    add_block: Callable[[Sequence[Value], Sequence[Value]], list[Value]],
    start: Callable[[], list[Value]],
    parts: Sequence[_Accumulator],
) -> list[Value]:
    """Loops from `depth` inward start from nothing; the loop just outside runs in blocks; those further out add blocks."""
    f = ev.f
    block = max(1, _BLOCK // inner[depth])
    axis, extent = axes[depth - 1]

    def blocks(total: Sequence[Value]) -> list[Value]:
        low, high = _limits(ev, axis, extent)
        step = block * (lanes if axis == lane else 1)
        whole = _whole(f, low, high, lanes) if axis == lane else high

        def one_block(i: Int, t: list[Value]) -> list[Value]:
            end = f.minimum(f.add(i, step), whole)
            if axis == lane:
                return add_block(t, lane_turns(start(), i, end))

            def turn(j: Int, c: list[Value]) -> list[Value]:
                with ev.bound(axis, j):
                    ev.hoist([p.e.args[0] for p in parts])
                    return loop(depth, c)

            return add_block(t, f.loop(i, end, 1, turn, start(), nonempty=True))

        total = f.loop(low, whole, step, one_block, total)
        if axis != lane:
            return total
        if isinstance(whole, int) and isinstance(high, int):
            return add_block(total, lane_rest(start(), whole, high)) if whole < high else total
        return f.choose(
            f.compare("slt", whole, high), lambda: add_block(total, lane_rest(start(), whole, high)), lambda: list(total)
        )

    def outer(k: int, total: Sequence[Value]) -> list[Value]:
        if k == depth - 1:
            return blocks(total)
        low, high = _limits(ev, axes[k][0], axes[k][1])

        def turn(i: Int, t: list[Value]) -> list[Value]:
            with ev.bound(axes[k][0], i):
                return outer(k + 1, t)

        return f.loop(low, high, 1, turn, total)

    return outer(0, [v for p in parts for v in p.start_total()])


def _limits(ev: Evaluator, axis: int, extent: int) -> tuple[Int, Int]:
    """The bounds of a reduce axis."""
    part = ev.limits.get(axis)
    return (0, ev.sizes.value(extent)) if part is None else (0, ev.evaluate(part))


def _whole(f: Function, low: Int, high: Int, lanes: int) -> Int:
    """Where the turns of all lanes end."""
    length = f.sub(high, low)
    return f.sub(high, f.rem(length, lanes))


def _place(ev: Evaluator, e: Expr) -> Value:
    """The position within the reduction, counted row-major over its axes (i64, in lanes where they vary)."""
    f = ev.f
    total: Int = 0
    step: Int = 0
    weight: Int = 1
    for axis, extent in reversed(e.param[1]):
        total = f.add(total, f.mul(ev.axes[axis], weight))
        if axis == ev.lane:
            step = weight
        weight = f.mul(weight, ev.sizes.value(extent))
    value = f.integer(total)
    if isinstance(step, Value):
        return f.binary("add", f.splat(value, ev.lanes), f.binary("mul", f.splat(step, ev.lanes), f.steps(ev.lanes)))
    if step:
        value = f.binary("add", f.splat(value, ev.lanes), f.steps(ev.lanes, "i64", step))
    return value
