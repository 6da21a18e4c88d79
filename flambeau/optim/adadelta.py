"""Adadelta. May import: ops, optim.optimizer, optim.checks, optim.run_time, tensor."""

from __future__ import annotations

from typing import Any, NamedTuple

from flambeau.ops import creation
from flambeau.optim import checks
from flambeau.optim.optimizer import Group, Optimizer
from flambeau.optim.run_time import RunTime, State
from flambeau.tensor import Tensor

__all__ = ["Adadelta"]


class _Values(NamedTuple):
    lr: Any
    fresh: Any
    """1 - rho"""
    eps: Any
    weight_decay: Any


class Adadelta(Optimizer):
    """v ← ρv + (1 - ρ)g²;  d = g · √(u + eps) / √(v + eps);  u ← ρu + (1 - ρ)d²;  p ← p - lr · d (Zeiler 2012)."""

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        checks.learning_rate(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        checks.at_least_zero(epsilon=eps, weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _start(self, param: Tensor, grad: Tensor, group: Group, state: dict[str, Any]) -> None:
        state["square_avg"] = creation.zeros_like(param)
        state["acc_delta"] = creation.zeros_like(param)

    def _values(self, at: RunTime, group: Group, step: Any) -> _Values:
        return _Values(at(lambda g: g["lr"]), at(lambda g: 1 - g["rho"]), at(lambda g: g["eps"]), at(lambda g: g["weight_decay"]))

    def _update(self, param: Any, grad: Any, state: State, group: Group, values: _Values) -> Any:
        if group["weight_decay"] != 0:
            grad = grad + param * values.weight_decay
        square, changes = state["square_avg"], state["acc_delta"]
        new_square = square + (grad * grad - square) * values.fresh
        change = ((changes + values.eps) / (new_square + values.eps)).sqrt() * grad
        state["square_avg"] = new_square
        state["acc_delta"] = changes + (change * change - changes) * values.fresh
        return param - change * values.lr
