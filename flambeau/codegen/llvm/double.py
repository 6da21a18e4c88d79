"""exp, expm1, tanh, log and log1p of float64, in float64: within 1 unit in the last place (expm1 and log1p 1.5, tanh 2), for
all numbers.

The polynomials are minimax fits (Remez exchange) in high precision. May import the builder and `polynomial.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.polynomial import clamp, evaluate, fused, less, log1p, number, where_nan
from flambeau.codegen.llvm.types import Value, constant

__all__ = ["FUNCTIONS"]

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


def _reduced(f: Function, x: Value) -> tuple[Value, Value]:
    """n, as i64, and exp(r) - 1 for x = n·ln 2 + r."""
    n = f.intrinsic("roundeven", f.binary("fmul", x, number(x, 1 / math.log(2))))
    r = fused(f, n, number(x, -_LN2_HIGH), x)
    r = fused(f, n, number(x, -_LN2_LOW), r)
    p = fused(f, f.binary("fmul", r, r), evaluate(f, r, _EXP), r)
    whole = f.cast("fptosi", n, "i32")
    return f.cast("sext", f.op(whole.type, f"freeze {whole.type} {whole}"), "i64"), p  # NaN has no integer


def _power(f: Function, n: Value) -> Value:
    """2^n, where that is normal."""
    bits = f.binary("shl", f.binary("add", n, constant(n.type, 1023)), constant(n.type, 52))
    return f.cast("bitcast", bits, "double")


def exp(f: Function, x: Value) -> Value:
    """2^n · exp(r) with x = n·ln 2 + r, by two powers of two: results may be subnormal, or overflow."""
    whole, p = _reduced(f, clamp(f, x, -746.0, 710.0))
    p = f.binary("fadd", p, number(x, 1.0))
    half = f.binary("ashr", whole, constant(whole.type, 1))
    for part in (half, f.binary("sub", whole, half)):
        p = f.binary("fmul", p, _power(f, part))
    return p


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


def log(f: Function, x: Value) -> Value:
    """e·ln 2 + log(1 + t) with x = 2^e·(1 + t), 1 + t in [√½, √2): t - (t²/2 - s·(t²/2 + s²·P(s²))) with s = t / (2 + t)."""
    is_tiny = less(f, x, 2.2250738585072014e-308)
    scaled = f.select(is_tiny, f.binary("fmul", x, number(x, 2.0**54)), x)
    bits = f.cast("bitcast", scaled, "i64")
    type = bits.type
    whole = f.binary("ashr", f.binary("sub", bits, constant(type, _SQRT_HALF)), constant(type, 52))
    t = f.cast("bitcast", f.binary("sub", bits, f.binary("shl", whole, constant(type, 52))), "double")
    t = f.binary("fsub", t, number(x, 1.0))
    whole = f.binary("sub", whole, f.select(is_tiny, constant(type, 54), constant(type, 0)))
    e = f.cast("sitofp", f.cast("trunc", whole, "i32"), "double")
    half = f.binary("fmul", f.binary("fmul", t, t), number(x, 0.5))
    s = f.binary("fdiv", t, f.binary("fadd", t, number(x, 2.0)))
    square = f.binary("fmul", s, s)
    rest = fused(f, square, evaluate(f, square, _LOG), half)
    rest = fused(f, s, rest, f.binary("fmul", e, number(x, _LN2_LOW)))
    result = fused(f, e, number(x, _LN2_HIGH), f.binary("fsub", t, f.binary("fsub", half, rest)))
    infinity = number(x, float("inf"))
    result = f.select(f.test("fcmp oeq", x, infinity), infinity, result)
    result = f.select(f.test("fcmp oeq", x, number(x, 0.0)), number(x, float("-inf")), result)
    return where_nan(f, x, f.select(less(f, x, 0.0), number(x, float("nan")), result))


FUNCTIONS: dict[str, Callable[[Function, Value], Value]] = {
    "exp": exp, "expm1": expm1, "tanh": tanh, "log": log, "log1p": partial(log1p, log),
}  # fmt: skip
