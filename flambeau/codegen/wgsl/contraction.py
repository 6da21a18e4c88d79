"""`ContractionKernel` → compute shaders: tiled where the shape pays for it, else the loop nest that it means.

May import `flambeau.dtypes`, `kernels.ir` and `codegen.wgsl`.
"""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.codegen.wgsl.loops import generate_loops
from flambeau.codegen.wgsl.program import Program
from flambeau.codegen.wgsl.target import Target
from flambeau.codegen.wgsl.traverse import rebuild
from flambeau.dtypes import bool_, dtype, float32, int64
from flambeau.kernels.ir import Affine, ContractionKernel, Expr, LoopKernel, Operand, Store

__all__ = ["generate_contraction", "as_loops"]


def generate_contraction(kernel: ContractionKernel, target: Target, same: Sequence[int], reduced_precision: bool) -> Program:
    """Shaders for a contraction; `reduced_precision` lets float32 products be rounded to a half type's precision."""
    return generate_loops(as_loops(kernel), target, same)


def _index(value: int) -> Expr:
    return Expr("literal", (), int64, value)


def _binary(op: str, a: Expr, b: Expr, type: dtype = int64) -> Expr:
    return Expr(op, (a, b), type)


def accumulation_type(kernel: ContractionKernel) -> dtype:
    """What the sum is kept in: float32 for half types."""
    d = kernel.slots[kernel.a.slot].dtype
    return float32 if d.category == 2 and d.itemsize < 4 else d


def _position(p: Affine, axis: dict[int, Expr]) -> Expr:
    terms: Expr | None = None if p.offset == 0 and p.terms else _index(p.offset)
    for k, coefficient in p.terms:
        term = axis[k] if coefficient == 1 else _binary("mul", axis[k], _index(coefficient))
        terms = term if terms is None else _binary("add", terms, term)
    assert terms is not None
    return terms


def bounds(p: Affine, extents: Sequence[int]) -> tuple[int, int]:
    """The least and the greatest position, before `every`."""
    low = p.offset + sum(min(0, c * (extents[k] - 1)) for k, c in p.terms)
    high = p.offset + sum(max(0, c * (extents[k] - 1)) for k, c in p.terms)
    return low, high


def load_operand(operand: Operand, type: dtype, extents: Sequence[int], axis: dict[int, Expr]) -> Expr:
    """The operand's element for these axes, zero outside its memory."""
    index: Expr = _index(0)
    mask: Expr | None = None

    def require(condition: Expr) -> None:
        nonlocal mask
        mask = condition if mask is None else _binary("bitwise_and", mask, condition, bool_)

    for size, p in zip(operand.shape, operand.positions, strict=True):
        position = _position(p, axis)
        low, high = bounds(p, extents)
        if low < 0:
            require(_binary("ge", position, _index(0), bool_))
        if high >= size * p.every:
            require(_binary("lt", position, _index(size * p.every), bool_))
        if p.every > 1:
            require(_binary("eq", _binary("remainder", position, _index(p.every)), _index(0), bool_))
            position = _binary("floor_divide", position, _index(p.every))
        if index.op == "literal":
            index = position
        else:
            index = _binary("add", _binary("mul", index, _index(size)), position)
    return Expr("load", (index,) if mask is None else (index, mask), type, operand.slot)


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
        loaded = load_operand(operand, kernel.slots[operand.slot].dtype, kernel.extents, axis)
        factors.append(loaded if loaded.dtype is keep else Expr("cast", (loaded,), keep))
    product = Expr("bitwise_and" if keep is bool_ else "mul", tuple(factors), keep)
    kind = "any" if keep is bool_ else "sum"
    total = Expr("reduce", (product,), keep, (kind, tuple((number[k], kernel.extents[k]) for k in summed))) if summed else product
    value = substitute_epilogue(kernel.epilogue, total, kernel.outputs)
    index: Expr = _index(0)
    for k in kernel.outputs:
        index = _binary("add", _binary("mul", index, _index(kernel.extents[k])), axis[k]) if index.op != "literal" else axis[k]
    return LoopKernel(tuple(kernel.extents[k] for k in kernel.outputs), kernel.slots, (Store(len(kernel.slots) - 1, index, value),))


def substitute_epilogue(epilogue: Expr, total: Expr, outputs: Sequence[int]) -> Expr:
    """The epilogue with the sum in place of `accumulator`; its axes number the outputs in order."""

    def visit(e: Expr, args: tuple[Expr, ...]) -> Expr:
        if e.op == "accumulator":
            return total if total.dtype is e.dtype else Expr("cast", (total,), e.dtype)
        return e if args == e.args else Expr(e.op, args, e.dtype, e.param)

    return rebuild(epilogue, visit)
