"""Arithmetic on values element by element, for code that writes its results into tensors itself and records no gradients.

An expression of tensors makes a tensor, with storage and autograd state, of every intermediate value; an expression of
`Elements` makes the nodes alone. Optimizers are written in either: their rules use only what both offer. May import what
`flambeau.ops` may.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flambeau.dtypes import dtype
from flambeau.graph.node import Node, Primitive
from flambeau.graph.primitives import elementwise as e
from flambeau.graph.primitives.leaf import number
from flambeau.graph.primitives.movement import EXPAND, RESHAPE
from flambeau.ops import choices
from flambeau.ops.nodes import converted
from flambeau.tensor import Tensor, from_node

__all__ = ["Elements", "maximum", "minimum", "where"]


def _binary(primitive: Primitive) -> Callable[[Any, Any], Any]:
    def operation(self: Elements, other: Any) -> Elements:
        a = self.node
        if other.__class__ is not Elements:
            other = Elements(number(other, a.dtype, a.device))
        b = other.node
        if a.shape != b.shape:
            if a.shape:
                b = other.at(a.shape)
            else:
                a = self.at(b.shape)
        return Elements(primitive((a, b)))

    return operation


def _reflected(primitive: Primitive) -> Callable[[Any, Any], Any]:
    operation = _binary(primitive)
    return lambda self, other: operation(Elements(number(other, self.node.dtype, self.node.device)), self)


def _unary(primitive: Primitive) -> Callable[[Any], Any]:
    def operation(self: Elements) -> Elements:
        return Elements(primitive((self.node,)))

    return operation


class Elements:
    """A value of floating dtype. Operands have one dtype and device; a zero-dimensional one stands for any shape."""

    __slots__ = ("node", "_expanded")

    def __init__(self, node: Node) -> None:
        self.node = node
        self._expanded: dict[tuple[int, ...], Node] | None = None

    @staticmethod
    def of(tensor: Tensor, type: dtype) -> Elements:
        """The value of a tensor, in the dtype that is computed in."""
        return Elements(converted(tensor._value(), type))

    def tensor(self, type: dtype) -> Tensor:
        """A new tensor of this value."""
        return from_node(converted(self.node, type))

    def at(self, shape: tuple[int, ...]) -> Node:
        """A zero-dimensional value repeated to `shape`."""
        found = None if self._expanded is None else self._expanded.get(shape)
        if found is None:
            ones = (1,) * len(shape)
            found = EXPAND((RESHAPE((self.node,), (ones, ())),), (shape, ones))
            if self._expanded is None:
                self._expanded = {}
            self._expanded[shape] = found
        return found

    __add__ = __radd__ = _binary(e.ADD)
    __sub__ = _binary(e.SUB)
    __mul__ = __rmul__ = _binary(e.MUL)
    __truediv__ = _binary(e.DIV)
    __pow__ = _binary(e.POW)
    __rsub__ = _reflected(e.SUB)
    __rtruediv__ = _reflected(e.DIV)
    __lt__ = _binary(e.LT)
    __gt__ = _binary(e.GT)
    __neg__ = _unary(e.NEG)
    __abs__ = abs = _unary(e.ABS)
    sqrt = _unary(e.SQRT)
    exp = _unary(e.EXP)
    expm1 = _unary(e.EXPM1)
    sign = _unary(e.SIGN)
    maximum = _binary(e.MAXIMUM)
    minimum = _binary(e.MINIMUM)


def _either(name: str, for_tensors: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    def function(a: Any, b: Any) -> Any:
        return getattr(a, name)(b) if isinstance(a, Elements) else for_tensors(a, b)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`torch.{name}` of two values of one kind."
    return function


maximum = _either("maximum", choices.maximum)
minimum = _either("minimum", choices.minimum)


def where(condition: Any, a: Any, b: Any) -> Any:
    """`torch.where` of values of one kind; `a` or `b` may be a number."""
    if not isinstance(condition, Elements):
        return choices.where(condition, a, b)
    values = [v for v in (a, b) if isinstance(v, Elements)]
    type, device = values[0].node.dtype, values[0].node.device
    a, b = (v if isinstance(v, Elements) else Elements(number(v, type, device)) for v in (a, b))
    shape = max((v.node.shape for v in (condition, a, b)), key=len)
    nodes = tuple(v.node if v.node.shape == shape else v.at(shape) for v in (condition, a, b))
    return Elements(e.WHERE(nodes))
