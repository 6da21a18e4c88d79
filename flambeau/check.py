"""``flambeau check FILE…``: runs a type checker over programs and prints what it finds, one line each.

May import `flambeau.typing.operands` and `flambeau.typing.inference`: it starts the checker as a process of its own.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from flambeau.typing import inference, operands

CHECKERS = ("pyrefly", "mypy")
TIMEOUT = 600  # seconds


class Problem(NamedTuple):
    """One finding: where (line and column count from 1) and what; `is_error` is False for what `reveal_type` tells."""

    path: str
    line: int
    column: int
    message: str
    is_error: bool = True


class CheckError(RuntimeError):
    """The checker could not be run."""


def installed(checker: str) -> bool:
    """Whether a checker, and what it needs for shapes, can be imported."""
    needed = ("pyrefly", "shape_extensions") if checker == "pyrefly" else ("mypy",)
    return all(importlib.util.find_spec(module) is not None for module in needed)


# What an error about tensors speaks of, in either checker's words.
_ABOUT_TENSORS = re.compile(r"Tensor\b|type-level shape|flambeau|IntTuple|Int\[|Flag\[|\bshape\b|floating|dtype")


def check(files: Sequence[str | os.PathLike[str]], *, checker: str | None = None, everything: bool = False) -> list[Problem]:
    """The shape, dtype and device errors of the files, and what `reveal_type` shows; with `everything` all other errors, too.

    `checker` is "pyrefly" (with which shapes are computed), "mypy" (with the plugin), or None for the first that is installed.
    Raises FileNotFoundError for a file that is not there, ValueError for an unknown checker, CheckError where none can be run.
    """
    paths = [Path(file) for file in files]
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"no such file: {path}")
    if checker is not None and checker not in CHECKERS:
        raise ValueError(f"unknown checker {checker!r}, expected one of {', '.join(CHECKERS)}")
    chosen = checker or next((name for name in CHECKERS if installed(name)), None)
    if chosen is None or not installed(chosen):
        raise CheckError(f"{chosen or 'a type checker'} is not installed: pip install 'flambeau[check]'")
    if not paths:
        return []
    return _pyrefly(paths, everything) if chosen == "pyrefly" else _mypy(paths, everything)


def _package_parent() -> str:
    return str(Path(__file__).resolve().parent.parent)


def _run(command: list[str], environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, env=environment, check=False)
    except subprocess.TimeoutExpired:
        raise CheckError(f"{command[2]} took more than {TIMEOUT} seconds") from None


def _pyrefly(paths: Sequence[Path], everything: bool) -> list[Problem]:
    problems, unexplained = [note for path in paths for note in _unread_shapes(path)], []
    copies = _with_inferred(paths)
    for error in _errors_of(copies):
        text = error.get("description") or error["concise_description"]
        if _NOT_FOUND in text:
            continue
        is_error = error.get("severity", "error") == "error"
        if error["name"] == "reveal-type" or (is_error and (everything or _ABOUT_TENSORS.search(text))):
            problem = Problem(error["path"], error["line"], error["column"], plain(text), is_error)
            if is_error and _RULE in text:
                unexplained.append(problem)
            else:
                problems.append(problem)
    found = [*problems, *_explained(unexplained, copies)]
    return sorted({here for here in (_in_the_program(problem, copies) for problem in found) if here is not None})


def _in_the_program(problem: Problem, copies: Mapping[Path, inference.Copy | None]) -> Problem | None:
    """A problem of a copy where it is in the program; None for one in what only the copy has."""
    copy = copies.get(Path(problem.path))
    line = copy.lines[problem.line - 1] if copy is not None else problem.line
    return problem._replace(line=line) if line else None


def _with_inferred(paths: Sequence[Path]) -> dict[Path, inference.Copy | None]:
    """For each program a copy that says what its calls give its functions; None for one that stays as it is."""
    sources = {path: path.read_text(encoding="utf-8") for path in paths if path.is_file()}
    facts: dict[Path, inference.Facts] = {path: {} for path, text in sources.items() if inference.has_open_functions(text)}
    growing = list(facts)
    for _ in range(inference.ROUNDS):
        if not growing:
            break
        asked = {path: inference.question(inference.with_casts(sources[path], facts[path]).text) for path in growing}
        told: dict[Path, dict[tuple[int, int], str]] = {path: {} for path in growing}
        for error in _errors_of({path: one.text for path, one in asked.items()}):
            if error["name"] == "reveal-type":
                kind = error["description"].removeprefix("revealed type: ")
                told[Path(error["path"])][error["line"], error["column"]] = kind
        new = {path: inference.learned(sources[path], asked[path], told[path]) for path in growing}
        growing = [path for path in growing if new[path] != facts[path]]
        facts |= new
    return {path: inference.with_casts(sources[path], facts[path]) if facts.get(path) else None for path in paths}


def _errors_of(copies: Mapping[Path, inference.Copy | str | None]) -> list[dict[str, Any]]:
    """What Pyrefly reports of programs, of which some are to be read from a copy's text; the paths are the programs'."""
    with tempfile.TemporaryDirectory(prefix="flambeau-check-") as folder:
        places: dict[str, Path] = {}
        for number, (path, copy) in enumerate(copies.items()):
            place = path
            if copy is not None:
                place = Path(folder) / str(number) / path.name
                place.parent.mkdir()
                place.write_text(copy if isinstance(copy, str) else copy.text, encoding="utf-8")
            places[str(place.resolve())] = path
        parents = dict.fromkeys(str(path.resolve().parent) for path, copy in copies.items() if copy is not None)
        errors = _pyrefly_errors([Path(place) for place in places], *parents)
    return [{**error, "path": str(places.get(str(Path(error["path"]).resolve()), error["path"]))} for error in errors]


def _pyrefly_errors(paths: Sequence[Path], *more_paths: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "pyrefly", "check", *map(str, paths), "--output-format", "json"]
    command += ["--python-interpreter-path", sys.executable, "--preset", "default", "--min-severity", "info"]
    if "site-packages" not in _package_parent():  # an editable install: Pyrefly does not run its import hook
        more_paths = (*more_paths, _package_parent())
    for path in more_paths:
        command += ["--search-path", path]
    done = _run(command)
    try:
        return list(json.loads(done.stdout)["errors"])
    except (json.JSONDecodeError, KeyError):
        raise CheckError(f"pyrefly failed: {(done.stderr or done.stdout).strip()}") from None


def _unread_shapes(path: Path) -> Iterator[Problem]:
    """A note for each shape string that Pyrefly does not read, because nothing around it declares the names of sizes."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError, IsADirectoryError):
        return
    scopes: list[tuple[ast.AST, bool]] = [(tree, False)]
    while scopes:
        node, declared = scopes.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            declared = declared or any("shape_vars" in ast.unparse(decorator) for decorator in node.decorator_list)
        elif isinstance(node, ast.Subscript) and not declared and isinstance(node.value, ast.Name) and node.value.id == "Shaped":
            text = 'Pyrefly does not read this shape: its function or class needs @shape_vars with the names of sizes, or with ""'
            yield Problem(str(path), node.lineno, node.col_offset + 1, text, is_error=False)
        scopes += [(child, declared) for child in ast.iter_child_nodes(node)]


_RULE = "type-level shape DSL"  # how Pyrefly speaks of a shape rule, whose text has no numbers


def _explained(problems: list[Problem], programs: Mapping[Path, inference.Copy | None]) -> list[Problem]:
    """The problems with the shapes of their operands, which a second run of Pyrefly reveals."""
    if not problems:
        return []
    by_path: dict[Path, list[Problem]] = {}
    for problem in problems:
        by_path.setdefault(Path(problem.path), []).append(problem)
    places, copies = {}, {}
    for path, several in by_path.items():
        program = programs.get(path)
        source = path.read_text(encoding="utf-8") if program is None else program.text
        copies[path], places[path] = operands.instrumented(source, [(p.line, p.column) for p in several])
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
        program = programs.get(path)
        lines = (path.read_text(encoding="utf-8") if program is None else program.text).split("\n")
        for problem in several:
            if not shapes[problem]:
                shapes[problem].append(lines[problem.line - 1].partition("#")[0].strip())
    return [p._replace(message=f"{p.message} ({', '.join(shapes[p])})") for p in problems]


# Pyrefly does not solve ``2 * H = 8`` for H at a call: what it cannot find is not known, and no error.
_NOT_FOUND = "Type variable cannot be inferred from a nested position"


def plain(message: str) -> str:
    """A checker's message on one line, without what it says of its own machinery and without lists of overloads."""
    text = " ".join(message.split())
    for pattern, replacement in _PLAINER:
        text = re.sub(pattern, replacement, text)
    return text.strip()


_PLAINER = (
    (r"Cannot evaluate type-level shape DSL call: ", ""),
    (r"gufunc: core dimension '(\w+)' has conflicting extents (.+?) and (\S+)", r"size \2 meets size \3 in dimension '\1'"),
    (r"Cannot broadcast dimension Int\[(.+?)\] with dimension Int\[(.+?)\]", r"cannot broadcast size \1 with size \2"),
    (r"Shape dimension mismatch: expected Int\[(.+)\], got Int\[(.+)\]$", r"(expected size \1, got \2)"),
    (r"Possible overloads:.*?\[closest match\].*?(?=Argument `|`[^`]*` is not |$)", ""),
    (r"No matching overload found for function `[\w.]*?(\w+)` called with arguments: \((.*?)\)(?= |$)", r"\1 cannot take (\2):"),
    (r"flambeau\._(?:pyrefly|portable)\.(?:_?\w+\.)", ""),
)


def _mypy(paths: Sequence[Path], everything: bool) -> list[Problem]:
    with tempfile.TemporaryDirectory(prefix="flambeau-check-") as folder:
        config = Path(folder) / "mypy.ini"
        lines = ["[mypy]", "plugins = flambeau.typing.mypy"]
        if "site-packages" not in _package_parent():
            lines += [f"mypy_path = {_package_parent()}", "[mypy-flambeau.*]", "ignore_errors = True"]
        config.write_text("\n".join(lines) + "\n")
        command = [sys.executable, "-m", "mypy", "--config-file", str(config), "--output", "json", *map(str, paths)]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([_package_parent(), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
        }
        done = _run(command, environment)
    problems = []
    for line in done.stdout.splitlines():
        try:
            error = json.loads(line)
        except json.JSONDecodeError:
            continue
        text, is_error = error["message"], error["severity"] == "error"
        wanted = everything or error["code"] == "shape" or _ABOUT_TENSORS.search(text)
        if (is_error and wanted) or text.startswith("Revealed type is"):
            problems.append(Problem(error["file"], error["line"], error["column"] + 1, plain(text), is_error))
    if done.returncode > 1 and not problems:
        raise CheckError(f"mypy failed: {(done.stderr or done.stdout).strip()}")
    return sorted(problems)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``flambeau check``."""
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--all", action="store_true", help="the checker's other errors too")
    parser.add_argument("--checker", choices=CHECKERS, help="the type checker to run (the first that is installed)")


def run(options: argparse.Namespace) -> int:
    """Prints what is found: 0 without errors, 1 with some, 2 where the checker could not be run."""
    try:
        problems = check(options.files, checker=options.checker, everything=options.all)
    except (FileNotFoundError, CheckError) as error:
        print(f"flambeau check: {error}", file=sys.stderr)
        return 2
    here = Path.cwd()
    for problem in problems:
        path = Path(problem.path).resolve()
        shown = path.relative_to(here) if path.is_relative_to(here) else path
        print(f"{shown}:{problem.line}:{problem.column}: {problem.message}")
    count = sum(problem.is_error for problem in problems)
    print(f"{count} error{'' if count == 1 else 's'} in {len(options.files)} file{'' if len(options.files) == 1 else 's'}")
    return 1 if count else 0
