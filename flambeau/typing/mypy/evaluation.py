"""Evaluating a signature's result with the library's own shape rules."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from mypy.nodes import Expression, ListExpr, TupleExpr
from mypy.types import TupleType

from flambeau.typing.mypy.reader import Reader
from flambeau.typing.mypy.sizes import Unknown, shape_of
from flambeau.typing.rules import RULES
from flambeau.typing.rules.movement import laid_out


class _Parameter:
    def __init__(self, text: str):
        body = text.strip()
        self.star = body[: len(body) - len(body.lstrip("*"))]
        name, _, rest = body.lstrip("*").partition(":")
        annotation, _, default = rest.partition(" = ")
        self.name, self.annotation, self.default = name.strip(), annotation.strip(), default.strip()


@cache
def parameters_of(text: str) -> tuple[_Parameter, ...]:
    """The parameters of a signature, cut at commas outside brackets."""
    parts, depth, start = [], 0, 0
    for position, character in enumerate(text):
        depth += (character in "[(") - (character in "])")
        if character == "," and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    return tuple(_Parameter(part) for part in [*parts, text[start:]] if part.strip())


@cache
def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _constant(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        raise Unknown from None


def values_of(parameters: str, arguments: Mapping[str, Sequence[Expression]], reader: Reader) -> dict[str, Any]:
    """What the names of a signature's annotations stand for at a call; a name is missing where it is not known."""
    values: dict[str, Any] = {}
    for parameter in parameters_of(parameters):
        if not parameter.name:
            continue
        given = list(arguments.get(parameter.name, ()))
        annotation = parameter.annotation
        try:
            if annotation.startswith(("Tensor[", "*List[", "List[")):
                _read_tensors(parameter, given, values, reader)
                continue
            name = annotation.lstrip("*")
            if re.fullmatch(r"tuple\[Sizes1, Sizes2\]", name):
                values["Sizes1"], values["Sizes2"] = _read_pair(given, reader)
                continue
            if not re.fullmatch(r"(?:Sizes|Axes|Dim|Size|Keep|Text|Names|Padding)\d*", name):
                continue
            if not given and not parameter.star:
                if parameter.default == "..." or not parameter.default:
                    continue
                values[name] = _constant(parameter.default)
                continue
            values[name] = _read(name, parameter, given, reader)
        except Unknown:
            continue
    return values


def _read(name: str, parameter: _Parameter, given: list[Expression], reader: Reader) -> Any:
    kind = name.rstrip("0123456789")
    if parameter.star == "*":
        if len(given) == 1 and isinstance(reader.type_of(given[0]), TupleType):  # the other signature: one tuple
            raise Unknown
        sizes = tuple(reader.size(item) for item in given)
        if kind == "Axes" and any(not isinstance(size, int) for size in sizes):
            raise Unknown
        return sizes
    if kind == "Names":
        raise Unknown
    one = given[0]
    if kind == "Sizes":
        return reader.sizes(one)
    if kind == "Axes":
        return reader.axes(one)
    if kind == "Padding":
        try:
            text = reader.text(one)
        except Unknown:
            return reader.axes(one)
        return None if text == "same" else 0
    if kind == "Keep":
        return reader.flag(one)
    if kind == "Text":
        return reader.text(one)
    size = reader.size(one)
    if kind == "Dim" and not isinstance(size, int):
        raise Unknown
    return size


def _read_pair(given: list[Expression], reader: Reader) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Two lists of integers: ``dims=([0, 1], [1, 0])``."""
    if not given or not isinstance(given[0], (TupleExpr, ListExpr)) or len(given[0].items) != 2:
        raise Unknown
    return reader.sizes(given[0].items[0]), reader.sizes(given[0].items[1])


def _read_tensors(parameter: _Parameter, given: list[Expression], values: dict[str, Any], reader: Reader) -> None:
    annotation = parameter.annotation
    if "List[" in annotation:
        name = annotation.rstrip("]").rsplit(",", 1)[1].strip()
        items: Sequence[Expression] = given
        if not parameter.star:
            if not given or not isinstance(given[0], (TupleExpr, ListExpr)):
                raise Unknown
            items = given[0].items
        values[name] = tuple(shape_of(reader.type_of(item)) for item in items)
        return
    found = re.search(r"Tensor\[[^,]+, \w+, (\w+)\]", annotation)
    if found and given:
        values[found.group(1)] = shape_of(reader.type_of(given[0]))


def evaluate(text: str, values: Mapping[str, Any]) -> Any:
    """A rule call such as ``conv(S, W, spread(Axes1, 2))``, or a name. Raises Unknown, or what the rule raises."""
    return _evaluate(_parsed(text), values)


def _evaluate(node: ast.expr, values: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_evaluate(node.operand, values)
    if isinstance(node, ast.List):
        return tuple(_evaluate(element, values) for element in node.elts)
    if isinstance(node, ast.Name):
        if node.id not in values:
            raise Unknown
        return values[node.id]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        rule = RULES[node.func.id]
        arguments = [_evaluate(argument, values) for argument in node.args[1:]]
        try:
            arguments.insert(0, _evaluate(node.args[0], values))
        except Unknown:
            if rule is not laid_out:
                raise
            arguments.insert(0, None)
        try:
            return rule(*arguments)
        except TypeError:
            raise Unknown from None
    raise Unknown


def shapes_in(result: str, values: Mapping[str, Any]) -> list[tuple[Any, ...] | None]:
    """The shape of each tensor in a result, in order; None where it is not known. Raises what a rule raises."""
    found: list[tuple[Any, ...] | None] = []
    for node in _tensors(_parsed(result)):
        elements = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if len(elements) < 3:
            found.append(None)
            continue
        try:
            found.append(_evaluate(elements[2], values))
        except Unknown:
            found.append(None)
    return found


def _tensors(node: ast.expr) -> list[ast.Subscript]:
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        if node.value.id in ("Tensor", "Pieces"):
            return [node]
        elements = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return [tensor for element in elements for tensor in _tensors(element)]
    return []
