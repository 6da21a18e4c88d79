"""Winograd's minimal filtering F(2×2, 3×3): a 3×3 convolution with 4/9 of the multiplications, of stride 2 with 25/36 of them.

The sum over channels stands between the brackets of Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A (see `filtering.py`): one matrix product over
channels for each product of a tile, 16 or 25 in all, run by the micro-kernel with tiles of the image as columns. Where precision
was given up, F(4×4, 3×3) takes 36 for four times as many outputs.

The taps are transformed once into panels (a `Pack` phase). A thread takes a block of tile lines, transforms each
channel's patches, padding included, multiplies, and transforms back through the epilogue, a group of result channels at a time.

May import `codegen.llvm` and the contraction's other parts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from math import gcd, prod

from flambeau.codegen.llvm.builder import Function, Module
from flambeau.codegen.llvm.contraction.buffers import Sums, off_powers_of_two
from flambeau.codegen.llvm.contraction.elements import pointers, position, read, read_flat
from flambeau.codegen.llvm.contraction.epilogue import finish, store
from flambeau.codegen.llvm.contraction.filtering import F2, F2_STRIDED, F4, Filtering, transform
from flambeau.codegen.llvm.contraction.form import Check, Form
from flambeau.codegen.llvm.contraction.micro import Left, Tile, cycles, product, register_tile
from flambeau.codegen.llvm.contraction.roles import (
    PART,
    PHASE,
    Pack,
    Roles,
    Scratch,
    ceiling,
    every,
    place,
    roles,
    share,
    size_of,
    unravel,
)
from flambeau.codegen.llvm.contraction.tiles import Piece, Tiles, pieces
from flambeau.codegen.llvm.contraction.windows import Window, windows
from flambeau.codegen.llvm.shuffles import gathered
from flambeau.codegen.llvm.target import Target
from flambeau.codegen.llvm.types import Int, Value, bytes_of, zero
from flambeau.codegen.llvm.values import memory_type
from flambeau.dtypes import float32

__all__ = ["Winograd", "plan_winograd"]

AHEAD = 2
"""How many channels ahead of its use a line is prefetched."""
GROUP = 32
"""About how many result channels are multiplied before their sums are transformed, where the second cache holds the patches."""
UNROLLED = 8
"""How many vectors of tiles are written as straight code at most."""

AtLine = Callable[[list[Int], Int], list[Int]]
"""(index, line of the block) → the index there."""


@dataclass(frozen=True)
class Winograd:
    """A plan for one form; `build_pack` and `build` add its functions to a module."""

    form: Form
    roles: Roles
    rows_window: Window
    columns_window: Window
    filtering: Filtering
    tile: Tile
    lanes: int
    blocks: int
    """Into how many blocks the lines of tiles are cut, of as equal sizes as can be."""
    group: int
    """Panels of rows that are multiplied before their sums are transformed."""

    @property
    def rows(self) -> int:
        return size_of(self.form.extents, self.roles.rows)

    @property
    def panels(self) -> int:
        return ceiling(self.rows, self.tile.height)

    @property
    def groups(self) -> int:
        return ceiling(self.panels, self.group)

    @property
    def channels(self) -> tuple[int, ...]:
        """Summed axes other than the taps."""
        return tuple(k for k in self.roles.summed if k not in (self.rows_window.taps, self.columns_window.taps))

    @property
    def terms(self) -> int:
        return size_of(self.form.extents, self.channels)

    @property
    def wide(self) -> int:
        """Tiles in a line."""
        return ceiling(self.form.extents[self.columns_window.axis], self.filtering.outputs)

    @property
    def line_axes(self) -> tuple[int, ...]:
        """Axes that count lines of tiles; the window's counts `filtering.outputs` at once."""
        return self.roles.columns[:-1]

    @property
    def line_extents(self) -> list[int]:
        each = self.filtering.outputs
        return [ceiling(self.form.extents[k], each if k == self.rows_window.axis else 1) for k in self.line_axes]

    @property
    def lines(self) -> int:
        """Lines in the longest block."""
        return ceiling(prod(self.line_extents), self.blocks)

    @property
    def together(self) -> int:
        """How many lines are cut into vectors at once."""
        return lines_together(self.wide, self.lanes, prod(self.line_extents) // self.blocks)

    @property
    def within(self) -> int:
        """How many lines one vector holds."""
        return lines_together(self.wide, self.lanes, 1 << 30, straddling=False)

    @property
    def pitch(self) -> int:
        tiles = ceiling(self.lines, self.together) * self.together * self.wide
        return off_powers_of_two(tiles + self.lanes, self.form.vector(self.lanes))

    @property
    def stride(self) -> int:
        """Elements from one channel's transformed tiles, or one row's sums, to the next's: all points side by side, so that
        writing them stays within few pages, and a line more, off powers of two."""
        return self.filtering.points * self.pitch + 64 // self.form.sum_bytes

    @property
    def pack_key(self) -> object:
        """Plans with equal keys can use one pack."""
        packed = (*self.roles.batch, *self.roles.rows, *self.roles.summed)
        extents = tuple(self.form.extents[k] for k in packed)
        return type(self), self.filtering, self.tile.height, self.group, self.roles.left, packed, extents

    def build_pack(self, module: Module, name: str, slots: int, scratch: Scratch) -> Pack:
        """The phase that transforms the taps, to [batch][group of panels][point][panel][channel][row]."""
        element = self.form.sum_type
        form, r, height = self.form, self.roles, self.tile.height
        batch = [form.extents[k] for k in r.batch]
        plane = self.group * self.terms * height
        distinct = self.filtering.filter[: self.filtering.filters]
        total = prod(batch) * self.groups * len(distinct) ** 2 * plane
        block = scratch.own((total + 64) * self.form.sum_bytes)
        f = module.function(name, PHASE)
        memory = pointers(f, slots)
        source, packed = memory[r.left.slot], scratch.pointer(f, block)
        lanes = 1 << (height - 1).bit_length()

        def unit(u: Int, _: list[Value]) -> None:
            outer, panel = f.div(u, self.panels), f.rem(u, self.panels)
            index = place([0] * len(form.extents), r.batch, unravel(f, outer, batch))
            first = f.mul(panel, height)
            group = f.add(f.mul(outer, self.groups), f.div(panel, self.group))
            base = f.add(f.mul(group, len(distinct) ** 2 * plane), f.mul(f.rem(panel, self.group), self.terms * height))

            def channel(c: Int, _: list[Value]) -> None:
                at = place(index, self.channels, unravel(f, c, [form.extents[k] for k in self.channels]))
                taps = []
                for i in range(3):
                    line = []
                    for j in range(3):
                        where = place(at, (self.rows_window.taps, self.columns_window.taps), (i, j))
                        if len(r.rows) == 1:
                            whole = self.rows % height == 0 and lanes == height
                            count = lanes if whole else f.minimum(f.sub(self.rows, first), height)
                            where = place(where, r.rows, [first])
                            line.append(read(f, source, r.left, where, r.rows[0], lanes, count))
                        else:
                            line.append(read_flat(f, source, r.left, where, r.rows, form.extents, first, lanes))
                    taps.append(line)
                here = f.address(packed, f.add(base, f.mul(c, height)), element)
                for p, v in enumerate(v for line in transform(f, distinct, taps) for v in line):
                    f.masked_store(v, f.address(here, p * plane, element), f.lane_mask(0, height, lanes))

            f.loop(0, self.terms, 1, channel)

        low, high = share(f, prod(batch) * self.panels)
        f.loop(low, high, 1, unit)
        f.finish()
        return Pack(name, r.left.slot, block, f.takes_sizes)

    def build(self, module: Module, name: str, slots: int, scratch: Scratch, pack: Pack) -> int:
        """Adds the function that convolves, from the taps that `pack` transformed; gives the number of its units of work."""
        element = self.form.sum_type
        r, extents, height = self.roles, self.form.extents, self.tile.height
        f = module.function(name, PART)
        memory = pointers(f, slots)
        sizes = {
            "image": self.terms * self.stride * self.form.sum_bytes + 64,
            "sums": self.group * height * self.stride * self.form.sum_bytes + 64,
        }
        image, sums = (scratch.private(f, key, size) for key, size in sizes.items())
        taps = scratch.pointer(f, pack.scratch)
        line_count, side = prod(self.line_extents), len(self.filtering.input)
        plane = self.group * self.terms * height

        def unit(u: Int, _: list[Value]) -> None:
            outer, block = f.div(u, self.blocks), f.rem(u, self.blocks)
            index = place([0] * len(extents), r.batch, unravel(f, outer, [extents[k] for k in r.batch]))
            line = f.div(f.mul(block, line_count), self.blocks)
            after = f.div(f.mul(f.add(block, 1), line_count), self.blocks)
            lines: Int = self.lines if line_count % self.blocks == 0 else f.sub(after, line)

            def at_line(index: list[Int], k: Int) -> list[Int]:
                where = unravel(f, f.add(line, k), self.line_extents)
                each = self.filtering.outputs
                where = [f.mul(w, each) if a == self.rows_window.axis else w for a, w in zip(self.line_axes, where)]
                return place(index, self.line_axes, where)

            self._transform_image(f, memory, image, index, at_line, lines)
            columns = f.mul(lines, self.wide)

            def rows_from(g: Int, _: list[Value]) -> None:
                first = f.mul(g, self.group)
                panels: Int = self.group if self.panels % self.group == 0 else f.minimum(f.sub(self.panels, first), self.group)

                def point(p: Int, _: list[Value]) -> None:
                    distinct = self.filtering.filters
                    i, j = (f.minimum(x, distinct - 1) for x in (f.div(p, side), f.rem(p, side)))
                    whose = f.add(f.mul(f.add(f.mul(outer, self.groups), g), distinct), i)
                    left = f.address(taps, f.mul(f.add(f.mul(whose, distinct), j), plane), element)
                    right = f.address(image, f.mul(p, self.pitch), element)
                    self._multiply(f, left, right, f.address(sums, f.mul(p, self.pitch), element), columns, panels)

                f.loop(0, self.filtering.points, 1, point)
                row, count = f.mul(first, height), f.mul(panels, height)
                count = count if self.rows % height == 0 else f.minimum(count, f.sub(self.rows, row))
                self._transform_sums(f, memory, sums, index, at_line, lines, row, count)

            f.loop(0, self.groups, 1, rows_from)

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
        """The right operand's lines, transformed, to [channel][point][line·wide + tile]. Vectors overhang into the next lines'
        place, which is written after."""
        element = self.form.sum_type
        r, wide, together = self.roles, self.wide, self.together
        tiles = self._tiles()
        source = memory[r.right.slot]
        whole = isinstance(lines, int) and lines % together == 0

        def channel(c: Int, _: list[Value]) -> None:
            at = place(index, self.channels, unravel(f, c, [self.form.extents[k] for k in self.channels]))
            at = place(at, (self.rows_window.taps, self.columns_window.taps), (0, 0))
            target = f.address(image, f.mul(c, self.stride), element)

            def group(k: Int, _: list[Value]) -> None:
                numbers = [f.add(k, g) if whole or not g else f.minimum(f.add(k, g), f.sub(lines, 1)) for g in range(together)]
                wheres = [at_line(at, number) for number in numbers]
                row = f.address(target, f.mul(k, wide), element)
                for where in wheres:
                    self._prefetch(f, source, where)

                def chunk(j: Int, vector: list[Piece]) -> None:
                    for p, v in enumerate(tiles.points(f, source, wheres, vector)):
                        f.store(v, f.address(row, f.add(j, p * self.pitch), element))

                self._chunks(f, together, chunk)

            f.loop(0, lines, together, group)
            end = f.mul(lines, wide)
            for p in range(self.filtering.points):  # what is left of the last vector must multiply at full speed
                f.store(zero(self.form.vector(self.lanes)), f.address(target, f.add(end, p * self.pitch), element))

        f.loop(0, self.terms, 1, channel)

    def _chunks(self, f: Function, lines: int, chunk: Callable[[Int, list[Piece]], None]) -> None:
        """`chunk(first tile, pieces)` for each vector of the tiles of so many lines."""
        total, lanes = lines * self.wide, self.lanes
        if ceiling(total, lanes) <= UNROLLED:
            for j in range(0, total, lanes):
                chunk(j, pieces(j, self.wide, lines, lanes))
        else:
            assert lines == 1
            f.loop(0, total, lanes, lambda j, _: chunk(j, [Piece(0, j, lanes)]))

    def _prefetch(self, f: Function, source: Value, where: list[Int]) -> None:
        """Asks for rows of the line's patches in a channel to come, each row for one of the lines: a channel's lines are far from
        the last one's, where the processor doesn't foresee them. A prefetch past the memory's end does nothing."""
        view, y = self.roles.right, self.rows_window
        element = memory_type(view.type)
        ahead = AHEAD * view.strides[self.channels[-1]]
        length = self.form.extents[self.columns_window.axis] * abs(view.strides[self.columns_window.axis])
        per_line = 64 // bytes_of(element)
        step = self.filtering.outputs * self.filtering.stride
        skipped = (len(self.filtering.input[0]) - step) // 2
        for i in range(skipped, skipped + step):
            at = place(where, [y.taps], [i])
            start = f.address(source, f.add(position(f, view.offset, view.strides, at), ahead), element)
            for j in range(0, min(length, 8 * per_line), per_line):
                f.prefetch(f.address(start, j, element))

    def _tiles(self) -> Tiles:
        """The right operand's patches, pixels counted along the axes of the taps. Tiles reach past the last output where the
        outputs of a tile don't divide theirs, vectors past the last tile; the bounds added here stop both at what the outputs
        read."""
        x, y = self.columns_window, self.rows_window
        right, count = self.roles.right, len(self.form.extents)
        stride, each = self.filtering.stride, self.filtering.outputs

        def bound(w: Window) -> Check:
            terms = {w.axis: stride, w.taps: 1}
            return Check(0, tuple(terms.get(k, 0) for k in range(count)), stride * (self.form.extents[w.axis] - 1) + 3)

        bounds = (bound(x), bound(y)) if self.form.extents[y.axis] % each else (bound(x),)
        view = replace(right, checks=right.checks + bounds)
        return Tiles(view, y.taps, x.taps, stride * each, self.lanes, self.filtering.input)

    def _multiply(self, f: Function, left: Value, right: Value, sums: Value, columns: Int, panels: Int) -> None:
        height = self.tile.height
        buffer = Sums(self.form.vector(self.lanes), sums, self.stride)

        def end(p: Int, column: Int, width: int, totals: list[Value]) -> None:
            buffer.store(f, f.mul(p, height), column, height, width, totals)

        product(
            f,
            self.tile,
            self.form.sum_type,
            self.lanes,
            Left.packed(left, height, self.terms),
            right,
            self.stride,
            self.terms,
            columns,
            (0, panels),
            lambda p, column, width: [zero(self.form.vector(self.lanes))] * (height * width),
            end,
            prefetch=True,
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
        y, x = self.rows_window.axis, self.columns_window.axis
        side, each = len(self.filtering.input), self.filtering.outputs
        within = self.within

        def row(m: Int, _: list[Value]) -> None:
            at = place(index, r.rows, unravel(f, f.add(first, m), [extents[k] for k in r.rows]))
            source = f.address(sums, f.mul(m, self.stride), element)

            def group(k: Int, _: list[Value]) -> None:
                wheres = [at_line(at, f.add(k, g)) for g in range(within)]
                tiles = f.address(source, f.mul(k, self.wide), element)

                def chunk(j: Int, vector: list[Piece]) -> None:
                    here = f.address(tiles, j, element)
                    places = [[f.address(here, (side * a + b) * self.pitch, element) for b in range(side)] for a in range(side)]
                    grid = [[f.load(form.vector(lanes), p) for p in line] for line in places]
                    out = transform(f, self.filtering.output, grid)
                    lane = 0
                    for piece in vector:
                        for i in range(each):
                            where = place(wheres[piece.line], [y], [f.add(wheres[piece.line][y], i)])
                            there: bool | Value = True
                            if i and extents[y] % each:
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

                self._chunks(f, within, chunk)

            f.loop(0, lines, within, group)

        f.loop(0, count, 1, row)


def lines_together(wide: int, lanes: int, most: int, straddling: bool = True) -> int:
    """How many lines of `wide` tiles, of `most`, to cut into vectors at once: as many as make whole vectors, which are stored
    to whole cache lines, or else (or not `straddling`) as many as one vector holds."""
    whole = lanes // gcd(wide, lanes)
    if straddling and whole <= most and whole * wide <= UNROLLED * lanes:
        return whole
    return max(1, min(8, lanes // wide, most))


def plan_winograd(form: Form, target: Target, threads: int) -> Winograd | None:
    """The plan, or None where the form isn't a 3×3 window of stride 1 or 2 over floating point, or is too small to gain."""
    if not form.a.type.is_floating_point or not form.size or not form.terms:
        return None
    r = roles(form)
    dense, strided = windows(form, r), windows(form, r, 2)
    found = dense or strided
    if found is None or not r.rows:
        return None
    filtering = F2 if dense else F2_STRIDED
    if dense and target.may_round and form.a.type is float32:
        filtering = F4
    lanes = target.lanes(8 * form.sum_bytes)
    each, points = filtering.outputs, filtering.points
    height, width = (form.extents[w.axis] for w in found)
    rows = size_of(form.extents, r.rows)
    channels = size_of(form.extents, r.summed) // 9
    wide, tall = ceiling(width, each), ceiling(height, each)
    if rows < 16 or channels < 16 or lanes < 4 or points * tall * wide > 0.8 * 9 * height * width:
        return None
    bytes_ = form.sum_bytes
    tile = register_tile(rows, target.registers, 4)
    panels = ceiling(rows, tile.height)
    strip = tile.width * lanes
    budget = target.l2 * 5 // 8 // (points * bytes_)
    group = ceiling(panels, ceiling(panels, max(1, GROUP // tile.height)))
    room = budget // (channels + group * tile.height)
    if room < strip:  # each group would read the patches from further away: all rows at once
        group, room = panels, max(strip, budget // (channels + rows))
    line_count = size_of(form.extents, r.columns[:-1]) // height * tall
    most = max(1, min(line_count, room // wide))
    blocks = _blocks(line_count, most, wide, size_of(form.extents, r.batch), tile, panels, lanes, threads)
    return Winograd(form, r, *found, filtering, tile, lanes, blocks, group)


def _blocks(line_count: int, most: int, wide: int, batch: int, tile: Tile, panels: int, lanes: int, threads: int) -> int:
    """The number of blocks, of at most `most` lines, that takes the slowest thread the fewest cycles (for each panel and term):
    vectors should be full, strips whole, and the threads have equal shares. Every block reads the taps again."""

    def cost(lines: int, shortest: int) -> float:
        strips, rest = divmod(ceiling(lines * wide, lanes), tile.width)
        products = strips * cycles(tile.height, tile.width) + (cycles(tile.height, rest) if rest else 0)
        together = lines_together(wide, lanes, shortest)
        vectors = ceiling(lines, together) * ceiling(together * wide, lanes)
        return products + vectors * (7 if together * wide % lanes == 0 else 11) / panels + tile.height / 8

    def slowest(blocks: int) -> float:
        ends = [b * line_count // blocks for b in range(blocks + 1)]
        each = [cost(after - before, line_count // blocks) for before, after in pairwise(ends)]
        units = batch * blocks
        if units >= 16 * threads:
            return batch * sum(each) / threads
        shares = [range(t * units // threads, (t + 1) * units // threads) for t in range(threads)]
        return max(sum(each[u % blocks] for u in share) for share in shares)

    fewest = ceiling(line_count, most)
    return min(range(fewest, min(line_count, 4 * fewest + threads) + 1), key=slowest)
