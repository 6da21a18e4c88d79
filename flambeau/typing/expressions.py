"""The shape of a tensor expression (`flambeau.tx`) from the shapes of its names, with the library's rules.

May import `flambeau.typing.rules`, `flambeau.typing.signatures` and `flambeau.ops.expressions`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flambeau.shapes import indexing
from flambeau.shapes.sizes import Shape
from flambeau.typing.rules.arithmetic import broadcast
from flambeau.typing.rules.movement import matrix_transpose, reverse
from flambeau.typing.rules.products import matmul
from flambeau.typing.signatures import Signature

TENSOR = re.compile(r"Tensor\[[^,]+, \w+, (\w+)\]")
NAMED = re.compile(r"(?:Dim|Axes|Keep|Text|Size|Sizes)\d*")


class NotKnown(Exception):
    """A shape that depends on what is not known."""


def shape_of(
    node: ast.expr,
    shapes: Mapping[str, Shape],
    signatures: Callable[[str], Sequence[Signature]],
    evaluate: Callable[[str, Mapping[str, Any]], Any],
    parameters: Callable[[str], Sequence[Any]],
) -> Shape:
    """The shape of a part of an expression; () for a number. Raises NotKnown, or what a rule raises."""

    def of(part: ast.expr) -> Shape:
        return shape_of(part, shapes, signatures, evaluate, parameters)

    if isinstance(node, ast.Name):
        if node.id not in shapes:
            raise NotKnown
        return shapes[node.id]
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return ()
    if isinstance(node, ast.UnaryOp):
        return of(node.operand)
    if isinstance(node, ast.BinOp):
        rule = matmul if isinstance(node.op, ast.MatMult) else broadcast
        return rule(of(node.left), of(node.right))
    if isinstance(node, ast.Compare):
        return broadcast(of(node.left), of(node.comparators[0]))
    if isinstance(node, ast.Attribute):
        return (reverse if node.attr == "T" else matrix_transpose)(of(node.value))
    if isinstance(node, ast.Subscript):
        items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return indexing.index(of(node.value), [_index(item) for item in items])
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return _call(node, of, signatures(node.func.id), evaluate, parameters)
    raise NotKnown


def _index(node: ast.expr) -> Any:
    if isinstance(node, ast.Slice):
        return slice(*(None if part is None else _constant(part) for part in (node.lower, node.upper, node.step)))
    return _constant(node)


def _constant(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise NotKnown from None


def _call(
    node: ast.Call,
    of: Callable[[ast.expr], Shape],
    signatures: Sequence[Signature],
    evaluate: Callable[[str, Mapping[str, Any]], Any],
    parameters: Callable[[str], Sequence[Any]],
) -> Shape:
    for signature in signatures:
        listed = [parameter for parameter in parameters(signature.parameters) if parameter.name]
        result = TENSOR_RESULT.fullmatch(signature.result)
        if result is None:
            continue
        given: dict[str, ast.expr] = {parameter.name: part for parameter, part in zip(listed, node.args)}
        given.update({str(keyword.arg): keyword.value for keyword in node.keywords})
        if not set(given) <= {parameter.name for parameter in listed}:
            continue
        values: dict[str, Any] = {}
        for parameter in listed:
            found = TENSOR.search(parameter.annotation)
            try:
                if found and parameter.name in given:
                    values[found.group(1)] = of(given[parameter.name])
                elif parameter.star == "*" and "List" in parameter.annotation:
                    start = listed.index(parameter)
                    values["Ss"] = tuple(of(part) for part in node.args[start:])
                elif parameter.annotation.startswith("List") and parameter.name in given:
                    values["Ss"] = tuple(of(part) for part in getattr(given[parameter.name], "elts", ()))
                elif NAMED.fullmatch(parameter.annotation):
                    default = ast.parse(parameter.default or "...", mode="eval").body
                    values[parameter.annotation] = _constant(given.get(parameter.name, default))
            except NotKnown:
                continue
        return evaluate(result.group(1), values)
    raise NotKnown


TENSOR_RESULT = re.compile(r"Tensor\[\w+, V, (.*)\]")
