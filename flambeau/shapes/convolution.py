"""Convolution in any number of spatial dimensions, and its transpose.

H_out = ⌊(H + low + high − dilation·(kernel − 1) − 1) / stride⌋ + 1, and for the transpose
H_out = (H − 1)·stride − low − high + dilation·(kernel − 1) + output_padding + 1.

May import: shapes.errors, shapes.sizes, shapes.windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from flambeau.shapes.errors import ShapeError, require, show
from flambeau.shapes.sizes import Shape, Size, at_least, differ, divisible, equal, less
from flambeau.shapes.windows import (
    check_at_least,
    per_dimension,
    split_batch,
    surely_below_one,
    window_count,
    window_extent,
)


class Convolution(NamedTuple):
    """A convolution's geometry, one entry per spatial dimension, and the shape of its result."""

    shape: Shape
    stride: Shape
    padding: tuple[tuple[Size, Size], ...]  # (low, high)
    dilation: Shape
    batched: bool


def string_padding(padding: str, kernel: Sequence[Size], stride: Shape, dilation: Shape) -> tuple[tuple[Size, Size], ...]:
    """(low, high) of ``"valid"`` and ``"same"``: the odd element of an even window goes behind the input."""
    if padding == "valid":
        return ((0, 0),) * len(kernel)
    if padding != "same":
        raise ShapeError(f"Invalid padding string: '{padding}' (expected 'same' or 'valid')")
    if any(differ(step, 1) for step in stride):
        raise ShapeError(f"padding='same' is not supported for strided convolutions, got stride={show(stride)}")
    totals = [window_extent(size, step) - 1 for size, step in zip(kernel, dilation)]
    return tuple((total // 2, total - total // 2) for total in totals)


def in_groups(in_channels: Size, out_channels: Size, groups: Size) -> Shape:
    """The channels of a layer, which must fall into groups. Raises ValueError."""
    for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
        if divisible(channels, groups) is False:
            raise ValueError(f"{name} must be divisible by groups, got {channels} and groups={groups}")
    return in_channels, out_channels


def _check_weight(input: Sequence[Size], weight: Sequence[Size], spatial: int, groups: Size, operator: str) -> None:
    if len(weight) != spatial + 2:
        raise ShapeError(
            f"{operator}: expected {spatial + 2}-dimensional weight, but got {len(weight)}-dimensional weight of size"
            f" {show(weight)} (input {show(input)})"
        )
    if less(groups, 1) is True:
        raise ShapeError(f"{operator}: non-positive groups is not supported, got groups={groups}")
    if less(weight[0], groups) is True:
        raise ShapeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of size"
            f" {show(weight)} instead"
        )
    require(
        divisible(weight[0], groups),
        f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of size"
        f" {show(weight)} instead",
    )
    check_at_least(weight[2:], 1, f"{operator}: kernel size should be greater than zero")


def _check_bias(weight: Sequence[Size], bias: Sequence[Size] | None, channels: Size, operator: str) -> None:
    if bias is not None and (len(bias) != 1 or differ(bias[0], channels)):
        raise ShapeError(
            f"{operator}: Given weight of size {show(weight)}, expected bias to be 1-dimensional with {channels} elements, but"
            f" got bias of size {show(bias)} instead"
        )


def _check_extent(input: Sequence[Size], sizes: Shape) -> None:
    if any(equal(size, 0) is True for size in sizes):
        raise ShapeError(f"Only zero batch or zero channel inputs are supported, but got input shape: {show(input)}")


def convolution(
    input: Sequence[Size],
    weight: Sequence[Size],
    bias: Sequence[Size] | None = None,
    stride: Size | Sequence[Size] = 1,
    padding: Size | str | Sequence[Size] = 0,
    dilation: Size | Sequence[Size] = 1,
    groups: Size = 1,
    *,
    spatial: int = 2,
) -> Convolution:
    """input [N, C, *S] or [C, *S], weight [O, C / groups, *K], bias [O]. Raises ShapeError, as PyTorch raises RuntimeError."""
    operator = f"conv{spatial}d"
    _check_weight(input, weight, spatial, groups, operator)
    batch, channels, sizes = split_batch(input, spatial, operator)
    kernel = tuple(weight[2:])
    stride = per_dimension(stride, spatial, "stride", operator)
    dilation = per_dimension(dilation, spatial, "dilation", operator)
    check_at_least(stride, 1, f"{operator}: non-positive stride is not supported")
    check_at_least(dilation, 1, f"{operator}: dilation should be greater than zero")
    if isinstance(padding, str):
        pairs = string_padding(padding, kernel, stride, dilation)
    else:
        amounts = per_dimension(padding, spatial, "padding", operator)
        check_at_least(amounts, 0, f"{operator}: negative padding is not supported")
        pairs = tuple((amount, amount) for amount in amounts)
    expected = weight[1] * groups
    if differ(channels, expected):
        detail = f" in {groups} groups, {expected} in all" if differ(groups, 1) else ""
        raise ShapeError(
            f"{operator}: input {show(input)} has {channels} channels but weight {show(weight)} expects {weight[1]}{detail}"
        )
    _check_bias(weight, bias, weight[0], operator)
    _check_extent(input, sizes)
    padded = tuple(size + low + high for size, (low, high) in zip(sizes, pairs))
    if any(less(size, window_extent(k, d)) is True for size, k, d in zip(padded, kernel, dilation)):
        raise ShapeError(
            f"{operator}: Calculated padded input size per channel: ({' x '.join(map(str, padded))}). Kernel size:"
            f" ({' x '.join(str(window_extent(k, d)) for k, d in zip(kernel, dilation))}). Kernel size can't be greater than"
            f" actual input size (input {show(input)}, weight {show(weight)})"
        )
    out = tuple(
        window_count(size, k, step, low, high, d) for size, k, step, (low, high), d in zip(sizes, kernel, stride, pairs, dilation)
    )
    return Convolution((*batch, weight[0], *out), stride, pairs, dilation, bool(batch))


def conv(
    input: Sequence[Size],
    weight: Sequence[Size],
    bias: Sequence[Size] | None = None,
    stride: Size | Sequence[Size] = 1,
    padding: Size | str | Sequence[Size] = 0,
    dilation: Size | Sequence[Size] = 1,
    groups: Size = 1,
    *,
    spatial: int = 2,
) -> Shape:
    """The result's shape alone: see `convolution`."""
    return convolution(input, weight, bias, stride, padding, dilation, groups, spatial=spatial).shape


class TransposedConvolution(NamedTuple):
    """A transposed convolution's geometry and the shape of its result."""

    shape: Shape
    stride: Shape
    padding: Shape
    output_padding: Shape
    dilation: Shape
    batched: bool


def _transposed_sizes(
    sizes: Sequence[Size], kernel: Sequence[Size], stride: Sequence[Size], padding: Sequence[Size], dilation: Sequence[Size]
) -> Shape:
    """The spatial sizes of a transposed convolution without output padding."""
    each = zip(sizes, kernel, stride, padding, dilation)
    return tuple((size - 1) * step - 2 * p + window_extent(k, d) for size, k, step, p, d in each)


def output_padding_for(
    output_size: Sequence[int],
    input: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
) -> tuple[int, ...]:
    """The output padding that makes a transposed convolution's result of `output_size`, with or without the leading dimensions.

    Raises ValueError where no padding does.
    """
    spatial = len(kernel)
    leading = 2 if len(input) == spatial + 2 else 1
    wanted = tuple(output_size[leading:] if len(output_size) == leading + spatial else output_size)
    if len(wanted) != spatial:
        raise ValueError(
            f"ConvTranspose{spatial}D: for {len(input)}D input, output_size must have {spatial} "
            f"or {leading + spatial} elements (got {len(wanted)})"
        )
    least = _transposed_sizes(input[leading:], kernel, stride, padding, dilation)
    most = [size + step - 1 for size, step in zip(least, stride)]
    if any(not low <= size <= high for low, size, high in zip(least, wanted, most)):
        raise ValueError(
            f"requested an output size of {show(wanted)}, but valid sizes range "
            f"from {show(least)} to {show(most)} (for an input of torch.Size({show(input[2:])}))"
        )
    return tuple(size - low for size, low in zip(wanted, least))


def transposed_convolution(
    input: Sequence[Size],
    weight: Sequence[Size],
    bias: Sequence[Size] | None = None,
    stride: Size | Sequence[Size] = 1,
    padding: Size | Sequence[Size] = 0,
    output_padding: Size | Sequence[Size] = 0,
    groups: Size = 1,
    dilation: Size | Sequence[Size] = 1,
    *,
    spatial: int = 2,
) -> TransposedConvolution:
    """input [N, C, *S] or [C, *S], weight [C, O / groups, *K], bias [O]."""
    operator = f"conv_transpose{spatial}d"
    _check_weight(input, weight, spatial, groups, operator)
    batch, channels, sizes = split_batch(input, spatial, operator)
    kernel = tuple(weight[2:])
    stride = per_dimension(stride, spatial, "stride", operator)
    padding = per_dimension(padding, spatial, "padding", operator)
    output_padding = per_dimension(output_padding, spatial, "output_padding", operator)
    dilation = per_dimension(dilation, spatial, "dilation", operator)
    check_at_least(stride, 1, f"{operator}: non-positive stride is not supported")
    check_at_least(dilation, 1, f"{operator}: dilation should be greater than zero")
    check_at_least(padding, 0, f"{operator}: negative padding is not supported")
    check_at_least(output_padding, 0, f"{operator}: negative output_padding is not supported")
    if differ(channels, weight[0]):
        raise ShapeError(f"{operator}: input {show(input)} has {channels} channels but weight {show(weight)} expects {weight[0]}")
    _check_bias(weight, bias, weight[1] * groups, operator)
    _check_extent(input, sizes)
    for extra, step, d in zip(output_padding, stride, dilation):
        if at_least(extra, step) is True and at_least(extra, d) is True:
            raise ShapeError(
                f"{operator}: output padding must be smaller than either stride or dilation, but got output_padding"
                f" {show(output_padding)}, stride {show(stride)}, dilation {show(dilation)}"
            )
    least = _transposed_sizes(sizes, kernel, stride, padding, dilation)
    out = tuple(size + extra for size, extra in zip(least, output_padding))
    if surely_below_one(out):
        raise ShapeError(
            f"{operator}: Given input size per channel: ({' x '.join(map(str, sizes))}). Calculated output size per channel:"
            f" ({' x '.join(map(str, out))}). Output size is too small"
        )
    return TransposedConvolution((*batch, weight[1] * groups, *out), stride, padding, output_padding, dilation, bool(batch))


def conv_transpose(
    input: Sequence[Size],
    weight: Sequence[Size],
    bias: Sequence[Size] | None = None,
    stride: Size | Sequence[Size] = 1,
    padding: Size | Sequence[Size] = 0,
    output_padding: Size | Sequence[Size] = 0,
    groups: Size = 1,
    dilation: Size | Sequence[Size] = 1,
    *,
    spatial: int = 2,
) -> Shape:
    """The result's shape alone: see `transposed_convolution`."""
    return transposed_convolution(input, weight, bias, stride, padding, output_padding, groups, dilation, spatial=spatial).shape
