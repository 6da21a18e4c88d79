"""Sizes given as one number or as one per dimension. Imports nothing."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

__all__ = ["consume_prefix_in_state_dict_if_present", "expand"]


def expand(value: Any, count: int) -> tuple[Any, ...]:
    """`value` as a tuple: an iterable as it is, anything else `count` times."""
    return tuple(value) if isinstance(value, Iterable) else (value,) * count


# PyTorch's names, which detection and segmentation code imports from here
_single = partial(expand, count=1)
_pair = partial(expand, count=2)
_triple = partial(expand, count=3)
_quadruple = partial(expand, count=4)


def consume_prefix_in_state_dict_if_present(state_dict: dict[str, Any], prefix: str) -> None:
    """Takes `prefix` ("module." in files of a `DataParallel`) off the names of entries and of the metadata, in place."""
    for key in list(state_dict):
        if key.startswith(prefix):
            state_dict[key[len(prefix) :]] = state_dict.pop(key)
    metadata = getattr(state_dict, "_metadata", None)
    if metadata is None:
        return
    for key in list(metadata):
        if key and (key == prefix.replace(".", "") or key.startswith(prefix)):
            metadata[key[len(prefix) :]] = metadata.pop(key)
