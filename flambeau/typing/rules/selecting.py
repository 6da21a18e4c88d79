"""Indexing by numbers, slices and tensors.

May import `flambeau.shapes`.
"""

from __future__ import annotations

from typing import Any

from flambeau.shapes import dims, indexing, views
from flambeau.shapes import embedding as embedding_rules
from flambeau.shapes.symbolic import UNKNOWN
from flambeau.typing.rules.kinds import Dim, Shape, Size


def at(shape: Shape, items: tuple[Any, ...]) -> Shape:
    return indexing.index(shape, items)


def select(shape: Shape, dim: Dim) -> Shape:
    axis = dims.wrap_dim(dim, len(shape), scalar=False)
    return (*shape[:axis], *shape[axis + 1 :])


def picked(shape: Shape, dim: Dim, index: Size) -> Shape:
    return indexing.index(shape, [*(slice(None),) * dims.wrap_dim(dim, len(shape), scalar=False), index])


def narrow(shape: Shape, dim: Dim, start: Size, length: Size) -> Shape:
    return views.narrow(shape, dim, start, length)


def index_select(shape: Shape, dim: Dim, index: Shape) -> Shape:
    return indexing.index_select(shape, dim, index)


def at_mask(shape: Shape, mask: Shape) -> Shape:
    return indexing.index(shape, [indexing.Mask(mask, UNKNOWN)])


def at_integers(shape: Shape, index: Shape, before: Dim) -> Shape:
    """An integer tensor after so many full slices; after an ellipsis for -1."""
    lead: tuple[object, ...] = (Ellipsis,) if before < 0 else (slice(None),) * before
    return indexing.index(shape, [*lead, indexing.IntegerTensor(index)])


def at_pair(shape: Shape, first: Shape, second: Shape, between: Dim) -> Shape:
    """Two integer tensors with so many full slices between them."""
    return indexing.index(shape, [indexing.IntegerTensor(first), *(slice(None),) * between, indexing.IntegerTensor(second)])


def at_list(shape: Shape, index: Shape) -> Shape:
    return indexing.index(shape, [indexing.IntegerTensor((len(index),))])


def gather(shape: Shape, dim: Dim, index: Shape) -> Shape:
    return indexing.gather(shape, dim, index)


def scatter(shape: Shape, dim: Dim, index: Shape) -> Shape:
    return indexing.scatter(shape, dim, index)


def scatter_from(shape: Shape, dim: Dim, index: Shape, source: Shape) -> Shape:
    return indexing.scatter(shape, dim, index, source)


def index_add(shape: Shape, dim: Dim, index: Shape, source: Shape) -> Shape:
    return indexing.index_add(shape, dim, index, source)


def take_along_dim(shape: Shape, indices: Shape, dim: Dim) -> Shape:
    return indexing.take_along_dim(shape, indices, dim)


def embedding(indices: Shape, weight: Shape) -> Shape:
    return embedding_rules.embedding(indices, weight)


def bag(indices: Shape, weight: Shape) -> Shape:
    if len(indices) != 2:
        raise TypeError("how many bags there are is the offsets' size")
    return embedding_rules.embedding_bag(indices, weight)
