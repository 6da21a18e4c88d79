"""RAdam. May import: ops, optim.moments, optim.optimizer, optim.checks, optim.run_time, tensor."""

from __future__ import annotations

from typing import Any, NamedTuple

from flambeau.ops.elements import where
from flambeau.optim import checks
from flambeau.optim.moments import Moments, MomentsOptimizer
from flambeau.optim.optimizer import Group
from flambeau.optim.run_time import RunTime, State
from flambeau.tensor import Tensor

__all__ = ["RAdam"]


class _Values(NamedTuple):
    moments: Moments
    rate: Any
    """lr / (1 - β₁ᵗ)"""
    rectified: Any
    """whether the variance is tractable at this step"""
    factor: Any
    """the rectification times √(1 - β₂ᵗ)"""
    eps: Any


class RAdam(MomentsOptimizer):
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

    def _values(self, at: RunTime, group: Group, step: Any) -> _Values:
        correction2 = at.one_minus_power(lambda g: g["betas"][1], step)
        limit = at(lambda g: 2 / (1 - g["betas"][1]) - 1)
        # With c = 1 - β₂ᵗ, the length of the average is ρ = ρ∞ - 2t (1 - c) / c; for small t the terms nearly cancel.
        length = limit - 2 * step * (1 - correction2) / correction2
        rectified = length > 5.0
        safe = where(rectified, length, 6.0)
        ratio = (safe - 4) * (safe - 2) * limit / ((limit - 4) * (limit - 2) * safe)
        return _Values(
            self._moments(at, group),
            at(lambda g: g["lr"]) / at.one_minus_power(lambda g: g["betas"][0], step),
            rectified,
            (ratio * correction2).sqrt(),
            at(lambda g: g["eps"]),
        )

    def _update(self, param: Any, grad: Any, state: State, group: Group, values: _Values) -> Any:
        param, _, mean, square = self._advance(param, grad, state, group, values.moments)
        adaptive = values.factor / (square.sqrt() + values.eps)
        return param - mean * values.rate * where(values.rectified, adaptive, 1.0)
