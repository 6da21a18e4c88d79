"""A contraction's operands and epilogue as expressions. May import `flambeau.dtypes`, `kernels.ir` and `codegen.wgsl`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flambeau.dtypes import bool_, dtype, float32, int64
from flambeau.kernels.ir import Affine, ContractionKernel, Expr, Operand
from flambeau.kernels.traverse import rebuild

__all__ = [
    "accumulation_type", "address_stride", "bounds", "dimension_of", "linear_sum", "load_operand", "substitute_epilogue",
    "index_literal", "is_linear_along", "binary", "row_major",
]  # fmt: skip


def index_literal(value: int) -> Expr:
    return Expr("literal", (), int64, value)


def binary(op: str, a: Expr, b: Expr, type: dtype = int64) -> Expr:
    return Expr(op, (a, b), type)


def accumulation_type(kernel: ContractionKernel) -> dtype:
    """What the sum is kept in: float32 for half types."""
    d = kernel.slots[kernel.a.slot].dtype
    return float32 if d.category == 2 and d.itemsize < 4 else d


def bounds(p: Affine, extents: Sequence[int]) -> tuple[int, int]:
    """The least and the greatest position, before `every`."""
    low = p.offset + sum(min(0, c * (extents[k] - 1)) for k, c in p.terms)
    high = p.offset + sum(max(0, c * (extents[k] - 1)) for k, c in p.terms)
    return low, high


def is_linear_along(operand: Operand, axis: int, extents: Sequence[int]) -> bool:
    """Whether the address is this axis plus a multiple of four, with no bound that depends on the axis."""
    stride = 1
    for n, p in reversed(list(zip(operand.shape, operand.positions))):
        low, high = bounds(p, extents)
        checked = low < 0 or high >= n * p.every or p.every > 1
        for k, c in p.terms:
            if k == axis and (checked or c * stride != 1):
                return False
            if k != axis and extents[k] > 1 and c * stride % 4:
                return False
        if p.every == 1 and p.offset * stride % 4:
            return False
        if p.every > 1 and stride % 4:
            return False
        stride *= n
    return any(k == axis for p in operand.positions for k, _ in p.terms)


def address_stride(operand: Operand, axis: int) -> int:
    """How far apart in memory neighbours along the axis are."""
    stride, coefficient = 1, 0
    for n, p in reversed(list(zip(operand.shape, operand.positions))):
        coefficient += dict(p.terms).get(axis, 0) * stride
        stride *= n
    return abs(coefficient)


def dimension_of(operand: Operand, axis: int, extents: Sequence[int]) -> int | None:
    """The dimension of the operand's memory that is this axis alone, the whole of it."""
    for d, (n, p) in enumerate(zip(operand.shape, operand.positions)):
        if p == Affine(0, ((axis, 1),)) and n == extents[axis]:
            return d
    return None


def load_operand(
    operand: Operand,
    type: dtype,
    extents: Sequence[int],
    axis: Mapping[int, Expr],
    groups: Sequence[Sequence[int]],
    mask: Expr | None = None,
    along: int | None = None,
) -> Expr:
    """The operand's element for these axes, zero outside its memory and where `mask` fails.

    The address is a sum with one term for each of `groups` of axes, so that each term is computed where its axes are known.
    With `along`, an axis that the operand `is_linear_along` and that is a multiple of four here, it is the number of a quad.
    """
    stride = 1
    strides = []
    for n in reversed(operand.shape):
        strides.append(stride)
        stride *= n
    strides.reverse()
    linear: dict[int, int] = {}
    constant = 0
    others: list[Expr] = []

    def require(condition: Expr) -> None:
        nonlocal mask
        mask = condition if mask is None else binary("bitwise_and", mask, condition, bool_)

    for n, p, stride in zip(operand.shape, operand.positions, strides, strict=True):
        low, high = bounds(p, extents)
        if low < 0 or high >= n * p.every or p.every > 1:
            position = linear_sum(dict(p.terms), p.offset, extents, axis, groups)
            above = binary("ge", position, index_literal(0), bool_)
            below = binary("lt", position, index_literal(n * p.every), bool_)
            if low < 0 and high >= n * p.every:
                require(binary("bitwise_and", above, below, bool_))
            elif low < 0:
                require(above)
            elif high >= n * p.every:
                require(below)
            if p.every > 1:
                remainder = binary("remainder", position, index_literal(p.every))
                require(binary("eq", remainder, index_literal(0), bool_))
                others.append(binary("mul", binary("floor_divide", position, index_literal(p.every)), index_literal(stride)))
                continue
        constant += p.offset * stride
        for k, c in p.terms:
            linear[k] = linear.get(k, 0) + c * stride
    if along is not None:
        quad = binary("floor_divide", axis[along], index_literal(4))
        linear = {k: c if k == along else c // 4 for k, c in linear.items()}
        others = [binary("mul", e.args[0], index_literal(int(e.args[1].param) // 4)) for e in others]
        axis, constant = {**axis, along: quad}, constant // 4
    index = linear_sum(linear, constant, extents, axis, groups)
    for e in others:
        index = binary("add", index, e)
    return Expr("load", (index,) if mask is None else (index, mask), type, operand.slot)


def linear_sum(
    terms: Mapping[int, int],
    constant: int,
    extents: Sequence[int] | Mapping[int, int],
    axis: Mapping[int, Expr],
    groups: Sequence[Sequence[int]],
) -> Expr:
    """constant + Σ coefficient·axis, added up group by group."""
    total: Expr | None = None
    for group in groups:
        part: Expr | None = None
        for k in group:
            c = terms.get(k, 0)
            if c and extents[k] > 1:
                term = axis[k] if c == 1 else binary("mul", axis[k], index_literal(c))
                part = term if part is None else binary("add", part, term)
        if part is not None:
            if constant:
                part, constant = binary("add", part, index_literal(constant)), 0
            total = part if total is None else binary("add", total, part)
    return index_literal(constant) if total is None else total


def row_major(order: Sequence[int], sizes: Sequence[int], axis: Mapping[int, Expr]) -> Expr:
    """The row-major number of a position: `axis[order[0]]` is the outermost coordinate."""
    strides, stride = {}, 1
    for k, n in reversed(list(zip(order, sizes, strict=True))):
        strides[k] = stride
        stride *= n
    return linear_sum(strides, 0, dict(zip(order, sizes)), axis, [list(order)])


def substitute_epilogue(epilogue: Expr, total: Expr, axis: Mapping[int, Expr]) -> Expr:
    """The epilogue with the sum in place of `accumulator`, and its axes replaced by `axis`."""

    def visit(e: Expr, args: tuple[Expr, ...]) -> Expr:
        if e.op == "accumulator":
            return total if total.dtype is e.dtype else Expr("cast", (total,), e.dtype)
        if e.op == "axis":
            return axis[e.param]
        return e if args == e.args else Expr(e.op, args, e.dtype, e.param)

    return rebuild(epilogue, visit)
