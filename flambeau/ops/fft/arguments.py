"""What Fourier transforms do with their arguments: dtypes, dimensions, numbers of points, scales.

May import what `flambeau.ops` may.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flambeau.dtypes import default_dtype
from flambeau.ops.joining import pad_constant
from flambeau.ops.operands import cast, check_tensor, dims_argument, integer
from flambeau.ops.registry import scalar_name
from flambeau.shapes.dims import wrap_dim
from flambeau.tensor import Tensor

__all__ = ["dims_and_sizes", "one_dim", "operand", "points", "resized", "scale_of"]


def operand(name: str, input: Any, kind: str) -> Tensor:
    """The input as float32, float64 or their complex dtypes; `kind` "real" refuses complex numbers, "complex" makes them."""
    check_tensor(input, name, "input")
    if input.dtype.category < 2:
        input = cast(input, default_dtype())
    if input.dtype.itemsize == 2:
        raise RuntimeError(f"Unsupported dtype {scalar_name(input)}")
    if kind == "real" and input.is_complex():
        what = "real-valued" if name.endswith("n") else "real"
        raise RuntimeError(f"{name} expects a {what} input tensor, but got {scalar_name(input)}")
    return cast(input, input.dtype.to_complex()) if kind == "complex" else input


def scale_of(norm: Any, inverse: bool) -> int:
    """What the sum is divided by (`transform`'s scale).

    "backward" divides the inverse transform by n, "forward" the other, "ortho" both by √n.
    """
    if norm not in (None, "backward", "forward", "ortho"):
        raise RuntimeError(f'Invalid normalization mode: "{norm}"')
    if norm == "ortho":
        return 1
    return 2 if (norm == "forward") is not inverse else 0


def one_dim(input: Tensor, dim: Any) -> int:
    """A dimension counted from the end."""
    rank = len(input._shape)
    if not rank:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return wrap_dim(integer(dim, "fft", "dim"), rank) - rank


def _count(n: int) -> int:
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")
    return n


def points(n: Any, size: int) -> int:
    """The number of points: n, or the dimension's size."""
    return _count(size if n is None else integer(n, "fft", "n"))


def resized(input: Tensor, sizes: dict[int, int]) -> Tensor:
    """Dimensions (counted from the end) cut, or filled up with zeros, to sizes."""
    widths = [(0, 0)] * len(input._shape)
    for dim, n in sizes.items():
        widths[dim] = (0, n - input._shape[dim])
    return pad_constant(input, widths) if any(high for _, high in widths) else input


def dims_and_sizes(input: Tensor, s: Any, dim: Any) -> tuple[tuple[int, ...], list[int]]:
    """The dimensions to transform, counted from the end, and the points of each; in `s`, -1 keeps a dimension's size."""
    rank = len(input._shape)
    given: Sequence[int] | None = None if s is None else (s,) if isinstance(s, int) else [integer(n, "fft", "s") for n in s]
    if dim is not None:
        named = dims_argument(dim)
        dims = [wrap_dim(d, rank) - rank for d in ((named,) if isinstance(named, int) else named)]
        if len(set(dims)) != len(dims):
            raise RuntimeError("FFT dims must be unique")
        if given is not None and len(given) != len(dims):
            raise RuntimeError("When given, dim and shape arguments must have the same length")
    elif given is not None:
        if len(given) > rank:
            raise RuntimeError(f"Got shape with {len(given)} values but input tensor only has {rank} dimensions.")
        dims = list(range(-len(given), 0))
    else:
        dims = list(range(-rank, 0))
    sizes = [input._shape[d] for d in dims] if given is None else [input._shape[d] if n == -1 else n for d, n in zip(dims, given)]
    return tuple(dims), sizes
