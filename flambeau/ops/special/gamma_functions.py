"""The gamma function's logarithm and its derivatives, and Hurwitz' zeta function.

May import what `flambeau.ops` may.
"""

from __future__ import annotations

import math
from typing import Any

from flambeau.dtypes import float64
from flambeau.ops.choices import choose
from flambeau.ops.composite import Composite, record, untaped
from flambeau.ops.operands import check_tensor, integer, operands
from flambeau.ops.pointwise import unary_operand
from flambeau.ops.registry import in_place, operator
from flambeau.ops.special.composed import EULER, composed, polynomial, refuse_halves
from flambeau.tensor import Tensor

__all__ = ["lgamma", "digamma", "polygamma", "lgamma_of_one_more", "mvlgamma", "stirling_tail", "zeta"]


# Stirling's series with Bernoulli numbers after shifting the argument up (Abramowitz and Stegun 6.1.41, 6.3.18, 6.4.11).
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)
_SHIFT = 8


def stirling_tail(x: Tensor) -> Tensor:
    """log Γ(x) - ((x - ½) log x - x + ½ log 2π), for x ≥ 8."""
    inverse = 1 / x
    terms = tuple(b / (2 * n * (2 * n - 1)) for n, b in reversed(list(enumerate(_BERNOULLI, 1))))
    return polynomial(inverse * inverse, terms) * inverse


def _stirling(x: Tensor) -> Tensor:
    return (x - 0.5) * x.log() - x + 0.5 * math.log(2 * math.pi) + stirling_tail(x)


def _lgamma_positive(x: Tensor) -> Tensor:
    """log Γ(x) for x ≥ 0.5. Near the zeros 1 and 2 the shifted form log(Γ(x+8) / x(x+1)…) would cancel: a series takes over."""
    product = x
    for k in range(1, _SHIFT):
        product = product * (x + k)
    shifted = x + _SHIFT
    small = _stirling(shifted) - product.log()
    large = _stirling(x.clamp(min=8.0))
    value = choose(x < 8, small, large, "lgamma")
    return choose(x == math.inf, x, value, "lgamma")


def _zeta_of(n: int) -> float:
    """ζ(n) for n ≥ 2 by Euler and Maclaurin's sum from 50 on."""
    m = 50.0
    head = sum(k**-n for k in range(1, 50))
    return head + m ** (1 - n) / (n - 1) + 0.5 * m**-n + n / 12 * m ** (-n - 1) - n * (n + 1) * (n + 2) / 720 * m ** (-n - 3)


_ZETA = tuple(_zeta_of(n) for n in range(2, 42))


def _lgamma_near_one(z: Tensor) -> Tensor:
    """log Γ(1 + z) for |z| ≤ 0.3, by its Taylor series -γz + Σ ζ(n)(-z)ⁿ/n (Abramowitz and Stegun 6.1.33)."""
    count = 30 if z.dtype is float64 else 16
    terms = tuple((-1) ** n * zeta / n for n, zeta in enumerate(_ZETA[:count], 2))
    return z * (polynomial(z, tuple(reversed(terms))) * z - EULER)


def _lgamma_value(x: Tensor) -> Tensor:
    below = x < 0.5
    y = choose(below, 1 - x, x, "lgamma")
    value = _lgamma_positive(y)
    one, two = y - 1, y - 2
    value = choose(one.abs() <= 0.3, _lgamma_near_one(one.clamp(-0.3, 0.3)), value, "lgamma")
    z = two.clamp(-0.3, 0.3)
    value = choose(two.abs() <= 0.3, _lgamma_near_one(z) + z.log1p(), value, "lgamma")
    # Reflection: Γ(x)Γ(1-x) = π / sin πx; the angle is reduced first, so that sin keeps its digits.
    angle = (x - x.round()).abs() * math.pi
    reflected = math.log(math.pi) - choose(below, angle.sin(), 1.0, "lgamma").log() - value
    value = choose(below, reflected, value, "lgamma")
    return choose((below & (angle == 0)) | (x.abs() == math.inf), math.inf, value, "lgamma")


def lgamma_of_one_more(z: Tensor) -> Tensor:
    """log Γ(1 + z) for z in [0, 1], also where 1 + z is 1 in the tensor's dtype."""
    return choose(z <= 0.3, _lgamma_near_one(z.clamp(max=0.3)), _lgamma_value(1 + z), "lgamma")


@operator("lgamma", inplace=True, out=True)
def lgamma(input: Tensor) -> Tensor:
    """log |Γ(input)|."""
    x = unary_operand("lgamma", input)
    return composed("lgamma", x, _lgamma_value, lambda g, y, inputs, params: (lambda: g * digamma(inputs[0]),))


def _digamma_value(x: Tensor) -> Tensor:
    below = x < 0.5
    y = choose(below, 1 - x, x, "digamma")
    head = y * 0
    for k in range(10):
        head = head + 1 / (y + k)
    shifted = y + 10
    inverse = 1 / shifted
    square = inverse * inverse
    tail = polynomial(square, tuple(b / (2 * n) for n, b in reversed(list(enumerate(_BERNOULLI, 1))))) * square
    value = shifted.log() - inverse * 0.5 - tail - head
    angle = (x - x.round()) * math.pi
    reflected = value - math.pi / choose(below, angle, 1.0, "digamma").tan()
    value = choose(below, reflected, value, "digamma")
    whole = (x == x.floor()) & (x < 0)
    value = value._fill_where(whole, math.nan)
    value = choose(x == 0, -math.inf * choose(_negative_zero(x), -1.0, 1.0, "digamma"), value, "digamma")
    return choose(x == math.inf, math.inf, value._fill_where(x == -math.inf, math.nan), "digamma")


def _negative_zero(x: Tensor) -> Tensor:
    return x.signbit()


@operator("digamma", inplace=True, out=True)
def digamma(input: Tensor) -> Tensor:
    """ψ, the derivative of log Γ."""
    x = unary_operand("digamma", input)
    gradient = lambda g, y, inputs, params: (lambda: g * polygamma(1, inputs[0]),)
    return composed("digamma", x, _digamma_value, gradient)


def _cotangent_derivative(n: int) -> list[int]:
    """The n-th derivative of cot as a polynomial in cot, the highest power's coefficient first: each is -(1 + cot²) d/dcot."""
    powers = [0, 1]
    for _ in range(n):
        slope = [k * c for k, c in enumerate(powers)][1:]
        powers = [-(a + b) for a, b in zip([*slope, 0, 0], [0, 0, *slope])]
    return powers[::-1]


def _polygamma_value(n: int, x: Tensor) -> Tensor:
    """ψ⁽ⁿ⁾(x) by recurrence and the asymptotic series; below ½ by reflection (Abramowitz and Stegun 6.4.6, 6.4.7, 6.4.11)."""
    below = x < 0.5
    y = choose(below, 1 - x, x, "polygamma")
    shift = 12 + n
    head = y ** -(n + 1)
    for k in range(1, shift):
        head = head + (y + k) ** -(n + 1)
    z = y + shift
    factorial = math.factorial(n)
    tail = math.factorial(n - 1) * z**-n + 0.5 * factorial * z ** -(n + 1)
    for k, b in enumerate(_BERNOULLI, 1):
        tail = tail + (b * math.factorial(2 * k + n - 1) / math.factorial(2 * k)) * z ** -(2 * k + n)
    value = head * factorial + tail
    sign = (-1) ** (n + 1)
    angle = (x - x.round()) * math.pi
    cotangent = 1 / choose(below, angle, 1.0, "polygamma").tan()
    turned = polynomial(cotangent, tuple(float(c) for c in _cotangent_derivative(n))) * math.pi ** (n + 1)
    value = choose(below, -value - turned, sign * value, "polygamma")
    return choose(below & (angle == 0), sign * math.inf, value._fill_where(x == -math.inf, math.nan), "polygamma")


@operator(method=False, out=True)
def polygamma(n: int, input: Tensor) -> Tensor:
    """The n-th derivative of the digamma function."""
    n = integer(n, "polygamma", "n")
    check_tensor(input, "polygamma", "input", 2)
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    if n == 0:
        return digamma(input)
    x = unary_operand("polygamma", input)
    return composed(
        "polygamma", x, lambda x: _polygamma_value(n, x), lambda g, y, inputs, params: (lambda: g * polygamma(n + 1, inputs[0]),)
    )


@operator("polygamma", namespace=None)
def _polygamma_method(self: Tensor, n: int) -> Tensor:
    """The n-th derivative of the digamma function."""
    return polygamma(n, self)


@operator("polygamma_", namespace=None)
def _polygamma_in_place(self: Tensor, n: int) -> Tensor:
    """`polygamma`, written into this tensor."""
    return in_place(_polygamma_method, self, n)


@operator(inplace=True, out=True)
def mvlgamma(input: Tensor, p: int) -> Tensor:
    """The multivariate log-gamma function: log Γ_p."""
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    x = unary_operand("mvlgamma", input)
    total = lgamma(x) + p * (p - 1) / 4 * math.log(math.pi)
    for j in range(1, p):
        total = total + lgamma(x - j / 2)
    return total


_ZETA_HEAD = 9
"""Terms of Hurwitz' series that are added before Euler and Maclaurin's sum takes over."""


def _zeta_value(x: Tensor, q: Tensor) -> Tensor:
    """Σ (q + k)^(-x) by Euler and Maclaurin's sum (Abramowitz and Stegun 23.2.23 for q = 1)."""
    pole = (q <= 0) & (q == q.floor())
    counted = choose(pole, 1.0, q, "zeta")
    lowest = float(counted.min().item()) if q.numel() else 0.0
    head = _ZETA_HEAD + max(0, math.ceil(-lowest)) if math.isfinite(lowest) else _ZETA_HEAD
    if head > 10_000:
        raise ValueError(f"zeta(): other must be above -10000, got {lowest}")
    s = choose(x > 1, x, 2.0, "zeta")
    total = counted**-s
    for k in range(1, head):
        total = total + (counted + k) ** -s
    w = counted + head
    integral = w ** (1 - s)  # its own power: that of s may be too small for a number where this one isn't
    power = integral / w
    total = total + integral / (s - 1) + power * 0.5
    rising, factorial = s / w, 1.0
    for n, b in enumerate(_BERNOULLI, 1):
        factorial *= 2 * n * (2 * n - 1)
        total = total + power * rising * (b / factorial)
        rising = rising * (s + (2 * n - 1)) * (s + 2 * n) / (w * w)
    total = total._fill_where(((q <= 0) & (x != x.floor())) | (x != x) | (q != q), math.nan)
    return total._fill_where(pole | (x == 1), math.inf)._fill_where(x < 1, math.nan)


@operator(namespace="special", method=False, out=True)
def zeta(input: Any, other: Any) -> Tensor:
    """Hurwitz' zeta function Σ (other + k)^(-input) over k ≥ 0, for `input` > 1; the gradient reaches `other` only."""
    x, q = operands("zeta", input, other, float_result=True)
    refuse_halves("zeta", x)
    with untaped():
        y = _zeta_value(x, q)
    return record(_ZETA_FUNCTION, y._laid_out_by(x, q), (x, q))


def _zeta_gradient(g: Tensor, y: Any, inputs: Any, params: Any) -> tuple[Any, Any]:
    def unknown() -> Tensor:
        raise NotImplementedError("the derivative for 'zeta' is not implemented.")

    x, q = inputs
    return unknown, lambda: g * -x * zeta(x + 1, q)


_ZETA_FUNCTION = Composite("zeta", _zeta_gradient)
