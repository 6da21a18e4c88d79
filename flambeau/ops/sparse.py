"""Methods that ask about sparse tensors, of which there are none: what PyTorch's dense tensors answer, or a clear error.

May import what `flambeau.ops` may.
"""

from __future__ import annotations

from typing import Any, NoReturn

from flambeau.dtypes import dtype as Dtype
from flambeau.ops.operands import cast
from flambeau.ops.registry import operator
from flambeau.tensor import Tensor

__all__ = ["refuse_sparse"]


def refuse_sparse(name: str) -> NoReturn:
    """Raises NotImplementedError, which says what to do instead."""
    raise NotImplementedError(
        f"{name}: flambeau has no sparse tensors. Keep the tensor dense, or hold its indices and values as tensors of their own: "
        "values[:, None] * x[columns] added up with index_add(0, rows, ...) is a sparse matrix times x."
    )


@operator(namespace=None)
def to_dense(self: Tensor, dtype: Dtype | None = None, *, masked_grad: bool | None = None) -> Tensor:
    """The tensor itself, which is dense; with another `dtype`, converted."""
    return self if dtype is None else cast(self, dtype)


@operator(namespace=None)
def sparse_dim(self: Tensor) -> int:
    """How many dimensions are sparse: none."""
    return 0


@operator(namespace=None)
def dense_dim(self: Tensor) -> int:
    """How many dimensions are dense: all."""
    return len(self._shape)


def _make(name: str, expected: str | None) -> None:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> NoReturn:
        if expected is not None:
            raise RuntimeError(f"{name} expected {expected} tensor layout but got Strided")
        refuse_sparse(name)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = (
        "Raises RuntimeError: the tensor is dense." if expected else "Raises NotImplementedError: see `refuse_sparse`."
    )
    operator(name, namespace=None)(method)


for _expected, _names in {
    "sparse coordinate": ("coalesce", "is_coalesced", "indices"),
    "sparse": ("values",),
    "sparse row compressed": ("crow_indices", "col_indices"),
    "sparse column compressed": ("ccol_indices", "row_indices"),
    None: (
        "to_sparse", "to_sparse_coo", "to_sparse_csr", "to_sparse_csc", "to_sparse_bsr", "to_sparse_bsc", "sparse_mask",
        "sparse_resize_", "sparse_resize_and_clear_", "resize_as_sparse_", "smm", "sspaddmm",
    ),
}.items():  # fmt: skip
    for _name in _names:
        _make(_name, _expected)
