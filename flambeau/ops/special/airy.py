"""Airy's function Ai, the solution of y″ = x·y that vanishes as x grows. Source: Abramowitz and Stegun, section 10.4, by number
at each. May import what `flambeau.ops` may.
"""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from functools import cache

from flambeau.dtypes import int64
from flambeau.ops.choices import choose
from flambeau.ops.creation import tensor
from flambeau.ops.operands import cast
from flambeau.ops.special.composed import without_gradient
from flambeau.tensor import Tensor

__all__ = ["airy_ai"]

_AT_ZERO = (
    Decimal("0.35502805388781723926006318600418317639797917419918"),
    Decimal("-0.25881940379280679840518356018920396347909113835493"),
)
"""Ai and its derivative at 0 (10.4.4-5)."""
_LAST = 9
"""Taylor's series are about the whole numbers from -_LAST to _LAST, asymptotic expansions follow half a step beyond."""


@cache
def _values() -> tuple[list[float], list[float]]:
    """Ai and its derivative at those whole numbers: Maclaurin's series (10.4.2), whose terms all but cancel, with 60 digits."""
    values, slopes = [], []
    with localcontext() as context:
        context.prec = 60
        for x in range(-_LAST, _LAST + 1):
            value, slope, power = Decimal(0), Decimal(0), Decimal(1)
            a = [*_AT_ZERO, Decimal(0)]  # a of n + 3 is that of n by (n + 2)(n + 3)
            for n in range(160):
                value += a[n] * power
                slope += (n + 1) * a[n + 1] * power
                power *= x
                a.append(a[n] / ((n + 2) * (n + 3)))
            values.append(float(value))
            slopes.append(float(slope))
    return values, slopes


def _near(x: Tensor) -> Tensor:
    """Taylor's series about the nearest whole number."""
    center = x.round().clamp(-_LAST, _LAST)
    place = cast(center + _LAST, int64)
    before, last = (tensor(t, dtype=x.dtype, device=x.device)[place] for t in _values())
    step, earlier = x - center, x * 0
    power, total = step, before + last * step
    for n in range(22):
        earlier, before, last = before, last, (center * before + earlier) * (1 / ((n + 1) * (n + 2)))
        power = power * step
        total = total + last * power
    return total


def _terms(count: int) -> list[float]:
    """c_k of the expansions (10.4.58)."""
    terms = [1.0]
    for k in range(1, count):
        terms.append(terms[-1] * (6 * k - 5) * (6 * k - 3) * (6 * k - 1) / (216 * k * (2 * k - 1)))
    return terms


def _far(x: Tensor) -> Tensor:
    """The expansions where x is large (10.4.59) and where -x is (10.4.60)."""
    size = x.abs()
    root = size.sqrt()
    argument = size * root * (2 / 3)
    inverse = 1 / argument
    even, odd, power = x * 0, x * 0, x * 0 + 1
    alternating = x * 0
    for k, c in enumerate(_terms(26)):
        term = power * c
        alternating = alternating + term * (-1) ** k
        if k % 2:
            odd = odd + term * (-1) ** (k // 2)
        else:
            even = even + term * (-1) ** (k // 2)
        power = power * inverse
    scale = 1 / (root.sqrt() * math.sqrt(math.pi))
    cosine, sine = argument.cos(), argument.sin()
    falling = (-argument).exp() * alternating * 0.5
    waving = ((cosine + sine) * even - (cosine - sine) * odd) * math.sqrt(0.5)
    return scale * choose(x > 0, falling, waving, "airy_ai")


def _airy(x: Tensor) -> Tensor:
    is_near = x.abs() <= _LAST + 0.5
    series = _near(choose(is_near, x, 0.0, "airy_ai"))
    beyond = _far(choose(is_near, _LAST + 0.5, x, "airy_ai"))
    return choose(is_near, series, beyond, "airy_ai")._fill_where((x - x) != 0, math.nan)


airy_ai = without_gradient("airy_ai", "Airy function Ai", _airy)
