"""Examples for operators: reductions, order."""

from __future__ import annotations

import torch

from tests.ops.draw import ALL, NUMBERS, WIDE, add

# --- reductions ----------------------------------------------------------------------------------------------------
DIMS = (
    lambda r: (r.f(2, 3, 4),),
    lambda r: (r.f(2, 3), 0),
    lambda r: (r.f(2, 3, 2), (0, 2)),
    lambda r: (r.f(2, 3), 1, True),
    lambda r: (r.f(2, 3), 2),
    lambda r: (r.f(), 0),
    lambda r: (r.singular(r.f(2, 0)), 1),
)
add("sum nansum", *DIMS, lambda r: (r.f(2, 3), {"dtype": torch.float64}), lambda r: (r.f(2, 3), (0, 0)), dtypes=ALL)
add("mean nanmean", *DIMS, lambda r: (r.f(2, 3), {"dtype": torch.float64}), dtypes=ALL)
add("nansum nanmean", lambda r: (r.special(3, 4), 1))
add(
    "prod",
    lambda r: (r.nonzero(2, 3),),
    lambda r: (r.f(2, 3), 1),
    lambda r: (r.f(2, 3), 0, True),
    lambda r: (torch.zeros(2, 2, dtype=r.dtype), 1),
    lambda r: (r.f(0),),
    dtypes=ALL,
    loose=4,
)
add("count_nonzero", lambda r: (r.f(2, 3),), lambda r: (r.f(2, 3), 1), dtypes=ALL, diff=False)
add("any all", *DIMS, dtypes=ALL, diff=False)
add(
    "amax amin",
    lambda r: (r.distinct(2, 3, 4),),
    lambda r: (r.distinct(2, 3), 0),
    lambda r: (r.distinct(2, 3, 2), (0, 2), True),
    lambda r: (r.f(2, 0), 1),
    lambda r: (r.special(3, 4), 1),
    lambda r: (torch.ones(2, 3, dtype=r.dtype), 1),
    dtypes=ALL,
)
add(
    "max min",
    lambda r: (r.distinct(2, 3),),
    lambda r: (r.distinct(2, 3), 0),
    lambda r: (r.distinct(2, 3), 1, True),
    lambda r: (r.distinct(2, 3), r.f(3)),
    lambda r: (r.f(0),),
    lambda r: (r.f(2, 0), 1),
    lambda r: (r.f(), 0),
    lambda r: (r.f(2, 3), 2),
    lambda r: (r.special(12),),
    dtypes=ALL,
)
add(
    "argmax argmin",
    lambda r: (r.distinct(2, 3),),
    lambda r: (r.distinct(2, 3), 0),
    lambda r: (r.distinct(2, 3), 1, True),
    lambda r: (r.f(0),),
    lambda r: (r.f(2, 0), 1),
    lambda r: (r.distinct(3), None, True),
    dtypes=NUMBERS,
    diff=False,
)
add(
    "aminmax",
    lambda r: (r.distinct(2, 3),),
    lambda r: (r.distinct(2, 3), {"dim": 1, "keepdim": True}),
    lambda r: (r.f(0),),
    dtypes=ALL,
)
add(
    "logsumexp",
    lambda r: (r.f(2, 3), 1),
    lambda r: (r.f(2, 3), (0, 1), True),
    lambda r: (r.special(3, 4), 1),
    lambda r: (r.f(0, 2), 0),
    dtypes=NUMBERS,
)
add(
    "norm",
    lambda r: (r.nonzero(2, 3),),
    lambda r: (r.f(2, 3), 1),
    lambda r: (r.f(2, 3), 3, 1),
    lambda r: (r.distinct(2, 3), float("inf"), 1, True),
    lambda r: (r.nonzero(2, 3), 0),
    lambda r: (r.nonzero(2, 3), 1.5, 0),
    lambda r: (r.f(2, 3), "fro", (0, 1)),
    lambda r: (r.singular(torch.zeros(3, dtype=r.dtype)), 2),
    dtypes=WIDE,
)
add("dist", lambda r: (r.f(2, 3), r.f(3)), lambda r: (r.f(3), r.f(3), 1))
add("renorm", lambda r: (r.f(3, 4), 2, 0, 1.0), lambda r: (r.f(3, 4), 1, 1, 2.0), dtypes=WIDE)
add(
    "var std",
    lambda r: (r.f(2, 3, 4),),
    lambda r: (r.f(2, 3), 1),
    lambda r: (r.f(2, 3), (0, 1), {"keepdim": True}),
    lambda r: (r.f(2, 3), False),
    lambda r: (r.f(2, 3), 1, {"correction": 0}),
    lambda r: (r.f(4, 3), 0, True, True),
    lambda r: (r.singular(r.f(1)),),
    lambda r: (r.f(2, 3), 1, {"correction": 5}),
    dtypes=NUMBERS,
)
add(
    "var_mean std_mean", lambda r: (r.f(2, 3),), lambda r: (r.f(2, 3), 1, {"correction": 0}), lambda r: (r.f(2, 3), 1, True, True)
)
add(
    "cov",
    lambda r: (r.f(3, 5),),
    lambda r: (r.f(5),),
    lambda r: (r.f(2, 4), {"correction": 0}),
    lambda r: (r.f(2, 4), {"fweights": torch.tensor([1, 2, 1, 3])}),
    lambda r: (r.f(2, 4), {"aweights": r.pos(4)}),
    dtypes=WIDE,
)
add("corrcoef", lambda r: (r.f(3, 5),), lambda r: (r.f(5),), dtypes=WIDE)
add(
    "trapezoid trapz",
    lambda r: (r.f(4),),
    lambda r: (r.f(2, 4), {"dx": 0.5}),
    lambda r: (r.f(2, 4), torch.arange(4, dtype=r.dtype) ** 2),
    lambda r: (r.f(3, 2), {"dim": 0}),
)
add("cumulative_trapezoid", lambda r: (r.f(4),), lambda r: (r.f(2, 4), {"dx": 0.5}))
add(
    "cumsum",
    lambda r: (r.f(2, 3), 1),
    lambda r: (r.f(2, 3), 0),
    lambda r: (r.f(), 0),
    lambda r: (r.f(2, 3), 2),
    lambda r: (r.f(2, 3), 1, {"dtype": torch.float64}),
    lambda r: (r.f(0, 2), 0),
    dtypes=ALL,
)
add("cumprod", lambda r: (r.f(2, 3), 1), lambda r: (torch.tensor([2.0, 0, 3, 0]).to(r.dtype), 0), dtypes=ALL, loose=4)
add(
    "cummax cummin",
    lambda r: (r.distinct(2, 4), 1),
    lambda r: (torch.tensor([1, 1, 0, 1]).to(r.dtype), 0),
    lambda r: (r.f(), 0),
    lambda r: (r.special(12), 0),
    dtypes=ALL,
)
add("logcumsumexp", lambda r: (r.f(2, 3), 1), lambda r: (r.f(4), 0), dtypes=WIDE)
add(
    "diff",
    lambda r: (r.f(2, 4),),
    lambda r: (r.f(2, 4), 2),
    lambda r: (r.f(4, 2), 1, 0),
    lambda r: (r.f(3), {"prepend": r.f(1), "append": r.f(2)}),
    lambda r: (r.f(2), 3),
    lambda r: (r.f(),),
    dtypes=ALL,
)


# --- order ---------------------------------------------------------------------------------------------------------
add(
    "sort",
    lambda r: (r.distinct(3, 4),),
    lambda r: (r.distinct(3, 4), 0, True),
    lambda r: (r.distinct(12),),
    lambda r: (r.f(),),
    lambda r: (torch.tensor([1, 0, 1, 0]).to(r.dtype), {"stable": True}),
    lambda r: (r.distinct(5), {"stable": None}),
    lambda r: (r.special(6)[:0],),
    dtypes=ALL,
)
add("argsort", lambda r: (r.distinct(3, 4),), lambda r: (r.distinct(3, 4), 0, True), dtypes=NUMBERS, diff=False)
add("msort", lambda r: (r.distinct(3, 4),), dtypes=NUMBERS)
add("topk", lambda r: (r.distinct(3, 4), 2), lambda r: (r.distinct(3, 4), 2, 0, False), lambda r: (r.f(3), 4), dtypes=NUMBERS)
add("kthvalue", lambda r: (r.distinct(3, 4), 2), lambda r: (r.distinct(3, 4), 1, 0, True), lambda r: (r.f(3), 4), dtypes=NUMBERS)
add(
    "median nanmedian",
    lambda r: (r.distinct(3, 4),),
    lambda r: (r.distinct(3, 4), 1),
    lambda r: (r.distinct(3, 5), 0, True),
    lambda r: (r.f(0),),
    dtypes=(*WIDE, torch.int64),
)
add(
    "nanmedian",
    lambda r: (torch.tensor([[1.0, float("nan"), 3, 2], [float("nan"), 5, float("nan"), 4]]).to(r.dtype), 1),
    dtypes=WIDE,
)
add("median", lambda r: (torch.tensor([[1.0, float("nan"), 3, 2], [7, 5, 6, 4]]).to(r.dtype), 1), dtypes=WIDE)
add(
    "mode",
    lambda r: (torch.tensor([[1, 2, 2, 3, 1], [3, 3, 3, 1, 0]]).to(r.dtype),),
    lambda r: (torch.tensor([[1, 2], [1, 3], [0, 3]]).to(r.dtype), 0, True),
    dtypes=NUMBERS,
)
add(
    "quantile nanquantile",
    lambda r: (r.distinct(3, 4), 0.3),
    lambda r: (r.distinct(3, 4), 0.5, 1),
    lambda r: (r.distinct(3, 4), torch.tensor([0.1, 0.9], dtype=r.dtype), 0, True),
    lambda r: (r.distinct(5), 0.4, {"interpolation": "lower"}),
    lambda r: (r.distinct(5), 0.4, {"interpolation": "nearest"}),
    lambda r: (r.distinct(6), 0.45, {"interpolation": "midpoint"}),
    lambda r: (r.distinct(6), 0.45, {"interpolation": "higher"}),
    lambda r: (r.f(3), 1.5),
    lambda r: (r.distinct(2, 3), 0.5, None, True),
    dtypes=(*WIDE, torch.int64),
)
add(
    "searchsorted",
    lambda r: (torch.arange(0, 10, 2).to(r.dtype), r.f(2, 3).abs()),
    lambda r: (torch.arange(0, 10, 2).to(r.dtype), torch.arange(5).to(r.dtype), {"right": True}),
    lambda r: (torch.arange(6).reshape(2, 3).to(r.dtype), r.f(2, 4).abs(), {"out_int32": True}),
    lambda r: (torch.arange(5).to(r.dtype), 2),
    lambda r: (torch.arange(5).to(r.dtype), r.f(2), {"side": "up"}),
    dtypes=(*WIDE, torch.int64),
    diff=False,
)
add(
    "bucketize",
    lambda r: (r.f(2, 3).abs(), torch.arange(0, 10, 2).to(r.dtype)),
    lambda r: (torch.arange(5).to(r.dtype), torch.arange(0, 10, 2).to(r.dtype), {"right": True}),
    lambda r: (1.5, torch.tensor([1.0, 2.0])),
    dtypes=(*WIDE, torch.int64),
    diff=False,
)
add(
    "isin",
    lambda r: (torch.tensor([1, 2, 3, 4]).to(r.dtype), torch.tensor([2, 4]).to(r.dtype)),
    lambda r: (torch.tensor([1, 2]).to(r.dtype), 2),
    lambda r: (torch.tensor([1, 2]).to(r.dtype), torch.tensor([2]).to(r.dtype), {"invert": True}),
    dtypes=(*WIDE, torch.int64),
    diff=False,
)
add(
    "unique",
    lambda r: (torch.tensor([3, 1, 2, 1, 3]).to(r.dtype),),
    lambda r: (torch.tensor([[3, 1], [1, 3]]).to(r.dtype), True, True, True),
    lambda r: (torch.tensor([[1, 2], [0, 5], [1, 2]]).to(r.dtype), True, True, True, 0),
    lambda r: (r.f(0),),
    dtypes=NUMBERS,
    diff=False,
)
add(
    "unique_consecutive",
    lambda r: (torch.tensor([1, 1, 2, 2, 1]).to(r.dtype),),
    lambda r: (torch.tensor([1, 1, 2, 2, 1]).to(r.dtype), True, True),
    lambda r: (torch.tensor([[1, 2], [1, 2], [0, 1]]).to(r.dtype), True, True, 0),
    dtypes=NUMBERS,
    diff=False,
)
add(
    "bincount",
    lambda r: (torch.tensor([1, 3, 1]),),
    lambda r: (torch.tensor([1, 3, 1]), torch.tensor([0.5, 1, 2]), 6),
    lambda r: (torch.tensor([-1]),),
    lambda r: (torch.tensor([1.5]),),
    lambda r: (torch.tensor([], dtype=torch.int64),),
    diff=False,
)
add(
    "histc",
    lambda r: (r.f(20), 5),
    lambda r: (r.f(20), 4, -1, 1),
    lambda r: (torch.ones(3, dtype=r.dtype), 3),
    dtypes=WIDE,
    diff=False,
)
add(
    "gradient",
    lambda r: (r.f(5),),
    lambda r: (r.f(3, 4),),
    lambda r: (r.f(3, 4), {"dim": 1, "spacing": 0.5}),
    lambda r: (r.f(4, 3), {"dim": (0, -1), "spacing": [2.0, 0.5], "edge_order": 2}),
    lambda r: (r.f(5), {"spacing": (torch.tensor([0.0, 1.0, 1.5, 4.0, 4.5], dtype=r.dtype),)}),
    lambda r: (r.f(5), {"spacing": (torch.tensor([0.0, 1.0, 1.5, 4.0, 4.5], dtype=r.dtype),), "edge_order": 2}),
    lambda r: (r.f(1),),
    lambda r: (r.f(4), {"edge_order": 3}),
    dtypes=WIDE,
)
add("typename", lambda r: (3,), lambda r: ("a",), dtypes=(torch.float32,), diff=False)
