"""New tensors: from data, filled, and like other tensors. May import what `flambeau.ops` may."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from flambeau.device import as_device_name
from flambeau.dtypes import bool_, check_held, default_dtype, dtype, float64, int64, promote, scalar_dtype
from flambeau.graph.node import Node
from flambeau.graph.primitives.leaf import number
from flambeau.host import check_range, flatten, pack
from flambeau.ops.operands import check_fits, check_form, check_sizes, format_argument, python_number, sizes, strides_like
from flambeau.ops.registry import operator
from flambeau.shapes.strides import format_strides, memory_order
from flambeau.size import Size
from flambeau.storage import Storage
from flambeau.tensor import Tensor, from_bytes, from_node, over

__all__ = ["tensor", "check_array", "made_of", "zeros", "ones", "full", "empty", "scalar_tensor", "new_full"]


# --- from data ---------------------------------------------------------------------------------------------------------
def _is_array(data: Any) -> bool:
    return hasattr(data, "__array_interface__") or (hasattr(data, "__array__") and not isinstance(data, Tensor))


def check_array(array: Any) -> None:
    """Raises ValueError for a NumPy array whose elements don't lie as a tensor's can."""
    if any(s < 0 for s in array.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are not currently "
            "supported. (You can probably work around this by making a copy of your array  with array.copy().) "
        )
    if any(s % array.itemsize for s in array.strides):
        raise ValueError(
            "given numpy array strides not a multiple of the element byte size. Copy the numpy array to reallocate the memory."
        )
    if not array.dtype.isnative:
        raise ValueError(
            "given numpy array has byte order different from the native byte order. Conversion between byte orders is currently "
            "not supported."
        )


def _from_array(data: Any, type: dtype | None, device: Any) -> Tensor:
    """A tensor of a copy of a NumPy array or scalar."""
    from flambeau.graph.numpy import array_type, from_array_type, np

    array = np.asarray(data)
    own = from_array_type(array.dtype)
    check_array(array)
    name = as_device_name(device)
    if type is not None and type is not own:
        with np.errstate(all="ignore"):
            array = array.astype(array_type(type))
        own = type
    array = np.asarray(array, dtype=array_type(own), order="C")
    return from_bytes(memoryview(array.reshape(-1).view(np.uint8)), own, array.shape, name)


def _common_dtype(items: list[Any]) -> dtype:
    """The dtype of Python numbers in a list: complex when one is, else floating, else int64, else bool."""
    kinds = set(map(type, items))
    if not items or kinds == {float}:
        return default_dtype()
    if kinds == {int}:
        return int64
    if kinds == {bool}:
        return bool_
    best = bool_
    for item in items:
        if not isinstance(item, (bool, int, float, complex)):
            if isinstance(item, (str, bytes)):
                raise TypeError(f"new(): invalid data type '{type(item).__name__}'")
            raise RuntimeError(f"Could not infer dtype of {type(item).__name__}")
        d = scalar_dtype(item)
        if d.category > best.category:
            best = d
    return best


def _plain(data: Any) -> Any:
    """Nested sequences with tensors, arrays and NumPy scalars in them as lists of numbers, and the dtype that those have."""
    found: dtype | None = None

    def visit(value: Any) -> Any:
        nonlocal found
        if isinstance(value, Tensor):
            found = value.dtype if found is None else promote(found, value.dtype)
            if value.numel() != 1:
                raise ValueError("only one element tensors can be converted to Python scalars")
            return value.item()
        if hasattr(value, "dtype") and hasattr(value, "tolist"):
            from flambeau.graph.numpy import from_array_type

            d = from_array_type(value.dtype)
            found = d if found is None else promote(found, d)
            return value.tolist()
        if isinstance(value, (list, tuple)):
            return [visit(item) for item in value]
        if isinstance(value, (bool, int, float, complex)):
            found = scalar_dtype(value) if found is None else promote(found, scalar_dtype(value))
        return value

    return visit(data), found


def _holds_arrays(data: Any) -> bool:
    while isinstance(data, (list, tuple)) and data:
        if any(hasattr(item, "dtype") for item in data):
            return True
        data = data[0]
    return False


def made_of(data: Any, type: dtype | None, device: Any) -> Tensor:
    """A tensor of a copy of `data`, which is no tensor."""
    if type is not None:
        check_held(type)
    if isinstance(data, (bool, int, float, complex)) and not hasattr(data, "dtype"):  # NumPy's float64 is a float, too
        type = type or scalar_dtype(data)
        check_range([data], type)
        return from_bytes(pack([data], type), type, (), device)
    if _is_array(data):
        return _from_array(data, type, device)
    found = None
    if isinstance(data, (list, tuple)) and _holds_arrays(data):
        data, found = _plain(data)
    if isinstance(data, (str, bytes)):
        raise TypeError(f"new(): invalid data type '{data.__class__.__name__}'")
    if data is None or isinstance(data, (dict, set)):
        raise RuntimeError(f"Could not infer dtype of {data.__class__.__name__}")
    items, shape = flatten(data)
    if items and isinstance(items[0], str):
        raise ValueError("too many dimensions 'str'")
    if type is None:
        type = found if found is not None else _common_dtype(items)
    try:
        check_range(items, type)
        raw = pack(items, type)
    except (TypeError, ValueError):
        _common_dtype(items)
        raise
    return from_bytes(raw, type, shape, device)


@operator(method=False)
def tensor(
    data: Any,
    *,
    dtype: dtype | None = None,
    device: Any = None,
    requires_grad: bool | None = False,
    pin_memory: bool | None = False,
) -> Tensor:
    """A new tensor with a copy of `data`: a number, nested sequences, a NumPy array or a tensor.

    The dtype is inferred: floats become the default dtype, complex numbers the complex one of its precision, ints int64, bools
    bool; arrays keep theirs. Raises ValueError for
    nested sequences that are not rectangular, TypeError or RuntimeError for what is not a number.

    >>> torch.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    >>> torch.tensor([1.5, 2], dtype=torch.float64)
    tensor([1.5000, 2.0000], dtype=torch.float64)
    """
    if isinstance(data, Tensor):
        result = data.detach().to(device=device, dtype=dtype, copy=True) if device is not None else data.detach().to(
            dtype=dtype or data.dtype, copy=True
        )  # fmt: skip
    else:
        result = made_of(data, dtype, device)
    if requires_grad:
        result.requires_grad = True
    return result


@operator(method=False)
def scalar_tensor(s: Any, *, dtype: dtype | None = None, device: Any = None, requires_grad: bool | None = False) -> Tensor:
    """A zero-dimensional tensor, of the default floating dtype unless told."""
    return tensor(s, dtype=dtype or default_dtype(), device=device, requires_grad=requires_grad)


# --- filled ------------------------------------------------------------------------------------------------------------
def _supported(type: dtype, device: str) -> dtype:
    from flambeau import devices

    if (type.real is float64 or type.itemsize == 2) and not devices.backend(device).supports(type):
        raise TypeError(f"device {device} has no {type}: use another dtype, such as torch.float32")
    return type


def _repeated(
    shape: tuple[int, ...],
    value: Any,
    type: dtype,
    device: str,
    requires_grad: bool | None = False,
    strides: tuple[int, ...] | None = None,
) -> Tensor:
    """A tensor of its own memory, filled with a number; `strides` are those of a dense tensor."""
    if type.__class__ is not dtype:
        raise TypeError(f"argument 'dtype' must be torch.dtype, not {type.__class__.__name__}")
    if value.__class__ is int and strides is None:
        result = from_node((node := _filled(shape, value, type, device)).again(node.inputs))
    else:
        result = over(Storage(_filled_node(shape, value, type, device, strides)), shape, strides)
    if requires_grad:
        result.requires_grad = True
    return result


def _filled_node(shape: tuple[int, ...], value: Any, type: dtype, device: str, strides: tuple[int, ...] | None = None) -> Node:
    """A number repeated, with the dimensions in the order in which `strides` have them in memory."""
    check_sizes(shape, type.itemsize)
    if value:
        check_fits(value, type)
    if strides is not None:
        order = memory_order(shape, strides)
        assert order is not None
        shape = order.shape
    return number(value, _supported(type, device), device, shape)


_filled = lru_cache(1 << 12)(_filled_node)
"""The same for integers, which have one spelling each, in row-major order: what new nodes are like."""


def _out(out: Tensor | None, result: Tensor) -> Tensor:
    if out is None:
        return result
    from flambeau.ops.registry import write_made

    return write_made(out, result)


def _maker(name: str, value: int, doc: str) -> Any:
    def make(
        *size: Any,
        out: Tensor | None = None,
        dtype: dtype | None = None,
        layout: Any = None,
        device: Any = None,
        requires_grad: bool | None = False,
        pin_memory: bool | None = False,
        memory_format: Any = None,
        **names: Any,
    ) -> Tensor:
        if names:
            if set(names) != {"size"} or size:
                raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(names))}'")
            size = (names["size"],)
        type = dtype if dtype is not None else default_dtype() if out is None else out.dtype
        where = as_device_name(device) if out is None or device is not None else out._storage.device
        if memory_format is not None and name != "empty":
            raise TypeError(f"{name}() got an unexpected keyword argument 'memory_format'")
        shape = sizes(name, size)
        strides = None if memory_format is None else format_strides(shape, format_argument(name, memory_format))
        return _out(out, _repeated(shape, value, type, where, requires_grad, strides))

    def make_like(
        input: Tensor,
        *,
        dtype: dtype | None = None,
        layout: Any = None,
        device: Any = None,
        requires_grad: bool | None = False,
        pin_memory: bool | None = False,
        memory_format: Any = None,
    ) -> Tensor:
        if not isinstance(input, Tensor):
            raise TypeError(f"{name}_like(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
        check_form(input, layout)
        where = input._storage.device if device is None else as_device_name(device)
        strides = strides_like(input, memory_format, name + "_like") if memory_format is not None or input._strides else None
        return _repeated(tuple(input._shape), value, dtype or input._storage.dtype, where, requires_grad, strides)

    def make_new(
        self: Tensor,
        *size: Any,
        dtype: dtype | None = None,
        device: Any = None,
        requires_grad: bool | None = False,
        layout: Any = None,
        pin_memory: bool | None = False,
        **names: Any,
    ) -> Tensor:
        where = self._storage.device if device is None else as_device_name(device)
        given = (names["size"],) if names else size
        return _repeated(sizes(f"new_{name}", given), value, dtype or self._storage.dtype, where, requires_grad)

    for function, suffix, how in ((make, name, {"method": False}), (make_like, name + "_like", {"method": False}),
                                  (make_new, "new_" + name, {"namespace": None})):  # fmt: skip
        function.__name__ = function.__qualname__ = suffix
        function.__doc__ = doc
        operator(suffix, **how)(function)  # type: ignore[arg-type]
    return make, make_like


zeros, zeros_like = _maker("zeros", 0, "A tensor of zeros.")
ones, ones_like = _maker("ones", 1, "A tensor of ones.")
empty, empty_like = _maker("empty", 0, "A tensor whose elements mean nothing yet (they are zeros).")


@operator(method=False)
def full(
    size: Any,
    fill_value: Any,
    *,
    out: Tensor | None = None,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool | None = False,
) -> Tensor:
    """A tensor filled with a number, whose kind decides the dtype unless told.

    >>> torch.full((2, 2), 7)
    tensor([[7, 7],
            [7, 7]])
    """
    return _out(out, _full(sizes("full", (size,)), fill_value, dtype, as_device_name(device), requires_grad))


def _full(shape: tuple[int, ...], fill_value: Any, type: dtype | None, device: str, requires_grad: bool | None) -> Tensor:
    if isinstance(fill_value, Tensor):
        if fill_value._shape:
            raise TypeError(f"full(): argument 'fill_value' must be Number, not Tensor of shape {list(fill_value.shape)}")
        check_sizes(shape)
        result = fill_value.detach().to(device=device, dtype=type or fill_value.dtype).expand(shape).clone()
        result.requires_grad = requires_grad
        return result
    value = python_number(fill_value)
    if value is None:
        raise TypeError(f"full(): argument 'fill_value' (position 2) must be Number, not {fill_value.__class__.__name__}")
    return _repeated(shape, value, type or scalar_dtype(value), device, requires_grad)


@operator(method=False)
def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool | None = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor of the input's shape, dtype and device, filled with a number."""
    where = input._storage.device if device is None else as_device_name(device)
    result = _full(tuple(input._shape), fill_value, dtype or input.dtype, where, requires_grad)
    return result._laid_out(strides_like(input, memory_format, "full_like"))


@operator(namespace=None)
def new_full(
    self: Tensor,
    size: Any,
    fill_value: Any,
    *,
    dtype: dtype | None = None,
    device: Any = None,
    requires_grad: bool | None = False,
) -> Tensor:
    """A tensor of this one's dtype and device, filled with a number."""
    where = self._storage.device if device is None else as_device_name(device)
    return _full(sizes("new_full", (size,)), fill_value, dtype or self.dtype, where, requires_grad)


@operator(namespace=None)
def new_tensor(
    self: Tensor, data: Any, *, dtype: dtype | None = None, device: Any = None, requires_grad: bool | None = False
) -> Tensor:
    """`torch.tensor(data)` with this tensor's dtype and device."""
    return tensor(data, dtype=dtype or self.dtype, device=self.device if device is None else device, requires_grad=requires_grad)


@operator(namespace=None)
def new(self: Tensor, *args: Any) -> Tensor:
    """A tensor of this one's dtype: of given sizes, or of given numbers."""
    if args and not isinstance(args[0], int):
        return self.new_tensor(args[0]) if not isinstance(args[0], Size) else self.new_empty(args[0])
    return self.new_empty(args or (0,))


@operator(method=False)
def empty_strided(
    size: Sequence[int],
    stride: Sequence[int],
    *,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool | None = False,
) -> Tensor:
    """A tensor of that size and stride (its elements are zeros)."""
    shape, strides = sizes("empty_strided", (tuple(size),)), sizes("empty_strided", (tuple(stride),))
    if len(shape) != len(strides):
        raise RuntimeError("dimensionality of sizes and strides must match")
    last = 0 if 0 in shape else 1 + sum((n - 1) * s for n, s in zip(shape, strides))
    result = zeros(max(last, 0), dtype=dtype, device=device).as_strided(shape, strides)
    result._base = None
    result.requires_grad = requires_grad
    return result


@operator(namespace=None)
def new_empty_strided(
    self: Tensor,
    size: Sequence[int],
    stride: Sequence[int],
    *,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool | None = False,
) -> Tensor:
    """`torch.empty_strided` with this tensor's dtype and device."""
    where = self.device if device is None else device
    return empty_strided(size, stride, dtype=dtype or self.dtype, device=where, requires_grad=requires_grad)


@operator(method=False)
def empty_permuted(
    size: Sequence[int],
    physical_layout: Sequence[int],
    *,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool | None = False,
    pin_memory: bool | None = False,
) -> Tensor:
    """A tensor of that size whose dimensions lie in memory in the order `physical_layout`, the outermost first."""
    shape = sizes("empty_permuted", (tuple(size),))
    if sorted(physical_layout) != list(range(len(shape))):
        raise RuntimeError(f"physical_layout must be a permutation of the {len(shape)} dimensions, got {list(physical_layout)}")
    strides, step = [0] * len(shape), 1
    for d in reversed(physical_layout):
        strides[d], step = step, step * max(shape[d], 1)
    return empty_strided(shape, strides, dtype=dtype, device=device, requires_grad=requires_grad)


def iota(n: int, type: dtype, device: str) -> Tensor:
    """0, 1, … n-1, for use inside operators."""
    if n >= 2**63:
        raise RuntimeError("invalid size, possible overflow?")
    from flambeau.graph.primitives.leaf import IOTA

    return from_node(IOTA((), (n, type), device))


def _construct(cls: type[Tensor], *args: Any, device: Any = None) -> Tensor:
    """`Tensor(2, 3)`: of that shape; `Tensor([1, 2])`: those numbers as the default floating dtype."""
    data = args[0] if len(args) == 1 and not isinstance(args[0], int) else None
    if data is None:
        made = empty(args or (0,), device=device)
    elif isinstance(data, Tensor):
        made = data.detach()
    elif isinstance(data, Size):
        made = empty(data, device=device)
    else:
        made = tensor(data, dtype=default_dtype(), device=device)
    return Tensor._make_subclass(cls, made)


# In `__new__`, as PyTorch: a subclass may give `__new__` the numbers and have an `__init__` of its own, with other arguments.
Tensor.__new__ = _construct  # type: ignore[method-assign, assignment]
