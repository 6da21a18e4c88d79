"""flambeau in a web page: headless Chromium with its software WebGPU, Pyodide from npm, everything served from localhost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def _missing() -> str | None:
    if shutil.which("node") is None:
        return "node is not installed"
    if not Path(os.environ.get("CHROMIUM", "/usr/bin/chromium")).exists():
        return "chromium is not installed"
    if not (HERE / "node_modules" / "pyodide").exists():
        if shutil.which("npm") is None:
            return "npm is not installed"
        done = subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund"], cwd=HERE, capture_output=True, text=True, check=False
        )
        if done.returncode:
            return f"npm could not install pyodide and playwright-core: {done.stderr[-300:]}"
    return None


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library's wheel, as it is shipped."""
    reason = _missing()
    if reason is not None:
        if os.environ.get("FLAMBEAU_CI"):
            pytest.fail(f"the page test has to run in CI, but {reason}")
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("wheel")
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "flambeau", source / "flambeau", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(source)]
    try:
        import setuptools

        modern = int(setuptools.__version__.split(".")[0]) >= 77
    except ImportError:
        modern = False
    if modern:
        command.insert(5, "--no-build-isolation")
    subprocess.run(command, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def run_in_page(wheel: Path, program: Path, timeout: int = 600) -> dict[str, Any]:
    """What the program found, run in the page."""
    done = subprocess.run(
        ["node", str(HERE / "driver.mjs"), str(wheel), str(program)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env={**os.environ, "PAGE_TIMEOUT": str(timeout - 30)},
    )
    lines = done.stdout.strip().splitlines()
    assert lines, done.stderr
    outcome = json.loads(lines[-1])
    assert "error" not in outcome, "\n".join([*lines[:-1], outcome["error"]])
    return outcome


@pytest.mark.slow
def test_a_page_computes_trains_and_waits(wheel: Path) -> None:
    found = run_in_page(wheel, HERE / "program.py")
    assert not found["numpy"], "NumPy must not be needed in the page"
    assert found["worst_error"] < 2e-5, "conv2d and its gradients must equal PyTorch's"
    losses = found["losses"]
    assert losses[-1] < 0.3 * losses[0], losses
    assert found["accuracy"] > 0.9
    assert found["printed"] == "tensor([0, 2, 4, 6], device='webgpu:0')"
    assert len(found["told"]) == 1 and "await flambeau.webgpu.fetch" in found["told"][0]
    assert found["fetched"] == ["cpu", [2.0, 2.0, 2.0]]
    assert found["kernels"]
    assert 0 < found["memory"] < 4 << 20


@pytest.mark.slow
def test_the_example_trains_draws_and_stops(wheel: Path, tmp_path: Path) -> None:
    picture = tmp_path / "page.png"
    done = subprocess.run(
        ["node", str(HERE / "example.mjs"), str(wheel), "40", str(picture)],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    outcome = json.loads(done.stdout.strip().splitlines()[-1])
    assert "error" not in outcome, outcome
    assert 40 <= outcome["step"] < 60, "the stop button ends the training"
    assert outcome["state"].startswith("stopped: reads") and outcome["samples"] == 32
    assert picture.stat().st_size > 10_000
