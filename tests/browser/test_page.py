"""flambeau in a web page: headless Chromium with its software WebGPU, Pyodide from npm, everything served from localhost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PATIENCE = 300
"""Seconds that a page may take for one thing: some twenty times what it takes on two idle cores."""

_CRASH = "the page crashed"
"""What the driver notes when Chromium's process for a page ends."""

pytestmark = pytest.mark.slow


def _missing() -> str | None:
    """Why there can be no page, if so; installs what npm has."""
    if shutil.which("node") is None:
        return "node is not installed"
    if not Path(os.environ.get("CHROMIUM", "/usr/bin/chromium")).exists():
        return "chromium is not installed"
    if not (HERE / "node_modules" / "pyodide").exists():
        if shutil.which("npm") is None:
            return "npm is not installed"
        command = ["npm", "ci", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"npm could not install pyodide and playwright-core: {done.stderr[-300:]}"
    return None


def build_wheel(folder: Path) -> Path:
    """The library's wheel, as it is shipped, made from a copy so that the tree stays clean."""
    source = folder / "source"
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        source.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "flambeau", source / "flambeau", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder)]
    try:
        import setuptools

        if int(setuptools.__version__.split(".")[0]) >= 77:  # what pyproject.toml asks for: no need to fetch it
            command.append("--no-build-isolation")
    except ImportError:
        pass
    done = subprocess.run([*command, str(source)], check=False, capture_output=True, text=True)
    assert not done.returncode, f"the wheel could not be built:\n{done.stdout}\n{done.stderr}"
    (built,) = folder.glob("*.whl")
    return built


class Browser:
    """One running browser (`driver.mjs`) that opens a page for each test."""

    def __init__(self, folder: Path) -> None:
        self.pictures = folder / "pictures"
        self.pictures.mkdir()
        self.log = folder / "driver.log"
        self.process = subprocess.Popen(
            ["node", str(HERE / "driver.mjs"), str(build_wheel(folder)), str(self.pictures)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log.open("w"),
            text=True,
        )

    def visit(self, kind: str, seconds: int = PATIENCE, **details: Any) -> dict[str, Any]:
        """What the page found; fails with its console, and a picture of it, when it found an error.

        A page whose process crashed is opened once more: about one in eight starts of Chromium's software GPU ends so, whatever
        the page does. What crashes every time fails.
        """
        answer = self._answer(kind, seconds, details)
        if _CRASH in answer["console"]:
            answer = self._answer(kind, seconds, details)
        heard = "\n".join(answer["console"])
        assert "error" not in answer, f"{answer['error']}\n--- the page's console:\n{heard}\n--- picture: {answer['picture']}"
        return answer["outcome"]

    def _answer(self, kind: str, seconds: int, details: dict[str, Any]) -> dict[str, Any]:
        """What the driver says of one visit."""
        assert self.process.stdin is not None and self.process.stdout is not None
        watchdog = threading.Timer(4 * seconds, self.process.kill)  # the driver's own waits end before
        watchdog.start()
        try:
            self.process.stdin.write(json.dumps({"visit": kind, "seconds": seconds, **details}) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        finally:
            watchdog.cancel()
        assert line, f"the browser's driver ended: {self.log.read_text()[-3000:]}"
        return json.loads(line)

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The browser that all pages are opened in."""
    reason = _missing()
    if reason is not None:
        if os.environ.get("FLAMBEAU_CI"):
            pytest.fail(f"the page test has to run in CI, but {reason}")
        pytest.skip(reason)
    started = Browser(tmp_path_factory.mktemp("browser"))
    yield started
    started.close()


def test_a_page_computes_trains_and_waits(browser: Browser) -> None:
    found = browser.visit("program", file=str(HERE / "program.py"))
    assert not found["numpy"], "NumPy must not be needed in the page"
    assert found["worst_error"] < 2e-6, "conv2d and its gradients must equal PyTorch's"
    losses = found["losses"]
    assert losses[-1] < 0.3 * losses[0], losses
    assert found["accuracy"] > 0.9
    assert found["printed"] == "tensor([0, 2, 4, 6], device='webgpu:0')"
    assert len(found["told"]) == 1 and "await flambeau.webgpu.fetch" in found["told"][0]
    assert found["fetched"] == ["cpu", [2.0, 2.0, 2.0]]
    assert found["kernels"]
    assert 0 < found["memory"] < 4 << 20


def test_the_example_trains_draws_and_stops(browser: Browser) -> None:
    found = browser.visit("example", steps=40)
    assert 40 <= found["step"] < 60, "the stop button ends the training"
    assert found["state"].startswith("stopped: reads") and found["samples"] == 32
    losses = found["losses"]
    assert len(losses) == found["step"]
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5]), losses
    assert len(found["drawing"]) == 64 and max(found["drawing"]) >= 8, "a stroke, shrunk to the digits' size"
    assert found["guess"] in set("0123456789")
    for name in ("training.png", "stopped.png"):
        assert (browser.pictures / name).stat().st_size > 10_000


@pytest.mark.parametrize(
    ("what", "told"), [("gpu", "WebGPU"), ("adapter", "WebGPU"), ("flambeau.whl", "flambeau.whl"), ("pyodide.mjs", "Python")]
)
def test_the_example_says_what_is_missing(browser: Browser, what: str, told: str) -> None:
    found = browser.visit("without", what=what)
    assert told in found["state"] and not found["can_start"]
    assert "nn.Conv2d" in found["program"], "the program can be read all the same"
