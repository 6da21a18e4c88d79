"""Whether somebody besides the caller holds on to what a call made and returned. May import `flambeau.tensor`."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Collection
from typing import Any

from flambeau.storage import Storage
from flambeau.tensor import Tensor

__all__ = ["is_held"]


def is_held(returned: list[Any], results: list[Tensor], made: Collection[Storage]) -> bool:
    """Whether a returned tensor in memory that was `made`, or a list, tuple or dict around it, is known elsewhere, too.

    `returned` has the value as its only element; nothing but it, and `results`, the tensors in it, may refer to them.
    """
    expected: Counter[int] = Counter(map(id, results))
    found: dict[int, Any] = {}
    _visit(returned, expected, found, made)
    return any(count > expected[number] + _ALONE for number, count in _counts(found).items())


def _visit(value: Any, expected: Counter[int], found: dict[int, Any], made: Collection[Storage]) -> bool:
    """Counts the references that a value makes to tensors in new memory and what is around them; whether there are any."""
    if isinstance(value, Tensor):
        children = () if value._base is None else (value._base,)
    elif isinstance(value, (list, tuple, dict)):
        children = tuple(value.values()) if isinstance(value, dict) else tuple(value)
    else:
        return False
    is_new = isinstance(value, Tensor) and value._storage in made
    for child in children:
        if id(child) in found or _visit(child, expected, found, made):
            found[id(child)] = child
            expected[id(child)] += 1
            is_new = True
    return is_new


def _counts(objects: dict[int, Any]) -> dict[int, int]:
    return {number: sys.getrefcount(objects[number]) for number in objects}


_ALONE = _counts({0: []})[0]
"""What `_counts` says of an object that only its dict refers to."""
