"""Annotations of scripted functions: ordinary ones for Python. Imports nothing of flambeau."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple  # noqa: F401, UP035 (programs import them from here)

__all__ = ["BroadcastingList1", "BroadcastingList2", "BroadcastingList3"]


class _BroadcastingList:
    """`BroadcastingList2[int]`: two ints, or one for both."""

    def __getitem__(self, types: Any) -> None:
        return None


BroadcastingList1 = _BroadcastingList()
BroadcastingList2 = _BroadcastingList()
BroadcastingList3 = _BroadcastingList()
