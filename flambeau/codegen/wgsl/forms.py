"""`Form`: a contraction's axes by role, for kernels that compute it as a matrix product in tiles.

May import `flambeau.dtypes`, `kernels.ir` and `codegen.wgsl.operands`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from flambeau.codegen.wgsl.operands import bounds
from flambeau.kernels.ir import ContractionKernel, Operand

__all__ = ["Form", "Tile", "axes_of", "form_of", "padded"]


@dataclass(frozen=True)
class Form:
    """A contraction's axes by role, each group outermost first, and which operand has the rows."""

    batch: tuple[int, ...]
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    outer: tuple[int, ...]
    """Summed axes of a window's positions: the sum's outer loop, so that bounds are checked once for all of `inner`."""
    inner: tuple[int, ...]
    row_operand: Operand
    column_operand: Operand

    def sizes(self, extents: Sequence[int]) -> tuple[int, int, int, int]:
        """How many rows, columns, products in a sum, and batches."""
        groups = (self.rows, self.columns, (*self.outer, *self.inner), self.batch)
        return tuple(prod(extents[k] for k in group) for group in groups)  # type: ignore[return-value]


@dataclass(frozen=True)
class Tile:
    """Rows and columns of a workgroup's tile, the sum's step, rows and columns of an invocation's tile."""

    rows: int
    columns: int
    step: int
    own_rows: int
    own_columns: int

    @property
    def down(self) -> int:
        """Invocations, one below the other."""
        return self.rows // self.own_rows

    @property
    def across(self) -> int:
        """Invocations, side by side."""
        return self.columns // self.own_columns

    @property
    def invocations(self) -> int:
        return self.down * self.across


def axes_of(operand: Operand) -> set[int]:
    return {k for p in operand.positions for k, _ in p.terms}


def form_of(kernel: ContractionKernel) -> Form | None:
    """The roles of the axes, or None where a tiled product isn't worth it: no reuse, or a dtype that is not floating."""
    if kernel.slots[kernel.a.slot].dtype.category != 2 or kernel.slots[kernel.a.slot].dtype.itemsize == 8:
        return None
    in_a, in_b = axes_of(kernel.a), axes_of(kernel.b)
    wide = [k for k in kernel.outputs if kernel.extents[k] > 1]
    only_a = tuple(k for k in wide if k in in_a and k not in in_b)
    only_b = tuple(k for k in wide if k in in_b and k not in in_a)
    batch = tuple(k for k in wide if (k in in_a) == (k in in_b))
    if not only_a or not only_b:
        return None
    last = max(kernel.outputs.index(only_a[-1]), kernel.outputs.index(only_b[-1]))
    columns_in_a = kernel.outputs.index(only_a[-1]) == last
    count_a, count_b = (prod(kernel.extents[k] for k in axes) for axes in (only_a, only_b))
    if (count_a if columns_in_a else count_b) < 32 and max(count_a, count_b) >= 1024:
        columns_in_a = count_a > count_b  # tiles have more columns than rows
    rows, columns = (only_b, only_a) if columns_in_a else (only_a, only_b)
    row_operand, column_operand = (kernel.b, kernel.a) if columns_in_a else (kernel.a, kernel.b)
    extents = kernel.extents
    summed = [k for k in range(len(extents)) if k not in kernel.outputs and extents[k] > 1]
    size = prod(extents[k] for k in summed)
    row_count, column_count = prod(extents[k] for k in rows), prod(extents[k] for k in columns)
    if min(row_count, column_count) < 2 or size < 4 or row_count * column_count < 64:
        return None
    checked: set[int] = set()
    for operand in (kernel.a, kernel.b):
        for n, p in zip(operand.shape, operand.positions):
            low, high = bounds(p, extents)
            if low < 0 or high >= n * p.every or p.every > 1:
                checked |= {k for k, _ in p.terms}
    free = [k for k in summed if k not in checked]
    inner: tuple[int, ...] = tuple(summed)
    outer: tuple[int, ...] = ()
    if checked & set(summed) and free and max(extents[k] for k in free) >= 16:
        longest = max(free, key=lambda k: extents[k])
        inner, outer = (longest,), tuple(k for k in summed if k != longest)
    return Form(batch, rows, columns, outer, inner, row_operand, column_operand)


def padded(n: int, tile: int) -> int:
    """`n` rounded up to a multiple of `tile`."""
    return -(-n // tile) * tile
