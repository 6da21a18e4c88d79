"""The host's side of linear algebra: functions of NumPy arrays, registered as routines. May import `flambeau.graph`,
`lapack_linalg`, and of the CPU device what it does for many small matrices.

Matrices are the last two dimensions; all functions take batches. Many small real matrices are factored side by side in vectors
(`devices/cpu/matrices.py`), others by LAPACK, which is called directly where it can be (`lapack.py`), otherwise by NumPy's
functions; so are the decompositions of many small matrices, whose loop over the batch is C's there.
"""

from __future__ import annotations

import math
from typing import Any

from flambeau.devices.cpu import matrices
from flambeau.graph.numpy import np
from flambeau.graph.primitives.routine import register
from flambeau.ops import indefinite, lapack, lapack_linalg

__all__ = ["LinAlgError"]


class LinAlgError(RuntimeError):
    """A matrix that the algorithm can't work with: singular, not positive definite, not converging."""


def _batches(a: Any) -> Any:
    return a.reshape(math.prod(a.shape[:-2]), *a.shape[-2:])


def _by_lapack(*operands: Any, many: bool = True) -> bool:
    """Whether LAPACK is to be called for these. `many`: also for many small matrices, one call for each."""
    a = operands[0]
    if not all(o.size for o in operands) or not lapack.is_there():
        return False
    return many or a.shape[-1] > _SMALL or a.size < 8 * a.shape[-1] * a.shape[-2]


_SMALL = 24
"""Columns; a call by way of ctypes takes as long as the inverse of such a matrix."""


def _side_by_side(*operands: Any) -> bool:
    """Whether these are small enough, and enough of them, that a vector is to hold numbers of some matrices."""
    a = operands[0]
    return (
        a.dtype.kind == "f"
        and len(a) >= _MANY
        and all(0 < size <= _NARROW for o in operands for size in o.shape[1:])
        and matrices.is_there()
    )


_MANY, _NARROW = 4, 32
"""Matrices; rows and columns. Beyond, what a vector of matrices takes leaves the second cache."""


def _library(*operands: Any, many: bool = True) -> Any:
    """What computes these: `matrices`, `lapack_linalg`, or None for NumPy's functions. `many`: see `_by_lapack`."""
    if _side_by_side(*operands):
        return matrices
    return lapack_linalg if _by_lapack(*operands, many=many) else None


def _fails(name: str, info: Any, is_batch: bool, message: str) -> None:
    """Raises for the first matrix with a number other than 0, which `message` may show as {info}."""
    for i in np.flatnonzero(info):
        where = f"(Batch element {i}): " if is_batch else ""
        raise LinAlgError(f"{name}: {where}{message.format(info=int(info.reshape(-1)[i]))}")


def _failing(a: Any, f: Any) -> Any:
    """For each matrix of a batch 0, or what f, given that matrix, says of a failure."""
    return np.array([f(matrix) for matrix in a], np.int64)


def _failing_minor(matrix: Any) -> int:
    """The order of the first leading minor that is not positive definite, or 0."""
    for n in range(1, matrix.shape[-1] + 1):
        try:
            np.linalg.cholesky(matrix[:n, :n])
        except np.linalg.LinAlgError:
            return n
    return 0


def _first_zero(matrix: Any) -> int:
    """The place (from 1) of the first zero on U's diagonal, or 0."""
    zeros = np.flatnonzero(np.diagonal(_lu(matrix)[0]) == 0)
    return int(zeros[0]) + 1 if len(zeros) else 0


def _hermitian(a: Any, upper: bool) -> Any:
    """The matrix of which one triangle is given."""
    lower = np.swapaxes(np.triu(a), -1, -2).conj() if upper else np.tril(a)
    return lower + np.swapaxes(np.tril(lower, -1), -1, -2).conj()


def _factor(a: Any, upper: bool) -> tuple[Any, Any]:
    """Cholesky's factors of a batch, and for each matrix 0 or the order of the minor that fails (then the factor is 0)."""
    if library := _library(a):
        factors, info = library.cholesky(a, upper)
        factors[info != 0] = 0
        return factors, info
    full = _hermitian(a, upper)
    try:
        return np.linalg.cholesky(full), np.zeros(len(a), np.int64)
    except np.linalg.LinAlgError:
        info = _failing(full, _failing_minor)
        factors = np.zeros_like(full)
        factors[info == 0] = np.linalg.cholesky(full[info == 0])
        return factors, info


def _cholesky(a: Any, upper: bool, name: str) -> Any:
    factors, info = _factor(_batches(a), upper)
    _fails(
        name,
        info,
        a.ndim > 2,
        "The factorization could not be completed because the input is not positive-definite "
        "(the leading minor of order {info} is not positive-definite).",
    )
    return factors.reshape(a.shape)


def _cholesky_info(a: Any, upper: bool) -> Any:
    """The factor, and for each matrix 0 or the order of the minor that fails."""
    factors, info = _factor(_batches(a), upper)
    return factors.reshape(a.shape), info.reshape(a.shape[:-2])


def _inverted(a: Any) -> tuple[Any, Any]:
    """The inverses of a batch, and for each matrix 0 or the place (from 1) of the first zero pivot."""
    if library := _library(a, many=False):
        inverses, info = library.inverse(a)
        if not info.any():
            return inverses, info
    try:
        return np.linalg.inv(a), np.zeros(len(a), np.int64)
    except np.linalg.LinAlgError:
        info = _failing(a, _first_zero)
        inverses = np.full_like(a, np.inf)
        inverses[info == 0] = np.linalg.inv(a[info == 0])
        return inverses, info


def _inverse(a: Any, name: str) -> Any:
    inverses, info = _inverted(_batches(a))
    _fails(
        name,
        info,
        a.ndim > 2,
        "The diagonal element {info} is zero, the inversion could not be completed because the input matrix is singular.",
    )
    return inverses.reshape(a.shape)


def _inverse_info(a: Any) -> Any:
    inverses, info = _inverted(_batches(a))
    return inverses.reshape(a.shape), info.reshape(a.shape[:-2])


def _solve(a: Any, b: Any, name: str) -> Any:
    left, right = _batches(a), _batches(b)
    if library := _library(left, right, many=False):
        x, info = library.solve(left, right)
    else:
        try:
            x, info = np.linalg.solve(left, right), np.zeros(len(left), np.int64)
        except np.linalg.LinAlgError:
            x, info = right, _failing(left, _first_zero)
    _fails(name, info, a.ndim > 2, "The solver failed because the input matrix is singular.")
    return x.reshape(b.shape)


_BLOCK = 8
"""Rows of a triangular matrix whose diagonal block is inverted: so few that this loses no digits to speak of."""


def _triangular(a: Any, b: Any, upper: bool, unit: bool) -> Any:
    """X of A X = B, A triangular."""
    left, right = _batches(a), _batches(b)
    if library := _library(left, right, many=False):
        return library.triangular(left, right, upper, unit).reshape(b.shape)
    return _by_blocks(a, b, upper, unit)


def _by_blocks(a: Any, b: Any, upper: bool, unit: bool) -> Any:
    """The same by substitution by blocks of rows, whose diagonal blocks are inverted all together."""
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
    """L and U in one matrix, the rows exchanged at each step, counted from 1, and the order of rows that this gives."""
    batch, (m, n) = _batches(a), a.shape[-2:]
    library = _library(batch)
    packed, pivots = library.lu(batch)[:2] if library else _eliminated(batch)
    pivots = pivots.reshape(*a.shape[:-2], min(m, n))
    return packed.reshape(a.shape), pivots, _order(pivots, m)


def _eliminated(batch: Any) -> tuple[Any, Any]:
    """L and U in one matrix, and the rows exchanged.

    The pivot is the number with the largest |x| (of complex ones, as in LAPACK: |Re x| + |Im x|).
    """
    lu = np.array(batch)
    m, n = lu.shape[-2:]
    pivots = np.zeros((len(lu), min(m, n)), np.int64)
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
    return lu, pivots


def _ldl(a: Any, hermitian: bool) -> Any:
    """L and D in one matrix, the exchanged rows, and the place (from 1) of D's first zero or 0."""
    packed, pivots, info = indefinite.factored(_batches(a), hermitian)
    return packed.reshape(a.shape), pivots.reshape(a.shape[:-1]), info.reshape(a.shape[:-2])


def _ldl_solve(packed: Any, pivots: Any, b: Any, hermitian: bool) -> Any:
    flat = pivots.reshape(math.prod(pivots.shape[:-1]), pivots.shape[-1])
    return (indefinite.solved(_batches(packed), flat, _batches(b), hermitian).reshape(b.shape),)


def _order(pivots: Any, m: int) -> Any:
    """Where each of m rows comes from after exchanges: row k with row pivots[k] (from 1), for growing k."""
    swaps = pivots.real.astype(np.int64).reshape(math.prod(pivots.shape[:-1]), pivots.shape[-1]) - 1
    if len(swaps) < 8:
        orders = []
        for places in swaps.tolist():
            rows = list(range(m))
            for k, p in enumerate(places):
                rows[k], rows[p] = rows[p], rows[k]
            orders.append(rows)
        order = np.array(orders, np.int64)
    else:  # the same for all matrices at once
        order = np.tile(np.arange(m), (len(swaps), 1))
        each = np.arange(len(swaps))
        for k, p in enumerate(swaps.T):
            taken = order[each, p]
            order[each, p] = order[:, k]
            order[:, k] = taken
    return order.reshape(*pivots.shape[:-1], m)


def _determinant(a: Any) -> Any:
    batch = _batches(a)
    if not (library := _library(batch, many=False)):
        return np.asarray(np.linalg.det(a))
    diagonal, sign = library.diagonal_of_u(batch)
    return (diagonal.prod(-1) * sign).reshape(a.shape[:-2])


def _sign_and_log(a: Any) -> Any:
    with np.errstate(all="ignore"):
        batch = _batches(a)
        if not (library := _library(batch, many=False)):
            sign, log = np.linalg.slogdet(a)
            return np.asarray(sign), np.asarray(log)
        diagonal, sign = library.diagonal_of_u(batch)
        size = np.abs(diagonal)
        signs = (np.where(size == 0, 0, diagonal / size) if a.dtype.kind == "c" else np.sign(diagonal)).prod(-1) * sign
        return signs.reshape(a.shape[:-2]), np.log(size).sum(-1).reshape(a.shape[:-2])


def _qr(a: Any, mode: str) -> Any:
    batch = _batches(a)
    if library := _library(batch):
        return tuple(x.reshape(*a.shape[:-2], *x.shape[-2:]) for x in library.qr(batch, mode))
    if mode == "r":
        return (np.linalg.qr(a, mode="r"),)
    q, r = np.linalg.qr(a, mode=mode)
    return q, r


def _reflections(a: Any) -> Any:
    """R, below its diagonal the vectors of the reflections that make Q, and their weights: LAPACK's geqrf."""
    batch = _batches(a)
    if library := _library(batch):
        packed, weights = library.reflections(batch)
        return packed.reshape(a.shape), weights.reshape(*a.shape[:-2], -1)
    transposed, weights = np.linalg.qr(a, mode="raw")
    return np.swapaxes(transposed, -1, -2), weights


def _svd(a: Any, full: bool) -> Any:
    """U, S and Vᴴ."""
    try:
        if _by_lapack(a, many=False):
            *found, info = lapack_linalg.svd(_batches(a), full, True)
            if not info.any():
                return tuple(x.reshape(*a.shape[:-2], *x.shape[1:]) for x in found)
        else:
            return tuple(np.linalg.svd(a, full_matrices=full))
    except (np.linalg.LinAlgError, ValueError):
        pass
    raise _not_converging("svd", "contained non-finite values")


def _singular_values(a: Any) -> Any:
    try:
        if _by_lapack(a, many=False):
            values, info = lapack_linalg.svd(_batches(a), False, False)
            if not info.any():
                return values.reshape(*a.shape[:-2], -1)
        else:
            return np.linalg.svd(a, compute_uv=False)
    except (np.linalg.LinAlgError, ValueError):
        pass
    raise _not_converging("svd", "contained non-finite values")


def _not_converging(name: str, why: str) -> LinAlgError:
    return LinAlgError(f"linalg.{name}: The algorithm failed to converge because the input matrix {why}.")


def _eigh(a: Any, uplo: str, vectors: bool) -> Any:
    """Eigenvalues, and eigenvectors if they are asked for."""
    try:
        if not _by_lapack(a, many=False):
            return tuple(np.linalg.eigh(a, UPLO=uplo)) if vectors else np.linalg.eigvalsh(a, UPLO=uplo)
        values, found, info = lapack_linalg.eigh(_batches(a), uplo == "L", vectors)
        if not info.any():
            values = values.reshape(a.shape[:-1])
            return (values, found.reshape(a.shape)) if vectors else values
    except np.linalg.LinAlgError:
        pass
    raise _not_converging("eigh", "is ill-conditioned or has too many repeated eigenvalues")


def _eig(a: Any) -> Any:
    try:
        # a real matrix has pairs of conjugate values, to the bit
        return np.linalg.eig(a if a.imag.any() else a.real)
    except np.linalg.LinAlgError:
        raise _not_converging("eig", "contained non-finite values") from None


def _lstsq(a: Any, b: Any, rcond: float, values: bool) -> Any:
    """Solution and rank of each least-squares problem, and A's singular values if they are asked for."""
    m, n = a.shape[-2:]
    batch_a, batch_b = _batches(a), _batches(b)
    if not values and _by_lapack(a, b):
        found, found_ranks = lapack_linalg.least_squares(batch_a, batch_b, rcond)
        return found.reshape(*a.shape[:-2], n, b.shape[-1]), found_ranks.reshape(a.shape[:-2])
    solutions = np.zeros((len(batch_a), n, b.shape[-1]), a.dtype)
    ranks, singular = np.zeros(len(batch_a), a.dtype), np.zeros((len(batch_a), min(m, n)), a.dtype)
    for i, (left, right) in enumerate(zip(batch_a, batch_b)):
        solutions[i], _, ranks[i], singular[i] = np.linalg.lstsq(left, right, rcond=rcond)
    lead = a.shape[:-2]
    return (solutions.reshape(*lead, n, b.shape[-1]), ranks.reshape(lead)) + ((singular.reshape(*lead, -1),) if values else ())


for _name, _function in (
    ("cholesky", _cholesky), ("cholesky_info", _cholesky_info), ("inverse", _inverse), ("inverse_info", _inverse_info),
    ("solve", _solve), ("triangular", _triangular), ("lu", _lu), ("ldl", _ldl), ("ldl_solve", _ldl_solve),
    ("determinant", _determinant), ("sign_and_log", _sign_and_log),
    ("order", _order), ("qr", _qr), ("reflections", _reflections), ("svd", _svd),
    ("singular_values", _singular_values), ("eig", _eig), ("eigh", _eigh),
    ("lstsq", _lstsq),
):  # fmt: skip
    register("linalg_" + _name, _function)
