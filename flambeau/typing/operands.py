"""The shapes of the operands at an error, for messages of Pyrefly, whose shape rules can only give a fixed text.

A copy of the program has ``reveal_type(…)`` around the operands of each expression with an error; what Pyrefly reveals there is
added to the messages. May import `flambeau.typing.revealing`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from flambeau.typing.revealing import line_starts, revealing, span

_NOT_TENSORS = (ast.Constant, ast.Starred, ast.Lambda, ast.JoinedStr, ast.Slice)
_LONGEST = 32  # characters of an operand's source text that a message may show


class Place(NamedTuple):
    """An operand of the error with this number: its source text, and where its revealed type is reported (from 1)."""

    error: int
    text: str
    line: int
    column: int


def instrumented(source: str, errors: Sequence[tuple[int, int]]) -> tuple[str, list[Place]]:
    """The program with the operands of the expressions at these errors (line and column, from 1) revealed."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return source, []
    starts = line_starts(source)
    wanted = [
        (number, operand)
        for number, (line, column) in enumerate(errors)
        for operand in _operands(tree, source, starts, line, column)
    ]
    result, where = revealing(source, [operand for _, operand in wanted])
    places = []
    for (number, operand), (line, column) in zip(wanted, where):
        text = " ".join((ast.get_source_segment(source, operand) or "").split())
        places.append(Place(number, text, line, column))
    return result, places


def _operands(tree: ast.AST, source: str, starts: list[int], line: int, column: int) -> Iterator[ast.expr]:
    """What the innermost expression at a place works on."""
    place = starts[line - 1] + column - 1
    best: tuple[int, ast.AST] | None = None
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call | ast.BinOp | ast.Subscript | ast.AugAssign):
            continue
        first, last = span(node, source, starts)  # type: ignore[arg-type]
        begins = span(node.func, source, starts)[1] if isinstance(node, ast.Call) else first
        if begins <= place < last and (best is None or last - first < best[0]):
            best = last - first, node
    if best is None:
        return
    node = best[1]
    if isinstance(node, ast.Call):
        found = [node.func.value if isinstance(node.func, ast.Attribute) and not _is_module(node.func.value) else node.func]
        for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
            found += argument.elts if isinstance(argument, ast.Tuple | ast.List) else [argument]
    elif isinstance(node, ast.BinOp):
        found = [node.left, node.right]
    elif isinstance(node, ast.AugAssign):
        found = [node.value]
    else:
        assert isinstance(node, ast.Subscript)
        found = [node.value, *(node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice])]
    for operand in found:
        if not isinstance(operand, _NOT_TENSORS) and not isinstance(getattr(operand, "ctx", None), ast.Store):
            yield operand


def _is_module(node: ast.expr) -> bool:
    """Whether this is ``torch``, ``F``, ``nn.functional``, as far as names tell."""
    return isinstance(node, ast.Name) and node.id in ("torch", "F", "nn", "flambeau", "einops", "np")


def described(text: str, revealed: str) -> str | None:
    """An operand as a message shows it: ``images: [4, 3, 65, 48]``; a layer by its sizes; None for what has none."""
    found = re.match(r"revealed type: (.*)$", revealed)
    kind = found.group(1) if found else revealed
    tensor = re.fullmatch(r"(?:Tensor|Parameter)\[\w+, \w+, (\[.*\])\]", kind)
    if tensor:
        return f"{text}: {tensor.group(1)}" if len(text) <= _LONGEST else tensor.group(1)
    layer = re.match(r"([A-Z]\w+)\[((?:\d+(?:, )?)+|\[[\d, ]*\]|IntTuple\[[\d, ]*\])", kind)
    if layer and (layer.group(2)[0].isdigit() or layer.group(1) in ("LayerNorm", "RMSNorm")):  # others hold a code
        sizes = layer.group(2).removeprefix("IntTuple").rstrip(", ")
        return f"{layer.group(1)}({sizes})"
    return None
