"""The error function's kin: its complement, its inverse, and the normal distribution's.

May import what `flambeau.ops` may.
"""

from __future__ import annotations

import math

from flambeau.dtypes import float64
from flambeau.ops.choices import choose, minimum
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


# The normal distribution's quantiles by quotients of polynomials (M. J. Wichura, "Algorithm AS 241: The percentage points of the
# normal distribution", 1988): in q·f(q²) about the middle, and of r = √(-log of the tail's area) towards the ends and far out.
# Each pair is the numerator's and the denominator's coefficients.
_QUANTILE_SINGLE = (
    ((59.109374720, 159.29113202, 50.434271938, 3.3871327179), (67.187563600, 78.757757664, 17.895169469, 1.0)),
    ((0.17023821103, 1.3067284816, 2.7568153900, 1.4234372777), (0.12021132975, 0.73700164250, 1.0)),
    ((0.017337203997, 0.42868294337, 3.0812263860, 6.6579051150), (0.012258202635, 0.24197894225, 1.0)),
)
_QUANTILE_DOUBLE = (
    (
        (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457, 13731.693765509461125,
         1971.5909503065514427, 133.14166789178437745, 3.3871328727963666080),
        (5226.4952788528545610, 28729.085735721942674, 39307.895800092710610, 21213.794301586595867, 5394.1960214247511077,
         687.18700749205790830, 42.313330701600911252, 1.0),
    ),
    (
        (7.74545014278341407640e-4, 0.0227238449892691845833, 0.241780725177450611770, 1.27045825245236838258,
         3.64784832476320460504, 5.76949722146069140550, 4.63033784615654529590, 1.42343711074968357734),
        (1.05075007164441684324e-9, 5.47593808499534494600e-4, 0.0151986665636164571966, 0.148103976427480074590,
         0.689767334985100004550, 1.67638483018380384940, 2.05319162663775882187, 1.0),
    ),
    (
        (2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.00124266094738807843860, 0.0265321895265761230930,
         0.296560571828504891230, 1.78482653991729133580, 5.46378491116411436990, 6.65790464350110377720),
        (2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
         0.0148753612908506148525, 0.136929880922735805310, 0.599832206555887937690, 1.0),
    ),
)  # fmt: skip


def _quantile(q: Tensor, tail: Tensor, name: str) -> Tensor:
    """Where the area under the normal curve is ½ + q, of which min(½ + q, ½ - q) is given as `tail`, exact where it is small."""
    middle, ends, far = _QUANTILE_DOUBLE if q.dtype is float64 else _QUANTILE_SINGLE
    square = 0.180625 - q * q
    r = (-tail.log()).sqrt()
    near, out = r - 1.6, r - 5
    is_far = r > 5
    above = choose(is_far, polynomial(out, far[0]), polynomial(near, ends[0]), name)
    below = choose(is_far, polynomial(out, far[1]), polynomial(near, ends[1]), name)
    outer = above / below
    return choose(
        q.abs() <= 0.425,
        q * polynomial(square, middle[0]) / polynomial(square, middle[1]),
        choose(q < 0, -outer, outer, name),
        name,
    )


def _erfinv_value(x: Tensor) -> Tensor:
    y = _quantile(0.5 * x, 0.5 - 0.5 * x.abs(), "erfinv") * math.sqrt(0.5)
    return choose(x.abs() == 1, x * math.inf, y, "erfinv")


def _ndtri_value(x: Tensor) -> Tensor:
    y = _quantile(x - 0.5, minimum(x, 1 - x), "ndtri")
    return choose((x == 0) | (x == 1), (x - 0.5) * math.inf, y, "ndtri")


@operator(inplace=True, out=True)
def erfinv(input: Tensor) -> Tensor:
    """The inverse of the error function on (-1, 1)."""
    x = unary_operand("erfinv", input)
    return composed("erfinv", x, _erfinv_value, lambda g, y, inputs, params: (
        lambda: g * (math.sqrt(math.pi) / 2) * (y * y).exp(),
    ), saves="output")  # fmt: skip


@operator(namespace="special", method=False, out=True)
def ndtr(input: Tensor) -> Tensor:
    """The area under the normal curve up to each number."""
    return erfc(unary_operand("ndtr", input) * -math.sqrt(0.5)) * 0.5


@operator(namespace="special", method=False, out=True)
def ndtri(input: Tensor) -> Tensor:
    """The inverse of `ndtr` on (0, 1)."""
    x = wide_operand("ndtri", input)
    return composed("ndtri", x, _ndtri_value, lambda g, y, inputs, params: (
        lambda: g * math.sqrt(2 * math.pi) * (y * y / 2).exp(),
    ), saves="output")  # fmt: skip


def _erfcx_value(x: Tensor) -> Tensor:
    value = _scaled(x.abs())
    return choose(x < 0, 2 * (x * x).exp() - value, value, "erfcx")


@operator(namespace="special", method=False, out=True)
def erfcx(input: Tensor) -> Tensor:
    """exp(input²) · erfc(input), which neither overflows nor vanishes for large numbers."""
    x = wide_operand("erfcx", input)
    return composed("erfcx", x, _erfcx_value, lambda g, y, inputs, params: (
        lambda: g * (2 * inputs[0] * y - 2 / math.sqrt(math.pi)),
    ), saves="inputs output")  # fmt: skip


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
