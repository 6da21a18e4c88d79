"""The programs of `corpus/`: each is right as it stands, with mistakes planted in comments.

- ``#~ code``: a mistake. It replaces the line above (the nearest that is no such comment), and must be reported there or, with
  ``-> tag, tag`` after it, at a line that ends in ``#@tag``. It is a mistake at run time, too: there it must raise.
- ``#~s code``: a mistake that only a checker can see (an annotation that is not true).
- ``; unseen by pyrefly, mypy`` after a mistake: these checkers do not report it (yet).
- ``reveal_type(x)``: the checkers and the run time must agree on x's shape and dtype; with ``# open: mypy`` after it, that
  checker does not know the whole shape.
- ``# sizes: N=2, H=8``: what the names in the annotations are when the program is run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CORPUS = Path(__file__).parent / "corpus"
_MISTAKE = re.compile(r"^\s*#~(s?) (.*?)(?:\s+-> (\w+(?:, \w+)*))?(?:; unseen by ([\w, ]+))?$")
_SIZES = re.compile(r"^# sizes: (.*)$", re.M)


class Variant(NamedTuple):
    """A program with one line replaced by a mistake, the lines where it may be reported, and who does not see it."""

    program: str
    number: int
    text: str
    mistake: str
    lines: tuple[int, ...]
    at_run_time: bool
    unseen_by: tuple[str, ...]

    @property
    def file(self) -> str:
        return f"{self.program}__{self.number}.py"


class Reveal(NamedTuple):
    """A `reveal_type` at a line, and which checkers do not know the whole shape there."""

    line: int
    open_to: tuple[str, ...]


def programs() -> list[Path]:
    """The right programs."""
    return sorted(CORPUS.glob("*.py"))


def sizes(text: str) -> dict[str, int]:
    """What the names of sizes are at run time."""
    found = _SIZES.search(text)
    return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", found.group(1))} if found else {}


def reveals(text: str) -> Iterator[Reveal]:
    """Where types are revealed."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip().startswith("reveal_type("):
            found = re.search(r"# open: ([\w, ]+)$", line)
            yield Reveal(number, tuple(found.group(1).split(", ")) if found else ())


def variants(path: Path) -> Iterator[Variant]:
    """The program with each of its mistakes, one at a time."""
    lines = path.read_text().splitlines()
    for position, line in enumerate(lines):
        found = _MISTAKE.match(line)
        if not found:
            continue
        static, mistake, tags, unseen = found.groups()
        target = next(i for i in range(position - 1, -1, -1) if not lines[i].lstrip().startswith("#~"))
        indent = re.match(r"\s*", lines[target]).group()
        own_tag = re.search(r"\s*#@\w+$", lines[target])
        changed = [*lines]
        changed[target] = indent + mistake + (own_tag.group() if own_tag else "")
        where = [target + 1]
        for tag in tags.split(", ") if tags else ():
            where.append(1 + [other.partition("#@")[2] for other in lines].index(tag))
        unseen_by = tuple(unseen.split(", ")) if unseen else ()
        yield Variant(path.stem, position, "\n".join(changed) + "\n", mistake, tuple(where), not static, unseen_by)
