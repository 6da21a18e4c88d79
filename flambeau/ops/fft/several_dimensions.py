"""Transforms along several dimensions: `fft2`, `fftn` and their kin. May import what `flambeau.ops` may.

`s` are the numbers of points (-1 keeps a size), `dim` the dimensions: all, or the last ones that `s` counts, or for names in "2"
the last two. `norm` is as along one dimension. What is real has half of its spectrum along the last of `dim`.
"""

from __future__ import annotations

from typing import Any

from flambeau.ops.fft.arguments import dims_and_sizes, operand, points, resized, scale_of
from flambeau.ops.fft.transform import complex_to_complex, complex_to_real, real_to_complex
from flambeau.ops.registry import operator
from flambeau.tensor import Tensor

__all__: list[str] = []


def _register(name: str, transform: Any, doc: str) -> None:
    """Both `name`n and `name`2."""

    def over_any(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
        return transform(name + "n", input, s, dim, norm)

    def over_two(input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Tensor:
        if dim is None:
            raise TypeError(f"fft_{name}2(): argument 'dim' (position 3) must be tuple of ints, not NoneType")
        return transform(name + "n", input, s, dim, norm)

    for function, own, where in ((over_any, name + "n", "`dim`"), (over_two, name + "2", "two dimensions")):
        function.__name__ = function.__qualname__ = own
        function.__doc__ = doc.format(where)
        operator(own, namespace="fft", method=False, out=True)(function)  # type: ignore[arg-type]


def _both_ways(inverse: bool) -> Any:
    def transform(name: str, input: Tensor, s: Any, dim: Any, norm: Any) -> Tensor:
        x = operand(name, input, "any")
        dims, sizes = dims_and_sizes(x, s, dim)
        x = resized(x, {d: points(None, n) for d, n in zip(dims, sizes)})
        return complex_to_complex(x, dims, inverse, scale_of(norm, inverse))

    return transform


def _of_real(inverse: bool) -> Any:
    def transform(name: str, input: Tensor, s: Any, dim: Any, norm: Any) -> Tensor:
        x = operand(name, input, "real")
        dims, sizes = dims_and_sizes(x, s, dim)
        if not dims:
            raise RuntimeError(f"{name} must transform at least one axis")
        x = resized(x, {d: points(None, n) for d, n in zip(dims, sizes)})
        scale = scale_of(norm, inverse)
        y = real_to_complex(x, dims[-1], scale)
        y = y.conj_physical() if inverse else y
        return complex_to_complex(y, dims[:-1], inverse, scale) if dims[1:] else y

    return transform


def _to_real(inverse: bool) -> Any:
    def transform(name: str, input: Tensor, s: Any, dim: Any, norm: Any) -> Tensor:
        x = operand(name, input, "complex")
        dims, sizes = dims_and_sizes(x, s, dim)
        if not dims:
            raise RuntimeError(f"{name} must transform at least one axis")
        keeps_last = s is None or (s if isinstance(s, int) else s[-1]) == -1
        last = points(None, 2 * (sizes[-1] - 1) if keeps_last else sizes[-1])
        x = resized(x, {**{d: points(None, n) for d, n in zip(dims[:-1], sizes)}, dims[-1]: last // 2 + 1})
        scale = scale_of(norm, inverse)
        y = complex_to_complex(x, dims[:-1], inverse, scale) if dims[1:] else x
        return complex_to_real(y if inverse else y.conj_physical(), dims[-1], last, scale)

    return transform


_register("fft", _both_ways(False), "The discrete Fourier transform over {}.")
_register("ifft", _both_ways(True), "The inverse discrete Fourier transform over {}.")
_register("rfft", _of_real(False), "The transform of real numbers over {}: half of it along the last.")
_register("ihfft", _of_real(True), "The inverse transform of real numbers over {}: half of it along the last.")
_register("irfft", _to_real(True), "The inverse of the transform of real numbers over {}.")
_register("hfft", _to_real(False), "The transform, which is real, of a Hermitian signal over {}, half given along the last.")
