"""The hook that devices call: `active` is None unless a profile is being taken, so that its cost when off is one look.

Imports nothing of flambeau.
"""

from __future__ import annotations

import contextlib
from typing import Any

__all__ = ["active", "span", "start", "stop"]

active: Any = None
"""The running `profile`, or None. Devices call its `span`, `launched` and `submitted`."""

_nothing = contextlib.nullcontext()


def span(name: str, category: str) -> Any:
    """A context that records its duration on the host under `name`, while a profile is being taken."""
    return _nothing if active is None else active.span(name, category)


def start(profile: Any) -> None:
    """Makes `profile` the one that devices report to; raises RuntimeError while another is."""
    global active
    if active is not None:
        raise RuntimeError("a profile is being taken already")
    active = profile


def stop() -> None:
    """Ends reporting."""
    global active
    active = None
