"""Short forms for building nodes, for the operators whose recording time counts: those that every training step calls.

They know shapes and dtypes to be right. May import what `flambeau.ops` may.
"""

from __future__ import annotations

from typing import Any

from flambeau.dtypes import dtype
from flambeau.graph.node import Node, Primitive
from flambeau.graph.primitives.elementwise import CAST
from flambeau.graph.primitives.movement import EXPAND, RESHAPE
from flambeau.ops.operands import filled

__all__ = ["converted", "number_like", "reduced", "shaped", "spread"]


def shaped(node: Node, shape: tuple[int, ...]) -> Node:
    """The node under another shape; itself where it has it."""
    return node if node.shape == shape else RESHAPE((node,), (shape, node.shape))


def converted(node: Node, type: dtype) -> Node:
    """The node in another dtype; itself where it has it."""
    return node if node.dtype is type else CAST((node,), (type, node.dtype))


def reduced(primitive: Primitive, node: Node, *axes: int) -> Node:
    """The node reduced over some axes, or over all where none is given."""
    return primitive((node,), (axes or tuple(range(len(node.shape))), node.shape))


def spread(node: Node, axis: int, size: int) -> Node:
    """The node repeated along a new axis."""
    one = (*node.shape[:axis], 1, *node.shape[axis:])
    return EXPAND((RESHAPE((node,), (one, node.shape)),), ((*one[:axis], size, *one[axis + 1 :]), one))


def number_like(value: Any, like: Node) -> Node:
    """A number in another node's dtype and shape."""
    return filled(value, like.dtype, like.device, like.shape)._value()
