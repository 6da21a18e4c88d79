"""The continuous Bernoulli distribution. May import `flambeau.tensor`, `flambeau.ops`."""

from __future__ import annotations

import math
from typing import Any

from flambeau.distributions import constraints
from flambeau.distributions.binary_parameters import BinaryParameters
from flambeau.distributions.exponential_family import ExponentialFamily
from flambeau.distributions.utils import clamp_probs, log_odds_cost
from flambeau.ops.choices import where
from flambeau.ops.random import uniform
from flambeau.tensor import Tensor

__all__ = ["ContinuousBernoulli"]


class ContinuousBernoulli(BinaryParameters, ExponentialFamily):
    """Numbers in [0, 1] of density C probsˣ (1 - probs)¹⁻ˣ (Loaiza-Ganem & Cunningham 2019).

    Where `probs` lies within `lims`, around ½, the formulas cancel: there Taylor's series about ½ is taken.
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(
        self,
        probs: Any = None,
        logits: Any = None,
        lims: tuple[float, float] = (0.499, 0.501),
        validate_args: bool | None = None,
    ) -> None:
        self._lims = lims
        self._take(probs, logits)
        super().__init__(self._param.size(), validate_args=validate_args)
        if probs is not None:  # checked as they were given
            self.probs = self._param = clamp_probs(self.probs)

    def _near_half(self) -> Tensor:
        return (self.probs > self._lims[0]) & (self.probs <= self._lims[1])

    def _away(self) -> Tensor:
        """`probs` where the formulas are good, and a number for which they are elsewhere."""
        return self.probs._fill_where(self._near_half(), self._lims[0])

    def _log_constant(self) -> Tensor:
        """log C."""
        away, x = self._away(), (self.probs - 0.5).pow(2)
        exact = ((1 - 2 * away).atanh().abs() * 2).log() - (1 - 2 * away).abs().log()
        return where(self._near_half(), math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * x) * x, exact)

    @property
    def mean(self) -> Tensor:
        away, x = self._away(), self.probs - 0.5
        exact = away / (2 * away - 1) + 1 / (2 * (1 - 2 * away).atanh())
        return where(self._near_half(), 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * x.pow(2)) * x, exact)

    @property
    def variance(self) -> Tensor:
        away, x = self._away(), (self.probs - 0.5).pow(2)
        exact = away * (away - 1) / (1 - 2 * away).pow(2) + 1 / (2 * (1 - 2 * away).atanh()).pow(2)
        return where(self._near_half(), 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * x) * x, exact)

    @property
    def stddev(self) -> Tensor:
        return self.variance.sqrt()

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = tuple(self._extended_shape(sample_shape))
        return self.icdf(uniform(shape, self.probs.dtype, self.probs._storage.device, None))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return self._log_constant() - log_odds_cost(self.logits, value)

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        away = self._away()
        exact = (away.pow(value) * (1 - away).pow(1 - value) + away - 1) / (2 * away - 1)
        return where(self._near_half(), value, exact).clamp(min=0, max=1)

    def icdf(self, value: Tensor) -> Tensor:
        away = self._away()
        exact = ((value * (2 * away - 1) - away).log1p() - (-away).log1p()) / (away.log() - (-away).log1p())
        return where(self._near_half(), value, exact)

    def entropy(self) -> Tensor:
        return -(self.mean * self.logits + (-self.probs).log1p() + self._log_constant())
