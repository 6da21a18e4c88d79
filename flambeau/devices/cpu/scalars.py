"""The numbers that a plan reads at run time, laid out eight bytes apart. May import `flambeau.dtypes`."""

from __future__ import annotations

import ctypes
import math
import struct
from collections.abc import Sequence
from typing import Any

from flambeau.dtypes import dtype

__all__ = ["ScalarBlock"]

_FORMATS = {
    "bool": "?7x",
    "uint8": "B7x",
    "int8": "b7x",
    "int16": "h6x",
    "int32": "i4x",
    "uint32": "I4x",
    "int64": "q",
    "float16": "e6x",
    "bfloat16": "H6x",
    "float32": "f4x",
    "float64": "d",
}


class ScalarBlock:
    """Memory for one number of each of these dtypes."""

    def __init__(self, types: Sequence[dtype]) -> None:
        self._types = tuple(types)
        self._memory = ctypes.create_string_buffer(8 * len(self._types) + 64)
        base = ctypes.addressof(self._memory)
        self._offset = -base % 64
        self.addresses = [base + self._offset + 8 * k for k in range(len(self._types))]
        self._packing = struct.Struct("=" + "".join(_FORMATS[t.name] for t in self._types))
        self._is_plain = all(t.name in ("float64", "int64", "float32", "bool") for t in self._types)

    def set(self, values: Sequence[Any]) -> None:
        """Writes the numbers, wrapped or rounded to their dtypes."""
        if self._is_plain:
            try:
                self._packing.pack_into(self._memory, self._offset, *values)
                return
            except (struct.error, OverflowError, TypeError):
                pass  # some number needs converting
        fitting = [_fit(v, t) for v, t in zip(values, self._types, strict=True)]
        self._packing.pack_into(self._memory, self._offset, *fitting)


def _fit(value: Any, type: dtype) -> Any:
    """The number as `struct` takes it."""
    if type.category == 0:
        return bool(value)
    if type.category == 1:
        bits = 8 * type.itemsize
        whole = int(value) & ((1 << bits) - 1)
        return whole - (1 << bits) if type.is_signed and whole >> (bits - 1) else whole
    number = float(value)
    if type.name == "float64":
        return number
    try:
        single = struct.unpack("=f", struct.pack("=f", number))[0]
    except OverflowError:
        single = math.copysign(math.inf, number)
    if type.name == "float32":
        return single
    if type.name == "bfloat16":
        word = struct.unpack("=I", struct.pack("=f", single))[0]
        return 0x7FC0 if single != single else (word + 0x7FFF + (word >> 16 & 1)) >> 16
    try:
        struct.pack("=e", single)
    except OverflowError:
        return math.copysign(math.inf, single)
    return single
