"""Products of sparse matrices: rows of the dense operand are picked, scaled and added up. May import what `flambeau.ops` may."""

from __future__ import annotations

from typing import Any

from flambeau.layout import strided
from flambeau.ops.joining import cat, repeat_interleave, stack
from flambeau.ops.registry import operator
from flambeau.ops.sequences import arange
from flambeau.ops.sparse import parts
from flambeau.ops.sparse.movement import expanded_rows
from flambeau.tensor import Tensor
from flambeau.tensor.meanings import meaning, refusal

__all__ = ["add_product", "matrix_product", "reduced_product", "rows_of_product", "smm", "sparse_product", "sspaddmm"]


def _check(a: Tensor, b: Tensor) -> None:
    for t in (a, b):
        if not parts.is_sparse(t) and t._storage.layout is not strided:
            raise RuntimeError(f"mm: no product of {a.layout} and {b.layout}")
        if len(t._shape) != 2 or (parts.is_sparse(t) and t.dense_dim()):
            raise RuntimeError(f"mm: expected matrices, got {len(t._shape)}D tensor")
    if a._shape[1] != b._shape[0]:
        if parts.is_sparse(a) and not parts.is_sparse(b):
            raise RuntimeError(f"addmm: Argument #3 (dense): Expected dim 0 size {a._shape[1]}, got {b._shape[0]}")
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({a._shape[0]}x{a._shape[1]} and {b._shape[0]}x{b._shape[1]})"
        )
    if a.dtype is not b.dtype:
        raise RuntimeError(f"addmm: expected mat1 and mat2 to have the same dtype, but got {a.dtype} and {b.dtype}")


def sparse_product(x: Tensor, dense: Tensor, title: str, is_masked: bool) -> Tensor:
    """A sparse matrix [N, M] times a dense one [M, K]: [N, K].

    The gradient of the sparse one is that of its elements if `is_masked`, else that of all, wherever the program sees it.
    """
    _check(x, dense)
    indices = parts.indices_of(x)
    values = parts.raw_values(x)
    rows = values.unsqueeze(1) * dense.detach().index_select(0, indices[1])
    result = dense.new_zeros((x._shape[0], dense._shape[1])).index_add(0, indices[0], rows)

    def rule(g: Tensor, x: Tensor, dense: Tensor) -> Any:
        def of_sparse() -> Tensor:
            if not is_masked and parts.is_leaf(x):
                return g @ dense.mH
            at = parts.indices_of(parts.coalesced(x.detach()))
            found = g.index_select(0, at[0]) * dense.conj().index_select(0, at[1])
            return parts.coo(at, found.sum(1), x._shape, True)

        return of_sparse, lambda: sparse_product(x.mH, g, title, is_masked)

    return parts.recorded(result, title, (x, dense), rule, (x, dense))


def reduced_product(x: Tensor, dense: Tensor, reduce: str) -> Tensor:
    """For each row of a sparse matrix [N, M] the mean, or the largest or smallest, of its elements times rows of a dense one."""
    _check(x, dense)
    indices, values = parts.indices_of(x), parts.values_of(x)
    rows = values.unsqueeze(1) * dense.index_select(0, indices[1])
    start = dense.new_zeros((x._shape[0], dense._shape[1]))
    return start.index_reduce(0, indices[0], rows, reduce, include_self=False)


def _dense_times(dense: Tensor, x: Tensor, title: str, is_masked: bool) -> Tensor:
    """A dense matrix times a sparse one."""
    _check(dense, x)
    result = sparse_product(x.detach().t(), dense.detach().t(), title, is_masked).t()

    def rule(g: Tensor, dense: Tensor, x: Tensor) -> Any:
        def of_sparse() -> Tensor:
            if not is_masked and parts.is_leaf(x):
                return dense.mH @ g
            at = parts.indices_of(parts.coalesced(x.detach()))
            found = dense.conj().index_select(1, at[0]) * g.index_select(1, at[1])
            return parts.coo(at, found.sum(0), x._shape, True)

        return lambda: _dense_times(g, x.mH, title, is_masked), of_sparse

    return parts.recorded(result, title, (dense, x), rule, (dense, x))


def _of_two_sparse(a: Tensor, b: Tensor) -> Tensor:
    """The product of two sparse matrices, sparse and coalesced: each element of `a` meets a row of `b`."""
    _check(a, b)
    a, b = parts.coalesced(a), parts.coalesced(b)
    (at_a, of_a), (at_b, of_b) = parts.places(a), parts.places(b)
    starts = parts.row_starts(at_b[0], b._shape[0])
    begins = starts.index_select(0, at_a[1])
    which, met = expanded_rows(begins, starts.index_select(0, at_a[1] + 1) - begins)
    indices = stack((at_a[0].index_select(0, which), at_b[1].index_select(0, met)))
    values = of_a.index_select(0, which) * of_b.index_select(0, met)
    shape = a._shape[0], b._shape[1]
    return parts.retitled(parts.coalesced(parts.coo(indices, values, shape)), "SparseSparseMatmulBackward0")


def matrix_product(a: Tensor, b: Tensor, title: str = "MmBackward0", is_masked: bool = False) -> Tensor:
    """A product of matrices of which one or both are sparse."""
    if parts.is_sparse(a) and parts.is_sparse(b):
        return _of_two_sparse(a, b)
    if parts.is_sparse(a):
        return sparse_product(a, b, title, is_masked)
    return _dense_times(a, b, title, is_masked)


@meaning("mm", "spmm", "dsmm", "hsmm")
def _mm(input: Tensor, mat2: Tensor) -> Tensor:
    return matrix_product(input, mat2)


@meaning("mv")
def _mv(input: Tensor, vec: Tensor) -> Tensor:
    if parts.is_sparse(vec) or len(vec._shape) != 1:
        raise RuntimeError(f"mv: two tensor dim should be 2 and 1, but got SparseTensor Dim: {len(input._shape)} Tensor Dim: "
                           f"{len(vec._shape)}")  # fmt: skip
    if input._shape[1] != vec._shape[0]:
        raise RuntimeError("mv: expected self.size(-1) == vec.size(-1)")
    return parts.retitled(sparse_product(input, vec.unsqueeze(1), "MmBackward0", False).squeeze(1), "MvBackward0")


@meaning("bmm")
def _bmm(input: Tensor, mat2: Tensor) -> Tensor:
    if not parts.is_sparse(input) or parts.is_sparse(mat2) or len(input._shape) != 3 or len(mat2._shape) != 3:
        raise RuntimeError("bmm_sparse: expected a sparse tensor [B, N, M] and a dense one [B, M, K]")
    if input._shape[0] != mat2._shape[0] or input._shape[2] != mat2._shape[1]:
        raise RuntimeError(f"bmm_sparse: shapes {list(input._shape)} and {list(mat2._shape)} don't match")
    batches, rows, inner = input._shape
    indices, values = parts.places(input)
    flat = stack((indices[0] * rows + indices[1], indices[0] * inner + indices[2]))
    x = parts.coo(flat, values, (batches * rows, batches * inner), False)
    product = sparse_product(x, mat2.reshape((batches * inner, mat2._shape[2])), "BmmBackward0", False)
    return product.reshape((batches, rows, mat2._shape[2]))


@meaning("matmul")
def _matmul(input: Tensor, other: Tensor) -> Tensor:
    ranks = len(input._shape), len(other._shape)
    if ranks == (2, 2):
        return matrix_product(input, other)
    if ranks == (2, 1):
        return _mv(input, other)
    if ranks == (1, 2) and not parts.is_sparse(input):
        return _mv(other.t(), input)
    if max(ranks) > 2:
        raise RuntimeError("expand is unsupported for Sparse tensors")
    raise refusal("dot", input if parts.is_sparse(input) else other)


@meaning("linear")
def _linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    product = matrix_product(input, weight.t())
    return product if bias is None else product + bias


def add_product(input: Tensor, a: Tensor, b: Tensor, beta: Any, alpha: Any, title: str, is_masked: bool) -> Tensor:
    """`beta * input + alpha * (a @ b)`, dense where a factor is; `input` is broadcast."""
    product = matrix_product(a, b, title, is_masked)
    if not parts.is_sparse(product) and parts.is_sparse(input):
        input = input.to_dense()
    scaled = product if alpha == 1 else product * alpha
    first = input if beta == 1 else input * beta
    return parts.retitled(first + scaled if parts.is_sparse(product) else scaled + first, title)


@meaning("addmm")
def _addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    return add_product(input, mat1, mat2, beta, alpha, "AddmmBackward0", False)


@operator(namespace=None)
def sspaddmm(self: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """`beta * self + alpha * (mat1 @ mat2)` as a sparse matrix, the first two being sparse. Without a gradient."""
    for t in (self, mat1):
        if not parts.is_sparse(t):
            raise refusal("sspaddmm", t)
    product = sparse_product(mat1.detach(), mat2.detach(), "SspaddmmBackward0", False)
    rows, width = parts.indices_of(mat1)[0].unique(), mat2._shape[1]
    columns = arange(width, device=mat2.device).repeat(rows._shape[0])
    indices = stack((repeat_interleave(rows, width), columns))
    found = parts.picked(product, indices) * alpha
    before, own = parts.indices_of(self), parts.raw_values(self) * beta
    result = parts.coo(cat((before, indices), 1), cat((own, found)), product._shape)
    return parts.without_gradient(result, "sspaddmm", self, mat1, mat2)


@operator(namespace=None)
def smm(self: Tensor, mat2: Tensor) -> Tensor:
    """A sparse matrix times a dense one, as a sparse matrix. Without a gradient."""
    if not parts.is_sparse(self):
        raise refusal("sspaddmm", self)
    empty = parts.coo(parts.indices_of(self)[:, :0], parts.raw_values(self)[:0], (self._shape[0], mat2._shape[1]))
    return sspaddmm(empty, self, mat2)


def rows_of_product(mat1: Tensor, mat2: Tensor) -> Tensor:
    """A sparse matrix times a dense one, as a hybrid tensor of the rows that the sparse one has. Without a gradient."""
    if not parts.is_sparse(mat1):
        raise refusal("hspmm", mat1)
    product = sparse_product(mat1.detach(), mat2.detach(), "HspmmBackward0", False)
    rows = parts.indices_of(mat1)[0].unique()
    result = parts.coo(rows.unsqueeze(0), product.index_select(0, rows), product._shape)
    return parts.without_gradient(result, "hspmm", mat1, mat2)
