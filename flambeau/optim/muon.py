"""Muon. May import: optim.optimizer, optim.checks, optim.run_time, ops, dtypes, tensor."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from flambeau import dtypes
from flambeau.ops import creation
from flambeau.optim import checks
from flambeau.optim.optimizer import Group, Optimizer
from flambeau.optim.run_time import RunTime, State
from flambeau.tensor import Tensor

__all__ = ["Muon"]

_ADJUSTMENTS = (None, "original", "match_rms_adamw")


class _Values(NamedTuple):
    rate: Any
    momentum: Any
    kept: Any
    """1 - lr · weight_decay"""


class Muon(Optimizer):
    """Momentum whose update, a matrix, is brought near the closest orthogonal one (Jordan et al. 2024).

    For the matrices of hidden layers; other parameters want another optimizer.

    Args:
        params: tensors of two dimensions, or groups of them.
        lr: the learning rate; multiplied by √max(1, rows / columns), or with `adjust_lr_fn="match_rms_adamw"` by
            0.2 √max(rows, columns) (Liu et al. 2025).
        ns_coefficients: (a, b, c) of the steps X ← aX + (bG + cG²)X with G = XXᵀ (Newton and Schulz), in bfloat16.
        eps: the least norm that the matrix is divided by before the first of them.
        ns_steps: how many of them, below 100.
    """

    _counts_steps = False
    _computes_with_tensors = True

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        checks.one_element(lr)
        checks.not_negative(Learning_rate=lr, momentum=momentum, weight_decay=weight_decay)
        if adjust_lr_fn not in _ADJUSTMENTS:
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for param in group["params"]:
                if param.ndim != 2:
                    raise ValueError(f"Muon only supports 2D parameters whereas we found a parameter with size: {param.size()}")

    def _start(self, param: Tensor, grad: Tensor, group: Group, state: dict[str, Any]) -> None:
        if param.is_complex():
            raise RuntimeError("Muon does not support complex parameters")
        state["momentum_buffer"] = creation.zeros_like(grad)

    def _values(self, at: RunTime, group: Group, step: Any) -> _Values:
        return _Values(at(lambda g: g["lr"]), at(lambda g: g["momentum"]), at(lambda g: 1 - g["lr"] * g["weight_decay"]))

    def _update(self, param: Any, grad: Any, state: State, group: Group, values: _Values) -> Any:
        mean = state["momentum_buffer"]
        mean = mean + (grad - mean) * (1 - values.momentum)
        state["momentum_buffer"] = mean
        update = grad + (mean - grad) * values.momentum if group["nesterov"] else mean
        direction = _orthogonal(update, group["ns_coefficients"], group["ns_steps"], group["eps"]).to(param.dtype)
        return param * values.kept - direction * (values.rate * _adjustment(group["adjust_lr_fn"], *param.shape))


def _adjustment(kind: str | None, rows: int, columns: int) -> float:
    if kind == "match_rms_adamw":
        return 0.2 * math.sqrt(max(rows, columns))
    return math.sqrt(max(1, rows / columns))


def _orthogonal(matrix: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float) -> Tensor:
    """The matrix with its singular values brought to between about ½ and 1½, in bfloat16."""
    if steps >= 100:
        raise ValueError("Number of steps must be less than 100 for computational efficiency")
    if len(coefficients) != 3:
        raise ValueError("Coefficients must be a tuple of exactly 3 values")
    a, b, c = coefficients
    is_tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.to(dtypes.bfloat16)
    x = x.mT if is_tall else x
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.mT
        x = x.addmm(gram.addmm(gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if is_tall else x
