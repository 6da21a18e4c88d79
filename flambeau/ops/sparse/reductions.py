"""Sums, norms and softmaxes of sparse tensors in coordinates. May import what `flambeau.ops` may."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

from flambeau.ops.sparse import parts
from flambeau.ops.sparse.methods import with_parts
from flambeau.shapes.dims import wrap_dim
from flambeau.tensor import Tensor
from flambeau.tensor.meanings import meaning

__all__ = ["sparse_softmax", "sparse_sum"]


@meaning("sum")
def _sum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    if dim is None or dim == ():
        total = parts.raw_values(input).sum(dtype=dtype)
        shape, type = tuple(input._shape), input.dtype
        return parts.recorded(total, "SumBackward0", (input,), lambda g: (g.to(type).expand(shape),))
    return sparse_sum(input, dim, dtype, keepdim)


def sparse_sum(x: Tensor, dim: Any, dtype: Any = None, keepdim: bool = False) -> Tensor:
    """The sum along dimensions: sparse as long as a sparse dimension stays."""
    rank, count = len(x._shape), parts.sparse_dims(x)
    dims = sorted({wrap_dim(d, rank) for d in (dim if isinstance(dim, (tuple, list)) else (dim,))})
    indices, values = parts.places(x)
    inner = [d - count + 1 for d in dims if d >= count]
    own = values.sum(inner, keepdim=keepdim, dtype=dtype) if inner else values.to(values[:0].sum(dtype=dtype).dtype)
    shape = [1 if d in dims else n for d, n in enumerate(x._shape) if keepdim or d not in dims]
    rows = [d for d in range(count) if d not in dims]
    if not rows and not keepdim:
        return own.sum(0)
    if keepdim:
        from flambeau.ops.joining import stack

        places = stack([indices[d] if d in rows else indices[d] * 0 for d in range(count)])
    else:
        places = indices if len(rows) == count else indices[rows]
    is_same = len(rows) == count and x.is_coalesced()
    return parts.retitled(parts.coalesced(parts.coo(places, own, shape, is_same)), "SparseSumBackward0")


@meaning("norm")
def _norm(input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    if dim not in (None, (), []) or keepdim:
        raise RuntimeError(f"norm_sparse currently does not support keepdim=True or dim={dim}")
    return parts.values_of(parts.coalesced(input)).norm(p, dtype=dtype)


@meaning("any")
def _any(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    if dim is not None:
        return input.norm(dim=dim)
    return parts.raw_values(parts.coalesced(input)).any()


def sparse_softmax(x: Tensor, dim: int, dtype: Any, is_log: bool) -> Tensor:
    """The softmax (or its logarithm) along a dimension, in which elements that aren't there count as -inf."""
    if dtype is not None:
        x = x.to(dtype)
    x = parts.coalesced(x)
    count, at = parts.sparse_dims(x), wrap_dim(dim, len(x._shape))
    indices, values = parts.indices_of(x), parts.values_of(x)
    title = f"Sparse{'LogSoftmax' if is_log else 'Softmax'}Backward0"
    if at >= count:
        inner = at - count + 1
        return with_parts(x, values.log_softmax(inner) if is_log else values.softmax(inner), title)
    if not values._shape[0]:
        return with_parts(x, values, title)
    others = [d for d in range(count) if d != at]
    sizes: Sequence[int] = [x._shape[d] for d in others]
    groups, group = parts.flat_places(indices[others], sizes).unique(return_inverse=True)
    n = groups._shape[0]
    largest = values.detach().new_full((n, *values._shape[1:]), -inf).index_reduce(0, group, values.detach(), "amax")
    shifted = values - largest.index_select(0, group)
    powers = shifted.exp()
    sums = parts.added_at(group, powers, n)
    if is_log:
        return with_parts(x, shifted - sums.log().index_select(0, group), title)
    return with_parts(x, powers / sums.index_select(0, group), title)
