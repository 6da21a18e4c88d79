"""The regularised incomplete gamma functions, by one quadrature that serves all arguments.

May import what `flambeau.ops` may.
"""

from __future__ import annotations

import math
from typing import Any

from flambeau.dtypes import finfo
from flambeau.ops.choices import choose, minimum
from flambeau.ops.composite import Composite, record, untaped
from flambeau.ops.creation import tensor
from flambeau.ops.operands import accumulation_dtype, cast, check_tensor, operands
from flambeau.ops.registry import operator, scalar_name
from flambeau.ops.special.composed import legendre
from flambeau.ops.special.gamma_functions import lgamma, lgamma_of_one_more, stirling_tail
from flambeau.tensor import Tensor

__all__ = ["igamma", "igammac", "tail_integral"]

_NODES = 48


def tail_integral(a: Tensor, z: Tensor, factor: Any = None) -> Tensor:
    """Γ's lower part where z < a, its upper part elsewhere: ∫ (t / z)ᵃ e^(z - t) dt / t over t from 0 to z, or from z on.

    With t = z·e^(∓s) either is an integral over s > 0 that begins at its largest and ends where e⁻³⁵ is left of it: Gauss and
    Legendre's rule. `factor(log(t / z))` may be put under the integral.
    """
    nodes, weights = (tensor(v, dtype=a.dtype, device=a.device).view((_NODES,) + (1,) * a.dim()) for v in legendre(_NODES))
    is_lower = z < a
    wide = (0.5 * z).sqrt()
    below = 36 / minimum((a - z).clamp(min=0) + wide, a)
    above = 14 / ((z - a).clamp(min=0) + wide)
    for _ in range(6):  # from above towards z·(eˢ - 1) - a·s = 35
        above = ((35 + a * above) / z).clamp(max=finfo(z.dtype).max).log1p()
    end = choose(is_lower, -below, above, "igamma")
    shift = nodes * end
    under = (a * shift - z * shift.expm1()).exp()
    if factor is not None:
        under = under * factor(shift)
    return (weights * under).sum(0) * end.abs()


def _lower_series(a: Tensor, z: Tensor) -> Tensor:
    """Γ's lower part in the same units by powers of z, for z and a up to 1: there the integrand has a corner and a long tail."""
    total = z * 0 + 1
    for n in range(20, 0, -1):
        total = total * z / (a + n) + 1
    return total / a


def _upper_series(a: Tensor, z: Tensor) -> Tensor:
    """The upper function itself for z and a up to 1: 1 - zᵃ / Γ(1 + a), exact where that is small, and less

    zᵃ / Γ(a) · Σ (-z)ⁿ / ((a + n)·n!) over n ≥ 1 (Abramowitz and Stegun 6.5.29).
    """
    power = a * z.log()
    log_gamma = lgamma_of_one_more(a)
    total = z * 0
    for n in range(20, 0, -1):
        total = 1 / (a + n) - total * z / (n + 1)
    return (power - log_gamma).exp() * a * z * total - (power - log_gamma).expm1()


def _log_density(a: Tensor, z: Tensor) -> Tensor:
    """log(zᵃ e⁻ᶻ / Γ(a)). Where a is large its parts cancel: then about z = a, with what Stirling's series leaves of log Γ."""
    is_large = a > 8
    large = choose(is_large, a, 8.0, "igamma")
    away = (z - large) / large
    ratio = choose(away < -0.5, (z / large).log(), away.log1p(), "igamma")
    about = large * (ratio - away) + 0.5 * (large / (2 * math.pi)).log() - stirling_tail(large)
    return choose(is_large, about, a * z.log() - z - lgamma(a), "igamma")


def _parts(a: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """Both functions, of a and z in their domain; the smaller is computed, the other is 1 less it.

    Which one that is where both are small is Cephes' rule: the lower one from a = -0.4 / log z on.
    """
    inside = (a > 0) & (z > 0) & (a < math.inf) & (z < math.inf)
    x, t = choose(inside, a, 1.0, "igamma"), choose(inside, z, 1.0, "igamma")
    is_small = (t <= 1) & (x <= 1)
    is_lower = choose(t <= 0.5, x > -0.4 / choose(t <= 0.5, t, 0.5, "igamma").log(), t < x, "igamma")
    few, little = choose(is_small, x, 0.5, "igamma"), choose(is_small, t, 0.5, "igamma")
    units = choose(is_small, _lower_series(few, little), tail_integral(x, t), "igamma")
    part = (_log_density(x, t).exp() * units).clamp(max=1.0)
    part = choose(is_small & ~is_lower, _upper_series(few, little), part, "igamma")
    lower, upper = choose(is_lower, part, 1 - part, "igamma"), choose(is_lower, 1 - part, part, "igamma")
    none, all = (z == 0) | (a == math.inf), (a == 0) | (z == math.inf)
    bad = (a < 0) | (z < 0) | (none & all) | (a != a) | (z != z)
    lower = lower._fill_where(none, 0.0)._fill_where(all, 1.0)._fill_where(bad, math.nan)
    return lower, upper._fill_where(none, 1.0)._fill_where(all, 0.0)._fill_where(bad, math.nan)


def _incomplete(name: str, input: Tensor, other: Tensor, which: int) -> Tensor:
    check_tensor(input, name, "input")
    check_tensor(other, name, "other", 2)
    a, z = operands(name, input, other)
    if a.dtype.category != 2:
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{scalar_name(a)}'")
    wide = accumulation_dtype(a.dtype)
    with untaped():
        y = cast(_parts(cast(a, wide), cast(z, wide))[which], a.dtype)
    return record(_COMPOSITES[which], y, (a, z))


def _composite(name: str, sign: float) -> Composite:
    def unknown() -> Tensor:
        raise NotImplementedError(f"the derivative for '{name}: input' is not implemented.")

    def gradient(g: Tensor, y: Any, inputs: Any, params: Any) -> tuple[Any, Any]:
        a, z = inputs
        return unknown, lambda: g * (sign * ((a - 1) * z.log() - z - lgamma(a)).exp())

    return Composite(name, gradient)


_COMPOSITES = (_composite("igamma", 1.0), _composite("igammac", -1.0))


@operator("igamma", inplace=True, out=True)
def igamma(input: Tensor, other: Tensor) -> Tensor:
    """P(a, z) = ∫₀ᶻ tᵃ⁻¹ e⁻ᵗ dt / Γ(a), for `input` a ≥ 0 and `other` z ≥ 0, elementwise; NaN elsewhere.

    The gradient reaches `other` only.
    """
    return _incomplete("igamma", input, other, 0)


@operator("igammac", inplace=True, out=True)
def igammac(input: Tensor, other: Tensor) -> Tensor:
    """Q(a, z) = 1 - P(a, z), see `igamma`; exact where it is small."""
    return _incomplete("igammac", input, other, 1)
