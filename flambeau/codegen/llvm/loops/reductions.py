"""Reduce expressions: inner loops that carry accumulators.

Where the value is a vector of the enclosing loop's lanes, each lane accumulates its own. Else neighbours along one of the
reduction's own axes share a vector: partial results in every lane, combined pairwise at the end. Long float sums are taken in
blocks of a few hundred terms, and the blocks are summed in float64: the error does not grow with the length. May import the
builder and `codegen.llvm`'s expression parts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
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

    @property
    def width(self) -> int:
        """How many values it carries."""
        return 2 if self.kind.startswith("arg") else 1

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
    if ev.lane is not None and any(ev.varies(e) for e in group):
        return _Pass(ev, group, None, ev.lanes).values()
    axis = own_lane(ev, group)
    lanes = 1
    if ev.target.vector_bits < 128:
        axis = None
    if axis is not None:
        extent = dict(group[0].param[1])[axis]
        lanes = fitting(natural_lanes(ev, group), extent)
        if extent >= 8 * lanes:
            lanes *= 4
    with ev.in_lanes(None, 1, True):
        return _Pass(ev, group, axis, lanes).values()


class _Pass:
    """The loops over the axes of some reductions. Their turns carry what the accumulators hold, those of all reductions in one
    list.

    `lane` is the reductions' own axis whose neighbours share a vector of `lanes`; it is the innermost loop. Where it is None each
    lane, if there are several, is one of the enclosing loop and has results of its own.
    """

    def __init__(self, ev: Evaluator, group: Sequence[Expr], lane: int | None, lanes: int) -> None:
        self.ev, self.f, self.group, self.lane, self.lanes = ev, ev.f, group, lane, lanes
        self.bodies = [e.args[0] for e in group]
        self.parts = [_Accumulator(ev.f, e, lanes) for e in group]
        self.axes = sorted(group[0].param[1], key=lambda item: item[0] == lane)
        turns = [-(-highest(extent) // lanes) if axis == lane else highest(extent) for axis, extent in self.axes]
        self.inner = [math.prod(turns[depth:]) for depth in range(len(turns) + 1)]
        """How many turns there are from each depth inward."""
        self.unrolled = min(_UNROLLED, _UNROLLED_BODY // sum(weight(e.op) for e in walk(self.bodies)))
        self.is_blocked = any(p.is_long_sum for p in self.parts) and self.inner[0] > 2 * _BLOCK

    def values(self) -> list[Value]:
        """The reductions' values."""
        if math.prod(extent for _, extent in self.axes) == 0:
            carried = self._start()
        elif self.is_blocked:
            carried = self._add_blocks(0, [v for p in self.parts for v in p.start_total()])
        else:
            carried = self._loop(0, self._start())
        return [self._result(part, values) for part, values in zip(self.parts, self._split(carried), strict=True)]

    def _result(self, part: _Accumulator, values: list[Value]) -> Value:
        if self.lane is not None and self.lanes > 1:
            if part.is_long_sum and register_type(part.type) == "float" and not self.is_blocked:
                values = [self.f.cast("fpext", values[0], "double")]
            values = part.fold(values)
        return part.finish(values)

    # --- what is carried

    def _start(self) -> list[Value]:
        return [v for p in self.parts for v in p.start()]

    def _split(self, carried: Sequence[Value]) -> list[list[Value]]:
        """What each accumulator holds."""
        values = iter(carried)
        return [[next(values) for _ in range(p.width)] for p in self.parts]

    def _add_block(self, total: Sequence[Value], block: Sequence[Value]) -> list[Value]:
        each = zip(self.parts, self._split(total), self._split(block), strict=True)
        return [v for part, t, b in each for v in part.add_block(t, b)]

    def _take(self, carried: Sequence[Value], mask: bool | Value) -> list[Value]:
        """The bodies' values at this place, or one in each lane, taken in."""
        ev = self.ev
        ev.hoist(self.bodies)
        result: list[Value] = []
        for part, e, body, values in zip(self.parts, self.group, self.bodies, self._split(carried), strict=True):
            x = ev.evaluate(body)
            if self.lanes > 1 and lanes_of(x.type) == 1:
                x = self.f.splat(x, self.lanes)
            result += part.take(values, x, partial(_place, ev, e), mask)
        return result

    # --- loops

    def _loop(self, depth: int, carried: Sequence[Value]) -> list[Value]:
        """Loops `depth` and inward."""
        if depth == len(self.axes):
            return self._take(carried, True)
        f = self.f
        axis, extent = self.axes[depth]
        low, high = _limits(self.ev, axis, extent)
        if axis == self.lane:
            whole = _whole(f, low, high, self.lanes)
            carried = self._vectors(carried, low, whole)
            return self._with_rest(carried, whole, high, lambda: self._rest(carried, whole, high))

        def turn(i: Int, c: list[Value]) -> list[Value]:
            with self.ev.bound(axis, i):
                self.ev.hoist(self.bodies)
                return self._loop(depth + 1, c)

        if isinstance(low, int) and isinstance(high, int) and 0 < (high - low) * self.inner[depth + 1] <= self.unrolled:
            for i in range(low, high):
                carried = turn(i, list(carried))
            return list(carried)
        return f.loop(low, high, 1, turn, carried)

    def _vectors(self, carried: Sequence[Value], low: Int, high: Int) -> list[Value]:
        """The turns of all lanes."""
        assert self.lane is not None
        lane = self.lane

        def turn(i: Int, c: list[Value]) -> list[Value]:
            with self.ev.bound(lane, i), self.ev.in_lanes(lane, self.lanes, True):
                return self._take(c, True)

        return self.f.loop(low, high, self.lanes, turn, carried)

    def _rest(self, carried: Sequence[Value], low: Int, high: Int) -> list[Value]:
        """The last turn, of fewer lanes."""
        assert self.lane is not None
        mask = self.f.lane_mask(0, self.f.sub(high, low), self.lanes)
        with self.ev.bound(self.lane, low), self.ev.in_lanes(self.lane, self.lanes, mask):
            return self._take(carried, mask)

    def _with_rest(self, carried: Sequence[Value], whole: Int, high: Int, rest: Callable[[], list[Value]]) -> list[Value]:
        """`rest()` where the turns of all lanes, which end at `whole`, leave some of the axis; else what is carried."""
        if isinstance(whole, int) and isinstance(high, int):
            return rest() if whole < high else list(carried)
        return self.f.choose(self.f.compare("slt", whole, high), rest, lambda: list(carried))

    # --- blocks

    @property
    def _block_depth(self) -> int:
        """The loops from here inward are at most one block's."""
        return next(depth for depth, turns in enumerate(self.inner) if turns <= _BLOCK)

    def _add_blocks(self, depth: int, total: Sequence[Value]) -> list[Value]:
        """Loops `depth` and inward, into totals: those of a block start from nothing, the loop just outside of them runs in
        blocks, and those further out add blocks."""
        axis, extent = self.axes[depth]
        if depth == self._block_depth - 1:
            return self._in_blocks(axis, extent, total)
        low, high = _limits(self.ev, axis, extent)

        def turn(i: Int, t: list[Value]) -> list[Value]:
            with self.ev.bound(axis, i):
                return self._add_blocks(depth + 1, t)

        return self.f.loop(low, high, 1, turn, total)

    def _in_blocks(self, axis: int, extent: int, total: Sequence[Value]) -> list[Value]:
        f, depth = self.f, self._block_depth
        low, high = _limits(self.ev, axis, extent)
        step = max(1, _BLOCK // self.inner[depth]) * (self.lanes if axis == self.lane else 1)
        whole = _whole(f, low, high, self.lanes) if axis == self.lane else high

        def block(i: Int, t: list[Value]) -> list[Value]:
            end = f.minimum(f.add(i, step), whole)
            if axis == self.lane:
                return self._add_block(t, self._vectors(self._start(), i, end))

            def turn(j: Int, c: list[Value]) -> list[Value]:
                with self.ev.bound(axis, j):
                    self.ev.hoist(self.bodies)
                    return self._loop(depth, c)

            return self._add_block(t, f.loop(i, end, 1, turn, self._start(), nonempty=True))

        total = f.loop(low, whole, step, block, total)
        if axis != self.lane:
            return total
        return self._with_rest(total, whole, high, lambda: self._add_block(total, self._rest(self._start(), whole, high)))


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
