"""Helpers around training (PyTorch's `torch.utils`)."""

from __future__ import annotations

import importlib
from typing import Any

_MODULES = frozenset(("data", "hooks", "checkpoint", "dlpack"))


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"flambeau.utils.{name}")
    raise AttributeError(f"module 'flambeau.utils' has no attribute '{name}'")
