"""The gradients of attention: weights are made again from the scores and each row's logarithm of the sum of exponentials.

With P the weights, G the result's gradient and δ each row's sum of result times gradient: the value's gradient is PᵀG, that
of the scores is P∘(G·valueᵀ − δ). May import its neighbours and `codegen.llvm`.
"""

from __future__ import annotations

from flambeau.codegen.llvm.attention.block import Lanes, Rows
from flambeau.codegen.llvm.attention.weights import Weights
from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.contraction.buffers import clear
from flambeau.codegen.llvm.scratch import Scratch
from flambeau.codegen.llvm.target import Target
from flambeau.codegen.llvm.types import Int, Value, constant
from flambeau.codegen.llvm.values import memory_type
from flambeau.kernels.ir import AttentionKernel

__all__ = ["Backward"]


class Backward(Weights):
    """Queries in lanes for the query's gradient, keys in lanes for those of key and value."""

    def __init__(self, f: Function, kernel: AttentionKernel, target: Target, scratch: Scratch) -> None:
        self.on_keys = "query" not in kernel.parts
        super().__init__(f, kernel, target, scratch)
        self.queries = self.private("first", self.depth)
        self.others = self.private("second", self.value_depth)
        self.products = self.private("products", self.length)
        self.gradients = self.private("gradients", self.length)
        self.sums = {part: self.private(part, self._depth(part)) for part in kernel.parts}
        self.rows_kept = None if self.on_keys else self.private("rows", 2)

    def _depth(self, part: str) -> int:
        return self.value_depth if part == "value" else self.depth

    def run(self, b: Int, number: Int) -> None:
        f, kernel = self.f, self.kernel
        index = self.batch(b)
        query, key, value, gradient, logsumexp, delta = (self.operand(view, index) for view in kernel.operands[:6])
        lanes, steps = ((key, value), (query, gradient)) if self.on_keys else ((query, gradient), (key, value))
        first = f.mul(number, self.width)
        count = f.minimum(f.sub(self.rows, first), self.width)
        self.take(lanes[0], first, count, self.depth, self.queries, kernel.scale * self.unit)
        self.take(lanes[1], first, count, self.value_depth, self.others)
        for part, sums in self.sums.items():
            clear(f, self.vector, sums.pointer, self._depth(part) * self.width)
        of_rows = logsumexp, delta
        if self.rows_kept is not None:
            for i, rows in enumerate(of_rows):
                self.take(rows, first, count, 1, Lanes(self.rows_kept.at(f, i, 0), self.element, self.width))
        mask = self.mask_rows(index)

        def block(step: Int, length: Int) -> None:
            near = self.widened(steps[0], step, length, self.depth, "near")
            far = self.widened(steps[1], step, length, self.value_depth, "far")
            self.by_step(near, length, self.queries, self.depth, count, self.products)
            self.by_step(far, length, self.others, self.value_depth, count, self.gradients)
            added = None if mask is None else self.masks(mask, first, count, step, length)
            factors = self.factors(b, first, count, step, length)

            def weights(is_crossed: bool) -> None:
                self.each_vector(count, lambda c: self._vector(c, first, step, length, added, factors, is_crossed, of_rows))

            f.choose(self.crosses(first, count, step, length), lambda: weights(True), lambda: weights(False))
            for part, sums in self.sums.items():
                if part == "value":
                    self.over_steps(far, length, self.products, self.value_depth, count, sums)
                else:
                    self.over_steps(near, length, self.gradients, self.depth, count, sums)

        self.each_length(*self.steps_of(first, count), block)
        row = f.add(f.mul(b, self.rows), first)
        for part, sums in self.sums.items():
            scale = constant(self.vector, 1.0 if part == "value" else kernel.scale)
            slot = self.result(part)
            assert slot is not None
            self.give(sums, self._depth(part), slot, row, count, lambda c, scale=scale: scale)  # type: ignore[misc]

    def _vector(
        self, c: Int, first: Int, step: Int, steps: Int, mask: Lanes | None, factors: Lanes | None, is_crossed: bool,
        of_rows: tuple[Rows, Rows],
    ) -> None:  # fmt: skip
        """A block's weights in one vector of lanes, in place of the products, and the scores' gradients."""
        f = self.f
        score = self.scores(self.products, mask, first, c, step, is_crossed)
        held: list[Value] = []
        if self.rows_kept is not None:
            held = [f.load(self.vector, self.rows_kept.at(f, i, c)) for i in range(2)]

        def one(j: Int, _: list[Value]) -> None:
            logsumexp, delta = held or [
                f.splat(f.load(memory_type(rows.type), rows.at(f, f.add(step, j))), self.lanes) for rows in of_rows
            ]
            shift = f.binary("fmul", logsumexp, constant(self.vector, self.unit))
            weight = self.exponential(f.binary("fsub", score(j), shift))
            place = self.gradients.at(f, j, c)
            gradient, kept = f.load(self.vector, place), weight
            if factors is not None:
                factor = f.load(self.vector, factors.at(f, j, c))
                gradient, kept = f.binary("fmul", gradient, factor), f.binary("fmul", weight, factor)
            f.store(f.binary("fmul", weight, f.binary("fsub", gradient, delta)), place)
            if "value" in self.sums:
                f.store(kept, self.products.at(f, j, c))

        f.loop(0, steps, 1, one, nonempty=True)
