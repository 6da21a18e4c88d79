"""Between complex numbers and their parts. May import `flambeau.dtypes` and `flambeau.graph`.

A complex tensor has no primitive that makes a real number of it but these, `abs`, comparisons and `cast`.
"""

from __future__ import annotations

from typing import Any

from flambeau.graph.batching import unchanged
from flambeau.graph.node import Node, Primitive
from flambeau.graph.numpy import array_type, np
from flambeau.graph.parts import Pair
from flambeau.graph.primitives.elementwise import NEG

__all__ = ["COMPLEX", "REAL", "IMAG", "CONJ", "VIEW_AS_REAL", "VIEW_AS_COMPLEX"]


def _joined(node: Node, real: Any, imag: Any) -> Any:
    out = np.empty(node.shape, array_type(node.dtype))
    out.real, out.imag = real, imag
    return out


COMPLEX = Primitive(
    "complex",
    "elementwise",
    lambda inputs, params: (inputs[0].shape, inputs[0].dtype.to_complex()),
    _joined,
    lambda g, y, inputs, params: (lambda: _apply(REAL, g), lambda: _apply(IMAG, g)),
    saves="",
    batch=unchanged,
    parts=lambda node, operands: Pair(*operands),
    conjugates=False,
)
"""Inputs (real part, imaginary part) of one shape and floating dtype."""


def _apply(primitive: Primitive, t: Any, params: tuple[Any, ...] = ()) -> Any:
    return type(t)._apply(primitive, (t,), params)


def _with_zero(g: Any, is_real: bool) -> Any:
    zero = g.new_zeros(tuple(g.shape))
    return type(g)._apply(COMPLEX, (g, zero) if is_real else (zero, g))


def _part(name: str) -> Primitive:
    """The primitive that takes one part, "real" or "imag", of complex elements."""

    def rule(inputs: Any, params: tuple[Any, ...]) -> Any:
        return inputs[0].shape, inputs[0].dtype.real

    return Primitive(
        name,
        "elementwise",
        rule,
        lambda node, x: getattr(x, name),
        lambda g, y, inputs, params: (_with_zero(g, name == "real"),),
        saves="",
        batch=unchanged,
        parts=lambda node, operands: getattr(operands[0], name),
    )


REAL: Primitive = _part("real")
IMAG: Primitive = _part("imag")
CONJ: Primitive = Primitive(
    "conj",
    "elementwise",
    lambda inputs, params: (inputs[0].shape, inputs[0].dtype),
    lambda node, x: np.conjugate(x),
    lambda g, y, inputs, params: (_apply(CONJ, g),),
    saves="",
    batch=unchanged,
    parts=lambda node, operands: Pair(operands[0].real, NEG((operands[0].imag,))),
    conjugates=False,
)
"""The conjugate of complex elements."""

VIEW_AS_REAL: Primitive = Primitive(
    "view_as_real",
    "movement",
    lambda inputs, params: ((*inputs[0].shape, 2), inputs[0].dtype.real),
    lambda node, x: np.ascontiguousarray(x).view(array_type(node.dtype)).reshape(node.shape),
    lambda g, y, inputs, params: (_apply(VIEW_AS_COMPLEX, g),),
    saves="",
    batch=unchanged,
    parts=lambda node, operands: operands[0].whole,
)
"""The parts of complex elements along a last axis of 2."""
VIEW_AS_COMPLEX: Primitive = Primitive(
    "view_as_complex",
    "movement",
    lambda inputs, params: (inputs[0].shape[:-1], inputs[0].dtype.to_complex()),
    lambda node, x: np.ascontiguousarray(x).view(array_type(node.dtype)).reshape(node.shape),
    lambda g, y, inputs, params: (_apply(VIEW_AS_REAL, g),),
    saves="",
    batch=unchanged,
    parts=lambda node, operands: Pair(whole=operands[0]),
    conjugates=False,
)
"""Complex elements of the parts along a last axis of 2."""
