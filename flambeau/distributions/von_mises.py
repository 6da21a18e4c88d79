"""The von Mises distribution. May import `flambeau.tensor`, `flambeau.ops`."""

from __future__ import annotations

import math
from typing import Any

from flambeau.autograd.modes import no_grad
from flambeau.distributions import constraints
from flambeau.distributions.distribution import Distribution
from flambeau.distributions.utils import broadcast_all
from flambeau.ops.random import uniform
from flambeau.ops.special.bessel import i0
from flambeau.tensor import Tensor

__all__ = ["VonMises"]


ROUNDS = 32
"""Proposals for each number: at least 66 % of them are taken."""


class VonMises(Distribution):
    """Density proportional to exp(concentration · cos(x - loc)) on a circle."""

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real
    has_rsample = False

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.size(), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc

    mode = mean

    @property
    def variance(self) -> Tensor:
        """1 - I₁(concentration) / I₀(concentration)."""
        from flambeau.ops.special.bessel import i1

        k = self.concentration.double()
        return (1 - i1(k) / i0(k)).to(self.loc.dtype)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """By Best and Fisher's method (1979)."""
        shape = tuple(self._extended_shape(sample_shape))
        with no_grad():
            k = self.concentration.double().expand(shape)
            tau = 1 + (1 + 4 * k * k).sqrt()
            rho = (tau - (2 * tau).sqrt()) / (2 * k)
            proposal = ((1 + rho * rho) / (2 * rho))._fill_where(k < 1e-5, float("inf"))
            u1, u2, u3 = (uniform((ROUNDS, *shape), k.dtype, k._storage.device, None) for _ in range(3))
            z = (math.pi * u1).cos()
            f = (1 + proposal * z) / (proposal + z)
            c = k * (proposal - f)
            taken = (c * (2 - c) - u2 > 0) | ((c / u2).log() + 1 - c >= 0)
            first = taken.to(k.dtype).argmax(0, keepdim=True)
            angle = ((u3 - 0.5).sign() * f.clamp(min=-1, max=1).acos()).gather(0, first).squeeze(0)
            return ((angle + math.pi + self.loc) % (2 * math.pi) - math.pi).to(self.loc.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        k = self.concentration
        return k * (value - self.loc).cos() - math.log(2 * math.pi) - i0(k.double()).log().to(k.dtype)
