"""Polynomials and the pieces that elementary functions share, for floats of either width. May import the builder."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.types import Value, constant

__all__ = ["any_lane", "clamp", "evaluate", "fused", "less", "log1p", "number", "where_nan"]


def number(x: Value, value: float) -> Value:
    """A constant of x's type."""
    return constant(x.type, float(value))


def coefficient(f: Function, x: Value, value: float) -> Value:
    """A constant of x's type, of which there are many: it is an operand in memory where registers are few."""
    if x.type[0] != "<" or f.module.target.registers >= 32:
        return number(x, value)
    return f.load(x.type, Value(f.module.coefficient(x.type, value), "ptr"))


def fused(f: Function, a: Value, b: Value | float, c: Value | float) -> Value:
    """a·b + c, fused where the processor can."""
    b, c = (v if isinstance(v, Value) else coefficient(f, a, v) for v in (b, c))
    return f.multiply_add(a, b, c)


def evaluate(f: Function, x: Value, coefficients: Sequence[float]) -> Value:
    """Σ coefficients[k]·x^k in pairs (Estrin's scheme): a shorter chain of dependent operations than Horner's."""
    terms: list[Value | float] = list(coefficients)
    power = x
    while len(terms) > 1:
        paired: list[Value | float] = []
        for i in range(0, len(terms) - 1, 2):
            high, low = terms[i + 1], terms[i]
            paired.append(fused(f, power, high, low))
        if len(terms) % 2:
            paired.append(terms[-1])
        terms = paired
        if len(terms) > 1:
            power = f.binary("fmul", power, power)
    (result,) = terms
    return result if isinstance(result, Value) else number(x, result)


def less(f: Function, x: Value, bound: float) -> Value:
    """x < bound, false for NaN."""
    return f.test("fcmp olt", x, number(x, bound))


def where_nan(f: Function, x: Value, result: Value) -> Value:
    """`result`, but x itself where x is NaN."""
    return f.select(f.test("fcmp uno", x, x), x, result)


def clamp(f: Function, x: Value, low: float, high: float) -> Value:
    """x within bounds; NaN stays."""
    x = f.select(less(f, x, low), number(x, low), x)
    return f.select(f.test("fcmp ogt", x, number(x, high)), number(x, high), x)


def any_lane(f: Function, condition: Value) -> Value:
    """Whether a condition holds in any lane (i1)."""
    if condition.type == "i1":
        return condition
    return f.call(f"llvm.vector.reduce.or.{f.suffix(condition.type)}", "i1", condition)


def log1p(log: Callable[[Function, Value], Value], f: Function, x: Value) -> Value:
    """log(u) + d / u for u = 1 + x as rounded and d = 1 + x - u, what the rounding lost."""
    one = number(x, 1.0)
    u = f.binary("fadd", x, one)
    large = f.test("fcmp ogt", x, one)  # then it is the one that loses digits
    lost = f.select(large, f.binary("fsub", one, f.binary("fsub", u, x)), f.binary("fsub", x, f.binary("fsub", u, one)))
    lost = f.binary("fdiv", lost, u)
    lost = f.select(f.test("fcmp uno", lost, lost), number(x, 0.0), lost)  # u is 0, infinite or NaN, and its logarithm right
    result = f.binary("fadd", log(f, u), lost)
    return f.select(f.test("fcmp oeq", x, number(x, 0.0)), x, result)
