"""Special functions: gamma and its derivatives, inverse error functions, Bessel functions, gcd.

May import what `flambeau.ops` may.

Each is composed of primitives, so that it runs in fused kernels on every device. Sources stand at each.
"""

from __future__ import annotations

import math
from typing import Any

from flambeau.dtypes import float64
from flambeau.ops.arithmetic import mul
from flambeau.ops.choices import choose
from flambeau.ops.composite import Composite, record, untaped
from flambeau.ops.operands import accumulation_dtype, cast, check_tensor, integer, operands
from flambeau.ops.pointwise import unary_operand
from flambeau.ops.registry import operator, scalar_name
from flambeau.tensor import Tensor

__all__ = ["lgamma", "digamma", "polygamma", "erfc", "erfinv", "i0", "gcd", "lcm"]


def _composed(name: str, x: Tensor, f: Any, gradient: Any, params: tuple[Any, ...] = ()) -> Tensor:
    """f of x, in float32 for half types, with its own gradient on the tape."""
    wide = accumulation_dtype(x.dtype)
    with untaped():
        y = cast(f(cast(x, wide)), x.dtype)
    return record(Composite(name, gradient, saves="inputs output"), y, (x,), params)


def polynomial(x: Tensor, coefficients: tuple[float, ...]) -> Tensor:
    """Horner's rule, the highest power's coefficient first."""
    result = x * coefficients[0] + coefficients[1]
    for c in coefficients[2:]:
        result = result * x + c
    return result


# --- error functions ---------------------------------------------------------------------------------------------------
def _erfc_value(x: Tensor) -> Tensor:
    """1 - erf near 0; for |x| ≥ 0.5 exp(-x²)·P(1/(1 + x/2)) would lose digits in float64, so a continued fraction serves there.

    The fraction: Abramowitz and Stegun 7.1.14, evaluated from a fixed depth, converges for x ≥ 2; between, erf is exact enough.
    """
    size = x.abs()
    safe = choose(size < 2, 2.0, size, "erfc")
    depth = 60 if x.dtype is float64 else 28
    fraction = safe
    for k in range(depth, 0, -1):
        fraction = safe + (k / 2) / fraction
    tail = (-(safe * safe)).exp() / (fraction * math.sqrt(math.pi))
    near = 1 - x.erf()
    return choose(size < 2, near, choose(x > 0, tail, 2 - tail, "erfc"), "erfc")


@operator(inplace=True, out=True, inplace_function=True)
def erfc(input: Tensor) -> Tensor:
    """1 - erf(input), without cancellation for large numbers."""
    x = unary_operand("erfc", input)
    return _composed("erfc", x, _erfc_value, lambda g, y, inputs, params: (
        lambda: g * (-2 / math.sqrt(math.pi)) * (-inputs[0] * inputs[0]).exp(),
    ))  # fmt: skip


# Approximation of the inverse error function (M. Giles, "Approximating the erfinv function", 2010, single precision): in float32
# within 3e-7 of the value, which is what its coefficients are good for; for float64 Newton steps follow.
_GILES_CENTER = (
    2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503, -0.00417768164, 0.246640727,
    1.50140941,
)  # fmt: skip
_GILES_TAIL = (
    -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047, 1.00167406,
    2.83297682,
)  # fmt: skip


def _erfinv_value(x: Tensor) -> Tensor:
    one = x.abs() == 1
    outside = x.abs() > 1
    safe = x.masked_fill(one | outside, 0)
    w = -((1 - safe) * (1 + safe)).log()  # both factors are exact where it matters, near ±1
    near = polynomial(w - 2.5, _GILES_CENTER)
    far = polynomial(w.clamp(min=5).sqrt() - 3, _GILES_TAIL)
    y = choose(w < 5, near, far, "erfinv") * safe
    for _ in range(3 if x.dtype is float64 else 0):
        # In the tail the difference of erfc's keeps its digits; both sides are taken at |x|.
        error = choose(safe.abs() < 0.5, y.erf() - safe, ((1 - safe.abs()) - _erfc_value(y.abs())) * safe.sgn(), "erfinv")
        y = y - error / ((2 / math.sqrt(math.pi)) * (-y * y).exp())
    y = choose(one, x * math.inf, y, "erfinv")
    return y.masked_fill(outside, math.nan)


@operator(inplace=True, out=True)
def erfinv(input: Tensor) -> Tensor:
    """The inverse of the error function on (-1, 1)."""
    x = unary_operand("erfinv", input)
    return _composed("erfinv", x, _erfinv_value, lambda g, y, inputs, params: (
        lambda: g * (math.sqrt(math.pi) / 2) * (y * y).exp(),
    ))  # fmt: skip


# --- gamma -------------------------------------------------------------------------------------------------------------
# Stirling's series with Bernoulli numbers after shifting the argument up (Abramowitz and Stegun 6.1.41, 6.3.18, 6.4.11).
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)
_SHIFT = 8


def _lgamma_positive(x: Tensor) -> Tensor:
    """log Γ(x) for x ≥ 0.5. Near the zeros 1 and 2 the shifted form log(Γ(x+8) / x(x+1)…) would cancel: a series takes over."""
    product = x
    for k in range(1, _SHIFT):
        product = product * (x + k)
    shifted = x + _SHIFT
    inverse = 1 / shifted
    square = inverse * inverse
    tail = polynomial(square, tuple(b / (2 * n * (2 * n - 1)) for n, b in reversed(list(enumerate(_BERNOULLI, 1))))) * inverse
    small = (shifted - 0.5) * shifted.log() - shifted + 0.5 * math.log(2 * math.pi) + tail - product.log()
    big = x.clamp(min=8.0)
    inverse = 1 / big
    square = inverse * inverse
    tail = polynomial(square, tuple(b / (2 * n * (2 * n - 1)) for n, b in reversed(list(enumerate(_BERNOULLI, 1))))) * inverse
    large = (big - 0.5) * big.log() - big + 0.5 * math.log(2 * math.pi) + tail
    value = choose(x < 8, small, large, "lgamma")
    return choose(x == math.inf, x, value, "lgamma")


def _zeta(n: int) -> float:
    """ζ(n) for n ≥ 2 by Euler and Maclaurin's sum from 50 on."""
    m = 50.0
    head = sum(k**-n for k in range(1, 50))
    return head + m ** (1 - n) / (n - 1) + 0.5 * m**-n + n / 12 * m ** (-n - 1) - n * (n + 1) * (n + 2) / 720 * m ** (-n - 3)


_ZETA = tuple(_zeta(n) for n in range(2, 42))


def _lgamma_near_one(z: Tensor) -> Tensor:
    """log Γ(1 + z) for |z| ≤ 0.3, by its Taylor series -γz + Σ ζ(n)(-z)ⁿ/n (Abramowitz and Stegun 6.1.33)."""
    count = 30 if z.dtype is float64 else 16
    terms = tuple((-1) ** n * zeta / n for n, zeta in enumerate(_ZETA[:count], 2))
    return z * (polynomial(z, tuple(reversed(terms))) * z - 0.5772156649015329)


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
    return choose(x.abs() == math.inf, math.inf, value, "lgamma")


@operator("lgamma", inplace=True, out=True)
def lgamma(input: Tensor) -> Tensor:
    """log |Γ(input)|."""
    x = unary_operand("lgamma", input)
    return _composed("lgamma", x, _lgamma_value, lambda g, y, inputs, params: (lambda: g * digamma(inputs[0]),))


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
    value = value.masked_fill(whole, math.nan)
    value = choose(x == 0, -math.inf * choose(_negative_zero(x), -1.0, 1.0, "digamma"), value, "digamma")
    return choose(x == math.inf, math.inf, value.masked_fill(x == -math.inf, math.nan), "digamma")


def _negative_zero(x: Tensor) -> Tensor:
    return x.signbit()


@operator("digamma", inplace=True, out=True)
def digamma(input: Tensor) -> Tensor:
    """ψ, the derivative of log Γ."""
    x = unary_operand("digamma", input)
    return _composed("digamma", x, _digamma_value, lambda g, y, inputs, params: (lambda: g * polygamma(1, inputs[0]),))


def _polygamma_value(n: int, x: Tensor) -> Tensor:
    """ψ⁽ⁿ⁾(x) for x > 0 by recurrence and the asymptotic series; n = 1 also for x ≤ 0 by reflection."""
    below = x < 0.5
    y = choose(below, 1 - x, x, "polygamma") if n == 1 else x
    shift = 12 + n
    head = y * 0
    for k in range(shift):
        head = head + (y + k) ** -(n + 1)
    z = y + shift
    factorial = math.factorial(n)
    tail = math.factorial(n - 1) * z**-n + 0.5 * factorial * z ** -(n + 1)
    for k, b in enumerate(_BERNOULLI, 1):
        tail = tail + (b * math.factorial(2 * k + n - 1) / math.factorial(2 * k)) * z ** -(2 * k + n)
    value = (-1) ** (n + 1) * (head * factorial + tail)
    if n == 1:
        angle = (x - x.round()) * math.pi
        reflected = (math.pi / choose(below, angle, 1.0, "polygamma").sin()) ** 2 - value
        value = choose(below, reflected, value, "polygamma")
    return value


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
    return _composed(
        "polygamma", x, lambda x: _polygamma_value(n, x), lambda g, y, inputs, params: (lambda: g * polygamma(n + 1, inputs[0]),)
    )


@operator("polygamma", namespace=None)
def _polygamma_method(self: Tensor, n: int) -> Tensor:
    """The n-th derivative of the digamma function."""
    return polygamma(n, self)


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


# --- Bessel functions --------------------------------------------------------------------------------------------------
def _bessel(order: int, x: Tensor) -> Tensor:
    """I₀ or I₁ by the power series for |x| < 15 and the asymptotic series beyond (Abramowitz and Stegun 9.6.10, 9.7.1)."""
    size = x.abs()
    near = choose(size < 15, size, 0.0, "i0")
    quarter = near * near * 0.25
    count = 48 if x.dtype is float64 else 36
    total = quarter * 0 + 1
    for k in range(count, 0, -1):
        total = total * quarter / (k * (k + order)) + 1
    series = total if order == 0 else total * near * 0.5
    far = choose(size < 15, 15.0, size, "i0")
    eighth = 1 / (far * 8)
    coefficients = [1.0]
    for k in range(1, 22):
        coefficients.append(coefficients[-1] * -(4 * order * order - (2 * k - 1) ** 2) / k)
    expansion = polynomial(eighth, tuple(reversed(coefficients)))
    half = (far * 0.5).exp()
    asymptotic = half * (half * expansion / (far * (2 * math.pi)).sqrt())
    value = choose(size < 15, series, asymptotic, "i0")
    value = choose(size == math.inf, math.nan, value, "i0")
    return value if order == 0 else value * x.sgn()


@operator(inplace=True, inplace_function=True, out=True)
def i0(input: Tensor) -> Tensor:
    """The modified Bessel function of the first kind and order 0."""
    x = unary_operand("i0", input)
    return _composed("i0", x, lambda x: _bessel(0, x), lambda g, y, inputs, params: (lambda: g * _i1(inputs[0]),))


def _i1(x: Tensor) -> Tensor:
    def gradient(g: Tensor, y: Tensor, inputs: Any, params: Any) -> tuple[Any]:
        (t,) = inputs
        return (lambda: g * (i0(t) - choose(t == 0, 0.5, y / choose(t == 0, 1.0, t, "i1"), "i1")),)

    return _composed("i1", x, lambda t: _bessel(1, t), gradient)


# --- whole numbers -----------------------------------------------------------------------------------------------------
def _whole_operands(name: str, input: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    check_tensor(input, name, "input")
    check_tensor(other, name, "other", 2)
    a, b = operands(name, input, other)
    if a.dtype.category != 1:
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{scalar_name(a)}'")
    return a, b


@operator(inplace=True, inplace_function=True, out=True)
def gcd(input: Tensor, other: Tensor) -> Tensor:
    """The greatest common divisor, by Euclid's algorithm for as many steps as the dtype can need (Lamé's theorem)."""
    a, b = _whole_operands("gcd", input, other)
    a, b = a.abs(), b.abs()
    steps = math.ceil(8 * a.dtype.itemsize * math.log(2) / math.log((1 + math.sqrt(5)) / 2)) + 1
    for _ in range(steps):
        done = b == 0
        rest = a % b.masked_fill(done, 1)
        a, b = choose(done, a, b, "gcd"), choose(done, b, rest, "gcd")
    return a


@operator(inplace=True, inplace_function=True, out=True)
def lcm(input: Tensor, other: Tensor) -> Tensor:
    """The least common multiple."""
    a, b = _whole_operands("lcm", input, other)
    common = gcd(a, b)
    return mul(a.div(common.masked_fill(common == 0, 1), rounding_mode="trunc"), b).abs()


# --- torch.special alone -------------------------------------------------------------------------------------------------
@operator(namespace="special", method=False, out=True)
def entr(input: Tensor) -> Tensor:
    """-x log x for positive numbers, 0 at 0, -∞ below."""
    x = unary_operand("entr", input)
    return (-x * x.masked_fill(x == 0, 1).log()).masked_fill(x < 0, -math.inf)


@operator(namespace="special", method=False, out=True)
def ndtr(input: Tensor) -> Tensor:
    """The area under the normal curve up to each number."""
    return erfc(unary_operand("ndtr", input) * -math.sqrt(0.5)) * 0.5


@operator(namespace="special", method=False, out=True)
def ndtri(input: Tensor) -> Tensor:
    """The inverse of `ndtr`."""
    return erfinv(unary_operand("ndtri", input) * 2 - 1) * math.sqrt(2)


@operator(namespace="special", method=False, out=True)
def i1(input: Tensor) -> Tensor:
    """The modified Bessel function of the first kind and order 1."""
    return _i1(unary_operand("i1", input))


@operator(namespace="special", method=False, out=True)
def xlog1py(input: Any, other: Any) -> Tensor:
    """input · log(1 + other), and 0 where input is 0 (unless other is NaN)."""
    x, y = operands("xlog1py", input, other, float_result=True)
    return x * y.masked_fill((x == 0) & (y == y), 0).log1p()
