"""Arithmetic and comparison of sizes that may be symbolic. May import: nothing.

A size is an ``int``, or an object with ``+ - * // %`` that can compare itself: ``size.equals(other)`` and
``size.less_than(other)`` answer True, False, or None where it depends on values that are not known. Every rule in this
package is written with these helpers, so that the same rule serves the run time (integers) and a type checker (symbols).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Size = Any  # int, or a symbolic integer
Shape = tuple[Size, ...]


def known(size: Size) -> bool:
    """Whether the size is a plain integer."""
    return isinstance(size, int)


def equal(a: Size, b: Size) -> bool | None:
    """Whether a == b; None where it cannot be known."""
    if isinstance(a, int):
        return a == b if isinstance(b, int) else b.equals(a)
    return a.equals(b)


def less(a: Size, b: Size) -> bool | None:
    """Whether a < b; None where it cannot be known."""
    if isinstance(a, int):
        if isinstance(b, int):
            return a < b
        answer = b.less_than(a + 1)  # a < b  <=>  not b < a + 1
        return None if answer is None else not answer
    return a.less_than(b)


def at_least(a: Size, b: Size) -> bool | None:
    """Whether a >= b; None where it cannot be known."""
    answer = less(a, b)
    return None if answer is None else not answer


def differ(a: Size, b: Size) -> bool:
    """Whether a and b are surely different."""
    return equal(a, b) is False


def shapes_equal(a: Sequence[Size], b: Sequence[Size]) -> bool | None:
    """Whether two shapes are the same; None where it cannot be known."""
    if len(a) != len(b):
        return False
    answers = [equal(x, y) for x, y in zip(a, b)]
    return False if False in answers else None if None in answers else True


def divisible(a: Size, b: Size) -> bool | None:
    """Whether b divides a; None where it cannot be known. Nothing but 0 is divisible by 0."""
    if equal(b, 0) is True:
        return equal(a, 0)
    return equal(a % b, 0)


def minimum(a: Size, b: Size) -> Size:
    """The smaller size, symbolic where it cannot be known."""
    order = less(b, a)
    if order is None:
        return a.minimum(b) if not isinstance(a, int) else b.minimum(a)
    return b if order else a


def maximum(a: Size, b: Size) -> Size:
    """The larger size, symbolic where it cannot be known."""
    order = less(a, b)
    if order is None:
        return a.maximum(b) if not isinstance(a, int) else b.maximum(a)
    return b if order else a


def ceil_div(a: Size, b: Size) -> Size:
    """⌈a / b⌉ for b > 0."""
    return (a + b - 1) // b


def product(sizes: Iterable[Size]) -> Size:
    """The number of elements of a shape; 1 for ()."""
    result: Size = 1
    for size in sizes:
        result = result * size
    return result


def unify(a: Size, b: Size) -> Size:
    """The better known of two sizes that are equal, or might be: an integer before a symbol."""
    return b if not isinstance(a, int) and isinstance(b, int) else a
