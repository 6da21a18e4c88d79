"""Examples for operators: histograms, reductions of segments, factors by reflections, and other names for what is there."""

from __future__ import annotations

from typing import Any

import torch

from tests.ops.draw import FLOATS, WIDE, add

COUNTED: Any = {"dtypes": WIDE, "diff": False, "loose": 4}
add("histogram", lambda r: (r.f(30), 5), lambda r: (r.f(2, 9), 3, {"range": (-1.0, 2.0), "weight": r.pos(2, 9), "density": True}),
    lambda r: (r.f(20), torch.tensor([-1, 0.5, 2], dtype=r.dtype)), lambda r: (torch.ones(3, dtype=r.dtype), 4),
    lambda r: (r.f(0), 3), lambda r: (r.f(3), 0), lambda r: (r.f(3), 3, {"range": (2.0, 1.0)}), lambda r: (r.i(3), 3),
    **COUNTED)  # fmt: skip
add("histogramdd", lambda r: (r.f(40, 3), [3, 2, 4]), lambda r: (r.f(40, 2), 3, {"weight": r.pos(40)}),
    lambda r: (r.f(40, 2), 3, {"range": [-1.0, 1.0, 0.0, 2.0], "density": True}),
    lambda r: (r.f(20, 2), [torch.tensor([-1, 0, 2], dtype=r.dtype), torch.tensor([0, 1], dtype=r.dtype)]),
    lambda r: (r.f(20, 2), [3]), **COUNTED)  # fmt: skip
for reduce in ("sum", "mean", "max", "min", "prod"):
    add(
        "segment_reduce",
        lambda r, reduce=reduce: (r.distinct(7, 2), reduce, {"lengths": torch.tensor([2, 4, 1])}),
        lambda r, reduce=reduce: (r.distinct(7), reduce, {"offsets": torch.tensor([0, 2, 2, 7]), "initial": 1.5}),
        lambda r, reduce=reduce: (r.distinct(2, 4), reduce, {"lengths": torch.tensor([[1, 3], [2, 2]]), "axis": 1}),
        dtypes=WIDE,
        second=False,
    )
add("segment_reduce", lambda r: (r.f(7), "sum", {"lengths": torch.tensor([2, 4])}), lambda r: (r.f(7), "sum"),
    lambda r: (r.f(7, 2), "sum", {"lengths": torch.tensor([0, 0, 7, 0])}), dtypes=WIDE, second=False)  # fmt: skip
ROWS = torch.tensor([0, 0, 2, 3, 3])
STARTS, COLUMNS = torch.tensor([[0, 2, 2, 3], [0, 0, 1, 3]]), torch.tensor([[1, 4, 0], [2, 0, 1]])
add("_convert_indices_from_coo_to_csr", lambda r: (ROWS, 6), lambda r: (ROWS.int(), 4, {"out_int32": True}),
    lambda r: (ROWS[:0], 2), lambda r: (ROWS.view(1, 5), 4), lambda r: (ROWS.float(), 4), diff=False)  # fmt: skip
add("_convert_indices_from_csr_to_coo", lambda r: (STARTS[0], COLUMNS[0]), lambda r: (STARTS, COLUMNS),
    lambda r: (STARTS, COLUMNS, {"transpose": True, "out_int32": True}), lambda r: (STARTS[0].int(), COLUMNS[0].int()),
    diff=False)  # fmt: skip
add("geqrf", lambda r: (r.f(4, 3),), lambda r: (r.f(2, 3, 3),), lambda r: (r.f(3),), dtypes=WIDE, diff=False, loose=200)
add(
    "ormqr",
    lambda r: (*torch.geqrf(r.f(4, 3)), r.f(4, 2)),
    lambda r: (*torch.geqrf(r.f(4, 3)), r.f(2, 4), False, True),
    lambda r: (*torch.geqrf(r.f(2, 3, 3)), r.f(2, 3, 2), True, True),
    lambda r: (*torch.geqrf(r.f(4, 3)), r.f(3, 2)),
    dtypes=WIDE,
    diff=False,
    loose=200,
)
add("frobenius_norm", lambda r: (r.f(3, 4), [0, 1]), lambda r: (r.f(3, 4), 1, True), dtypes=WIDE)
add("nuclear_norm", lambda r: (r.f(3, 4),), lambda r: (r.f(3, 4), True), dtypes=WIDE, second=False, loose=50)
add("nonzero_static", lambda r: (r.i(3, 4), {"size": 4}), lambda r: (r.i(3, 4), {"size": 20, "fill_value": 7}), diff=False)
add("unsafe_split_with_sizes", lambda r: (r.f(4, 3), [1, 3]), dtypes=FLOATS)
add("index_put_", lambda r: (r.f(4), (torch.tensor([1, 2]),), r.f(2)), diff=False)
add("empty_permuted", lambda r: ((0, 3), (1, 0)), lambda r: ((2, 3), (1, 1)), diff=False)
add("polygamma_", lambda r: (r.pos(3), 1), ns=None, dtypes=WIDE, diff=False, loose=50)
