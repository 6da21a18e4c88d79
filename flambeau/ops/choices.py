"""Choosing between values element by element: `where`, clamps, the larger and the smaller. May import what `flambeau.ops` may."""

from __future__ import annotations

import math
from typing import Any

from flambeau.dtypes import bool_
from flambeau.graph.node import Primitive
from flambeau.graph.primitives import elementwise as e
from flambeau.graph.primitives.complex import COMPLEX, IMAG, REAL
from flambeau.ops.comparison import isnan
from flambeau.ops.composite import Composite, record, untaped
from flambeau.ops.operands import (
    cast,
    check_fits,
    check_tensor,
    expand,
    filled,
    operands,
    pair,
    python_number,
    refuse_complex,
    result_dtype,
    same_device,
    scalar,
)
from flambeau.ops.registry import operator, scalar_name
from flambeau.shapes.broadcasting import broadcast
from flambeau.tensor import Tensor, from_node, result_strides

__all__ = ["choose", "clamp", "logical_either", "maximum", "minimum", "nan_to_num", "where"]

_apply = Tensor._apply


@operator(inplace=True, inplace_function=True, out="exact")
def nan_to_num(input: Tensor, nan: float | None = None, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """NaN replaced by `nan` (0), infinities by `posinf` and `neginf` (the largest finite numbers); in both parts if complex."""
    if check_tensor(input, "nan_to_num", "input").dtype.category == 3:
        parts = (_apply(part, (input,)) for part in (REAL, IMAG))
        return _apply(COMPLEX, tuple([nan_to_num(part, nan, posinf, neginf) for part in parts]))
    if check_tensor(input, "nan_to_num", "input").dtype.category != 2:
        return input.clone()
    from flambeau.dtypes import finfo

    limits = finfo(input.dtype)
    result = where(isnan(input), 0.0 if nan is None else nan, input)
    result = where(input == float("inf"), limits.max if posinf is None else posinf, result)
    return where(input == float("-inf"), limits.min if neginf is None else neginf, result)


@operator(method=False, out="exact", remembered=True)
def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """input where the condition holds, else other, broadcast and promoted; with the condition alone `nonzero(as_tuple=True)`.

    >>> x = torch.tensor([-1.0, 2.0])
    >>> torch.where(x > 0, x, 0.0)
    tensor([0., 2.])
    """
    check_tensor(condition, "where", "condition")
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if condition.dtype.category != 0:
        if condition.dtype.name != "uint8":
            raise RuntimeError(
                f"where expected condition to be a boolean tensor, but got a tensor with dtype {scalar_name(condition)}"
            )
        condition = cast(condition, bool_)
    return choose(condition, input, other, "where")


@operator("where", namespace=None, remembered=True)
def _where_method(self: Tensor, condition: Tensor, other: Any) -> Tensor:
    """The tensor where the condition holds, else `other`: `torch.where(condition, self, other)`."""
    check_tensor(condition, "where", "condition")
    return where(condition, self, other)


def choose(condition: Tensor, input: Any, other: Any, name: str) -> Tensor:
    """`where` of a bool condition."""
    values = []
    for position, v in enumerate((input, other)):
        if not isinstance(v, Tensor):
            number = python_number(v)
            if number is None:
                raise TypeError(
                    f"{name}(): argument '{('input', 'other')[position]}' (position "
                    f"{position + 2}) must be Tensor, not {type(v).__name__}"
                )
            v = number
        values.append(v)
    wanted = result_dtype(values)
    device = condition._storage.device
    if not any(isinstance(v, Tensor) for v in values):
        values[0] = scalar(values[0], wanted, device)
    _, moved = same_device([condition, *(v for v in values if isinstance(v, Tensor))])
    rest = iter(moved[1:])
    a, b = (next(rest) if isinstance(v, Tensor) else v for v in values)
    if (
        isinstance(a, Tensor)
        and isinstance(b, Tensor)
        and a._storage.dtype is b._storage.dtype
        and condition._shape == a._shape == b._shape
    ):
        return _apply(e.WHERE, (moved[0], a, b))
    a, b = operands(name, a, b, type=wanted)
    shape = broadcast(tuple(moved[0]._shape), tuple(a._shape))
    return _apply(e.WHERE, (expand(moved[0], shape), expand(a, shape), expand(b, shape)))


_CLAMP = Composite(
    "clamp",
    lambda g, y, inputs, params: (lambda: choose(_inside(inputs[0], *params), g, 0, "clamp"),),
)


def _inside(x: Tensor, low: Any, high: Any) -> Tensor:
    if low is None:
        return x <= high
    return x >= low if high is None else (x >= low) & (x <= high)


@operator("clamp", "clip", inplace=True, out=True, inplace_function=True, remembered=True)
def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """input brought into [min, max], numbers or tensors, either of which may be missing; max wins where they cross. NaN stays.

    >>> torch.tensor([-1.0, 0.5, 2.0]).clamp(0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    refuse_complex(check_tensor(input, "clamp", "input"), "clamp is not supported for complex types")
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if isinstance(min, Tensor) or isinstance(max, Tensor):
        return _clamp_by_tensors(input, min, max)
    low, high = (None if v is None else python_number(v) for v in (min, max))
    if (min is not None and low is None) or (max is not None and high is None):
        raise TypeError("clamp(): arguments 'min' and 'max' must be Number or Tensor")
    if low != low or high != high:  # a NaN bound gives NaN everywhere
        with untaped():
            y = input * math.nan
        return record(_CLAMP, y, (input,), (low, high))
    limits = [v for v in (low, high) if v is not None]
    for v in limits:
        check_fits(v, result_dtype((input, v)))
    type, device, shape = result_dtype((input, *limits)), input._storage.device, tuple(input._shape)
    x = cast(input, type)
    node = x._value()
    if low is not None:
        node = e.MAXIMUM((node, filled(low, type, device, shape)._value()))
    if high is not None:
        node = e.MINIMUM((node, filled(high, type, device, shape)._value()))
    return record(_CLAMP, from_node(node, result_strides((x,))), (x,), (low, high))


def _clamp_by_tensors(input: Tensor, low: Any, high: Any) -> Tensor:
    y = input
    bounds = [b for b in (low, high) if b is not None]
    x, *bounds = operands("clamp", input, *bounds)
    if x.dtype.category == 0 and low is not None and high is not None:
        raise NotImplementedError("\"clamp_cpu\" not implemented for 'Bool'")
    y = x
    with untaped():
        if low is not None:
            y = choose(logical_either(y < bounds[0], isnan(bounds[0])), bounds[0], y, "clamp")
        if high is not None:
            y = choose(logical_either(y > bounds[-1], isnan(bounds[-1])), bounds[-1], y, "clamp")
    return record(_CLAMP_BY_TENSORS, y, (x, *bounds), (low is not None, high is not None))


def _clamp_gradient(g: Tensor, y: Tensor, inputs: Any, params: Any) -> tuple[Any, ...]:
    """To what is inside its own gradient, to a bound that of what is outside; none for NaN."""
    x, *bounds = inputs
    low, high = (bounds[0] if params[0] else None), (bounds[-1] if params[1] else None)

    def part(chosen: Any) -> Any:
        return lambda: choose(chosen(), g, 0, "clamp")

    parts = [part(lambda: _inside(x, low, high))]
    if low is not None:
        parts.append(part(lambda: x < low if high is None else (x < low) & (low < high)))
    if high is not None:
        parts.append(part(lambda: x > high if low is None else (x > high) | (high < low)))
    return tuple(parts)


_CLAMP_BY_TENSORS = Composite("clamp", _clamp_gradient)


def logical_either(a: Tensor, b: Tensor) -> Tensor:
    return _apply(e.BITWISE_OR, (a, b))


@operator(inplace=True, inplace_function=True, out=True)
def clamp_min(input: Tensor, min: Any) -> Tensor:
    """max(input, min)."""
    return clamp(input, min=min)


@operator(inplace=True, inplace_function=True, out=True)
def clamp_max(input: Tensor, max: Any) -> Tensor:
    """min(input, max)."""
    return clamp(input, max=max)


def _extremum(primitive: Primitive, *names: str, doc: str) -> Any:
    def choose_one(input: Tensor, other: Tensor) -> Tensor:
        check_tensor(input, names[0], "input")
        check_tensor(other, names[0], "other", 2)
        for t in (input, other):
            refuse_complex(t, f"{names[0]} not implemented for complex tensors.", RuntimeError)
        return _apply(primitive, pair(names[0], input, other))

    choose_one.__name__ = choose_one.__qualname__ = names[0]
    choose_one.__doc__ = doc
    operator(*names, out=True)(choose_one)
    return choose_one


maximum = _extremum(e.MAXIMUM, "maximum", doc="The larger of two elements; NaN wins.")


minimum = _extremum(e.MINIMUM, "minimum", doc="The smaller of two elements; NaN wins.")


@operator(out=True)
def fmax(input: Tensor, other: Tensor) -> Tensor:
    """The larger of two elements; a number wins over NaN."""
    return _ignoring_nan("fmax", e.GE, input, other)


@operator(out=True)
def fmin(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of two elements; a number wins over NaN."""
    return _ignoring_nan("fmin", e.LE, input, other)


def _ignoring_nan(name: str, wins: Primitive, input: Tensor, other: Tensor) -> Tensor:
    a, b = pair(name, check_tensor(input, name, "input"), check_tensor(other, name, "other", 2))
    refuse_complex(a, f"{name} not implemented for complex tensors.", RuntimeError)
    first = _apply(wins, (a, b))
    if a.dtype.category == 2:
        first = logical_either(first, isnan(b))
    return _apply(e.WHERE, (first, a, b))
