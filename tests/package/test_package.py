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


@pytest.mark.parametrize("command", ["info", "--help"])
def test_the_command_line_answers(command: str) -> None:
    done = subprocess.run([sys.executable, "-m", "flambeau", command], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0 and "flambeau" in done.stdout, done.stderr


def test_every_public_name_is_there() -> None:
    import flambeau

    assert [name for name in flambeau.__all__ if not hasattr(flambeau, name)] == []
