"""Programs with planted errors, and programs without any, for each type checker: every one on its line, and nothing else.

Each checker runs once, over all programs. A line ending in ``# E`` must be reported by Pyrefly and by mypy with the plugin; one
ending in ``# E: all`` by pyright and ty as well, one in ``# E: mypy`` by the plugin alone.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flambeau.check import check
from tests.helpers.once import once

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PROGRAMS = sorted((HERE / "programs").glob("*.py"))
MARK = re.compile(r"#\s*E(?:: (all|mypy))?\s*$")


def planted(path: Path, *said_by: str) -> set[int]:
    """The lines whose mark is among these: "" (Pyrefly and mypy), "all" and "mypy"."""
    lines = path.read_text().splitlines()
    marks = {number: MARK.search(line) for number, line in enumerate(lines, 1)}
    return {number for number, mark in marks.items() if mark and (mark.group(1) or "") in said_by}


def in_scripts(name: str) -> str | None:
    return shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)


def by_line(problems) -> dict[str, dict[int, str]]:
    result: dict[str, dict[int, str]] = {path.name: {} for path in PROGRAMS}
    for path, line, message in problems:
        result[Path(path).name].setdefault(line, message)
    return result


def with_flambeau_check(checker: str) -> dict[str, dict[int, str]]:
    return by_line(
        (problem.path, problem.line, problem.message)
        for problem in check(PROGRAMS, checker=checker, everything=True)
        if problem.is_error
    )


@pytest.fixture(scope="session")
def pyrefly(tmp_path_factory):
    pytest.importorskip("pyrefly")
    pytest.importorskip("mypy")
    if importlib.util.find_spec("shape_extensions") is None:
        pytest.skip("pyrefly-shape-extensions is not installed")
    return once(tmp_path_factory, "programs-pyrefly", lambda: with_flambeau_check("pyrefly"))


@pytest.fixture(scope="session")
def mypy(tmp_path_factory):
    pytest.importorskip("mypy")
    return once(tmp_path_factory, "programs-mypy", lambda: with_flambeau_check("mypy"))


@pytest.fixture(scope="session")
def pyright(tmp_path_factory):
    program = in_scripts("pyright")
    if program is None:
        pytest.skip("pyright is not installed")
    folder = tmp_path_factory.mktemp("pyright")  # pyright takes settings or files, and only files beside the settings
    for path in PROGRAMS:
        shutil.copy(path, folder)
    (folder / "pyrightconfig.json").write_text(json.dumps({"extraPaths": [str(ROOT)]}))
    command = [program, "-p", str(folder), "--outputjson", "--pythonpath", sys.executable]

    def run():
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        return done.stdout, done.stderr

    said, complaint = once(tmp_path_factory, "programs-pyright", run)
    if not said.startswith("{"):  # it fetches Node when it has none
        pytest.skip(f"pyright did not start: {complaint[-200:]}")
    found = json.loads(said)["generalDiagnostics"]
    return by_line((d["file"], d["range"]["start"]["line"] + 1, d["message"]) for d in found if d["severity"] == "error")


@pytest.fixture(scope="session")
def ty():
    program = in_scripts("ty")
    if program is None:
        pytest.skip("ty is not installed")
    command = [program, "check", *map(str, PROGRAMS), "--python", sys.executable, "--extra-search-path", str(ROOT)]
    done = subprocess.run([*command, "--output-format", "concise"], capture_output=True, text=True, timeout=600)
    pattern = re.compile(r"^(.*?):(\d+):\d+: error(.*)$", re.M)
    return by_line((path, int(line), text) for path, line, text in pattern.findall(done.stdout))


def agree(path: Path, found: dict[str, dict[int, str]], *said_by: str) -> None:
    reported = found[path.name]
    missed = sorted(planted(path, *said_by) - set(reported))
    false = {line: message for line, message in reported.items() if line not in planted(path, "", "all", "mypy")}
    assert not missed and not false, f"{path.name}: missed lines {missed}, reported without reason {false}"


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_pyrefly(path, pyrefly):
    agree(path, pyrefly, "", "all")


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_mypy_with_the_plugin(path, mypy):
    agree(path, mypy, "", "all", "mypy")


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_pyright(path, pyright):
    agree(path, pyright, "all")


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_ty(path, ty):
    agree(path, ty, "all")


def test_mypy_messages_carry_the_numbers(mypy):
    messages = " ".join(mypy["classic_mistakes.py"].values())
    assert "conv2d: input [8, 3, 32, 32] has 3 channels but weight [16, 4, 3, 3] expects 4" in messages


def test_stubs_are_current():
    done = subprocess.run([sys.executable, "-m", "tools.make_stubs", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + "run `make stubs`"
