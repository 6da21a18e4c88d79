"""Runs the tests of PyTorch's own samples in a process of their own.

Importing the samples changes settings of PyTorch and of hypothesis for the whole process, so no other test shares it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.slow
def test_samples_of_pytorch() -> None:
    files = [str(HERE / "modules.py"), str(HERE / "optimizers.py")]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files]
    run = subprocess.run(command, cwd=HERE.parent.parent, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-2000:]
