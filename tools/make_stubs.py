"""Writes the stubs: ``make stubs``, or ``python -m tools.make_stubs`` in the project's folder.

With ``--check`` it only says whether they are current (CI fails where they are not).

From `flambeau/typing/signatures` (the operators), `tools/stubs/templates` (the classes) and the run time's own names it
writes `flambeau/_pyrefly/*.pyi`, where Pyrefly computes shapes with the rules of `_rules.pyi`, and `flambeau/_portable/*.pyi`,
which any checker reads.
"""

from __future__ import annotations

import sys
from pathlib import Path

from flambeau.typing import signatures as table
from tools.stubs.portable import union_variables
from tools.stubs.runtime import modules, rest_of
from tools.stubs.templates import TEMPLATES, filled

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "flambeau"
HEADER = (
    "# ruff: noqa\n# fmt: off\n# mypy: ignore-errors\n"
    '"""Written by tools/make_stubs.py from flambeau/typing/signatures: run `make stubs`, do not edit."""\n\n'
)


def generate() -> dict[Path, str]:
    """Every stub's path and text."""
    signatures = table.SIGNATURES
    result: dict[Path, str] = {}
    for kind in ("pyrefly", "portable"):
        folder = PACKAGE / f"_{kind}"
        for template in sorted(TEMPLATES.glob(f"{kind}_*.pyi.in")):
            name = template.name.removeprefix(f"{kind}_").removesuffix(".in")
            text = filled(template.name, signatures, kind)
            namespace = {
                "_functions.pyi": "",
                "_functional.pyi": ".nn.functional",
                "nn.pyi": ".nn",
                "_linalg.pyi": ".linalg",
                "_fft.pyi": ".fft",
            }.get(name)
            if namespace is not None:
                others = (TEMPLATES / f"{kind}__aliases.pyi.in").read_text() if not namespace else ""
                gate = (TEMPLATES / "gate___init__.pyi.in").read_text() if not namespace else ""
                text += rest_of(namespace, text + others + gate + "\nclass Tensor: ...\n", kind)
            result[folder / name] = HEADER + text
    variables = PACKAGE / "_portable" / "_variables.pyi"  # last: by now every union has been met
    result[variables] = result[variables].replace("# {union_variables}\n", union_variables())
    for template in sorted(TEMPLATES.glob("gate_*.pyi.in")):
        where = template.name.removeprefix("gate_").removesuffix(".pyi.in").replace(".", "/") + ".pyi"
        result[PACKAGE / where] = HEADER + template.read_text().replace("# {modules}\n", modules())
    return result


def main() -> int:
    """Write the stubs, or with ``--check`` compare them. Exit status 1 where they are stale."""
    check = "--check" in sys.argv[1:]
    stale = []
    for path, text in generate().items():
        if path.exists() and path.read_text() == text:
            continue
        stale.append(path)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    for path in stale:
        print(("stale: " if check else "wrote ") + str(path.relative_to(ROOT)))
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
