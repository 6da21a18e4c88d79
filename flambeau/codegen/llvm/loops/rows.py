"""Values of a row that a pass over it computes and a later pass needs again: kept in memory instead, a row for each thread.

A softmax sums exp(x - max) over a row, then divides each of those by the sum. Where both passes compute the same dear expression,
`keep_rows` puts `keep` around it in the first and `kept` in its place in the second:

- `keep[slot](value, axis, length)` is the value, and puts it into the thread's row at the axis' position;
- `kept[slot](axis, reduction, length)` is what the pass that computed `reduction` put there.

The rows are scratch memory, one slot each after the kernel's own. May import `flambeau.kernels`, `flambeau.dtypes` and its
neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from flambeau.codegen.llvm.indices import Indices
from flambeau.codegen.llvm.loops.phases import substitute
from flambeau.codegen.llvm.loops.schedule import Schedule, reductions_of, roots
from flambeau.codegen.llvm.mathematics import is_function
from flambeau.codegen.llvm.types import Value, vector
from flambeau.codegen.llvm.values import is_half, memory_type
from flambeau.dtypes import dtype, float32, int64
from flambeau.kernels.ir import Expr, LoopKernel, Slot, Store
from flambeau.kernels.traverse import walk
from flambeau.traced import LEAST, whole

if TYPE_CHECKING:
    from flambeau.codegen.llvm.loops.evaluate import Evaluator

__all__ = ["keep", "keep_rows", "kept", "with_memory"]

_LONGEST = 1 << 14
"""Longer rows don't stay in the cache; those below `LEAST` are written out, and kept in registers."""
_MOST = 4
"""Rows of one kernel."""
_MARGIN = 128
"""Elements behind a row that the last vector may cover."""
_MARK = -1
"""The number of the axis that stands for the row's in expressions that are compared."""


def keep_rows(kernel: LoopKernel, indices: Indices) -> LoopKernel:
    """The kernel with what its passes have in common kept. The rows' slots get their size by `with_memory`."""
    for _ in range(_MOST):
        found = _common(kernel, indices)
        if found is None:
            break
        kernel = _replaced(kernel, *found)
    return kernel


def with_memory(kernel: LoopKernel, schedule: Schedule, threads: int) -> LoopKernel:
    """The kernel with rows for all threads: as many values at each position as the lanes of a schedule that computes several
    rows at once."""
    slots = list(kernel.slots)
    for e in walk([r for s in kernel.stores for r in roots(s)]):
        if e.op == "keep":
            lanes = schedule.lanes if schedule.lane in e.axes - {e.args[1].param} else 1
            slots[e.param] = Slot(slots[e.param].dtype, threads * whole(e.args[2].param) * lanes, "inout")
    return replace(kernel, slots=tuple(slots))


def keep(ev: Evaluator, e: Expr) -> Value:
    """The value of a `keep`, which is stored in the row."""
    value = ev.evaluate(e.args[0])
    ev.f.store(value, _place(ev, e, e.args[1]))
    return value


def kept(ev: Evaluator, e: Expr) -> Value:
    """The value of a `kept`."""
    element = memory_type(ev.slots[e.param].dtype)
    return ev.f.load(vector(element, ev.lanes if ev.varies(e) else 1), _place(ev, e, e.args[0]))


def _place(ev: Evaluator, e: Expr, axis: Expr) -> Value:
    """Where the row's element at the axis' position is, or those of all rows in the lanes."""
    f = ev.f
    lanes = ev.lanes if ev.varies(e) and ev.lane != axis.param else 1
    element = memory_type(ev.slots[e.param].dtype)
    row = f.mul(f.mul(f.parameters[1], ev.evaluate(e.args[2])), lanes)
    start = f.address(ev.pointers[e.param], row, element)
    return f.address(start, f.mul(ev.axes[axis.param], lanes), element)


def _common(kernel: LoopKernel, indices: Indices) -> tuple[Expr, Expr, int, Expr, int] | None:
    """(reduction, expression of its body and its axis, the same outside of reductions and its axis)."""
    for r in reductions_of(kernel):
        bound = r.param[1]
        if len(bound) != 1 or not LEAST <= bound[0][1] <= _LONGEST or not any(is_function(e.op) for e in walk(r.args)):
            continue
        ((axis, length),) = bound
        for other, extent in enumerate(kernel.axes):
            if extent != length or other in r.axes:
                continue
            there = {
                _canonical(e, other, indices): e
                for s in kernel.stores
                for e in _outside(s.value)
                if e.axes == r.axes | {other} and _is_dear(e)
            }
            for e in _outside(r.args[0]):
                if e.axes == r.axes | {axis} and _is_dear(e):
                    same = there.get(_canonical(e, axis, indices))
                    if same is not None:
                        return r, e, axis, same, other
    return None


def _is_dear(e: Expr) -> bool:
    return e.op not in ("keep", "kept") and e.dtype.category == 2 and any(is_function(x.op) for x in _outside(e))


def _outside(e: Expr) -> Iterator[Expr]:
    """The expression and what it is made of, outermost first, but not the bodies of reductions."""
    seen = set()
    stack = [e]
    while stack:
        x = stack.pop()
        if x not in seen:
            seen.add(x)
            yield x
            if x.op not in ("reduce", "kept"):
                stack.extend(reversed(x.args))


def _canonical(e: Expr, axis: int, indices: Indices) -> Expr:
    """The expression with the mark for the axis, and indices written in one way."""
    mark = {Expr("axis", (), int64, axis): Expr("axis", (), int64, _MARK)}
    for x in _outside(e):
        if x.op == "load" and axis in x.args[0].axes:
            linear = indices.linear(x.args[0])
            terms = sorted(((substitute(t, mark), c) for t, c in linear.terms), key=repr)
            place = Expr("literal", (), int64, linear.constant)
            for t, c in terms:
                place = Expr("add", (place, Expr("mul", (t, Expr("literal", (), int64, c)), int64)), int64)
            mark[x] = Expr("load", (place, *(substitute(a, mark) for a in x.args[1:])), x.dtype, x.param)
    return substitute(e, mark)


def _replaced(kernel: LoopKernel, r: Expr, e: Expr, axis: int, same: Expr, other: int) -> LoopKernel:
    slot = len(kernel.slots)
    type: dtype = float32 if is_half(e.dtype) else e.dtype
    ((_, length),) = r.param[1]
    row = Expr("literal", (), int64, length + _MARGIN)
    put = Expr("keep", (e, Expr("axis", (), int64, axis), row), e.dtype, slot)
    first = Expr("reduce", (substitute(r.args[0], {e: put}),), r.dtype, r.param)
    again = Expr("kept", (Expr("axis", (), int64, other), first, row), e.dtype, slot)
    changes = {r: first, same: again}
    stores = tuple(
        Store(
            s.slot, substitute(s.index, changes), substitute(s.value, changes), s.mode,
            None if s.guard is None else substitute(s.guard, changes), s.is_scatter,
        )
        for s in kernel.stores
    )  # fmt: skip
    return LoopKernel(kernel.axes, (*kernel.slots, Slot(type, 0, "inout")), stores)
