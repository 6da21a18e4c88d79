"""L D Lᵀ of symmetric matrices that needn't be definite, on NumPy arrays: by LAPACK, or without it by the method of J. Bunch and
L. Kaufman, "Some stable methods for calculating inertia and solving symmetric linear systems" (1977).

As in LAPACK, L and D's lower triangle share a matrix, exchanges don't reach columns that are done, and a block of two has its row
(from 1) as a negative number twice. May import `flambeau.ops.lapack`.
"""

from __future__ import annotations

import math
from typing import Any

from flambeau.graph.numpy import np
from flambeau.ops import lapack

__all__ = ["factored", "solved"]

_BALANCE = (1 + math.sqrt(17)) / 8
"""How large, against others, a number must be to be a pivot alone: bounds what elements grow by in two steps."""


def _turned(a: Any, hermitian: bool) -> Any:
    return a.T.conj() if hermitian else a.T


def _size(x: Any) -> Any:
    return np.abs(x.real) + np.abs(x.imag)


def factored(a: Any, hermitian: bool) -> tuple[Any, Any, Any]:
    """For a batch: L and D in one matrix, the exchanged rows, and the place (from 1) of the first zero on D's diagonal or 0."""
    lower, (count, n) = np.tril(a), a.shape[:2]
    if a.size and lapack.is_there():
        packed, pivots = lapack.by_columns(lower), np.empty((count, n), lapack.integers())
        name = "hetrf" if hermitian and a.dtype.kind == "c" else "sytrf"
        info = lapack.run(name, a.dtype, (b"L", n, packed, n, pivots, lapack.WORK), count)
        return np.swapaxes(packed, -1, -2), pivots, info
    pivots, info = np.zeros((count, n), np.int64), np.zeros(count, np.int64)
    with np.errstate(all="ignore"):
        for i in range(count):
            info[i] = _factor(lower[i], pivots[i], hermitian)
    return lower, pivots, info


def _pivot(m: Any, k: int) -> tuple[int, int]:
    """The row whose diagonal element (or, of a block of two, which beside row k) comes next, and the size of the block."""
    below = _size(m[k + 1 :, k])
    own, largest = float(_size(m[k, k])), float(below.max(initial=0))
    if own >= _BALANCE * largest:
        return k, 1
    r = k + 1 + int(np.argmax(below))
    beside = max(_size(m[r, k:r]).max(initial=0), _size(m[r + 1 :, r]).max(initial=0))
    if own >= _BALANCE * largest * (largest / beside):
        return k, 1
    return (r, 1) if _size(m[r, r]) >= _BALANCE * beside else (r, 2)


def _exchange(m: Any, k: int, at: int, p: int, hermitian: bool) -> None:
    """Rows and columns `at` and `p` of what is left, in the lower triangle; `k` is where the block begins."""
    m[p + 1 :, [at, p]] = m[p + 1 :, [p, at]]
    between = m[at + 1 : p, at].copy()
    m[at + 1 : p, at], m[p, at + 1 : p] = _turned(m[p, at + 1 : p], hermitian), _turned(between, hermitian)
    if hermitian:
        m[p, at] = m[p, at].conj()
    m[at, at], m[p, p] = m[p, p], m[at, at]
    if at > k:
        m[at, k], m[p, k] = m[p, k], m[at, k]


def _factor(m: Any, pivots: Any, hermitian: bool) -> int:
    """Factors one matrix, of which the lower triangle is given, in place."""
    n, k, info = len(m), 0, 0
    while k < n:
        if not _size(m[k:, k]).max() > 0:
            pivots[k], info, k = k + 1, info or k + 1, k + 1
            continue
        p, width = _pivot(m, k)
        at = k + width - 1
        if p != at:
            _exchange(m, k, at, p, hermitian)
        done = k + width
        if hermitian:
            m[range(k, done), range(k, done)] = m[range(k, done), range(k, done)].real
        columns = m[done:, k:done].copy()
        m[done:, k:done] = columns @ np.linalg.inv(_block(m, k, width, hermitian))
        m[done:, done:] -= np.tril(m[done:, k:done] @ _turned(columns, hermitian))
        pivots[k:done], k = (p + 1 if width == 1 else -(p + 1)), done
    return info


def _block(m: Any, k: int, width: int, hermitian: bool) -> Any:
    """A block of D, of which the lower triangle is given."""
    block = m[k : k + width, k : k + width].copy()
    if width == 2:
        block[0, 1] = block[1, 0].conj() if hermitian else block[1, 0]
    return block


def solved(packed: Any, pivots: Any, b: Any, hermitian: bool) -> Any:
    """X of A X = B for a batch of the A's `factored`; one of either stands for all."""
    count, (n, k) = max(len(packed), len(b)), b.shape[1:]
    b = np.broadcast_to(b, (count, n, k))
    if b.size and lapack.is_there():
        x, factors = lapack.by_columns(b), lapack.by_columns(packed)
        exchanged = np.ascontiguousarray(pivots.real, lapack.integers())
        name = "hetrs" if hermitian and packed.dtype.kind == "c" else "sytrs"
        lapack.run(name, packed.dtype, (b"L", n, k, factors, n, exchanged, x, n), count)
        return np.swapaxes(x, -1, -2)
    x, places = np.array(b), pivots.real.astype(np.int64)
    for i in range(count):
        _solve(packed[i % len(packed)], places[i % len(packed)].tolist(), x[i], hermitian)
    return x


def _solve(m: Any, pivots: list[int], x: Any, hermitian: bool) -> None:
    """Solves for the columns of x in place: by L's columns, D's blocks, and L's columns back."""
    steps, k = [], 0
    while k < len(m):
        steps.append((k, 1 if pivots[k] > 0 else 2))
        k += steps[-1][1]
    for k, width in steps:
        at, p, done = k + width - 1, abs(pivots[k]) - 1, k + width
        x[[at, p]] = x[[p, at]]
        x[done:] -= m[done:, k:done] @ x[k:done]
        x[k:done] = np.linalg.solve(_block(m, k, width, hermitian), x[k:done])
    for k, width in reversed(steps):
        at, p, done = k + width - 1, abs(pivots[k]) - 1, k + width
        x[k:done] -= _turned(m[done:, k:done], hermitian) @ x[done:]
        x[[at, p]] = x[[p, at]]
