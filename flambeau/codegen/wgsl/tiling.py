"""Contractions as tiled matrix products: the output axes in rows and columns, the summed axes in steps.

Rows are the output axes that only one operand has, columns those that only the other has (the axis along which the output is
contiguous is among the columns), and axes that both have are batches. A workgroup computes a tile of rows × columns: its
invocations bring a step's share of both operands to workgroup memory, each at addresses computed from the axes (a
convolution's windows are never written out), and each multiplies a small tile in registers. The next step's elements are
read while this one is multiplied. Products with few tiles and long sums are split along the sum, partial sums going through
memory. On software adapters, where barriers cost more than reading again, the register tile reads memory directly.

May import `flambeau.dtypes`, `kernels.ir` and `codegen.wgsl`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from flambeau.codegen.wgsl.forms import Form, Tile, axes_of, form_of, padded
from flambeau.codegen.wgsl.loops import append_loops
from flambeau.codegen.wgsl.operands import accumulation_type, bounds, index_literal, load_operand, substitute_epilogue
from flambeau.codegen.wgsl.program import Program
from flambeau.codegen.wgsl.target import Target
from flambeau.codegen.wgsl.tiles import Tiles
from flambeau.dtypes import float32, int64
from flambeau.kernels.ir import Affine, ContractionKernel, Expr, LoopKernel, Operand, Slot, Store

__all__ = ["form_of", "generate_tiles"]

_LARGE = Tile(256, 128, 16, 16, 8)
_WIDE = Tile(64, 128, 16, 8, 8)
_TILES = (
    Tile(64, 64, 16, 8, 4),
    Tile(32, 128, 16, 4, 8),
    Tile(32, 64, 16, 4, 4),
    Tile(32, 32, 16, 4, 4),
    Tile(16, 64, 16, 4, 4),
    Tile(8, 64, 32, 2, 4),
)
"""From the usual one to those for few rows or columns."""
_DIRECT = Tile(0, 0, 1, 4, 8)
_ENOUGH = 256
"""Workgroups that keep a large GPU busy: with fewer, a long sum is split."""


def choose_tile(rows: int, columns: int, size: int, batches: int, target: Target) -> tuple[Tile, int]:
    """The tile, and into how many parts the sum is split: what was fastest in `benchmarks/webgpu/tune.py` on an H100."""

    def fits(tile: Tile) -> bool:
        memory = 4 * tile.step * (tile.rows + 4 + tile.columns + 4)
        return tile.invocations <= target.max_invocations and memory <= target.max_workgroup_bytes

    def groups(tile: Tile) -> int:
        return -(-rows // tile.rows) * -(-columns // tile.columns) * batches

    def waste(tile: Tile) -> float:
        return padded(rows, tile.rows) * padded(columns, tile.columns) / (rows * columns)

    if fits(_LARGE) and groups(_LARGE) >= _ENOUGH and waste(_LARGE) < 1.1:
        return _LARGE, 1
    if size < 256 and fits(_WIDE) and groups(_WIDE) >= _ENOUGH and waste(_WIDE) < 1.1:
        return _WIDE, 1  # short sums: the wider tile reads its rows less often
    candidates = [t for t in _TILES if fits(t)]
    least = min(waste(t) for t in candidates)
    tile = next(t for t in candidates if waste(t) <= 1.25 * least)
    split, steps = 1, -(-size // tile.step)
    while groups(tile) * split < _ENOUGH and steps >= 8 * split and split < 64:
        split *= 2
    return tile, split


def generate_tiles(
    kernel: ContractionKernel,
    form: Form,
    target: Target,
    same: Sequence[int],
    reduced_precision: bool,
    tile: Tile | None = None,
    split: int = 0,
) -> Program:
    """Shaders for a contraction of this form; `tile` and `split` override what the shape suggests."""
    extents = kernel.extents
    rows, columns = prod(extents[k] for k in form.rows), prod(extents[k] for k in form.columns)
    size = prod(extents[k] for k in (*form.outer, *form.inner))
    batches = prod(extents[k] for k in form.batch)
    if target.is_software and tile is None:
        chosen, parts = _DIRECT, 1
    else:
        chosen, parts = choose_tile(rows, columns, size, batches, target)
        chosen, parts = tile or chosen, split or parts
    program = Program()
    base = len(kernel.slots)
    if chosen.rows and _should_pack(kernel, form, rows, columns):
        kernel, form, same = _packed(kernel, form, target, same, program)
    if parts == 1:
        Tiles(kernel, form, target, same, chosen, 1, program, base).generate()
        return program
    # partial sums in a scratch slot of [parts, outputs…], then their sum goes through the epilogue
    count = prod(extents[k] for k in kernel.outputs)
    keep = accumulation_type(kernel)
    scratch = len(kernel.slots)
    slots = (*kernel.slots, Slot(keep, parts * count, "out"))
    partial = ContractionKernel(extents, kernel.outputs, kernel.a, kernel.b, Expr("accumulator", (), keep), slots)
    program.scratch.append(parts * count * keep.itemsize)
    Tiles(partial, form, target, (*same, scratch), chosen, parts, program, base).generate()
    number = {k: i for i, k in enumerate(kernel.outputs)}
    axis = {k: Expr("axis", (), int64, i) for k, i in number.items()}
    place: Expr = index_literal(0)
    for k in kernel.outputs:
        place = (
            Expr("add", (Expr("mul", (place, index_literal(extents[k])), int64), axis[k]), int64)
            if place.op != "literal"
            else axis[k]
        )
    part = Expr("axis", (), int64, len(kernel.outputs))
    loaded = Expr("load", (Expr("add", (Expr("mul", (part, index_literal(count)), int64), place), int64),), keep, scratch)
    total = Expr("reduce", (loaded,), keep, ("sum", ((len(kernel.outputs), parts),)))
    value = substitute_epilogue(kernel.epilogue, total, axis)
    finish = LoopKernel(
        tuple(extents[k] for k in kernel.outputs),
        (*kernel.slots, Slot(keep, parts * count, "in")),
        (Store(base - 1, place, value),),
    )
    append_loops(finish, target, (*same, scratch), program, base)
    return program


def _should_pack(kernel: ContractionKernel, form: Form, rows: int, columns: int) -> bool:
    """Whether it pays to write the row operand (a convolution's weights) anew, so that neighbouring rows are neighbours.

    It does where rows are read again for many columns and are not neighbours as they are: the copy is small beside the work.
    """
    operand = form.row_operand
    if any(k in axes_of(operand) for k in form.batch) or columns < 1024:
        return False
    checked = False
    strides: dict[int, int] = {}
    stride = 1
    for n, p in reversed(list(zip(operand.shape, operand.positions))):
        low, high = bounds(p, kernel.extents)
        checked = checked or low < 0 or high >= n * p.every or p.every > 1
        for k, c in p.terms:
            strides[k] = strides.get(k, 0) + c * stride
        stride *= n
    return not checked and rows % 4 == 0 and strides.get(form.rows[-1], 0) != 1 and strides.get(form.inner[-1], 0) != 1


def _packed(
    kernel: ContractionKernel, form: Form, target: Target, same: Sequence[int], program: Program
) -> tuple[ContractionKernel, Form, Sequence[int]]:
    """The contraction with its row operand copied to a scratch slot in the order in which steps read it."""
    order = (*form.outer, *form.inner, *form.rows)
    extents = kernel.extents
    axis = {k: Expr("axis", (), int64, i) for i, k in enumerate(order)}
    type = kernel.slots[form.row_operand.slot].dtype
    loaded = load_operand(form.row_operand, type, extents, axis, (form.rows, form.outer, form.inner))
    if loaded.dtype is not float32:
        loaded = Expr("cast", (loaded,), float32)
    index: Expr = axis[order[0]]
    for k in order[1:]:
        index = Expr("add", (Expr("mul", (index, index_literal(extents[k])), int64), axis[k]), int64)
    slot = len(kernel.slots)
    size = prod(extents[k] for k in order)
    copy = LoopKernel(
        tuple(extents[k] for k in order),
        (*(Slot(s.dtype, s.size, "in") for s in kernel.slots), Slot(float32, size, "out")),
        (Store(slot, index, loaded),),
    )
    program.scratch.append(4 * size)
    append_loops(copy, target, (*same, slot), program, slot)
    operand = Operand(slot, tuple(extents[k] for k in order), tuple(Affine(0, ((k, 1),)) for k in order))
    is_a = form.row_operand is kernel.a
    slots = (*kernel.slots, Slot(float32, size, "in"))
    changed = ContractionKernel(
        extents, kernel.outputs, operand if is_a else kernel.a, kernel.b if is_a else operand, kernel.epilogue, slots
    )
    return changed, replace(form, row_operand=operand), (*same, slot)
