"""Contraction: the sum of a product of two views. Matmul, einsum and every convolution are this one primitive.

May import `flambeau.dtypes` and `flambeau.graph`.
"""

from __future__ import annotations

from typing import Any

from flambeau.graph.node import Node, Primitive
from flambeau.graph.numpy import array_type, np
from flambeau.graph.parts import Pair
from flambeau.graph.primitives.elementwise import NEG

__all__ = ["CONTRACT"]


def _rule(inputs: Any, params: tuple[Any, ...]) -> Any:
    a_labels, b_labels, out_labels = params
    sizes: dict[int, int] = {}
    for node, labels in zip(inputs, (a_labels, b_labels), strict=True):
        assert len(labels) == len(node.shape) and len(set(labels)) == len(labels), (node, labels)
        for label, size in zip(labels, node.shape, strict=True):
            assert sizes.setdefault(label, size) == size, (inputs, params)
    return tuple(sizes[label] for label in out_labels), inputs[0].dtype


def _evaluate(node: Node, a: Any, b: Any) -> Any:
    a_labels, b_labels, out_labels = node.params
    type_ = array_type(node.dtype)
    if type_.itemsize == 2 and type_.kind not in "iu":
        a, b = a.astype(np.float32), b.astype(np.float32)
    if type_.kind == "b":
        a, b = a.astype(np.int64), b.astype(np.int64)
    with np.errstate(all="ignore"):
        out = np.einsum(a, list(a_labels), b, list(b_labels), list(out_labels), optimize=a.dtype.kind in "fc")
    return np.asarray(out).astype(type_)


def _gradient(g: Any, y: Any, inputs: Any, params: tuple[Any, ...]) -> tuple[Any, Any]:
    """Each operand's gradient is a contraction of the result's with the other operand."""
    a_labels, b_labels, out_labels = params
    a, b = inputs

    def part(mine: tuple[int, ...], shape: Any, other: Any, others: tuple[int, ...]) -> Any:
        reachable = tuple(label for label in mine if label in out_labels or label in others)
        result = type(g)._apply(CONTRACT, (g, other), (out_labels, others, reachable))
        if reachable != mine:  # a label summed over this operand alone: its gradient repeats
            result = result.reshape(tuple(n if label in reachable else 1 for label, n in zip(mine, shape, strict=True)))
            result = result.expand(shape)
        return result

    return lambda: part(a_labels, a.shape, b, b_labels), lambda: part(b_labels, b.shape, a, a_labels)


def _batch(node: Node, inputs: Any, batched: Any, n: int) -> Node:
    """The examples are one more label: of the operands that differ from example to example, and of the result."""
    a_labels, b_labels, out_labels = node.params
    new = (max((*a_labels, *b_labels), default=-1) + 1,)
    return CONTRACT(tuple(inputs), (new * batched[0] + a_labels, new * batched[1] + b_labels, new + out_labels))


def _parts(node: Node, operands: Any) -> Pair:
    """One real contraction: of one operand's pairs (label p) with the other's numbers as the real 2 × 2 matrices [p, q].

    The number x + iy is the matrix [[x, y], [-y, x]]: the row vector of a pair times it is the pair of the product. The smaller
    operand is written so.
    """
    a_labels, b_labels, labels = node.params
    a, b = operands
    if node.inputs[0].size < node.inputs[1].size:
        (a, a_labels), (b, b_labels) = (b, b_labels), (a, a_labels)
    p = max((*a_labels, *b_labels), default=-1) + 1
    matrix = Pair(b.whole, Pair(NEG((b.imag,)), b.real).whole).whole  # [..., q, p]
    return Pair(whole=CONTRACT((a.whole, matrix), ((*a_labels, p), (*b_labels, p + 1, p), (*labels, p + 1))))


CONTRACT: Primitive = Primitive(
    "contract", "contraction", _rule, _evaluate, _gradient, reads=((1,), (0,)), batch=_batch, parts=_parts
)
"""`params = (labels of a, labels of b, labels of the result)`, integers, none repeated within one operand: labels that the
result lacks are summed over. Operands of one dtype; half types accumulate in float32."""
