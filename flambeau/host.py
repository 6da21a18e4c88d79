"""Python numbers ↔ bytes: how lists become tensors and back without NumPy. May import `flambeau.dtypes`."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from flambeau.dtypes import dtype

__all__ = ["check_range", "flatten", "nest", "number_at", "pack", "unpack"]

_CODES = {
    "bool": "?", "uint8": "B", "int8": "b", "int16": "h", "int32": "i", "int64": "q",
    "float16": "e", "float32": "f", "float64": "d", "uint32": "I",
}  # fmt: skip


def _bfloat16_bits(value: float) -> int:
    """The nearest bfloat16 (ties to even) of a number, as its 16 bits."""
    try:
        bits = struct.unpack("<I", struct.pack("<f", value))[0]
    except OverflowError:
        bits = 0xFF800000 if value < 0 else 0x7F800000
    if bits & 0x7FFFFFFF > 0x7F800000:
        return (bits >> 16) | 0x40
    return (bits + 0x7FFF + (bits >> 16 & 1)) >> 16


def _half(value: float) -> bytes:
    try:
        return struct.pack("e", value)
    except OverflowError:
        return struct.pack("e", float("-inf") if value < 0 else float("inf"))


def _single(value: float) -> float:
    try:
        struct.pack("f", value)
    except OverflowError:
        return float("-inf") if value < 0 else float("inf")
    return value


def _integers(values: Iterable[Any], type: dtype) -> list[int]:
    bits = 8 * type.itemsize
    low = -(1 << (bits - 1)) if type.is_signed else 0
    high = low + (1 << bits) - 1
    result = [int(v) for v in values]
    for v in result:
        if not low <= v <= high:
            if type.itemsize == 8:
                raise ValueError("Overflow when unpacking long long")
            return [(v - low) % (1 << bits) + low for v in result]
    return result


def check_range(values: Sequence[Any], type: dtype) -> None:
    """Raises RuntimeError for a number that a new tensor of `type`, of integers, can't hold; what `pack` does is wrap it.

    Negative integers wrap in unsigned dtypes, as in C, down to that of the largest number's size. Raises ValueError for an
    integer beyond int64.
    """
    if type.category != 1 or not values:
        return
    high = (1 << (8 * type.itemsize - type.is_signed)) - 1
    low = -high - 1 if type.is_signed else 0
    if set(map(_type_of, values)) <= {int, bool}:
        values = [min(values), max(values)]
    for v in values:
        if isinstance(v, int) and not -(1 << 63) <= v < 1 << 63:
            raise ValueError("Overflow when unpacking long long")
        if isinstance(v, (int, float)) and not (low or (-high if isinstance(v, int) else 0)) <= v <= high:
            raise RuntimeError(f"value cannot be converted to type {type.name} without overflow")


_type_of = type
"""Python's `type`, whose name stands for a tensor's here."""


def pack(values: Sequence[Any], type: dtype) -> bytes:
    """The numbers as consecutive elements of `type`: floats round to nearest, out of range to infinity; small integers wrap.

    Raises ValueError for an integer beyond int64.
    """
    if type.category == 3:
        return pack([part for v in map(complex, values) for part in (v.real, v.imag)], type.real)
    if type.category == 1:
        return array(_CODES[type.name], _integers(values, type)).tobytes()
    if type.category == 0:
        return bytes(bool(v) for v in values)
    if type.name == "bfloat16":
        return array("H", [_bfloat16_bits(float(v)) for v in values]).tobytes()
    if type.name == "float16":
        return b"".join(_half(float(v)) for v in values)
    floats = [float(v) for v in values]
    try:
        return array(_CODES[type.name], floats).tobytes()
    except OverflowError:
        return array(_CODES[type.name], [_single(v) for v in floats]).tobytes()


def unpack(data: memoryview, type: dtype) -> list[Any]:
    """The elements as Python bools, ints, floats or complex numbers."""
    if type.category == 3:
        parts = iter(unpack(data, type.real))
        return [complex(re, im) for re, im in zip(parts, parts)]
    if type.name == "bfloat16":
        words = array("H", data.tobytes())
        return list(struct.unpack(f"<{len(words)}f", array("I", [w << 16 for w in words]).tobytes()))
    if type.name == "float16":
        return list(struct.unpack(f"{len(data) // 2}e", data))
    if type.name == "bool":
        return [b != 0 for b in data.tolist()]
    code: Any = _CODES[type.name]
    return data.cast(code).tolist()


def number_at(address: int, type: dtype) -> Any:
    """The element of a tensor that lies in this process's memory; None for a dtype that C doesn't have."""
    number = _c_types().get(type.name)
    return None if number is None else number.from_address(address).value


def put_number(number: Any, address: int, type: dtype) -> None:
    """Writes an element of a dtype that C has where a tensor lies in this process's memory."""
    _c_types()[type.name].from_address(address).value = number


def is_put(number: Any, type: dtype) -> bool:
    """Whether `put_number` takes a Python number for a dtype, and writes what a conversion to it gives."""
    kind, category = number.__class__, type.category
    if kind is int:
        fits = category == 1 or (category == 2 and -(1 << 53) <= number <= 1 << 53)
    else:
        fits = (kind is float and category == 2) or (kind is bool and category == 0)
    return fits and type.name in _c_types()


@cache
def _c_types() -> dict[str, Any]:
    import ctypes

    return {
        "bool": ctypes.c_bool, "uint8": ctypes.c_uint8, "int8": ctypes.c_int8, "int16": ctypes.c_int16,
        "int32": ctypes.c_int32, "int64": ctypes.c_int64, "uint32": ctypes.c_uint32, "float32": ctypes.c_float,
        "float64": ctypes.c_double,
    }  # fmt: skip


def flatten(data: Any) -> tuple[list[Any], tuple[int, ...]]:
    """A nested sequence's items in order, and its shape; raises ValueError or TypeError for one that is not rectangular."""
    shape: list[int] = []
    level = [data]
    while level and _is_sequence(level[0]):
        size = len(level[0])
        shape.append(size)
        following: list[Any] = []
        for item in level:
            if not _is_sequence(item):
                raise TypeError(f"expected a sequence of length {size} at dim {len(shape) - 1} (got {type(item).__name__})")
            if len(item) != size:
                raise ValueError(f"expected sequence of length {size} at dim {len(shape) - 1} (got {len(item)})")
            following.extend(item)
        level = following
    for item in level:
        if _is_sequence(item):
            raise TypeError("not a sequence")
    return level, tuple(shape)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, (list, tuple, range)) or (
        hasattr(value, "__len__")
        and hasattr(value, "__getitem__")
        and not isinstance(value, (str, bytes, dict))
        and not hasattr(value, "dtype")
    )


def nest(items: list[Any], shape: Sequence[int]) -> Any:
    """The items as nested lists of `shape`; a single item for shape ()."""
    if not shape:
        return items[0]
    for size in reversed(shape[1:]):
        if size == 0:
            return _empty(shape)
        items = [items[i : i + size] for i in range(0, len(items), size)]
    return items


def _empty(shape: Sequence[int]) -> Any:
    return [] if len(shape) == 1 or shape[0] == 0 else [_empty(shape[1:]) for _ in range(shape[0])]
