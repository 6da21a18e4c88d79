"""The panel schedule: a matrix product over packed panels, which every contraction with reuse on both sides becomes.

The left operand is packed once into panels [batch][rows/height][summed][height] (a `Pack` phase; of few rows by each thread
for itself, while a phase packs the right operand). Each thread then takes blocks of columns: it copies the right operand's part
for a block of the sum into [summed][columns] (`panel_columns.py`), and runs one
micro-kernel: a tile of `height` rows by `width` vectors of columns held in registers, one broadcast and one vector load a term.
Sums go through the epilogue straight from registers where the columns of a block lie in line in the result and the sum is one
block; otherwise they gather in a buffer first.

`panel_plan.py` chooses. May import `codegen.llvm` and the contraction's other parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.contraction.buffers import LINE, Sums, clear
from flambeau.codegen.llvm.contraction.building import Building, Packing
from flambeau.codegen.llvm.contraction.elements import pointers, position
from flambeau.codegen.llvm.contraction.epilogue import finish, has_long_epilogue, store
from flambeau.codegen.llvm.contraction.form import Form, View
from flambeau.codegen.llvm.contraction.micro import Left, Tile, product
from flambeau.codegen.llvm.contraction.pack import BESIDE, Panels
from flambeau.codegen.llvm.contraction.panel_columns import Block, Columns
from flambeau.codegen.llvm.contraction.roles import PART, Roles, ceiling, every, place, unravel
from flambeau.codegen.llvm.types import Int, Value, zero
from flambeau.codegen.llvm.values import memory_type
from flambeau.traced import is_multiple

__all__ = ["Panel"]


@dataclass(frozen=True)
class Panel:
    """A plan of the schedule for one form; `build` adds its phases to a module."""

    tile: Tile
    columns: Columns
    groups: int
    """Into how many parts the rows are cut, beside the columns."""
    fused: bool
    """Whether sums go from registers to the epilogue."""
    shared: bool = False
    """Whether it is the right operand that a phase of its own packs: for few rows, where copying it would be most of the work.
    What is packed of a weight is kept. Each thread packs the left operand for itself then, which nobody has to wait for."""
    in_place: bool = False
    """Whether the left operand is read where it lies: its rows lie along the sum."""
    own: bool = False
    """Whether each thread packs the panels that it uses, a few at a time and just before it uses them: where a term's rows lie
    beside each other that is little work."""

    @property
    def form(self) -> Form:
        return self.columns.form

    @property
    def roles(self) -> Roles:
        return self.columns.roles

    @property
    def lanes(self) -> int:
        return self.columns.lanes

    @property
    def lines(self) -> int:
        return self.columns.lines

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
    def panels_per_group(self) -> int:
        return ceiling(self.panels, self.groups)

    @property
    def terms(self) -> int:
        return self.packed.terms

    @property
    def counts(self) -> list[int]:
        """Units of work: blocks of columns, groups of rows."""
        return [*self.columns.counts, self.groups]

    @property
    def awaited(self) -> list[View]:
        """What the epilogue reads, an element for each of the result's: from farther than the first cache, unless it is asked for
        before the sums are computed."""
        if not self.fused or self.columns.spanned:
            return []
        inner, rows = self.columns.inner, self.roles.rows
        return [v for _, v in self.form.loads if abs(v.strides[inner]) == 1 and any(v.varies(k) for k in rows)]

    @property
    def sums_bytes(self) -> int:
        """Bytes of each thread's block of sums."""
        return 0 if self.fused else self.panels_per_group * self.tile.height * self.columns.pitch * self.form.sum_bytes

    def with_lines(self, lines: int) -> Panel:
        """The plan with at most so many lines in a block."""
        return replace(self, columns=replace(self.columns, lines=min(lines, self.lines)))

    @property
    def packing(self) -> Packing | None:
        """What a phase of its own packs."""
        if self.in_place or self.own:
            return None
        return self.columns if self.shared else self.packed

    def build(self, building: Building, name: str) -> int:
        """Adds the function that makes the sums; gives the number of its units of work."""
        packing, scratch = self.packing, building.scratch
        pack = None if packing is None else building.packed(packing)
        element = self.form.sum_type
        f = building.module.function(name, PART)
        memory = pointers(f, building.slots)
        sums = scratch.private(f, "sums", self.sums_bytes)
        before = scratch.pointer(f, pack.scratch) if pack is not None else None
        if self.shared:
            assert before is not None
            all_right, packed = before, scratch.private(f, "left", self.packed.bytes)
            self.packed.fill(f, memory, packed, 0, self.panels)
        else:
            all_right = scratch.private(f, "right", self.columns.bytes)
            packed = memory[self.roles.left.slot] if before is None else before
        if self.own:
            few = min(BESIDE, self.panels_per_group) * self.tile.height * self.columns.step
            packed = scratch.private(f, "left", (few + 2 * self.lanes) * self.form.sum_bytes)

        def unit(u: Int, _: list[Value]) -> None:
            *coordinates, group = unravel(f, u, self.counts)
            block = self.columns.block(f, *coordinates)
            columns = block.size(f)
            number = f.div(u, self.groups) if self.shared else 0
            right = f.address(all_right, f.mul(number, self.columns.elements), element)
            first = f.mul(group, self.panels_per_group)
            last: Int = self.panels
            if self.groups > 1:
                last = f.minimum(f.add(first, self.panels_per_group), last)
            batch = f.div(u, prod(self.counts[len(self.roles.batch) :])) if self.roles.batch else 0
            left = None if self.own else self._left(f, packed, block, batch)
            _Unit(self, f, memory, block, columns, (first, last), packed, left, right, sums).build()

        every(f, unit)
        f.finish()
        return prod(self.counts)

    def _left(self, f: Function, packed: Value, block: Block, batch: Int) -> Left:
        """The left operand's panels for a block, where they are before it is begun."""
        element, height, view = self.form.sum_type, self.tile.height, self.roles.left
        if self.in_place:
            row, term = view.strides[self.roles.rows[0]], view.strides[self.roles.summed[0]]
            return Left(f.address(packed, position(f, view.offset, view.strides, block.index), element), row, term, row * height)
        panels = f.address(packed, f.mul(batch, self.panels * self.terms * height), element)
        return Left.packed(panels, height, self.terms)


@dataclass(frozen=True)
class _Unit:
    """The code of a unit of work: a block of columns for some panels of rows."""

    plan: Panel
    f: Function
    memory: list[Value]
    block: Block
    columns: Int
    panels: tuple[Int, Int]
    packed: Value
    """Where packed panels are: of the thread's `own`, a few at a time."""
    left: Left | None
    """The packed panels, but the thread's own."""
    right: Value
    """Where the block of the right operand is copied to, or was."""
    sums: Value

    @property
    def buffer(self) -> Sums:
        return Sums(self._vector, self.sums, self.plan.columns.pitch)

    @property
    def _vector(self) -> str:
        return self.plan.form.vector(self.plan.lanes)

    def build(self) -> None:
        plan, f, (first, last) = self.plan, self.f, self.panels
        if not plan.fused:
            rows = f.mul(f.sub(last, first), plan.tile.height)
            clear(f, self._vector, self.sums, f.mul(rows, plan.columns.pitch))
        self._sum(self.block.index, [k for k in plan.roles.summed if k < plan.columns.split], 0)
        if not plan.fused:
            self._finish()

    def _sum(self, index: list[Int], outside: Sequence[int], term: Int) -> None:
        """Loops over the axes `outside` the cut one, and its blocks."""
        f, step, extents = self.f, self.plan.columns.step, self.plan.form.extents
        if outside:
            axis, e = outside[0], extents[outside[0]]
            f.loop(0, e, 1, lambda k, _: self._sum(place(index, [axis], [k]), outside[1:], f.add(f.mul(term, e), k)))
            return
        e = extents[self.plan.columns.split]
        f.loop(0, e, step, f.unless_stopped(lambda k, _: self._add_block(index, term, k, e)))

    def _add_block(self, index: list[Int], term: Int, k: Int, e: int) -> None:
        """Adds a block of the sum, from step k of the cut axis on, whose extent is e."""
        plan, f = self.plan, self.f
        steps: Int = plan.columns.step if is_multiple(e, plan.columns.step) else f.minimum(f.sub(e, k), plan.columns.step)
        if not plan.shared:
            plan.columns.copy(f, self.memory[plan.roles.right.slot], self.right, self.block, index, k, steps)
        count = f.mul(steps, plan.columns.inside)
        if self.left is not None:
            from_term = f.mul(f.add(f.mul(term, e), k), plan.columns.inside)
            pointer = f.address(self.left.pointer, f.mul(from_term, self.left.term), plan.form.sum_type)
            self._product(index, replace(self.left, pointer=pointer), count, self.panels)
            return
        source, terms, height = self.memory[plan.roles.left.slot], (k, f.add(k, steps)), plan.tile.height

        def few(p: Int, _: list[Value]) -> None:
            panels = p, f.minimum(f.add(p, BESIDE), self.panels[1])
            plan.packed.fill_beside(f, source, self.packed, index, panels, terms, plan.columns.step)
            start = f.address(self.packed, f.mul(p, -plan.columns.step * height), plan.form.sum_type)
            self._product(index, Left.packed(start, height, plan.columns.step), count, panels)

        f.loop(self.panels[0], self.panels[1], BESIDE, few)

    def _product(self, index: list[Int], left: Left, terms: Int, panels: tuple[Int, Int]) -> None:
        """The block's tiles of these panels."""
        plan, f, (first, last) = self.plan, self.f, panels
        height, rows = plan.tile.height, plan.rows
        rest = rows % height if plan.in_place else 0
        if not rest:
            self._tiles(index, left, terms, height, panels, is_multiple(rows, height))
            return
        full = rows // height
        self._tiles(index, left, terms, height, (first, f.minimum(last, full)), True)
        self._tiles(index, left, terms, rest, (f.maximum(first, full), last), True)

    def _tiles(self, index: list[Int], left: Left, terms: Int, tall: int, panels: tuple[Int, Int], are_whole: bool) -> None:
        """All tiles of some panels, of whose rows the first `tall` are read; all of them count if they `are_whole`. Their sums
        are added to the buffer, or, `fused`, done with a row of vectors at a time."""
        plan, f, height = self.plan, self.f, self.plan.tile.height
        origin = self.panels[0]  # the unit's, where its buffer begins
        is_long = tall * plan.tile.width > 1 and has_long_epilogue(plan.form)

        def begin(p: Int, column: Int, width: int) -> list[Value]:
            if plan.in_place:
                self._ask_for_panel(left, f.add(p, 1), f.div(column, plan.tile.width * plan.lanes))
            if not plan.fused:
                return self.buffer.load(f, f.mul(f.sub(p, origin), height), column, tall, width)
            for m in range(tall):
                self._ask_for_loads(index, f.add(f.mul(p, height), m), column, width)
            return [zero(self._vector)] * (tall * width)

        def end(p: Int, column: Int, width: int, totals: list[Value]) -> None:
            if not plan.fused:
                self.buffer.store(f, f.mul(f.sub(p, origin), height), column, tall, width, totals)
                return
            if is_long:
                self._end_in_loop(index, f.mul(p, height), column, tall, width, totals)
                return
            for m in range(tall):
                row = f.add(f.mul(p, height), m)
                group = totals[m * width : (m + 1) * width]
                if are_whole:
                    self._end_row(index, row, column, group)
                else:
                    with f.when(f.compare("slt", row, plan.rows)):
                        self._end_row(index, row, column, group)

        tile, type = Tile(tall, plan.tile.width), plan.form.sum_type
        pitch, apart = plan.columns.spacing
        product(
            f, tile, type, plan.lanes, left, self.right, pitch, terms, self.columns, panels, begin, end, plan.fused, apart=apart
        )

    def _at_row(self, index: list[Int], row: Int) -> list[Int]:
        rows = self.plan.roles.rows
        return place(index, rows, unravel(self.f, row, [self.plan.form.extents[x] for x in rows]))

    def _end_row(self, index: list[Int], row: Int, column: Int, totals: Sequence[Value]) -> None:
        """The epilogue for a row's sums, from `column` of the block on."""
        plan, f = self.plan, self.f
        where = self._at_row(self.block.at_line(f, index, 0), row)
        where = [0 if x in plan.roles.summed else w for x, w in enumerate(where)]
        for v, total in enumerate(totals):
            at = f.add(column, v * plan.lanes)
            full = isinstance(self.columns, int) and self.columns % plan.lanes == 0
            place_of = place(where, [plan.columns.inner], [f.add(self.block.start, at)])
            left_over: Int = plan.lanes if full else f.minimum(f.sub(self.columns, at), plan.lanes)
            self._store(total, place_of, left_over)

    def _store(self, total: Value, where: list[Int], count: Int) -> None:
        plan = self.plan
        result = finish(self.f, plan.form, self.memory, total, where, plan.columns.inner, plan.lanes, count)
        store(self.f, plan.form, self.memory, result, where, plan.columns.inner, plan.lanes, count)

    def _end_in_loop(self, index: list[Int], first: Int, column: Int, tall: int, width: int, totals: Sequence[Value]) -> None:
        """The epilogue for a tile's sums one vector at a time from the stack, so that the code of a long epilogue is there once:
        written out for each vector it is slow to compile and, where it is long, no faster."""
        plan, f = self.plan, self.f
        element, lanes = plan.form.sum_type, plan.lanes
        sums = f.alloca(element, tall * width * lanes)
        for n, total in enumerate(totals):
            f.store(total, f.address(sums, n * lanes, element))

        def one(row: Int, _: list[Value]) -> None:
            line = f.mul(f.sub(row, first), width * lanes)

            def vector(v: Int, _: list[Value]) -> None:
                along = f.mul(v, lanes)
                total = f.load(self._vector, f.address(sums, f.add(line, along), element))
                self._end_row(index, row, f.add(column, along), [total])

            f.loop(0, width, 1, vector)

        f.loop(first, f.minimum(f.add(first, tall), plan.rows), 1, one)

    def _ask_for_loads(self, index: list[Int], row: Int, column: Int, width: int) -> None:
        """Asks for what the epilogue reads for a row's sums."""
        plan, f = self.plan, self.f
        where = place(self._at_row(index, row), [plan.columns.inner], [f.add(self.block.start, column)])
        for view in plan.awaited:
            type = memory_type(view.type)
            at = f.address(self.memory[view.slot], position(f, view.offset, view.strides, where), type)
            for v in range(width):
                f.prefetch(f.address(at, v * plan.lanes, type), locality=2)

    def _ask_for_panel(self, left: Left, p: Int, strip: Int) -> None:
        """Asks for a part of a panel that is read in place, another part at each strip of columns of the panel before: its rows
        are short runs of memory, which the processor doesn't foresee."""
        plan, f = self.plan, self.f
        line = LINE // plan.form.sum_bytes
        strips = ceiling(plan.lines * plan.columns.segment, plan.tile.width * plan.lanes)
        each = ceiling(ceiling(plan.columns.step, line), strips) * line

        def ask(k: Int, _: list[Value]) -> None:
            at = f.address(left.pointer, f.add(f.mul(p, left.panel), k), plan.form.sum_type)
            for m in range(plan.tile.height):
                f.prefetch(f.address(at, m * left.row, plan.form.sum_type), locality=2)

        first = f.mul(strip, each)
        f.loop(first, f.add(first, each), line, ask)

    def _finish(self) -> None:
        """The epilogue over the buffer of sums."""
        plan, f, block = self.plan, self.f, self.block
        element = plan.form.sum_type
        begin = f.mul(self.panels[0], plan.tile.height)
        end = f.minimum(f.mul(self.panels[1], plan.tile.height), plan.rows)

        def one_row(row: Int, _: list[Value]) -> None:
            at_row = self._at_row(block.index, row)
            source = f.address(self.sums, f.mul(f.sub(row, begin), plan.columns.pitch), element)

            def one_line(k: Int, _: list[Value]) -> None:
                where = block.at_line(f, at_row, k)

                def chunk(j: Int, _: list[Value]) -> None:
                    count = f.minimum(f.sub(block.length, j), plan.lanes)
                    total = f.load(self._vector, f.address(source, f.add(f.mul(k, block.length), j), element))
                    self._store(total, place(where, [plan.columns.inner], [f.add(block.start, j)]), count)

                f.loop(0, block.length, plan.lanes, chunk)

            f.loop(0, block.lines, 1, one_line)

        f.loop(begin, end, 1, one_row)
