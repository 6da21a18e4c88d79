"""Type-checks the library's own code with mypy: its sources without the stubs, which describe it to users instead.

Run as `python tools/check_types.py` from anywhere; the exit status is mypy's.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "flambeau"
        shutil.copytree(ROOT / "flambeau", copy, ignore=shutil.ignore_patterns("*.pyi", "__pycache__", "py.typed"))
        command = [
            sys.executable,
            "-m",
            "mypy",
            "--config-file",
            str(ROOT / "pyproject.toml"),
            "--cache-dir",
            str(ROOT / ".mypy_cache"),
        ]
        return subprocess.run([*command, "flambeau"], cwd=folder, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
