"""The error function's kin: its complement, its inverse, and the normal distribution's.

May import what `flambeau.ops` may.
"""

from __future__ import annotations

import math

from flambeau.dtypes import float64
from flambeau.ops.choices import choose
from flambeau.ops.pointwise import unary_operand
from flambeau.ops.registry import operator
from flambeau.ops.special.composed import composed, polynomial, wide_operand
from flambeau.tensor import Tensor

__all__ = ["erfc", "erfcx", "erfinv", "log_ndtr", "ndtr", "ndtri"]


# (1 + 2x)·exp(x²)·erfc(x) for x ≥ 0 in t = (x - 3.75) / (x + 3.75), a series that decreases fast (M. M. Shepherd and
# J. G. Laframboise, "Chebyshev approximation of (1 + 2x)exp(x²)erfc x in 0 ≤ x < ∞", 1981): to 5e-9, and to 1e-19.
_SCALED_SINGLE = (
    2.2046718905694024e-05, -0.00022411674674416022, 0.00033016745627228067, 0.001675912217981131, -0.009770087183368234,
    0.02840925236412726, -0.05868544049363111, 0.09229076959130378, -0.10880522754949953, 0.08227841998347046,
    0.00358549531406309, -0.1402406583213864, 1.2375126300326993,
)  # fmt: skip
_SCALED_DOUBLE = (
    -7.33950500852954e-11, -3.75315827795962e-11, 9.02214970034059e-10, 5.457157304704688e-10, -6.545560212480267e-09,
    -4.389284159986328e-09, 4.0971223152703005e-08, 2.4289762925488707e-08, -2.6114702359900956e-07, -5.826281078800777e-08,
    1.7534434251106334e-06, -9.72849582211122e-07, -1.1445049125831309e-05, 2.2383912036550678e-05, 5.164940777546399e-05,
    -0.00029015397928986765, 0.00029371359480570737, 0.0017556258324217529, -0.009746579547619623, 0.0283622774215156,
    -0.05869339859054762, 0.09230432116019834, -0.10880393014170746, 0.08227673849015102, 0.00358541548546369,
    -0.14024059858554702, 1.2375126308378275,
)  # fmt: skip


def _scaled(x: Tensor) -> Tensor:
    """exp(x²)·erfc(x) for x ≥ 0."""
    bounded = x.clamp(max=1e30)
    t = (bounded - 3.75) / (bounded + 3.75)
    return polynomial(t, _SCALED_DOUBLE if x.dtype is float64 else _SCALED_SINGLE) / (1 + 2 * x)


def _erfc_value(x: Tensor) -> Tensor:
    size = x.abs()
    tail = (-(size * size)).exp() * _scaled(size)
    return choose(x < 0, 2 - tail, tail, "erfc")


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
    value = _scaled(x.abs())
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
