"""`torch.jit`: functions and modules run as they are; `flambeau.compile` is what makes them fast. Imports nothing of flambeau."""

from __future__ import annotations

from typing import Any, Final

__all__ = [
    "Final",
    "export",
    "ignore",
    "interface",
    "is_scripting",
    "is_tracing",
    "script",
    "script_if_tracing",
    "trace",
    "unused",
]


def script(obj: Any, *args: Any, **kwargs: Any) -> Any:
    """The function, module or class itself."""
    return obj


def trace(func: Any, example_inputs: Any = None, *args: Any, **kwargs: Any) -> Any:
    """The function or module itself."""
    return func


def annotate(the_type: Any, the_value: Any) -> Any:
    """The value; its type would be for a scripted function."""
    return the_value


def _same(function: Any) -> Any:
    """The function itself."""
    return function


export = interface = unused = script_if_tracing = _same


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """The function itself; also `@ignore()`."""
    return drop if callable(drop) else _same


def is_scripting() -> bool:
    """False: programs are run by Python."""
    return False


def is_tracing() -> bool:
    """False: programs are run by Python."""
    return False
