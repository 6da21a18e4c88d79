"""L-BFGS. May import: ops, autograd, optim.optimizer, optim.checks, tensor.

Its steps depend on the values that they compute, so it reads them on the host, unlike every other rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flambeau.autograd.modes import enable_grad, no_grad
from flambeau.ops import joining
from flambeau.optim import checks
from flambeau.optim.optimizer import Optimizer
from flambeau.tensor import Tensor

__all__ = ["LBFGS"]


@dataclass
class _Point:
    """A place on the line that is searched: how far, the loss and gradient there, and the slope along the line."""

    t: float
    loss: float
    grad: Tensor
    slope: float


def _cubic_minimum(a: _Point, b: _Point, bounds: tuple[float, float] | None = None) -> float:
    """The minimum of the cubic with the losses and slopes of both points, within bounds (Nocedal & Wright, eq. 3.59)."""
    if a.t > b.t:
        a, b = b, a
    low, high = bounds if bounds is not None else (a.t, b.t)
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2.0
    d2 = math.sqrt(square)
    return min(max(b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2)), low), high)


def _strong_wolfe(
    evaluate: Callable[[float], _Point],
    start: _Point,
    t: float,
    length: float,
    max_evaluations: int,
    c1: float = 1e-4,
    c2: float = 0.9,
    tolerance: float = 1e-9,
) -> tuple[_Point, int]:
    """A point that satisfies the strong Wolfe conditions, and how often the loss was evaluated.

    `length` is the largest component of the direction. Nocedal & Wright, algorithms 3.5 and 3.6: first the steps grow until
    a minimum is bracketed, then the bracket shrinks.
    """

    def too_high(point: _Point) -> bool:
        return point.loss > start.loss + c1 * point.t * start.slope

    previous, point = start, evaluate(t)
    evaluations, iterations, done = 1, 0, False
    bracket: list[_Point] = []
    while iterations < max_evaluations:
        if too_high(point) or (iterations > 1 and point.loss >= previous.loss):
            bracket = [previous, point]
        elif abs(point.slope) <= -c2 * start.slope:
            bracket, done = [point, point], True
        elif point.slope >= 0:
            bracket = [previous, point]
        if bracket:
            break
        bounds = point.t + 0.01 * (point.t - previous.t), point.t * 10
        t = _cubic_minimum(previous, point, bounds)
        previous, point = point, evaluate(t)
        evaluations += 1
        iterations += 1
    if not bracket:
        bracket = [start, point]

    low, high = sorted(bracket, key=lambda p: p.loss)
    insufficient = False
    while not done and iterations < max_evaluations:
        ends = sorted((low.t, high.t))
        if (ends[1] - ends[0]) * length < tolerance:
            break
        t = _cubic_minimum(low, high)
        margin = 0.1 * (ends[1] - ends[0])
        if min(ends[1] - t, t - ends[0]) < margin:  # too near to an end: allowed once
            if insufficient or t >= ends[1] or t <= ends[0]:
                t = ends[1] - margin if abs(t - ends[1]) < abs(t - ends[0]) else ends[0] + margin
                insufficient = False
            else:
                insufficient = True
        else:
            insufficient = False
        point = evaluate(t)
        evaluations += 1
        iterations += 1
        if too_high(point) or point.loss >= low.loss:
            high = point
            if high.loss < low.loss:
                low, high = high, low
        else:
            if abs(point.slope) <= -c2 * start.slope:
                done = True
            elif point.slope * (high.t - low.t) >= 0:
                high = low
            low = point
    return low, evaluations


class LBFGS(Optimizer):
    """Quasi-Newton steps from the last `history_size` changes of the gradient (Liu & Nocedal 1989). One group only.

    `step` needs a closure that clears the gradients, computes the loss, calls `backward` and returns the loss.
    """

    _counts_steps = False

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        checks.learning_rate(lr)
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    @property
    def _params(self) -> list[Tensor]:
        return self.param_groups[0]["params"]

    def _flat_grad(self) -> Tensor:
        if any(p.is_complex() for p in self._params):
            raise RuntimeError("LBFGS does not support complex parameters: give it torch.view_as_real of them")
        grads = [p.new_zeros(p.numel()) if p.grad is None else p.grad.reshape(-1) for p in self._params]
        return joining.cat(grads)

    def _move(self, distance: float, direction: Tensor) -> None:
        offset = 0
        for param in self._params:
            part = direction[offset : offset + param.numel()].reshape(param.shape)
            param.add_(part, alpha=distance)
            offset += param.numel()

    def _direction(self, state: dict[str, Any], flat_grad: Tensor, history_size: int) -> Tensor:
        """-H·g by the two-loop recursion, after the last step has entered the history."""
        if state["n_iter"] == 1:
            state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
            return -flat_grad
        change, step = flat_grad - state["prev_flat_grad"], state["d"] * state["t"]
        curvature = change.dot(step)
        changes, steps, inverse = state["old_dirs"], state["old_stps"], state["ro"]
        if float(curvature) > 1e-10:
            if len(changes) == history_size:
                for history in (changes, steps, inverse):
                    history.pop(0)
            changes.append(change)
            steps.append(step)
            inverse.append(1.0 / curvature)
            state["H_diag"] = curvature / change.dot(change)
        weights = state.setdefault("al", [None] * history_size)
        q = -flat_grad
        for i in range(len(changes) - 1, -1, -1):
            weights[i] = steps[i].dot(q) * inverse[i]
            q = q - changes[i] * weights[i]
        r = q * state["H_diag"]
        for i in range(len(changes)):
            r = r + steps[i] * (weights[i] - changes[i].dot(r) * inverse[i])
        return r

    @no_grad()
    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Up to `max_iter` steps, with up to `max_eval` calls of `closure`; gives the loss at the start."""
        group = self.param_groups[0]
        lr, tolerance = float(group["lr"]), group["tolerance_change"]
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

        def compute() -> Any:
            with enable_grad():
                return closure()

        original = compute()
        loss = float(original)
        evaluations = 1
        state["func_evals"] += 1
        flat_grad = self._flat_grad()
        if float(flat_grad.abs().max()) <= group["tolerance_grad"]:
            return original
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            direction = state["d"] = self._direction(state, flat_grad, group["history_size"])
            state["prev_flat_grad"] = flat_grad.clone()
            state["prev_loss"] = previous = loss
            t = state["t"] = min(1.0, 1.0 / float(flat_grad.abs().sum())) * lr if state["n_iter"] == 1 else lr
            slope = float(flat_grad.dot(direction))
            if slope > -tolerance:
                break
            new_evaluations = 0
            if group["line_search_fn"] is not None:
                if group["line_search_fn"] != "strong_wolfe":
                    raise RuntimeError("only 'strong_wolfe' is supported")
                origin = [param.clone() for param in self._params]

                def evaluate(distance: float, direction: Tensor = direction, origin: list[Tensor] = origin) -> _Point:
                    self._move(distance, direction)
                    value, grad = float(compute()), self._flat_grad()
                    for param, old in zip(self._params, origin):
                        param.copy_(old)
                    return _Point(distance, value, grad, float(grad.dot(direction)))

                start = _Point(0.0, loss, flat_grad, slope)
                length = float(direction.abs().max())
                found, new_evaluations = _strong_wolfe(evaluate, start, t, length, group["max_eval"] - evaluations)
                t, loss, flat_grad = found.t, found.loss, found.grad
                state["t"] = t
                self._move(t, direction)
            else:
                self._move(t, direction)
                if iteration != group["max_iter"]:
                    loss = float(compute())
                    flat_grad = self._flat_grad()
                    new_evaluations = 1
            evaluations += new_evaluations
            state["func_evals"] += new_evaluations
            if (
                evaluations >= group["max_eval"]
                or float(flat_grad.abs().max()) <= group["tolerance_grad"]
                or float(direction.abs().max()) * t <= tolerance
                or abs(loss - previous) < tolerance
            ):
                break
        return original
