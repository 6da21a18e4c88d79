"""`torch.return_types`: the classes of results with names. May import `flambeau.ops`."""

from __future__ import annotations

from typing import Any

from flambeau import ops as _ops  # noqa: F401 - each operator makes the class of its results
from flambeau.ops.results import RESULT_TYPES

globals().update(RESULT_TYPES)
__all__ = sorted(RESULT_TYPES)


def __getattr__(name: str) -> Any:
    if name in RESULT_TYPES:  # made by a module that was imported later
        return RESULT_TYPES[name]
    raise AttributeError(f"module 'flambeau.return_types' has no attribute '{name}'")
