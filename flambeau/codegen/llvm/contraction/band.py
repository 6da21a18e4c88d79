"""The band schedule, for operands that slide: convolutions and their input gradients.

A unit of work copies the lines of the right operand that its outputs need, a *band*, into private memory once: padding, dtypes,
strides and dilation are dealt with there (see `track.py`), and every tap of the kernel reads the band at a constant distance.
A value is copied once or twice where a matrix product over columns would copy it once a tap. The left operand comes in panels.
A register tile is one of these (`Shape.run`):

- line: rows × lines × vectors of columns in one line, a broadcast of every row and a load of every vector a term; several lines,
  where there are but one or two rows (depthwise convolutions), share the loads of what their taps meet together. The sums go
  through the epilogue straight from registers.
- flat: the same for short lines: tiles run on over the ends of lines, columns between two lines are computed for nothing, and
  the others picked from a buffer.
- across: vectors of rows × columns, a broadcast of every column a term; the sums are turned in registers on their way out. No
  lane is idle however short lines are, but the left operand streams through the registers for few columns.

`band_plan.py` chooses. May import `codegen.llvm` and the contraction's other parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.contraction.buffers import in_vectors, off_powers_of_two
from flambeau.codegen.llvm.contraction.building import Building
from flambeau.codegen.llvm.contraction.elements import pointers, position, read
from flambeau.codegen.llvm.contraction.epilogue import finish, store
from flambeau.codegen.llvm.contraction.form import Form, View
from flambeau.codegen.llvm.contraction.pack import Panels
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
from flambeau.codegen.llvm.shuffles import transpose
from flambeau.codegen.llvm.types import Int, Value, poison, zero

__all__ = ["WRITTEN_OUT", "Band", "Shape", "pieces"]

WRITTEN_OUT = 320
"""Most multiply-adds of vectors in a loop's body."""
_CHUNKS = 16
"""Most vectors of a line whose copying is written out."""


@dataclass(frozen=True)
class Shape:
    """What a plan chooses: a register tile, and the lines of a block.

    `run` is "line", "flat" or "across". `width` counts vectors of columns, or across single columns.
    """

    height: int
    tall: int
    width: int
    lines: int
    run: str


@dataclass(frozen=True)
class Band:
    """A plan for one form; `build` adds its function to a kernel."""

    form: Form
    roles: Roles
    line: Track
    inner: Track
    lanes: int
    segment: int
    """Columns of each line in a block."""
    shape: Shape
    groups: int
    """Into how many parts the rows are cut, beside the columns."""

    @property
    def outer(self) -> tuple[int, ...]:
        """The summed axes that don't slide: the band holds a plane for each of their points."""
        return tuple(k for k in self.roles.summed if k not in (self.line.tap, self.inner.tap))

    @property
    def summed(self) -> tuple[int, ...]:
        """All summed axes in the order of the terms."""
        return (*self.outer, *(t.tap for t in (self.line, self.inner) if t.tap is not None))

    @cached_property
    def packed(self) -> Panels:
        return Panels(self.form, self.roles, self.shape.height, self.summed)

    # --- the band: [outer][phase of lines][phase of columns][line][column]

    @property
    def columns(self) -> int:
        """Places of a line."""
        return self.segment + self.inner.farthest

    @cached_property
    def shared(self) -> int:
        """How many zeros at a line's end are the next line's beginning, too."""
        if self.segment < self.form.extents[self.roles.columns[-1]]:
            return 0
        most = self.columns - 1
        for phase in self.inner.phases:
            view = self.inner.within(self.roles.right, phase)
            first, last = 0, self.columns
            for c in view.checks:
                along = c.terms[self.roles.columns[-1]]
                if along > 0 and not any(t for k, t in enumerate(c.terms) if k not in (self.inner.axis, self.inner.tap)):
                    first = max(first, ceiling(-c.offset, along))
                    last = min(last, (c.size - 1 - c.offset) // along + 1)
            most = max(0, min(most, first, self.columns - last))
        return most

    @property
    def pitch(self) -> int:
        return self.columns - self.shared

    @cached_property
    def plane(self) -> int:
        """Elements of one phase: all its lines and an overhang, off powers of two."""
        size = (self.shape.lines + self.line.farthest) * self.pitch + self.shared
        return off_powers_of_two(size, self.form.sum_type)

    @property
    def planes(self) -> int:
        """Elements of all phases of a point of the outer axes."""
        return len(self.line.phases) * len(self.inner.phases) * self.plane

    @property
    def sums(self) -> int:
        """Elements of a panel's row of sums, where they don't go straight to the epilogue."""
        return ceiling(self.shape.lines * self.pitch, self.lanes) * self.lanes + self.shape.width * self.lanes

    def distance(self, axis: int) -> int:
        """From one point of an outer axis to the next."""
        return size_of(self.form.extents, self.outer[self.outer.index(axis) + 1 :]) * self.planes

    @property
    def taps(self) -> list[int]:
        """How far from its column each tap is met, in the order of the terms."""
        found = []
        for j in range(self.line.taps):
            for k in range(self.inner.taps):
                (a, lines), (b, places) = self.line.meets(j), self.inner.meets(k)
                found.append((a * len(self.inner.phases) + b) * self.plane + lines * self.pitch + places)
        return found

    # --- building

    @property
    def lines(self) -> int:
        """Lines in a block."""
        return self.shape.lines

    def with_lines(self, lines: int) -> Band:
        """The plan with at most so many lines in a block."""
        return replace(self, shape=replace(self.shape, lines=min(lines, self.lines)))

    def build(self, building: Building, name: str) -> int:
        """Adds the function that makes the sums; gives the number of its units of work."""
        pack, scratch = building.packed(self.packed), building.scratch
        element = self.form.sum_type
        f = building.module.function(name, PART)
        r, extents, shape, panels = self.roles, self.form.extents, self.shape, self.packed
        memory = pointers(f, building.slots)
        weights = scratch.pointer(f, pack.scratch)
        outer = size_of(extents, self.outer)
        band = scratch.private(f, "band", (outer * self.planes + (_CHUNKS + shape.width) * self.lanes) * self.form.sum_bytes)
        sums = scratch.private(f, "sums", shape.height * self.sums * self.form.sum_bytes) if shape.run == "flat" else band
        inner = r.columns[-1]
        fixed = sorted({*r.batch, *r.columns} - {self.line.axis, inner})  # units in the order of memory
        line_count = extents[self.line.axis] if self.line.axis is not None else 1
        counts = [
            *(extents[k] for k in fixed),
            ceiling(line_count, shape.lines),
            ceiling(extents[inner], self.segment),
            self.groups,
        ]

        def unit(u: Int, _: list[Value]) -> None:
            *outer, block, part, group = unravel(f, u, counts)
            line, start = f.mul(block, shape.lines), f.mul(part, self.segment)
            index = place([0] * len(extents), (*fixed, inner), (*outer, start))
            if self.line.axis is not None:
                index = place(index, [self.line.axis], [line])
            lines: Int = shape.lines if line_count % shape.lines == 0 else f.minimum(f.sub(line_count, line), shape.lines)
            whole = extents[inner] % self.segment == 0
            length: Int = self.segment if whole else f.minimum(f.sub(extents[inner], start), self.segment)
            self._copy(f, memory[r.right.slot], band, index, lines, length)
            batch: Int = 0
            for k in r.batch:
                batch = f.add(f.mul(batch, extents[k]), index[k])
            left = f.address(weights, f.mul(batch, panels.count * panels.terms * panels.height), element)
            per = ceiling(panels.count, self.groups)
            first = f.mul(group, per)
            last: Int = per if self.groups == 1 else f.minimum(f.add(first, per), panels.count)

            def panel(p: Int, _: list[Value]) -> None:
                rows = f.address(left, f.mul(p, panels.terms * panels.height), element)
                if shape.run == "across":
                    self._across_tiles(f, memory, rows, band, index, p, lines)
                elif shape.run == "flat":
                    self._flat_tiles(f, rows, band, sums, lines, length)
                    self._pick(f, memory, sums, index, p, lines, length)
                else:
                    self._line_tiles(f, memory, rows, band, index, p, lines, length)

            f.loop(first, last, 1, panel)

        every(f, unit)
        f.finish()
        return prod(counts)

    # --- copying

    def _copy(self, f: Function, memory: Value, band: Value, index: list[Int], lines: Int, length: Int) -> None:
        """Fills the band with what `lines` lines of `length` columns need."""

        def nest(depth: int, index: list[Int], at: Int) -> None:
            if depth < len(self.outer):
                axis = self.outer[depth]
                step = self.distance(axis)
                extent = self.form.extents[axis]
                f.loop(0, extent, 1, lambda k, _: nest(depth + 1, place(index, [axis], [k]), f.add(at, f.mul(k, step))))
                return
            for a, line_phase in enumerate(self.line.phases):
                for b, phase in enumerate(self.inner.phases):
                    target = f.address(band, f.add(at, (a * len(self.inner.phases) + b) * self.plane), self.form.sum_type)
                    view = self.inner.within(self.line.within(self.roles.right, line_phase), phase)
                    count = f.add(lines, self.line.reach(line_phase))
                    self._copy_phase(f, memory, target, view, index, count, f.add(length, self.inner.reach(phase)))

        nest(0, index, 0)

    def _copy_phase(
        self, f: Function, memory: Value, target: Value, view: View, index: list[Int], lines: Int, length: Int
    ) -> None:
        """One phase, line by line in order: vectors overhang into the next line's place. Lines out of bounds are zero."""
        element = self.form.sum_type
        lanes, axis, inner = self.lanes, self.line.axis, self.roles.columns[-1]
        type = self.form.vector(lanes)
        beside = tuple(c for c in view.checks if c.terms[inner])
        low: Int = 0
        high: Int = lines
        for c in view.checks:
            if c in beside:
                continue
            at = position(f, c.offset, c.terms, index)
            along = c.terms[axis] if axis is not None else 0
            if along:
                low = f.maximum(low, f.floor_div(f.sub(along - 1, at), along))
                high = f.minimum(high, f.add(f.floor_div(f.sub(c.size - 1, at), along), 1))
            else:
                high = f.choose_int(f.compare("ult", at, c.size), high, 0)
        low = f.minimum(low, lines)
        high = f.maximum(high, low)
        view = replace(view, checks=beside)

        def line(k: Int, inside: bool) -> None:
            into = f.address(target, f.mul(k, self.pitch), element)
            where = place(index, [axis], [f.add(index[axis], k)]) if axis is not None else index

            def chunk(j: Int) -> None:
                values = zero(type)
                if inside:
                    at = place(where, [inner], [f.add(where[inner], j)])
                    values = read(f, memory, view, at, inner, lanes, f.minimum(f.sub(length, j), lanes))
                f.store(values, f.address(into, j, element))

            in_vectors(f, length, lanes, chunk, _CHUNKS)

        f.loop(0, low, 1, lambda k, _: line(k, False))
        f.loop(low, high, 1, lambda k, _: line(k, True))
        f.loop(high, lines, 1, lambda k, _: line(k, False))
        # what vectors read past the last line must be numbers that multiply at full speed
        f.store(zero(type), f.address(target, f.add(f.mul(f.sub(lines, 1), self.pitch), length), element))

    # --- tiles

    def _tile(self, f: Function, left: Value, source: Value, tall: int, width: int) -> list[Value]:
        """Sums of a panel's rows (`left`) with `tall` lines by `width` vectors from column `source` on, in this order."""
        element = self.form.sum_type
        lanes, height, extents = self.lanes, self.shape.height, self.form.extents
        across = self.shape.run == "across"
        type = self.form.vector(lanes)
        held = [zero(type)] * ((height // lanes if across else height) * tall * width)
        taps = self.taps
        # across, the taps of a line meet the same elements: written out, LLVM keeps those in registers that the sums need
        written = not across and len(held) * len(taps) <= WRITTEN_OUT

        def term(a: Value, b: Value, held: list[Value]) -> list[Value]:
            vectors, singles = (a, b) if across else (b, a)
            loaded = [f.load(type, f.address(vectors, v * lanes, element)) for v in range(height // lanes if across else width)]
            held = list(held)
            for m in range(width if across else height):
                x = f.splat(f.load(element, f.address(singles, m, element)), lanes)
                for v, y in enumerate(loaded):
                    cell = m * len(loaded) + v
                    held[cell] = f.multiply_add(x, y, held[cell])
            return held

        def all_taps(a: Value, b: Value, held: list[Value]) -> list[Value]:
            """The taps written out by the element that they meet, so that each is loaded once for all lines of the tile."""
            uses: dict[int, list[tuple[int, int]]] = {}
            for n, distance in enumerate(taps):
                for t in range(tall):
                    uses.setdefault(distance + t * self.pitch, []).append((n, t))
            held = list(held)
            rows: dict[tuple[int, int], Value] = {}
            for at, users in uses.items():
                loaded = [f.load(type, f.address(b, at + v * lanes, element)) for v in range(width)]
                for n, t in users:
                    for m in range(height):
                        if (n, m) not in rows:
                            rows[n, m] = f.splat(f.load(element, f.address(a, n * height + m, element)), lanes)
                        for v in range(width):
                            cell = (m * tall + t) * width + v
                            held[cell] = f.multiply_add(rows[n, m], loaded[v], held[cell])
            return held

        def nest(depth: int, a: Value, b: Value, held: list[Value]) -> list[Value]:
            if depth < len(self.outer):
                axis = self.outer[depth]
                step, terms = self.distance(axis), size_of(extents, self.summed[depth + 1 :])

                def turn(k: Int, held: list[Value]) -> list[Value]:
                    left, right = f.mul(k, terms * height), f.mul(k, step)
                    return nest(depth + 1, f.address(a, left, element), f.address(b, right, element), held)

                return f.loop(0, extents[axis], 1, turn, held, nonempty=True)
            if written:
                return all_taps(a, b, held)
            step = taps[1] if len(taps) > 1 else 0
            table = None if all(d == k * step for k, d in enumerate(taps)) else f.module.table("i64", taps)

            def tap(k: Int, held: list[Value]) -> list[Value]:
                far = f.load("i64", f.address(table, k, "i64")) if table else f.mul(k, step)
                return term(f.address(a, f.mul(k, height), element), f.address(b, far, element), held)

            return f.loop(0, len(taps), 1, tap, held, nonempty=True)

        return nest(0, left, source, held)

    def _rows(self, f: Function, index: list[Int], first: Int, count: int) -> Iterator[tuple[int, list[Int]]]:
        return rows_there(f, self.form, self.roles, index, first, count, self.shape.height)

    def _write(
        self, f: Function, memory: Sequence[Value], total: Value, index: list[Int], line: Int, column: Int, count: Int
    ) -> None:
        """The epilogue of one vector of sums."""
        axis, inner = self.line.axis, self.roles.columns[-1]
        if axis is not None:
            index = place(index, [axis], [f.add(index[axis], line)])
        index = place(index, [inner], [f.add(index[inner], column)])
        result = finish(f, self.form, memory, total, index, inner, self.lanes, count)
        store(f, self.form, memory, result, index, inner, self.lanes, count)

    def _line_tiles(
        self, f: Function, memory: list[Value], left: Value, band: Value, index: list[Int], p: Int, lines: Int, length: Int
    ) -> None:
        """A panel's tiles line by line, each to the result."""
        shape, lanes = self.shape, self.lanes

        def tile(line: Int, tall: int, column: Int, width: int) -> None:
            source = f.address(band, f.add(f.mul(line, self.pitch), column), self.form.sum_type)
            sums = self._tile(f, left, source, tall, width)
            for m, at in self._rows(f, index, f.mul(p, shape.height), shape.height):
                for t in range(tall):
                    for v in range(width):
                        here = f.add(column, v * lanes)
                        full = isinstance(length, int) and not isinstance(column, int)
                        count = lanes if full else f.minimum(f.sub(length, here), lanes)
                        self._write(f, memory, sums[(m * tall + t) * width + v], at, f.add(line, t), here, count)

        def along(line: Int, tall: int) -> None:
            wide = shape.width * lanes
            if not isinstance(length, int):
                f.loop(0, f.mul(f.div(f.add(length, wide - 1), wide), wide), wide, lambda j, _: tile(line, tall, j, shape.width))
                return
            full = length // wide * wide
            f.loop(0, full, wide, lambda j, _: tile(line, tall, j, shape.width))
            if full < length:
                tile(line, tall, full, ceiling(length - full, lanes))

        whole = f.sub(lines, f.rem(lines, shape.tall))
        f.loop(0, whole, shape.tall, lambda y, _: along(y, shape.tall))
        if shape.tall > 1 and whole != lines:
            f.loop(whole, lines, 1, lambda y, _: along(y, 1))

    def _across_tiles(
        self, f: Function, memory: list[Value], left: Value, band: Value, index: list[Int], p: Int, lines: Int
    ) -> None:
        """A panel's tiles with lanes along rows, each turned in registers on its way to the result."""
        shape, lanes = self.shape, self.lanes

        def tile(line: Int, column: Int, width: int) -> None:
            source = f.address(band, f.add(f.mul(line, self.pitch), column), self.form.sum_type)
            sums = self._tile(f, left, source, 1, width)
            for m in range(0, shape.height, lanes):
                group = sums[m // lanes :: shape.height // lanes]
                turned = transpose(f, [*group, *[poison(group[0].type)] * (lanes - width)])
                for k, at in self._rows(f, index, f.add(f.mul(p, shape.height), m), lanes):
                    self._write(f, memory, turned[k], at, line, column, width)

        def along(line: Int, _: list[Value]) -> None:
            at = 0
            for width, count in pieces(self.segment, shape.width):

                def column(j: Int, _: list[Value], width: int = width) -> None:
                    tile(line, j, width)

                f.loop(at, at + width * count, width, column)
                at += width * count

        f.loop(0, lines, 1, along)

    def _flat_tiles(self, f: Function, left: Value, band: Value, sums: Value, lines: Int, length: Int) -> None:
        """A panel's sums over all columns of the block, those between lines among them, to the buffer."""
        element = self.form.sum_type
        shape, lanes = self.shape, self.lanes
        vectors = f.div(f.add(f.add(f.mul(f.sub(lines, 1), self.pitch), length), lanes - 1), lanes)
        full = f.mul(f.div(vectors, shape.width), shape.width * lanes)

        def strip(column: Int, width: int) -> None:
            totals = self._tile(f, left, f.address(band, column, element), 1, width)
            for m in range(shape.height):
                target = f.address(sums, f.add(column, m * self.sums), element)
                for v in range(width):
                    f.store(totals[m * width + v], f.address(target, v * lanes, element))

        f.loop(0, full, shape.width * lanes, lambda j, _: strip(j, shape.width))
        rest = f.rem(vectors, shape.width)
        for width in range(1, shape.width):
            fits = f.compare("eq", rest, width)
            if fits is not False:
                with f.when(fits):
                    strip(full, width)

    def _pick(self, f: Function, memory: list[Value], sums: Value, index: list[Int], p: Int, lines: Int, length: Int) -> None:
        """The epilogue over the buffer of a panel's sums."""
        element = self.form.sum_type
        height, rows, lanes = self.shape.height, self.packed.rows, self.lanes
        first = f.mul(p, height)

        def one_row(m: Int, _: list[Value]) -> None:
            at = place(index, self.roles.rows, unravel(f, f.add(first, m), [self.form.extents[k] for k in self.roles.rows]))
            source = f.address(sums, f.mul(m, self.sums), element)

            def one_line(y: Int, _: list[Value]) -> None:
                begin = f.address(source, f.mul(y, self.pitch), element)

                def chunk(j: Int) -> None:
                    total = f.load(self.form.vector(lanes), f.address(begin, j, element))
                    self._write(f, memory, total, at, y, j, f.minimum(f.sub(length, j), lanes))

                in_vectors(f, length, lanes, chunk)

            f.loop(0, lines, 1, one_line)

        f.loop(0, height if rows % height == 0 else f.minimum(f.sub(rows, first), height), 1, one_row)


def pieces(length: int, most: int) -> list[tuple[int, int]]:
    """A line's columns cut into as few pieces of at most `most` as it takes, of about one size: (size, how many)."""
    pieces = ceiling(length, most)
    size = ceiling(length, pieces)
    return [(size, pieces - (size * pieces - length)), (size - 1, size * pieces - length)]
