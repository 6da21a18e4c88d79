"""Scans: running sums and their kin along one axis. May import `flambeau.dtypes` and `flambeau.graph`."""

from __future__ import annotations

from typing import Any

from flambeau.dtypes import int64, name_of_dtype
from flambeau.graph.batching import everywhere
from flambeau.graph.node import Node, Primitive
from flambeau.graph.numpy import array_type, np
from flambeau.graph.parts import Pair, componentwise
from flambeau.graph.primitives.complex_arithmetic import product
from flambeau.graph.primitives.movement import PAD, SLICE

__all__ = ["SCAN"]


def _rule(inputs: Any, params: tuple[Any, ...]) -> Any:
    if params[1] not in ("sum", "prod") and inputs[0].dtype.category == 3:
        raise NotImplementedError(f"\"cum{params[1][-3:]}_cpu\" not implemented for '{name_of_dtype(inputs[0].dtype)}'")
    return inputs[0].shape, int64 if params[1].startswith("arg") else inputs[0].dtype


def _scan(node: Node, x: Any) -> Any:
    axis, kind = node.params
    if kind in ("argmax", "argmin"):
        best = (np.maximum if kind == "argmax" else np.minimum).accumulate(x, axis)
        is_best = (x == best) | ((x != x) & (best != best))
        size = x.shape[axis]
        steps = np.arange(size).reshape((size,) + (1,) * (x.ndim - axis - 1))
        return np.maximum.accumulate(np.where(is_best, steps, 0), axis).astype(np.int64)
    wide = x.astype(np.float32) if x.dtype.itemsize == 2 and x.dtype.kind not in "iu" else x
    f = {"sum": np.add, "prod": np.multiply, "max": np.maximum, "min": np.minimum}[kind]
    with np.errstate(all="ignore"):
        return f.accumulate(wide, axis, dtype=wide.dtype).astype(array_type(node.dtype))


def _gradient(g: Any, y: Any, inputs: Any, params: tuple[Any, ...]) -> tuple[Any]:
    axis, kind = params
    (x,) = inputs
    if kind == "sum":
        return (type(g)._apply(SCAN, (g.flip(axis),), (axis, "sum")).flip(axis),)
    if kind == "prod":
        return (_product_gradient(g, y, x, axis),)
    places = type(g)._apply(SCAN, (x,), (axis, "arg" + kind))
    return (g.new_zeros(x.shape).scatter_add(axis, places, g),)


def _product_gradient(g: Any, y: Any, x: Any, axis: int) -> Any:
    """d/dx_i Σ_{k≥i} g_k Π_{j≤k} x_j.

    Before the first zero that is a running sum from the end, divided by x_i; at it, the same with this zero left out of the
    products; behind it 0.
    """
    products = x.cumprod(axis)
    if products.requires_grad:  # the gradient may be differentiated again
        return _product_gradient_table(g, x, axis)

    def from_end(t: Any) -> Any:
        return type(t)._apply(SCAN, (t.flip(axis),), (axis, "sum")).flip(axis)

    zero = x == 0
    zeros = zero.cumsum(axis)
    at_first = zero & (zeros == 1)
    before = from_end(g * products) / x
    at = from_end(g * x._fill_where(at_first, 1).cumprod(axis))
    return at.where(at_first, before._fill_where(zeros > 0, 0))


def _product_gradient_table(g: Any, x: Any, axis: int) -> Any:
    """The same by an O(n²) table along the axis, whose own gradient is right with zeros too."""
    n = x.shape[axis]
    x, g = x.movedim(axis, -1), g.movedim(axis, -1)
    position = x.new_ones((n,), dtype=int64).cumsum(0)
    is_self = position.unsqueeze(1) == position
    others = x.unsqueeze(-2)._fill_where(is_self, 1).cumprod(-1)  # [i, k]: Π_{j≤k, j≠i} x_j
    later = (position >= position.unsqueeze(1)).to(g.dtype)
    return (g.unsqueeze(-2) * others * later).sum(-1).movedim(-1, axis).contiguous()


_each_part = componentwise()


def _parts(node: Node, operands: Any) -> Pair:
    """Running products by doubling: after step k each element is the product of the last 2^k (Hillis and Steele's scan)."""
    axis, kind = node.params
    if kind == "sum":
        return _each_part(node, operands)
    (x,) = operands
    size, step = node.shape[axis], 1
    while step < size:
        x = product(x, Pair(_later(x.real, axis, step, 1), _later(x.imag, axis, step, 0)))
        step *= 2
    return x


def _later(x: Node, axis: int, step: int, value: float) -> Node:
    """The elements moved on along an axis, `value` before the first."""
    rank = len(x.shape)
    none = (0,) * rank
    sizes = tuple(n - step if d == axis else n for d, n in enumerate(x.shape))
    kept = SLICE((x,), (none, (1,) * rank, sizes, x.shape))
    return PAD((kept,), (tuple(step if d == axis else 0 for d in range(rank)), none, none, value))


SCAN = Primitive(
    "scan",
    "scan",
    _rule,
    _scan,
    _gradient,
    reads=lambda params: ((),) if params[1] == "sum" else None,
    batch=everywhere(lambda params, n: (params[0] + 1, params[1])),
    parts=_parts,
)
"""`params = (axis, kind)`, kind one of "sum", "prod", "max", "min" (NaN propagates), "argmax", "argmin" (the last position of
the running extremum, int64)."""
