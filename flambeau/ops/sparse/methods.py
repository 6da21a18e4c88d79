"""Methods that ask about sparse tensors and make them of dense ones, and what is another form of the same matrix.

May import what `flambeau.ops` may.
"""

from __future__ import annotations

from typing import Any, NoReturn

from flambeau.dtypes import dtype as Dtype
from flambeau.layout import sparse_bsc, sparse_bsr, sparse_coo, sparse_csc, sparse_csr, strided
from flambeau.ops.operands import cast
from flambeau.ops.registry import operator
from flambeau.ops.sparse import parts
from flambeau.tensor import Tensor
from flambeau.tensor.meanings import meaning

__all__ = ["refuse_blocks", "with_parts"]

_NAMES = {
    strided: "Strided", sparse_coo: "Sparse", sparse_csr: "SparseCsr", sparse_csc: "SparseCsc", sparse_bsr: "SparseBsr",
    sparse_bsc: "SparseBsc",
}  # fmt: skip


def refuse_blocks(name: str) -> NoReturn:
    """Raises NotImplementedError, which says what to do instead."""
    raise NotImplementedError(
        f"{name}: flambeau's sparse tensors hold single elements, those of sparse_coo, sparse_csr and sparse_csc, and no blocks. "
        "Hold blocks as the values of a hybrid tensor: torch.sparse_coo_tensor(indices, blocks)."
    )


def _expect(self: Tensor, name: str, kind: str, *layouts: Any) -> Any:
    """The storage of a tensor of one of these layouts; raises RuntimeError for others."""
    if self._storage.layout not in layouts:
        raise RuntimeError(f"{name} expected {kind} tensor layout but got {_NAMES[self._storage.layout]}")
    return self._storage


# --- questions -----------------------------------------------------------------------------------------------------------
@operator(namespace=None)
def sparse_dim(self: Tensor) -> int:
    """How many dimensions the indices are of: none of a dense tensor's."""
    if self._storage.layout is strided:
        return 0
    return parts.sparse_dims(self) if parts.is_sparse(self) else 2


@operator(namespace=None)
def dense_dim(self: Tensor) -> int:
    """How many dimensions the values have themselves: all of a dense tensor's."""
    return len(self._shape) - sparse_dim(self)


def _nnz(self: Tensor) -> int:
    _expect(self, "_nnz", "sparse", sparse_coo, sparse_csr, sparse_csc)
    return parts.nnz_of(self)


def _indices(self: Tensor) -> Tensor:
    _expect(self, "_indices", "sparse coordinate", sparse_coo)
    return parts.indices_of(self)


def _values(self: Tensor) -> Tensor:
    _expect(self, "_values", "sparse coordinate", sparse_coo)
    return parts.raw_values(self)


def _coalesced_(self: Tensor, coalesced: bool) -> Tensor:
    _expect(self, "_coalesced_", "sparse coordinate", sparse_coo).is_coalesced = coalesced
    return self


for _name, _function in {
    "_nnz": _nnz, "_indices": _indices, "_values": _values, "_coalesced_": _coalesced_, "_dimI": sparse_dim, "_dimV": dense_dim,
}.items():  # fmt: skip
    setattr(Tensor, _name, _function)


@operator(namespace=None)
def is_coalesced(self: Tensor) -> bool:
    """Whether each place is there at most once, in order, as far as is known."""
    return _expect(self, "is_coalesced", "sparse coordinate", sparse_coo).is_coalesced


@operator(namespace=None)
def coalesce(self: Tensor) -> Tensor:
    """The same matrix with each place once, in order, values of one place being added up; itself where it is so.

    >>> torch.sparse_coo_tensor([[1, 0, 1]], [1.0, 2.0, 3.0], (2,)).coalesce().values()
    tensor([2., 4.])
    """
    _expect(self, "coalesce", "sparse coordinate", sparse_coo)
    return parts.coalesced(self)


@operator(namespace=None)
def indices(self: Tensor) -> Tensor:
    """The indices of a coalesced sparse tensor: int64 [sparse_dim, nnz]."""
    if not _expect(self, "indices", "sparse coordinate", sparse_coo).is_coalesced:
        raise RuntimeError("Cannot get indices on an uncoalesced tensor, please call .coalesce() first")
    return parts.indices_of(self)


@operator(namespace=None)
def values(self: Tensor) -> Tensor:
    """The values of a sparse tensor, [nnz, *dense], with gradients; one in coordinates must be coalesced."""
    storage = _expect(self, "values", "sparse", sparse_coo, sparse_csr, sparse_csc)
    if storage.layout is not sparse_coo:
        from flambeau.ops.sparse.compressed import values_of

        return values_of(self)
    if not storage.is_coalesced:
        raise RuntimeError("Cannot get values on an uncoalesced tensor, please call .coalesce() first")
    return parts.values_of(self)


def _compressed_part(name: str, kind: str, layout: Any, which: int) -> None:
    def method(self: Tensor) -> Tensor:
        return _expect(self, name, kind, layout, sparse_bsr if layout is sparse_csr else sparse_bsc).indices[which]

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"The {name} of a tensor of layout {layout!r}: int64."
    operator(name, namespace=None)(method)


_compressed_part("crow_indices", "sparse row compressed", sparse_csr, 0)
_compressed_part("col_indices", "sparse row compressed", sparse_csr, 1)
_compressed_part("ccol_indices", "sparse column compressed", sparse_csc, 0)
_compressed_part("row_indices", "sparse column compressed", sparse_csc, 1)


# --- from one form to another --------------------------------------------------------------------------------------------
@operator(namespace=None)
def to_dense(self: Tensor, dtype: Dtype | None = None, *, masked_grad: bool | None = None) -> Tensor:
    """A dense tensor of the same elements: itself, or converted to another `dtype`, where it is dense.

    The gradient of a sparse one is sparse; with `masked_grad=False` it is that of all elements.
    """
    if self._storage.layout is strided:
        return self if dtype is None else cast(self, dtype)
    if dtype is not None:
        raise RuntimeError("dtype argument is not supported by sparse_to_dense")
    if not parts.is_sparse(self):
        return to_dense(to_sparse_coo(self), masked_grad=masked_grad)
    count, shape = parts.sparse_dims(self), tuple(self._shape)
    rows = 1
    for size in shape[:count]:
        rows *= size
    at = parts.flat_places(parts.indices_of(self), shape[:count])
    dense = parts.added_at(at, parts.raw_values(self), rows).reshape(shape)
    if masked_grad is False:
        is_seen = parts.is_leaf(self)
        return parts.recorded(dense, "ToDenseBackward0", (self,), lambda g: (g.to_sparse() if is_seen else g,))
    return parts.recorded(dense, "ToDenseBackward0", (self,), lambda g: (_masked(g, self.detach()),))


def _masked(g: Tensor, like: Tensor) -> Tensor:
    """A gradient where a sparse tensor has elements."""
    like = parts.coalesced(like)
    return parts.coo(parts.indices_of(like), parts.picked(g, parts.indices_of(like)), like._shape, True)


@operator(namespace=None)
def to_sparse(
    self: Tensor, sparse_dim: Any = None, *, layout: Any = None, blocksize: Any = None, dense_dim: Any = None
) -> Tensor:
    """The tensor in coordinates (or another sparse layout): what isn't zero, of the first `sparse_dim` dimensions. Computes it.

    >>> torch.tensor([[0.0, 2.0], [0.0, 0.0]]).to_sparse().indices()
    tensor([[0],
            [1]])
    """
    if blocksize is not None or layout in (sparse_bsr, sparse_bsc):
        refuse_blocks("to_sparse")
    if layout in (sparse_csr, sparse_csc):
        return (to_sparse_csr if layout is sparse_csr else to_sparse_csc)(self, dense_dim)
    rank = len(self._shape)
    if self._storage.layout is not strided:
        if sparse_dim is not None and sparse_dim != parts.sparse_dims(self.to_sparse_coo()):
            raise RuntimeError(
                "to_sparse: conversion from Sparse to Sparse with sparse_dim argument !=self.sparse_dim() is not supported"
            )
        return self if parts.is_sparse(self) else to_sparse_coo(self)
    count = rank if sparse_dim is None else sparse_dim
    if not 0 <= count <= rank:
        raise RuntimeError(f"dense_to_sparse: sparse_dim argument must be in [0,{rank}] range, but {count} is given")
    if not count and rank:
        raise RuntimeError("dense_to_sparse: sparse_dim argument must be in >0 when self.dim()>0")
    plain = self.detach()
    there = plain != 0
    if count < rank:
        there = there.flatten(count).any(-1)
    found = there.nonzero().t().contiguous()
    result = parts.coo(found, parts.picked(plain, found), self._shape, True)
    return parts.recorded(result, "ToSparseBackward0", (self,), lambda g: (g.to_dense(masked_grad=False),))


@operator(namespace=None)
def to_sparse_coo(self: Tensor) -> Tensor:
    """The tensor in coordinates."""
    if self._storage.layout in (strided, sparse_coo):
        return to_sparse(self)
    from flambeau.ops.sparse.compressed import to_coordinates

    return to_coordinates(self)


@operator(namespace=None)
def to_sparse_csr(self: Tensor, dense_dim: int | None = None) -> Tensor:
    """The matrix as the columns and values of its elements, row after row."""
    from flambeau.ops.sparse.compressed import compressed

    return compressed(self, sparse_csr, dense_dim)


@operator(namespace=None)
def to_sparse_csc(self: Tensor, dense_dim: int | None = None) -> Tensor:
    """The matrix as the rows and values of its elements, column after column."""
    from flambeau.ops.sparse.compressed import compressed

    return compressed(self, sparse_csc, dense_dim)


@operator(namespace=None)
def to_sparse_bsr(self: Tensor, blocksize: Any, dense_dim: int | None = None) -> Tensor:
    """Raises NotImplementedError: see `refuse_blocks`."""
    refuse_blocks("to_sparse_bsr")


@operator(namespace=None)
def to_sparse_bsc(self: Tensor, blocksize: Any, dense_dim: int | None = None) -> Tensor:
    """Raises NotImplementedError: see `refuse_blocks`."""
    refuse_blocks("to_sparse_bsc")


@operator(namespace=None)
def sparse_mask(self: Tensor, mask: Tensor) -> Tensor:
    """The elements of the tensor where the sparse `mask` has some."""
    if not parts.is_sparse(mask):
        raise RuntimeError("sparse_mask: mask must be a sparse tensor")
    if tuple(self._shape) != tuple(mask._shape):
        raise RuntimeError("sparse_mask(): operands have incompatible sizes; self has size "
                           f"{list(self._shape)} but mask has size {list(mask._shape)}")  # fmt: skip
    wanted = parts.indices_of(mask)
    picked = parts.picked(self.detach(), wanted)
    result = parts.coo(wanted, picked, self._shape, mask.is_coalesced())
    return parts.recorded(result, "SparseMaskBackward0", (self,), lambda g: (_as_form(_masked(g, mask), self),))


def _as_form(g: Tensor, like: Tensor) -> Tensor:
    return g if like._storage.layout is not strided else g.to_dense(masked_grad=False)


@operator(namespace=None)
def sparse_resize_(self: Tensor, size: Any, sparse_dim: int, dense_dim: int) -> Tensor:
    """Gives a sparse tensor another size, in place; of one with elements no dimension may become shorter."""
    storage = _expect(self, "sparse_resize_", "sparse coordinate", sparse_coo)
    shape = tuple(size)
    if parts.nnz_of(self):
        if sparse_dim != parts.sparse_dims(self) or len(shape) != len(self._shape):
            raise RuntimeError(
                f"changing the number of sparse dimensions (from {parts.sparse_dims(self)} to {sparse_dim}) on a non-empty "
                "sparse tensor is not supported"
            )
        if any(new < old for new, old in zip(shape, self._shape)) or shape[sparse_dim:] != tuple(self._shape[sparse_dim:]):
            raise RuntimeError(
                f"shrinking the size of dimensions (from {list(self._shape)} to {list(shape)}) on a non-empty sparse tensor is "
                "not supported."
            )
        self._shape = shape
        storage.version += 1
        return self
    return sparse_resize_and_clear_(self, shape, sparse_dim, dense_dim)


@operator(namespace=None)
def sparse_resize_and_clear_(self: Tensor, size: Any, sparse_dim: int, dense_dim: int) -> Tensor:
    """Gives a sparse tensor another size and takes all its elements, in place."""
    storage = _expect(self, "sparse_resize_and_clear_", "sparse coordinate", sparse_coo)
    shape = tuple(size)
    if sparse_dim + dense_dim != len(shape):
        raise RuntimeError(
            f"number of dimensions must be sparse_dim ({sparse_dim}) + dense_dim ({dense_dim}), but got {len(shape)}"
        )
    indices = parts.indices_of(self).new_zeros((sparse_dim, 0))
    values = parts.raw_values(self).new_zeros((0, *shape[sparse_dim:]))
    storage.become(parts.made(sparse_coo, (indices,), values, shape, True)._storage)
    self._shape = shape
    return self


# --- the same with other values ------------------------------------------------------------------------------------------
def with_parts(x: Tensor, values: Tensor, title: str) -> Tensor:
    """A sparse tensor with the indices of `x` and other values."""
    storage: Any = x._storage
    shape = (*x._shape[: parts.sparse_dims(x)], *values._shape[1:])
    return parts.coo(parts.indices_of(x), values, shape, storage.is_coalesced, title)


@meaning("clone")
def _clone(x: Tensor, *, memory_format: Any = None) -> Tensor:
    storage: Any = x._storage
    copy = parts.made(sparse_coo, (parts.indices_of(x).clone(),), parts.raw_values(x).clone(), x._shape, storage.is_coalesced)
    return parts.passed_on(copy, "CloneBackward0", x)


def _conversion(name: str) -> None:
    @meaning(name)
    def convert(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        before = parts.raw_values(x)
        after = getattr(before, name)(*args, **kwargs)
        if not isinstance(after, Tensor):
            return after
        found = parts.indices_of(x).to(after.device)
        storage: Any = x._storage
        result = parts.made(sparse_coo, (found,), after, x._shape, storage.is_coalesced)
        type, device = x.dtype, x.device
        return parts.recorded(result, "ToCopyBackward0", (x,), lambda g: (g.to(device, type),))


for _name in ("to", "float", "double", "half", "bfloat16", "bool", "byte", "char", "short", "int", "long", "cpu", "cuda"):
    _conversion(_name)


@meaning("type", first=True)
def _type(x: Tensor, dtype: Any = None, non_blocking: bool = False, **kwargs: Any) -> Any:
    if dtype is None:
        return parts.raw_values(x).type().replace("torch.", "torch.sparse.", 1)
    return x.to(parts.raw_values(x).type(dtype).dtype)
