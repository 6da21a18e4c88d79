"""What special functions are written with: a result with a gradient of its own, polynomials, quadrature.

May import what `flambeau.ops` may.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from flambeau.ops.composite import Composite, record, untaped
from flambeau.ops.operands import accumulation_dtype, cast
from flambeau.ops.pointwise import unary_operand
from flambeau.ops.registry import operator, scalar_name
from flambeau.tensor import Tensor

__all__ = ["EULER", "composed", "polynomial", "legendre", "refuse_halves", "wide_operand", "without_gradient"]

EULER = 0.5772156649015329
"""Euler and Mascheroni's constant γ."""


def composed(name: str, x: Tensor, f: Any, gradient: Any, params: tuple[Any, ...] = (), saves: str = "inputs") -> Tensor:
    """f of x, in float32 for half types, with its own gradient on the tape, which reads what it `saves`."""
    wide = accumulation_dtype(x.dtype)
    with untaped():
        y = cast(f(cast(x, wide)), x.dtype)
    return record(Composite(name, gradient, saves=saves), y, (x,), params)


def wide_operand(name: str, input: Tensor) -> Tensor:
    """`unary_operand`, of float32 or float64. Raises NotImplementedError for half types, as PyTorch does for some functions."""
    x = unary_operand(name, input)
    refuse_halves(name, x)
    return x


def without_gradient(name: str, title: str, value: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    """The operator of `torch.special` with these values, of float32 and float64 alone."""

    def function(input: Tensor) -> Tensor:
        x = wide_operand(name, input)
        with untaped():
            return value(x).detach()

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"The {title}. Not differentiable, as in PyTorch."
    return operator(name, namespace="special", method=False, out=True)(function)


def refuse_halves(name: str, x: Tensor) -> None:
    """Raises NotImplementedError for a half type."""
    if x.dtype.itemsize == 2:
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{scalar_name(x)}'")


def polynomial(x: Tensor, coefficients: tuple[float, ...]) -> Tensor:
    """Horner's rule, the highest power's coefficient first."""
    result = x * coefficients[0] + coefficients[1]
    for c in coefficients[2:]:
        result = result * x + c
    return result


def legendre(n: int) -> tuple[list[float], list[float]]:
    """Gauss and Legendre's n nodes and weights on [0, 1], by Newton's method on the polynomial."""
    nodes, weights = [], []
    for i in range(n):
        x = math.cos(math.pi * (i + 0.75) / (n + 0.5))
        for _ in range(100):
            p, before = 1.0, 0.0
            for k in range(n):
                p, before = ((2 * k + 1) * x * p - k * before) / (k + 1), p
            slope = n * (x * p - before) / (x * x - 1)
            step = p / slope
            x -= step
            if abs(step) < 1e-15:
                break
        nodes.append((1 + x) / 2)
        weights.append(1 / ((1 - x * x) * slope * slope))
    return nodes, weights
