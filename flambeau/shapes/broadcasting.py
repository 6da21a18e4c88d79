"""Broadcasting: sizes aligned from the last dimension, where 1 stretches. May import: shapes.errors, shapes.sizes."""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.shapes.errors import ShapeError, show
from flambeau.shapes.sizes import Shape, Size, differ, equal, unify


def _broadcast_size(a: Size, b: Size) -> Size:
    """The common size of two aligned dimensions that do not surely conflict."""
    if equal(a, 1) is True:
        return b
    if equal(b, 1) is True:
        return a
    if equal(a, b) is None:  # an unknown size beside one that is surely not 1 can only be that one
        if equal(a, 1) is False and equal(b, 1) is None:
            return a
        if equal(b, 1) is False and equal(a, 1) is None:
            return b
    return unify(a, b)


def broadcast(*shapes: Sequence[Size]) -> Shape:
    """The shape that all `shapes` broadcast to. Raises ShapeError where two aligned sizes differ and neither is 1."""
    result: Shape = tuple(shapes[0]) if shapes else ()
    for shape in shapes[1:]:
        if result == shape:
            continue
        rank = max(len(result), len(shape))
        sizes = []
        for dim in range(rank):
            a = result[dim - rank + len(result)] if dim >= rank - len(result) else 1
            b = shape[dim - rank + len(shape)] if dim >= rank - len(shape) else 1
            if differ(a, b) and differ(a, 1) and differ(b, 1):
                raise ShapeError(
                    f"The size of tensor a ({a}) must match the size of tensor b ({b}) at non-singleton dimension {dim}"
                    f" (shapes {show(result)} and {show(shape)})"
                )
            sizes.append(_broadcast_size(a, b))
        result = tuple(sizes)
    return result


def expand(shape: Sequence[Size], sizes: Sequence[Size]) -> Shape:
    """The shape of ``tensor.expand(sizes)``: new dimensions in front, -1 keeps a size, 1 stretches."""
    lead = len(sizes) - len(shape)
    if lead < 0:
        raise ShapeError(
            f"expand: the number of sizes provided ({len(sizes)}) must be greater or equal to the number of dimensions"
            f" in the tensor ({len(shape)}): {show(shape)} to {show(sizes)}"
        )
    result = []
    for dim, size in enumerate(sizes):
        if equal(size, -1) is True:
            if dim < lead:
                raise ShapeError(f"The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension {dim}")
            result.append(shape[dim - lead])
            continue
        if isinstance(size, int) and size < 0:
            raise ShapeError(f"expand: invalid size {size} at dimension {dim} of {show(sizes)}")
        if dim >= lead and differ(shape[dim - lead], 1) and differ(shape[dim - lead], size):
            raise ShapeError(
                f"The expanded size of the tensor ({size}) must match the existing size ({shape[dim - lead]}) at"
                f" non-singleton dimension {dim}.  Target sizes: {show(sizes)}.  Tensor sizes: {show(shape)}"
            )
        result.append(size)
    return tuple(result)


def broadcast_into(shape: Sequence[Size], target: Sequence[Size], *, name: str = "output") -> Shape:
    """Check that `shape` broadcasts to exactly `target`: what an in-place operator needs of its other operand."""
    result = broadcast(target, shape)
    if len(result) != len(target) or any(differ(a, b) for a, b in zip(result, target)):
        raise ShapeError(f"{name} with shape {show(target)} doesn't match the broadcast shape {show(result)}")
    return tuple(target)
