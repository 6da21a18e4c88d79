"""Winograd's minimal filtering F(2×2, 3×3): a 3×3 convolution of stride 1 with 4/9 of the multiplications.

Four outputs of a 2×2 tile come from a 4×4 patch d and the taps g as Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A (Lavin and Gray, 2015), the sum over
channels taken between the brackets: sixteen matrix products over channels, run by the micro-kernel with tiles of the image
as columns. The transforms only add and halve, and the short sums make the result's error smaller than the direct sum's.

The taps are transformed once into panels (a `Pack` phase). A thread takes a block of tile lines, reads each channel's lines,
padding included, by even and odd columns, transforms them, multiplies, and transforms back through the epilogue.

May import `codegen.llvm` and the contraction's other parts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from flambeau.codegen.llvm.builder import Function, Int, Module, Value, bits_of, bytes_of, vector, zero
from flambeau.codegen.llvm.contraction.elements import pointers, position, read, read_flat, sum_type
from flambeau.codegen.llvm.contraction.epilogue import finish, store
from flambeau.codegen.llvm.contraction.form import Check, Form, epilogue_axes, substitute
from flambeau.codegen.llvm.contraction.micro import Tile, product, register_tile
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
from flambeau.codegen.llvm.contraction.tiles import Tiles, transform
from flambeau.codegen.llvm.target import Target
from flambeau.codegen.llvm.values import memory_type

__all__ = ["Winograd", "plan_winograd", "undilated"]

INPUT = ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1))
FILTER = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))
OUTPUT = ((1, 1, 1, 0), (0, 1, -1, -1))
POINTS = 16
AHEAD = 2
"""How many channels ahead of its use a line is prefetched."""

AtLine = Callable[[list[Int], Int], list[Int]]
"""(index, line of the block) → the index there."""


@dataclass(frozen=True)
class Window:
    """An output axis and the axis of its three taps."""

    axis: int
    taps: int


def _windows(form: Form, r: Roles, dilated: bool = False) -> tuple[Window, Window] | None:
    """The two windows (the inner one last), when the right operand is one sliding 3×3 window with stride 1."""
    found: list[Window] = []
    for t in r.summed:
        if form.extents[t] != 3 or any(c.terms[t] for c in r.left.checks):
            continue
        for y in r.columns:
            ratio = r.right.strides[t] // r.right.strides[y] if r.right.strides[y] else 0
            slides = ratio > 0 and r.right.strides[t] == ratio * r.right.strides[y]
            slides = slides and (ratio == 1 or dilated)
            if slides and all(c.every == 1 and c.terms[t] == ratio * c.terms[y] for c in r.right.checks):
                found.append(Window(y, t))
    found.sort(key=lambda w: w.axis)
    if len(found) != 2 or found[0].taps == found[1].taps or found[0].axis == found[1].axis:
        return None
    if found[1].axis != r.columns[-1] or {w.axis for w in found} & epilogue_axes(form):
        return None
    return found[0], found[1]


def undilated(form: Form) -> list[Form] | None:
    """A dilated 3×3 window as several dense ones, by residues of the output's position; None for other forms."""
    r = roles(form)
    windows = _windows(form, r, dilated=True)
    if windows is None:
        return None
    ratios = [r.right.strides[w.taps] // r.right.strides[w.axis] for w in windows]
    if ratios == [1, 1]:
        return [form]
    parts = [form]
    for w, ratio in zip(windows, ratios):
        parts = [
            substitute(p, {w.axis: (residue, ratio, ceiling(p.extents[w.axis] - residue, ratio))})
            for p in parts
            for residue in range(min(ratio, p.extents[w.axis]))
        ]
    return parts


@dataclass(frozen=True)
class Winograd:
    """A plan for one form; `build_pack` and `build` add its functions to a module."""

    form: Form
    roles: Roles
    rows_window: Window
    columns_window: Window
    tile: Tile
    lanes: int
    lines: int
    """Lines of tiles in a block."""

    @property
    def type(self) -> str:
        return sum_type(self.form.a.type)

    @property
    def bytes(self) -> int:
        return bits_of(self.type) // 8

    @property
    def rows(self) -> int:
        return size_of(self.form.extents, self.roles.rows)

    @property
    def panels(self) -> int:
        return ceiling(self.rows, self.tile.height)

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
        return ceiling(self.form.extents[self.columns_window.axis], 2)

    @property
    def line_axes(self) -> tuple[int, ...]:
        """Axes that count lines of tiles; the last one's extent is halved."""
        return self.roles.columns[:-1]

    @property
    def line_extents(self) -> list[int]:
        return [ceiling(self.form.extents[k], 2) if k == self.rows_window.axis else self.form.extents[k] for k in self.line_axes]

    @property
    def pitch(self) -> int:
        length = ceiling(self.lines * self.wide, self.lanes) * self.lanes + self.lanes
        return length + (self.lanes if length * self.bytes % 1024 == 0 else 0)

    @property
    def stride(self) -> int:
        """Elements from one channel's transformed tiles, or one row's sums, to the next's: sixteen points side by side, so that
        writing them stays within few pages, and a line more, off powers of two."""
        return POINTS * self.pitch + 64 // self.bytes

    @property
    def pack_key(self) -> object:
        """Plans with equal keys can use one pack."""
        packed = (*self.roles.batch, *self.roles.rows, *self.roles.summed)
        extents = tuple(self.form.extents[k] for k in packed)
        return type(self), self.tile.height, self.roles.left, packed, extents

    def build_pack(self, module: Module, name: str, slots: int, scratch: Scratch) -> Pack:
        """The phase that transforms the taps, to [batch][point][panel][channel][row]."""
        form, r, height = self.form, self.roles, self.tile.height
        batch = [form.extents[k] for k in r.batch]
        plane = self.panels * self.terms * height
        total = size_of(form.extents, r.batch) * POINTS * plane
        block = scratch.own((total + 64) * self.bytes)
        f = module.function(name, PHASE)
        memory = pointers(f, slots)
        source, packed = memory[r.left.slot], scratch.pointer(f, block)
        lanes = 1 << (height - 1).bit_length()

        def unit(u: Int, _: list[Value]) -> None:
            group, panel = f.div(u, self.panels), f.rem(u, self.panels)
            index = place([0] * len(form.extents), r.batch, unravel(f, group, batch))
            first = f.mul(panel, height)

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
                base = f.mul(f.add(f.mul(f.add(f.mul(group, POINTS * self.panels), panel), self.terms), c), height)
                points = [v for line in transform(f, FILTER, taps) for v in line]
                for p, v in enumerate(points):
                    target = f.address(packed, f.add(base, p * plane), self.type)
                    f.masked_store(v, target, f.lane_mask(0, height, lanes))

            f.loop(0, self.terms, 1, channel)

        low, high = share(f, size_of(form.extents, r.batch) * self.panels)
        f.loop(low, high, 1, unit)
        f.finish()
        return Pack(name, r.left.slot, block)

    def build(self, module: Module, name: str, slots: int, scratch: Scratch, pack: Pack) -> int:
        """Adds the function that convolves, from the taps that `pack` transformed; gives the number of its units of work."""
        _form, r, extents = self.form, self.roles, self.form.extents
        f = module.function(name, PART)
        memory = pointers(f, slots)
        sizes = {
            "image": self.terms * self.stride * self.bytes + 64,
            "sums": self.panels * self.tile.height * self.stride * self.bytes + 64,
        }
        image, sums = (scratch.private(f, key, size) for key, size in sizes.items())
        taps = scratch.pointer(f, pack.scratch)
        line_count = 1
        for e in self.line_extents:
            line_count *= e
        blocks = ceiling(line_count, self.lines)

        def unit(u: Int, _: list[Value]) -> None:
            group, block = f.div(u, blocks), f.rem(u, blocks)
            index = place([0] * len(extents), r.batch, unravel(f, group, [extents[k] for k in r.batch]))
            line = f.mul(block, self.lines)
            lines: Int = self.lines if line_count % self.lines == 0 else f.minimum(f.sub(line_count, line), self.lines)

            def at_line(index: list[Int], k: Int) -> list[Int]:
                where = unravel(f, f.add(line, k), self.line_extents)
                where = [f.mul(w, 2) if a == self.rows_window.axis else w for a, w in zip(self.line_axes, where)]
                return place(index, self.line_axes, where)

            self._transform_image(f, memory, image, index, at_line, lines)
            columns = f.mul(lines, self.wide)
            plane = self.panels * self.terms * self.tile.height

            def point(p: Int, _: list[Value]) -> None:
                left = f.address(taps, f.mul(f.add(f.mul(group, POINTS), p), plane), self.type)
                right = f.address(image, f.mul(p, self.pitch), self.type)
                here = f.address(sums, f.mul(p, self.pitch), self.type)
                self._multiply(f, left, right, here, columns)

            f.loop(0, POINTS, 1, point)
            self._transform_sums(f, memory, sums, index, at_line, lines)

        every(f, unit)
        f.finish()
        return size_of(extents, r.batch) * blocks

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
        r, extents, lanes = self.roles, self.form.extents, self.lanes
        type = vector(self.type, lanes)
        tiles = self._tiles()
        source = memory[r.right.slot]

        def channel(c: Int, _: list[Value]) -> None:
            at = place(index, self.channels, unravel(f, c, [extents[k] for k in self.channels]))
            target = f.address(image, f.mul(c, self.stride), self.type)

            def group(k: Int, _: list[Value]) -> None:
                whole = isinstance(lines, int) and lines % tiles.lines == 0
                within = [f.add(k, g) if whole or g == 0 else f.minimum(f.add(k, g), f.sub(lines, 1)) for g in range(tiles.lines)]
                wheres = [at_line(at, line) for line in within]
                row = f.address(target, f.mul(k, self.wide), self.type)
                for where in wheres:
                    self._prefetch(f, source, where)

                def chunk(j: Int, first: list[Value]) -> list[Value]:
                    last = isinstance(j, int) and j + lanes >= self.wide
                    known = len(first) // len(INPUT)
                    start, count = f.add(j, known * lanes // 2), tiles.vectors(j) - known
                    fresh = [tiles.rows(f, source, where, start, count) for where in wheres]
                    held = [[[*first[i : i + known], *rows[i]] for rows in fresh] for i in range(4)]
                    for i in range(4):
                        for p, v in enumerate(tiles.points(f, held[i])):
                            f.store(v, f.address(row, f.add(j, (4 * i + p) * self.pitch), self.type))
                    return [] if last else [rows[0][-1] for rows in held]

                first: list[Value] = []
                if self.wide <= 2 * lanes:
                    for j in range(0, self.wide, lanes):
                        first = chunk(j, first)
                else:
                    first = [rows[0] for rows in tiles.rows(f, source, wheres[0], 0, 1)]
                    f.loop(0, self.wide, lanes, chunk, first)

            f.loop(0, lines, tiles.lines, group)
            end = f.mul(lines, self.wide)
            for p in range(POINTS):  # what is left of the last vector must be numbers that multiply at full speed
                f.store(zero(type), f.address(target, f.add(end, p * self.pitch), self.type))

        f.loop(0, self.terms, 1, channel)

    def _prefetch(self, f: Function, source: Value, where: list[Int]) -> None:
        """Asks for the line's two middle rows in a channel to come: a channel's lines are far from the last one's, where the
        processor doesn't foresee them. A prefetch past the memory's end does nothing."""
        view = self.roles.right
        element = memory_type(view.type)
        ahead = AHEAD * view.strides[self.channels[-1]]
        length = self.form.extents[self.columns_window.axis] * abs(view.strides[self.columns_window.axis])
        step = 64 // bytes_of(element)
        for i in (1, 2):
            at = place(where, [self.rows_window.axis], [f.add(where[self.rows_window.axis], i)])
            start = f.address(source, f.add(position(f, view.offset, view.strides, at), ahead), element)
            for j in range(0, min(length, 8 * step), step):
                f.prefetch(f.address(start, j, element))

    def _tiles(self) -> Tiles:
        """The right operand's patches. Tiles reach past the last output where their number is odd, vectors past the last tile;
        the bounds added here stop both at what the outputs read."""
        x, y = self.columns_window.axis, self.rows_window.axis
        right, count = self.roles.right, len(self.form.extents)

        def bound(axis: int) -> Check:
            return Check(0, tuple(int(k == axis) for k in range(count)), self.form.extents[axis] + 2)

        bounds = (bound(x), bound(y)) if self.form.extents[y] % 2 else (bound(x),)
        return Tiles(replace(right, checks=right.checks + bounds), y, x, self.wide, self.lanes, INPUT)

    def _multiply(self, f: Function, left: Value, right: Value, sums: Value, columns: Int) -> None:
        lanes, height = self.lanes, self.tile.height

        def end(p: Int, column: Int, width: int, totals: list[Value]) -> None:
            base = f.address(sums, f.add(f.mul(p, height * self.stride), column), self.type)
            for m in range(height):
                for v in range(width):
                    f.store(totals[m * width + v], f.address(base, m * self.stride + v * lanes, self.type))

        product(
            f,
            self.tile,
            self.type,
            lanes,
            left,
            self.terms * height,
            right,
            self.stride,
            self.terms,
            columns,
            (0, self.panels),
            lambda p, column, width: [zero(vector(self.type, lanes))] * (height * width),
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
    ) -> None:
        """The sums back to outputs, through the epilogue."""
        form, r, extents, lanes = self.form, self.roles, self.form.extents, self.lanes
        type = vector(self.type, lanes)
        y, x = self.rows_window.axis, self.columns_window.axis

        def row(m: Int, _: list[Value]) -> None:
            at = place(index, r.rows, unravel(f, m, [extents[k] for k in r.rows]))
            source = f.address(sums, f.mul(m, self.stride), self.type)

            def line(k: Int, _: list[Value]) -> None:
                where = at_line(at, k)
                tiles = f.address(source, f.mul(k, self.wide), self.type)

                def chunk(j: Int, _: list[Value]) -> None:
                    here = f.address(tiles, j, self.type)
                    grid = [
                        [f.load(type, f.address(here, (4 * a + b) * self.pitch, self.type)) for b in range(4)] for a in range(4)
                    ]
                    out = transform(f, OUTPUT, grid)
                    for i in range(2):
                        lined = place(where, [y], [f.add(where[y], i)])

                        def write(i: int = i, lined: list[Int] = lined) -> None:
                            for part in range(2):
                                start = f.add(f.mul(j, 2), part * lanes)
                                count = f.minimum(f.sub(extents[x], start), lanes)
                                if isinstance(count, int) and count <= 0:
                                    continue
                                picks = [part * lanes // 2 + n // 2 + (lanes if n % 2 else 0) for n in range(lanes)]
                                pixels = f.shuffle(out[i][0], out[i][1], picks)
                                pixel = place(lined, [x], [start])
                                result = finish(f, form, memory, pixels, pixel, x, lanes, count)
                                store(f, form, memory, result, pixel, x, lanes, count)

                        if i == 0 or extents[y] % 2 == 0:
                            write()
                        else:
                            with f.when(f.compare("slt", lined[y], extents[y])):
                                write()

                f.loop(0, self.wide, lanes, chunk)

            f.loop(0, lines, 1, line)

        f.loop(0, self.rows, 1, row)


def plan_winograd(form: Form, target: Target, threads: int) -> Winograd | None:
    """The plan, or None where the form isn't a 3×3 window of stride 1 over floating point, or is too small to gain."""
    if not form.a.type.is_floating_point or not form.size or not form.terms:
        return None
    r = roles(form)
    windows = _windows(form, r)
    if windows is None or not r.rows:
        return None
    lanes = target.lanes(bits_of(sum_type(form.a.type)))
    height, width = (form.extents[w.axis] for w in windows)
    rows = size_of(form.extents, r.rows)
    channels = size_of(form.extents, r.summed) // 9
    tiles = ceiling(height, 2) * ceiling(width, 2)
    if rows < 16 or channels < 16 or lanes < 4 or 16 * tiles > 0.8 * 9 * height * width:
        return None
    bytes_ = bits_of(sum_type(form.a.type)) // 8
    tile = register_tile(rows, target.registers, 4)
    wide = ceiling(width, 2)
    line_count = size_of(form.extents, r.columns[:-1]) // height * ceiling(height, 2)
    room = target.l2 * 2 // 3 // (POINTS * bytes_ * (channels + rows))
    lines = max(1, min(line_count, max(room, tile.width * lanes) // wide))
    batch = size_of(form.extents, r.batch)
    blocks = ceiling(line_count, lines)
    while batch * blocks < 8 * threads and (batch * blocks) % threads and blocks < line_count:
        blocks += 1
    return Winograd(form, r, *windows, tile, lanes, ceiling(line_count, blocks))
