"""The shape rules that signatures name, in terms of `flambeau.shapes`: what the mypy plugin evaluates.

Each function has a twin of the same name and parameters in `flambeau/_pyrefly/_rules.pyi`. Annotations say what a parameter is:
`Shape` a shape, `Shapes` those of a list of tensors, `Dim` an integer, `Axes` an integer, a tuple or None, `Flag` a boolean,
`Text` a string, `Size` a size, `Names` named sizes. Sizes may be symbolic. A rule raises what `flambeau.shapes` raises.

May import `flambeau.shapes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flambeau.shapes import (
    attention as attention_rules,
)
from flambeau.shapes import (
    broadcasting,
    convolution,
    dims,
    factories,
    indexing,
    interpolation,
    joining,
    losses,
    normalization,
    pooling,
    recurrent,
    reduction,
    views,
)
from flambeau.shapes import einsum as einsum_rules
from flambeau.shapes import embedding as embedding_rules
from flambeau.shapes import matmul as matmul_rules
from flambeau.shapes.errors import ShapeError, require, show
from flambeau.shapes.sizes import Shape, Size, differ, equal, less, product
from flambeau.shapes.symbolic import UNKNOWN
from flambeau.shapes.windows import per_dimension, window_extent

Shapes = tuple[Shape, ...]
Dim = int
Axes = int | tuple[int, ...] | None
Flag = bool
Text = str
Names = Mapping[str, Size]


def broadcast(left: Shape, right: Shape) -> Shape:
    return broadcasting.broadcast(left, right)


def broadcast3(first: Shape, second: Shape, third: Shape) -> Shape:
    return broadcasting.broadcast(first, second, third)


def into(target: Shape, other: Shape) -> Shape:
    return broadcasting.broadcast_into(other, target)


def spread(value: Axes, count: Dim) -> Shape:
    return per_dimension(value, count, "argument", "window")


def spread_or(value: Axes, default: Shape) -> Shape:
    if value is None or value == ():
        return default
    return per_dimension(value, len(default), "argument", "window")


def twice(padding: Shape) -> Shape:
    return tuple(2 * p for p in padding)


def string_padding(padding: Text, kernel: Shape, dilation: Shape, stride: Shape) -> Shape:
    return tuple(low + high for low, high in convolution.string_padding(padding, kernel, stride, dilation))


def padding_or_same(padding: Axes, kernel: Shape, dilation: Shape) -> Shape:
    if padding is None:
        return tuple(window_extent(k, d) - 1 for k, d in zip(kernel, dilation))
    return twice(per_dimension(padding, len(kernel), "padding", "conv"))


def kernel_of(weight: Shape) -> Shape:
    return weight[2:]


def _halves(total: Shape) -> Shape:
    return tuple(amount // 2 for amount in total)


def conv(input: Shape, weight: Shape, stride: Shape, total: Shape, dilation: Shape, groups: Size, spatial: Dim) -> Shape:
    # An odd total ("same" with an even kernel) is put in front of the input: it has no say in whether it fits.
    odd = tuple(amount % 2 for amount in total)
    extended = (*input[: len(input) - spatial], *(size + extra for size, extra in zip(input[len(input) - spatial :], odd)))
    whole = extended if any(differ(extra, 0) for extra in odd) else input
    return convolution.conv(whole, weight, None, stride, _halves(total), dilation, groups, spatial=spatial)


def conv_module(
    input: Shape,
    in_channels: Size,
    out_channels: Size,
    kernel: Shape,
    stride: Shape,
    total: Shape,
    dilation: Shape,
    spatial: Dim,
) -> Shape:
    return conv(input, (out_channels, in_channels, *kernel), stride, total, dilation, 1, spatial)


def conv_transpose(
    input: Shape,
    weight: Shape,
    stride: Shape,
    total: Shape,
    output_padding: Shape,
    dilation: Shape,
    groups: Size,
    spatial: Dim,
) -> Shape:
    return convolution.conv_transpose(
        input, weight, None, stride, _halves(total), output_padding, groups, dilation, spatial=spatial
    )


def conv_transpose_module(
    input: Shape,
    in_channels: Size,
    out_channels: Size,
    kernel: Shape,
    stride: Shape,
    total: Shape,
    output_padding: Shape,
    dilation: Shape,
    spatial: Dim,
) -> Shape:
    weight = (in_channels, out_channels, *kernel)
    return conv_transpose(input, weight, stride, total, output_padding, dilation, 1, spatial)


def pool(input: Shape, kernel: Shape, stride: Shape, total: Shape, dilation: Shape, ceil_mode: Flag, spatial: Dim) -> Shape:
    return pooling.pool(input, kernel, stride, _halves(total), dilation, ceil_mode, spatial=spatial)


def last_sizes(input: Shape, count: Dim) -> Shape:
    if len(input) < count:
        raise ShapeError(f"expected an input of {count} or more dimensions, got {show(input)}")
    return tuple(input[len(input) - count :])


def replace_last(input: Shape, sizes: Shape, spatial: Dim) -> Shape:
    if len(sizes) != spatial:
        raise ShapeError(f"expected {spatial} sizes, got {show(sizes)}")
    return pooling.adaptive_pool(input, sizes, spatial=spatial)


def reduce(shape: Shape, dim: Axes, keepdim: Flag) -> Shape:
    return reduction.reduce(shape, dim, keepdim)


def along(shape: Shape, dim: Dim) -> Shape:
    return reduction.along(shape, dim)


def topk(shape: Shape, k: Size, dim: Dim) -> Shape:
    return reduction.topk(shape, k, dim)


def extent(shape: Shape, dim: Dim) -> Size:
    return shape[dims.wrap_dim(dim, len(shape), scalar=False)]


def reshape(shape: Shape, sizes: Shape) -> Shape:
    return views.reshape(shape, sizes)


def in_groups(in_channels: Size, out_channels: Size, groups: Dim) -> Shape:
    return convolution.in_groups(in_channels, out_channels, groups)


def in_heads(embed_dim: Size, num_heads: Dim) -> Shape:
    return attention_rules.in_heads(embed_dim, num_heads)


def laid_out(shape: Shape | None, sizes: Shape) -> Shape:
    """What `reshape` gives where it is possible; of a shape that is not known (None), the sizes that are given."""
    if not any(equal(size, -1) is True for size in sizes):
        return sizes
    rest = -1 * product(sizes)
    left = UNKNOWN if shape is None or rest == 0 else product(shape) // rest
    return tuple(left if equal(size, -1) is True else size for size in sizes)


def flatten(shape: Shape, start_dim: Dim, end_dim: Dim) -> Shape:
    return views.flatten(shape, start_dim, end_dim)


def unflatten(shape: Shape, dim: Dim, sizes: Shape) -> Shape:
    return views.unflatten(shape, dim, sizes)


def permute(shape: Shape, dims: Axes) -> Shape:
    if dims is None or isinstance(dims, int):
        raise TypeError(f"permute(): dims must be a tuple of ints, got {dims!r}")
    return views.permute(shape, dims)


def transpose(shape: Shape, dim0: Dim, dim1: Dim) -> Shape:
    return views.transpose(shape, dim0, dim1)


def matrix_transpose(shape: Shape) -> Shape:
    return views.matrix_transpose(shape)


def reverse(shape: Shape) -> Shape:
    return tuple(reversed(shape))


def movedim(shape: Shape, source: Dim, destination: Dim) -> Shape:
    return views.movedim(shape, source, destination)


def squeeze(shape: Shape, dim: Axes) -> Shape:
    return views.squeeze(shape, dim)


def unsqueeze(shape: Shape, dim: Dim) -> Shape:
    return views.unsqueeze(shape, dim)


def select(shape: Shape, dim: Dim) -> Shape:
    axis = dims.wrap_dim(dim, len(shape), scalar=False)
    return (*shape[:axis], *shape[axis + 1 :])


def picked(shape: Shape, dim: Dim, index: Size) -> Shape:
    return indexing.index(shape, [*(slice(None),) * dims.wrap_dim(dim, len(shape), scalar=False), index])


def narrow(shape: Shape, dim: Dim, start: Size, length: Size) -> Shape:
    return views.narrow(shape, dim, start, length)


def expand(shape: Shape, sizes: Shape) -> Shape:
    return broadcasting.expand(shape, sizes)


def cat(shapes: Shapes, dim: Dim) -> Shape:
    return joining.cat(shapes, dim)


def stack(shapes: Shapes, dim: Dim) -> Shape:
    return joining.stack(shapes, dim)


def chunk(shape: Shape, chunks: Dim, dim: Dim) -> Shapes:
    axis = dims.wrap_dim(dim, len(shape))
    return tuple((*shape[:axis], size, *shape[axis + 1 :]) for size in joining.chunk_sizes(shape, chunks, dim))


def split(shape: Shape, size: Axes, dim: Dim) -> Shapes:
    if size is None:
        raise TypeError("split(): split_size must be an int or a tuple of ints, got None")
    axis = dims.wrap_dim(dim, len(shape))
    return tuple((*shape[:axis], piece, *shape[axis + 1 :]) for piece in joining.split_sizes(shape, size, dim))


def repeat(shape: Shape, counts: Shape) -> Shape:
    return joining.repeat(shape, counts)


def pad(shape: Shape, padding: Axes) -> Shape:
    if padding is None or isinstance(padding, int):
        raise TypeError(f"pad(): pad must be a tuple of ints, got {padding!r}")
    return joining.pad(shape, padding)


def pixel_shuffle(shape: Shape, factor: Dim) -> Shape:
    return joining.pixel_shuffle(shape, factor)


def matmul(left: Shape, right: Shape) -> Shape:
    return matmul_rules.matmul(left, right)


def mm(left: Shape, right: Shape) -> Shape:
    return matmul_rules.mm(left, right)


def bmm(left: Shape, right: Shape) -> Shape:
    return matmul_rules.bmm(left, right)


def linear(input: Shape, weight: Shape) -> Shape:
    return matmul_rules.linear(input, weight)


def einsum(spec: Text, shapes: Shapes) -> Shape:
    return einsum_rules.einsum(spec, *shapes)


def attention(query: Shape, key: Shape, value: Shape) -> Shape:
    return attention_rules.scaled_dot_product_attention(query, key, value)


def embedding(indices: Shape, weight: Shape) -> Shape:
    return embedding_rules.embedding(indices, weight)


def append(shape: Shape, size: Size) -> Shape:
    return (*shape, size)


def loss(shape: Shape, reduction: Text) -> Shape:
    return losses.reduced(shape, reduction)


def class_loss(input: Shape, target: Shape, reduction: Text) -> Shape:
    return losses.nll_loss(input, target, None, reduction, name="cross_entropy")


def probability_loss(input: Shape, target: Shape, reduction: Text) -> Shape:
    return losses.cross_entropy(input, target, None, reduction, probabilities=True)


def class_or_probability_loss(input: Shape, target: Shape, reduction: Text, classes: Flag) -> Shape:
    """Targets that are integers are classes, others probabilities."""
    return class_loss(input, target, reduction) if classes else probability_loss(input, target, reduction)


def same(left: Shape, right: Shape) -> Shape:
    if len(left) != len(right) or any(differ(a, b) for a, b in zip(left, right)):
        raise ShapeError(f"Target size {show(right)} must be the same as input size {show(left)}")
    return left


def normalized(shape: Shape, last: Shape) -> Shape:
    return normalization.layer_norm(shape, last)


def channels(shape: Shape, expected: Size, least: Dim, most: Dim) -> Shape:
    if not least <= len(shape) <= most:
        raise ShapeError(f"expected an input of {least} to {most} dimensions, got {show(shape)}")
    require(equal(shape[1], expected), f"input {show(shape)} has {shape[1]} channels but the layer expects {expected}")
    return shape


def batch_channels(shape: Shape, expected: Size, spatial: Dim) -> Shape:
    if len(shape) != spatial + 2 and (spatial != 1 or len(shape) != 2):
        raise ShapeError(f"expected {spatial + 2}D input (got {len(shape)}D input {show(shape)})")
    return channels(shape, expected, 2, spatial + 2)


def scaled(shape: Shape, factor: Size) -> Shape:
    _spatial(shape)
    return (*shape[:2], *(size * factor for size in shape[2:]))


def _spatial(shape: Shape) -> None:
    if not 3 <= len(shape) <= 5:
        raise ShapeError(f"interpolate: the input must be [N, C, *sizes] with one to three sizes, got {show(shape)}")


def resized(shape: Shape, size: Axes) -> Shape:
    _spatial(shape)
    return interpolation.interpolate(shape, size, mode="nearest")


def single(size: Size) -> Shape:
    return factories.linspace(size)


def pair(rows: Size, columns: Size) -> Shape:
    return factories.eye(rows, columns)


def between(start: Size, end: Size) -> Shape:
    return factories.arange(start, end)


def at(shape: Shape, items: tuple[Any, ...]) -> Shape:
    return indexing.index(shape, items)


def outer(left: Shape, right: Shape) -> Shape:
    return matmul_rules.outer(left, right)


def index_select(shape: Shape, dim: Dim, index: Shape) -> Shape:
    return indexing.index_select(shape, dim, index)


def repeat_interleave(shape: Shape, repeats: Size, dim: Dim) -> Shape:
    return joining.repeat_interleave(shape, repeats, dim)


def glu(shape: Shape, dim: Dim) -> Shape:
    return normalization.glu(shape, dim)


def pixel_unshuffle(shape: Shape, factor: Dim) -> Shape:
    return joining.pixel_unshuffle(shape, factor)


def pad_module(shape: Shape, amounts: Axes, spatial: Dim) -> Shape:
    return joining.pad(shape, per_dimension(amounts, 2 * spatial, "padding", "pad"))


def square(shape: Shape) -> Shape:
    return matmul_rules.square(shape, name="linalg")


def determinant(shape: Shape) -> Shape:
    return square(shape)[:-2]


def features(shape: Shape, expected: Size) -> Shape:
    return recurrent.features(shape, expected)


def rnn_output(shape: Shape, input_size: Size, hidden_size: Size, bidirectional: Flag) -> Shape:
    return recurrent.rnn_output(shape, input_size, hidden_size, bidirectional)


def rnn_state(shape: Shape, hidden_size: Size, num_layers: Dim, bidirectional: Flag, batch_first: Flag) -> Shape:
    return recurrent.rnn_state(shape, hidden_size, num_layers, bidirectional, batch_first)


def einops_rearrange(spec: Text, shape: Shape, axes: Names) -> Shape:
    from flambeau.shapes import patterns

    return patterns.rearrange(spec, shape, axes)


def einops_repeat(spec: Text, shape: Shape, axes: Names) -> Shape:
    from flambeau.shapes import patterns

    return patterns.repeat(spec, shape, axes)


def einops_reduce(spec: Text, shape: Shape, axes: Names) -> Shape:
    from flambeau.shapes import patterns

    return patterns.reduce(spec, shape, axes)


# --- lists of dimensions and sizes; Pyrefly reads them in another form than tuples


def reduce_over(shape: Shape, dims: Shape, keepdim: Flag) -> Shape:
    return reduction.reduce(shape, _integers(dims), keepdim)


def squeeze_dims(shape: Shape, dims: Shape) -> Shape:
    return views.squeeze(shape, _integers(dims))


def split_into(shape: Shape, sizes: Shape, dim: Dim) -> Shapes:
    axis = dims.wrap_dim(dim, len(shape))
    return tuple((*shape[:axis], piece, *shape[axis + 1 :]) for piece in joining.split_sizes(shape, sizes, dim))


def resized_to(shape: Shape, sizes: Shape) -> Shape:
    _spatial(shape)
    return interpolation.interpolate(shape, sizes, mode="nearest")


def _integers(dims: Shape) -> tuple[int, ...]:
    if any(not isinstance(dim, int) for dim in dims):
        raise TypeError("a dimension is not known")
    return tuple(dims)


def rescaled(shape: Shape) -> Shape:
    """By a factor that is not a whole number."""
    _spatial(shape)
    return (*shape[:2], *(UNKNOWN for _ in shape[2:]))


# --- indexing by tensors


def at_mask(shape: Shape, mask: Shape) -> Shape:
    return indexing.index(shape, [indexing.Mask(mask, UNKNOWN)])


def at_integers(shape: Shape, index: Shape, before: Dim) -> Shape:
    """An integer tensor after so many full slices; after an ellipsis for -1."""
    lead: tuple[object, ...] = (Ellipsis,) if before < 0 else (slice(None),) * before
    return indexing.index(shape, [*lead, indexing.IntegerTensor(index)])


def at_pair(shape: Shape, first: Shape, second: Shape, between: Dim) -> Shape:
    """Two integer tensors with so many full slices between them."""
    return indexing.index(shape, [indexing.IntegerTensor(first), *(slice(None),) * between, indexing.IntegerTensor(second)])


def at_list(shape: Shape, index: Shape) -> Shape:
    return indexing.index(shape, [indexing.IntegerTensor((len(index),))])


def gather(shape: Shape, dim: Dim, index: Shape) -> Shape:
    return indexing.gather(shape, dim, index)


def scatter(shape: Shape, dim: Dim, index: Shape) -> Shape:
    return indexing.scatter(shape, dim, index)


def scatter_from(shape: Shape, dim: Dim, index: Shape, source: Shape) -> Shape:
    return indexing.scatter(shape, dim, index, source)


def index_add(shape: Shape, dim: Dim, index: Shape, source: Shape) -> Shape:
    return indexing.index_add(shape, dim, index, source)


def take_along_dim(shape: Shape, indices: Shape, dim: Dim) -> Shape:
    return indexing.take_along_dim(shape, indices, dim)


# --- movement and joining


def unbind(shape: Shape, dim: Dim) -> Shapes:
    count, piece = joining.unbind(shape, dim)
    if not isinstance(count, int):
        raise TypeError("how many pieces there are is not known")
    return (piece,) * count


def tile(shape: Shape, counts: Shape) -> Shape:
    return joining.tile(shape, counts)


def windows(shape: Shape, dim: Dim, size: Size, step: Size) -> Shape:
    return views.unfold(shape, dim, size, step)


def diagonal(shape: Shape, offset: Dim, dim1: Dim, dim2: Dim) -> Shape:
    return views.diagonal(shape, offset, dim1, dim2)


def diag_embed(shape: Shape) -> Shape:
    return views.diag_embed(shape)


def diag(shape: Shape, offset: Dim) -> Shape:
    return views.diag(shape, offset)


def at_least(shape: Shape, rank: Dim) -> Shape:
    if rank == 3:
        return joining.at_least_3d(shape)
    return (*(1,) * (rank - len(shape)), *shape)


def movedims(shape: Shape, source: Axes, destination: Axes) -> Shape:
    if not isinstance(source, tuple) or not isinstance(destination, tuple):
        raise TypeError("movedim(): both must be tuples of ints")
    return views.movedim(shape, source, destination)


def kron(left: Shape, right: Shape) -> Shape:
    return joining.kron(left, right)


def rot90(shape: Shape, k: Dim, dims: Axes) -> Shape:
    return views.rot90(shape, k, trailing(dims))


def tensor_split(shape: Shape, sections: Axes, dim: Dim) -> Shapes:
    if sections is None:
        raise TypeError("tensor_split(): indices_or_sections must be an int or a tuple of ints, got None")
    lead = (slice(None),) * dims.wrap_dim(dim, len(shape))
    bounds = joining.tensor_split_bounds(shape, sections, dim)
    return tuple(indexing.index(shape, [*lead, slice(*ends)]) for ends in bounds)


def in_depth(shapes: Shapes) -> Shape:
    return joining.dstack(shapes)


def as_columns(shapes: Shapes) -> Shape:
    return joining.column_stack(shapes)


def block_diagonal(shapes: Shapes) -> Shape:
    return joining.block_diagonal(shapes)


def cartesian_product(shapes: Shapes) -> Shape:
    return joining.cartesian_product(shapes)


def grid(shapes: Shapes, indexing: Text) -> Shapes:
    return (joining.meshgrid(shapes, indexing),) * len(shapes)


def side_by_side(shapes: Shapes) -> Shape:
    return joining.hstack(shapes)


def on_top(shapes: Shapes) -> Shape:
    return joining.vstack(shapes)


def broadcast_all(shapes: Shapes) -> Shapes:
    return (broadcasting.broadcast(*shapes),) * len(shapes)


def diff(shape: Shape, n: Dim, dim: Dim) -> Shape:
    return reduction.diff(shape, n, dim)


def stepped(start: Size, end: Size, step: Size) -> Shape:
    if not all(isinstance(value, int) for value in (start, end, step)):
        return (UNKNOWN,)
    return factories.arange(start, end, step)


def drawn(shape: Shape, count: Size) -> Shape:
    require(1 <= len(shape) <= 2, f"multinomial: the probabilities must be a vector or a matrix, got {show(shape)}")
    return (*shape[:-1], count)


# --- products and matrices


def tensordot(left: Shape, right: Shape, count: Dim) -> Shape:
    return matmul_rules.tensordot(left, right, count)[0]


def tensordot_over(left: Shape, right: Shape, dims: Shape, others: Shape) -> Shape:
    return matmul_rules.tensordot(left, right, (_integers(dims), _integers(others)))[0]


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


def half_spectrum(shape: Shape, dim: Dim) -> Shape:
    axis = dims.wrap_dim(dim, len(shape), scalar=False)
    return (*shape[:axis], shape[axis] // 2 + 1, *shape[axis + 1 :])


def whole_signal(shape: Shape, dim: Dim) -> Shape:
    axis = dims.wrap_dim(dim, len(shape), scalar=False)
    size = 2 * (shape[axis] - 1)
    require(less(size, 1) is not True, f"irfft: Invalid number of data points ({size}) specified")
    return (*shape[:axis], size, *shape[axis + 1 :])


def cross_correlated(shape: Shape) -> Shape:
    if len(shape) > 2:
        raise ShapeError(f"cov: expected an input of two dimensions at most, got {show(shape)}")
    return (shape[0], shape[0]) if len(shape) == 2 else ()


# --- layers and losses


def unpool(input: Shape, indices: Shape, kernel: Shape, stride: Shape, padding: Shape, spatial: Dim) -> Shape:
    return pooling.unpool(input, indices, kernel, stride, padding, spatial=spatial)


def unfolded(shape: Shape, kernel: Shape, dilation: Shape, total: Shape, stride: Shape) -> Shape:
    return pooling.unfold_blocks(shape, kernel, dilation, _halves(total), stride)


def folded(shape: Shape, sizes: Shape, kernel: Shape, dilation: Shape, total: Shape, stride: Shape) -> Shape:
    return pooling.fold_blocks(shape, sizes, kernel, dilation, _halves(total), stride)


def grid_sample(input: Shape, grid: Shape) -> Shape:
    return interpolation.grid_sample(input, grid)


def affine_grid(theta: Shape, sizes: Shape) -> Shape:
    return interpolation.affine_grid(theta, sizes)


def bag(indices: Shape, weight: Shape) -> Shape:
    if len(indices) != 2:
        raise TypeError("how many bags there are is the offsets' size")
    return embedding_rules.embedding_bag(indices, weight)


def channel_vector(shape: Shape, vector: Shape) -> Shape:
    return normalization.batch_norm(shape, vector)


def grouped(shape: Shape, groups: Dim) -> Shape:
    return normalization.group_norm(shape, groups)


def state(shape: Shape, given: Shape, expected: Shape) -> Shape:
    """An input's shape, where the state beside it has the shape that the layer expects."""
    if len(given) != len(expected) or any(differ(a, b) for a, b in zip(given, expected)):
        raise ShapeError(f"Expected hidden size {show(expected)}, got {show(given)}")
    return shape


def cell(shape: Shape, input_size: Size, hidden_size: Size) -> Shape:
    require(len(shape) in (1, 2), f"expected an input of 1 or 2 dimensions, got {show(shape)}")
    return (*features(shape, input_size)[:-1], hidden_size)


def triple_loss(first: Shape, second: Shape, third: Shape, reduction: Text) -> Shape:
    return losses.triplet_margin_loss(first, second, third, reduction)


def ranking_loss(first: Shape, second: Shape, target: Shape, reduction: Text) -> Shape:
    return losses.margin_ranking_loss(first, second, target, reduction)


def cosine_loss(first: Shape, second: Shape, target: Shape, reduction: Text) -> Shape:
    return losses.cosine_embedding_loss(first, second, target, reduction)


def scalar_loss(reduction: Text) -> Shape:
    """A loss of whose shape only the mean and the sum say anything."""
    if reduction == "none":
        raise TypeError("the shape of each example's losses is not known")
    return ()


def divergence(input: Shape, target: Shape, reduction: Text) -> Shape:
    return losses.reduced(broadcasting.broadcast(input, target), "mean" if reduction == "batchmean" else reduction)


def joined(left: Shape, right: Shape) -> Shape:
    return (*left, *right)


def spectrum(shape: Shape) -> Shape:
    return square(shape)[:-1]


def triple(first: Size, second: Size, third: Size) -> Shape:
    return (first, second, third)


def trailing(sizes: Axes) -> Shape:
    """The last sizes that a layer was given: one, or a tuple."""
    if sizes is None:
        raise TypeError("expected an integer or a tuple of them, got None")
    return (sizes,) if isinstance(sizes, int) else tuple(sizes)


def upsampled(shape: Shape, size: Axes, factor: Axes) -> Shape:
    _spatial(shape)
    return interpolation.interpolate(shape, size, factor, mode="nearest")
