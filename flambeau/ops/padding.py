"""`nn.functional.pad` in all its modes. May import what `flambeau.ops` may."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flambeau.dtypes import int64
from flambeau.graph.primitives.movement import PAD
from flambeau.ops.choices import choose
from flambeau.ops.composite import Composite, computed, record
from flambeau.ops.creation import iota
from flambeau.ops.gathering import along
from flambeau.ops.joining import pad_constant
from flambeau.ops.operands import check_fits, check_tensor, refuse
from flambeau.ops.registry import operator
from flambeau.shapes import joining as rules
from flambeau.size import contiguous_strides
from flambeau.tensor import Tensor

__all__ = ["pad", "padded_with"]


def _amounts(x: Tensor, pad: Sequence[int], mode: str) -> tuple[list[int], list[int], int]:
    """How much comes before and after in each dimension, and how many such numbers `pad` has."""
    given = tuple(int(a) for a in pad)
    rules.pad(tuple(x._shape), given, mode)
    rank = x.ndim
    low, high = [0] * rank, [0] * rank
    for i in range(len(given) // 2):
        low[rank - 1 - i], high[rank - 1 - i] = given[2 * i], given[2 * i + 1]
    return low, high, len(given)


def padded_with(input: Tensor, pad: Sequence[int], value: complex) -> Tensor:
    """`pad` with a number. Negative amounts crop."""
    x = image = check_tensor(input, "pad", "input")
    below, above, _ = _amounts(x, pad, "constant")
    low, high = tuple(below), tuple(above)
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


@dataclass(frozen=True)
class _Mode:
    """Where the elements outside come from: `amount` of them, before or after the n along a dimension, are those inside from
    `start(n, amount, is_before)` on, flipped, or else one of them repeated. `place(places, n)`: the same for places counted from
    the first inside, each by itself."""

    start: Callable[[int, int, bool], int]
    place: Callable[[Tensor, int], Tensor]
    is_flipped: bool = False
    is_repeated: bool = False

    def outside(self, x: Tensor, dim: int, amount: int, is_before: bool) -> Tensor:
        start = self.start(x._shape[dim], amount, is_before)
        part = x.narrow(dim, start, 1 if self.is_repeated else amount)
        if self.is_repeated:
            return part.expand(tuple(amount if d == dim else n for d, n in enumerate(x._shape)))
        return part.flip(dim) if self.is_flipped else part

    def inside(self, g: Tensor, dim: int, n: int, amount: int, is_before: bool) -> Tensor:
        """What the gradient g of `outside` is for the n elements inside."""
        start = self.start(n, amount, is_before)
        if self.is_repeated:
            g = g.sum(dim, keepdim=True)
        elif self.is_flipped:
            g = g.flip(dim)
        widths = [(0, 0)] * g.ndim
        widths[dim] = start, n - start - g._shape[dim]
        return pad_constant(g, widths)


_MODES = {
    "reflect": _Mode(
        lambda n, amount, is_before: 1 if is_before else n - 1 - amount,
        lambda places, n: (n - 1) - ((n - 1) - places.abs()).abs(),
        is_flipped=True,
    ),
    "replicate": _Mode(
        lambda n, amount, is_before: 0 if is_before else n - 1, lambda places, n: places.clamp(0, n - 1), is_repeated=True
    ),
    "circular": _Mode(lambda n, amount, is_before: n - amount if is_before else 0, lambda places, n: places % n),
}


def _padded(x: Tensor, mode: str, low: Sequence[int], high: Sequence[int]) -> Tensor:
    """`low` elements more before and `high` after in each dimension. Along the last one, where vectors run, what is outside is
    chosen from shifted views; along others, whole rows are read from elsewhere."""
    last = x.ndim - 1
    for dim in reversed(range(x.ndim)):
        before, after = low[dim], high[dim]
        if not before and not after:
            continue
        n = x._shape[dim]
        place = iota(n + before + after, int64, x._storage.device) - before
        if dim < last:
            x = along(x, _MODES[mode].place(place, n), dim)
            continue
        widths = [(0, 0)] * x.ndim
        result = pad_constant(x, [*widths[:last], (before, after)])
        if before:
            part = _MODES[mode].outside(x, dim, before, True)
            result = choose(place < 0, pad_constant(part, [*widths[:last], (0, n + after)]), result, "pad")
        if after:
            part = _MODES[mode].outside(x, dim, after, False)
            result = choose(place >= n, pad_constant(part, [*widths[:last], (before + n, 0)]), result, "pad")
        x = result
    return x


def _gradient(g: Tensor, y: Any, inputs: Any, params: Any) -> tuple[Any]:
    name, low, high = params
    mode = _MODES[name]

    def gradient() -> Tensor:
        found = g
        for dim, (a, b) in enumerate(zip(low, high)):
            n = found._shape[dim] - a - b
            whole, found = found, found.narrow(dim, a, n)
            if a:
                found = found + mode.inside(whole.narrow(dim, 0, a), dim, n, a, True)
            if b:
                found = found + mode.inside(whole.narrow(dim, a + n, b), dim, n, b, False)
        return found

    return (gradient,)


def _before_cropping(x: Tensor, low: list[int], high: list[int]) -> tuple[Tensor, list[int], list[int]]:
    """For `replicate` with amounts below 0, which crop what would be repeated: what is left is cropped, but for the element
    at an edge that is repeated though nothing else of x is left."""
    for d, (a, b) in enumerate(zip(low, high)):
        n = x._shape[d]
        first, last = max(-a, 0), n - max(-b, 0)
        low[d], high[d] = max(a, 0), max(b, 0)
        if first >= n:  # all of it is to the right of x
            x, first = x.narrow(d, n - 1, 1), first - n
            high[d], last = high[d] - first - 1, 1
            first = 0
        elif last <= 0:
            x, last = x.narrow(d, 0, 1), 1
            low[d], first = low[d] + (n + b) - 1, 0
        x = x.narrow(d, first, last - first)
    return x, low, high


_PADDED = Composite("pad", _gradient, saves="", conjugates=False)


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
    if mode == "constant":
        return padded_with(input, pad, 0 if value is None else value)
    x = image = check_tensor(input, "pad", "input")
    low, high, amounts = _amounts(x, pad, mode)
    if value is not None and value != 0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if mode != "circular":
        refuse(x, f"{'reflection' if mode == 'reflect' else 'replication'}_pad{amounts // 2}d", bool)
    if any(a < 0 for a in (*low, *high)):
        if mode == "replicate":
            x, low, high = _before_cropping(x, low, high)
        else:
            x = pad_constant(x, [(min(a, 0), min(b, 0)) for a, b in zip(low, high)])
            low, high = [max(a, 0) for a in low], [max(b, 0) for b in high]
    if not any(low) and not any(high):
        return x.clone()  # what is cropped may be a view
    params = (mode, tuple(low), tuple(high))
    (y,) = computed(_PADDED, _padded, (x,), params)
    y = record(_PADDED, y, (x,), params)
    return y._laid_out(contiguous_strides(tuple(y._shape))) if mode == "circular" else y._laid_out_as_image(image)
