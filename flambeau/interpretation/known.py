"""Which modules a program gets, and which functions may be called: those that compute from what they are given.

May import flambeau's public modules.
"""

from __future__ import annotations

import builtins
import importlib
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from flambeau.interpretation.unknown import UNKNOWN

__all__ = ["BUILTINS", "is_known", "module_named", "takes_unknown"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_MODULES = _words(
    "abc argparse bisect builtins cmath collections contextlib copy dataclasses decimal enum fractions functools heapq itertools "
    "math numbers operator re statistics string types typing typing_extensions warnings einops flambeau jaxtyping numpy "
    "opt_einsum"
)
"""Top-level modules that programs get. Of others, such as those that read files, nothing is known."""

_LIBRARY = "torch"
_NOT_CALLED = {
    "builtins": _words("open input exec eval compile __import__ breakpoint exit quit help id memoryview"),
    "numpy": _words("load loadtxt genfromtxt fromfile memmap save savez savez_compressed savetxt tofile dump"),
    "flambeau": _words("load save load_file save_file load_state_dict_from_url"),
}
"""What reads, writes or runs something, by top-level module."""

_NOT_CALLED_MODULES = (
    "flambeau.serialization", "flambeau.hub", "flambeau.profiler", "flambeau.multiprocessing", "flambeau.utils.tensorboard",
    "flambeau.interpretation", "flambeau.check", "flambeau.library", "flambeau.distributed", "numpy.lib", "numpy.ctypeslib",
    "numpy.testing", "numpy.f2py",
)  # fmt: skip

_HOLDS = (list, dict, set, tuple, str, bytes, type(iter(())))
_TAKE_UNKNOWN = frozenset(
    (setattr, hasattr, getattr, tuple, list, dict, zip, enumerate, print, repr, str, type, callable, iter, reversed)
)

BUILTINS: dict[str, Any] = {name: UNKNOWN if name in _NOT_CALLED["builtins"] else value for name, value in vars(builtins).items()}
"""What programs have as builtins."""
BUILTINS["print"] = lambda *values, **options: None


def module_named(name: str) -> ModuleType | None:
    """A module of the list above; PyTorch's are flambeau's. None where it isn't known.

    Raises ImportError for one that should be there.
    """
    root, _, rest = name.partition(".")
    if root == _LIBRARY:
        root, name = "flambeau", f"flambeau.{rest}".rstrip(".")
    if root not in _MODULES or name.startswith(_NOT_CALLED_MODULES):
        return None
    return importlib.import_module(name)


def is_known(function: Any) -> bool:
    """Whether a function, a class or another callable only computes."""
    module = _module_of(function)
    root = module.partition(".")[0]
    if root not in _MODULES or module.startswith(_NOT_CALLED_MODULES):
        return False
    return getattr(function, "__name__", "") not in _NOT_CALLED.get(root, ())


def _module_of(function: Any) -> str:
    """The module that defines a callable; for a method of a builtin class, that of the class."""
    function = getattr(function, "__func__", function)
    is_function = isinstance(function, (type, FunctionType, BuiltinFunctionType))
    found = getattr(function if is_function else type(function), "__module__", None)
    owner = getattr(function, "__self__", None)
    if found is None and owner is not None and not isinstance(owner, ModuleType):  # a method written in C
        classes = owner.__mro__ if isinstance(owner, type) else type(owner).__mro__
        found = next((c.__module__ for c in classes if getattr(function, "__name__", "") in vars(c)), None)
    if found is None:
        found = getattr(getattr(function, "__objclass__", type(function)), "__module__", "")
    return {"_operator": "operator", "_functools": "functools", "_collections": "collections"}.get(str(found), str(found))


def takes_unknown(function: Any) -> bool:
    """Whether a function of Python's own may be called with what isn't known: it only puts it somewhere."""
    if isinstance(getattr(function, "__self__", None), _HOLDS):
        return getattr(function, "__name__", "") not in ("index", "count", "remove", "join", "format", "get", "pop")
    try:
        return function in _TAKE_UNKNOWN
    except BaseException:  # what can't be hashed is none of them
        return False
