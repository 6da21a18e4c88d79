"""Whole powers of a matrix, and e to a matrix. May import what `flambeau.ops` may."""

from __future__ import annotations

import math

from flambeau.ops.linalg.routines import check_matrices, identity
from flambeau.ops.linalg.solving import inv
from flambeau.ops.operands import check_tensor
from flambeau.ops.registry import operator
from flambeau.shapes.matmul import square
from flambeau.tensor import Tensor

__all__ = ["matrix_exp", "matrix_power"]


def _power(name: str, a: Tensor, n: int) -> Tensor:
    check_tensor(a, name, "A")
    if len(a._shape) < 2:
        raise RuntimeError(f"{name}: The input tensor A must have at least 2 dimensions.")
    square(tuple(a._shape), name=name)
    if n == 0:
        return identity(a, a._shape[-1]).expand(tuple(a._shape)).clone()
    if n < 0:
        a, n = inv(a), -n
    result = None
    while True:
        if n & 1:
            result = a if result is None else result @ a
        n >>= 1
        if not n:
            return result.clone() if result is a else result  # type: ignore[union-attr, return-value]
        a = a @ a


@operator("matrix_power", namespace="linalg", method=False, out="exact")
def matrix_power(A: Tensor, n: int) -> Tensor:
    """A to a whole power, by squaring; negative ones of the inverse."""
    return _power("linalg.matrix_power", A, n)


@operator("matrix_power", out=True)
def _old_matrix_power(input: Tensor, n: int) -> Tensor:
    """`linalg.matrix_power`."""
    return _power("linalg.matrix_power", input, n)


@operator("matrix_exp", namespace="linalg", method=False)
def matrix_exp(A: Tensor) -> Tensor:
    """e to the power of a matrix, by scaling and squaring of a Taylor polynomial. Computes the norm of A.

    The polynomial's degree m is 16, for float32 12, and the scaled norm below such a θ that θ^m / (m + 1)! is below a rounding;
    it is computed by blocks of four powers (M. Paterson and L. Stockmeyer, "On the number of nonscalar multiplications", 1973).
    """
    check_matrices("linalg.matrix_exp", A)
    if not A.numel():
        return A.clone()
    blocks, bound = (4, 0.8) if A.dtype.itemsize // (2 if A.is_complex() else 1) == 8 else (3, 1.6)
    size = float(A.detach().abs().sum(-2).max())
    squarings = max(0, math.ceil(math.log2(size / bound))) if size > 0 and math.isfinite(size) else 0
    x = A * 2.0**-squarings
    square_ = x @ x
    powers = (identity(A, A._shape[-1]), x, square_, square_ @ x)
    fourth = square_ @ square_
    result = fourth * (1 / math.factorial(4 * blocks))
    for block in range(blocks - 1, -1, -1):
        for k, power in enumerate(powers):
            result = result + power * (1 / math.factorial(4 * block + k))
        if block:
            result = result @ fourth
    for _ in range(squarings):
        result = result @ result
    return result


@operator("matrix_exp")
def _old_matrix_exp(input: Tensor) -> Tensor:
    """`linalg.matrix_exp`."""
    return matrix_exp(input)
