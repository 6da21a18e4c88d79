"""What distributions share: parameters of one shape, probabilities and logits. May import `flambeau.tensor`, `flambeau.ops`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from flambeau.dtypes import finfo
from flambeau.ops.creation import tensor
from flambeau.ops.formula import formula
from flambeau.ops.random import randn
from flambeau.ops.special.composed import EULER
from flambeau.ops.views import broadcast_tensors
from flambeau.tensor import Tensor

__all__ = [
    "broadcast_all", "clamp_probs", "euler_constant", "lazy_property", "logits_to_probs", "probs_to_logits", "softplus",
    "sum_rightmost", "log_odds_cost", "LOG_SQRT_2PI",
]  # fmt: skip

euler_constant = EULER


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """Tensors and numbers as tensors of one shape; numbers take the dtype of the tensors, or the default one."""
    for v in values:
        if not isinstance(v, (Tensor, int, float)):
            raise ValueError("Input arguments must all be instances of Number, torch.Tensor or objects implementing "
                             "__torch_function__.")  # fmt: skip
    like = next((v for v in values if isinstance(v, Tensor)), None)
    if like is None:
        return broadcast_tensors(*(tensor(float(v)) for v in values))
    options: dict[str, Any] = {"dtype": like.dtype, "device": like.device}
    return broadcast_tensors(*(v if isinstance(v, Tensor) else tensor(v, **options) for v in values))


def clamp_probs(probs: Tensor) -> Tensor:
    """Probabilities away from 0 and 1, so that their logarithms are finite."""
    eps = finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """Logarithms of probabilities along the last dimension, or of the odds."""
    kept = clamp_probs(probs)
    return kept.log() - (-kept).log1p() if is_binary else kept.log()


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """Probabilities of logits along the last dimension, or of one event each."""
    return logits.sigmoid() if is_binary else logits.softmax(-1)


softplus = formula("softplus", lambda x: x.clamp(min=0) + (-x.abs()).exp().log1p(), lambda g, x: g * x.sigmoid())
"""log(1 + eˣ)."""


def log_odds_cost(logits: Tensor, value: Tensor) -> Tensor:
    """-log of the probability of `value` in [0, 1] for an event of these logits: binary cross entropy."""
    return (1 - value) * logits + softplus(-logits)


def sum_rightmost(value: Tensor, dim: int) -> Tensor:
    """The sum over the last `dim` dimensions."""
    if dim == 0:
        return value
    return value.reshape(*value.shape[: value.dim() - dim], -1).sum(-1)


_sum_rightmost = sum_rightmost  # by PyTorch's own name, which packages of distributions import


def _standard_normal(shape: Any, dtype: Any, device: Any) -> Tensor:
    """Normal numbers of mean 0 and variance 1, by PyTorch's own name, which packages of distributions import."""
    return randn(shape, dtype=dtype, device=device)


class lazy_property:
    """A property that is computed when it is first asked for, and kept."""

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        self.wrapped = wrapped
        self.__doc__ = wrapped.__doc__

    def __set_name__(self, owner: Any, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        value = self.wrapped(instance)
        instance.__dict__[self.name] = value
        return value


LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)
