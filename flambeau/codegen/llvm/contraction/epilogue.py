"""The epilogue: what becomes of a finished sum before it is stored.

May import `flambeau.kernels`, `codegen.llvm` and the contraction's form and elements.
"""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.codegen.llvm import elementwise
from flambeau.codegen.llvm.builder import Function, Int, Value, constant, vector
from flambeau.codegen.llvm.contraction.elements import narrow, position, read
from flambeau.codegen.llvm.contraction.form import Form
from flambeau.codegen.llvm.values import is_half, literal, memory_type, round_to, to_memory
from flambeau.kernels.ir import Expr

__all__ = ["finish", "store"]


def finish(
    f: Function,
    form: Form,
    slots: Sequence[Value],
    total: Value,
    index: Sequence[Int],
    lane_axis: int | None,
    lanes: int,
    count: Int | None = None,
) -> Value:
    """The epilogue's value for the sums `total` at `index`, whose lanes run along `lane_axis`."""
    views = dict(form.loads)
    done: dict[Expr, Value] = {}

    def value(e: Expr) -> Value:
        if e not in done:
            done[e] = compute(e)
        return done[e]

    def compute(e: Expr) -> Value:
        if e.op == "accumulator":
            source = form.a.type
            return total if source.category == 2 else narrow(f, total, source)
        if e.op == "literal":
            return f.splat(literal(e.dtype, e.param), lanes)
        if e.op == "axis":
            offset, terms = form.places[e.param]
            base = f.splat(f.integer(position(f, offset, terms, index)), lanes)
            if lane_axis is None or lanes == 1 or not terms[lane_axis]:
                return base
            return f.binary("add", base, f.steps(lanes, step=terms[lane_axis]))
        if e in views:
            loaded = read(f, slots[e.param], views[e], index, lane_axis, lanes, count)
            return loaded if e.dtype.category == 2 else narrow(f, loaded, e.dtype)
        if elementwise.divisor_is_unsafe(e.op, e.dtype):
            raise NotImplementedError(f"{e.op} of {e.dtype.name} in an epilogue: a contraction reports no errors")
        operands = [value(x) for x in e.args]
        result = elementwise.emit(f, e.op, operands, e.dtype, [x.dtype for x in e.args])
        rounds = is_half(e.dtype) and e.op not in ("cast", "bitcast") and not elementwise.is_exact(e.op)
        return round_to(f, result, e.dtype) if rounds else result

    return value(form.epilogue)


def store(
    f: Function,
    form: Form,
    slots: Sequence[Value],
    result: Value,
    index: Sequence[Int],
    lane_axis: int | None,
    lanes: int,
    count: Int | None = None,
) -> None:
    """Writes the first `count` lanes of the epilogue's value to the result."""
    count = lanes if count is None else count
    view = form.out
    element = memory_type(view.type)
    result = to_memory(f, result, view.type)
    where = position(f, view.offset, view.strides, index)
    step = view.strides[lane_axis] if lane_axis is not None else 1
    if step == 1 or lanes == 1:
        f.masked_store(result, f.address(slots[view.slot], where, element), f.lane_mask(0, count, lanes))
    elif step == 2:  # spread the lanes, and write every other one
        for k in range(2):
            spread = f.shuffle(result, result, [k * lanes // 2 + i // 2 if i % 2 == 0 else -1 for i in range(lanes)])
            here = f.sub(f.mul(count, 2), k * lanes)
            mask = f.both(f.lane_mask(0, here, lanes), constant(vector("i1", lanes), [i % 2 == 0 for i in range(lanes)]))
            f.masked_store(spread, f.address(slots[view.slot], f.add(where, k * lanes), element), mask)
    else:
        places = f.binary("add", f.splat(f.integer(where), lanes), f.steps(lanes, step=step))
        f.scatter(result, slots[view.slot], places, f.lane_mask(0, count, lanes))
