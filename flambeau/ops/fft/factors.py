"""A discrete Fourier transform made of smaller ones, where there is no kernel for it: on GPUs, of sizes with a large prime
factor, and of very long ones.

Cooley and Tukey's: n = n₁·n₂ points are n₂ transforms of n₁ points, each a product with a small matrix, turned by roots of unity
("twiddles"), and n₁ transforms of n₂ points. A large prime number of points becomes a convolution, after Bluestein ("A linear
filtering approach to the computation of the discrete Fourier transform", 1970). May import what `flambeau.ops` may.
"""

from __future__ import annotations

import math
from typing import Any

from flambeau.dtypes import dtype, int64
from flambeau.graph.primitives.complex import COMPLEX
from flambeau.graph.primitives.fourier import FOURIER
from flambeau.ops.creation import iota
from flambeau.ops.joining import cat, pad_constant
from flambeau.ops.matmul import matmul
from flambeau.ops.operands import cast
from flambeau.ops.sequences import finest
from flambeau.storage import pending
from flambeau.tensor import Tensor

__all__ = ["fourier", "has_kernel", "transformed"]

RADIX = 32
"""The most points that are transformed by one product with a matrix, where there is a choice."""
DIRECT = 128
"""The most points, if their number is a prime, that are."""

LONGEST = 1 << 22
"""The most points of one kernel."""

_tables: dict[Any, Tensor] = {}
_TABLES = 256


def has_kernels(t: Tensor) -> bool:
    """Whether the tensor's device has transforms of its own."""
    return not t._storage.device.startswith("webgpu")


def has_kernel(t: Tensor, n: int) -> bool:
    """Whether the tensor's device transforms n points by itself."""
    return has_kernels(t) and (t._storage.device.startswith("reference") or (n <= LONGEST and _is_well_factored(n)))


def fourier(x: Tensor, kind: str, dim: int, n: int, factor: float) -> Tensor:
    """The primitive along a dimension that is counted from the end."""
    return Tensor._apply(FOURIER, (x,), (kind, len(x._shape) + dim, n, factor))


def transformed(x: Tensor, inverse: bool) -> Tensor:
    """Σ_j x[..., j]·exp(∓2πi·jk/n) for each k of the last dimension of a complex tensor, + if `inverse`."""
    n = x._shape[-1]
    if n == 1:
        return x
    if has_kernel(x, n):
        return fourier(x, "inverse" if inverse else "forward", -1, n, 1.0)
    by_kernels = has_kernels(x)
    first = _first_factor(n, math.isqrt(n) if by_kernels else RADIX)
    if by_kernels and not _is_well_factored(n):
        return _convolved(x, inverse)
    if first == n:
        return matmul(x, _matrix(n, inverse, x)) if n <= max(DIRECT, RADIX) else _convolved(x, inverse)
    rest = n // first
    rows = x.unflatten(-1, (first, rest))
    if first <= RADIX and not by_kernels:
        rows = matmul(_matrix(first, inverse, x), rows)
    else:
        rows = transformed(rows.transpose(-1, -2), inverse).transpose(-1, -2)
    rows = transformed(rows * _twiddles(first, rest, inverse, x), inverse)
    return rows.transpose(-1, -2).reshape(tuple(x._shape))


def _is_well_factored(n: int) -> bool:
    """Whether a number of points has small prime factors alone."""
    for factor in range(2, RADIX):
        while n % factor == 0:
            n //= factor
    return n == 1


def _first_factor(n: int, most: int) -> int:
    """The largest factor up to `most`, else the smallest there is."""
    if n <= most:
        return n
    for factor in range(most, 1, -1):
        if n % factor == 0:
            return factor
    for factor in range(most + 1, math.isqrt(n) + 1):
        if n % factor == 0:
            return factor
    return n


def _kept(key: tuple[Any, ...], like: Tensor, make: Any) -> Tensor:
    """A table of one dtype and device, made once, but not while a call is recorded or made into one of many."""
    key = (*key, like.dtype, like._storage.device)
    found = _tables.get(key)
    if found is None:
        found = make()
        if pending.recorder is None and not pending.examples:
            if len(_tables) >= _TABLES:
                _tables.clear()
            _tables[key] = found
    return found


def _roots(numerator: Tensor, n: int, inverse: bool, type: dtype) -> Tensor:
    """exp(∓2πi·numerator/n) of integers, which are brought to within half a turn before they are rounded."""
    turn = numerator.remainder(n)
    turn = turn - (turn * 2 > n).to(int64) * n
    wide = finest(turn._storage.device)
    angle = cast(turn, wide) * ((2 if inverse else -2) * math.pi / n)
    return Tensor._apply(COMPLEX, (cast(angle.cos(), type.real), cast(angle.sin(), type.real)))


def _products(rows: int, columns: int, device: str) -> Tensor:
    """j·k for all j < rows and k < columns."""
    return iota(rows, int64, device).unsqueeze(1) * iota(columns, int64, device)


def _matrix(n: int, inverse: bool, like: Tensor) -> Tensor:
    device = like._storage.device
    return _kept(("matrix", n, inverse), like, lambda: _roots(_products(n, n, device), n, inverse, like.dtype))


def _twiddles(first: int, rest: int, inverse: bool, like: Tensor) -> Tensor:
    device, n = like._storage.device, first * rest
    return _kept(("twiddles", first, rest, inverse), like, lambda: _roots(_products(first, rest, device), n, inverse, like.dtype))


def _convolved(x: Tensor, inverse: bool) -> Tensor:
    """jk = (j² + k² - (k-j)²)/2: the transform is a convolution with a chirp, between two products with its conjugate."""
    n = x._shape[-1]
    size = 1 << (2 * n - 2).bit_length()
    chirp = _kept(("chirp", n, inverse), x, lambda: _chirp(n, inverse, x))

    def spectrum() -> Tensor:
        tail = chirp.conj()[1:].flip(0)
        return transformed(cat([pad_constant(chirp.conj(), ((0, size - 2 * n + 1),)), tail]), False)

    filter = _kept(("filter", n, inverse), x, spectrum)
    widths = ((0, 0),) * (len(x._shape) - 1)
    signal = transformed(pad_constant(x * chirp, (*widths, (0, size - n))), False)
    return transformed(signal * filter, True).narrow(-1, 0, n) * (chirp * (1 / size))


def _chirp(n: int, inverse: bool, like: Tensor) -> Tensor:
    j = iota(n, int64, like._storage.device)
    return _roots(j * j, 2 * n, inverse, like.dtype)
