"""Approximate factors of low rank, found by random projections. May import what `flambeau.ops` may."""

from __future__ import annotations

from typing import Any

from flambeau.ops.linalg.decompositions import qr, svd
from flambeau.ops.operands import check_tensor
from flambeau.ops.random import randn
from flambeau.ops.registry import operator
from flambeau.tensor import Tensor

__all__ = ["pca_lowrank", "svd_lowrank"]


def _basis(a: Tensor, q: int, iterations: int) -> Tensor:
    """Q of q orthonormal columns with A ≈ Q Qᴴ A: N. Halko, P. Martinsson, J. Tropp (2011), algorithm 4.4, subspace iteration."""
    start = randn(a._shape[-1], q, dtype=a.dtype, device=a.device)
    found = qr(a @ start)[0]
    for _ in range(iterations):
        found = qr(a @ qr(a.mH @ found)[0])[0]
    return found


@operator(method=False)
def svd_lowrank(A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None) -> tuple[Any, ...]:
    """U, S, V of about A (about A - M): at most q singular values with their vectors, by `niter` subspace iterations.

    A is [..., m, n], S [..., q]; random, so that two calls differ a little.
    """
    check_tensor(A, "svd_lowrank", "A")
    q, niter = 6 if q is None else q, 2 if niter is None else niter
    if M is not None:
        A = A - M
    wide = A._shape[-2] < A._shape[-1]
    a = A.mH if wide else A
    basis = _basis(a, q, niter)
    u, s, vh = svd(basis.mH @ a, full_matrices=False)
    left, right = basis @ u, vh.mH
    return (right, s, left) if wide else (left, s, right)


@operator(method=False)
def pca_lowrank(A: Tensor, q: int | None = None, center: bool = True, niter: int = 2) -> tuple[Any, ...]:
    """U, S, V with A (less its columns' means, with `center`) ≈ U diag(S) Vᴴ: V's columns are the principal directions.

    A is [..., m, n], m samples; q (6 or less) directions are looked for. Raises ValueError for q above min(m, n).
    """
    check_tensor(A, "pca_lowrank", "A")
    *_, m, n = A._shape
    q = min(6, m, n) if q is None else q
    if not 0 <= q <= min(m, n):
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}")
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    if A.dtype.category < 2:
        raise ValueError(f"Unsupported dtype: {A.dtype}: expected floating point numbers")
    return svd_lowrank(A - A.mean(-2, keepdim=True) if center else A, q, niter)
