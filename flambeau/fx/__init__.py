"""`torch.fx`'s word for functions that symbolic tracing doesn't enter: there is no such tracing, graphs are recorded by running.

May import `flambeau.missing`, which has the names of what would trace.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flambeau.missing import names

__all__ = ["wrap"]

globals().update(names("fx"))


def wrap(fn_or_name: str | Callable[..., Any]) -> str | Callable[..., Any]:
    """The function, or the name, itself; raises RuntimeError for what is neither, as PyTorch does."""
    if not callable(fn_or_name) and not isinstance(fn_or_name, str):
        raise RuntimeError("Unsupported type for global function! Must be either a callable or string name")
    return fn_or_name
