"""Sliding windows of tensors, and the windows that cover each element: what pooling, unfolding and folding are made of.

May import what `flambeau.ops` may.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from flambeau.dtypes import dtype, int32
from flambeau.graph.primitives.movement import PAD, SLICE, WINDOW
from flambeau.ops.creation import iota
from flambeau.tensor import Tensor

__all__ = ["Windows", "covering", "padded", "positions", "windows"]


class Windows(NamedTuple):
    """Windows over the last dimensions of a tensor, one entry a dimension.

    Element k of window p lies at p·stride + k·dilation − padding; `counts` is how many windows there are.
    """

    sizes: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    counts: tuple[int, ...]

    def extents(self) -> tuple[int, ...]:
        """How many elements a window spans."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation))


def padded(x: Tensor, low: Sequence[int], high: Sequence[int], value: float) -> Tensor:
    """The last dimensions padded by a value; negative amounts crop."""
    lead = (0,) * (x.ndim - len(low))
    if any(a > 0 for a in (*low, *high)):
        before, after = (tuple(max(a, 0) for a in amounts) for amounts in (low, high))
        x = Tensor._apply(PAD, (x,), ((*lead, *before), (*lead, *after), (0,) * x.ndim, value))
    if any(a < 0 for a in (*low, *high)):
        starts = (*lead, *(max(-a, 0) for a in low))
        ends = (*lead, *(max(-a, 0) for a in high))
        sizes = tuple(n - a - b for n, a, b in zip(x._shape, starts, ends))
        x = Tensor._apply(SLICE, (x,), (starts, (1,) * x.ndim, sizes, tuple(x._shape)))
    return x


def windows(x: Tensor, form: Windows, value: float) -> Tensor:
    """[..., *sizes] as [..., *counts, *kernel], reading `value` outside x."""
    high = tuple(
        (count - 1) * s + extent - p - size
        for count, s, extent, p, size in zip(form.counts, form.stride, form.extents(), form.padding, form.sizes)
    )
    x = padded(x, form.padding, high, value)
    rank = len(form.sizes)
    return Tensor._apply(WINDOW, (x,), (tuple(range(x.ndim - rank, x.ndim)), form.kernel, form.stride, form.dilation))


def positions(count: int, rank: int, dim: int, device: str, type: dtype = int32) -> Tensor:
    """0 … count−1 along dimension `dim` of `rank`, the others of size 1. int32 does for a plane, and is quick everywhere."""
    shape = tuple(count if d == dim else 1 for d in range(rank))
    return iota(count, type, device).reshape(shape)


def covering(y: Tensor, form: Windows, value: float) -> Tensor:
    """[..., *counts] as [..., *sizes, *J]: for each element the up to J = ⌈extent / stride⌉ windows that may cover it.

    Entry j of element i is that of window ⌊(i + padding) / stride⌋ − j, so element i lies (i + padding) mod stride + j·stride
    behind that window's beginning; `value` where there is no such window.
    """
    rank = len(form.sizes)
    lead = tuple(y._shape[: y.ndim - rank])
    alternatives = tuple(math.ceil(e / s) for e, s in zip(form.extents(), form.stride))
    if any(s > 1 for s in form.stride):
        split = (*lead, *(n for count in form.counts for n in (count, 1)))
        spread = (*lead, *(n for count, s in zip(form.counts, form.stride) for n in (count, s)))
        y = y.reshape(split).expand(spread).reshape((*lead, *(count * s for count, s in zip(form.counts, form.stride))))
    low = tuple((j - 1) * s - p for j, s, p in zip(alternatives, form.stride, form.padding))
    high = tuple(
        size + (j - 1) * s - a - count * s
        for size, j, s, a, count in zip(form.sizes, alternatives, form.stride, low, form.counts)
    )
    y = padded(y, low, high, value)
    dims = tuple(range(y.ndim - rank, y.ndim))
    y = Tensor._apply(WINDOW, (y,), (dims, alternatives, (1,) * rank, form.stride))
    turned = tuple(range(len(lead) + rank, len(lead) + 2 * rank))
    return y.flip(turned) if any(j > 1 for j in alternatives) else y


def behind(form: Windows, dim: int, device: str) -> Tensor:
    """How far each element lies behind the beginning of each window of `covering`, along one dimension: shape (*sizes, *J)
    with 1 for the other dimensions."""
    rank = len(form.sizes)
    stride = form.stride[dim]
    alternatives = math.ceil(form.extents()[dim] / stride)
    element = positions(form.sizes[dim], 2 * rank, dim, device)
    return (element + form.padding[dim]) % stride + positions(alternatives, 2 * rank, rank + dim, device) * stride
