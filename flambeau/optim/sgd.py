"""Stochastic gradient descent. May import: optim.optimizer, optim.checks, optim.run_time, tensor."""

from __future__ import annotations

from typing import Any, NamedTuple

from flambeau.optim import checks
from flambeau.optim.optimizer import Group, Optimizer
from flambeau.optim.run_time import RunTime, State
from flambeau.tensor import Tensor

__all__ = ["SGD"]


class _Values(NamedTuple):
    lr: Any
    weight_decay: Any
    momentum: Any
    kept: Any
    """1 - dampening"""


class SGD(Optimizer):
    """g ← g + weight_decay · p;  b ← momentum · b + (1 - dampening) · g;  p ← p - lr · b, or lr · (g + momentum · b) if Nesterov.

    The first b is g (Sutskever et al. 2013, in PyTorch's form: the learning rate multiplies the momentum).

    >>> model = nn.Linear(2, 1)
    >>> optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    >>> loss = model(torch.ones(4, 2)).square().mean()
    >>> loss.backward()
    >>> optimizer.step()
    >>> optimizer.zero_grad()
    """

    _counts_steps = False

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        checks.one_element(lr)
        checks.not_below_zero({"learning rate": lr, "momentum value": momentum, "weight_decay value": weight_decay})
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        checks.one_implementation(fused, foreach, differentiable)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def _check_sparse(self, group: Group) -> None:
        if group["momentum"] != 0 or group["weight_decay"] != 0:
            raise RuntimeError("SGD with momentum or weight_decay does not support sparse gradients")

    def _start(self, param: Tensor, grad: Tensor, group: Group, state: dict[str, Any]) -> None:
        if group["momentum"] != 0:
            state["momentum_buffer"] = None  # the first one is the first gradient

    def _values(self, at: RunTime, group: Group, step: Any) -> _Values:
        return _Values(
            at(lambda g: g["lr"]),
            at(lambda g: g["weight_decay"]),
            at(lambda g: g["momentum"]),
            at(lambda g: 1 - g["dampening"]),
        )

    def _update(self, param: Any, grad: Any, state: State, group: Group, values: _Values) -> Any:
        if group["weight_decay"] != 0:
            grad = grad + param * values.weight_decay
        if group["momentum"] != 0:
            buffer = grad
            if "momentum_buffer" in state:
                kept = grad if group["dampening"] == 0 else grad * values.kept
                buffer = state["momentum_buffer"] * values.momentum + kept
            state["momentum_buffer"] = buffer
            grad = grad + buffer * values.momentum if group["nesterov"] else buffer
        return param - grad * values.lr
