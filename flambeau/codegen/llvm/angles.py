"""atan, atan2, asin and acos of float64, in float64: within 2 units in the last place.

The polynomials are minimax fits (Remez exchange) for even relative error. May import the builder and `polynomial.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.polynomial import evaluate, fused, number, where_nan
from flambeau.codegen.llvm.types import Value, constant

__all__ = ["FUNCTIONS"]

_HALF_PI_LOW = 6.123233995736766e-17  # π/2 - its float64

# (atan(t) / t - 1) / t² in t², for |t| ≤ tan(π/8)
_ATAN = (
    *(-0.333333333333332, 0.19999999999953205, -0.1428571428016215, 0.11111110781923993, -0.09090897718344072),
    *(0.07692059590340851, -0.06663097715649818, 0.05847848155014464, -0.050391391169707415, 0.03806080756193652),
    -0.01790355090589577,
)
# (asin(t) / t - 1) / t² in t², for |t| ≤ ½
_ASIN = (
    *(0.1666666666666676, 0.07499999999970798, 0.044642857174613096, 0.030381942707738786, 0.02237221498860659),
    *(0.017351612000580496, 0.013980820668201714, 0.011398911413870637, 0.010780256906042684, 0.003706393342688324),
    *(0.02170748613439169, -0.020999121445062153, 0.03262866333897436),
)


def _from(f: Function, quarters: int, angle: Value) -> Value:
    """quarters·π/2 - angle."""
    low = f.binary("fsub", number(angle, quarters * _HALF_PI_LOW), angle)
    return f.binary("fadd", number(angle, quarters * math.pi / 2), low)


def _angle(f: Function, a: Value, b: Value) -> Value:
    """The angle of (b, a), both ≥ 0, in [0, π/2]: of the smaller by the larger, less π/4 where that is past tan(π/8)."""
    infinity, nil = number(a, float("inf")), number(a, 0.0)
    is_steep = f.test("fcmp ogt", a, b)
    low, high = f.select(is_steep, b, a), f.select(is_steep, a, b)
    is_past = f.test("fcmp ogt", low, f.binary("fmul", high, number(a, math.tan(math.pi / 8))))
    scale = f.select(f.test("fcmp ogt", high, number(a, 1.0)), number(a, 0.25), number(a, 1.0))  # their sum may overflow
    less, more = f.binary("fmul", low, scale), f.binary("fmul", high, scale)
    top = f.select(is_past, f.binary("fsub", less, more), low)
    t = f.binary("fdiv", top, f.select(is_past, f.binary("fadd", less, more), high))
    t = f.select(f.test("fcmp oeq", high, nil), nil, t)
    t = f.select(f.test("fcmp oeq", high, infinity), nil, t)
    square = f.binary("fmul", t, t)
    angle = fused(f, f.binary("fmul", square, t), evaluate(f, square, _ATAN), t)
    both = f.test("fcmp oeq", low, infinity)
    is_past = f.binary("or", is_past, both)
    eighth = f.binary("fadd", number(a, math.pi / 4), f.binary("fadd", angle, number(a, _HALF_PI_LOW / 2)))
    angle = f.select(is_past, eighth, angle)
    return f.select(is_steep, _from(f, 1, angle), angle)


def atan(f: Function, x: Value) -> Value:
    return where_nan(f, x, f.intrinsic("copysign", _angle(f, f.intrinsic("fabs", x), number(x, 1.0)), x))


def atan2(f: Function, y: Value, x: Value) -> Value:
    """The angle of (x, y) in (-π, π], with C's rules for zeros and infinities."""
    angle = _angle(f, f.intrinsic("fabs", y), f.intrinsic("fabs", x))
    bits = f.cast("bitcast", x, "i64")
    angle = f.select(f.test("icmp slt", bits, constant(bits.type, 0)), _from(f, 2, angle), angle)
    return where_nan(f, x, where_nan(f, y, f.intrinsic("copysign", angle, y)))


def _arcs(f: Function, x: Value) -> tuple[Value, Value]:
    """Whether a = |x| is above ½, and asin of r: there r = √((1 - a) / 2), whose arc is half of acos(a), and else r = a."""
    a = f.intrinsic("fabs", x)
    is_large = f.test("fcmp ogt", a, number(x, 0.5))
    half = f.binary("fmul", f.binary("fsub", number(x, 1.0), a), number(x, 0.5))
    square = f.select(is_large, half, f.binary("fmul", a, a))
    r = f.select(is_large, f.intrinsic("sqrt", half), a)
    return is_large, fused(f, f.binary("fmul", square, r), evaluate(f, square, _ASIN), r)


def asin(f: Function, x: Value) -> Value:
    """NaN beyond 1, as the root is."""
    is_large, arc = _arcs(f, x)
    return f.intrinsic("copysign", f.select(is_large, _from(f, 1, f.binary("fadd", arc, arc)), arc), x)


def acos(f: Function, x: Value) -> Value:
    """NaN beyond 1, as the root is."""
    is_large, arc = _arcs(f, x)
    is_negative = f.test("fcmp olt", x, number(x, 0.0))
    twice = f.binary("fadd", arc, arc)
    large = f.select(is_negative, _from(f, 2, twice), twice)
    return f.select(is_large, large, _from(f, 1, f.intrinsic("copysign", arc, x)))


FUNCTIONS: dict[str, Callable[..., Value]] = {"atan": atan, "atan2": atan2, "asin": asin, "acos": acos}
