"""The half-Cauchy distribution. May import `flambeau.tensor`, `flambeau.ops`."""

from __future__ import annotations

from typing import Any

from flambeau.distributions.cauchy import Cauchy
from flambeau.distributions.folded import Folded
from flambeau.tensor import Tensor

__all__ = ["HalfCauchy"]


class HalfCauchy(Folded):
    """|x| of Cauchy numbers of centre 0."""

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Cauchy(0, scale, validate_args=False), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.scale.new_full(self._extended_shape(), float("inf"))

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance
