"""Elements in memory and in registers, and reading a view: the parts that every schedule of a contraction shares.

May import `flambeau.dtypes`, `codegen.llvm` and the contraction's form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.contraction.form import View, sum_type
from flambeau.codegen.llvm.shuffles import transpose
from flambeau.codegen.llvm.types import Int, Value, bits_of, constant, poison, vector, zero
from flambeau.codegen.llvm.values import from_memory, memory_type, register_type
from flambeau.dtypes import bool_, dtype

__all__ = ["widen", "narrow", "read", "read_many", "read_turned", "read_flat", "position", "pointers"]


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
    f: Function,
    pointer: Value,
    view: View,
    index: Sequence[Int],
    lane_axis: int | None,
    lanes: int,
    count: Int | None = None,
) -> Value:
    """The view's elements, widened, at `index` with `lane_axis` running over `lanes` positions, of which the first `count`
    are wanted; one value alike in all lanes where the view doesn't vary with that axis. What isn't wanted, or fails a check,
    is zero and its memory is not touched."""
    count = lanes if count is None else count
    if lane_axis is None or lanes == 1 or not view.varies(lane_axis):
        return f.splat(_read_one(f, pointer, view, index), lanes)
    start = position(f, view.offset, view.strides, index)
    inside: bool | Value = True
    for c in view.checks:
        if not c.terms[lane_axis]:
            at = position(f, c.offset, c.terms, index)
            inside = f.both(inside, _scalar_inside(f, at, c.limit, c.every))
            if c.every > 1:
                start = f.add(start, f.mul(f.floor_div(at, c.every), c.stride))
    if inside is False:
        return zero(vector(sum_type(view.type), lanes))
    loaded = f.choose(
        inside,
        lambda: [_read_lanes(f, pointer, view, index, start, lane_axis, lanes, count)],
        lambda: [zero(vector(memory_type(view.type), lanes))],
    )[0]
    return widen(f, loaded, view.type)


def _lane_bounds(f: Function, view: View, index: Sequence[Int], lane_axis: int, count: Int) -> tuple[Int, Int]:
    """Which of the first `count` lanes pass the checks that move with them, as far as those have no `every`: from, to before."""
    low: Int = 0
    high: Int = count
    for c in view.checks:
        along = c.terms[lane_axis]
        if along and c.every == 1:
            at = position(f, c.offset, c.terms, index)
            first, last = (at, f.sub(c.size - 1, at)) if along > 0 else (f.sub(c.size - 1, at), at)
            low = f.maximum(low, f.floor_div(f.sub(abs(along) - 1, first), abs(along)))
            high = f.minimum(high, f.add(f.floor_div(last, abs(along)), 1))
    return low, high


def _run_masks(f: Function, bounds: tuple[Int, Int], step: int, lanes: int) -> list[bool | Value]:
    """Of `step` vectors that lie one after another, the lanes that hold every `step`-th element of those within `bounds`."""
    low, high = bounds
    return [
        f.lane_mask(f.sub(f.mul(low, step), lanes * k), f.sub(f.mul(high, step), lanes * k + step - 1), lanes)
        for k in range(step)
    ]


def _read_run(
    f: Function, pointer: Value, element: str, start: Int, step: int, lanes: int, masks: Sequence[bool | Value]
) -> Value:
    """Every `step`-th element (1 or 2: of two loads every other lane is kept) from number `start` on, as far as `masks` allow."""
    parts = [
        f.masked_load(vector(element, lanes), f.address(pointer, f.add(start, lanes * k), element), mask)
        for k, mask in enumerate(masks)
    ]
    return parts[0] if step == 1 else f.shuffle(parts[0], parts[1], [2 * i for i in range(lanes)])


def _read_lanes(
    f: Function, pointer: Value, view: View, index: Sequence[Int], start: Int, lane_axis: int, lanes: int, count: Int
) -> Value:
    """The elements as memory holds them, minding the checks that move with the lanes."""
    element = memory_type(view.type)
    step = view.strides[lane_axis]
    low, high = _lane_bounds(f, view, index, lane_axis, count)
    mask: bool | Value = True  # what the bounds [low, high) of lanes don't say
    spread: Value | None = None
    for c in view.checks:
        along = c.terms[lane_axis]
        if along and c.every > 1:
            at = position(f, c.offset, c.terms, index)
            places = f.binary("add", f.splat(f.integer(at), lanes), f.steps(lanes, step=along))
            every = constant(places.type, c.every)
            mask = f.both(mask, f.test("icmp ult", places, f.filled(places.type, c.limit)))
            mask = f.both(mask, f.test("icmp eq", f.binary("srem", places, every), zero(places.type)))
            part = f.binary("mul", f.binary("sdiv", places, every), f.filled(places.type, c.stride))
            spread = part if spread is None else f.binary("add", spread, part)
    if spread is None and step in (1, 2):
        return _read_run(f, pointer, element, start, step, lanes, _run_masks(f, (low, high), step, lanes))
    if spread is None and step == -1:
        address = f.address(pointer, f.sub(start, lanes - 1), element)
        loaded = f.masked_load(vector(element, lanes), address, f.lane_mask(f.sub(lanes, high), f.sub(lanes, low), lanes))
        return f.shuffle(loaded, loaded, list(reversed(range(lanes))))
    mask = f.both(mask, f.lane_mask(low, high, lanes))
    where = f.binary("add", f.splat(f.integer(start), lanes), f.steps(lanes, step=step))
    if spread is not None:
        where = f.binary("add", where, spread)
    return f.gather(element, pointer, where, mask)


def _read_one(f: Function, pointer: Value, view: View, index: Sequence[Int]) -> Value:
    """One element, widened, or zero where a check fails."""
    element = memory_type(view.type)
    address = position(f, view.offset, view.strides, index)
    inside: bool | Value = True
    for c in view.checks:
        at = position(f, c.offset, c.terms, index)
        inside = f.both(inside, _scalar_inside(f, at, c.limit, c.every))
        if c.every > 1:
            address = f.add(address, f.mul(f.floor_div(at, c.every), c.stride))
    return widen(
        f,
        f.choose(inside, lambda: [f.load(element, f.address(pointer, address, element))], lambda: [constant(element, 0)])[0],
        view.type,
    )


def read_many(
    f: Function,
    pointer: Value,
    view: View,
    index: Sequence[Int],
    shifts: Sequence[Sequence[int]],
    lane_axis: int | None,
    lanes: int,
    count: Int | None = None,
) -> list[Value]:
    """`read` at index + shift for every one of `shifts`: places met twice are read once, those that pass or fail a check together
    share its branch, and those that do so lane by lane its masks."""
    along = lane_axis is not None and lanes > 1 and view.varies(lane_axis)

    def moved(terms: Sequence[int], shift: Sequence[int]) -> int:
        return sum(t * d for t, d in zip(terms, shift))

    places: dict[tuple[int, ...], Sequence[int]] = {}
    keys = []
    for shift in shifts:
        key = (moved(view.strides, shift), *(moved(c.terms, shift) for c in view.checks))
        places.setdefault(key, shift)
        keys.append(key)
    scalar = [n for n, c in enumerate(view.checks) if not along or not c.terms[lane_axis]]  # type: ignore[index]
    groups: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
    for key in places:
        groups.setdefault(tuple(key[1 + n] for n in scalar), []).append(key)
    found: dict[tuple[int, ...], Value] = {}
    free = replace(view, checks=tuple(c for n, c in enumerate(view.checks) if n not in scalar))
    plain = all(view.checks[n].every == 1 for n in scalar)
    masks: dict[tuple[int, ...], list[bool | Value]] = {}
    step = view.strides[lane_axis] if along else 0  # type: ignore[index]
    moving = [n for n in range(len(view.checks)) if n not in scalar]
    if step in (1, 2) and plain and all(c.every == 1 for c in free.checks):
        for key, shift in places.items():
            lane_key = tuple(key[1 + n] for n in moving)
            if lane_key not in masks:
                at = [f.add(i, d) for i, d in zip(index, shift)]
                bounds = _lane_bounds(f, free, at, lane_axis, lanes if count is None else count)  # type: ignore[arg-type]
                masks[lane_key] = _run_masks(f, bounds, step, lanes)
    for members in groups.values():
        first = [f.add(i, d) for i, d in zip(index, places[members[0]])]
        inside: bool | Value = True
        if plain:
            for n in scalar:
                c = view.checks[n]
                inside = f.both(inside, _scalar_inside(f, position(f, c.offset, c.terms, first), c.limit, 1))

        def fetch(members: list[tuple[int, ...]] = members) -> list[Value]:
            out = []
            for key in members:
                at = [f.add(i, d) for i, d in zip(index, places[key])]
                if masks:
                    start = position(f, view.offset, view.strides, at)
                    run = masks[tuple(key[1 + n] for n in moving)]
                    out.append(widen(f, _read_run(f, pointer, memory_type(view.type), start, step, lanes, run), view.type))
                    continue
                out.append(read(f, pointer, free if plain else view, at, lane_axis, lanes, count))
            return out

        def nothing(members: list[tuple[int, ...]] = members) -> list[Value]:
            return [zero(vector(sum_type(view.type), lanes))] * len(members)

        found.update(zip(members, f.choose(inside, fetch, nothing)))
    return [found[key] for key in keys]


def read_turned(
    f: Function, pointer: Value, view: View, places: Sequence[list[Int]], axis: int, lanes: int, count: Int | None = None
) -> list[Value]:
    """As many vectors as lanes: lane m of vector n is the view's element, widened, n steps along `axis` (over which it moves by
    one) from places[m]. Read along `axis` and transposed in registers. Only the first `count` vectors have numbers that count."""
    vectors = [read(f, pointer, view, place, axis, lanes, count) for place in places]
    return transpose(f, [*vectors, *[poison(vectors[0].type)] * (lanes - len(vectors))])


def read_flat(
    f: Function,
    pointer: Value,
    view: View,
    index: Sequence[Int],
    axes: Sequence[int],
    extents: Sequence[int],
    start: Int,
    lanes: int,
) -> Value:
    """The view's elements, widened, for `lanes` points that follow `start` in the row-major order of `axes` (whose entries in
    `index` are ignored); zero past the end."""
    type = vector("i64", lanes)
    flat = f.binary("add", f.splat(f.integer(start), lanes), f.steps(lanes))
    total = 1
    for k in axes:
        total *= extents[k]
    mask: bool | Value = f.test("icmp ult", flat, f.filled(type, total))
    coordinates: dict[int, Value] = {}
    for k in reversed(axes):
        size = f.filled(type, extents[k])
        coordinates[k] = f.binary("urem", flat, size) if k != axes[0] else flat
        flat = f.binary("udiv", flat, size)
    rest = [0 if k in coordinates else i for k, i in enumerate(index)]

    def along(offset: int, terms: Sequence[int]) -> Value:
        sum_ = f.splat(f.integer(position(f, offset, terms, rest)), lanes)
        for k, at in coordinates.items():
            if terms[k]:
                sum_ = f.binary("add", sum_, f.binary("mul", at, f.filled(type, terms[k])))
        return sum_

    where = along(view.offset, view.strides)
    for c in view.checks:
        at = along(c.offset, c.terms)
        mask = f.both(mask, f.test("icmp ult", at, f.filled(type, c.limit)))
        if c.every > 1:
            every = constant(type, c.every)
            mask = f.both(mask, f.test("icmp eq", f.binary("srem", at, every), zero(type)))
            where = f.binary("add", where, f.binary("mul", f.binary("sdiv", at, every), f.filled(type, c.stride)))
    return widen(f, f.gather(memory_type(view.type), pointer, where, mask), view.type)


def _scalar_inside(f: Function, at: Int, limit: int, every: int) -> bool | Value:
    inside = f.compare("ult", at, limit)
    if every > 1:
        if isinstance(at, int):
            return f.both(inside, at % every == 0)
        inside = f.both(inside, f.compare("eq", f.op("i64", f"srem i64 {f.text(at)}, {every}"), 0))
    return inside
