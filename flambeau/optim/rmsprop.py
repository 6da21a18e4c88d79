"""RMSprop. May import: ops, optim.optimizer, optim.checks, optim.run_time, tensor."""

from __future__ import annotations

from typing import Any, NamedTuple

from flambeau.ops import creation
from flambeau.optim import checks
from flambeau.optim.optimizer import Group, Optimizer
from flambeau.optim.run_time import RunTime, State
from flambeau.tensor import Tensor

__all__ = ["RMSprop"]


class _Values(NamedTuple):
    lr: Any
    fresh: Any
    """1 - alpha"""
    eps: Any
    momentum: Any
    weight_decay: Any


class RMSprop(Optimizer):
    """v ← αv + (1 - α)g²;  p ← p - lr · g / (√v + eps), with momentum if asked for.

    `centered` takes the gradients' variance for v (Hinton 2012; Graves 2013).
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        checks.learning_rate(lr)
        checks.at_least_zero(epsilon=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _start(self, param: Tensor, grad: Tensor, group: Group, state: dict[str, Any]) -> None:
        state["square_avg"] = creation.zeros_like(param)
        if group["momentum"] > 0:
            state["momentum_buffer"] = creation.zeros_like(param)
        if group["centered"]:
            state["grad_avg"] = creation.zeros_like(param)

    def _values(self, at: RunTime, group: Group, step: Any) -> _Values:
        return _Values(
            at(lambda g: g["lr"]),
            at(lambda g: 1 - g["alpha"]),
            at(lambda g: g["eps"]),
            at(lambda g: g["momentum"]),
            at(lambda g: g["weight_decay"]),
        )

    def _update(self, param: Any, grad: Any, state: State, group: Group, values: _Values) -> Any:
        if group["weight_decay"] != 0:
            grad = grad + param * values.weight_decay
        square = state["square_avg"]
        variance = state["square_avg"] = square + (grad * grad - square) * values.fresh
        if group["centered"]:
            mean = state["grad_avg"]
            mean = state["grad_avg"] = mean + (grad - mean) * values.fresh
            variance = variance - mean * mean
        change = grad / (variance.sqrt() + values.eps)
        if group["momentum"] > 0:
            change = state["momentum_buffer"] = state["momentum_buffer"] * values.momentum + change
        return param - change * values.lr
