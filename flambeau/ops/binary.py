"""Functions of two numbers beyond arithmetic: `atan2`, `hypot`, `logaddexp` and others. May import what `flambeau.ops` may."""

from __future__ import annotations

import math
from typing import Any

from flambeau.graph.node import Primitive
from flambeau.graph.primitives import elementwise as e
from flambeau.ops.arithmetic import add, mul, sub
from flambeau.ops.choices import choose, logical_either
from flambeau.ops.comparison import isnan
from flambeau.ops.composite import Composite, record, underivable, untaped
from flambeau.ops.operands import accumulation_dtype, cast, check_tensor, operands, refuse_complex
from flambeau.ops.pointwise import exp, exp2, log, log1p, sqrt
from flambeau.ops.registry import operator, scalar_name
from flambeau.tensor import Tensor

__all__ = ["atan2", "copysign", "heaviside", "hypot", "logaddexp", "nextafter", "xlogy"]

_apply = Tensor._apply


def _two(primitive: Primitive, *names: str, doc: str, inplace: bool = True) -> Any:
    def function(input: Tensor, other: Tensor) -> Tensor:
        check_tensor(other, names[0], "other", 2)
        return _apply(primitive, operands(names[0], check_tensor(input, names[0], "input"), other, float_result=True))

    function.__name__ = function.__qualname__ = names[0]
    function.__doc__ = doc
    operator(*names, inplace=inplace, out=True)(function)
    return function


atan2 = _two(e.ATAN2, "atan2", "arctan2", doc="The angle of the point (other, input) in radians.")


@operator(inplace=True, out=True)
def copysign(input: Tensor, other: Any) -> Tensor:
    """input's size with other's sign."""
    check_tensor(input, "copysign", "input")
    return _apply(e.COPYSIGN, operands("copysign", input, other, float_result=True))


@operator(inplace=True, out=True)
def nextafter(input: Tensor, other: Tensor) -> Tensor:
    """The next floating number after input, towards other."""
    a, b = operands("nextafter", check_tensor(input, "nextafter", "input"), check_tensor(other, "nextafter", "other", 2))
    if a.dtype.category != 2:
        raise NotImplementedError(f"\"nextafter_cpu\" not implemented for '{scalar_name(a)}'")
    return _apply(e.NEXTAFTER, (a, b))


_HYPOT = Composite(
    "hypot",
    lambda g, y, inputs, params: (lambda: g * (inputs[0] / y), lambda: g * (inputs[1] / y)),
    saves="inputs output",
    reads=((0,), (1,)),
)


@operator(inplace=True, out=True)
def hypot(input: Tensor, other: Tensor) -> Tensor:
    """√(input² + other²), without overflow on the way."""
    a, b = operands("hypot", check_tensor(input, "hypot", "input"), check_tensor(other, "hypot", "other", 2))
    if a.dtype.category != 2:
        raise NotImplementedError(f"\"hypot_cpu\" not implemented for '{scalar_name(a)}'")

    def length(a: Tensor, b: Tensor) -> Tensor:
        a, b = _apply(e.ABS, (a,)), _apply(e.ABS, (b,))
        big, small = _apply(e.MAXIMUM, (a, b)), _apply(e.MINIMUM, (a, b))
        big_or_nan = _apply(e.MAXIMUM, (choose(isnan(a), 0.0, a, "hypot"), choose(isnan(b), 0.0, b, "hypot")))  # ∞ wins over NaN
        ratio = choose(logical_either(big == 0, small == float("inf")), 0.0, small / big, "hypot")
        return choose(big_or_nan == float("inf"), float("inf"), big * sqrt(add(mul(ratio, ratio), 1)), "hypot")

    wide = accumulation_dtype(a.dtype)
    with untaped():
        y = cast(length(cast(a, wide), cast(b, wide)), a.dtype)
    return record(_HYPOT, y._laid_out_by(a, b), (a, b))


def _log_add(name: str, a: Tensor, b: Tensor, up: Any, down: Any) -> Tensor:
    top = _apply(e.MAXIMUM, (a, b))
    difference = _apply(e.NEG, (_apply(e.ABS, (sub(a, b),)),))
    same_infinity = _apply(e.BITWISE_AND, (a == b, _apply(e.ABS, (a,)) == float("inf")))
    return choose(same_infinity, a, add(top, down(up(difference))), name)


def _complex_log_add(a: Tensor, b: Tensor) -> Tensor:
    """The sum relative to the number with the larger real part; where both are infinite and equal, as they are."""
    a_real, b_real = a.real, b.real
    is_less = a_real < b_real
    high, low = choose(is_less, b, a, "logaddexp"), choose(is_less, a, b, "logaddexp")
    found = add(high, log1p(exp(sub(low, high))))
    same_infinity = (a_real == b_real) & (_apply(e.ABS, (a_real,)) == float("inf"))
    at_infinity = choose(a_real < 0, low, log(add(exp(low), exp(high))), "logaddexp")
    found = choose(same_infinity, at_infinity, found, "logaddexp")
    return choose(isnan(a) | isnan(b), float("nan"), found, "logaddexp")


_LOGADDEXP = Composite(
    "logaddexp",
    lambda g, y, inputs, params: tuple(
        (lambda mine=mine, other=other: g / (1 + params[0](other - mine))) for mine, other in (inputs, inputs[::-1])
    ),
)


@operator(out=True)
def logaddexp(input: Tensor, other: Tensor) -> Tensor:
    """log(exp(input) + exp(other)), without overflow; of complex numbers, too."""
    return _logaddexp("logaddexp", input, other, exp, log1p)


@operator(out=True)
def logaddexp2(input: Tensor, other: Tensor) -> Tensor:
    """log2(2^input + 2^other), without overflow."""
    return _logaddexp("logaddexp2", input, other, exp2, lambda x: mul(log1p(x), 1 / math.log(2)))


def _logaddexp(name: str, input: Tensor, other: Tensor, up: Any, down: Any) -> Tensor:
    a, b = operands(name, check_tensor(input, name, "input"), check_tensor(other, name, "other", 2))
    if a.dtype.category != 2 and (a.dtype.category != 3 or name == "logaddexp2"):
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{scalar_name(a)}'")
    wide = accumulation_dtype(a.dtype)
    with untaped():
        y = _complex_log_add(a, b) if a.is_complex() else cast(_log_add(name, cast(a, wide), cast(b, wide), up, down), a.dtype)
    return record(_LOGADDEXP, y, (a, b), (up,))


@operator(inplace=True, inplace_function=True, out=True)
def xlogy(input: Any, other: Any) -> Tensor:
    """input·log(other), and 0 where input is 0 (unless other is NaN)."""
    a, b = operands("xlogy", input, other, float_result=True)
    refuse_complex(a, "\"xlogy_cpu\" not implemented for '{dtype}'")
    with untaped():
        y = mul(a, log(b._fill_where((a == 0) & (b == b), 1)))
    return record(_XLOGY, y._laid_out_by(a, b), (a, b))


_XLOGY = Composite(
    "xlogy",
    lambda g, y, inputs, params: (
        lambda: xlogy(g, inputs[1])._fill_where((inputs[0] == 0) & (inputs[1] <= 0), 0),
        lambda: g * inputs[0] / inputs[1],
    ),
)

_LDEXP = Composite(
    "ldexp",
    lambda g, y, inputs, params: (lambda: g * exp2(inputs[1]), lambda: g * y * math.log(2)),
    saves="inputs output",
    reads=((1,), ()),
)


@operator(inplace=True, inplace_function=True, out=True)
def ldexp(input: Tensor, other: Tensor) -> Tensor:
    """input · 2^other."""
    check_tensor(other, "ldexp", "other", 2)
    a, b = operands("ldexp", check_tensor(input, "ldexp", "input"), other, float_result=True)
    with untaped():
        y = mul(a, exp2(b))
    return record(_LDEXP, y, (a, b))


@operator(inplace=True, out="exact")
def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """0 for negative numbers, 1 for positive ones, `values` at 0."""
    if check_tensor(input, "heaviside", "input").dtype is not check_tensor(values, "heaviside", "values", 2).dtype:
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")
    a, b = operands("heaviside", input, values)
    with untaped():
        y = choose(a == 0, b, choose(a > 0, 1, 0, "heaviside").to(b.dtype), "heaviside")
    return record(_HEAVISIDE, y._laid_out_by(a, b), (a, b))


_HEAVISIDE = underivable("heaviside", "derivative for aten::heaviside is not implemented")
