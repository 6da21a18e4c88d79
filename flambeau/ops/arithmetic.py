"""Arithmetic between tensors and numbers: add, mul, div and their kin. May import what `flambeau.ops` may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flambeau.autograd.entries import entitle
from flambeau.dtypes import float16, float32, scalar_dtype
from flambeau.graph.node import Primitive
from flambeau.graph.primitives import elementwise as e
from flambeau.ops.composite import Composite, flat, record, underivable, untaped
from flambeau.ops.elements import where
from flambeau.ops.operands import (
    accumulation_dtype,
    cast,
    check_fits,
    check_tensor,
    filled,
    number_before,
    operands,
    pair,
    python_number,
)  # fmt: skip
from flambeau.ops.registry import in_place, operator, scalar_name
from flambeau.tensor import Tensor

__all__ = ["add", "sub", "rsub", "mul", "div", "floor_divide", "remainder", "fmod", "pow", "float_power"]

_apply = Tensor._apply


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool) or (isinstance(value, Tensor) and value.dtype.category == 0)


def _scaled(other: Tensor, alpha: Any) -> Tensor:
    """alpha·other, wide for half types, refusing a floating alpha for integers and a bool alpha for numbers as PyTorch does."""
    number = python_number(alpha)
    if number is None:
        if isinstance(alpha, Tensor) and not alpha._shape:
            number = alpha.item()
        else:
            raise TypeError(f"argument 'alpha' must be Number, not {type(alpha).__name__}")
    category = scalar_dtype(number).category
    if category == 0 and other.dtype.category != 0:
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    if category == 3 and other.dtype.category != 3:
        raise RuntimeError("For non-complex input tensors, argument alpha must not be a complex number.")
    if category == 2 and other.dtype.category < 2:
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    if _is_half(other):
        return mul(cast(other, float32), cast(filled(number, other.dtype, other._storage.device, ()), float32))
    return mul(other, bool(number) if other.dtype.category == 0 else number)


def _with_scaled(primitive: Primitive, a: Tensor, b: Tensor, alpha: Any) -> Tensor:
    """a ± alpha·b, rounded once."""
    scaled = _scaled(b, alpha)
    return cast(_apply(primitive, (cast(a, scaled.dtype), scaled)), a.dtype)


def _is_half(t: Tensor) -> bool:
    type = t._storage.dtype
    return type.itemsize == 2 and type.category == 2


def _by_number(primitive: Primitive, name: str, a: Tensor, other: Any) -> Tensor | None:
    """The half tensor `a` and one number, which PyTorch does not round to the half type first; None where `other` isn't that."""
    if isinstance(other, Tensor) and other.numel() != 1:
        return None
    return cast(_apply(primitive, operands(name, a, other, type=float32)), a.dtype)


@operator(inplace=True, out=True)
def add(input: Tensor, other: Any, _other: Any = None, *, alpha: Any = 1) -> Tensor:
    """input + alpha·other, broadcast and promoted.

    >>> torch.tensor([1, 2]) + torch.tensor([0.5, 0.5])
    tensor([1.5000, 2.5000])
    >>> torch.add(torch.tensor([1, 2]), 10, alpha=2)
    tensor([21, 22])
    """
    if _other is not None:
        alpha, other = number_before("add", other), _other
    a, b = pair("add", input, other)
    primitive = e.ADD if a._storage.dtype.category else e.BITWISE_OR
    if alpha.__class__ is not int or alpha != 1:
        return _with_scaled(primitive, a, b, alpha)
    return _apply(primitive, (a, b))


@operator("sub", "subtract", inplace=True, out=True)
def sub(input: Tensor, other: Any, _other: Any = None, *, alpha: Any = 1) -> Tensor:
    """input - alpha·other, broadcast and promoted. Not for bools."""
    if _other is not None:
        alpha, other = number_before("sub", other), _other
    a, b = pair("sub", input, other)
    if _is_bool(input) or _is_bool(other):
        if a.dtype.category == 0:
            raise RuntimeError(
                "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator "
                "instead."
            )
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. "
            "If you are trying to invert a mask, use the `~` or `logical_not()` operator instead."
        )
    if alpha.__class__ is not int or alpha != 1:
        return _with_scaled(e.SUB, a, b, alpha)
    return _apply(e.SUB, (a, b))


@operator()
def rsub(input: Tensor, other: Any, *, alpha: Any = 1) -> Tensor:
    """other - alpha·input."""
    a, b = operands("rsub", check_tensor(input, "rsub", "input"), other)
    if _is_bool(input) or _is_bool(other):
        return sub(input, other)
    return entitle(sub(b, a, alpha=alpha), "RsubBackward0" if isinstance(other, Tensor) else "RsubBackward1")


@operator("mul", "multiply", inplace=True, out=True)
def mul(input: Tensor, other: Any) -> Tensor:
    """input · other, broadcast and promoted."""
    a, b = pair("mul", input, other)
    if _is_half(a) and (result := _by_number(e.MUL, "mul", a, other)) is not None:
        return result
    return _apply(e.MUL if a._storage.dtype.category else e.BITWISE_AND, (a, b))


@operator("div", "divide", inplace=True, out=True)
def div(input: Tensor, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """input / other: true division, or rounded towards zero ("trunc") or down ("floor").

    Integers divide to floats unless rounded. Raises RuntimeError for another rounding mode, and when an integer zero divides.

    >>> torch.tensor([7, -7]) / 2
    tensor([ 3.5000, -3.5000])
    >>> torch.div(torch.tensor([7, -7]), 2, rounding_mode='floor')
    tensor([ 3, -4])
    """
    a, b = pair("div", input, other)
    if rounding_mode is None:
        if a._storage.dtype.category < 2:
            a, b = operands("div", input, other, float_result=True)
        if _is_half(a) and (result := _by_number(e.DIV, "div", a, other)) is not None:
            return result
        return _apply(e.DIV, (a, b))
    if rounding_mode == "floor":
        return _floored(a, b, other)
    if rounding_mode == "trunc":
        if a.dtype.category == 2:
            if _rounds_each_step(a, other):
                return _without_slope(lambda: _apply(e.TRUNC, (_apply(e.DIV, (a, b)),)), a, b)
            c, d = operands("div", a, other, type=accumulation_dtype(a.dtype))
            return _without_slope(lambda: cast(_apply(e.TRUNC, (_apply(e.DIV, (c, d)),)), a.dtype), a, b)
        return _truncated(a, b)
    raise RuntimeError(f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'")


def _floored(a: Tensor, b: Tensor, other: Any) -> Tensor:
    if a.dtype.category == 0:
        raise NotImplementedError("\"div_floor\" not implemented for 'Bool'")
    if _rounds_each_step(a, other):
        return _without_slope(lambda: _floored_by_steps(a, b), a, b)
    if _is_half(a) and (result := _by_number(e.FLOOR_DIVIDE, "floor_divide", a, other)) is not None:
        return result
    return _apply(e.FLOOR_DIVIDE, (a, b))


def _rounds_each_step(a: Tensor, divisor: Any) -> bool:
    """PyTorch divides halves with rounding in their own precision, but in float32 where the divisor is one number."""
    return _is_half(a) and isinstance(divisor, Tensor) and divisor.numel() != 1


_NO_SLOPE = flat("div")


def _without_slope(compute: Callable[[], Tensor], a: Tensor, b: Tensor) -> Tensor:
    """A step function of a and b: its gradient is 0."""
    with untaped():
        result = compute()
    return record(_NO_SLOPE, result, (a, b))


def _floored_by_steps(a: Tensor, b: Tensor) -> Tensor:
    """Floor division from the remainder, each step rounded (the rule of c10's div_floor_floating)."""
    rest = _apply(e.FMOD, (a, b))
    quotient = (a - rest) / b - ((rest != 0) & ((b < 0) != (rest < 0))).to(a.dtype)
    floored = _apply(e.FLOOR, (quotient,))
    floored = floored + (quotient - floored > 0.5).to(a.dtype)
    plain = a / b
    return where(b == 0, plain, where(quotient != 0, floored, plain * 0))._laid_out_by(a, b)


def _truncated(a: Tensor, b: Tensor) -> Tensor:
    """Integer division towards zero: the remainder with the dividend's sign divides exactly."""
    if a.dtype.category == 0:
        raise NotImplementedError("\"div_trunc\" not implemented for 'Bool'")
    rest = _apply(e.FMOD, (a, b))
    return _apply(e.FLOOR_DIVIDE, (_apply(e.SUB, (a, rest)), b))


@operator(inplace=True, out=True)
def true_divide(input: Tensor, other: Any) -> Tensor:
    """input / other, as real numbers."""
    return div(input, other)


@operator(inplace=True, out=True)
def floor_divide(input: Tensor, other: Any) -> Tensor:
    """⌊input / other⌋. It has no derivative; `div` with rounding_mode="floor" has, 0."""
    a, b = pair("floor_divide", input, other)
    with untaped():
        result = _floored(a, b, other)
    return record(_FLOOR_DIVIDE, result, (a, b))


_FLOOR_DIVIDE = underivable("floor_divide", "derivative for aten::floor_divide is not implemented")


@operator(inplace=True, out=True)
def remainder(input: Tensor, other: Any) -> Tensor:
    """What is left of input after dividing by other, with other's sign, as Python's `%`. `input` may be a number.

    >>> torch.remainder(torch.tensor([-3, 3]), 2)
    tensor([1, 1])
    """
    a, b = pair("remainder", input, other)
    if a.dtype.category == 0:
        raise NotImplementedError("\"remainder\" not implemented for 'Bool'")
    return _apply(e.REMAINDER, (a, b))


@operator(inplace=True, out=True)
def fmod(input: Tensor, other: Any) -> Tensor:
    """What is left of input after dividing by other, with input's sign, as C's fmod."""
    check_tensor(input, "fmod", "input")
    a, b = pair("fmod", input, other)
    if a.dtype.category == 0:
        raise NotImplementedError("\"fmod\" not implemented for 'Bool'")
    return _apply(e.FMOD, (a, b))


@operator(inplace=True, out=True, also={"self": "input"})
def pow(input: Any, exponent: Any) -> Tensor:
    """input to the power of exponent; either may be a number. Small whole powers and roots are computed as products.

    Raises RuntimeError for an integer tensor to a negative whole number.

    >>> torch.tensor([1.0, 2.0, 3.0]) ** 2
    tensor([1., 4., 9.])
    """
    if not isinstance(exponent, Tensor) and isinstance(input, Tensor):
        number = python_number(exponent)
        if number is not None:
            return entitle(_power_of_number(input, number), "PowBackward0")
    a, b = operands("pow", input, exponent)
    if a.dtype.category == 0:
        raise NotImplementedError("\"pow\" not implemented for 'Bool'")
    return entitle(_apply(e.POW, (a, b)), "PowBackward1")


def _power_of_number(input: Tensor, exponent: Any) -> Tensor:
    type = input.dtype
    if type.category == 0 and not isinstance(exponent, float):
        if isinstance(exponent, bool):
            return input.clone() if exponent else input.logical_not().logical_or(input)
        input = cast(input, scalar_dtype(exponent))
        type = input.dtype
    check_fits(exponent, type if type.category >= scalar_dtype(exponent).category else scalar_dtype(exponent))
    if type.category < 2 and isinstance(exponent, int) and exponent < 0:
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    (a, b) = operands("pow", input, exponent)
    type = a.dtype
    if exponent == 1:
        return a.clone() if a is input else a
    if exponent == 2:
        return _apply(e.MUL, (a, a))
    if type.category >= 2:
        if exponent in (0.5, -0.5):
            with untaped():
                result = _apply(e.SQRT if exponent > 0 else e.RSQRT, (a,))
            return record(_ROOT if exponent > 0 else _INVERSE_ROOT, result, (a,))
        if exponent == -1:
            return _apply(e.DIV, operands("pow", 1, a))
        if exponent == 3 and type is not float16:
            return _apply(e.MUL, (_apply(e.MUL, (a, a)), a))
        if exponent == -2 and type is not float16:
            return _apply(e.DIV, operands("pow", 1, _apply(e.MUL, (a, a))))
    return _apply(e.POW, (a, b))


# `sqrt` and `rsqrt` keep their results for backward; powers keep their operand, so that the result may be written over
_ROOT = Composite("pow", lambda g, y, inputs, params: (g * (0.5 * inputs[0].rsqrt()),))
_INVERSE_ROOT = Composite("pow", lambda g, y, inputs, params: (g * (-0.5 * inputs[0].rsqrt() / inputs[0]),))


@operator(out="exact", also={"self": "input"})
def float_power(input: Any, exponent: Any) -> Tensor:
    """input to the power of exponent, computed in float64, or in complex128 where one is complex."""
    from flambeau.dtypes import complex128, float64

    type = operands("float_power", input, exponent)[0].dtype
    wide = complex128 if type.category == 3 else float64
    return pow(*[cast(v, wide) if isinstance(v, Tensor) else v for v in (input, exponent)])


@operator(namespace=None)
def float_power_(self: Tensor, exponent: Any) -> Tensor:
    """`float_power`, written into this tensor, which must be of float64 or complex128."""
    if self.dtype.name not in ("float64", "complex128"):
        raise RuntimeError(
            f"the base given to float_power_ has dtype {scalar_name(self)} but the operation's result requires dtype Double"
        )
    return in_place(float_power, self, exponent)
