"""Hyperparameters as tensors whose numbers are read when the computation runs.

A recorded training step reads them anew at each replay, so it follows a scheduler. May import: ops, tensor, dtypes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flambeau import dtypes
from flambeau.ops.creation import tensor
from flambeau.ops.operands import scalar
from flambeau.tensor import Tensor

__all__ = ["RunTime"]


class RunTime:
    """Numbers of one parameter group, for parameters of one dtype and device.

    `at(f)` is `f(group)` as a zero-dimensional tensor, computed on the host in double precision at each run. float16 and
    bfloat16 parameters get float32 numbers, which don't promote them.
    """

    __slots__ = ("_optimizer", "_number", "dtype", "_device")

    def __init__(self, optimizer: Any, number: int, param: Tensor) -> None:
        self._optimizer, self._number = optimizer, number
        self.dtype = dtypes.float64 if param.dtype == dtypes.float64 else dtypes.float32
        self._device = param.device

    def __call__(self, f: Callable[[dict[str, Any]], Any]) -> Tensor:
        optimizer, number = self._optimizer, self._number
        value = f(optimizer.param_groups[number])
        if isinstance(value, Tensor):  # a learning rate may be one
            return value.reshape(()).to(device=self._device, dtype=self.dtype)
        return scalar(lambda: float(f(optimizer.param_groups[number])), self.dtype, str(self._device))

    def one_minus_power(self, beta: Callable[[dict[str, Any]], float], step: Tensor) -> Tensor:
        """1 - beta^step, without the cancellation that float32 would suffer: -expm1(step · log(beta))."""
        return -(step.to(self.dtype) * self(lambda group: _log(beta(group)))).expm1()

    @staticmethod
    def zero(param: Tensor) -> Tensor:
        """A step counter at 0, where `param` is."""
        return tensor(0.0, dtype=dtypes.float32, device=param.device)

    @staticmethod
    def count(step: Any, param: Tensor) -> Tensor:
        """A loaded step, a number in old files, as a counter where `param` is."""
        return (
            step.to(param.device) if isinstance(step, Tensor) else tensor(float(step), dtype=dtypes.float32, device=param.device)
        )


def _log(value: float) -> float:
    import math

    return math.log(value) if value > 0 else -math.inf
