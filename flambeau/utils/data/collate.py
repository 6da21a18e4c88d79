"""Making a batch of samples. May import: ops, tensor, dtypes, devices (for memory that is on the host anyway)."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

from flambeau import devices, dtypes
from flambeau.ops import creation, joining, sharing
from flambeau.shared_storage import memory_of
from flambeau.tensor import Tensor, from_bytes

__all__ = ["collate", "collate_rows", "default_collate", "default_convert"]

STRINGS_OR_OBJECTS = re.compile(r"[SaUO]")


def _host_rows(tensor: Tensor, rows: Sequence[int]) -> list[memoryview] | None:
    """The bytes of those rows where they lie in the host's memory; None when they don't, or not in one piece each."""
    node = memory_of(tensor._storage)
    if node.buffer is None or tensor._storage.device != "cpu" or tensor.requires_grad:
        return None
    shape, stride = tuple(tensor.shape), tuple(tensor.stride())
    row = 1
    for size, step in zip(reversed(shape[1:]), reversed(stride[1:])):
        if size != 1 and step != row:
            return None
        row *= size
    itemsize = tensor.dtype.itemsize
    memory = devices.backend("cpu").download(node.buffer, tensor._storage.size * itemsize)
    begin, step = tensor.storage_offset() * itemsize, stride[0] * itemsize
    return [memory[begin + i * step : begin + i * step + row * itemsize] for i in rows]


def collate_rows(tensor: Tensor, rows: Sequence[int]) -> Tensor:
    """The given rows of a tensor as a tensor: copied on the host where they are there, else gathered on the device."""
    count = tensor.size(0)
    if any(not -count <= row < count for row in rows):
        raise IndexError(f"index out of range in a tensor with {count} rows")
    rows = [row % count for row in rows]
    parts = _host_rows(tensor, rows)
    if parts is not None:
        return from_bytes(b"".join(parts), tensor.dtype, (len(rows), *tensor.shape[1:]), "cpu")
    return tensor.index_select(0, creation.tensor(rows, dtype=dtypes.int64, device=tensor.device))


def _stack(batch: Sequence[Tensor], *, collate_fn_map: Any = None) -> Tensor:
    """Tensors of one shape under a new first dimension; small copies on the host are no work for a compiler."""
    first = batch[0]
    if all(t.shape == first.shape and t.dtype is first.dtype for t in batch):
        parts = [_host_rows(t.unsqueeze(0), [0]) for t in batch]
        if all(part is not None for part in parts):
            data = b"".join(part[0] for part in parts)  # type: ignore[index]
            return from_bytes(data, first.dtype, (len(batch), *first.shape), "cpu")
    return joining.stack(list(batch), 0)


def _unsupported(what: Any) -> TypeError:
    return TypeError(f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {what}")


def _numpy(batch: Sequence[Any], *, collate_fn_map: Any = None) -> Any:
    if STRINGS_OR_OBJECTS.search(batch[0].dtype.str) is not None:
        raise _unsupported(batch[0].dtype)
    tensors = [sharing.as_tensor(value) for value in batch]
    return collate(tensors, collate_fn_map=collate_fn_map)


def _as_it_is(batch: Any, *, collate_fn_map: Any = None) -> Any:
    return batch


default_collate_fn_map: dict[Any, Callable[..., Any]] = {
    Tensor: _stack,
    float: lambda batch, *, collate_fn_map=None: creation.tensor(list(batch), dtype=dtypes.float64),
    int: lambda batch, *, collate_fn_map=None: creation.tensor(list(batch)),
    str: _as_it_is,
    bytes: _as_it_is,
}
"""What makes a batch of samples of a type. NumPy's arrays and numbers are known by their module, so it isn't imported here."""


def _is_numpy(kind: type) -> bool:
    return kind.__module__ == "numpy" and hasattr(kind, "dtype")


def collate(batch: Any, *, collate_fn_map: dict[Any, Callable[..., Any]] | None = None) -> Any:
    """A batch of samples: mappings, named tuples and sequences are entered; `collate_fn_map` says what to do with other types."""
    first = batch[0]
    kind = type(first)
    if collate_fn_map is not None:
        function = collate_fn_map.get(kind)
        if function is None and _is_numpy(kind):
            function = _numpy
        if function is None:
            function = next((f for types, f in collate_fn_map.items() if isinstance(first, types)), None)
        if function is not None:
            return function(batch, collate_fn_map=collate_fn_map)

    def inner(samples: Any) -> Any:
        return collate(samples, collate_fn_map=collate_fn_map)

    if isinstance(first, Mapping):
        return _like_mapping(first, {key: inner([sample[key] for sample in batch]) for key in first})
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return kind(*(inner(samples) for samples in zip(*batch)))
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        collated = [inner(samples) for samples in zip(*batch)]
        return collated if isinstance(first, tuple) else _like_sequence(first, collated)
    raise _unsupported(kind)


def _like_mapping(original: Any, values: dict[Any, Any]) -> Any:
    """`values` in a mapping of the same class, or a dict where that can't be made."""
    try:
        if isinstance(original, MutableMapping):
            clone = copy.copy(original)
            clone.update(values)
            return clone
        return type(original)(values)
    except TypeError:
        return values


def _like_sequence(original: Any, values: list[Any]) -> Any:
    """`values` in a sequence of the same class, or a list where that can't be made."""
    try:
        if isinstance(original, MutableSequence):
            clone = copy.copy(original)
            for index, value in enumerate(values):
                clone[index] = value
            return clone
        return type(original)(values)  # type: ignore[call-arg]
    except TypeError:
        return values


def default_collate(batch: Any) -> Any:
    """A batch of samples: tensors, NumPy arrays and numbers become tensors with a new first dimension.

    Strings stay as they are; mappings, named tuples and sequences are entered, and tuples become lists.
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)


def default_convert(data: Any) -> Any:
    """One sample with NumPy arrays made tensors; mappings, named tuples and sequences are entered."""
    kind = type(data)
    if isinstance(data, Tensor):
        return data
    if _is_numpy(kind) and kind.__name__ not in ("str_", "bytes_"):
        if kind.__name__ == "ndarray" and STRINGS_OR_OBJECTS.search(data.dtype.str) is not None:
            return data
        return sharing.as_tensor(data)
    if isinstance(data, Mapping):
        return _like_mapping(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, tuple):
        converted = [default_convert(value) for value in data]
        return kind(*converted) if hasattr(data, "_fields") else converted
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _like_sequence(data, [default_convert(value) for value in data])
    return data
