"""Programs as users write them, right and with planted mistakes (`corpus_variants` says how they are marked).

Right programs: no checker reports anything, and what it reveals is what the program has at run time. Mistakes: reported at their
line, with sizes or types in the message. Each checker runs once, over all.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib.util
import io
import re
import sys
import types
import typing
import warnings
from pathlib import Path

import pytest
from corpus_variants import programs, reveals, sizes, variants

import flambeau as torch
from flambeau.check import check
from tests.helpers.once import once

PROGRAMS = programs()
VARIANTS = {path.stem: list(variants(path)) for path in PROGRAMS}
CHECKERS = ("pyrefly", "mypy")
pytestmark = pytest.mark.slow
by_name = pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)


def run(text: str, name: str) -> dict[int, object]:
    """What a program reveals at run time, by line. Its tensors are the reference device's, if it names no other itself: for
    their shapes no kernels need be compiled."""
    seen: dict[int, object] = {}

    def reveal_type(value):
        seen[sys._getframe(1).f_lineno] = value
        return value

    module = types.ModuleType("program")
    sys.modules["program"] = module  # dataclasses look their module up
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setattr(typing, "reveal_type", reveal_type)
        with torch.device("cpu" if '"cpu"' in text else "reference"):
            exec(compile(text, name, "exec"), module.__dict__)
    del sys.modules["program"]
    return seen


@functools.cache
def at_run_time(path: Path) -> dict[int, object]:
    torch.manual_seed(0)
    return run(path.read_text(), path.name)


@pytest.fixture(scope="session", params=CHECKERS)
def found(request, tmp_path_factory):
    """(the checker's name, its findings by file)."""
    pytest.importorskip(request.param)
    if request.param == "pyrefly" and importlib.util.find_spec("shape_extensions") is None:
        pytest.skip("pyrefly-shape-extensions is not installed")

    def problems():
        folder = tmp_path_factory.mktemp("corpus")
        texts = {path.name: path.read_text() for path in PROGRAMS}
        texts |= {variant.file: variant.text for several in VARIANTS.values() for variant in several}
        for name, text in texts.items():
            (folder / name).write_text(text)
        result: dict[str, list] = {name: [] for name in texts}
        for problem in check([folder / name for name in texts], checker=request.param, everything=True):
            result[Path(problem.path).name].append(problem)
        return result

    return request.param, once(tmp_path_factory, f"corpus-{request.param}", problems)


def size(part: str, names: dict[str, int]) -> int | None:
    """The value of a size as a checker writes it, None where it does not know."""
    part = re.sub(r"^Literal\['?(.*?)'?\]$", r"\1", part.strip())
    if part in ("int", "Any") or "Unknown" in part:
        return None
    return eval(compile(ast.parse(part, mode="eval"), "size", "eval"), {}, names)


def parsed(revealed: str, names: dict[str, int]) -> tuple[str, list[int | None] | None] | None:
    """(dtype, shape) of a revealed tensor; None for another type."""
    found = re.search(r"(?:Tensor|Parameter)\[(\w+), \w+(?:, (.*))?\]\"?$", revealed)
    if not found:
        return None
    dtype, shape = found.groups()
    shape = re.fullmatch(r"(?:tuple)?\[(.*)\]", shape or "Any")
    if shape is None:
        return dtype, None
    return dtype, [size(part, names) for part in shape.group(1).replace("()", "").split(", ") if part]


@by_name
def test_right_programs_have_no_errors(path, found):
    errors = [(problem.line, problem.message) for problem in found[1][path.name] if problem.is_error]
    assert not errors


@by_name
def test_what_is_revealed_is_true(path, found):
    checker, problems = found
    text = path.read_text()
    shown = {problem.line: problem.message for problem in problems[path.name] if not problem.is_error}
    for reveal in reveals(text):
        value = at_run_time(path)[reveal.line]
        what = f"{path.name}:{reveal.line}: {shown[reveal.line]}, at run time {getattr(value, 'shape', value)}"
        if not isinstance(value, torch.Tensor):
            continue
        dtype, shape = parsed(shown[reveal.line], sizes(text)) or ("Any", None)
        assert dtype in (str(value.dtype).removeprefix("torch."), "Any", "Unknown"), what
        known = shape is not None and None not in shape
        if shape is not None:
            assert len(shape) == value.ndim and all(a in (None, b) for a, b in zip(shape, value.shape)), what
        assert known != (checker in reveal.open_to), what


@by_name
def test_mistakes_are_reported(path, found):
    checker, problems = found
    for variant in VARIANTS[path.stem]:
        messages = [p.message for p in problems[variant.file] if p.is_error and p.line in variant.lines]
        what = f"{variant.program}.py:{variant.lines}: {variant.mistake}"
        assert bool(messages) != (checker in variant.unseen_by), f"{what}: {[p[1:4] for p in problems[variant.file]]}"
        said = r"\d|Tensor|\[.*\]|->|Tuple index|type parameter|tensors"  # the last three: mypy's words, and the run's
        assert not messages or any(re.search(said, message) for message in messages), f"{what}: {messages}"


@by_name
def test_mistakes_raise_at_run_time(path):
    for variant in VARIANTS[path.stem]:
        if variant.at_run_time:
            with pytest.raises((RuntimeError, ValueError, IndexError, TypeError, NotImplementedError, AssertionError)):
                run(variant.text, variant.file)
                pytest.fail(f"{variant.program}: {variant.mistake!r} runs")
