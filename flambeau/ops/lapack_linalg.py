"""The host's linear algebra as calls of LAPACK, for matrices that hold something. May import `flambeau.ops.lapack`.

The functions are those of `host_linalg`, which calls them where LAPACK can be reached; they give what fails as numbers (LAPACK's
INFO, for each matrix) beside the results, and leave errors to it. Matrices are the last two dimensions of arrays with one
dimension before them.
"""

from __future__ import annotations

from typing import Any

from flambeau.graph.numpy import np
from flambeau.ops.lapack import IWORK, RWORK, WORK, by_columns, integers, run

__all__ = [
    "cholesky",
    "diagonal_of_u",
    "eigh",
    "inverse",
    "least_squares",
    "lu",
    "qr",
    "reflections",
    "solve",
    "svd",
    "triangular",
]


def _rows(a: Any) -> Any:
    """A copy in row-major order: to LAPACK the transposed matrices."""
    return np.array(a, order="C")


def _turned(a: Any) -> Any:
    return np.swapaxes(a, -1, -2)


def lu(a: Any) -> tuple[Any, Any, Any]:
    """L and U in one matrix, the rows exchanged at each step (from 1), and the place (from 1) of the first zero on U's diagonal
    or 0."""
    packed, (count, m, n) = by_columns(a), a.shape
    pivots = np.empty((count, min(m, n)), integers())
    info = run("getrf", a.dtype, (m, n, packed, m, pivots), count)
    return _turned(packed), pivots, info


def diagonal_of_u(a: Any) -> tuple[Any, Any]:
    """U's diagonal, of the transposed matrices as PyTorch's, and the sign of the exchange of rows."""
    packed, pivots, _ = lu(_turned(a))
    odd = (pivots != np.arange(1, pivots.shape[-1] + 1)).sum(-1) % 2
    return np.diagonal(packed, 0, -2, -1), 1 - 2 * odd


def inverse(a: Any) -> tuple[Any, Any]:
    """The inverse of the transposed matrix in column-major order is that of the matrix in row-major order."""
    factors, (count, n, _) = _rows(a), a.shape
    result = np.zeros(a.shape, a.dtype)
    result[:, range(n), range(n)] = 1
    pivots = np.empty((count, n), integers())
    info = run("gesv", a.dtype, (n, n, factors, n, pivots, result, n), count)
    return result, lu(a)[2] if info.any() else info  # where the matrix itself has its first zero pivot


def solve(a: Any, b: Any) -> tuple[Any, Any]:
    """X of A X = B, from the factors of Aᵀ."""
    factors, x, (count, n, k) = _rows(a), by_columns(b), b.shape
    pivots = np.empty((len(factors), n), integers())
    info = run("getrf", a.dtype, (n, n, factors, n, pivots), count)
    if not info.any():
        run("getrs", a.dtype, (b"T", n, k, factors, n, pivots, x, n), count)
    return _turned(x), info


def triangular(a: Any, b: Any, upper: bool, unit: bool) -> Any:
    """X of A X = B as that of Xᵀ Aᵀ = Bᵀ. A zero on the diagonal gives infinities, as a division does."""
    x, (count, n, k) = _rows(b), b.shape
    factors = np.ascontiguousarray(a)
    # the transposed matrix of an upper triangle is a lower one
    run("trsm", a.dtype, (b"R", b"L" if upper else b"U", b"N", b"U" if unit else b"N", k, n, 1.0, factors, n, x, k), count, False)
    return x


def cholesky(a: Any, upper: bool) -> tuple[Any, Any]:
    """The factor L of A = L Lᴴ, from the triangle of A that is given."""
    factor, (count, n, _) = _rows(a), a.shape
    info = run("potrf", a.dtype, (b"L" if upper else b"U", n, factor, n), count)
    triangle = (np.triu if upper else np.tril)(factor)
    return (_turned(triangle).conj() if upper else triangle), info


def reflections(a: Any) -> tuple[Any, Any]:
    """R, below its diagonal the vectors of the reflections that make Q, and their weights; in memory by columns."""
    packed, (count, m, n) = by_columns(a), a.shape
    weights = np.empty((count, min(m, n)), a.dtype)
    run("geqrf", a.dtype, (m, n, packed, m, weights, WORK), count)
    return _turned(packed), weights


def qr(a: Any, mode: str) -> tuple[Any, ...]:
    """Q and R, or with `mode` "r" R alone."""
    packed, weights = reflections(a)
    count, m, n = a.shape
    k = min(m, n)
    if mode == "r":
        return (np.triu(packed[:, :k]),)
    columns = m if mode == "complete" else k
    r = np.triu(packed[:, :columns])
    q = np.empty((count, columns, m), a.dtype)
    q[:, :k] = _turned(packed)[:, :k]
    run("orgqr", a.dtype, (m, columns, k, q, m, weights, WORK), count)
    return _turned(q), r


def svd(a: Any, full: bool, vectors: bool) -> tuple[Any, ...]:
    """U, S and Vᴴ, or S alone. Of the transposed matrix U is Vᴴ transposed, and the other way round. ValueError for NaN."""
    (count, m, n), k = a.shape, min(a.shape[-2:])
    copy = _rows(a)
    values = np.empty((count, k), a.dtype.char.lower())
    u_size, vh_size = ((m, m), (n, n)) if full else ((m, k), (k, n))
    u, vh = (np.empty((count, *size), a.dtype) if vectors else np.empty((1, 1, 1), a.dtype) for size in (u_size, vh_size))
    job = (b"A" if full else b"S") if vectors else b"N"
    real = []
    if a.dtype.kind == "c":  # the length that LAPACK's reference gives
        real = [np.empty((1, k * max(5 * k + 7, 2 * max(m, n) + 2 * k + 1)), values.dtype)]
    whole = np.empty((1, 8 * k), integers())
    sizes_of_vh, sizes_of_u = (n, u_size[1]) if vectors else (1, 1)
    info = run("gesdd", a.dtype, (job, n, m, copy, n, values, vh, sizes_of_vh, u, sizes_of_u, WORK, *real, whole), count)
    return ((u, values, vh) if vectors else (values,)) + (info,)


def eigh(a: Any, lower: bool, vectors: bool) -> tuple[Any, Any, Any]:
    """Eigenvalues, eigenvectors (without `vectors` something else) and INFO."""
    (count, n, _) = a.shape
    found = by_columns(a)
    values = np.empty((count, n), a.dtype.char.lower())
    work = (WORK, RWORK, IWORK) if a.dtype.kind == "c" else (WORK, IWORK)
    info = run("syevd", a.dtype, (b"V" if vectors else b"N", b"L" if lower else b"U", n, found, n, values, *work), count)
    return values, _turned(found), info


def least_squares(a: Any, b: Any, cut: float) -> tuple[Any, Any]:
    """The X with the least ‖A X - B‖ (of those, the least) and A's rank, by a QR with pivoting: singular values below `cut`
    times the largest, as its triangle's leading blocks show them, count as 0."""
    (count, m, n), k = a.shape, b.shape[-1]
    left = by_columns(a)
    x = np.zeros((count, k, max(m, n)), a.dtype)
    x[:, :, :m] = _turned(b)
    ranks = np.empty((count, 1), integers())
    free = np.zeros((count, n), integers())
    real = [np.empty((1, 2 * n), a.dtype.char.lower())] if a.dtype.kind == "c" else []
    run("gelsy", a.dtype, (m, n, k, left, m, x, max(m, n), free, float(cut), ranks, WORK, *real), count)
    return _turned(x[:, :, :n]), ranks[:, 0]
