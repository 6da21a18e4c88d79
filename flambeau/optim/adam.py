"""Adam and AdamW. May import: ops, optim.moments, optim.checks, optim.run_time, tensor."""

from __future__ import annotations

from typing import Any, NamedTuple

from flambeau.ops import creation
from flambeau.ops.elements import maximum
from flambeau.optim import checks
from flambeau.optim.moments import Moments, MomentsOptimizer
from flambeau.optim.optimizer import Group
from flambeau.optim.run_time import RunTime, State
from flambeau.tensor import Tensor

__all__ = ["Adam", "AdamW"]


class _Values(NamedTuple):
    moments: Moments
    size: Any
    """lr · √c₂ / c₁, c the bias corrections 1 - betaᵗ"""
    eps: Any
    """eps · √c₂"""


class Adam(MomentsOptimizer):
    """m ← β₁m + (1 - β₁)g;  v ← β₂v + (1 - β₂)g²;  p ← p - lr · (m / (1 - β₁ᵗ)) / (√(v / (1 - β₂ᵗ)) + eps).

    Kingma & Ba 2015; with `amsgrad` v is the largest so far (Reddi et al. 2018). The corrections are moved from the
    elements into `_Values`, by multiplying numerator and denominator with √(1 - β₂ᵗ).

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = optim.Adam([w], lr=0.1)
    >>> w.square().sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.9000], requires_grad=True)
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        if isinstance(lr, Tensor) and foreach and not capturable:
            raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
        checks.learning_rate(lr)
        if not eps >= 0.0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        checks.betas_in_range(betas)
        checks.at_least_zero(weight_decay=weight_decay)
        checks.betas_of_one_kind(betas, foreach and not capturable)
        checks.one_implementation(fused, foreach, differentiable)
        defaults = {
            "lr": lr,
            "betas": tuple(float(beta) for beta in betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def _start(self, param: Tensor, grad: Tensor, group: Group, state: dict[str, Any]) -> None:
        super()._start(param, grad, group, state)
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = creation.zeros_like(param)

    def _values(self, at: RunTime, group: Group, step: Any) -> _Values:
        first = at.one_minus_power(lambda g: g["betas"][0], step)
        root = at.one_minus_power(lambda g: g["betas"][1], step).sqrt()
        return _Values(self._moments(at, group), at(lambda g: g["lr"]) * root / first, at(lambda g: g["eps"]) * root)

    def _update(self, param: Any, grad: Any, state: State, group: Group, values: _Values) -> Any:
        param, _, mean, square = self._advance(param, grad, state, group, values.moments)
        if group["amsgrad"]:
            square = state["max_exp_avg_sq"] = maximum(state["max_exp_avg_sq"], square)
        return param - mean * values.size / (square.sqrt() + values.eps)


class AdamW(Adam):
    """Adam whose weight decay acts on the parameters, not on the gradients (Loshchilov & Hutter 2019).

    >>> model = nn.Linear(2, 1)
    >>> optimizer = optim.AdamW([{'params': [model.weight]}, {'params': [model.bias], 'weight_decay': 0.0}], lr=1e-3)
    >>> [group['weight_decay'] for group in optimizer.param_groups]
    [0.01, 0.0]
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:  # a file written by an older PyTorch doesn't say so
            group["decoupled_weight_decay"] = True
