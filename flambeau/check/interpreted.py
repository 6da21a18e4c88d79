"""What interpretation finds: `flambeau.interpretation`, in a process of its own. May import `flambeau.check.problems`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flambeau.check.problems import Problem, package_parent

__all__ = ["merged"]

SECONDS_A_FILE = 20
_SHAPED = re.compile(r"\[\w+, \w+, ")  # a tensor's type that says its shape …
_OPEN = re.compile(r"Unknown|\bAny\b|\bint\b")  # … or not all of it


def merged(paths: Sequence[Path], problems: list[Problem]) -> list[Problem]:
    """A checker's problems, and those of interpretation at other lines; shapes that only interpretation knows are shown."""
    given = {str(Path(problem.path).resolve()): problem.path for problem in problems}
    reported = {(problem.path, problem.line) for problem in problems if problem.is_error}
    revealed: dict[tuple[str, int], set[str]] = {}
    added: dict[tuple[str, int], Problem] = {}
    for found in _findings(paths):
        path, line = given.get(found["path"], found["path"]), found["line"]
        if not found["is_error"]:
            revealed.setdefault((path, line), set()).add(found["message"])
        elif not any((path, one) in reported for one in (line, *found["callers"])):
            added.setdefault((path, line), Problem(path, line, found["column"], _with_callers(found)))
    shown = [_known(problem, revealed.get((problem.path, problem.line), set())) for problem in problems]
    others = {(p.path, p.line) for p in problems if not p.is_error}
    shown += [
        Problem(*place, 1, min(texts), False) for place, texts in revealed.items() if len(texts) == 1 and place not in others
    ]
    return sorted([*shown, *added.values()])


def _findings(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """What was found of each program until its time was over."""
    command = [sys.executable, "-m", "flambeau.interpretation", *map(str, paths)]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([package_parent(), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
    }
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS_A_FILE * len(paths) + 10, env=environment, check=False
        )
        text = done.stdout
    except subprocess.TimeoutExpired as stopped:
        text = (stopped.stdout or b"").decode() if isinstance(stopped.stdout, bytes) else stopped.stdout or ""
    return [json.loads(line) for line in text.splitlines() if line.endswith("}")]


def _with_callers(found: dict[str, Any]) -> str:
    callers = list(dict.fromkeys(found["callers"]))[:3]
    if not callers:
        return str(found["message"])
    lines = ", ".join(map(str, callers))
    return f"{found['message']} (in a call at line{'s' if len(callers) > 1 else ''} {lines})"


def _known(problem: Problem, revealed: set[str]) -> Problem:
    """What `reveal_type` shows: where the checker doesn't know all of it, what interpretation always saw there."""
    is_open = _OPEN.search(problem.message) or not _SHAPED.search(problem.message)
    if problem.is_error or not is_open or len(revealed) != 1:
        return problem
    return problem._replace(message=min(revealed))
