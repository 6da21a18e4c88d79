"""The left operand in panels: [batch][rows/height][summed][height], with numbers of no meaning past the last row. A phase of its
own, whose result is kept while the operand doesn't change.

May import `codegen.llvm` and the contraction's building, elements, epilogue and roles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.contraction.buffers import LINE
from flambeau.codegen.llvm.contraction.building import Building
from flambeau.codegen.llvm.contraction.elements import pointers, position, read, read_flat, read_turned
from flambeau.codegen.llvm.contraction.epilogue import ContractionModule
from flambeau.codegen.llvm.contraction.form import Check, Form
from flambeau.codegen.llvm.contraction.roles import (
    PHASE,
    Roles,
    ceiling,
    place,
    share,
    size_of,
    unravel,
)
from flambeau.codegen.llvm.lowered import Pack
from flambeau.codegen.llvm.types import Int, Value, is_float
from flambeau.codegen.llvm.values import memory_type
from flambeau.traced import is_multiple

__all__ = ["BESIDE", "Panels"]

BESIDE = 8
"""How many panels are packed at a time whose rows lie beside each other."""
_AHEAD = 8
"""How many terms ahead memory is asked for them: in short runs far apart, which the processor doesn't foresee."""


@dataclass(frozen=True)
class Panels:
    """How a form's left operand is packed: `height` rows a panel, the terms in row-major order of the axes `summed`."""

    form: Form
    roles: Roles
    height: int
    summed: tuple[int, ...]

    @property
    def rows(self) -> int:
        return size_of(self.form.extents, self.roles.rows)

    @property
    def count(self) -> int:
        return ceiling(self.rows, self.height)

    @property
    def terms(self) -> int:
        return size_of(self.form.extents, self.summed)

    @property
    def key(self) -> object:
        """Equal keys mean equal contents."""
        packed = (self.roles.batch, self.roles.rows, self.summed)
        extents = tuple(self.form.extents[k] for axes in packed for k in axes)
        return type(self), self.height, self.roles.left, packed, extents

    @cached_property
    def run(self) -> int:
        """How many of the last axes of a term are, in each row of the operand, one run of memory without bounds."""
        view, length = self.roles.left, 1
        for count, k in enumerate(reversed(self.summed)):
            if view.checks or view.strides[k] != length:
                return count
            length *= self.form.extents[k]
        return len(self.summed)

    @property
    def bytes(self) -> int:
        """What all panels take, with room to write beyond the last."""
        elements = size_of(self.form.extents, self.roles.batch) * self.count * self.terms * self.height
        return (elements + 2 * max(16, 1 << (self.height - 1).bit_length())) * self.form.sum_bytes

    def turns(self, lanes: int) -> bool:
        """Whether rows are read along the sum and turned in registers: where they lie apart, and runs are long enough."""
        if not self.run or not self.roles.rows or self.height == 1 or self.roles.left.strides[self.roles.rows[-1]] == 1:
            return False
        return 2 * size_of(self.form.extents, self.summed[-self.run :]) >= lanes > 1

    def cycles(self, lanes: int) -> float:
        """About what packing takes all threads together."""
        return size_of(self.form.extents, self.roles.batch) * self.rows * self.terms * (0.4 if self.turns(lanes) else 2.5)

    def build(self, building: Building, name: str) -> Pack:
        """Adds the phase, and its block of scratch memory."""
        block = building.scratch.own(self.bytes)
        f = building.module.function(name, PHASE)
        low, high = share(f, size_of(self.form.extents, self.roles.batch) * self.count)
        self.fill(f, pointers(f, building.slots), building.scratch.pointer(f, block), low, high)
        f.finish()
        return Pack(name, self.roles.left.slot, block, f.takes_sizes)

    def fill(self, f: Function, memory: Sequence[Value], packed: Value, low: Int, high: Int) -> None:
        """Packs the panels from number `low` to before `high`."""
        module = f.module
        assert isinstance(module, ContractionModule)
        form, r, height = self.form, self.roles, self.height
        source = memory[r.left.slot]
        lanes = module.target.lanes(8 * form.sum_bytes)
        turned = self.turns(lanes)

        def unit(u: Int, _: list[Value]) -> None:
            group, panel = f.div(u, self.count), f.rem(u, self.count)
            index = place([0] * len(form.extents), r.batch, unravel(f, group, [form.extents[k] for k in r.batch]))
            first = f.mul(panel, height)
            target = f.address(packed, f.mul(u, self.terms * height), form.sum_type)
            if turned:
                self._nest(f, self.summed[: -self.run], index, lambda at, n: self._turn(f, source, target, at, n, first, lanes))
            else:
                self._nest(f, self.summed, index, lambda at, n: self._gather(f, source, target, at, n, first))

        f.loop(low, high, 1, unit)

    @property
    def is_beside(self) -> bool:
        """Whether a term's rows lie beside each other, and terms a constant step apart."""
        r = self.roles
        return len(r.rows) == len(self.summed) == 1 and r.left.strides[r.rows[0]] == 1 and not r.left.checks

    def fill_beside(
        self,
        f: Function,
        source: Value,
        packed: Value,
        index: list[Int],
        panels: tuple[Int, Int],
        terms: tuple[Int, Int],
        pitch: int,
    ) -> None:
        """A part of what `is_beside`: these few panels, of the terms from terms[0] to before terms[1], a panel's `pitch` terms
        after the one before. Term by term: each page of the operand is visited once for all of them."""
        view = self.roles.left

        def term(k: Int, _: list[Value]) -> None:
            at, n = place(index, self.summed, [k]), f.sub(k, terms[0])
            later = place(at, (*self.summed, *self.roles.rows), (f.add(k, _AHEAD), f.mul(panels[0], self.height)))
            start = position(f, view.offset, view.strides, later)
            for line in range(0, BESIDE * self.height, LINE // view.type.itemsize):
                f.prefetch(f.address(source, f.add(start, line), memory_type(view.type)), locality=2)

            def panel(q: Int, _: list[Value]) -> None:
                target = f.address(packed, f.mul(f.sub(q, panels[0]), pitch * self.height), self.form.sum_type)
                self._gather(f, source, target, at, n, f.mul(q, self.height))

            f.loop(panels[0], panels[1], 1, panel)

        f.loop(terms[0], terms[1], 1, term)

    def _nest(
        self, f: Function, axes: Sequence[int], index: list[Int], body: Callable[[list[Int], Int], None], number: Int = 0
    ) -> None:
        """Loops over `axes` around body(index, number of the point)."""
        if not axes:
            body(index, number)
            return
        axis, extent = axes[0], self.form.extents[axes[0]]

        def turn(k: Int, _: list[Value]) -> None:
            self._nest(f, axes[1:], place(index, [axis], [k]), body, f.add(f.mul(number, extent), k))

        f.loop(0, extent, 1, turn)

    def _gather(self, f: Function, source: Value, target: Value, index: list[Int], term: Int, first: Int) -> None:
        """The panel's rows for one term, lanes along rows."""
        r, height, extents = self.roles, self.height, self.form.extents
        lanes = 1 << (height - 1).bit_length()
        if height == 1:
            values = read(f, source, r.left, place(index, r.rows, unravel(f, first, [extents[k] for k in r.rows])), None, 1)
        elif len(r.rows) == 1:
            whole = is_multiple(self.rows, height) and lanes == height
            count = lanes if whole else f.minimum(f.sub(self.rows, first), height)
            values = read(f, source, r.left, place(index, r.rows, [first]), r.rows[0], lanes, count)
        elif r.rows and r.left.strides[r.rows[-1]] == 1 and extents[r.rows[-1]] >= height and not r.left.checks:
            values = self._two_lines(f, source, index, first, lanes)
        else:
            values = read_flat(f, source, r.left, index, r.rows, extents, first, lanes)
        at = f.address(target, f.mul(term, height), self.form.sum_type)
        f.masked_store(values, at, f.lane_mask(0, height, lanes))

    def _two_lines(self, f: Function, source: Value, index: list[Int], first: Int, lanes: int) -> Value:
        """Rows from number `first` on, which lie along the innermost of their axes: those up to its end and those after."""
        *outer, inner = self.roles.rows
        extents = self.form.extents
        sizes = [extents[k] for k in outer]
        bound = Check(0, tuple(int(k == inner) for k in range(len(extents))), extents[inner])
        view = replace(self.roles.left, checks=(bound,))
        line, start = f.div(first, extents[inner]), f.rem(first, extents[inner])
        following = f.minimum(f.add(line, 1), prod(sizes) - 1)
        parts = []
        for number, begin in ((line, start), (following, f.sub(start, extents[inner]))):
            at = place(index, (*outer, inner), (*unravel(f, number, sizes), begin))
            parts.append(read(f, source, view, at, inner, lanes, self.height))
        return f.binary("fadd" if is_float(parts[0].type) else "add", *parts)

    def _turn(self, f: Function, source: Value, target: Value, index: list[Int], number: Int, first: Int, lanes: int) -> None:
        """The panel's rows for run `number`: vectors along the run, turned in registers. Past the last row it comes again."""
        r, height, extents = self.roles, self.height, self.form.extents
        axis = self.summed[-1]
        length = size_of(extents, self.summed[-self.run :])
        sizes = [extents[k] for k in r.rows]
        is_whole = is_multiple(self.rows, height)
        rows = [f.add(first, m) if is_whole else f.minimum(f.add(first, m), self.rows - 1) for m in range(height)]
        starts = [place(index, r.rows, unravel(f, row, sizes)) for row in rows]
        begin = f.address(target, f.mul(number, length * height), self.form.sum_type)

        def chunk(k: Int, count: Int) -> None:
            for m in range(0, height, lanes):
                group = starts[m : m + lanes]
                places = [place(start, [axis], [k]) for start in group]
                for n, turned in enumerate(read_turned(f, source, r.left, places, axis, lanes, count)):
                    within = f.compare("slt", n, count)
                    if within is False:
                        break
                    with f.when(within):
                        at = f.address(begin, f.add(f.mul(f.add(k, n), height), m), self.form.sum_type)
                        f.masked_store(turned, at, f.lane_mask(0, len(group), lanes))

        rest = length % lanes
        f.loop(0, length - rest, lanes, lambda k, _: chunk(k, lanes))
        more = f.compare("sgt", rest, 0)
        if more is not False:
            with f.when(more):
                chunk(length - rest, rest)
