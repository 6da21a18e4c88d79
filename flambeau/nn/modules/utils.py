"""Sizes given as one number or as one per dimension. Imports nothing."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

__all__ = ["expand"]


def expand(value: Any, count: int) -> tuple[Any, ...]:
    """`value` as a tuple: an iterable as it is, anything else `count` times."""
    return tuple(value) if isinstance(value, Iterable) else (value,) * count


# PyTorch's names, which detection and segmentation code imports from here
_single = partial(expand, count=1)
_pair = partial(expand, count=2)
_triple = partial(expand, count=3)
_quadruple = partial(expand, count=4)
