"""LLVM's types and constants, by their spelling, and `Value`: what an instruction takes and gives.

Imports `flambeau.traced`. `bits_of`, `is_float` and the like look at a vector's elements, so that code for one lane and for
many is the same.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from flambeau.traced import Traced

__all__ = [
    "Value",
    "Int",
    "vector",
    "lanes_of",
    "element_of",
    "bits_of",
    "bytes_of",
    "parts_of",
    "is_float",
    "constant",
    "zero",
    "poison",
]

_BITS = {"half": 16, "bfloat": 16, "float": 32, "double": 64, "ptr": 64}


@dataclass(frozen=True, slots=True)
class Value:
    """An SSA value or constant: how it is spelled, and its LLVM type."""

    name: str
    type: str

    def __str__(self) -> str:
        return self.name


Int = int | Traced | Value
"""An i64: known now, known when the code is called, or computed by it."""


# --- types ---------------------------------------------------------------------------------------------------------------


@lru_cache(None)
def parts_of(type: str) -> tuple[int, str]:
    """How many lanes, and their type."""
    if type[0] != "<":
        return 1, type
    count, _, element = type[1:-1].partition(" x ")
    return int(count), element


def vector(element: str, lanes: int) -> str:
    """`<lanes x element>`, or the element itself for one lane."""
    return element if lanes == 1 else f"<{lanes} x {element}>"


def lanes_of(type: str) -> int:
    return parts_of(type)[0]


def element_of(type: str) -> str:
    return parts_of(type)[1]


def bits_of(type: str) -> int:
    """Bits of one element."""
    element = element_of(type)
    return _BITS.get(element) or int(element[1:])


def bytes_of(type: str) -> int:
    """Bytes that the type takes in memory (an i1 takes one)."""
    return lanes_of(type) * max(1, bits_of(type) // 8)


def is_float(type: str) -> bool:
    return element_of(type) in ("half", "bfloat", "float", "double")


# --- constants -----------------------------------------------------------------------------------------------------------


def _float_text(element: str, number: float) -> str:
    """LLVM's hexadecimal spelling, exact: float32 is written as the double of the same value."""
    try:
        packed = struct.pack({"half": "<e", "double": "<d"}.get(element, "<f"), number)
    except OverflowError:
        packed = struct.pack({"half": "<e"}.get(element, "<f"), math.copysign(math.inf, number))
    if element == "half":
        return f"0xH{struct.unpack('<H', packed)[0]:04X}"
    if element == "bfloat":
        word = struct.unpack("<I", packed)[0]
        is_nan = word & 0x7FFFFFFF > 0x7F800000
        rounded = word | 0x400000 if is_nan else word + 0x7FFF + (word >> 16 & 1)
        return f"0xR{rounded >> 16 & 0xFFFF:04X}"
    if element == "float":
        packed = struct.pack("<d", struct.unpack("<f", packed)[0])
    return f"0x{struct.unpack('<Q', packed)[0]:016X}"


def constant(type: str, number: float | Sequence[float]) -> Value:
    """A constant of `type`; a number fills every lane, a sequence gives one a lane. Integers wrap to the type's width."""
    lanes, element = parts_of(type)

    def text(x: float) -> str:
        if is_float(element):
            return _float_text(element, float(x))
        bits = bits_of(element)
        if bits == 1:
            return "true" if x else "false"
        wrapped = int(x) & ((1 << bits) - 1)
        return str(wrapped - (1 << bits) if wrapped >> (bits - 1) else wrapped)

    if isinstance(number, int | float):
        one = text(number)
        return Value(one if lanes == 1 else f"<{', '.join([f'{element} {one}'] * lanes)}>", type)
    assert len(number) == lanes, (type, number)
    if lanes == 1:
        return Value(text(number[0]), type)
    return Value("<" + ", ".join(f"{element} {text(x)}" for x in number) + ">", type)


def zero(type: str) -> Value:
    return Value("null" if type == "ptr" else "zeroinitializer", type) if type[0] == "<" or type == "ptr" else constant(type, 0)


def poison(type: str) -> Value:
    return Value("poison", type)
