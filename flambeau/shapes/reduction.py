"""Reductions over dimensions, and results that keep the dimension (cumulative sums, sort, topk).

May import: shapes.dims, shapes.errors, shapes.sizes.
"""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.shapes.dims import wrap_dim, wrap_dims
from flambeau.shapes.errors import ShapeError, require, show
from flambeau.shapes.sizes import Shape, Size, at_least, equal, product


def reduce(shape: Sequence[Size], dims: int | Sequence[int] | None = None, keepdim: bool = False) -> Shape:
    """The shape after `dims` (None or (): all) are reduced: gone, or of size 1 with `keepdim`."""
    chosen = wrap_dims(dims, len(shape))
    if keepdim:
        return tuple(1 if dim in chosen else size for dim, size in enumerate(shape))
    return tuple(size for dim, size in enumerate(shape) if dim not in chosen)


def reduce_nonempty(
    shape: Sequence[Size], dims: int | Sequence[int] | None = None, keepdim: bool = False, *, name: str = "max"
) -> Shape:
    """``reduce`` for operators with no neutral element (max, argmin, median): an empty dimension is an IndexError."""
    chosen = wrap_dims(dims, len(shape))
    if dims is None:
        if equal(product(shape), 0) is True:
            raise ShapeError(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the"
                " 'dim' argument."
            )
    else:
        for dim in chosen:
            if equal(shape[dim], 0) is True:
                raise IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size.")
    return reduce(shape, dims, keepdim)


def along(shape: Sequence[Size], dim: int) -> Shape:
    """A result of the input's shape, computed along one dimension (softmax, cumsum, sort): checks `dim`."""
    wrap_dim(dim, len(shape))
    return tuple(shape)


def topk(shape: Sequence[Size], k: Size, dim: int = -1) -> Shape:
    """The k largest along a dimension."""
    axis = wrap_dim(dim, len(shape))
    extent = shape[axis] if shape else 1
    if at_least(k, 0) is False or at_least(extent, k) is False:
        raise ShapeError(f"selected index k out of range: k = {k} along dimension {dim} of size {extent} (shape {show(shape)})")
    return (*shape[:axis], k, *shape[axis + 1 :]) if shape else ()


def kthvalue(shape: Sequence[Size], k: Size, dim: int = -1, keepdim: bool = False) -> Shape:
    """The k-th smallest along a dimension, 1 ≤ k ≤ size."""
    axis = wrap_dim(dim, len(shape))
    extent = shape[axis] if shape else 1
    require(
        at_least(k, 1) is not False and at_least(extent, k),
        f"kthvalue(): selected number k out of range for dimension {dim}: k = {k}, size {extent}",
    )
    return reduce(shape, dim, keepdim) if shape else ()


def diff(shape: Sequence[Size], n: int = 1, dim: int = -1, extra: Size = 0) -> Shape:
    """n-th differences along a dimension, `extra` elements having been put before and after."""
    if not shape:
        raise ShapeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise ShapeError(f"order must be non-negative but got {n}")
    if n == 0:
        return tuple(shape)
    axis = wrap_dim(dim, len(shape))
    extent = shape[axis] + extra
    result = extent - n if at_least(extent, n) is not False else 0
    return (*shape[:axis], result, *shape[axis + 1 :])


def quantile(shape: Sequence[Size], q: Sequence[Size], dim: int | None = None, keepdim: bool = False) -> Shape:
    """Quantiles: `q` is the shape of the probabilities, () or [Q]; Q comes first."""
    if len(q) > 1:
        raise ShapeError(f"quantile() q must be a scalar or 1D tensor, got {show(q)}")
    return (*q, *reduce(shape, dim, keepdim))
