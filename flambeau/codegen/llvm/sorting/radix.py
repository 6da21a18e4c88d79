"""A stable radix sort of an array of keys with positions, eight bits a pass from the least significant on.

Passes in which all keys share their digit are left out. Long loops look now and then whether the run was stopped. May import
the builder and `keys.py`.
"""

from __future__ import annotations

from collections.abc import Callable

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.sorting.keys import Keys
from flambeau.codegen.llvm.types import Int, Value, constant
from flambeau.dtypes import dtype

__all__ = ["Radix", "count_bytes"]

_BITS = 8
_BUCKETS = 1 << _BITS
_STRETCH = 1 << 16
"""Elements between two looks."""


def count_bytes(type: dtype) -> int:
    """Bytes of the counts of all passes."""
    return type.itemsize * _BUCKETS * 8


class Radix:
    """Sorts with `counts` as memory for the numbers of elements by digit."""

    def __init__(self, f: Function, keys: Keys, counts: Value) -> None:
        self.f, self.keys, self.counts = f, keys, counts
        self.digits = keys.type.itemsize

    def begin(self) -> None:
        """Nothing is counted yet."""
        f = self.f
        nothing = constant("<8 x i64>", 0)
        f.loop(0, self.digits * _BUCKETS, 8, lambda i, _: f.store(nothing, f.address(self.counts, i, "i64"), 8))

    def count(self, key: Value) -> None:
        """Counts a key's digits."""
        f = self.f
        for digit in range(self.digits):
            place = self._count(digit, key)
            f.store(f.binary("add", f.load("i64", place), constant("i64", 1)), place)

    def each(self, length: Int, body: Callable[[Int], None]) -> None:
        """A loop over elements that ends early when the run is stopped."""
        f = self.f

        def stretch(start: Int, _: list[Value]) -> None:
            f.loop(start, f.minimum(f.add(start, _STRETCH), length), 1, lambda i, _: body(i), nonempty=True)

        f.loop(0, length, _STRETCH, f.unless_stopped(stretch))

    def passes(self, source: Value, target: Value, length: Value) -> tuple[Value, Value]:
        """Sorts the elements of `source`, which were counted; gives where they are then, and the other array."""
        for digit in range(self.digits):
            source, target = self._pass(digit, source, target, length)
        return source, target

    def _pass(self, digit: int, source: Value, target: Value, length: Value) -> tuple[Value, Value]:
        """Orders by one digit, unless all keys have the same; gives where the elements are now, and the other array."""
        f = self.f
        key, _ = self.keys.load(source, 0)
        is_same = f.test("icmp eq", f.load("i64", self._count(digit, key)), length)

        def move() -> list[Value]:
            def begin(b: Int, carried: list[Value]) -> list[Value]:
                place = f.address(self.counts, f.add(b, digit * _BUCKETS), "i64")
                count = f.load("i64", place)
                f.store(carried[0], place)
                return [f.binary("add", carried[0], count)]

            f.loop(0, _BUCKETS, 1, begin, [constant("i64", 0)])

            def put(i: Int) -> None:
                key, position = self.keys.load(source, i)
                place = self._count(digit, key)
                at = f.load("i64", place)
                f.store(f.binary("add", at, constant("i64", 1)), place)
                self.keys.store(target, at, key, position)

            self.each(length, put)
            return [target, source]

        now, other = f.choose(is_same, lambda: [source, target], move)
        return now, other

    def _count(self, digit: int, key: Value) -> Value:
        """The address of the count of a key's digit."""
        f = self.f
        bucket = f.binary("and", f.binary("lshr", key, constant("i64", _BITS * digit)), constant("i64", _BUCKETS - 1))
        return f.address(self.counts, f.add(bucket, digit * _BUCKETS), "i64")
