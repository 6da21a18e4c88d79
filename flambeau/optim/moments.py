"""What Adam, NAdam and RAdam share: running averages of gradients and their squares, and weight decay of two kinds.

May import: ops, optim.optimizer, optim.run_time, tensor.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from flambeau.ops import creation
from flambeau.optim.optimizer import Group, Optimizer
from flambeau.optim.run_time import RunTime, State
from flambeau.tensor import Tensor

__all__ = ["Moments", "MomentsOptimizer"]


class Moments(NamedTuple):
    """The numbers of a step that the averages and the decay need."""

    fresh1: Any
    """1 - beta1: what a new gradient weighs"""
    fresh2: Any
    """1 - beta2"""
    decay: Any
    """weight_decay, or 1 - lr · weight_decay where it is decoupled"""


class MomentsOptimizer(Optimizer):
    """m ← β₁m + (1 - β₁)g;  v ← β₂v + (1 - β₂)g² (Kingma & Ba 2015), kept as `exp_avg` and `exp_avg_sq`."""

    def _start(self, param: Tensor, grad: Tensor, group: Group, state: dict[str, Any]) -> None:
        state["exp_avg"] = creation.zeros_like(param)
        state["exp_avg_sq"] = creation.zeros_like(param)

    @staticmethod
    def _moments(at: RunTime, group: Group) -> Moments:
        decoupled = group["decoupled_weight_decay"]
        return Moments(
            at(lambda g: 1 - g["betas"][0]),
            at(lambda g: 1 - g["betas"][1]),
            at(lambda g: 1 - g["lr"] * g["weight_decay"] if decoupled else g["weight_decay"]),
        )

    @staticmethod
    def _advance(param: Any, grad: Any, state: State, group: Group, values: Moments) -> tuple[Any, Any, Any, Any]:
        """The parameter and the gradient after weight decay, and the averages with that gradient in them."""
        if group["weight_decay"] != 0:
            if group["decoupled_weight_decay"]:  # Loshchilov & Hutter 2019
                param = param * values.decay
            else:
                grad = grad + param * values.decay
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        mean = state["exp_avg"] = mean + (grad - mean) * values.fresh1
        square = state["exp_avg_sq"] = square + (grad * grad - square) * values.fresh2
        return param, grad, mean, square
