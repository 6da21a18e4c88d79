"""NAdam. May import: ops, optim.optimizer, optim.checks, optim.run_time, tensor."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from flambeau.ops import creation
from flambeau.optim import checks
from flambeau.optim.optimizer import Group, Optimizer
from flambeau.optim.run_time import RunTime, State
from flambeau.tensor import Tensor

__all__ = ["NAdam"]


class _Values(NamedTuple):
    lr: Any
    mu: Any
    """β₁ (1 - 0.96^(t·momentum_decay) / 2)"""
    mu_next: Any
    correction2: Any
    """1 - β₂ᵗ"""
    fresh1: Any
    """1 - β₁"""
    fresh2: Any
    """1 - β₂"""
    eps: Any
    decay: Any
    """weight_decay, or 1 - lr · weight_decay where it is decoupled"""


class NAdam(Optimizer):
    """Adam with Nesterov's momentum, whose weight μ grows with time (Dozat 2016)."""

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        checks.learning_rate(lr)
        checks.at_least_zero(epsilon=eps)
        checks.betas_in_range(betas)
        checks.at_least_zero(weight_decay=weight_decay, momentum_decay=momentum_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _start(self, param: Tensor, grad: Tensor, group: Group, state: dict[str, Any]) -> None:
        state["mu_product"] = RunTime.zero(param) + 1
        state["exp_avg"] = creation.zeros_like(param)
        state["exp_avg_sq"] = creation.zeros_like(param)

    def _values(self, at: RunTime, group: Group, step: Any) -> _Values:
        exponent = at(lambda g: g["momentum_decay"] * math.log(0.96))
        beta1 = at(lambda g: g["betas"][0])
        time = step
        decoupled = group["decoupled_weight_decay"]
        return _Values(
            at(lambda g: g["lr"]),
            beta1 * (1 - (time * exponent).exp() * 0.5),
            beta1 * (1 - ((time + 1) * exponent).exp() * 0.5),
            at.one_minus_power(lambda g: g["betas"][1], step),
            at(lambda g: 1 - g["betas"][0]),
            at(lambda g: 1 - g["betas"][1]),
            at(lambda g: g["eps"]),
            at(lambda g: 1 - g["lr"] * g["weight_decay"] if decoupled else g["weight_decay"]),
        )

    def _update(self, param: Any, grad: Any, state: State, group: Group, values: _Values) -> Any:
        start = param
        if group["weight_decay"] != 0:
            if group["decoupled_weight_decay"]:
                start = param * values.decay
            else:
                grad = grad + param * values.decay
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        new_mean = mean + (grad - mean) * values.fresh1
        new_square = square + (grad * grad - square) * values.fresh2
        product = state["mu_product"] = state["mu_product"] * values.mu
        state["exp_avg"], state["exp_avg_sq"] = new_mean, new_square
        from_grad = values.lr * (1 - values.mu) / (1 - product)
        from_mean = values.lr * values.mu_next / (1 - product * values.mu_next)
        scale = (new_square / values.correction2).sqrt() + values.eps
        return start - (grad * from_grad + new_mean * from_mean) / scale
