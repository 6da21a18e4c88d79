"""What the parameters of rules are, by the names of their annotations.

May import `flambeau.shapes`.
"""

from __future__ import annotations

from collections.abc import Mapping

from flambeau.shapes.sizes import Shape as Shape
from flambeau.shapes.sizes import Size as Size

Shapes = tuple[Shape, ...]
Dim = int
Axes = int | tuple[int, ...] | None
Flag = bool
Text = str
Names = Mapping[str, Size]


def known_integers(sizes: Shape) -> tuple[int, ...]:
    """Dimensions that were given as sizes (a checker may read a list of integers so)."""
    if any(not isinstance(size, int) for size in sizes):
        raise TypeError("a dimension is not known")
    return tuple(sizes)
