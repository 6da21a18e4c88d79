"""Cholesky's factor L of A = L Lᵀ, and inverses and solutions from it. May import what `flambeau.ops` may."""

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


def _half_lower(t: Tensor) -> Tensor:
    """The lower triangle with half the diagonal."""
    return t.tril(-1) + t.tril().triu() * 0.5


def _cholesky_gradient(gs: Any, ys: Any, inputs: Any) -> tuple[Any]:
    """S. Smith, "Differentiation of the Cholesky algorithm" (1995), in matrix form."""
    factor = ys[0]

    def part() -> Tensor:
        middle = _half_lower(factor.mT @ gs[0])
        inner = solve_triangular(factor.mT, middle, upper=True)
        full = solve_triangular(factor.mT, inner.mT, upper=True).mT
        return (full + full.mT) * 0.5

    return (part,)


def _cholesky(name: str, a: Tensor, upper: bool) -> Tensor:
    check_matrices(name, a)
    operand = a.mT if upper else a
    factor = call_routine("cholesky", (operand,), (name,), (tuple(a._shape),), _cholesky_gradient, () if upper else (0,))[0]
    return factor.mT if upper else factor


@operator("cholesky", namespace="linalg", method=False, out=True)
def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """L with A = L Lᵀ of symmetric positive-definite matrices (of which the lower half is read). LinAlgError for others.

    >>> torch.linalg.cholesky(torch.tensor([[4.0, 0.0], [0.0, 9.0]]))
    tensor([[2., 0.],
            [0., 3.]])
    """
    return _cholesky("linalg.cholesky", A, upper)


@operator("cholesky", out=True)
def _old_cholesky(input: Tensor, upper: bool = False) -> Tensor:
    """`linalg.cholesky`."""
    return _cholesky("linalg.cholesky", input, upper)


_cholesky_ex_result = result_type("cholesky_ex", "L info")


@operator("cholesky_ex", namespace="linalg", method=False)
def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> Any:
    """`cholesky` that says in `info` which minor of each matrix fails instead of raising."""
    if check_errors:
        return _cholesky_ex_result(cholesky(A, upper=upper), A.new_zeros(tuple(A._shape[:-2]), dtype=int32))
    check_matrices("linalg.cholesky_ex", A)
    operand = A.mT if upper else A
    shape, gradient = tuple(A._shape), lambda gs, ys, i: _cholesky_gradient(gs, ys, i)
    factor, info = call_routine("cholesky_info", (operand,), (), (shape, shape[:-2]), gradient, () if upper else (0,))
    return _cholesky_ex_result(factor.mT if upper else factor, cast(info.detach(), int32))


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
        middle = y @ (g + g.mT) @ y
        return -(factor @ middle) if upper else -(middle @ factor)

    return (part,)


_CHOLESKY_INVERSE = Composite("cholesky_inverse", _cholesky_inverse_gradient, saves="inputs output")


@operator(out=True, also={"L": "input2", "B": "input"})
def cholesky_solve(input: Tensor, input2: Tensor, upper: bool = False) -> Tensor:
    """X of A X = B for the A whose Cholesky factor is given."""
    lead = broadcast(tuple(input._shape[:-2]), tuple(input2._shape[:-2]))
    b, factor = input.expand((*lead, *input._shape[-2:])), input2.expand((*lead, *input2._shape[-2:]))
    with untaped():
        y = _solved_by_factor(b, factor, upper)
    return record(_CHOLESKY_SOLVE, y, (b, factor), (upper,))


def _solved_by_factor(b: Tensor, factor: Tensor, upper: bool) -> Tensor:
    lower = factor.mT if upper else factor
    return solve_triangular(lower.mT, solve_triangular(lower, b, upper=False), upper=True)


def _cholesky_solve_gradient(g: Tensor, y: Tensor, inputs: Any, params: Any) -> tuple[Any, Any]:
    (_, factor), (upper,) = inputs, params
    right = cholesky_solve(g, factor, upper)

    def for_factor() -> Tensor:
        product = right @ y.mT
        middle = product + product.mT
        return -(factor @ middle) if upper else -(middle @ factor)

    return lambda: right, for_factor


_CHOLESKY_SOLVE = Composite("cholesky_solve", _cholesky_solve_gradient, saves="inputs output")
