"""What a checker finds, and how one is run. May import nothing of flambeau."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

__all__ = ["ABOUT_TENSORS", "CheckError", "Problem", "is_installed_as_package", "package_parent", "plain", "run"]

TIMEOUT = 600  # seconds

# What an error about tensors speaks of, in either checker's words.
ABOUT_TENSORS = re.compile(r"Tensor\b|type-level shape|flambeau|IntTuple|Int\[|Flag\[|\bshape\b|floating|dtype")


class Problem(NamedTuple):
    """One finding: where (line and column count from 1) and what; `is_error` is False for what `reveal_type` tells."""

    path: str
    line: int
    column: int
    message: str
    is_error: bool = True


class CheckError(RuntimeError):
    """The checker could not be run."""


def package_parent() -> str:
    """The folder that holds the package."""
    return str(Path(__file__).resolve().parent.parent.parent)


def is_installed_as_package() -> bool:
    """Whether checkers find flambeau by themselves: they don't run an editable install's import hook."""
    return "site-packages" in package_parent()


def run(command: list[str], environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Runs a checker. Raises CheckError when it takes too long."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, env=environment, check=False)
    except subprocess.TimeoutExpired:
        raise CheckError(f"{command[2]} took more than {TIMEOUT} seconds") from None


def plain(message: str) -> str:
    """A checker's message on one line, without what it says of its own machinery and without lists of overloads."""
    text = " ".join(message.split())
    for pattern, replacement in _PLAINER:
        text = re.sub(pattern, replacement, text)
    return text.strip()


_PLAINER = (
    (r"Cannot evaluate type-level shape DSL call: ", ""),
    (r"gufunc: core dimension '(\w+)' has conflicting extents (.+?) and (\S+)", r"size \2 meets size \3 in dimension '\1'"),
    (r"Cannot broadcast dimension Int\[(.+?)\] with dimension Int\[(.+?)\]", r"cannot broadcast size \1 with size \2"),
    (r"Shape dimension mismatch: expected Int\[(.+)\], got Int\[(.+)\]$", r"(expected size \1, got \2)"),
    (r"Possible overloads:.*?\[closest match\].*?(?=Argument `|`[^`]*` is not |$)", ""),
    (r"No matching overload found for function `[\w.]*?(\w+)` called with arguments: \((.*?)\)(?= |$)", r"\1 cannot take (\2):"),
    (r"flambeau\._(?:pyrefly|portable)\.(?:_?\w+\.)", ""),
)
