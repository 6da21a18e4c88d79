"""The result of attention: the sums over keys are kept together with the largest score so far (online softmax; Milakov and
Gimelshein, 2018; Dao et al., "FlashAttention", 2022). May import its neighbours and `codegen.llvm`."""

from __future__ import annotations

from flambeau.codegen.llvm.attention.block import Lanes
from flambeau.codegen.llvm.attention.weights import Weights
from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.contraction.buffers import clear
from flambeau.codegen.llvm.mathematics import emit
from flambeau.codegen.llvm.scratch import Scratch
from flambeau.codegen.llvm.target import Target
from flambeau.codegen.llvm.types import Int, Value, constant
from flambeau.dtypes import float32, float64
from flambeau.kernels.ir import AttentionKernel

__all__ = ["Forward"]

_LARGEST, _TOTAL, _FACTOR = range(3)
"""Rows of what is kept for each lane: largest score, sum of exponentials, what the sums so far are multiplied by."""
_APART = 4
"""Largest scores that are looked for side by side."""


class Forward(Weights):
    """Queries in lanes."""

    def __init__(self, f: Function, kernel: AttentionKernel, target: Target, scratch: Scratch) -> None:
        super().__init__(f, kernel, target, scratch)
        self.queries = self.private("queries", self.depth)
        self.products = self.private("products", self.length + _APART)
        self.sums = self.private("sums", self.value_depth)
        self.kept = self.private("kept", 3)

    def run(self, b: Int, number: Int) -> None:
        f, kernel = self.f, self.kernel
        index = self.batch(b)
        query, key, value = (self.operand(view, index) for view in kernel.operands[:3])
        first = f.mul(number, self.width)
        count = f.minimum(f.sub(self.rows, first), self.width)
        self.take(query, first, count, self.depth, self.queries, kernel.scale * self.unit)
        clear(f, self.vector, self.sums.pointer, self.value_depth * self.width)

        def begin(c: Int) -> None:
            f.store(constant(self.vector, float("-inf")), self.kept.at(f, _LARGEST, c))
            f.store(constant(self.vector, 0.0), self.kept.at(f, _TOTAL, c))

        self.each_vector(self.width, begin)
        mask = self.mask_rows(index)

        def block(step: Int, steps: Int) -> None:
            keys = self.widened(key, step, steps, self.depth, "keys")
            self.by_step(keys, steps, self.queries, self.depth, count, self.products)
            added = None if mask is None else self.masks(mask, first, count, step, steps)
            factors = self.factors(b, first, count, step, steps)

            def exponentials(is_crossed: bool) -> None:
                self.each_vector(count, lambda c: self._vector(c, first, step, steps, added, factors, is_crossed))

            f.choose(self.crosses(first, count, step, steps), lambda: exponentials(True), lambda: exponentials(False))
            values = self.widened(value, step, steps, self.value_depth, "values")
            self.over_steps(
                values, steps, self.products, self.value_depth, count, self.sums,
                lambda c: f.load(self.vector, self.kept.at(f, _FACTOR, c)),
            )  # fmt: skip

        self.each_length(*self.steps_of(first, count), block)
        self._finish(f.add(f.mul(b, self.rows), first), count)

    def _vector(
        self, c: Int, first: Int, step: Int, steps: Int, mask: Lanes | None, factors: Lanes | None, crossed: bool
    ) -> None:
        """A block's exponentials in one vector of lanes, in place of the products."""
        f = self.f
        score = self.scores(self.products, mask, first, c, step, crossed)
        is_changed = mask is not None or crossed
        lowest = constant(self.vector, float("-inf"))
        before = f.load(self.vector, self.kept.at(f, _LARGEST, c))

        def larger(a: Value, b: Value) -> Value:  # one instruction; NaN shows in the sum
            return f.select(f.test("fcmp ogt", a, b), a, b)

        def one(j: Int, largest: Value) -> Value:
            s = score(j)
            if is_changed:
                f.store(s, self.products.at(f, j, c))
            return larger(s, largest)

        whole = f.mul(f.div(steps, _APART), _APART)
        found = f.loop(
            0,
            whole,
            _APART,
            lambda j, held: [one(f.add(j, k), h) for k, h in enumerate(held)],
            [before] + [lowest] * (_APART - 1),
        )
        while len(found) > 1:
            found = [larger(a, z) for a, z in zip(found[::2], found[1::2])]
        (largest,) = f.loop(whole, steps, 1, lambda j, held: [one(j, held[0])], found)
        shift = f.select(f.test("fcmp oeq", largest, lowest), constant(self.vector, 0.0), largest)
        factor = self.exponential(f.binary("fsub", before, shift))
        f.store(largest, self.kept.at(f, _LARGEST, c))
        f.store(factor, self.kept.at(f, _FACTOR, c))

        def exponential(j: Int, held: list[Value]) -> list[Value]:
            place = self.products.at(f, j, c)
            e = self.exponential(f.binary("fsub", f.load(self.vector, place), shift))
            total = f.binary("fadd", held[0], e)
            if factors is not None:
                e = f.binary("fmul", e, f.load(self.vector, factors.at(f, j, c)))
            f.store(e, place)
            return [total]

        start = f.binary("fmul", f.load(self.vector, self.kept.at(f, _TOTAL, c)), factor)
        (total,) = f.loop(0, steps, 1, exponential, [start], nonempty=True)
        f.store(total, self.kept.at(f, _TOTAL, c))

    def _finish(self, row: Int, count: Int) -> None:
        """Results for rows from number `row` of them all on."""
        f, nil, one = self.f, constant(self.vector, 0.0), constant(self.vector, 1.0)

        def factor(c: Int) -> Value:
            total = f.load(self.vector, self.kept.at(f, _TOTAL, c))
            return f.binary("fdiv", one, f.select(f.test("fcmp oeq", total, nil), one, total))

        slot = self.result("output")
        if slot is not None:
            self.give(self.sums, self.value_depth, slot, row, count, factor)
        slot = self.result("logsumexp")
        if slot is None:
            return
        pointer = f.address(self.pointers[slot], row, self.element)

        def put(c: Int) -> None:
            total = f.load(self.vector, self.kept.at(f, _TOTAL, c))
            logarithm = emit(f, "log", [total], float64 if self.element == "double" else float32)
            largest = f.load(self.vector, self.kept.at(f, _LARGEST, c))
            value = f.multiply_add(largest, constant(self.vector, 1 / self.unit), logarithm)
            value = f.select(f.test("fcmp oeq", total, nil), constant(self.vector, float("inf")), value)
            f.masked_store(value, f.address(pointer, c, self.element), f.lane_mask(0, f.sub(count, c), self.lanes))

        self.each_vector(count, put)
