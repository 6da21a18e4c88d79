"""`sparse_coo_tensor`, its checks, and tensors of diagonals. May import what `flambeau.ops` may."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flambeau.dtypes import int64
from flambeau.layout import sparse_coo
from flambeau.ops import creation
from flambeau.ops.sparse import parts
from flambeau.tensor import Tensor

__all__ = ["as_tensor", "check", "check_invariants_of", "is_checked", "sparse_coo_tensor", "spdiags"]

_checks: list[bool] = [False]


def is_checked() -> bool:
    """Whether sparse tensors are checked where a call doesn't say."""
    return _checks[-1]


def check(value: bool) -> None:
    """Says whether they are."""
    _checks[-1] = value


def as_tensor(data: Any, dtype: Any, device: Any) -> Tensor:
    """Data as a tensor of a dtype, on a device; of its own where that is None."""
    if isinstance(data, Tensor):
        return data.to(device=device if device is not None else data.device, dtype=dtype if dtype is not None else data.dtype)
    return creation.tensor(data, dtype=dtype, device=device)


def sparse_coo_tensor(
    indices: Any = None,
    values: Any = None,
    size: Sequence[int] | None = None,
    *,
    dtype: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
    is_coalesced: bool | None = None,
) -> Tensor:
    """A sparse tensor of `values` [nnz, *dense] at `indices` [sparse_dim, nnz], and zeros elsewhere; values of one place add.

    The size is as small as the indices allow where none is given. `sparse_coo_tensor(size)` has no elements. With
    `requires_grad` the tensor is a leaf, else it has the values' history. The indices are checked if `check_invariants`.

    >>> torch.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 4.0], (2, 3)).to_dense()
    tensor([[0., 0., 3.],
            [4., 0., 0.]])
    """
    if values is None:
        shape = tuple(indices if size is None else size)
        empty = creation.zeros((0,), dtype=dtype, device=device)
        result = parts.coo(creation.zeros((len(shape), 0), dtype=int64, device=empty.device), empty, shape, True)
        result._requires_grad = bool(requires_grad)
        return result
    data = as_tensor(values, dtype, device)
    places = as_tensor(indices, int64, data.device if device is None else device)
    if requires_grad:
        data = data.detach()
    if not data._shape:
        data = data.reshape((1,))
    if len(places._shape) != 2:
        raise RuntimeError(f"indices must be sparse_dim x nnz, but got: {list(places._shape)}")
    count, nnz = places._shape
    if data._shape[0] != nnz:
        raise RuntimeError(
            f"indices and values must have same nnz, but got nnz from indices: {nnz}, nnz from values: {data._shape[0]}"
        )
    dense = tuple(data._shape[1:])
    shape = (*_smallest(places), *dense) if size is None else tuple(int(n) for n in size)
    if len(shape) != count + len(dense):
        raise RuntimeError(
            f"'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {len(shape)}, sparse_dim = {count}, "
            f"dense_dim = {len(dense)}"
        )
    if shape[count:] != dense:
        raise RuntimeError(f"values has incorrect size, expected {[nnz, *shape[count:]]}, got {list(data._shape)}")
    if is_checked() if check_invariants is None else check_invariants:
        check_invariants_of(places, shape[:count])
        if is_coalesced:
            flat = parts.flat_places(places, shape[:count])
            if bool((flat[1:] <= flat[:-1]).any()):
                raise RuntimeError("cannot set is_coalesced to true if indices correspond to uncoalesced COO tensor")
    result = parts.coo(places, data, shape, bool(is_coalesced))
    if requires_grad:
        result.requires_grad = True
    return result


def _smallest(places: Tensor) -> tuple[int, ...]:
    """The sizes that indices need."""
    count, nnz = places._shape
    if not nnz:
        return (0,) * count
    lowest, highest = places.amin(1).tolist(), places.amax(1).tolist()
    for dim, index in enumerate(lowest):
        if index < 0:
            raise RuntimeError(f"found negative index {index} for dim {dim}")
    return tuple(index + 1 for index in highest)


def check_invariants_of(places: Tensor, sizes: Sequence[int]) -> None:
    """Raises RuntimeError where indices are outside of the sizes."""
    if not places._shape[1]:
        return
    lowest, highest = places.amin(1).tolist(), places.amax(1).tolist()
    for dim, (low, high, size) in enumerate(zip(lowest, highest, sizes)):
        if low < 0:
            raise RuntimeError(f"found negative index {low} for dim {dim}")
        if high >= size:
            raise RuntimeError(f"size is inconsistent with indices: for dim {dim}, size is {size} but found index {high}")


def spdiags(diagonals: Tensor, offsets: Tensor, shape: Sequence[int], layout: Any = None) -> Tensor:
    """A sparse matrix of this shape whose diagonals at `offsets` [D] are the rows of `diagonals` [D, L], each from its place on.

    >>> torch.sparse.spdiags(torch.ones(1, 2), torch.tensor([1]), (2, 2)).to_dense()
    tensor([[0., 1.],
            [0., 0.]])
    """
    rows, length = diagonals.reshape((-1, diagonals._shape[-1]))._shape
    values = diagonals.reshape((rows, length))
    found = offsets.reshape((-1,)).tolist()
    if len(found) != rows:
        raise RuntimeError(f"Number of diagonals ({rows}) does not match the number of offsets ({len(found)})")
    if len(set(found)) != len(found):
        raise RuntimeError("Offset tensor contains duplicate values")
    if len(shape) != 2:
        raise RuntimeError("Output shape must be 2d")
    height, width = shape
    places: list[list[int]] = [[], []]
    picked = []
    for number, offset in enumerate(found):
        columns = range(max(offset, 0), min(width, length, height + offset))
        places[0] += [c - offset for c in columns]
        places[1] += columns
        picked += [number * length + c for c in columns]
    indices = creation.tensor(places, dtype=int64, device=diagonals.device).reshape((2, len(picked)))
    own = values.reshape((-1,)).index_select(0, creation.tensor(picked, dtype=int64, device=diagonals.device))
    result = parts.coo(indices, own, tuple(shape))
    return result if layout in (None, sparse_coo) else result.to_sparse(layout=layout)
