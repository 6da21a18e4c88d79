"""The safetensors format: a JSON header of names, dtypes, shapes and places, then the tensors' bytes.

PyTorch users' functions (`safetensors.torch`): `save_file`, `load_file`, `save`, `load`, `safe_open`. May import: tensor, dtypes,
device. The format is little-endian throughout.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from flambeau import dtypes
from flambeau.device import as_device_name
from flambeau.tensor import Tensor, from_bytes

__all__ = ["load", "load_file", "read", "safe_open", "save", "save_file"]

_NAMES = {
    dtypes.bool_: "BOOL",
    dtypes.uint8: "U8",
    dtypes.int8: "I8",
    dtypes.int16: "I16",
    dtypes.float16: "F16",
    dtypes.bfloat16: "BF16",
    dtypes.int32: "I32",
    dtypes.uint32: "U32",
    dtypes.float32: "F32",
    dtypes.float64: "F64",
    dtypes.int64: "I64",
    dtypes.complex64: "C64",
}
"""The format's names, in the order in which it sorts tensors, from last to first: wide elements come first and are aligned."""
_DTYPES = {name: d for d, name in _NAMES.items()}
_LARGEST_HEADER = 100_000_000


class SafetensorError(RuntimeError):
    """A file that isn't well-formed safetensors."""


# Writing


def _check(tensors: Any) -> list[tuple[str, Tensor]]:
    if not isinstance(tensors, Mapping):
        raise ValueError(f"Expected a dict of [str, torch.Tensor] but received {type(tensors)}")
    for name, tensor in tensors.items():
        if not isinstance(name, str):
            raise ValueError(f"Key `{name}` is invalid, expected a string but received {type(name)}")
        if not isinstance(tensor, Tensor):
            raise ValueError(f"Key `{name}` is invalid, expected torch.Tensor but received {type(tensor)}")
        if tensor.dtype not in _NAMES:
            raise ValueError(f"Key `{name}` is invalid: safetensors has no {tensor.dtype}")
    order = list(_NAMES)
    return sorted(tensors.items(), key=lambda item: (-order.index(item[1].dtype), item[0]))


def _header(tensors: list[tuple[str, Tensor]], metadata: Mapping[str, str] | None) -> bytes:
    entries: dict[str, Any] = {}
    if metadata:
        if not all(isinstance(k, str) and isinstance(v, str) for k, v in metadata.items()):
            raise ValueError("metadata must be a dict of strings")
        entries["__metadata__"] = dict(metadata)
    begin = 0
    for name, tensor in tensors:
        end = begin + tensor.nbytes
        entries[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _little_endian(data: Any, itemsize: int) -> Any:
    if sys.byteorder == "little" or itemsize == 1:
        return data
    data, out = bytes(data), bytearray(len(data))
    for i in range(itemsize):
        out[i::itemsize] = data[itemsize - 1 - i :: itemsize]
    return out


def _write(tensors: Any, file: Any, metadata: Mapping[str, str] | None) -> None:
    checked = _check(tensors)
    file.write(_header(checked, metadata))
    for _, tensor in checked:
        file.write(_little_endian(tensor._bytes(), tensor.dtype.itemsize))


def save_file(tensors: Mapping[str, Tensor], filename: Any, metadata: Mapping[str, str] | None = None) -> None:
    """Writes a dict of names and tensors; the file appears only once it is whole.

    Each tensor is written on its own, also where some share memory. `metadata` are strings by name.
    """
    from flambeau.serialization.files import replacing

    checked = dict(_check(tensors))
    with replacing(filename) as file:
        _write(checked, file, metadata)


def save(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> bytes:
    """What `save_file` would write."""
    import io

    file = io.BytesIO()
    _write(tensors, file, metadata)
    return file.getvalue()


# Reading


class _Entry:
    """Where one tensor is: its dtype and shape, and its bytes' place after the header."""

    __slots__ = ("dtype", "shape", "begin", "end")

    def __init__(self, name: str, value: Any) -> None:
        try:
            kind, shape, (begin, end) = value["dtype"], value["shape"], value["data_offsets"]
            valid = isinstance(kind, str) and all(type(n) is int and 0 <= n < 2**63 for n in (*shape, begin, end))
        except (TypeError, KeyError, ValueError):
            valid = False
        if not valid:
            raise SafetensorError(f"the entry of {name!r} in the header isn't valid")
        if kind not in _DTYPES:
            raise SafetensorError(f"{name!r} has the dtype {kind}, which isn't supported")
        self.dtype, self.shape, self.begin, self.end = _DTYPES[kind], tuple(shape), begin, end
        if _bytes_of(shape, self.dtype.itemsize, end - begin) != end - begin:
            raise SafetensorError(f"{name!r} has {end - begin} bytes, which doesn't fit the shape {shape} of {kind}")


def _bytes_of(shape: list[int], itemsize: int, enough: int) -> int:
    """The bytes of a tensor, or, without going on to a number of any length, something above `enough`."""
    count = 0 if 0 in shape else itemsize
    for n in shape:
        count *= n
        if count > enough:
            break
    return count


def _read_header(file: Any, name: str) -> tuple[dict[str, _Entry], dict[str, str], int]:
    """The entries, the metadata, and where the tensors' bytes begin."""

    def damaged(why: str) -> SafetensorError:
        return SafetensorError(f"{name}: not safetensors, or truncated or damaged: {why}")

    start = file.tell()
    head = file.read(8)
    size = int.from_bytes(head, "little")
    total = file.seek(0, os.SEEK_END) - start
    file.seek(start + 8)
    if len(head) < 8 or size > _LARGEST_HEADER or size > total - 8:
        raise damaged(f"the header is said to have {size} bytes, and the file has {total}")
    try:
        header = json.loads(file.read(size).decode(), object_pairs_hook=_without_duplicates)
        if not isinstance(header, dict):
            raise ValueError("it is no JSON object")
        metadata = header.pop("__metadata__", {})
        entries = {key: _Entry(key, value) for key, value in header.items()}
    except (ValueError, RecursionError, SafetensorError) as error:
        raise damaged(str(error)) from None
    place = 0
    for key, entry in sorted(entries.items(), key=lambda item: (item[1].begin, item[1].end)):
        if entry.begin != place:
            raise damaged(f"{key!r} begins at {entry.begin}, where {place} was expected")
        place = entry.end
    if place != total - 8 - size:
        raise damaged(f"the tensors take {place} bytes, and there are {total - 8 - size}")
    return entries, metadata if isinstance(metadata, dict) else {}, start + 8 + size


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("the header has a key twice")
    return found


def _tensor(file: Any, entry: _Entry, begin: int, device: Any) -> Tensor:
    file.seek(begin + entry.begin)
    data = file.read(entry.end - entry.begin)
    if len(data) != entry.end - entry.begin:
        raise SafetensorError("the file was truncated while it was read")
    return from_bytes(_little_endian(data, entry.dtype.itemsize), entry.dtype, entry.shape, device)


def read(file: Any, name: str, device: Any = "cpu") -> dict[str, Tensor]:
    """All tensors of an open file; `name` is for messages. SafetensorError, a RuntimeError, for a damaged file."""
    device = as_device_name(device)
    entries, _, begin = _read_header(file, name)
    return {key: _tensor(file, entry, begin, device) for key, entry in entries.items()}


def load_file(filename: Any, device: Any = "cpu") -> dict[str, Tensor]:
    """The tensors of a file by name, on `device`."""
    with open(filename, "rb") as file:
        return read(file, os.fspath(filename), device)


def load(data: bytes) -> dict[str, Tensor]:
    """The tensors in bytes that `save` gave."""
    import io

    return read(io.BytesIO(data), "the bytes")


class safe_open:
    """A context manager that reads a file's tensors one by one: `keys()`, `get_tensor(name)`, `metadata()`."""

    def __init__(self, filename: Any, framework: str = "pt", device: Any = "cpu") -> None:
        self._name = os.fspath(filename)
        self._device = as_device_name(device)
        self._file: Any = open(filename, "rb")  # noqa: SIM115 - closed by __exit__
        try:
            self._entries, self._metadata, self._begin = _read_header(self._file, self._name)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> safe_open:
        return self

    def __exit__(self, *_: Any) -> None:
        self._file.close()

    def keys(self) -> list[str]:
        """The names of the tensors, sorted."""
        return sorted(self._entries)

    def offset_keys(self) -> list[str]:
        """The names of the tensors in the order of their bytes."""
        return sorted(self._entries, key=lambda key: self._entries[key].begin)

    def metadata(self) -> dict[str, str] | None:
        """The strings that were saved beside the tensors."""
        return self._metadata or None

    def get_tensor(self, name: str) -> Tensor:
        """One tensor; SafetensorError if there is none of that name."""
        if name not in self._entries:
            raise SafetensorError(f"File does not contain tensor {name}")
        return _tensor(self._file, self._entries[name], self._begin, self._device)
