"""What a pickle may name: a fixed list, and classes that the user trusts.

May import: tensor, ops, nn.parameter, dtypes, device, size, serialization.storages.
"""

from __future__ import annotations

import codecs
from collections import Counter, OrderedDict
from collections.abc import Iterable
from typing import Any

from flambeau import dtypes
from flambeau.device import device
from flambeau.layout import sparse_coo, sparse_csc, sparse_csr, strided
from flambeau.nn.parameter import Parameter
from flambeau.ops.sparse.compressed import sparse_compressed_tensor
from flambeau.ops.sparse.construction import sparse_coo_tensor
from flambeau.serialization.storages import STORAGE_NAMES, LoadedStorage, StorageType, view_of
from flambeau.size import Size
from flambeau.tensor import Tensor

__all__ = ["add_safe_globals", "clear_safe_globals", "find", "get_safe_globals", "is_trusted", "may_call", "safe_globals"]


def _rebuild_tensor(storage: Any, offset: int, size: Any, stride: Any) -> Tensor:
    if not isinstance(storage, LoadedStorage) or storage.dtype is None:
        raise TypeError("a tensor of something that is no typed storage")
    return view_of(storage.flat(storage.dtype), size, stride, offset)


def _rebuild_tensor_v2(
    storage: Any, offset: int, size: Any, stride: Any, requires_grad: bool, hooks: Any, metadata: Any = None
) -> Tensor:
    if metadata:
        raise TypeError(f"a tensor with {', '.join(map(str, metadata))}: conjugated and negated views aren't supported")
    tensor = _rebuild_tensor(storage, offset, size, stride)
    tensor.requires_grad = bool(requires_grad)
    return tensor


def _rebuild_tensor_v3(
    storage: Any,
    offset: int,
    size: Any,
    stride: Any,
    requires_grad: bool,
    hooks: Any,
    dtype: Any,
    metadata: Any = None,
) -> Tensor:
    if not isinstance(storage, LoadedStorage) or not isinstance(dtype, dtypes.dtype):
        raise TypeError("a tensor of something that is no storage, or of no known dtype")
    tensor = view_of(storage.flat(dtype), size, stride, offset)
    tensor.requires_grad = bool(requires_grad)
    return tensor


def _rebuild_parameter(data: Any, requires_grad: bool, hooks: Any, state: Any = None) -> Parameter:
    if not isinstance(data, Tensor):
        raise TypeError("a parameter of something that is no tensor")
    return Parameter(data, bool(requires_grad))


def _rebuild_from_type(function: Any, kind: Any, args: Any, state: Any) -> Any:
    """A tensor with Python attributes: the tensor alone."""
    if function not in (_rebuild_tensor, _rebuild_tensor_v2, _rebuild_tensor_v3, _rebuild_parameter):
        raise TypeError("a tensor that is made by something else than a tensor's constructor")
    return function(*args)


_LAYOUTS = {repr(known): known for known in (strided, sparse_coo, sparse_csr, sparse_csc)}


def _layout(name: Any) -> Any:
    if name not in _LAYOUTS:
        raise TypeError(f"a tensor of the layout {name!r}, which isn't there")
    return _LAYOUTS[name]


def _rebuild_sparse_tensor(layout: Any, data: Any) -> Tensor:
    """A sparse tensor of its parts, which are looked at: operators rely on indices that fit the shape."""
    if not all(isinstance(part, Tensor) for part in data[: 2 if layout is sparse_coo else 3]):
        raise TypeError("a sparse tensor of something that is no tensor")
    if layout is sparse_coo:
        indices, values, size, *flag = data
        is_coalesced = bool(flag[0]) if flag else None
        return sparse_coo_tensor(indices, values, size, check_invariants=True, is_coalesced=is_coalesced)
    starts, others, values, size = data
    return sparse_compressed_tensor(starts, others, values, size, layout, {"check_invariants": True})


def _size(values: Any = ()) -> Size:
    return Size(int(v) for v in values)


def _encode(text: str, encoding: str = "latin1") -> bytes:
    if encoding != "latin1":
        raise TypeError(f"bytes in the encoding {encoding!r}")
    return codecs.encode(text, "latin1")


def _bytearray(data: Any = b"", *encoding: str) -> bytearray:
    if not isinstance(data, (bytes, str)):  # a number would be a size, as large as the file likes
        raise TypeError("a bytearray of something that is no bytes")
    return bytearray(data, *encoding)  # type: ignore[arg-type]


_ALLOWED: dict[str, Any] = {
    "collections.OrderedDict": OrderedDict,
    "collections.Counter": Counter,
    "torch._utils._rebuild_tensor": _rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor_v2,
    "torch._utils._rebuild_tensor_v3": _rebuild_tensor_v3,
    "torch._utils._rebuild_parameter": _rebuild_parameter,
    "torch._utils._rebuild_parameter_with_state": _rebuild_parameter,
    "torch._tensor._rebuild_from_type_v2": _rebuild_from_type,
    "torch._utils._rebuild_sparse_tensor": _rebuild_sparse_tensor,
    "torch.serialization._get_layout": _layout,
    "torch.nn.parameter.Parameter": _rebuild_parameter,
    "torch.Size": _size,
    "torch.device": device,
    "_codecs.encode": _encode,
    "builtins.bytearray": _bytearray,
    "builtins.set": set,
    "builtins.complex": complex,
}
"""What each name stands for. The pickle may call these, and can do nothing else with them."""
for _dtype in dtypes.ALL:
    _ALLOWED[f"torch.{_dtype.name}"] = _dtype
for _dtype, _name in STORAGE_NAMES.items():
    _ALLOWED[f"torch.{_name}"] = _ALLOWED[f"torch.cuda.{_name}"] = StorageType(_name, _dtype)
for _name in ("torch.storage.UntypedStorage", "torch.UntypedStorage", "torch.storage._UntypedStorage"):
    _ALLOWED[_name] = StorageType("UntypedStorage", None)
# Python 2's names, which protocol 2 keeps
for _name in ("bytearray", "set", "complex"):
    _ALLOWED[f"__builtin__.{_name}"] = _ALLOWED[f"builtins.{_name}"]

_trusted: dict[str, Any] = {}


def _name_of(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}"


def find(module: str, name: str) -> Any:
    """What a pickle's name stands for, or None where it isn't allowed."""
    full = f"{module}.{name}"
    return _trusted.get(full, _ALLOWED.get(full))


def may_call(value: Any) -> bool:
    """Whether a pickle may call this: it is in the fixed list, or the user has trusted it."""
    return any(value is known for known in (*_ALLOWED.values(), *_trusted.values()))


def is_trusted(kind: type) -> bool:
    """Whether the user has trusted a class."""
    return any(value is kind for value in _trusted.values())


def add_safe_globals(safe_globals: Iterable[Any]) -> None:
    """Trusts classes and functions (or (one of them, "its.name") pairs): `load` may call them when a file asks for it."""
    for entry in safe_globals:
        value, name = entry if isinstance(entry, tuple) else (entry, None)
        _trusted[name or _name_of(value)] = value


def get_safe_globals() -> list[Any]:
    """What was trusted by `add_safe_globals`."""
    return list(_trusted.values())


def clear_safe_globals() -> None:
    """Trusts nothing but the fixed list again."""
    _trusted.clear()


class safe_globals:
    """A context manager: trusts what it is given, within."""

    def __init__(self, safe_globals: Iterable[Any]) -> None:
        self._added = list(safe_globals)

    def __enter__(self) -> None:
        self._before = dict(_trusted)
        add_safe_globals(self._added)

    def __exit__(self, *_: Any) -> None:
        _trusted.clear()
        _trusted.update(self._before)
