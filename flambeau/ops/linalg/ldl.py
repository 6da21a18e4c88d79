"""Symmetric and Hermitian matrices that needn't be definite: their factors L D Lᵀ (L D Lᴴ), and solutions from them.

As in PyTorch, none has a derivative. May import what `flambeau.ops` may.
"""

from __future__ import annotations

from typing import Any

from flambeau.dtypes import int32
from flambeau.ops.composite import record, underivable
from flambeau.ops.linalg.routines import call_routine, check_matrices
from flambeau.ops.operands import cast, check_tensor
from flambeau.ops.registry import operator, scalar_name
from flambeau.ops.results import result_type
from flambeau.shapes.broadcasting import broadcast
from flambeau.tensor import Tensor

__all__ = ["ldl_factor", "ldl_factor_ex", "ldl_solve"]

_factor_result = result_type("linalg_ldl_factor", "LD pivots")
_factor_ex_result = result_type("linalg_ldl_factor_ex", "LD pivots info")
_FACTOR = underivable("linalg_ldl_factor_ex", "derivative for aten::linalg_ldl_factor_ex is not implemented")
_SOLVE = underivable("linalg_ldl_solve", "derivative for aten::linalg_ldl_solve is not implemented")


def _factored(name: str, A: Any, hermitian: bool, check_errors: bool) -> tuple[Tensor, Tensor, Tensor]:
    a = check_matrices("torch.linalg.ldl_factor_ex", A)
    shape = tuple(a._shape)
    packed, *rest = call_routine(
        "ldl", (a.detach(),), (hermitian,), (shape, shape[:-1], shape[:-2]), by_columns=(0,), real=(1, 2)
    )
    pivots, info = (cast(t.detach(), int32) for t in rest)
    if check_errors and (info != 0).any():
        raise RuntimeError(f"torch.linalg.{name}: the block of D at {int(info[info != 0][0])} is zero")
    return record(_FACTOR, packed, (a,)), pivots, info


@operator("ldl_factor", namespace="linalg", method=False, out="exact")
def ldl_factor(A: Tensor, *, hermitian: bool = False) -> Any:
    """L and D (of blocks of one or two) in one matrix, and the rows exchanged at each step (from 1, negative of a block of two).

    The lower triangle of symmetric (with `hermitian`, Hermitian) A is read. Raises RuntimeError where D has a zero.
    """
    return _factor_result(*_factored("ldl_factor", A, hermitian, True)[:2])


@operator("ldl_factor_ex", namespace="linalg", method=False, out="exact")
def ldl_factor_ex(A: Tensor, *, hermitian: bool = False, check_errors: bool = False) -> Any:
    """`ldl_factor`, and for each matrix 0 or the place (from 1) of D's first zero: only `check_errors` raises for these."""
    return _factor_ex_result(*_factored("ldl_factor_ex", A, hermitian, check_errors))


@operator("ldl_solve", namespace="linalg", method=False, out="exact")
def ldl_solve(LD: Tensor, pivots: Tensor, B: Tensor, *, hermitian: bool = False) -> Tensor:
    """X of A X = B for the A whose `ldl_factor` is given."""
    name = "torch.linalg.ldl_solve"
    check_matrices(name, LD)
    check_tensor(pivots, name, "pivots")
    if len(check_tensor(B, name, "B")._shape) < 2:
        raise IndexError("Dimension out of range (expected to be in range of [-1, 0], but got -2)")
    *lead, n, columns = B._shape
    if n != LD._shape[-1]:
        raise RuntimeError(f"Incompatible matrix sizes for {name}: each A matrix is {LD._shape[-2]} by {LD._shape[-1]} but each "
                           f"b matrix is {n} by {columns}")  # fmt: skip
    if tuple(LD._shape[:-1]) != tuple(pivots._shape):
        raise RuntimeError(f"{name}: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with shape "
                           f"{list(pivots._shape)} instead")  # fmt: skip
    if pivots.dtype.category != 1:
        raise RuntimeError(f"{name}: Expected pivots to be integers. Got {scalar_name(pivots)}")
    if B.dtype is not LD.dtype:
        raise RuntimeError(f"Expected b and A to have the same dtype, but found b of type {scalar_name(B)} and A of type "
                           f"{scalar_name(LD)} instead.")  # fmt: skip
    common = broadcast(tuple(LD._shape[:-2]), tuple(lead))
    operands = (
        LD.detach().expand(*common, n, n),
        cast(pivots.detach(), LD.dtype).expand(*common, n),
        B.detach().expand(*common, n, columns),
    )
    (x,) = call_routine("ldl_solve", operands, (hermitian,), ((*common, n, columns),), by_columns=(0,))
    return record(_SOLVE, x, (LD, B))
