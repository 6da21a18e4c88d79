"""Products of matrices and vectors: the matmul family and linear layers.

May import: shapes.broadcasting, shapes.dims, shapes.errors, shapes.sizes.
"""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.shapes.broadcasting import broadcast, expand
from flambeau.shapes.dims import wrap_dims
from flambeau.shapes.errors import ShapeError, require, show, show_by
from flambeau.shapes.sizes import Shape, Size, differ, equal, unify


def _rank(shape: Sequence[Size], rank: int, message: str) -> None:
    if len(shape) != rank:
        raise ShapeError(f"{message}, got {len(shape)}D {show(shape)}")


def matmul(a: Sequence[Size], b: Sequence[Size], *, name: str = "matmul") -> Shape:
    """``a @ b``: [..., M, K] and [..., K, N] to [..., M, N]; a vector stands for one row (left) or one column (right)."""
    if not a or not b:
        raise ShapeError(f"both arguments to {name} need to be at least 1D, but they are {len(a)}D and {len(b)}D")
    inner_a, inner_b = a[-1], b[-2] if len(b) > 1 else b[0]
    if differ(inner_a, inner_b):
        if len(a) == 1 and len(b) == 1:
            raise ShapeError(
                f"inconsistent tensor size, expected tensor {show(a)} and src {show(b)} to have the same number of elements, but"
                f" got {inner_a} and {inner_b} elements respectively"
            )
        raise ShapeError(
            f"mat1 and mat2 shapes cannot be multiplied ({show_by(a)} and {show_by(b)}): {name} of {show(a)} and {show(b)} sums"
            f" over {inner_a} and {inner_b}"
        )
    rows = a[-2:-1]
    columns = b[-1:] if len(b) > 1 else ()
    return (*broadcast(a[:-2], b[:-2]), *rows, *columns)


def mm(a: Sequence[Size], b: Sequence[Size]) -> Shape:
    """[M, K] and [K, N] to [M, N]."""
    _rank(a, 2, "mm: self must be a matrix")
    _rank(b, 2, "mm: mat2 must be a matrix")
    return matmul(a, b, name="mm")


def bmm(a: Sequence[Size], b: Sequence[Size], *, name: str = "bmm") -> Shape:
    """[B, M, K] and [B, K, N] to [B, M, N]: no broadcasting."""
    _rank(a, 3, f"{name}: batch1 must be a 3D tensor")
    _rank(b, 3, f"{name}: batch2 must be a 3D tensor")
    if differ(a[0], b[0]) or differ(a[2], b[1]):
        raise ShapeError(
            f"Expected size for first two dimensions of batch2 tensor to be: {show((a[0], a[2]))} but got: {show(b[:2])}."
            f" ({name} of {show(a)} and {show(b)})"
        )
    return (unify(a[0], b[0]), a[1], b[2])


def mv(matrix: Sequence[Size], vector: Sequence[Size]) -> Shape:
    """[M, K] and [K] to [M]."""
    if len(matrix) != 2 or len(vector) != 1:
        raise ShapeError(f"vector + matrix @ vector expected, got 1, {len(matrix)}, {len(vector)}")
    require(
        equal(matrix[1], vector[0]),
        f"size mismatch, got input ({matrix[0]}), mat ({show_by(matrix)}), vec ({vector[0]})",
    )
    return (matrix[0],)


def dot(a: Sequence[Size], b: Sequence[Size], *, name: str = "dot") -> Shape:
    """[K] and [K] to []."""
    if len(a) != 1 or len(b) != 1:
        raise ShapeError(f"1D tensors expected, but got {len(a)}D and {len(b)}D tensors")
    return matmul(a, b, name=name)


def outer(a: Sequence[Size], b: Sequence[Size]) -> Shape:
    """[M] and [N] to [M, N]."""
    _rank(a, 1, "outer: Expected 1-D argument self")
    _rank(b, 1, "outer: Expected 1-D argument vec2")
    return (a[0], b[0])


def inner(a: Sequence[Size], b: Sequence[Size]) -> Shape:
    """[..., K] and [..., K] to both leads; a scalar multiplies."""
    if not a or not b:
        return tuple(a) or tuple(b)
    require(
        equal(a[-1], b[-1]),
        f"inner() the last dimension must match on both input tensors but got shapes {show(a)} and {show(b)}",
    )
    return (*a[:-1], *b[:-1])


def addmm(input: Sequence[Size], a: Sequence[Size], b: Sequence[Size]) -> Shape:
    """input + a @ b, with input stretched to [M, N]."""
    result = mm(a, b)
    return expand(input, result)


def addmv(input: Sequence[Size], matrix: Sequence[Size], vector: Sequence[Size]) -> Shape:
    """input + matrix @ vector, with input stretched to [M]."""
    return expand(input, mv(matrix, vector))


def addr(input: Sequence[Size], a: Sequence[Size], b: Sequence[Size]) -> Shape:
    """input + a ⊗ b, with input stretched to [M, N]."""
    return expand(input, outer(a, b))


def baddbmm(input: Sequence[Size], a: Sequence[Size], b: Sequence[Size]) -> Shape:
    """input + bmm(a, b), with input stretched to [B, M, N]."""
    return expand(input, bmm(a, b, name="baddbmm"))


def addbmm(input: Sequence[Size], a: Sequence[Size], b: Sequence[Size]) -> Shape:
    """input + the batch's sum of bmm(a, b), with input stretched to [M, N]."""
    return expand(input, bmm(a, b, name="addbmm")[1:])


def linear(input: Sequence[Size], weight: Sequence[Size], bias: Sequence[Size] | None = None) -> Shape:
    """[..., in] with weight [out, in] and bias [out] to [..., out]; weight [in] gives [...]."""
    if len(weight) not in (1, 2):
        raise ShapeError(f"linear: weight must be [out_features, in_features] or [in_features], but is {show(weight)}")
    if not input:
        raise ShapeError("linear: input must have at least one dimension, but is a scalar []")
    if differ(input[-1], weight[-1]):
        raise ShapeError(
            f"linear: input {show(input)} has {input[-1]} features but weight {show(weight)} expects {weight[-1]}"
            f" (mat1 and mat2 shapes cannot be multiplied)"
        )
    result = (*input[:-1], *weight[:-1])
    if bias is not None:
        if len(bias) > len(weight) - 1 or (bias and any(differ(bias[-1], 1) and differ(bias[-1], out) for out in weight[:-1])):
            raise ShapeError(f"linear: bias {show(bias)} does not fit the {show(weight[:-1])} outputs of weight {show(weight)}")
        expand(bias, result)
    return result


def bilinear(input1: Sequence[Size], input2: Sequence[Size], weight: Sequence[Size], bias: Sequence[Size] | None = None) -> Shape:
    """[..., in1] and [..., in2] with weight [out, in1, in2] to [..., out]."""
    if len(weight) != 3:
        raise ShapeError(f"bilinear: weight must be [out, in1, in2], but is {show(weight)}")
    if len(input1) != len(input2) or any(differ(a, b) for a, b in zip(input1[:-1], input2[:-1])):
        raise ShapeError(f"bilinear(): input batch dimensions do not match: got {show(input1)} and {show(input2)}")
    for position, shape in ((1, input1), (2, input2)):
        require(
            equal(shape[-1], weight[position]),
            f"bilinear(): input{position} size does not match weight size: got {shape[-1]} but expected {weight[position]}",
        )
    if bias is not None:
        require(
            len(bias) == 1 and equal(bias[0], weight[0]),
            f"bilinear(): bias size does not match weight size: got {show(bias)} but expected [{weight[0]}]",
        )
    return (*input1[:-1], weight[0])


def tensordot(
    a: Sequence[Size], b: Sequence[Size], dims: int | tuple[Sequence[int], Sequence[int]]
) -> tuple[Shape, tuple[int, ...], tuple[int, ...]]:
    """The result's shape and the dimensions of `a` and `b` that are summed in pairs."""
    if isinstance(dims, int):
        if dims < 0:
            raise ShapeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(len(a), len(b)):
            raise ShapeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims} for {show(a)} and {show(b)}")
        pairs = (tuple(range(len(a) - dims, len(a))), tuple(range(dims)))
    else:
        pairs = wrap_dims(dims[0], len(a), empty_is_all=False), wrap_dims(dims[1], len(b), empty_is_all=False)
        if len(pairs[0]) != len(pairs[1]):
            raise ShapeError(f"both dimension lists should have same length, got {show(dims[0])} and {show(dims[1])}")
    for left, right in zip(*pairs):
        if differ(a[left], b[right]) and differ(a[left], 1) and differ(b[right], 1):
            raise ShapeError(
                f"contracted dimensions need to match, but first has size {a[left]} in dim {left} and second has size {b[right]}"
                f" in dim {right}"
            )
    kept_a = tuple(size for dim, size in enumerate(a) if dim not in pairs[0])
    kept_b = tuple(size for dim, size in enumerate(b) if dim not in pairs[1])
    return kept_a + kept_b, *pairs


def multi_dot(shapes: Sequence[Sequence[Size]]) -> Shape:
    """The product of several matrices; the first and the last may be vectors."""
    if len(shapes) < 2:
        raise ShapeError(f"multi_dot(): expected at least 2 tensors but got {len(shapes)}")
    for position, shape in enumerate(shapes):
        ends = position in (0, len(shapes) - 1)
        if len(shape) != 2 and not (ends and len(shape) == 1):
            raise ShapeError(f"multi_dot(): tensor {position} must be {'1D or ' * ends}2D but got {len(shape)}D")
    result = tuple(shapes[0])
    for shape in shapes[1:]:
        result = matmul(result, shape, name="multi_dot")
    return result


def square(shape: Sequence[Size], *, name: str) -> Shape:
    """Check for a (batch of) square matrices."""
    if len(shape) < 2:
        raise ShapeError(f"{name}: The input tensor must have at least 2 dimensions, got {show(shape)}")
    require(
        equal(shape[-1], shape[-2]),
        f"{name}: A must be batches of square matrices, but they are {shape[-2]} by {shape[-1]} matrices",
    )
    return tuple(shape)
