"""What a newcomer waits for: a program's first calls in a process of their own, with no kernel on disk and with all.

Bytecode is compiled before, as in an installed package. May import `benchmarks.first_programs` and `benchmarks.timing`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.first_programs import PROGRAMS
from benchmarks.timing import table

__all__ = ["first_calls"]

_CHILD = """
import json, sys, time
library, name, is_compiled = sys.argv[1], sys.argv[2], sys.argv[3] == "True"
start = time.perf_counter()
lib = __import__(library)
imported = time.perf_counter() - start
from benchmarks.first_programs import PROGRAMS
lib.set_num_threads(2)
lib.manual_seed(0)
calls = PROGRAMS[name](lib, lib.compile if is_compiled else lambda f: f)
taken = []
for _ in range(2):  # a training step's second call is another program for a lazy library: its parameters are in memory
    start = time.perf_counter()
    for call in calls.values():
        call()
    taken.append(time.perf_counter() - start)
print(json.dumps([imported, *taken]))
"""


def _run(library: str, name: str, cache: Path, is_compiled: bool = False) -> tuple[float, float, float] | None:
    """Seconds of the import, of all first calls and of all second ones; None where there is nothing to compile with."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment = {
        **kept,
        "FLAMBEAU_CACHE_DIR": str(cache / "kernels"),
        "TORCHINDUCTOR_CACHE_DIR": str(cache / "inductor"),
        "PYTHONPYCACHEPREFIX": str(cache.parent / "bytecode"),
    }
    command = [sys.executable, "-c", _CHILD, library, name, str(is_compiled)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        if is_compiled:  # there is no C++ compiler, say
            return None
        raise RuntimeError(done.stderr)
    imported, first, second = json.loads(done.stdout.splitlines()[-1])
    return imported, first, second


def first_calls(filter: str = "") -> str:
    """Seconds of the first and second calls of the programs whose name has `filter`."""
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        for library in ("flambeau", "torch"):  # compiles bytecode
            _run(library, next(iter(PROGRAMS)), Path(directory) / "before")
        for number, name in enumerate(PROGRAMS):
            if filter not in name:
                continue
            cache = Path(directory) / str(number)
            cold, warm = _run("flambeau", name, cache), _run("flambeau", name, cache)
            eager, compiled = _run("torch", name, cache), _run("torch", name, cache, True)
            row = [name]
            for found in (cold, warm, eager, compiled):
                row.append("-" if found is None else f"{found[1]:.2f}, {found[2]:.2f}")
            assert warm is not None and eager is not None
            rows.append([*row, f"{warm[0]:.2f}, {eager[0]:.2f}"])
            print("|", " | ".join(rows[-1]), "|", file=sys.stderr, flush=True)
    header = [
        "s, first and second time",
        "no cache",
        "warm cache",
        "PyTorch",
        "torch.compile, no cache",
        "import: flambeau, PyTorch",
    ]
    return table("First calls", header, rows)
