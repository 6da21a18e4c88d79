"""What a unit of attention works with: lanes and steps, operands on their way to lanes, results on their way to memory.

May import `flambeau.kernels`, `flambeau.dtypes` and `codegen.llvm`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.contraction.micro import Left, Tile, product, register_tile
from flambeau.codegen.llvm.contraction.roles import unravel
from flambeau.codegen.llvm.scratch import Scratch
from flambeau.codegen.llvm.shuffles import transpose
from flambeau.codegen.llvm.target import Target
from flambeau.codegen.llvm.types import Int, Value, bytes_of, constant, vector, zero
from flambeau.codegen.llvm.values import from_memory, memory_type, round_to, to_memory
from flambeau.dtypes import dtype, float32, float64
from flambeau.kernels.ir import AttentionKernel, Strided
from flambeau.traced import Traced

__all__ = ["Block", "Lanes", "Rows", "STEPS"]

STEPS = 64
"""Steps at a time, at most: so many rows of weights are in memory."""
_VECTORS = 4
"""Vectors of lanes in a unit, at most."""
_WIDTH = 2
"""Vectors of lanes in a register tile."""


@dataclass(frozen=True)
class Rows:
    """An operand's matrix within one of the batch: `row` and `column` elements from one to the next."""

    pointer: Value
    type: dtype
    row: int | Traced
    column: int | Traced

    def at(self, f: Function, row: Int, column: Int = 0) -> Value:
        place = f.add(f.mul(row, self.row), f.mul(column, self.column))
        return f.address(self.pointer, place, memory_type(self.type))


@dataclass(frozen=True)
class Lanes:
    """A matrix in the thread's memory, a row of lanes for each of its columns: `pitch` elements from one to the next."""

    pointer: Value
    element: str
    pitch: int

    def at(self, f: Function, row: Int, lane: Int) -> Value:
        return f.address(self.pointer, f.add(f.mul(row, self.pitch), lane), self.element)


class Block:
    """Code for units of work; `run(b, number)` does block `number` of the b-th of the batch.

    Attributes:
        rows: how many rows there are to be put in lanes, and `steps` rows of the other side.
        width: lanes of a unit.
        count: units for each of the batch.
        length: steps that are done together, a multiple of 8 unless they are all.
    """

    on_keys = False
    """Whether keys are in lanes, rather than queries."""

    def __init__(self, f: Function, kernel: AttentionKernel, target: Target, scratch: Scratch) -> None:
        self.f, self.kernel, self.target, self.scratch = f, kernel, target, scratch
        self.type = kernel.slots[kernel.operands[0].slot].dtype
        self.element = "double" if self.type is float64 else "float"
        self.lanes = target.lanes(64 if self.type is float64 else 32)
        self.vector = vector(self.element, self.lanes)
        rows, columns, self.depth, self.value_depth = kernel.sizes
        self.rows, self.steps = (columns, rows) if self.on_keys else (rows, columns)
        self.width = _VECTORS * self.lanes
        while self.width > _WIDTH * self.lanes and self.rows <= self.width // 2:
            self.width //= 2
        self.count = f.div(f.add(self.rows, self.width - 1), self.width)
        self.length = STEPS
        if isinstance(self.steps, int):
            blocks = -(-self.steps // STEPS)
            self.length = -(-self.steps // blocks)
            self.length += -self.length % 8
        self.pointers = [f.entry_load("ptr", f.parameters[0], i) for i in range(len(kernel.slots))]
        self.tile = Tile(8 if target.registers >= 32 else 4, _WIDTH)

    # --- memory

    def private(self, name: str, rows: int) -> Lanes:
        """The thread's matrix of that name, of so many rows of lanes."""
        pointer = self.scratch.private(self.f, name, rows * self.width * bytes_of(self.element))
        return Lanes(pointer, self.element, self.width)

    def batch(self, b: Int) -> list[Int]:
        return unravel(self.f, b, self.kernel.batch)

    def operand(self, view: Strided, b: Sequence[Int]) -> Rows:
        """An operand's matrix for one of the batch; a vector is a matrix of one column."""
        f, leading = self.f, len(self.kernel.batch)
        slot = view.slot
        offset: Int = view.offset
        for i, stride in zip(b, view.strides):
            offset = f.add(offset, f.mul(i, stride))
        type = self.kernel.slots[slot].dtype
        row, column = (*view.strides[leading:], 0)[:2]
        return Rows(f.address(self.pointers[slot], offset, memory_type(type)), type, row, column)

    def result(self, part: str) -> int | None:
        """The slot of a result, if that is wanted."""
        parts = self.kernel.parts
        return len(self.kernel.slots) - len(parts) + parts.index(part) if part in parts else None

    # --- lanes

    def each_vector(self, count: Int, body: Callable[[Int], None]) -> None:
        """The body for the first lane of each vector of `count` lanes."""
        self.f.loop(0, count, self.lanes, lambda c, _: body(c), nonempty=True)

    def take(self, source: Rows, first: Int, count: Int, columns: int, to: Lanes, scale: float = 1.0) -> None:
        """Rows from `first` on into lanes, `count` (at least one) of them; lanes beyond hold no matter which numbers."""
        f, lanes = self.f, self.lanes

        def value(raw: Value) -> Value:
            wide = from_memory(f, raw, source.type)
            return wide if scale == 1 else f.binary("fmul", wide, constant(wide.type, scale))

        memory = memory_type(source.type)

        def turned(c: Int) -> None:
            places = [source.at(f, f.add(first, f.minimum(f.add(c, i), f.sub(count, 1)))) for i in range(lanes)]

            def chunk(e: Int, width: int) -> None:
                mask = f.lane_mask(0, width, lanes)
                loaded = [value(f.masked_load(vector(memory, lanes), f.address(p, e, memory), mask)) for p in places]
                for i, v in enumerate(transpose(f, loaded)[:width]):
                    f.store(v, to.at(f, f.add(e, i), c))

            self._chunks(columns, chunk)

        def gathered(c: Int) -> None:
            inside = f.lane_mask(0, f.sub(count, c), lanes)
            start = source.at(f, f.add(first, c))
            index = f.steps(lanes, step=source.row)

            def column(e: Int, _: list[Value]) -> None:
                place = f.address(start, f.mul(e, source.column), memory)
                if source.row == 1:
                    raw = f.masked_load(vector(memory, lanes), place, inside)
                else:
                    raw = f.gather(memory, place, index, inside)
                f.store(value(raw), to.at(f, e, c))

            f.loop(0, columns, 1, column)

        is_turned = source.column == 1 and source.row != 1 and lanes & (lanes - 1) == 0
        self.each_vector(count, turned if is_turned else gathered)

    def _chunks(self, columns: int, chunk: Callable[[Int, int], None]) -> None:
        """`chunk(first, how many)` for columns, as many at a time as a vector has lanes."""
        whole = columns - columns % self.lanes
        self.f.loop(0, whole, self.lanes, lambda e, _: chunk(e, self.lanes))
        if whole < columns:
            chunk(whole, columns - whole)

    def give(self, source: Lanes, columns: int, slot: int, first: Int, count: Int, factor: Callable[[Int], Value]) -> None:
        """Lanes, times the `factor` of their vector, into a dense result's rows from `first` on: `count` of them."""
        f, lanes = self.f, self.lanes
        type = self.kernel.slots[slot].dtype
        memory = memory_type(type)

        def body(c: Int) -> None:
            by = factor(c)

            def rows(inside: bool) -> None:
                def chunk(e: Int, width: int) -> None:
                    read = [f.binary("fmul", f.load(self.vector, source.at(f, f.add(e, i), c)), by) for i in range(width)]
                    read += [zero(self.vector)] * (lanes - width)
                    for i, v in enumerate(transpose(f, read)):
                        row = f.add(c, i)
                        place = f.address(self.pointers[slot], f.add(f.mul(f.add(first, row), columns), e), memory)
                        raw = to_memory(f, round_to(f, v, type), type)
                        if inside:
                            f.masked_store(raw, place, f.lane_mask(0, width, lanes))
                        elif (is_row := f.compare("slt", row, count)) is not False:
                            with f.when(is_row):
                                f.masked_store(raw, place, f.lane_mask(0, width, lanes))

                self._chunks(columns, chunk)

            f.choose(f.compare("sge", count, f.add(c, lanes)), lambda: rows(True), lambda: rows(False))

        self.each_vector(count, body)

    # --- steps

    def each_length(self, low: Int, high: Int, body: Callable[[Int, Int], None]) -> None:
        """`body(first step, how many)` for steps from `low`, a multiple of `length`, to before `high`."""
        f = self.f
        f.loop(low, high, self.length, lambda j, _: body(j, f.minimum(f.sub(high, j), self.length)))

    def widened(self, source: Rows, first: Int, count: Int, columns: int, name: str) -> Rows:
        """Steps from `first` on: where they are, or a copy of half types in float32."""
        f = self.f
        if source.type.itemsize > 2:
            return Rows(source.at(f, first), source.type, source.row, source.column)
        pitch = columns + -columns % self.lanes
        copied = self.scratch.private(f, name, self.length * pitch * bytes_of(self.element))
        memory, lanes = memory_type(source.type), self.lanes

        def row(j: Int, _: list[Value]) -> None:
            start, to = source.at(f, f.add(first, j)), f.address(copied, f.mul(j, pitch), self.element)

            def chunk(e: Int, width: int) -> None:
                raw = f.masked_load(vector(memory, lanes), f.address(start, e, memory), f.lane_mask(0, width, lanes))
                f.store(from_memory(f, raw, source.type), f.address(to, e, self.element))

            def one(e: Int, _: list[Value]) -> None:
                raw = f.load(memory, f.address(start, f.mul(e, source.column), memory))
                f.store(from_memory(f, raw, source.type), f.address(to, e, self.element))

            if source.column == 1:
                self._chunks(columns, chunk)
            else:
                f.loop(0, columns, 1, one)

        f.loop(0, count, 1, row, nonempty=True)
        return Rows(copied, float32, pitch, 1)

    # --- products

    def by_step(self, steps: Rows, count: Int, lanes: Lanes, terms: int, columns: Int, to: Lanes) -> None:
        """to[step][lane] = Σ over terms of steps[step][term]·lanes[term][lane]."""
        f = self.f
        height, done = self.tile.height, f.integer(0)
        while height:  # the tile's height, then what is left over, by halves
            whole = f.div(f.sub(count, done), height)
            left = Left(steps.at(f, done), steps.row, steps.column, f.mul(steps.row, height))  # type: ignore[arg-type]

            def begin(p: Int, c: Int, w: int, height: int = height) -> list[Value]:
                return [zero(self.vector)] * (height * w)

            def end(p: Int, c: Int, w: int, sums: Sequence[Value], height: int = height, first: Int = done) -> None:
                self._put(to, f.add(first, f.mul(p, height)), c, w, sums)

            with f.when(f.compare("sgt", whole, 0)):
                product(
                    f, Tile(height, _WIDTH), self.element, self.lanes, left, lanes.pointer, lanes.pitch, terms, columns,
                    (0, whole), begin, end,
                )  # fmt: skip
            done = f.integer(f.add(done, f.mul(whole, height)))
            height //= 2

    def _put(self, to: Lanes, row: Int, column: Int, width: int, sums: Sequence[Value]) -> None:
        for n, total in enumerate(sums):
            m, v = divmod(n, width)
            self.f.store(total, to.at(self.f, self.f.add(row, m), self.f.add(column, v * self.lanes)))

    def over_steps(
        self,
        steps: Rows,
        count: Int,
        weights: Lanes,
        depth: int,
        columns: Int,
        to: Lanes,
        by: Callable[[Int], Value] | None = None,
    ) -> None:
        """to[n][lane] = to[n][lane]·by + Σ over steps of steps[step][n]·weights[step][lane], for n below `depth`."""
        f = self.f
        tile = register_tile(depth, self.target.registers, _WIDTH, _WIDTH)
        whole, rest = divmod(depth, tile.height)
        for height, first, panels in ((tile.height, 0, whole), (rest, whole * tile.height, 1)):
            if not height or not panels:
                continue

            def begin(p: Int, c: Int, w: int, height: int = height, first: int = first) -> list[Value]:
                factors = None if by is None else [by(f.add(c, v * self.lanes)) for v in range(w)]
                row = f.add(first, f.mul(p, height))
                held = []
                for m in range(height):
                    for v in range(w):
                        x = f.load(self.vector, to.at(f, f.add(row, m), f.add(c, v * self.lanes)))
                        held.append(x if factors is None else f.binary("fmul", x, factors[v]))
                return held

            def end(p: Int, c: Int, w: int, sums: Sequence[Value], height: int = height, first: int = first) -> None:
                self._put(to, f.add(first, f.mul(p, height)), c, w, sums)

            left = Left(steps.at(f, 0, first), steps.column, steps.row, f.mul(steps.column, height))  # type: ignore[arg-type]
            product(
                f, Tile(height, tile.width), self.element, self.lanes, left, weights.pointer, weights.pitch, count, columns,
                (0, panels), begin, end,
            )  # fmt: skip

    def run(self, b: Int, number: Int) -> None:
        raise NotImplementedError
