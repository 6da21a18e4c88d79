"""Elements in memory and in registers, and reading a view: the parts that every schedule of a contraction shares.

May import `flambeau.dtypes`, `codegen.llvm` and the contraction's form.

Sums are kept in a type that holds them: float32 for the half types, 32-bit integers for narrower ones and bool (integers
wrap, and wrapping commutes with narrowing; a bool's sum is tested against zero at the end), and the dtype's own for the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.codegen.llvm.builder import Function, Int, Value, bits_of, constant, vector, zero
from flambeau.codegen.llvm.contraction.form import View
from flambeau.codegen.llvm.values import from_memory, memory_type, register_type
from flambeau.dtypes import bool_, dtype

__all__ = ["sum_type", "widen", "narrow", "read", "position", "pointers"]


def sum_type(type: dtype) -> str:
    """The LLVM type in which products of `type` are summed."""
    if type.is_floating_point:
        return "double" if type.itemsize == 8 else "float"
    return f"i{max(32, 8 * type.itemsize)}"


def widen(f: Function, a: Value, type: dtype) -> Value:
    """What memory holds of `type`, as a term of a sum (one lane or a vector)."""
    to = sum_type(type)
    a = from_memory(f, a, type)
    if type is bool_:
        return f.cast("zext", a, to)
    if bits_of(a.type) == bits_of(to):
        return a
    return f.cast("sext" if type.is_signed else "zext", a, to)


def narrow(f: Function, total: Value, type: dtype) -> Value:
    """A sum as a value of `type` in a register (bool: i1)."""
    if type is bool_:
        return f.test("icmp ne", total, zero(total.type))
    to = register_type(type)
    return total if bits_of(total.type) == bits_of(to) else f.cast("trunc", total, to)


def pointers(f: Function, count: int) -> list[Value]:
    """The first `count` pointers of the kernel's argument array."""
    arguments = f.parameters[0]
    return [f.load("ptr", f.address(arguments, i, "ptr"), 8) for i in range(count)]


def position(f: Function, offset: int, coefficients: Sequence[int], index: Sequence[Int]) -> Int:
    """offset + Σ coefficient·index."""
    total: Int = offset
    for c, i in zip(coefficients, index, strict=True):
        if c:
            total = f.add(total, f.mul(i, c))
    return total


def read(
    f: Function, pointer: Value, view: View, index: Sequence[Int], lane_axis: int | None, lanes: int, mask: bool | Value = True
) -> Value:
    """The view's elements, widened, at `index` with `lane_axis` running over `lanes` more positions; one value alike in all
    lanes where the view doesn't vary with that axis. Reads nothing where `mask` is false or a check fails; those are zero."""
    varying = lane_axis is not None and lanes > 1 and view.varies(lane_axis)
    element = memory_type(view.type)
    if not varying:
        address = position(f, view.offset, view.strides, index)
        inside: bool | Value = True
        for c in view.checks:
            at = position(f, c.offset, c.terms, index)
            inside = f.both(inside, _scalar_inside(f, at, c.limit, c.every))
            if c.every > 1:
                address = f.add(address, f.mul(f.floor_div(at, c.every), c.stride))
        if inside is False:
            return zero(vector(sum_type(view.type), lanes))
        if inside is not True:
            return f.splat(widen(f, _guarded(f, pointer, address, element, inside), view.type), lanes)
        return f.splat(widen(f, f.load(element, f.address(pointer, address, element)), view.type), lanes)
    assert lane_axis is not None
    step = view.strides[lane_axis]
    start = position(f, view.offset, view.strides, index)
    spread: Value | None = None
    for c in view.checks:
        at = position(f, c.offset, c.terms, index)
        along = c.terms[lane_axis]
        if along == 0:
            inside = _scalar_inside(f, at, c.limit, c.every)
            mask = f.both(mask, inside if isinstance(inside, bool) else f.splat(inside, lanes))
            if c.every > 1:
                start = f.add(start, f.mul(f.floor_div(at, c.every), c.stride))
        elif abs(along) == 1 and c.every == 1:
            if along == 1:
                low, high = f.sub(0, at), f.sub(c.size, at)
            else:
                low, high = f.add(f.sub(at, c.size), 1), f.add(at, 1)
            mask = f.both(mask, f.lane_mask(low, high, lanes))
        else:
            places = f.binary("add", f.splat(f.integer(at), lanes), f.steps(lanes, step=along))
            limit = constant(places.type, c.limit)
            mask = f.both(mask, f.test("icmp ult", places, limit))
            if c.every > 1:
                every = constant(places.type, c.every)
                mask = f.both(mask, f.test("icmp eq", f.binary("srem", places, every), zero(places.type)))
                part = f.binary("mul", f.binary("sdiv", places, every), constant(places.type, c.stride))
                spread = part if spread is None else f.binary("add", spread, part)
    if mask is False:
        return zero(vector(sum_type(view.type), lanes))
    if spread is None and step == 1:
        return widen(f, f.masked_load(vector(element, lanes), f.address(pointer, start, element), mask), view.type)
    if spread is None and step == -1:
        pointer = f.address(pointer, f.sub(start, lanes - 1), element)
        flip = list(reversed(range(lanes)))
        flipped = mask if isinstance(mask, bool) else f.shuffle(mask, mask, flip)
        loaded = f.masked_load(vector(element, lanes), pointer, flipped)
        return widen(f, f.shuffle(loaded, loaded, flip), view.type)
    where = f.binary("add", f.splat(f.integer(start), lanes), f.steps(lanes, step=step))
    if spread is not None:
        where = f.binary("add", where, spread)
    return widen(f, f.gather(element, pointer, where, mask), view.type)


def _scalar_inside(f: Function, at: Int, limit: int, every: int) -> bool | Value:
    inside = f.compare("ult", at, limit)
    if every > 1:
        if isinstance(at, int):
            return f.both(inside, at % every == 0)
        inside = f.both(inside, f.compare("eq", f.op("i64", f"srem i64 {at}, {every}"), 0))
    return inside


def _guarded(f: Function, pointer: Value, address: Int, element: str, inside: bool | Value) -> Value:
    """Reads one element, or gives zero without touching memory."""
    return f.choose(inside, lambda: [f.load(element, f.address(pointer, address, element))], lambda: [constant(element, 0)])[0]
