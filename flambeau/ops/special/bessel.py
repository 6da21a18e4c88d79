"""Bessel functions: of both kinds, and modified.

Sources: Abramowitz and Stegun, chapters 9 and 10, by number at each.

May import what `flambeau.ops` may.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from flambeau.dtypes import float64
from flambeau.ops.choices import choose
from flambeau.ops.creation import tensor
from flambeau.ops.operands import refuse
from flambeau.ops.pointwise import unary_operand
from flambeau.ops.registry import operator
from flambeau.ops.special.composed import EULER, composed, without_gradient
from flambeau.tensor import Tensor

__all__ = ["i0", "i0e", "i1", "i1e"]


def _asymptotic(order: int, x: Tensor, count: int) -> list[Tensor]:
    """The terms a_k(order) / xᵏ of Hankel's expansions (9.2.5-10, 9.7.1)."""
    terms, term = [x * 0 + 1], x * 0 + 1
    eighth = 1 / (8 * x)
    for k in range(1, count):
        term = term * eighth * ((4 * order * order - (2 * k - 1) ** 2) / k)
        terms.append(term)
    return terms


# --- modified, of the first kind -----------------------------------------------------------------------------------------
def _first_modified(order: int, x: Tensor, is_scaled: bool) -> Tensor:
    """I₀ or I₁, or these times exp(-|x|): the power series for |x| < 15 (9.6.10), the asymptotic one beyond (9.7.1)."""
    size = x.abs()
    near = choose(size < 15, size, 0.0, "i0")
    quarter = near * near * 0.25
    total = quarter * 0 + 1
    for k in range(48 if x.dtype is float64 else 36, 0, -1):
        total = total * quarter * (1 / (k * (k + order))) + 1
    series = total if order == 0 else total * near * 0.5
    far = choose(size < 15, 15.0, size, "i0")
    expansion = far * 0
    for k, term in enumerate(_asymptotic(order, far, 22)):
        expansion = expansion + term * (-1) ** k
    beyond = expansion / (far.sqrt() * math.sqrt(2 * math.pi))
    if is_scaled:
        series = series * (-near).exp()
        value = choose(size < 15, series, beyond, "i0")._fill_where(size == math.inf, 0.0)
    else:
        half = (far * 0.5).exp()
        value = choose(size < 15, series, half * (half * beyond), "i0")._fill_where(size == math.inf, math.nan)
    return value if order == 0 else value * x.sgn()


@operator(inplace=True, inplace_function=True, out=True)
def i0(input: Tensor) -> Tensor:
    """The modified Bessel function of the first kind and order 0."""
    x = unary_operand("i0", input)
    refuse(x, "i0_vml_cpu", complex)
    return composed("i0", x, lambda x: _first_modified(0, x, False), lambda g, y, inputs, params: (lambda: g * i1(inputs[0]),))


def _over(y: Tensor, x: Tensor, at_zero: float) -> Tensor:
    """y / x, and its limit at 0."""
    return choose(x == 0, at_zero, y / choose(x == 0, 1.0, x, "i1"), "i1")


@operator(namespace="special", method=False, out=True)
def i1(input: Tensor) -> Tensor:
    """The modified Bessel function of the first kind and order 1."""
    x = unary_operand("i1", input)
    return composed("i1", x, lambda x: _first_modified(1, x, False), lambda g, y, inputs, params: (
        lambda: g * (i0(inputs[0]) - _over(y, inputs[0], 0.5)),
    ), saves="inputs output")  # fmt: skip


@operator(namespace="special", method=False, out=True)
def i0e(input: Tensor) -> Tensor:
    """`i0` times exp(-|input|)."""
    x = unary_operand("i0e", input)
    return composed("i0e", x, lambda x: _first_modified(0, x, True), lambda g, y, inputs, params: (
        lambda: g * (i1e(inputs[0]) - inputs[0].sgn() * y),
    ), saves="inputs output")  # fmt: skip


@operator(namespace="special", method=False, out=True)
def i1e(input: Tensor) -> Tensor:
    """`i1` times exp(-|input|)."""
    x = unary_operand("i1e", input)
    return composed("i1e", x, lambda x: _first_modified(1, x, True), lambda g, y, inputs, params: (
        lambda: g * (i0e(inputs[0]) - inputs[0].sgn() * y - _over(y, inputs[0], 0.5)),
    ), saves="inputs output")  # fmt: skip


# --- modified, of the second kind ----------------------------------------------------------------------------------------
def _second_modified(order: int, x: Tensor, is_scaled: bool) -> Tensor:
    """K₀ or K₁, or these times exp(x). Below 2 the power series (9.6.11, 9.6.13).

    Beyond, ∫ exp(-x cosh t) cosh(order·t) dt (9.6.24) with w = √(2x) sinh(t / 2), that is e⁻ˣ ∫ 2 e^(-w²) / √(2x + w²) dw, and
    for K₁ a factor 1 + w² / x: the trapezoidal rule, whose error falls faster than any power of the step.
    """
    near = choose((x > 0) & (x < 2), x, 1.0, "k0")
    quarter = near * near * 0.25
    logarithm = (near * 0.5).log() + EULER
    harmonic, factor = 0.0, 1.0
    sums = quarter * 0
    power = quarter * 0 + 1
    for k in range(1 - order, 18):
        if k:
            harmonic += 1 / k
            power = power * quarter
            factor *= k * (k + order)
        sums = sums + power * ((harmonic if order == 0 else 2 * harmonic + 1 / (k + 1)) / factor)
    first = _first_modified(order, near, False)
    series = sums - logarithm * first if order == 0 else 1 / near + logarithm * first - near * 0.25 * sums
    far = choose(x < 2, 2.0, x, "k0")
    total = (2 * far).rsqrt() * 0.5
    step = 0.3
    for k in range(1, 21):
        square = (k * step) ** 2
        term = (2 * far + square).rsqrt() * math.exp(-square)
        total = total + (term if order == 0 else term * (1 + square / far))
    beyond = 2 * step * total
    if is_scaled:
        series = series * near.exp()
    else:
        beyond = beyond * (-far).exp()
    value = choose(x < 2, series, beyond, "k0")
    return value._fill_where(x == 0, math.inf)._fill_where((x < 0) | (x != x), math.nan)._fill_where(x == math.inf, 0.0)


# --- of the first and second kind ----------------------------------------------------------------------------------------
_BOUND = 25.0
"""Where Hankel's expansions take over."""
_POINTS = 64
"""Of the trapezoidal rule on [0, π]: the error is of the order of J at 2 · _POINTS."""


def _ordinary(order: int, x: Tensor, weights: list[float], hankel: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """(Σ weights · cos or sin of x sin τ below `_BOUND`, Hankel's expansion beyond); `hankel`: signs of P and Q's terms.

    The angles τ = πj / _POINTS for j up to half of them: the rest give the same again. 9.1.18 makes this J₀ and J₁.
    """
    size = x.abs()
    near = choose(size < _BOUND, size, 0.0, "j0")
    shape = (len(weights),) + (1,) * x.dim()
    sines = tensor([math.sin(math.pi * j / _POINTS) for j in range(len(weights))], dtype=x.dtype, device=x.device).view(shape)
    angles = sines * near
    waves = angles.cos() if order == 0 else angles.sin()
    below = (waves * tensor(weights, dtype=x.dtype, device=x.device).view(shape)).sum(0)
    far = choose(size < _BOUND, _BOUND, size, "j0")
    even, odd = far * 0, far * 0
    for k, term in enumerate(_asymptotic(order, far, 22)):
        sign = (-1) ** (k // 2)
        if k % 2:
            odd = odd + term * sign
        else:
            even = even + term * sign
    cosine, sine = far.cos(), far.sin()
    # cos and sin of x - π/4 and of x - 3π/4, times √2
    turned = (cosine + sine, sine - cosine) if order == 0 else (sine - cosine, -(cosine + sine))
    a, b = hankel
    beyond = (even * turned[a] + b * odd * turned[1 - a]) / (far * math.pi).sqrt()
    return choose(size < _BOUND, below, beyond, "j0"), near


def _halved(values: list[float]) -> list[float]:
    """Weights of a rule over all angles for the first half of them and the middle."""
    return [v * (1 if j in (0, _POINTS // 2) else 2) for j, v in enumerate(values[: _POINTS // 2 + 1])]


def _angles() -> list[float]:
    return [math.pi * j / _POINTS for j in range(_POINTS)]


def _first_weights(order: int) -> list[float]:
    return _halved([(1 if order == 0 else math.sin(t)) / _POINTS for t in _angles()])


def _second_weights(order: int) -> list[float]:
    """Of Σ (-1)ᵏ J_2k / k, or Σ (-1)ᵏ (2k + 1) / (k (k + 1)) J_2k+1: Neumann's series of Y (9.1.88-89) under the same rule."""
    result = []
    for t in _angles():
        if order == 0:
            total = sum((-1) ** k * math.cos(2 * k * t) / k for k in range(1, 31))
        else:
            total = sum((-1) ** k * (2 * k + 1) / (k * (k + 1)) * math.sin((2 * k + 1) * t) for k in range(1, 31))
        result.append(total / _POINTS)
    return _halved(result)


def _first(order: int, x: Tensor) -> Tensor:
    value, _ = _ordinary(order, x, _first_weights(order), (0, -1))
    return value if order == 0 else value * x.sgn()


def _second(order: int, x: Tensor) -> Tensor:
    sums, near = _ordinary(order, x, _second_weights(order), (1, 1))
    inner = choose((near > 0) & (x > 0), near, 1.0, "y0")
    first = _first(order, inner)
    logarithm = (inner * 0.5).log() + EULER
    if order == 0:
        series = 2 / math.pi * logarithm * first - 4 / math.pi * sums
    else:
        series = 2 / math.pi * ((logarithm - 1) * first - _first(0, inner) / inner - sums)
    value = choose(x < _BOUND, series, sums, "y0")
    return value._fill_where(x == 0, -math.inf)._fill_where((x < 0) | (x != x), math.nan)


def _spherical(x: Tensor) -> Tensor:
    return choose(x == 0, 1.0, x.sin() / choose(x == 0, 1.0, x, "j0"), "j0")._fill_where(x.abs() == math.inf, 0.0)


# --- the operators without gradients -------------------------------------------------------------------------------------
def _define(name: str, title: str, value: Callable[[Tensor], Tensor]) -> None:
    globals()[name] = without_gradient(name, title, value)
    __all__.append(name)


for _order in (0, 1):
    _of = f"and order {_order}"
    _define(f"bessel_j{_order}", f"Bessel function of the first kind {_of}", partial(_first, _order))
    _define(f"bessel_y{_order}", f"Bessel function of the second kind {_of}", partial(_second, _order))
    _define(
        f"modified_bessel_i{_order}",
        f"modified Bessel function of the first kind {_of}",
        partial(_first_modified, _order, is_scaled=False),
    )
    for _prefix, _scaled in (("", False), ("scaled_", True)):
        _define(
            f"{_prefix}modified_bessel_k{_order}",
            f"modified Bessel function of the second kind {_of}{', times exp(input)' if _scaled else ''}",
            partial(_second_modified, _order, is_scaled=_scaled),
        )
_define("spherical_bessel_j0", "spherical Bessel function of the first kind and order 0", _spherical)
