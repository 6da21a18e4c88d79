"""Averaged stochastic gradient descent. May import: ops, optim.optimizer, optim.checks, optim.run_time, tensor."""

from __future__ import annotations

from typing import Any, NamedTuple

from flambeau.ops import creation
from flambeau.ops.elements import maximum
from flambeau.optim import checks
from flambeau.optim.optimizer import Group, Optimizer
from flambeau.optim.run_time import RunTime, State
from flambeau.tensor import Tensor

__all__ = ["ASGD"]


class _Values(NamedTuple):
    lambd: Any
    weight_decay: Any
    eta: Any
    """lr / (1 + lambd · lr · t)^alpha: the rate of the next step"""
    mu: Any
    """1 / max(1, t - t0): what the next step weighs in the average"""


class ASGD(Optimizer):
    """p ← p (1 - lambd · η) - η · g, and the average `ax` of p over the steps after t0 (Polyak & Juditsky 1992)."""

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        checks.learning_rate(lr)
        checks.at_least_zero(weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _start(self, param: Tensor, grad: Tensor, group: Group, state: dict[str, Any]) -> None:
        state["eta"] = RunTime.zero(param) + float(group["lr"])
        state["mu"] = RunTime.zero(param) + 1
        state["ax"] = creation.zeros_like(param)

    def _values(self, at: RunTime, group: Group, step: Any) -> _Values:
        time = step
        lr = at(lambda g: g["lr"])
        lambd = at(lambda g: g["lambd"])
        eta = lr / (lambd * lr * time + 1) ** at(lambda g: g["alpha"])
        mu = 1 / maximum(time - at(lambda g: g["t0"]), at(lambda g: 1.0))
        return _Values(lambd, at(lambda g: g["weight_decay"]), eta, mu)

    def _update(self, param: Any, grad: Any, state: State, group: Group, values: _Values) -> Any:
        if group["weight_decay"] != 0:
            grad = grad + param * values.weight_decay
        eta, mu, average = state["eta"], state["mu"], state["ax"]
        new_param = param * (1 - values.lambd * eta) - grad * eta
        state["ax"] = average + (new_param - average) * mu
        state["eta"], state["mu"] = values.eta, values.mu
        return new_param
