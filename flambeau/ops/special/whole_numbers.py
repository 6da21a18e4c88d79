"""Divisors and multiples of whole numbers.

May import what `flambeau.ops` may.
"""

from __future__ import annotations

from flambeau.graph.primitives.elementwise import GCD
from flambeau.ops.arithmetic import mul
from flambeau.ops.operands import check_tensor, operands
from flambeau.ops.registry import operator, scalar_name
from flambeau.tensor import Tensor

__all__ = ["gcd", "lcm"]


def _whole_operands(name: str, input: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    check_tensor(input, name, "input")
    check_tensor(other, name, "other", 2)
    a, b = operands(name, input, other)
    if a.dtype.category != 1:
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{scalar_name(a)}'")
    return a, b


@operator(inplace=True, inplace_function=True, out=True)
def gcd(input: Tensor, other: Tensor) -> Tensor:
    """The greatest common divisor, not negative."""
    a, b = _whole_operands("gcd", input, other)
    return Tensor._apply(GCD, (a, b))


@operator(inplace=True, inplace_function=True, out=True)
def lcm(input: Tensor, other: Tensor) -> Tensor:
    """The least common multiple."""
    a, b = _whole_operands("lcm", input, other)
    common = gcd(a, b)
    return mul(a.div(common._fill_where(common == 0, 1), rounding_mode="trunc"), b).abs()
