"""`checked`: the annotations of a function enforced on every call.

May import `flambeau.tensor`, `flambeau.shapes` and `flambeau.typing.shape_strings`.
"""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any, TypeVar, get_args, get_origin

from flambeau.device import device as Device
from flambeau.dtypes import dtype as DType
from flambeau.shapes.errors import ShapeError
from flambeau.shapes.symbolic import symbol
from flambeau.shapes.unification import Bindings, match
from flambeau.tensor import Tensor
from flambeau.typing.shape_strings import parse

Function = TypeVar("Function", bound=Callable[..., Any])

__all__ = ["checked"]


def checked(function: Function) -> Function:
    """Enforces the tensor annotations of a function: rank, sizes (N, H, W bind across a call), dtype and device.

    Arguments and result annotated ``Shaped[Tensor[dtype, device], "[…]"]`` or ``Tensor[dtype, device]``, also inside
    ``tuple[…]``, ``list[…]`` and ``… | None``, are checked; others are left alone. A parameter annotated ``int`` whose name is a
    shape variable binds it. Raises ShapeError for sizes and TypeError for a dtype, a device or what is no tensor.

    >>> from flambeau.typing import Shaped, checked, shape_vars
    >>> @checked
    ... @shape_vars("N, M")
    ... def gram(x: Shaped[torch.Tensor, "[N, M]"]) -> Shaped[torch.Tensor, "[M, M]"]:
    ...     return x.T @ x
    >>> gram(torch.ones(3, 2)).shape
    torch.Size([2, 2])
    """
    signature = inspect.signature(function)
    names = tuple(getattr(function, "__shape_vars__", ()))
    hints: dict[str, Any] | None = None

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal hints
        if hints is None:  # on the first call: a class may not be complete when its methods are decorated
            hints = typing.get_type_hints(function, include_extras=True)
        bound = signature.bind(*args, **kwargs)
        bindings: Bindings = {}
        declared = tuple(getattr(call, "__shape_vars__", names))
        where = function.__qualname__
        for name, value in bound.arguments.items():
            if name in declared and isinstance(value, int):
                bindings[name] = value
        for name, value in bound.arguments.items():
            if name not in hints:
                continue
            kind = signature.parameters[name].kind
            if kind is inspect.Parameter.VAR_POSITIONAL:
                for position, item in enumerate(value):
                    _check(item, hints[name], bindings, f"{where}: argument '{name}[{position}]'")
            elif kind is inspect.Parameter.VAR_KEYWORD:
                for key, item in value.items():
                    _check(item, hints[name], bindings, f"{where}: argument '{key}'")
            else:
                _check(value, hints[name], bindings, f"{where}: argument '{name}'")
        result = function(*args, **kwargs)
        if "return" in hints:
            _check(result, hints["return"], bindings, f"{where}: result")
        return result

    return typing.cast(Function, call)


def _check(value: Any, annotation: Any, bindings: Bindings, what: str) -> None:
    origin = get_origin(annotation)
    if origin is Annotated:
        base, *metadata = get_args(annotation)
        if _tensor_type(base) is None:
            return
        _check(value, base, bindings, what)
        for text in metadata:
            if isinstance(text, str):
                match(parse(text), tuple(value.shape), bindings, what=what)
        return
    wanted = _tensor_type(annotation)
    if wanted is not None:
        _check_tensor(value, wanted, get_args(annotation), bindings, what)
    elif origin in (typing.Union, types.UnionType):
        _check_union(value, get_args(annotation), bindings, what)
    elif origin is tuple and isinstance(value, tuple):
        parts = get_args(annotation)
        if len(parts) == 2 and parts[1] is Ellipsis:
            parts = (parts[0],) * len(value)
        if len(parts) == len(value):
            for position, (item, part) in enumerate(zip(value, parts)):
                _check(item, part, bindings, f"{what}[{position}]")
    elif origin is list and isinstance(value, list):
        for position, item in enumerate(value):
            _check(item, get_args(annotation)[0], bindings, f"{what}[{position}]")


def _tensor_type(annotation: Any) -> type | None:
    base = get_origin(annotation) or annotation
    return base if isinstance(base, type) and issubclass(base, Tensor) else None


def _check_union(value: Any, options: tuple[Any, ...], bindings: Bindings, what: str) -> None:
    if value is None and type(None) in options:
        return
    tensors = [option for option in options if option is not type(None) and _mentions_tensor(option)]
    if not tensors or not isinstance(value, Tensor):
        if tensors and len(tensors) == len([option for option in options if option is not type(None)]):
            raise TypeError(f"{what}: expected a Tensor, got {type(value).__name__}")
        return
    failures: list[Exception] = []
    for option in tensors:
        trial = dict(bindings)
        try:
            _check(value, option, trial, what)
        except (ShapeError, TypeError) as error:
            failures.append(error)
        else:
            bindings.update(trial)
            return
    raise failures[0]


def _mentions_tensor(annotation: Any) -> bool:
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return _tensor_type(annotation) is not None


def _check_tensor(value: Any, wanted: type[Any], parameters: tuple[Any, ...], bindings: Bindings, what: str) -> None:
    if not isinstance(value, wanted):
        raise TypeError(f"{what}: expected a {wanted.__name__}, got {type(value).__name__}")
    for parameter in parameters:
        if isinstance(parameter, DType):
            if value.dtype is not parameter:
                raise TypeError(f"{what}: expected dtype {parameter}, got {value.dtype}")
        elif isinstance(parameter, type) and parameter.__module__ == "flambeau.typing":
            if Device(value.device).type != parameter.__name__:
                raise TypeError(f"{what}: expected device {parameter.__name__}, got {value.device}")
        elif isinstance(parameter, (list, tuple)):
            sizes = tuple(size if isinstance(size, int) else symbol(str(size)) for size in parameter)
            match(sizes, tuple(value.shape), bindings, what=what)
        elif get_origin(parameter) is tuple:
            sizes = tuple(get_args(size)[0] for size in get_args(parameter) if get_origin(size) is typing.Literal)
            if len(sizes) == len(get_args(parameter)):
                match(sizes, tuple(value.shape), bindings, what=what)
