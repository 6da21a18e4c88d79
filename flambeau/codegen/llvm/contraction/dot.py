"""The dot schedule: for operands that both lie along the sum (a weight's gradient, x·wᵀ). Lanes run along the summed axes.

A tile of rows × columns of the result is that many vectors of partial sums in registers, each term one load of every row and of
every column; a block's lanes are added up at its end in a tree of shuffles that leaves the tile's sums side by side. An
operand whose block is one run of memory is read in place; otherwise a block of it is copied to dense lines first, padding
and strides dealt with. A thread takes a range of columns and all of the sum.

May import `codegen.llvm` and the contraction's other parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.contraction.buffers import clear, in_vectors, off_powers_of_two
from flambeau.codegen.llvm.contraction.building import Building
from flambeau.codegen.llvm.contraction.elements import pointers, position, read
from flambeau.codegen.llvm.contraction.epilogue import finish, store
from flambeau.codegen.llvm.contraction.form import Form, View, epilogue_axes
from flambeau.codegen.llvm.contraction.micro import Tile
from flambeau.codegen.llvm.contraction.roles import PART, Roles, ceiling, every, place, roles, size_of, unravel
from flambeau.codegen.llvm.target import Target
from flambeau.codegen.llvm.types import Int, Value, bits_of, constant, is_float, zero
from flambeau.codegen.llvm.values import memory_type
from flambeau.traced import Traced, is_multiple

__all__ = ["Dot", "plan_dot", "dot_cycles"]


def sum_lanes(f: Function, vectors: Sequence[Value]) -> Value:
    """Lane i of the result is the sum of vector i's lanes; there are as many vectors as lanes."""
    lanes = len(vectors)
    held = list(vectors)
    distance = 1
    while len(held) > 1:
        together = []
        for a, b in zip(held[::2], held[1::2]):
            low = [i if not i & distance else lanes + i - distance for i in range(lanes)]
            high = [i + distance if not i & distance else lanes + i for i in range(lanes)]
            op = "fadd" if is_float(a.type) else "add"
            together.append(f.binary(op, f.shuffle(a, b, low), f.shuffle(a, b, high)))
        held, distance = together, distance * 2
    return held[0]


@dataclass(frozen=True)
class Side:
    """One operand of a block: its view, the axes that count its rows, and whether it is read where it lies."""

    view: View
    axes: tuple[int, ...]
    direct: bool


@dataclass(frozen=True)
class Dot:
    """A plan for one form; `build` adds its function to a kernel."""

    form: Form
    roles: Roles
    tile: Tile
    lanes: int
    left: Side
    right: Side
    split: int
    """Which summed axis is cut into blocks."""
    step: int
    parts: tuple[int, int]
    """Into how many ranges the rows and the columns are cut."""
    strip: int
    """Columns that are copied at a time."""

    @property
    def rows(self) -> int:
        return size_of(self.form.extents, self.roles.rows)

    @property
    def columns(self) -> int:
        return size_of(self.form.extents, self.roles.columns)

    @property
    def inside(self) -> int:
        return size_of(self.form.extents, [k for k in self.roles.summed if k > self.split])

    @property
    def pitch(self) -> int:
        """Elements of a copied line: a block's terms, room for an overhang, off powers of two."""
        return off_powers_of_two(self.step * self.inside + self.lanes, self.form.sum_type, 512)

    @property
    def cells(self) -> int:
        """Elements kept for a tile's sums."""
        return ceiling(self.tile.height * self.tile.width, self.lanes) * self.lanes

    def build(self, building: Building, name: str) -> int:
        """Adds the function; gives the number of its units of work."""
        r, extents, tile = self.roles, self.form.extents, self.tile
        f, scratch = building.module.function(name, PART), building.scratch
        memory = pointers(f, building.slots)
        row_parts, column_parts = self.parts
        tall = ceiling(ceiling(self.rows, tile.height), row_parts) * tile.height
        wide = ceiling(ceiling(self.columns, tile.width), column_parts) * tile.width
        row_tiles, column_tiles = tall // tile.height, wide // tile.width

        def block(key: str, elements: int) -> Value:
            return scratch.private(f, key, elements * self.form.sum_bytes + 64)

        left = memory[r.left.slot] if self.left.direct else block("left", row_tiles * tile.height * self.pitch)
        right = memory[r.right.slot] if self.right.direct else block("right", self.strip * self.pitch)
        sums = block("sums", row_tiles * column_tiles * self.cells)
        batches = size_of(extents, r.batch)

        def unit(u: Int, _: list[Value]) -> None:
            group, across, part = unravel(f, u, [batches, row_parts, column_parts])
            index = place([0] * len(extents), r.batch, unravel(f, group, [extents[k] for k in r.batch]))
            top, first = f.mul(across, tall), f.mul(part, wide)
            bottom, last = f.minimum(f.add(top, tall), self.rows), f.minimum(f.add(first, wide), self.columns)
            clear(f, self.form.vector(self.lanes), sums, row_tiles * column_tiles * self.cells)
            outside = [k for k in r.summed if k < self.split]

            def blocks(depth: int, index: list[Int]) -> None:
                if depth < len(outside):
                    axis = outside[depth]
                    f.loop(0, extents[axis], 1, lambda k, _: blocks(depth + 1, place(index, [axis], [k])))
                    return
                e = extents[self.split]

                def one(k: Int, _: list[Value]) -> None:
                    steps: Int = self.step if is_multiple(e, self.step) else f.minimum(f.sub(e, k), self.step)
                    at = place(index, [self.split], [k])
                    if not self.left.direct:
                        self._copy(f, memory, self.left, left, at, steps, top, bottom)

                    def strip(c: Int, _: list[Value]) -> None:
                        end = f.minimum(f.add(c, self.strip), last)
                        if not self.right.direct:
                            self._copy(f, memory, self.right, right, at, steps, c, end)
                        self._tiles(
                            f, left, right, sums, at, f.mul(steps, self.inside), (top, bottom), first, (c, end), column_tiles
                        )

                    f.loop(first, last, self.strip, strip)

                f.loop(0, e, self.step, f.unless_stopped(one))

            blocks(0, index)
            self._finish(f, memory, sums, index, (top, bottom), (first, last), column_tiles)

        every(f, unit)
        f.finish()
        return batches * row_parts * column_parts

    def _copy(
        self, f: Function, memory: list[Value], side: Side, target: Value, index: list[Int], steps: Int, first: Int, last: Int
    ) -> None:
        """Rows `first` to before `last` of an operand's block, each one dense line."""
        element = self.form.sum_type
        extents, lanes = self.form.extents, self.lanes
        inner = self.roles.summed[-1]
        loops = [k for k in self.roles.summed if self.split <= k < inner]
        length: Int = extents[inner] if inner != self.split else steps

        def row(m: Int, _: list[Value]) -> None:
            at = place(index, side.axes, unravel(f, m, [extents[k] for k in side.axes]))
            line = f.address(target, f.mul(f.sub(m, first), self.pitch), element)

            def nest(depth: int, at: list[Int], term: Int) -> None:
                if depth < len(loops):
                    axis = loops[depth]
                    split = axis == self.split
                    e = extents[axis]

                    def turn(k: Int, _: list[Value]) -> None:
                        nest(depth + 1, place(at, [axis], [f.add(at[axis], k)]), k if split else f.add(f.mul(term, e), k))

                    f.loop(0, steps if split else e, 1, turn)
                    return
                into = f.address(line, f.mul(term, length), element)

                def chunk(j: Int) -> None:
                    here = place(at, [inner], [f.add(at[inner], j)])
                    values = read(f, memory[side.view.slot], side.view, here, inner, lanes, f.minimum(f.sub(length, j), lanes))
                    f.store(values, f.address(into, j, element))

                in_vectors(f, length, lanes, chunk)

            nest(0, at, 0)
            f.store(zero(self.form.vector(lanes)), f.address(line, f.mul(steps, self.inside), element))

        f.loop(first, last, 1, row)

    def _tiles(
        self,
        f: Function,
        left: Value,
        right: Value,
        sums: Value,
        index: list[Int],
        terms: Int,
        rows: tuple[Int, Int],
        origin: Int,
        columns: tuple[Int, Int],
        column_tiles: int,
    ) -> None:
        """The block's sums for these rows and columns, added to the buffer, which starts at the first row and column `origin`."""
        element = self.form.sum_type
        tile, lanes, extents = self.tile, self.lanes, self.form.extents
        type = self.form.vector(lanes)
        full = f.div(terms, lanes)
        rest = f.sub(terms, f.mul(full, lanes))

        def lines(side: Side, base: Value, start: Int, count: int, end: Int, shift: Int) -> list[Value]:
            """Where each of the tile's rows (or columns) starts; those past the end repeat the last."""
            out = []
            for m in range(count):
                k = f.minimum(f.add(start, m), f.sub(end, 1))
                if side.direct:
                    at = place(index, side.axes, unravel(f, k, [extents[x] for x in side.axes]))
                    out.append(f.address(base, position(f, side.view.offset, side.view.strides, at), memory_type(side.view.type)))
                else:
                    out.append(f.address(base, f.mul(f.sub(k, shift), self.pitch), element))
            return out

        def column(c: Int, _: list[Value]) -> None:
            ys = lines(self.right, right, c, tile.width, columns[1], columns[0])

            def row(m: Int, _: list[Value]) -> None:
                xs = lines(self.left, left, m, tile.height, rows[1], rows[0])

                def add(k: Int, held: list[Value], load: Callable[[Side, Value], Value]) -> list[Value]:
                    a = [load(self.left, f.address(x, k, element)) for x in xs]
                    out: list[Value] = [zero(type)] * len(held)
                    for n, y in enumerate(ys):
                        b = load(self.right, f.address(y, k, element))
                        for i in range(tile.height):
                            cell = i * tile.width + n
                            out[cell] = f.multiply_add(a[i], b, held[cell])
                    return out

                def term(k: Int, held: list[Value]) -> list[Value]:
                    return add(k, held, lambda side, at: f.load(type, at))

                held = f.loop(0, f.mul(full, lanes), lanes, term, [zero(type)] * (tile.height * tile.width))
                if not isinstance(rest, int) or rest:
                    mask = f.lane_mask(0, rest, lanes)

                    def partly(side: Side, at: Value) -> Value:
                        return f.masked_load(type, at, mask if side.direct else True)

                    held = f.choose(f.compare("sgt", rest, 0), lambda: add(f.mul(full, lanes), held, partly), lambda: list(held))
                number = f.add(f.mul(f.div(f.sub(m, rows[0]), tile.height), column_tiles), f.div(f.sub(c, origin), tile.width))
                cells = f.address(sums, f.mul(number, self.cells), element)
                held += [zero(type)] * (self.cells - len(held))
                for g in range(0, self.cells, lanes):
                    total = sum_lanes(f, held[g : g + lanes]) if lanes > 1 else held[g]
                    at = f.address(cells, g, element)
                    f.store(f.binary("fadd" if is_float(type) else "add", f.load(type, at), total), at)

            f.loop(rows[0], rows[1], tile.height, row)

        f.loop(columns[0], columns[1], tile.width, column)

    def _finish(
        self,
        f: Function,
        memory: list[Value],
        sums: Value,
        index: list[Int],
        rows: tuple[Int, Int],
        span: tuple[Int, Int],
        column_tiles: int,
    ) -> None:
        """The epilogue over the tiles' sums."""
        element = self.form.sum_type
        form, r, extents, lanes, tile = self.form, self.roles, self.form.extents, self.lanes, self.tile
        inner = r.columns[-1]
        linear = all(
            v.strides[k] == v.strides[inner] * prod(extents[x] for x in r.columns if x > k)
            for v in (form.out, *(v for _, v in form.loads))
            for k in r.columns
        )
        flat = linear and not epilogue_axes(form) & set(r.columns)

        def row(m: Int, _: list[Value]) -> None:
            at = place(index, r.rows, unravel(f, m, [extents[k] for k in r.rows]))
            here = f.sub(m, rows[0])
            line = f.mul(f.rem(here, tile.height), tile.width)
            tiles = f.add(f.mul(f.div(here, tile.height), column_tiles * self.cells), line)

            def columns(c: Int, wide: int, where: list[Int], count: Int) -> None:
                along = f.binary("add", f.splat(f.integer(f.sub(c, span[0])), wide), f.steps(wide))
                width = constant(along.type, tile.width)
                cell = f.binary("mul", f.binary("udiv", along, width), constant(along.type, self.cells))
                cell = f.binary("add", cell, f.binary("urem", along, width))
                base = f.address(sums, tiles, element)
                total = (
                    f.gather(element, base, cell, f.lane_mask(0, count, wide))
                    if wide > 1
                    else f.load(element, f.address(base, cell, element))
                )
                result = finish(f, form, memory, total, where, inner, wide, count)
                store(f, form, memory, result, where, inner, wide, count)

            if flat:

                def chunk(c: Int, _: list[Value]) -> None:
                    columns(c, lanes, place(at, [inner], [c]), f.minimum(f.sub(span[1], c), lanes))

                f.loop(span[0], span[1], lanes, chunk)
            else:

                def single(c: Int, _: list[Value]) -> None:
                    columns(c, 1, place(at, r.columns, unravel(f, c, [extents[k] for k in r.columns])), 1)

                f.loop(span[0], span[1], 1, single)

        f.loop(rows[0], rows[1], 1, row)


def _dense(form: Form, view: View, axes: Sequence[int]) -> bool:
    """Whether the view walks these axes as one run of memory, unchecked."""
    run = 1
    for k in reversed(axes):
        if view.strides[k] != run or view.checked(k):
            return False
        run *= form.extents[k]
    return True


def dot_cycles(plan: Dot, target: Target, threads: int) -> float:
    """What the plan is expected to take the busiest thread. Every tile of columns reads the left operand's block again."""
    extents, tile, r = plan.form.typical_extents, plan.tile, plan.roles
    terms, run = size_of(extents, r.summed), extents[r.summed[-1]]
    rows, columns = size_of(extents, r.rows), size_of(extents, r.columns)
    tiles = ceiling(rows, tile.height) * ceiling(columns, tile.width)
    copied = (0 if plan.left.direct else rows) + (0 if plan.right.direct else columns)
    step = extents[plan.split] if isinstance(plan.step, Traced) else plan.step
    block = rows * step * size_of(extents, [k for k in r.summed if k > plan.split]) * plan.form.sum_bytes
    rate = 64 if block <= target.l1 // 2 else 12 if block <= target.l2 // 2 else 8
    term = max(tile.height * tile.width / 2 + 1, tile.height * plan.lanes * plan.form.sum_bytes / rate)
    product = tiles * terms / plan.lanes * term
    copying = copied * terms / run * (4 + 5 * ceiling(run, plan.lanes))
    return size_of(extents, plan.roles.batch) * (product + copying) / threads


def plan_dot(form: Form, target: Target, threads: int) -> Dot | None:
    """The plan, or None where the operands don't both lie along the sum, or there is too little to reuse."""
    r = roles(form)
    if not r.rows or not r.columns or not r.summed:
        return None
    extents = form.typical_extents
    type = form.sum_type
    lanes = target.lanes(bits_of(type))
    bytes_ = bits_of(type) // 8
    rows, columns = size_of(extents, r.rows), size_of(extents, r.columns)
    terms = size_of(extents, r.summed)
    inner, across = r.summed[-1], r.columns[-1]
    along = r.left.strides[inner] == 1 and r.right.strides[inner] in (1, 2)
    beside = abs(r.right.strides[across]) in (1, 2) and extents[across] >= lanes
    if not along or beside or rows < 2 or columns < 2 or terms < 16 * lanes or extents[inner] < 4 or lanes < 4:
        return None
    width = 8 if target.registers >= 32 else 4
    tile = Tile(min(3, rows), min(width, columns))
    # the first cache holds a tile's columns while rows pass by
    most = max(2 * lanes, target.l1 * 3 // 4 // ((tile.width + tile.height) * bytes_))
    split, inside = inner, 1
    while split > r.summed[0] and inside * extents[split] < most:
        after = [k for k in r.summed if k >= split]
        if inside * extents[split] * 4 >= most and _dense(form, r.left, after) and not _dense(form, r.left, [split - 1, *after]):
            break  # stay within the run that the left operand can be read in place
        inside *= extents[split]
        split -= 1
    step = min(extents[split], max(1, most // inside))
    step = ceiling(extents[split], ceiling(extents[split], step))
    within = [k for k in r.summed if k >= split]
    exact = bits_of(memory_type(form.a.type)) == bits_of(type) and is_float(memory_type(form.a.type)) == is_float(type)

    def side(view: View, axes: tuple[int, ...]) -> Side:
        in_place = exact and _dense(form, view, within) and not view.checks
        # rows that lie a multiple of a page's half apart would fight for one set of the first cache
        in_place = in_place and not any(is_multiple(view.strides[k] * bytes_, 2048) for k in axes[-1:])
        return Side(view, axes, in_place)

    batch = size_of(extents, r.batch)
    counts = ceiling(rows, tile.height), ceiling(columns, tile.width)
    by_rows = rows > columns  # each thread reads all of the operand that isn't cut: the smaller one
    cut = 1
    while batch * cut < 8 * threads and (batch * cut) % threads and cut < counts[0 if by_rows else 1]:
        cut += 1
    parts = (cut, 1) if by_rows else (1, cut)
    per = ceiling(counts[1], parts[1]) * tile.width
    strip = min(per, max(1, target.l2 // 8 // (step * inside * bytes_ * tile.width)) * tile.width)
    step = form.extents[split] if step == extents[split] else step
    return Dot(form, r, tile, lanes, side(r.left, r.rows), side(r.right, r.columns), split, step, parts, strip)
