"""`torch.return_types`: the named tuples that operators with several results give. Imports nothing of flambeau."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

__all__ = ["result_type"]


def _text(self: Any) -> str:
    fields = ",\n".join(f"{name}={value!r}" for name, value in zip(self._fields, self))
    return f"torch.return_types.{type(self).__name__}(\n{fields})"


def result_type(name: str, fields: str) -> Any:
    """A named tuple class that prints as PyTorch's does."""
    base = namedtuple(name, fields)  # type: ignore[misc] # mypy knows named tuples by literal names only
    return type(name, (base,), {"__slots__": (), "__repr__": _text, "__module__": "torch.return_types"})
