"""Norms of vectors and matrices, and the condition number. May import what `flambeau.ops` may."""

from __future__ import annotations

import math
from typing import Any

from flambeau.dtypes import dtype
from flambeau.ops.linalg.decompositions import svdvals
from flambeau.ops.linalg.solving import inv
from flambeau.ops.operands import cast, check_tensor, dims_argument
from flambeau.ops.reduction import vector_norm as _vector_norm
from flambeau.ops.registry import operator, scalar_name
from flambeau.shapes.dims import wrap_dim, wrap_dims
from flambeau.tensor import Tensor

__all__ = ["cond", "frobenius_norm", "matrix_norm", "norm", "nuclear_norm", "vector_norm"]


@operator("vector_norm", namespace="linalg", method=False, out="exact", remembered=True)
def vector_norm(x: Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor:
    """(Σ |x|^ord)^(1/ord) over `dim` (everything by default), with the limits for ord 0, ∞ and -∞.

    >>> torch.linalg.vector_norm(torch.tensor([3.0, -4.0]), ord=1)
    tensor(7.)
    """
    check_tensor(x, "linalg.vector_norm", "x")
    if x.dtype.category < 2 and dtype is None:
        raise RuntimeError(f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {scalar_name(x)}")
    axes = wrap_dims(dims_argument(dim), len(x._shape))
    if any(x._shape[d] == 0 for d in axes) and (ord < 0 or math.isinf(ord)):
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {float(ord)} norm on an empty "
            "tensor because the operation does not have an identity"
        )
    return _vector_norm(x if dtype is None else cast(x, dtype), float(ord), axes, keepdim)


@operator("matrix_norm", namespace="linalg", method=False, out="exact")
def matrix_norm(A: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor:
    """A matrix norm over two dimensions: "fro", "nuc", or 1, 2, ∞ and their negatives."""
    check_tensor(A, "linalg.matrix_norm", "A")
    if len(A._shape) < 2:
        raise RuntimeError("linalg.matrix_norm: The input tensor A must have at least 2 dimensions.")
    if A.dtype.category < 2 and dtype is None:
        raise RuntimeError(f"linalg.matrix_norm: Expected a floating point or complex tensor as input. Got {scalar_name(A)}")
    x = A if dtype is None else cast(A, dtype)
    rank = len(x._shape)
    rows, columns = (wrap_dim(d, rank) for d in dim)
    if rows == columns:
        raise RuntimeError("linalg.matrix_norm: dims must be different. Got " + str(list(dim)))
    if ord == "fro":
        return _vector_norm(x, 2.0, (rows, columns), keepdim)
    if ord == "nuc" or ord in (2, -2):
        moved = x.movedim((rows, columns), (-2, -1))
        s = svdvals(moved)
        value = s.sum(-1) if ord == "nuc" or (ord == 2 and s._shape[-1] == 0) else s.amax(-1) if ord == 2 else s.amin(-1)
    elif ord in (1, -1, math.inf, -math.inf):
        summed, kept = (rows, columns) if abs(ord) == 1 else (columns, rows)
        sums = _vector_norm(x, 1.0, (summed,), True)
        value = (sums.amax(kept, keepdim=True) if ord > 0 else sums.amin(kept, keepdim=True)).squeeze((rows, columns))
    else:
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    if keepdim:
        value = value.reshape(tuple(1 if d in (rows, columns) else n for d, n in enumerate(x._shape)))
    return value


@operator("norm", namespace="linalg", method=False, out="exact", remembered=True)
def norm(A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor:
    """A vector norm, or a matrix norm for two dimensions and an `ord`.

    >>> torch.linalg.norm(torch.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor(5.)
    """
    if ord is not None and (
        isinstance(ord, str) or (dim is None and len(A._shape) == 2) or (isinstance(dim, (tuple, list)) and len(dim) == 2)
    ):
        if dim is None and len(A._shape) != 2:
            raise RuntimeError(
                "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got " + f"{A.ndim}D."
            )
        return matrix_norm(A, ord, (-2, -1) if dim is None else dim, keepdim, dtype=dtype)
    if ord is not None and dim is None and len(A._shape) > 2:
        raise RuntimeError(f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.ndim}D.")
    return vector_norm(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype)


@operator("cond", namespace="linalg", method=False, out=True)
def cond(A: Tensor, p: Any = None) -> Tensor:
    """The condition number: the norm of A times that of its inverse (the ratio of singular values for p None, 2, -2)."""
    if p in (None, 2, -2):
        s = svdvals(A)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    return matrix_norm(A, p) * matrix_norm(inv(A), p)


@operator(method=False, out=True)
def frobenius_norm(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """(Σ |x|²)^½ over `dim`."""
    return vector_norm(input, 2, dim, keepdim)


@operator(method=False, out=True)
def nuclear_norm(input: Tensor, dim: Any = (-2, -1), keepdim: bool = False) -> Tensor:
    """The sum of the singular values of the matrices in two dimensions."""
    if isinstance(dim, bool):  # PyTorch's other form: (input, keepdim)
        dim, keepdim = (-2, -1), dim
    return matrix_norm(input, "nuc", dim, keepdim)
