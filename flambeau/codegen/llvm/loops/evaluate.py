"""`Evaluator`: the value of an expression at a place in a loop nest, computed once per place.

Axes are bound to numbers as loops open. One axis at a time may be the *lane* axis: an expression that varies with it is a
vector whose lane i holds the value at that axis' position base + i; all others are scalars. `mask` tells which lanes are real
(a loop's last turn may have fewer). Values are remembered in scopes that follow the loops, so that what an outer loop knows
is not computed again inside: `hoist` computes, where an axis was just bound, everything that needs no other. May import
`flambeau.kernels`, `flambeau.dtypes`, `flambeau.traced` and its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from flambeau.codegen.llvm import elementwise
from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.errors import Errors
from flambeau.codegen.llvm.indices import Indices, Linear
from flambeau.codegen.llvm.loops import memory, philox, reductions, rows, scans
from flambeau.codegen.llvm.loops.sizes import Sizes
from flambeau.codegen.llvm.target import Target
from flambeau.codegen.llvm.types import Int, Value, constant, element_of, lanes_of
from flambeau.codegen.llvm.values import is_half, literal, round_to
from flambeau.dtypes import int64
from flambeau.kernels.ir import Expr, Slot
from flambeau.traced import Traced

__all__ = ["Evaluator"]

_RELATIONS = {"eq": "eq", "ne": "ne", "lt": "slt", "le": "sle", "gt": "sgt", "ge": "sge"}


def is_size(e: Expr) -> bool:
    """Whether the number is an argument of the code: positive, and the same throughout."""
    return e.op == "size" or (e.op == "literal" and isinstance(e.param, Traced))


class Evaluator:
    """Builds expressions' values in `f`.

    `pointers` are the slots' addresses; `limits` gives the number of turns of reduce axes for which it varies.
    """

    def __init__(
        self,
        f: Function,
        target: Target,
        slots: Sequence[Slot],
        pointers: Sequence[Value],
        indices: Indices,
        errors: Errors,
        sizes: Sizes | None = None,
        limits: Mapping[int, Expr] | None = None,
    ) -> None:
        self.f, self.target, self.slots, self.pointers = f, target, slots, pointers
        self.indices, self.errors, self.sizes, self.limits = indices, errors, sizes or Sizes(f, 0), limits or {}
        self.axes: dict[int, Int] = {}
        self.lane: int | None = None
        self.lanes = 1
        self.mask: bool | Value = True
        self.known: list[dict[Expr, Value]] = [{}]
        self.running: dict[Expr, list[Value]] = {}
        """Where scans in progress keep their running values: stack addresses."""

    # --- scopes

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Values computed inside are forgotten at the end: use one for every loop body and branch."""
        self.known.append({})
        yield
        self.known.pop()

    @contextmanager
    def bound(self, axis: int, value: Int) -> Iterator[None]:
        """A scope in which the axis has that value."""
        self.axes[axis] = value
        with self.scope():
            yield
        del self.axes[axis]

    @contextmanager
    def in_lanes(self, axis: int | None, lanes: int, mask: bool | Value) -> Iterator[None]:
        """Makes an axis (None: no axis) the lane axis."""
        before = self.lane, self.lanes, self.mask
        self.lane, self.lanes, self.mask = (axis, lanes, mask) if lanes > 1 else (None, 1, True)
        yield
        self.lane, self.lanes, self.mask = before

    def varies(self, e: Expr) -> bool:
        """Whether the expression is a vector here."""
        return self.lane is not None and self.lane in e.axes

    def is_bound(self, e: Expr) -> bool:
        return all(axis in self.axes for axis in e.axes)

    def lookup(self, e: Expr) -> Value | None:
        for values in reversed(self.known):
            if e in values:
                return values[e]
        return None

    def remember(self, e: Expr, value: Value) -> None:
        self.known[-1][e] = value

    # --- values

    def evaluate(self, e: Expr) -> Value:
        """The expression's value: a scalar, or a vector where it varies with the lane axis."""
        found = self.lookup(e)
        if found is None:
            for inner in self._pending(e):
                if self.lookup(inner) is None:
                    self.remember(inner, self._compute(inner))
            found = self.lookup(e)
            assert found is not None
        return found

    def _pending(self, e: Expr) -> list[Expr]:
        """The expression and its operands that have no value yet, operands first. Iterative: expressions may be deep."""
        order: list[Expr] = []
        seen: set[Expr] = set()
        stack: list[tuple[Expr, bool]] = [(e, False)]
        while stack:
            x, is_done = stack.pop()
            if is_done:
                order.append(x)
            elif x not in seen:
                seen.add(x)
                if self.lookup(x) is None:
                    stack.append((x, True))
                    stack.extend((a, False) for a in reversed(self._operands(x)))
        return order

    def _operands(self, e: Expr) -> tuple[Expr, ...]:
        """What must be known before the expression can be built: the parts of an index rather than the index itself."""
        if e.op == "load":
            parts = [t for t, _ in self.indices.linear(e.args[0]).terms if t.op != "axis"]
            return (*parts, *e.args[1:])
        if e.op == "reduce":
            return ()
        if e.op == "philox":
            return e.args[:2]
        if e.op in _RELATIONS and e.args[0].dtype is int64 and self.varies(e):
            apart = self.indices.linear(e.args[0]).minus(self.indices.linear(e.args[1]))
            if self.lane is not None and apart.is_affine_in(self.lane):
                return tuple(t for t, _ in apart.terms if t.op != "axis")
        return e.args

    def wide(self, e: Expr) -> Value:
        """The value with all lanes, even where it is the same in each."""
        return self.spread(self.evaluate(e))

    def spread(self, value: Value) -> Value:
        """A scalar in every lane; vectors as they are."""
        if self.lanes == 1 or lanes_of(value.type) == self.lanes:
            return value
        return self.f.splat(value, self.lanes)

    def position(self, s: Linear, without: int | None = None) -> Int:
        """A sum's scalar part: its terms that don't vary with the lane axis, and the lane axis at its base.

        The axis `without` is left out.
        """
        total: Int = s.constant
        for term, c in s.terms:
            if term.op == "axis":
                if term.param != without:
                    total = self.f.add(total, self.f.mul(self.axes[term.param], c))
            elif not self.varies(term):
                total = self.f.add(total, self.f.mul(self.evaluate(term), c))
        return total

    def places(self, s: Linear) -> Value:
        """A sum in every lane, as a vector of i64."""
        f = self.f
        total = f.splat(f.integer(self.position(s)), self.lanes)
        step = s.coefficient(self.lane) if self.lane is not None else 0
        if step:
            total = f.binary("add", total, f.steps(self.lanes, "i64", step))
        for term, c in s.terms:
            if term.op != "axis" and self.varies(term):
                part = self.evaluate(term)
                total = f.binary("add", total, part if c == 1 else f.binary("mul", part, f.filled(part.type, c)))
        return total

    def _compute(self, e: Expr) -> Value:
        f = self.f
        if e.op == "axis":
            base = f.integer(self.axes[e.param])
            if e.param != self.lane:
                return base
            return f.binary("add", f.splat(base, self.lanes), f.steps(self.lanes))
        if e.op == "literal":
            return f.integer(e.param) if isinstance(e.param, Traced) else literal(e.dtype, e.param)
        if e.op == "size":
            return f.integer(self.sizes.value(e.param))
        if e.op == "load":
            return memory.load(self, e)
        if e.op == "reduce":
            return reductions.evaluate(self, [e])[0]
        if e.op == "scan":
            return scans.advance(self, e)
        if e.op == "philox":
            return philox.words(self, e)
        if e.op == "check":
            return self._checked(e)
        if e.op == "keep":
            return rows.keep(self, e)
        if e.op == "kept":
            return rows.kept(self, e)
        return self._elementwise(e)

    def _elementwise(self, e: Expr) -> Value:
        f = self.f
        if e.op in _RELATIONS and self.varies(e) and e.args[0].dtype is int64:
            compared = self._compare_places(e)
            if compared is not None:
                return compared
        if e.op in ("floor_divide", "remainder") and is_size(e.args[1]):
            divided = self._divided_by_size(e)
            if divided is not None:
                return divided
        operands = [self.evaluate(a) for a in e.args]
        if self.varies(e):
            operands = [self.spread(v) for v in operands]
        if e.divides_integers and not is_size(e.args[1]):
            operands[1] = self._safe_divisor(operands[1])
        result = elementwise.emit(f, e.op, operands, e.dtype, [a.dtype for a in e.args])
        rounds = is_half(e.dtype) and e.op not in ("cast", "bitcast") and not elementwise.is_exact(e.op)
        return round_to(f, result, e.dtype) if rounds else result

    def _compare_places(self, e: Expr) -> Value | None:
        """A comparison of positions of which one moves along the lanes by constant steps: the steps against one number, in
        32 bits."""
        apart = self.indices.linear(e.args[0]).minus(self.indices.linear(e.args[1]))
        assert self.lane is not None
        low, high = self.indices.bounds(apart)
        step = apart.coefficient(self.lane)
        if not apart.is_affine_in(self.lane) or max(-low, high) + abs(step) * self.lanes >= 1 << 31:
            return None
        f = self.f
        bound = f.cast("trunc", f.integer(f.sub(0, self.position(apart))), "i32")
        return f.test(f"icmp {_RELATIONS[e.op]}", f.steps(self.lanes, "i32", step), f.splat(bound, self.lanes))

    def _divided_by_size(self, e: Expr) -> Value | None:
        """A position's quotient or remainder by a size, in lanes: through float64, whose rounded quotients have the right whole
        part below 2^52 (the next multiple is further away than half a step of the numbers there)."""
        low, high = self.indices.range(e.args[0])
        if not self.varies(e) or low < 0 or high >= 1 << 52:
            return None
        f = self.f
        x, divisor = self.wide(e.args[0]), self.evaluate(e.args[1])
        narrow = f.cast("trunc", x, "i32") if high < 1 << 31 else x
        floats = f.splat(f.cast("sitofp", divisor, "double"), self.lanes)
        quotient = f.cast("fptosi", f.binary("fdiv", f.cast("sitofp", narrow, "double"), floats), element_of(narrow.type))
        if narrow is not x:
            quotient = f.cast("zext", quotient, "i64")
        if e.op == "floor_divide":
            return quotient
        return f.binary("sub", x, f.binary("mul", quotient, f.splat(divisor, self.lanes)))

    def _safe_divisor(self, divisor: Value) -> Value:
        """The divisor, with zeros reported and replaced by one."""
        f = self.f
        is_zero = f.test("icmp eq", divisor, constant(divisor.type, 0))
        self.errors.report(self._real(is_zero), f.integer(0), "RuntimeError", "ZeroDivisionError")
        return f.select(is_zero, constant(divisor.type, 1), divisor)

    def _real(self, condition: Value) -> Value:
        """The condition in lanes that are real."""
        if lanes_of(condition.type) == 1:
            return condition
        if isinstance(self.mask, bool):
            return condition if self.mask else constant(condition.type, 0)
        return self.f.both(condition, self.mask)

    def _checked(self, e: Expr) -> Value:
        """A position made non-negative; one outside is reported and becomes 0."""
        f = self.f
        index = self.evaluate(e.args[0])
        size = f.splat(self.evaluate(e.args[1]), lanes_of(index.type))
        wrapped = index
        if e.param.from_end:
            negative = f.test("icmp slt", index, constant(index.type, 0))
            wrapped = f.select(negative, f.binary("add", index, size), index)
        outside = f.test("icmp uge", wrapped, size)
        text = e.param.text.replace("{size}", str(e.args[1].param))
        self.errors.report(self._real(outside), index, e.param.exception, text)
        return f.select(outside, constant(index.type, 0), wrapped)

    # --- hoisting

    def hoist(self, roots: Sequence[Expr]) -> None:
        """Computes every part of `roots` whose axes are all bound, reductions over the same axes together."""
        ready: list[Expr] = []
        seen: set[Expr] = set()
        stack = list(reversed(roots))
        while stack:
            e = stack.pop()
            if e in seen or e.op in ("axis", "literal", "size"):
                continue
            seen.add(e)
            if self.lookup(e) is not None:
                continue
            if self.is_bound(e):
                ready.append(e)
            elif e.op == "reduce":
                stack.append(e.args[0])
            else:
                stack.extend(reversed(self._operands(e)))
        for group in self._ready_reductions(ready):
            for r, value in zip(group, reductions.evaluate(self, group), strict=True):
                self.remember(r, value)
        for e in ready:
            self.evaluate(e)

    def _ready_reductions(self, ready: Sequence[Expr]) -> list[list[Expr]]:
        """The reductions in these expressions that can be computed now, those that others need first, in groups over the
        same axes that don't need one another."""
        depth: dict[Expr, int] = {}
        stack: list[tuple[Expr, bool]] = [(e, False) for e in reversed(ready)]
        while stack:
            e, is_done = stack.pop()
            if is_done:
                below = max((depth[a] for a in e.args), default=0)
                depth[e] = below + (e.op == "reduce" and self.is_bound(e))
            elif e not in depth:
                if self.lookup(e) is not None:
                    depth[e] = 0
                    continue
                stack.append((e, True))
                stack.extend((a, False) for a in e.args)
        groups: dict[tuple[object, ...], list[Expr]] = {}
        for e in depth:
            if e.op == "reduce" and self.is_bound(e) and self.lookup(e) is None:
                key = (depth[e], tuple(sorted(e.param[1])), self.varies(e))
                groups.setdefault(key, []).append(e)
        return [groups[key] for key in sorted(groups, key=lambda k: k[0])]  # type: ignore[arg-type,return-value]
