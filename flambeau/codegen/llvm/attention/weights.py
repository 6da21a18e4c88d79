"""Weights from products: the mask, causality, and which of them are dropped. May import its neighbours and `codegen.llvm`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flambeau.codegen.llvm.attention.block import Block, Lanes, Rows
from flambeau.codegen.llvm.loops.philox import in_order, rounds
from flambeau.codegen.llvm.mathematics import emit
from flambeau.codegen.llvm.single import exp2_below
from flambeau.codegen.llvm.types import Int, Value, constant, parts_of, vector
from flambeau.codegen.llvm.values import from_memory, memory_type
from flambeau.dtypes import bool_, float64
from flambeau.graph.primitives.attention import threshold
from flambeau.graph.primitives.random import WORDS

__all__ = ["Weights"]

_LOG2_E = 1.44269504088896341
_LEAST = -2.0e38


class Weights(Block):
    """A block that makes weights."""

    @property
    def unit(self) -> float:
        """What scores are multiplied by, so that `exponential` is the base's power of them."""
        return 1.0 if self.element == "double" else _LOG2_E

    def exponential(self, x: Value) -> Value:
        """exp(x / unit), for x that are at most about 0."""
        return emit(self.f, "exp", [x], float64) if self.element == "double" else exp2_below(self.f, x)

    def steps_of(self, first: Int, count: Int) -> tuple[Int, Int]:
        """The steps, from a multiple of `length` on, that rows from `first` on have to do with."""
        f = self.f
        if not self.kernel.is_causal:
            return 0, self.steps
        if self.on_keys:
            return f.mul(f.div(f.minimum(first, self.steps), self.length), self.length), self.steps
        return 0, f.minimum(f.add(first, count), self.steps)

    def mask_rows(self, b: Sequence[Int]) -> Rows | None:
        """The mask's matrix for one of the batch, with a row for each lane."""
        view = self.kernel.mask
        if view is None:
            return None
        rows = self.operand(view, b)
        return Rows(rows.pointer, rows.type, rows.column, rows.row) if self.on_keys else rows

    def masks(self, mask: Rows, first: Int, count: Int, step: Int, steps: Int) -> Lanes:
        """What the mask adds to a block's products, which are in `unit`s."""
        f = self.f
        to = self.private("mask", self.length)
        memory, lanes = memory_type(mask.type), self.lanes

        def added(raw: Value) -> Value:
            found = from_memory(f, raw, mask.type)
            if mask.type is bool_:
                shape = vector(self.element, parts_of(found.type)[0])
                return f.select(found, constant(shape, 0.0), constant(shape, float("-inf")))
            if self.unit == 1:
                return found
            # the least number of float32, which masks are made of, is no infinity: a row of it alone sees all alike
            scaled = f.binary("fmul", found, constant(found.type, self.unit))
            is_finite = f.test("fcmp ogt", found, constant(found.type, float("-inf")))
            held = f.binary("and", is_finite, f.test("fcmp olt", scaled, constant(found.type, _LEAST)))
            return f.select(held, constant(found.type, _LEAST), scaled)

        def column(c: Int) -> None:
            inside = f.lane_mask(0, f.sub(count, c), lanes)
            index = f.steps(lanes, step=mask.row)

            def one(j: Int, _: list[Value]) -> None:
                place = mask.at(f, f.add(first, c), f.add(step, j))
                if mask.row == 0:
                    value = f.splat(added(f.load(memory, place)), lanes)
                elif mask.row == 1:
                    value = added(f.masked_load(vector(memory, lanes), place, inside))
                else:
                    value = added(f.gather(memory, place, index, inside))
                f.store(value, to.at(f, j, c))

            f.loop(0, steps, 1, one, nonempty=True)

        self.each_vector(count, column)
        return to

    def seen(self, first: Int, c: Int, step: Int) -> bool | Value:
        """Which lanes of the vector from lane `c` on causality lets meet a step."""
        f = self.f
        place = f.sub(step, f.add(first, c))
        return f.lane_mask(0, f.add(place, 1), self.lanes) if self.on_keys else f.lane_mask(place, self.lanes, self.lanes)

    def crosses(self, first: Int, count: Int, step: Int, steps: Int) -> bool | Value:
        """Whether causality leaves out anything of a block."""
        f = self.f
        if not self.kernel.is_causal:
            return False
        if self.on_keys:
            return f.compare("slt", step, f.sub(f.add(first, count), 1))
        return f.compare("sgt", f.add(step, f.sub(steps, 1)), first)

    def scores(
        self, products: Lanes, mask: Lanes | None, first: Int, c: Int, step: Int, is_crossed: bool
    ) -> Callable[[Int], Value]:
        """A vector of a block's scores, by the number of the step within the block."""
        f = self.f

        def score(j: Int) -> Value:
            s = f.load(self.vector, products.at(f, j, c))
            if mask is not None:
                s = f.binary("fadd", s, f.load(self.vector, mask.at(f, j, c)))
            if is_crossed:
                seen = self.seen(first, c, f.add(step, j))
                if not isinstance(seen, bool):
                    s = f.select(seen, s, constant(s.type, float("-inf")))
            return s

        return score

    def factors(self, b: Int, first: Int, count: Int, step: Int, steps: Int) -> Lanes | None:
        """What a block's weights are multiplied by: 0 where they are dropped. None where nothing is."""
        f, kernel = self.f, self.kernel
        if not kernel.dropout:
            return None
        to = self.private("factors", self.length)
        end = len(self.pointers) - len(kernel.parts)
        seed, offset = (f.load("i64", self.pointers[i]) for i in (end - 2, end - 1))
        rows, columns = kernel.sizes[:2]
        per_row = f.div(f.add(columns, WORDS - 1), WORDS)
        start = f.mul(b, rows)

        def put(word: Value, row: Int, lane: Int) -> None:
            count = parts_of(word.type)[0]
            type = vector(self.element, count)
            dropped = f.test("icmp ult", word, constant(word.type, threshold(kernel.dropout)))
            kept = constant(type, 1 / (1 - kernel.dropout))
            f.store(f.select(dropped, constant(type, 0.0), kept), to.at(f, row, lane))

        def block_of(row: Int, column: Int) -> Value:
            place = f.add(f.mul(f.add(start, row), per_row), f.div(column, WORDS))
            return f.binary("add", offset, f.integer(place))

        def along_keys(j: Int, _: list[Value]) -> None:
            several = max(self.lanes, WORDS)

            def some(c: Int, _: list[Value]) -> None:
                put(in_order(f, block_of(f.add(step, j), f.add(first, c)), seed, several), j, c)

            f.loop(0, count, several, some, nonempty=True)

        def along_queries(c: Int) -> None:
            def four(j: Int, _: list[Value]) -> None:
                here = block_of(f.add(first, c), f.add(step, j))
                blocks = f.binary("add", f.splat(here, self.lanes), f.steps(self.lanes, step=per_row))  # type: ignore[arg-type]
                for k, word in enumerate(rounds(f, blocks, f.splat(seed, self.lanes))):
                    put(f.cast("trunc", word, "i32"), f.add(j, k), c)

            f.loop(0, steps, WORDS, four, nonempty=True)

        if self.on_keys:
            f.loop(0, steps, 1, along_keys, nonempty=True)
        else:
            self.each_vector(count, along_queries)
        return to
