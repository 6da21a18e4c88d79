"""How dtypes look in WGSL: the type values are computed in, how they are laid out in storage, and conversions between.

WGSL's storage has 32-bit words, so narrower elements are packed into `u32`; int64 is `vec2<u32>` (low, high) everywhere, so
that it is exact on every adapter; half types are computed in `f32` and rounded after each operation as PyTorch does.
May import `flambeau.dtypes`.
"""

from __future__ import annotations

import math
import struct
from typing import Any

from flambeau.dtypes import dtype

__all__ = [
    "kind_of",
    "WGSL_TYPE",
    "ZERO",
    "literal",
    "opaque_zero",
    "rounded",
    "cast",
    "bitcast",
    "unpack",
    "pack",
    "storage_type",
    "lanes",
]

_KINDS = {
    "bool": "bool",
    "uint8": "u32",
    "int8": "i32",
    "int16": "i32",
    "int32": "i32",
    "uint32": "u32",
    "int64": "i64",
    "float16": "f32",
    "bfloat16": "f32",
    "float32": "f32",
    "float64": "f64",
}
WGSL_TYPE = {"bool": "bool", "u32": "u32", "i32": "i32", "i64": "vec2<u32>", "f32": "f32", "f64": "f64"}
"""The WGSL type of each kind."""
ZERO = {"bool": "false", "u32": "0u", "i32": "0i", "i64": "vec2<u32>()", "f32": "0.0f", "f64": "0.0lf"}


def kind_of(d: dtype) -> str:
    """What values of `d` are computed in: "bool", "u32", "i32", "i64", "f32" or "f64"."""
    return _KINDS[d.name]


def lanes(d: dtype) -> int:
    """How many elements share one 32-bit word of storage (1 for four bytes and more)."""
    return max(1, 4 // d.itemsize)


def storage_type(d: dtype, atomic: bool = False) -> str:
    """The element type of a storage array that holds `d`."""
    if atomic:
        return "atomic<u32>"
    return "u32" if d.itemsize < 4 else WGSL_TYPE[kind_of(d)]


def literal(value: Any, d: dtype) -> str:
    """A constant of `d`. Infinities and NaN are made of what no compiler knows: WGSL forbids them in constant expressions."""
    kind = kind_of(d)
    if kind == "bool":
        return "true" if value else "false"
    if kind == "i64":
        bits = int(value) & (1 << 64) - 1
        return f"vec2<u32>({bits & 0xFFFFFFFF}u, {bits >> 32}u)"
    if kind == "u32":
        return f"{int(value) & (1 << 8 * d.itemsize) - 1}u"
    if kind == "i32":
        width = 8 * d.itemsize
        wrapped = (int(value) + (1 << width - 1)) % (1 << width) - (1 << width - 1)
        return "i32(-2147483647 - 1)" if wrapped == -(2**31) else f"{wrapped}i" if wrapped >= 0 else f"({wrapped}i)"
    number = float(value)
    if kind == "f64":
        if math.isnan(number) or math.isinf(number):
            return f"f64(f32_from_bits({_float32_bits(number)}u))"
        return f"({number!r}lf)"
    number = _round_to(number, d)
    if math.isnan(number) or math.isinf(number) or (number == 0 and math.copysign(1, number) < 0):
        return f"f32_from_bits({_float32_bits(number)}u)"
    return f"({number!r}f)" if number < 0 else f"{number!r}f"


def opaque_zero(d: dtype) -> str:
    """A floating-point zero that no compiler knows to be one."""
    return "f64(f32_from_bits(0u))" if kind_of(d) == "f64" else "f32_from_bits(0u)"


def _float32_bits(value: float) -> int:
    return struct.unpack("<I", struct.pack("<f", value))[0]


def _round_to(value: float, d: dtype) -> float:
    if math.isnan(value) or math.isinf(value):
        return value
    code = "e" if d.name == "float16" else "f"
    try:
        value = struct.unpack(f"<{code}", struct.pack(f"<{code}", value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)
    if d.name == "bfloat16":
        bits = _float32_bits(value)
        value = struct.unpack("<f", struct.pack("<I", (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000))[0]
    return value


_ROUND = {
    "float16": "f16_round({})",
    "bfloat16": "bf16_round({})",
    "uint8": "(({}) & 0xffu)",
    "int8": "i8_wrap({})",
    "int16": "i16_wrap({})",
}


def rounded(text: str, d: dtype) -> str:
    """A result in `d`'s kind brought back to a value that `d` has: rounded to nearest, or wrapped."""
    return _ROUND[d.name].format(text) if d.name in _ROUND else text


_CASTS = {
    ("bool", "u32"): "u32({})",
    ("bool", "i32"): "i32({})",
    ("bool", "i64"): "vec2<u32>(u32({}), 0u)",
    ("bool", "f32"): "f32({})",
    ("bool", "f64"): "f64(u32({}))",
    ("u32", "bool"): "({} != 0u)",
    ("u32", "i32"): "bitcast<i32>({})",
    ("u32", "i64"): "vec2<u32>({}, 0u)",
    ("u32", "f32"): "f32({})",
    ("u32", "f64"): "f64({})",
    ("i32", "bool"): "({} != 0i)",
    ("i32", "u32"): "bitcast<u32>({})",
    ("i32", "i64"): "i64_from_i32({})",
    ("i32", "f32"): "f32({})",
    ("i32", "f64"): "f64({})",
    ("i64", "bool"): "any({} != vec2<u32>())",
    ("i64", "u32"): "({}).x",
    ("i64", "i32"): "bitcast<i32>(({}).x)",
    ("i64", "f32"): "i64_to_f32({})",
    ("i64", "f64"): "i64_to_f64({})",
    ("f32", "bool"): "f32_is_true({})",
    ("f32", "u32"): "i64_from_f32({}).x",
    ("f32", "i32"): "bitcast<i32>(i64_from_f32({}).x)",
    ("f32", "i64"): "i64_from_f32({})",
    ("f32", "f64"): "f64({})",
    ("f64", "bool"): "!({} == 0.0lf)",
    ("f64", "u32"): "i64_from_f64({}).x",
    ("f64", "i32"): "bitcast<i32>(i64_from_f64({}).x)",
    ("f64", "i64"): "i64_from_f64({})",
    ("f64", "f32"): "f32({})",
}


def cast(text: str, source: dtype, to: dtype) -> str:
    """A value conversion: float to integer truncates (through int64, as the CPU does), anything to bool is `!= 0`."""
    a, b = kind_of(source), kind_of(to)
    result = text if a == b else _CASTS[a, b].format(text)
    narrows = to.name in _ROUND and source is not to and source.name != "bool"
    if narrows and to.category == 1 and source.category == 1 and source.itemsize < to.itemsize:
        narrows = False
    return rounded(result, to) if narrows else result


_WORD = {
    # the 32 bits of a value, low bits first for narrow types
    "bool": "u32({})",
    "uint8": "({})",
    "int8": "(bitcast<u32>({}) & 0xffu)",
    "int16": "(bitcast<u32>({}) & 0xffffu)",
    "int32": "bitcast<u32>({})",
    "uint32": "({})",
    "float16": "f16_to_bits({})",
    "bfloat16": "bf16_to_bits({})",
    "float32": "bitcast<u32>({})",
}
_FROM_WORD = {
    "bool": "(({}) != 0u)",
    "uint8": "(({}) & 0xffu)",
    "int8": "i8_wrap(bitcast<i32>({}))",
    "int16": "i16_wrap(bitcast<i32>({}))",
    "int32": "bitcast<i32>({})",
    "uint32": "({})",
    "float16": "f16_from_bits({})",
    "bfloat16": "bf16_from_bits({})",
    "float32": "bitcast<f32>({})",
}


def pack(text: str, d: dtype) -> str:
    """A value of at most 32 bits as `u32`: its bits in the low end, zeros above."""
    return _WORD[d.name].format(text)


def unpack(word: str, d: dtype) -> str:
    """The value of `d` in the low bits of a word. A bool's byte, and a half's 16 bits, must stand alone there."""
    return _FROM_WORD[d.name].format(word)


def bitcast(text: str, source: dtype, to: dtype) -> str:
    """The same bits as another dtype of one width. Raises RuntimeError for float64, whose bits WGSL has no way to."""
    if source is to or (source.name, to.name) in (("uint8", "bool"),):
        return text if source is to else f"({text} != 0u)"
    if source.itemsize == 8:
        raise RuntimeError(
            f"the bits of {source.name} can't be read as {to.name} on the webgpu device: WGSL has no way to a float64's bits; "
            "move the tensor to the cpu for it"
        )
    return unpack(pack(text, source), to)
