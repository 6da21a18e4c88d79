"""Reductions: axes disappear. Half types accumulate in float32. May import `flambeau.dtypes` and `flambeau.graph`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from flambeau.dtypes import int64
from flambeau.graph.batching import everywhere
from flambeau.graph.node import Node, Primitive
from flambeau.graph.numpy import array_type, np
from flambeau.graph.parts import Pair, componentwise
from flambeau.graph.primitives.complex_arithmetic import product
from flambeau.graph.primitives.movement import CONCATENATE, PAD, PERMUTE, RESHAPE, SLICE

__all__ = ["SUM", "PROD", "MAX", "MIN", "ARGMAX", "ARGMIN", "ANY", "ALL"]


def _rule(inputs: Any, params: tuple[Any, ...]) -> Any:
    axes = params[0]
    return tuple(n for d, n in enumerate(inputs[0].shape) if d not in axes), inputs[0].dtype


_batch = everywhere(lambda params, n: (tuple(d + 1 for d in params[0]), (n, *params[1])))


def _reduce(f: Callable[..., Any]) -> Callable[..., Any]:
    def evaluate(node: Node, x: Any) -> Any:
        if x.dtype.itemsize == 2 and x.dtype.kind not in "iu":
            x = x.astype(np.float32)
        with np.errstate(all="ignore"):
            return np.asarray(f(x, node.params[0])).astype(array_type(node.dtype))

    return evaluate


def _restore(t: Any, axes: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    """A reduced tensor with its axes back, repeated to `shape`."""
    return t.reshape(tuple(1 if d in axes else n for d, n in enumerate(shape))).expand(shape)


def _prod_gradient(g: Any, y: Any, inputs: Any, params: tuple[Any, ...]) -> tuple[Any]:
    """The product of all others, by products of what is before and after: right with zeros too."""
    (x,) = inputs
    axes = params[0]
    kept = tuple(d for d in range(x.ndim) if d not in axes)
    moved = x.permute((*kept, *axes))
    count = math.prod(x.shape[d] for d in axes)
    if count == 0:
        return (x.new_zeros(tuple(x.shape)),)
    flat = moved.reshape((*(x.shape[d] for d in kept), count))
    one = flat.new_ones((*flat.shape[:-1], 1))
    last = (flat.ndim - 1,)
    before = type(g)._apply(CONCATENATE, (one, flat[..., :-1]), last).cumprod(-1)
    after = type(g)._apply(CONCATENATE, (one, flat.flip(-1)[..., :-1]), last).cumprod(-1).flip(-1)
    others = (g.unsqueeze(-1) * before * after).reshape(moved.shape)
    inverse = [0] * x.ndim
    for i, d in enumerate((*kept, *axes)):
        inverse[d] = i
    return (others.permute(inverse),)


def _extremum_gradient(g: Any, y: Any, inputs: Any, params: tuple[Any, ...]) -> tuple[Any]:
    """Ties share the gradient evenly, as PyTorch's amax and amin do."""
    (x,) = inputs
    axes = params[0]
    chosen = (x == _restore(y, axes, x.shape)).to(g.dtype)
    share = g / chosen.sum(axes)
    return (_restore(share, axes, x.shape) * chosen,)


SUM = Primitive(
    "sum",
    "reduction",
    _rule,
    _reduce(lambda x, axes: np.sum(x, axes, dtype=x.dtype)),
    lambda g, y, inputs, params: (_restore(g, *params),),
    saves="",
    batch=_batch,
    parts=componentwise(lambda params: (params[0], (*params[1], 2))),
)
"""`params = (axes, the operand's shape)`, as for every reduction."""


def _prod_parts(node: Node, operands: Any) -> Pair:
    """Halves are multiplied, then their halves."""
    (x,), (axes, shape) = operands, node.params
    kept = tuple(d for d in range(len(shape)) if d not in axes)
    n = math.prod(shape[d] for d in axes)

    def gathered(part: Node) -> Node:
        moved = PERMUTE((part,), ((*axes, *kept),))
        return RESHAPE((moved,), ((n, *node.shape), moved.shape))

    real, imag = gathered(x.real), gathered(x.imag)
    while n != 1:
        whole = max(n + n % 2, 2)
        real, imag = _padded(real, whole, 1), _padded(imag, whole, 0)
        n = whole // 2
        first, second = (Pair(_rows(real, i * n, n), _rows(imag, i * n, n)) for i in (0, 1))
        both = product(first, second)
        real, imag = both.real, both.imag
    return Pair(*(RESHAPE((part,), (node.shape, part.shape)) for part in (real, imag)))


def _padded(x: Node, n: int, value: float) -> Node:
    """The first axis made n long."""
    none = (0,) * len(x.shape)
    return PAD((x,), (none, (n - x.shape[0], *none[1:]), none, value))


def _rows(x: Node, start: int, n: int) -> Node:
    rank = len(x.shape)
    return SLICE((x,), ((start, *(0,) * (rank - 1)), (1,) * rank, (n, *x.shape[1:]), x.shape))


PROD = Primitive(
    "prod",
    "reduction",
    _rule,
    _reduce(lambda x, axes: np.prod(x, axes, dtype=x.dtype)),
    _prod_gradient,
    batch=_batch,
    parts=_prod_parts,
)
MAX = Primitive(
    "max", "reduction", _rule, _reduce(lambda x, axes: np.max(x, axes)), _extremum_gradient, saves="inputs output", batch=_batch
)
MIN = Primitive(
    "min", "reduction", _rule, _reduce(lambda x, axes: np.min(x, axes)), _extremum_gradient, saves="inputs output", batch=_batch
)
ANY = Primitive("any", "reduction", _rule, _reduce(lambda x, axes: np.any(x, axes)), batch=_batch)
"""On bool operands; an empty reduction is False."""
ALL = Primitive("all", "reduction", _rule, _reduce(lambda x, axes: np.all(x, axes)), batch=_batch)
"""On bool operands; an empty reduction is True."""


def _index_rule(inputs: Any, params: tuple[Any, ...]) -> Any:
    return _rule(inputs, params)[0], int64


ARGMAX = Primitive(
    "argmax",
    "reduction",
    _index_rule,
    lambda node, x: np.asarray(np.argmax(x, node.params[0][0])).astype(np.int64),
    batch=_batch,
)
"""`params = ((axis,), the operand's shape)`: the first position of the largest element, NaN counting as largest."""
ARGMIN = Primitive(
    "argmin",
    "reduction",
    _index_rule,
    lambda node, x: np.asarray(np.argmin(x, node.params[0][0])).astype(np.int64),
    batch=_batch,
)
