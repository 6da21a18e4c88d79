"""Joining, splitting and repeating.

May import `flambeau.shapes`.
"""

from __future__ import annotations

from flambeau.shapes import dims, indexing
from flambeau.shapes import joining as joining_rules
from flambeau.typing.rules.kinds import Axes, Dim, Shape, Shapes, Size, Text


def cat(shapes: Shapes, dim: Dim) -> Shape:
    return joining_rules.cat(shapes, dim)


def stack(shapes: Shapes, dim: Dim) -> Shape:
    return joining_rules.stack(shapes, dim)


def chunk(shape: Shape, chunks: Dim, dim: Dim) -> Shapes:
    axis = dims.wrap_dim(dim, len(shape))
    return tuple((*shape[:axis], size, *shape[axis + 1 :]) for size in joining_rules.chunk_sizes(shape, chunks, dim))


def split(shape: Shape, size: Axes, dim: Dim) -> Shapes:
    if size is None:
        raise TypeError("split(): split_size must be an int or a tuple of ints, got None")
    axis = dims.wrap_dim(dim, len(shape))
    return tuple((*shape[:axis], piece, *shape[axis + 1 :]) for piece in joining_rules.split_sizes(shape, size, dim))


def split_into(shape: Shape, sizes: Shape, dim: Dim) -> Shapes:
    axis = dims.wrap_dim(dim, len(shape))
    return tuple((*shape[:axis], piece, *shape[axis + 1 :]) for piece in joining_rules.split_sizes(shape, sizes, dim))


def unbind(shape: Shape, dim: Dim) -> Shapes:
    count, piece = joining_rules.unbind(shape, dim)
    if not isinstance(count, int):
        raise TypeError("how many pieces there are is not known")
    return (piece,) * count


def repeat(shape: Shape, counts: Shape) -> Shape:
    return joining_rules.repeat(shape, counts)


def tile(shape: Shape, counts: Shape) -> Shape:
    return joining_rules.tile(shape, counts)


def repeat_interleave(shape: Shape, repeats: Size, dim: Dim) -> Shape:
    return joining_rules.repeat_interleave(shape, repeats, dim)


def kron(left: Shape, right: Shape) -> Shape:
    return joining_rules.kron(left, right)


def tensor_split(shape: Shape, sections: Axes, dim: Dim) -> Shapes:
    if sections is None:
        raise TypeError("tensor_split(): indices_or_sections must be an int or a tuple of ints, got None")
    lead = (slice(None),) * dims.wrap_dim(dim, len(shape))
    bounds = joining_rules.tensor_split_bounds(shape, sections, dim)
    return tuple(indexing.index(shape, [*lead, slice(*ends)]) for ends in bounds)


def in_depth(shapes: Shapes) -> Shape:
    return joining_rules.dstack(shapes)


def as_columns(shapes: Shapes) -> Shape:
    return joining_rules.column_stack(shapes)


def block_diagonal(shapes: Shapes) -> Shape:
    return joining_rules.block_diagonal(shapes)


def cartesian_product(shapes: Shapes) -> Shape:
    return joining_rules.cartesian_product(shapes)


def grid(shapes: Shapes, indexing: Text) -> Shapes:
    return (joining_rules.meshgrid(shapes, indexing),) * len(shapes)


def side_by_side(shapes: Shapes) -> Shape:
    return joining_rules.hstack(shapes)


def on_top(shapes: Shapes) -> Shape:
    return joining_rules.vstack(shapes)
