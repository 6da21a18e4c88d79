"""Leaves: values that come from outside, and the constants. May import `flambeau.dtypes` and `flambeau.graph`."""

from __future__ import annotations

import math
from typing import Any

from flambeau.dtypes import bool_, dtype
from flambeau.graph.node import PRIMITIVES, Node, Primitive, Shape
from flambeau.graph.numpy import array_type, np

__all__ = ["BUFFER", "CONSTANT", "SCALAR", "IOTA", "PART", "PLACEHOLDER", "number", "escaped", "placeholder"]


def _no_rule(inputs: Any, params: Any) -> Any:
    raise AssertionError("a buffer's shape comes with the buffer")


BUFFER = Primitive("buffer", "leaf", _no_rule, lambda node: node.buffer)
"""A value that is already in memory."""

PART = Primitive("part", "leaf", _no_rule, lambda node: node.buffer)
"""A value that is a part of another's memory: no storage's own."""

CONSTANT = Primitive(
    "constant",
    "leaf",
    lambda inputs, params: ((), params[1]),
    lambda node: np.broadcast_to(np.array(node.params[0]).astype(array_type(node.dtype)), node.shape),
)
"""`params = (value, dtype)`: a number that is part of the program, so that kernels may specialise on it; of any shape."""

SCALAR = Primitive(
    "scalar",
    "leaf",
    lambda inputs, params: ((), params[1]),
    lambda node: np.broadcast_to(np.array(scalar_value(node)).astype(array_type(node.dtype)), node.shape),
)
"""`params = (value or a function of no arguments that gives it, dtype)`: a number that may be another in the next run
of the same program: kernels read it from memory. Of any shape."""

IOTA = Primitive(
    "iota",
    "leaf",
    lambda inputs, params: ((params[0],), params[1]),
    lambda node: np.arange(node.params[0]).astype(array_type(node.dtype)),
)
"""`params = (n, dtype)`: 0, 1, … n-1."""


def escaped() -> RuntimeError:
    """What is raised when the value of a placeholder is asked for."""
    return RuntimeError(
        "vmap: this value differs from example to example and can't be looked at: by .item(), a branch that depends on it, "
        "printing, or after the function given to vmap has returned. Use tensor operations instead, torch.where for one."
    )


def _no_value(node: Node) -> Any:
    raise escaped()


PLACEHOLDER = Primitive("placeholder", "leaf", lambda inputs, params: params, _no_value)
"""`params = (shape, dtype)`: stands for a value that is given later, or another each time: of one example while `vmap` builds the
graph of one, of one step while a recurrence's is built, of any operand while a `Template` is noted."""


def placeholder(shape: Shape, like: Node) -> Node:
    """A placeholder of a shape, with the dtype and device of `like`. A look at its value raises RuntimeError."""
    return PLACEHOLDER((), (shape, like.dtype), like.device)


_BAKED = frozenset((0.0, 1.0, -1.0, 2.0, 0.5, -2.0, -0.5))
_BAKED_INTEGERS = range(-4, 17)
"""Strides, kernel sizes, counts of dimensions: dividing by a known one is far quicker."""


def scalar_value(node: Node) -> Any:
    """The number that a scalar leaf stands for at this moment."""
    value = node.params[0]
    return value() if callable(value) else value


def number(value: Any, type: dtype, device: str, shape: Shape = ()) -> Node:
    """A Python number, repeated to `shape`, as a leaf.

    It is baked into kernels when it is one of the few that simplify, else read from memory. A complex number is two leaves.
    """
    if type.category == 3:
        real, imag = (value.real, value.imag) if isinstance(value, complex) else (value, 0)
        return PRIMITIVES["complex"]((number(real, type.real, device, shape), number(imag, type.real, device, shape)))
    if not callable(value):
        if type is bool_:
            value = bool(value)
        elif type.category == 1:
            value = int(value)
            if value in _BAKED_INTEGERS:
                return Node(CONSTANT, (), (value, type), shape, type, device)
        if value != value:
            value = math.nan  # one object, so that every NaN is one program
        if (value in _BAKED and math.copysign(1, value) == math.copysign(1, value or 1)) or value != value or type is bool_:
            return Node(CONSTANT, (), (value, type), shape, type, device)
    return Node(SCALAR, (), (value, type), shape, type, device)
