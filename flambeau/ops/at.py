"""`Tensor.at`: indexing spelled as a call, whose parts a type checker can read. May import what `flambeau.ops` may."""

from __future__ import annotations

from typing import Any

from flambeau.ops.registry import operator
from flambeau.tensor import Tensor

__all__ = ["at"]


@operator(namespace=None)
def at(self: Tensor, *index: Any) -> Tensor:
    """``x.at(0, (1, 5), None, ...)`` is ``x[0, 1:5, None, ...]``.

    An integer takes one entry, a pair (start, stop) or triple (start, stop, step) a range, in which None leaves an end open; None
    alone adds a dimension, ``...`` stands for the dimensions not named; tensors and lists index as in ``x[…]``. Raises
    IndexError as ``x[…]`` does.
    """
    return self[tuple(_item(part, position) for position, part in enumerate(index))]


def _item(part: Any, position: int) -> Any:
    if not isinstance(part, tuple):
        return part
    if not 2 <= len(part) <= 3 or any(isinstance(end, float) for end in part):
        raise IndexError(f"at(): argument {position} must be (start, stop) or (start, stop, step), got {part!r}")
    return slice(*part)
