"""sin, cos and tan in the width of their argument, where the processor fuses multiply-adds.

x = k·π/2 + r with |r| ≤ π/4: π/2 is given in three parts of the width, whose first product is subtracted exactly, so that the
rest is known to more than its own last place. The polynomials are minimax fits (Remez exchange) for even relative error.
sin and cos are within 1.1 units in the last place, tan within 2.2. Arguments past the limits, where the parts of π/2 give out,
are left to the caller. May import the builder and `polynomial.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.polynomial import any_lane, evaluate, fused, number
from flambeau.codegen.llvm.types import Value, bits_of, constant

__all__ = ["CIRCULAR", "circular", "is_fused"]

CIRCULAR = frozenset(("sin", "cos", "tan"))


@dataclass(frozen=True)
class _Width:
    limit: float
    half_pi: tuple[float, float, float]
    sine: tuple[float, ...]
    """(sin(r) - r) / r³ in r²."""
    cosine: tuple[float, ...]
    """(cos(r) - 1 + r²/2) / r⁴ in r²."""


_WIDTHS = {
    32: _Width(
        1e5,
        (1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15),
        (-0.1666665485422974, 0.008332172283108133, -0.00019516479962243378),
        (0.04166664671532039, -0.0013887359792163901, 2.443753303308789e-05),
    ),
    64: _Width(
        1e8,
        (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33),
        (
            *(-0.16666666666666632, 0.008333333333322285, -0.00019841269829700152, 2.7557313652997064e-06),
            *(-2.5050751792622324e-08, 1.5896416757671856e-10),
        ),
        (
            *(0.0416666666666666, -0.0013888888888873951, 2.4801587289368374e-05, -2.755731431802662e-07),
            *(2.087571842867539e-09, -1.1359388137439861e-11),
        ),
    ),
}  # fmt: skip


def is_fused(f: Function) -> bool:
    """Whether the target is known to have fused multiply-adds: all with vectors of 256 bits do."""
    return f.module.target.vector_bits > 128


def circular(f: Function, name: str, x: Value, otherwise: Callable[[], Value]) -> Value:
    """sin, cos or tan of x; `otherwise` computes it where an argument in any lane is past the limit."""
    width = _WIDTHS[bits_of(x.type)]
    is_large = f.test("fcmp oge", f.intrinsic("fabs", x), number(x, width.limit))
    return f.choose(any_lane(f, is_large), lambda: [otherwise()], lambda: [_within(f, name, x, width)])[0]


def _within(f: Function, name: str, x: Value, width: _Width) -> Value:
    k = f.intrinsic("roundeven", f.binary("fmul", x, number(x, 2 / math.pi)))
    minus = f.op(k.type, f"fneg {k.type} {k}")
    first, second, third = (number(x, part) for part in width.half_pi)
    whole = fused(f, minus, first, x)
    product = f.binary("fmul", minus, second)
    r, lost = _sum(f, whole, product)
    low = fused(f, minus, third, f.binary("fadd", lost, fused(f, minus, second, _minus(f, product))))
    square = f.binary("fmul", r, r)
    sine = fused(f, f.binary("fmul", square, r), evaluate(f, square, width.sine), low)
    sine = f.binary("fadd", r, sine)
    half = f.binary("fmul", square, number(x, 0.5))
    top = f.binary("fsub", number(x, 1.0), half)
    rest = f.binary("fsub", f.binary("fsub", number(x, 1.0), top), half)
    rest = fused(f, _minus(f, r), low, rest)
    tail = fused(f, f.binary("fmul", square, square), evaluate(f, square, width.cosine), rest)
    cosine = f.binary("fadd", top, tail)
    quadrant = f.cast("fptosi", k, "i32")
    quadrant = f.op(quadrant.type, f"freeze {quadrant.type} {quadrant}")  # NaN has no integer
    if name == "cos":
        quadrant = f.binary("add", quadrant, constant(quadrant.type, 1))
    one, two, nil = (constant(quadrant.type, n) for n in (1, 2, 0))
    is_turned = f.test("icmp ne", f.binary("and", quadrant, one), nil)
    result = f.select(is_turned, cosine, sine)
    if name == "tan":
        result = f.binary("fdiv", result, f.select(is_turned, _minus(f, sine), cosine))
    else:
        result = f.select(f.test("icmp ne", f.binary("and", quadrant, two), nil), _minus(f, result), result)
    if name != "cos":  # -0.0 is its own sine and tangent
        return f.select(f.test("fcmp oeq", x, number(x, 0.0)), x, result)
    return result


def _sum(f: Function, a: Value, b: Value) -> tuple[Value, Value]:
    """a + b, and what rounding lost of it (Knuth's two-sum)."""
    total = f.binary("fadd", a, b)
    part = f.binary("fsub", total, a)
    lost = f.binary("fsub", a, f.binary("fsub", total, part))
    return total, f.binary("fadd", lost, f.binary("fsub", b, part))


def _minus(f: Function, x: Value) -> Value:
    return f.op(x.type, f"fneg {x.type} {x}")
