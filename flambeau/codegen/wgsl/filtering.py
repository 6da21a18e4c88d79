"""3×3 windows by minimal filtering (`kernels.filtering`): 16 products for 2×2 outputs instead of 36.

Taps and patches of 4×4 elements are transformed, sixteen products over the channels follow as one batched matrix
product, and its results are transformed back into 2×2 outputs, each with its epilogue. What is transformed goes through
memory, so it pays where there are many channels. An output still depends on the elements of its own window alone.

May import `flambeau.dtypes`, `kernels` and `codegen.wgsl`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import NamedTuple

from flambeau.codegen.wgsl.forms import Form, axes_of, form_of
from flambeau.codegen.wgsl.operands import binary, index_literal, load_operand, row_major, substitute_epilogue
from flambeau.codegen.wgsl.packing import Packing
from flambeau.codegen.wgsl.program import Program
from flambeau.codegen.wgsl.target import Target
from flambeau.codegen.wgsl.tiling import append_tiles
from flambeau.dtypes import bool_, float32, int64
from flambeau.kernels.filtering import F2, Matrix
from flambeau.kernels.ir import Affine, ContractionKernel, Expr, Operand, Store

__all__ = ["generate_filtering", "suits"]

_WORTH = 48
"""Channels in · channels out / (their sum), from which products saved outweigh what goes through memory, on an H100."""
_LARGEST = 1 << 27
"""Bytes of the transformed patches, or of their products, at the most."""
_WASTE = 1.4
"""The elements of all tiles over those that are outputs, at the most."""
_FEWEST = 256
"""2×2 tiles, at least."""
_POINTS = 16


class _Window(NamedTuple):
    """An output axis and the summed axis of three taps that slides along it."""

    output: int
    tap: int
    sign: int
    """1 where positions are output + tap, -1 where they are output - tap."""


def _windows(kernel: ContractionKernel, form: Form) -> list[_Window] | None:
    """The two dimensions of 3×3 windows of stride 1 over the columns' operand, or None where it isn't that."""
    found = []
    for p in form.column_operand.positions:
        taps = [(k, c) for k, c in p.terms if k not in kernel.outputs and kernel.extents[k] == 3]
        slides = [(k, c) for k, c in p.terms if k in form.columns]
        if len(p.terms) == 2 and len(taps) == len(slides) == 1 and p.every == 1 and slides[0][1] == 1 and abs(taps[0][1]) == 1:
            found.append(_Window(slides[0][0], taps[0][0], taps[0][1]))
    moved = {k for w in found for k in (w.output, w.tap)}
    uses = [k for p in form.column_operand.positions for k, _ in p.terms if k in moved]
    return found if len(found) == 2 and len(moved) == 4 and sorted(uses) == sorted(moved) else None


def suits(kernel: ContractionKernel, form: Form, target: Target) -> bool:
    """Whether the contraction is of that form, and worth it."""
    if target.is_software or kernel.slots[kernel.a.slot].dtype is not float32 or kernel.slots[kernel.b.slot].dtype is not float32:
        return False
    windows = _windows(kernel, form)
    if windows is None:
        return False
    rows, columns, size, batches = form.sizes(kernel.extents)
    channels = size // 9
    tiles = columns
    for w in windows:
        tiles = tiles // kernel.extents[w.output] * -(-kernel.extents[w.output] // 2)
    if 4 * tiles > _WASTE * columns or max(rows, channels) * tiles * batches * _POINTS * 4 > _LARGEST:
        return False
    return rows * channels >= _WORTH * (rows + channels) and tiles >= _FEWEST


def generate_filtering(kernel: ContractionKernel, form: Form, target: Target, same: Sequence[int]) -> Program:
    """Shaders for a contraction that `suits`."""
    return _Filtering(kernel, form, target, same).generate()


def _combine(coefficients: Sequence[float], values: Sequence[Expr]) -> Expr:
    """Σ coefficient·value."""
    total: Expr | None = None
    for c, value in sorted(zip(coefficients, values), key=lambda p: -p[0]):  # positive ones first: nothing to negate
        if c:
            size = c if total is None else abs(c)
            term = value if size == 1 else binary("mul", value, Expr("literal", (), float32, size), float32)
            total = term if total is None else binary("add" if c > 0 else "sub", total, term, float32)
    assert total is not None
    return total


def _transform(matrix: Matrix, grid: Sequence[Sequence[Expr]]) -> list[list[Expr]]:
    """matrix · grid · matrixᵀ."""
    left = [[_combine(row, column) for column in zip(*grid)] for row in matrix]
    return [[_combine(row, line) for row in matrix] for line in left]


class _Filtering:
    """The stages of one contraction, each a loop over some of its axes, where a windowed output axis stands for its tiles."""

    def __init__(self, kernel: ContractionKernel, form: Form, target: Target, same: Sequence[int]) -> None:
        self.kernel, self.form = kernel, form
        base = len(kernel.slots)
        self.packing = Packing(kernel, form, target, tuple(same), Program(), base, base - 1)
        windows = _windows(kernel, form)
        assert windows is not None
        self.windows = windows
        tiled = {w.output for w in windows}
        taps = {w.tap for w in windows}
        self.extents = [-(-n // 2) if k in tiled else n for k, n in enumerate(kernel.extents)]
        self.channels = tuple(k for k in (*form.outer, *form.inner) if k not in taps)
        self.columns = tuple(k for k in form.columns if k not in tiled) + tuple(k for k in form.columns if k in tiled)

    def generate(self) -> Program:
        form, taps_order = self.form, (*self.form.batch, *self.channels, *self.form.rows)
        patch_order = (*form.batch, *self.channels, *self.columns)
        taps = self._transformed(form.row_operand, taps_order, F2.filter)
        patches = self._transformed(form.column_operand, patch_order, F2.input)
        self._put_back(self._multiplied(taps, taps_order, patches, patch_order))
        return self.packing.program

    @staticmethod
    def _axes(order: Sequence[int]) -> dict[int, Expr]:
        return {k: Expr("axis", (), int64, i) for i, k in enumerate(order)}

    def _transformed(self, operand: Operand, order: Sequence[int], matrix: Matrix) -> int:
        """A scratch slot [16, order…] of an operand's elements, transformed."""
        axis, extents = self._axes(order), list(self.kernel.extents)
        for w in self.windows:
            extents[w.output] = 2 * self.extents[w.output]  # the patches' elements, the last of which may be past the last window
            if w.output in axis:
                axis[w.output] = binary("mul", axis[w.output], index_literal(2))

        def element(place: Sequence[int]) -> Expr:
            at: Mapping[int, Expr] = {
                w.tap: index_literal(i if w.sign > 0 else 2 - i) for w, i in zip(self.windows, place, strict=True)
            }
            here = {**axis, **at}
            return load_operand(operand, float32, extents, here, [[k] for k in sorted(axes_of(operand))])

        side = range(len(matrix[0]))
        elements = [[element((i, j)) for j in side] for i in side]
        sizes = [self.extents[k] for k in order]
        slot = self.packing.add_scratch(float32, _POINTS * prod(sizes))
        place = row_major(order, sizes, self._axes(order))
        values = [v for row in _transform(matrix, elements) for v in row]
        stores = [
            Store(slot, binary("add", place, index_literal(point * prod(sizes))) if point else place, value)
            for point, value in enumerate(values)
        ]
        self.packing.append(sizes, stores)
        return slot

    def _multiplied(self, taps: int, taps_order: Sequence[int], patches: int, patch_order: Sequence[int]) -> int:
        """A scratch slot [16, batch…, rows…, columns…] of the products, summed over the channels."""
        point = len(self.extents)
        outputs = (point, *self.form.batch, *self.form.rows, *self.columns)
        extents = (*(n if k in outputs or k in self.channels else 1 for k, n in enumerate(self.extents)), _POINTS)
        slot = self.packing.add_scratch(float32, prod(extents[k] for k in outputs))

        def operand(number: int, order: Sequence[int]) -> Operand:
            axes = (point, *order)
            return Operand(number, tuple(extents[k] for k in axes), tuple(Affine(0, ((k, 1),)) for k in axes))

        product = ContractionKernel(
            extents,
            outputs,
            operand(taps, taps_order),
            operand(patches, patch_order),
            Expr("accumulator", (), float32),
            self.packing.slots_to_write(slot),
        )
        form = form_of(product)
        assert form is not None
        append_tiles(replace(self.packing, kernel=product, form=form, out=slot), False)
        return slot

    def _put_back(self, products: int) -> None:
        """The outputs of each tile, through the epilogue to their places."""
        kernel, order = self.kernel, (*self.form.batch, *self.form.rows, *self.columns)
        sizes = [self.extents[k] for k in order]
        axis = {k: index_literal(0) for k in kernel.outputs} | self._axes(order)  # an axis of one element is in no group
        place = row_major(order, sizes, axis)

        def product(point: int) -> Expr:
            index = binary("add", place, index_literal(point * prod(sizes))) if point else place
            return Expr("load", (index,), float32, products)

        totals = _transform(F2.output, [[product(4 * i + j) for j in range(4)] for i in range(4)])
        stores = []
        for i in range(2):
            for j in range(2):
                here, guard = dict(axis), None
                for w, step in zip(self.windows, (i, j), strict=True):
                    doubled = binary("mul", axis[w.output], index_literal(2))
                    here[w.output] = binary("add", doubled, index_literal(step)) if step else doubled
                    if step and kernel.extents[w.output] % 2:
                        inside = binary("lt", here[w.output], index_literal(kernel.extents[w.output]), bool_)
                        guard = inside if guard is None else binary("bitwise_and", guard, inside, bool_)
                index = row_major(kernel.outputs, [kernel.extents[k] for k in kernel.outputs], here)
                value = substitute_epilogue(kernel.epilogue, totals[i][j], here)
                stores.append(Store(self.packing.out, index, value, "set", guard))
        self.packing.append(sizes, stores)
