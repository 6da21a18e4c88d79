"""Scans: a running value along a parallel axis, kept on the stack from one turn of its loop to the next.

The scan's axis is the innermost of the axes that it varies with, and runs in order in one thread. Where it is the lane axis, the
running values of a vector are found in log₂(lanes) steps (W. Hillis and G. Steele, "Data parallel algorithms", 1986), and the
value before it joins them all, so that one turn waits for the other by a single operation. Sums and products of float32 run in
float64 and round at each element, as PyTorch's cumsum does; half types run in float32. May import the builder and
`codegen.llvm`'s expression parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from flambeau.codegen.llvm import elementwise
from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.loops.reductions import lowest
from flambeau.codegen.llvm.types import Value, constant, lanes_of, vector, zero
from flambeau.codegen.llvm.values import is_half, literal, register_type, round_to
from flambeau.dtypes import bool_, dtype, float32, float64
from flambeau.kernels.ir import Expr

if TYPE_CHECKING:
    from flambeau.codegen.llvm.loops.evaluate import Evaluator

__all__ = ["find", "begin", "advance"]


def find(roots: Sequence[Expr], axis: int) -> list[Expr]:
    """Every scan along the axis in these expressions."""
    found: list[Expr] = []
    seen: set[Expr] = set()
    stack = list(roots)
    while stack:
        e = stack.pop()
        if e in seen:
            continue
        seen.add(e)
        stack.extend(e.args)
        if e.op == "scan" and e.param[1] == axis:
            found.append(e)
    return found


def _running_type(e: Expr) -> dtype:
    source = e.args[0].dtype
    return float64 if source is float32 and e.param[0] in ("sum", "prod") else source


def begin(ev: Evaluator, e: Expr) -> None:
    """Sets up the running value, where the scan's loop is about to start."""
    kind = e.param[0]
    type = _running_type(e)
    lanes = ev.lanes if ev.varies(e) else 1
    element = register_type(type)
    first = _neutral(kind, type)
    element = "i8" if element == "i1" else element
    cells = [_cell(ev, element, lanes, first)]
    if kind.startswith("arg"):
        cells.append(_cell(ev, "i64", lanes, constant("i64", 0)))
    ev.running[e] = cells


def _cell(ev: Evaluator, element: str, lanes: int, first: Value) -> Value:
    f = ev.f
    if first.type == "i1":
        first = f.cast("zext", first, "i8")
    cell = f.alloca(element, lanes)
    f.store(f.splat(first, lanes), cell)
    return cell


def advance(ev: Evaluator, e: Expr) -> Value:
    """The running value with this position's element taken in."""
    f = ev.f
    kind, axis = e.param
    source, type = e.args[0].dtype, _running_type(e)
    cells = ev.running[e]
    lanes = ev.lanes if ev.varies(e) else 1
    x = ev.evaluate(e.args[0])
    if lanes > 1:
        x = ev.spread(x)
    register = register_type(type)
    if type is not source:
        x = f.cast("fpext", x, "double")
    along = ev.lane == axis
    before = f.load(vector("i8" if type is bool_ else register, 1 if along else lanes), cells[0])
    if type is bool_:
        before = f.test("icmp ne", before, zero(before.type))
    op = {"sum": "add", "prod": "mul"}.get(kind) or ("maximum" if kind in ("max", "argmax") else "minimum")

    def combined(a: Value, b: Value) -> Value:
        return elementwise.emit(f, op, [a, b], type, [type, type])

    if kind.startswith("arg"):
        return _place(ev, e, x, before, combined)
    if along:
        after = combined(f.splat(before, lanes), _prefixes(f, x, combined, _neutral(kind, type)))
        _keep(ev, f.extract(after, lanes - 1), cells[0])
    else:
        after = combined(before, x)
        _keep(ev, after, cells[0])
    if type is not source:
        return f.cast("fptrunc", after, "float")
    return round_to(f, after, source) if is_half(source) and kind in ("sum", "prod") else after


def _neutral(kind: str, type: dtype) -> Value:
    start = {"sum": 0, "prod": 1}.get(kind)
    return literal(type, start) if start is not None else lowest(type, "max" if kind in ("max", "argmax") else "min")


def _prefixes(f: Function, x: Value, combined: Callable[[Value, Value], Value], neutral: Value) -> Value:
    """In each lane, all lanes up to it combined."""
    lanes, step = lanes_of(x.type), 1
    nothing = f.splat(neutral, lanes)
    while step < lanes:
        x = combined(f.shuffle(x, nothing, [i - step if i >= step else lanes + i for i in range(lanes)]), x)
        step *= 2
    return x


def _place(ev: Evaluator, e: Expr, x: Value, before: Value, combined: Callable[[Value, Value], Value]) -> Value:
    """The last position of the running extremum."""
    f = ev.f
    kind, axis = e.param
    type = e.args[0].dtype
    value_cell, place_cell = ev.running[e]
    along = ev.lane == axis
    lanes = ev.lanes if ev.varies(e) else 1
    if along:
        best = combined(f.splat(before, lanes), _prefixes(f, x, combined, _neutral(kind, type)))
    else:
        best = before
    # NaN isn't less than anything, and follows nothing but NaN
    if type.category == 2:
        taken = f.binary("or", f.test("fcmp oge" if kind == "argmax" else "fcmp ole", x, best), f.test("fcmp uno", x, x))
    else:
        sign = "s" if type.is_signed and type is not bool_ else "u"
        taken = f.test(f"icmp {sign}{'ge' if kind == 'argmax' else 'le'}", x, best)
    here = f.integer(ev.axes[axis])
    if not along:  # from one turn to the next there is but a comparison and a selection
        _keep(ev, f.select(taken, x, before), value_cell)
        place = f.select(taken, f.splat(here, lanes), f.load(vector("i64", lanes), place_cell))
        f.store(place, place_cell)
        return place
    _keep(ev, f.extract(best, lanes - 1), value_cell)
    none = constant("i32", -1)
    found = f.select(taken, f.steps(lanes, "i32"), f.splat(none, lanes))
    found = _prefixes(f, found, lambda a, b: f.select(f.test("icmp sgt", a, b), a, b), none)
    held = f.splat(f.load("i64", place_cell), lanes)
    own = f.binary("add", f.splat(here, lanes), f.cast("sext", found, "i64"))
    place = f.select(f.test("icmp sge", found, zero(found.type)), own, held)
    f.store(f.extract(place, lanes - 1), place_cell)
    return place


def _keep(ev: Evaluator, value: Value, cell: Value) -> None:
    if (lanes_of(value.type) == 1 and value.type == "i1") or value.type.endswith("x i1>"):
        value = ev.f.cast("zext", value, "i8")
    ev.f.store(value, cell)
