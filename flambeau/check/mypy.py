"""What mypy finds with flambeau's plugin. May import `flambeau.check.problems` and `flambeau.config`."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from flambeau.check.problems import ABOUT_TENSORS, CheckError, Problem, is_installed_as_package, package_parent, plain, run
from flambeau.config import cache_directory

__all__ = ["NEEDS", "check"]

NEEDS = ("mypy",)


def check(paths: Sequence[Path], everything: bool) -> list[Problem]:
    """The errors of some files, and what `reveal_type` shows. Raises CheckError."""
    with tempfile.TemporaryDirectory(prefix="flambeau-check-") as folder:
        config = Path(folder) / "mypy.ini"
        lines = ["[mypy]", "plugins = flambeau.typing.mypy"]
        if not is_installed_as_package():
            lines += [f"mypy_path = {package_parent()}", "[mypy-flambeau.*]", "ignore_errors = True"]
        config.write_text("\n".join(lines) + "\n")
        command = [sys.executable, "-m", "mypy", "--cache-dir", str(_cache(paths)), "--config-file", str(config)]
        command += ["--output", "json", *map(str, paths)]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([package_parent(), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
        }
        done = run(command, environment)
    problems = []
    for line in done.stdout.splitlines():
        try:
            error = json.loads(line)
        except json.JSONDecodeError:
            continue
        text, is_error = error["message"], error["severity"] == "error"
        wanted = everything or error["code"] == "shape" or ABOUT_TENSORS.search(text)
        if (is_error and wanted) or text.startswith("Revealed type is"):
            problems.append(Problem(error["file"], error["line"], error["column"] + 1, plain(text), is_error))
    if done.returncode > 1 and not problems:
        raise CheckError(f"mypy failed: {(done.stderr or done.stdout).strip()}")
    return problems


def _cache(paths: Sequence[Path]) -> Path:
    """Where mypy keeps what it knows: a place for each set of folders, as it goes by modules' names and not by their paths."""
    folders = "\n".join(sorted({str(path.resolve().parent) for path in paths}))
    return cache_directory() / "mypy" / hashlib.sha256(folders.encode()).hexdigest()[:16]
