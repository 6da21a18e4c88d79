"""Products along a dimension, and matrices made of vectors. May import what `flambeau.ops` may."""

from __future__ import annotations

from flambeau.ops.operands import check_tensor, refuse
from flambeau.ops.registry import operator, scalar_name
from flambeau.shapes.dims import wrap_dim
from flambeau.tensor import Tensor

__all__ = ["cross", "diagonal", "matmul", "vander", "vecdot"]


def _cross(a: Tensor, b: Tensor, d: int) -> Tensor:
    x, y = (t.movedim(d, 0) for t in (a, b))
    from flambeau.ops.joining import stack

    parts = [x[(i + 1) % 3] * y[(i + 2) % 3] - x[(i + 2) % 3] * y[(i + 1) % 3] for i in range(3)]
    return stack(parts, d)


@operator("cross", namespace="linalg", method=False, out="exact", remembered=True)
def cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The vector product along a dimension of size 3; the others broadcast."""
    from flambeau.shapes.joining import cross as rule

    check_tensor(other, "linalg.cross", "other", 2)
    refuse(check_tensor(input, "linalg.cross", "input"), "cross", bool)
    shape = rule(tuple(check_tensor(input, "linalg.cross", "input")._shape), tuple(other._shape), dim)
    return _cross(input.expand(shape), other.expand(shape), wrap_dim(dim, len(shape)))


@operator("cross", out="exact", remembered=True)
def _old_cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """`linalg.cross` along `dim`, or the first dimension of size 3."""
    if dim is None:
        found = [d for d, n in enumerate(input._shape) if n == 3]
        if not found:
            raise RuntimeError("no dimension of size 3 in input")
        dim = found[0]
    return cross(input, other, dim=dim)


@operator("vecdot", namespace="linalg", method=False, out="exact")
def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """Σ conj(x)·y along a dimension; the others broadcast."""
    if check_tensor(x, "linalg.vecdot", "x").dtype.category < 2:
        raise RuntimeError(f"linalg.vecdot: Expected a floating point or complex tensor as input. Got {scalar_name(x)}")
    return (x.conj() * y).sum(dim)


@operator("matmul", namespace="linalg", method=False, out="exact")
def matmul(input: Tensor, other: Tensor) -> Tensor:
    """`torch.matmul`."""
    return input @ other


@operator("diagonal", namespace="linalg", method=False)
def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """`torch.diagonal` of the last two dimensions."""
    return A.diagonal(offset, dim1, dim2)


@operator("vander", namespace="linalg", method=False)
def vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """Powers 0, 1, … N-1 of a vector's elements, one row each; a number is a vector of one."""
    if check_tensor(x, "linalg.vander", "x").dtype.category == 0 or (x.dtype.itemsize == 2 and x.dtype.category == 2):
        raise RuntimeError(f"linalg.vander supports floating point, complex, and integer tensors, but got {scalar_name(x)}")
    x = x if x._shape else x.reshape(1)
    count = x._shape[-1] if N is None else N
    from flambeau.ops.joining import cat

    ones = x.new_ones((*x._shape, 1))
    return cat([ones, x.unsqueeze(-1).expand((*x._shape, count - 1))], -1).cumprod(-1) if count > 1 else ones
