"""How flambeau's dtypes live in memory and in registers, and the conversions between them.

In memory a bool is a byte and a bfloat16 is its 16 bits. In registers a bool is an i1, and both half types are float32 values
that are exactly representable in the half type: each operation computes in float32 and rounds once, as PyTorch does. May
import `flambeau.dtypes` and the builder.
"""

from __future__ import annotations

import struct

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.types import Value, constant
from flambeau.dtypes import bfloat16, bool_, dtype, float16

__all__ = ["memory_type", "register_type", "is_half", "from_memory", "to_memory", "round_to", "convert", "literal"]

_MEMORY = {
    "bool": "i8",
    "uint8": "i8",
    "int8": "i8",
    "int16": "i16",
    "int32": "i32",
    "uint32": "i32",
    "int64": "i64",
    "float16": "half",
    "bfloat16": "i16",
    "float32": "float",
    "float64": "double",
}


def memory_type(type: dtype) -> str:
    """The LLVM type of one element in memory."""
    return _MEMORY[type.name]


def register_type(type: dtype) -> str:
    """The LLVM type of one value in a register."""
    if type is bool_:
        return "i1"
    return "float" if is_half(type) else _MEMORY[type.name]


def is_half(type: dtype) -> bool:
    return type is float16 or type is bfloat16


def literal(type: dtype, number: float) -> Value:
    """A scalar constant of a dtype, in its register form."""
    if type.category == 2:
        value = constant("float" if is_half(type) else register_type(type), float(number))
        if not is_half(type):
            return value
        single = struct.unpack("<f", struct.pack("<f", _saturated(float(number))))[0]
        if type is float16:
            return constant("float", _half(single))
        word = struct.unpack("<I", struct.pack("<f", single))[0]
        if single == single:
            word = (word + 0x7FFF + (word >> 16 & 1)) & 0xFFFF0000
        return constant("float", struct.unpack("<f", struct.pack("<I", word))[0])
    return constant(register_type(type), bool(number) if type is bool_ else int(number))


def _saturated(number: float) -> float:
    """Beyond float32's range a number is infinite."""
    if number == number and abs(number) > 3.4028235677973366e38:
        return float("inf") if number > 0 else float("-inf")
    return number


def _half(single: float) -> float:
    try:
        return struct.unpack("<e", struct.pack("<e", single))[0]
    except OverflowError:
        return float("inf") if single > 0 else float("-inf")


def from_memory(f: Function, raw: Value, type: dtype) -> Value:
    """An element (or a vector of them) as loaded → its register form."""
    if type is bool_:
        return f.test("icmp ne", raw, constant(raw.type, 0))
    if type is float16:
        return f.cast("fpext", raw, "float")
    if type is bfloat16:
        wide = f.cast("zext", raw, "i32")
        return f.cast("bitcast", f.binary("shl", wide, constant(wide.type, 16)), "float")
    return raw


def to_memory(f: Function, value: Value, type: dtype) -> Value:
    """A register's value → what is stored."""
    if type is bool_:
        return f.cast("zext", value, "i8")
    if type is float16:
        return f.cast("fptrunc", value, "half")
    if type is bfloat16:
        bits = f.cast("bitcast", value, "i32")
        return f.cast("trunc", f.binary("lshr", bits, constant(bits.type, 16)), "i16")
    return value


def round_to(f: Function, value: Value, type: dtype) -> Value:
    """A float32 result rounded to the half type (to nearest, ties to even), still held as float32."""
    if type is float16:
        return f.cast("fpext", f.cast("fptrunc", value, "half"), "float")
    if type is bfloat16:
        bits = f.cast("bitcast", value, "i32")
        odd = f.binary("and", f.binary("lshr", bits, constant(bits.type, 16)), constant(bits.type, 1))
        rounded = f.binary("add", f.binary("add", bits, constant(bits.type, 0x7FFF)), odd)
        is_nan = f.test("fcmp uno", value, value)
        chosen = f.select(is_nan, constant(bits.type, 0x7FC00000), rounded)
        return f.cast("bitcast", f.binary("and", chosen, constant(bits.type, 0xFFFF0000)), "float")
    return value


def convert(f: Function, value: Value, source: dtype, to: dtype) -> Value:
    """PyTorch's `.to(dtype)` of a register's value. Floats truncate to integers, those out of range to what the CPU gives."""
    if source is to:
        return value
    element = register_type(to)
    if to is bool_:
        zero = constant(value.type, 0)
        return f.test("fcmp une" if source.category == 2 else "icmp ne", value, zero)
    if source.category == 2 and to.category == 2:
        wide, narrow = register_type(source) == "double", element != "double"
        if wide and narrow:
            value = f.cast("fptrunc", value, "float")
        elif not wide and not narrow:
            return f.cast("fpext", value, "double")
        return round_to(f, value, to) if is_half(to) else value
    if source.category == 2:
        through = "i32" if to.itemsize < 4 or (element == "i32" and to.is_signed) else "i64"
        whole = f.cast("fptosi", value, through)
        whole = f.op(whole.type, f"freeze {whole.type} {whole}")
        return whole if through == element else f.cast("trunc", whole, element)
    if to.category == 2:
        unsigned = not source.is_signed
        real = f.cast("uitofp" if unsigned else "sitofp", value, element)
        return round_to(f, real, to) if is_half(to) else real
    here, there = (1 if source is bool_ else 8 * source.itemsize), 8 * to.itemsize
    if here == there:
        return value
    if here > there:
        return f.cast("trunc", value, element)
    return f.cast("sext" if source.is_signed and source is not bool_ else "zext", value, element)
