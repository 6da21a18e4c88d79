"""Resilient backpropagation. May import: ops, optim.optimizer, optim.checks, optim.run_time, tensor."""

from __future__ import annotations

from typing import Any, NamedTuple

from flambeau.ops import creation
from flambeau.ops.elements import maximum, minimum, where
from flambeau.optim import checks
from flambeau.optim.optimizer import Group, Optimizer
from flambeau.optim.run_time import RunTime, State
from flambeau.tensor import Tensor

__all__ = ["Rprop"]


class _Values(NamedTuple):
    shrink: Any
    grow: Any
    smallest: Any
    largest: Any


class Rprop(Optimizer):
    """Each element's step size grows while its gradient keeps its sign and shrinks when it turns (Riedmiller & Braun 1993)."""

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        checks.learning_rate(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _start(self, param: Tensor, grad: Tensor, group: Group, state: dict[str, Any]) -> None:
        state["prev"] = creation.zeros_like(param)
        size = float(group["lr"])
        state["step_size"] = creation.full_like(grad, complex(size, size) if grad.is_complex() else size)

    def _values(self, at: RunTime, group: Group, step: Any) -> _Values:
        return _Values(
            at(lambda g: g["etas"][0]),
            at(lambda g: g["etas"][1]),
            at(lambda g: g["step_sizes"][0]),
            at(lambda g: g["step_sizes"][1]),
        )

    def _update(self, param: Any, grad: Any, state: State, group: Group, values: _Values) -> Any:
        agreement = grad * state["prev"]
        turned = agreement < 0
        factor = where(turned, values.shrink, where(agreement > 0, values.grow, 1.0))
        size = minimum(maximum(state["step_size"] * factor, values.smallest), values.largest)
        grad = where(turned, 0.0, grad)
        state["step_size"], state["prev"] = size, grad
        return param - grad.sign() * size
