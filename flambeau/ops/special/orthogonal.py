"""Orthogonal polynomials of given degrees, by their recurrences.

May import what `flambeau.ops` may.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from flambeau.ops.choices import choose
from flambeau.ops.composite import untaped
from flambeau.ops.operands import operands, python_number
from flambeau.ops.registry import operator
from flambeau.ops.special.composed import refuse_halves
from flambeau.tensor import Tensor

__all__: list[str] = []

_HIGHEST = 1 << 14
"""The highest degree that is evaluated: the steps of a recurrence are operators of a graph, one after another."""

_Recurrence = tuple[Callable[[Tensor], Any], Callable[[int, Tensor, Tensor, Tensor], Tensor]]


def _evaluated(name: str, input: Any, n: Any, recurrence: _Recurrence) -> Tensor:
    """p_n(x) from p₀ = 1, p₁(x), and p_{k+1} of k, x, p_k and p_{k-1}. Looks at the largest degree where they are a tensor."""
    first, following = recurrence
    x, degrees = operands(name, input, n, float_result=True)
    refuse_halves(name, x)
    number = python_number(n)
    if number.__class__ is int and not -(1 << 63) <= number < 1 << 64:
        raise OverflowError(f"{name}(): a degree of {number} takes more than 64 bits")
    with untaped():
        degrees = choose(degrees.abs() < 2.0**63, degrees.trunc(), -1.0, name)  # also of NaN
        if number is not None:
            top = int(number) if abs(number) < 2**63 else -1
        else:
            top = int(degrees.max().item()) if degrees.numel() else 0
        if top > _HIGHEST:
            raise ValueError(f"{name}(): a degree of {top} would take as many steps; the highest is {_HIGHEST}")
        before, now = x * 0 + 1, first(x)
        found = choose(degrees == 0, 1.0, choose(degrees == 1, now, 0.0, name), name)
        for k in range(1, top):
            before, now = now, following(k, x, now, before)
            found = choose(degrees == k + 1, now, found, name)
        return found.detach()._laid_out_by(x, degrees)


def _define(name: str, title: str, first: Callable[[Tensor], Any], following: Callable[..., Tensor]) -> None:
    def polynomial(input: Any, n: Any) -> Tensor:
        return _evaluated(name, input, n, (first, following))

    polynomial.__name__ = polynomial.__qualname__ = name
    polynomial.__doc__ = (
        f"{title} of degree `n`, a number or a tensor truncated to whole numbers, elementwise; 0 below degree 0.\n\n"
        "    Not differentiable, as in PyTorch. Source of the recurrence: Abramowitz and Stegun, table 22.7.\n    "
    )
    globals()[name] = operator(name, namespace="special", method=False, out=True)(polynomial)
    __all__.append(name)


def _chebyshev(k: int, x: Tensor, now: Tensor, before: Tensor) -> Tensor:
    return 2 * x * now - before


def _line(slope: int, constant: int, x: Tensor) -> Tensor:
    return slope * x + constant


def _shifted(k: int, x: Tensor, now: Tensor, before: Tensor) -> Tensor:
    return _chebyshev(k, 2 * x - 1, now, before)


_KINDS = {"t": ("first", 1, 0), "u": ("second", 2, 0), "v": ("third", 2, -1), "w": ("fourth", 2, 1)}
for _kind, (_order, _slope, _constant) in _KINDS.items():
    _define(
        f"chebyshev_polynomial_{_kind}",
        f"Chebyshev's polynomial of the {_order} kind",
        partial(_line, _slope, _constant),
        _chebyshev,
    )
    _define(
        f"shifted_chebyshev_polynomial_{_kind}",
        f"Chebyshev's polynomial of the {_order} kind at 2·input - 1",
        partial(_line, 2 * _slope, _constant - _slope),
        _shifted,
    )
_define("hermite_polynomial_h", "Hermite's polynomial, physicists'", lambda x: 2 * x, lambda k, x, p, q: 2 * x * p - 2 * k * q)
_define("hermite_polynomial_he", "Hermite's polynomial, probabilists'", lambda x: x * 1, lambda k, x, p, q: x * p - k * q)
_define(
    "laguerre_polynomial_l",
    "Laguerre's polynomial",
    lambda x: 1 - x,
    lambda k, x, p, q: ((2 * k + 1 - x) * p - k * q) / (k + 1),
)
_define(
    "legendre_polynomial_p",
    "Legendre's polynomial",
    lambda x: x * 1,
    lambda k, x, p, q: ((2 * k + 1) * x * p - k * q) / (k + 1),
)
