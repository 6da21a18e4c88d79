"""The weight gradient of a 3×3 convolution of stride 1 by the transpose of Winograd's F(2×2, 3×3), again with 4/9 of the
multiplications.

The gradient of Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A with respect to g is Gᵀ[(A y Aᵀ) ⊙ (Bᵀ d B)]G, where y is the 2×2 tile of the
result's gradient. The sum over tiles stands between the brackets: sixteen matrix products, rows the left operand's channels,
columns the right's, terms the tiles. Both transforms are made with lanes along tiles and transposed in registers on their
way to memory.

A thread takes a range of the right operand's channels. For each block of tile lines it transforms those channels, then the left
operand's by groups of rows, and adds the products to its sums; the last step transforms the sums through the epilogue.

May import `codegen.llvm` and the contraction's other parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from flambeau.codegen.llvm.builder import Function, Int, Module, Value, bits_of, poison, vector, zero
from flambeau.codegen.llvm.contraction.elements import pointers, read, sum_type
from flambeau.codegen.llvm.contraction.epilogue import finish, store
from flambeau.codegen.llvm.contraction.filtering import F2, flipped, transform
from flambeau.codegen.llvm.contraction.form import Check, Form, View, epilogue_axes, substitute
from flambeau.codegen.llvm.contraction.micro import Tile, product
from flambeau.codegen.llvm.contraction.roles import PART, Roles, Scratch, ceiling, every, place, roles, size_of, unravel
from flambeau.codegen.llvm.shuffles import transpose
from flambeau.codegen.llvm.target import Target

__all__ = ["WinogradWeight", "plan_winograd_weight"]


POINTS, INPUT, FILTER, OUTPUT = F2.points, F2.input, F2.filter, F2.output


@dataclass(frozen=True)
class Window:
    """A summed axis and the output axis of its three taps."""

    axis: int
    taps: int


def _windows(form: Form, r: Roles) -> tuple[Window, Window] | None:
    """The two windows (the inner one last) of a weight gradient, or None for another form."""
    found = []
    for t in r.columns:
        if form.extents[t] != 3:
            continue
        for y in r.summed:
            moves = r.right.strides[y] != 0 and r.right.strides[t] == r.right.strides[y]
            if moves and all(c.every == 1 and c.terms[t] == c.terms[y] for c in r.right.checks):
                found.append(Window(y, t))
    found.sort(key=lambda w: w.taps)
    if len(found) != 2 or found[0].taps == found[1].taps or found[0].axis == found[1].axis or r.left.checks:
        return None
    if found[1].axis != r.summed[-1] or {w.taps for w in found} & epilogue_axes(form):
        return None
    return found[0], found[1]


@dataclass(frozen=True)
class WinogradWeight:
    """A plan for one form; `build` adds its function to a module."""

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
    def terms(self) -> int:
        """Room for a block's tiles, with a vector's overhang."""
        return self.lines * self.wide + self.lanes

    @property
    def pitch(self) -> int:
        """Elements between one tile's channels and the next's, off powers of two."""
        return self.per + self.lanes

    @property
    def sums_pitch(self) -> int:
        return self.per + self.lanes

    def build(self, module: Module, name: str, slots: int, scratch: Scratch) -> int:
        """Adds the function; gives the number of its units of work."""
        r, extents, lanes, height = self.roles, self.form.extents, self.lanes, self.tile.height
        f = module.function(name, PART)
        memory = pointers(f, slots)

        def block(key: str, elements: int) -> Value:
            return scratch.private(f, key, elements * self.bytes + 64)

        all_rows = ceiling(self.rows, lanes) * lanes
        right_plane, left_plane = self.terms * self.pitch, self.group * self.terms
        sum_plane = all_rows * self.sums_pitch
        right, left = block("right", POINTS * right_plane), block("left", POINTS * left_plane)
        sums, patch = block("sums", POINTS * sum_plane), block("patch", POINTS * lanes * lanes)
        type = vector(self.type, lanes)
        line_count = 1
        for e in self.line_extents:
            line_count *= e

        def unit(u: Int, _: list[Value]) -> None:
            batch, part = f.div(u, self.parts), f.rem(u, self.parts)
            index = place([0] * len(extents), r.batch, unravel(f, batch, [extents[k] for k in r.batch]))
            first = f.mul(part, self.per)
            channels = f.minimum(f.sub(self.channels, first), self.per)

            def clear(i: Int, _: list[Value]) -> None:
                f.store(zero(type), f.address(sums, i, self.type))

            f.loop(0, POINTS * sum_plane, lanes, clear)

            def lines_from(line: Int, _: list[Value]) -> None:
                lines: Int = self.lines if line_count % self.lines == 0 else f.minimum(f.sub(line_count, line), self.lines)

                def at_line(index: list[Int], k: Int) -> list[Int]:
                    where = unravel(f, f.add(line, k), self.line_extents)
                    where = [f.mul(w, 2) if a == self.rows_window.axis else w for a, w in zip(self.line_axes, where)]
                    return place(index, self.line_axes, where)

                def right_channel(c: Int) -> list[Int]:
                    c = f.minimum(f.add(first, c), self.channels - 1)
                    return place(index, self.channel_axes, unravel(f, c, [extents[k] for k in self.channel_axes]))

                def put_right(p: Int, c: Int, tile: Int, transposed: list[Value]) -> None:
                    base = f.address(right, f.add(f.add(f.mul(tile, self.pitch), c), f.mul(p, right_plane)), self.type)
                    for i, v in enumerate(transposed):
                        f.store(v, f.address(base, i * self.pitch, self.type))

                views = self._views(r.right, 2)
                self._transform(f, memory, views, INPUT, patch, right_channel, at_line, channels, lines, put_right)
                terms = f.mul(lines, self.wide)

                def rows_from(m: Int, _: list[Value]) -> None:
                    def left_row(k: Int) -> list[Int]:
                        k = f.minimum(f.add(m, k), self.rows - 1)
                        return place(index, r.rows, unravel(f, k, [extents[x] for x in r.rows]))

                    def put_left(p: Int, k: Int, tile: Int, transposed: list[Value]) -> None:
                        for half in range(lanes // height):
                            panel = f.add(f.mul(f.add(k, half * height), self.terms), f.mul(p, left_plane))
                            base = f.address(left, f.add(panel, f.mul(tile, height)), self.type)
                            for i, v in enumerate(transposed):
                                part = f.shuffle(v, poison(v.type), [half * height + n for n in range(height)])
                                f.store(part, f.address(base, i * height, self.type))

                    count = f.minimum(f.sub(all_rows, m), self.group)
                    views = self._views(r.left, 0)
                    self._transform(f, memory, views, flipped(OUTPUT), patch, left_row, at_line, count, lines, put_left)

                    def point(p: Int, _: list[Value]) -> None:
                        a = f.address(left, f.mul(p, left_plane), self.type)
                        b = f.address(right, f.mul(p, right_plane), self.type)
                        place_ = f.add(f.mul(p, sum_plane), f.mul(m, self.sums_pitch))
                        self._multiply(f, a, b, f.address(sums, place_, self.type), terms, channels, f.div(count, height))

                    f.loop(0, POINTS, 1, point)

                f.loop(0, all_rows, self.group, rows_from)

            f.loop(0, line_count, self.lines, lines_from)
            self._finish(f, memory, sums, sum_plane, index, first, channels)

        every(f, unit)
        f.finish()
        return size_of(extents, r.batch) * self.parts

    def _views(self, view: View, reach: int) -> list[View]:
        """The even and odd columns of a view. Tiles past the last output read zeros; `reach` is how far its taps reach."""
        y, x = self.rows_window.axis, self.columns_window.axis
        count = len(self.form.extents)

        def bound(axis: int) -> Check:
            return Check(0, tuple(int(k == axis) for k in range(count)), self.form.extents[axis] + reach)

        bounds = (bound(x), bound(y)) if self.form.extents[y] % 2 else (bound(x),)
        bounded = replace(self.form, a=replace(view, checks=view.checks + bounds))
        return [substitute(bounded, {x: (parity, 2, self.wide + 1)}).a for parity in range(2)]

    def _transform(
        self,
        f: Function,
        memory: list[Value],
        views: list[View],
        matrix: Sequence[Sequence[float]],
        patch: Value,
        channel: Callable[[Int], list[Int]],
        at_line: Callable[[list[Int], Int], list[Int]],
        count: Int,
        lines: Int,
        put: Callable[[Int, Int, Int, list[Value]], None],
    ) -> None:
        """`count` channels' tiles, transformed by `matrix` and handed to `put(point, channel, tile, vectors)` by squares of as
        many channels and tiles as lanes, lanes along channels."""
        lanes = self.lanes
        y, x = self.rows_window.axis, self.columns_window.axis
        size = len(matrix[0])
        type = vector(self.type, lanes)

        def square(c: Int, _: list[Value]) -> None:
            def line(k: Int, _: list[Value]) -> None:
                def chunk(j: Int, _: list[Value]) -> None:
                    def one(n: Int, _: list[Value]) -> None:
                        where = at_line(channel(f.add(c, n)), k)
                        grid = []
                        for i in range(size):
                            row = []
                            for shift in range(size):
                                view = views[shift % 2]
                                at = place(where, (y, x), (f.add(where[y], i), f.add(j, shift // 2)))
                                row.append(read(f, memory[view.slot], view, at, x, lanes))
                            grid.append(row)
                        target = f.address(patch, f.mul(n, lanes), self.type)
                        for p, v in enumerate(v for part in transform(f, matrix, grid) for v in part):
                            f.store(v, f.address(target, p * lanes * lanes, self.type))

                    f.loop(0, lanes, 1, one)

                    def turn(p: Int, _: list[Value]) -> None:
                        base = f.address(patch, f.mul(p, lanes * lanes), self.type)
                        held = [f.load(type, f.address(base, n * lanes, self.type)) for n in range(lanes)]
                        useful = min(lanes, self.wide - j) if isinstance(j, int) else lanes
                        put(p, c, f.add(f.mul(k, self.wide), j), transpose(f, held)[:useful])

                    f.loop(0, POINTS, 1, turn)

                f.loop(0, self.wide, lanes, chunk)

            f.loop(0, lines, 1, line)

        f.loop(0, count, lanes, square)

    def _multiply(self, f: Function, left: Value, right: Value, sums: Value, terms: Int, columns: Int, panels: Int) -> None:
        lanes, height = self.lanes, self.tile.height
        type = vector(self.type, lanes)

        def places(p: Int, column: Int, width: int) -> list[Value]:
            base = f.address(sums, f.add(f.mul(p, height * self.sums_pitch), column), self.type)
            return [f.address(base, m * self.sums_pitch + v * lanes, self.type) for m in range(height) for v in range(width)]

        def begin(p: Int, column: Int, width: int) -> list[Value]:
            return [f.load(type, at) for at in places(p, column, width)]

        def end(p: Int, column: Int, width: int, totals: list[Value]) -> None:
            for total, at in zip(totals, places(p, column, width)):
                f.store(total, at)

        pitch = self.terms * height
        product(f, self.tile, self.type, lanes, left, pitch, right, self.pitch, terms, columns, (0, panels), begin, end)

    def _finish(
        self, f: Function, memory: list[Value], sums: Value, plane: int, index: list[Int], first: Int, channels: Int
    ) -> None:
        r, extents, lanes = self.roles, self.form.extents, self.lanes
        type = vector(self.type, lanes)
        axis = self.channel_axes[0]
        taps = (self.rows_window.taps, self.columns_window.taps)

        def row(m: Int, _: list[Value]) -> None:
            at = place(index, r.rows, unravel(f, m, [extents[k] for k in r.rows]))

            def chunk(c: Int, _: list[Value]) -> None:
                base = f.address(sums, f.add(f.mul(m, self.sums_pitch), c), self.type)
                grid = [[f.load(type, f.address(base, (4 * i + j) * plane, self.type)) for j in range(4)] for i in range(4)]
                out = transform(f, flipped(FILTER), grid)
                count = f.minimum(f.sub(channels, c), lanes)
                for i in range(3):
                    for j in range(3):
                        where = place(at, (*taps, axis), (i, j, f.add(first, c)))
                        result = finish(f, self.form, memory, out[i][j], where, axis, lanes, count)
                        store(f, self.form, memory, result, where, axis, lanes, count)

            f.loop(0, channels, lanes, chunk)

        f.loop(0, self.rows, 1, row)


def plan_winograd_weight(form: Form, target: Target, threads: int) -> WinogradWeight | None:
    """The plan, or None where the form isn't such a gradient over floating point, or is too small to gain."""
    if not form.a.type.is_floating_point:
        return None
    r = roles(form)
    windows = _windows(form, r)
    if windows is None or not r.rows or len(r.columns) != 3:
        return None
    bytes_ = bits_of(sum_type(form.a.type)) // 8
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
    parts = 1
    while batch * parts < 8 * threads and (batch * parts) % threads and parts < vectors:
        parts += 1
    per = ceiling(vectors, parts) * lanes
    group = min(ceiling(rows, lanes) * lanes, 4 * lanes)
    room = target.l2 * 3 // 4 // (POINTS * bytes_ * (per + group))
    lines = max(1, min(line_count, min(max(room, 4 * lanes), 160) // wide))
    lines = ceiling(line_count, ceiling(line_count, lines))
    tile = Tile(lanes // 2, 3)
    return WinogradWeight(form, r, *windows, tile, lanes, lines, parts, group)
