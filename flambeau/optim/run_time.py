"""What an update rule computes with: hyperparameters whose numbers are read when the computation runs, and tensors' values.

A recorded training step reads the numbers anew at each replay, so it follows a scheduler. May import: ops, tensor, dtypes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from flambeau import dtypes
from flambeau.graph.primitives.complex import VIEW_AS_COMPLEX, VIEW_AS_REAL
from flambeau.ops.creation import tensor
from flambeau.ops.elements import Elements
from flambeau.ops.operands import scalar
from flambeau.tensor import Tensor, from_node

__all__ = ["RunTime", "State"]


class RunTime:
    """Values for the parameters of one group, dtype and device.

    They are `Elements`, or tensors where the update is to be differentiated itself or the rule asks for them. The dtype is
    float32 for half types. Complex tensors are updated as the real numbers that their parts are.
    """

    __slots__ = ("_optimizer", "_number", "_differentiable", "_with_tensors", "dtype", "_device")

    def __init__(self, optimizer: Any, number: int, param: Tensor) -> None:
        self._optimizer, self._number = optimizer, number
        self._differentiable = optimizer.defaults.get("differentiable", False)
        self._with_tensors = self._differentiable or optimizer._computes_with_tensors
        self.dtype = dtypes.float64 if param.dtype.real is dtypes.float64 else dtypes.float32
        self._device = param.device

    def __call__(self, f: Callable[[dict[str, Any]], Any]) -> Any:
        """`f(group)`, a number, computed on the host in double precision at each run; zero-dimensional."""
        optimizer, number = self._optimizer, self._number
        value = f(optimizer.param_groups[number])
        if isinstance(value, Tensor):  # a learning rate may be one
            value = value.reshape(()).to(device=self._device, dtype=self.dtype)
        else:
            value = scalar(lambda: float(f(optimizer.param_groups[number])), self.dtype, str(self._device))
        return self.read(value)

    def one_minus_power(self, beta: Callable[[dict[str, Any]], float], step: Any) -> Any:
        """1 - beta^step, without the cancellation that float32 would suffer: -expm1(step · log(beta))."""
        return -(step * self(lambda group: _log(beta(group)))).expm1()

    def read(self, tensor: Tensor) -> Any:
        """The value of a tensor; where gradients are recorded a copy, since the tensor will be written to."""
        if tensor.is_complex():
            tensor = Tensor._apply(VIEW_AS_REAL, (tensor,))
        if self._with_tensors:
            return (tensor.clone() if self._differentiable else from_node(tensor._value())).to(self.dtype)
        return Elements.of(tensor, self.dtype)

    def write(self, target: Tensor, value: Any) -> None:
        """Puts a value into a tensor."""
        target._assign(self.make(value, target.dtype))

    def make(self, value: Any, dtype: dtypes.dtype) -> Tensor:
        """A value as a new tensor."""
        if dtype.is_complex:
            return Tensor._apply(VIEW_AS_COMPLEX, (self.make(value, dtype.real),))
        return value.to(dtype) if self._with_tensors else value.tensor(dtype)

    @staticmethod
    def zero(param: Tensor) -> Tensor:
        """A step counter at 0, where `param` is."""
        return tensor(0.0, dtype=dtypes.float32, device=param.device)

    @staticmethod
    def count(step: Any, param: Tensor) -> Tensor:
        """A loaded step, a number in old files, as a counter where `param` is."""
        if isinstance(step, Tensor):
            return step.to(param.device)
        return tensor(float(step), dtype=dtypes.float32, device=param.device)


class State:
    """The state of one parameter as values: what an update sets is written into the tensors by `commit`."""

    __slots__ = ("_at", "_tensors", "_set", "_dtype")

    def __init__(self, at: RunTime, tensors: dict[str, Any], dtype: dtypes.dtype) -> None:
        self._at, self._tensors, self._dtype = at, tensors, dtype
        self._set: dict[str, Any] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._set or self._tensors.get(name) is not None

    def __getitem__(self, name: str) -> Any:
        return self._set[name] if name in self._set else self._at.read(self._tensors[name])

    def __setitem__(self, name: str, value: Any) -> None:
        self._set[name] = value

    def commit(self) -> None:
        """Writes what was set; what had no tensor yet gets one, of the parameter's dtype."""
        for name, value in self._set.items():
            target = self._tensors.get(name)
            if target is None:
                self._tensors[name] = self._at.make(value, self._dtype)
            else:
                self._at.write(target, value)


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf
