"""`SortKernel` → compute shaders. May import `flambeau.dtypes`, `kernels.ir` and `codegen.wgsl`.

Short rows: an element's place is how many come before it, counted by comparing with each of its row.
"""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.codegen.wgsl.loops import generate_loops
from flambeau.codegen.wgsl.program import Program
from flambeau.codegen.wgsl.target import Target
from flambeau.dtypes import bool_, int64
from flambeau.kernels.ir import Expr, LoopKernel, SortKernel, Store

__all__ = ["generate_sort"]


def generate_sort(kernel: SortKernel, target: Target, same: Sequence[int]) -> Program:
    """Shaders that store the stable order of each row."""
    return generate_loops(_by_counting(kernel), target, same)


def _by_counting(kernel: SortKernel) -> LoopKernel:
    row, mine, other = (Expr("axis", (), int64, i) for i in range(3))
    length = Expr("literal", (), int64, kernel.length)
    start = Expr("mul", (row, length), int64)
    d = kernel.slots[0].dtype
    x = Expr("load", (Expr("add", (start, mine), int64),), d, 0)
    y = Expr("load", (Expr("add", (start, other), int64),), d, 0)

    def both(a: Expr, b: Expr, op: str = "bitwise_and") -> Expr:
        return Expr(op, (a, b), bool_)

    def negate(a: Expr) -> Expr:
        return Expr("bitwise_not", (a,), bool_)

    low, high = (x, y) if kernel.descending else (y, x)  # `other` comes first if low is below high
    ahead = Expr("lt", (low, high), bool_)
    equal = Expr("eq", (x, y), bool_)
    if d.category == 2:
        low_nan, high_nan = Expr("isnan", (low,), bool_), Expr("isnan", (high,), bool_)
        ahead = both(ahead, both(negate(low_nan), high_nan), "bitwise_or")
        equal = both(equal, both(low_nan, high_nan), "bitwise_or")
    earlier = both(equal, Expr("lt", (other, mine), bool_))
    before = Expr("cast", (both(ahead, earlier, "bitwise_or"),), int64)
    place = Expr("reduce", (before,), int64, ("sum", ((2, kernel.length),)))
    store = Store(1, Expr("add", (start, place), int64), mine)
    return LoopKernel((kernel.rows, kernel.length), kernel.slots, (store,))
