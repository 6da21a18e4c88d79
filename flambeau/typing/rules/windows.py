"""Convolution, pooling and interpolation: what slides over, or resizes, the last dimensions.

May import `flambeau.shapes`.
"""

from __future__ import annotations

from flambeau.shapes import convolution, interpolation, pooling
from flambeau.shapes.errors import ShapeError, show
from flambeau.shapes.sizes import differ
from flambeau.shapes.symbolic import UNKNOWN
from flambeau.shapes.windows import per_dimension, window_extent
from flambeau.typing.rules.kinds import Axes, Dim, Flag, Shape, Size, Text


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


def in_groups(in_channels: Size, out_channels: Size, groups: Dim) -> Shape:
    return convolution.in_groups(in_channels, out_channels, groups)


def pool(input: Shape, kernel: Shape, stride: Shape, total: Shape, dilation: Shape, ceil_mode: Flag, spatial: Dim) -> Shape:
    return pooling.pool(input, kernel, stride, _halves(total), dilation, ceil_mode, spatial=spatial)


def unpool(input: Shape, indices: Shape, kernel: Shape, stride: Shape, padding: Shape, spatial: Dim) -> Shape:
    return pooling.unpool(input, indices, kernel, stride, padding, spatial=spatial)


def unfolded(shape: Shape, kernel: Shape, dilation: Shape, total: Shape, stride: Shape) -> Shape:
    return pooling.unfold_blocks(shape, kernel, dilation, _halves(total), stride)


def folded(shape: Shape, sizes: Shape, kernel: Shape, dilation: Shape, total: Shape, stride: Shape) -> Shape:
    return pooling.fold_blocks(shape, sizes, kernel, dilation, _halves(total), stride)


def last_sizes(input: Shape, count: Dim) -> Shape:
    if len(input) < count:
        raise ShapeError(f"expected an input of {count} or more dimensions, got {show(input)}")
    return tuple(input[len(input) - count :])


def replace_last(input: Shape, sizes: Shape, spatial: Dim) -> Shape:
    if len(sizes) != spatial:
        raise ShapeError(f"expected {spatial} sizes, got {show(sizes)}")
    return pooling.adaptive_pool(input, sizes, spatial=spatial)


def scaled(shape: Shape, factor: Size) -> Shape:
    _spatial(shape)
    return (*shape[:2], *(size * factor for size in shape[2:]))


def _spatial(shape: Shape) -> None:
    if not 3 <= len(shape) <= 5:
        raise ShapeError(f"interpolate: the input must be [N, C, *sizes] with one to three sizes, got {show(shape)}")


def resized(shape: Shape, size: Axes) -> Shape:
    _spatial(shape)
    return interpolation.interpolate(shape, size, mode="nearest")


def resized_to(shape: Shape, sizes: Shape) -> Shape:
    _spatial(shape)
    return interpolation.interpolate(shape, sizes, mode="nearest")


def rescaled(shape: Shape) -> Shape:
    """By a factor that is not a whole number."""
    _spatial(shape)
    return (*shape[:2], *(UNKNOWN for _ in shape[2:]))


def upsampled(shape: Shape, size: Axes, factor: Axes) -> Shape:
    _spatial(shape)
    return interpolation.interpolate(shape, size, factor, mode="nearest")


def grid_sample(input: Shape, grid: Shape) -> Shape:
    return interpolation.grid_sample(input, grid)


def affine_grid(theta: Shape, sizes: Shape) -> Shape:
    return interpolation.affine_grid(theta, sizes)
