"""What interpretation doesn't know: the value that stands for it, and how values of two branches become one.

May import `flambeau.tensor`.
"""

from __future__ import annotations

from typing import Any

from flambeau.tensor import Tensor

__all__ = ["UNKNOWN", "Leave", "Looked", "Undecided", "UnknownValue", "has_unknown", "joined"]


class Undecided(BaseException):
    """A test, a number or a length that isn't known is asked for."""


class Looked(BaseException):
    """A tensor's value is asked for."""


class Leave(BaseException):
    """A branch that may not be taken is left by `return`, `raise`, `break` or `continue`."""


def _result(*args: Any, **kwargs: Any) -> Any:
    return UNKNOWN


def _undecided(*args: Any, **kwargs: Any) -> Any:
    raise Undecided


class UnknownValue:
    """Its only instance is `UNKNOWN`: whatever is done with it gives itself; it decides no test and counts nothing."""

    __slots__ = ("__weakref__",)
    _instance: Any = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls._instance is None:
            cls._instance = object.__new__(UnknownValue)
        return cls._instance

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # also called for a class whose base isn't known
        pass

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return UNKNOWN

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return UNKNOWN

    def __setattr__(self, name: str, value: Any) -> None:
        pass

    def __format__(self, specification: str) -> str:
        return "?"

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __eq__(self, other: object) -> Any:
        return UNKNOWN

    def __ne__(self, other: object) -> Any:
        return UNKNOWN

    def __hash__(self) -> int:
        raise Undecided

    def __exit__(self, *error: Any) -> None:
        pass


_OPERATORS = (
    "lt le gt ge add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod divmod rdivmod pow rpow matmul rmatmul "
    "lshift rlshift rshift rrshift and rand or ror xor rxor neg pos abs invert getitem call enter round trunc floor ceil"
)
for _name in _OPERATORS.split():
    setattr(UnknownValue, f"__{_name}__", _result)
for _name in ("bool", "len", "iter", "next", "index", "int", "float", "complex", "contains"):
    setattr(UnknownValue, f"__{_name}__", _undecided)
for _name in ("setitem", "delitem"):
    setattr(UnknownValue, f"__{_name}__", lambda self, *args: None)

UNKNOWN: Any = UnknownValue()


def has_unknown(value: Any, depth: int = 3) -> bool:
    """Whether a value, or a list, tuple or dictionary of them, has something that isn't known."""
    if value is UNKNOWN:
        return True
    if depth and isinstance(value, (list, tuple)):
        return any(has_unknown(item, depth - 1) for item in value)
    if depth and isinstance(value, dict):
        return any(has_unknown(item, depth - 1) for item in value.values())
    if isinstance(value, slice):
        return any(part is UNKNOWN for part in (value.start, value.stop, value.step))
    return False


def joined(first: Any, second: Any) -> Any:
    """What is known of a value that is one of two."""
    if first is second:
        return first
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        alike = first.shape == second.shape and first.dtype is second.dtype and first.device == second.device
        return second if alike else UNKNOWN
    if type(first) is not type(second):
        return UNKNOWN
    if isinstance(first, (list, tuple)) and len(first) == len(second) and type(first) in (list, tuple):
        return type(first)(joined(a, b) for a, b in zip(first, second))
    if isinstance(first, (int, float, str, bytes)):
        return first if first == second else UNKNOWN
    return UNKNOWN
