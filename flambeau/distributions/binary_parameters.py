"""What the distributions of something that happens or not share: its probability, as `probs` or as `logits`.

May import `flambeau.tensor`, `flambeau.ops`.
"""

from __future__ import annotations

from typing import Any

from flambeau.distributions.distribution import Distribution
from flambeau.distributions.utils import broadcast_all, lazy_property, logits_to_probs, probs_to_logits
from flambeau.tensor import Tensor

__all__ = ["BinaryParameters"]


class BinaryParameters(Distribution):
    """Of `probs` and `logits` one is given; the other is computed when it is asked for."""

    def _take(self, probs: Any, logits: Any, *others: Any) -> list[Tensor]:
        """Keeps the one that is given; gives `others` broadcast with it. Raises ValueError unless it is exactly one."""
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        *broadcast, self._param = broadcast_all(*others, logits if probs is None else probs)
        setattr(self, "logits" if probs is None else "probs", self._param)
        return broadcast

    @lazy_property
    def logits(self) -> Tensor:
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self) -> Tensor:
        return logits_to_probs(self.logits, is_binary=True)

    @property
    def param_shape(self) -> Any:
        """The shape of the parameter."""
        return self._param.size()
