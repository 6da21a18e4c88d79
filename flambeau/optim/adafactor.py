"""Adafactor. May import: optim.optimizer, optim.checks, optim.run_time, ops, dtypes, tensor."""

from __future__ import annotations

from typing import Any, NamedTuple

from flambeau.dtypes import finfo
from flambeau.ops import creation
from flambeau.optim import checks
from flambeau.optim.optimizer import Group, Optimizer
from flambeau.optim.run_time import RunTime, State
from flambeau.tensor import Tensor

__all__ = ["Adafactor"]


class _Values(NamedTuple):
    rate: Any
    """min(lr, 1 / √t)"""
    fresh: Any
    """t^beta2_decay"""
    kept: Any
    """1 - lr · weight_decay"""
    eps2: Any
    d: Any


class Adafactor(Optimizer):
    """Second moments of matrices as a product of rows' and columns' (Shazeer & Stern 2018): memory for n + m, not n · m numbers.

    With v the estimate and u = g / √v:  p ← (1 - lr · weight_decay) p - s u / max(1, rms(u) / d), where
    s = max(eps₂, rms(p)) · min(lr, 1 / √t).

    Args:
        beta2_decay: 1 - β₂ at step t is t^beta2_decay; at most 0.
        eps: (the least root of the estimate, None for the dtype's eps; the least scale of a parameter).
        d: the root mean square that updates are clipped to, at least 1.
    """

    _computes_with_tensors = True

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        checks.one_element(lr)
        checks.not_negative(Learning_rate=lr)
        if not beta2_decay <= 0.0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        checks.not_negative(epsilon1=eps[0] or 0.0, epsilon2=eps[1])
        if not d >= 1.0:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        if not weight_decay >= 0.0:
            raise ValueError(f"weight_decay should be >= 0 but is: {weight_decay}")
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _start(self, param: Tensor, grad: Tensor, group: Group, state: dict[str, Any]) -> None:
        if param.is_complex():
            raise RuntimeError("Adafactor does not support complex parameters")
        if grad.dim() > 1:
            *lead, rows, columns = grad.shape
            state["row_var"] = grad.new_zeros((*lead, rows, 1))
            state["col_var"] = grad.new_zeros((*lead, 1, columns))
        else:
            state["variance"] = creation.zeros_like(grad)

    def _values(self, at: RunTime, group: Group, step: Any) -> _Values:
        return _Values(
            at(lambda g: g["lr"]).minimum(step.rsqrt()),
            step ** at(lambda g: g["beta2_decay"]),
            at(lambda g: 1 - g["lr"] * g["weight_decay"]),
            at(lambda g: g["eps"][1]),
            at(lambda g: g["d"]),
        )

    def _update(self, param: Any, grad: Any, state: State, group: Group, values: _Values) -> Any:
        eps1 = finfo(param.dtype).eps if group["eps"][0] is None else group["eps"][0]
        square = grad * grad
        if grad.dim() > 1:
            rows = state["row_var"].lerp(square.mean(-1, keepdim=True), values.fresh)
            columns = state["col_var"].lerp(square.mean(-2, keepdim=True), values.fresh)
            state["row_var"], state["col_var"] = rows, columns
            estimate = rows @ columns / rows.mean(-2, keepdim=True).clamp(min=eps1)
        else:
            estimate = state["variance"].lerp(square, values.fresh)
            state["variance"] = estimate
        update = grad * estimate.clamp(min=eps1 * eps1).rsqrt()
        scale = _root_mean_square(param).maximum(values.eps2) * values.rate
        return param * values.kept - update * (scale / (_root_mean_square(update) / values.d).clamp(min=1))


def _root_mean_square(t: Tensor) -> Tensor:
    return t.square().mean().sqrt()
