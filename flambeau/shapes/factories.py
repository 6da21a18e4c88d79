"""Shapes of tensors made from numbers: ranges, nested lists. May import: shapes.errors, shapes.sizes."""

from __future__ import annotations

import math

from flambeau.shapes.errors import ShapeError
from flambeau.shapes.sizes import Shape, Size, less


def arange(start: float, end: float | Size, step: float = 1) -> Shape:
    """⌈(end − start) / step⌉ elements."""
    if step == 0:
        raise ShapeError("step must be nonzero")
    numbers = (int, float)
    if all(isinstance(value, numbers) for value in (start, end, step)):
        if not (math.isfinite(start) and math.isfinite(end)):
            raise ShapeError(f"unsupported range: {start} -> {end}")
        if (step > 0 and end < start) or (step < 0 and end > start):
            raise ShapeError(f"upper bound and lower bound inconsistent with step sign: start={start}, end={end}, step={step}")
        if all(isinstance(value, int) for value in (start, end, step)):
            return (-((start - end) // step),)
        return (math.ceil((end - start) / step),)
    return (-1 * ((start - end) // step),)


def linspace(steps: Size) -> Shape:
    """`steps` elements."""
    if less(steps, 0) is True:
        raise ShapeError(f"number of steps must be non-negative, got {steps}")
    return (steps,)


def eye(n: Size, m: Size | None = None) -> Shape:
    """An n × m identity."""
    m = n if m is None else m
    for name, size in (("n", n), ("m", m)):
        if less(size, 0) is True:
            raise ShapeError(f"{name} must be greater or equal to 0, got {size}")
    return (n, m)


def nested(data: object) -> Shape:
    """The shape of nested lists of numbers. Raises ValueError where their lengths differ."""
    shape: list[int] = []
    level: list[object] = [data]
    while level and isinstance(level[0], (list, tuple)):
        length = len(level[0])
        following: list[object] = []
        for item in level:
            if not isinstance(item, (list, tuple)):
                raise TypeError(f"expected a sequence of length {length} at dim {len(shape)}, got {type(item).__name__}")
            if len(item) != length:
                raise ValueError(f"expected sequence of length {length} at dim {len(shape)} (got {len(item)})")
            following.extend(item)
        shape.append(length)
        level = following
    for item in level:
        if isinstance(item, (list, tuple)):
            raise TypeError(f"too many dimensions: a sequence stands among numbers at dim {len(shape)}")
    return tuple(shape)
