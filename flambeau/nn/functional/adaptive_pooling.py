"""Adaptive and fractional pooling: windows of unequal sizes, chosen by the size of the result.

May import what `flambeau.ops` may.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from flambeau.dtypes import int32, int64
from flambeau.nn.functional.arguments import check_floating, check_tensor, hashable
from flambeau.nn.functional.pooling import _avg_pool, _each, _max_pool, lowest, place_of_maximum
from flambeau.nn.functional.windows import positions
from flambeau.ops.composite import repeated, untaped
from flambeau.ops.operands import cast, sizes
from flambeau.ops.registry import operator
from flambeau.shapes import ShapeError
from flambeau.shapes import pooling as rules
from flambeau.shapes.windows import per_dimension
from flambeau.tensor import Tensor

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d",
    "adaptive_max_pool1d", "adaptive_max_pool1d_with_indices", "adaptive_max_pool2d", "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d", "adaptive_max_pool3d_with_indices",
    "fractional_max_pool2d", "fractional_max_pool2d_with_indices", "fractional_max_pool3d", "fractional_max_pool3d_with_indices",
]  # fmt: skip


def _shape(x: Tensor, output_size: Any, spatial: int, name: str, averaging: bool = False) -> tuple[int, ...]:
    """The result's shape, or what is wrong with the arguments."""
    wanted: Any = output_size
    if spatial > 1 and not isinstance(output_size, int):
        given = [output_size[at] for at in range(len(output_size))]
        read = sizes(name, ([0 if size is None else size for size in given],), "output_size", 2)
        wanted = tuple(None if size is None else number for size, number in zip(given, read))
    else:
        read = sizes(name, (output_size,), "output_size", 2)
        if len(read) != 1:
            raise ShapeError(f"{name}() argument 'output_size' should contain one int (got {len(read)})")
        wanted = read[0]
    return rules.adaptive_pool(tuple(x._shape), wanted, spatial=spatial, operator=name, averaging=averaging)


def _blocks(x: Tensor, out: tuple[int, ...]) -> tuple[Tensor, list[Tensor], Tensor]:
    """The windows ⌊p·size / out⌋ … ⌈(p + 1)·size / out⌉ of the last dimensions, as [..., *out, *longest window].

    Also each window's element positions along each dimension, and which of them lie in the window; of shapes that broadcast
    with [*out, *window].
    """
    rank = len(out)
    device = x._storage.device
    first = x.ndim - rank
    inside = None
    along = []
    lead = tuple(x._shape[:first])
    widths = []
    for dim, (size, count) in enumerate(zip(x._shape[first:], out)):
        width = rules.adaptive_width(size, count)
        widths.append(width)
        window = positions(count, 2 * rank, dim, device)
        start = (window * size).div(count, rounding_mode="floor")
        stop = ((window + 1) * size + (count - 1)).div(count, rounding_mode="floor")
        place = start + positions(width, 2 * rank, rank + dim, device)
        here = place < stop
        inside = here if inside is None else inside & here
        along.append(place)
        x = x.index_select(first + 2 * dim, place.clamp_max(size - 1).reshape(-1))
        shape = tuple(x._shape)
        x = x.reshape((*shape[: first + 2 * dim], count, width, *shape[first + 2 * dim + 1 :]))
    counts = tuple(first + 2 * dim for dim in range(rank))
    order = (*range(first), *counts, *(d + 1 for d in counts))
    assert inside is not None and len(lead) == first
    return x.permute(order), along, inside


def _of_nothing(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A result without elements, whose gradient is one of zeros."""
    return x.reshape(-1)[:0].reshape(shape)


def _even(x: Tensor, out: tuple[int, ...]) -> tuple[int, ...] | None:
    """The kernel (and stride) when all windows are of one size and don't overlap."""
    sizes = x._shape[x.ndim - len(out) :]
    if all(n and size % n == 0 for size, n in zip(sizes, out)):
        return tuple(size // n for size, n in zip(sizes, out))
    return None


def _make_adaptive_avg_pool(spatial: int) -> Callable[..., Any]:
    def adaptive_avg_pool(input: Tensor, output_size: Any) -> Tensor:
        """[N, C, ...] or [C, ...] averaged to `output_size`, where None keeps a size."""
        name = f"adaptive_avg_pool{spatial}d"
        x = check_tensor(input, name, "input")
        check_floating(name, x)
        shape = _shape(x, output_size, spatial, name, averaging=True)
        out = shape[-spatial:]
        if 0 in shape:
            return _of_nothing(x, shape)
        if 0 in x._shape:
            return x.mean(tuple(range(-spatial, 0)), keepdim=True).expand(shape).contiguous()
        kernel = _even(x, out)
        if kernel is not None:
            return _avg_pool(spatial, x, kernel, kernel, 0, False, True, None)
        y = repeated(_AVERAGED, _averaged, (x,), (out,))[0]
        return y._laid_out_as_image(x) if spatial == 2 else y

    return adaptive_avg_pool


_AVERAGED: dict[Any, Any] = {}


def _averaged(x: Tensor, out: tuple[int, ...]) -> Tensor:
    """The means of windows of unequal sizes."""
    blocks, _, inside = _blocks(x, out)
    spatial = len(out)
    with untaped():
        counts = cast(inside, x.dtype).sum(tuple(range(spatial, 2 * spatial)))
    return blocks._fill_where(~inside, 0).sum(tuple(range(blocks.ndim - spatial, blocks.ndim))) / counts


def _adaptive_max_pool(spatial: int, input: Any, output_size: Any) -> tuple[Tensor, Any]:
    """The maxima, and a function that gives their indices."""
    name = f"adaptive_max_pool{spatial}d"
    x = check_tensor(input, name, "input")
    check_floating(name, x)
    shape = _shape(x, output_size, spatial, name)
    out = shape[-spatial:]
    if 0 in shape:
        return _of_nothing(x, shape), lambda: x.new_zeros(shape, dtype=int64)
    kernel = _even(x, out)
    if kernel is not None:
        return (
            _max_pool(spatial, x, kernel, kernel, 0, 1, False, False),
            lambda: _max_pool(spatial, x, kernel, kernel, 0, 1, False, True)[1],
        )
    with untaped():
        places = repeated(_PLACES, _places, (x,), (out,))[0]
    y = _picked(x, places, spatial)
    if spatial == 2:
        y, places = y._laid_out_as_image(x), places._laid_out_as_image(x)
    return y, lambda: places


_PLACES: dict[Any, Any] = {}


def _places(x: Tensor, out: tuple[int, ...]) -> Tensor:
    """Where in its plane the maximum of each of the windows of unequal sizes lies."""
    blocks, along, inside = _blocks(x, out)
    return _chosen(blocks._fill_where(~inside, lowest(x.dtype)), along, tuple(x._shape[-len(out) :]))


def _chosen(blocks: Tensor, along: list[Tensor], sizes: tuple[int, ...]) -> Tensor:
    """Where in its plane the maximum of each block lies, int64; `along` has the blocks' positions along each dimension."""
    rank = len(sizes)
    flat = place_of_maximum(blocks, rank)
    width = math.prod(blocks._shape[blocks.ndim - rank :])
    plane = None
    for place, size in zip(along, sizes):
        plane = place if plane is None else plane * size + place
    assert plane is not None
    plane = plane.expand(tuple(blocks._shape)).reshape((*flat._shape, width))
    return cast(plane.gather(-1, flat.unsqueeze(-1)).squeeze(-1), int64)


def _picked(x: Tensor, places: Tensor, spatial: int) -> Tensor:
    """x at the places in its planes."""
    lead = tuple(x._shape[: x.ndim - spatial])
    return x.reshape((*lead, -1)).gather(-1, places.reshape((*lead, -1))).reshape(places.shape)


def _make_adaptive_max_pool(spatial: int) -> Callable[..., Any]:
    def adaptive_max_pool(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
        """[N, C, ...] or [C, ...] to `output_size` maxima; with `return_indices` also where in its plane each lies."""
        values, indices = _adaptive_max_pool(spatial, input, output_size)
        return (values, indices()) if return_indices else values

    return adaptive_max_pool


def _make_adaptive_max_pool_with_indices(spatial: int) -> Callable[..., Any]:
    def adaptive_max_pool(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
        """[N, C, ...] or [C, ...] to `output_size` maxima, and where in its plane each lies."""
        values, indices = _adaptive_max_pool(spatial, input, output_size)
        return values, indices()

    return adaptive_max_pool


adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d = _each("adaptive_avg_pool{}d", _make_adaptive_avg_pool, torch=(1,))
adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d = _each("adaptive_max_pool{}d", _make_adaptive_max_pool)
adaptive_max_pool1d_with_indices, adaptive_max_pool2d_with_indices, adaptive_max_pool3d_with_indices = _each(
    "adaptive_max_pool{}d_with_indices", _make_adaptive_max_pool_with_indices
)


# --- fractional --------------------------------------------------------------------------------------------------------------
def _starts(samples: Tensor, size: int, kernel: int, out: int, device: str) -> Tensor:
    """[N, C, out]: where windows begin, from one uniform sample a plane (Graham, "Fractional Max-Pooling", 2015)."""
    if out == 1:
        return cast(samples.new_zeros(samples.shape), int32).unsqueeze(-1) + (size - kernel)
    alpha = (size - kernel) / (out - 1)
    window = positions(out, 1, 0, device)
    u = samples.unsqueeze(-1)
    start = ((window + u) * alpha).to(window.dtype) - (u * alpha).to(window.dtype)
    return start._fill_where(window == out - 1, size - kernel)


def _fractional(
    spatial: int, input: Any, kernel_size: Any, output_size: Any, output_ratio: Any, samples: Tensor | None
) -> tuple[Tensor, Tensor]:
    name = f"fractional_max_pool{spatial}d"
    x = check_tensor(input, name, "input")
    check_floating(name, x)
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    sizes = tuple(x._shape[-spatial:])
    if output_size is None:
        ratios = tuple(output_ratio) if isinstance(output_ratio, (tuple, list)) else (output_ratio,) * spatial
        output_size = tuple(int(n * r) for n, r in zip(sizes, ratios))
    shape = rules.fractional_pool(tuple(x._shape), hashable(kernel_size), hashable(output_size), spatial=spatial)
    kernel = per_dimension(kernel_size, spatial, "kernel_size", name)
    out = shape[-spatial:]
    lead = shape[:-spatial]
    planes = lead if len(lead) == 2 else (1, *lead)
    if samples is None:
        samples = x.detach().new_empty((*planes, spatial)).uniform_()
    device = x._storage.device
    with untaped():
        place = None
        for dim in range(spatial):
            sample = samples.detach()[..., spatial - 1 - dim if spatial == 2 else dim]  # PyTorch's order: (width, height)
            start = _starts(sample, sizes[dim], kernel[dim], out[dim], device)
            axes = (*planes, *(out[d] if d == dim else 1 for d in range(spatial)), *(1,) * spatial)
            here = start.reshape(axes) + positions(kernel[dim], 2 + 2 * spatial, 2 + spatial + dim, device)
            place = here if place is None else place * sizes[dim] + here
        assert place is not None
        width = math.prod(kernel)
        place = cast(place, int64).expand((*planes, *out, *kernel)).reshape((*planes, -1))
        blocks = x.detach().reshape((*planes, -1)).gather(-1, place).reshape((*planes, *out, width))
        chosen = place_of_maximum(blocks, 1).unsqueeze(-1)
        indices = place.reshape(blocks.shape).gather(-1, chosen).reshape(shape)
    return _picked(x, indices, spatial), indices


def _make_fractional(spatial: int, always: bool) -> Callable[..., Any]:
    def fractional_max_pool(
        input: Tensor,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> Any:
        """The maxima of windows at random steps that add up to the input's size, to `output_size` or `output_ratio` of it."""
        values, indices = _fractional(spatial, input, kernel_size, output_size, output_ratio, _random_samples)
        return (values, indices) if return_indices or always else values

    fractional_max_pool.__name__ = f"fractional_max_pool{spatial}d" + ("_with_indices" if always else "")
    fractional_max_pool.__qualname__ = fractional_max_pool.__name__
    return operator(namespace="nn.functional", method=False)(fractional_max_pool)


fractional_max_pool2d, fractional_max_pool3d = _make_fractional(2, False), _make_fractional(3, False)
fractional_max_pool2d_with_indices = _make_fractional(2, True)
fractional_max_pool3d_with_indices = _make_fractional(3, True)
