"""RAdam. May import: ops, optim.optimizer, optim.checks, optim.run_time, tensor."""

from __future__ import annotations

from typing import Any, NamedTuple

from flambeau.ops import creation
from flambeau.ops.elements import where
from flambeau.optim import checks
from flambeau.optim.optimizer import Group, Optimizer
from flambeau.optim.run_time import RunTime, State
from flambeau.tensor import Tensor

__all__ = ["RAdam"]


class _Values(NamedTuple):
    rate: Any
    """lr / (1 - β₁ᵗ)"""
    rectified: Any
    """whether the variance is tractable at this step"""
    factor: Any
    """the rectification times √(1 - β₂ᵗ)"""
    fresh1: Any
    """1 - β₁"""
    fresh2: Any
    """1 - β₂"""
    eps: Any
    decay: Any
    """weight_decay, or 1 - lr · weight_decay where it is decoupled"""


class RAdam(Optimizer):
    """Adam whose adaptive rate waits until its variance is tractable, and is rectified from then on (Liu et al. 2020)."""

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
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
        checks.at_least_zero(weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _start(self, param: Tensor, grad: Tensor, group: Group, state: dict[str, Any]) -> None:
        state["exp_avg"] = creation.zeros_like(param)
        state["exp_avg_sq"] = creation.zeros_like(param)

    def _values(self, at: RunTime, group: Group, step: Any) -> _Values:
        correction2 = at.one_minus_power(lambda g: g["betas"][1], step)
        limit = at(lambda g: 2 / (1 - g["betas"][1]) - 1)
        # With c = 1 - β₂ᵗ, the length of the average is ρ = ρ∞ - 2t (1 - c) / c; for small t the terms nearly cancel.
        length = limit - 2 * step * (1 - correction2) / correction2
        rectified = length > 5.0
        safe = where(rectified, length, 6.0)
        ratio = (safe - 4) * (safe - 2) * limit / ((limit - 4) * (limit - 2) * safe)
        decoupled = group["decoupled_weight_decay"]
        return _Values(
            at(lambda g: g["lr"]) / at.one_minus_power(lambda g: g["betas"][0], step),
            rectified,
            (ratio * correction2).sqrt(),
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
        state["exp_avg"], state["exp_avg_sq"] = new_mean, new_square
        adaptive = values.factor / (new_square.sqrt() + values.eps)
        return start - new_mean * values.rate * where(values.rectified, adaptive, 1.0)
