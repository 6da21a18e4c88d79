"""A = P L U by partial pivoting, and solutions from it. May import what `flambeau.ops` may."""

from __future__ import annotations

from typing import Any

from flambeau.dtypes import int32
from flambeau.ops.composite import Composite, record
from flambeau.ops.linalg.routines import call_routine, check_matrices, identity
from flambeau.ops.linalg.solving import solve, solve_triangular
from flambeau.ops.operands import cast
from flambeau.ops.registry import operator
from flambeau.ops.results import result_type
from flambeau.tensor import Tensor

__all__ = ["lu", "lu_factor", "lu_factor_ex", "lu_solve", "solve_ex"]

_lu_result = result_type("linalg_lu_factor", "LU pivots")
_plu_result = result_type("linalg_lu", "P L U")


def _factored(a: Tensor) -> tuple[Tensor, Tensor]:
    *lead, m, n = a._shape
    packed, pivots = call_routine("lu", (a.detach(),), (), (tuple(a._shape), (*lead, min(m, n))), by_columns=(0,))
    return packed, cast(pivots, int32)


@operator("lu_factor", namespace="linalg", method=False)
def lu_factor(A: Tensor, *, pivot: bool = True) -> Any:
    """L and U in one matrix, and the rows exchanged at each step (from 1). Differentiable through `lu` only."""
    check_matrices("linalg.lu_factor", A, square_too=False)
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")
    if A.requires_grad:
        _, lower, upper = lu(A)
        n = upper._shape[-2]
        return _lu_result(_packed(lower, upper, n), _factored(A)[1])
    return _lu_result(*_factored(A))


def _packed(lower: Tensor, upper: Tensor, k: int) -> Tensor:
    m, n = lower._shape[-2], upper._shape[-1]
    strict = lower.tril(-1)
    if m == n:
        return strict + upper
    from flambeau.ops.joining import pad_constant

    lead = ((0, 0),) * (len(lower._shape) - 2)
    if m > n:
        return strict + pad_constant(upper, (*lead, (0, m - n), (0, 0)))
    return pad_constant(strict, (*lead, (0, 0), (0, n - m))) + upper


def _permutation(pivots: Tensor, m: int) -> Tensor:
    """The permutation matrix P of A = P L U from exchanged rows; computes them."""
    from flambeau.ops.creation import tensor

    lead = tuple(pivots._shape[:-1])
    rows = []
    for swaps in pivots.reshape(-1, pivots._shape[-1]).tolist():
        order = list(range(m))
        for k, p in enumerate(swaps):
            order[k], order[p - 1] = order[p - 1], order[k]
        rows.append(order)
    return tensor(rows, device=pivots.device).reshape(*lead, m)


@operator("lu", namespace="linalg", method=False)
def lu(A: Tensor, *, pivot: bool = True) -> Any:
    """A = P L U by partial pivoting: a permutation, a unit lower and an upper triangular matrix. Computes A."""
    check_matrices("linalg.lu", A, square_too=False)
    if not pivot:
        raise RuntimeError("linalg.lu: LU without pivoting is not implemented on the CPU")
    *_, m, n = A._shape
    k = min(m, n)
    packed, pivots = _factored(A)
    order = _permutation(pivots, m)
    p = (
        identity(A, m)[order].mT.contiguous()
        if order.ndim == 1
        else (order.unsqueeze(-1) == order.new_tensor(list(range(m)))).to(A.dtype).mT.contiguous()
    )
    lower = packed[..., :, :k].tril(-1) + identity(A, m)[:, :k]
    upper = packed[..., :k, :].triu()
    if A.requires_grad:
        if m != n:
            raise RuntimeError("linalg.lu: gradients need square matrices")
        a = p.mT @ A

        def lower_gradient(g: Tensor, y: Tensor, inputs: Any, params: Any) -> tuple[Any]:
            return (lambda: _lu_gradient(inputs[0], g, None),)

        def upper_gradient(g: Tensor, y: Tensor, inputs: Any, params: Any) -> tuple[Any]:
            return (lambda: _lu_gradient(inputs[0], None, g),)

        lower = record(Composite("linalg_lu_L", lower_gradient), lower, (a,))
        upper = record(Composite("linalg_lu_U", upper_gradient), upper, (a,))
    return _plu_result(p, lower, upper)


def _lu_gradient(a: Tensor, gl: Tensor | None, gu: Tensor | None) -> Tensor:
    """gA = L⁻ᵀ (tril(Lᵀ gL, -1) + triu(gU Uᵀ)) U⁻ᵀ for A = L U, which needs no more pivoting."""
    _, lower, upper = lu(a)
    middle = (lower.mT @ gl).tril(-1) if gl is not None else (gu @ upper.mT).triu()  # type: ignore[operator]
    left = solve_triangular(lower.mT, middle, upper=True, unitriangular=True)
    return solve_triangular(upper, left.mT, upper=True).mT


@operator("lu_solve", namespace="linalg", method=False)
def lu_solve(LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False) -> Tensor:
    """X of A X = B for the A whose `lu_factor` is given."""
    order = _permutation(pivots, LU._shape[-1])
    p = (order.unsqueeze(-1) == order.new_tensor(list(range(LU._shape[-1])))).to(LU.dtype)
    if not left:
        return lu_solve(LU, pivots, B.mT, left=True, adjoint=not adjoint).mT
    if adjoint:
        inner = solve_triangular(LU.mT, B, upper=False)
        return p.mT @ solve_triangular(LU.mT, inner, upper=True, unitriangular=True)
    inner = solve_triangular(LU, p @ B, upper=False, unitriangular=True)
    return solve_triangular(LU, inner, upper=True)


_lu_factor_ex_result = result_type("linalg_lu_factor_ex", "LU pivots info")
_solve_ex_result = result_type("linalg_solve_ex", "result info")


@operator("lu_factor_ex", namespace="linalg", method=False)
def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> Any:
    """`lu_factor`, and for each matrix 0 or the place (from 1) of the first zero on U's diagonal."""
    packed, pivots = lu_factor(A, pivot=pivot)
    zero = packed.detach().diagonal(0, -2, -1) == 0
    info = (zero.to(int32).argmax(-1) + 1) * zero.any(-1)
    return _lu_factor_ex_result(packed, pivots, cast(info, int32))


@operator("solve_ex", namespace="linalg", method=False)
def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> Any:
    """`solve`, and for each matrix 0 or the place (from 1) of the first zero pivot."""
    info = lu_factor_ex(A.detach())[2]
    return _solve_ex_result(solve(A, B, left=left), info)
