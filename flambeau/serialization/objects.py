"""How objects of other classes than the fixed list's are made, for `load(..., weights_only=False)`.

A file may name classes and functions that the program has imported, and classes of the library. It calls none of them: an object
is made without its `__init__`, as pickle makes most, and gets its attributes; only what is in `_CALLED` is called, which does
nothing but hold values. So a file can't run anything of its choosing, as a pickle otherwise may.

May import: nn, serialization.globals, tensor.
"""

from __future__ import annotations

import _compat_pickle
import enum
import importlib
import pickle
import sys
from types import FunctionType
from typing import Any

from flambeau.serialization import globals as allowed

__all__ = ["Refused", "call", "find", "has_attributes", "made"]


class Refused(pickle.UnpicklingError):
    """The message is the whole story: it isn't wrapped in another."""


_PACKAGE = __name__.partition(".")[0]
_OURS = tuple(f"{_PACKAGE}.{name}" for name in ("nn", "optim", "utils", "distributions", "amp"))
"""What of the library is made so. Tensors and their memory are not: attributes could give them shapes beyond their memory."""

_BASES = (object, dict, list, tuple, set, frozenset, int, float, complex, str, bytes, bytearray)
_MAKERS = tuple(base.__new__ for base in _BASES)


def _reconstructed(kind: Any, base: Any, state: Any) -> Any:
    """`copyreg._reconstructor`, for classes that extend nothing else than Python's plain values."""
    if base not in _BASES:
        raise TypeError(f"an object that is made as a {base!r}")
    made = base.__new__(_checked(kind)) if base is object else base.__new__(_checked(kind), state)
    if base is not object:
        base.__init__(made, state)
    return made


_NAMES = {
    "builtins": "bool bytes complex dict float frozenset int list object range set slice str tuple",
    "collections": "Counter OrderedDict defaultdict deque",
    "datetime": "date datetime time timedelta timezone",
    "decimal": "Decimal",
    "fractions": "Fraction",
    "functools": "partial",
    "numpy": "dtype ndarray",
    "numpy._core.multiarray": "_reconstruct scalar",
    "numpy._core.numeric": "_frombuffer",
    "pathlib": "Path PosixPath PurePath PurePosixPath PureWindowsPath",
    "uuid": "UUID",
}
"""What may be called, by module."""
_MOVED = {
    "numpy.core.multiarray": "numpy._core.multiarray",
    "numpy.core.numeric": "numpy._core.numeric",
    "pathlib._local": "pathlib",
}
_called: list[Any] = [_reconstructed]


def find(module: str, name: str) -> Any:
    """What a pickle's name stands for. Raises Refused for what the program has not imported."""
    module, name = _compat_pickle.NAME_MAPPING.get((module, name), (module, name))  # the older protocols have Python 2's names
    module = _compat_pickle.IMPORT_MAPPING.get(module, module)
    module = _MOVED.get(module, module)
    if (module, name) == ("copyreg", "_reconstructor"):
        return _reconstructed
    if name in _NAMES.get(module, "").split():
        found = getattr(_module(module), name)
        if not any(found is known for known in _called):
            _called.append(found)
        return found
    first, dot, rest = module.partition(".")
    if first == "torch":
        module = _PACKAGE + dot + rest
    found = _in_library(module, name) if module.startswith(_OURS) else _in_program(module, name)
    if not isinstance(found, (type, FunctionType)):
        raise Refused(
            f"the file asks for {module}.{name}, which is no class or function that this program has imported: import it, or "
            "trust it with flambeau.serialization.add_safe_globals([...])"
        )
    return found


def _module(name: str) -> Any:
    """A module of `_NAMES`, under its name of before where that is what it is called here."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        for before, now in _MOVED.items():
            if now == name:
                return importlib.import_module(before)
        raise


def _in_library(module: str, name: str) -> Any:
    """A name of PyTorch's, in the same module or in a package above it that hands it on: its files are its own affair."""
    while module.startswith(_OURS):
        try:
            return _attribute(importlib.import_module(module), name)
        except (ModuleNotFoundError, AttributeError):
            module = module.rpartition(".")[0]
    return None


def _in_program(module: str, name: str) -> Any:
    """A name of a module that is imported, and neither Python's nor of the library's inside."""
    first = module.partition(".")[0]
    if module not in sys.modules or first in sys.stdlib_module_names or first == _PACKAGE:
        return None
    try:
        found = _attribute(sys.modules[module], name)
    except AttributeError:
        return None
    home = str(getattr(found, "__module__", "")).partition(".")[0]
    return None if home in sys.stdlib_module_names else found


def _attribute(owner: Any, name: str) -> Any:
    for part in name.split("."):
        owner = getattr(owner, part)
    return owner


def call(function: Any, arguments: tuple[Any, ...]) -> Any:
    """`function(*arguments)`, for what a file may call."""
    is_enumeration = isinstance(function, type) and issubclass(function, enum.Enum)
    if not (is_enumeration or allowed.may_call(function) or any(function is known for known in _called)):
        name = f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', function)}"
        raise Refused(
            f"the file wants {name} to be called, and flambeau.load calls nothing of a file's choosing. If you trust it, allow "
            "it with flambeau.serialization.add_safe_globals([...])"
        )
    return function(*arguments)


def made(kind: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """An object without its `__init__`."""
    if not (allowed.may_call(kind) or any(kind is known for known in _called)):
        kind = _checked(kind)
    return kind.__new__(kind, *arguments, **options)


def _checked(kind: Any) -> Any:
    """A class whose objects can be made without doing anything else: Python's own `__new__`, or one that is written in Python."""
    if not isinstance(kind, type):
        raise TypeError(f"an object of {kind!r}, which is no class")
    if not (kind.__new__ in _MAKERS or isinstance(kind.__new__, FunctionType)):
        raise TypeError(f"an object of {kind.__qualname__}, which is made in a way of its own")
    return kind


def has_attributes(kind: type) -> bool:
    """Whether a file may set the attributes of such an object."""
    return not kind.__module__.startswith(f"{_PACKAGE}.") or kind.__module__.startswith(_OURS)
