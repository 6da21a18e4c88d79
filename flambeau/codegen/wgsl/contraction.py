"""`ContractionKernel` → compute shaders: filtered or tiled where the shape pays for it, else the loop nest that it means.

May import `flambeau.dtypes`, `kernels.ir` and `codegen.wgsl`.
"""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.codegen.wgsl import filtering, matrices
from flambeau.codegen.wgsl.density import dense
from flambeau.codegen.wgsl.forms import form_of
from flambeau.codegen.wgsl.loops import generate_loops
from flambeau.codegen.wgsl.operands import accumulation_type, binary, index_literal, load_operand, substitute_epilogue
from flambeau.codegen.wgsl.program import Program
from flambeau.codegen.wgsl.target import Target
from flambeau.codegen.wgsl.tiling import generate_tiles
from flambeau.dtypes import bool_, int64
from flambeau.kernels.ir import ContractionKernel, Expr, LoopKernel, Store

__all__ = ["generate_contraction", "as_loops"]


def generate_contraction(kernel: ContractionKernel, target: Target, same: Sequence[int], reduced_precision: bool) -> Program:
    """Shaders for a contraction; `reduced_precision` lets float32 products be rounded to a half type's precision."""
    kernel = dense(kernel)
    form = form_of(kernel)
    if form is not None:
        reduces = matrices.suits(kernel, form, target, reduced_precision)
        if not reduces and filtering.suits(kernel, form, target):
            return filtering.generate_filtering(kernel, form, target, same)
        return generate_tiles(kernel, form, target, same, reduced_precision)
    return generate_loops(as_loops(kernel), target, same)


def as_loops(kernel: ContractionKernel) -> LoopKernel:
    """The same computation as a loop nest with a reduction."""
    number = {axis: i for i, axis in enumerate(kernel.outputs)}
    summed = [k for k in range(len(kernel.extents)) if k not in number]
    for i, k in enumerate(summed):
        number[k] = len(kernel.outputs) + i
    axis = {k: Expr("axis", (), int64, n) for k, n in number.items()}
    keep = accumulation_type(kernel)
    factors = []
    for operand in (kernel.a, kernel.b):
        loaded = load_operand(operand, kernel.slots[operand.slot].dtype, kernel.extents, axis, (kernel.outputs, summed))
        factors.append(loaded if loaded.dtype is keep else Expr("cast", (loaded,), keep))
    product = Expr("bitwise_and" if keep is bool_ else "mul", tuple(factors), keep)
    kind = "any" if keep is bool_ else "sum"
    total = Expr("reduce", (product,), keep, (kind, tuple((number[k], kernel.extents[k]) for k in summed))) if summed else product
    value = substitute_epilogue(kernel.epilogue, total, axis)
    index: Expr = index_literal(0)
    for k in kernel.outputs:
        index = (
            binary("add", binary("mul", index, index_literal(kernel.extents[k])), axis[k]) if index.op != "literal" else axis[k]
        )
    return LoopKernel(
        tuple(kernel.extents[k] for k in kernel.outputs), kernel.slots, (Store(len(kernel.slots) - 1, index, value),)
    )
