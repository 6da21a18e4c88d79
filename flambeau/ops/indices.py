"""What an index says: integers, slices, None and Ellipsis as a view, and the tensors that are left.

May import what `flambeau.ops` may.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from operator import index as as_index
from typing import Any

from flambeau.dtypes import bool_, int64
from flambeau.graph.primitives.movement import RESHAPE, SLICE
from flambeau.ops.creation import tensor
from flambeau.ops.nonzero import nonzero_tuple
from flambeau.ops.operands import cast
from flambeau.shapes.views import slice_bounds
from flambeau.tensor import Tensor, View

WHOLE = (None, None, None)  # a full slice


def _bound(value: Any) -> int | None:
    if value is None or value.__class__ is int:
        return value
    try:
        return as_index(value)
    except TypeError:
        raise TypeError("slice indices must be integers or None or have an __index__ method") from None


def _as_item(item: Any, device: str) -> Any:
    """An index item as int, slice (a triple of its bounds), None, Ellipsis, bool or an integer or bool tensor."""
    if item.__class__ is int or item is None or item is Ellipsis or isinstance(item, bool):
        return item
    if isinstance(item, slice):
        return _bound(item.start), _bound(item.stop), _bound(item.step)
    if isinstance(item, Tensor):
        if item.dtype.category >= 2 or item.dtype.name in ("int8", "int16"):
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
        if not item._shape:
            return bool(item.item()) if item.dtype.name in ("bool", "uint8") else int(item.item())
        item = item.detach()
        return cast(item, bool_) if item.dtype.name == "uint8" else item
    if isinstance(item, (list, tuple, range)) or hasattr(item, "__array_interface__"):
        if hasattr(item, "shape") and item.shape == ():
            item = item.item()
            return item if isinstance(item, (bool, int)) else _as_item(item, device)
        found = tensor(item, device=device)
        if found.dtype.category == 2 and not found.numel():
            found = cast(found, int64)
        return _as_item(found, device) if found._shape else int(found.item())
    if isinstance(item, (str, bytes)):
        raise TypeError(f"new(): invalid data type '{type(item).__name__}'")
    try:
        return as_index(item)
    except TypeError:
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
            f"(got {type(item).__name__})"
        ) from None


def _dimensions(item: Any) -> int:
    """How many dimensions of the tensor an index item is for; an Ellipsis is for those that are left."""
    if isinstance(item, Tensor):
        return len(item._shape) if item.dtype is bool_ else 1
    return 0 if item is None or item is Ellipsis or isinstance(item, bool) else 1


def _written_out(items: Sequence[Any], rank: int) -> list[Any]:
    """The items for all dimensions: full slices for an Ellipsis (each stands for all that have no item), and at the end."""
    used = sum([_dimensions(item) for item in items])
    if used > rank:
        raise IndexError(f"too many indices for tensor of dimension {rank}")
    found: list[Any] = []
    dim = 0
    for item in items:
        if item is Ellipsis:
            found += [WHOLE] * min(rank - used, rank - dim)
            dim += rank - used
            continue
        last = dim + _dimensions(item)
        if last > rank or dim > rank:
            raise IndexError(f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but got {dim})")
        found.append(item)
        dim = last
    return found + [WHOLE] * (rank - dim)


def out_of_bounds(index: int, dim: int, size: int) -> Exception:
    """The error for an integer outside of a dimension; ValueError for one that takes more than 64 bits."""
    if not -(1 << 63) <= index < 1 << 63:
        return ValueError(f"Overflow when unpacking long long: an index of {index}")
    return IndexError(f"index {index} is out of bounds for dimension {dim} with size {size}")


def items_of(t: Tensor, index: Any) -> list[Any]:
    """The items of an index for all of the tensor's dimensions: integers, slices (as triples), None, bools and tensors."""
    given = index if isinstance(index, tuple) else (index,)
    return _written_out([_as_item(item, t._storage.device) for item in given], len(t._shape))


def seen_and_left(t: Tensor, items: list[Any]) -> tuple[Tensor, list[Tensor | None]]:
    """The view that integers, slices and None give, and for each of its dimensions the tensor that indexes it, if any."""
    shape = tuple(t._shape)
    simple: list[Any] = []
    advanced: list[Tensor | None] = []
    dim = 0
    for item in items:
        if item is None or isinstance(item, bool):
            simple.append(None)
            advanced.append(None if item is None else tensor([0] if item else [], dtype=int64, device=t.device))
            continue
        if isinstance(item, Tensor):
            count = len(item._shape) if item.dtype is bool_ else 1
            if item.dtype is bool_:
                for k, size in enumerate(item._shape):
                    if size != shape[dim + k]:
                        raise IndexError(
                            f"The shape of the mask {list(item._shape)} at index {k} does not match the shape of the indexed "
                            f"tensor {list(shape)} at index {dim + k}"
                        )
                advanced.extend(nonzero_tuple(item))
            else:
                advanced.append(cast(item, int64))
            simple += [WHOLE] * count
            dim += count
            continue
        simple.append(item)
        if item.__class__ is tuple:
            advanced.append(None)
        dim += 1
    return seen_at(t, tuple(simple)), advanced


def simple_items(index: Any) -> tuple[Any, ...] | None:
    """An index of integers, slices, None and Ellipsis as `view_at` takes it; None for one with anything else in it."""
    found: list[Any] = []
    for item in index if index.__class__ is tuple else (index,):
        kind = item.__class__
        if kind is slice:
            bounds = item.start, item.stop, item.step
            for bound in bounds:
                if bound is not None and bound.__class__ is not int:
                    return None
            found.append(bounds)
        elif kind is int or item is None or item is Ellipsis:
            found.append(item)
        elif kind is Tensor and not item._shape and item._storage.dtype is int64:
            found.append(item.item())
        else:
            return None
    return tuple(found)


def seen_at(t: Tensor, items: tuple[Any, ...]) -> Tensor:
    """The view at integers, slices and None (see `view_at`); the tensor itself where that is all of it."""
    view = view_at(t._shape, t.stride(), t._offset, items)
    return t if view is None else t._viewed(view)


@lru_cache(maxsize=1 << 13)
def view_at(shape: tuple[int, ...], strides: tuple[int, ...], offset: int, items: tuple[Any, ...]) -> View | None:
    """The view of a tensor at integers, slices (as triples), None and an Ellipsis; None where it is the tensor itself."""
    shape, rank = tuple(shape), len(shape)
    starts, increments, lengths = [], [], []
    new_shape: list[int] = []
    new_strides: list[int] = []
    dim = 0
    for item in _written_out(items, rank):
        if item is None:
            new_shape.append(1)
            new_strides.append(shape[dim] * strides[dim] if dim < rank else 1)
            continue
        size = shape[dim]
        if item.__class__ is tuple:
            start, length, step = slice_bounds(size, item[0], item[1], _step(item[2]))
            new_shape.append(length)
            new_strides.append(strides[dim] * step)
        else:
            if not -size <= item < size:
                raise out_of_bounds(item, dim, size)
            start, length, step = item + size if item < 0 else item, 1, 1
        starts.append(start)
        increments.append(step)
        lengths.append(length)
        if length:
            offset += start * strides[dim]
        dim += 1
    steps: list[Any] = []
    part, title = tuple(lengths), "Slice"
    if part != shape or any(k != 1 for k in increments):
        steps.append((SLICE, (tuple(starts), tuple(increments), part, shape)))
    if any(item.__class__ is not tuple for item in items):
        steps.append((RESHAPE, (tuple(new_shape), part)))
        title = "Unsqueeze" if items[-1] is None else "Select"
    return View(tuple(steps), tuple(new_shape), tuple(new_strides), offset, title) if steps else None


def _step(step: Any) -> int:
    found = 1 if step is None else _bound(step)
    assert found is not None
    if found <= 0:
        raise ValueError("step must be greater than zero")
    return found
