"""Examples for operators: products, linear algebra."""

from __future__ import annotations

from typing import Any

import torch

from tests.ops.draw import WIDE, add

# --- products ------------------------------------------------------------------------------------------------------
MATMUL = (*WIDE, torch.float16, torch.bfloat16, torch.int64, torch.bool)
add(
    "matmul",
    lambda r: (r.f(2, 3), r.f(3, 4)),
    lambda r: (r.f(3), r.f(3)),
    lambda r: (r.f(2, 3), r.f(3)),
    lambda r: (r.f(3), r.f(3, 2)),
    lambda r: (r.f(5, 2, 3), r.f(3, 4)),
    lambda r: (r.f(5, 1, 2, 3), r.f(4, 3, 2)),
    lambda r: (r.f(3), r.f(2, 3, 4)),
    lambda r: (r.f(2, 3), r.f(2, 3)),
    lambda r: (r.f(), r.f(2)),
    lambda r: (r.f(2, 3), r.f(3, 2).double()),
    lambda r: (r.f(2, 0), r.f(0, 3)),
    lambda r: (r.f(3, 2).t(), r.f(4, 3).t()),
    dtypes=MATMUL,
    loose=4,
)
add(
    "mm",
    lambda r: (r.f(2, 3), r.f(3, 4)),
    lambda r: (r.f(2, 3), r.f(2, 3)),
    lambda r: (r.f(2), r.f(2, 3)),
    dtypes=MATMUL,
    loose=4,
)
add("bmm", lambda r: (r.f(2, 3, 4), r.f(2, 4, 2)), lambda r: (r.f(2, 3, 4), r.f(1, 4, 2)), dtypes=MATMUL, loose=4)
add("mv", lambda r: (r.f(2, 3), r.f(3)), lambda r: (r.f(2, 3), r.f(2)))
add("dot vdot", lambda r: (r.f(3), r.f(3)), lambda r: (r.f(3), r.f(2)), lambda r: (r.f(3, 1), r.f(3)), dtypes=WIDE)
add("outer ger", lambda r: (r.f(3), r.f(2)), lambda r: (r.f(3, 1), r.f(2)))
add("inner", lambda r: (r.f(2, 3), r.f(4, 3)), lambda r: (r.f(3), r.f()), lambda r: (r.f(3), r.f(2)), dtypes=WIDE)
add(
    "addmm",
    lambda r: (r.f(4), r.f(2, 3), r.f(3, 4)),
    lambda r: (r.f(2, 4), r.f(2, 3), r.f(3, 4), {"beta": 0.5, "alpha": 2}),
    lambda r: (r.f(2, 4), r.f(2, 3), r.f(3, 4), {"beta": 0}),
    lambda r: (r.f(3), r.f(2, 3), r.f(3, 4)),
    dtypes=WIDE,
)
add("addmv", lambda r: (r.f(2), r.f(2, 3), r.f(3)), lambda r: (r.f(2), r.f(2, 3), r.f(3), {"alpha": 2}), dtypes=WIDE)
add("addr", lambda r: (r.f(2, 3), r.f(2), r.f(3)), lambda r: (r.f(2, 3), r.f(2), r.f(3), {"beta": 2, "alpha": 3}), dtypes=WIDE)
add(
    "baddbmm",
    lambda r: (r.f(2, 3, 2), r.f(2, 3, 4), r.f(2, 4, 2)),
    lambda r: (r.f(3, 2), r.f(2, 3, 4), r.f(2, 4, 2), {"alpha": 2}),
    dtypes=WIDE,
)
add("addbmm", lambda r: (r.f(3, 2), r.f(2, 3, 4), r.f(2, 4, 2)), dtypes=WIDE)
add(
    "tensordot",
    lambda r: (r.f(2, 3, 4), r.f(3, 4, 2)),
    lambda r: (r.f(2, 3), r.f(3, 2), ([1], [0])),
    lambda r: (r.f(2, 3), r.f(4, 3), 1),
    lambda r: (r.f(2, 3), r.f(2), 0),
    lambda r: (r.f(2, 3, 4), r.f(4, 3), ([1, 2], [1, 0])),
    lambda r: (r.f(1, 1, 2), r.f(2, 1, 2), ([0, 1], [2, 0])),
    dtypes=WIDE,
)
add("kron", lambda r: (r.f(2, 3), r.f(3, 1)), lambda r: (r.f(2), r.f(2, 2)))
add("chain_matmul", lambda r: (r.f(2, 3), r.f(3, 4), r.f(4, 2)), dtypes=WIDE)
add("einsum", *[lambda r, e=e, shapes=shapes: (e, *(r.f(*s) for s in shapes)) for e, shapes in (
    ("ij,jk->ik", ((2, 3), (3, 4))), ("ij,jk", ((2, 3), (3, 4))), ("ii->i", ((3, 3),)), ("ii", ((3, 3),)), ("ij->ji", ((2, 3),)),
    ("bij,bjk,kl->bil", ((2, 2, 3), (2, 3, 4), (4, 2))), ("...ij,...jk->...ik", ((5, 2, 3), (3, 4))), ("i,j->ij", ((2,), (3,))),
    ("ij->", ((2, 3),)), ("ij,kj->ik", ((2, 3), (4, 3))), ("ij,jk->ik", ((2, 3), (2, 3))), ("iji->j", ((2, 3, 2),)),
    ("i,i", ((3,), (3,))),
    ("ij,ij->ij", ((2, 3), (2, 3))), ("ij,j->i", ((2, 1), (3,))), ("a..., b->ab...", ((2, 3), (4,))),
    ("ij,k->ik", ((2, 3), (4,))),
    ("i->ij", ((2,),)), ("b i, b j -> b", ((2, 3), (2, 4))), ("ij...->...i", ((2, 3, 4),)),
)], lambda r: (r.f(2, 3), [0, 1], r.f(3, 4), [1, 2], [0, 2]), lambda r: (r.f(2, 3), [0, Ellipsis], [Ellipsis, 0]),
    dtypes=WIDE, loose=4)  # fmt: skip
add("cross", lambda r: (r.f(2, 3), r.f(2, 3)), lambda r: (r.f(3, 2), r.f(3, 2), 0), lambda r: (r.f(2, 2), r.f(2, 2)))


# --- linear algebra ------------------------------------------------------------------------------------------------
LINALG: Any = {"ns": "linalg", "dtypes": WIDE, "loose": 200.0}
add(
    "cholesky",
    lambda r: (r.spd(3, 3),),
    lambda r: (r.spd(2, 3, 3),),
    lambda r: (r.spd(3, 3), {"upper": True}),
    lambda r: (-r.spd(3, 3),),
    lambda r: (r.f(2, 3),),
    **LINALG,
)
add("cholesky_ex", lambda r: (r.spd(3, 3),), **LINALG)
add(
    "inv",
    lambda r: (r.regular(3, 3),),
    lambda r: (r.regular(2, 3, 3),),
    lambda r: (torch.zeros(2, 2, dtype=r.dtype),),
    lambda r: (r.f(2, 3),),
    lambda r: (r.f(3),),
    **LINALG,
)
add("inv_ex", lambda r: (r.regular(3, 3),), **LINALG)
add(
    "solve",
    lambda r: (r.regular(3, 3), r.f(3, 2)),
    lambda r: (r.regular(3, 3), r.f(3)),
    lambda r: (r.regular(2, 3, 3), r.f(2, 3, 2)),
    lambda r: (r.regular(3, 3), r.f(2, 3), {"left": False}),
    lambda r: (torch.zeros(2, 2, dtype=r.dtype), r.f(2)),
    **LINALG,
)
add(
    "solve_triangular",
    lambda r: (r.regular(3, 3).triu(), r.f(3, 2), {"upper": True}),
    lambda r: (r.regular(3, 3).tril(), r.f(3, 2), {"upper": False}),
    lambda r: (r.regular(3, 3).tril(), r.f(2, 3), {"upper": False, "left": False}),
    lambda r: (r.regular(3, 3).tril(), r.f(3, 2), {"upper": False, "unitriangular": True}),
    **LINALG,
)
add("det", lambda r: (r.regular(3, 3),), lambda r: (r.regular(2, 3, 3),), lambda r: (r.f(2, 3),), **LINALG)
add("slogdet", lambda r: (r.regular(3, 3),), lambda r: (-r.regular(2, 3, 3),), **LINALG)
add("eigvalsh", lambda r: (r.symmetric(3, 3),), **LINALG)
add("svdvals", lambda r: (r.f(3, 4),), **LINALG)
add("pinv", lambda r: (r.f(3, 4),), lambda r: (r.f(4, 2),), **LINALG)
add("matrix_rank", lambda r: (r.f(3, 4),), lambda r: (torch.ones(3, 3, dtype=r.dtype),), diff=False, **LINALG)
add("matrix_power", lambda r: (r.regular(3, 3), 3), lambda r: (r.regular(3, 3), -2), **LINALG)
add("matrix_power", lambda r: (r.regular(3, 3), 0), diff=False, **LINALG)
add("matrix_exp", lambda r: (r.f(3, 3),), lambda r: (r.f(2, 2, 2) * 3,), second=False, **LINALG)
add("multi_dot", lambda r: ([r.f(2, 3), r.f(3, 4), r.f(4, 2)],), lambda r: ([r.f(3), r.f(3, 4), r.f(4)],), **LINALG)
add(
    "norm",
    lambda r: (r.f(2, 3),),
    lambda r: (r.f(2, 3), 1),
    lambda r: (r.f(2, 3), "nuc"),
    lambda r: (r.f(4), 3),
    lambda r: (r.f(2, 3), 2, 1),
    **LINALG,
)
add(
    "vector_norm",
    lambda r: (r.f(2, 3),),
    lambda r: (r.f(2, 3), 3, 1),
    lambda r: (r.f(2, 3), -1, 0, True),
    lambda r: (r.distinct(3), float("-inf")),
    **LINALG,
)
add(
    "matrix_norm",
    lambda r: (r.f(2, 3),),
    lambda r: (r.distinct(2, 3), 1),
    lambda r: (r.distinct(2, 3), float("inf")),
    lambda r: (r.f(2, 3), 2),
    lambda r: (r.f(2, 3), -2, (0, 1), True),
    lambda r: (r.f(2, 3), 7),
    **LINALG,
)
add(
    "cond",
    lambda r: (r.regular(3, 3),),
    lambda r: (r.regular(3, 3), 1),
    lambda r: (r.regular(3, 3), "fro"),
    second=False,
    **LINALG,
)
add("cross", lambda r: (r.f(2, 3), r.f(1, 3)), lambda r: (r.f(2, 2), r.f(2, 2)), **LINALG)
add("vecdot", lambda r: (r.f(2, 3), r.f(3)), **LINALG)
add("matmul", lambda r: (r.f(2, 3), r.f(3, 2)), **LINALG)
add("diagonal", lambda r: (r.f(2, 3, 3),), **LINALG)
add("vander", lambda r: (r.f(3),), lambda r: (r.f(2, 3), {"N": 4}), **LINALG)
add("tensorinv", lambda r: (r.regular(6, 6).reshape(2, 3, 6),), **LINALG)
add("tensorinv", lambda r: (r.regular(6, 6).reshape(6, 2, 3), 1), **LINALG)
add("tensorsolve", lambda r: (r.regular(6, 6).reshape(2, 3, 6), r.f(2, 3)), **LINALG)
add(
    "lu_solve",
    lambda r: (*torch.linalg.lu_factor(r.regular(3, 3)), r.f(3, 2)),
    lambda r: (*torch.linalg.lu_factor(r.regular(2, 3, 3)), r.f(2, 3, 2), {"adjoint": True}),
    lambda r: (*torch.linalg.lu_factor(r.regular(3, 3)), r.f(2, 3), {"left": False}),
    lambda r: (*torch.linalg.lu_factor(r.regular(3, 3)), r.f(2, 2)),
    **LINALG,
)
add("lu_factor lu", lambda r: (r.regular(3, 3),), lambda r: (r.f(4, 3),), lambda r: (r.f(2, 2, 4),), **LINALG)
add("eig eigvals", ns="linalg")
OLD: Any = {"dtypes": WIDE, "loose": 200.0}
add("cholesky", lambda r: (r.spd(3, 3),), **OLD)
add("cholesky_inverse", lambda r: (r.regular(3, 3).tril(),), **OLD)
add("cholesky_solve", lambda r: (r.f(3, 2), r.regular(3, 3).tril()), **OLD)
add("inverse det logdet slogdet", lambda r: (r.regular(3, 3),), **OLD)
add("pinverse", lambda r: (r.f(3, 2),), **OLD)
add("lu", lambda r: (r.f(4, 3),), lambda r: (r.regular(2, 3, 3), True, True),
    lambda r: (torch.ones(2, 2, dtype=r.dtype), True, True), second=False, **OLD)  # fmt: skip
add("lu_solve", lambda r: (r.f(3, 2), *torch.linalg.lu_factor(r.regular(3, 3))), second=False, **OLD)
add(
    "lu_unpack",
    lambda r: torch.linalg.lu_factor(r.f(4, 3)),
    lambda r: torch.linalg.lu_factor(r.f(2, 2, 3)),
    lambda r: (*torch.linalg.lu_factor(r.f(3, 3)), False),
    lambda r: (*torch.linalg.lu_factor(r.f(3, 3)), True, False),
    second=False,
    **OLD,
)
add("matrix_power", lambda r: (r.regular(3, 3), 2), **OLD)
add("matrix_exp", lambda r: (r.f(3, 3),), dtypes=WIDE, loose=200.0, second=False)
add(
    "lu_factor_ex",
    lambda r: (r.regular(3, 3),),
    lambda r: (torch.ones(2, 2, dtype=r.dtype),),
    ns="linalg",
    dtypes=WIDE,
    diff=False,
)
add("solve_ex", lambda r: (r.regular(3, 3), r.f(3, 2)), **LINALG)
add("householder_product", lambda r: torch.geqrf(r.f(4, 3)), **LINALG)
add("orgqr", lambda r: torch.geqrf(r.f(4, 3)), **OLD)
add("triangular_solve", lambda r: (r.f(3, 2), r.regular(3, 3)), lambda r: (r.f(3, 2), r.regular(3, 3), True, True), **OLD)
