"""Products of matrices, linear algebra and transforms.

May import `flambeau.shapes`.
"""

from __future__ import annotations

from flambeau.shapes import attention as attention_rules
from flambeau.shapes import dims, views
from flambeau.shapes import einsum as einsum_rules
from flambeau.shapes import matmul as matmul_rules
from flambeau.shapes.errors import ShapeError, require, show
from flambeau.shapes.sizes import differ, less
from flambeau.typing.rules.kinds import Dim, Shape, Shapes, Text, known_integers
from flambeau.typing.rules.windows import last_sizes


def matmul(left: Shape, right: Shape) -> Shape:
    return matmul_rules.matmul(left, right)


def mm(left: Shape, right: Shape) -> Shape:
    return matmul_rules.mm(left, right)


def bmm(left: Shape, right: Shape) -> Shape:
    return matmul_rules.bmm(left, right)


def linear(input: Shape, weight: Shape) -> Shape:
    return matmul_rules.linear(input, weight)


def outer(left: Shape, right: Shape) -> Shape:
    return matmul_rules.outer(left, right)


def einsum(spec: Text, shapes: Shapes) -> Shape:
    return einsum_rules.einsum(spec, *shapes)


def attention(query: Shape, key: Shape, value: Shape) -> Shape:
    return attention_rules.scaled_dot_product_attention(query, key, value)


def square(shape: Shape) -> Shape:
    return matmul_rules.square(shape, name="linalg")


def determinant(shape: Shape) -> Shape:
    return square(shape)[:-2]


def tensordot(left: Shape, right: Shape, count: Dim) -> Shape:
    return matmul_rules.tensordot(left, right, count)[0]


def tensordot_over(left: Shape, right: Shape, dims: Shape, others: Shape) -> Shape:
    return matmul_rules.tensordot(left, right, (known_integers(dims), known_integers(others)))[0]


def multi_dot(shapes: Shapes) -> Shape:
    return matmul_rules.multi_dot(shapes)


def cross_distances(left: Shape, right: Shape) -> Shape:
    if len(left) < 2 or len(right) < 2:
        raise ShapeError(f"cdist: both arguments must be [..., points, features], got {show(left)} and {show(right)}")
    return matmul_rules.matmul(left, views.matrix_transpose(right), name="cdist")


def bilinear(left: Shape, right: Shape, weight: Shape) -> Shape:
    return matmul_rules.bilinear(left, right, weight)


def with_bias(result: Shape, weight: Shape, bias: Shape, from_end: Dim) -> Shape:
    """A result whose bias has one element for each of the weight's rows; `from_end` 0 admits a scalar."""
    if bias == () and from_end == 0:
        return result
    if len(bias) != 1 or differ(bias[0], weight[0]):
        raise ShapeError(f"expected a bias of shape [{weight[0]}] for a weight of shape {show(weight)}, got {show(bias)}")
    return result


def solved(matrices: Shape, right: Shape) -> Shape:
    square(matrices)
    vector = len(right) == 1
    result = matmul_rules.matmul(matrices, right, name="linalg.solve")
    return result if vector else (*result[:-2], matrices[-1], right[-1])


def reduced_svd(shape: Shape, part: Dim) -> Shape:
    """U [..., M, K], S [..., K] or Vh [..., K, N] of [..., M, N], K the smaller of M and N."""
    rows, columns = last_sizes(shape, 2)
    if not isinstance(rows, int) or not isinstance(columns, int):
        raise TypeError("which of the two sizes is smaller is not known")
    small = min(rows, columns)
    return {0: (*shape[:-1], small), 1: (*shape[:-2], small)}.get(part, (*shape[:-2], small, columns))


def full_svd(shape: Shape, part: Dim) -> Shape:
    """U [..., M, M] or Vh [..., N, N]."""
    rows, columns = last_sizes(shape, 2)
    return (*shape[:-2], rows, rows) if part == 0 else (*shape[:-2], columns, columns)


def spectrum(shape: Shape) -> Shape:
    return square(shape)[:-1]


def half_spectrum(shape: Shape, dim: Dim) -> Shape:
    axis = dims.wrap_dim(dim, len(shape), scalar=False)
    return (*shape[:axis], shape[axis] // 2 + 1, *shape[axis + 1 :])


def whole_signal(shape: Shape, dim: Dim) -> Shape:
    axis = dims.wrap_dim(dim, len(shape), scalar=False)
    size = 2 * (shape[axis] - 1)
    require(less(size, 1) is not True, f"irfft: Invalid number of data points ({size}) specified")
    return (*shape[:axis], size, *shape[axis + 1 :])
