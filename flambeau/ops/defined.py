"""Operators that a program defines (`flambeau.library`), as `torch.ops.<namespace>.<name>`. Imports nothing of flambeau."""

from __future__ import annotations

import os
from typing import Any

__all__ = ["Namespace", "define", "defined", "load_library", "namespace", "refused"]


class Namespace:
    """The operators of one namespace, as attributes."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"'_OpNamespace' '{self._name}' object has no attribute '{name}'")

    def __dir__(self) -> list[str]:
        return sorted(set(vars(self)) - {"_name"})


_namespaces: dict[str, Namespace] = {}


def define(space: str, name: str, operator: Any) -> None:
    """Puts an operator into a namespace, in the place of one of that name."""
    vars(namespace(space))[name] = operator


def defined(space: str, name: str) -> Any:
    """The operator, or None."""
    found = _namespaces.get(space)
    return None if found is None else vars(found).get(name)


def namespace(name: str) -> Namespace:
    """The operators of a namespace, which is made where there was none."""
    return _namespaces.setdefault(name, Namespace(name))


refused: list[str] = []
"""The libraries of operators that a program asked for and that could not be loaded."""


def load_library(path: str | os.PathLike[str]) -> None:
    """Raises OSError, as for a library that can't be loaded: one of C++ operators is linked with PyTorch's own."""
    refused.append(os.fspath(path))
    raise OSError(f"Could not load this library: {path}: C++ operators need PyTorch's binary, which flambeau is not")
