"""What went wrong where: an exception as a finding. May import `flambeau.interpretation.unknown`."""

from __future__ import annotations

import os
import traceback
from collections.abc import Collection, Iterator
from types import FrameType
from typing import NamedTuple

from flambeau.interpretation.unknown import UnknownValue

__all__ = ["Finding", "finding_of"]

_KINDS = (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError, AssertionError)
_OWN = os.path.dirname(__file__)
_LIBRARIES = (os.path.dirname(_OWN), f"{os.sep}einops{os.sep}")


class Finding(NamedTuple):
    """A place in a program (line and column count from 1) and what is said of it; a type that is shown is no error.

    `callers` are the lines of the calls that led there, the innermost first.
    """

    path: str
    line: int
    column: int
    message: str
    is_error: bool = True
    callers: tuple[int, ...] = ()


def finding_of(error: BaseException, files: Collection[str]) -> Finding | None:
    """What an operator says of its operands, at the innermost place in the program; None for other exceptions.

    An exception of the program's own code may come of what isn't known: it is none, but for tuples of the wrong length. And where
    there is None a statement that wasn't run would have put something.
    """
    text = " ".join(str(error).split())
    if not isinstance(error, _KINDS) or UnknownValue.__name__ in text or "NoneType" in text:
        return None
    places = list(traceback.walk_tb(error.__traceback__))
    last = places[-1][0].f_code.co_filename if places else ""
    is_unpacking = last in files and isinstance(error, ValueError) and "to unpack" in text
    is_librarys = not last.startswith(_OWN) and any(part in last for part in _LIBRARIES)
    inner = next((place for place in reversed(places) if place[0].f_code.co_filename in files), None)
    if inner is None or not (is_unpacking or is_librarys):
        return None
    frame, line = inner
    column = _column(error, frame)
    return Finding(frame.f_code.co_filename, line, column, text or type(error).__name__, True, tuple(_callers(frame)))


def _column(error: BaseException, frame: FrameType) -> int:
    """Where the expression begins that raised an exception in a frame."""
    here = error.__traceback__
    while here is not None and here.tb_frame is not frame:
        here = here.tb_next
    assert here is not None
    column = list(frame.f_code.co_positions())[here.tb_lasti // 2][2]
    return (column or 0) + 1


def _callers(frame: FrameType) -> Iterator[int]:
    """The lines of the frame's own file from which it was called, innermost first."""
    outer = frame.f_back
    while outer is not None:
        if outer.f_code.co_filename == frame.f_code.co_filename:
            yield outer.f_lineno
        outer = outer.f_back
