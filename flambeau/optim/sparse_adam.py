"""SparseAdam. May import: ops, optim.checks, optim.optimizer, optim.run_time, tensor."""

from __future__ import annotations

from typing import Any, NamedTuple

from flambeau.ops import creation
from flambeau.optim import checks
from flambeau.optim.optimizer import Group, Optimizer
from flambeau.optim.run_time import RunTime, State
from flambeau.tensor import Tensor

__all__ = ["SparseAdam"]


class _Values(NamedTuple):
    fresh1: Any
    """1 - beta1"""
    fresh2: Any
    """1 - beta2"""
    size: Any
    """lr · √(1 - beta2ᵗ) / (1 - beta1ᵗ)"""
    eps: Any


class SparseAdam(Optimizer):
    """Adam for embeddings: rows of a parameter that have no gradient keep their moments and are not moved.

    It takes sparse gradients, such as those of `nn.Embedding(sparse=True)`, which hold the rows that were looked up. Raises
    RuntimeError for dense ones, ValueError for complex parameters.
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        checks.learning_rate(lr)
        if not lr > 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not eps > 0.0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        checks.betas_in_range(betas)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})
        found = [[i, j] for i, g in enumerate(self.param_groups) for j, p in enumerate(g["params"]) if p.is_complex()]
        if found:
            raise ValueError(f"Complex params at indices {found}: SparseAdam does not support complex parameters")

    def _start(self, param: Tensor, grad: Tensor, group: Group, state: dict[str, Any]) -> None:
        state["exp_avg"] = creation.zeros_like(param)
        state["exp_avg_sq"] = creation.zeros_like(param)

    def _values(self, at: RunTime, group: Group, step: Any) -> _Values:
        first = at.one_minus_power(lambda g: g["betas"][0], step)
        root = at.one_minus_power(lambda g: g["betas"][1], step).sqrt()
        return _Values(
            at(lambda g: 1 - g["betas"][0]),
            at(lambda g: 1 - g["betas"][1]),
            at(lambda g: g["lr"]) * root / first,
            at(lambda g: g["eps"]),
        )

    def _check_sparse(self, group: Group) -> None:
        """All of them may be."""

    def _states(self, active: list[tuple[Tensor, Tensor]], group: Group) -> list[dict[str, Any]]:
        if not all(grad.is_sparse for _, grad in active):
            raise RuntimeError("SparseAdam does not support dense gradients, please consider Adam instead")
        return super()._states(active, group)

    def _update(self, param: Any, grad: Any, state: State, group: Group, values: _Values) -> Any:
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        mean = state["exp_avg"] = mean + (grad - mean) * values.fresh1
        square = state["exp_avg_sq"] = square + (grad * grad - square) * values.fresh2
        return param - mean * values.size / (square.sqrt() + values.eps)
