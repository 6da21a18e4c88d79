"""Scans: a running value along a parallel axis, kept on the stack from one turn of its loop to the next.

The scan's axis is the innermost of the axes that it varies with, and runs in order in one thread. Sums and products of
float32 run in float64 and round at each element, as PyTorch's cumsum does; half types run in float32. May import the
builder and `codegen.llvm`'s expression parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flambeau.codegen.llvm import elementwise
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
    start = {"sum": 0, "prod": 1}.get(kind)
    first = literal(type, start) if start is not None else lowest(type, "max" if kind in ("max", "argmax") else "min")
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
    before = f.load(vector("i8" if type is bool_ else register, lanes), cells[0])
    if type is bool_:
        before = f.test("icmp ne", before, zero(before.type))
    if kind in ("sum", "prod"):
        after = elementwise.emit(f, "add" if kind == "sum" else "mul", [before, x], type, [type, type])
        _keep(ev, after, cells[0])
        if type is not source:
            return f.cast("fptrunc", after, "float")
        return round_to(f, after, source) if is_half(source) else after
    op = "maximum" if kind in ("max", "argmax") else "minimum"
    after = elementwise.emit(f, op, [before, x], type, [type, type])
    _keep(ev, after, cells[0])
    if not kind.startswith("arg"):
        return after
    if type.category == 2:
        same = f.binary("or", f.test("fcmp oeq", x, after), f.test("fcmp uno", x, x))
    else:
        same = f.test("icmp eq", x, after)
    held = f.load(vector("i64", lanes), cells[1])
    here = f.splat(f.integer(ev.axes[axis]), lanes)
    place = f.select(same, here, held)
    f.store(place, cells[1])
    return place


def _keep(ev: Evaluator, value: Value, cell: Value) -> None:
    if (lanes_of(value.type) == 1 and value.type == "i1") or value.type.endswith("x i1>"):
        value = ev.f.cast("zext", value, "i8")
    ev.f.store(value, cell)
