"""The text of signatures: parameters cut apart, Python's own types told from dtypes, what a name's letters stand for."""

from __future__ import annotations

import ast
import re
from functools import cache

from flambeau.typing import signatures as table

DTYPES = (
    "bool", "uint8", "int8", "int16", "int32", "int64", "uint32", "float16", "bfloat16", "float32", "float64", "complex64",
    "complex128",
)  # fmt: skip


BUILTINS = {"int", "float", "str", "bool", "complex", "tuple", "list", "type", "object"}


# What a name in a signature stands for, by its letters: the bound of Pyrefly's type parameter.
BOUNDS = [
    (r"DF\d*", "dt.floating"),
    (r"DI\d*", "dt.integral"),
    (r"[DE]\d*", "dt.dtype"),
    (r"V", "dt.device"),
    (r"Ss", "IntTuples"),
    (r"Sizes\d*", "IntTuple"),
    (r"[STUW]", "IntTuple"),
    (r"Dim\d*", "Flag[builtins.int]"),
    (r"Axes\d*", "Flag[builtins.int | builtins.tuple[builtins.int, ...] | None]"),
    (r"Keep\d*", "Flag[builtins.bool]"),
    (r"Text\d*", "Flag[builtins.str]"),
    (r"Size\d*", "Int"),
    (r"Names", "NamedInts"),
]


@cache
def bound(name: str) -> str | None:
    """The bound of a type parameter, None for a name that is not one."""
    return next((text for pattern, text in BOUNDS if re.fullmatch(pattern, name)), None)


class Parameter:
    """One parameter of a signature: its text split."""

    def __init__(self, text: str):
        text = text.strip()
        self.star = text[: len(text) - len(text.lstrip("*"))]
        body = text.lstrip("*")
        self.name, _, rest = body.partition(":")
        self.annotation, _, default = rest.partition(" = ")
        self.name, self.annotation, self.default = self.name.strip(), self.annotation.strip(), default.strip()

    def __str__(self) -> str:
        annotation = f": {self.annotation}" if self.annotation else ""
        return self.star + self.name + annotation + (f" = {self.default}" if self.default else "")


def split_parameters(text: str) -> list[Parameter]:
    """Cut at commas outside brackets."""
    parts, depth, start = [], 0, 0
    for position, character in enumerate(text):
        depth += (character in "[(" and 1) or -(character in "])")
        if character == "," and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    return [Parameter(part) for part in [*parts, text[start:]] if part.strip()]


@cache
def qualified(annotation: str) -> str:
    """Python's own types as ``builtins.…``: in these stubs ``bool``, ``int`` and ``float`` are dtypes."""
    tree = ast.parse(annotation.replace("*Sizes", "Sizes").replace("*Axes", "Axes"), mode="eval").body
    return ast.unparse(_Qualify().visit(tree))


class _Qualify(ast.NodeTransformer):
    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.value.id in ("Tensor", "List"):
            elements = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            for element in elements[1:]:
                self.visit(element)
            return node
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in BUILTINS:
            return ast.Attribute(ast.Name("builtins", ast.Load()), node.id, ast.Load())
        return node


def overload(overloaded: bool) -> str:
    """The decorator, where there are several definitions."""
    return "@overload\n" if overloaded else ""


def ignored(name: str) -> str:
    """A comment for checkers, where the result differs from `object`'s."""
    return "  # type: ignore[override]" if name in ("__eq__", "__ne__") else ""


def with_dtypes(text: str) -> str:
    """``float32`` as ``dt.float32``."""
    return re.sub(rf"\b({'|'.join(DTYPES)})\b", r"dt.\1", text)


def tensor_dtypes(line: str) -> str:
    """``Tensor[float32`` as ``Tensor[dt.float32``: inside the class Tensor the plain names mean other things."""
    return re.sub(r"Tensor\[([\w |]+),", lambda m: f"Tensor[{with_dtypes(m.group(1))},", line)


TENSORS = ("Tensor", "MapIntTuples", *table.NAMED_TUPLES)  # what a result of tensors begins with


def sized(sizes: tuple[str, ...]) -> str:
    """The type of a shape with these sizes."""
    return f"builtins.tuple[{', '.join(sizes)}]" if sizes else "builtins.tuple[()]"


def grouped(signatures: list, place: str) -> dict[str, list]:
    """The signatures of a place by name, in order."""
    groups: dict[str, list] = {}
    for signature in signatures:
        if place in signature.places:
            groups.setdefault(signature.name, []).append(signature)
    return groups
