"""`interpolate`: resizing by weighted neighbours, one dimension after the other. May import what `flambeau.ops` may."""

from __future__ import annotations

import math
import struct
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from flambeau.dtypes import dtype, float64, int32, int64, uint8
from flambeau.nn.functional.adaptive_pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from flambeau.nn.functional.arguments import check_floating, check_tensor, hashable
from flambeau.ops.creation import tensor
from flambeau.ops.formula import in_wide
from flambeau.ops.operands import cast, refuse
from flambeau.ops.registry import operator
from flambeau.ops.views import apart
from flambeau.shapes import interpolation as rules
from flambeau.tensor import Tensor

__all__ = ["interpolate", "upsample", "upsample_bilinear", "upsample_nearest"]


def _single(value: float) -> float:
    """The nearest float32: PyTorch computes positions in the input's own precision."""
    return struct.unpack("f", struct.pack("f", value))[0]


def _exact(value: float) -> float:
    return value


Taps = tuple[tuple[tuple[int, ...], ...], tuple[tuple[float, ...], ...]]


def _cubic(t: float, a: float) -> list[float]:
    """The weights of the four neighbours at distances 1 + t, t, 1 − t, 2 − t (Keys, 1981)."""

    def near(x: float) -> float:
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x: float) -> float:
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


@lru_cache(maxsize=512)
def taps(size: int, out: int, mode: str, align_corners: bool, factor: float | None, antialias: bool, is_double: bool) -> Taps:
    """For each output element the input elements that it is made of, and their weights: two tables [out, taps]."""
    rounded = _exact if is_double and mode not in ("nearest", "nearest-exact") else _single
    if align_corners:
        scale = rounded((size - 1) / (out - 1)) if out > 1 else 0.0
    else:
        scale = rounded(1.0 / factor if factor else size / out)
    places: list[tuple[int, ...]] = []
    weights: list[tuple[float, ...]] = []
    for i in range(out):
        if mode in ("nearest", "nearest-exact"):
            position = rounded((i + (0.5 if mode == "nearest-exact" else 0)) * scale)
            places.append((min(math.floor(position), size - 1),))
            weights.append((1.0,))
        elif antialias:
            found, shares = _smooth_taps(i, size, scale, mode)
            places.append(found)
            weights.append(shares)
        else:
            position = rounded(i * scale) if align_corners else rounded(rounded(scale * (i + 0.5)) - 0.5)
            if mode == "cubic":
                first = math.floor(position)
                places.append(tuple(min(max(first + k, 0), size - 1) for k in (-1, 0, 1, 2)))
                weights.append(tuple(_cubic(rounded(position - first), -0.75)))
            else:
                position = max(position, 0.0)
                first = min(math.floor(position), size - 1)
                share = min(rounded(position - first), 1.0)
                places.append((first, min(first + 1, size - 1)))
                weights.append((1 - share, share))
    longest = max(map(len, places))
    return (
        tuple(p + (p[-1],) * (longest - len(p)) for p in places),
        tuple(w + (0.0,) * (longest - len(w)) for w in weights),
    )


def _smooth_taps(i: int, size: int, scale: float, mode: str) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """The filter widened by the scale where that shrinks, normalised to 1."""
    reach = 2.0 if mode == "cubic" else 1.0
    support = reach * scale if scale >= 1 else reach
    inverse = 1 / scale if scale >= 1 else 1.0
    center = scale * (i + 0.5)
    first = max(int(center - support + 0.5), 0)
    count = min(int(center + support + 0.5), size) - first
    kernel: Callable[[float], float] = _keys if mode == "cubic" else _triangle
    shares = [kernel((j + first - center + 0.5) * inverse) for j in range(count)]
    total = sum(shares) or 1.0
    return tuple(range(first, first + count)), tuple(s / total for s in shares)


def _triangle(x: float) -> float:
    return max(1 - abs(x), 0.0)


def _keys(x: float) -> float:
    a, x = -0.5, abs(x)
    if x < 1:
        return ((a + 2) * x - (a + 3)) * x * x + 1
    return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a if x < 2 else 0.0


@lru_cache(maxsize=256)
def _tables(found: Taps, type: dtype, device: str) -> tuple[Tensor, Tensor | None]:
    """The two tables on the device: flat places, and weights unless there is one neighbour each."""
    places, weights = found
    flat = tensor([p for row in places for p in row], dtype=int64, device=device)
    if len(places[0]) == 1:
        return flat, None
    return flat, tensor(weights, dtype=type, device=device)


def _fixed_point(weights: tuple[tuple[float, ...], ...]) -> tuple[tuple[tuple[int, ...], ...], int]:
    """Weights times the largest power of two with which they fit 16 bits, rounded, and that power: bytes are resized so."""
    largest, power = max(map(max, weights)), 0
    while power < 22 and int(0.5 + largest * (1 << (power + 1))) < 1 << 15:
        power += 1
    return tuple(tuple(int(w * (1 << power) + (0.5 if w >= 0 else -0.5)) for w in row) for row in weights), power


def _resize(x: Tensor, dim: int, out: int, mode: str, align_corners: bool, factor: float | None, antialias: bool) -> Tensor:
    size = x._shape[dim]
    before, after = tuple(x._shape[:dim]), tuple(x._shape[dim + 1 :])
    if mode == "nearest" and out % size == 0 and (factor is None or factor == out // size):
        each = out // size
        return x.reshape((*before, size, 1, *after)).expand((*before, size, each, *after)).reshape((*before, out, *after))
    is_byte = x.dtype is uint8
    found = taps(
        size, out, mode, align_corners, factor, antialias, x.dtype is float64 or (is_byte and mode in ("linear", "cubic"))
    )
    if found == (tuple((i,) for i in range(size)), ((1.0,),) * size):
        return x
    power = 0
    if is_byte and len(found[0][0]) > 1:
        fixed, power = _fixed_point(found[1])
        found = found[0], fixed
    places, weights = _tables(found, int32 if is_byte else x.dtype, x._storage.device)
    picked = x.index_select(dim, places)
    if weights is None:
        return picked
    count = weights.shape[1]
    spread = picked.reshape((*before, out, count, *after))
    total = (spread * weights.reshape((out, count) + (1,) * len(after))).sum(dim + 1, dtype=int32 if is_byte else None)
    return cast((total + (1 << (power - 1)) >> power).clamp(0, 255), uint8) if is_byte else total


_AREA = {3: adaptive_avg_pool1d, 4: adaptive_avg_pool2d, 5: adaptive_avg_pool3d}


@operator(namespace="nn.functional", method=False)
def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """[N, C, ...] resized to `size`, or by `scale_factor`.

    Modes: "nearest", "nearest-exact", "linear" (3-d input), "bilinear" and "bicubic" (4-d), "trilinear" (5-d), "area".
    Bytes (uint8) are rounded after each dimension, as in PyTorch. `align_corners` makes the corner elements keep their places;
    `antialias` widens the filter when shrinking.

    >>> F.interpolate(torch.tensor([[[0.0, 2.0]]]), scale_factor=2, mode='linear', align_corners=True)
    tensor([[[0.0000, 0.6667, 1.3333, 2.0000]]])
    """
    x = check_tensor(input, "interpolate", "input")
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear"
            )
    elif align_corners is None:
        align_corners = False
    size = hashable(size.tolist() if isinstance(size, Tensor) else size)
    shape = rules.interpolate(tuple(x._shape), size, scale_factor, mode)
    out = shape[2:]
    if recompute_scale_factor and size is not None:
        raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
    if antialias and not (mode in ("bilinear", "bicubic") and x.ndim == 4):
        raise ValueError("Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D tensor as input")
    factors: tuple[float | None, ...] = (None,) * len(out)
    if scale_factor is not None and not recompute_scale_factor:
        given = scale_factor if isinstance(scale_factor, (tuple, list)) else (scale_factor,) * len(out)
        factors = tuple(float(f) for f in given)
    if mode == "area":
        return _AREA[x.ndim](x, out)
    is_byte = x.dtype is uint8 and mode in ("bilinear", "bicubic")
    if mode not in ("nearest", "nearest-exact") and not is_byte:
        check_floating(f"upsample_{mode}{len(out)}d", x)
    elif not is_byte and x.dtype is not uint8:
        refuse(x, "compute_indices_weights_nearest", bool, int, complex)
    kind = {"bilinear": "linear", "trilinear": "linear", "bicubic": "cubic"}.get(mode, mode)

    def resized(x: Tensor) -> Tensor:
        for d in range(len(out) - 1, -1, -1):
            x = _resize(x, d + 2, out[d], kind, bool(align_corners), factors[d], antialias)
        return x

    y = in_wide(resized, x) if kind in ("linear", "cubic") and not is_byte else resized(x)
    return apart(y, x)._laid_out_as_image(x)


@operator(namespace="nn.functional", method=False)
def upsample(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Tensor:
    """The old name of `interpolate`."""
    warnings.warn("`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2)
    return interpolate(input, size, scale_factor, mode, align_corners)


@operator(namespace="nn.functional", method=False)
def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` to the nearest element."""
    warnings.warn("`nn.functional.upsample_nearest` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2)
    return interpolate(input, size, scale_factor, mode="nearest")


@operator(namespace="nn.functional", method=False)
def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` bilinearly, the corners aligned."""
    warnings.warn("`nn.functional.upsample_bilinear` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2)
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)
