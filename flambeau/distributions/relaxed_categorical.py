"""Relaxed one-hot categorical distributions. May import `flambeau.tensor`, `flambeau.ops`."""

from __future__ import annotations

from typing import Any

from flambeau.distributions import constraints
from flambeau.distributions.categorical_parameters import CategoricalParameters
from flambeau.distributions.relaxed import Relaxed, Tempered
from flambeau.distributions.transforms import ExpTransform
from flambeau.distributions.utils import clamp_probs
from flambeau.ops.random import uniform
from flambeau.ops.views import broadcast_tensors
from flambeau.tensor import Tensor

__all__ = ["ExpRelaxedCategorical", "RelaxedOneHotCategorical"]


class ExpRelaxedCategorical(Tempered, CategoricalParameters):
    """The logarithms of `RelaxedOneHotCategorical` (Maddison, Mnih & Teh 2017)."""

    support = constraints.real_vector

    def __init__(self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._take_temperature(temperature)
        super().__init__(probs, logits, validate_args)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        drawn = clamp_probs(uniform(tuple(shape), self.logits.dtype, self.logits._storage.device, None))
        scores = (self.logits - (-drawn.log()).log()) / self.temperature
        return scores - scores.logsumexp(-1, keepdim=True)

    def log_prob(self, value: Tensor) -> Tensor:
        n = self._event_shape[0]
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_tensors(self.logits, value)
        constant = self.temperature.new_tensor(float(n)).lgamma() - self.temperature.log() * -(n - 1)
        score = logits - value * self.temperature
        return (score - score.logsumexp(-1, keepdim=True)).sum(-1) + constant


class RelaxedOneHotCategorical(Relaxed):
    """Positive vectors that add up to 1 and come closer to one-hot ones as the temperature falls, and have gradients."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.simplex

    def __init__(self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        super().__init__(ExpRelaxedCategorical(temperature, probs, logits), ExpTransform(), validate_args=validate_args)
