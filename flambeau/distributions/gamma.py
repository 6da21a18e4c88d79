"""The gamma distribution, and gamma numbers with gradients to their parameter. May import `flambeau.tensor`, `flambeau.ops`."""

from __future__ import annotations

from typing import Any

from flambeau.distributions import constraints
from flambeau.distributions.exponential_family import ExponentialFamily
from flambeau.distributions.utils import above_zero, broadcast_all
from flambeau.ops.binary import xlogy
from flambeau.ops.choices import where
from flambeau.ops.composite import Composite, record, untaped
from flambeau.ops.operands import accumulation_dtype, cast
from flambeau.ops.random import standard_normal, uniform
from flambeau.ops.special.incomplete_gamma import igamma, tail_integral
from flambeau.tensor import Tensor

__all__ = ["Gamma", "standard_gamma"]


ROUNDS = 12
"""Proposals for each number; more than 95 % of them are taken, so fewer than one number in 10¹⁵ is left with the last one."""


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
    """dz/da at a fixed probability: -(∂F(z; a)/∂a) / p(z; a) (Figurnov, Mohamed & Mnih 2018).

    Below the mean F is the integral of the density p from 0 to z, above it 1 less that from z on; differentiating by a brings
    down log t - ψ(a).
    """
    own = a.dtype
    a, z = a.double(), z.double()
    logarithm = z.log() - a.digamma()
    found = tail_integral(a, z, lambda shift: logarithm + shift)
    return (z * where(z < a, -found, found)).to(own)


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

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return igamma(self.concentration, self.rate * value)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a - self.rate.log() + a.lgamma() + (1.0 - a) * a.digamma()
