"""Contractions as tiled matrix products: the output axes in rows and columns, the summed axes in steps.

Rows are the output axes that only one operand has, columns those that only the other has (the axis along which the output is
contiguous is among them, unless there are few of them), and axes that both have are batches. A workgroup computes a tile of
rows × columns: its
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

from flambeau.codegen.wgsl import matrices
from flambeau.codegen.wgsl.forms import Form, Tile, axes_of, padded
from flambeau.codegen.wgsl.loops import append_loops
from flambeau.codegen.wgsl.operands import (
    accumulation_type,
    address_stride,
    binary,
    dimension_of,
    index_literal,
    row_major,
    substitute_epilogue,
)
from flambeau.codegen.wgsl.packing import Packing
from flambeau.codegen.wgsl.program import Program
from flambeau.codegen.wgsl.target import Target
from flambeau.codegen.wgsl.tiles import Tiles
from flambeau.dtypes import int64
from flambeau.kernels.ir import ContractionKernel, Expr, LoopKernel, Operand, Store

__all__ = ["append_tiles", "choose_tile", "generate_tiles"]

_LARGE = Tile(256, 128, 16, 16, 8)
_WIDE = Tile(64, 128, 16, 8, 8)
_TILES = (
    Tile(64, 64, 16, 8, 4),
    Tile(32, 128, 16, 4, 8),
    Tile(32, 64, 16, 4, 4),
    Tile(32, 32, 16, 4, 4),
    Tile(16, 128, 16, 8, 8),
    Tile(16, 64, 16, 4, 4),
    Tile(4, 256, 16, 4, 4),
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
    candidates = [t for t in _TILES if fits(t) and (t.rows > 4 or rows <= t.rows)]
    least = min(waste(t) for t in candidates)
    tile = next(t for t in candidates if waste(t) <= 1.25 * least)
    split, steps = 1, -(-size // tile.step)
    while groups(tile) * split < _ENOUGH and steps >= 8 * split:
        split *= 2
    while groups(tile) * split < 2 * _ENOUGH and steps >= 64 * split:
        split *= 2
    return tile, split


def generate_tiles(
    kernel: ContractionKernel,
    form: Form,
    target: Target,
    same: Sequence[int],
    reduced_precision: bool,
) -> Program:
    """Shaders for a contraction of this form."""
    base = len(kernel.slots)
    packing = Packing(kernel, form, target, same, Program(), base, base - 1)
    append_tiles(packing, reduced_precision)
    return packing.program


def append_tiles(packing: Packing, reduced_precision: bool) -> None:
    """Adds the shaders of a product to its program."""
    kernel, form, target = packing.kernel, packing.form, packing.target
    rows, columns, size, batches = form.sizes(kernel.extents)
    kind: type[Tiles] = Tiles
    if matrices.suits(kernel, form, target, reduced_precision):
        kind = matrices.MatrixTiles
        tile, parts = matrices.choose_tile(form, kernel.extents, target)
        matrices.pack(packing)
    elif target.is_software:
        tile, parts = _DIRECT, 1
    else:
        tile, parts = choose_tile(rows, columns, size, batches, target)
        _pack(packing)
    if parts == 1:
        kind(packing, tile, 1).generate()
    else:
        _in_parts(packing, kind, tile, parts)


def _in_parts(packing: Packing, kind: type[Tiles], tile: Tile, parts: int) -> None:
    """Partial sums in a scratch slot of [parts, outputs…]; then their sum goes through the epilogue."""
    extents, outputs = packing.kernel.extents, packing.kernel.outputs
    count = prod(extents[k] for k in outputs)
    keep = accumulation_type(packing.kernel)
    scratch = packing.add_scratch(keep, parts * count)
    kernel = packing.kernel
    partial = replace(kernel, epilogue=Expr("accumulator", (), keep), slots=packing.slots_to_write(scratch))
    kind(replace(packing, kernel=partial, out=scratch), tile, parts).generate()
    axis = {k: Expr("axis", (), int64, i) for i, k in enumerate(outputs)}
    place = row_major(outputs, [extents[k] for k in outputs], axis)
    part = Expr("axis", (), int64, len(outputs))
    loaded = Expr("load", (binary("add", binary("mul", part, index_literal(count)), place),), keep, scratch)
    total = Expr("reduce", (loaded,), keep, ("sum", ((len(outputs), parts),)))
    value = substitute_epilogue(kernel.epilogue, total, axis)
    finish = LoopKernel(tuple(extents[k] for k in outputs), kernel.slots, (Store(packing.out, place, value),))
    append_loops(finish, packing.target, packing.same, packing.program, packing.base)


def _pack(packing: Packing) -> None:
    """Copies operands whose neighbouring rows, or columns, aren't neighbours in memory, if the copy is small beside the work."""
    kernel, form = packing.kernel, packing.form
    extents = kernel.extents
    rows, columns, size, batches = form.sizes(extents)
    operand = form.row_operand
    is_turned = 1 not in {address_stride(operand, k[-1]) for k in (form.rows, form.inner)}
    is_like = rows * size <= 2 * prod(operand.shape) and not axes_of(operand) & set(form.batch)
    if columns >= 1024 and rows % 4 == 0 and is_turned and is_like:
        packing.copy_by_axes(operand, (*form.outer, *form.inner, *form.rows))
    # a sum over one long axis, which the copies have innermost
    if len(form.inner) != 1 or extents[form.inner[0]] < 16:
        return
    for is_rows in (True, False):
        form = packing.form
        operand, axes = (form.row_operand, form.rows) if is_rows else (form.column_operand, form.columns)
        is_used = rows * columns * size * batches >= 128 * prod(operand.shape)
        last = dimension_of(operand, form.inner[0], extents)
        if operand.slot < packing.base and is_used and last is not None and _run(operand, axes, extents) < 8:
            packing.copy_with_last(operand, last, kernel.slots[operand.slot].dtype)


def _run(operand: Operand, axes: Sequence[int], extents: Sequence[int]) -> int:
    """How many neighbouring rows (columns) are neighbours in memory, or have one element between them."""
    run, step = 1, address_stride(operand, axes[-1])
    if step not in (1, 2):
        return 1
    for k in reversed(axes):
        if address_stride(operand, k) != run * step:
            break
        run *= extents[k]
    return run
