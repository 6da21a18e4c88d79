"""Arithmetic between tensors and numbers: add, mul, div and their kin. May import what `flambeau.ops` may."""

from __future__ import annotations

from typing import Any

from flambeau.dtypes import scalar_dtype
from flambeau.graph.primitives import elementwise as e
from flambeau.ops.operands import operands
from flambeau.ops.registry import operator
from flambeau.tensor import Tensor

__all__ = ["add", "sub", "mul", "div"]


def _scaled(name: str, other: Any, alpha: Any, result: Tensor) -> Any:
    """alpha·other, refusing a floating alpha for integers and any alpha for bools as PyTorch does."""
    if alpha == 1 and not isinstance(alpha, bool):
        return other
    category = scalar_dtype(alpha).category
    if category == 2 and result.dtype.category != 2:
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    return mul(other, alpha) if isinstance(other, Tensor) else other * alpha


@operator(inplace=True, out=True)
def add(input: Tensor, other: Any, *, alpha: Any = 1) -> Tensor:
    """input + alpha·other, broadcast and promoted."""
    a, b = operands("add", input, other)
    if alpha != 1:
        _, b = operands("add", a, _scaled("add", other, alpha, a))
    return Tensor._apply(e.BITWISE_OR if a.dtype.category == 0 else e.ADD, (a, b))


@operator("sub", "subtract", inplace=True, out=True)
def sub(input: Tensor, other: Any, *, alpha: Any = 1) -> Tensor:
    """input - alpha·other, broadcast and promoted. Not for bools."""
    a, b = operands("sub", input, other)
    for operand in (input, other):
        if isinstance(operand, bool) or (isinstance(operand, Tensor) and operand.dtype.category == 0):
            both = a.dtype.category == 0
            raise RuntimeError(
                "Subtraction, the `-` operator, with two bool tensors is not supported, use the `^` or `logical_xor()` operator instead."
                if both
                else "Subtraction, the `-` operator, with a bool tensor is not supported. "
                "If you are trying to invert a mask, use the `~` or `logical_not()` operator instead."
            )
    if alpha != 1:
        _, b = operands("sub", a, _scaled("sub", other, alpha, a))
    return Tensor._apply(e.SUB, (a, b))


@operator("mul", "multiply", inplace=True, out=True)
def mul(input: Tensor, other: Any) -> Tensor:
    """input · other, broadcast and promoted."""
    a, b = operands("mul", input, other)
    return Tensor._apply(e.BITWISE_AND if a.dtype.category == 0 else e.MUL, (a, b))


@operator("div", "divide", inplace=True, out=True)
def div(input: Tensor, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """input / other: true division, or rounded towards zero ("trunc") or down ("floor")."""
    if rounding_mode is None:
        return Tensor._apply(e.DIV, operands("div", input, other, float_result=True))
    a, b = operands("div", input, other)
    if rounding_mode == "floor":
        return Tensor._apply(e.FLOOR_DIVIDE, (a, b))
    if rounding_mode == "trunc":
        if a.dtype.category == 2:
            return Tensor._apply(e.TRUNC, (Tensor._apply(e.DIV, (a, b)),))
        return _truncated(a, b)
    raise RuntimeError(f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'")


def _truncated(a: Tensor, b: Tensor) -> Tensor:
    """Integer division towards zero: the remainder with the dividend's sign divides exactly."""
    rest = Tensor._apply(e.FMOD, (a, b))
    return Tensor._apply(e.FLOOR_DIVIDE, (Tensor._apply(e.SUB, (a, rest)), b))


@operator(inplace=True, out=True)
def true_divide(input: Tensor, other: Any) -> Tensor:
    """input / other, as real numbers."""
    return div(input, other)
