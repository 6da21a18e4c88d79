"""`__torch_function__`: classes and contexts that get to see calls of PyTorch's functions before (or instead of) the library.

Public functions are made by `overridable`. As long as no subclass of Tensor overrides anything and no mode is entered, all that
they do more is to look at one flag; an argument of a foreign class with `__torch_function__` is found when the function has
refused it. Methods and properties of Tensor are not wrapped at all: a subclass gets wrapped ones of its own (`adopt`), and Tensor
itself has them while a mode is entered. May import `flambeau.tensor.core` and `flambeau.tensor.meanings`.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from flambeau.autograd.modes import state
from flambeau.tensor import meanings
from flambeau.tensor.core import Tensor

__all__ = [
    "Arguments", "BaseTorchFunctionMode", "DisableTorchFunction", "DisableTorchFunctionSubclass", "TorchFunctionMode",
    "disabled_torch_function", "dispatch", "look_at_arguments", "overloaded", "overridable", "replace_members", "seen_as",
]  # fmt: skip


class _State(threading.local):
    """Of each thread: what is switched off, and the modes entered, the innermost last."""

    def __init__(self) -> None:
        self.without_subclasses = self.without_modes = False
        self.modes: list[TorchFunctionMode] = []


_state = _State()
_modes_entered = 0  # of all threads
_classes_override = False  # whether there is a class whose objects functions wouldn't know from tensors, or refuse
_is_active = False  # whether a class overrides, or a mode is entered, anywhere


def look_at_arguments() -> None:
    """From now on functions look for arguments that override before they do anything: there is a class that needs it."""
    global _classes_override, _is_active
    _classes_override = _is_active = True


def disabled_torch_function(func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """The `__torch_function__` of classes that override nothing, such as Parameter: calls the function."""
    return func(*args, **(kwargs or {}))


def _default(cls: type[Tensor], func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """The function's result, tensors in it being of this class; NotImplemented if another class takes part."""
    if not all(issubclass(cls, t) for t in types):
        return NotImplemented
    with DisableTorchFunctionSubclass():
        result = func(*args, **(kwargs or {}))
        return result if func == _GRAD else _converted(result, cls)


def _converted(value: Any, cls: type[Tensor]) -> Any:
    if cls is Tensor:
        return value
    if isinstance(value, Tensor):
        return value if isinstance(value, cls) else as_subclass(value, cls)
    if isinstance(value, (tuple, list)):
        items = [_converted(v, cls) for v in value]
        if all(a is b for a, b in zip(items, value)):
            return value
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return value


def as_subclass(self: Tensor, cls: type[Tensor]) -> Any:
    """The tensor as one of class `cls`, which shares its memory and its place on the tape. Nothing of `cls` is called."""
    if not (isinstance(cls, type) and issubclass(cls, Tensor)):
        raise RuntimeError(f"as_subclass(): cls must be a subclass of torch.Tensor, not {cls!r}")
    made = object.__new__(cls)
    with DisableTorchFunction():
        seen = self.view_as(self) if self.requires_grad and self._grad_fn is None else self
    for slot in _SLOTS:
        setattr(made, slot, getattr(seen, slot))
    return made


_SLOTS = [
    slot
    for kind in Tensor.__mro__
    for slot in getattr(kind, "__slots__", ())
    if slot not in ("__dict__", "__weakref__")
]  # fmt: skip


# --- who overrides -------------------------------------------------------------------------------------------------------
def _overrides(kind: type) -> bool:
    if issubclass(kind, Tensor):
        if kind is Tensor or _state.without_subclasses:
            return False
    elif getattr(getattr(kind, "__torch_function__", None), "__module__", "torch.").startswith("torch."):
        return False  # there is none, or it is that of PyTorch's own tensors, to which our functions mean nothing
    return getattr(kind, "__torch_function__", None) is not disabled_torch_function


def overloaded(values: Iterable[Any]) -> list[Any]:
    """The values that override, one of each class, subclasses before their bases and else in order."""
    found: list[Any] = []
    for value in values:
        kind = type(value)
        if kind in _PLAIN or not _overrides(kind) or any(type(f) is kind for f in found):
            continue
        at = next((i for i, f in enumerate(found) if issubclass(kind, type(f))), len(found))
        found.insert(at, value)
    return found


_PLAIN = frozenset((Tensor, int, float, bool, str, type(None), complex, slice))


def _arguments(args: Sequence[Any], kwargs: dict[str, Any]) -> Iterable[Any]:
    """The arguments, and the elements of lists and tuples among them."""
    for value in (*args, *kwargs.values()):
        if isinstance(value, (list, tuple)):
            yield from value
        yield value


def dispatch(function: Any, found: Sequence[Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Offers the call to the innermost mode, then to the values found; TypeError where all give NotImplemented."""
    types = tuple(map(type, found))
    if _state.modes and not _state.without_modes:
        mode = _state.modes.pop()
        try:
            result = mode.__torch_function__(function, types, args, kwargs)
        finally:
            _state.modes.append(mode)
        if result is not NotImplemented:
            return result
    for value in found:
        result = value.__torch_function__(function, types, args, kwargs)
        if result is not NotImplemented:
            return result
    name = f"torch.{getattr(function, '__name__', function)}"
    tried = "".join(f"\n\n  - tensor subclass {kind}" for kind in types)
    raise TypeError(f"Multiple dispatch failed for '{name}'; all __torch_function__ handlers returned NotImplemented:{tried}")


class Arguments(Protocol):
    """What is known of a function's arguments (`flambeau.ops.arguments`)."""

    title: str

    def is_checked(self) -> bool: ...

    def taken(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]: ...

    def blamed(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Exception | None: ...


def overridable(
    function: Callable[..., Any],
    plain: Callable[..., Any],
    arguments: Arguments,
    seen: Callable[..., tuple[Any, ...]] | None = None,
) -> Callable[..., Any]:
    """The public form of a function, whose calls `__torch_function__` sees.

    `plain` is what does the same in calls without keywords outside of `autocast`. `seen` gives the arguments that
    `__torch_function__` is shown, of those of a call.
    """
    is_checked, taken = arguments.is_checked(), arguments.taken

    @functools.wraps(function)
    def public(*args: Any, **kwargs: Any) -> Any:
        if _is_active:
            args = args if seen is None else seen(*args)
            found = overloaded(_arguments(args, kwargs))
            if found or (_state.modes and not _state.without_modes):
                return dispatch(public, found, args, kwargs)
        try:
            if is_checked:
                args, kwargs = taken(args, kwargs)
            return function(*args, **kwargs) if kwargs or state.autocast is not None else plain(*args)
        except Exception as error:
            # perhaps an argument is of a class that stands for a tensor, and what it was asked for raised
            args = args if seen is None else seen(*args)
            found = [v for v in overloaded(_arguments(args, kwargs)) if not isinstance(v, Tensor)]
            sparse, refused = None if found else meanings.sparse_among(args, kwargs), error
            if not found and sparse is None:
                better = arguments.blamed(args, kwargs)
                if better is None:
                    raise
                raise better from None
        if sparse is not None:
            return meanings.answer(arguments.title, sparse, args, kwargs, refused)
        return dispatch(public, found, args, kwargs)

    return public


_GRAD = Tensor.grad.__get__
"""Of the functions that overriding classes see, the one whose tensor is handed out as it is."""


# --- methods and properties --------------------------------------------------------------------------------------------
_PACKAGE = __name__.partition(".")[0]
_ARITHMETIC = "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift"
_OTHERS = (
    "neg pos abs invert eq ne lt le gt ge getitem setitem len iter contains bool int float complex index repr format array "
    "deepcopy reduce_ex reversed"
)
_SPECIAL = {f"__{form}{name}__" for name in _ARITHMETIC.split() for form in ("", "r", "i")}
_SPECIAL |= {f"__{name}__" for name in _OTHERS.split()}


_SEEN_AS = {
    "__truediv__": "div", "__mod__": "remainder", "__radd__": "add", "__rmul__": "mul", "__rtruediv__": "__rdiv__",
    "__rand__": "bitwise_and", "__ror__": "bitwise_or", "__rxor__": "bitwise_xor", "__rmatmul__": "matmul", "__pos__": "positive",
    "__itruediv__": "div_", "__ifloordiv__": "floor_divide_", "__imod__": "remainder_",
    **{f"__{name}__": name for name in ["add", "sub", "mul", "pow", "matmul", "ne", "lt", "le", "gt", "ge", "neg", "abs"]},
    **{f"__i{name}__": f"{name}_" for name in ["add", "sub", "mul", "pow"]},
}  # fmt: skip
"""The method that overriding classes see in an operator's place, as with PyTorch."""


def _method(name: str, function: Any) -> Any:
    seen = getattr(Tensor, _SEEN_AS.get(name, name), function)

    @functools.wraps(function)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        found = overloaded(_arguments((self, *args), kwargs))
        if found or (_state.modes and not _state.without_modes):
            return dispatch(seen, found, (self, *args), kwargs)
        return function(self, *args, **kwargs)

    return method


_FORWARD = {f"__r{name}__": f"__{name}__" for name in _ARITHMETIC.split()}
"""By reflected operator: the one that the left operand is asked for."""


def _reflected(name: str, function: Any) -> Any:
    """Python asks a right operand first whose class has a reflected operator of its own, as all adopted classes do; with a tensor
    on the left it is that one's turn, as with PyTorch, whose classes inherit theirs."""
    method, forward = _method(name, function), _method(_FORWARD[name], getattr(Tensor, _FORWARD[name]))

    @functools.wraps(function)
    def reflected(self: Any, other: Any) -> Any:
        if not isinstance(other, Tensor):
            return method(self, other)
        return (forward if type(other) is Tensor else getattr(type(other), _FORWARD[name]))(other, self)

    return reflected


def _property(described: property) -> property:
    def get(self: Any) -> Any:
        found = overloaded((self,))
        if found or (_state.modes and not _state.without_modes):
            return dispatch(described.__get__, found, (self,), {})
        return described.__get__(self)

    return property(get, described.fset, described.fdel, described.__doc__)


def _members() -> dict[str, Any]:
    """Tensor's public methods, operators and properties."""
    members: dict[str, Any] = {}
    for kind in reversed(Tensor.__mro__[:-1]):
        for name, value in vars(kind).items():
            is_method = callable(value) and not isinstance(value, (type, staticmethod, classmethod))
            if (name in _SPECIAL or not name.startswith("_")) and (is_method or isinstance(value, property)):
                members[name] = value
    members.pop("as_subclass", None)
    return {name: value for name, value in members.items() if _is_ours(value)}


def _is_ours(member: Any) -> bool:
    """Whether a member of Tensor is the library's: what programs put there is called as any method is."""
    function = member.fget if isinstance(member, property) else member
    return str(getattr(function, "__module__", "")).partition(".")[0] == _PACKAGE


def _wrapped(name: str, value: Any) -> Any:
    if isinstance(value, property):
        return _property(value)
    return (_reflected if name in _FORWARD else _method)(name, value)


def adopt(cls: type[Tensor]) -> None:
    """Gives a subclass methods that go through its `__torch_function__`: where neither it nor a base of it has its own."""
    if cls.__torch_function__ is disabled_torch_function:
        return
    look_at_arguments()
    own = {name for kind in cls.__mro__[: cls.__mro__.index(Tensor)] for name in vars(kind)}
    for name, value in _members().items():
        if name not in own:
            setattr(cls, name, _wrapped(name, value))


def seen_as(name: str) -> str:
    """The name of the operator that a method is: `add` for `__radd__`."""
    return _SEEN_AS.get(name, name)


def replace_members(make: Callable[[str, Any], Any]) -> None:
    """Puts `make(name, member)` in the place of each of Tensor's public members, but where that is None; also within modes."""
    for name, member in _members().items():
        made = make(name, _TENSORS.get(name, member))
        if made is None:
            continue
        if name in _TENSORS:
            _TENSORS[name], made = made, _wrapped(name, made)
        setattr(Tensor, name, made)


Tensor.__torch_function__ = classmethod(_default)
Tensor.as_subclass = as_subclass  # type: ignore[attr-defined]
Tensor.__init_subclass__ = classmethod(lambda cls, **kwargs: adopt(cls))  # type: ignore[assignment]


# --- contexts ------------------------------------------------------------------------------------------------------------
class DisableTorchFunctionSubclass:
    """A context in which no subclass of Tensor overrides anything; modes do."""

    def __enter__(self) -> None:
        self._before = _state.without_subclasses
        _state.without_subclasses = True

    def __exit__(self, *_: Any) -> None:
        _state.without_subclasses = self._before


class DisableTorchFunction:
    """A context in which nothing is overridden, neither by subclasses of Tensor nor by modes."""

    def __enter__(self) -> None:
        self._before = _state.without_subclasses, _state.without_modes
        _state.without_subclasses = _state.without_modes = True

    def __exit__(self, *_: Any) -> None:
        _state.without_subclasses, _state.without_modes = self._before


class TorchFunctionMode:
    """A context whose `__torch_function__` sees all calls made in it, whatever their arguments: to be subclassed.

    Within `__torch_function__` the next mode further out is the innermost one.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise NotImplementedError

    def __enter__(self) -> TorchFunctionMode:
        global _is_active, _modes_entered
        _state.modes.append(self)
        _modes_entered += 1
        if _modes_entered == 1:
            _TENSORS.update({name: vars(Tensor)[name] for name in _members() if name in vars(Tensor)})
            for name, value in {name: _wrapped(name, value) for name, value in _members().items()}.items():
                setattr(Tensor, name, value)
        _is_active = True
        return self

    def __exit__(self, *_: Any) -> None:
        global _is_active, _modes_entered
        _state.modes.remove(self)
        _modes_entered -= 1
        if not _modes_entered:
            _is_active = _classes_override
            for name in _members():
                if name in _TENSORS:
                    setattr(Tensor, name, _TENSORS[name])
                else:
                    delattr(Tensor, name)
            _TENSORS.clear()

    @classmethod
    def push(cls, *args: Any, **kwargs: Any) -> TorchFunctionMode:
        """An object of this mode."""
        return cls(*args, **kwargs)


class BaseTorchFunctionMode(TorchFunctionMode):
    """A mode that changes nothing."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


_TENSORS: dict[str, Any] = {}
"""Tensor's own methods, while a mode is entered."""
