"""Adamax. May import: ops, optim.optimizer, optim.checks, optim.run_time, tensor."""

from __future__ import annotations

from typing import Any, NamedTuple

from flambeau.ops import creation
from flambeau.ops.elements import maximum
from flambeau.optim import checks
from flambeau.optim.optimizer import Group, Optimizer
from flambeau.optim.run_time import RunTime, State
from flambeau.tensor import Tensor

__all__ = ["Adamax"]


class _Values(NamedTuple):
    rate: Any
    """lr / (1 - beta1ᵗ)"""
    fresh1: Any
    """1 - beta1"""
    beta2: Any
    eps: Any
    weight_decay: Any


class Adamax(Optimizer):
    """m ← β₁m + (1 - β₁)g;  u ← max(β₂u, |g| + eps);  p ← p - lr / (1 - β₁ᵗ) · m / u (Kingma & Ba 2015)."""

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        checks.learning_rate(lr)
        checks.at_least_zero(epsilon=eps)
        checks.betas_in_range(betas)
        checks.at_least_zero(weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _start(self, param: Tensor, grad: Tensor, group: Group, state: dict[str, Any]) -> None:
        state["exp_avg"] = creation.zeros_like(param)
        state["exp_inf"] = creation.zeros_like(param)

    def _values(self, at: RunTime, group: Group, step: Any) -> _Values:
        return _Values(
            at(lambda g: g["lr"]) / at.one_minus_power(lambda g: g["betas"][0], step),
            at(lambda g: 1 - g["betas"][0]),
            at(lambda g: g["betas"][1]),
            at(lambda g: g["eps"]),
            at(lambda g: g["weight_decay"]),
        )

    def _update(self, param: Any, grad: Any, state: State, group: Group, values: _Values) -> Any:
        if group["weight_decay"] != 0:
            grad = grad + param * values.weight_decay
        mean, largest = state["exp_avg"], state["exp_inf"]
        new_mean = mean + (grad - mean) * values.fresh1
        new_largest = maximum(largest * values.beta2, grad.abs() + values.eps)
        state["exp_avg"], state["exp_inf"] = new_mean, new_largest
        return param - new_mean * values.rate / new_largest
