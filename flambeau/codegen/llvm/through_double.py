"""Elementary functions of float32 arguments held as float64, good to about 1e-11: rounding to float32 gives the last place.

Two cores carry them: exp(x) - 1 and log(1 + y), each accurate relative to its result also near zero. The polynomials are
near-minimax fits in high precision. May import the builder and `polynomial.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.polynomial import any_lane, clamp, evaluate, fused, less, number, where_nan
from flambeau.codegen.llvm.types import Value, constant

__all__ = ["FUNCTIONS", "PERIODIC", "by_cases", "periodic"]

_LN2_HIGH, _LN2_LOW = 0.6931471803691238, 1.9082149292705877e-10  # the first has 32 bits
_HALF_PI_HIGH, _HALF_PI_LOW = 1.5707963267341256, 6.077100506506192e-11  # the first has 33 bits
_FAST_LIMIT = 1 << 19

# (exp(r) - 1 - r) / r² for |r| ≤ ln 2 / 2
_EXP = (
    *(0.4999999999995507, 0.16666666666662583, 0.041666666786337556, 0.008333333344209506),
    *(0.001388883909064138, 0.00019841224581544105, 2.4867883453521802e-05, 2.761757684835413e-06),
)
# (log((1 + s) / (1 - s)) - 2s) / s³ in s², for |s| ≤ (√2 - 1) / (√2 + 1)
_LOG = (
    *(0.6666666666666208, 0.40000000011217896, 0.28571424134707796),
    *(0.22222862673651322, 0.181401766003153, 0.16622077041783972),
)
# (sin(r) / r - 1) / r² and (cos(r) - 1) / r² in r², for |r| ≤ π/4
_SIN = (-0.16666666666663882, 0.008333333331077422, -0.0001984126691523504, 2.7555990399839905e-06, -2.4805587179980646e-08)
_COS = (-0.49999999999963857, 0.041666666637372694, -0.0013888885089126252, 2.479986150250612e-05, -2.7237076731325097e-07)
# (atan(t) / t - 1) / t² in t², for |t| ≤ 1
_ATAN = (
    *(-0.3333333333230858, 0.1999999965269345, -0.14285694570640292, 0.11110666303625419, -0.09085624177887072),
    *(0.07654295472644398, -0.06487062356606563, 0.052943908816199266, -0.038767022568525905, 0.02324837369843582),
    *(-0.010257166271499646, 0.002875485609943425, -0.0003778858076662609),
)


def _negative(f: Function, x: Value) -> Value:
    return f.op(x.type, f"fneg {x.type} {x}")


# --- exponentials


def _reduced(f: Function, x: Value) -> tuple[Value, Value]:
    """2^n and exp(r) - 1 for x = n·ln 2 + r, |x| ≤ 700."""
    n = f.intrinsic("roundeven", f.binary("fmul", x, number(x, 1 / math.log(2))))
    r = fused(f, n, -_LN2_HIGH, x)
    r = fused(f, n, -_LN2_LOW, r)
    p = fused(f, f.binary("fmul", r, r), evaluate(f, r, _EXP), r)
    whole = f.cast("fptosi", n, "i32")
    whole = f.cast("sext", f.op(whole.type, f"freeze {whole.type} {whole}"), "i64")
    shifted = f.binary("shl", f.binary("add", whole, constant(whole.type, 1023)), constant(whole.type, 52))
    return f.cast("bitcast", shifted, "double"), p


def _exp(f: Function, x: Value) -> Value:
    """exp(x); what float32 can't hold is as good as infinite, or zero."""
    power, p = _reduced(f, clamp(f, x, -200.0, 200.0))
    return fused(f, power, p, power)


def _expm1(f: Function, x: Value) -> Value:
    """exp(x) - 1 as 2^n·(exp(r) - 1) + (2^n - 1)."""
    power, p = _reduced(f, clamp(f, x, -200.0, 200.0))
    return fused(f, power, p, f.binary("fsub", power, number(x, 1.0)))


def expm1(f: Function, x: Value) -> Value:
    """Zeros keep their sign."""
    return f.select(f.test("fcmp oeq", x, number(x, 0.0)), x, _expm1(f, x))


def sinh(f: Function, x: Value) -> Value:
    """(e + e / (e + 1)) / 2 with e = exp(|x|) - 1."""
    e = _expm1(f, f.intrinsic("fabs", x))
    twice = f.binary("fadd", e, f.binary("fdiv", e, f.binary("fadd", e, number(x, 1.0))))
    return f.intrinsic("copysign", f.binary("fmul", twice, number(x, 0.5)), x)


def cosh(f: Function, x: Value) -> Value:
    e = _exp(f, f.intrinsic("fabs", x))
    return f.binary("fmul", f.binary("fadd", e, f.binary("fdiv", number(x, 1.0), e)), number(x, 0.5))


# --- logarithms


def _log1p(f: Function, y: Value, u: Value) -> Value:
    """log(u) for u = 1 + y > 0: where u is near 1 the term y keeps what the sum lost. Infinity and NaN pass through."""
    bits = f.cast("bitcast", u, "i64")
    type = bits.type
    root = constant(type, 0x3FE6A09E667F3BCD)  # of √½
    whole = f.binary("ashr", f.binary("sub", bits, root), constant(type, 52))
    m = f.cast("bitcast", f.binary("sub", bits, f.binary("shl", whole, constant(type, 52))), "double")
    t = f.select(f.test("icmp eq", whole, constant(type, 0)), y, f.binary("fsub", m, number(u, 1.0)))
    s = f.binary("fdiv", t, f.binary("fadd", t, number(u, 2.0)))
    square = f.binary("fmul", s, s)
    series = fused(f, f.binary("fmul", square, s), evaluate(f, square, _LOG), f.binary("fadd", s, s))
    e = f.cast("sitofp", f.cast("trunc", whole, "i32"), "double")
    result = fused(f, e, math.log(2), series)
    return f.select(f.test("fcmp ult", u, number(u, float("inf"))), where_nan(f, u, result), u)


def _positive_log(f: Function, x: Value) -> Value:
    """log(x); -inf for zero, NaN below."""
    result = _log1p(f, f.binary("fsub", x, number(x, 1.0)), x)
    result = f.select(f.test("fcmp oeq", x, number(x, 0.0)), number(x, float("-inf")), result)
    return f.select(less(f, x, 0.0), number(x, float("nan")), result)


def log2(f: Function, x: Value) -> Value:
    return f.binary("fmul", _positive_log(f, x), number(x, 1 / math.log(2)))


def asinh(f: Function, x: Value) -> Value:
    """log1p(a + a² / (1 + √(1 + a²))) with a = |x|."""
    a = f.intrinsic("fabs", x)
    square = f.binary("fmul", a, a)
    root = f.intrinsic("sqrt", f.binary("fadd", square, number(x, 1.0)))
    y = f.binary("fadd", a, f.binary("fdiv", square, f.binary("fadd", root, number(x, 1.0))))
    y = f.select(f.test("fcmp oeq", a, number(x, float("inf"))), a, y)
    return f.intrinsic("copysign", _log1p(f, y, f.binary("fadd", y, number(x, 1.0))), x)


def acosh(f: Function, x: Value) -> Value:
    """log1p(t + √(2t + t²)) with t = x - 1; NaN below 1."""
    t = f.binary("fsub", x, number(x, 1.0))
    root = f.intrinsic("sqrt", f.binary("fmul", t, f.binary("fadd", t, number(x, 2.0))))
    y = f.binary("fadd", t, root)
    result = _log1p(f, y, f.binary("fadd", y, number(x, 1.0)))
    return f.select(less(f, t, 0.0), number(x, float("nan")), result)


def atanh(f: Function, x: Value) -> Value:
    """log1p(2a / (1 - a)) / 2 with a = |x|; NaN beyond 1."""
    a = f.intrinsic("fabs", x)
    y = f.binary("fdiv", f.binary("fadd", a, a), f.binary("fsub", number(x, 1.0), a))
    result = f.binary("fmul", _log1p(f, y, f.binary("fadd", y, number(x, 1.0))), number(x, 0.5))
    result = f.select(f.test("fcmp ogt", a, number(x, 1.0)), number(x, float("nan")), result)
    return f.intrinsic("copysign", result, x)


def power(f: Function, x: Value, y: Value) -> Value:
    """x^y by exp(y·log|x|)."""
    return by_cases(f, x, y, _exp(f, f.binary("fmul", y, _positive_log(f, f.intrinsic("fabs", x)))))


def by_cases(f: Function, x: Value, y: Value, result: Value) -> Value:
    """x^y, given |x|^y, by C's rules for signs, zeros, ones and infinities."""
    one, nil = number(x, 1.0), number(x, 0.0)
    a = f.intrinsic("fabs", x)
    result = f.select(f.test("fcmp oeq", a, one), one, result)
    is_integer = f.test("fcmp oeq", f.intrinsic("floor", y), y)
    half = f.binary("fmul", y, number(y, 0.5))
    is_odd = f.binary("and", is_integer, f.test("fcmp une", f.intrinsic("floor", half), half))
    bits = f.cast("bitcast", x, "i64")
    is_negative = f.test("icmp slt", bits, constant(bits.type, 0))
    result = f.select(f.binary("and", is_negative, is_odd), _negative(f, result), result)
    is_finite = f.test("fcmp olt", a, number(x, float("inf")))
    has_root = f.binary("and", f.test("fcmp olt", x, nil), is_finite)
    is_fraction = f.binary("and", f.test("fcmp ord", y, y), f.test("fcmp une", f.intrinsic("floor", y), y))
    result = f.select(f.binary("and", has_root, is_fraction), number(x, float("nan")), result)
    result = where_nan(f, y, where_nan(f, x, result))
    is_one = f.binary("or", f.test("fcmp oeq", y, nil), f.test("fcmp oeq", x, one))
    return f.select(is_one, one, result)


# --- circular functions

PERIODIC = frozenset(("sin", "cos", "tan"))


def periodic(f: Function, name: str, x: Value, exactly: Callable[[], Value]) -> Value:
    """sin, cos or tan of a float32: reduced by multiples of π/2 in float64; `exactly` computes it where arguments are large."""
    is_large = f.test("fcmp oge", f.intrinsic("fabs", x), number(x, float(_FAST_LIMIT)))
    wide = f.cast("fpext", x, "double")
    return f.choose(any_lane(f, is_large), lambda: [exactly()], lambda: [f.cast("fptrunc", _circular(f, name, wide), "float")])[0]


def _circular(f: Function, name: str, x: Value) -> Value:
    k = f.intrinsic("roundeven", f.binary("fmul", x, number(x, 2 / math.pi)))
    r = fused(f, k, -_HALF_PI_HIGH, x)
    r = fused(f, k, -_HALF_PI_LOW, r)
    square = f.binary("fmul", r, r)
    sine = fused(f, f.binary("fmul", square, r), evaluate(f, square, _SIN), r)
    cosine = fused(f, square, evaluate(f, square, _COS), number(x, 1.0))
    quadrant = f.cast("fptosi", k, "i32")
    quadrant = f.op(quadrant.type, f"freeze {quadrant.type} {quadrant}")
    if name == "cos":
        quadrant = f.binary("add", quadrant, constant(quadrant.type, 1))
    one, two, nil = (constant(quadrant.type, n) for n in (1, 2, 0))
    is_turned = f.test("icmp ne", f.binary("and", quadrant, one), nil)
    if name == "tan":
        top = f.select(is_turned, _negative(f, cosine), sine)
        return f.binary("fdiv", top, f.select(is_turned, sine, cosine))
    result = f.select(is_turned, cosine, sine)
    is_below = f.test("icmp ne", f.binary("and", quadrant, two), nil)
    return f.select(is_below, _negative(f, result), result)


def _atan_of_unit(f: Function, t: Value) -> Value:
    """atan(t) for |t| ≤ 1."""
    square = f.binary("fmul", t, t)
    return fused(f, f.binary("fmul", square, t), evaluate(f, square, _ATAN), t)


def atan(f: Function, x: Value) -> Value:
    a = f.intrinsic("fabs", x)
    is_steep = f.test("fcmp ogt", a, number(x, 1.0))
    angle = _atan_of_unit(f, f.select(is_steep, f.binary("fdiv", number(x, 1.0), a), a))
    angle = f.select(is_steep, f.binary("fsub", number(x, math.pi / 2), angle), angle)
    return f.intrinsic("copysign", angle, x)


def atan2(f: Function, y: Value, x: Value) -> Value:
    """The angle of (x, y) in (-π, π], with C's rules for zeros and infinities."""
    a, b = f.intrinsic("fabs", y), f.intrinsic("fabs", x)
    is_steep = f.test("fcmp ogt", a, b)
    low, high = f.select(is_steep, b, a), f.select(is_steep, a, b)
    ratio = f.binary("fdiv", low, high)
    ratio = f.select(f.test("fcmp oeq", high, number(x, 0.0)), number(x, 0.0), ratio)
    ratio = f.select(f.test("fcmp oeq", low, number(x, float("inf"))), number(x, 1.0), ratio)
    angle = _atan_of_unit(f, ratio)
    angle = f.select(is_steep, f.binary("fsub", number(x, math.pi / 2), angle), angle)
    bits = f.cast("bitcast", x, "i64")
    is_left = f.test("icmp slt", bits, constant(bits.type, 0))
    angle = f.select(is_left, f.binary("fsub", number(x, math.pi), angle), angle)
    return where_nan(f, x, where_nan(f, y, f.intrinsic("copysign", angle, y)))


def _cosine_of_sine(f: Function, x: Value) -> Value:
    """√((1 - x)(1 + x)); NaN beyond 1."""
    one = number(x, 1.0)
    return f.intrinsic("sqrt", f.binary("fmul", f.binary("fsub", one, x), f.binary("fadd", one, x)))


def asin(f: Function, x: Value) -> Value:
    return atan2(f, x, _cosine_of_sine(f, x))


def acos(f: Function, x: Value) -> Value:
    return atan2(f, _cosine_of_sine(f, x), x)


FUNCTIONS: dict[str, Callable[..., Value]] = {
    "expm1": expm1,
    "sinh": sinh,
    "cosh": cosh,
    "log2": log2,
    "asinh": asinh,
    "acosh": acosh,
    "atanh": atanh,
    "pow": power,
    "atan": atan,
    "atan2": atan2,
    "asin": asin,
    "acos": acos,
}
