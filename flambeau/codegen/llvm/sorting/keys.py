"""Elements as unsigned numbers of the same order, and the arrays in which they are sorted together with their positions.

NaN is the largest, -0.0 equal to 0.0; for descending order all bits are turned over. Keys of up to 32 bits share a word with
their position, wider ones have a word before it. May import `flambeau.dtypes` and the builder.
"""

from __future__ import annotations

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.types import Int, Value, constant
from flambeau.dtypes import dtype

__all__ = ["Keys", "words"]

_INFINITIES = {"float16": 0x7C00, "bfloat16": 0x7F80, "float32": 0x7F800000, "float64": 0x7FF0 << 48}


def words(type: dtype) -> int:
    """Words (i64) that an element takes in an array."""
    return 1 if type.itemsize <= 4 else 2


class Keys:
    """Keys of elements of `type`, which lie at `elements`."""

    def __init__(self, f: Function, type: dtype, descending: bool, elements: Value) -> None:
        self.f, self.type, self.descending, self.elements = f, type, descending, elements
        self.width = 8 * type.itemsize
        self.words = words(type)

    def at(self, i: Int) -> Value:
        """The key (i64) of element i."""
        f = self.f
        key = self.of(f.load(f"i{self.width}", f.address(self.elements, i, f"i{self.width}")))
        return key if self.width == 64 else f.cast("zext", key, "i64")

    def of(self, bits: Value) -> Value:
        """The keys of elements with these bits, in as many: a number or a vector."""
        f, type = self.f, self.type
        sign, ones = constant(bits.type, 1 << (self.width - 1)), constant(bits.type, -1)
        if type.category == 2:
            size = f.binary("and", bits, constant(bits.type, (1 << (self.width - 1)) - 1))
            bits = f.select(f.test("icmp eq", size, constant(bits.type, 0)), size, bits)
            below = f.test("icmp slt", bits, constant(bits.type, 0))
            key = f.select(below, f.binary("xor", bits, ones), f.binary("or", bits, sign))
            is_nan = f.test("icmp ugt", size, constant(bits.type, _INFINITIES[type.name]))
            key = f.select(is_nan, ones, key)
        else:
            key = f.binary("xor", bits, sign) if type.is_signed and type.category == 1 else bits
        return f.binary("xor", key, ones) if self.descending else key

    # --- arrays of keys with positions

    def array(self, start: Value, index: Int) -> Value:
        """The address of element `index` of an array."""
        return self.f.address(start, self.f.mul(index, self.words), "i64")

    def store(self, array: Value, i: Int, key: Value, position: Value) -> None:
        f = self.f
        place = self.array(array, i)
        if self.words == 1:
            f.store(f.binary("or", f.binary("shl", key, constant("i64", 32)), position), place)
            return
        f.store(key, place)
        f.store(position, f.address(place, 1, "i64"))

    def load(self, array: Value, i: Int) -> tuple[Value, Value]:
        """Element i's key and position."""
        f = self.f
        place = self.array(array, i)
        first = f.load("i64", place)
        if self.words == 1:
            return f.binary("lshr", first, constant("i64", 32)), f.binary("and", first, constant("i64", (1 << 32) - 1))
        return first, f.load("i64", f.address(place, 1, "i64"))

    def copy(self, source: Value, i: Int, target: Value, j: Int) -> None:
        """Element i of one array into place j of another."""
        f = self.f
        type = "i64" if self.words == 1 else "<2 x i64>"
        f.store(f.load(type, self.array(source, i), 8), self.array(target, j), 8)
