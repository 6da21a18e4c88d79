"""Indexing: integers, slices, None, Ellipsis, masks and integer tensors in one index; gather, scatter and their relatives.

May import: shapes.broadcasting, shapes.dims, shapes.errors, shapes.sizes, shapes.views.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from flambeau.shapes.broadcasting import broadcast
from flambeau.shapes.dims import wrap_dim
from flambeau.shapes.errors import ShapeError, show
from flambeau.shapes.sizes import Shape, Size, differ, less
from flambeau.shapes.views import check_index, slice_bounds


class IntegerTensor(NamedTuple):
    """An integer tensor (or list) in an index: its shape."""

    shape: Shape


class Mask(NamedTuple):
    """A boolean tensor in an index: its shape, and how many of its elements are true (a size, possibly symbolic)."""

    shape: Shape
    count: Size


def used_dims(index: Sequence[object]) -> int:
    """How many dimensions of the tensor an index consumes."""
    used = 0
    for item in index:
        if isinstance(item, Mask):
            used += len(item.shape)
        elif item is not None and item is not Ellipsis and not isinstance(item, bool):
            used += 1
    return used


def expand_ellipsis(index: Sequence[object], rank: int) -> tuple[object, ...]:
    """The index with its Ellipsis (or what is missing at its end) written as full slices; a second one stands for nothing.

    Raises IndexError for more items than dimensions.
    """
    used = used_dims(index)
    if used > rank:
        raise IndexError(f"too many indices for tensor of dimension {rank}: {used} given")
    fill = (slice(None),) * (rank - used)
    at = next((position for position, item in enumerate(index) if item is Ellipsis), len(index))
    return (*index[:at], *fill, *(item for item in index[at + 1 :] if item is not Ellipsis))


def index(shape: Sequence[Size], items: Sequence[object]) -> Shape:
    """The shape of ``tensor[items]``.

    Items are integers (sizes), slices, None, Ellipsis, True and False, `IntegerTensor` and `Mask`. Advanced items broadcast
    together; their result stands where they stood if they are neighbours, else in front, as in PyTorch and NumPy.
    """
    items = expand_ellipsis(items, len(shape))
    result: list[Size] = []
    advanced: list[Shape] = []
    place: int | None = None
    last_advanced = -2
    scattered = False
    dim = 0
    for position, item in enumerate(items):
        if item is None:
            result.append(1)
            continue
        if isinstance(item, slice):
            step = 1 if item.step is None else item.step
            result.append(slice_bounds(shape[dim], item.start, item.stop, step)[1])
            dim += 1
            continue
        if isinstance(item, (IntegerTensor, Mask, bool)):
            if isinstance(item, IntegerTensor) and not item.shape:  # a number, whatever holds it
                dim += 1
                if last_advanced == position - 1:
                    last_advanced = position
                continue
            if isinstance(item, bool):
                advanced.append((int(item),))
            elif isinstance(item, Mask):
                for offset, size in enumerate(item.shape):
                    if differ(size, shape[dim + offset]):
                        raise IndexError(
                            f"The shape of the mask {show(item.shape)} at index {offset} does not match the shape of the indexed"
                            f" tensor {show(shape)} at index {dim + offset}"
                        )
                advanced.append((item.count,))
                dim += len(item.shape)
            else:
                advanced.append(item.shape)
                dim += 1
            if place is None:
                place = len(result)
            elif last_advanced != position - 1:
                scattered = True
            last_advanced = position
            continue
        check_index(item, shape[dim], dim, shape)
        dim += 1
        if place is not None and last_advanced == position - 1:
            # An integer beside an index tensor is already gone when the tensors are looked at: neighbours stay neighbours.
            last_advanced = position
    if not advanced:
        return tuple(result)
    try:
        common = broadcast(*advanced)
    except ShapeError:
        raise IndexError(
            "shape mismatch: indexing tensors could not be broadcast together with shapes"
            f" {', '.join(show(part) for part in advanced)}"
        ) from None
    at = 0 if scattered or place is None else place
    return (*result[:at], *common, *result[at:])


def index_select(shape: Sequence[Size], dim: int, indices: Sequence[Size]) -> Shape:
    """The entries of a vector of indices along one dimension."""
    if len(indices) > 1:
        raise IndexError(f"index_select(): Index is supposed to be a vector, but got {show(indices)}")
    axis = wrap_dim(dim, len(shape))
    if not shape:
        if indices and differ(indices[0], 1):
            raise ShapeError(f"index_select(): Index to scalar can have only 1 value, got {indices[0]} value(s)")
        return ()
    return (*shape[:axis], indices[0] if indices else 1, *shape[axis + 1 :])


def gather(shape: Sequence[Size], dim: int, indices: Sequence[Size], *, name: str = "gather") -> Shape:
    """The index's shape; it may not exceed the input's in any dimension but `dim`."""
    axis = wrap_dim(dim, len(shape))
    a, b = tuple(shape) or (1,), tuple(indices) or (1,)
    if len(a) != len(b):
        raise ShapeError(
            f"Index tensor must have the same number of dimensions as input tensor: {name} of {show(shape)} with index"
            f" {show(indices)}"
        )
    for position, (size, wanted) in enumerate(zip(a, b)):
        if position != axis and less(size, wanted) is True:
            raise ShapeError(
                f"Size does not match at dimension {position} expected index {show(indices)} to be no larger than self"
                f" {show(shape)} apart from dimension {dim}"
            )
    return tuple(indices)


def scatter(shape: Sequence[Size], dim: int, indices: Sequence[Size], source: Sequence[Size] | None = None) -> Shape:
    """The input's shape; the index may not exceed the source anywhere, nor the input but in `dim`."""
    if any(size == 0 for size in indices):
        return tuple(shape)
    gather(shape, dim, indices, name="scatter")
    if source is not None:
        a, b = tuple(source) or (1,), tuple(indices) or (1,)
        if len(a) != len(b):
            raise ShapeError(
                f"Index tensor must have the same number of dimensions as src tensor: index {show(indices)}, src {show(source)}"
            )
        if any(less(size, wanted) is True for size, wanted in zip(a, b)):
            raise ShapeError(
                f"Expected index {show(indices)} to be no larger than self {show(shape)} apart from dimension {dim} and to be no"
                f" larger size than src {show(source)}"
            )
    return tuple(shape)


def index_add(shape: Sequence[Size], dim: int, indices: Sequence[Size], source: Sequence[Size]) -> Shape:
    """The input's shape; the source is the input with `dim` of the index's length."""
    axis = wrap_dim(dim, len(shape))
    if len(indices) > 1:
        raise ShapeError(f"index_add_(): Index is supposed to be a vector, but got dim: {len(indices)} {show(indices)}")
    count = indices[0] if indices else 1
    a, b = tuple(shape) or (1,), tuple(source) or (1,)
    if len(a) != len(b) or differ(b[axis], count):
        raise ShapeError(
            f"index_add_(): Number of indices ({count}) should be equal to source.size(dim): source {show(source)}, dim = {dim}"
        )
    if any(differ(x, y) for position, (x, y) in enumerate(zip(a, b)) if position != axis):
        raise ShapeError(
            f"source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = {show(shape)}"
            f" source.shape = {show(source)}"
        )
    return tuple(shape)


def take_along_dim(shape: Sequence[Size], indices: Sequence[Size], dim: int | None) -> Shape:
    """Index and input broadcast but in `dim`; the flattened input where `dim` is None."""
    if dim is None:
        return (indices[0],) if len(indices) == 1 else (_count(indices),)
    if len(shape) != len(indices):
        raise ShapeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, but got"
            f" {len(shape)} dimensions for input, and {len(indices)} dimensions for indices"
        )
    axis = wrap_dim(dim, len(shape))
    common = broadcast((*shape[:axis], 1, *shape[axis + 1 :]), (*indices[:axis], 1, *indices[axis + 1 :]))
    return (*common[:axis], indices[axis], *common[axis + 1 :])


def _count(shape: Sequence[Size]) -> Size:
    count: Size = 1
    for size in shape:
        count = count * size
    return count
