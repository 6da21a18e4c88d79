"""`torch.sparse`, and what makes sparse tensors. May import `flambeau.ops.sparse`."""

from __future__ import annotations

import functools
from typing import Any, NoReturn

from flambeau.layout import sparse_csc, sparse_csr
from flambeau.ops.sparse import compressed, construction, parts, products, reductions
from flambeau.ops.sparse.compressed import with_values
from flambeau.ops.sparse.methods import refuse_blocks
from flambeau.tensor import Tensor
from flambeau.typed_tensors import TYPES

_COMPRESSED = (sparse_csr, sparse_csc)

sparse_coo_tensor = construction.sparse_coo_tensor
spdiags = construction.spdiags


def mm(mat1: Tensor, mat2: Tensor, reduce: str = "sum") -> Tensor:
    """The product of matrices, of which one or both are sparse. A sparse operand's gradient is that of its elements.

    `reduce` other than "sum", of a sparse_csr matrix and a dense one: "mean", "amax" or "amin" of what is added up in a product.
    """
    if reduce != "sum":
        if mat1.layout is not sparse_csr or reduce not in ("mean", "amax", "amin"):
            raise RuntimeError(f"sparse.mm: reduce={reduce!r} is there for a sparse_csr matrix: 'mean', 'amax', 'amin'")
        return products.reduced_product(_in_coordinates(mat1), mat2, reduce)
    product = products.matrix_product(_in_coordinates(mat1), _in_coordinates(mat2), "SparseAddmmBackward0", True)
    return compressed.compressed(product, mat1.layout) if product.is_sparse and mat1.layout in _COMPRESSED else product


def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """`beta * input + alpha * (mat1 @ mat2)`, `mat1` being sparse, whose gradient is that of its elements."""
    return products.add_product(input, _in_coordinates(mat1), mat2, beta, alpha, "SparseAddmmBackward0", True)


def _in_coordinates(t: Tensor) -> Tensor:
    return t.to_sparse_coo() if t.layout in _COMPRESSED else t


def sum(input: Tensor, dim: Any = None, dtype: Any = None) -> Tensor:
    """The sum of all elements, or along dimensions: sparse as long as a sparse dimension stays."""
    if dim is None:
        return input.coalesce().values().sum(dtype=dtype)
    return reductions.sparse_sum(input, dim, dtype)


def softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """The softmax of a sparse tensor in coordinates, in which elements that aren't there count as -inf."""
    return reductions.sparse_softmax(input, dim, dtype, False)


def log_softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """The logarithm of `softmax`."""
    return reductions.sparse_softmax(input, dim, dtype, True)


def sampled_addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """`alpha * (mat1 @ mat2) + beta * input` where `input`, a sparse_csr matrix, has elements; nothing else is computed."""
    if input.layout not in _COMPRESSED:
        raise RuntimeError("sampled_addmm: Expected self to be a sparse CSR tensor")
    indices = parts.indices_of(input.detach().to_sparse_coo())
    found = mat1.index_select(0, indices[0]) * mat2.t().index_select(0, indices[1])
    return with_values(input, found.sum(1) * alpha + input.values() * beta, "SampledAddmmBackward0")


def spsolve(input: Tensor, other: Tensor, *, left: bool = True) -> NoReturn:
    """Raises NotImplementedError, as PyTorch does on the CPU."""
    raise NotImplementedError("torch.sparse.spsolve is not there: to_dense() and linalg.solve solve small systems")


# --- the names of torch itself -------------------------------------------------------------------------------------------
def sparse_compressed_tensor(
    compressed_indices: Any, plain_indices: Any, values: Any, size: Any = None, *, layout: Any = None, **options: Any
) -> Tensor:
    """A matrix of `layout` sparse_csr or sparse_csc: see `sparse_csr_tensor`."""
    if layout not in _COMPRESSED:
        refuse_blocks("torch.sparse_compressed_tensor")
    return compressed.sparse_compressed_tensor(compressed_indices, plain_indices, values, size, layout, options)


def sparse_csr_tensor(crow_indices: Any, col_indices: Any, values: Any, size: Any = None, **options: Any) -> Tensor:
    """A matrix of where each row begins, [rows + 1], and the columns and values [nnz] of its elements, row after row.

    Options are `dtype`, `device`, `requires_grad` and `check_invariants`, as of `sparse_coo_tensor`.
    """
    return compressed.sparse_compressed_tensor(crow_indices, col_indices, values, size, sparse_csr, options)


def sparse_csc_tensor(ccol_indices: Any, row_indices: Any, values: Any, size: Any = None, **options: Any) -> Tensor:
    """A matrix of where each column begins, [columns + 1], and the rows and values [nnz] of its elements, column after column."""
    return compressed.sparse_compressed_tensor(ccol_indices, row_indices, values, size, sparse_csc, options)


def sparse_bsr_tensor(*args: Any, **kwargs: Any) -> NoReturn:
    """Raises NotImplementedError: there are no blocks."""
    refuse_blocks("torch.sparse_bsr_tensor")


def sparse_bsc_tensor(*args: Any, **kwargs: Any) -> NoReturn:
    """Raises NotImplementedError: there are no blocks."""
    refuse_blocks("torch.sparse_bsc_tensor")


def spmm(mat1: Tensor, mat2: Tensor) -> Tensor:
    """`torch.mm`."""
    return mat1.mm(mat2)


dsmm = hsmm = saddmm = spmm


def hspmm(mat1: Tensor, mat2: Tensor) -> Tensor:
    """A sparse matrix times a dense one, as a hybrid tensor of the rows that the sparse one has. Without a gradient."""
    return products.rows_of_product(mat1, mat2)


def smm(input: Tensor, mat2: Tensor) -> Tensor:
    """A sparse matrix times a dense one, as a sparse matrix. Without a gradient."""
    return products.smm(input, mat2)


def sspaddmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """`beta * input + alpha * (mat1 @ mat2)` as a sparse matrix, the first two being sparse. Without a gradient."""
    return products.sspaddmm(input, mat1, mat2, beta=beta, alpha=alpha)


# --- checks and types ----------------------------------------------------------------------------------------------------
class check_sparse_tensor_invariants:
    """A context, a decorator and a switch: whether the indices of new sparse tensors are looked at, where a call doesn't say."""

    def __init__(self, enable: bool = True) -> None:
        self.state = enable
        self.saved: list[bool] = []

    @staticmethod
    def is_enabled() -> bool:
        """Whether they are."""
        return construction.is_checked()

    @staticmethod
    def enable() -> None:
        """From now on they are."""
        construction.check(True)

    @staticmethod
    def disable() -> None:
        """From now on they aren't."""
        construction.check(False)

    def __enter__(self) -> None:
        self.saved.append(self.is_enabled())
        construction.check(self.state)

    def __exit__(self, *_: Any) -> None:
        construction.check(self.saved.pop())

    def __call__(self, function: Any) -> Any:
        @functools.wraps(function)
        def checked(*args: Any, **kwargs: Any) -> Any:
            with type(self)(self.state):
                return function(*args, **kwargs)

        return checked


class _SparseType(type):
    """The class of the classes of sparse tensors by dtype, which have no instances of their own."""

    dtype: Any

    def __instancecheck__(cls, instance: Any) -> bool:
        return parts.is_sparse(instance) and instance.dtype is cls.dtype and instance._storage.device == "cpu"

    def __call__(cls, *args: Any) -> Tensor:
        if args and isinstance(args[0], Tensor) and len(args) > 1:
            return sparse_coo_tensor(*args)
        shape = args[0] if len(args) == 1 and isinstance(args[0], (tuple, list)) else args or (0,)
        return sparse_coo_tensor(tuple(shape), dtype=cls.dtype)

    def __repr__(cls) -> str:
        return f"<class 'torch.sparse.{cls.__name__}'>"


for _name, _kind in TYPES.items():
    if _name != "BoolTensor":
        globals()[_name] = _SparseType(_name, (), {"__doc__": f"Sparse tensors of {_kind.dtype}.", "dtype": _kind.dtype})

__all__ = [
    "addmm", "check_sparse_tensor_invariants", "log_softmax", "mm", "sampled_addmm", "softmax", "spdiags", "spsolve", "sum",
]  # fmt: skip
