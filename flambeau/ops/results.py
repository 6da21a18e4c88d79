"""`torch.return_types`: the named tuples that operators with several results give. Imports nothing of flambeau."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable
from typing import Any

__all__ = ["RESULT_TYPES", "result_type"]

RESULT_TYPES: dict[str, Any] = {}
"""All of them, by PyTorch's names."""


def _text(self: Any) -> str:
    fields = ",\n".join(f"{name}={value!r}" for name, value in zip(self._fields, self))
    return f"torch.return_types.{type(self).__name__}(\n{fields})"


def _reduce(self: Any) -> Any:
    return _rebuilt, (type(self).__name__, tuple(self))


def _rebuilt(name: str, values: tuple[Any, ...]) -> Any:
    return RESULT_TYPES[name](*values)


def result_type(name: str, fields: str) -> Any:
    """A named tuple class that prints as PyTorch's does, and is made of its fields or, as PyTorch's, of one sequence of them."""
    base = namedtuple(name, fields)  # type: ignore[misc] # mypy knows named tuples by literal names only
    count = len(base._fields)

    def make(cls: Any, *values: Any) -> Any:
        if len(values) == 1 and count > 1:
            if not isinstance(values[0], Iterable):
                raise TypeError("constructor requires a sequence")
            values = tuple(values[0])
            if len(values) != count:
                raise TypeError(f"torch.return_types.{name}() takes a {count}-sequence ({len(values)}-sequence given)")
        return tuple.__new__(cls, values)

    members = {"__slots__": (), "__new__": make, "__repr__": _text, "__reduce__": _reduce, "__module__": "torch.return_types"}
    made = RESULT_TYPES[name] = type(name, (base,), members)
    return made
