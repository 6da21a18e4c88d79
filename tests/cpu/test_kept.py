"""The runner's own code is compiled once, and read from disk from then on."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import flambeau
import flambeau.config as config
from flambeau.devices.cpu.image import Image
from flambeau.devices.cpu.jit import Jit
from flambeau.devices.cpu.kept import kept_image, sources
from flambeau.devices.cpu.machine import host
from flambeau.devices.cpu.runner.walking import walking

SOURCE = "define i64 @answer() { ret i64 42 }"


def test_code_is_read_from_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(config, "cache_directory", lambda: tmp_path)
    made: list[str] = []
    assemble = Jit.assemble
    monkeypatch.setattr(Jit, "assemble", lambda self, ir: made.append(ir) or assemble(self, ir))
    jit = Jit(host())
    first = kept_image(jit, SOURCE)
    again = kept_image(jit, SOURCE)
    assert made.count(SOURCE) == 1
    assert first == again
    assert Image.from_bytes(first.to_bytes()) == first
    for kept in tmp_path.glob("cpu/*/*"):
        kept.write_bytes(kept.read_bytes()[:-1])
    assert kept_image(jit, SOURCE) == first
    assert made.count(SOURCE) == 2


def test_the_runner_holds_no_address_of_the_process() -> None:
    assert "inttoptr" not in walking(host())


def test_names_on_disk_change_with_all_that_the_code_generator_imports() -> None:
    """Else a new version would run code that an old one made."""
    known = {str(path) for path in sources()}
    root = Path(flambeau.__file__).parent
    for path in root.glob("codegen/llvm/**/*.py"):
        assert str(path) in known
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("flambeau."):
                module = root.joinpath(*str(node.module).split(".")[1:])
                file = module / "__init__.py" if module.is_dir() else module.with_suffix(".py")
                assert str(file) in known, f"{path} imports {node.module}"
