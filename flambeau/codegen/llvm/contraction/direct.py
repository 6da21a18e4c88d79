"""The direct schedule: sums are made straight from the operands' memory, nothing packed.

Right for every contraction, and fast where there is little to reuse: depthwise convolutions and their gradients, small groups,
short sums. Lanes run along the innermost output axis, or, where that is short, along the innermost summed axis, whose lanes
are added up at the end. Short summed axes are unrolled, and a few outputs are made together, so that what they share is
read once.

May import `codegen.llvm` and the contraction's form, elements, epilogue and roles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from math import prod

from flambeau.codegen.llvm.builder import Function, Module
from flambeau.codegen.llvm.contraction.elements import pointers, read_many
from flambeau.codegen.llvm.contraction.epilogue import finish, store
from flambeau.codegen.llvm.contraction.form import Form
from flambeau.codegen.llvm.contraction.roles import PART, every, place, unravel
from flambeau.codegen.llvm.target import Target
from flambeau.codegen.llvm.types import Int, Value, zero
from flambeau.traced import Traced, is_multiple, typical

__all__ = ["direct", "direct_cycles"]

UNROLLED = 16
"""Most terms of a sum that are written out."""

_FEW_UNITS = 16
"""Below so many units of work lines are cut into several."""
_TERM, _STRIDED_TERM = 1.75, 3.4
"""Cycles that a term of a vector of sums takes, measured on depthwise convolutions."""
_UNMASKED_TERM, _UNMASKED_STRIDED_TERM = 3.5, 6.8
"""The same where masks aren't registers of their own, measured on a Zen 3."""

_Body = Callable[[list[Int], list[Value]], list[Value]]


def direct(module: Module, name: str, form: Form, slots: int, target: Target) -> int:
    """Adds the function `name` to the module; gives the number of its units of work."""
    f = module.function(name, PART)
    memory = pointers(f, slots)
    lanes = target.lanes(8 * form.sum_bytes)
    if _lanes_along_sum(form, lanes):
        units = _along_sum(f, form, memory, lanes, target.registers)
    else:
        units = _along_output(f, form, memory, lanes)
    f.finish()
    return units


def direct_cycles(form: Form, target: Target, threads: int) -> float:
    """What the schedule is expected to take the busiest thread, its lanes along the output."""
    if not form.outputs:
        return float(prod(map(typical, form.extents)))
    lanes = target.lanes(8 * form.sum_bytes)
    inner = form.outputs - 1
    extents = tuple(map(typical, form.extents))
    vectors = prod(extents[:inner]) * -(-extents[inner] // lanes)
    strided = any(abs(v.strides[inner]) > 1 for v in (form.a, form.b))
    plain, stepping = (_TERM, _STRIDED_TERM) if target.has_masks else (_UNMASKED_TERM, _UNMASKED_STRIDED_TERM)
    return vectors * prod(extents[form.outputs :]) * (stepping if strided else plain) / threads


def _lanes_along_sum(form: Form, lanes: int) -> bool:
    """Whether the innermost summed axis fills lanes better than the innermost output axis."""
    if not form.terms or len(form.extents) == form.outputs:
        return False
    inner = len(form.extents) - 1
    steps = [abs(v.strides[inner]) for v in (form.a, form.b)]
    last = typical(form.extents[form.outputs - 1]) if form.outputs else 1
    if form.outputs and last * 2 > lanes and steps != [1, 1]:
        return False
    return 1 <= min(steps) <= max(steps) <= 2 and typical(form.extents[inner]) > min(lanes, last)


def _tail(form: Form, axes: Sequence[int], most: int) -> list[int]:
    """The last of `axes` whose extents' product stays within `most`."""
    chosen: list[int] = []
    for k in reversed(axes):
        extent = form.extents[k]
        if isinstance(extent, Traced) or prod(form.extents[x] for x in chosen) * extent > most:
            break
        chosen.insert(0, k)
    return chosen


def _shifts(form: Form, axes: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Every position on `axes`, as an offset of each axis of the form."""
    for point in product(*(range(form.extents[k]) for k in axes)):
        shift = [0] * len(form.extents)
        for k, at in zip(axes, point):
            shift[k] = at
        yield tuple(shift)


def _nest(f: Function, form: Form, axes: Sequence[int], index: list[Int], held: list[Value], body: _Body) -> list[Value]:
    """Loops over `axes` around body(index, carried values)."""
    if not axes:
        return body(index, held)
    return f.loop(0, form.extents[axes[0]], 1, lambda k, s: _nest(f, form, axes[1:], place(index, axes[:1], [k]), s, body), held)


def _along_output(f: Function, form: Form, memory: list[Value], lanes: int) -> int:
    """Tiles of a few lines by two vectors of the innermost output axis."""
    count = len(form.extents)
    inner = form.outputs - 1 if form.outputs else None
    extent = form.extents[inner] if inner is not None else 1
    length = typical(extent)
    lanes = min(lanes, 1 << max(0, (length - 1).bit_length()))
    # a vector times a matrix reads the matrix once, line after line: long pieces of each
    plain = not (form.a.checks or form.b.checks) and form.terms > UNROLLED
    wide = min(8 if plain and lanes > 1 else 2, -(-length // lanes))
    chunks = -(-extent // (wide * lanes))
    lined = form.outputs - 2 if form.outputs > 1 else None
    tall = form.extents[lined] if lined is not None else 1
    together = 1
    if lined is not None and inner is not None and any(v.varies(lined) != v.varies(inner) or v.checks for v in (form.a, form.b)):
        together = next((h for h in (4, 3, 2) if is_multiple(tall, h)), min(4, typical(tall)))
    unrolled = _tail(form, form.summed, UNROLLED)
    looped = [k for k in form.summed if k not in unrolled]
    outer = list(form.extents[: max(0, form.outputs - 2)])
    type = form.vector(lanes)

    def tile(at: list[Int], start: Int, heights: int) -> None:
        """`heights` lines from `at`, and the chunk of columns at `start`."""
        axes = [k for k in (lined, inner) if k is not None]
        cells = [(h, w) for h in range(heights) for w in range(wide)]

        def left_over(w: int) -> Int:
            if is_multiple(extent, wide * lanes):
                return lanes
            return f.minimum(f.sub(extent, f.add(start, w * lanes)), lanes)

        def shifted(shift: tuple[int, ...], h: int) -> tuple[int, ...]:
            return tuple(d + (h if k == lined else 0) for k, d in enumerate(shift))

        def body(index: list[Int], sums: list[Value]) -> list[Value]:
            terms = list(_shifts(form, unrolled))
            sums = list(sums)
            for w in range(wide):
                here = index if inner is None else place(index, [inner], [f.add(start, w * lanes)])
                wanted = [shifted(t, h) for h in range(heights) for t in terms]
                a, b = (read_many(f, memory[v.slot], v, here, wanted, inner, lanes, left_over(w)) for v in (form.a, form.b))
                for h in range(heights):
                    cell = h * wide + w
                    for t in range(len(terms)):
                        n = h * len(terms) + t
                        sums[cell] = f.multiply_add(a[n], b[n], sums[cell])
            return sums

        sums = _nest(f, form, looped, at, [zero(type)] * len(cells), body) if form.terms else [zero(type)] * len(cells)
        for (h, w), total in zip(cells, sums):
            values = [f.add(at[k], h) if k == lined else f.add(start, w * lanes) for k in axes]
            where = place(at, axes, values)
            remaining = left_over(w)
            if isinstance(remaining, int) and remaining <= 0:
                continue
            result = finish(f, form, memory, total, where, inner, lanes, remaining)
            store(f, form, memory, result, where, inner, lanes, remaining)

    groups = -(-tall // together)
    parts = chunks if prod(map(typical, outer)) * typical(groups) < _FEW_UNITS else 1
    units = prod(outer) * groups * parts

    def unit(u: Int, _: list[Value]) -> None:
        *coordinates, group, part = unravel(f, u, [*outer, groups, parts])
        first = f.mul(part, wide * lanes)
        index = place([0] * count, range(len(outer)), coordinates)

        def line(y: Int, heights: int) -> None:
            at = index if lined is None else place(index, [lined], [y])
            last = f.add(first, chunks // parts * wide * lanes)
            f.loop(first, last, wide * lanes, lambda start, _: tile(at, start, heights))

        y = f.mul(group, together)
        if is_multiple(tall, together):
            line(y, together)
        else:
            f.choose(
                f.compare("sle", f.add(y, together), tall),
                lambda: line(y, together),
                lambda: [f.loop(y, tall, 1, lambda k, _: line(k, 1)), []][1],
            )

    every(f, unit)
    return units


def _along_sum(f: Function, form: Form, memory: list[Value], lanes: int, registers: int) -> int:
    """Several outputs at once, each a vector of partial sums."""
    count = len(form.extents)
    inner = count - 1
    extent = form.extents[inner]
    lanes = min(lanes, 1 << (typical(extent) - 1).bit_length())
    together = _tail(form, range(form.outputs), max(1, registers // 2 - 4))
    outer = [k for k in range(form.outputs) if k not in together]
    looped = [k for k in form.summed if k != inner]
    type = form.vector(lanes)
    cells = list(_shifts(form, together))

    def unit(u: Int, _: list[Value]) -> None:
        index = place([0] * count, outer, unravel(f, u, [form.extents[k] for k in outer]))

        def body(at: list[Int], sums: list[Value]) -> list[Value]:
            def chunk(j: Int, held: list[Value]) -> list[Value]:
                here = place(at, [inner], [j])
                left_over = lanes if is_multiple(extent, lanes) else f.minimum(f.sub(extent, j), lanes)
                a, b = (read_many(f, memory[v.slot], v, here, cells, inner, lanes, left_over) for v in (form.a, form.b))
                return [f.multiply_add(x, y, s) for x, y, s in zip(a, b, held)]

            if isinstance(extent, int) and extent <= 4 * lanes:
                for j in range(0, extent, lanes):
                    sums = chunk(j, sums)
                return sums
            return f.loop(0, extent, lanes, chunk, sums)

        sums = _nest(f, form, looped, index, [zero(type)] * len(cells), body)
        for shift, total in zip(cells, sums):
            where = [f.add(i, d) for i, d in zip(index, shift)]
            result = finish(f, form, memory, f.total(total), where, None, 1)
            store(f, form, memory, result, where, None, 1)

    every(f, unit)
    return prod(form.extents[k] for k in outer)
