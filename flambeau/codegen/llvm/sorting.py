"""`SortKernel` → LLVM IR: a stable radix sort of each row, eight bits a pass from the least significant on.

Keys are turned into unsigned integers of the same order (NaN the largest, -0.0 equal to 0.0; all bits turned over for descending
order), and passes in which all keys of a row share their digit are left out. A thread sorts rows of its own, between two arrays
in scratch memory; keys of up to 32 bits share a word with their position. The code is given the numbers of rows and of
elements: it serves every size. May import `flambeau.kernels`, `flambeau.dtypes` and its neighbours.
"""

from __future__ import annotations

from flambeau.codegen.llvm.builder import Function, Module
from flambeau.codegen.llvm.lowered import Lowered
from flambeau.codegen.llvm.target import Target
from flambeau.codegen.llvm.types import Int, Value, constant
from flambeau.dtypes import dtype
from flambeau.kernels.ir import SortKernel

__all__ = ["lower", "scratch_bytes"]

_BITS = 8
_BUCKETS = 1 << _BITS
_INFINITIES = {"float16": 0x7C00, "bfloat16": 0x7F80, "float32": 0x7F800000, "float64": 0x7FF0 << 48}
_SLOTS = 2
_SIZES = _SLOTS + 2
"""Where rows and length stand among the arguments: after the slots, the scratch block and the error word."""


def _words(type: dtype) -> int:
    """Words that an element takes: its key with its position, or each on its own."""
    return 1 if type.itemsize <= 4 else 2


def _head(type: dtype) -> int:
    """Bytes of the counts of all passes."""
    return type.itemsize * _BUCKETS * 8


def scratch_bytes(kernel: SortKernel, threads: int) -> int:
    """What the kernel needs of scratch memory. Positions share a word with keys, so rows are shorter than 2³²."""
    type = kernel.slots[0].dtype
    return min(threads, kernel.rows) * (_head(type) + 16 * _words(type) * kernel.length)


def lower(type: dtype, descending: bool, target: Target) -> Lowered:
    """LLVM IR that sorts rows of elements of `type`."""
    module = Module(target.attributes)
    f = module.function("sort", (("ptr", "arguments"), ("i64", "thread"), ("i64", "threads")))
    arguments, thread, threads = f.parameters
    keys, out, scratch = (f.load("ptr", f.address(arguments, i, "ptr"), 8) for i in range(_SLOTS + 1))
    rows, length = (f.entry_load("i64", arguments, _SIZES + i) for i in range(2))
    workers = f.minimum(threads, rows)
    low, high = (f.div(f.mul(t, rows), workers) for t in (thread, f.add(thread, 1)))
    size = f.add(f.mul(length, 16 * _words(type)), _head(type))
    own = f.address(scratch, f.mul(thread, size), "i8")
    row = _Row(f, type, descending, keys, out, own, length)
    f.loop(low, f.minimum(high, rows), 1, lambda r, _: row.sort(r))
    f.finish()
    return Lowered(module.text(), ("sort",))


class _Row:
    """The code that sorts one row."""

    def __init__(
        self, f: Function, type: dtype, descending: bool, keys: Value, out: Value, scratch: Value, length: Value
    ) -> None:
        self.f, self.type, self.descending, self.keys, self.out, self.length = f, type, descending, keys, out, length
        self.counts = scratch
        self.is_packed = _words(type) == 1
        first = f.address(scratch, _head(type), "i8")
        self.arrays = [first, f.address(first, f.mul(length, _words(type)), "i64")]

    def sort(self, row: Int) -> None:
        f = self.f
        start = f.mul(row, self.length)
        self._clear()
        f.loop(0, self.length, 1, lambda i, _: self._enter(start, i))
        source, target = self.arrays
        for digit in range(self.type.itemsize):
            source, target = self._pass(digit, source, target)
        out = f.address(self.out, start, "i64")

        def leave(i: Int, _: list[Value]) -> None:
            place = self._load(source, i)[1]
            f.store(place, f.address(out, i, "i64"))

        f.loop(0, self.length, 1, leave)

    def _clear(self) -> None:
        f = self.f
        nothing = constant("<8 x i64>", 0)
        f.loop(0, self.type.itemsize * _BUCKETS, 8, lambda i, _: f.store(nothing, f.address(self.counts, i, "i64"), 8))

    def _enter(self, start: Int, i: Int) -> None:
        """Takes in element i, and counts its digits."""
        f = self.f
        key = self._key(f.load(f"i{8 * self.type.itemsize}", f.address(self.keys, f.add(start, i), f"i{8 * self.type.itemsize}")))
        self._store(self.arrays[0], i, key, f.integer(i))
        for digit in range(self.type.itemsize):
            count = self._count(digit, key)
            f.store(f.binary("add", f.load("i64", count), constant("i64", 1)), count)

    def _key(self, bits: Value) -> Value:
        """The unsigned number (i64) that orders as the element with these bits does."""
        f, type = self.f, self.type
        width = 8 * type.itemsize
        sign, ones = constant(bits.type, 1 << (width - 1)), constant(bits.type, -1)
        if type.category == 2:
            size = f.binary("and", bits, constant(bits.type, (1 << (width - 1)) - 1))
            bits = f.select(f.test("icmp eq", size, constant(bits.type, 0)), size, bits)
            below = f.test("icmp slt", bits, constant(bits.type, 0))
            key = f.select(below, f.binary("xor", bits, ones), f.binary("or", bits, sign))
            is_nan = f.test("icmp ugt", size, constant(bits.type, _INFINITIES[type.name]))
            key = f.select(is_nan, ones, key)
        else:
            key = f.binary("xor", bits, sign) if type.is_signed and type.category == 1 else bits
        if self.descending:
            key = f.binary("xor", key, ones)
        return key if width == 64 else f.cast("zext", key, "i64")

    def _pass(self, digit: int, source: Value, target: Value) -> tuple[Value, Value]:
        """Orders by one digit, unless all keys have the same; gives where the elements are now, and the other array."""
        f = self.f
        key, _ = self._load(source, 0)
        is_same = f.test("icmp eq", f.load("i64", self._count(digit, key)), self.length)

        def move() -> list[Value]:
            def begin(b: Int, carried: list[Value]) -> list[Value]:
                place = f.address(self.counts, f.add(b, digit * _BUCKETS), "i64")
                count = f.load("i64", place)
                f.store(carried[0], place)
                return [f.binary("add", carried[0], count)]

            f.loop(0, _BUCKETS, 1, begin, [constant("i64", 0)])

            def put(i: Int, _: list[Value]) -> None:
                key, position = self._load(source, i)
                place = self._count(digit, key)
                at = f.load("i64", place)
                f.store(f.binary("add", at, constant("i64", 1)), place)
                self._store(target, at, key, position)

            f.loop(0, self.length, 1, put)
            return [target, source]

        now, other = f.choose(is_same, lambda: [source, target], move)
        return now, other

    def _count(self, digit: int, key: Value) -> Value:
        """The address of the count of a key's digit."""
        f = self.f
        bucket = f.binary("and", f.binary("lshr", key, constant("i64", _BITS * digit)), constant("i64", _BUCKETS - 1))
        return f.address(self.counts, f.add(bucket, digit * _BUCKETS), "i64")

    def _store(self, array: Value, i: Int, key: Value, position: Value) -> None:
        f = self.f
        if self.is_packed:
            both = f.binary("or", f.binary("shl", key, constant("i64", 32)), position)
            f.store(both, f.address(array, i, "i64"))
            return
        f.store(key, f.address(array, f.mul(i, 2), "i64"))
        f.store(position, f.address(array, f.add(f.mul(i, 2), 1), "i64"))

    def _load(self, array: Value, i: Int) -> tuple[Value, Value]:
        """Element i's key and position."""
        f = self.f
        if self.is_packed:
            both = f.load("i64", f.address(array, i, "i64"))
            return f.binary("lshr", both, constant("i64", 32)), f.binary("and", both, constant("i64", (1 << 32) - 1))
        place = f.address(array, f.mul(i, 2), "i64")
        return f.load("i64", place), f.load("i64", f.address(place, 1, "i64"))
