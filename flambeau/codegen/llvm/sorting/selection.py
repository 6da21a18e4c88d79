"""The first elements of a long row without sorting the row: candidates gather in an array, which is ordered when it is full.

Once the array was ordered, only elements ahead of the last one kept are candidates, and a row is passed over in vectors that
look for one. A few candidates are ordered by counting, for each, those ahead of it; which sorts short rows, too. May import the
builder, `target.py` and `keys.py`.
"""

from __future__ import annotations

from collections.abc import Callable

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.polynomial import any_lane
from flambeau.codegen.llvm.sorting.keys import Keys
from flambeau.codegen.llvm.target import Target
from flambeau.codegen.llvm.types import Int, Value, constant, vector

__all__ = ["FEW", "by_counting", "counting_bytes", "select", "step_of"]

FEW = 64
"""The most candidates that are ordered by counting."""
_MOST_STEP = 32

Order = Callable[[Value, Value, Value], tuple[Value, Value]]
"""From (array, another array, number of elements) to where they are in order, as many as are kept, and the other array."""


def step_of(keys_width: int, target: Target) -> int:
    """Elements that are looked at together."""
    return max(1, min(_MOST_STEP, 2 * target.lanes(keys_width)))


def counting_bytes(words: int) -> int:
    """What ordering by counting needs for its two arrays and the places."""
    return 8 * FEW * (2 * words + 1) + 256


def select(
    f: Function,
    keys: Keys,
    first: Int,
    length: Int,
    kept: Int,
    capacity: Int,
    arrays: tuple[Value, Value],
    order: Order,
    step: int,
) -> Value:
    """The array with the first `kept` of the `length` elements from `first` on, in order.

    The arrays hold `capacity` elements, at least `kept` + `step`.
    """
    full = f.sub(capacity, step)
    zero, yes, no = constant("i64", 0), constant("i1", 1), constant("i1", 0)

    def gather(i: Value, count: Value, array: Value, last: Value, takes_all: Value) -> list[Value]:
        """Candidates from place i of the row on, until the array is nearly full or the row at its end: where it stopped, and how
        many there are then. A candidate's key is less than `last`."""

        def is_some_ahead(i: Value) -> list[Value]:
            type = f"i{keys.width}"
            bits = f.load(vector(type, step), f.address(keys.elements, f.add(first, i), type))
            bound = last if keys.width == 64 else f.cast("trunc", last, type)
            return [any_lane(f, f.test("icmp ult", keys.of(bits), f.splat(bound, step)))]

        def take(j: Int, taken: list[Value]) -> list[Value]:
            key = keys.at(f.add(first, j))
            keys.store(array, taken[0], key, f.integer(j))
            ahead = f.binary("or", f.test("icmp ult", key, last), takes_all)
            return [f.binary("add", taken[0], f.cast("zext", ahead, "i64"))]

        def look(carried: list[Value]) -> list[Value]:
            i, count = carried
            end = f.integer(f.add(i, step))
            is_whole = f.op("i1", f"icmp sle i64 {end}, {length}")
            (some,) = f.choose(f.select(takes_all, no, is_whole), lambda: is_some_ahead(i), lambda: [yes])
            end = f.integer(f.minimum(end, length))
            (count,) = f.choose(some, lambda: f.loop(i, end, 1, take, [count], nonempty=True), lambda: [count])
            return [end, count]

        def has_room(carried: list[Value]) -> Value:
            i, count = carried
            return f.binary("and", f.op("i1", f"icmp slt i64 {i}, {length}"), f.op("i1", f"icmp sle i64 {count}, {full}"))

        return f.repeat([i, count], has_room, look)

    def turn(carried: list[Value]) -> list[Value]:
        i, count, array, other, last, takes_all = carried
        i, count = gather(i, count, array, last, takes_all)
        array, other = order(array, other, count)
        count = f.integer(f.minimum(count, kept))
        last, _ = keys.load(array, f.sub(count, 1))
        return [i, count, array, other, last, no]

    start = [zero, zero, *arrays, zero, yes]
    return f.repeat(start, lambda carried: f.op("i1", f"icmp slt i64 {carried[0]}, {length}"), turn)[2]


def by_counting(f: Function, keys: Keys, kept: Int, places: Value, target: Target) -> Order:
    """Orders up to `FEW` elements; `places` is memory for as many numbers."""
    lanes = max(1, target.lanes(64))
    width = 2 * lanes

    def order(source: Value, other: Value, count: Value) -> tuple[Value, Value]:
        def block(start: Int, _: list[Value]) -> None:
            words = f.load(vector("i64", width * keys.words), keys.array(source, start), 8)
            mine = words if keys.words == 1 else f.shuffle(words, words, [2 * i for i in range(width)])
            number = f.binary("add", f.splat(f.integer(start), width), f.steps(width))

            def compare(j: Int, counts: list[Value]) -> list[Value]:
                theirs = f.splat(f.load("i64", keys.array(source, j)), width)
                ahead = f.test("icmp ult", theirs, mine)
                if keys.words == 2:  # else the position is part of the word
                    equal = f.test("icmp eq", theirs, mine)
                    earlier = f.test("icmp slt", f.splat(f.integer(j), width), number)
                    ahead = f.binary("or", ahead, f.binary("and", equal, earlier))
                return [f.binary("sub", counts[0], f.cast("sext", ahead, "i64"))]

            (counts,) = f.loop(0, count, 1, compare, [constant(mine.type, 0)], nonempty=True)
            f.store(counts, f.address(places, start, "i64"), 8)

        f.loop(0, count, width, block, nonempty=True)

        def put(i: Int, _: list[Value]) -> None:
            place = f.load("i64", f.address(places, i, "i64"))
            with f.when(f.compare("slt", place, kept)):
                keys.copy(source, i, other, place)

        f.loop(0, count, 1, put, nonempty=True)
        return other, source

    return order
