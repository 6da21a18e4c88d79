"""Convolution by minimal filtering (Winograd): 3×3 with 4/9 of the multiplications, of stride 2 with 25/36 of them.

The sum over channels stands between the brackets of Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A (see `filtering.py`): one matrix product over
channels and terms for each pair of points, run by the micro-kernel with tiles of the image as columns. A side of the tiles along
which no window slides is one pixel.

The taps are transformed once into panels (a `Pack` phase). A thread takes a block of tile lines, transforms each
channel's patches, padding included, multiplies, and transforms back through the epilogue, a group of result channels at a time.

May import `codegen.llvm` and the contraction's other parts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.contraction.buffers import LINE, Sums, off_powers_of_two
from flambeau.codegen.llvm.contraction.building import Building
from flambeau.codegen.llvm.contraction.elements import pointers, position
from flambeau.codegen.llvm.contraction.epilogue import finish, store
from flambeau.codegen.llvm.contraction.filtering import transform
from flambeau.codegen.llvm.contraction.form import Form
from flambeau.codegen.llvm.contraction.micro import Left, Tile, product
from flambeau.codegen.llvm.contraction.roles import (
    PART,
    Roles,
    ceiling,
    every,
    place,
    size_of,
    unravel,
)
from flambeau.codegen.llvm.contraction.tiles import Piece, Tiles, cut, lines_together, lines_within, pieces, unrolled
from flambeau.codegen.llvm.contraction.winograd_taps import Side, Taps, output_bound
from flambeau.codegen.llvm.shuffles import gathered
from flambeau.codegen.llvm.types import Int, Value, bytes_of, zero
from flambeau.codegen.llvm.values import memory_type

__all__ = ["Winograd"]

AHEAD = 2
"""How many channels ahead of its use a line is prefetched."""
_FEW_CHANNELS = 64
"""See `Winograd.is_joined`."""

AtLine = Callable[[list[Int], Int], list[Int]]
"""(index, line of the block) → the index there."""


@dataclass(frozen=True)
class Winograd:
    """A plan for one form; `build` adds its function to a kernel."""

    form: Form
    roles: Roles
    vertical: Side
    horizontal: Side
    tile: Tile
    lanes: int
    blocks: int
    """Into how many blocks the lines of tiles are cut, of as equal sizes as can be."""
    group: int
    """Panels of rows that are multiplied before their sums are transformed."""

    @cached_property
    def taps(self) -> Taps:
        return Taps(self.form, self.roles, self.vertical, self.horizontal, self.tile.height, self.group)

    @property
    def depth(self) -> int:
        """Channels in the sum."""
        return self.taps.depth

    @property
    def points(self) -> int:
        return self.taps.points

    @property
    def planes(self) -> int:
        """Transformed values of a tile's pixels."""
        return self.taps.planes

    @property
    def x(self) -> int:
        """The axis of outputs along which tiles lie side by side."""
        assert self.horizontal.axis is not None
        return self.horizontal.axis

    @property
    def wide(self) -> int:
        """Tiles in a line."""
        return ceiling(self.form.extents[self.x], self.horizontal.filtering.outputs)

    @property
    def line_axes(self) -> tuple[int, ...]:
        """Axes that count lines of tiles; the vertical side's counts several outputs at once."""
        return self.roles.columns[:-1]

    @property
    def line_extents(self) -> list[int]:
        each = self.vertical.filtering.outputs
        return [ceiling(self.form.extents[k], each if k == self.vertical.axis else 1) for k in self.line_axes]

    @property
    def lines(self) -> int:
        """Lines in the longest block."""
        return ceiling(prod(self.line_extents), self.blocks)

    @property
    def together(self) -> int:
        """How many lines are cut into vectors at once."""
        return lines_together(self.wide, self.lanes, prod(self.line_extents) // self.blocks, self.lines, self.planes)

    @property
    def within(self) -> int:
        """How many lines one vector holds."""
        return lines_within(self.wide, self.lanes)

    @property
    def pitch(self) -> int:
        tiles = ceiling(self.lines, self.together) * self.together * self.wide
        return off_powers_of_two(tiles + self.lanes, self.form.sum_type)

    @property
    def is_joined(self) -> bool:
        """Whether a vector of tiles lies together with its other terms, so that what is written at once is one stretch of memory.
        Vectors must be whole, and channels few: a strip of columns is read from more pages then, for each channel."""
        is_whole = self.together == self.lines or self.together * self.wide % self.lanes == 0
        return is_whole and self.depth <= _FEW_CHANNELS

    @property
    def spacing(self) -> tuple[int, int]:
        """Elements from one term's transformed tiles to the next's, and from one vector of tiles to the next."""
        return (self.lanes, self.planes * self.lanes) if self.is_joined else (self.pitch, self.lanes)

    def stride(self, planes: int) -> int:
        """Elements from one channel's transformed tiles, or one row's sums, to the next's: all `planes` side by side, so that
        writing them stays within few pages, and a line more, off powers of two."""
        return planes * self.pitch + LINE // self.form.sum_bytes

    def build(self, building: Building, name: str) -> int:
        """Adds the function that convolves; gives the number of its units of work."""
        pack, scratch = building.packed(self.taps), building.scratch
        element = self.form.sum_type
        r, extents, height = self.roles, self.form.extents, self.tile.height
        f = building.module.function(name, PART)
        memory = pointers(f, building.slots)
        sizes = {
            "image": self.depth * self.stride(self.planes) * self.form.sum_bytes + 64,
            "sums": self.group * height * self.stride(self.points) * self.form.sum_bytes + 64,
        }
        image, sums = (scratch.private(f, key, size) for key, size in sizes.items())
        transformed = scratch.pointer(f, pack.scratch)
        line_count = prod(self.line_extents)
        plane = self.group * self.depth * height
        counts = [len(point) for point in self.taps.terms]
        starts = building.module.table("i64", [sum(counts[:p]) for p in range(self.points)])
        numbers = building.module.table("i64", counts)

        def unit(u: Int, _: list[Value]) -> None:
            outer, block = f.div(u, self.blocks), f.rem(u, self.blocks)
            index = place([0] * len(extents), r.batch, unravel(f, outer, [extents[k] for k in r.batch]))
            line = f.div(f.mul(block, line_count), self.blocks)
            after = f.div(f.mul(f.add(block, 1), line_count), self.blocks)
            lines: Int = self.lines if line_count % self.blocks == 0 else f.sub(after, line)

            def at_line(index: list[Int], k: Int) -> list[Int]:
                where = unravel(f, f.add(line, k), self.line_extents)
                each = self.vertical.filtering.outputs
                where = [f.mul(w, each) if a == self.vertical.axis else w for a, w in zip(self.line_axes, where)]
                return place(index, self.line_axes, where)

            self._transform_image(f, memory, image, index, at_line, lines)
            columns = f.mul(lines, self.wide)

            def rows_from(g: Int, _: list[Value]) -> None:
                first = f.mul(g, self.group)
                panels: Int = (
                    self.group if self.taps.panels % self.group == 0 else f.minimum(f.sub(self.taps.panels, first), self.group)
                )

                def point(p: Int, _: list[Value]) -> None:
                    start: Int = p
                    number: Int = 1
                    if self.planes > self.points:
                        start, number = (f.load("i64", f.address(t, p, "i64")) for t in (starts, numbers))
                    whose = f.add(f.mul(f.add(f.mul(outer, self.taps.groups), g), self.planes), start)
                    left = f.address(transformed, f.mul(whose, plane), element)
                    right = f.address(image, f.mul(start, self.spacing[0]), element)
                    into = f.address(sums, f.mul(p, self.pitch), element)
                    for count in sorted(set(counts)):  # each written out, since the loop over so few terms would cost more
                        fits = f.compare("eq", number, count)
                        if fits is not False:
                            with f.when(fits):
                                self._multiply(f, left, right, into, count, columns, panels)

                f.loop(0, self.points, 1, point)
                row, count = f.mul(first, height), f.mul(panels, height)
                count = count if self.taps.rows % height == 0 else f.minimum(count, f.sub(self.taps.rows, row))
                self._transform_sums(f, memory, sums, index, at_line, lines, row, count)

            f.loop(0, self.taps.groups, 1, rows_from)

        every(f, unit)
        f.finish()
        return size_of(extents, r.batch) * self.blocks

    def _transform_image(
        self,
        f: Function,
        memory: list[Value],
        image: Value,
        index: list[Int],
        at_line: AtLine,
        lines: Int,
    ) -> None:
        """The right operand's lines, transformed, to [channel][vector of tiles][term][lane] if they are joined, else to
        [channel][term][line·wide + tile], where vectors overhang into the next lines' place, which is written after."""
        element = self.form.sum_type
        r, wide, together = self.roles, self.wide, self.together
        tiles = self._tiles()
        source = memory[r.right.slot]
        plane, vector_pitch = self.spacing
        apart = vector_pitch // self.lanes
        whole = isinstance(lines, int) and lines % together == 0

        def channel(c: Int, _: list[Value]) -> None:
            at = place(index, self.taps.channels, unravel(f, c, [self.form.extents[k] for k in self.taps.channels]))
            target = f.address(image, f.mul(c, self.stride(self.planes)), element)

            def group(k: Int, _: list[Value]) -> None:
                def where(g: Int) -> list[Int]:
                    number = f.add(k, g)
                    return at_line(at, number if whole or (isinstance(g, int) and not g) else f.minimum(number, f.sub(lines, 1)))

                row = f.address(target, f.mul(f.mul(k, wide), apart), element)
                for g in range(together):
                    self._prefetch(f, source, where(g))

                def chunk(j: Int, vector: list[Piece], wheres: list[list[Int]]) -> None:
                    found = tiles.points(f, source, wheres, vector)
                    across = self.horizontal.filtering.terms
                    lines_of = [found[a : a + across] for a in range(0, len(found), across)]
                    for p, v in enumerate(self.taps.in_order(lines_of)):
                        f.store(v, f.address(row, f.add(f.mul(j, apart), p * plane), element))

                self._chunks(f, together, self.planes, where, chunk)

            f.loop(0, lines, together, group)
            end = f.mul(lines, wide)
            for p in () if self.is_joined else range(self.planes):  # what is left of a vector must multiply at full speed
                f.store(zero(self.form.vector(self.lanes)), f.address(target, f.add(end, p * self.pitch), element))

        f.loop(0, self.depth, 1, channel)

    def _chunks(
        self,
        f: Function,
        lines: int,
        planes: int,
        where: Callable[[Int], list[Int]],
        chunk: Callable[[Int, list[Piece], list[list[Int]]], None],
    ) -> None:
        """`chunk(first tile, pieces, the index of each piece's line)` for each vector of the tiles of so many lines, each of
        `planes` values; `where` gives the index of a line. Where there are many vectors those within one line are a loop."""
        total, lanes = lines * self.wide, self.lanes
        if lines == 1 and ceiling(total, lanes) > unrolled(planes):
            only = [where(0)]
            f.loop(0, total, lanes, lambda j, _: chunk(j, [Piece(0, j, lanes)], only))
            return
        looped, written = cut(self.wide, lines, lanes, planes)
        wheres = [where(g) for g in range(lines)] if written else []
        for j in written:
            chunk(j, pieces(j, self.wide, lines, lanes), wheres)
        if looped:
            places = f.module.table("i64", looped)

            def inside(n: Int, _: list[Value]) -> None:
                j = f.load("i64", f.address(places, n, "i64"))
                line = f.div(j, self.wide)
                chunk(j, [Piece(0, f.sub(j, f.mul(line, self.wide)), lanes)], [where(line)])

            f.loop(0, len(looped), 1, inside)

    def _prefetch(self, f: Function, source: Value, where: list[Int]) -> None:
        """Asks for rows of the line's patches in a channel to come, each row for one of the lines: a channel's lines are far from
        the last one's, where the processor doesn't foresee them. A prefetch past the memory's end does nothing."""
        view, filtering = self.roles.right, self.vertical.filtering
        element = memory_type(view.type)
        ahead = AHEAD * view.strides[self.taps.channels[-1]] if self.taps.channels else 0
        length = self.form.extents[self.x] * abs(view.strides[self.x])
        per_line = LINE // bytes_of(element)
        step = filtering.outputs * filtering.stride
        skipped = (filtering.pixels - step) // 2
        for i in range(skipped, skipped + step):
            at = where if self.vertical.taps is None else place(where, [self.vertical.taps], [i])
            start = f.address(source, f.add(position(f, view.offset, view.strides, at), ahead), element)
            for j in range(0, min(length, 8 * per_line), per_line):
                f.prefetch(f.address(start, j, element))

    def _ask_for_results(self, f: Function, memory: list[Value], where: list[Int]) -> None:
        """Asks for where a line of tiles' outputs go, and for what the epilogue reads with them: a row's are far from the last
        one's. Short lines are too few bytes for it to be worth the instructions."""
        side, length = self.vertical, self.form.extents[self.x]
        for view in (self.form.out, *(v for _, v in self.form.loads)):
            element = memory_type(view.type)
            if view.strides[self.x] != 1 or length * bytes_of(element) < 3 * LINE:
                continue
            for i in range(side.filtering.outputs):
                at = where if side.axis is None else place(where, [side.axis], [f.add(where[side.axis], i)])
                start = f.address(memory[view.slot], position(f, view.offset, view.strides, at), element)
                per_line = LINE // bytes_of(element)
                for j in range(0, min(length, 8 * per_line), per_line):
                    f.prefetch(f.address(start, j, element), write=view is self.form.out)

    def _tiles(self) -> Tiles:
        """The right operand's patches, pixels counted along the axes of the taps. Tiles reach past the last output where the
        outputs of a tile don't divide theirs, vectors past the last tile; the bounds added here stop both at what the outputs
        read."""
        right, extents = self.roles.right, self.form.extents
        sides = [self.horizontal]
        if self.vertical.axis is not None and extents[self.vertical.axis] % self.vertical.filtering.outputs:
            sides.append(self.vertical)
        bounds = [output_bound(self.form, side) for side in sides]
        view = replace(right, checks=(*right.checks, *bounds))
        filtering = self.horizontal.filtering
        pixels = self.x if self.horizontal.taps is None else self.horizontal.taps
        step = filtering.stride * filtering.outputs
        return Tiles(view, self.vertical.taps, pixels, step, self.lanes, self.vertical.filtering.input, filtering.input)

    def _multiply(self, f: Function, left: Value, right: Value, sums: Value, number: int, columns: Int, panels: Int) -> None:
        """One point's sums over channels, of `number` terms each."""
        height = self.tile.height
        buffer = Sums(self.form.vector(self.lanes), sums, self.stride(self.points))

        def end(p: Int, column: Int, width: int, totals: list[Value]) -> None:
            buffer.store(f, f.mul(p, height), column, height, width, totals)

        product(
            f,
            self.tile,
            self.form.sum_type,
            self.lanes,
            Left(left, 1, height, number * self.depth * height),
            right,
            self.stride(self.planes),
            self.depth,
            columns,
            (0, panels),
            lambda p, column, width: [zero(self.form.vector(self.lanes))] * (height * width),
            end,
            prefetch=True,
            inner=(number, self.spacing[0]),
            apart=self.spacing[1],
        )

    def _transform_sums(
        self,
        f: Function,
        memory: list[Value],
        sums: Value,
        index: list[Int],
        at_line: AtLine,
        lines: Int,
        first: Int,
        count: Int,
    ) -> None:
        """The sums of `count` rows from `first` on back to outputs, through the epilogue."""
        element = self.form.sum_type
        form, r, extents, lanes = self.form, self.roles, self.form.extents, self.lanes
        y, x = self.vertical.axis, self.x
        vertical, horizontal = self.vertical.filtering, self.horizontal.filtering
        tall, each, across = vertical.outputs, horizontal.outputs, horizontal.points
        within = self.within

        def row(m: Int, _: list[Value]) -> None:
            at = place(index, r.rows, unravel(f, f.add(first, m), [extents[k] for k in r.rows]))
            source = f.address(sums, f.mul(m, self.stride(self.points)), element)
            next_row = f.minimum(f.add(f.add(first, m), 1), self.taps.rows - 1)
            following = place(index, r.rows, unravel(f, next_row, [extents[k] for k in r.rows]))

            def group(k: Int, _: list[Value]) -> None:
                if within == 1:
                    self._ask_for_results(f, memory, at_line(following, k))
                tiles = f.address(source, f.mul(k, self.wide), element)

                def chunk(j: Int, vector: list[Piece], wheres: list[list[Int]]) -> None:
                    here = f.address(tiles, j, element)
                    places = [f.address(here, p * self.pitch, element) for p in range(self.points)]
                    points = [f.load(form.vector(lanes), p) for p in places]
                    grid = [points[a : a + across] for a in range(0, len(points), across)]
                    out = transform(f, vertical.output, horizontal.output, grid)
                    lane = 0
                    for piece in vector:
                        for i in range(tall):
                            where = wheres[piece.line]
                            there: bool | Value = True
                            if i and y is not None:
                                where = place(where, [y], [f.add(where[y], i)])
                                if extents[y] % tall:
                                    there = f.compare("slt", where[y], extents[y])
                            if piece.line and not (isinstance(lines, int) and lines % within == 0):
                                there = f.both(there, f.compare("slt", f.add(k, piece.line), lines))
                            if there is not False:
                                with f.when(there):
                                    write(out[i], lane, piece, where)
                        lane += piece.count

                def write(out: list[Value], lane: int, piece: Piece, where: list[Int]) -> None:
                    for part in range(0, each * piece.count, lanes):
                        start = f.add(f.mul(piece.first, each), part)
                        wanted = f.minimum(f.sub(extents[x], start), min(lanes, each * piece.count - part))
                        if isinstance(wanted, int) and wanted <= 0:
                            continue
                        known = range(part, min(part + lanes, each * piece.count))
                        picks = [q % each * lanes + lane + q // each for q in known]
                        pixels = gathered(f, out, picks + [-1] * (lanes - len(picks)))
                        pixel = place(where, [x], [start])
                        result = finish(f, form, memory, pixels, pixel, x, lanes, wanted)
                        store(f, form, memory, result, pixel, x, lanes, wanted)

                self._chunks(f, within, self.points, lambda g: at_line(at, f.add(k, g)), chunk)

            f.loop(0, lines, within, group)

        f.loop(0, count, 1, row)
