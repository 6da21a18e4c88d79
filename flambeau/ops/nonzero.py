"""Where a tensor isn't zero. May import what `flambeau.ops` may."""

from __future__ import annotations

import math
from typing import Any

from flambeau.dtypes import bool_, int32, int64
from flambeau.ops.joining import cat, stack
from flambeau.ops.operands import cast, check_tensor
from flambeau.ops.positions import flat_positions
from flambeau.ops.registry import operator
from flambeau.ops.views import owned, reshape
from flambeau.tensor import Tensor

__all__ = ["argwhere", "nonzero", "nonzero_static", "nonzero_tuple"]


def nonzero_tuple(mask: Tensor) -> tuple[Tensor, ...]:
    """One vector a dimension: where a tensor isn't zero. Computes the tensor, to know how many there are."""
    shape = tuple(mask._shape)
    positions = flat_positions(reshape(cast(mask.detach(), bool_), (-1,)))
    if len(shape) == 1:
        return (positions,)
    if math.prod(shape) < 1 << 31:  # processors divide vectors of these faster
        positions = cast(positions, int32)
    result = []
    for size in reversed(shape[1:]):
        whole = positions.div(max(size, 1), rounding_mode="floor")
        result.append(cast(positions - whole * size, int64))
        positions = whole
    return (cast(positions, int64), *reversed(result))


@operator(out="exact")
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The positions of non-zero elements, [count, rank] (or a tuple of vectors), in row-major order.

    >>> torch.tensor([0, 3, 0, 4]).nonzero()
    tensor([[1],
            [3]])
    """
    check_tensor(input, "nonzero", "input")
    if as_tuple:
        return nonzero_tuple(input if input._shape else reshape(input, (1,)))
    if not input._shape:
        return reshape(nonzero_tuple(reshape(input, (1,)))[0], (-1, 1))[:, :0]
    return owned(stack(nonzero_tuple(input), 0).t())  # a dimension after the other in memory, as in PyTorch


@operator()
def argwhere(input: Tensor) -> Tensor:
    """The positions of non-zero elements, [count, rank]."""
    return nonzero(input)


@operator(out="exact")
def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """The first `size` positions of non-zero elements, [size, rank]; where there are fewer, rows of `fill_value`.

    >>> torch.tensor([0, 3, 0, 4]).nonzero_static(size=3)
    tensor([[ 1],
            [ 3],
            [-1]])
    """
    if size < 0:
        raise RuntimeError(f"nonzero_static: 'size' must be an non-negative integer, got {size}")
    found = nonzero(input)[:size]
    rows = found.new_full((size - found._shape[0], found._shape[1]), fill_value)
    return cat([found, rows], 0)
