"""Images: shuffles of pixels and channels, blocks cut out and put back, sampling on a grid.

May import what `flambeau.ops` may.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from flambeau.dtypes import int64
from flambeau.graph.primitives.movement import WINDOW
from flambeau.nn.functional.arguments import check_device, check_floating, check_tensor, hashable, scalar_name
from flambeau.nn.functional.windows import Windows, padded, windows
from flambeau.ops.composite import Composite, flat, record, repeated
from flambeau.ops.operands import cast
from flambeau.ops.registry import operator
from flambeau.ops.sequences import linspace
from flambeau.ops.views import apart, owned
from flambeau.shapes import interpolation, joining
from flambeau.shapes import pooling as rules
from flambeau.shapes.windows import per_dimension, window_count
from flambeau.tensor import Tensor, from_node

__all__ = ["affine_grid", "channel_shuffle", "fold", "grid_sample", "pixel_shuffle", "pixel_unshuffle", "unfold"]


# --- shuffles ------------------------------------------------------------------------------------------------------------------
@operator(method=False)
@operator(namespace="nn.functional", method=False)
def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """[*, C·r², H, W] as [*, C, H·r, W·r].

    >>> F.pixel_shuffle(torch.randn(1, 8, 2, 2), 2).shape
    torch.Size([1, 2, 4, 4])
    """
    r = upscale_factor
    shape = joining.pixel_shuffle(tuple(check_tensor(input, "pixel_shuffle", "input")._shape), r)
    *lead, channels, height, width = shape
    split = input.reshape((*lead, channels, r, r, height // r, width // r))
    n = len(lead)
    return apart(split.permute((*range(n + 1), n + 3, n + 1, n + 4, n + 2)).reshape(shape), input)


@operator(method=False)
@operator(namespace="nn.functional", method=False)
def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """[*, C, H·r, W·r] as [*, C·r², H, W]."""
    r = downscale_factor
    shape = joining.pixel_unshuffle(tuple(check_tensor(input, "pixel_unshuffle", "input")._shape), r)
    *lead, channels, height, width = input.shape
    split = input.reshape((*lead, channels, height // r, r, width // r, r))
    n = len(lead)
    return apart(split.permute((*range(n + 1), n + 2, n + 4, n + 1, n + 3)).reshape(shape), input)


@operator("channel_shuffle", "native_channel_shuffle", method=False)
@operator("channel_shuffle", "native_channel_shuffle", namespace="nn.functional", method=False)
def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """[N, C, ...] with the channels of `groups` groups dealt out in turn."""
    shape = joining.channel_shuffle(tuple(check_tensor(input, "channel_shuffle", "input")._shape), groups)
    n, channels, *rest = shape
    dealt = input.reshape((n, groups, channels // groups, *rest)).transpose(1, 2).reshape(shape)
    return apart(dealt, input)._laid_out_as_image(input)


# --- blocks --------------------------------------------------------------------------------------------------------------------
def _block_form(sizes: Sequence[int], kernel: Any, dilation: Any, padding: Any, stride: Any, name: str) -> Windows:
    kernel, dilation, padding, stride = (
        per_dimension(hashable(value), 2, argument, name)
        for value, argument in ((kernel, "kernel_size"), (dilation, "dilation"), (padding, "padding"), (stride, "stride"))
    )
    counts = tuple(window_count(n, k, s, p, p, d) for n, k, s, p, d in zip(sizes, kernel, stride, padding, dilation))
    return Windows(tuple(sizes), kernel, stride, padding, dilation, counts)


@operator(namespace="nn.functional", method=False)
def unfold(input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """[N, C, H, W] or [C, H, W] cut into sliding blocks: [N, C·kh·kw, L], a column a block.

    >>> F.unfold(torch.randn(1, 3, 4, 4), kernel_size=2, stride=2).shape
    torch.Size([1, 12, 4])
    """
    x = check_tensor(input, "unfold", "input")
    shape = rules.unfold_blocks(tuple(x._shape), *map(hashable, (kernel_size, dilation, padding, stride)))
    form = _block_form(x.shape[-2:], kernel_size, dilation, padding, stride, "unfold")
    blocks = windows(x, form, 0)  # [..., C, *counts, *kernel]
    n = blocks.ndim - 4
    return owned(blocks.permute((*range(n), n + 2, n + 3, n, n + 1)).contiguous().reshape(shape))


@operator(namespace="nn.functional", method=False)
def fold(input: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """[N, C·kh·kw, L] or [C·kh·kw, L] added up where the blocks lay: [N, C, *output_size]."""
    x = check_tensor(input, "fold", "input")
    shape = rules.fold_blocks(tuple(x._shape), *map(hashable, (output_size, kernel_size, dilation, padding, stride)))
    form = _block_form(shape[-2:], kernel_size, dilation, padding, stride, "fold")
    blocks = x.reshape((*shape[:-2], *form.kernel, *form.counts))
    n = blocks.ndim - 4
    blocks = blocks.permute((*range(n), n + 2, n + 3, n, n + 1))
    # Folding is the transpose of cutting: the gradient of WINDOW, then of the padding.
    whole = tuple(size + 2 * p for size, p in zip(form.sizes, form.padding))
    source = SimpleNamespace(shape=(*shape[:-2], *whole))
    assert WINDOW.gradient is not None
    (total,) = WINDOW.gradient(blocks, None, (source,), ((n, n + 1), form.kernel, form.stride, form.dilation))
    crop = tuple(-p for p in form.padding)
    return padded(total, crop, crop, 0)


# --- grids ---------------------------------------------------------------------------------------------------------------------
@operator(namespace="nn.functional", method=False)
def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The places that affine maps theta [N, d, d + 1] send an image's pixels to, for `grid_sample`: [N, *size[2:], d].

    Coordinates run from −1 to 1 between the corner pixels' centres (`align_corners`) or outer edges.
    """
    if align_corners is None:
        warnings.warn(
            "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify "
            "align_corners=True if the old behavior is desired. See the documentation of grid_sample for details.",
            stacklevel=2,
        )
        align_corners = False
    if check_tensor(theta, "affine_grid", "theta").dtype.category != 2:
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    size = tuple(size)
    if any(n <= 0 for n in size):
        raise ValueError(f"Expected non-zero, positive output size. Got {list(size)}")
    interpolation.affine_grid(tuple(theta._shape), size)
    spatial = size[2:]
    rank = len(spatial)
    lead = (size[0],) + (1,) * rank
    total = theta[:, :, rank].reshape((*lead, rank))
    for column in range(rank):
        dim = rank - 1 - column  # theta's columns are x, y, z; the sizes are depth, height, width
        n = spatial[dim]
        coordinate = linspace(-1, 1, n, dtype=theta.dtype, device=theta.device) if n > 1 else theta.detach().new_zeros(1)
        if not align_corners:
            coordinate = coordinate * (n - 1) / n
        place = coordinate.reshape([n if d == dim + 1 else 1 for d in range(rank + 2)])
        total = total + place * theta[:, :, column].reshape((*lead, rank))
    return total


def _unnormalized(coordinate: Tensor, size: int, rank: int, align_corners: bool) -> Tensor:
    """From [−1, 1] to element positions. Rounded as PyTorch's: where an image is sampled at its own pixels, as spatial
    transformers begin, the last bit decides between which two of them a position lies, and with that the gradient."""
    from_edge = coordinate + 1
    if rank == 2:
        return from_edge * ((size - 1) / 2) if align_corners else from_edge * (size / 2) - 0.5
    return from_edge / 2 * (size - 1) if align_corners else (from_edge * size - 1) / 2


def _reflected(position: Tensor, low: float, high: float) -> Tensor:
    """Folded back at the bounds until inside."""
    if high == low:
        return position * 0
    span = high - low
    distance = (position - low).abs()
    flips = (distance / span).detach().floor()
    extra = distance - flips * span
    return extra.where(flips.remainder(2) == 0, span - extra) + low


def _inside(position: Tensor, size: int, padding_mode: str, align_corners: bool) -> Tensor:
    """Positions moved into the image as the padding mode says; those on its border and beyond have no gradient."""
    if padding_mode == "reflection":
        position = _reflected(position, 0, size - 1) if align_corners else _reflected(position, -0.5, size - 0.5)
    if padding_mode != "zeros":
        clipped = position.clamp(0, size - 1)
        position = clipped.where((clipped > 0) & (clipped < size - 1), clipped.detach())
    return position


def _sampled(x: Tensor, places: Sequence[Tensor], zeros: bool) -> Tensor:
    """x [N, C, *S] at whole positions (one tensor [N, P] a dimension, last dimension last): [N, C, P]; 0 outside with `zeros`."""
    n, channels, *sizes = x.shape
    flat, valid = None, None
    for place, size in zip(places, sizes):
        index = cast(place.detach().clamp(-1, size), int64)
        if zeros:
            here = (index >= 0) & (index < size)
            valid = here if valid is None else valid & here
        index = index.clamp(0, size - 1)
        flat = index if flat is None else flat * size + index
    assert flat is not None
    points = flat.shape[1]
    values = x.reshape((n, channels, -1)).gather(2, flat.unsqueeze(1).expand((n, channels, points)))
    return values if valid is None else values._fill_where(~valid.unsqueeze(1), 0)


def _linear_sample(x: Tensor, at: Sequence[Tensor], zeros: bool) -> Tensor:
    """The 2^d neighbours, weighted by nearness."""
    lows = [p.detach().floor() for p in at]
    shares = [p - low for p, low in zip(at, lows)]
    total = None
    for corner in itertools.product((0, 1), repeat=len(at)):
        places = [low + c for low, c in zip(lows, corner)]
        weight = None
        for share, c in zip(shares, corner):
            part = share if c else 1 - share
            weight = part if weight is None else weight * part
        assert weight is not None
        term = _sampled(x, places, zeros) * weight.unsqueeze(1)
        total = term if total is None else total + term
    assert total is not None
    return total


def _cubic_weights(t: Tensor) -> list[Tensor]:
    """Keys' convolution weights with a = −0.75 at distances 1 + t, t, 1 − t, 2 − t."""
    a = -0.75

    def near(x: Tensor) -> Tensor:
        return (x * (a + 2) - (a + 3)) * x * x + 1

    def far(x: Tensor) -> Tensor:
        return ((x * a - 5 * a) * x + 8 * a) * x - 4 * a

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


def _cubic_sample(x: Tensor, at: Sequence[Tensor], padding_mode: str, align_corners: bool) -> Tensor:
    """The 4×4 neighbours; each neighbour's position, not the point's, is moved inside."""
    sizes = x.shape[2:]
    lows = [p.detach().floor() for p in at]
    weights = [_cubic_weights(p - low) for p, low in zip(at, lows)]
    total = None
    for row, column in itertools.product(range(4), repeat=2):
        places = [_inside(low + (k - 1), size, padding_mode, align_corners) for low, k, size in zip(lows, (row, column), sizes)]
        term = _sampled(x, places, padding_mode == "zeros") * (weights[0][row] * weights[1][column]).unsqueeze(1)
        total = term if total is None else total + term
    assert total is not None
    return total


def _grid_sampled(x: Tensor, grid: Tensor, mode: str, padding_mode: str, align_corners: bool, shape: tuple[int, ...]) -> Tensor:
    sizes = tuple(x.shape[2:])
    points = grid.reshape((shape[0], -1, len(sizes)))
    at = [_unnormalized(points[..., len(sizes) - 1 - d], size, len(sizes), align_corners) for d, size in enumerate(sizes)]
    zeros = padding_mode == "zeros"
    if mode == "bicubic":
        return _cubic_sample(x, at, padding_mode, align_corners).reshape(shape)
    at = [_inside(p, size, padding_mode, align_corners) for p, size in zip(at, sizes)]
    if mode == "nearest":
        found = _sampled(x, [p.detach().round() for p in at], zeros)
        return record(_NEAREST, from_node(found._value()), (found, points)).reshape(shape)
    return _linear_sample(x, at, zeros).reshape(shape)


_NEAREST_GRID = flat("grid_sampler_2d_backward")
_NEAREST = Composite(
    "grid_sample",
    lambda g, y, inputs, params: (g, lambda: record(_NEAREST_GRID, g.new_zeros(inputs[1].shape), (g,))),
    saves="shapes",
)
"""What was found on a grid: were the grid's places a little elsewhere, they would have the same neighbours."""
_GRID_SAMPLED: dict[Any, Any] = {}


@operator(namespace="nn.functional", method=False)
def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """input [N, C, *S] read at grid [N, *T, d], whose last dimension is (x, y) or (x, y, z) in [−1, 1]: [N, C, *T].

    Modes "bilinear" (also for volumes), "nearest", "bicubic" (images only); outside: "zeros", "border" or "reflection".

    >>> F.grid_sample(torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 1, 2), align_corners=True)
    tensor([[[[1.]]]])
    """
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(
            f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
            f"'{padding_mode}'"
        )
    if align_corners is None:
        warnings.warn(
            "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify "
            "align_corners=True if the old behavior is desired. See the documentation of grid_sample for details.",
            stacklevel=2,
        )
        align_corners = False
    x = check_tensor(input, "grid_sampler", "input", 1)
    check_tensor(grid, "grid_sampler", "grid", 2)
    check_device(x, grid)
    if x.dtype is not grid.dtype:
        raise RuntimeError(f"expected scalar type {scalar_name(x)} but found {scalar_name(grid)}")
    check_floating("grid_sampler", x)
    shape = interpolation.grid_sample(tuple(x._shape), tuple(grid._shape))
    sizes = tuple(x.shape[2:])
    if 0 in sizes:
        raise RuntimeError(
            f"grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes {list(x.shape)} with "
            f"dimension {2 + sizes.index(0)} being empty"
        )
    if mode == "bicubic" and x.ndim != 4:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    return repeated(_GRID_SAMPLED, _grid_sampled, (x, grid), (mode, padding_mode, align_corners, shape))[0]
