"""A copy of a program with ``reveal_type(…)`` around some of its expressions: a checker run over it tells their types.

May import nothing of flambeau.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence


def revealing(source: str, expressions: Sequence[ast.expr]) -> tuple[str, list[tuple[int, int]]]:
    """The copy, and for each expression the line and column (from 1) at which a checker reports its type."""
    starts = line_starts(source)
    spans = [span(expression, source, starts) for expression in expressions]
    insertions: dict[tuple[int, int], str] = {}  # (offset, rank) → text; wider expressions open first and close last
    for first, last in spans:
        insertions[(first, -last)] = "reveal_type("
        insertions[(last, first)] = ")"
    ordered = sorted(insertions.items())
    pieces, position = [], 0
    for (offset, _), text in ordered:
        pieces += [source[position:offset], text]
        position = offset
    result = "".join([*pieces, source[position:]])
    new_starts = line_starts(result)
    opened: dict[tuple[int, int], int] = {}
    before = 0
    for place, text in ordered:
        opened[place] = place[0] + before + len("reveal_type")
        before += len(text)
    places = []
    for first, last in spans:
        opening = opened[(first, -last)]
        line = max(i for i, start in enumerate(new_starts) if start <= opening)
        places.append((line + 1, opening - new_starts[line] + 1))
    return result, places


def line_starts(source: str) -> list[int]:
    """Where each line begins."""
    return [0, *(match.end() for match in re.finditer(r"\n", source))]


def span(node: ast.expr, source: str, starts: list[int]) -> tuple[int, int]:
    """Where an expression begins and ends, in characters; `ast` counts bytes of UTF-8."""

    def offset(line: int, column: int) -> int:
        text = source[starts[line - 1] :].split("\n", 1)[0]
        return starts[line - 1] + len(text.encode()[:column].decode())

    assert node.end_lineno is not None and node.end_col_offset is not None
    return offset(node.lineno, node.col_offset), offset(node.end_lineno, node.end_col_offset)
