"""`flambeau check`: what it prints, and its exit status."""

from __future__ import annotations

import subprocess
import sys

import pytest

from flambeau.check import check, plain


def run(*arguments: str, folder) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "flambeau", "check", *arguments], capture_output=True, text=True, cwd=folder)


@pytest.fixture
def programs(tmp_path):
    (tmp_path / "good.py").write_text("import flambeau as torch\n\nx = torch.randn(2, 3) @ torch.randn(3, 4)\n")
    (tmp_path / "bad.py").write_text("import flambeau as torch\n\nx = torch.randn(2, 3) @ torch.randn(4, 5)\n")
    return tmp_path


@pytest.mark.parametrize("checker", ["pyrefly", "mypy"])
def test_the_command(programs, checker):
    pytest.importorskip(checker)
    good = run("--checker", checker, "good.py", folder=programs)
    assert (good.returncode, good.stdout) == (0, "0 errors in 1 file\n"), good.stderr
    bad = run("--checker", checker, "good.py", "bad.py", folder=programs)
    assert bad.returncode == 1
    lines = bad.stdout.splitlines()
    assert lines[0].startswith("bad.py:3:") and "3" in lines[0] and "4" in lines[0]
    assert lines[-1].endswith("in 2 files")


@pytest.mark.parametrize("checker", ["pyrefly", "mypy"])
def test_reveal_type_is_shown_and_is_no_error(programs, checker):
    pytest.importorskip(checker)
    (programs / "shown.py").write_text("import flambeau as torch\n\nreveal_type(torch.randn(2, 3).sum(1))\n")
    shown = run("--checker", checker, "shown.py", folder=programs)
    assert shown.returncode == 0
    first, last = shown.stdout.splitlines()
    assert first.startswith("shown.py:3:") and "Tensor" in first and "2" in first
    assert last == "0 errors in 1 file"


def test_a_message_has_the_operands_shapes(programs):
    pytest.importorskip("shape_extensions")
    text = "import flambeau as torch\nfrom flambeau import nn\n\nimages = torch.randn(8, 3, 32, 32)\n"
    text += "nn.Conv2d(1, 6, 5)(\n    images)\n"
    (programs / "layers.py").write_text(text + "é = images.flatten(1)\nnn.Sequential(nn.Linear(9, 2), nn.ReLU())(é * 2)\n")
    channels, features = check([programs / "layers.py"], checker="pyrefly")
    assert channels.line == 5 and channels.message.endswith("(Conv2d(1, 6), images: [8, 3, 32, 32])")
    assert features.line == 8 and features.message.endswith("(é * 2: [8, 3072])")


def test_a_shape_that_nothing_reads_is_noted(programs):
    pytest.importorskip("shape_extensions")
    head = "from flambeau import Tensor, float32\nfrom flambeau.typing import Shaped, cpu, shape_vars\n\n"
    function = 'def f(x: Shaped[Tensor[float32, cpu], "[2, 3]"]) -> None: ...\n'
    (programs / "unread.py").write_text(head + function + '@shape_vars("")\n' + function.replace("f(", "g("))
    (note,) = check([programs / "unread.py"], checker="pyrefly")
    assert note.line == 4 and not note.is_error and "shape_vars" in note.message


def test_what_cannot_be_checked(programs):
    missing = run("missing.py", folder=programs)
    assert missing.returncode == 2
    assert "no such file" in missing.stderr
    with pytest.raises(ValueError, match="unknown checker"):
        check([], checker="other")


def test_messages_are_made_plain():
    assert plain("Cannot evaluate type-level shape DSL call: gufunc: core dimension 'k' has conflicting extents H - 1 and 4") == (
        "size H - 1 meets size 4 in dimension 'k'"
    )
