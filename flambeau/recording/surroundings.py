"""The numbers around a compiled function: what it may read besides its arguments and its modules. Imports nothing of flambeau."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, MethodType
from typing import Any

__all__ = ["NUMBERS", "Surroundings"]

NUMBERS = frozenset((bool, int, float, str))
"""The types of values that a guard compares."""


class Surroundings:
    """The names that a function reads outside of itself: globals, variables of functions around it, its object's attributes."""

    __slots__ = ("_globals", "_names", "_cells", "_object")

    def __init__(self, function: Callable[..., Any]) -> None:
        self._object: dict[str, Any] = {}
        if isinstance(function, MethodType):
            self._object = getattr(function.__self__, "__dict__", {})
            function = function.__func__
        self._globals: dict[str, Any] = {}
        self._names: tuple[str, ...] = ()
        self._cells: tuple[Any, ...] = ()
        if isinstance(function, FunctionType):
            self._globals, self._cells = function.__globals__, function.__closure__ or ()
            self._names = tuple(dict.fromkeys(_names(function.__code__)))

    def numbers(self) -> tuple[Any, ...]:
        """The numbers and texts that these names stand for at the time of the call, each with its name."""
        found: list[tuple[Any, Any]] = [(name, v) for name in self._names if type(v := self._globals.get(name)) in NUMBERS]
        for position, cell in enumerate(self._cells):
            try:
                value = cell.cell_contents
            except ValueError:  # not assigned yet
                continue
            if type(value) in NUMBERS:
                found.append((position, value))
        if self._object:
            found += [(name, v) for name, v in self._object.items() if type(v) in NUMBERS]
        return tuple(found)


def _names(code: CodeType) -> Iterator[str]:
    """The global names of a function's code, and of the functions written inside it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
