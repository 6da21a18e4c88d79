"""Grad modes: `no_grad`, `enable_grad`, `set_grad_enabled`, `inference_mode`; thread-local. Imports nothing of flambeau."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable
from typing import Any, Self, TypeVar, overload

__all__ = [
    "state",
    "no_grad",
    "enable_grad",
    "set_grad_enabled",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
]


Function = TypeVar("Function", bound=Callable[..., Any])


class _State(threading.local):
    """What this thread records. `enabled` is what operators ask; `inference` marks tensors that may never be recorded."""

    enabled = True
    inference = False
    autocast: Any = None  # the dtype that `flambeau.amp.autocast` casts to


state = _State()


def is_grad_enabled() -> bool:
    """Whether operations are recorded for `backward` in this thread."""
    return state.enabled


def is_inference_mode_enabled() -> bool:
    """Whether this thread is inside `inference_mode`."""
    return state.inference


class _Mode:
    """A context manager and decorator that sets the mode and restores what was there before. May be nested and reused."""

    def __init__(self) -> None:
        self._previous: list[tuple[bool, bool]] = []

    def _set(self) -> None:
        raise AssertionError

    def __enter__(self) -> None:
        self._previous.append((state.enabled, state.inference))
        self._set()

    def __exit__(self, *_: Any) -> None:
        state.enabled, state.inference = self._previous.pop()

    def clone(self) -> _Mode:
        return type(self)()

    def __call__(self, function: Function) -> Function:
        if inspect.isgeneratorfunction(function):
            return self._wrap_generator(function)

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            before = state.enabled, state.inference  # an exception as `__exit__` begins would lose them
            try:
                self.clone()._set()
                return function(*args, **kwargs)
            finally:
                state.enabled, state.inference = before

        return wrapped  # type: ignore[return-value]

    def _wrap_generator(self, function: Callable[..., Any]) -> Any:
        """The mode holds while the generator runs, not between its steps."""

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            generator = function(*args, **kwargs)
            try:
                with self.clone():
                    item = next(generator)
                while True:
                    try:
                        sent = yield item
                    except GeneratorExit:
                        with self.clone():
                            generator.close()
                        raise
                    except BaseException as error:
                        with self.clone():
                            item = generator.throw(error)
                    else:
                        with self.clone():
                            item = generator.send(sent)
            except StopIteration as stop:
                return stop.value

        return wrapped


class _OptionalCall(_Mode):
    """Lets `@no_grad` work as well as `@no_grad()`."""

    @overload
    def __new__(cls, function: None = None) -> Self: ...
    @overload
    def __new__(cls, function: Function) -> Function: ...  # type: ignore[misc]
    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        self = super().__new__(cls)
        if function is None:
            return self
        _Mode.__init__(self)
        return self(function)


class no_grad(_OptionalCall):
    """Operations inside are not recorded; results don't require gradients. Context manager and decorator.

    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.no_grad():
    ...     y = 2 * x
    >>> y.requires_grad
    False
    """

    def __init__(self, function: Callable[..., Any] | None = None) -> None:
        super().__init__()

    def _set(self) -> None:
        state.enabled = False


class enable_grad(_OptionalCall):
    """Operations inside are recorded, also within `no_grad`."""

    def __init__(self, function: Callable[..., Any] | None = None) -> None:
        super().__init__()

    def _set(self) -> None:
        state.enabled = True
        state.inference = False


class set_grad_enabled(_Mode):
    """Sets recording on or off at once; as a context manager restores it at the end."""

    def __init__(self, mode: bool) -> None:
        super().__init__()
        self.mode = bool(mode)
        self._at_call = (state.enabled, state.inference)
        self._set()

    def _set(self) -> None:
        state.enabled = self.mode

    def __enter__(self) -> None:
        self._previous.append(self._at_call)
        self._set()

    def clone(self) -> set_grad_enabled:
        return set_grad_enabled(self.mode)

    def __call__(self, function: Function) -> Function:
        state.enabled, state.inference = self._at_call
        return super().__call__(function)


class inference_mode(_Mode):
    """Like `no_grad`, and results can't be saved for gradients later."""

    @overload
    def __new__(cls, mode: bool = True) -> Self: ...
    @overload
    def __new__(cls, mode: Function) -> Function: ...  # type: ignore[misc]
    def __new__(cls, mode: Any = True) -> Any:
        self = super().__new__(cls)
        if isinstance(mode, bool):
            return self
        _Mode.__init__(self)
        self.mode = True
        return self(mode)

    def __init__(self, mode: Any = True) -> None:
        super().__init__()
        self.mode = bool(mode)

    def _set(self) -> None:
        state.inference = self.mode
        if self.mode:
            state.enabled = False

    def clone(self) -> inference_mode:
        return inference_mode(self.mode)
