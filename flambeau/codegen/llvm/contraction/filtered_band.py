"""Bands whose lines are filtered (Winograd) from line to line: for windows over few channels, whose patches would cost more to
transform along both sides than the products that this saves.

A unit of work copies the lines that its outputs need into private memory, as the band schedule does, but combined from line to
line: for each *tile line*, which makes two lines of outputs, a line for each term of the filtering. Along a line the taps slide.
A register tile holds, for some rows and some vectors of a tile line's columns, the sum at every point of the filtering; at its
end these are combined to two lines of sums, which go through the epilogue straight from registers. So nothing but the band is
ever written, and a window of three taps takes 2/3 of the multiplications.

`filtered_band_plan.py` chooses. May import `codegen.llvm` and the contraction's other parts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.contraction.band import WRITTEN_OUT
from flambeau.codegen.llvm.contraction.buffers import in_vectors, off_powers_of_two
from flambeau.codegen.llvm.contraction.building import Building
from flambeau.codegen.llvm.contraction.elements import pointers, read_many
from flambeau.codegen.llvm.contraction.epilogue import finish, store
from flambeau.codegen.llvm.contraction.filtering import combine
from flambeau.codegen.llvm.contraction.form import Check, Form, View
from flambeau.codegen.llvm.contraction.roles import (
    PART,
    Roles,
    ceiling,
    every,
    place,
    rows_there,
    size_of,
    unravel,
)
from flambeau.codegen.llvm.contraction.track import Track
from flambeau.codegen.llvm.contraction.winograd_taps import Side, Taps, output_bound
from flambeau.codegen.llvm.types import Int, Value, zero
from flambeau.kernels.filtering import PLAIN

__all__ = ["FilteredBand"]

_CHUNKS = 4
"""Most vectors of a line whose copying is written out."""


@dataclass(frozen=True)
class FilteredBand:
    """A plan for one form; `build` adds its function to a kernel."""

    form: Form
    roles: Roles
    side: Side
    """From line to line."""
    inner: Track
    """Along lines."""
    lanes: int
    height: int
    """Rows of a register tile…"""
    width: int
    """…and vectors of columns."""
    lines: int
    """Tile lines in a block."""
    groups: int
    """Into how many parts the rows are cut, beside the columns."""

    @cached_property
    def taps(self) -> Taps:
        return Taps(self.form, self.roles, self.side, Side(self.inner.axis, None, PLAIN), self.height, 1)

    @property
    def outer(self) -> tuple[int, ...]:
        """The summed axes that don't slide."""
        return tuple(k for k in self.taps.channels if k != self.inner.tap)

    @property
    def depth(self) -> int:
        return size_of(self.form.extents, self.outer)

    @property
    def axis(self) -> int:
        """Counts lines of outputs."""
        assert self.side.axis is not None
        return self.side.axis

    @property
    def line_count(self) -> int:
        """Tile lines of an image."""
        return ceiling(self.form.extents[self.axis], self.side.filtering.outputs)

    @property
    def length(self) -> int:
        """Columns of a line of outputs."""
        return self.form.extents[self.roles.columns[-1]]

    # --- the band: [outer][point][tile line][column]

    @property
    def columns(self) -> int:
        """Places of a line."""
        return self.length + self.inner.farthest

    @property
    def pitch(self) -> int:
        """Whole vectors, so that taps that meet their own column load what lies within cache lines."""
        return ceiling(self.columns, self.lanes) * self.lanes

    @cached_property
    def plane(self) -> int:
        """Elements of all lines at a point, and an overhang, off powers of two."""
        return off_powers_of_two(self.lines * self.pitch + self.lanes, self.form.sum_type)

    @property
    def planes(self) -> int:
        """Elements of a point of the outer axes."""
        return self.side.filtering.points * self.plane

    @property
    def bytes(self) -> int:
        return (self.depth * self.planes + self.width * self.lanes) * self.form.sum_bytes

    # --- building

    def build(self, building: Building, name: str) -> int:
        """Adds the function that makes the sums; gives the number of its units of work."""
        pack, scratch = building.packed(self.taps), building.scratch
        element = self.form.sum_type
        f = building.module.function(name, PART)
        r, extents, taps = self.roles, self.form.extents, self.taps
        memory = pointers(f, building.slots)
        packed = scratch.pointer(f, pack.scratch)
        band = scratch.private(f, "band", self.bytes)
        fixed = sorted({*r.batch, *r.columns} - {self.axis, r.columns[-1]})
        counts = [*(extents[k] for k in fixed), ceiling(self.line_count, self.lines), self.groups]
        panel_size = taps.planes * taps.depth * self.height
        per = ceiling(taps.panels, self.groups)

        def unit(u: Int, _: list[Value]) -> None:
            *outer, block, group = unravel(f, u, counts)
            line = f.mul(block, self.lines)
            whole = self.line_count % self.lines == 0
            lines: Int = self.lines if whole else f.minimum(f.sub(self.line_count, line), self.lines)
            index = place([0] * len(extents), (*fixed, self.axis), (*outer, f.mul(line, self.side.filtering.outputs)))
            self._copy(f, memory[r.right.slot], band, index, lines)
            batch: Int = 0
            for k in r.batch:
                batch = f.add(f.mul(batch, extents[k]), index[k])
            left = f.address(packed, f.mul(batch, taps.panels * panel_size), element)
            first = f.mul(group, per)
            last: Int = per if self.groups == 1 else f.minimum(f.add(first, per), taps.panels)

            def panel(p: Int, _: list[Value]) -> None:
                rows = f.address(left, f.mul(p, panel_size), element)
                f.loop(0, lines, 1, lambda k, _: self._tiles_of_line(f, memory, rows, band, index, p, k))

            f.loop(first, last, 1, panel)

        every(f, unit)
        f.finish()
        return prod(counts)

    # --- copying

    def _line_at(self, f: Function, index: list[Int], line: Int) -> list[Int]:
        """The index at a tile line of the block."""
        return place(index, [self.axis], [f.add(index[self.axis], f.mul(line, self.side.filtering.outputs))])

    def _bounded(self) -> View:
        """The right operand with its columns counted from the first that a tap reads on, bounded at what the outputs read."""
        track, view, extents = self.inner, self.roles.right, self.form.extents
        axis = self.roles.columns[-1]
        checks = [replace(c, offset=c.offset + c.terms[axis] * track.low) for c in view.checks]
        checks.append(Check(0, tuple(int(k == axis) for k in range(len(extents))), self.columns))
        if extents[self.axis] % self.side.filtering.outputs:
            checks.append(output_bound(self.form, self.side))
        return replace(view, offset=view.offset + view.strides[axis] * track.low, checks=tuple(checks))

    def _copy(self, f: Function, memory: Value, band: Value, index: list[Int], lines: Int) -> None:
        """Fills the band with what `lines` tile lines need, lines and columns out of bounds being zero."""
        element, lanes, filtering = self.form.sum_type, self.lanes, self.side.filtering
        column = self.roles.columns[-1]
        view = self._bounded()
        shifts = [[i if k == self.side.taps else 0 for k in range(len(index))] for i in range(filtering.pixels)]

        def channel(c: Int, _: list[Value]) -> None:
            at = place(index, self.outer, unravel(f, c, [self.form.extents[k] for k in self.outer]))
            target = f.address(band, f.mul(c, self.planes), element)

            def line(k: Int, _: list[Value]) -> None:
                where, into = self._line_at(f, at, k), f.address(target, f.mul(k, self.pitch), element)

                def chunk(j: Int) -> None:
                    pixels = read_many(f, memory, view, place(where, [column], [j]), shifts, column, lanes)
                    for q, row in enumerate(filtering.input):
                        f.store(combine(f, row, pixels), f.address(into, f.add(j, q * self.plane), element))

                in_vectors(f, self.columns, lanes, chunk, _CHUNKS)

            f.loop(0, lines, 1, line)
            # what vectors read past the last line must be numbers that multiply at full speed
            for q in range(filtering.points):
                end = f.add(f.mul(lines, self.pitch), q * self.plane)
                f.store(zero(self.form.vector(lanes)), f.address(target, end, element))

        f.loop(0, self.depth, 1, channel)

    # --- tiles

    def _tiles_of_line(
        self, f: Function, memory: list[Value], left: Value, band: Value, index: list[Int], p: Int, line: Int
    ) -> None:
        """A panel's tiles of one tile line, each to the result."""
        wide = self.width * self.lanes
        where = self._line_at(f, index, line)
        source = f.address(band, f.mul(line, self.pitch), self.form.sum_type)

        def tile(column: Int, width: int) -> None:
            held = self._sums(f, left, f.address(source, column, self.form.sum_type), width)
            self._write(f, memory, held, where, f.mul(p, self.height), column, width)

        full = self.length // wide * wide
        f.loop(0, full, wide, lambda j, _: tile(j, self.width))
        if full < self.length:
            tile(full, ceiling(self.length - full, self.lanes))

    def _sums(self, f: Function, left: Value, source: Value, width: int) -> list[Value]:
        """The sums at [point][row][vector] for a panel's rows (`left`) and `width` vectors from column `source` on."""
        element, lanes, height, points = self.form.sum_type, self.lanes, self.height, self.taps.points
        type = self.form.vector(lanes)
        taps, track = self.inner.taps, self.inner

        def tap(channel: Int, source: Value, held: list[Value]) -> list[Value]:
            """Adds, at all points, the products with the panel's taps of a channel, one of `taps.channels`."""
            held = list(held)
            for q in range(points):
                loaded = [f.load(type, f.address(source, q * self.plane + v * lanes, element)) for v in range(width)]
                rows = f.address(left, f.add(f.mul(channel, height), q * self.taps.depth * height), element)
                for m in range(height):
                    x = f.splat(f.load(element, f.address(rows, m, element)), lanes)
                    for v, y in enumerate(loaded):
                        cell = (q * height + m) * width + v
                        held[cell] = f.multiply_add(x, y, held[cell])
            return held

        def channel(c: Int, held: list[Value]) -> list[Value]:
            here, first = f.address(source, f.add(f.mul(c, self.planes), -track.low), element), f.mul(c, taps)

            def one(k: Int, held: list[Value]) -> list[Value]:
                return tap(f.add(first, k), f.address(here, f.mul(k, track.spread), element), held)

            if points * height * width * taps > WRITTEN_OUT:
                return f.loop(0, taps, 1, one, held, nonempty=True)
            for k in range(taps):
                held = one(k, held)
            return held

        return f.loop(0, self.depth, 1, channel, [zero(type)] * (points * height * width), nonempty=True)

    def _write(
        self, f: Function, memory: list[Value], held: list[Value], where: list[Int], first: Int, column: Int, width: int
    ) -> None:
        """A tile's lines of outputs, through the epilogue."""
        form, lanes, inner = self.form, self.lanes, self.roles.columns[-1]
        extents, filtering = form.extents, self.side.filtering
        for m, at in rows_there(f, form, self.roles, where, first, self.height, self.height):
            for i, output in enumerate(filtering.output):
                here = place(at, [self.axis], [f.add(at[self.axis], i)])
                there = (
                    f.compare("slt", here[self.axis], extents[self.axis])
                    if i and extents[self.axis] % len(filtering.output)
                    else True
                )
                with f.when(there):
                    for v in range(width):
                        total = combine(f, output, [held[(q * self.height + m) * width + v] for q in range(self.taps.points)])
                        start = f.add(column, v * lanes)
                        count = lanes if isinstance(column, Value) else f.minimum(f.sub(self.length, start), lanes)
                        pixel = place(here, [inner], [start])
                        result = finish(f, form, memory, total, pixel, inner, lanes, count)
                        store(f, form, memory, result, pixel, inner, lanes, count)
