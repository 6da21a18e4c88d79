"""`torch.overrides`: classes whose `__torch_function__` sees calls of the library's functions, and contexts that do.

The mechanism is `flambeau.tensor.overriding`. May import `flambeau.tensor` and the names of the library.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterable
from typing import Any

from flambeau.ops.registry import OPERATORS
from flambeau.tensor import Tensor
from flambeau.tensor.overriding import BaseTorchFunctionMode, TorchFunctionMode, dispatch, overloaded

__all__ = [
    "BaseTorchFunctionMode", "TorchFunctionMode", "get_default_nowrap_functions", "get_overridable_functions",
    "handle_torch_function", "has_torch_function", "has_torch_function_unary", "has_torch_function_variadic", "is_tensor_like",
    "is_tensor_method_or_property", "resolve_name", "wrap_torch_function",
]  # fmt: skip


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """Whether one of the arguments is of a class that overrides functions."""
    return bool(overloaded(relevant_args))


def has_torch_function_unary(obj: Any) -> bool:
    """`has_torch_function` of one argument."""
    return bool(overloaded((obj,)))


def has_torch_function_variadic(*args: Any) -> bool:
    """`has_torch_function` of several arguments."""
    return bool(overloaded(args))


def handle_torch_function(public_api: Callable[..., Any], relevant_args: Iterable[Any], *args: Any, **kwargs: Any) -> Any:
    """Has the classes that override among `relevant_args` do a call. Raises TypeError if all of them give NotImplemented."""
    return dispatch(public_api, overloaded(relevant_args), args, kwargs)


def wrap_torch_function(dispatcher: Callable[..., Iterable[Any]]) -> Callable[..., Any]:
    """A decorator for a function that is to be overridden like the library's: `dispatcher` gives the arguments that count."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            found = overloaded(dispatcher(*args, **kwargs))
            return dispatch(wrapped, found, args, kwargs) if found else function(*args, **kwargs)

        return wrapped

    return decorate


def is_tensor_like(inp: Any) -> bool:
    """Whether it is a tensor or of a class with `__torch_function__`."""
    return isinstance(inp, Tensor) or hasattr(type(inp), "__torch_function__")


def get_default_nowrap_functions() -> set[Callable[..., Any]]:
    """Functions whose results `Tensor.__torch_function__` hands out as they are."""
    return {Tensor.grad.__get__}


def _namespaces() -> dict[Any, list[Callable[..., Any]]]:
    found: dict[Any, list[Callable[..., Any]]] = {}
    for (namespace, _), operator in OPERATORS.items():
        if namespace is not None:
            found.setdefault(namespace, []).append(operator.public)
    return found


def get_overridable_functions() -> dict[Any, list[Callable[..., Any]]]:
    """By module (or Tensor) the functions that can be overridden."""
    package = __name__.partition(".")[0]
    importlib.import_module(f"{package}.nn.functional")
    result: dict[Any, list[Callable[..., Any]]] = {
        importlib.import_module(f"{package}.{name}" if name else package): functions for name, functions in _namespaces().items()
    }
    result[Tensor] = [value for name, value in vars(Tensor).items() if callable(value) and not name.startswith("_")]
    return result


def resolve_name(f: Callable[..., Any]) -> str | None:
    """A function's name for people, such as "torch.add" or "torch.Tensor.add"; None if it isn't one of the library's."""
    for (namespace, name), operator in OPERATORS.items():
        if namespace is not None and operator.public is f:
            return ".".join(["torch", *filter(None, (namespace, name))])
    for kind in Tensor.__mro__[:-1]:
        for name, value in vars(kind).items():
            if value is f:
                return f"torch.Tensor.{name}"
    return None


def is_tensor_method_or_property(func: Callable[..., Any]) -> bool:
    """Whether it is a method of Tensor or reads one of its properties."""
    if getattr(func, "__name__", "") == "__get__":
        return True
    return (resolve_name(func) or "").startswith("torch.Tensor.")
