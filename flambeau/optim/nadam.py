"""NAdam. May import: optim.moments, optim.optimizer, optim.checks, optim.run_time, tensor."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from flambeau.optim import checks
from flambeau.optim.moments import Moments, MomentsOptimizer
from flambeau.optim.optimizer import Group
from flambeau.optim.run_time import RunTime, State
from flambeau.tensor import Tensor

__all__ = ["NAdam"]


class _Values(NamedTuple):
    moments: Moments
    lr: Any
    mu: Any
    """β₁ (1 - 0.96^(t·momentum_decay) / 2)"""
    mu_next: Any
    correction2: Any
    """1 - β₂ᵗ"""
    eps: Any


class NAdam(MomentsOptimizer):
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
        super()._start(param, grad, group, state)

    def _values(self, at: RunTime, group: Group, step: Any) -> _Values:
        exponent = at(lambda g: g["momentum_decay"] * math.log(0.96))
        beta1 = at(lambda g: g["betas"][0])
        time = step
        return _Values(
            self._moments(at, group),
            at(lambda g: g["lr"]),
            beta1 * (1 - (time * exponent).exp() * 0.5),
            beta1 * (1 - ((time + 1) * exponent).exp() * 0.5),
            at.one_minus_power(lambda g: g["betas"][1], step),
            at(lambda g: g["eps"]),
        )

    def _update(self, param: Any, grad: Any, state: State, group: Group, values: _Values) -> Any:
        param, grad, mean, square = self._advance(param, grad, state, group, values.moments)
        product = state["mu_product"] = state["mu_product"] * values.mu
        from_grad = values.lr * (1 - values.mu) / (1 - product)
        from_mean = values.lr * values.mu_next / (1 - product * values.mu_next)
        scale = (square / values.correction2).sqrt() + values.eps
        return param - (grad * from_grad + mean * from_mean) / scale
