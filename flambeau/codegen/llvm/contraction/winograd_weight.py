"""The weight gradient of a 3×3 convolution of stride 1 by the transpose of Winograd's F(2×2, 3×3), again with 4/9 of the
multiplications.

The gradient of Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A with respect to g is Gᵀ[(A y Aᵀ) ⊙ (Bᵀ d B)]G, where y is the 2×2 tile of the
result's gradient. The sum over tiles stands between the brackets: sixteen matrix products, rows the left operand's channels,
columns the right's, terms the tiles. Both transforms are made with lanes along channels, from pixels transposed in registers.

A thread takes a range of the right operand's channels, and sets of rows one after another. For each block of tile lines it
transforms those channels, then the left operand's by groups of rows, and adds the products to its sums, which the second cache
holds; the last step transforms the sums through the epilogue.

May import `codegen.llvm` and the contraction's other parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.contraction.buffers import LINE, Sums, clear
from flambeau.codegen.llvm.contraction.building import Building
from flambeau.codegen.llvm.contraction.elements import pointers, position, read, read_many
from flambeau.codegen.llvm.contraction.epilogue import finish, store
from flambeau.codegen.llvm.contraction.filtering import transform
from flambeau.codegen.llvm.contraction.form import Check, Form, View
from flambeau.codegen.llvm.contraction.micro import Left, Tile, product
from flambeau.codegen.llvm.contraction.roles import PART, Roles, ceiling, every, place, roles, size_of, unravel
from flambeau.codegen.llvm.contraction.windows import Window, weight_windows
from flambeau.codegen.llvm.shuffles import gathered, transpose
from flambeau.codegen.llvm.target import Target
from flambeau.codegen.llvm.types import Int, Value, bytes_of, poison, zero
from flambeau.codegen.llvm.values import memory_type, to_memory
from flambeau.kernels.filtering import F2, Matrix, flipped

__all__ = ["WinogradWeight", "plan_winograd_weight"]


POINTS = F2.points**2
MOST = 160
"""Tiles in a block, at most: longer sums gain nothing."""


@dataclass(frozen=True)
class Square:
    """Tiles of a view along the axes `y` and `x`, at every second pixel, and the matrix that is applied along both sides."""

    view: View
    y: int
    x: int
    matrix: Matrix


@dataclass(frozen=True)
class WinogradWeight:
    """A plan for one form; `build` adds its function to a kernel."""

    form: Form
    roles: Roles
    rows_window: Window
    columns_window: Window
    tile: Tile
    lanes: int
    lines: int
    """Lines of tiles in a block."""
    parts: int
    """Ranges into which the right operand's channels are cut."""
    group: int
    """Rows of the left operand that are transformed at a time."""
    set: int
    """Rows of the result whose sums are kept, a multiple of `group`; the right operand is transformed again for the next."""

    @property
    def rows(self) -> int:
        return size_of(self.form.extents, self.roles.rows)

    @property
    def channel_axes(self) -> tuple[int, ...]:
        return tuple(k for k in self.roles.columns if k not in (self.rows_window.taps, self.columns_window.taps))

    @property
    def channels(self) -> int:
        return size_of(self.form.extents, self.channel_axes)

    @property
    def per(self) -> int:
        """Channels of one part."""
        return ceiling(ceiling(self.channels, self.lanes), self.parts) * self.lanes

    @property
    def wide(self) -> int:
        """Tiles in a line."""
        return ceiling(self.form.extents[self.columns_window.axis], 2)

    @property
    def line_axes(self) -> tuple[int, ...]:
        """Axes that count lines of tiles; the window's is halved."""
        return tuple(k for k in self.roles.summed if k != self.columns_window.axis)

    @property
    def line_extents(self) -> list[int]:
        return [ceiling(self.form.extents[k], 2) if k == self.rows_window.axis else self.form.extents[k] for k in self.line_axes]

    @property
    def line_count(self) -> int:
        return prod(self.line_extents)

    @property
    def terms(self) -> int:
        """Tiles in a block."""
        return self.lines * self.wide

    @property
    def pitch(self) -> int:
        """Elements between one tile's channels, or one row's sums, and the next's: off powers of two."""
        return self.per + self.lanes

    def build(self, building: Building, name: str) -> int:
        """Adds the function; gives the number of its units of work."""
        element = self.form.sum_type
        r, extents, lanes, height = self.roles, self.form.extents, self.lanes, self.tile.height
        f, scratch = building.module.function(name, PART), building.scratch
        memory = pointers(f, building.slots)

        def block(key: str, elements: int) -> Value:
            return scratch.private(f, key, elements * self.form.sum_bytes + 64)

        all_rows = ceiling(self.rows, lanes) * lanes
        # planes are put off powers of two by a line: a tile's points go to different sets of the cache
        line = LINE // self.form.sum_bytes
        right_plane, left_plane = self.terms * self.pitch + line, self.group * self.terms + line
        sum_plane = self.set * self.pitch + line
        right, left = block("right", POINTS * right_plane), block("left", POINTS * left_plane)
        sums, pixels = block("sums", POINTS * sum_plane), block("pixels", 4 * self._line_pixels(4) * lanes)
        y, x = self.rows_window, self.columns_window
        patches = Square(self._bounded(r.right, 2), y.taps, x.taps, F2.input)
        tiles = Square(self._bounded(r.left, 0), y.axis, x.axis, flipped(F2.output))

        def unit(u: Int, _: list[Value]) -> None:
            batch, part = f.div(u, self.parts), f.rem(u, self.parts)
            index = place([0] * len(extents), r.batch, unravel(f, batch, [extents[k] for k in r.batch]))
            first = f.mul(part, self.per)
            channels = f.minimum(f.sub(self.channels, first), self.per)

            def transform_right(line: Int, lines: Int) -> None:
                def put(p: int, c: Int, tile: Int, v: Value) -> None:
                    at = f.add(f.add(f.mul(tile, self.pitch), c), p * right_plane)
                    f.store(v, f.address(right, at, element))

                axes = self.channel_axes
                self._transform(f, memory, patches, pixels, index, axes, self.channels, first, channels, line, lines, put)

            def rows_from(start: Int, _: list[Value]) -> None:
                """A set of rows of the result."""
                end = f.minimum(f.add(start, self.set), all_rows)

                def lines_from(line: Int, _: list[Value]) -> None:
                    whole = self.line_count % self.lines == 0
                    lines: Int = self.lines if whole else f.minimum(f.sub(self.line_count, line), self.lines)
                    if not self.is_single:
                        transform_right(line, lines)

                    def group_from(m: Int, _: list[Value]) -> None:
                        count = f.minimum(f.sub(end, m), self.group)

                        def put(p: int, k: Int, tile: Int, v: Value) -> None:
                            for half in range(lanes // height):
                                panel = f.add(f.mul(f.add(k, half * height), self.terms), p * left_plane)
                                part = f.shuffle(v, poison(v.type), [half * height + n for n in range(height)])
                                f.store(part, f.address(left, f.add(panel, f.mul(tile, height)), element))

                        self._transform(f, memory, tiles, pixels, index, r.rows, self.rows, m, count, line, lines, put)

                        def point(p: Int, _: list[Value]) -> None:
                            a = f.address(left, f.mul(p, left_plane), element)
                            b = f.address(right, f.mul(p, right_plane), element)
                            at = f.add(f.mul(p, sum_plane), f.mul(f.sub(m, start), self.pitch))
                            panels, terms = f.div(count, height), f.mul(lines, self.wide)
                            self._multiply(f, a, b, f.address(sums, at, element), terms, channels, panels)

                        f.loop(0, POINTS, 1, point)

                    f.loop(start, end, self.group, group_from)

                if not self.is_single:
                    clear(f, self.form.vector(lanes), sums, POINTS * sum_plane)
                f.loop(0, self.line_count, self.lines, f.unless_stopped(lines_from))
                self._finish(f, memory, sums, sum_plane, index, (start, f.minimum(end, self.rows)), first, channels)

            if self.is_single:
                transform_right(0, self.lines)
            f.loop(0, all_rows, self.set, rows_from)

        every(f, unit)
        f.finish()
        return size_of(extents, r.batch) * self.parts

    @property
    def is_single(self) -> bool:
        """Whether one block is all of the sum: nothing is added to sums of before."""
        return self.lines == self.line_count

    def _line_pixels(self, size: int) -> int:
        """Pixels of a line of tiles that are `size` pixels wide, in whole vectors."""
        return ceiling(2 * (self.wide - 1) + size, self.lanes) * self.lanes

    def _bounded(self, view: View, reach: int) -> View:
        """The view with bounds for tiles that stick out past the last pixel, and vectors that do: they read zeros. `reach` is how
        far its taps reach."""
        bounds = []
        for w in (self.rows_window, self.columns_window):
            terms = {w.axis: 1, w.taps: 1} if reach else {w.axis: 1}
            counts = tuple(terms.get(k, 0) for k in range(len(self.form.extents)))
            bounds.append(Check(0, counts, self.form.extents[w.axis] + reach))
        if self.form.extents[self.rows_window.axis] % 2 == 0:
            del bounds[0]
        return replace(view, checks=view.checks + tuple(bounds))

    def _transform(
        self,
        f: Function,
        memory: list[Value],
        square: Square,
        pixels: Value,
        index: list[Int],
        axes: Sequence[int],
        size: int,
        first: Int,
        count: Int,
        line: Int,
        lines: Int,
        put: Callable[[int, Int, Int, Value], None],
    ) -> None:
        """Transforms the tiles of `lines` lines from number `line` on, of `count` of the `size` channels on `axes` from `first`
        on, and hands each to `put(point, channel, tile, vector)`, lanes along channels.

        A line's rows of pixels are turned so that channels lie side by side; then no transform needs more than additions.
        """
        element = self.form.sum_type
        lanes, extents = self.lanes, self.form.extents
        side = len(square.matrix[0])
        width = self._line_pixels(side)
        type = self.form.vector(lanes)
        view, y, x = square.view, square.y, square.x

        def channels_from(c: Int, _: list[Value]) -> None:
            def at_channel(n: int) -> list[Int]:
                k = f.add(f.add(first, c), n)
                if size % lanes:
                    k = f.minimum(k, size - 1)
                return place(index, axes, unravel(f, k, [extents[a] for a in axes]))

            channels = [at_channel(n) for n in range(lanes)] if len(axes) > 1 or size % lanes else [at_channel(0)]

            def one_line(k: Int, _: list[Value]) -> None:
                where = unravel(f, f.add(line, k), self.line_extents)
                where = [f.mul(w, 2) if a == self.rows_window.axis else w for a, w in zip(self.line_axes, where)]

                def turn(j: Int, _: list[Value]) -> None:
                    for i in range(side):
                        starts = [place(place(at, self.line_axes, where), [x], [j]) for at in channels]
                        if len(starts) == 1:
                            shifts = [
                                [n if a == axes[0] else i if a == y else 0 for a in range(len(extents))] for n in range(lanes)
                            ]
                            rows = read_many(f, memory[view.slot], view, starts[0], shifts, x, lanes)
                        else:
                            rows = [read(f, memory[view.slot], view, place(s, [y], [f.add(s[y], i)]), x, lanes) for s in starts]
                        for n, v in enumerate(transpose(f, rows)):
                            f.store(v, f.address(pixels, f.add(f.mul(f.add(j, i * width), lanes), n * lanes), element))

                f.loop(0, width, lanes, turn)
                if len(axes) == 1:  # the next channels' pixels lie far away
                    self._prefetch(f, memory[view.slot], square, place(channels[0], self.line_axes, where), axes[0])

                def tile(t: Int, _: list[Value]) -> None:
                    base = f.address(pixels, f.mul(t, 2 * lanes), element)
                    grid = [
                        [f.load(type, f.address(base, (i * width + j) * lanes, element)) for j in range(side)]
                        for i in range(side)
                    ]
                    for p, v in enumerate(v for row in transform(f, square.matrix, square.matrix, grid) for v in row):
                        put(p, c, f.add(f.mul(k, self.wide), t), v)

                f.loop(0, self.wide, 1, tile)

            f.loop(0, lines, 1, one_line)

        f.loop(0, count, lanes, channels_from)

    def _prefetch(self, f: Function, source: Value, square: Square, where: list[Int], axis: int) -> None:
        """Asks for two rows of pixels of the line at `where` in each of the next channels, as many as lanes. A prefetch past the
        memory's end does nothing."""
        view = square.view
        element = memory_type(view.type)
        per_line = LINE // bytes_of(element)
        length = self.form.extents[self.columns_window.axis] * abs(view.strides[self.columns_window.axis])
        skipped = (len(square.matrix[0]) - 2) // 2
        for i in range(skipped, skipped + 2):
            at = place(where, [square.y], [f.add(where[square.y], i)])
            start = f.address(source, position(f, view.offset, view.strides, at), element)
            for n in range(self.lanes):
                for j in range(0, min(length, 8 * per_line), per_line):
                    f.prefetch(f.address(start, (self.lanes + n) * view.strides[axis] + j, element))

    def _multiply(self, f: Function, left: Value, right: Value, sums: Value, terms: Int, columns: Int, panels: Int) -> None:
        element = self.form.sum_type
        lanes, height = self.lanes, self.tile.height
        type = self.form.vector(lanes)

        buffer = Sums(type, sums, self.pitch)

        def begin(p: Int, column: Int, width: int) -> list[Value]:
            if self.is_single:
                return [zero(type)] * (height * width)
            return buffer.load(f, f.mul(p, height), column, height, width)

        def end(p: Int, column: Int, width: int, totals: list[Value]) -> None:
            buffer.store(f, f.mul(p, height), column, height, width, totals)

        panel = Left.packed(left, height, self.terms)
        product(f, self.tile, element, lanes, panel, right, self.pitch, terms, columns, (0, panels), begin, end)

    def _finish(
        self,
        f: Function,
        memory: list[Value],
        sums: Value,
        plane: int,
        index: list[Int],
        rows: tuple[Int, Int],
        first: Int,
        channels: Int,
    ) -> None:
        element = self.form.sum_type
        r, extents, lanes = self.roles, self.form.extents, self.lanes
        type = self.form.vector(lanes)
        axis = self.channel_axes[0]
        taps = (self.rows_window.taps, self.columns_window.taps)
        out = self.form.out
        is_dense = [out.strides[k] for k in (axis, *taps)] == [9, 3, 1] and len(self.channel_axes) == 1

        def row(m: Int, _: list[Value]) -> None:
            at = place(index, r.rows, unravel(f, m, [extents[k] for k in r.rows]))

            def chunk(c: Int, _: list[Value]) -> None:
                base = f.address(sums, f.add(f.mul(f.sub(m, rows[0]), self.pitch), c), element)
                grid = [[f.load(type, f.address(base, (4 * i + j) * plane, element)) for j in range(4)] for i in range(4)]
                count = f.minimum(f.sub(channels, c), lanes)
                results = []
                for n, total in enumerate(v for line in transform(f, flipped(F2.filter), flipped(F2.filter), grid) for v in line):
                    where = place(at, (*taps, axis), (n // 3, n % 3, f.add(first, c)))
                    results.append((where, finish(f, self.form, memory, total, where, axis, lanes, count)))
                if not is_dense:
                    for where, result in results:
                        store(f, self.form, memory, result, where, axis, lanes, count)
                    return
                vectors = [to_memory(f, result, out.type) for _, result in results]
                start = position(f, out.offset, out.strides, results[0][0])
                for k in range(9):  # a channel's taps side by side
                    picks = [q % 9 * lanes + q // 9 for q in range(k * lanes, (k + 1) * lanes)]
                    mask = f.lane_mask(0, f.sub(f.mul(count, 9), k * lanes), lanes)
                    target = f.address(memory[out.slot], f.add(start, k * lanes), memory_type(out.type))
                    f.masked_store(gathered(f, vectors, picks), target, mask)

            f.loop(0, channels, lanes, chunk)

        f.loop(rows[0], rows[1], 1, row)


def plan_winograd_weight(form: Form, target: Target, threads: int) -> WinogradWeight | None:
    """The plan, or None where the form isn't such a gradient over floating point, or is too small to gain."""
    if not form.a.type.is_floating_point:
        return None
    r = roles(form)
    windows = weight_windows(form, r)
    if windows is None or not r.rows or len(r.columns) != 3:
        return None
    bytes_ = form.sum_bytes
    lanes = target.lanes(8 * bytes_)
    height, width = (form.extents[w.axis] for w in windows)
    rows, channels = size_of(form.extents, r.rows), size_of(form.extents, r.columns) // 9
    tiles = ceiling(height, 2) * ceiling(width, 2)
    if min(rows, channels) < 2 * lanes or lanes < 4 or 16 * tiles > 0.8 * 9 * height * width:
        return None
    wide = ceiling(width, 2)
    line_count = size_of(form.extents, r.summed) // (height * width) * ceiling(height, 2)
    batch = size_of(form.extents, r.batch)
    vectors = ceiling(channels, lanes)
    room = target.l2 // (POINTS * bytes_)
    """Elements of every point that the second cache holds."""

    def divided(least: int) -> tuple[int, int]:
        parts = least
        while batch * parts < 8 * threads and (batch * parts) % threads and parts < vectors:
            parts += 1
        return parts, ceiling(vectors, parts) * lanes

    parts, per = divided(1)
    single, narrow = divided(ceiling(channels * line_count * wide, room // 2))
    vectors_of_rows = min(ceiling(rows, lanes), 4)
    group, half = vectors_of_rows * lanes, max(vectors_of_rows // 2, 1) * lanes
    if line_count * wide <= MOST and (narrow + half) * line_count * wide <= room * 2 // 3 and narrow >= 2 * lanes:
        parts, per, lines, group = single, narrow, line_count, half
    else:
        lines = max(1, min(line_count, min(max(room * 4 // 10 // (per + group), 4 * lanes), MOST) // wide))
        lines = ceiling(line_count, ceiling(line_count, lines))
    sets = ceiling(rows, max(group, room * 3 // 10 // per // group * group)) if lines < line_count else ceiling(rows, group)
    set_ = ceiling(ceiling(rows, sets), group) * group
    return WinogradWeight(form, r, *windows, Tile(lanes // 2, 3), lanes, lines, parts, group, set_)
