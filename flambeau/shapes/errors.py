"""The error that a shape rule raises, and how sizes are written in a message.

May import: nothing.
"""

from __future__ import annotations

from collections.abc import Iterable


class ShapeError(RuntimeError):
    """Sizes that do not fit together. A RuntimeError, as PyTorch's own shape errors are."""


def show(shape: Iterable[object]) -> str:
    """``[2, 3]``: a shape as messages spell it."""
    return "[" + ", ".join(map(str, shape)) + "]"


def show_by(shape: Iterable[object]) -> str:
    """``2x3``: the sizes of a matrix or a volume."""
    return "x".join(map(str, shape))


def require(condition: bool | None, message: str) -> None:
    """Raise `message` where `condition` is surely false; True and None (it cannot be known) pass."""
    if condition is False:
        raise ShapeError(message)
