"""Resizing images, and sampling them on a grid. May import: shapes.errors, shapes.sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from flambeau.shapes.errors import ShapeError, require, show
from flambeau.shapes.sizes import Shape, Size, differ, equal, less

MODE_RANKS = {
    "nearest": (3, 4, 5),
    "nearest-exact": (3, 4, 5),
    "area": (3, 4, 5),
    "linear": (3,),
    "bilinear": (4,),
    "bicubic": (4,),
    "trilinear": (5,),
}


def _scaled(size: Size, factor: float | int) -> Size:
    """⌊size · factor⌋; for a symbolic size, factors that are integers or their inverses."""
    if isinstance(size, int):
        return math.floor(float(size) * factor)
    if float(factor).is_integer():
        return size * int(factor)
    numerator, denominator = float(factor).as_integer_ratio()
    return size * numerator // denominator


def interpolate(
    input: Sequence[Size],
    size: Size | Sequence[Size] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
) -> Shape:
    """[N, C, *S] to [N, C, *size], or to ⌊S · scale_factor⌋. Raises ValueError and NotImplementedError where PyTorch does."""
    if mode not in MODE_RANKS:
        raise NotImplementedError(f"interpolate: unknown mode '{mode}', expected one of {', '.join(MODE_RANKS)}")
    if len(input) not in (3, 4, 5):
        raise NotImplementedError(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {len(input)}D) for the modes: {' | '.join(MODE_RANKS)}"
            f" (got {mode})"
        )
    if len(input) not in MODE_RANKS[mode]:
        raise NotImplementedError(f"Got {len(input)}D input, but {mode} mode needs {MODE_RANKS[mode][0]}D input")
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    spatial = tuple(input[2:])
    given: Any
    if size is not None:
        given, name = size, "output"
    elif scale_factor is not None:
        given, name = scale_factor, "scale_factor"
    else:
        raise ValueError("either size or scale_factor should be defined")
    values = tuple(given) if isinstance(given, (tuple, list)) else (given,) * len(spatial)
    if len(values) != len(spatial):
        raise ValueError(
            f"Input and {name} must have the same number of spatial dimensions, but got input with spatial dimensions of"
            f" {show(spatial)} and {name} of {show(values)}. Please provide input tensor in (N, C, d1, d2, ...,dK) format."
        )
    out = values if size is not None else tuple(_scaled(extent, factor) for extent, factor in zip(spatial, values))
    if any(less(extent, 1) is True for extent in (*spatial, *out)):
        raise ShapeError(f"Input and output sizes should be greater than 0, but got input {show(spatial)} and output {show(out)}")
    return (*input[:2], *out)


def grid_sample(input: Sequence[Size], grid: Sequence[Size]) -> Shape:
    """input [N, C, *S] sampled at grid [N, *T, len(S)] to [N, C, *T]."""
    if len(input) not in (4, 5) or len(input) != len(grid):
        raise ShapeError(
            "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got input with sizes"
            f" {show(input)} and grid with sizes {show(grid)}"
        )
    require(
        equal(input[0], grid[0]),
        f"grid_sampler(): expected grid and input to have same batch size, but got input with sizes {show(input)} and grid with"
        f" sizes {show(grid)}",
    )
    if differ(grid[-1], len(input) - 2):
        raise ShapeError(
            f"grid_sampler(): expected grid to have size {len(input) - 2} in last dimension, but got grid with sizes {show(grid)}"
        )
    return (*input[:2], *grid[1:-1])


def affine_grid(theta: Sequence[Size], size: Sequence[Size]) -> Shape:
    """theta [N, d, d + 1] and an image size [N, C, *S] of d spatial dimensions to [N, *S, d]."""
    if len(size) not in (4, 5):
        raise NotImplementedError(
            f"affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size {show(size)}."
        )
    d = len(size) - 2
    if len(theta) != 3 or differ(theta[1], d) or differ(theta[2], d + 1):
        raise ValueError(
            f"Expected a batch of {d}D affine matrices of shape Nx{d}x{d + 1} for size {show(size)}. Got {show(theta)}."
        )
    return (size[0], *size[2:], d)
