"""What a stranger relies on: quick import, nothing heavy with it, layers that hold, a command line that answers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    import os

    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env={**os.environ, **environment}, check=False
    )


def test_importing_brings_nothing_heavy() -> None:
    found = python(
        "import sys, flambeau; print([m for m in ('numpy', 'llvmlite', 'scipy', 'wgpu', 'torch', 'einops') if m in sys.modules])"
    )
    assert found.stdout.strip() == "[]", found.stderr


def test_importing_works_where_numpy_does_not_exist() -> None:
    code = "import sys; sys.modules.update(dict.fromkeys(['numpy', 'llvmlite', 'scipy', 'ml_dtypes', 'safetensors'])); "
    found = python(code + "import flambeau as torch; import flambeau.nn.functional, flambeau.optim; print(torch.float32)")
    assert found.stdout.strip() == "torch.float32", found.stderr


def test_imports_go_down_the_house() -> None:
    done = subprocess.run([Path(sys.executable).parent / "lint-imports"], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("command", [["info"], ["--help"], ["run", "--help"]], ids=" ".join)
def test_the_command_line_answers(command: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", "flambeau", *command], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0 and "flambeau" in done.stdout, done.stderr


def test_every_public_name_is_there() -> None:
    import flambeau

    assert [name for name in flambeau.__all__ if not hasattr(flambeau, name)] == []


def test_a_program_for_pytorch_runs_as_it_is(tmp_path: Path) -> None:
    """`flambeau run`: here and in the processes that the program starts; its arguments and its status are its own."""
    (tmp_path / "program.py").write_text("""
import importlib.metadata
import multiprocessing
import sys

import torch.nn as nn
from torch.optim import SGD
import torch


def answer(queue):
    queue.put((torch.__version__, nn.Linear(2, 3)(torch.ones(1, 2)).shape))


if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=answer, args=(queue,))
    process.start()
    assert queue.get() == (importlib.metadata.version("torch"), (1, 3))
    process.join()
    print(torch.__version__, SGD.__module__, sys.argv[1:])
    sys.exit(3)
""")
    command = [sys.executable, "-m", "flambeau", "run", tmp_path / "program.py", "--epochs", "-m"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 3, done.stderr
    assert done.stdout.split(maxsplit=2)[1:] == ["flambeau.optim.sgd", "['--epochs', '-m']\n"] and "+flambeau" in done.stdout
