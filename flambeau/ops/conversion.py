"""Changing dtype and device. May import what `flambeau.ops` may."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from flambeau import dtypes
from flambeau.device import as_device_name
from flambeau.device import device as Device
from flambeau.dtypes import ALIASES, PYTHON_TYPES, default_dtype, dtype, name_of_dtype
from flambeau.layout import preserve_format
from flambeau.ops.composite import Composite, record
from flambeau.ops.copies import clone
from flambeau.ops.operands import cast, format_argument, strides_like
from flambeau.ops.registry import operator
from flambeau.shapes import strides as rules
from flambeau.tensor import Tensor, from_bytes

__all__ = ["TYPE_NAMES", "converted", "to", "type_as", "warn_of_discarding"]


def _moved_back(g: Tensor, y: Any, inputs: Sequence[Any], params: tuple[Any, ...]) -> tuple[Tensor]:
    return (to(g, params[0]),)


_TO_DEVICE = Composite("to_copy", _moved_back, saves="")


def _to_device(t: Tensor, name: str) -> Tensor:
    data = bytes(0) if name == "meta" else t._bytes()
    moved = from_bytes(data, t.dtype, t._shape, name)._laid_out(strides_like(t))
    return record(_TO_DEVICE, moved, (t,), (t._storage.device,))


def warn_of_discarding(own: dtype, type: dtype) -> None:
    """Warns where complex numbers become real ones."""
    if own.category == 3 and 0 < type.category < 3:
        warnings.warn("Casting complex values to real discards the imaginary part", UserWarning, stacklevel=4)


def converted(t: Tensor, type: dtype | None, device: str | None, copy: bool, format: Any = None) -> Tensor:
    """`to` with its arguments made out: `device` is a device's name."""
    result = t
    if type is not None and type is not t._storage.dtype:
        from flambeau import devices

        warn_of_discarding(t._storage.dtype, type)
        target = t._storage.device if device is None else device
        if not devices.backend(target).supports(type):
            raise TypeError(f"device {target} has no {type}: convert to another dtype, such as torch.float32")
        result = cast(result, type)
    if device is not None and device != t._storage.device:
        result = _to_device(result, device)
    if format is not None and format is not preserve_format:
        found = rules.suggested_format(t._shape, t.stride()) if result is t else None
        return result if found is format and not copy else clone(result, memory_format=format)
    return clone(result) if copy and result is t else result


@operator(namespace=None)
def to(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """The tensor with another dtype, device, or both: `to(dtype)`, `to(device, dtype)`, `to(other)`; itself when it has them."""
    type = device = None
    if len(args) == 1 and not kwargs and args[0].__class__ is dtype:
        return self if args[0] is self._storage.dtype else converted(self, args[0], None, False)
    copy = bool(kwargs.pop("copy", False))
    kwargs.pop("non_blocking", None)
    format = kwargs.pop("memory_format", None)
    positional = list(args)
    if positional:
        first = positional.pop(0)
        if isinstance(first, Tensor):
            type, device = first.dtype, first._storage.device
        elif isinstance(first, dtype):
            type = first
        elif first in PYTHON_TYPES:
            type = PYTHON_TYPES[first]
        elif first is None or (isinstance(first, (str, int, Device)) and not isinstance(first, bool)):
            device = None if first is None else as_device_name(first)
            if positional and (positional[0] is None or isinstance(positional[0], dtype)):
                type = positional.pop(0)
        else:
            raise TypeError(f"to() received an invalid combination of arguments - got ({first.__class__.__name__})")
        flags = [f for f in positional if isinstance(f, bool)]
        if len(flags) != len(positional) or len(flags) > 2:
            raise TypeError("to() received an invalid combination of arguments")
        copy = copy or (len(flags) == 2 and flags[1])
    if kwargs.get("device") is not None:
        device = as_device_name(kwargs["device"])
    if kwargs.get("dtype") is not None:
        type = PYTHON_TYPES.get(kwargs["dtype"], kwargs["dtype"])
    if isinstance(kwargs.get("other"), Tensor):
        type, device = kwargs["other"].dtype, kwargs["other"]._storage.device
    unknown = set(kwargs) - {"device", "dtype", "other"}
    if unknown:
        raise TypeError(f"to() got an unexpected keyword argument '{unknown.pop()}'")
    if type is not None and not isinstance(type, dtype):
        raise TypeError(f"to(): argument 'dtype' must be torch.dtype, not {type.__class__.__name__}")
    return converted(self, type, device, copy, None if format is None else format_argument("to", format))


def _caster(name: str, type: dtype) -> None:
    def convert(self: Tensor, memory_format: Any = None) -> Tensor:
        warn_of_discarding(self._storage.dtype, type)
        return cast(self, type) if memory_format is None else to(self, type, memory_format=memory_format)

    convert.__name__ = convert.__qualname__ = name
    convert.__doc__ = f"`to(torch.{type.name})`."
    operator(name, namespace=None)(convert)


for _name, _type in {
    **ALIASES,
    "bool": dtypes.bool_,
    "byte": dtypes.uint8,
    "char": dtypes.int8,
    "bfloat16": dtypes.bfloat16,
}.items():
    _caster(_name, _type)


@operator(namespace=None)
def cpu(self: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor in the CPU's memory."""
    return converted(self, None, "cpu", False, memory_format)


def _mover(name: str) -> None:
    def move(self: Tensor, device: Any = None, non_blocking: bool = False, memory_format: Any = None) -> Tensor:
        return converted(self, None, as_device_name(name), False, memory_format)

    move.__name__ = move.__qualname__ = name
    move.__doc__ = f"""The tensor on "{name}", which isn't here: raises as `as_device_name` does; the GPU is "webgpu"."""
    operator(name, namespace=None)(move)


for _name in ("cuda", "xpu", "ipu", "mtia"):
    _mover(_name)


TYPE_NAMES = {d.name: name_of_dtype(d) + "Tensor" for d in dtypes.ALL}


@operator("type", namespace=None)
def _type_method(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The type's name, such as "torch.FloatTensor"; with `dtype` (or such a name) the tensor converted to it."""
    if dtype is None:
        prefix = "" if self._storage.device == "cpu" else self._storage.device.partition(":")[0] + "."
        return f"torch.{prefix}{TYPE_NAMES[self.dtype.name]}"
    if isinstance(dtype, str):
        found = [n for n, t in TYPE_NAMES.items() if dtype == f"torch.{t}"]
        if not found:
            raise ValueError(f"invalid type: '{dtype}'")
        dtype = getattr(dtypes, found[0] if found[0] != "bool" else "bool_")
    elif isinstance(dtype, type):  # torch.FloatTensor, or Tensor itself
        dtype = getattr(dtype, "dtype", None) if issubclass(dtype, Tensor) and dtype is not Tensor else default_dtype()
    return to(self, dtype)


@operator(namespace=None)
def type_as(self: Tensor, other: Tensor) -> Tensor:
    """`to(other.dtype)` on the other's device."""
    return converted(self, other.dtype, other._storage.device, False)
