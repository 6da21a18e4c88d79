"""What relaxed distributions share: a temperature, and what they relax. May import `flambeau.tensor`, `flambeau.ops`."""

from __future__ import annotations

from typing import Any

from flambeau.distributions.distribution import Distribution
from flambeau.distributions.transformed_distribution import TransformedDistribution
from flambeau.ops.creation import tensor
from flambeau.tensor import Tensor

__all__ = ["Tempered", "Relaxed"]


class Tempered(Distribution):
    """Has a `temperature`, one number for the whole batch."""

    has_rsample = True
    temperature: Tensor

    def _take_temperature(self, temperature: Any) -> None:
        self.temperature = temperature if isinstance(temperature, Tensor) else tensor(float(temperature))

    def _expanded(self, name: str, value: Any, shape: Any) -> Any:
        return value if name == "temperature" else super()._expanded(name, value, shape)


class Relaxed(TransformedDistribution):
    """A `Tempered` distribution, transformed; the parameters are its."""

    has_rsample = True

    @property
    def temperature(self) -> Tensor:
        return self.base_dist.temperature

    @property
    def logits(self) -> Tensor:
        return self.base_dist.logits

    @property
    def probs(self) -> Tensor:
        return self.base_dist.probs
