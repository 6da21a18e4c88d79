"""Reductions, and what goes along a dimension.

May import `flambeau.shapes`.
"""

from __future__ import annotations

from flambeau.shapes import dims, normalization, reduction
from flambeau.shapes.errors import ShapeError, show
from flambeau.typing.rules.kinds import Axes, Dim, Flag, Shape, Size, known_integers


def reduce(shape: Shape, dim: Axes, keepdim: Flag) -> Shape:
    return reduction.reduce(shape, dim, keepdim)


def reduce_over(shape: Shape, dims: Shape, keepdim: Flag) -> Shape:
    return reduction.reduce(shape, known_integers(dims), keepdim)


def along(shape: Shape, dim: Dim) -> Shape:
    return reduction.along(shape, dim)


def topk(shape: Shape, k: Size, dim: Dim) -> Shape:
    return reduction.topk(shape, k, dim)


def extent(shape: Shape, dim: Dim) -> Size:
    return shape[dims.wrap_dim(dim, len(shape), scalar=False)]


def diff(shape: Shape, n: Dim, dim: Dim) -> Shape:
    return reduction.diff(shape, n, dim)


def glu(shape: Shape, dim: Dim) -> Shape:
    return normalization.glu(shape, dim)


def cross_correlated(shape: Shape) -> Shape:
    if len(shape) > 2:
        raise ShapeError(f"cov: expected an input of two dimensions at most, got {show(shape)}")
    return (shape[0], shape[0]) if len(shape) == 2 else ()
