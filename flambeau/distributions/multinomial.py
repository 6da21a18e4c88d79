"""The multinomial distribution. May import `flambeau.tensor`, `flambeau.ops`."""

from __future__ import annotations

from typing import Any

from flambeau.distributions import constraints
from flambeau.distributions.binomial import Binomial
from flambeau.distributions.categorical_parameters import CategoricalParameters
from flambeau.tensor import Tensor

__all__ = ["Multinomial"]


class Multinomial(CategoricalParameters):
    """How often each of the categories comes up in `total_count` draws."""

    def __init__(self, total_count: int = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        self.total_count = total_count
        super().__init__(probs, logits, validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        return constraints.multinomial(self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        drawn = self._categorical.sample((self.total_count, *tuple(sample_shape))).movedim(0, -1)
        counts = drawn.new_zeros(self._extended_shape(sample_shape))
        return counts.scatter_add(-1, drawn, drawn.new_ones(drawn.shape)).type_as(self.probs)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        logits = (
            self.logits.expand((*value.shape[:-1], self.logits.shape[-1])) if value.dim() > self.logits.dim() else self.logits
        )
        powers = (logits._fill_where((value == 0) & (logits == -float("inf")), 0) * value).sum(-1)
        return (value.sum(-1) + 1).lgamma() - (value + 1).lgamma().sum(-1) + powers

    def entropy(self) -> Tensor:
        n = self.total_count
        entropy = n * self._categorical.entropy() - self.logits.new_tensor(n + 1.0).lgamma()
        counts = Binomial(n, self.probs, validate_args=False)
        support = counts.enumerate_support(expand=False)[1:]
        weights = counts.log_prob(support).exp()
        return entropy + (weights * (support + 1).lgamma()).sum([0, -1])
