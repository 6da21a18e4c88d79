"""The right operand of the panel schedule: its columns in blocks, and the copy of a block, [summed][columns] or, where a vector
is shorter than a line of the cache, [vector of columns][summed][lanes]: of what a tile reads nothing is another tile's then.

A block is a number of whole lines (runs of the innermost column axis) or a part of one line. What is copied of it is a block of
the sum; padding, strides, dilation and dtypes are dealt with there.

May import `codegen.llvm` and the contraction's other parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.contraction.buffers import LINE, in_vectors, off_powers_of_two
from flambeau.codegen.llvm.contraction.building import Building
from flambeau.codegen.llvm.contraction.elements import pointers, read, read_turned
from flambeau.codegen.llvm.contraction.form import Form
from flambeau.codegen.llvm.contraction.roles import PHASE, Roles, ceiling, place, share, size_of, unravel
from flambeau.codegen.llvm.lowered import Pack
from flambeau.codegen.llvm.types import Int, Value, zero
from flambeau.traced import is_multiple

__all__ = ["Block", "Columns"]


@dataclass(frozen=True)
class Columns:
    """How a form's columns and its sum are cut into blocks."""

    form: Form
    roles: Roles
    lanes: int
    lines: int
    """Lines in a block."""
    segment: int
    """Columns of each line in a block: all of it, or a part when `lines` is 1."""
    span: bool
    """Whether a block's lines stay within the last axis of lines."""
    split: int
    """Which summed axis is cut into blocks."""
    step: int
    """How long those blocks are."""

    @property
    def inner(self) -> int:
        """The axis that a line's columns lie along."""
        return self.roles.columns[-1]

    @property
    def line_axes(self) -> tuple[int, ...]:
        """The axes that count lines."""
        return self.roles.columns[:-1]

    @property
    def spanned(self) -> tuple[int, ...]:
        """The axes that lines of one block run over."""
        return self.line_axes[-1:] if self.span else self.line_axes

    @property
    def fixed(self) -> tuple[int, ...]:
        """The axes that don't vary within a block, beside those that are cut."""
        return self.roles.batch + (self.line_axes[:-1] if self.span else ())

    @property
    def counts(self) -> list[int]:
        """Blocks: along the fixed axes, blocks of lines, parts of a line."""
        extents = self.form.extents
        lines, parts = ceiling(size_of(extents, self.spanned), self.lines), ceiling(extents[self.inner], self.segment)
        return [*(extents[k] for k in self.fixed), lines, parts]

    @property
    def inside(self) -> int:
        """Terms for one step of the split axis."""
        return size_of(self.form.extents, [k for k in self.roles.summed if k > self.split])

    @property
    def pitch(self) -> int:
        """Elements from one row's sums to the next's, if they are kept: room for vectors that overhang, and off powers of two."""
        return off_powers_of_two(self.lines * self.segment + self.lanes, self.form.sum_type)

    @property
    def is_in_vectors(self) -> bool:
        """Whether the copy's vectors of columns lie apart, each with all its terms."""
        is_whole = self.lines == 1 or is_multiple(self.segment, self.lanes)
        return is_whole and not self.form.is_traced and self.lanes * self.form.sum_bytes < LINE

    @property
    def spacing(self) -> tuple[int, int]:
        """In the copy of a block, elements from one term's columns to the next's, and from one vector of columns to the next."""
        return (self.lanes, self.step * self.inside * self.lanes) if self.is_in_vectors else (self.pitch, self.lanes)

    @property
    def elements(self) -> int:
        """Elements of the copy of a block."""
        terms = self.step * self.inside
        vectors = ceiling(self.lines * self.segment, self.lanes)
        return terms * vectors * self.lanes if self.is_in_vectors else terms * self.pitch + self.lanes

    def _place_of(self, f: Function, row: Value, column: Int) -> Value:
        """Where a term's vector from `column` on is copied to, in the `row` of that term."""
        return f.address(row, f.mul(column, self.spacing[1] // self.lanes), self.form.sum_type)

    @property
    def turns(self) -> bool:
        """Whether a block is copied by reading along the sum, since the operand's columns lie apart."""
        view, last = self.roles.right, self.roles.summed[-1]
        along = view.strides[last] == 1 and abs(view.strides[self.inner]) > 2
        return along and not view.checked(last) and not view.checked(self.inner) and 2 * self.form.extents[last] >= self.lanes > 1

    # --- all blocks one after another, packed before

    @property
    def bytes(self) -> int:
        """What the copy of a block takes."""
        return self.elements * self.form.sum_bytes

    @property
    def key(self) -> object:
        """Equal keys mean equal contents."""
        return self

    def build(self, building: Building, name: str) -> Pack:
        """Adds the phase, and its block of scratch memory."""
        blocks, slot = prod(self.counts), self.roles.right.slot
        number = building.scratch.own(blocks * self.bytes)
        f = building.module.function(name, PHASE)
        memory, packed = pointers(f, building.slots), building.scratch.pointer(f, number)

        def one(u: Int, _: list[Value]) -> None:
            block = self.block(f, *unravel(f, u, self.counts))
            right = f.address(packed, f.mul(u, self.elements), self.form.sum_type)
            self.copy(f, memory[slot], right, block, block.index, 0, self.step)

        low, high = share(f, blocks)
        f.loop(low, high, 1, one)
        f.finish()
        return Pack(name, slot, number, f.takes_sizes)

    # --- a block

    def block(self, f: Function, *coordinates: Int) -> Block:
        """The block at a place of `counts`."""
        *fixed, block, part = coordinates
        length = self.form.extents[self.inner]
        count = size_of(self.form.extents, self.spanned)
        line, start = f.mul(block, self.lines), f.mul(part, self.segment)
        index = place([0] * len(self.form.extents), self.fixed, fixed)
        lines = self.lines if is_multiple(count, self.lines) else f.minimum(f.sub(count, line), self.lines)
        columns = self.segment if is_multiple(length, self.segment) else f.minimum(f.sub(length, start), self.segment)
        return Block(self, index, line, lines, start, columns)

    def copy(self, f: Function, source: Value, target: Value, block: Block, index: list[Int], first: Int, steps: Int) -> None:
        """Copies the operand from `source`: the block's columns, for so many steps of the split axis from `first` on, at the
        `index` of what is summed outside them. Vectors overhang into the next line's place, which is written after."""
        element, extents = self.form.sum_type, self.form.extents
        loops = [k for k in self.roles.summed if k >= self.split]

        def nest(depth: int, index: list[Int], term: Int) -> None:
            if depth == len(loops):
                row = f.address(target, f.mul(term, self.spacing[0]), element)
                self._copy_term(f, source, row, block, index)
                return
            axis = loops[depth]
            low, high = (0, steps) if depth == 0 else (0, extents[axis])
            shift = first if depth == 0 else 0
            e = extents[axis] if depth else 0
            if axis == loops[-1] and self.turns:
                row = f.address(target, f.mul(0 if depth == 0 else f.mul(term, e), self.spacing[0]), element)
                self._copy_run(f, source, row, block, index, shift, f.sub(high, low))
                return

            def turn(k: Int, _: list[Value]) -> None:
                nest(depth + 1, place(index, [axis], [f.add(k, shift)]), f.add(f.mul(term, e), k) if depth else k)

            f.loop(low, high, 1, turn)

        nest(0, index, 0)

    def _copy_term(self, f: Function, source: Value, row: Value, block: Block, index: list[Int]) -> None:
        """The columns of one term, to `row`."""
        right = self.roles.right

        def one_line(k: Int, _: list[Value]) -> None:
            where = block.at_line(f, index, k)
            target = self._place_of(f, row, f.mul(k, block.length))

            def chunk(j: Int) -> None:
                count = f.minimum(f.sub(block.length, j), self.lanes)
                at = place(where, [self.inner], [f.add(block.start, j)])
                f.store(read(f, source, right, at, self.inner, self.lanes, count), self._place_of(f, target, j))

            in_vectors(f, block.length, self.lanes, chunk)

        f.loop(0, block.lines, 1, one_line)
        if not self.is_in_vectors:  # what is left of the last vector must be numbers that multiply at full speed
            f.store(zero(self.form.vector(self.lanes)), f.address(row, f.mul(block.lines, block.length), self.form.sum_type))

    def _copy_run(self, f: Function, source: Value, row: Value, block: Block, index: list[Int], begin: Int, count: Int) -> None:
        """The columns of `count` terms along the last summed axis from `begin` on, to `row` and those after it: read along that
        axis, and turned."""
        right, lanes = self.roles.right, self.lanes
        last = self.roles.summed[-1]

        def one_line(k: Int, _: list[Value]) -> None:
            where = block.at_line(f, index, k)
            target = self._place_of(f, row, f.mul(k, block.length))

            def chunk(j: Int) -> None:
                columns = [f.add(block.start, f.minimum(f.add(j, m), f.sub(block.length, 1))) for m in range(lanes)]

                def steps_from(t: Int) -> None:
                    there = f.minimum(f.sub(count, t), lanes)
                    places = [place(where, (self.inner, last), (column, f.add(begin, t))) for column in columns]
                    for n, v in enumerate(read_turned(f, source, right, places, last, lanes, there)):
                        is_term = f.compare("slt", n, there)
                        if is_term is not False:
                            with f.when(is_term):
                                line = f.address(target, f.mul(f.add(t, n), self.spacing[0]), self.form.sum_type)
                                f.store(v, self._place_of(f, line, j))

                in_vectors(f, count, lanes, steps_from, 0)

            in_vectors(f, block.length, lanes, chunk, 0)

        f.loop(0, block.lines, 1, one_line)


@dataclass(frozen=True)
class Block:
    """A block of columns, in generated code: `lines` lines from number `line` on, of each `length` columns from `start` on."""

    columns: Columns
    index: list[Int]
    """Its place along the axes that it doesn't vary along; 0 along others."""
    line: Int
    lines: Int
    start: Int
    length: Int

    def at_line(self, f: Function, index: list[Int], k: Int) -> list[Int]:
        """`index`, moved to its line number `k`."""
        spanned = self.columns.spanned
        if not spanned:
            return index
        return place(index, spanned, unravel(f, f.add(self.line, k), [self.columns.form.extents[x] for x in spanned]))

    def size(self, f: Function) -> Int:
        """How many columns it has."""
        return f.mul(self.lines, self.length)
