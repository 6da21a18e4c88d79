"""What singular values tell of any matrix: the pseudo-inverse, the rank, least squares. May import what `flambeau.ops` may."""

from __future__ import annotations

import functools
from typing import Any

from flambeau.dtypes import dtype, finfo
from flambeau.ops.composite import Composite, record, untaped
from flambeau.ops.linalg.decompositions import svd, svdvals
from flambeau.ops.linalg.routines import call_routine, check_matrices
from flambeau.ops.registry import operator
from flambeau.ops.results import result_type
from flambeau.shapes.broadcasting import broadcast
from flambeau.tensor import Tensor

__all__ = ["lstsq", "matrix_rank", "pinv", "pinverse"]


def _pinv_gradient(g: Tensor, y: Tensor, inputs: Any, params: Any) -> tuple[Any]:
    """G. Golub, V. Pereyra, "The differentiation of pseudo-inverses" (1973)."""
    (a,) = inputs

    def part() -> Tensor:
        p, pt, gt = y, y.mH, g.mH
        result = -(pt @ g @ pt)
        result = result + (gt @ p @ pt - a @ (p @ gt @ p @ pt))
        return result + (pt @ p @ gt - (pt @ p @ gt @ p) @ a)

    return (part,)


_PINV = Composite("linalg_pinv", _pinv_gradient, saves="inputs output", conjugates=False)


def _read(a: Tensor, hermitian: bool) -> Tensor:
    """The values that count: of a Hermitian matrix the lower triangle, and the real part of its diagonal."""
    given = a.detach()
    if not hermitian:
        return given
    below = given.tril(-1)
    return below + below.mH + given.diagonal(0, -2, -1).real.diag_embed()


@operator("pinv", namespace="linalg", method=False, out=True)
def pinv(A: Tensor, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Tensor:
    """Moore and Penrose's pseudo-inverse; singular values up to max(atol, rtol·largest) count as 0."""
    check_matrices("linalg.pinv", A, square_too=hermitian)
    *_, m, n = A._shape
    rtol = rcond if rtol is None else rtol
    with untaped():
        u, s, vh = svd(_read(A, hermitian), False)
        if 0 in A._shape:
            y = A.detach().mT.clone()
        else:
            limit = _threshold(s, m, n, A.dtype, atol, rtol)
            inverse = (1 / s)._fill_where(s <= limit, 0)
            y = (vh.mH * inverse.unsqueeze(-2)) @ u.mH
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


@operator("matrix_rank", namespace="linalg", method=False, out=True)
def matrix_rank(A: Tensor, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Tensor:
    """How many singular values are above max(atol, rtol·largest)."""
    check_matrices("linalg.matrix_rank", A, square_too=hermitian)
    *_, m, n = A._shape
    s = svdvals(_read(A, hermitian))
    if not s._shape[-1]:
        return s.sum(-1).long()
    limit = _threshold(s, m, n, A.dtype, tol if tol is not None else atol, 0.0 if tol is not None else rtol)
    return (s > limit).sum(-1)


def _lstsq_gradient(cut: float, gs: Any, ys: Any, inputs: Any) -> tuple[Any, Any]:
    """From X = P B and the pseudoinverse P of A, of constant rank, dP = -P dA P + P Pᴴ dAᴴ (I - A P) + (I - P A) dAᴴ Pᴴ P (G.
    Golub and V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems", 1973)."""
    a, b = inputs
    x, inverse = ys[0], pinv(a, cut)
    right = inverse.mH @ gs[0]

    def for_a() -> Tensor:
        outside = (b - a @ x) @ (inverse @ right).mH
        within = (inverse.mH @ x) @ (gs[0] - a.mH @ right).mH
        return outside + within - right @ x.mH

    return for_a, lambda: right


_lstsq_result = result_type("linalg_lstsq", "solution residuals rank singular_values")


@operator("lstsq", namespace="linalg", method=False, out=True)
def lstsq(A: Tensor, B: Tensor, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """X with the least ‖A X - B‖, its squared residuals, A's rank and singular values (those of driver "gelsd")."""
    check_matrices("linalg.lstsq", A, square_too=False)
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
    chosen = driver or "gelsy"
    has_values = chosen in ("gelsd", "gelss")
    shapes = ((*lead, n, b._shape[-1]), lead, *(((*lead, min(m, n)),) if has_values else ()))
    rule = functools.partial(_lstsq_gradient, cut)
    real = range(1, len(shapes))
    found = call_routine("lstsq", (a, b), (cut, has_values), shapes, rule, conjugates=False, real=real, reads=(0, 1))
    x, rank = found[0], found[1].detach()
    empty = A.new_empty((0,))
    residuals = (a @ x - b).abs().square().sum(-2) if m > n and chosen != "gelsy" else empty
    rank = rank.long() if chosen != "gels" else empty.long()
    return _lstsq_result(x.squeeze(-1) if is_vector else x, residuals, rank, found[2].detach() if has_values else empty)
