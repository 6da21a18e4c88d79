"""Elementwise operators: shapes broadcast.

May import `flambeau.shapes`.
"""

from __future__ import annotations

from flambeau.shapes import broadcasting
from flambeau.shapes.errors import ShapeError, show
from flambeau.shapes.sizes import differ
from flambeau.typing.rules.kinds import Shape, Shapes


def broadcast(left: Shape, right: Shape) -> Shape:
    return broadcasting.broadcast(left, right)


def broadcast3(first: Shape, second: Shape, third: Shape) -> Shape:
    return broadcasting.broadcast(first, second, third)


def into(target: Shape, other: Shape) -> Shape:
    return broadcasting.broadcast_into(other, target)


def same(left: Shape, right: Shape) -> Shape:
    if len(left) != len(right) or any(differ(a, b) for a, b in zip(left, right)):
        raise ShapeError(f"Target size {show(right)} must be the same as input size {show(left)}")
    return left


def broadcast_all(shapes: Shapes) -> Shapes:
    return (broadcasting.broadcast(*shapes),) * len(shapes)


def expand(shape: Shape, sizes: Shape) -> Shape:
    return broadcasting.expand(shape, sizes)
