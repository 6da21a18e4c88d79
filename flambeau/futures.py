"""Values that some thread will set. Imports nothing of flambeau."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

__all__ = ["Future", "collect_all", "wait_all"]

T = TypeVar("T")


class Future(Generic[T]):
    """A value that is there later: `wait` gives it, `then` makes another future of it.

    >>> later = torch.futures.Future()
    >>> doubled = later.then(lambda done: 2 * done.value())
    >>> later.set_result(3)
    >>> doubled.wait()
    6
    """

    def __init__(self, *, devices: Sequence[Any] | None = None) -> None:
        self._inner: concurrent.futures.Future[T] = concurrent.futures.Future()

    def done(self) -> bool:
        """Whether the value, or an error, is there."""
        return self._inner.done()

    def wait(self) -> T:
        """The value, once it is there; raises the error that was set instead."""
        return self._inner.result()

    def value(self) -> T:
        """The value; raises RuntimeError where it isn't there yet, and the error that was set instead."""
        if not self.done():
            raise RuntimeError("Future is not completed: call wait() first")
        return self._inner.result()

    def set_result(self, result: T) -> None:
        """Sets the value; raises RuntimeError where one was set before."""
        self._set(self._inner.set_result, result)

    def set_exception(self, result: BaseException) -> None:
        """Sets the error that `wait` and `value` raise; raises RuntimeError where something was set before."""
        if not isinstance(result, BaseException):
            raise AssertionError(f"{result} is of type {type(result)}, not an Exception.")
        self._set(self._inner.set_exception, result)

    def _set(self, write: Callable[[Any], None], what: Any) -> None:
        try:
            write(what)
        except concurrent.futures.InvalidStateError:
            raise RuntimeError("Attempting to mark a completed Future as complete again. Note that a Future can only be marked "
                               "completed once.") from None  # fmt: skip

    def then(self, callback: Callable[[Future[T]], Any]) -> Future[Any]:
        """A future of `callback(self)`, which is called when the value is there; its error is that future's."""
        result: Future[Any] = Future()

        def follow(_: Any) -> None:
            try:
                value = callback(self)
            except Exception as error:
                result.set_exception(error)
            else:
                result.set_result(value)

        self._inner.add_done_callback(follow)
        return result

    def add_done_callback(self, callback: Callable[[Future[T]], None]) -> None:
        """Calls `callback(self)` when the value is there, now if it is."""
        self._inner.add_done_callback(lambda _: callback(self))


def collect_all(futures: Sequence[Future[Any]]) -> Future[list[Future[Any]]]:
    """A future of all these futures, there when the last of them is; an error of one is its error."""
    result: Future[list[Future[Any]]] = Future()
    waiting = list(futures)
    if not waiting:
        result.set_result([])
    left = len(waiting)
    lock = threading.Lock()

    def count(future: Future[Any]) -> None:
        nonlocal left
        with lock:
            left -= 1
            is_last = left == 0
        if is_last:
            error = next((f._inner.exception() for f in waiting if f._inner.exception() is not None), None)
            result.set_result(waiting) if error is None else result.set_exception(error)

    for future in waiting:
        future.add_done_callback(count)
    return result


def wait_all(futures: Sequence[Future[Any]]) -> list[Any]:
    """The values of all, once they are there; raises the first one's error that has one."""
    return [future.wait() for future in collect_all(futures).wait()]
