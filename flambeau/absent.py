"""Functions of devices, and of other parts of PyTorch, that aren't here: what they answer, or the error they raise.

Imports nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

__all__ = ["AcceleratorError", "OutOfMemoryError", "StreamContext", "answering", "nothing", "refusing", "refusing_types"]


class OutOfMemoryError(RuntimeError):
    """A GPU's memory is used up."""


class AcceleratorError(RuntimeError):
    """A GPU's driver failed."""


class StreamContext:
    """A context that does nothing: there are no streams of work to choose from."""

    def __init__(self, stream: Any = None) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: Any) -> None:
        pass


_NO_DEVICE = "there is no such device"


def refusing(names: Iterable[str], error: type[Exception], message: str, why: str = _NO_DEVICE) -> dict[str, Any]:
    """Functions of these names that raise `error`; `{name}` in the message is theirs. `why` is for their docstrings."""

    def make(name: str) -> Any:
        def ask(*args: Any, **kwargs: Any) -> Any:
            raise error(message.format(name=name))

        ask.__name__ = ask.__qualname__ = name
        ask.__doc__ = f"Raises {error.__name__}: {why}."
        return ask

    return {name: make(name) for name in names}


def refusing_types(names: Iterable[str], error: type[Exception], message: str, why: str = _NO_DEVICE) -> dict[str, Any]:
    """Classes of these names, for annotations and `isinstance`, which can't be instantiated: as `refusing`."""

    def make(name: str, refuse: Any) -> Any:
        def __new__(cls: Any, *args: Any, **kwargs: Any) -> Any:
            refuse()

        return type(name, (), {"__new__": __new__, "__doc__": refuse.__doc__})

    return {name: make(name, refuse) for name, refuse in refusing(names, error, message, why).items()}


def answering(answers: dict[str, Any], why: str = _NO_DEVICE) -> dict[str, Any]:
    """Functions of these names that take anything and give that value: a fresh copy of a container."""

    def make(name: str, value: Any) -> Any:
        def ask(*args: Any, **kwargs: Any) -> Any:
            return value.copy() if isinstance(value, (list, dict)) else value

        ask.__name__ = ask.__qualname__ = name
        ask.__doc__ = f"{value!r}: {why}." if value is not None else f"Nothing: {why}."
        return ask

    return {name: make(name, value) for name, value in answers.items()}


nothing: dict[str, Any] = {
    "device_count": 0, "empty_cache": None, "is_available": False, "is_bf16_supported": False, "is_initialized": False,
    "manual_seed": None, "manual_seed_all": None, "max_memory_allocated": 0, "max_memory_reserved": 0, "memory_allocated": 0,
    "memory_reserved": 0, "memory_stats": OrderedDict(), "seed": None, "seed_all": None, "get_arch_list": [],
    "get_gencode_flags": "", "get_rng_state_all": [], "reset_peak_memory_stats": None, "reset_accumulated_memory_stats": None,
    "memory_stats_as_nested_dict": {}, "is_tf32_supported": False,
}  # fmt: skip
"""What a GPU's module answers where there is none."""
