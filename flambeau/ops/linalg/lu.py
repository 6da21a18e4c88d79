"""A = P L U by partial pivoting, and solutions from it. May import what `flambeau.ops` may."""

from __future__ import annotations

from typing import Any

from flambeau.dtypes import int32
from flambeau.ops.joining import cat
from flambeau.ops.linalg.routines import call_routine, check_matrices, identity
from flambeau.ops.linalg.solving import right_sides, solve, solve_triangular
from flambeau.ops.operands import cast, check_tensor
from flambeau.ops.registry import operator, scalar_name
from flambeau.ops.results import result_type
from flambeau.shapes.strides import column_strides
from flambeau.tensor import Tensor

__all__ = ["lu", "lu_factor", "lu_factor_ex", "lu_solve", "lu_unpack", "solve_ex"]

_lu_factor_result = result_type("linalg_lu_factor", "LU pivots")
_lu_result = result_type("linalg_lu", "P L U")
_lu_unpack_result = result_type("lu_unpack", "P L U")


# --- the factorisation -------------------------------------------------------------------------------------------------
def _factored(name: str, a: Tensor, pivot: bool) -> tuple[Tensor, Tensor, Tensor]:
    """L and U in one matrix, the exchanged rows (from 1), and the order of rows that they lead to."""
    check_matrices(name, a, square_too=False)
    if not pivot:
        raise RuntimeError(f"{name}: LU without pivoting is not implemented on the CPU")
    *lead, m, n = a._shape
    shapes = (tuple(a._shape), (*lead, min(m, n)), (*lead, m))
    packed, pivots, order = call_routine("lu", (a,), (), shapes, _lu_gradient, by_columns=(0,), real=(1, 2))
    return packed, cast(pivots.detach(), int32), order.detach()


def _lu_gradient(gs: Any, ys: Any, inputs: Any) -> tuple[Any]:
    """From P dA = dL U + L dU: what is left of L⁻¹ P dA U⁻¹ below the diagonal is dL's part, the rest dU's."""

    def part() -> Tensor:
        g, packed = gs[0], ys[0]
        m, n = packed.shape[-2:]
        k = min(m, n)
        p = _permutation(ys[2].detach(), packed)
        lower, upper = _lower(packed[..., :k, :k]), packed[..., :k, :k].triu()
        g_square = g[..., :k, :k]
        below, above = lower.mT @ g_square.tril(-1), g_square.triu() @ upper.mT
        if m > n:
            above = above - packed[..., k:, :].mT @ g[..., k:, :]
        elif n > m:
            below = below - g[..., k:] @ packed[..., k:].mT
        inner = solve_triangular(lower.mT, below.tril(-1) + above.triu(), upper=True, unitriangular=True)
        result = solve_triangular(upper, inner.mT, upper=True).mT
        if m > n:
            result = cat([result, solve_triangular(upper, g[..., k:, :].mT, upper=True).mT], -2)
        elif n > m:
            result = cat([result, solve_triangular(lower.mT, g[..., k:], upper=True, unitriangular=True)], -1)
        return p @ result

    return (part,)


def _lower(packed: Tensor) -> Tensor:
    """L of a packed matrix: what is below its diagonal, and ones."""
    *_, m, n = packed._shape
    return packed.tril(-1)[..., :, : min(m, n)] + identity(packed, m)[:, : min(m, n)]


def _permutation(order: Tensor, like: Tensor) -> Tensor:
    """The matrix P of A = P L U, in the dtype of `like`, for an order of rows."""
    from flambeau.ops.sequences import arange

    rows = arange(order._shape[-1], device=order.device).to(order.dtype)
    return cast(order.unsqueeze(-2) == rows.unsqueeze(-1), like.dtype)


def _order(pivots: Tensor, m: int, like: Tensor) -> Tensor:
    """The order of m rows that exchanged rows lead to, in numbers of the dtype of `like`'s parts."""
    return call_routine("order", (cast(pivots, like.dtype.real),), (m,), ((*pivots._shape[:-1], m),))[0]


@operator("lu_factor", namespace="linalg", method=False, out="exact")
def lu_factor(A: Tensor, *, pivot: bool = True) -> Any:
    """L and U in one matrix, and the rows exchanged at each step (from 1)."""
    return _lu_factor_result(*_factored("linalg.lu_factor", A, pivot)[:2])


@operator("lu", namespace="linalg", method=False, out="exact")
def lu(A: Tensor, *, pivot: bool = True) -> Any:
    """A = P L U by partial pivoting: a permutation, a unit lower and an upper triangular matrix."""
    packed, _, order = _factored("linalg.lu", A, pivot)
    return _lu_result(_permutation(order, A), _lower(packed), _upper(packed))


def _upper(packed: Tensor) -> Tensor:
    *_, m, n = packed._shape
    return packed[..., : min(m, n), :].triu()


_lu_factor_ex_result = result_type("linalg_lu_factor_ex", "LU pivots info")


@operator("lu_factor_ex", namespace="linalg", method=False, out="exact")
def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> Any:
    """`lu_factor`, and for each matrix 0 or the place (from 1) of the first zero on U's diagonal."""
    packed, pivots, _ = _factored("linalg.lu_factor_ex", A, pivot)
    return _lu_factor_ex_result(packed, pivots, _first_zero(packed))


def _first_zero(packed: Tensor) -> Tensor:
    zero = packed.detach().diagonal(0, -2, -1) == 0
    if not zero._shape[-1]:
        return zero.new_zeros(tuple(zero._shape[:-1]), dtype=int32)
    return cast((zero.to(int32).argmax(-1) + 1) * zero.any(-1), int32)


# --- names from before torch.linalg ------------------------------------------------------------------------------------
@operator("lu")
def _old_lu(A: Tensor, pivot: bool = True, get_infos: Any = False, out: Any = None) -> Any:
    """(L and U in one matrix, the rows exchanged at each step (from 1)[, for each matrix the place of a zero pivot or 0])."""
    packed, pivots, _ = _factored("linalg.lu_factor_ex" if get_infos else "linalg.lu_factor", A, pivot)
    found = (packed, pivots, _first_zero(packed)) if get_infos else (packed, pivots)
    if out is None:
        return found
    from flambeau.ops.registry import write_out

    return write_out(out, found)


def _check_factored(name: str, packed: Tensor, pivots: Tensor) -> None:
    """Raises unless the two are what `lu_factor` gives for some matrices."""
    check_tensor(packed, name, "LU")
    check_tensor(pivots, name, "pivots", 2)
    if len(packed._shape) < 2:
        raise RuntimeError(f"{name}: Expected LU to be a matrix or a batch of matrices, but it has shape {list(packed._shape)}")
    if pivots.dtype is not int32:
        raise RuntimeError(f"{name}: Expected pivots to be of dtype torch.int32 (as lu_factor gives them), got {pivots.dtype}")
    expected = (*packed._shape[:-2], min(packed._shape[-2:]))
    if tuple(pivots._shape) != expected:
        raise RuntimeError(f"{name}: Expected pivots of shape {list(expected)} for LU of shape {list(packed._shape)}, got "
                           f"{list(pivots._shape)}")  # fmt: skip


@operator("lu_unpack", method=False, out="exact")
def lu_unpack(LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True) -> Any:
    """P, L and U from what `lu_factor` gives; without `unpack_data` L and U are empty, without `unpack_pivots` P."""
    check_tensor(LU_data, "lu_unpack", "LU_data")
    check_tensor(LU_pivots, "lu_unpack", "LU_pivots", 2)
    if len(LU_data._shape) < 2:
        size = list(LU_data._shape)
        raise RuntimeError(f"torch.lu_unpack: Expected tensor with 2 or more dimensions. Got size: {size} instead")
    if unpack_pivots and LU_pivots.dtype is not int32:
        raise RuntimeError(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype.\n"
            "Note: this function is intended to be used with the output produced by torch.linalg.lu_factor"
        )
    p = _permutation(_order(LU_pivots, LU_data._shape[-2], LU_data), LU_data) if unpack_pivots else LU_data.new_empty((0,))
    if not unpack_data:
        none = LU_data.reshape(-1)[:0]
        return _lu_unpack_result(p, none.clone(), none.clone())
    return _lu_unpack_result(p, _lower(LU_data), _upper(LU_data))


# --- solutions ---------------------------------------------------------------------------------------------------------
def _solved(name: str, packed: Tensor, pivots: Tensor, b: Tensor, left: bool, adjoint: bool) -> Tensor:
    if packed.dtype is not check_tensor(b, name, "B").dtype:
        raise RuntimeError(
            f"{name}: Expected LU and B to have the same dtype, but found LU of type {scalar_name(packed)} and B of type "
            f"{scalar_name(b)} instead"
        )
    _check_factored(name, packed, pivots)
    check_matrices(name, packed)
    n = packed._shape[-1]
    if len(b._shape) < 2:
        raise RuntimeError(f"{name}: The input tensor B must have at least 2 dimensions.")
    if b._shape[-2 if left else -1] != n:
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
            f"({n}x{n} and {b._shape[-2]}x{b._shape[-1]})"
        )
    if not left:
        return _solved(name, packed, pivots, b.mH, True, not adjoint).mH
    p = _permutation(_order(pivots, n, packed), packed)
    if adjoint:
        inner = solve_triangular(packed.mH, b, upper=False)
        found = p @ solve_triangular(packed.mH, inner, upper=True, unitriangular=True)
        return found._laid_out(column_strides(found._shape))
    inner = solve_triangular(packed, p.mT @ b, upper=False, unitriangular=True)
    return solve_triangular(packed, inner, upper=True)


@operator("lu_solve", namespace="linalg", method=False, out="exact")
def lu_solve(LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False) -> Tensor:
    """X of A X = B (X A = B with left=False) for the A, or with `adjoint` Aᴴ, whose `lu_factor` is given."""
    return _solved("linalg.lu_solve", LU, pivots, B, left, adjoint)


@operator("lu_solve", out="exact")
def _old_lu_solve(input: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """`linalg.lu_solve`."""
    return _solved("linalg.lu_solve", LU_data, LU_pivots, input, True, False)


_solve_ex_result = result_type("linalg_solve_ex", "result info")


@operator("solve_ex", namespace="linalg", method=False, out="exact")
def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> Any:
    """`solve`, and for each matrix 0 or the place (from 1) of the first zero pivot: only `check_errors` raises for these."""
    if check_errors:
        return _solve_ex_result(solve(A, B, left=left), A.new_zeros(tuple(A._shape[:-2]), dtype=int32))
    check_matrices("linalg.solve_ex", A)
    is_vector = right_sides("linalg.solve_ex", A, B, left)[2]
    packed, pivots, _ = _factored("linalg.solve_ex", A, True)
    x = _solved("linalg.solve_ex", packed, pivots, B.unsqueeze(-1) if is_vector else B, left, False)
    return _solve_ex_result(x.squeeze(-1) if is_vector else x, _first_zero(packed))
