"""`nn.functional.pad` in all its modes. May import what `flambeau.ops` may."""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.graph.primitives.movement import PAD
from flambeau.ops.joining import cat
from flambeau.ops.operands import check_fits, check_tensor
from flambeau.ops.registry import operator
from flambeau.shapes import joining as rules
from flambeau.size import contiguous_strides
from flambeau.tensor import Tensor

__all__ = ["pad"]


def _constant(x: Tensor, low: Sequence[int], high: Sequence[int], value: float) -> Tensor:
    """Negative amounts crop."""
    image = x
    if any(a < 0 for a in (*low, *high)):
        index = tuple(slice(max(-a, 0), n - max(-b, 0)) for a, b, n in zip(low, high, x._shape))
        x = x[index]
    low, high = tuple(max(a, 0) for a in low), tuple(max(b, 0) for b in high)
    if not any(low) and not any(high):
        return x.clone()
    type = x._storage.dtype
    if not isinstance(value, complex):
        value = bool(value) if type.category == 0 else int(value) if type.category == 1 else float(value)
    check_fits(value, type)
    return Tensor._apply(PAD, (x,), (low, high, (0,) * len(low), value))._laid_out_as_image(image)


# What stands before (`amount` elements) and after x along a dimension.
def _reflection(x: Tensor, dim: int, amount: int, is_before: bool) -> Tensor:
    """The neighbours inside, mirrored at the edge element, which is not repeated."""
    return x.narrow(dim, 1 if is_before else x._shape[dim] - 1 - amount, amount).flip(dim)


def _replication(x: Tensor, dim: int, amount: int, is_before: bool) -> Tensor:
    """The edge element, repeated."""
    shape = tuple(amount if d == dim else n for d, n in enumerate(x._shape))
    return x.narrow(dim, 0 if is_before else x._shape[dim] - 1, 1).expand(shape)


def _wrapping(x: Tensor, dim: int, amount: int, is_before: bool) -> Tensor:
    """The elements of the other end."""
    return x.narrow(dim, x._shape[dim] - amount if is_before else 0, amount)


_MODES = {"reflect": _reflection, "replicate": _replication, "circular": _wrapping}


@operator(namespace="nn.functional", method=False)
def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Elements put before and after: `pad` is (before, after) of the last dimension, then of the one before it, and so on.

    Modes: "constant" (`value`, 0 by default; negative amounts crop), "reflect", "replicate", "circular".

    >>> F.pad(torch.ones(1, 2), (1, 0, 0, 1))
    tensor([[0., 1., 1.],
            [0., 0., 0.]])
    >>> F.pad(torch.arange(3.0).reshape(1, 1, 3), (2, 0), mode='reflect')
    tensor([[[2., 1., 0., 1., 2.]]])
    """
    x = check_tensor(input, "pad", "input")
    amounts = tuple(int(a) for a in pad)
    rules.pad(tuple(x._shape), amounts, mode)
    rank = x.ndim
    low, high = [0] * rank, [0] * rank
    for i in range(len(amounts) // 2):
        low[rank - 1 - i], high[rank - 1 - i] = amounts[2 * i], amounts[2 * i + 1]
    if mode == "constant":
        return _constant(x, low, high, 0 if value is None else value)
    if value is not None and value != 0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    outside = _MODES[mode]
    for dim in range(rank - 1, -1, -1):
        a, b = low[dim], high[dim]
        if a < 0 or b < 0:
            x = x.narrow(dim, max(-a, 0), x._shape[dim] - max(-a, 0) - max(-b, 0))
        parts = [x]
        if a > 0:
            parts.insert(0, outside(x, dim, a, True))
        if b > 0:
            parts.append(outside(x, dim, b, False))
        if len(parts) > 1:
            x = cat(parts, dim)
    x = x.clone() if x is input else x
    return x._laid_out(contiguous_strides(tuple(x._shape))) if mode == "circular" else x
