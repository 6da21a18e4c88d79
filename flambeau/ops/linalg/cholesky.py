"""Cholesky's factor L of A = L Lᴴ, and inverses and solutions from it. May import what `flambeau.ops` may."""

from __future__ import annotations

from typing import Any

from flambeau.dtypes import int32
from flambeau.ops.composite import Composite, record, untaped
from flambeau.ops.linalg.routines import call_routine, check_matrices, identity
from flambeau.ops.linalg.solving import solve_triangular
from flambeau.ops.operands import cast
from flambeau.ops.registry import operator
from flambeau.ops.results import result_type
from flambeau.shapes.broadcasting import broadcast
from flambeau.tensor import Tensor

__all__ = ["cholesky", "cholesky_ex", "cholesky_inverse", "cholesky_solve"]


def _cholesky_gradient(gs: Any, ys: Any, inputs: Any) -> tuple[Any]:
    """S. Smith, "Differentiation of the Cholesky algorithm" (1995), in matrix form."""
    factor = ys[0]

    def part() -> Tensor:
        lower = (factor.mH @ gs[0]).tril()
        inner = solve_triangular(factor.mH, (lower + lower.tril(-1).mH) * 0.5, upper=True)
        return solve_triangular(factor.mH, inner.mH, upper=True).mH

    return (part,)


def _cholesky(name: str, a: Tensor, upper: bool) -> Tensor:
    check_matrices(name, a)
    columns, shapes = () if upper else (0,), (tuple(a._shape),)
    factor = call_routine("cholesky", (a,), (upper, name), shapes, _cholesky_gradient, columns, conjugates=False)[0]
    return _adjoint(factor) if upper else factor


def _adjoint(factor: Tensor) -> Tensor:
    """The conjugate with rows and columns exchanged, in memory of its own."""
    return factor.mT.conj_physical()


@operator("cholesky", namespace="linalg", method=False, out="exact")
def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """L with A = L Lᴴ of Hermitian positive-definite matrices (of which the lower half is read). LinAlgError for others.

    >>> torch.linalg.cholesky(torch.tensor([[4.0, 0.0], [0.0, 9.0]]))
    tensor([[2., 0.],
            [0., 3.]])
    """
    return _cholesky("linalg.cholesky", A, upper)


@operator("cholesky", out=True)
def _old_cholesky(input: Tensor, upper: bool = False) -> Tensor:
    """`linalg.cholesky`."""
    return _cholesky("linalg.cholesky", input, upper)


_cholesky_ex_result = result_type("linalg_cholesky_ex", "L info")


@operator("cholesky_ex", namespace="linalg", method=False, out="exact")
def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> Any:
    """`cholesky` that says in `info` which minor of each matrix fails instead of raising."""
    if check_errors:
        return _cholesky_ex_result(cholesky(A, upper=upper), A.new_zeros(tuple(A._shape[:-2]), dtype=int32))
    check_matrices("linalg.cholesky_ex", A)
    shape, columns = tuple(A._shape), () if upper else (0,)
    factor, info = call_routine(
        "cholesky_info", (A,), (upper,), (shape, shape[:-2]), _cholesky_gradient, columns, conjugates=False, real=(1,)
    )
    return _cholesky_ex_result(_adjoint(factor) if upper else factor, cast(info.detach(), int32))


@operator("cholesky_inverse", out=True)
def cholesky_inverse(L: Tensor, upper: bool = False) -> Tensor:
    """The inverse of the matrix whose Cholesky factor is given."""
    check_matrices("cholesky_inverse", L)
    with untaped():
        y = _solved_by_factor(identity(L, L._shape[-1]).expand(tuple(L._shape)), L, upper)
    return record(_CHOLESKY_INVERSE, y, (L,), (upper,))


def _cholesky_inverse_gradient(g: Tensor, y: Tensor, inputs: Any, params: Any) -> tuple[Any]:
    (factor,), (upper,) = inputs, params

    def part() -> Tensor:
        middle = y @ (g + g.mH) @ y
        return -(factor @ middle) if upper else -(middle @ factor)

    return (part,)


_CHOLESKY_INVERSE = Composite("cholesky_inverse", _cholesky_inverse_gradient, saves="inputs output", conjugates=False)


@operator(out=True, also={"L": "input2", "B": "input"})
def cholesky_solve(input: Tensor, input2: Tensor, upper: bool = False) -> Tensor:
    """X of A X = B for the A whose Cholesky factor is given."""
    lead = broadcast(tuple(input._shape[:-2]), tuple(input2._shape[:-2]))
    b, factor = input.expand((*lead, *input._shape[-2:])), input2.expand((*lead, *input2._shape[-2:]))
    with untaped():
        y = _solved_by_factor(b, factor, upper)
    return record(_CHOLESKY_SOLVE, y, (b, factor), (upper,))


def _solved_by_factor(b: Tensor, factor: Tensor, upper: bool) -> Tensor:
    lower = factor.mH if upper else factor
    return solve_triangular(lower.mH, solve_triangular(lower, b, upper=False), upper=True)


def _cholesky_solve_gradient(g: Tensor, y: Tensor, inputs: Any, params: Any) -> tuple[Any, Any]:
    (_, factor), (upper,) = inputs, params
    right = cholesky_solve(g, factor, upper)

    def for_factor() -> Tensor:
        product = right @ y.mH
        middle = product + product.mH
        return -(factor @ middle) if upper else -(middle @ factor)

    return lambda: right, for_factor


_CHOLESKY_SOLVE = Composite("cholesky_solve", _cholesky_solve_gradient, saves="inputs output", conjugates=False)
