"""The panel schedule: a matrix product over packed panels, which every contraction with reuse on both sides becomes.

The left operand is packed once into panels [batch][rows/height][summed][height] (a `Pack` phase; of few rows by each thread
for itself, while a phase packs the right operand). Each thread then takes blocks of columns: it copies the right operand's part
for a block of the sum into [summed][columns], where padding, strides, dilation and dtypes are dealt with, and runs one
micro-kernel: a tile of `height` rows by `width` vectors of columns held in registers, one broadcast and one vector load a term.
A block of columns is a number of whole lines (the right operand's innermost column axis) or a part of one line. Sums go through
the epilogue straight from registers where the columns of a block lie in line in the result and the sum is one block; otherwise
they gather in a buffer first.

May import `codegen.llvm` and the contraction's other parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import gcd, prod

from flambeau.codegen.llvm.builder import Function, Module
from flambeau.codegen.llvm.contraction.buffers import Sums, clear, in_vectors, off_powers_of_two
from flambeau.codegen.llvm.contraction.elements import pointers, position, read, read_turned
from flambeau.codegen.llvm.contraction.epilogue import finish, has_long_epilogue, store
from flambeau.codegen.llvm.contraction.form import Form, View, epilogue_axes
from flambeau.codegen.llvm.contraction.micro import Left, Tile, product, register_tile
from flambeau.codegen.llvm.contraction.pack import LINE, Panels
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
from flambeau.codegen.llvm.target import Target
from flambeau.codegen.llvm.types import Int, Value, zero
from flambeau.codegen.llvm.values import memory_type
from flambeau.traced import is_multiple

__all__ = ["Panel", "plan_panel", "panel_cycles"]


@dataclass(frozen=True)
class Panel:
    """A plan of the schedule for one form; `build` adds its phases to a module."""

    form: Form
    roles: Roles
    tile: Tile
    lanes: int
    lines: int
    """Lines in a block of columns."""
    segment: int
    """Columns of each line in a block: all of it, or a part when `lines` is 1."""
    span: bool
    """Whether a block's lines stay within the last axis of lines."""
    split: int
    """Which summed axis is cut into blocks."""
    step: int
    """How long those blocks are."""
    groups: int
    """Into how many parts the rows are cut, beside the columns."""
    fused: bool
    shared: bool = False
    """Whether it is the right operand that a phase of its own packs: for few rows, where copying it would be most of the work.
    What is packed of a weight is kept. Each thread packs the left operand for itself then, which nobody has to wait for."""
    in_place: bool = False
    """Whether the left operand is read where it lies: its rows lie along the sum."""
    own: bool = False
    """Whether each thread packs the parts of the left operand that it uses, when it uses them: where a term's rows lie beside
    each other that is little work, and what was packed is still in the second cache."""

    @property
    def packed(self) -> Panels:
        return Panels(self.form, self.roles, self.tile.height, self.roles.summed)

    @property
    def rows(self) -> int:
        return self.packed.rows

    @property
    def panels(self) -> int:
        return self.packed.count

    @property
    def terms(self) -> int:
        return self.packed.terms

    @property
    def inside(self) -> int:
        """Terms for one step of the split axis."""
        return size_of(self.form.extents, [k for k in self.roles.summed if k > self.split])

    @property
    def pitch(self) -> int:
        """Elements from one term's columns to the next's: room for vectors that overhang, and off powers of two."""
        return off_powers_of_two(self.lines * self.segment + self.lanes, self.form.vector(self.lanes))

    @property
    def line_axes(self) -> tuple[int, ...]:
        """The axes that count lines."""
        return self.roles.columns[:-1]

    @property
    def spanned(self) -> tuple[int, ...]:
        """The axes that lines of one block run over."""
        return self.line_axes[-1:] if self.span else self.line_axes

    @property
    def turns(self) -> bool:
        """Whether the right operand is copied by reading along the sum, since its columns lie apart."""
        view, inner, last = self.roles.right, self.roles.columns[-1], self.roles.summed[-1]
        along = view.strides[last] == 1 and abs(view.strides[inner]) > 2 and not view.checked(last) and not view.checked(inner)
        return along and 2 * self.form.extents[last] >= self.lanes > 1

    @property
    def awaited(self) -> list[View]:
        """What the epilogue reads, an element for each of the result's: from farther than the first cache, unless it is asked for
        before the sums are computed."""
        r, inner = self.roles, self.roles.columns[-1]
        if not self.fused or self.spanned:
            return []
        return [v for _, v in self.form.loads if abs(v.strides[inner]) == 1 and any(v.varies(k) for k in r.rows)]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Bytes of each thread's block of the right operand, and of its sums."""
        right = self.step * self.inside * self.pitch + self.lanes
        sums = 0 if self.fused else ceiling(self.panels, self.groups) * self.tile.height * self.pitch
        return right * self.form.sum_bytes, sums * self.form.sum_bytes

    def with_lines(self, lines: int) -> Panel:
        """The plan with at most so many lines in a block."""
        return replace(self, lines=min(lines, self.lines))

    @property
    def pack_key(self) -> object:
        """Plans with equal keys can use one pack."""
        return self if self.shared else self.packed.key

    @property
    def is_packed(self) -> bool:
        """Whether a phase of its own packs an operand."""
        return not (self.in_place or self.own)

    def build_pack(self, module: Module, name: str, slots: int, scratch: Scratch) -> Pack:
        """The phase that packs the left operand, or the `shared` right one: its blocks of columns one after another."""
        if not self.shared:
            return self.packed.build(module, name, slots, scratch)
        blocks, size = prod(self.counts[:-1]), self.sizes[0]
        block = scratch.own(blocks * size)
        f = module.function(name, PHASE)
        memory, packed = pointers(f, slots), scratch.pointer(f, block)

        def one(u: Int, _: list[Value]) -> None:
            index, at_line, lines, start, length = self._block(f, unravel(f, u, self.counts[:-1]))
            right = f.address(packed, f.mul(u, size // self.form.sum_bytes), self.form.sum_type)
            self._copy_right(f, memory, right, index, at_line, 0, self.step, lines, start, length)

        low, high = share(f, blocks)
        f.loop(low, high, 1, one)
        f.finish()
        return Pack(name, self.roles.right.slot, block, f.takes_sizes)

    # --- columns

    @property
    def fixed(self) -> tuple[int, ...]:
        """The axes that don't vary within a block of columns, beside those that are cut."""
        return self.roles.batch + (self.line_axes[:-1] if self.span else ())

    @property
    def counts(self) -> list[int]:
        """Units of work: along the fixed axes, blocks of lines, parts of a line, groups of rows."""
        extents, inner = self.form.extents, self.roles.columns[-1]
        lines, parts = ceiling(size_of(extents, self.spanned), self.lines), ceiling(extents[inner], self.segment)
        return [*(extents[k] for k in self.fixed), lines, parts, self.groups]

    def _block(
        self, f: Function, coordinates: Sequence[Int]
    ) -> tuple[list[Int], Callable[[list[Int], Int], list[Int]], Int, Int, Int]:
        """A block of columns: its index, the index at a line of it, how many lines, where their part starts and its length."""
        extents, inner = self.form.extents, self.roles.columns[-1]
        *outer, block, part = coordinates
        count = size_of(extents, self.spanned)
        line, start = f.mul(block, self.lines), f.mul(part, self.segment)
        lines: Int = self.lines if is_multiple(count, self.lines) else f.minimum(f.sub(count, line), self.lines)
        whole = is_multiple(extents[inner], self.segment)
        length: Int = self.segment if whole else f.minimum(f.sub(extents[inner], start), self.segment)

        def at_line(index: list[Int], k: Int) -> list[Int]:
            return place(index, self.spanned, unravel(f, f.add(line, k), [extents[x] for x in self.spanned]))

        return place([0] * len(extents), self.fixed, outer), at_line, lines, start, length

    def build(self, module: Module, name: str, slots: int, scratch: Scratch, pack: Pack | None) -> int:
        """Adds the function that makes the sums from what `pack` packed; gives the number of its units of work."""
        element = self.form.sum_type
        f = module.function(name, PART)
        form, r, extents = self.form, self.roles, self.form.extents
        memory = pointers(f, slots)
        right_size, sums_size = self.sizes
        sums = scratch.private(f, "sums", sums_size)
        before = scratch.pointer(f, pack.scratch) if pack is not None else None
        if self.shared:
            assert before is not None
            all_right, packed = before, scratch.private(f, "left", self.packed.bytes)
            self.packed.fill(f, memory, packed, 0, self.panels)
        else:
            all_right = scratch.private(f, "right", right_size)
            packed = memory[r.left.slot] if before is None else before
        if self.own:
            per_group = ceiling(self.panels, self.groups) * self.tile.height * self.step
            packed = scratch.private(f, "left", (per_group + 2 * self.lanes) * form.sum_bytes)
        inner = r.columns[-1]
        counts = self.counts

        def unit(u: Int, _: list[Value]) -> None:
            *block, group = unravel(f, u, counts)
            index, at_line, lines, start, length = self._block(f, block)
            columns = f.mul(lines, length)
            number = f.div(u, self.groups) if self.shared else 0
            right = f.address(all_right, f.mul(number, right_size // form.sum_bytes), element)
            height = self.tile.height
            per = ceiling(self.panels, self.groups)
            first = f.mul(group, per)
            last: Int = per if self.groups == 1 else f.minimum(f.add(first, per), self.panels)
            batch = f.div(u, prod(counts[len(r.batch) :])) if r.batch else 0
            if self.in_place:
                row, term = r.left.strides[r.rows[0]], r.left.strides[r.summed[0]]
                start_of_batch = f.address(packed, position(f, r.left.offset, r.left.strides, index), element)
                left = Left(start_of_batch, row, term, row * height)
            elif self.own:
                left = Left.packed(f.address(packed, f.mul(first, -self.step * height), element), height, self.step)
            else:
                panels = f.address(packed, f.mul(batch, self.panels * self.terms * height), element)
                left = Left.packed(panels, height, self.terms)

            if not self.fused:
                clear(f, self.form.vector(self.lanes), sums, f.mul(f.mul(f.sub(last, first), height), self.pitch))

            outside = [k for k in r.summed if k < self.split]

            def blocks(depth: int, index: list[Int], term: Int) -> None:
                if depth < len(outside):
                    axis = outside[depth]
                    e = extents[axis]
                    f.loop(0, e, 1, lambda k, _: blocks(depth + 1, place(index, [axis], [k]), f.add(f.mul(term, e), k)))
                    return
                e = extents[self.split]

                def one(k: Int, _: list[Value]) -> None:
                    steps: Int = self.step if is_multiple(e, self.step) else f.minimum(f.sub(e, k), self.step)
                    if not self.shared:
                        self._copy_right(f, memory, right, index, at_line, k, steps, lines, start, length)
                    from_term = f.mul(f.add(f.mul(term, e), k), self.inside)
                    count = f.mul(steps, self.inside)
                    if self.own:
                        self.packed.fill_block(
                            f, memory[r.left.slot], packed, index, (first, last), (k, f.add(k, steps)), self.step
                        )
                        from_term = 0
                    block_left = replace(left, pointer=f.address(left.pointer, f.mul(from_term, left.term), element))

                    def done(row: Int, column: Int, vectors: list[Value]) -> None:
                        where = at_line(index, 0) if self.spanned else index
                        where = place(where, r.rows, unravel(f, row, [extents[x] for x in r.rows]))
                        where = [0 if x in r.summed else w for x, w in enumerate(where)]
                        for v, total in enumerate(vectors):
                            at = f.add(column, v * self.lanes)
                            w = place(where, [inner], [f.add(start, at)])
                            full = isinstance(columns, int) and columns % self.lanes == 0
                            left_over: Int = self.lanes if full else f.minimum(f.sub(columns, at), self.lanes)
                            result = finish(f, form, memory, total, w, inner, self.lanes, left_over)
                            store(f, form, memory, result, w, inner, self.lanes, left_over)

                    def ahead(row: Int, column: Int, width: int) -> None:
                        where = place(index, r.rows, unravel(f, row, [extents[x] for x in r.rows]))
                        where = place(where, [inner], [f.add(start, column)])
                        for view in self.awaited:
                            type = memory_type(view.type)
                            at = f.address(memory[view.slot], position(f, view.offset, view.strides, where), type)
                            for v in range(width):
                                f.prefetch(f.address(at, v * self.lanes, type), locality=2)

                    ends = (ahead, done) if self.fused else None
                    self._product(f, block_left, right, sums, count, columns, (first, last), ends)

                f.loop(0, e, self.step, f.unless_stopped(one))

            blocks(0, index, 0)
            if not self.fused:
                self._finish(f, memory, sums, index, at_line, first, last, lines, start, length)

        every(f, unit)
        f.finish()
        return prod(counts)

    def _copy_right(
        self,
        f: Function,
        memory: list[Value],
        right: Value,
        index: list[Int],
        at_line: Callable[[list[Int], Int], list[Int]],
        first: Int,
        steps: Int,
        lines: Int,
        start: Int,
        length: Int,
    ) -> None:
        """The right operand's block into [term][line·segment + column]. Vectors overhang into the next line's place, which is
        written after."""
        element = self.form.sum_type
        r, extents, lanes = self.roles, self.form.extents, self.lanes
        inner = r.columns[-1]
        loops = [k for k in r.summed if k >= self.split]
        last = loops[-1]

        def run(index: list[Int], term: Int, begin: Int, count: Int) -> None:
            """All steps of the last axis: read along it, and turned."""
            row = f.address(right, f.mul(term, self.pitch), element)

            def one_line(k: Int, _: list[Value]) -> None:
                where = at_line(index, k) if self.spanned else index
                target = f.address(row, f.mul(k, length), element)

                def chunk(j: Int) -> None:
                    columns = [f.add(start, f.minimum(f.add(j, m), f.sub(length, 1))) for m in range(lanes)]

                    def steps_from(t: Int) -> None:
                        there = f.minimum(f.sub(count, t), lanes)
                        places = [place(where, (inner, last), (column, f.add(begin, t))) for column in columns]
                        for n, v in enumerate(read_turned(f, memory[r.right.slot], r.right, places, last, lanes, there)):
                            is_term = f.compare("slt", n, there)
                            if is_term is not False:
                                with f.when(is_term):
                                    f.store(v, f.address(target, f.add(f.mul(f.add(t, n), self.pitch), j), element))

                    in_vectors(f, count, lanes, steps_from, 0)

                in_vectors(f, length, lanes, chunk, 0)

            f.loop(0, lines, 1, one_line)

        def nest(depth: int, index: list[Int], term: Int) -> None:
            if depth < len(loops):
                axis = loops[depth]
                low, high = (0, steps) if depth == 0 else (0, extents[axis])
                shift = first if depth == 0 else 0
                e = extents[axis] if depth else 0

                if axis == last and self.turns:
                    run(index, 0 if depth == 0 else f.mul(term, e), shift, f.sub(high, low))
                    return

                def turn(k: Int, _: list[Value]) -> None:
                    nest(depth + 1, place(index, [axis], [f.add(k, shift)]), f.add(f.mul(term, e), k) if depth else k)

                f.loop(low, high, 1, turn)
                return
            row = f.address(right, f.mul(term, self.pitch), element)

            def one_line(k: Int, _: list[Value]) -> None:
                where = at_line(index, k) if self.spanned else index
                target = f.address(row, f.mul(k, length), element)

                def chunk(j: Int) -> None:
                    count = f.minimum(f.sub(length, j), lanes)
                    values = read(f, memory[r.right.slot], r.right, place(where, [inner], [f.add(start, j)]), inner, lanes, count)
                    f.store(values, f.address(target, j, element))

                in_vectors(f, length, lanes, chunk)

            f.loop(0, lines, 1, one_line)
            # what is left of the last vector must be numbers that multiply at full speed
            f.store(zero(self.form.vector(self.lanes)), f.address(row, f.mul(lines, length), element))

        nest(0, index, 0)

    def _product(
        self,
        f: Function,
        left: Left,
        right: Value,
        sums: Value,
        terms: Int,
        columns: Int,
        panels: tuple[Int, Int],
        ends: tuple[Callable[[Int, Int, int], None], Callable[[Int, Int, list[Value]], None]] | None,
    ) -> None:
        """A block's tiles, added to the buffer of sums; or, with `ends`, a row of vectors at a time: the first is told of (row,
        column, width) before the sums are computed, and the second gets (row, column, vectors)."""
        height = self.tile.height
        buffer = Sums(self.form.vector(self.lanes), sums, self.pitch)

        def tiles(tall: int, panels: tuple[Int, Int], are_whole: bool) -> None:
            """All of these panels, of whose rows the first `tall` are read; all of them count if they `are_whole`."""

            is_long = tall * self.tile.width > 1 and has_long_epilogue(self.form)

            def begin(p: Int, column: Int, width: int) -> list[Value]:
                if self.in_place:
                    self._ask_for_panel(f, left, f.add(p, 1), f.div(column, self.tile.width * self.lanes))
                if ends:
                    for m in range(tall):
                        ends[0](f.add(f.mul(p, height), m), column, width)
                    return [zero(self.form.vector(self.lanes))] * (tall * width)
                return buffer.load(f, f.mul(f.sub(p, origin), height), column, tall, width)

            def end(p: Int, column: Int, width: int, totals: list[Value]) -> None:
                if ends is None:
                    buffer.store(f, f.mul(f.sub(p, origin), height), column, tall, width, totals)
                    return
                if is_long:
                    self._end_in_loop(f, f.mul(p, height), column, tall, width, totals, ends[1])
                    return
                for m in range(tall):
                    row = f.add(f.mul(p, height), m)
                    group = totals[m * width : (m + 1) * width]
                    if are_whole:
                        ends[1](row, column, group)
                    else:
                        with f.when(f.compare("slt", row, self.rows)):
                            ends[1](row, column, group)

            tile, type = Tile(tall, self.tile.width), self.form.sum_type
            product(f, tile, type, self.lanes, left, right, self.pitch, terms, columns, panels, begin, end, ends is not None)

        origin, last = panels
        rest = self.rows % height if self.in_place else 0
        if not rest:
            tiles(height, panels, is_multiple(self.rows, height))
            return
        full = self.rows // height
        tiles(height, (origin, f.minimum(last, full)), True)
        tiles(rest, (f.maximum(origin, full), last), True)

    def _end_in_loop(
        self,
        f: Function,
        first: Int,
        column: Int,
        tall: int,
        width: int,
        totals: Sequence[Value],
        done: Callable[[Int, Int, list[Value]], None],
    ) -> None:
        """Hands a tile's sums to `done` one vector at a time from the stack, so that the code of a long epilogue is there once:
        written out for each vector it is slow to compile and, where it is long, no faster."""
        element, lanes = self.form.sum_type, self.lanes
        sums = f.alloca(element, tall * width * lanes)
        for n, total in enumerate(totals):
            f.store(total, f.address(sums, n * lanes, element))

        def one(row: Int, _: list[Value]) -> None:
            line = f.mul(f.sub(row, first), width * lanes)

            def vector(v: Int, _: list[Value]) -> None:
                along = f.mul(v, lanes)
                done(row, f.add(column, along), [f.load(self.form.vector(lanes), f.address(sums, f.add(line, along), element))])

            f.loop(0, width, 1, vector)

        f.loop(first, f.minimum(f.add(first, tall), self.rows), 1, one)

    def _ask_for_panel(self, f: Function, left: Left, p: Int, strip: Int) -> None:
        """Asks for a part of a panel that is read in place, another part at each strip of columns of the panel before: its rows
        are short runs of memory, which the processor doesn't foresee."""
        line = LINE // self.form.sum_bytes
        strips = ceiling(self.lines * self.segment, self.tile.width * self.lanes)
        each = ceiling(ceiling(self.step, line), strips) * line

        def ask(k: Int, _: list[Value]) -> None:
            at = f.address(left.pointer, f.add(f.mul(p, left.panel), k), self.form.sum_type)
            for m in range(self.tile.height):
                f.prefetch(f.address(at, m * left.row, self.form.sum_type), locality=2)

        first = f.mul(strip, each)
        f.loop(first, f.add(first, each), line, ask)

    def _finish(
        self,
        f: Function,
        memory: list[Value],
        sums: Value,
        index: list[Int],
        at_line: Callable[[list[Int], Int], list[Int]],
        first: Int,
        last: Int,
        lines: Int,
        start: Int,
        length: Int,
    ) -> None:
        """The epilogue over the buffer of sums."""
        element = self.form.sum_type
        r, extents, lanes, height = self.roles, self.form.extents, self.lanes, self.tile.height
        inner = r.columns[-1]
        begin = f.mul(first, height)
        end = f.minimum(f.mul(last, height), self.rows)

        def one_row(row: Int, _: list[Value]) -> None:
            at_row = place(index, r.rows, unravel(f, row, [extents[x] for x in r.rows]))
            source = f.address(sums, f.mul(f.sub(row, begin), self.pitch), element)

            def one_line(k: Int, _: list[Value]) -> None:
                where = at_line(at_row, k) if self.spanned else at_row

                def chunk(j: Int, _: list[Value]) -> None:
                    count = f.minimum(f.sub(length, j), lanes)
                    total = f.load(self.form.vector(self.lanes), f.address(source, f.add(f.mul(k, length), j), element))
                    at = place(where, [inner], [f.add(start, j)])
                    result = finish(f, self.form, memory, total, at, inner, lanes, count)
                    store(f, self.form, memory, result, at, inner, lanes, count)

                f.loop(0, length, lanes, chunk)

            f.loop(0, lines, 1, one_line)

        f.loop(begin, end, 1, one_row)


_FEW_ROWS = 64
"""With so many rows at most the right operand is packed before…"""
_KEPT = 0.2
"""How much copying counts that is mostly found done, since the operand is a weight."""


def panel_cycles(plan: Panel, threads: int) -> float:
    """What the plan is expected to take the busiest thread."""
    form, r, tile = plan.form, plan.roles, plan.tile
    extents = form.typical_extents
    columns, batch, terms = size_of(extents, r.columns), size_of(extents, r.batch), size_of(extents, r.summed)
    panels = ceiling(size_of(extents, r.rows), tile.height)
    term = max(tile.height * tile.width / 2, (tile.height + tile.width) / 2, 4.0) + 0.3
    tiles = panels * ceiling(columns, tile.width * plan.lanes) * (terms * term + tile.height * tile.width * 3 + 15)
    inner = r.columns[-1]
    chunks = ceiling(extents[inner], plan.lanes)
    step = abs(r.right.strides[inner])
    copied = terms * (columns // extents[inner]) * (8 + (6 if step == 1 else 9 if step == 2 or plan.turns else 40) * chunks)
    return batch * (tiles + copied * (_KEPT if plan.shared else 1)) / threads


def plan_panel(form: Form, target: Target, threads: int) -> Panel | None:
    """The schedule's plan, or None where it has nothing to offer: too little reuse, or no columns for the lanes.

    What is chosen depends on the powers of two that traced extents lie between, no more."""
    r = roles(form)
    if not r.columns or not r.rows or not r.summed:
        return None
    extents = form.typical_extents
    rows, columns = size_of(extents, r.rows), size_of(extents, r.columns)
    batch = size_of(extents, r.batch)
    bits = 8 * form.sum_bytes
    lanes = target.lanes(bits)
    if rows < 2 or columns < lanes // 2:
        return None
    line = extents[r.columns[-1]] if len(r.columns) == 1 else 0
    tile = register_tile(rows, target.registers, vectors=ceiling(line, lanes) if line <= 1024 else 0)
    in_place = not form.is_traced and _is_in_place(form, r)
    own = not form.is_traced and Panels(form, r, tile.height, r.summed).is_beside
    # the sum: blocks of which a tile of the right operand nearly fits the first cache (it streams well from the second)
    most = max(16, 2 * target.l1 // (tile.width * lanes * bits // 8))
    split, inside = r.summed[-1], 1
    while split > r.summed[0] and inside * extents[split] < most:
        inside *= extents[split]
        split -= 1
    step = min(extents[split], max(1, most // inside))
    blocks = ceiling(extents[split], step)
    step = ceiling(extents[split], blocks)
    if split == r.summed[0] and size_of(extents, r.summed) <= 2 * most:
        step = extents[split]
    single = split == r.summed[0] and step == extents[split]
    # columns: blocks that fit the second cache with their sums
    inner = r.columns[-1]
    line_axes = r.columns[:-1]
    budget = target.l2 // 2 // (bits // 8)
    tall = min(rows, max(4 * tile.height, target.l2 // 2 // (step * bits // 8))) if own else rows
    widest = max(4 * lanes, min(1024, budget // (step * inside + (0 if single else tall))))
    line = extents[inner]
    per_image = extents[line_axes[-1]] if line_axes else 1
    span = len(line_axes) > 0 and (len(line_axes) == 1 or per_image * line >= min(widest, 512))
    count = per_image if span else size_of(extents, line_axes)
    if line >= widest or not line_axes:
        parts = ceiling(line, widest)
        if not (in_place or own) or parts > 1:  # else threads share the rows, so that each is read by one of them
            parts = _balanced(parts, threads, batch * size_of(extents, line_axes))
        segment = min(line, ceiling(ceiling(line, parts), lanes) * lanes)
        lines = 1
    else:
        segment = line
        lines = max(1, min(count, widest // line))
        images = batch * (size_of(extents, line_axes) // count)
        blocks = _balanced(ceiling(count, lines), threads, images)
        lines = max(1, ceiling(count, blocks))
        unit = tile.width * lanes
        even = unit // gcd(unit, line)
        if even <= lines and lines % even and lines - lines % even >= lines * 0.7 and count > 3 * lines:
            lines -= lines % even
    units = batch * (size_of(extents, line_axes) // count if line_axes else 1) * ceiling(count, lines) * ceiling(line, segment)
    groups = min(ceiling(rows, tile.height), ceiling(threads, units)) if units < threads else 1
    if in_place or own:
        groups = min(ceiling(rows, tile.height), _balanced(ceiling(rows, tall), threads, units))
    # what is whole is so for every length
    segment = form.extents[inner] if segment == line else segment
    lines = size_of(form.extents, line_axes[-1:] if span else line_axes) if lines == count else lines
    step = form.extents[split] if step == extents[split] else step
    linear = [form.out, *(v for _, v in form.loads)]
    fused = (
        single
        and (lines == 1 or (span and all(v.strides[line_axes[-1]] == segment * v.strides[inner] for v in linear)))
        and (lines == 1 or not epilogue_axes(form) & {inner, *line_axes})
    )
    is_product = r.batch == () and len(r.columns) == 1 and not form.b.checks and not form.a.checks
    small = ceiling(rows, tile.height) * tile.height * size_of(extents, r.summed) * form.sum_bytes <= target.l1
    shared = is_product and single and small and rows <= _FEW_ROWS
    return Panel(
        form,
        r,
        tile,
        lanes,
        lines,
        segment,
        span,
        split,
        step,
        groups,
        fused,
        shared,
        in_place and not shared,
        own and not shared,
    )


def _is_in_place(form: Form, r: Roles) -> bool:
    """Whether the left operand can be read where it lies: one step from a row to the next, and terms beside each other, as
    numbers of the sum's type."""
    view = r.left
    if len(r.rows) != 1 or len(r.summed) != 1 or view.checks or view.strides[r.summed[0]] != 1:
        return False
    return memory_type(view.type) == form.sum_type


def _balanced(blocks: int, threads: int, others: int) -> int:
    """A number of blocks, at least `blocks`, that `threads` share evenly."""
    if others * blocks >= 8 * threads:
        return blocks
    while (others * blocks) % threads:
        blocks += 1
    return blocks
