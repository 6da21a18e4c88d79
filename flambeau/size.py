"""`Size`: a tensor's shape, PyTorch's `torch.Size`. Imports nothing of flambeau."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, SupportsIndex

__all__ = ["Size", "contiguous_strides"]


class Size(tuple):
    """A tuple of sizes that prints as PyTorch's and knows its number of elements.

    >>> Size((2, 3)).numel()
    6
    """

    __slots__ = ()

    def __new__(cls, sizes: Iterable[SupportsIndex] = ()) -> Size:
        """Raises TypeError for what is no integer; NumPy's integers become Python's."""
        given = list(sizes)
        for place, size in enumerate(given):
            if size.__class__ is not int:
                if not hasattr(size, "__index__"):
                    kind = type(size).__name__
                    raise TypeError(f"torch.Size() takes an iterable of 'int' (item {place} is '{kind}')")
                given[place] = size.__index__()
        return tuple.__new__(cls, given)

    def numel(self) -> int:
        return math.prod(self)

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(str, self))}])"

    def __getitem__(self, index: SupportsIndex | slice) -> Any:  # type: ignore[override]
        found = tuple.__getitem__(self, index)
        return tuple.__new__(Size, found) if isinstance(index, slice) else found

    def __add__(self, other: tuple[int, ...]) -> Size:  # type: ignore[override]
        return Size(tuple(self) + tuple(other))

    def __radd__(self, other: tuple[int, ...]) -> Size:
        return Size(tuple(other) + tuple(self))

    def __mul__(self, count: SupportsIndex) -> Size:
        return Size(tuple(self) * count.__index__())

    __rmul__ = __mul__

    def __reduce__(self) -> Any:
        return Size, (tuple(self),)


@lru_cache(maxsize=1 << 14)
def contiguous_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Row-major strides in elements, counting empty dimensions as one as PyTorch does."""
    strides = [0] * len(shape)
    step = 1
    for d in range(len(shape) - 1, -1, -1):
        strides[d] = step
        step *= max(shape[d], 1)
    return tuple(strides)
