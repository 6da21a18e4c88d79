"""Adagrad. May import: ops, optim.optimizer, optim.checks, optim.run_time, tensor."""

from __future__ import annotations

from typing import Any, NamedTuple

from flambeau.ops import creation
from flambeau.optim import checks
from flambeau.optim.optimizer import Group, Optimizer
from flambeau.optim.run_time import RunTime, State
from flambeau.tensor import Tensor

__all__ = ["Adagrad"]


class _Values(NamedTuple):
    rate: Any
    """lr / (1 + (t - 1) · lr_decay)"""
    eps: Any
    weight_decay: Any


class Adagrad(Optimizer):
    """s ← s + g²;  p ← p - lr / (1 + (t - 1) · lr_decay) · g / (√s + eps) (Duchi et al. 2011)."""

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        checks.learning_rate(lr)
        checks.at_least_zero(
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            epsilon=eps,
        )
        checks.one_implementation(fused, foreach, differentiable)
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:  # unlike other rules, this one has its state before the first step
            self._states([(param, param) for param in group["params"]], group)

    def share_memory(self) -> None:
        """Moves the sums to memory that other processes can have, too."""
        for state in self.state.values():
            state["sum"].share_memory_()

    def _start(self, param: Tensor, grad: Tensor, group: Group, state: dict[str, Any]) -> None:
        start = group["initial_accumulator_value"]
        state["sum"] = creation.full_like(param, complex(start, start) if param.is_complex() else start)

    def _values(self, at: RunTime, group: Group, step: Any) -> _Values:
        rate = at(lambda g: g["lr"])
        if group["lr_decay"] != 0:
            rate = rate / ((step - 1) * at(lambda g: g["lr_decay"]) + 1)
        return _Values(rate, at(lambda g: g["eps"]), at(lambda g: g["weight_decay"]))

    def _check_sparse(self, group: Group) -> None:
        if group["weight_decay"] != 0:
            raise RuntimeError("weight_decay option is not compatible with sparse gradients")

    def _update(self, param: Any, grad: Any, state: State, group: Group, values: _Values) -> Any:
        if group["weight_decay"] != 0:
            grad = grad + param * values.weight_decay
        total = state["sum"] = state["sum"] + grad * grad
        return param - grad * values.rate / (total.sqrt() + values.eps)
