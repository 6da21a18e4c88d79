"""What convolution, pooling and unfolding share: one number per spatial dimension, and how many windows fit.

May import: shapes.errors, shapes.sizes.
"""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.shapes.errors import ShapeError, show
from flambeau.shapes.sizes import Shape, Size, at_least, less, minimum


def per_dimension(value: Size | Sequence[Size], spatial: int, argument: str, operator: str) -> Shape:
    """An integer or a sequence of 1 or `spatial` integers, as `spatial` integers."""
    for item in value if isinstance(value, (tuple, list)) else (value,):
        if item.__class__ is not int and (item is None or isinstance(item, (float, str, tuple, list))):
            raise TypeError(f"{operator}: {argument} must be an int or a tuple of {spatial} ints, got {value!r}")
    if not isinstance(value, (tuple, list)):
        return (value,) * spatial
    if len(value) == 1:
        return tuple(value) * spatial
    if len(value) != spatial:
        raise ShapeError(
            f"{operator}: expected {argument} to be a single integer value or a list of {spatial} values to match the"
            f" dimensions, but got {argument}={show(value)}"
        )
    return tuple(value)


def check_at_least(values: Sequence[Size], bound: int, message: str) -> None:
    """Raise where any value is surely below `bound`."""
    if any(at_least(value, bound) is False for value in values):
        raise ShapeError(f"{message}, got {show(values)}")


def window_extent(kernel: Size, dilation: Size) -> Size:
    """How many elements a dilated window spans."""
    return dilation * (kernel - 1) + 1


def window_count(size: Size, kernel: Size, stride: Size, low: Size, high: Size, dilation: Size, ceil_mode: bool = False) -> Size:
    """How many windows fit: ⌊(size + low + high − dilation·(kernel − 1) − 1) / stride⌋ + 1.

    With `ceil_mode` a last window may hang over the end, unless it would start in the padding behind the input.
    """
    room = size + low + high - window_extent(kernel, dilation)
    if not ceil_mode:
        return room // stride + 1
    return minimum((room + stride - 1) // stride, (size + low - 1) // stride) + 1


def split_batch(shape: Sequence[Size], spatial: int, operator: str) -> tuple[Shape, Size, Shape]:
    """(batch dimensions: one or none, channels, spatial sizes) of an input of rank spatial + 1 or spatial + 2."""
    if len(shape) not in (spatial + 1, spatial + 2):
        raise ShapeError(
            f"Expected {spatial + 1}D (unbatched) or {spatial + 2}D (batched) input to {operator}, but got input of size:"
            f" {show(shape)}"
        )
    return tuple(shape[: -spatial - 1]), shape[-spatial - 1], tuple(shape[-spatial:])


def surely_below_one(sizes: Sequence[Size]) -> bool:
    """Whether any size is surely less than 1."""
    return any(less(size, 1) is True for size in sizes)
