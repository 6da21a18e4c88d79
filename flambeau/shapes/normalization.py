"""Checks of the normalization layers and of activations with parameters. The result always has the input's shape.

May import: shapes.errors, shapes.sizes.
"""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.shapes.errors import ShapeError, require, show
from flambeau.shapes.sizes import Shape, Size, differ, divisible, equal, less, product


def _vector(name: str, vector: Sequence[Size] | None, size: Size, input: Sequence[Size]) -> None:
    if vector is not None and (len(vector) != 1 or differ(vector[0], size)):
        raise ShapeError(
            f"{name} should contain {size} elements not {product(vector)} ({name} {show(vector)}, input {show(input)})"
        )


def batch_norm(
    input: Sequence[Size],
    running_mean: Sequence[Size] | None = None,
    running_var: Sequence[Size] | None = None,
    weight: Sequence[Size] | None = None,
    bias: Sequence[Size] | None = None,
    training: bool = False,
) -> Shape:
    """[N, C, ...] normalized over all but C; of an input without elements nothing is asked. Raises ValueError where training
    sees one value per channel."""
    if equal(product(input), 0) is True:
        return tuple(input)
    if len(input) < 2:
        raise ShapeError(f"batch_norm: expected at least 2D input [N, C, ...], got {show(input)}")
    if training and equal(product(input[:1]) * product(input[2:]), 1) is True:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {show(input)}")
    for name, vector in (("running_mean", running_mean), ("running_var", running_var), ("weight", weight), ("bias", bias)):
        _vector(name, vector, input[1], input)
    return tuple(input)


def instance_norm(
    input: Sequence[Size],
    running_mean: Sequence[Size] | None = None,
    running_var: Sequence[Size] | None = None,
    weight: Sequence[Size] | None = None,
    bias: Sequence[Size] | None = None,
    use_input_stats: bool = True,
) -> Shape:
    """[N, C, ...] normalized over all but N and C. Raises ValueError for one spatial element."""
    if len(input) < 2:
        raise ShapeError(f"instance_norm: expected at least 2D input [N, C, ...], got {show(input)}")
    if use_input_stats and equal(product(input[2:]), 1) is True:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {show(input)}")
    for name, vector in (("running_mean", running_mean), ("running_var", running_var), ("weight", weight), ("bias", bias)):
        _vector(name, vector, input[1], input)
    return tuple(input)


def layer_norm(
    input: Sequence[Size],
    normalized_shape: Sequence[Size],
    weight: Sequence[Size] | None = None,
    bias: Sequence[Size] | None = None,
) -> Shape:
    """Normalized over the last dimensions, which must be `normalized_shape`."""
    if not normalized_shape:
        raise ShapeError("Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, got []")
    for name, parameter in (("weight", weight), ("bias", bias)):
        if parameter is not None and (
            len(parameter) != len(normalized_shape) or any(differ(a, b) for a, b in zip(parameter, normalized_shape))
        ):
            raise ShapeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape {show(parameter)} and"
                f" normalized_shape = {show(normalized_shape)}"
            )
    count = len(normalized_shape)
    if len(input) < count or any(differ(a, b) for a, b in zip(input[len(input) - count :], normalized_shape)):
        raise ShapeError(
            f"Given normalized_shape={show(normalized_shape)}, expected input with shape"
            f" [*, {', '.join(map(str, normalized_shape))}], but got input of size{show(input)}"
        )
    return tuple(input)


def group_norm(
    input: Sequence[Size],
    num_groups: Size,
    weight: Sequence[Size] | None = None,
    bias: Sequence[Size] | None = None,
) -> Shape:
    """[N, C, ...] normalized over groups of channels."""
    if len(input) < 2:
        raise ShapeError(f"Expected at least 2 dimensions for input tensor but received {len(input)}")
    if less(num_groups, 1) is True:
        raise ShapeError(f"Expected num groups to be greater than 0, got {num_groups}")
    if equal(product((input[0], input[1] // num_groups, *input[2:])), 1) is True:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {show(input)}")
    require(
        divisible(input[1], num_groups),
        "Expected number of channels in input to be divisible by num_groups, but got input of shape"
        f" {show(input)} and num_groups={num_groups}",
    )
    for name, parameter in (("weight", weight), ("bias", bias)):
        if parameter is not None and (len(parameter) != 1 or differ(parameter[0], input[1])):
            raise ShapeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of shape"
                f" {show(parameter)} and input of shape {show(input)}"
            )
    return tuple(input)


def local_response_norm(input: Sequence[Size]) -> Shape:
    """[N, C, ...] with at least one spatial dimension."""
    if len(input) < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {len(input)} dimensions)")
    return tuple(input)


def prelu(input: Sequence[Size], weight: Sequence[Size]) -> Shape:
    """One slope, or one a channel (dimension 1)."""
    if len(weight) > 1:
        raise ShapeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {len(weight)}")
    count = product(weight)
    if equal(count, 1) is not True:
        if not input:
            raise ShapeError("Not allow zero-dim input tensor.")
        channels = input[1] if len(input) > 1 else 1
        require(
            equal(channels, count),
            "Mismatch of parameter numbers and input channel size. Found parameter numbers ="
            f" {count} and channel size = {channels}.",
        )
    return tuple(input)


def glu(input: Sequence[Size], dim: int = -1) -> Shape:
    """Half of the dimension gates the other half."""
    if not input:
        raise ShapeError("glu does not support 0-dimensional tensors")
    if not -len(input) <= dim < len(input):
        raise IndexError(f"Dimension out of range (expected to be in range of [{-len(input)}, {len(input) - 1}], but got {dim})")
    axis = dim % len(input)
    require(divisible(input[axis], 2), f"Halving dimension must be even, but dimension {axis} is size {input[axis]}")
    return (*input[:axis], input[axis] // 2, *input[axis + 1 :])
