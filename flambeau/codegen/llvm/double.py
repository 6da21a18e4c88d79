"""Exponentials, logarithms, hyperbolic functions and erf of float64, in float64, for all numbers.

exp, exp2, log and erf are within 1 unit in the last place, expm1, log1p and log2 within 1.5, the others within 3.

The polynomials are minimax fits (Remez exchange) in high precision. May import the builder and `polynomial.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.polynomial import any_lane, clamp, evaluate, fused, less, log1p, number, where_nan
from flambeau.codegen.llvm.types import Value, constant

__all__ = ["FUNCTIONS", "parts_of"]

_LN2_HIGH, _LN2_LOW = 0.6931471803691238, 1.9082149292705877e-10  # the first has 32 bits
_SQRT_HALF = 0x3FE6A09E667F3BCD

# (exp(r) - 1 - r) / r² for |r| ≤ ln 2 / 2
_EXP = (
    *(0.5, 0.16666666666666682, 0.04166666666666672, 0.00833333333331708, 0.0013888888888859109, 0.0001984126989636587),
    *(2.4801587372803812e-05, 2.7557234821668778e-06, 2.75572339753283e-07, 2.5112063679358273e-08, 2.0926789561101585e-09),
)
# (log((1 + s) / (1 - s)) - 2s) / s³ in s², for |s| ≤ (√2 - 1) / (√2 + 1)
_LOG = (
    *(0.6666666666666734, 0.39999999999414476, 0.2857142874242403, 0.2222219857002769),
    *(0.18183564468484997, 0.15314047330962471, 0.1479597861278969),
)
# erf(x) / x - 1 in x², for |x| ≤ 1
_ERF_NEAR = (
    *(0.12837916709551256, -0.3761263890318352, 0.112837916709442, -0.026866170643113415, 0.005223977606130842),
    *(-0.0008548325929766244, 0.0001205529358693695, -1.4924712439534814e-05, 1.6447132699786621e-06),
    *(-1.6206318752969208e-07, 1.3710988704190523e-08, -7.779462971761597e-10),
)
# exp(a²)·(1 - erf(a)) in (a - 2) / (a + 2), for 1 ≤ a ≤ 6
_ERF_FAR = (
    *(0.25539567631050575, -0.4271858474139568, 0.24165819424246882, -0.07897858101641561, 0.003732892398538456),
    *(0.0069974617856571825, -0.0008471425904850939, -0.0009819764792378233, 4.353616042284383e-05),
    *(0.00017428846969713124, 2.7623180698269237e-05, -2.6611490488283595e-05, -1.2644101402570676e-05),
)


def _reduced(f: Function, x: Value) -> tuple[Value, Value]:
    """n, as i64, and exp(r) - 1 for x = n·ln 2 + r."""
    n = f.intrinsic("roundeven", f.binary("fmul", x, number(x, 1 / math.log(2))))
    r = fused(f, n, -_LN2_HIGH, x)
    r = fused(f, n, -_LN2_LOW, r)
    p = fused(f, f.binary("fmul", r, r), evaluate(f, r, _EXP), r)
    return _whole(f, n), p


def _whole(f: Function, n: Value) -> Value:
    """n as i64."""
    whole = f.cast("fptosi", n, "i32")
    return f.cast("sext", f.op(whole.type, f"freeze {whole.type} {whole}"), "i64")  # NaN has no integer


def _power(f: Function, n: Value) -> Value:
    """2^n, where that is normal."""
    bits = f.binary("shl", f.binary("add", n, constant(n.type, 1023)), constant(n.type, 52))
    return f.cast("bitcast", bits, "double")


def _scaled(f: Function, p: Value, n: Value) -> Value:
    """2^n · p by two powers of two: the result may be subnormal, or overflow."""
    half = f.binary("ashr", n, constant(n.type, 1))
    for part in (half, f.binary("sub", n, half)):
        p = f.binary("fmul", p, _power(f, part))
    return p


def exp(f: Function, x: Value) -> Value:
    """2^n · exp(r) with x = n·ln 2 + r."""
    whole, p = _reduced(f, clamp(f, x, -746.0, 710.0))
    return _scaled(f, f.binary("fadd", p, number(x, 1.0)), whole)


def exp2(f: Function, x: Value) -> Value:
    """2^n · exp(r·ln 2) with x = n + r."""
    x = clamp(f, x, -1076.0, 1025.0)
    n = f.intrinsic("roundeven", x)
    r = f.binary("fmul", f.binary("fsub", x, n), number(x, math.log(2)))
    p = f.binary("fadd", fused(f, f.binary("fmul", r, r), evaluate(f, r, _EXP), r), number(x, 1.0))
    return _scaled(f, p, _whole(f, n))


def expm1(f: Function, x: Value) -> Value:
    """2·(2^(n-1)·(exp(r) - 1) + (2^(n-1) - ½)): 2^(n-1) is finite even where the result overflows. Zeros keep their sign."""
    whole, p = _reduced(f, clamp(f, x, -60.0, 710.0))
    power = _power(f, f.binary("sub", whole, constant(whole.type, 1)))
    half = fused(f, power, p, f.binary("fsub", power, number(x, 0.5)))
    return f.select(f.test("fcmp oeq", x, number(x, 0.0)), x, f.binary("fadd", half, half))


def tanh(f: Function, x: Value) -> Value:
    """m / (m + 2) with m = exp(2|x|) - 1."""
    a = clamp(f, f.intrinsic("fabs", x), 0.0, 20.0)
    m = expm1(f, f.binary("fadd", a, a))
    return f.intrinsic("copysign", f.binary("fdiv", m, f.binary("fadd", m, number(x, 2.0))), x)


def sinh(f: Function, x: Value) -> Value:
    """(m + m / (m + 1)) / 2 with m = exp(|x|) - 1; where that overflows, exp(|x| / 2)² / 2."""
    a = f.intrinsic("fabs", x)
    m = expm1(f, a)
    near = f.binary("fmul", number(x, 0.5), f.binary("fadd", m, f.binary("fdiv", m, f.binary("fadd", m, number(x, 1.0)))))
    return f.intrinsic("copysign", _where_large(f, a, near), x)


def cosh(f: Function, x: Value) -> Value:
    """(e + 1 / e) / 2 with e = exp(|x|); where that overflows, exp(|x| / 2)² / 2."""
    a = f.intrinsic("fabs", x)
    e = exp(f, a)
    return _where_large(f, a, f.binary("fmul", number(x, 0.5), f.binary("fadd", e, f.binary("fdiv", number(x, 1.0), e))))


def _where_large(f: Function, a: Value, otherwise: Value) -> Value:
    """exp(a) / 2 where exp(a) may be infinite and half of it not."""
    is_large = f.test("fcmp ogt", a, number(a, 709.0))

    def halved() -> list[Value]:
        root = exp(f, f.binary("fmul", a, number(a, 0.5)))
        return [f.select(is_large, f.binary("fmul", f.binary("fmul", root, number(a, 0.5)), root), otherwise)]

    return f.choose(any_lane(f, is_large), halved, lambda: [otherwise])[0]


def parts_of(f: Function, x: Value) -> tuple[Value, Value]:
    """e and t with x = 2^e·(1 + t), 1 + t in [√½, √2), for finite x > 0."""
    is_tiny = less(f, x, 2.2250738585072014e-308)
    scaled = f.select(is_tiny, f.binary("fmul", x, number(x, 2.0**54)), x)
    bits = f.cast("bitcast", scaled, "i64")
    type = bits.type
    whole = f.binary("ashr", f.binary("sub", bits, constant(type, _SQRT_HALF)), constant(type, 52))
    t = f.cast("bitcast", f.binary("sub", bits, f.binary("shl", whole, constant(type, 52))), "double")
    t = f.binary("fsub", t, number(x, 1.0))
    whole = f.binary("sub", whole, f.select(is_tiny, constant(type, 54), constant(type, 0)))
    return f.cast("sitofp", f.cast("trunc", whole, "i32"), "double"), t


def _of_share(f: Function, t: Value, correction: Value | float) -> Value:
    """log(1 + t) + correction, which is small: t - (t²/2 - s·(t²/2 + s²·P(s²))) with s = t / (2 + t)."""
    half = f.binary("fmul", f.binary("fmul", t, t), number(t, 0.5))
    s = f.binary("fdiv", t, f.binary("fadd", t, number(t, 2.0)))
    square = f.binary("fmul", s, s)
    rest = fused(f, s, fused(f, square, evaluate(f, square, _LOG), half), correction)
    return f.binary("fsub", t, f.binary("fsub", half, rest))


def _log_limits(f: Function, x: Value, result: Value) -> Value:
    """The logarithm's values at 0, infinity, NaN and below 0."""
    infinity = number(x, float("inf"))
    result = f.select(f.test("fcmp oeq", x, infinity), infinity, result)
    result = f.select(f.test("fcmp oeq", x, number(x, 0.0)), number(x, float("-inf")), result)
    return where_nan(f, x, f.select(less(f, x, 0.0), number(x, float("nan")), result))


def log(f: Function, x: Value) -> Value:
    """e·ln 2 + log(1 + t) with x = 2^e·(1 + t)."""
    e, t = parts_of(f, x)
    rest = _of_share(f, t, f.binary("fmul", e, number(x, _LN2_LOW)))
    return _log_limits(f, x, fused(f, e, _LN2_HIGH, rest))


def log2(f: Function, x: Value) -> Value:
    """e + log(1 + t) / ln 2 with x = 2^e·(1 + t): exact for powers of two."""
    e, t = parts_of(f, x)
    return _log_limits(f, x, fused(f, _of_share(f, t, 0.0), number(x, 1 / math.log(2)), e))


def asinh(f: Function, x: Value) -> Value:
    """log1p(a + a² / (1 + √(1 + a²))) with a = |x|; log(a) + ln 2 where a² is past all digits."""
    one = number(x, 1.0)
    a = f.intrinsic("fabs", x)
    is_large = f.test("fcmp ogt", a, number(x, 2.0**28))
    b = f.select(is_large, one, a)
    square = f.binary("fmul", b, b)
    root = f.intrinsic("sqrt", f.binary("fadd", square, one))
    near = log1p(log, f, f.binary("fadd", b, f.binary("fdiv", square, f.binary("fadd", root, one))))
    return f.intrinsic("copysign", _of_twice(f, a, is_large, near), x)


def acosh(f: Function, x: Value) -> Value:
    """log1p(t + √(2t + t²)) with t = x - 1; NaN below 1."""
    is_large = f.test("fcmp ogt", x, number(x, 2.0**28))
    t = f.binary("fsub", f.select(is_large, number(x, 2.0), x), number(x, 1.0))
    root = f.intrinsic("sqrt", f.binary("fmul", t, f.binary("fadd", t, number(x, 2.0))))
    near = f.select(less(f, t, 0.0), number(x, float("nan")), log1p(log, f, f.binary("fadd", t, root)))
    return _of_twice(f, x, is_large, near)


def _of_twice(f: Function, x: Value, is_large: Value, otherwise: Value) -> Value:
    """log(2x) where x is large."""

    def twice() -> list[Value]:
        return [f.select(is_large, f.binary("fadd", log(f, x), number(x, math.log(2))), otherwise)]

    return f.choose(any_lane(f, is_large), twice, lambda: [otherwise])[0]


def atanh(f: Function, x: Value) -> Value:
    """log1p(2a / (1 - a)) / 2 with a = |x|; NaN beyond 1."""
    one = number(x, 1.0)
    a = f.intrinsic("fabs", x)
    result = log1p(log, f, f.binary("fdiv", f.binary("fadd", a, a), f.binary("fsub", one, a)))
    result = f.select(f.test("fcmp ogt", a, one), number(x, float("nan")), f.binary("fmul", result, number(x, 0.5)))
    return f.intrinsic("copysign", result, x)


def erf(f: Function, x: Value) -> Value:
    """x + x·P(x²) up to 1; beyond, 1 - exp(-a²)·Q((a - 2) / (a + 2)) with a = |x|, the scaled complement in a variable in which
    it is smooth (W. J. Cody, "Rational Chebyshev approximations for the error function", 1969, divides the range alike)."""
    a = f.intrinsic("fabs", x)
    near = fused(f, evaluate(f, f.binary("fmul", x, x), _ERF_NEAR), x, x)
    b = clamp(f, a, 1.0, 6.0)
    place = f.binary("fdiv", f.binary("fsub", b, number(x, 2.0)), f.binary("fadd", b, number(x, 2.0)))
    power = exp(f, f.binary("fmul", b, f.op(x.type, f"fneg {x.type} {b}")))
    far = f.binary("fsub", number(x, 1.0), f.binary("fmul", power, evaluate(f, place, _ERF_FAR)))
    return f.select(f.test("fcmp ogt", a, number(x, 1.0)), f.intrinsic("copysign", far, x), near)


FUNCTIONS: dict[str, Callable[[Function, Value], Value]] = {
    "exp": exp, "exp2": exp2, "expm1": expm1, "tanh": tanh, "sinh": sinh, "cosh": cosh, "log": log, "log1p": partial(log1p, log),
    "log2": log2, "asinh": asinh, "acosh": acosh, "atanh": atanh, "erf": erf,
}  # fmt: skip
