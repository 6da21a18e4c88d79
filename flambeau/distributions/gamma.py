"""The gamma distribution, and gamma numbers with gradients to their parameter. May import `flambeau.tensor`, `flambeau.ops`."""

from __future__ import annotations

import math
from typing import Any

from flambeau.distributions import constraints
from flambeau.distributions.exponential_family import ExponentialFamily
from flambeau.distributions.utils import above_zero, broadcast_all
from flambeau.ops.binary import xlogy
from flambeau.ops.choices import minimum, where
from flambeau.ops.composite import Composite, record, untaped
from flambeau.ops.creation import tensor
from flambeau.ops.operands import accumulation_dtype, cast
from flambeau.ops.random import standard_normal, uniform
from flambeau.tensor import Tensor

__all__ = ["Gamma", "standard_gamma"]


ROUNDS = 12
"""Proposals for each number; more than 95 % of them are taken, so fewer than one number in 10¹⁵ is left with the last one."""
NODES = 48


def standard_gamma(concentration: Tensor) -> Tensor:
    """Gamma numbers of rate 1, by Marsaglia and Tsang's method (ACM TOMS 26, 2000); gradients reach the concentration."""
    own = concentration.dtype
    with untaped():
        a = cast(concentration.detach(), accumulation_dtype(own))
        drawn = cast(_drawn(a), own)
    return record(_GAMMA, drawn, (concentration,))


def _drawn(a: Tensor) -> Tensor:
    shape, device = tuple(a.shape), a._storage.device
    small = a < 1  # there a number of a + 1, times u^(1/a)
    d = a + small.to(a.dtype) - 1 / 3
    c = (9 * d).rsqrt()
    x = standard_normal((ROUNDS, *shape), a.dtype, device, None)
    u = uniform((ROUNDS, *shape), a.dtype, device, None, above_zero=True)
    v = (1 + c * x) ** 3
    taken = (v > 0) & (u.log() < 0.5 * x * x + d - d * v + d * above_zero(v).log())
    first = taken.to(a.dtype).argmax(0, keepdim=True)
    found = d * v.gather(0, first).squeeze(0)
    boost = (uniform(shape, a.dtype, device, None, above_zero=True).log() / a).exp()
    return above_zero(where(small, found * boost, found))


def _gradient(g: Tensor, y: Tensor, inputs: Any, params: Any) -> tuple[Tensor]:
    return (g * _derivative(inputs[0], y),)


def _derivative(a: Tensor, z: Tensor) -> Tensor:
    """dz/da at a fixed probability: -(∂F(z; a)/∂a) / p(z; a) (Figurnov, Mohamed & Mnih 2018), by quadrature.

    Below the mean F is the integral of p from 0 to z, above it 1 less that from z on. With t = z·e^(∓s) either is an integral
    over s > 0 that begins at its largest and ends where e^(-35) is left of it: Gauss and Legendre's rule.
    """
    own = a.dtype
    a, z = a.double(), z.double()
    units = [tensor(v, dtype=a.dtype, device=a.device).view((NODES,) + (1,) * a.dim()) for v in _legendre(NODES)]
    logarithm = z.log() - a.digamma()

    def integral(sign: int, end: Tensor) -> Tensor:
        shift = units[0] * end * -sign  # log t - log z
        return (units[1] * end * (a * shift - z * shift.expm1()).exp() * (logarithm + shift)).sum(0)

    wide = (0.5 * z).sqrt()
    below = 14 / minimum((a - z).clamp(min=0) + wide, a)
    above = 14 / ((z - a).clamp(min=0) + wide)
    for _ in range(6):  # from above towards z·(eˢ - 1) - a·s = 35
        above = ((35 + a * above) / z).log1p()
    return (z * where(z < a, -integral(1, below), integral(-1, above))).to(own)


def _legendre(n: int) -> tuple[list[float], list[float]]:
    """Gauss and Legendre's nodes and weights on [0, 1], by Newton's method on the polynomial."""
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


_GAMMA = Composite("standard_gamma", _gradient, saves="inputs output")


class Gamma(ExponentialFamily):
    """Density rateᵃ xᵃ⁻¹ exp(-rate · x) / Γ(a), a the concentration."""

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(self.concentration.size(), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate.pow(2)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        return above_zero(standard_gamma(self.concentration.expand(shape)) / self.rate.expand(shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        a, rate = self.concentration, self.rate
        return xlogy(a, rate) + xlogy(a - 1, value) - rate * value - a.lgamma()

    def entropy(self) -> Tensor:
        a = self.concentration
        return a - self.rate.log() + a.lgamma() + (1.0 - a) * a.digamma()
