"""Examples for operators: complex numbers, among all other operators' operands too."""

from __future__ import annotations

from itertools import product, starmap
from math import inf, nan
from typing import Any

import torch

from tests.ops.draw import COMPLEX, FLOATS, WIDE, add

# --- parts -------------------------------------------------------------------------------------------------------------
add("complex", lambda r: (r.f(2, 3), r.f(3)), lambda r: (r.f(2), r.f(3)), lambda r: (r.f(2), torch.ones(2, dtype=torch.int64)),
    dtypes=WIDE)  # fmt: skip
add("complex", lambda r: (r.f(2), r.f(2).to(torch.float32)), dtypes=(torch.float64,))
add("polar", lambda r: (r.pos(2, 3), r.f(2, 3)), lambda r: (r.pos(2, 1), r.f(3)), dtypes=WIDE)
add(
    "view_as_real", lambda r: (r.f(2, 3),), lambda r: (r.f(3, 2).t(),), lambda r: (r.f(),), lambda r: (r.f(0, 2),), dtypes=COMPLEX
)
add("view_as_real", lambda r: (r.f(2),), lambda r: (r.f(2).conj(),), dtypes=FLOATS)
add("view_as_complex", lambda r: (r.f(3, 2),), lambda r: (r.f(2, 3, 2).transpose(0, 1),), lambda r: (r.f(2),),
    lambda r: (r.f(3),), lambda r: (r.f(2, 3).t(),), lambda r: (r.f(4, 3)[:, :2],),
    lambda r: (r.f(),), dtypes=WIDE)  # fmt: skip
add("imag real", lambda r: (r.f(2, 3),), lambda r: (r.f(3, 2).t(),), lambda r: (r.f(2, 4)[:, 1::2],), dtypes=COMPLEX)
add("imag real", lambda r: (r.f(2, 3),), dtypes=WIDE)
add("conj conj_physical resolve_conj resolve_neg is_conj is_neg is_complex is_floating_point isreal", lambda r: (r.f(2, 3),),
    lambda r: (r.special(8),), dtypes=(*COMPLEX, torch.float32, torch.int64))  # fmt: skip
add("angle sgn abs absolute", lambda r: (r.f(2, 3),), lambda r: (r.f(),), lambda r: (r.singular(torch.zeros(2, dtype=r.dtype)),),
    dtypes=COMPLEX)  # fmt: skip
add("angle abs isnan isinf isfinite", lambda r: (r.special(10),), dtypes=COMPLEX, diff=False)
add("adjoint", lambda r: (r.f(2, 3),), lambda r: (r.f(4, 2, 3),), lambda r: (r.f(2),), dtypes=COMPLEX)
add("cfloat cdouble", lambda r: (r.f(2, 3),), ns=None, dtypes=(*COMPLEX, *WIDE, torch.int64, torch.bool))

# --- exponentials and logarithms together ------------------------------------------------------------------------------
add("logaddexp", lambda r: (r.f(2, 3), r.f(3)), lambda r: (r.f(3) * 8, r.f(3) * 8), dtypes=COMPLEX)
INFINITE = torch.tensor([complex("inf"), complex("-inf"), complex(float("inf"), 1), complex(float("-inf"), 2), complex("nan")])
OTHERS = torch.tensor([0.5 - 1j, complex("-inf"), complex(float("-inf"), 1), complex(1, 4), complex(1, 1)])
add("logaddexp", lambda r: (INFINITE.to(r.dtype), OTHERS.to(r.dtype)), lambda r: (OTHERS.to(r.dtype), INFINITE.to(r.dtype)),
    dtypes=COMPLEX, diff=False)  # fmt: skip
add("logcumsumexp", lambda r: (r.f(2, 3), 1), lambda r: (r.f(), 0), dtypes=COMPLEX, loose=20)
add("logcumsumexp", lambda r: (r.f(40), 0), dtypes=COMPLEX, loose=20, diff=False)  # its second derivatives: 300 kernels

# --- one operand -------------------------------------------------------------------------------------------------------
FUNCTIONS = (
    "sqrt rsqrt exp expm1 exp2 log log1p log2 log10 sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh sigmoid "
    "reciprocal square neg sinc"
)
add(FUNCTIONS, lambda r: (r.f(2, 3),), lambda r: (r.f(3, 2).t(),), lambda r: (r.f(),), lambda r: (r.unit(5),), dtypes=COMPLEX)
EDGES = torch.tensor(
    [0, 1, -1, 2, -2, 0.5, 1j, -1j, 2j, -2j, 30, -30, 30j, 1e-4, 1 + 1e-4j, -1 + 1e-4j, -1 - 1e-4j, complex(-2, -0.0)]
)
add(
    "sqrt exp log sin cos asin acos sinh cosh tanh asinh acosh",
    lambda r: (EDGES.to(r.dtype, copy=True),),
    dtypes=COMPLEX,
    diff=False,
)
FAR = torch.tensor(list(starmap(complex, product((inf, -inf), (0, 1, -2, inf, nan)))))
add("tanh", lambda r: (FAR.to(r.dtype, copy=True),), dtypes=COMPLEX, diff=False)
REFUSED = (
    "floor ceil trunc fix round frac sign signbit isposinf isneginf deg2rad rad2deg logit erf erfc relu bitwise_not argmax "
    "argmin max min amax amin sort argsort median nansum"
)
add(REFUSED, lambda r: (r.f(2, 3),), dtypes=COMPLEX, diff=False)
add("nan_to_num", lambda r: (r.special(9),), dtypes=COMPLEX, diff=False)
add("positive logical_not count_nonzero", lambda r: (r.f(5),), dtypes=COMPLEX)
add("lt le gt ge maximum minimum fmax fmin fmod remainder floor_divide atan2 hypot copysign nextafter heaviside xlogy "
    "bitwise_and logical_and logical_or logical_xor", lambda r: (r.f(2, 3), r.f(3)), dtypes=COMPLEX, diff=False)  # fmt: skip
add("clamp", lambda r: (r.f(3), 0, 1), dtypes=COMPLEX)

# --- two operands ------------------------------------------------------------------------------------------------------
BOTH = (
    lambda r: (r.f(2, 3), r.f(2, 3)), lambda r: (r.f(2, 1), r.f(3)), lambda r: (r.f(2, 3), 2), lambda r: (r.f(2, 3), 1.5 - 2j),
    lambda r: (r.f(2, 3), r.f(3).real), lambda r: (r.f(2, 3).imag, r.f(3)), lambda r: (r.f(3), torch.tensor(2)),
    lambda r: (r.f(3), torch.tensor(1.5, dtype=torch.float64)), lambda r: (torch.arange(1, 4), r.f(3)),
    lambda r: (r.f(3), torch.tensor(1 - 2j, dtype=torch.complex128)), lambda r: (r.f(3).real, torch.tensor(1 - 2j)),
    lambda r: (torch.arange(1, 4), 2 - 1j), lambda r: (r.f(3).conj(), r.f(3)),
)  # fmt: skip
add("add sub mul div true_divide eq ne rsub", *BOTH, dtypes=COMPLEX)
add("pow float_power", lambda r: (r.f(2, 3), r.f(3)), lambda r: (r.f(3), 2), lambda r: (r.f(3), 0.5), lambda r: (r.f(3), -1),
    lambda r: (r.f(3), 3), lambda r: (r.f(3), 1 + 2j), lambda r: (2.5, r.f(3)), lambda r: (r.f(3).real.abs(), r.f(3)),
    lambda r: (1j, r.f(3)), dtypes=COMPLEX)  # fmt: skip
add("pow", lambda r: (torch.zeros(1, dtype=r.dtype), torch.tensor([2 + 1j]).to(r.dtype)), dtypes=COMPLEX, diff=False)
add(
    "add sub",
    lambda r: (r.f(3), r.f(3), {"alpha": 2 - 1j}),
    lambda r: (r.f(3).real, r.f(3).real, {"alpha": 2 - 1j}),
    dtypes=COMPLEX,
)
add("isclose allclose equal", lambda r: (r.f(3), r.f(3)),
    lambda r: (torch.ones(3, dtype=r.dtype), torch.ones(3, dtype=r.dtype) + 1e-9j),
    dtypes=COMPLEX, diff=False)  # fmt: skip
add("div", lambda r: (r.f(6), torch.tensor([0, 1j, 1e-3, 1e15, 1e15j, -0.0]).to(r.dtype)), dtypes=COMPLEX, diff=False)
add("lerp", lambda r: (r.f(3), r.f(3), 0.3), lambda r: (r.f(3), r.f(3), r.f(3)), dtypes=COMPLEX)
add("addcmul addcdiv", lambda r: (r.f(3), r.f(3), r.f(3)), lambda r: (r.f(3), r.f(3), r.f(3), {"value": 2 - 1j}), dtypes=COMPLEX)
add(
    "where",
    lambda r: (r.b(3), r.f(3), r.f(3)),
    lambda r: (r.b(3), r.f(3), 0.0),
    lambda r: (r.b(3), r.f(3).real, 1j),
    dtypes=COMPLEX,
)
add("masked_fill", lambda r: (r.f(3), r.b(3), 1 - 1j), lambda r: (r.f(3).real, r.b(3), 1 - 1j), dtypes=COMPLEX)
add("result_type", lambda r: (r.f(3), 1j), lambda r: (r.f(3).real, r.f()), lambda r: (torch.arange(3), r.f()), lambda r: (1, 1j),
    dtypes=COMPLEX, diff=False)  # fmt: skip

# --- sums, products, scans ---------------------------------------------------------------------------------------------
add("sum mean prod", lambda r: (r.f(2, 3),), lambda r: (r.f(2, 3), 1), lambda r: (r.f(2, 3), -1, True),
    lambda r: (r.f(2, 5, 2), 1),
    dtypes=COMPLEX)  # fmt: skip
add("prod", lambda r: (torch.tensor([1, 0, 2j]).to(r.dtype),), lambda r: (r.f(0),), dtypes=COMPLEX)
add(
    "var std",
    lambda r: (r.f(2, 5),),
    lambda r: (r.f(2, 5), 1),
    lambda r: (r.f(2, 5), {"dim": 1, "correction": 0}),
    dtypes=COMPLEX,
)
add("norm", lambda r: (r.f(2, 3),), lambda r: (r.f(2, 3), 1), lambda r: (r.f(2, 3), 3.0, 1), dtypes=COMPLEX)
add("logsumexp", lambda r: (r.f(2, 3), 1), dtypes=COMPLEX)
add("cumsum cumprod", lambda r: (r.f(2, 5), 1), lambda r: (r.f(5, 2), 0), dtypes=COMPLEX)
add("cummax", lambda r: (r.f(3), 0), dtypes=COMPLEX, diff=False)
add("any all", lambda r: (r.f(2, 3),), lambda r: (torch.zeros(2, dtype=r.dtype),), dtypes=COMPLEX, diff=False)
add("diff trapezoid", lambda r: (r.f(2, 5),), dtypes=COMPLEX)
add("cov", lambda r: (r.f(2, 5),), dtypes=COMPLEX)

# --- products of matrices ----------------------------------------------------------------------------------------------
add("matmul", lambda r: (r.f(2, 3), r.f(3, 4)), lambda r: (r.f(5, 2, 3), r.f(3)), lambda r: (r.f(2, 1, 2, 3), r.f(4, 3, 2)),
    lambda r: (r.f(3), r.f(3)), lambda r: (r.f(2, 3), r.f(3).real),
    lambda r: (r.f(3, 2).mH, r.f(3, 4)), dtypes=COMPLEX)  # fmt: skip
add("mm", lambda r: (r.f(2, 3), r.f(3, 2)), lambda r: (r.f(2, 3), r.f(2, 3)), dtypes=COMPLEX)
add("bmm", lambda r: (r.f(2, 2, 3), r.f(2, 3, 2)), dtypes=COMPLEX)
add("dot vdot inner outer", lambda r: (r.f(3), r.f(3)), dtypes=COMPLEX)
add("addmm", lambda r: (r.f(2, 2), r.f(2, 3), r.f(3, 2)), lambda r: (r.f(2), r.f(2, 3), r.f(3, 2), {"beta": 2, "alpha": 1 - 1j}),
    dtypes=COMPLEX)  # fmt: skip
add("tensordot", lambda r: (r.f(2, 3), r.f(3, 4), 1), dtypes=COMPLEX)
add("kron", lambda r: (r.f(2, 2), r.f(2, 3)), dtypes=COMPLEX)
add("einsum", lambda r: ("bixy,ioxy->boxy", r.f(2, 3, 4, 2), r.f(3, 5, 4, 2)), lambda r: ("ij,ij->", r.f(2, 3), r.f(2, 3)),
    lambda r: ("ii->i", r.f(3, 3)), dtypes=COMPLEX)  # fmt: skip

# --- movement ------------------------------------------------------------------------------------------------------------
add("t clone ravel trace", lambda r: (r.f(2, 3),), dtypes=COMPLEX)
add("flip", lambda r: (r.f(2, 3), (0,)), dtypes=COMPLEX)
add("roll", lambda r: (r.f(2, 3), 1), dtypes=COMPLEX)
add("reshape", lambda r: (r.f(2, 3), (3, 2)), lambda r: (r.f(2, 3).t(), (6,)), dtypes=COMPLEX)
add("permute", lambda r: (r.f(2, 3, 2), (2, 0, 1)), dtypes=COMPLEX)
add("tril triu", lambda r: (r.f(3, 3),), dtypes=COMPLEX)
add("cat stack", lambda r: ([r.f(2, 3), r.f(2, 3)], 1), lambda r: ([r.f(2, 3), r.f(2, 3).real], 0), dtypes=COMPLEX)
add("gather", lambda r: (r.f(3, 4), 1, r.i(3, 2, below=4)), dtypes=COMPLEX)
add("scatter_add", lambda r: (r.f(3, 4), 1, r.i(3, 2, below=4), r.f(3, 2)), dtypes=COMPLEX)
add("index_select", lambda r: (r.f(3, 4), 1, r.i(5, below=4)), dtypes=COMPLEX)
add("index_add", lambda r: (r.f(3, 4), 0, r.i(2, below=3), r.f(2, 4)), dtypes=COMPLEX)
add("take", lambda r: (r.f(3, 4), r.i(5, below=12)), dtypes=COMPLEX)
add("diagonal diag_embed", lambda r: (r.f(3, 3),), dtypes=COMPLEX)
add("nonzero", lambda r: (torch.tensor([0, 1j, 0, 2]).to(r.dtype),), dtypes=COMPLEX, diff=False)
add("unfold", lambda r: (r.f(8), 0, 3, 2), ns=None, dtypes=COMPLEX)
add("expand", lambda r: (r.f(1, 3), (2, 3)), ns=None, dtypes=COMPLEX)

# --- made --------------------------------------------------------------------------------------------------------------
add("zeros ones", lambda r: (2, 3, {"dtype": r.dtype}), dtypes=COMPLEX, diff=False)
add("full", lambda r: ((2,), 1 - 2j), lambda r: ((2,), 1, {"dtype": r.dtype}), lambda r: ((2,), 1j, {"dtype": torch.float32}),
    dtypes=COMPLEX, diff=False)  # fmt: skip
add(
    "tensor",
    lambda r: ([1, 2 - 1j],),
    lambda r: ([[1j], [2.5]], {"dtype": r.dtype}),
    lambda r: (1 + 2j,),
    dtypes=COMPLEX,
    diff=False,
)
add("linspace", lambda r: (0, 1 - 2j, 5, {"dtype": r.dtype}), dtypes=COMPLEX, diff=False)
add("arange", lambda r: (3, {"dtype": r.dtype}), dtypes=COMPLEX, diff=False)
add("eye", lambda r: (3, {"dtype": r.dtype}), dtypes=COMPLEX, diff=False)

# --- linear algebra ----------------------------------------------------------------------------------------------------
LINALG: Any = {"ns": "linalg", "dtypes": COMPLEX, "loose": 200.0}
add("inv inv_ex det slogdet matrix_exp lu lu_factor_ex cond", lambda r: (r.regular(3, 3),), lambda r: (r.regular(2, 3, 3),),
    second=False, **LINALG)  # fmt: skip
add("lu", lambda r: (r.f(4, 3),), lambda r: (r.f(2, 3),), second=False, **LINALG)
add("solve", lambda r: (r.regular(3, 3), r.f(3, 2)), lambda r: (r.regular(3, 3), r.f(3)), **LINALG)
add("solve_triangular", lambda r: (r.regular(3, 3).triu(), r.f(3, 2), {"upper": True}), **LINALG)
add(
    "cholesky",
    lambda r: (r.spd(2, 3, 3),),
    lambda r: (r.spd(3, 3), {"upper": True}),
    lambda r: (-r.spd(3, 3),),
    **LINALG,
)
add("cholesky_ex eigvalsh", lambda r: (r.spd(3, 3),), second=False, **LINALG)
add("svdvals pinv", lambda r: (r.f(3, 4),), lambda r: (r.f(4, 2),), second=False, **LINALG)
add("matrix_rank", lambda r: (r.f(3, 4),), diff=False, **LINALG)
add("matrix_norm", lambda r: (r.f(3, 4), "nuc"), lambda r: (r.f(3, 4), 2), second=False, **LINALG)
add("matrix_power", lambda r: (r.regular(3, 3), -2), **LINALG)
add("vecdot", lambda r: (r.f(2, 3), r.f(3)), **LINALG)
add("householder_product", lambda r: torch.geqrf(r.f(4, 3)), second=False, **LINALG)
add(
    "lu_solve",
    lambda r: (*torch.linalg.lu_factor(r.regular(3, 3)), r.f(3, 2)),
    lambda r: (*torch.linalg.lu_factor(r.regular(3, 3)), r.f(3, 2), {"adjoint": True}),
    lambda r: (*torch.linalg.lu_factor(r.regular(3, 3)), r.f(2, 3), {"left": False}),
    **LINALG,
)
OLD: Any = {"dtypes": COMPLEX, "loose": 200.0}
add("cholesky_inverse", lambda r: (torch.linalg.cholesky(r.spd(3, 3)),), second=False, **OLD)
add("cholesky_solve", lambda r: (r.f(3, 2), torch.linalg.cholesky(r.spd(3, 3))), second=False, **OLD)
add("logdet", lambda r: (r.regular(3, 3),), **OLD)
