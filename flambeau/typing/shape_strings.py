"""Shape strings: ``"[N, 3, H // 2, *Rest]"`` as sizes. May import `flambeau.shapes`."""

from __future__ import annotations

import ast
from typing import Any, NamedTuple

from flambeau.shapes.symbolic import UNKNOWN, symbol


class Star(NamedTuple):
    """Any number of dimensions, named; an empty name matches without binding."""

    name: str


class ShapeStringError(ValueError):
    """A shape string that cannot be read, with the place in it."""

    def __init__(self, text: str, column: int, message: str):
        self.text, self.column, self.message = text, column, message
        super().__init__(f"{message} in shape string {text!r} at column {column}")


def parse(text: str) -> tuple[Any, ...]:
    """The dimensions of a shape string: integers, symbolic sizes, `UNKNOWN` for ``_``, and at most one `Star`.

    The brackets may be left out. Sizes combine names and integers with ``+ - * //`` and parentheses. Raises ShapeStringError.
    """
    body = text.strip()
    if not (body.startswith("[") and body.endswith("]")):
        body = f"[{body}]"
    try:
        tree = ast.parse(body.replace("...", "*__any__"), mode="eval").body
    except SyntaxError as error:
        raise ShapeStringError(text, error.offset or 0, "invalid syntax") from None
    if not isinstance(tree, ast.List):
        raise ShapeStringError(text, 0, "expected dimensions in brackets")
    dimensions = tuple(_dimension(element, text) for element in tree.elts)
    if sum(isinstance(dimension, Star) for dimension in dimensions) > 1:
        raise ShapeStringError(text, 0, "more than one *name")
    return dimensions


def _dimension(node: ast.expr, text: str) -> Any:
    if isinstance(node, ast.Starred):
        inner = node.value
        if isinstance(inner, ast.Subscript) and isinstance(inner.value, ast.Name) and inner.value.id == "Elements":
            inner = inner.slice
        if not isinstance(inner, ast.Name):
            raise ShapeStringError(text, node.col_offset, "expected a name after *")
        return Star("" if inner.id == "__any__" else inner.id)
    return _size(node, text)


_OPERATIONS = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Mod: lambda a, b: a % b,
}


def _size(node: ast.expr, text: str) -> Any:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    if isinstance(node, ast.Name):
        return UNKNOWN if node.id == "_" else symbol(node.id)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        left, right = _size(node.left, text), _size(node.right, text)
        if isinstance(node.op, (ast.FloorDiv, ast.Mod)) and right == 0:
            raise ShapeStringError(text, node.col_offset, "division by zero")
        return _OPERATIONS[type(node.op)](left, right)
    raise ShapeStringError(text, getattr(node, "col_offset", 0), f"expected a size, found {ast.unparse(node)!r}")
