"""The shapes of recurrent layers: what they take, put out and hand on. May import the other rules."""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.shapes.errors import ShapeError, require, show
from flambeau.shapes.sizes import Shape, Size, equal


def features(shape: Sequence[Size], expected: Size) -> Shape:
    """The shape, whose last size must be the number of features that a layer expects."""
    require(len(shape) > 0, "expected an input of 1 or more dimensions, got a scalar")
    require(equal(shape[-1], expected), f"input {show(shape)} has {shape[-1]} features but the layer expects {expected}")
    return tuple(shape)


def rnn_output(shape: Sequence[Size], input_size: Size, hidden_size: Size, bidirectional: bool) -> Shape:
    """Outputs of all time steps of an input (T, N, features), (N, T, features) or (T, features): both directions side by side."""
    _time_steps(shape)
    require(
        equal(shape[-1], input_size),
        f"input.size(-1) must be equal to input_size. Expected {input_size}, got {shape[-1]}",
    )
    return (*shape[:-1], hidden_size * (2 if bidirectional else 1))


def rnn_state(shape: Sequence[Size], hidden_size: Size, num_layers: Size, bidirectional: bool, batch_first: bool) -> Shape:
    """The last state of each layer and direction for such an input: (layers · directions, N, hidden), or without N."""
    _time_steps(shape)
    batch = () if len(shape) == 2 else (shape[0 if batch_first else 1],)
    return (num_layers * (2 if bidirectional else 1), *batch, hidden_size)


def _time_steps(shape: Sequence[Size]) -> None:
    if len(shape) not in (2, 3):
        raise ShapeError(f"expected input to be 2D or 3D, got {len(shape)}D: {show(shape)}")
