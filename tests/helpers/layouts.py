"""Tensors of every layout: permuted, cut out of larger ones, repeated."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import strategies as st

__all__ = ["LAYOUTS", "as_laid_out", "laid_out", "layouts"]

LAYOUTS = ("contiguous", "channels_last", "permuted", "cut", "repeated")


def as_laid_out(value: torch.Tensor, layout: str, order: Any, where: int) -> torch.Tensor:
    """Equal elements with other strides: the dimensions in `order` in memory, dense; "cut": of a larger tensor; "repeated":
    dimension `where` is one element for all, so the elements are others."""
    n = value.ndim
    if layout == "contiguous" or n == 0:
        return value.detach().contiguous()
    if layout == "channels_last" and n in (4, 5):
        return value.detach().contiguous(memory_format=torch.channels_last if n == 4 else torch.channels_last_3d)
    where %= n
    if layout == "repeated":
        return value.detach().narrow(where, 0, min(1, value.shape[where])).expand(value.shape)
    back = sorted(range(n), key=list(order).__getitem__)
    sizes = [value.shape[d] + (2 if layout == "cut" and d == where else 0) for d in order]
    whole = torch.zeros(sizes, dtype=value.dtype).permute(back)
    part = whole.narrow(where, 0, value.shape[where])
    return part.copy_(value.detach()).detach()


@st.composite
def layouts(draw: Any, rank: int) -> tuple[str, tuple[int, ...], int]:
    """What `as_laid_out` takes beside the tensor."""
    order = draw(st.permutations(range(rank)))
    return draw(st.sampled_from(LAYOUTS)), tuple(order), draw(st.integers(0, max(rank - 1, 0)))


@st.composite
def laid_out(draw: Any, shape: tuple[int, ...]) -> torch.Tensor:
    """A float32 tensor of a shape in any layout."""
    value = torch.randn(shape, generator=torch.Generator().manual_seed(len(shape)))
    return as_laid_out(value, *draw(layouts(len(shape))))
