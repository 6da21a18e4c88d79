"""Shapes from sizes.

May import `flambeau.shapes`.
"""

from __future__ import annotations

from flambeau.shapes import factories
from flambeau.shapes.errors import require, show
from flambeau.shapes.symbolic import UNKNOWN
from flambeau.typing.rules.kinds import Axes, Shape, Size


def single(size: Size) -> Shape:
    return factories.linspace(size)


def pair(rows: Size, columns: Size) -> Shape:
    return factories.eye(rows, columns)


def triple(first: Size, second: Size, third: Size) -> Shape:
    return (first, second, third)


def append(shape: Shape, size: Size) -> Shape:
    return (*shape, size)


def joined(left: Shape, right: Shape) -> Shape:
    return (*left, *right)


def trailing(sizes: Axes) -> Shape:
    """The last sizes that a layer was given: one, or a tuple."""
    if sizes is None:
        raise TypeError("expected an integer or a tuple of them, got None")
    return (sizes,) if isinstance(sizes, int) else tuple(sizes)


def between(start: Size, end: Size) -> Shape:
    return factories.arange(start, end)


def stepped(start: Size, end: Size, step: Size) -> Shape:
    if not all(isinstance(value, int) for value in (start, end, step)):
        return (UNKNOWN,)
    return factories.arange(start, end, step)


def drawn(shape: Shape, count: Size) -> Shape:
    require(1 <= len(shape) <= 2, f"multinomial: the probabilities must be a vector or a matrix, got {show(shape)}")
    return (*shape[:-1], count)
