"""The generalised Pareto distribution. May import `flambeau.tensor`, `flambeau.ops`."""

from __future__ import annotations

from typing import Any

from flambeau.distributions import constraints
from flambeau.distributions.distribution import Distribution
from flambeau.distributions.utils import broadcast_all
from flambeau.ops.choices import where
from flambeau.ops.random import uniform
from flambeau.tensor import Tensor

__all__ = ["GeneralizedPareto"]


class GeneralizedPareto(Distribution):
    """Excesses over the threshold `loc`: P(x > z) = (1 + concentration · (z - loc) / scale)^(-1 / concentration) (Pickands 1975).

    With `concentration` 0 it is exponential, below 0 it ends at loc - scale / concentration.
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive, "concentration": constraints.real}
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.size(), validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        ends = self.concentration < 0
        last = self.loc - self.scale / self.concentration._fill_where(~ends, -1.0)
        return constraints.interval(self.loc, last._fill_where(~ends, float("inf")))

    def _is_exponential(self) -> Tensor:
        return self.concentration.abs() < 1e-12

    def _shape(self) -> Tensor:
        """The concentration, and a 1 in place of each 0."""
        return self.concentration._fill_where(self._is_exponential(), 1.0)

    @property
    def mean(self) -> Tensor:
        c = self.concentration
        return (self.loc + self.scale / (1 - c._fill_where(c >= 1, 0.0)))._fill_where(c >= 1, float("inf"))

    @property
    def variance(self) -> Tensor:
        c = self.concentration
        kept = c._fill_where(c >= 0.5, 0.0)
        return (self.scale.pow(2) / ((1 - kept).pow(2) * (1 - 2 * kept)))._fill_where(c >= 0.5, float("inf"))

    @property
    def mode(self) -> Tensor:
        return self.loc

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = tuple(self._extended_shape(sample_shape))
        return self.icdf(uniform(shape, self.loc.dtype, self.loc._storage.device, None))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        z = (value - self.loc) / self.scale
        c = self._shape()
        inside = (z >= 0) & (1 + self.concentration * z > 0)
        found = where(self._is_exponential(), -z, -(1 + 1 / c) * (c * z._fill_where(~inside, 0.0)).log1p())
        return (found - self.scale.log())._fill_where(~inside, float("-inf"))

    def log_survival_function(self, value: Tensor) -> Tensor:
        """log P(x > value)."""
        if self._validate_args:
            self._validate_sample(value)
        z, c = (value - self.loc) / self.scale, self._shape()
        return where(self._is_exponential(), -z, -(c * z).log1p() / c)

    def log_cdf(self, value: Tensor) -> Tensor:
        """log P(x ≤ value)."""
        return (-self.log_survival_function(value).exp()).log1p()

    def cdf(self, value: Tensor) -> Tensor:
        return self.log_cdf(value).exp()

    def icdf(self, value: Tensor) -> Tensor:
        left, c = (-value).log1p(), self._shape()
        return self.loc + self.scale * where(self._is_exponential(), -left, (-c * left).expm1() / c)

    def entropy(self) -> Tensor:
        return self.scale.log() + self.concentration + 1
