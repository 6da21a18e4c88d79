"""Transforms along one dimension: `fft`, `ifft`, `rfft`, `irfft`, `hfft`, `ihfft`. May import what `flambeau.ops` may.

n is the number of points: the input is cut, or filled up with zeros, to it. `norm` says what is divided by n: "backward" (the
default) the inverse, "forward" the other, "ortho" both by √n.
"""

from __future__ import annotations

from typing import Any

from flambeau.ops.fft.arguments import one_dim, operand, points, resized, scale_of
from flambeau.ops.fft.transform import complex_to_complex, complex_to_real, real_to_complex
from flambeau.ops.registry import operator
from flambeau.tensor import Tensor

__all__ = ["fft", "hfft", "ifft", "ihfft", "irfft", "rfft"]


def _both_ways(name: str, inverse: bool, doc: str) -> Any:
    def transform(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
        x = operand(name, input, "any")
        d = one_dim(x, dim)
        x = resized(x, {d: points(n, x._shape[d])})
        return complex_to_complex(x, (d,), inverse, scale_of(norm, inverse))

    transform.__name__ = transform.__qualname__ = name
    transform.__doc__ = doc
    operator(name, namespace="fft", method=False, out=True)(transform)
    return transform


fft = _both_ways("fft", False, """The discrete Fourier transform along `dim`: Σ_j x_j·exp(-2πi·jk/n).

    >>> torch.fft.fft(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    tensor([10.+0.j, -2.+2.j, -2.+0.j, -2.-2.j])
    """)  # fmt: skip
ifft = _both_ways("ifft", True, "The inverse transform along `dim`: Σ_k X_k·exp(2πi·jk/n) / n.")


def _of_real(name: str, inverse: bool, doc: str) -> Any:
    def transform(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
        x = operand(name, input, "real")
        d = one_dim(x, dim)
        x = resized(x, {d: points(n, x._shape[d])})
        y = real_to_complex(x, d, scale_of(norm, inverse))
        return y.conj_physical() if inverse else y

    transform.__name__ = transform.__qualname__ = name
    transform.__doc__ = doc
    operator(name, namespace="fft", method=False, out=True)(transform)
    return transform


rfft = _of_real("rfft", False, """The first n // 2 + 1 points of the transform of real numbers; the others are their conjugates.

    >>> torch.fft.rfft(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    tensor([10.+0.j, -2.+2.j, -2.+0.j])
    """)  # fmt: skip
ihfft = _of_real("ihfft", True, "The first n // 2 + 1 points of the inverse transform of real numbers.")


def _to_real(name: str, inverse: bool, doc: str) -> Any:
    def transform(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
        x = operand(name, input, "complex")
        d = one_dim(x, dim)
        count = points(n, 2 * (x._shape[d] - 1))
        x = resized(x, {d: count // 2 + 1})
        return complex_to_real(x if inverse else x.conj_physical(), d, count, scale_of(norm, inverse))

    transform.__name__ = transform.__qualname__ = name
    transform.__doc__ = doc
    operator(name, namespace="fft", method=False, out=True)(transform)
    return transform


irfft = _to_real("irfft", True, """The inverse of `rfft`, of n points (2·(size - 1) unless told).

    >>> torch.fft.irfft(torch.tensor([10 + 0j, -2 + 2j, -2 + 0j]))
    tensor([1., 2., 3., 4.])
    """)  # fmt: skip
hfft = _to_real(
    "hfft", False, "The transform, real, of a Hermitian signal of n points (2·(size - 1) unless told), half of it given."
)
