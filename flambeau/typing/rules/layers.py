"""Norms, recurrent layers and heads: sizes that a layer was made for.

May import `flambeau.shapes`.
"""

from __future__ import annotations

from flambeau.shapes import attention as attention_rules
from flambeau.shapes import normalization, recurrent
from flambeau.shapes.errors import ShapeError, require, show
from flambeau.shapes.sizes import differ, equal
from flambeau.typing.rules.kinds import Dim, Flag, Shape, Size


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


def channel_vector(shape: Shape, vector: Shape) -> Shape:
    return normalization.batch_norm(shape, vector)


def grouped(shape: Shape, groups: Dim) -> Shape:
    return normalization.group_norm(shape, groups)


def features(shape: Shape, expected: Size) -> Shape:
    return recurrent.features(shape, expected)


def rnn_output(shape: Shape, input_size: Size, hidden_size: Size, bidirectional: Flag) -> Shape:
    return recurrent.rnn_output(shape, input_size, hidden_size, bidirectional)


def rnn_state(shape: Shape, hidden_size: Size, num_layers: Dim, bidirectional: Flag, batch_first: Flag) -> Shape:
    return recurrent.rnn_state(shape, hidden_size, num_layers, bidirectional, batch_first)


def state(shape: Shape, given: Shape, expected: Shape) -> Shape:
    """An input's shape, where the state beside it has the shape that the layer expects."""
    if len(given) != len(expected) or any(differ(a, b) for a, b in zip(given, expected)):
        raise ShapeError(f"Expected hidden size {show(expected)}, got {show(given)}")
    return shape


def cell(shape: Shape, input_size: Size, hidden_size: Size) -> Shape:
    require(len(shape) in (1, 2), f"expected an input of 1 or 2 dimensions, got {show(shape)}")
    return (*features(shape, input_size)[:-1], hidden_size)


def in_heads(embed_dim: Size, num_heads: Dim) -> Shape:
    return attention_rules.in_heads(embed_dim, num_heads)
