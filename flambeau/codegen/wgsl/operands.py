"""A contraction's operands and epilogue as expressions. May import `flambeau.dtypes`, `kernels.ir` and `codegen.wgsl`."""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.codegen.wgsl.traverse import rebuild
from flambeau.dtypes import bool_, dtype, float32, int64
from flambeau.kernels.ir import Affine, ContractionKernel, Expr, Operand

__all__ = ["accumulation_type", "bounds", "load_operand", "substitute_epilogue", "index_literal", "binary"]


def index_literal(value: int) -> Expr:
    return Expr("literal", (), int64, value)


def binary(op: str, a: Expr, b: Expr, type: dtype = int64) -> Expr:
    return Expr(op, (a, b), type)


def accumulation_type(kernel: ContractionKernel) -> dtype:
    """What the sum is kept in: float32 for half types."""
    d = kernel.slots[kernel.a.slot].dtype
    return float32 if d.category == 2 and d.itemsize < 4 else d


def _position(p: Affine, axis: dict[int, Expr]) -> Expr:
    terms: Expr | None = None if p.offset == 0 and p.terms else index_literal(p.offset)
    for k, coefficient in p.terms:
        term = axis[k] if coefficient == 1 else binary("mul", axis[k], index_literal(coefficient))
        terms = term if terms is None else binary("add", terms, term)
    assert terms is not None
    return terms


def bounds(p: Affine, extents: Sequence[int]) -> tuple[int, int]:
    """The least and the greatest position, before `every`."""
    low = p.offset + sum(min(0, c * (extents[k] - 1)) for k, c in p.terms)
    high = p.offset + sum(max(0, c * (extents[k] - 1)) for k, c in p.terms)
    return low, high


def load_operand(operand: Operand, type: dtype, extents: Sequence[int], axis: dict[int, Expr]) -> Expr:
    """The operand's element for these axes, zero outside its memory."""
    index: Expr | None = None
    mask: Expr | None = None

    def require(condition: Expr) -> None:
        nonlocal mask
        mask = condition if mask is None else binary("bitwise_and", mask, condition, bool_)

    for size, p in zip(operand.shape, operand.positions, strict=True):
        position = _position(p, axis)
        low, high = bounds(p, extents)
        if low < 0:
            require(binary("ge", position, index_literal(0), bool_))
        if high >= size * p.every:
            require(binary("lt", position, index_literal(size * p.every), bool_))
        if p.every > 1:
            require(binary("eq", binary("remainder", position, index_literal(p.every)), index_literal(0), bool_))
            position = binary("floor_divide", position, index_literal(p.every))
        index = position if index is None else binary("add", binary("mul", index, index_literal(size)), position)
    if index is None:
        index = index_literal(0)
    return Expr("load", (index,) if mask is None else (index, mask), type, operand.slot)


def substitute_epilogue(epilogue: Expr, total: Expr, axis: dict[int, Expr]) -> Expr:
    """The epilogue with the sum in place of `accumulator`, and its axes replaced by `axis`."""

    def visit(e: Expr, args: tuple[Expr, ...]) -> Expr:
        if e.op == "accumulator":
            return total if total.dtype is e.dtype else Expr("cast", (total,), e.dtype)
        if e.op == "axis":
            return axis[e.param]
        return e if args == e.args else Expr(e.op, args, e.dtype, e.param)

    return rebuild(epilogue, visit)
