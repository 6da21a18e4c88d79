"""`uncut`: a call that no exception of a signal's handler ends half-way. Imports nothing of flambeau.

Python runs handlers in the main thread, between any two of its instructions. Where that leaves something that can't be gone on
with (LLVM's objects, which the collector may then free in any order; a helper thread that nobody knows of), the work is done in
another thread. Waiting is a plain lock's: `threading`'s own conditions don't withstand such exceptions.
"""

from __future__ import annotations

import _thread
import threading
from collections.abc import Callable
from typing import TypeVar

__all__ = ["uncut"]

T = TypeVar("T")


def uncut(function: Callable[[], T]) -> T:
    """`function()`. An exception that a handler raises meanwhile is raised when that has ended."""
    if threading.get_ident() != threading.main_thread().ident:
        return function()
    results: list[T] = []
    errors: list[BaseException] = []
    claim, ended = threading.Lock(), threading.Lock()
    ended.acquire()

    def work() -> None:
        if not claim.acquire(blocking=False):  # a start that was interrupted may have started a thread all the same
            return
        try:
            results.append(function())
        except BaseException as error:
            errors.append(error)
        ended.release()

    held = None
    while not (results or errors):
        try:
            if not claim.locked():
                _start(work)
            ended.acquire()
        except BaseException as error:
            held = error
    if held is not None:
        raise held
    if errors:
        raise errors[0]
    return results[0]


def _start(work: Callable[[], None]) -> None:
    try:
        _thread.start_new_thread(work, ())
    except RuntimeError:  # the interpreter is ending, and starts no threads
        work()
