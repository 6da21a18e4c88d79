"""Tensors in memory that is someone else's: NumPy's arrays, objects with Python's buffer protocol, DLPack.

A write to such a tensor is seen by the others, and theirs by it. May import what `flambeau.ops` may, and NumPy where it is there.
"""

from __future__ import annotations

import array as arrays
import ctypes
import math
import sys
import warnings
from typing import Any

from flambeau import devices, dlpack
from flambeau.device import as_device_name
from flambeau.devices.foreign import ForeignMemory
from flambeau.dtypes import default_dtype, dtype, int64, name_of_dtype
from flambeau.ops.conversion import to
from flambeau.ops.copies import clone
from flambeau.ops.creation import check_array, made_of
from flambeau.ops.operands import check_tensor
from flambeau.ops.registry import operator
from flambeau.shared_storage import over_foreign
from flambeau.size import contiguous_strides
from flambeau.tensor import Tensor, from_bytes, over

__all__ = ["as_tensor", "asarray", "from_dlpack", "from_numpy", "frombuffer"]

_warned: set[str] = set()


def _warn_once(what: str, stacklevel: int) -> None:
    """Tells once that writes to memory that isn't writable have no defined effect."""
    if what not in _warned:
        _warned.add(what)
        warnings.warn(
            f"The given {what} is not writable, but tensors are. Writing to this tensor changes what was not to be changed, or, "
            f"where that can't be, parts the tensor from the {what}. You may want to copy the {what} first.",
            UserWarning,
            stacklevel=stacklevel + 1,
        )


def _numpy_class(name: str) -> Any:
    """A class of NumPy's, if that is loaded: before, nobody can have made an instance."""
    module = sys.modules.get("numpy")
    return () if module is None else getattr(module, name, ())


# --- NumPy -------------------------------------------------------------------------------------------------------------
def _foreign_array(array: Any, nbytes: int) -> ForeignMemory:
    """The memory of a NumPy array, from its first element on.

    An array that has memory of its own, or views one that has, tells by its references when nobody else knows the memory.
    """
    ndarray = _numpy_class("ndarray")
    address, root = array.__array_interface__["data"][0], array
    is_writable = array.flags.writeable
    while isinstance(root.base, ndarray):
        root = root.base
        is_writable = is_writable or root.flags.writeable
    owner, references = array, 0
    if type(root) is ndarray and root.base is None:
        owner, references, is_writable = root, 1, is_writable or root.flags.owndata
    elif type(root.base) is bytes:  # can't change
        owner, references = root.base, -1
    return ForeignMemory(address, nbytes, owner, None, references, is_writable)


def _over_array(array: Any, device: str) -> Tensor:
    from flambeau.graph.numpy import from_array_type

    type = from_array_type(array.dtype)
    check_array(array)
    shape, itemsize = array.shape, array.itemsize
    strides = tuple(s // itemsize for s in array.strides)
    extent = 0 if 0 in shape else 1 + sum((n - 1) * s for n, s in zip(shape, strides))
    return _over(_foreign_array(array, extent * itemsize), type, shape, strides, device)


def _over(memory: ForeignMemory, type: dtype, shape: tuple[int, ...], strides: tuple[int, ...], device: str) -> Tensor:
    n = memory.nbytes // type.itemsize
    is_whole = n == math.prod(shape) and strides == contiguous_strides(shape)
    storage = over_foreign(memory, type, shape if is_whole else (n,), device)
    return over(storage, shape, None if is_whole else strides)


@operator(method=False)
def from_numpy(ndarray: Any) -> Tensor:
    """A tensor on the CPU that shares the memory of a NumPy array: writes to either are seen by both.

    Raises TypeError for what isn't an array or has elements that no tensor has, ValueError for negative strides, for strides that
    are no multiple of the element's size and for a foreign byte order. Warns, once, of an array that isn't writable.

    >>> import numpy as np
    >>> a = np.zeros(3)
    >>> t = torch.from_numpy(a)
    >>> a[0] = 1.0
    >>> t
    tensor([1., 0., 0.], dtype=torch.float64)
    """
    if not isinstance(ndarray, _numpy_class("ndarray")):
        raise TypeError(f"expected np.ndarray (got {_full_name(ndarray)})")
    result = _over_array(ndarray, "cpu")
    if not ndarray.flags.writeable:
        _warn_once("NumPy array", 2)
    return result


def _full_name(value: Any) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__name__}"


@operator(method=False)
def as_tensor(data: Any, dtype: dtype | None = None, device: Any = None) -> Tensor:
    """`data` as a tensor, without a copy where that can be.

    A tensor of that dtype and on that device is given as it is; a NumPy array of that dtype, and any object with `__dlpack__`,
    shares its memory with the result on a device in host memory. All else is copied, as by `tensor`.
    """
    if isinstance(data, Tensor):
        return to(data, device=device if device is not None else data.device, dtype=dtype or data.dtype)
    if isinstance(data, _numpy_class("ndarray")):
        name = as_device_name(device)
        if not _shares(data, dtype, name):
            return made_of(data, dtype, name)
        result = _over_array(data, name)
        if not data.flags.writeable:
            _warn_once("NumPy array", 2)
        return result
    if hasattr(data, "__dlpack__") and not hasattr(data, "__array_interface__"):
        return to(from_dlpack(data), as_device_name(device), dtype)
    return made_of(data, dtype, device)


def _shares(array: Any, type: dtype | None, device: str) -> bool:
    from flambeau.graph.numpy import from_array_type

    return devices.backend(device).is_host and (type is None or from_array_type(array.dtype) is type)


@operator(method=False)
def asarray(
    obj: Any, *, dtype: dtype | None = None, device: Any = None, copy: bool | None = None, requires_grad: bool | None = None
) -> Tensor:
    """`obj` as a tensor that shares its memory where that can be: always with `copy=False`, never with `copy=True`.

    obj: a tensor, a NumPy array, a DLPack capsule or an object with `__dlpack__`, an object with Python's buffer protocol (read
    as elements of `dtype`, or of the default floating dtype), a number or nested sequences of numbers (which are always copied).
    requires_grad: None for the tensor's own; a tensor with history keeps it unless False. Raises ValueError where memory can't be
    shared and `copy` is False.
    """
    result = found = _shared(obj, dtype)
    if found is None:
        if copy is False:
            if isinstance(obj, _numpy_class("generic")):
                raise RuntimeError("can't alias NumPy scalars. Either remove copy=False or transform it in a ndarray. ")
            raise ValueError("can't alias arbitrary sequence into a tensor.")
        result = made_of(obj, dtype, device)
    else:
        wanted = found.dtype if dtype is None else dtype
        where = str(found.device) if device is None else as_device_name(device)
        if copy is False:
            if where != str(found.device):
                raise ValueError(f"can't alias tensor from device '{found.device}' to '{where}'.")
            if wanted is not found.dtype:
                raise ValueError(
                    f"can't alias tensor with dtype '{name_of_dtype(found.dtype)}' into dtype '{name_of_dtype(wanted)}'."
                )
        result = to(found, where, wanted, copy=bool(copy))
    assert result is not None
    if requires_grad is None:
        return result
    if not requires_grad:
        return result.detach() if result.requires_grad else result
    return result if result.requires_grad else result.requires_grad_()


def _shared(obj: Any, type: dtype | None) -> Tensor | None:
    """A tensor in the memory of `obj`; None where it has none that a tensor could share."""
    if isinstance(obj, Tensor):
        return obj
    if isinstance(obj, _numpy_class("ndarray")):
        return _over_array(obj, "cpu")
    if isinstance(obj, _numpy_class("generic")):
        return None
    if isinstance(obj, _storage_class()):
        return obj._elements() if hasattr(obj, "dtype") else obj.seen_as(type or int64)  # type: ignore[no-any-return]
    if hasattr(obj, "__dlpack__") or obj.__class__.__name__ == "PyCapsule":
        return from_dlpack(obj)
    if isinstance(obj, bytes | bytearray | memoryview | arrays.array):
        return frombuffer(obj, dtype=type or default_dtype())
    return None


def _storage_class() -> Any:
    from flambeau.ops.storages import UntypedStorage

    return UntypedStorage


# --- Python's buffers ----------------------------------------------------------------------------------------------------
def _foreign_buffer(buffer: Any, view: memoryview) -> ForeignMemory | None:
    """The memory that `view`, of bytes, shows of an object; None where there is no way to it."""
    references = 0
    if type(buffer) in (bytearray, arrays.array):
        references = 2  # the view has one, too
    elif type(buffer) is bytes:
        references = -1
    try:
        from flambeau.graph.numpy import np

        address = np.frombuffer(view, np.uint8).ctypes.data
    except ModuleNotFoundError:
        if view.readonly:
            return None
        address = ctypes.addressof(ctypes.c_char.from_buffer(view))
    return ForeignMemory(address, view.nbytes, buffer, view, references, not view.readonly)


@operator(method=False)
def frombuffer(buffer: Any, *, dtype: dtype, count: int = -1, offset: int = 0, requires_grad: bool | None = False) -> Tensor:
    """A one-dimensional tensor over the memory of an object with Python's buffer protocol, read as elements of `dtype`.

    count: how many elements, all where negative; offset: bytes before the first. Raises ValueError where the buffer doesn't hold
    them, or is none. Warns, once, of a buffer that isn't writable. While the tensor lives the object can't be resized.

    >>> b = bytearray(4)
    >>> t = torch.frombuffer(b, dtype=torch.uint8)
    >>> b[1] = 7
    >>> t
    tensor([0, 7, 0, 0], dtype=torch.uint8)
    """
    try:
        whole = memoryview(buffer)
    except TypeError:
        raise ValueError("object does not implement Python buffer protocol.") from None
    if not whole.c_contiguous:
        raise RuntimeError("could not retrieve buffer from object")
    size, length = dtype.itemsize, whole.nbytes
    if not length or not count:
        raise ValueError(f"both buffer length ({length}) and count ({count}) must not be 0")
    if not 0 <= offset < length:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length ({length} bytes) minus 1"
        )
    if count < 0:
        if (length - offset) % size:
            raise ValueError(
                f"buffer length ({length - offset} bytes) after offset ({offset} "
                f"bytes) must be a multiple of element size ({size})"
            )
        count = (length - offset) // size
    if offset + count * size > length:
        raise ValueError(
            f"requested buffer length ({count} * {size} bytes) after offset ({offset} bytes) must not be greater than actual "
            f"buffer length ({length} bytes)"
        )
    view = whole.cast("B")[offset : offset + count * size]
    memory = _foreign_buffer(buffer, view)
    result = from_bytes(view, dtype, (count,), "cpu") if memory is None else _over(memory, dtype, (count,), (1,), "cpu")
    if view.readonly:
        _warn_once("buffer", 2)
    if requires_grad:
        result.requires_grad = True
    return result


# --- DLPack --------------------------------------------------------------------------------------------------------------
@operator(method=False)
def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor that shares the memory of another library's array, by its `__dlpack__`; or of a DLPack capsule.

    device: where the result is to be; another than the array's means a copy. copy: True for a copy always, False for an error
    (ValueError) where one is needed. Raises BufferError for what can't be shared.

    >>> import numpy as np
    >>> a = np.arange(3)
    >>> t = torch.from_dlpack(a)
    >>> t[0] = 5
    >>> a
    array([5, 1, 2])
    """
    if not hasattr(ext_tensor, "__dlpack__"):
        if device is not None or copy is not None:
            raise AssertionError("device and copy kwargs not supported when ext_tensor is already a DLPack capsule.")
        return _received(ext_tensor)
    name = None if device is None else as_device_name(device)
    if isinstance(ext_tensor, Tensor):
        source, is_copied = check_tensor(ext_tensor, "from_dlpack", "ext_tensor"), False
        if source.requires_grad:
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        found = source.detach()
    elif isinstance(ext_tensor, _numpy_class("ndarray")):
        found, is_copied = _over_array(ext_tensor, "cpu"), False
    else:
        found, is_copied = _exported(ext_tensor, copy)
    if name is not None and name != found._storage.device:
        if copy is False:
            raise ValueError(f"cannot move DLPack tensor from device {found.device} to {name} without copying. "
                             "Set copy=None or copy=True.")  # fmt: skip
        return to(found, name)
    return clone(found) if copy and not is_copied else found


def _exported(array: Any, copy: bool | None) -> tuple[Tensor, bool]:
    """A tensor of what `array.__dlpack__` gives, and whether that is the copy that was asked for.

    Older producers know no versions and no copies.
    """
    wanted: dict[str, Any] = {"max_version": (1, 0)}
    if copy is not None:
        wanted["copy"] = copy
    while True:
        try:
            capsule = array.__dlpack__(**wanted)
            break
        except TypeError:
            if not wanted:
                raise
            del wanted[next(iter(wanted))]
    return _received(capsule), bool(copy) and "copy" in wanted


def _received(capsule: Any) -> Tensor:
    found = dlpack.receive(capsule)
    return _over(found.memory, found.type, found.shape, found.strides, "cpu")
