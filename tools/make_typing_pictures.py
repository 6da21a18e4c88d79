"""Draws what an editor shows: the programs in docs/typing/examples with Pyrefly's errors under the code and its types beside it.

``python tools/make_typing_pictures.py`` writes docs/typing/*.svg. A line that ends in ``# ?`` shows the type that Pyrefly gives
to the name it assigns.
"""

from __future__ import annotations

import json
import keyword
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from flambeau.check import plain  # noqa: E402

FOLDER = ROOT / "docs" / "typing"
WIDTH, LINE, CHARACTER, LEFT = 1180, 22, 8.43, 52
COLOURS = {"text": "#d4d4d4", "keyword": "#c586c0", "string": "#ce9178", "number": "#b5cea8", "comment": "#6a9955"}
TOKEN = re.compile(r"(?P<comment>#.*)|(?P<string>\"[^\"]*\")|(?P<number>\b\d[\w.]*)|(?P<word>\b[A-Za-z_]\w*)|(?P<rest>.)")


def checked(source: str) -> tuple[dict[int, list[tuple[int, int, str]]], dict[int, str]]:
    """(line → errors (column, end, message), line → type) of a program."""
    lines, origin, revealed = [], {}, {}
    for number, line in enumerate(source.splitlines(), 1):
        origin[len(lines) + 1] = number
        lines.append(line.removesuffix("  # ?"))
        name = re.match(r"(\s*)(\w+) = .*# \?$", line)
        if name:
            lines.append(f"{name.group(1)}reveal_type({name.group(2)})")
            revealed[len(lines)] = number
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "program.py"
        program.write_text("\n".join(["from typing import reveal_type", *lines]) + "\n")
        command = [sys.executable, "-m", "pyrefly", "check", str(program), "--output-format", "json", "--min-severity", "info"]
        command += ["--python-interpreter-path", sys.executable, "--search-path", str(ROOT), "--preset", "default"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    errors: dict[int, list[tuple[int, int, str]]] = {}
    types: dict[int, str] = {}
    for found in json.loads(done.stdout)["errors"]:
        line = found["line"] - 1
        if found["name"] == "reveal-type":
            types[revealed[line]] = found["description"].removeprefix("revealed type: ")
            continue
        message = plain(found["description"])
        end = found["stop_column"] if found["stop_line"] == found["line"] else found["column"] + 1
        errors.setdefault(origin[line], []).append((found["column"], end, message))
    return errors, types


def coloured(line: str) -> str:
    """The line as SVG spans, coloured as an editor does."""
    spans = []
    for token in TOKEN.finditer(line):
        kind = token.lastgroup or "rest"
        if kind == "word":
            kind = "keyword" if keyword.iskeyword(token.group()) else "text"
        spans.append(f'<tspan fill="{COLOURS.get(kind, COLOURS["text"])}">{escape(token.group())}</tspan>')
    return "".join(spans)


def wave(column: int, end: int, y: float) -> str:
    """A red wave under columns column … end."""
    x, points = LEFT + (column - 1) * CHARACTER, []
    stop = LEFT + (end - 1) * CHARACTER
    up = True
    while x < stop:
        points.append(f"{x:.1f},{y + (-2 if up else 2):.1f}")
        x, up = x + 4, not up
    return f'<polyline points="{" ".join(points)}" fill="none" stroke="#f14c4c" stroke-width="1.3"/>'


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` characters."""
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) + 1 > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def draw(source: str, title: str) -> str:
    """The picture."""
    errors, types = checked(source)
    rows, y = [], 48.0
    for number, line in enumerate(source.splitlines(), 1):
        y += LINE
        shown, code = line.removesuffix("  # ?"), y
        rows.append(f'<text x="16" y="{y}" fill="#6e7681">{number:>2}</text>')
        rows.append(f'<text x="{LEFT}" y="{y}" xml:space="preserve">{coloured(shown)}</text>')
        if number in types:
            hint = f": {types[number]}"
            x = LEFT + (len(shown) + 2) * CHARACTER
            if x + len(hint) * CHARACTER > WIDTH - 16:
                y += LINE
                x = LEFT + 4 * CHARACTER
            rows.append(
                f'<rect x="{x - 4:.1f}" y="{y - 15}" width="{len(hint) * CHARACTER + 8:.1f}" height="20" rx="4" fill="#2d333b"/>'
                f'<text x="{x:.1f}" y="{y}" fill="#8b949e" xml:space="preserve">{escape(hint)}</text>'
            )
        for column, end, message in errors.get(number, ()):
            rows.append(wave(column, min(end, len(shown) + 1), code + 5))
            for part in wrapped("✗ " + message, int((WIDTH - LEFT - 24) / CHARACTER)):
                y += LINE
                rows.append(f'<text x="{LEFT}" y="{y}" fill="#f14c4c" xml:space="preserve">{escape(part)}</text>')
    height = y + 24
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" font-family="ui-monospace, Menlo, Consolas,'
        ' DejaVu Sans Mono, monospace" font-size="14">'
        f'<rect width="{WIDTH}" height="{height:.0f}" rx="10" fill="#1f2428"/>'
        '<circle cx="20" cy="20" r="6" fill="#ff5f56"/><circle cx="40" cy="20" r="6" fill="#ffbd2e"/>'
        '<circle cx="60" cy="20" r="6" fill="#27c93f"/>'
        f'<text x="{WIDTH / 2}" y="25" fill="#8b949e" text-anchor="middle">{escape(title)}</text>'
    )
    return head + "\n" + "\n".join(rows) + "\n</svg>\n"


def main() -> None:
    """Draw every example."""
    for program in sorted((FOLDER / "examples").glob("*.py")):
        source = program.read_text().partition("\n# ruff:")[0]  # what only our linter reads is not drawn
        (FOLDER / f"{program.stem}.svg").write_text(draw(source, program.name))
        print(f"wrote docs/typing/{program.stem}.svg")


if __name__ == "__main__":
    main()
