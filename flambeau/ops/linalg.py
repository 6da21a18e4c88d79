"""Linear algebra (`torch.linalg`): factorisations and solvers run as routines on the host, with gradients written in tensors.

May import what `flambeau.ops` may. Matrices are the last two dimensions; all operators take batches.
"""

from __future__ import annotations

import math
from typing import Any

from flambeau.dtypes import dtype, finfo, int32
from flambeau.graph.primitives.movement import RESHAPE, SLICE
from flambeau.graph.primitives.routine import ROUTINE
from flambeau.ops import host_linalg  # noqa: F401 - registers the routines
from flambeau.ops.composite import Composite, record, untaped
from flambeau.ops.operands import cast, check_tensor, dims_argument
from flambeau.ops.reduction import vector_norm as _vector_norm
from flambeau.ops.registry import operator, scalar_name
from flambeau.ops.results import result_type
from flambeau.shapes.broadcasting import broadcast
from flambeau.shapes.dims import wrap_dim, wrap_dims
from flambeau.shapes.matmul import square
from flambeau.tensor import Tensor

__all__ = ["cholesky", "inv", "solve", "det", "slogdet", "qr", "svd", "eigh", "pinv", "matrix_norm", "vector_norm", "cross"]


# --- calling the host --------------------------------------------------------------------------------------------------
def _check(name: str, a: Any, square_too: bool = True) -> Tensor:
    check_tensor(a, name, "A")
    if len(a._shape) < 2:
        raise RuntimeError(f"{name}: The input tensor A must have at least 2 dimensions.")
    if square_too:
        square(tuple(a._shape), name=name)
    if a.dtype.category != 2:
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {scalar_name(a)}")
    if a.dtype.itemsize == 2:
        raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {scalar_name(a)}")
    return a


Shapes = tuple[tuple[int, ...], ...]


def _unpack(flat: Tensor, shapes: Shapes) -> list[Tensor]:
    """The results that lie one after another in a flat tensor, as tensors of their own."""
    start, total, results = 0, flat._shape[0], []
    for shape in shapes:
        n = math.prod(shape)
        part = Tensor._apply(SLICE, (flat,), ((start,), (1,), (n,), (total,)))
        results.append(Tensor._apply(RESHAPE, (part,), (shape, (n,))))
        start += n
    return results


def _call(
    name: str, inputs: tuple[Tensor, ...], arguments: tuple[Any, ...], shapes: Shapes, gradient: Any = None
) -> list[Tensor]:
    """A routine's results. `gradient(gs, ys, inputs)` gives the inputs' gradients from lists for all results."""
    total = sum(math.prod(shape) for shape in shapes)
    with untaped():
        flat = Tensor._apply(ROUTINE, inputs, ("linalg_" + name, arguments, (total,), inputs[0].dtype))
    if gradient is not None:

        def rule(g: Tensor, y: Tensor, inputs: Any, params: Any) -> Any:
            return gradient(_unpack(g, shapes), _unpack(y, shapes), inputs)

        flat = record(Composite("linalg_" + name, rule, saves="inputs output"), flat, inputs)
    return _unpack(flat, shapes)


def _identity(like: Tensor, n: int) -> Tensor:
    from flambeau.ops.sequences import eye

    return eye(n, dtype=like.dtype, device=like.device)


# --- Cholesky ----------------------------------------------------------------------------------------------------------
def _half_lower(t: Tensor) -> Tensor:
    """The lower triangle with half the diagonal."""
    return t.tril(-1) + t.tril().triu() * 0.5


def _cholesky_gradient(gs: Any, ys: Any, inputs: Any) -> tuple[Any]:
    """S. Smith, "Differentiation of the Cholesky algorithm" (1995), in matrix form."""
    factor = ys[0]

    def part() -> Tensor:
        middle = _half_lower(factor.mT @ gs[0])
        inner = solve_triangular(factor.mT, middle, upper=True)
        full = solve_triangular(factor.mT, inner.mT, upper=True).mT
        return (full + full.mT) * 0.5

    return (part,)


def _cholesky(name: str, a: Tensor, upper: bool) -> Tensor:
    _check(name, a)
    operand = a.mT if upper else a
    factor = _call("cholesky", (operand,), (name,), (tuple(a._shape),), _cholesky_gradient)[0]
    return factor.mT if upper else factor


@operator("cholesky", namespace="linalg", method=False, out=True)
def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """L with A = L Lᵀ of symmetric positive-definite matrices (of which the lower half is read). LinAlgError for others."""
    return _cholesky("linalg.cholesky", A, upper)


@operator("cholesky", out=True)
def _old_cholesky(input: Tensor, upper: bool = False) -> Tensor:
    """`linalg.cholesky`."""
    return _cholesky("linalg.cholesky", input, upper)


_cholesky_ex_result = result_type("cholesky_ex", "L info")


@operator("cholesky_ex", namespace="linalg", method=False)
def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> Any:
    """`cholesky` that says in `info` which minor of each matrix fails instead of raising."""
    if check_errors:
        return _cholesky_ex_result(cholesky(A, upper=upper), A.new_zeros(tuple(A._shape[:-2]), dtype=int32))
    _check("linalg.cholesky_ex", A)
    operand = A.mT if upper else A
    factor, info = _call(
        "cholesky_info", (operand,), (), (tuple(A._shape), tuple(A._shape[:-2])), lambda gs, ys, i: _cholesky_gradient(gs, ys, i)
    )
    return _cholesky_ex_result(factor.mT if upper else factor, cast(info.detach(), int32))


@operator("cholesky_inverse", out=True)
def cholesky_inverse(L: Tensor, upper: bool = False) -> Tensor:
    """The inverse of the matrix whose Cholesky factor is given."""
    _check("cholesky_inverse", L)
    with untaped():
        y = _solved_by_factor(_identity(L, L._shape[-1]).expand(tuple(L._shape)), L, upper)
    return record(_CHOLESKY_INVERSE, y, (L,), (upper,))


def _cholesky_inverse_gradient(g: Tensor, y: Tensor, inputs: Any, params: Any) -> tuple[Any]:
    (factor,), (upper,) = inputs, params

    def part() -> Tensor:
        middle = y @ (g + g.mT) @ y
        return -(factor @ middle) if upper else -(middle @ factor)

    return (part,)


_CHOLESKY_INVERSE = Composite("cholesky_inverse", _cholesky_inverse_gradient, saves="inputs output")


@operator("cholesky_solve", out=True)
def cholesky_solve(B: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """X of A X = B for the A whose Cholesky factor is given."""
    lead = broadcast(tuple(B._shape[:-2]), tuple(L._shape[:-2]))
    b, factor = B.expand((*lead, *B._shape[-2:])), L.expand((*lead, *L._shape[-2:]))
    with untaped():
        y = _solved_by_factor(b, factor, upper)
    return record(_CHOLESKY_SOLVE, y, (b, factor), (upper,))


def _solved_by_factor(b: Tensor, factor: Tensor, upper: bool) -> Tensor:
    lower = factor.mT if upper else factor
    return solve_triangular(lower.mT, solve_triangular(lower, b, upper=False), upper=True)


def _cholesky_solve_gradient(g: Tensor, y: Tensor, inputs: Any, params: Any) -> tuple[Any, Any]:
    (_, factor), (upper,) = inputs, params
    right = cholesky_solve(g, factor, upper)

    def for_factor() -> Tensor:
        product = right @ y.mT
        middle = product + product.mT
        return -(factor @ middle) if upper else -(middle @ factor)

    return lambda: right, for_factor


_CHOLESKY_SOLVE = Composite("cholesky_solve", _cholesky_solve_gradient, saves="inputs output")


# --- inverses and systems ----------------------------------------------------------------------------------------------
def _inverse_gradient(gs: Any, ys: Any, inputs: Any) -> tuple[Any]:
    return (lambda: -(ys[0].mT @ gs[0] @ ys[0].mT),)


def _inv(name: str, a: Tensor) -> Tensor:
    _check(name, a)
    return _call("inverse", (a,), (name,), (tuple(a._shape),), _inverse_gradient)[0]


@operator("inv", namespace="linalg", method=False, out=True)
def inv(A: Tensor) -> Tensor:
    """The inverse of square matrices; LinAlgError for singular ones."""
    return _inv("linalg.inv", A)


@operator("inverse", out=True)
def inverse(input: Tensor) -> Tensor:
    """`linalg.inv`."""
    return _inv("linalg.inv", input)


_inv_ex_result = result_type("inv_ex", "inverse info")


@operator("inv_ex", namespace="linalg", method=False)
def inv_ex(A: Tensor, *, check_errors: bool = False) -> Any:
    """`inv` that says in `info` which matrices are singular instead of raising."""
    _check("linalg.inv_ex", A)
    if check_errors:
        return _inv_ex_result(inv(A), A.new_zeros(tuple(A._shape[:-2]), dtype=int32))
    found, info = _call(
        "inverse_info", (A,), (), (tuple(A._shape), tuple(A._shape[:-2])), lambda gs, ys, i: _inverse_gradient(gs, ys, i)
    )
    return _inv_ex_result(found, cast(info.detach(), int32))


def _solve_gradient(gs: Any, ys: Any, inputs: Any) -> tuple[Any, Any]:
    a = inputs[0]
    right = _solved("linalg.solve", a.mT, gs[0])
    return lambda: -(right @ ys[0].mT), lambda: right


def _solved(name: str, a: Tensor, b: Tensor) -> Tensor:
    return _call("solve", (a, b), (name,), (tuple(b._shape),), _solve_gradient)[0]


def _right_sides(name: str, a: Tensor, b: Tensor, left: bool) -> tuple[Tensor, Tensor, bool]:
    """A and B with one batch shape; whether B was a batch of vectors."""
    check_tensor(b, name, "B", 2)
    if a.dtype is not b.dtype:
        raise RuntimeError(
            f"{name}: Expected A and B to have the same dtype, but found A of type "
            f"{scalar_name(a)} and B of type {scalar_name(b)} instead"
        )
    is_vector = len(b._shape) == 1 or (len(a._shape) - 1 == len(b._shape) and tuple(b._shape) == tuple(a._shape[:-1]))
    if is_vector:
        b = b.unsqueeze(-1)
    if not left:
        a, b = a.mT, b.mT
    if a._shape[-1] != b._shape[-2]:
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation AX = B "
            f"({a._shape[-2]}x{a._shape[-1]} and {b._shape[-2]}x{b._shape[-1]})"
        )
    lead = broadcast(tuple(a._shape[:-2]), tuple(b._shape[:-2]))
    return a.expand((*lead, *a._shape[-2:])), b.expand((*lead, *b._shape[-2:])), is_vector


@operator("solve", namespace="linalg", method=False, out=True)
def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """X of A X = B (of X A = B with left=False); B may be a batch of vectors. LinAlgError for singular A."""
    _check("linalg.solve", A)
    a, b, is_vector = _right_sides("linalg.solve", A, B, left)
    x = _solved("linalg.solve", a, b)
    x = x if left else x.mT
    return x.squeeze(-1) if is_vector else x


def _triangular_gradient(upper: bool, unit: bool) -> Any:
    def rule(gs: Any, ys: Any, inputs: Any) -> tuple[Any, Any]:
        a = inputs[0]
        right = _triangular(a.mT, gs[0], not upper, unit)

        def for_a() -> Tensor:
            full = -(right @ ys[0].mT)
            return full.triu(1 if unit else 0) if upper else full.tril(-1 if unit else 0)

        return for_a, lambda: right

    return rule


def _triangular(a: Tensor, b: Tensor, upper: bool, unit: bool) -> Tensor:
    return _call("triangular", (a, b), (upper, unit), (tuple(b._shape),), _triangular_gradient(upper, unit))[0]


@operator("solve_triangular", namespace="linalg", method=False, out=True)
def solve_triangular(A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Tensor:
    """X of A X = B for triangular A, of which only that triangle is read."""
    _check("linalg.solve_triangular", A)
    if len(B._shape) < 2:
        raise RuntimeError("linalg.solve_triangular: The input tensor B must have at least 2 dimensions.")
    if not left:
        return solve_triangular(A.mT, B.mT, upper=not upper, unitriangular=unitriangular).mT
    lead = broadcast(tuple(A._shape[:-2]), tuple(B._shape[:-2]))
    if A._shape[-1] != B._shape[-2]:
        raise RuntimeError(
            "linalg.solve_triangular: Incompatible shapes of A and B for the equation AX = B "
            f"({A._shape[-2]}x{A._shape[-1]} and {B._shape[-2]}x{B._shape[-1]})"
        )
    return _triangular(A.expand((*lead, *A._shape[-2:])), B.expand((*lead, *B._shape[-2:])), upper, unitriangular)


# --- determinants ------------------------------------------------------------------------------------------------------
def _wide(t: Tensor) -> Tensor:
    return t.unsqueeze(-1).unsqueeze(-1)


def _det(name: str, a: Tensor) -> Tensor:
    _check(name, a)
    return _call(
        "determinant", (a,), (), (tuple(a._shape[:-2]),),
        lambda gs, ys, inputs: (lambda: _wide(gs[0] * ys[0]) * inv(inputs[0]).mT,),
    )[0]  # fmt: skip


@operator("det", namespace="linalg", method=False, out=True)
def det(A: Tensor) -> Tensor:
    """The determinant of square matrices. Its gradient needs them to be regular."""
    return _det("linalg.det", A)


@operator("det")
def _old_det(input: Tensor) -> Tensor:
    """`linalg.det`."""
    return _det("linalg.det", input)


_slogdet_result = result_type("slogdet", "sign logabsdet")


@operator("slogdet", namespace="linalg", method=False, out=True)
def slogdet(A: Tensor) -> Any:
    """The determinant's sign and the logarithm of its size."""
    _check("linalg.slogdet", A)
    lead = tuple(A._shape[:-2])
    return _slogdet_result(*_call(
        "sign_and_log", (A,), (), (lead, lead), lambda gs, ys, inputs: (lambda: _wide(gs[1]) * inv(inputs[0]).mT,)
    ))  # fmt: skip


@operator("slogdet")
def _old_slogdet(input: Tensor) -> Any:
    """`linalg.slogdet`."""
    return slogdet(input)


@operator()
def logdet(input: Tensor) -> Tensor:
    """log det; NaN where the determinant is negative."""
    sign, log = slogdet(input)
    return log.masked_fill(sign == -1, math.nan)


# --- factorisations ----------------------------------------------------------------------------------------------------
_qr_result = result_type("linalg_qr", "Q R")


def _qr_part(q: Tensor, r: Tensor, gq: Tensor, gr: Tensor) -> Tensor:
    """F. Walter, L. Lehmann, "Algorithmic differentiation of linear algebra functions" (2010): QR of a tall matrix."""
    m = r @ gr.mT - gq.mT @ q
    symmetric = m.tril() + m.tril(-1).mT
    return solve_triangular(r, (gq + q @ symmetric).mT, upper=True).mT


def _qr_gradient(mode: str) -> Any:
    def rule(gs: Any, ys: Any, inputs: Any) -> tuple[Any]:
        (a,) = inputs
        rows, columns = a.shape[-2:]
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

            rest, g_rest = a[..., rows:], gr[..., rows:]
            left = _qr_part(q, r[..., :rows], gq + rest @ g_rest.mT, gr[..., :rows])
            return cat([left, q @ g_rest], -1)

        return (wide,)

    return rule


@operator("qr", namespace="linalg", method=False, out=True)
def qr(A: Tensor, mode: str = "reduced") -> Any:
    """A = Q R, Q with orthonormal columns, R upper triangular; mode "reduced", "complete" or "r" (R alone)."""
    _check("linalg.qr", A, square_too=False)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'")
    *lead, m, n = A._shape
    k = m if mode == "complete" else min(m, n)
    if mode == "r":
        found = _call("qr", (A,), (mode,), ((*lead, k, n),), _qr_gradient(mode))
        return _qr_result(A.new_empty((0,)), found[0])
    return _qr_result(*_call("qr", (A,), (mode,), ((*lead, m, k), (*lead, k, n)), _qr_gradient(mode)))


_old_qr_result = result_type("qr", "Q R")


@operator("qr", out=True)
def _old_qr(input: Tensor, some: bool = True) -> Any:
    """`linalg.qr`."""
    return _old_qr_result(*qr(input, "reduced" if some else "complete"))


def _svd_gradient(gs: Any, ys: Any, inputs: Any) -> tuple[Any]:
    """J. Townsend, "Differentiating the singular value decomposition" (2016)."""
    (gu, gsigma, gvh), (u, s, vh) = gs, ys

    def part() -> Tensor:
        m, k, n = u.shape[-2], s.shape[-1], vh.shape[-1]
        square_ = s * s
        gap = square_.unsqueeze(-2) - square_.unsqueeze(-1)
        eye_ = _identity(s, k)
        gap = gap + eye_  # the diagonal is not used
        skew_u, skew_v = u.mT @ gu, vh @ gvh.mT
        skew_u, skew_v = (skew_u - skew_u.mT) / gap, (skew_v - skew_v.mT) / gap
        middle = skew_u * s.unsqueeze(-2) + s.unsqueeze(-1) * skew_v
        middle = middle * (1 - eye_) + gsigma.unsqueeze(-1) * eye_
        result = u @ middle @ vh
        if m > k:
            side = gu / s.unsqueeze(-2)
            result = result + (side - u @ (u.mT @ side)) @ vh
        if n > k:
            side = gvh / s.unsqueeze(-1)
            result = result + u @ (side - (side @ vh.mT) @ vh)
        return result

    return (part,)


_svd_result = result_type("linalg_svd", "U S Vh")


@operator("svd", namespace="linalg", method=False, out=True)
def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> Any:
    """A = U diag(S) Vh, singular values decreasing. Differentiable where they differ (with full_matrices=False)."""
    _check("linalg.svd", A, square_too=False)
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
    return _svd_result(*_call("svd", (A,), (full,), shapes, _svd_gradient))


_old_svd_result = result_type("svd", "U S V")


@operator("svd", out=True)
def _old_svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> Any:
    """A = U diag(S) Vᵀ."""
    u, s, vh = svd(input, not some)
    if not compute_uv:
        u, vh = u.new_zeros(tuple(u._shape)), vh.new_zeros(tuple(vh._shape))
    return _old_svd_result(u, s, vh.mT)


@operator("svdvals", namespace="linalg", method=False, out=True)
def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """The singular values, decreasing."""
    return svd(A, False)[1]


def _eigh_gradient(uplo: str) -> Any:
    def rule(gs: Any, ys: Any, inputs: Any) -> tuple[Any]:
        (gl, gv), (values, vectors) = gs, ys

        def part() -> Tensor:
            eye_ = _identity(values, values.shape[-1])
            gap = values.unsqueeze(-2) - values.unsqueeze(-1) + eye_
            middle = (vectors.mT @ gv) / gap * (1 - eye_) + gl.unsqueeze(-1) * eye_
            full = vectors @ middle @ vectors.mT
            return (full + full.mT) * 0.5

        return (part,)

    return rule


_eigh_result = result_type("linalg_eigh", "eigenvalues eigenvectors")


@operator("eigh", namespace="linalg", method=False, out=True)
def eigh(A: Tensor, UPLO: str = "L") -> Any:
    """Eigenvalues, increasing, and eigenvectors of symmetric matrices, of which one triangle is read."""
    _check("linalg.eigh", A)
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    shape = tuple(A._shape)
    return _eigh_result(*_call("eigh", (A,), (UPLO.upper(),), (shape[:-1], shape), _eigh_gradient(UPLO)))


@operator("eigvalsh", namespace="linalg", method=False, out=True)
def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """The eigenvalues of symmetric matrices, increasing."""
    return eigh(A, UPLO)[0]


_lu_result = result_type("linalg_lu_factor", "LU pivots")
_plu_result = result_type("linalg_lu", "P L U")


def _factored(a: Tensor) -> tuple[Tensor, Tensor]:
    *lead, m, n = a._shape
    packed, pivots = _call("lu", (a.detach(),), (), (tuple(a._shape), (*lead, min(m, n))))
    return packed, cast(pivots, int32)


@operator("lu_factor", namespace="linalg", method=False)
def lu_factor(A: Tensor, *, pivot: bool = True) -> Any:
    """L and U in one matrix, and the rows exchanged at each step (from 1). Differentiable through `lu` only."""
    _check("linalg.lu_factor", A, square_too=False)
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")
    if A.requires_grad:
        _, lower, upper = lu(A)
        n = upper._shape[-2]
        return _lu_result(_packed(lower, upper, n), _factored(A)[1])
    return _lu_result(*_factored(A))


def _packed(lower: Tensor, upper: Tensor, k: int) -> Tensor:
    m, n = lower._shape[-2], upper._shape[-1]
    strict = lower.tril(-1)
    if m == n:
        return strict + upper
    from flambeau.ops.joining import pad_constant

    lead = ((0, 0),) * (len(lower._shape) - 2)
    if m > n:
        return strict + pad_constant(upper, (*lead, (0, m - n), (0, 0)))
    return pad_constant(strict, (*lead, (0, 0), (0, n - m))) + upper


def _permutation(pivots: Tensor, m: int) -> Tensor:
    """The permutation matrix P of A = P L U from exchanged rows; computes them."""
    from flambeau.ops.creation import tensor

    lead = tuple(pivots._shape[:-1])
    rows = []
    for swaps in pivots.reshape(-1, pivots._shape[-1]).tolist():
        order = list(range(m))
        for k, p in enumerate(swaps):
            order[k], order[p - 1] = order[p - 1], order[k]
        rows.append(order)
    return tensor(rows, device=pivots.device).reshape(*lead, m)


@operator("lu", namespace="linalg", method=False)
def lu(A: Tensor, *, pivot: bool = True) -> Any:
    """A = P L U by partial pivoting: a permutation, a unit lower and an upper triangular matrix. Computes A."""
    _check("linalg.lu", A, square_too=False)
    if not pivot:
        raise RuntimeError("linalg.lu: LU without pivoting is not implemented on the CPU")
    *_, m, n = A._shape
    k = min(m, n)
    packed, pivots = _factored(A)
    order = _permutation(pivots, m)
    p = _identity(A, m)[order].mT if order.ndim == 1 else (order.unsqueeze(-1) == order.new_tensor(list(range(m)))).to(A.dtype).mT
    lower = packed[..., :, :k].tril(-1) + _identity(A, m)[:, :k]
    upper = packed[..., :k, :].triu()
    if A.requires_grad:
        if m != n:
            raise RuntimeError("linalg.lu: gradients need square matrices")
        a = p.mT @ A

        def lower_gradient(g: Tensor, y: Tensor, inputs: Any, params: Any) -> tuple[Any]:
            return (lambda: _lu_gradient(inputs[0], g, None),)

        def upper_gradient(g: Tensor, y: Tensor, inputs: Any, params: Any) -> tuple[Any]:
            return (lambda: _lu_gradient(inputs[0], None, g),)

        lower = record(Composite("linalg_lu_L", lower_gradient), lower, (a,))
        upper = record(Composite("linalg_lu_U", upper_gradient), upper, (a,))
    return _plu_result(p, lower, upper)


def _lu_gradient(a: Tensor, gl: Tensor | None, gu: Tensor | None) -> Tensor:
    """gA = L⁻ᵀ (tril(Lᵀ gL, -1) + triu(gU Uᵀ)) U⁻ᵀ for A = L U, which needs no more pivoting."""
    _, lower, upper = lu(a)
    middle = (lower.mT @ gl).tril(-1) if gl is not None else (gu @ upper.mT).triu()  # type: ignore[operator]
    left = solve_triangular(lower.mT, middle, upper=True, unitriangular=True)
    return solve_triangular(upper, left.mT, upper=True).mT


@operator("lu_solve", namespace="linalg", method=False)
def lu_solve(LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False) -> Tensor:
    """X of A X = B for the A whose `lu_factor` is given."""
    order = _permutation(pivots, LU._shape[-1])
    p = (order.unsqueeze(-1) == order.new_tensor(list(range(LU._shape[-1])))).to(LU.dtype)
    if not left:
        return lu_solve(LU, pivots, B.mT, left=True, adjoint=not adjoint).mT
    if adjoint:
        inner = solve_triangular(LU.mT, B, upper=False)
        return p.mT @ solve_triangular(LU.mT, inner, upper=True, unitriangular=True)
    inner = solve_triangular(LU, p @ B, upper=False, unitriangular=True)
    return solve_triangular(LU, inner, upper=True)


def _no_complex(name: str) -> Any:
    def function(A: Tensor) -> Any:
        raise RuntimeError(
            f"linalg.{name}: the result is complex, which flambeau has no dtype for; linalg.eigh takes symmetric matrices"
        )

    function.__name__ = function.__qualname__ = name
    function.__doc__ = "Not here: the result would be complex."
    operator(name, namespace="linalg", method=False)(function)
    return function


eig, eigvals = _no_complex("eig"), _no_complex("eigvals")


# --- pseudo-inverses and least squares ---------------------------------------------------------------------------------
def _pinv_gradient(g: Tensor, y: Tensor, inputs: Any, params: Any) -> tuple[Any]:
    """G. Golub, V. Pereyra, "The differentiation of pseudo-inverses" (1973)."""
    (a,) = inputs

    def part() -> Tensor:
        p, pt, gt = y, y.mT, g.mT
        result = -(pt @ g @ pt)
        result = result + (gt @ p @ pt - a @ (p @ gt @ p @ pt))
        return result + (pt @ p @ gt - (pt @ p @ gt @ p) @ a)

    return (part,)


_PINV = Composite("linalg_pinv", _pinv_gradient, saves="inputs output")


@operator("pinv", namespace="linalg", method=False, out=True)
def pinv(A: Tensor, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Tensor:
    """Moore and Penrose's pseudo-inverse; singular values up to max(atol, rtol·largest) count as 0."""
    _check("linalg.pinv", A, square_too=hermitian)
    *_, m, n = A._shape
    rtol = rcond if rtol is None else rtol
    with untaped():
        u, s, vh = svd(A.detach(), False)
        if 0 in A._shape:
            return A.mT.clone()
        limit = _threshold(s, m, n, A.dtype, atol, rtol)
        inverse = (1 / s).masked_fill(s <= limit, 0)
        y = (vh.mT * inverse.unsqueeze(-2)) @ u.mT
    return record(_PINV, y, (A,))


def _threshold(s: Tensor, m: int, n: int, type: dtype, atol: Any, rtol: Any) -> Tensor:
    if rtol is None:
        rtol = 0.0 if atol is not None and not (isinstance(atol, float) and atol == 0) else max(m, n) * finfo(type).eps
    largest = s[..., :1]
    relative = largest * (rtol.unsqueeze(-1) if isinstance(rtol, Tensor) and rtol._shape else rtol)
    if atol is None:
        return relative
    absolute = atol.unsqueeze(-1) if isinstance(atol, Tensor) and atol._shape else atol
    return relative.clamp(min=absolute)


@operator("pinverse")
def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """`linalg.pinv`."""
    return pinv(input, rcond)


@operator("matrix_rank", namespace="linalg", method=False)
def matrix_rank(A: Tensor, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Tensor:
    """How many singular values are above max(atol, rtol·largest)."""
    _check("linalg.matrix_rank", A, square_too=hermitian)
    *_, m, n = A._shape
    s = svd(A.detach(), False)[1]
    if not s._shape[-1]:
        return s.sum(-1).long()
    limit = _threshold(s, m, n, A.dtype, tol if tol is not None else atol, 0.0 if tol is not None else rtol)
    return (s > limit).sum(-1)


_lstsq_result = result_type("linalg_lstsq", "solution residuals rank singular_values")


@operator("lstsq", namespace="linalg", method=False)
def lstsq(A: Tensor, B: Tensor, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """X with the least ‖A X - B‖, its squared residuals, A's rank and singular values (those of driver "gelsd")."""
    _check("linalg.lstsq", A, square_too=False)
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError(f"linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss), got {driver}")
    is_vector = len(B._shape) == 1 or len(B._shape) == len(A._shape) - 1
    b = B.unsqueeze(-1) if is_vector else B
    *_, m, n = A._shape
    if b._shape[-2] != m:
        raise RuntimeError("linalg.lstsq: input.size(-2) should match other.size(" + ("-1)" if is_vector else "-2)"))
    lead = broadcast(tuple(A._shape[:-2]), tuple(b._shape[:-2]))
    a, b = A.expand((*lead, m, n)), b.expand((*lead, m, b._shape[-1]))
    cut = max(m, n) * finfo(A.dtype).eps if rcond is None else rcond
    shapes = ((*lead, n, b._shape[-1]), lead, (*lead, min(m, n)))
    x, rank, s = _call("lstsq", (a.detach(), b.detach()), (cut,), shapes)
    if a.requires_grad or b.requires_grad:
        x = pinv(a, cut) @ b
    chosen = driver or "gelsy"
    empty = A.new_empty((0,))
    residuals = ((a @ x - b) ** 2).sum(-2) if m > n and chosen != "gelsy" else empty
    rank = rank.long() if chosen != "gels" else empty.long()
    return _lstsq_result(x.squeeze(-1) if is_vector else x, residuals, rank, s if chosen in ("gelsd", "gelss") else empty)


# --- powers ------------------------------------------------------------------------------------------------------------
def _power(name: str, a: Tensor, n: int) -> Tensor:
    check_tensor(a, name, "A")
    if len(a._shape) < 2:
        raise RuntimeError(f"{name}: The input tensor A must have at least 2 dimensions.")
    square(tuple(a._shape), name=name)
    if n == 0:
        return _identity(a, a._shape[-1]).expand(tuple(a._shape)).clone()
    if n < 0:
        a, n = inv(a), -n
    result = None
    while True:
        if n & 1:
            result = a if result is None else result @ a
        n >>= 1
        if not n:
            return result.clone() if result is a else result  # type: ignore[union-attr, return-value]
        a = a @ a


@operator("matrix_power", namespace="linalg", method=False, out=True)
def matrix_power(A: Tensor, n: int) -> Tensor:
    """A to a whole power, by squaring; negative ones of the inverse."""
    return _power("linalg.matrix_power", A, n)


@operator("matrix_power", out=True)
def _old_matrix_power(input: Tensor, n: int) -> Tensor:
    """`linalg.matrix_power`."""
    return _power("linalg.matrix_power", input, n)


@operator("matrix_exp", namespace="linalg", method=False)
def matrix_exp(A: Tensor) -> Tensor:
    """e to the power of a matrix, by scaling and squaring of a Taylor polynomial. Computes the norm of A."""
    _check("linalg.matrix_exp", A)
    if not A.numel():
        return A.clone()
    size = float(A.detach().abs().sum(-2).max())
    squarings = max(0, math.ceil(math.log2(size * 4))) if size > 0 and math.isfinite(size) else 0
    x = A * 2.0**-squarings
    eye_ = _identity(A, A._shape[-1])
    result = eye_ + x * (1 / 18)
    for k in range(17, 0, -1):
        result = eye_ + (x @ result) * (1 / k)
    for _ in range(squarings):
        result = result @ result
    return result


@operator("matrix_exp")
def _old_matrix_exp(input: Tensor) -> Tensor:
    """`linalg.matrix_exp`."""
    return matrix_exp(input)


# --- norms -------------------------------------------------------------------------------------------------------------
@operator("vector_norm", namespace="linalg", method=False, out=True)
def vector_norm(x: Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor:
    """(Σ |x|^ord)^(1/ord) over `dim` (everything by default), with the limits for ord 0, ∞ and -∞."""
    check_tensor(x, "linalg.vector_norm", "x")
    if x.dtype.category != 2 and dtype is None:
        raise RuntimeError(f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {scalar_name(x)}")
    axes = wrap_dims(dims_argument(dim), len(x._shape))
    if any(x._shape[d] == 0 for d in axes) and (ord < 0 or math.isinf(ord)):
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {float(ord)} norm on an empty "
            "tensor because the operation does not have an identity"
        )
    return _vector_norm(x if dtype is None else cast(x, dtype), float(ord), axes, keepdim)


@operator("matrix_norm", namespace="linalg", method=False, out=True)
def matrix_norm(A: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor:
    """A matrix norm over two dimensions: "fro", "nuc", or 1, 2, ∞ and their negatives."""
    check_tensor(A, "linalg.matrix_norm", "A")
    if len(A._shape) < 2:
        raise RuntimeError("linalg.matrix_norm: The input tensor A must have at least 2 dimensions.")
    if A.dtype.category != 2 and dtype is None:
        raise RuntimeError(f"linalg.matrix_norm: Expected a floating point or complex tensor as input. Got {scalar_name(A)}")
    x = A if dtype is None else cast(A, dtype)
    rank = len(x._shape)
    rows, columns = (wrap_dim(d, rank) for d in dim)
    if rows == columns:
        raise RuntimeError("linalg.matrix_norm: dims must be different. Got " + str(list(dim)))
    if ord == "fro":
        return _vector_norm(x, 2.0, (rows, columns), keepdim)
    if ord == "nuc" or ord in (2, -2):
        moved = x.movedim((rows, columns), (-2, -1))
        s = svdvals(moved)
        value = s.sum(-1) if ord == "nuc" else s.amax(-1) if ord == 2 else s.amin(-1)
    elif ord in (1, -1, math.inf, -math.inf):
        summed, kept = (rows, columns) if abs(ord) == 1 else (columns, rows)
        sums = _vector_norm(x, 1.0, (summed,), True)
        value = (sums.amax(kept, keepdim=True) if ord > 0 else sums.amin(kept, keepdim=True)).squeeze((rows, columns))
    else:
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    if keepdim:
        value = value.reshape(tuple(1 if d in (rows, columns) else n for d, n in enumerate(x._shape)))
    return value


@operator("norm", namespace="linalg", method=False, out=True)
def norm(A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor:
    """A vector norm, or a matrix norm for two dimensions and an `ord`."""
    if ord is not None and (
        isinstance(ord, str) or (dim is None and len(A._shape) == 2) or (isinstance(dim, (tuple, list)) and len(dim) == 2)
    ):
        if dim is None and len(A._shape) != 2:
            raise RuntimeError(
                "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got " + f"{A.ndim}D."
            )
        return matrix_norm(A, ord, (-2, -1) if dim is None else dim, keepdim, dtype=dtype)
    if ord is not None and dim is None and len(A._shape) > 2:
        raise RuntimeError(f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.ndim}D.")
    return vector_norm(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype)


@operator("cond", namespace="linalg", method=False)
def cond(A: Tensor, p: Any = None) -> Tensor:
    """The condition number: the norm of A times that of its inverse (the ratio of singular values for p None, 2, -2)."""
    if p in (None, 2, -2):
        s = svdvals(A)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    return matrix_norm(A, p) * matrix_norm(inv(A), p)


# --- products ----------------------------------------------------------------------------------------------------------
def _cross(a: Tensor, b: Tensor, d: int) -> Tensor:
    x, y = (t.movedim(d, 0) for t in (a, b))
    from flambeau.ops.joining import stack

    parts = [x[(i + 1) % 3] * y[(i + 2) % 3] - x[(i + 2) % 3] * y[(i + 1) % 3] for i in range(3)]
    return stack(parts, d)


@operator("cross", namespace="linalg", method=False, out=True)
def cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The vector product along a dimension of size 3; the others broadcast."""
    from flambeau.shapes.joining import cross as rule

    check_tensor(other, "linalg.cross", "other", 2)
    shape = rule(tuple(check_tensor(input, "linalg.cross", "input")._shape), tuple(other._shape), dim)
    return _cross(input.expand(shape), other.expand(shape), wrap_dim(dim, len(shape)))


@operator("cross", out=True)
def _old_cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """`linalg.cross` along `dim`, or the first dimension of size 3."""
    if dim is None:
        found = [d for d, n in enumerate(input._shape) if n == 3]
        if not found:
            raise RuntimeError("no dimension of size 3 in input")
        dim = found[0]
    return cross(input, other, dim=dim)


@operator("vecdot", namespace="linalg", method=False, out=True)
def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """Σ x·y along a dimension; the others broadcast."""
    return (x * y).sum(dim)


@operator("matmul", namespace="linalg", method=False, out=True)
def matmul(input: Tensor, other: Tensor) -> Tensor:
    """`torch.matmul`."""
    return input @ other


@operator("diagonal", namespace="linalg", method=False)
def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """`torch.diagonal` of the last two dimensions."""
    return A.diagonal(offset, dim1, dim2)


@operator("vander", namespace="linalg", method=False)
def vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """Powers 0, 1, … N-1 of a vector's elements, one row each."""
    count = x._shape[-1] if N is None else N
    from flambeau.ops.joining import cat

    ones = x.new_ones((*x._shape, 1))
    return cat([ones, x.unsqueeze(-1).expand((*x._shape, count - 1))], -1).cumprod(-1) if count > 1 else ones


@operator("tensorinv", namespace="linalg", method=False)
def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """The inverse of A seen as a matrix from its last dimensions to its first `ind`."""
    if ind <= 0:
        raise RuntimeError("Expected a strictly positive integer for 'ind'")
    first, last = tuple(A._shape[:ind]), tuple(A._shape[ind:])
    if math.prod(first) != math.prod(last):
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got "
            f"{math.prod(last)} != {math.prod(first)}"
        )
    return inv(A.reshape(math.prod(first), -1)).reshape((*last, *first))


@operator("tensorsolve", namespace="linalg", method=False)
def tensorsolve(A: Tensor, B: Tensor, dims: Any = None) -> Tensor:
    """X with tensordot(A, X, X.ndim) = B."""
    if dims is not None:
        A = A.movedim(tuple(dims), tuple(range(len(A._shape) - len(dims), len(A._shape))))
    rest = tuple(A._shape[len(B._shape) :])
    return solve(A.reshape(B.numel(), math.prod(rest)), B.reshape(-1)).reshape(rest)


_lu_factor_ex_result = result_type("linalg_lu_factor_ex", "LU pivots info")
_solve_ex_result = result_type("linalg_solve_ex", "result info")


@operator("lu_factor_ex", namespace="linalg", method=False)
def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> Any:
    """`lu_factor`, and for each matrix 0 or the place (from 1) of the first zero on U's diagonal."""
    packed, pivots = lu_factor(A, pivot=pivot)
    zero = packed.detach().diagonal(0, -2, -1) == 0
    info = (zero.to(int32).argmax(-1) + 1) * zero.any(-1)
    return _lu_factor_ex_result(packed, pivots, cast(info, int32))


@operator("solve_ex", namespace="linalg", method=False)
def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> Any:
    """`solve`, and for each matrix 0 or the place (from 1) of the first zero pivot."""
    info = lu_factor_ex(A.detach())[2]
    return _solve_ex_result(solve(A, B, left=left), info)


@operator("householder_product", namespace="linalg", method=False)
def householder_product(A: Tensor, tau: Tensor) -> Tensor:
    """The first columns of H₁H₂…, reflections H = I - τ v vᵀ whose vectors lie below A's diagonal."""
    _check("linalg.householder_product", A, square_too=False)
    *_, m, n = A._shape
    result = _identity(A, m)[:, :n].expand((*A._shape[:-2], m, n))
    lower = A.tril(-1) + _identity(A, m)[:, :n]
    for k in range(tau._shape[-1] - 1, -1, -1):
        v = lower[..., :, k : k + 1]
        result = result - tau[..., k, None, None] * v @ (v.mT @ result)
    return result


@operator("orgqr")
def orgqr(input: Tensor, tau: Tensor) -> Tensor:
    """`linalg.householder_product`."""
    return householder_product(input, tau)


_triangular_result = result_type("triangular_solve", "solution cloned_coefficient")


@operator("triangular_solve")
def _old_triangular_solve(b: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False) -> Any:
    """X of A X = b (of Aᵀ X = b with `transpose`) for triangular A, and a copy of A."""
    left = A.mT if transpose else A
    return _triangular_result(solve_triangular(left, b, upper=upper != transpose, unitriangular=unitriangular), A.clone())
