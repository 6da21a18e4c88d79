"""Pooling over windows, adaptive pooling, unpooling, and blocks cut from and folded into images.

May import: shapes.errors, shapes.sizes, shapes.windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd
from typing import NamedTuple

from flambeau.shapes.errors import ShapeError, require, show, show_by
from flambeau.shapes.sizes import Shape, Size, at_least, ceil_div, differ, divisible, equal, less, product
from flambeau.shapes.windows import check_at_least, per_dimension, surely_below_one, window_count


class Pooling(NamedTuple):
    """A pooling's geometry, one entry per spatial dimension, and the shape of its result."""

    shape: Shape
    kernel: Shape
    stride: Shape
    padding: Shape
    dilation: Shape


def _check_input(shape: Sequence[Size], spatial: int, operator: str) -> None:
    if len(shape) not in (spatial + 1, spatial + 2):
        raise ShapeError(f"{operator}: Expected {spatial + 1}D or {spatial + 2}D tensor, but got {show(shape)}")
    if any(equal(size, 0) is True for size in shape[-spatial - 1 :]):
        raise ShapeError(
            f"{operator}: Expected {spatial + 1}D or {spatial + 2}D (batch mode) tensor with optional 0 dim batch size for input,"
            f" but got: {show(shape)}"
        )


def pooling(
    input: Sequence[Size],
    kernel_size: Size | Sequence[Size],
    stride: Size | Sequence[Size] | None = None,
    padding: Size | Sequence[Size] = 0,
    dilation: Size | Sequence[Size] = 1,
    ceil_mode: bool = False,
    *,
    spatial: int = 2,
    operator: str = "",
) -> Pooling:
    """Windows of [N, C, *S] or [C, *S]; the stride is the kernel's size where it is None or ()."""
    operator = operator or f"pool{spatial}d"
    kernel = per_dimension(kernel_size, spatial, "kernel_size", operator)
    if stride is None or (isinstance(stride, (tuple, list)) and not stride):
        stride = kernel
    stride = per_dimension(stride, spatial, "stride", operator)
    padding = per_dimension(padding, spatial, "padding", operator)
    dilation = per_dimension(dilation, spatial, "dilation", operator)
    check_at_least(kernel, 1, f"{operator}: kernel size should be greater than zero")
    check_at_least(stride, 1, f"{operator}: stride should be greater than zero")
    check_at_least(dilation, 1, f"{operator}: dilation should be greater than zero")
    check_at_least(padding, 0, f"{operator}: pad must be non-negative")
    _check_input(input, spatial, operator)
    for k, p in zip(kernel, padding):
        if less(k // 2, p) is True:
            raise ShapeError(
                f"{operator}: pad should be smaller than or equal to half of kernel size, but got pad={p}, kernel_size={k}"
            )
    sizes = tuple(input[-spatial:])
    out = tuple(
        window_count(size, k, step, p, p, d, ceil_mode) for size, k, step, p, d in zip(sizes, kernel, stride, padding, dilation)
    )
    if surely_below_one(out):
        channels = input[-spatial - 1]
        raise ShapeError(
            f"{operator}: Given input size: ({show_by((channels, *sizes))}). Calculated output size:"
            f" ({show_by((channels, *out))}). Output size is too small"
        )
    return Pooling((*input[:-spatial], *out), kernel, stride, padding, dilation)


def pool(
    input: Sequence[Size],
    kernel_size: Size | Sequence[Size],
    stride: Size | Sequence[Size] | None = None,
    padding: Size | Sequence[Size] = 0,
    dilation: Size | Sequence[Size] = 1,
    ceil_mode: bool = False,
    *,
    spatial: int = 2,
    operator: str = "",
) -> Shape:
    """The result's shape alone: see `pooling`."""
    return pooling(input, kernel_size, stride, padding, dilation, ceil_mode, spatial=spatial, operator=operator).shape


def adaptive_pool(
    input: Sequence[Size],
    output_size: Size | Sequence[Size | None] | None,
    *,
    spatial: int = 2,
    operator: str = "",
    averaging: bool = False,
) -> Shape:
    """[N, C, *S] or [C, *S] pooled to `output_size`, where None keeps a size.

    No windows over nothing, but a mean of all, NaN, is one in PyTorch. Maxima need channels, too.
    """
    operator = operator or f"adaptive_pool{spatial}d"
    if output_size is None or not isinstance(output_size, (tuple, list)):
        wanted: tuple[Size | None, ...] = (output_size,) * spatial
    elif len(input) <= len(output_size) and spatial > 1:
        raise ValueError(f"Input dimension should be at least {len(output_size) + 1}")
    elif len(output_size) == spatial:
        wanted = tuple(output_size)
    else:
        what = ": output_size" if averaging else "(): internal error: output_size.size()"
        raise ShapeError(f"{operator}{what} must be {spatial}")
    if len(input) not in (spatial + 1, spatial + 2):
        got = f"{'' if averaging else ':'} {show(input)}"
        raise ShapeError(f"{operator}(): Expected {spatial + 1}D or {spatial + 2}D tensor, but got{got}")
    whole = averaging and all(want is not None and equal(want, 1) is True for want in wanted)
    for dim in () if whole else range(len(input) - spatial if averaging else 1, len(input)):
        if equal(input[dim], 0) is True:
            raise ShapeError(
                f"{operator}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes {show(input)}"
                f" with dimension {dim} being empty"
            )
    out = tuple(size if want is None else want for size, want in zip(input[-spatial:], wanted))
    if any(less(size, 0) is True for size in out):
        raise ShapeError(f"{operator}(): elements of output_size must be greater than or equal to 0, got {show(wanted)}")
    return (*input[:-spatial], *out)


def unpool(
    input: Sequence[Size],
    indices: Sequence[Size],
    kernel_size: Size | Sequence[Size],
    stride: Size | Sequence[Size] | None = None,
    padding: Size | Sequence[Size] = 0,
    output_size: Sequence[Size] | None = None,
    *,
    spatial: int = 2,
) -> Shape:
    """``max_unpool``: the default size (S − 1)·stride + kernel − 2·padding, or `output_size` less than one stride from it."""
    operator = f"max_unpool{spatial}d"
    kernel = per_dimension(kernel_size, spatial, "kernel_size", operator)
    stride = kernel if stride is None else per_dimension(stride, spatial, "stride", operator)
    padding = per_dimension(padding, spatial, "padding", operator)
    _check_input(input, spatial, operator)
    if len(input) != len(indices) or any(differ(a, b) for a, b in zip(input, indices)):
        raise ShapeError(f"{operator}: Expected shape of indices to be: {show(input)} but got: {show(indices)}")
    default = tuple((size - 1) * step + k - 2 * p for size, step, k, p in zip(input[-spatial:], stride, kernel, padding))
    if output_size is None:
        return (*input[:-spatial], *default)
    given = tuple(output_size)
    if len(given) == spatial + 2:
        given = given[2:]
    if len(given) != spatial:
        raise ValueError(
            f"output_size should be a sequence containing {spatial} or {spatial + 2} elements, but it has a length of"
            f" '{len(output_size)}'"
        )
    for dim, (size, middle, step) in enumerate(zip(given, default, stride)):
        low, high = middle - step, middle + step
        if less(low, size) is False or less(size, high) is False:
            raise ValueError(f'invalid output_size "{show(given)}" (dim {dim} must be between {low} and {high})')
    return (*input[:-spatial], *given)


def unfold_blocks(
    input: Sequence[Size],
    kernel_size: Size | Sequence[Size],
    dilation: Size | Sequence[Size] = 1,
    padding: Size | Sequence[Size] = 0,
    stride: Size | Sequence[Size] = 1,
) -> Shape:
    """``nn.functional.unfold``: [N, C, H, W] to [N, C·kh·kw, L], a column for each of L windows."""
    if len(input) not in (3, 4):
        raise ShapeError(f"Expected 3D or 4D (batch mode) tensor with possibly 0 batch size, but got: {show(input)}")
    kernel, dilation, padding, stride = (
        per_dimension(value, 2, name, "unfold")
        for value, name in (
            (kernel_size, "kernel_size"),
            (dilation, "dilation"),
            (padding, "padding"),
            (stride, "stride"),
        )
    )
    check_at_least(kernel, 1, "unfold: kernel size should be greater than zero")
    check_at_least(dilation, 1, "unfold: dilation should be greater than zero")
    check_at_least(stride, 1, "unfold: stride should be greater than zero")
    check_at_least(padding, 0, "unfold: padding should be non-negative")
    counts = tuple(
        window_count(size, k, step, p, p, d) for size, k, step, p, d in zip(input[-2:], kernel, stride, padding, dilation)
    )
    if surely_below_one(counts):
        raise ShapeError(
            f"Given input with spatial size ({input[-2]}, {input[-1]}), kernel_size=({kernel[0]}, {kernel[1]}),"
            f" dilation=({dilation[0]}, {dilation[1]}), padding=({padding[0]}, {padding[1]}), calculated shape of the array of"
            f" sliding blocks as ({counts[0]}, {counts[1]}), but its components must be at least one."
        )
    return (*input[:-3], input[-3] * product(kernel), product(counts))


def fold_blocks(
    input: Sequence[Size],
    output_size: Size | Sequence[Size],
    kernel_size: Size | Sequence[Size],
    dilation: Size | Sequence[Size] = 1,
    padding: Size | Sequence[Size] = 0,
    stride: Size | Sequence[Size] = 1,
) -> Shape:
    """``nn.functional.fold``: [N, C·kh·kw, L] summed into [N, C, *output_size]."""
    if len(input) not in (2, 3):
        raise ShapeError(f"Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size, but got: {show(input)}")
    size, kernel, dilation, padding, stride = (
        per_dimension(value, 2, name, "fold")
        for value, name in (
            (output_size, "output_size"),
            (kernel_size, "kernel_size"),
            (dilation, "dilation"),
            (padding, "padding"),
            (stride, "stride"),
        )
    )
    count = product(kernel)
    require(
        divisible(input[-2], count),
        f"Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got input.size(1)={input[-2]}"
        f" and kernel_size=({kernel[0]}, {kernel[1]}).",
    )
    blocks = tuple(window_count(s, k, step, p, p, d) for s, k, step, p, d in zip(size, kernel, stride, padding, dilation))
    require(
        equal(product(blocks), input[-1]),
        f"Given output_size=({size[0]}, {size[1]}), kernel_size=({kernel[0]}, {kernel[1]}), dilation=({dilation[0]},"
        f" {dilation[1]}), padding=({padding[0]}, {padding[1]}), stride=({stride[0]}, {stride[1]}), expected size of input's"
        f" dimension 2 to match the calculated number of sliding blocks {blocks[0]} * {blocks[1]} = {product(blocks)}, but got"
        f" input.size(2)={input[-1]}.",
    )
    return (*input[:-2], input[-2] // count, *size)


def adaptive_width(size: int, out: int) -> int:
    """The longest of the adaptive windows ⌊i·size / out⌋ … ⌈(i + 1)·size / out⌉.

    A window's length is ⌈((i·size mod out) + size) / out⌉, and the remainders are all multiples of gcd(size, out) below out.
    """
    return ceil_div(out - gcd(size, out) + size, out)


def fractional_pool(
    input: Sequence[Size], kernel_size: Size | Sequence[Size], output_size: Size | Sequence[Size], *, spatial: int
) -> Shape:
    """Fractional max pooling: the windows must fit between the outputs."""
    operator = f"fractional_max_pool{spatial}d"
    kernel = per_dimension(kernel_size, spatial, "kernel_size", operator)
    out = per_dimension(output_size, spatial, "output_size", operator)
    _check_input(input, spatial, operator)
    for size, k, o in zip(input[-spatial:], kernel, out):
        require(
            at_least(size, o + k - 1),
            f"{operator}: pool size {k} too large relative to input size {size} for output size {o}",
        )
    return (*input[:-spatial], *out)
