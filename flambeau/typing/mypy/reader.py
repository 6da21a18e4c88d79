"""What the expressions of a call's arguments are worth: sizes, axes, flags, texts."""

from __future__ import annotations

from typing import Any

from mypy.nodes import (
    CallExpr,
    Expression,
    IndexExpr,
    IntExpr,
    ListExpr,
    MemberExpr,
    NameExpr,
    OpExpr,
    StarExpr,
    StrExpr,
    TupleExpr,
    UnaryExpr,
)
from mypy.types import Instance, LiteralType, NoneType, ProperType, TupleType, get_proper_type

from flambeau.shapes.symbolic import UNKNOWN
from flambeau.typing.mypy.sizes import Unknown, shape_of, to_size


class Reader:
    """Reads constants, sizes and tensors from argument expressions and their types."""

    def __init__(self, api: Any):
        self.api = api

    def type_of(self, expression: Expression) -> ProperType:
        """The type that mypy gives an expression."""
        return get_proper_type(self.api.get_expression_type(expression))

    def size(self, expression: Expression) -> Any:
        """An integer, a symbolic size, or UNKNOWN."""
        if isinstance(expression, IntExpr):
            return expression.value
        if isinstance(expression, UnaryExpr) and expression.op == "-":
            return -1 * self.size(expression.expr)
        if isinstance(expression, OpExpr) and expression.op in ("+", "-", "*", "//", "%"):
            left, right = self.size(expression.left), self.size(expression.right)
            if left is UNKNOWN or right is UNKNOWN or (expression.op in ("//", "%") and right == 0):
                return UNKNOWN
            return {
                "+": lambda: left + right,
                "-": lambda: left - right,
                "*": lambda: left * right,
                "//": lambda: left // right,
                "%": lambda: left % right,
            }[expression.op]()
        if isinstance(expression, IndexExpr) and isinstance(expression.base, MemberExpr) and expression.base.name == "shape":
            return self._extent(expression.base.expr, expression.index)
        if (
            isinstance(expression, CallExpr)
            and isinstance(expression.callee, MemberExpr)
            and expression.callee.name == "size"
            and len(expression.args) == 1
        ):
            return self._extent(expression.callee.expr, expression.args[0])
        try:
            return to_size(self.type_of(expression))
        except Exception:  # an expression that mypy has no type for yet
            return UNKNOWN

    def _extent(self, tensor: Expression, dim: Expression) -> Any:
        position = self.size(dim)
        try:
            shape = shape_of(self.type_of(tensor))
        except Unknown:
            return UNKNOWN
        if isinstance(position, int) and -len(shape) <= position < len(shape):
            return shape[position]
        return UNKNOWN

    def sizes(self, expression: Expression) -> tuple[Any, ...]:
        """A tuple or list of sizes. Raises Unknown where its length is not known."""
        if isinstance(expression, (TupleExpr, ListExpr)):
            if any(isinstance(item, StarExpr) for item in expression.items):
                raise Unknown
            return tuple(self.size(item) for item in expression.items)
        if isinstance(expression, MemberExpr) and expression.name == "shape":
            return shape_of(self.type_of(expression.expr))
        kind = self.type_of(expression)
        if isinstance(kind, TupleType):
            return tuple(to_size(item) for item in kind.items)
        raise Unknown

    def axes(self, expression: Expression) -> Any:
        """An integer, a tuple of integers or None. Raises Unknown."""
        if isinstance(expression, NameExpr) and expression.name == "None":
            return None
        if isinstance(expression, (TupleExpr, ListExpr)):
            values = self.sizes(expression)
            if any(not isinstance(value, int) for value in values):
                raise Unknown
            return values
        value = self.size(expression)
        if isinstance(value, int):
            return value
        kind = self.type_of(expression)
        if isinstance(kind, NoneType):
            return None
        if isinstance(kind, TupleType):
            values = tuple(to_size(item) for item in kind.items)
            if all(isinstance(value, int) for value in values):
                return values
        raise Unknown

    def flag(self, expression: Expression) -> bool:
        """A boolean constant. Raises Unknown."""
        if isinstance(expression, NameExpr) and expression.name in ("True", "False"):
            return expression.name == "True"
        kind = self.type_of(expression)
        if isinstance(kind, Instance) and kind.last_known_value is not None:
            kind = kind.last_known_value
        if isinstance(kind, LiteralType) and isinstance(kind.value, bool):
            return kind.value
        raise Unknown

    def text(self, expression: Expression) -> str:
        """A string constant. Raises Unknown."""
        if isinstance(expression, StrExpr):
            return expression.value
        kind = self.type_of(expression)
        if isinstance(kind, Instance) and kind.last_known_value is not None:
            kind = kind.last_known_value
        if isinstance(kind, LiteralType) and isinstance(kind.value, str):
            return kind.value
        raise Unknown
