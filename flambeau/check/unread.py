"""Shape strings that Pyrefly does not read. May import `flambeau.check.problems`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from flambeau.check.problems import Problem

__all__ = ["unread_shapes"]


def unread_shapes(path: Path) -> Iterator[Problem]:
    """A note for each shape string that Pyrefly does not read, because nothing around it declares the names of sizes."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError, IsADirectoryError):
        return
    scopes: list[tuple[ast.AST, bool]] = [(tree, False)]
    while scopes:
        node, declared = scopes.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            declared = declared or any("shape_vars" in ast.unparse(decorator) for decorator in node.decorator_list)
        elif isinstance(node, ast.Subscript) and not declared and isinstance(node.value, ast.Name) and node.value.id == "Shaped":
            text = 'Pyrefly does not read this shape: its function or class needs @shape_vars with the names of sizes, or with ""'
            yield Problem(str(path), node.lineno, node.col_offset + 1, text, is_error=False)
        scopes += [(child, declared) for child in ast.iter_child_nodes(node)]
