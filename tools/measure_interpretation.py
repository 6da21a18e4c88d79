"""How much interpretation finds: `python -m tools.measure_interpretation [SEED [NUMBERS]]`, in the project's folder.

In each right program of `tests/typing/corpus` some numbers are changed, one at a time. Each changed program is run, and
interpreted: what a run refuses is to be reported, and what runs is not.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import random
import subprocess
import sys
import tempfile
import types
import typing
import warnings
from collections.abc import Iterator
from pathlib import Path

CORPUS = Path(__file__).resolve().parent.parent / "tests" / "typing" / "corpus"


def changed(text: str, source: random.Random, count: int) -> Iterator[str]:
    """The program with one number one more, one less or doubled."""
    numbers = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant) and type(node.value) is int]
    for node in source.sample(numbers, min(count, len(numbers))):
        value = node.value
        assert isinstance(value, int) and node.end_col_offset is not None
        other = source.choice([value + 1, 2 * value, max(1, value - 1)])
        if other == value:
            continue
        lines = text.split("\n")
        line = lines[node.lineno - 1].encode()
        lines[node.lineno - 1] = (line[: node.col_offset] + str(other).encode() + line[node.end_col_offset :]).decode()
        yield "\n".join(lines)


def interpreted(paths: list[Path]) -> set[str]:
    """The programs of which something is reported."""
    done = subprocess.run([sys.executable, "-m", "flambeau.interpretation", *map(str, paths)], capture_output=True, text=True)
    findings = map(json.loads, done.stdout.splitlines())
    return {Path(finding["path"]).name for finding in findings if finding["is_error"]}


def is_refused(path: Path) -> bool:
    """Whether a run of the program raises."""
    module = types.ModuleType("program")
    sys.modules["program"] = module  # dataclasses look their module up
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exec(compile(path.read_text(), str(path), "exec"), vars(module))
        except Exception:
            return True
    return False


def main(seed: int = 0, count: int = 5) -> None:
    """Prints how many are refused and reported, refused only, reported only, and neither."""
    typing.reveal_type = lambda value: value  # type: ignore[assignment]
    source = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for program in sorted(CORPUS.glob("*.py")):
            for number, text in enumerate(changed(program.read_text(), source, count)):
                paths.append(Path(folder) / f"{program.stem}_{number}.py")
                paths[-1].write_text(text)
        reported = interpreted(paths)
        counts = {(refused, told): 0 for refused in (True, False) for told in (True, False)}
        for path in paths:
            refused = is_refused(path)
            counts[refused, path.name in reported] += 1
            if refused != (path.name in reported):
                print("refused, not reported" if refused else "reported, but runs", path.name)
    print(f"{counts[True, True]} of {counts[True, True] + counts[True, False]} refused programs are reported, ", end="")
    print(f"and {counts[False, True]} of {counts[False, True] + counts[False, False]} that run")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
