"""Loads and stores of a loop kernel: contiguous lanes as vectors, others by gather and scatter, and nothing out of bounds.

May import the builder, `values.py`, `elementwise.py` and `flambeau.kernels`.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from flambeau.codegen.llvm import elementwise
from flambeau.codegen.llvm.indices import Linear
from flambeau.codegen.llvm.loops.schedule import SPREAD
from flambeau.codegen.llvm.shuffles import transpose
from flambeau.codegen.llvm.types import Int, Value, constant, lanes_of, vector, zero
from flambeau.codegen.llvm.values import convert, from_memory, is_half, memory_type, round_to, to_memory
from flambeau.dtypes import dtype
from flambeau.kernels.ir import Expr, Store

if TYPE_CHECKING:
    from flambeau.codegen.llvm.loops.evaluate import Evaluator

__all__ = ["are_pairs", "load", "load_square", "store", "store_pairs"]

MOST_REPEATED = 4
"""How many lanes read one element at most where that is done by a load and shuffles."""


def load(ev: Evaluator, e: Expr) -> Value:
    """The element of a slot at an index; 0 where the mask is false, and nothing is read there."""
    type = ev.slots[e.param].dtype
    pointer = ev.pointers[e.param]
    index = ev.indices.linear(e.args[0])
    mask = ev.evaluate(e.args[1]) if len(e.args) > 1 else True
    if not ev.varies(e):
        return from_memory(ev.f, _load_one(ev, pointer, index, memory_type(type), mask), type)
    return from_memory(ev.f, _load_lanes(ev, pointer, index, memory_type(type), mask), type)


def _load_one(ev: Evaluator, pointer: Value, index: Linear, element: str, mask: bool | Value) -> Value:
    f = ev.f
    address = f.address(pointer, ev.position(index), element)
    if mask is not True:
        nowhere = f.module.table("i64", [0])
        address = f.select(mask, address, nowhere)
    return f.load(element, address)


def _load_lanes(ev: Evaluator, pointer: Value, index: Linear, element: str, mask: bool | Value) -> Value:
    f, lanes = ev.f, ev.lanes
    assert ev.lane is not None
    step = index.coefficient(ev.lane)
    mask = _all_lanes(ev, mask)
    if index.is_affine_in(ev.lane) and step in (1, -1):
        at = f.address(pointer, ev.position(index) if step == 1 else f.sub(ev.position(index), lanes - 1), element)
        if step == 1:
            return f.masked_load(vector(element, lanes), at, mask)
        return _reversed(ev, f.masked_load(vector(element, lanes), at, _reversed_mask(ev, mask)))
    if index.is_affine_in(ev.lane) and 2 <= step <= SPREAD:
        return _load_spread(ev, pointer, index, element, mask, step)
    repeated = _repeats(ev, index)
    if repeated is not None:
        return _load_repeated(ev, pointer, index, element, mask, *repeated)
    return f.gather(element, pointer, ev.places(index), mask)


def load_square(ev: Evaluator, e: Expr, tile: int, start: Int) -> list[Value]:
    """The load's vectors along the lane axis at positions start, start + 1 … of the axis `tile`, as many as lanes: read along
    `tile` and transposed."""
    f, lanes = ev.f, ev.lanes
    assert ev.lane is not None
    type = ev.slots[e.param].dtype
    element = memory_type(type)
    index = ev.indices.linear(e.args[0])
    with ev.bound(tile, start):
        base = ev.position(index)
    step = index.coefficient(ev.lane)
    pointer = f.address(ev.pointers[e.param], base, element)
    rows = [f.load(vector(element, lanes), f.address(pointer, step * i, element)) for i in range(lanes)]
    return [from_memory(f, column, type) for column in transpose(f, rows)]


def _load_spread(ev: Evaluator, pointer: Value, index: Linear, element: str, mask: bool | Value, step: int) -> Value:
    """Lanes `step` elements apart: a wide load from the first lane's to the last one's, and a shuffle. Where a mask leaves some
    out, no element between the others is touched."""
    f, lanes = ev.f, ev.lanes
    picks = [i * step for i in range(lanes)]
    width = lanes * step
    at = f.address(pointer, ev.position(index), element)
    span = constant(vector("i1", width), [i <= picks[-1] for i in range(width)])

    def whole() -> list[Value]:
        return [f.masked_load(vector(element, width), at, span)]

    def part() -> list[Value]:
        assert isinstance(mask, Value)
        nothing = constant(mask.type, 0)
        wanted = f.shuffle(mask, nothing, [i // step if i % step == 0 else lanes for i in range(width)])
        return [f.masked_load(vector(element, width), at, wanted)]

    if isinstance(mask, Value):
        every = f.call(f"llvm.vector.reduce.and.v{lanes}i1", "i1", mask)
        wide = f.choose(every, whole, part)[0]
    else:
        wide = whole()[0]
    return f.shuffle(wide, wide, picks)


def _repeats(ev: Evaluator, index: Linear) -> tuple[Expr, int] | None:
    """(term, n) where what varies with the lanes is a term x // n whose x goes up by one each lane: n lanes read one element."""
    varying = [(term, c) for term, c in index.terms if ev.lane in term.axes]
    if len(varying) != 1 or varying[0][1] != 1 or varying[0][0].op != "floor_divide":
        return None
    term = varying[0][0]
    if term.args[1].op != "literal" or not 2 <= int(term.args[1].param) <= MOST_REPEATED:
        return None
    inside = ev.indices.linear(term.args[0])
    assert ev.lane is not None
    if not inside.is_affine_in(ev.lane) or inside.coefficient(ev.lane) != 1:
        return None
    return term, int(term.args[1].param)


def _load_repeated(ev: Evaluator, pointer: Value, index: Linear, element: str, mask: bool | Value, term: Expr, n: int) -> Value:
    """Neighbouring elements, each in `n` lanes: one load and a shuffle for each of the n places where the first lane may stand
    among those of its element (which LLVM often knows)."""
    f, lanes = ev.f, ev.lanes
    base = ev.position(ev.indices.linear(term.args[0]))
    first = f.floor_div(base, n)
    before = f.sub(base, f.mul(first, n))
    rest = Linear(index.constant, tuple((t, c) for t, c in index.terms if t is not term))
    start = f.add(ev.position(rest), first)

    def by_place(choices: list[Value]) -> Value:
        total = choices[0]
        for place in range(1, n):
            total = f.select(f.compare("eq", before, place), choices[place], total)
        return total

    if isinstance(mask, Value):
        nothing = constant(mask.type, 0)
        wanted = []
        for place in range(n):
            parts = []
            for k in range(n):
                readers = [n * j - place + k for j in range(lanes)]
                parts.append(f.shuffle(mask, nothing, [r if 0 <= r < lanes else lanes for r in readers]))
            wanted.append(functools.reduce(lambda a, b: f.binary("or", a, b), parts))
        inside: bool | Value = by_place(wanted)
    else:
        inside = f.both(mask, f.lane_mask(0, f.add(f.div(f.add(before, lanes - 1), n), 1), lanes))
    loaded = f.masked_load(vector(element, lanes), f.address(pointer, start, element), inside)
    spread = by_place([f.shuffle(loaded, loaded, [(place + j) // n for j in range(lanes)]) for place in range(n)])
    return f.select(mask, spread, zero(spread.type)) if isinstance(mask, Value) else spread


def _all_lanes(ev: Evaluator, mask: bool | Value) -> bool | Value:
    """A condition (of one lane or all) together with the lanes that are real."""
    if isinstance(mask, Value):
        mask = ev.spread(mask)
    return ev.f.both(mask, ev.mask)


def _reversed(ev: Evaluator, a: Value) -> Value:
    return ev.f.shuffle(a, a, list(reversed(range(lanes_of(a.type)))))


def _reversed_mask(ev: Evaluator, mask: bool | Value) -> bool | Value:
    return mask if isinstance(mask, bool) else _reversed(ev, mask)


def store(ev: Evaluator, s: Store, real: bool | Value = True) -> None:
    """Writes or combines the store's value where its guard and the scalar condition `real` hold."""
    f = ev.f
    type = ev.slots[s.slot].dtype
    element = memory_type(type)
    pointer = ev.pointers[s.slot]
    index = ev.indices.linear(s.index)
    value = ev.evaluate(s.value)
    if s.value.dtype is not type:
        value = convert(f, value, s.value.dtype, type)
    guard: bool | Value = True if s.guard is None else ev.evaluate(s.guard)
    in_lanes = ev.lane is not None and (ev.varies(s.index) or ev.varies(s.value) or (s.guard is not None and ev.varies(s.guard)))
    if not in_lanes:
        condition = f.both(guard, real)
        if condition is False:
            return
        with f.when(condition):
            at = f.address(pointer, ev.position(index), element)
            if s.mode != "set":
                value = _combine(ev, s.mode, from_memory(f, f.load(element, at), type), value, type)
            f.store(to_memory(f, value, type), at)
        return
    value = ev.spread(value)
    if isinstance(real, Value):
        real = f.splat(real, ev.lanes)
    mask = f.both(_all_lanes(ev, guard), real)
    assert ev.lane is not None
    step = index.coefficient(ev.lane)
    if index.is_affine_in(ev.lane) and step in (1, -1):
        at = f.address(pointer, ev.position(index) if step == 1 else f.sub(ev.position(index), ev.lanes - 1), element)
        turned = mask if step == 1 else _reversed_mask(ev, mask)
        if s.mode != "set":
            before = f.masked_load(vector(element, ev.lanes), at, turned)
            before = before if step == 1 else _reversed(ev, before)
            value = _combine(ev, s.mode, from_memory(f, before, type), value, type)
        raw = to_memory(f, value, type)
        f.masked_store(raw if step == 1 else _reversed(ev, raw), at, turned)
        return
    places = ev.places(index)
    if s.mode != "set":
        value = _combine(ev, s.mode, from_memory(f, f.gather(element, pointer, places, mask), type), value, type)
    f.scatter(to_memory(f, value, type), pointer, places, mask)


def are_pairs(ev: Evaluator, a: Store, b: Store) -> bool:
    """Whether two stores fill neighbouring elements in turn along the lanes, as the parts of complex numbers."""
    if ev.lane is None or a.slot != b.slot or any(s.mode != "set" or s.is_scatter or s.guard is not None for s in (a, b)):
        return False
    first, second = ev.indices.linear(a.index), ev.indices.linear(b.index)
    steps = all(i.is_affine_in(ev.lane) and i.coefficient(ev.lane) == 2 for i in (first, second))
    return steps and first.terms == second.terms and second.constant - first.constant == 1


def store_pairs(ev: Evaluator, a: Store, b: Store, real: bool | Value = True) -> None:
    """Two such stores as one of twice as many elements."""
    f, lanes = ev.f, ev.lanes
    type = ev.slots[a.slot].dtype
    values = []
    for s in (a, b):
        value = ev.evaluate(s.value)
        if s.value.dtype is not type:
            value = convert(f, value, s.value.dtype, type)
        values.append(to_memory(f, ev.spread(value), type))
    if isinstance(real, Value):
        real = f.splat(real, lanes)
    turns = [i + part * lanes for i in range(lanes) for part in (0, 1)]
    mask = f.both(ev.mask, real)
    if isinstance(mask, Value):
        mask = f.shuffle(mask, mask, turns)
    at = f.address(ev.pointers[a.slot], ev.position(ev.indices.linear(a.index)), memory_type(type))
    f.masked_store(f.shuffle(values[0], values[1], turns), at, mask)


_MODES = {"add": "add", "mul": "mul", "amax": "maximum", "amin": "minimum"}


def _combine(ev: Evaluator, mode: str, before: Value, value: Value, type: dtype) -> Value:
    if lanes_of(before.type) != lanes_of(value.type):
        value = ev.spread(value)
    result = elementwise.emit(ev.f, _MODES[mode], [before, value], type, [type, type])
    return round_to(ev.f, result, type) if is_half(type) else result
