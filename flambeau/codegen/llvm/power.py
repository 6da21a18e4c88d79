"""x^y of float64, in float64, where the processor fuses multiply-adds: within 1.1 units in the last place.

2^(y·log2|x|), the logarithm to twice the digits, for the exponent's integer part takes up to eleven bits: numbers are pairs,
high + low, and a product's rounding error is found by a fused multiply-add (T. J. Dekker, "A floating-point technique for
extending the available precision", 1971). The polynomials are minimax fits (Remez exchange). May import the builder,
`double.py`, `polynomial.py` and `through_double.py`.
"""

from __future__ import annotations

import math

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.double import parts_of
from flambeau.codegen.llvm.polynomial import evaluate, fused, number
from flambeau.codegen.llvm.through_double import by_cases
from flambeau.codegen.llvm.types import Value, constant

__all__ = ["power"]

Pair = tuple[Value, Value]

_LOG2_E = (1 / math.log(2), 2.0355273740931033e-17)
_TWO_THIRDS = (2 / 3, 3.700743415417188e-17)
# (log((1 + s) / (1 - s)) - 2s - ⅔s³) / s⁵ in s², for |s| ≤ (√2 - 1) / (√2 + 1)
_LOG = (
    *(0.3999999999999998, 0.28571428571445073, 0.2222222221754462, 0.18181818869499272, 0.15384556916238498),
    *(0.1333631600095465, 0.11674842035780283, 0.11988852459953088),
)
# (2^r - 1) / r for |r| ≤ ½
_EXP2 = (
    *(0.6931471805599453, 0.24022650695910072, 0.0555041086648217, 0.009618129107628496, 0.0013333558146390503),
    *(0.00015403530393340236, 1.5252733856201395e-05, 1.321548683365661e-06, 1.0178051217728603e-07),
    *(7.054888055035803e-09, 4.456673035481482e-10, 2.574205236606715e-11),
)
_LIMIT = 1100.0
"""Powers of two beyond this are infinite, or zero."""


def _product(f: Function, a: Value, b: Value) -> Pair:
    high = f.binary("fmul", a, b)
    return high, fused(f, a, b, f.op(high.type, f"fneg {high.type} {high}"))


def _sum(f: Function, a: Value, b: Value) -> Pair:
    """For |a| ≥ |b|, or a = 0."""
    high = f.binary("fadd", a, b)
    return high, f.binary("fsub", b, f.binary("fsub", high, a))


def _times(f: Function, a: Pair, b: Pair) -> Pair:
    high, low = _product(f, a[0], b[0])
    return high, fused(f, a[0], b[1], fused(f, a[1], b[0], low))


def _log2(f: Function, x: Value) -> Pair:
    """Of finite x > 0, to some 100 bits of the integer part and 63 of the fraction."""
    e, t = parts_of(f, x)
    two = number(x, 2.0)
    below, lost = _sum(f, two, t)
    inverse = f.binary("fdiv", number(x, 1.0), below)
    s = f.binary("fmul", t, inverse)
    minus = f.op(s.type, f"fneg {s.type} {s}")
    rest = fused(f, minus, lost, fused(f, minus, below, t))
    share = s, f.binary("fmul", rest, inverse)
    square = _times(f, share, share)
    cube = _times(f, square, share)
    third = _times(f, cube, (number(x, _TWO_THIRDS[0]), number(x, _TWO_THIRDS[1])))
    tail = f.binary("fmul", f.binary("fmul", cube[0], square[0]), evaluate(f, square[0], _LOG))
    high, low = _sum(f, f.binary("fadd", s, s), third[0])
    low = f.binary("fadd", low, f.binary("fadd", fused(f, two, share[1], third[1]), tail))
    high, low = _times(f, (high, low), (number(x, _LOG2_E[0]), number(x, _LOG2_E[1])))
    whole, part = _sum(f, e, high)
    return whole, f.binary("fadd", part, low)


def power(f: Function, x: Value, y: Value) -> Value:
    a = f.intrinsic("fabs", x)
    infinity = number(x, float("inf"))
    high, low = _log2(f, a)
    for limit, value in ((number(x, 0.0), float("-inf")), (infinity, float("inf"))):
        high = f.select(f.test("fcmp oeq", a, limit), number(x, value), high)
    exponent, rest = _product(f, y, high)
    rest = fused(f, y, low, rest)
    is_past = f.test("fcmp uge", f.intrinsic("fabs", exponent), number(x, _LIMIT))
    rest = f.select(is_past, number(x, 0.0), rest)
    exponent = f.select(is_past, f.intrinsic("copysign", number(x, _LIMIT), exponent), exponent)
    n = f.intrinsic("roundeven", exponent)
    r = f.binary("fadd", f.binary("fsub", exponent, n), rest)
    result = fused(f, r, evaluate(f, r, _EXP2), number(x, 1.0))
    whole = f.cast("sext", f.cast("fptosi", n, "i32"), "i64")
    half = f.binary("ashr", whole, constant(whole.type, 1))
    for part in (half, f.binary("sub", whole, half)):
        bits = f.binary("shl", f.binary("add", part, constant(part.type, 1023)), constant(part.type, 52))
        result = f.binary("fmul", result, f.cast("bitcast", bits, "double"))
    return by_cases(f, x, y, result)
