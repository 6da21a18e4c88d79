"""Dimensions named by number: negative ones counted from the end, ranges and repeats refused as PyTorch refuses them.

May import: shapes.errors.
"""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.shapes.errors import ShapeError


def wrap_dim(dim: int, rank: int, *, scalar: bool = True) -> int:
    """`dim` in [-rank, rank) as a number in [0, rank).

    A tensor of rank 0 counts as rank 1 where `scalar` is true, as in PyTorch. Raises IndexError outside the range.
    """
    extent = rank
    if rank <= 0:
        if not scalar:
            raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
        extent = 1
    if not -extent <= dim < extent:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-extent}, {extent - 1}], but got {dim})")
    return dim % extent


def wrap_dims(dims: int | Sequence[int] | None, rank: int, *, empty_is_all: bool = True) -> tuple[int, ...]:
    """The dimensions in [0, rank), in the order given. None, and () where `empty_is_all`, mean every dimension.

    Raises IndexError outside the range and RuntimeError for a dimension named twice.
    """
    if dims is None:
        return tuple(range(rank))
    wrapped: tuple[int, ...]
    if isinstance(dims, int):
        wrapped = (wrap_dim(dims, rank),)
    else:
        if not dims and empty_is_all:
            return tuple(range(rank))
        wrapped = tuple(wrap_dim(dim, rank) for dim in dims)
    for position, dim in enumerate(wrapped):
        if dim in wrapped[:position]:
            raise ShapeError(f"dim {dim} appears multiple times in the list of dims")
    return wrapped if rank else ()
