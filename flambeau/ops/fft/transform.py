"""The three transforms: complex to complex, real to half of a spectrum, and back. May import what `flambeau.ops` may.

`scale` is what a sum is divided by: 0 for nothing, 1 for √n, 2 for n, where n is the number of points. All are linear, so each
one's gradient is another.
"""

from __future__ import annotations

import math
from typing import Any

from flambeau.graph.primitives.complex import REAL
from flambeau.ops.composite import Composite, record, untaped
from flambeau.ops.creation import full
from flambeau.ops.fft.factors import fourier, has_kernel, transformed
from flambeau.ops.joining import cat
from flambeau.ops.operands import cast
from flambeau.tensor import Tensor

__all__ = ["complex_to_complex", "complex_to_real", "real_to_complex"]


def _divisor(n: int, scale: int) -> float:
    return (1.0, 1 / math.sqrt(n), 1 / n)[scale]


def _along(x: Tensor, dim: int, inverse: bool, factor: float) -> Tensor:
    """A complex tensor transformed along one dimension, times `factor`."""
    if has_kernel(x, x._shape[dim]):
        return fourier(x, "inverse" if inverse else "forward", dim, x._shape[dim], factor)
    y = transformed(x.movedim(dim, -1), inverse).movedim(-1, dim)
    return y if factor == 1 else y * factor


def _complex_gradient(g: Tensor, y: Any, inputs: Any, params: Any) -> tuple[Any]:
    dims, inverse, scale, is_real = params

    def part() -> Tensor:
        found = complex_to_complex(g, dims, not inverse, scale)
        return found.real if is_real else found

    return (part,)


_COMPLEX = Composite("fft_c2c", _complex_gradient, saves="", conjugates=False)


def complex_to_complex(x: Tensor, dims: tuple[int, ...], inverse: bool, scale: int) -> Tensor:
    """Σ x·exp(∓2πi·jk/n) over each of `dims` (counted from the end), + if `inverse`; x may be real."""
    if not dims:
        return cast(x, x.dtype.to_complex()).clone()
    with untaped():
        type = x.dtype.to_complex()
        y, factor = cast(x, type), _divisor(math.prod(x._shape[d] for d in dims), scale)
        for dim in dims:
            y = _along(y, dim, inverse, factor if dim == dims[-1] else 1.0)
    return record(_COMPLEX, y, (x,), (dims, inverse, scale, not x.is_complex()))


def _weighted(half: Tensor, dim: int, n: int, weight: float) -> Tensor:
    """Half of a spectrum; what stands for two of the n points is weighted."""
    ends = half.narrow(dim, 0, 1)
    inner = (n + 1) // 2 - 1
    parts = [ends, half.narrow(dim, 1, inner) * full((), weight, dtype=half.dtype.real, device=half.device)]
    if n % 2 == 0:
        parts.append(half.narrow(dim, n // 2, 1))
    return cat(parts, dim)


_REAL = Composite(
    "fft_r2c",
    lambda g, y, inputs, params: (
        lambda: complex_to_real(_weighted(g, params[0], params[1], 0.5), params[0], params[1], params[2]),
    ),
    saves="",
    conjugates=False,
)


def real_to_complex(x: Tensor, dim: int, scale: int) -> Tensor:
    """The first n // 2 + 1 of the n sums Σ x·exp(-2πi·jk/n) along `dim`, counted from the end, of real numbers."""
    n = x._shape[dim]
    with untaped():
        if n % 2 == 0 and has_kernel(x, n):
            y = fourier(x, "real", dim, n, _divisor(n, scale))
        else:
            whole = _along(cast(x, x.dtype.to_complex()), dim, False, _divisor(n, scale))
            y = whole.narrow(dim, 0, n // 2 + 1).contiguous()
    return record(_REAL, y, (x,), (dim, n, scale))


_HALF = Composite(
    "fft_c2r",
    lambda g, y, inputs, params: (lambda: _weighted(real_to_complex(g, params[0], params[2]), params[0], params[1], 2.0),),
    saves="",
    conjugates=False,
)


def complex_to_real(x: Tensor, dim: int, n: int, scale: int) -> Tensor:
    """The n real sums Σ X·exp(2πi·jk/n) along `dim`, counted from the end, X the Hermitian spectrum whose first n // 2 + 1 points
    are given; imaginary parts that a Hermitian spectrum hasn't are not read."""
    with untaped():
        if n % 2 == 0 and has_kernel(x, n):
            y = fourier(x, "half", dim, n, _divisor(n, scale))
        else:
            mirrored = x.narrow(dim, 1, (n + 1) // 2 - 1).flip(dim).conj()
            y = Tensor._apply(REAL, (_along(cat([x, mirrored], dim), dim, True, _divisor(n, scale)),))
    return record(_HALF, y, (x,), (dim, n, scale))
