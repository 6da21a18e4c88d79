"""Mixtures of distributions of one family. May import `flambeau.tensor`, `flambeau.ops`."""

from __future__ import annotations

from typing import Any

from flambeau.autograd.modes import no_grad
from flambeau.distributions import constraints
from flambeau.distributions.categorical import Categorical
from flambeau.distributions.distribution import Distribution
from flambeau.tensor import Tensor

__all__ = ["MixtureSameFamily"]


class MixtureSameFamily(Distribution):
    """One of the components, the last dimension of `component_distribution`'s batch, chosen by `mixture_distribution`."""

    arg_constraints: Any = {}
    has_rsample = False

    def __init__(
        self, mixture_distribution: Categorical, component_distribution: Distribution, validate_args: bool | None = None
    ) -> None:
        self._mixture_distribution, self._component_distribution = mixture_distribution, component_distribution
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(" The Mixture distribution needs to be an  instance of torch.distributions.Categorical")
        if not isinstance(component_distribution, Distribution):
            raise ValueError("The Component distribution need to be an instance of torch.distributions.Distribution")
        mixed, batch = mixture_distribution.batch_shape, component_distribution.batch_shape[:-1]
        for a, b in zip(reversed(mixed), reversed(batch)):
            if a != 1 and b != 1 and a != b:
                raise ValueError(f"`mixture_distribution.batch_shape` ({mixed}) is not compatible with "
                                 f"`component_distribution.batch_shape`({batch})")  # fmt: skip
        count = mixture_distribution.probs.shape[-1]
        if component_distribution.batch_shape[-1] != count:
            raise ValueError(f"`mixture_distribution component` ({count}) does not equal `component_distribution."
                             f"batch_shape[-1]` ({component_distribution.batch_shape[-1]})")  # fmt: skip
        self._num_component = count
        super().__init__(batch, component_distribution.event_shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        components = self._component_distribution.expand((*batch_shape, self._num_component))
        return MixtureSameFamily(self._mixture_distribution.expand(batch_shape), components, validate_args=False)

    @constraints.dependent_property
    def support(self) -> Any:
        return constraints.MixtureSameFamilyConstraint(self._component_distribution.support)

    @property
    def mixture_distribution(self) -> Categorical:
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Distribution:
        return self._component_distribution

    def _weights(self) -> Tensor:
        probs = self._mixture_distribution.probs
        return probs.reshape((*probs.shape, *(1,) * len(self._event_shape)))

    def _axis(self) -> int:
        return -1 - len(self._event_shape)

    @property
    def mean(self) -> Tensor:
        return (self._weights() * self._component_distribution.mean).sum(self._axis())

    @property
    def variance(self) -> Tensor:
        weights, axis = self._weights(), self._axis()
        within = (weights * self._component_distribution.variance).sum(axis)
        return within + (weights * (self._component_distribution.mean - self.mean.unsqueeze(axis)).pow(2)).sum(axis)

    def cdf(self, x: Tensor) -> Tensor:
        return (self._component_distribution.cdf(self._padded(x)) * self._mixture_distribution.probs).sum(-1)

    def _padded(self, x: Tensor) -> Tensor:
        return x.unsqueeze(self._axis())

    def log_prob(self, x: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(x)
        logs = self._component_distribution.log_prob(self._padded(x))
        return (logs + self._mixture_distribution.logits.log_softmax(-1)).logsumexp(-1)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            chosen = self._mixture_distribution.expand(self._batch_shape).sample(sample_shape)
            drawn = self._component_distribution.sample(sample_shape)
            axis = len(tuple(sample_shape)) + len(self._batch_shape)
            index = chosen.reshape(*drawn.shape[:axis], 1, *(1,) * len(self._event_shape))
            index = index.expand(*drawn.shape[:axis], 1, *drawn.shape[axis + 1 :])
            return drawn.gather(axis, index).squeeze(axis)

    def __repr__(self) -> str:
        return f"MixtureSameFamily(\n  {self._mixture_distribution},\n  {self._component_distribution})"
