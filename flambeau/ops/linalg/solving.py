"""Inverses and systems of equations, also triangular ones and of tensors seen as matrices. May import what `flambeau.ops` may."""

from __future__ import annotations

import math
from typing import Any

from flambeau.dtypes import int32
from flambeau.ops.linalg.routines import call_routine, check_matrices
from flambeau.ops.operands import cast, check_tensor
from flambeau.ops.registry import operator, scalar_name
from flambeau.ops.results import result_type
from flambeau.shapes.broadcasting import broadcast
from flambeau.shapes.strides import column_strides
from flambeau.tensor import Tensor

__all__ = ["inv", "inv_ex", "inverse", "solve", "solve_triangular", "tensorinv", "tensorsolve"]


def _inverse_gradient(gs: Any, ys: Any, inputs: Any) -> tuple[Any]:
    return (lambda: -(ys[0].mT @ gs[0] @ ys[0].mT),)


def _inv(name: str, a: Tensor) -> Tensor:
    check_matrices(name, a)
    return call_routine("inverse", (a,), (name,), (tuple(a._shape),), _inverse_gradient, (0,))[0]


@operator("inv", namespace="linalg", method=False, out="exact")
def inv(A: Tensor) -> Tensor:
    """The inverse of square matrices; LinAlgError for singular ones.

    >>> torch.linalg.inv(torch.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    return _inv("linalg.inv", A)


@operator("inverse", out=True)
def inverse(input: Tensor) -> Tensor:
    """`linalg.inv`."""
    return _inv("linalg.inv", input)


_inv_ex_result = result_type("linalg_inv_ex", "inverse info")


@operator("inv_ex", namespace="linalg", method=False, out="exact")
def inv_ex(A: Tensor, *, check_errors: bool = False) -> Any:
    """`inv` that says in `info` which matrices are singular instead of raising."""
    check_matrices("linalg.inv_ex", A)
    if check_errors:
        return _inv_ex_result(inv(A), A.new_zeros(tuple(A._shape[:-2]), dtype=int32))
    found, info = call_routine(
        "inverse_info", (A,), (), (tuple(A._shape), tuple(A._shape[:-2])), _inverse_gradient, (0,), real=(1,)
    )
    return _inv_ex_result(found, cast(info.detach(), int32))


def _solve_gradient(gs: Any, ys: Any, inputs: Any) -> tuple[Any, Any]:
    a = inputs[0]
    right = _solved("torch.linalg.solve", a.mT, gs[0])
    return lambda: -(right @ ys[0].mT), lambda: right


def _solved(name: str, a: Tensor, b: Tensor) -> Tensor:
    return call_routine("solve", (a, b), (name,), (tuple(b._shape),), _solve_gradient, (0,), reads=(0,))[0]


def right_sides(name: str, a: Tensor, b: Tensor, left: bool) -> tuple[Tensor, Tensor, bool]:
    """A and B with one batch shape; whether B was a batch of vectors."""
    check_tensor(b, name, "B", 2)
    if a.dtype is not b.dtype:
        raise RuntimeError(
            f"{name}: Expected A and B to have the same dtype, but found A of type "
            f"{scalar_name(a)} and B of type {scalar_name(b)} instead"
        )
    is_vector = len(b._shape) == 1 or (len(a._shape) - 1 == len(b._shape) and tuple(b._shape) == tuple(a._shape[:-1]))
    if is_vector:
        b = b.unsqueeze(-1)
    if not left:
        a, b = a.mT, b.mT
    if a._shape[-1] != b._shape[-2]:
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation AX = B "
            f"({a._shape[-2]}x{a._shape[-1]} and {b._shape[-2]}x{b._shape[-1]})"
        )
    lead = broadcast(tuple(a._shape[:-2]), tuple(b._shape[:-2]))
    return a.expand((*lead, *a._shape[-2:])), b.expand((*lead, *b._shape[-2:])), is_vector


@operator("solve", namespace="linalg", method=False, out="exact")
def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """X of A X = B (of X A = B with left=False); B may be a batch of vectors. LinAlgError for singular A.

    >>> torch.linalg.solve(torch.tensor([[2.0, 0.0], [0.0, 4.0]]), torch.tensor([2.0, 8.0]))
    tensor([1., 2.])
    """
    check_matrices("linalg.solve", A)
    a, b, is_vector = right_sides("linalg.solve", A, B, left)
    x = _solved("torch.linalg.solve", a, b)
    x = x if left else x.mT
    return x.squeeze(-1) if is_vector else x


def _triangular_gradient(upper: bool, unit: bool) -> Any:
    def rule(gs: Any, ys: Any, inputs: Any) -> tuple[Any, Any]:
        a = inputs[0]
        right = _triangular(a.mT, gs[0], not upper, unit)

        def for_a() -> Tensor:
            full = -(right @ ys[0].mT)
            return full.triu(1 if unit else 0) if upper else full.tril(-1 if unit else 0)

        return for_a, lambda: right

    return rule


def _triangular(a: Tensor, b: Tensor, upper: bool, unit: bool) -> Tensor:
    gradient = _triangular_gradient(upper, unit)
    return call_routine("triangular", (a, b), (upper, unit), (tuple(b._shape),), gradient, (0,), reads=(0,))[0]


@operator("solve_triangular", namespace="linalg", method=False, out="exact")
def solve_triangular(A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Tensor:
    """X of A X = B for triangular A, of which only that triangle is read."""
    check_matrices("linalg.solve_triangular", A)
    if len(B._shape) < 2:
        raise RuntimeError("linalg.solve_triangular: The input tensor B must have at least 2 dimensions.")
    if not left:
        found = solve_triangular(A.mT, B.mT, upper=not upper, unitriangular=unitriangular).mT
        return found._laid_out(column_strides(found._shape))
    lead = broadcast(tuple(A._shape[:-2]), tuple(B._shape[:-2]))
    if A._shape[-1] != B._shape[-2]:
        raise RuntimeError(
            "linalg.solve_triangular: Incompatible shapes of A and B for the equation AX = B "
            f"({A._shape[-2]}x{A._shape[-1]} and {B._shape[-2]}x{B._shape[-1]})"
        )
    return _triangular(A.expand((*lead, *A._shape[-2:])), B.expand((*lead, *B._shape[-2:])), upper, unitriangular)


@operator("tensorinv", namespace="linalg", method=False, out="contiguous")
def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """The inverse of A seen as a matrix from its last dimensions to its first `ind`."""
    if ind <= 0:
        raise RuntimeError("Expected a strictly positive integer for 'ind'")
    first, last = tuple(A._shape[:ind]), tuple(A._shape[ind:])
    if math.prod(first) != math.prod(last):
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got "
            f"{math.prod(last)} != {math.prod(first)}"
        )
    return inv(A.reshape(math.prod(first), -1)).reshape((*last, *first))


@operator("tensorsolve", namespace="linalg", method=False, out=True)
def tensorsolve(A: Tensor, B: Tensor, dims: Any = None) -> Tensor:
    """X with tensordot(A, X, X.ndim) = B."""
    if dims is not None:
        A = A.movedim(tuple(dims), tuple(range(len(A._shape) - len(dims), len(A._shape))))
    rest = tuple(A._shape[len(B._shape) :])
    return solve(A.reshape(B.numel(), math.prod(rest)), B.reshape(-1)).reshape(rest)


_triangular_result = result_type("triangular_solve", "solution cloned_coefficient")


@operator("triangular_solve")
def _old_triangular_solve(b: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False) -> Any:
    """X of A X = b (of Aᵀ X = b with `transpose`) for triangular A, and a copy of A."""
    left, copied = A.mT if transpose else A, A.clone()._laid_out(column_strides(A._shape))
    return _triangular_result(solve_triangular(left, b, upper=upper != transpose, unitriangular=unitriangular), copied)
