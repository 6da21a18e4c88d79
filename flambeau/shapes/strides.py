"""Where elements lie in memory: memory formats, and the strides that results have. Plain functions over sizes and strides.

Strides are in elements. A layout is *dense* where its elements lie side by side, each once, in some order of the dimensions;
dimensions of size 1 don't matter. May import `flambeau.layout` and `flambeau.size`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from flambeau.layout import channels_last, channels_last_3d, contiguous_format, memory_format, preserve_format
from flambeau.size import contiguous_strides

__all__ = [
    "Order", "column_strides", "dim_order", "format_strides", "has_one_order", "is_contiguous", "is_dense", "memory_order",
    "pointwise", "preserved", "suggested_format",
]  # fmt: skip

Ints = tuple[int, ...]

_ORDERS = {channels_last: (0, 2, 3, 1), channels_last_3d: (0, 2, 3, 4, 1)}
"""The dimensions from the outermost in memory to the innermost."""


class Order(NamedTuple):
    """How a dense tensor's dimensions follow each other in memory.

    `order` lists them from the outermost to the innermost, `shape` are their sizes in that order, and `back` is the order
    that turns the memory's dimensions into the tensor's.
    """

    order: Ints
    shape: Ints
    back: Ints


# --- formats -----------------------------------------------------------------------------------------------------------
@lru_cache(maxsize=1 << 12)
def format_strides(shape: Ints, format: memory_format) -> Ints:
    """The strides of a dense tensor in a format. Raises RuntimeError for a format of another number of dimensions."""
    order = _ORDERS.get(format)
    if order is None:
        if format is preserve_format:
            raise RuntimeError("unsupported memory format Preserve")
        return contiguous_strides(shape)
    if len(shape) != len(order):
        raise RuntimeError(f"required rank {len(order)} tensor to use {format.name} format")
    return _packed(shape, order[::-1])


def _packed(shape: Ints, inner_first: Sequence[int], least: int = 0) -> Ints:
    """Dense strides, the dimensions listed from the innermost; `least` is what an empty one counts as."""
    strides, step = [0] * len(shape), 1
    for d in inner_first:
        strides[d] = step
        step *= max(shape[d], least)
    return tuple(strides)


@lru_cache(maxsize=1 << 12)
def is_contiguous(shape: Ints, strides: Ints, format: memory_format = contiguous_format) -> bool:
    """Whether elements lie in a format's order, dense."""
    order = _ORDERS.get(format)
    if order is None:
        if 0 in shape:
            return True
        order = tuple(range(len(shape)))
    elif len(order) != len(shape):
        return False
    step = 1
    for d in reversed(order):
        if shape[d] != 1:
            if strides[d] != step:
                return False
            step *= shape[d]
    return True


@lru_cache(maxsize=1 << 12)
def suggested_format(shape: Ints, strides: Ints) -> memory_format:
    """The format that an operator on images answers in: channels last where the strides say so, not necessarily dense."""
    for format, order in _ORDERS.items():
        if len(shape) == len(order) and strides[1] != 0:
            least = 0
            for d in reversed(order):
                if shape[d] == 0 or strides[d] < least or (d == 0 and least == strides[1]):
                    break
                least = strides[d] * max(shape[d], 1)
            else:
                return format
    return contiguous_format


def column_strides(shape: Ints) -> Ints:
    """The strides of dense matrices whose columns lie in one piece, as LAPACK has them."""
    rank = len(shape)
    return _packed(shape, (rank - 2, rank - 1, *range(rank - 3, -1, -1)), least=1)


# --- density -----------------------------------------------------------------------------------------------------------
@lru_cache(maxsize=1 << 12)
def memory_order(shape: Ints, strides: Ints) -> Order | None:
    """The order of a dense tensor's dimensions in memory; None where it isn't dense."""
    inner_first = sorted(range(len(shape)), key=lambda d: (shape[d] > 1, strides[d], -d))
    step = 1
    for d in inner_first:
        if shape[d] > 1 and 0 not in shape:
            if strides[d] != step:
                return None
            step *= shape[d]
    order = tuple(reversed(inner_first))
    back = tuple(sorted(range(len(order)), key=order.__getitem__))
    return Order(order, tuple([shape[d] for d in order]), back)


def is_dense(shape: Ints, strides: Ints) -> bool:
    """Whether the elements lie side by side, each once, in some order of the dimensions."""
    return memory_order(shape, strides) is not None


# --- results -----------------------------------------------------------------------------------------------------------
def _inner_first(shape: Ints, operands: Sequence[Ints]) -> list[int]:
    """The order in which an elementwise loop over strided operands runs, from the innermost dimension.

    By an insertion sort, from the row-major order, of a relation that is not transitive (where operands disagree the first
    decides; a stride of 0 says nothing; of equal strides the shorter dimension is the inner one), so its steps matter: they are
    those of PyTorch's TensorIterator.
    """
    order = list(range(len(shape) - 1, -1, -1))

    def compare(inner: int, outer: int) -> int:
        """Above 0 where the two should change places, below 0 where they are right, 0 where nothing is said."""
        for strides in operands:
            a, b = strides[inner], strides[outer]
            if a == 0 or b == 0:
                continue
            if a != b:
                return 1 if a > b else -1
            if shape[inner] > shape[outer]:
                return 1
        return 0

    for i in range(1, len(order)):
        at = i
        for before in range(i - 1, -1, -1):
            found = compare(order[before], order[at])
            if found > 0:
                order[before], order[at] = order[at], order[before]
                at = before
            elif found < 0:
                break
    return order


@lru_cache(maxsize=1 << 12)
def preserved(shape: Ints, strides: Ints, format: memory_format = preserve_format) -> Ints:
    """The strides of a new tensor like one of these: the same where it is dense, else dense in the same order; or a format's."""
    if format is not preserve_format:
        return format_strides(shape, format)
    if is_dense(shape, strides):
        return strides
    return _packed(shape, _inner_first(shape, (strides,)), least=1)


def dim_order(shape: Ints, strides: Ints) -> Ints:
    """The dimensions from the outermost in memory to the innermost: a format's order, where just one fits, else by strides."""
    fitting = _fitting_orders(shape, strides)
    return fitting[0] if len(fitting) == 1 else tuple(reversed(_inner_first(shape, (strides,))))


def has_one_order(shape: Ints, strides: Ints) -> bool:
    """Whether strides, none of them 0 and no two equal, leave one order of the dimensions; a format's, where just one fits."""
    if len(_fitting_orders(shape, strides)) == 1:
        return True
    return all(0 < strides[a] < strides[b] for a, b in pairwise(_inner_first(shape, (strides,))))


def _fitting_orders(shape: Ints, strides: Ints) -> list[Ints]:
    orders = {contiguous_format: tuple(range(len(shape))), channels_last: _ORDERS[channels_last]}
    return [order for format, order in orders.items() if is_contiguous(shape, strides, format)]


@lru_cache(maxsize=1 << 14)
def pointwise(shape: Ints, *operands: Ints) -> Ints:
    """The strides of an elementwise result of operands with these strides, each repeated to `shape` (0 where it repeats)."""
    whole = [strides for strides in operands if 0 not in strides]
    if len(whole) == len(operands):  # nothing was broadcast
        for format in (contiguous_format, channels_last):
            if all(is_contiguous(shape, strides, format) for strides in whole):
                return format_strides(shape, format)
        if all(strides == whole[0] for strides in whole) and is_dense(shape, whole[0]):
            return whole[0]
    order = _inner_first(shape, operands)
    return contiguous_strides(shape) if order == list(range(len(shape) - 1, -1, -1)) else _packed(shape, order)
