"""Python's operators on tensors: `+`, `@`, `~`, `<<=` and so on. May import what `flambeau.ops` may.

A value that is neither tensor nor number gives NotImplemented, so that Python asks the other operand and then raises TypeError.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flambeau.ops import arithmetic, comparison, matmul, pointwise
from flambeau.ops.operands import python_number
from flambeau.ops.sharing import from_numpy
from flambeau.tensor import Tensor

__all__: list[str] = []

_QUICK = (Tensor, float, int)  # bool is an int


def _accepts(other: Any) -> bool:
    return isinstance(other, _QUICK) or python_number(other) is not None


def _forward(function: Callable[..., Any]) -> Callable[..., Any]:
    def forward(self: Tensor, other: Any) -> Any:
        if isinstance(other, _QUICK) or _accepts(other):
            return function(self, other)
        return NotImplemented

    return forward


def _reflected(function: Callable[..., Any]) -> Callable[..., Any]:
    def reflected(self: Tensor, other: Any) -> Any:
        if isinstance(other, _QUICK) or _accepts(other):
            return function(other, self)
        return NotImplemented

    return reflected


def _define(name: str, function: Callable[..., Any]) -> None:
    function.__name__ = function.__qualname__ = name
    setattr(Tensor, name, function)


for _name, _function in (
    ("add", arithmetic.add), ("sub", arithmetic.sub), ("mul", arithmetic.mul), ("truediv", arithmetic.div),
    ("floordiv", arithmetic.floor_divide), ("mod", arithmetic.remainder), ("pow", arithmetic.pow),
    ("and", comparison.bitwise_and), ("or", comparison.bitwise_or), ("xor", comparison.bitwise_xor),
    ("lshift", comparison.bitwise_left_shift), ("rshift", comparison.bitwise_right_shift),
):  # fmt: skip
    _define(f"__{_name}__", _forward(_function))
    _define(f"__r{_name}__", _reflected(_function))

# PyTorch divides a number by a tensor so, in two steps that each round.
for _name in ("__rtruediv__", "__rdiv__"):
    _define(_name, _reflected(lambda number, tensor: arithmetic.mul(pointwise.reciprocal(tensor), number)))

# What commutes needs no second form.
Tensor.__radd__, Tensor.__rmul__ = Tensor.__add__, Tensor.__mul__  # type: ignore[attr-defined]

for _name, _function in (
    ("eq", comparison.eq), ("ne", comparison.ne), ("lt", comparison.lt), ("le", comparison.le), ("gt", comparison.gt),
    ("ge", comparison.ge),
):  # fmt: skip
    _define(f"__{_name}__", _forward(_function))

for _name, _in_place in (
    ("add", "add_"), ("sub", "sub_"), ("mul", "mul_"), ("truediv", "div_"), ("floordiv", "floor_divide_"), ("mod", "remainder_"),
    ("pow", "pow_"), ("and", "bitwise_and_"), ("or", "bitwise_or_"), ("xor", "bitwise_xor_"), ("lshift", "bitwise_left_shift_"),
    ("rshift", "bitwise_right_shift_"),
):  # fmt: skip
    _define(f"__i{_name}__", _forward(getattr(Tensor, _in_place)))


def _matmul(self: Tensor, other: Any) -> Any:
    return matmul.matmul(self, other) if isinstance(other, Tensor) else NotImplemented


def _reflected_matmul(self: Tensor, other: Any) -> Any:
    return matmul.matmul(other, self) if isinstance(other, Tensor) else NotImplemented


_define("__matmul__", _matmul)
_define("__rmatmul__", _reflected_matmul)
_define("__neg__", lambda self: pointwise.neg(self))
_define("__pos__", lambda self: pointwise.positive(self))
_define("__abs__", lambda self: pointwise.abs(self))


def _rsub(self: Tensor, other: Any) -> Any:
    return arithmetic.rsub(self, other) if _accepts(other) else NotImplemented


def _invert(self: Tensor) -> Tensor:
    if self._storage.dtype.category >= 2:
        raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
    return comparison.bitwise_not(self)


def _array_wrap(self: Tensor, array: Any, context: Any = None, return_scalar: bool = False) -> Tensor:
    """The result of a NumPy function of this tensor, as a tensor; NumPy's bools become uint8, as in PyTorch."""
    return from_numpy(array.astype("uint8") if array.dtype == bool else array)


_define("__rsub__", _rsub)
_define("__array_wrap__", _array_wrap)
_define("__invert__", _invert)
Tensor.__array_priority__ = 1000  # type: ignore[attr-defined]
