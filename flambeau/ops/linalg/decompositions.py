"""QR with its reflections, singular values, eigenvalues of Hermitian matrices. May import what `flambeau.ops` may."""

from __future__ import annotations

from typing import Any

from flambeau.autograd.modes import state
from flambeau.ops.composite import untaped
from flambeau.ops.linalg.routines import call_routine, check_matrices, identity
from flambeau.ops.linalg.solving import solve, solve_triangular
from flambeau.ops.operands import cast
from flambeau.ops.registry import operator
from flambeau.ops.results import result_type
from flambeau.shapes.strides import column_strides
from flambeau.tensor import Tensor

__all__ = ["eig", "eigh", "eigvals", "eigvalsh", "geqrf", "householder_product", "orgqr", "ormqr", "qr", "svd", "svdvals"]

_qr_result = result_type("linalg_qr", "Q R")


def _qr_part(q: Tensor, r: Tensor, gq: Tensor, gr: Tensor) -> Tensor:
    """F. Walter, L. Lehmann, "Algorithmic differentiation of linear algebra functions" (2010): QR of a tall matrix."""
    m = r @ gr.mH - gq.mH @ q
    half = m.tril(-1)
    hermitian = half + half.mH + m.diagonal(0, -2, -1).real.diag_embed()
    return solve_triangular(r, (gq + q @ hermitian).mH, upper=True).mH


def _qr_gradient(mode: str) -> Any:
    def rule(gs: Any, ys: Any, inputs: Any) -> tuple[Any]:
        rows, columns = inputs[0].shape[-2:]
        if mode == "r":
            raise RuntimeError(
                "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. "
                "Please use linalg.qr(A, mode='reduced') if you are going to require gradients."
            )
        if mode == "complete" and rows > columns:
            raise RuntimeError("The QR decomposition is not differentiable when mode='complete' and nrows > ncols.")
        (gq, gr), (q, r) = gs, ys
        if rows >= columns:
            return (lambda: _qr_part(q, r, gq, gr),)

        def wide() -> Tensor:
            from flambeau.ops.joining import cat

            rest, g_rest = q @ r[..., rows:], gr[..., rows:]
            left = _qr_part(q, r[..., :rows], gq + rest @ g_rest.mH, gr[..., :rows])
            return cat([left, q @ g_rest], -1)

        return (wide,)

    return rule


@operator("qr", namespace="linalg", method=False, out="exact")
def qr(A: Tensor, mode: str = "reduced") -> Any:
    """A = Q R, Q with orthonormal columns, R upper triangular; mode "reduced", "complete" or "r" (R alone)."""
    check_matrices("linalg.qr", A, square_too=False)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'")
    *lead, m, n = A._shape
    k = m if mode == "complete" else min(m, n)
    if mode == "r":
        found = call_routine("qr", (A,), (mode,), ((*lead, k, n),), _qr_gradient(mode), (0,), conjugates=False)
        return _qr_result(A.new_empty((0,)), found[0])
    shapes = ((*lead, m, k), (*lead, k, n))
    return _qr_result(*call_routine("qr", (A,), (mode,), shapes, _qr_gradient(mode), (0, 1), conjugates=False))


_old_qr_result = result_type("qr", "Q R")


@operator("qr", out="exact")
def _old_qr(input: Tensor, some: bool = True) -> Any:
    """`linalg.qr`."""
    return _old_qr_result(*qr(input, "reduced" if some else "complete"))


def _ratio(part: Tensor, gap: Tensor) -> Tensor:
    """part / gap, and 0 for 0 / 0: equal values only matter to gradients of the vectors that they don't determine."""
    return part / gap._fill_where((gap == 0) & (part == 0), 1)


def _svd_gradient(gs: Any, ys: Any, inputs: Any) -> tuple[Any]:
    """J. Townsend, "Differentiating the singular value decomposition" (2016).

    Complex vectors are known up to a phase, the same for the pairs of U and V: of the gradients what turns the phase is left out.
    """
    (gu, gsigma, gvh), (u, s, vh) = gs, ys
    s, gsigma = s.real, gsigma.real

    def part() -> Tensor:
        m, k, n = u.shape[-2], s.shape[-1], vh.shape[-1]
        square_ = s * s
        gap = square_.unsqueeze(-2) - square_.unsqueeze(-1)
        eye_ = identity(s, k)
        gap = gap + eye_  # the diagonal is not used
        skew_u, skew_v = u.mH @ gu, vh @ gvh.mH
        skew_u, skew_v = skew_u - skew_u.mH, skew_v - skew_v.mH
        middle = _ratio(skew_u * s.unsqueeze(-2) + s.unsqueeze(-1) * skew_v, gap)
        diagonal = gsigma.unsqueeze(-1)
        if u.is_complex():
            diagonal = diagonal + _ratio(skew_u.diagonal(0, -2, -1).unsqueeze(-1), 2 * s.unsqueeze(-1))
        middle = middle * (1 - eye_) + diagonal * eye_
        result = u @ middle @ vh
        if m > k:
            side = _ratio(gu, s.unsqueeze(-2))
            result = result + (side - u @ (u.mH @ side)) @ vh
        if n > k:
            side = _ratio(gvh, s.unsqueeze(-1))
            result = result + u @ (side - (side @ vh.mH) @ vh)
        return result

    return (part,)


_svd_result = result_type("linalg_svd", "U S Vh")


@operator("svd", namespace="linalg", method=False, out="exact")
def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> Any:
    """A = U diag(S) Vh, singular values decreasing. Differentiable where they differ (with full_matrices=False)."""
    check_matrices("linalg.svd", A, square_too=False)
    *lead, m, n = A._shape
    k = min(m, n)
    full = full_matrices and m != n
    if full and A.requires_grad:
        # Only the first k columns have gradients; the others span what is left and are given without.
        u, s, vh = svd(A, False)
        with untaped():
            u_all, _, vh_all = svd(A.detach(), True)
        from flambeau.ops.joining import cat

        if m > k:
            u = cat([u, u_all[..., k:]], -1)
        if n > k:
            vh = cat([vh, vh_all[..., k:, :]], -2)
        return _svd_result(u, s, vh)
    shapes = ((*lead, m, m if full else k), (*lead, k), (*lead, n if full else k, n))
    return _svd_result(*call_routine("svd", (A,), (full,), shapes, _svd_gradient, (0, 2), conjugates=False, real=(1,)))


_old_svd_result = result_type("svd", "U S V")


@operator("svd", out="exact")
def _old_svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> Any:
    """A = U diag(S) Vᴴ."""
    u, s, vh = svd(input, not some)
    if not compute_uv:
        u, vh = u.new_zeros(tuple(u._shape)), vh.new_zeros(tuple(vh._shape))
    return _old_svd_result(u, s, vh.mH)


@operator("svdvals", namespace="linalg", method=False, out="exact")
def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """The singular values, decreasing.

    >>> torch.linalg.svdvals(torch.tensor([[3.0, 0.0], [0.0, 1.0]]))
    tensor([3., 1.])
    """
    if state.enabled and A.requires_grad:  # the gradient is made of the vectors
        return svd(A, False)[1]
    check_matrices("linalg.svd", A, square_too=False)
    shape = (*A._shape[:-2], min(A._shape[-2:]))
    return call_routine("singular_values", (A,), (), (shape,), real=(0,))[0]


def _eigh_gradient(gs: Any, ys: Any, inputs: Any) -> tuple[Any]:
    """That of functions of the vectors which don't depend on their phase (signs, for real ones)."""
    (gl, gv), (values, vectors) = gs, ys
    gl, values = gl.real, values.real

    def part() -> Tensor:
        eye_ = identity(values, values.shape[-1])
        gap = values.unsqueeze(-2) - values.unsqueeze(-1) + eye_
        middle = _ratio(vectors.mH @ gv, gap) * (1 - eye_) + gl.unsqueeze(-1) * eye_
        full = vectors @ middle @ vectors.mH
        return (full + full.mH) * 0.5

    return (part,)


_eigh_result = result_type("linalg_eigh", "eigenvalues eigenvectors")


@operator("eigh", namespace="linalg", method=False, out="exact")
def eigh(A: Tensor, UPLO: str = "L") -> Any:
    """Eigenvalues, increasing, and eigenvectors of symmetric (Hermitian) matrices, of which one triangle is read."""
    check_matrices("linalg.eigh", A)
    _check_triangle(UPLO)
    shape, gradient = tuple(A._shape), _eigh_gradient
    found = call_routine("eigh", (A,), (UPLO.upper(), True), (shape[:-1], shape), gradient, (1,), conjugates=False, real=(0,))
    return _eigh_result(*found)


def _check_triangle(UPLO: str) -> None:
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")


@operator("eigvalsh", namespace="linalg", method=False, out="exact")
def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """The eigenvalues of symmetric (Hermitian) matrices, increasing.

    >>> torch.linalg.eigvalsh(torch.tensor([[2.0, 0.0], [0.0, 1.0]]))
    tensor([1., 2.])
    """
    if state.enabled and A.requires_grad:  # the gradient is made of the vectors
        return eigh(A, UPLO)[0]
    check_matrices("linalg.eigh", A)
    _check_triangle(UPLO)
    return call_routine("eigh", (A,), (UPLO.upper(), False), (tuple(A._shape[:-1]),), real=(0,))[0]


def _eig_gradient(gs: Any, ys: Any, inputs: Any) -> tuple[Any]:
    """Vectors have norm 1 and any phase (C. Boeddeker et al., "On the computation of complex-valued gradients", 2017)."""
    (gl, gv), (values, vectors) = gs, ys

    def part() -> Tensor:
        adjoint = vectors.mH
        eye_ = identity(values, values.shape[-1])
        turned = adjoint @ gv
        along = (turned * eye_).sum(-2, keepdim=True).real
        gap = (values.unsqueeze(-2) - values.unsqueeze(-1)).conj() + eye_
        middle = _ratio(turned - adjoint @ vectors * along, gap) * (1 - eye_) + gl.unsqueeze(-1) * eye_
        return solve(adjoint, middle @ adjoint)

    return (part,)


_eig_result = result_type("linalg_eig", "eigenvalues eigenvectors")


@operator("eig", namespace="linalg", method=False, out=True)
def eig(A: Tensor) -> Any:
    """Eigenvalues, in no order, and eigenvectors of norm 1 (the columns) of square matrices; both are complex.

    The gradient is that of functions which don't depend on the phase of the vectors. Raises RuntimeError for tensors that aren't
    batches of square matrices.
    """
    check_matrices("linalg.eig", A)
    shape = tuple(A._shape)
    z = cast(A, A.dtype.to_complex())
    return _eig_result(*call_routine("eig", (z,), (), (shape[:-1], shape), _eig_gradient, (1,), conjugates=False))


@operator("eigvals", namespace="linalg", method=False, out=True)
def eigvals(A: Tensor) -> Tensor:
    """The eigenvalues of square matrices, complex and in no order.

    >>> torch.linalg.eigvals(torch.tensor([[0.0, -1.0], [1.0, 0.0]])).imag.sort().values
    tensor([-1.,  1.])
    """
    check_matrices("linalg.eigvals", A)
    return eig(A)[0]


@operator("householder_product", namespace="linalg", method=False, out=True)
def householder_product(A: Tensor, tau: Tensor) -> Tensor:
    """The first columns of H₁H₂…, reflections H = I - τ v vᵀ whose vectors lie below A's diagonal."""
    check_matrices("linalg.householder_product", A, square_too=False)
    *lead, m, n = A._shape
    columns = identity(A, m)[:, :n].expand((*lead, m, n))
    result = _reflected(A, tau, columns, False)
    return result._laid_out(column_strides(result._shape))


def _reflected(packed: Tensor, tau: Tensor, c: Tensor, adjoint: bool) -> Tensor:
    """H₁H₂… c, or its adjoint's product, where Hᵢ = I - τᵢ vᵢ vᵢᴴ and the vectors are below the diagonal of `packed`: I - V T Vᴴ
    with the T = (I + D S)⁻¹ D, D = diag(τ), S what is above the diagonal of VᴴV (T. Joffrain et al., "Accumulating Householder
    transformations, revisited", 2006)."""
    m, k = packed._shape[-2], tau._shape[-1]
    v = packed[..., :k].tril(-1) + identity(packed, m)[:, :k]
    triangle = tau.unsqueeze(-1) * (v.mH @ v).triu(1)
    if adjoint:
        scaled = solve_triangular(triangle.mH, v.mH @ c, upper=False, unitriangular=True)
        return c - v @ (tau.conj().unsqueeze(-1) * scaled)
    return c - v @ solve_triangular(triangle, tau.unsqueeze(-1) * (v.mH @ c), upper=True, unitriangular=True)


@operator("orgqr")
def orgqr(input: Tensor, tau: Tensor) -> Tensor:
    """`linalg.householder_product`."""
    return householder_product(input, tau)


_geqrf_result = result_type("geqrf", "a tau")


@operator("geqrf", out=True)
def geqrf(input: Tensor) -> Any:
    """QR as reflections: R with the vectors of the reflections below its diagonal, and their weights (`householder_product`)."""
    check_matrices("geqrf", input, square_too=False)
    *lead, m, n = input._shape
    shapes = (tuple(input._shape), (*lead, min(m, n)))
    return _geqrf_result(*call_routine("reflections", (input,), (), shapes, _no_geqrf_gradient, (0,)))


def _no_geqrf_gradient(gs: Any, ys: Any, inputs: Any) -> Any:
    raise NotImplementedError("the derivative for 'geqrf' is not implemented.")


@operator("ormqr", out="exact", also={"tau": "input2", "other": "input3"})
def ormqr(input: Tensor, input2: Tensor, input3: Tensor, left: bool = True, transpose: bool = False) -> Tensor:
    """Q C (C Q with left=False; Qᴴ with `transpose`) for the C `input3` and the whole Q of `geqrf`'s reflections."""
    check_matrices("ormqr", input, square_too=False)
    check_matrices("ormqr", input3, square_too=False)
    size, k = input3._shape[-2 if left else -1], input2._shape[-1]
    if input._shape[-2] != size:
        raise RuntimeError(f"torch.ormqr: other.shape[{-2 if left else -1}] must be equal to input.shape[-2]")
    if k > input._shape[-1]:
        raise RuntimeError(f"torch.ormqr: other.shape[{-2 if left else -1}] must be greater than or equal to tau.shape[-1]")
    result = _reflected(input, input2, input3 if left else input3.mH, transpose == left)
    result = result if left else result.mH
    return result._laid_out(column_strides(result._shape))
