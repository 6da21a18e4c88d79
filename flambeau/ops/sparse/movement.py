"""Sparse tensors in coordinates with their elements elsewhere: transposed, indexed, joined.

May import what `flambeau.ops` may.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flambeau.dtypes import int64
from flambeau.layout import strided
from flambeau.ops.joining import cat, repeat_interleave, stack
from flambeau.ops.sequences import arange
from flambeau.ops.sparse import parts
from flambeau.shapes.dims import wrap_dim
from flambeau.tensor import Tensor
from flambeau.tensor.meanings import answer, meaning

__all__ = ["expanded_rows"]


def _moved(x: Tensor, order: Sequence[int], title: str) -> Tensor:
    """The tensor with its dimensions in another order, in which the sparse ones stay in front."""
    count = parts.sparse_dims(x)
    x = parts.coalesced(x) if x.requires_grad else x
    indices, values = parts.indices_of(x), parts.values_of(x)
    front, back = list(order[:count]), list(order[count:])
    if front != list(range(count)):
        indices = indices[front]
    if back != list(range(count, len(order))):
        values = values.permute(0, *[d - count + 1 for d in back])
    is_same = front == list(range(count)) and x.is_coalesced()
    return parts.coo(indices, values, [x._shape[d] for d in order], is_same, title)


@meaning("transpose", "swapaxes", "swapdims")
def _transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    rank, count = len(input._shape), parts.sparse_dims(input)
    first, second = wrap_dim(dim0, rank), wrap_dim(dim1, rank)
    if max(first, second) >= count:
        raise RuntimeError(
            f"sparse transpose: transposed dimensions must be sparse Got sparse_dim: {count}, d0: {first}, d1: {second}"
        )
    order = list(range(rank))
    order[first], order[second] = second, first
    return _moved(input, order, "TransposeBackward0")


@meaning("T")
def _reversed(input: Tensor) -> Tensor:
    return _permute(input, *reversed(range(len(input._shape))))


@meaning("t")
def _t(input: Tensor) -> Tensor:
    if len(input._shape) > 2 or parts.sparse_dims(input) > 2 or input.dense_dim():
        raise RuntimeError(
            f"t() expects a tensor with <= 2 sparse and 0 dense dimensions, but got {parts.sparse_dims(input)} sparse and "
            f"{input.dense_dim()} dense dimensions"
        )
    return parts.retitled(_transpose(input, 0, 1), "TBackward0") if len(input._shape) == 2 else input


@meaning("mT")
def _mt(input: Tensor) -> Tensor:
    return _transpose(input, -2, -1)


@meaning("H", "mH", "adjoint")
def _h(input: Tensor) -> Tensor:
    return _transpose(input, -2, -1).conj()


@meaning("permute")
def _permute(input: Tensor, *dims: Any) -> Tensor:
    rank, count = len(input._shape), parts.sparse_dims(input)
    given = dims[0] if len(dims) == 1 and isinstance(dims[0], (tuple, list)) else dims
    order = [wrap_dim(d, rank) for d in given]
    if sorted(order) != list(range(rank)):
        raise RuntimeError(f"permute(sparse_coo): number of dimensions in the tensor input does not match {list(given)}")
    if any((d < count) != (at < count) for at, d in enumerate(order)):
        raise RuntimeError(
            "permute(sparse_coo): transpositions between sparse and dense dimensions are not allowed."
            "Only transpositions within sparse and dense dimensions are supported."
        )
    return _moved(input, order, "PermuteBackward0")


@meaning("movedim", "moveaxis")
def _movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    rank = len(input._shape)
    froms, tos = ([wrap_dim(d, rank) for d in (given if isinstance(given, (tuple, list)) else (given,))]
                  for given in (source, destination))  # fmt: skip
    order = [d for d in range(rank) if d not in froms]
    for to, dim in sorted(zip(tos, froms)):
        order.insert(to, dim)
    return _permute(input, order)


@meaning("t_")
def _t_in_place(self: Tensor) -> Tensor:
    result, storage = _t(self), self._storage
    self._check_writable(result.requires_grad)
    storage.become(result._storage)  # type: ignore[attr-defined]
    self._shape = result._shape
    self._grad_fn, self._requires_grad = result._grad_fn, result._requires_grad
    return self


@meaning("unsqueeze")
def _unsqueeze(input: Tensor, dim: int) -> Tensor:
    at, count = wrap_dim(dim, len(input._shape) + 1), parts.sparse_dims(input)
    shape = list(input._shape)
    shape.insert(at, 1)
    indices, values = parts.places(input)
    if at > count:
        return parts.coo(indices, values.unsqueeze(at - count + 1), shape, False, "UnsqueezeBackward0")
    row = indices.new_zeros((1, indices._shape[1]))
    return parts.coo(cat((indices[:at], row, indices[at:])), values, shape, False, "UnsqueezeBackward0")


@meaning("cat", "concat", "concatenate")
def _cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    for position, t in enumerate(tensors):
        if not parts.is_sparse(t):
            raise RuntimeError(f"Concatenating sparse tensors, but a dense tensor was found at position {position}.")
    first = tensors[0]
    at, count = wrap_dim(dim, len(first._shape)), parts.sparse_dims(first)
    shape = list(first._shape)
    for position, t in enumerate(tensors[1:], 1):
        rest, own = list(shape), list(t._shape)
        if parts.sparse_dims(t) != count or rest[:at] + rest[at + 1 :] != own[:at] + own[at + 1 :]:
            raise RuntimeError(
                f"All tensors must have the same shape: {list(first._shape)} (except in the concatenating dimension), but found "
                f"shape: {own} at position {position}"
            )
    shape[at] = sum(t._shape[at] for t in tensors)
    indices, values, before = [], [], 0
    for t in tensors:
        own_indices, own_values = parts.places(t)
        if at < count:
            rows = list(own_indices)
            rows[at] = rows[at] + before
            own_indices = stack(rows)
        else:
            axis = at - count + 1
            sides = list(own_values._shape), list(own_values._shape)
            sides[0][axis], sides[1][axis] = before, shape[at] - before - t._shape[at]
            own_values = cat((own_values.new_zeros(sides[0]), own_values, own_values.new_zeros(sides[1])), axis)
        before += t._shape[at]
        indices.append(own_indices)
        values.append(own_values)
    return parts.coo(cat(indices, 1), cat(values), shape, False, "CatBackward0")


@meaning("stack")
def _stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    if any(tuple(t._shape) != tuple(tensors[0]._shape) for t in tensors):
        raise RuntimeError("stack expects each tensor to be equal size")
    return _cat([_unsqueeze(t, dim) for t in tensors], dim)


# --- indexing ------------------------------------------------------------------------------------------------------------
def _kept(x: Tensor, which: Tensor, dim: int, shape: Sequence[int], title: str, row: Tensor | None = None) -> Tensor:
    """The values of these numbers, with sparse dimension `dim` gone, or with other places (`row`) along it."""
    indices, values = parts.places(x)
    found = indices.index_select(1, which)
    middle = [] if row is None else [row.unsqueeze(0)]
    found = cat((found[:dim], *middle, found[dim + 1 :]))
    return parts.coo(found, values.index_select(0, which), shape, False, title)


@meaning("select")
def _select(input: Tensor, dim: int, index: int) -> Tensor:
    rank, count = len(input._shape), parts.sparse_dims(input)
    at = wrap_dim(dim, rank)
    size = input._shape[at]
    if not -size <= index < size:
        raise IndexError(f"select(): index {index} out of range for tensor of size {list(input._shape)} at dimension {at}")
    index %= size
    shape = [*input._shape[:at], *input._shape[at + 1 :]]
    if at >= count:
        indices, values = parts.places(input)
        return parts.coo(indices, values.select(at - count + 1, index), shape, False, "SelectBackward0")
    which = (parts.places(input)[0][at] == index).nonzero().reshape(-1)
    if count == 1:
        return parts.places(input)[1].index_select(0, which).sum(0).to(input.dtype)
    return _kept(input, which, at, shape, "SelectBackward0")


def expanded_rows(starts: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """For runs of `lengths` elements that begin at `starts`: the run that each element is of, and where it is."""
    run = repeat_interleave(arange(lengths._shape[0], device=lengths.device), lengths)
    before = lengths.cumsum(0) - lengths
    at = arange(run._shape[0], device=lengths.device) - before.index_select(0, run) + starts.index_select(0, run)
    return run, at


@meaning("index_select")
def _index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    rank, count = len(input._shape), parts.sparse_dims(input)
    at = wrap_dim(dim, rank)
    size = input._shape[at]
    if len(index._shape) != 1:
        raise IndexError("index_select(): Index is supposed to be 1-dimensional")
    index = index.to(int64)
    if index._shape[0] and bool(((index < -size) | (index >= size)).any()):
        raise IndexError(
            f"index_select(): index contains an index that is out of range for tensor of size {size} at dimension {at}"
        )
    index = index.where(index >= 0, index + size)
    shape = [*input._shape[:at], index._shape[0], *input._shape[at + 1 :]]
    if at >= count:
        indices, values = parts.places(input)
        return parts.coo(indices, values.index_select(at - count + 1, index), shape, False, "IndexSelectBackward0")
    rows, order = parts.places(input)[0][at].sort(stable=True)
    starts = parts.row_starts(rows, size)
    begins = starts.index_select(0, index)
    run, place = expanded_rows(begins, starts.index_select(0, index + 1) - begins)
    return _kept(input, order.index_select(0, place), at, shape, "IndexSelectBackward0", run)


@meaning("narrow_copy")
def _narrow_copy(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    at = wrap_dim(dim, len(input._shape))
    if not 0 <= start <= start + length <= input._shape[at]:
        raise RuntimeError("Invalid range to narrow. range(start, start+length) must be a subset of range(0, input.size(dim)).")
    narrowed = _index_select(input, dim, arange(start, start + length, device=input.device))
    return parts.coo(
        parts.indices_of(narrowed), parts.values_of(narrowed), narrowed._shape, input.is_coalesced(), "NarrowCopyBackward0"
    )


@meaning("__getitem__")
def _getitem(self: Tensor, index: Any) -> Any:
    dim = 0
    result = self
    for part in index if isinstance(index, tuple) else (index,):
        if isinstance(part, int) and not isinstance(part, bool):
            if result._storage.layout is strided:
                return result[part]
            if dim >= len(result._shape):
                raise IndexError(f"too many indices for tensor of dimension {len(self._shape)}")
            result = _select(result, dim, part)
        elif part is None:
            result, dim = _unsqueeze(result, dim), dim + 1
        elif isinstance(part, slice) and part == slice(None):
            dim += 1
        else:
            return answer("as_strided" if isinstance(part, slice) else "index.Tensor", self, (self, index), {})
    return result


@meaning("unbind")
def _unbind(input: Tensor, dim: int = 0) -> Any:
    return tuple([_select(input, dim, i) for i in range(input._shape[wrap_dim(dim, len(input._shape))])])


@meaning("__iter__")
def _iter(self: Tensor) -> Any:
    return iter(_unbind(self))


@meaning("item")
def _item(self: Tensor) -> Any:
    if self.numel() != 1:
        raise RuntimeError(f"a Tensor with {self.numel()} elements cannot be converted to Scalar")
    return self.detach().to_dense().item()
