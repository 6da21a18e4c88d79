"""What Pyrefly finds, with the shapes of the operands at errors.

May import `flambeau.check.problems`, `flambeau.check.unread` and `flambeau.typing.operands`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flambeau.check.problems import ABOUT_TENSORS, CheckError, Problem, is_installed_as_package, package_parent, plain, run
from flambeau.check.unread import unread_shapes
from flambeau.typing import operands

__all__ = ["NEEDS", "check"]

NEEDS = ("pyrefly", "shape_extensions")

_RULE = "type-level shape DSL"  # how Pyrefly speaks of a shape rule, whose text has no numbers

# Pyrefly does not solve ``2 * H = 8`` for H at a call: what it cannot find is not known, and no error.
_NOT_FOUND = "Type variable cannot be inferred from a nested position"


def check(paths: Sequence[Path], everything: bool) -> list[Problem]:
    """The errors of some files, and what `reveal_type` shows. Raises CheckError."""
    problems, unexplained = [note for path in paths for note in unread_shapes(path)], []
    for error in _errors(paths):
        text = error.get("description") or error["concise_description"]
        if _NOT_FOUND in text:
            continue
        is_error = error.get("severity", "error") == "error"
        if error["name"] == "reveal-type" or (is_error and (everything or ABOUT_TENSORS.search(text))):
            problem = Problem(error["path"], error["line"], error["column"], plain(text), is_error)
            if is_error and _RULE in text:
                unexplained.append(problem)
            else:
                problems.append(problem)
    return [*problems, *_explained(unexplained)]


def _explained(problems: list[Problem]) -> list[Problem]:
    """The problems with the shapes of their operands, which a second run of Pyrefly reveals."""
    if not problems:
        return []
    by_path: dict[Path, list[Problem]] = {}
    for problem in problems:
        by_path.setdefault(Path(problem.path), []).append(problem)
    sources = {path: path.read_text(encoding="utf-8") for path in by_path}
    places, copies = {}, {}
    for path, several in by_path.items():
        copies[path], places[path] = operands.instrumented(sources[path], [(p.line, p.column) for p in several])
    revealed = {
        (Path(error["path"]), error["line"], error["column"]): error["description"]
        for error in _errors_of(copies)
        if error["name"] == "reveal-type"
    }
    shapes: dict[Problem, list[str]] = {problem: [] for problem in problems}
    for path, found in places.items():
        for place in found:
            shown = operands.described(place.text, revealed.get((path, place.line, place.column), ""))
            if shown is not None:
                shapes[by_path[path][place.error]].append(shown)
    # A constructor has no tensors among its operands: its line says what it was given.
    for path, several in by_path.items():
        lines = sources[path].split("\n")
        for problem in several:
            if not shapes[problem]:
                shapes[problem].append(lines[problem.line - 1].partition("#")[0].strip())
    return [p._replace(message=f"{p.message} ({', '.join(shapes[p])})") for p in problems]


def _errors_of(copies: Mapping[Path, str]) -> list[dict[str, Any]]:
    """What Pyrefly reports of copies of programs; the paths are the programs'."""
    with tempfile.TemporaryDirectory(prefix="flambeau-check-") as folder:
        places: dict[str, Path] = {}
        for number, (path, text) in enumerate(copies.items()):
            place = Path(folder) / str(number) / path.name
            place.parent.mkdir()
            place.write_text(text, encoding="utf-8")
            places[str(place.resolve())] = path
        parents = dict.fromkeys(str(path.resolve().parent) for path in copies)
        errors = _errors([Path(place) for place in places], *parents)
    return [{**error, "path": str(places.get(str(Path(error["path"]).resolve()), error["path"]))} for error in errors]


def _errors(paths: Sequence[Path], *more_paths: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "pyrefly", "check", *map(str, paths), "--output-format", "json"]
    command += ["--python-interpreter-path", sys.executable, "--preset", "default", "--min-severity", "info"]
    if not is_installed_as_package():
        more_paths = (*more_paths, package_parent())
    for path in more_paths:
        command += ["--search-path", path]
    done = run(command)
    try:
        return list(json.loads(done.stdout)["errors"])
    except (json.JSONDecodeError, KeyError):
        raise CheckError(f"pyrefly failed: {(done.stderr or done.stdout).strip()}") from None
