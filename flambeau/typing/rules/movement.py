"""Views, and what moves elements.

May import `flambeau.shapes`.
"""

from __future__ import annotations

from flambeau.shapes import joining, views
from flambeau.shapes.sizes import equal, product
from flambeau.shapes.symbolic import UNKNOWN
from flambeau.shapes.windows import per_dimension
from flambeau.typing.rules.kinds import Axes, Dim, Shape, Size, known_integers
from flambeau.typing.rules.making import trailing


def reshape(shape: Shape, sizes: Shape) -> Shape:
    return views.reshape(shape, sizes)


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


def movedims(shape: Shape, source: Axes, destination: Axes) -> Shape:
    if not isinstance(source, tuple) or not isinstance(destination, tuple):
        raise TypeError("movedim(): both must be tuples of ints")
    return views.movedim(shape, source, destination)


def squeeze(shape: Shape, dim: Axes) -> Shape:
    return views.squeeze(shape, dim)


def squeeze_dims(shape: Shape, dims: Shape) -> Shape:
    return views.squeeze(shape, known_integers(dims))


def unsqueeze(shape: Shape, dim: Dim) -> Shape:
    return views.unsqueeze(shape, dim)


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


def rot90(shape: Shape, k: Dim, dims: Axes) -> Shape:
    return views.rot90(shape, k, trailing(dims))


def pad(shape: Shape, padding: Axes) -> Shape:
    if padding is None or isinstance(padding, int):
        raise TypeError(f"pad(): pad must be a tuple of ints, got {padding!r}")
    return joining.pad(shape, padding)


def pad_module(shape: Shape, amounts: Axes, spatial: Dim) -> Shape:
    return joining.pad(shape, per_dimension(amounts, 2 * spatial, "padding", "pad"))


def pixel_shuffle(shape: Shape, factor: Dim) -> Shape:
    return joining.pixel_shuffle(shape, factor)


def pixel_unshuffle(shape: Shape, factor: Dim) -> Shape:
    return joining.pixel_unshuffle(shape, factor)
