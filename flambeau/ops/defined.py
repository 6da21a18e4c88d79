"""Operators that a program defines (`flambeau.library`), as `torch.ops.<namespace>.<name>`. Imports nothing of flambeau."""

from __future__ import annotations

from typing import Any

__all__ = ["Namespace", "define", "defined", "namespace"]


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
    vars(_namespaces.setdefault(space, Namespace(space)))[name] = operator


def defined(space: str, name: str) -> Any:
    """The operator, or None."""
    found = _namespaces.get(space)
    return None if found is None else vars(found).get(name)


def namespace(name: str) -> Namespace | None:
    """The operators of a namespace, or None where there are none."""
    return _namespaces.get(name)
