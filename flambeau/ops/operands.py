"""What operators do with their operands first: check types and devices, promote dtypes, broadcast shapes.

May import `flambeau.tensor`, `flambeau.shapes`, `flambeau.dtypes`, `flambeau.graph`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flambeau.dtypes import dtype, promote, scalar_dtype
from flambeau.graph.primitives.elementwise import CAST
from flambeau.graph.primitives.leaf import number
from flambeau.graph.primitives.movement import EXPAND, RESHAPE
from flambeau.shapes.broadcasting import broadcast
from flambeau.tensor import Tensor, from_node

__all__ = ["Scalar", "as_tensor_argument", "result_dtype", "operands", "cast", "scalar", "expand", "same_device"]

Scalar = (bool, int, float)


def as_tensor_argument(value: Any, function: str, argument: str, position: int = 1) -> Tensor:
    """The value if it is a tensor; else PyTorch's TypeError."""
    if isinstance(value, Tensor):
        return value
    raise TypeError(f"{function}(): argument '{argument}' (position {position}) must be Tensor, not {type(value).__name__}")


def scalar(value: Any, type: dtype, device: str) -> Tensor:
    """A Python number (or a function that gives one at each run) as a zero-dimensional tensor."""
    return from_node(number(value, type, device))


def cast(t: Tensor, type: dtype) -> Tensor:
    """The tensor with elements of `type`: itself when it has them."""
    own = t._storage.dtype
    return t if own is type else Tensor._apply(CAST, (t,), (type, own))


def expand(t: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The tensor repeated to `shape`, which it broadcasts to. Not a view: for use inside operators."""
    own = tuple(t._shape)
    if own == shape:
        return t
    if len(own) != len(shape):
        padded = (1,) * (len(shape) - len(own)) + own
        t = Tensor._apply(RESHAPE, (t,), (padded, own))
        own = padded
    return t if own == shape else Tensor._apply(EXPAND, (t,), (shape, own))


def result_dtype(values: Sequence[Any]) -> dtype:
    """The dtype that operands promote to (`torch.result_type` of any number of tensors and Python numbers).

    Tensors with dimensions decide among themselves; a zero-dimensional tensor changes that only when its category (bool, integer,
    floating) is higher, and a Python number only when its category is higher still.
    """
    dimensioned = zero_dim = wrapped = None
    for v in values:
        if isinstance(v, Tensor):
            d = v._storage.dtype
            if v._shape:
                dimensioned = d if dimensioned is None else promote(dimensioned, d)
            else:
                zero_dim = d if zero_dim is None else promote(zero_dim, d)
        else:
            d = scalar_dtype(v)
            wrapped = d if wrapped is None else promote(wrapped, d)
    result = dimensioned
    for lower in (zero_dim, wrapped):
        if lower is not None and (result is None or lower.category > result.category):
            result = lower
    assert result is not None
    return result


def same_device(tensors: Sequence[Tensor]) -> tuple[str, list[Tensor]]:
    """The device of the operands; a zero-dimensional CPU tensor follows the others there. RuntimeError for a mix."""
    device = None
    for t in tensors:
        d = t._storage.device
        if device is None or (device != d and device == "cpu" and not first._shape):  # noqa: F821
            device, first = d, t
        elif d != device and not (d == "cpu" and not t._shape):
            raise RuntimeError(
                f"Expected all tensors to be on the same device, but found at least two devices, {device} and {d}!"
            )
    assert device is not None
    return device, [t if t._storage.device == device else t.to(device) for t in tensors]


def operands(name: str, *values: Any, type: dtype | None = None, float_result: bool = False) -> tuple[Tensor, ...]:
    """Tensors and numbers brought to one dtype, one device and one shape, ready for an elementwise primitive.

    `type` fixes the dtype; with `float_result` integers become the default floating dtype (`true_divide`, `sin` …).
    Raises TypeError for a value that is neither tensor nor number, RuntimeError for devices or shapes that don't match.
    """
    tensors = []
    for position, v in enumerate(values):
        if isinstance(v, Tensor):
            tensors.append(v)
        elif not isinstance(v, Scalar):
            which = ("input", "other")[position] if position < 2 else f"operand {position}"
            raise TypeError(f"{name}(): argument '{which}' (position {position + 1}) must be Tensor, not {v.__class__.__name__}")
    if not tensors:
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {values[0].__class__.__name__}")
    first = tensors[0]
    if type is None:
        type = first._storage.dtype
        if len(values) > 1:
            type = result_dtype(values)
        if float_result and type.category != 2:
            from flambeau.dtypes import default_dtype

            type = default_dtype()
    if len(tensors) > 1:
        device, moved = same_device(tensors)
        shape = tuple(moved[0]._shape)
        if any(tuple(t._shape) != shape for t in moved):
            shape = broadcast(*(tuple(t._shape) for t in moved))
    else:
        device, moved, shape = first._storage.device, tensors, tuple(first._shape)
    remaining = iter(moved)
    result = []
    for v in values:
        t = next(remaining) if isinstance(v, Tensor) else scalar(v, type, device)
        if t._storage.dtype is not type:
            t = cast(t, type)
        result.append(t if tuple(t._shape) == shape else expand(t, shape))
    return tuple(result)
