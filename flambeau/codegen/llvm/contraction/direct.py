"""The direct schedule: sums are made straight from the operands' memory, nothing packed.

Right for every contraction, and fast where there is little to reuse: depthwise convolutions and their gradients, small groups,
short sums. Lanes run along the innermost output axis, or, where that is short, along the innermost summed axis, whose lanes
are added up at the end. Short summed axes are unrolled, and a few outputs are made together, so that what they share is
read once.

May import `codegen.llvm` and the contraction's building, form, elements, epilogue and roles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.contraction.building import Building
from flambeau.codegen.llvm.contraction.elements import pointers, read_many
from flambeau.codegen.llvm.contraction.epilogue import finish, store
from flambeau.codegen.llvm.contraction.form import Form
from flambeau.codegen.llvm.contraction.roles import PART, every, place, unravel
from flambeau.codegen.llvm.target import Target
from flambeau.codegen.llvm.types import Int, Value, zero
from flambeau.traced import Traced, is_multiple, typical

__all__ = ["Direct", "direct_cycles"]

UNROLLED = 16
"""Most terms of a sum that are written out."""

_FEW_UNITS = 16
"""Below so many units of work lines are cut into several."""
_TERM, _STRIDED_TERM = 1.75, 3.4
"""Cycles that a term of a vector of sums takes, measured on depthwise convolutions."""
_UNMASKED_TERM, _UNMASKED_STRIDED_TERM = 3.5, 6.8
"""The same where masks aren't registers of their own, measured on a Zen 3."""

_WIDE, _NARROW = 8, 2
"""Vectors of a tile's line where a matrix is read once, and elsewhere."""
_TALL = 4
"""Most lines of a tile."""

_Body = Callable[[list[Int], list[Value]], list[Value]]


@dataclass(frozen=True)
class Direct:
    """A plan for one form; `build` adds its function to a kernel."""

    form: Form
    target: Target

    def build(self, building: Building, name: str) -> int:
        """Adds the function that makes the sums; gives the number of its units of work."""
        form = self.form
        f = building.module.function(name, PART)
        memory = pointers(f, building.slots)
        lanes = self.target.lanes(8 * form.sum_bytes)
        if _lanes_along_sum(form, lanes):
            units = _along_sum(f, form, memory, lanes, self.target.registers)
        else:
            units = _AlongOutput(f, form, memory, lanes).build()
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


@dataclass(frozen=True)
class _AlongOutput:
    """Tiles of a few lines by a few vectors of the innermost output axis, whose code is added to `f`."""

    f: Function
    form: Form
    memory: list[Value]
    most_lanes: int

    @property
    def inner(self) -> int | None:
        """The axis along which lanes run."""
        return self.form.outputs - 1 if self.form.outputs else None

    @property
    def lined(self) -> int | None:
        """The axis that counts a tile's lines."""
        return self.form.outputs - 2 if self.form.outputs > 1 else None

    @property
    def outer(self) -> list[int]:
        """The extents of the output axes before these."""
        return list(self.form.extents[: max(0, self.form.outputs - 2)])

    @property
    def length(self) -> int:
        """Columns of a line."""
        return self.form.extents[self.inner] if self.inner is not None else 1

    @property
    def tall(self) -> int:
        """Lines, all in all."""
        return self.form.extents[self.lined] if self.lined is not None else 1

    @cached_property
    def lanes(self) -> int:
        return min(self.most_lanes, 1 << max(0, (typical(self.length) - 1).bit_length()))

    @cached_property
    def vectors(self) -> int:
        """Vectors of a tile's line: a vector times a matrix reads the matrix once, line after line, so long pieces of each."""
        form = self.form
        plain = not (form.a.checks or form.b.checks) and form.terms > UNROLLED
        most = _WIDE if plain and self.lanes > 1 else _NARROW
        return min(most, -(-typical(self.length) // self.lanes))

    @property
    def width(self) -> int:
        """Columns of a tile."""
        return self.vectors * self.lanes

    @property
    def chunks(self) -> int:
        """Tiles along a line."""
        return -(-self.length // self.width)

    @cached_property
    def together(self) -> int:
        """Lines of a tile: several where an operand doesn't vary along them as along columns, so that they share what is read."""
        lined, inner = self.lined, self.inner
        if lined is None or inner is None:
            return 1
        if any(v.varies(lined) != v.varies(inner) or v.checks for v in (self.form.a, self.form.b)):
            fitting = (h for h in range(_TALL, 1, -1) if is_multiple(self.tall, h))
            return next(fitting, min(_TALL, typical(self.tall)))
        return 1

    @cached_property
    def unrolled(self) -> list[int]:
        """The summed axes whose terms are written out."""
        return _tail(self.form, self.form.summed, UNROLLED)

    @property
    def looped(self) -> list[int]:
        return [k for k in self.form.summed if k not in self.unrolled]

    def build(self) -> int:
        """Adds the loops over units of work; gives the number of these."""
        f, outer, together = self.f, self.outer, self.together
        groups = -(-self.tall // together)
        parts = self.chunks if prod(map(typical, outer)) * typical(groups) < _FEW_UNITS else 1

        def unit(u: Int, _: list[Value]) -> None:
            *coordinates, group, part = unravel(f, u, [*outer, groups, parts])
            first = f.mul(part, self.width)
            last = f.add(first, self.chunks // parts * self.width)
            index = place([0] * len(self.form.extents), range(len(outer)), coordinates)
            y = f.mul(group, together)

            def whole() -> None:
                self._lines(index, y, together, first, last)

            def rest() -> None:
                f.loop(y, self.tall, 1, lambda k, _: self._lines(index, k, 1, first, last))

            if is_multiple(self.tall, together):
                whole()
            else:
                f.choose(f.compare("sle", f.add(y, together), self.tall), whole, rest)

        every(f, unit)
        return prod(outer) * groups * parts

    def _lines(self, index: list[Int], line: Int, height: int, first: Int, last: Int) -> None:
        """`height` lines from number `line` on, of the columns from `first` to before `last`."""
        at = index if self.lined is None else place(index, [self.lined], [line])
        self.f.loop(first, last, self.width, lambda start, _: self._tile(at, start, height))

    def _left_over(self, start: Int, vector: int) -> Int:
        """How many lanes of a vector there are, in a tile from column `start` on."""
        if is_multiple(self.length, self.width):
            return self.lanes
        return self.f.minimum(self.f.sub(self.length, self.f.add(start, vector * self.lanes)), self.lanes)

    def _tile(self, at: list[Int], start: Int, height: int) -> None:
        """`height` lines from `at`, of the columns from `start` on."""
        f, form = self.f, self.form
        sums = [zero(form.vector(self.lanes))] * (height * self.vectors)
        if form.terms:
            sums = _nest(f, form, self.looped, at, sums, lambda index, sums: self._add_terms(index, start, height, sums))
        axes = [k for k in (self.lined, self.inner) if k is not None]
        for cell, total in enumerate(sums):
            line, vector = divmod(cell, self.vectors)
            values = [f.add(at[k], line) if k == self.lined else f.add(start, vector * self.lanes) for k in axes]
            where = place(at, axes, values)
            remaining = self._left_over(start, vector)
            if isinstance(remaining, int) and remaining <= 0:
                continue
            result = finish(f, form, self.memory, total, where, self.inner, self.lanes, remaining)
            store(f, form, self.memory, result, where, self.inner, self.lanes, remaining)

    def _add_terms(self, index: list[Int], start: Int, height: int, sums: list[Value]) -> list[Value]:
        """A tile's sums with the terms that are written out."""
        f, form, lanes = self.f, self.form, self.lanes
        terms = list(_shifts(form, self.unrolled))
        wanted = [tuple(d + (h if k == self.lined else 0) for k, d in enumerate(t)) for h in range(height) for t in terms]
        sums = list(sums)
        for w in range(self.vectors):
            here = index if self.inner is None else place(index, [self.inner], [f.add(start, w * lanes)])
            count = self._left_over(start, w)
            a, b = (read_many(f, self.memory[v.slot], v, here, wanted, self.inner, lanes, count) for v in (form.a, form.b))
            for n, (x, y) in enumerate(zip(a, b, strict=True)):
                cell = n // len(terms) * self.vectors + w
                sums[cell] = f.multiply_add(x, y, sums[cell])
        return sums


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
