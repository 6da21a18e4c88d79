"""What operators do with their operands first: check types and devices, promote dtypes, broadcast shapes.

May import `flambeau.tensor`, `flambeau.shapes`, `flambeau.dtypes`, `flambeau.graph`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from operator import index as as_index
from typing import Any

from flambeau.autograd.modes import state
from flambeau.dtypes import combine, default_dtype, dtype, finfo, float32, iinfo, name_of_dtype, promote, scalar_dtype
from flambeau.graph.primitives.elementwise import CAST
from flambeau.graph.primitives.leaf import number
from flambeau.graph.primitives.movement import EXPAND, RESHAPE
from flambeau.layout import memory_format, preserve_format, strided
from flambeau.shapes.broadcasting import broadcast
from flambeau.shapes.strides import pointwise, preserved
from flambeau.size import contiguous_strides
from flambeau.storage import ProgramStorage, pending
from flambeau.tensor import Tensor, View, from_node, over

__all__ = [
    "Scalar", "check_tensor", "result_dtype", "operands", "pair", "cast", "scalar", "filled", "expand", "same_device",
    "as_python", "python_number", "sizes", "dims_argument", "floating", "accumulation_dtype", "check_fits", "check_form",
    "integer", "number_before",
    "refuse", "refuse_complex",
    "wrapped", "format_argument", "strides_like",
]  # fmt: skip

Scalar = (bool, int, float, complex)


def check_tensor(value: Any, function: str, argument: str, position: int = 1) -> Tensor:
    """The value if it is a tensor; else PyTorch's TypeError."""
    if isinstance(value, Tensor):
        return value
    raise TypeError(f"{function}(): argument '{argument}' (position {position}) must be Tensor, not {type(value).__name__}")


_CATEGORIES = {bool: 0, int: 1, float: 2, complex: 3}


def refuse(t: Tensor, kernel: str, *kinds: Any) -> None:
    """Raises PyTorch's NotImplementedError where its `kernel` isn't made for the tensor's dtype.

    The kinds refused are Python's types of numbers, each for all dtypes of that kind, or dtypes.
    """
    type = t._storage.dtype
    for kind in kinds:
        if type is kind or _CATEGORIES.get(kind) == type.category:
            raise NotImplementedError(f"\"{kernel}\" not implemented for '{name_of_dtype(type)}'")


def refuse_complex(t: Tensor, message: str, kind: type[Exception] = NotImplementedError) -> None:
    """Raises where a tensor is complex; {dtype} in the message becomes PyTorch's name of its dtype."""
    if t._storage.dtype.category == 3:
        raise kind(message.replace("{dtype}", name_of_dtype(t._storage.dtype)))


def python_number(value: Any) -> Any:
    """A NumPy scalar as the Python number it stands for; a Python number as it is; None for anything else."""
    if isinstance(value, Scalar):
        return value
    if hasattr(value, "item") and getattr(value, "shape", None) == () and not isinstance(value, Tensor):
        found = value.item()
        return found if isinstance(found, Scalar) else None
    return None


def as_python(value: Any) -> Any:
    """The value with NumPy's numbers, alone or in tuples and lists, as the Python numbers that they are."""
    if type(value) in (tuple, list):
        return type(value)(map(as_python, value))
    number = python_number(value)
    return value if number is None else number


def integer(value: Any, function: str, argument: str) -> int:
    """An integer argument: an int, a NumPy integer or an integer tensor of one element, but no bool or float."""
    if value.__class__ is int:
        return int(value)
    if not isinstance(value, (bool, float)):
        try:
            return as_index(value)
        except TypeError:
            pass
    raise TypeError(f"{function}(): argument '{argument}' must be int, not {type(value).__name__}")


def number_before(function: str, value: Any) -> Any:
    """The number of a call `x.add_(number, y)`, PyTorch's order of long ago, which it still takes and warns of."""
    if isinstance(value, Tensor) or python_number(value) is None:
        raise TypeError(f"{function}() takes 2 positional arguments but 3 were given")
    warnings.warn(f"This overload of {function} is deprecated: give the number as a keyword, last", UserWarning, stacklevel=3)
    return value


def sizes(function: str, given: Sequence[Any], argument: str = "size", position: int = 1) -> tuple[int, ...]:
    """Sizes given as `f(2, 3)`, `f((2, 3))` or `f(torch.Size([2, 3]))`, as a tuple of ints.

    Like PyTorch, refuses a bool in the first place only. `position`: the argument's, for the error.
    """
    if not given:
        raise TypeError(f'{function}() missing 1 required positional arguments: "{argument}"')
    values: Iterable[Any] = given
    if len(given) == 1 and not isinstance(given[0], int):
        first = given[0]
        if isinstance(first, (tuple, list)):
            values = first
        elif isinstance(first, Tensor) and first._shape:
            values = first.tolist()
    result: list[int] = []
    for v in values:
        if v.__class__ is int:
            result.append(v)
            continue
        try:
            if isinstance(v, bool) and not result:
                raise TypeError
            result.append(as_index(v))
        except TypeError:
            place = None if values is given and len(given) == 1 else len(result)
            raise _size_error(function, argument, v, place, position) from None
    return tuple(result)


def _size_error(function: str, argument: str, value: Any, place: int | None, position: int) -> TypeError:
    """For a value that isn't a size: all that was given, or what is at a place of it."""
    name = type(value).__name__
    if place:
        error = f'failed to unpack the object at pos {place + 1} with error "type must be tuple of ints,but got {name}"'
        return TypeError(f"{function}(): argument '{argument}' {error}")
    found = f"not {name}" if place is None else f"but found element of type {name} at pos 0"
    return TypeError(f"{function}(): argument '{argument}' (position {position}) must be tuple of ints, {found}")


def check_sizes(shape: Sequence[int], itemsize: int = 1) -> None:
    """Refuses, as RuntimeError, a new tensor with a size below zero, or of more bytes than 64 bits count."""
    count = itemsize
    for size in shape:
        if size < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {size}: {list(shape)}")
        count *= size
    if count > _MOST:
        if max(shape) > _MOST:
            raise TypeError(f"Overflow when unpacking long long: a size of {list(shape)} takes more than 64 bits")
        raise RuntimeError(f"Storage size calculation overflowed with sizes={list(shape)}")


_MOST = 2**63 - 1


def dims_argument(dim: Any) -> Any:
    """A `dim` argument as None, an int or a tuple of ints."""
    if dim is None or dim.__class__ is int:
        return dim
    if isinstance(dim, (tuple, list)):
        return tuple([d if d.__class__ is int else as_index(d) for d in dim])
    return as_index(dim)


def format_argument(function: str, value: Any) -> memory_format:
    """A `memory_format` argument; TypeError for anything else."""
    if isinstance(value, memory_format):
        return value
    raise TypeError(f"{function}(): argument 'memory_format' must be torch.memory_format, not {type(value).__name__}")


def check_form(t: Tensor, layout: Any = None) -> None:
    """Raises NotImplementedError where a new tensor is to be like a sparse one, which no dense tensor is."""
    if t._storage.layout is not strided and layout is None:
        assert t._storage.node


def strides_like(t: Tensor, format: Any = None, function: str = "clone") -> tuple[int, ...]:
    """The strides of a new tensor like this one, in a memory format; in the tensor's own where that is None."""
    check_form(t)
    if t._strides is None and format is None:
        return contiguous_strides(t._shape)
    return preserved(t._shape, t.stride(), preserve_format if format is None else format_argument(function, format))


def scalar(value: Any, type: dtype, device: str) -> Tensor:
    """A Python number as a zero-dimensional tensor.

    A function of no arguments stands for the number it gives: now, or at each replay of the call that is being recorded.
    """
    if callable(value) and pending.recorder is None:
        value = value()
    return from_node(number(value, type, device))


def wrapped(value: int, type: dtype) -> int:
    """An integer in the bits of an integer dtype, two's complement; OverflowError beyond 64 bits."""
    bits = 8 * type.itemsize
    low = -(1 << (bits - 1)) if type.is_signed else 0
    if low <= value < low + (1 << bits):
        return value
    if not -(1 << 63) <= value < 1 << 64:
        raise OverflowError("int too big to convert")
    return (value - low) % (1 << bits) + low


def check_fits(value: Any, type: dtype) -> None:
    """Raises RuntimeError for a number that can't be written into `type`: out of range, or not finite for integers.

    As in PyTorch, an unsigned dtype takes a negative number of its size, and small floating dtypes infinities.
    """
    if type.category == 0:
        return
    if isinstance(value, complex):
        if type.category == 3:
            check_fits(value.real, type.real)
            check_fits(value.imag, type.real)
            return
        if value.imag:
            raise RuntimeError(f"value cannot be converted to type {_C_NAMES.get(type.name, type.name)} without overflow")
        value = value.real
    if type.category >= 2:
        type = type.real
    low, high = _range(type)
    if not (low <= value <= high or (type.category == 2 and (value != value or math.isinf(value)))):
        raise RuntimeError(f"value cannot be converted to type {_C_NAMES.get(type.name, type.name)} without overflow")


@cache
def _range(type: dtype) -> tuple[float, float]:
    """The lowest and the highest number that is written into a dtype."""
    if type.category == 2:
        return finfo(type).min, finfo(type).max
    limits = iinfo(type)
    return limits.min if type.is_signed else -limits.max, limits.max


_C_NAMES = {
    "float16": "c10::Half",
    "bfloat16": "c10::BFloat16",
    "float32": "float",
    "uint8": "uint8_t",
    "int8": "int8_t",
    "int16": "int16_t",
    "int32": "int",
    "int64": "int64_t",
}
_constants: dict[Any, Tensor] = {}
"""Numbers repeated to a shape: the same ones are asked for again and again."""


def filled(value: Any, type: dtype, device: str, shape: tuple[int, ...]) -> Tensor:
    """A Python number repeated to `shape`; for use inside operators (not to be written to). Integers wrap in `type`'s bits."""
    key = (value, type, device, shape)
    found = None if value.__class__ is complex else _constants.get(key)  # of 0j and -0j either would be found
    if found is not None and (value or math.copysign(1, value) > 0):  # -0.0 == 0.0, but is another number and not kept
        return found
    if type.category == 1 and value.__class__ is not bool:
        value = wrapped(int(value), type)
    result = over(ProgramStorage(number(value, type, device, shape)), shape)
    if value == value and value.__class__ is not complex and (value or math.copysign(1, value) > 0):
        if len(_constants) > 4096:
            _constants.clear()
        _constants[key] = result
    return result


def cast(t: Tensor, type: dtype) -> Tensor:
    """The tensor with elements of `type`: itself when it has them."""
    own = t._storage.dtype
    return t if own is type else Tensor._apply(CAST, (t,), (type, own))


def expand(t: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The tensor repeated to `shape`, which it broadcasts to: a view."""
    return t if t._shape == shape else t._viewed(expansion(t._shape, t.stride(), t._offset, shape, 0))


@lru_cache(maxsize=1 << 12)
def expansion(own: tuple[int, ...], strides: tuple[int, ...], offset: int, shape: tuple[int, ...], new: int = 1) -> View:
    """A view repeated to `shape`.

    A new dimension that stays 1 long steps, as in PyTorch, over the whole of the one behind it in a tensor that was expanded,
    and by 0 in an operand that is broadcast (`new` is 0).
    """
    own = tuple(own)
    lead = len(shape) - len(own)
    after = [0 if n == 1 and m != 1 else s for n, m, s in zip(own, shape[lead:], strides)]
    for d in range(lead - 1, -1, -1):
        after.insert(0, new * shape[d + 1] * after[0] if shape[d] == 1 and after else 0)
    padded = (1,) * lead + own
    steps: list[Any] = [(RESHAPE, (padded, own))] if lead else []
    if padded != shape or not lead:
        steps.append((EXPAND, (shape, padded)))
    return View(tuple(steps), shape, tuple(after), offset, "Expand")


def result_dtype(values: Sequence[Any]) -> dtype:
    """The dtype that operands promote to (`torch.result_type` of any number of tensors and Python numbers).

    Tensors with dimensions decide among themselves; a zero-dimensional tensor changes that only when its category (bool, integer,
    floating, complex) is higher, and a Python number only when its category is higher still.
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
        if lower is not None:
            result = lower if result is None else combine(result, lower)
    assert result is not None
    return result


def same_device(tensors: Sequence[Tensor]) -> tuple[str, Sequence[Tensor]]:
    """The device of the operands; a zero-dimensional CPU tensor follows the others there. RuntimeError for a mix."""
    first = tensors[0]
    device = first._storage.device
    same = True
    for t in tensors:
        d = t._storage.device
        if d == device:
            continue
        same = False
        if device == "cpu" and not first._shape:
            device, first = d, t
        elif not (d == "cpu" and not t._shape):
            raise RuntimeError(
                f"Expected all tensors to be on the same device, but found at least two devices, {device} and {d}!"
            )
    if same:
        return device, tensors
    return device, [t if t._storage.device == device else t.to(device) for t in tensors]


_common_shape = lru_cache(maxsize=1 << 12)(broadcast)


def _argument_error(name: str, value: Any, position: int) -> TypeError:
    which = ("input", "other")[position] if position < 2 else f"operand {position}"
    return TypeError(f"{name}(): argument '{which}' (position {position + 1}) must be Tensor, not {value.__class__.__name__}")


def floating(type: dtype) -> dtype:
    """The dtype itself if it is floating or complex, else the default floating dtype."""
    return type if type.category >= 2 else default_dtype()


def accumulation_dtype(type: dtype) -> dtype:
    """The dtype in which several steps on elements of `type` are computed before one rounding: float32 for half types."""
    return float32 if type.category == 2 and type.itemsize == 2 else type


_OF_NUMBERS = frozenset(("add", "sub", "mul", "div", "floor_divide"))
"""The operators that take numbers alone, as PyTorch's do; their result is a tensor."""


def operands(name: str, *values: Any, type: dtype | None = None, float_result: bool = False) -> tuple[Tensor, ...]:
    """Tensors and numbers brought to one dtype, one device and one shape, ready for an elementwise primitive.

    `type` fixes the dtype; with `float_result` integers become the default floating dtype (`true_divide`, `sin` …).
    Raises TypeError for a value that is neither tensor nor number, RuntimeError for devices or shapes that don't match.
    """
    tensors = []
    checked = list(values)
    for position, v in enumerate(values):
        if isinstance(v, Tensor):
            tensors.append(v)
        else:
            checked[position] = python_number(v)
            if checked[position] is None:
                raise _argument_error(name, v, position)
    if not tensors:
        if name not in _OF_NUMBERS:
            raise _argument_error(name, values[0], 0)
        first = filled(checked[0], scalar_dtype(checked[0]), "cpu", ())
        return operands(name, first, *checked[1:], type=type, float_result=float_result)
    if type is None:
        type = result_dtype(checked) if len(checked) > 1 else tensors[0]._storage.dtype
        if float_result:
            type = floating(type)
    device, moved = same_device(tensors)
    shape = tuple(moved[0]._shape)
    for t in moved:
        if t._shape != shape:
            shape = _common_shape(*[tuple(t._shape) for t in moved])
            break
    remaining = iter(moved)
    result = []
    for v in checked:
        if isinstance(v, Tensor):
            t = next(remaining)
            if t._storage.dtype is not type:
                t = cast(t, type)
            result.append(t if t._shape == shape else expand(t, shape))
        else:
            result.append(filled(v, type, device, shape))
    return tuple(result)


@lru_cache(maxsize=1 << 12)
def _row_major(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[View, View] | None:
    """How two row-major operands are repeated to one shape; None where their elementwise result isn't row-major."""
    shape = _common_shape(tuple(first), tuple(second))
    a, b = (expansion(own, contiguous_strides(own), 0, shape, 0) for own in (first, second))
    return (a, b) if pointwise(shape, a.strides, b.strides) == contiguous_strides(shape) else None


def _repeated(t: Tensor, view: View) -> Tensor:
    """A row-major operand repeated, as one that has been copied so: no gradient goes back to it, and nothing waits."""
    if view.shape == t._shape:
        return t
    node = t._value()
    for primitive, params in view.steps:
        node = primitive.make((node,), params)
    return over(ProgramStorage(node), view.shape)


def pair(name: str, a: Any, b: Any) -> tuple[Tensor, ...]:
    """`operands` of two values; quick where they agree already."""
    if isinstance(a, Tensor):
        mine = a._storage
        if isinstance(b, Tensor):
            theirs = b._storage
            if mine.dtype is theirs.dtype and mine.device == theirs.device:
                if a._shape == b._shape:
                    return a, b
                if a._strides is None and b._strides is None:
                    both = _row_major(a._shape, b._shape)
                    if both is not None and not (state.enabled and (a.requires_grad or b.requires_grad)):
                        return _repeated(a, both[0]), _repeated(b, both[1])
                shape = _common_shape(tuple(a._shape), tuple(b._shape))
                return expand(a, shape), expand(b, shape)
        elif (b.__class__ is float and mine.dtype.category == 2) or (b.__class__ is int and mine.dtype.category):
            return a, filled(b, mine.dtype, mine.device, a._shape)
    return operands(name, a, b)
