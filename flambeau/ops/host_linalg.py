"""The host's side of linear algebra: functions of NumPy arrays, registered as routines. May import `flambeau.graph`.

Matrices are the last two dimensions; all functions take batches.
"""

from __future__ import annotations

import math
from typing import Any

from flambeau.graph.numpy import np
from flambeau.graph.primitives.routine import register

__all__ = ["LinAlgError"]


class LinAlgError(RuntimeError):
    """A matrix that the algorithm can't work with: singular, not positive definite, not converging."""


def _batches(a: Any) -> Any:
    return a.reshape(math.prod(a.shape[:-2]), *a.shape[-2:])


def _where_fails(name: str, a: Any, f: Any, message: str) -> None:
    """Raises for the first matrix of a batch that f can't take."""
    batch = _batches(a)
    for i, matrix in enumerate(batch):
        try:
            f(matrix)
        except np.linalg.LinAlgError as error:
            where = f"(Batch element {i}): " if a.ndim > 2 else ""
            raise LinAlgError(f"{name}: {where}{message.format(minor=_failing_minor(matrix), error=error)}") from None


def _failing_minor(matrix: Any) -> int:
    """The order of the first leading minor that is not positive definite."""
    for n in range(1, matrix.shape[-1] + 1):
        try:
            np.linalg.cholesky(matrix[:n, :n])
        except np.linalg.LinAlgError:
            return n
    return matrix.shape[-1]


def _hermitian(a: Any, upper: bool) -> Any:
    """The matrix of which one triangle is given."""
    lower = np.swapaxes(np.triu(a), -1, -2).conj() if upper else np.tril(a)
    return lower + np.swapaxes(np.tril(lower, -1), -1, -2).conj()


def _cholesky(a: Any, upper: bool, name: str) -> Any:
    full = _hermitian(a, upper)
    try:
        return np.linalg.cholesky(full)
    except np.linalg.LinAlgError:
        _where_fails(
            name,
            full,
            np.linalg.cholesky,
            "The factorization could not be completed because the input is not positive-definite "
            "(the leading minor of order {minor} is not positive-definite).",
        )
        raise


def _cholesky_info(a: Any, upper: bool) -> Any:
    """The factor, and for each matrix 0 or the order of the minor that fails."""
    full = _hermitian(a, upper)
    batch = _batches(full)
    factors, info = np.zeros_like(batch), np.zeros(len(batch), a.dtype)
    for i, matrix in enumerate(batch):
        try:
            factors[i] = np.linalg.cholesky(matrix)
        except np.linalg.LinAlgError:
            info[i] = _failing_minor(matrix)
    return factors.reshape(a.shape), info.reshape(a.shape[:-2])


_SINGULAR = "The solver failed because the input matrix is singular."


def _inverse(a: Any, name: str) -> Any:
    try:
        return np.linalg.inv(a)
    except np.linalg.LinAlgError:
        _where_fails(name, a, np.linalg.inv, "The diagonal element could not be inverted because the input matrix is singular.")
        raise


def _inverse_info(a: Any) -> Any:
    batch = _batches(a)
    result, info = np.zeros_like(batch), np.zeros(len(batch), a.dtype)
    for i, matrix in enumerate(batch):
        try:
            result[i] = np.linalg.inv(matrix)
        except np.linalg.LinAlgError:
            result[i], info[i] = np.inf, matrix.shape[-1]
    return result.reshape(a.shape), info.reshape(a.shape[:-2])


def _solve(a: Any, b: Any, name: str) -> Any:
    try:
        return np.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        _where_fails(name, a, np.linalg.inv, _SINGULAR)
        raise


_BLOCK = 8
"""Rows of a triangular matrix whose diagonal block is inverted: so few that this loses no digits to speak of."""


def _triangular(a: Any, b: Any, upper: bool, unit: bool) -> Any:
    """X of A X = B, A triangular: substitution by blocks of rows, whose diagonal blocks are inverted all together."""
    n = a.shape[-1]
    whole = n - n % _BLOCK
    diagonal = np.diagonal(a, 0, -2, -1)
    if whole < 4 * _BLOCK or not (unit or (np.isfinite(diagonal).all() and diagonal.all())):
        return _substituted(a, b, upper, unit)
    starts = range(n - whole, n, _BLOCK) if upper else range(0, whole, _BLOCK)
    blocks = np.stack([a[..., i : i + _BLOCK, i : i + _BLOCK] for i in starts])
    with np.errstate(all="ignore"):
        inverses = _substituted(blocks, np.broadcast_to(np.eye(_BLOCK, dtype=a.dtype), blocks.shape), upper, unit)
        x = np.array(b)
        for i, inverse in reversed([*zip(starts, inverses)]) if upper else zip(starts, inverses):
            done = slice(i + _BLOCK, n) if upper else slice(0, i)
            rows = slice(i, i + _BLOCK)
            x[..., rows, :] = inverse @ (x[..., rows, :] - a[..., rows, done] @ x[..., done, :])
        if whole < n:
            rest, done = (slice(0, n - whole), slice(n - whole, n)) if upper else (slice(whole, n), slice(0, whole))
            left = x[..., rest, :] - a[..., rest, done] @ x[..., done, :]
            x[..., rest, :] = _substituted(a[..., rest, rest], left, upper, unit)
    return x


def _substituted(a: Any, b: Any, upper: bool, unit: bool) -> Any:
    """The same row by row; the batch and the columns go along."""
    n = a.shape[-1]
    x = np.array(b)
    with np.errstate(all="ignore"):
        for i in range(n - 1, -1, -1) if upper else range(n):
            others = slice(i + 1, n) if upper else slice(0, i)
            x[..., i, :] -= (a[..., i, None, others] @ x[..., others, :])[..., 0, :]
            if not unit:
                x[..., i, :] /= a[..., i, i, None]
    return x


def _lu(a: Any) -> Any:
    """L and U in one matrix, the rows exchanged at each step, counted from 1, and the order of rows that this gives.

    The pivot is the number with the largest |x| (of complex ones, as in LAPACK: |Re x| + |Im x|).
    """
    lu = np.array(_batches(a))
    m, n = lu.shape[-2:]
    pivots = np.zeros((len(lu), min(m, n)), a.dtype)
    with np.errstate(all="ignore"):
        for matrix, swaps in zip(lu, pivots):
            for k in range(min(m, n)):
                column = matrix[k:, k]
                p = k + int(np.argmax(np.abs(column.real) + np.abs(column.imag)))
                swaps[k] = p + 1
                if p != k:
                    matrix[[k, p]] = matrix[[p, k]]
                if matrix[k, k] != 0:
                    matrix[k + 1 :, k] /= matrix[k, k]
                    matrix[k + 1 :, k + 1 :] -= np.outer(matrix[k + 1 :, k], matrix[k, k + 1 :])
    pivots = pivots.reshape(*a.shape[:-2], min(m, n))
    return lu.reshape(a.shape), pivots, _order(pivots.real, m)


def _order(pivots: Any, m: int) -> Any:
    """Where each of m rows comes from after exchanges: row k with row pivots[k] (from 1), for growing k."""
    order = np.empty((*pivots.shape[:-1], m), pivots.dtype)
    for swaps, rows in zip(pivots.reshape(-1, pivots.shape[-1]), order.reshape(-1, m)):
        rows[:] = np.arange(m)
        for k, p in enumerate(swaps):
            rows[[k, int(p) - 1]] = rows[[int(p) - 1, k]]
    return order


def _determinant(a: Any) -> Any:
    return np.asarray(np.linalg.det(a))


def _sign_and_log(a: Any) -> Any:
    with np.errstate(all="ignore"):
        sign, log = np.linalg.slogdet(a)
    return np.asarray(sign), np.asarray(log)


def _qr(a: Any, mode: str) -> Any:
    if mode == "r":
        return (np.linalg.qr(a, mode="r"),)
    q, r = np.linalg.qr(a, mode=mode)
    return q, r


def _reflections(a: Any) -> Any:
    """R, below its diagonal the vectors of the reflections that make Q, and their weights: LAPACK's geqrf."""
    transposed, weights = np.linalg.qr(a, mode="raw")
    return np.swapaxes(transposed, -1, -2), weights


def _svd(a: Any, full: bool) -> Any:
    try:
        u, s, vh = np.linalg.svd(a, full_matrices=full)
    except np.linalg.LinAlgError:
        raise LinAlgError(
            "linalg.svd: The algorithm failed to converge because the input matrix contained non-finite values."
        ) from None
    return u, s, vh


def _eigh(a: Any, uplo: str) -> Any:
    try:
        values, vectors = np.linalg.eigh(a, UPLO=uplo)
    except np.linalg.LinAlgError:
        raise LinAlgError(
            "linalg.eigh: The algorithm failed to converge because the input matrix is ill-conditioned or has too many repeated "
            "eigenvalues."
        ) from None
    return values, vectors


def _eig(a: Any) -> Any:
    try:
        # a real matrix has pairs of conjugate values, to the bit
        return np.linalg.eig(a if a.imag.any() else a.real)
    except np.linalg.LinAlgError:
        raise LinAlgError(
            "linalg.eig: The algorithm failed to converge because the input matrix contained non-finite values."
        ) from None


def _lstsq(a: Any, b: Any, rcond: float) -> Any:
    """Solution, squared residuals, rank and singular values of each least-squares problem."""
    m, n = a.shape[-2:]
    batch_a, batch_b = _batches(a), _batches(b)
    solutions = np.zeros((len(batch_a), n, b.shape[-1]), a.dtype)
    ranks, singular = np.zeros(len(batch_a), a.dtype), np.zeros((len(batch_a), min(m, n)), a.dtype)
    for i, (left, right) in enumerate(zip(batch_a, batch_b)):
        solutions[i], _, ranks[i], singular[i] = np.linalg.lstsq(left, right, rcond=rcond)
    lead = a.shape[:-2]
    return solutions.reshape(*lead, n, b.shape[-1]), ranks.reshape(lead), singular.reshape(*lead, -1)


for _name, _function in (
    ("cholesky", _cholesky), ("cholesky_info", _cholesky_info), ("inverse", _inverse), ("inverse_info", _inverse_info),
    ("solve", _solve), ("triangular", _triangular), ("lu", _lu), ("determinant", _determinant), ("sign_and_log", _sign_and_log),
    ("order", _order), ("qr", _qr), ("reflections", _reflections), ("svd", _svd), ("eig", _eig), ("eigh", _eigh),
    ("lstsq", _lstsq),
):  # fmt: skip
    register("linalg_" + _name, _function)
