"""The error function's kin: its complement, its inverse, and the normal distribution's.

May import what `flambeau.ops` may.
"""

from __future__ import annotations

import math

from flambeau.dtypes import float64
from flambeau.ops.choices import choose
from flambeau.ops.creation import tensor
from flambeau.ops.pointwise import unary_operand
from flambeau.ops.registry import operator
from flambeau.ops.special.composed import composed, legendre, polynomial, wide_operand
from flambeau.tensor import Tensor

__all__ = ["erfc", "erfcx", "erfinv", "log_ndtr", "ndtr", "ndtri"]


def _fraction(x: Tensor) -> Tensor:
    """e^(-x²) / (√π erfc(x)) for x ≥ 2, by a continued fraction evaluated from a fixed depth (Abramowitz and Stegun 7.1.14)."""
    fraction = x
    for k in range(60 if x.dtype is float64 else 28, 0, -1):
        fraction = x + (k / 2) / fraction
    return fraction


def _erfc_value(x: Tensor) -> Tensor:
    size = x.abs()
    safe = choose(size < 2, 2.0, size, "erfc")
    tail = (-(safe * safe)).exp() / (_fraction(safe) * math.sqrt(math.pi))
    return choose(size < 2, 1 - x.erf(), choose(x > 0, tail, 2 - tail, "erfc"), "erfc")


@operator(inplace=True, out=True, inplace_function=True)
def erfc(input: Tensor) -> Tensor:
    """1 - erf(input), without cancellation for large numbers."""
    x = unary_operand("erfc", input)
    return composed("erfc", x, _erfc_value, lambda g, y, inputs, params: (
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
    safe = x._fill_where(one | outside, 0)
    w = -((1 - safe) * (1 + safe)).log()  # both factors are exact where it matters, near ±1
    near = polynomial(w - 2.5, _GILES_CENTER)
    far = polynomial(w.clamp(min=5).sqrt() - 3, _GILES_TAIL)
    y = choose(w < 5, near, far, "erfinv") * safe
    for _ in range(3 if x.dtype is float64 else 0):
        # In the tail the difference of erfc's keeps its digits; both sides are taken at |x|.
        error = choose(safe.abs() < 0.5, y.erf() - safe, ((1 - safe.abs()) - _erfc_value(y.abs())) * safe.sgn(), "erfinv")
        y = y - error / ((2 / math.sqrt(math.pi)) * (-y * y).exp())
    y = choose(one, x * math.inf, y, "erfinv")
    return y._fill_where(outside, math.nan)


@operator(inplace=True, out=True)
def erfinv(input: Tensor) -> Tensor:
    """The inverse of the error function on (-1, 1)."""
    x = unary_operand("erfinv", input)
    return composed("erfinv", x, _erfinv_value, lambda g, y, inputs, params: (
        lambda: g * (math.sqrt(math.pi) / 2) * (y * y).exp(),
    ))  # fmt: skip


@operator(namespace="special", method=False, out=True)
def ndtr(input: Tensor) -> Tensor:
    """The area under the normal curve up to each number."""
    return erfc(unary_operand("ndtr", input) * -math.sqrt(0.5)) * 0.5


@operator(namespace="special", method=False, out=True)
def ndtri(input: Tensor) -> Tensor:
    """The inverse of `ndtr`."""
    return erfinv(wide_operand("ndtri", input) * 2 - 1) * math.sqrt(2)


def _erfcx_value(x: Tensor) -> Tensor:
    """2/√π ∫ exp(-t² - 2xt) dt over t > 0, below 2 by Gauss and Legendre's rule; below 0, 2 exp(x²) less that at -x."""
    size = x.abs()
    nodes, weights = (tensor(v, dtype=x.dtype, device=x.device).view((32,) + (1,) * x.dim()) for v in legendre(32))
    t = nodes * 6.2
    near = (weights * (-t * (t + 2 * choose(size < 2, size, 0.0, "erfcx"))).exp()).sum(0) * (6.2 * 2 / math.sqrt(math.pi))
    far = 1 / (_fraction(choose(size < 2, 2.0, size, "erfcx")) * math.sqrt(math.pi))
    value = choose(size < 2, near, far, "erfcx")
    return choose(x < 0, 2 * (x * x).exp() - value, value, "erfcx")


@operator(namespace="special", method=False, out=True)
def erfcx(input: Tensor) -> Tensor:
    """exp(input²) · erfc(input), which neither overflows nor vanishes for large numbers."""
    x = wide_operand("erfcx", input)
    return composed("erfcx", x, _erfcx_value, lambda g, y, inputs, params: (
        lambda: g * (2 * inputs[0] * y - 2 / math.sqrt(math.pi)),
    ))  # fmt: skip


def _log_ndtr_value(x: Tensor) -> Tensor:
    t = x * math.sqrt(0.5)
    below = (_erfcx_value(-t.clamp(max=0)) / 2).log() - t * t
    return choose(x < -1, below, (-0.5 * _erfc_value(t.clamp(min=-1))).log1p(), "log_ndtr")


@operator(namespace="special", method=False, out=True)
def log_ndtr(input: Tensor) -> Tensor:
    """The logarithm of `ndtr`, exact far below 0, too."""
    x = wide_operand("log_ndtr", input)
    return composed("log_ndtr", x, _log_ndtr_value, lambda g, y, inputs, params: (
        lambda: g * math.sqrt(2 / math.pi) / erfcx(inputs[0] * -math.sqrt(0.5)),
    ))  # fmt: skip
