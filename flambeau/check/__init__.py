"""``flambeau check FILE…``: what type checkers and interpretation find in programs.

A type checker follows the annotations and the types of what is written; `flambeau.interpretation` follows the shapes through the
calls that the file makes. May import `flambeau.typing.operands`: checkers, and interpretation, are processes of their own.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path

from flambeau.check import interpreted, mypy, pyrefly
from flambeau.check.problems import CheckError as CheckError
from flambeau.check.problems import Problem as Problem
from flambeau.check.problems import plain as plain

__all__ = ["CHECKERS", "CheckError", "Problem", "check"]

_RUNNERS = {"pyrefly": pyrefly, "mypy": mypy}
CHECKERS = tuple(_RUNNERS)


def installed(checker: str) -> bool:
    """Whether a checker, and what it needs for shapes, can be imported."""
    return all(importlib.util.find_spec(module) is not None for module in _RUNNERS[checker].NEEDS)


def check(files: Sequence[str | os.PathLike[str]], *, checker: str | None = None, everything: bool = False) -> list[Problem]:
    """The shape, dtype and device errors of the files, and what `reveal_type` shows; with `everything` all other errors, too.

    `checker` is "pyrefly" (with which shapes are computed), "mypy" (with the plugin), or None for the first that is installed;
    where none is, only interpretation tells. Raises FileNotFoundError for a file that is not there, ValueError for an unknown
    checker, CheckError for one that is named and cannot be run.
    """
    paths = [Path(file) for file in files]
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"no such file: {path}")
    if checker is not None and checker not in CHECKERS:
        raise ValueError(f"unknown checker {checker!r}, expected one of {', '.join(CHECKERS)}")
    chosen = checker or next((name for name in CHECKERS if installed(name)), None)
    if chosen is not None and not installed(chosen):
        raise CheckError(f"{chosen} is not installed: pip install 'flambeau[check]'")
    if not paths:
        return []
    return interpreted.merged(paths, [] if chosen is None else _RUNNERS[chosen].check(paths, everything))
