"""PyTorch's own lists of samples for its modules and optimizers, which lie in `torch.testing._internal`."""

from __future__ import annotations

import importlib
import sys
import types
import unittest
from typing import Any

__all__ = ["database"]


def database(module: str, name: str) -> Any:
    """The list `name` of a module of `torch.testing._internal`, which imports a package for nothing but its own test cases."""
    if "expecttest" not in sys.modules:
        try:
            importlib.import_module("expecttest")
        except ModuleNotFoundError:
            stand_in = types.ModuleType("expecttest")
            stand_in.TestCase = unittest.TestCase  # type: ignore[attr-defined]
            sys.modules["expecttest"] = stand_in
    return getattr(importlib.import_module(f"torch.testing._internal.{module}"), name)
