"""Examples for operators: positions."""

from __future__ import annotations

import torch

from tests.ops.draw import ALL, NUMBERS, WIDE, add

# --- positions -----------------------------------------------------------------------------------------------------
add(
    "gather",
    lambda r: (r.f(3, 4), 0, r.i(2, 4)),
    lambda r: (r.f(3, 4), 1, r.i(3, 2)),
    lambda r: (r.f(3, 4), 1, r.i(4, 2)),
    lambda r: (r.f(3), 0, torch.tensor([5])),
    lambda r: (r.f(), 0, torch.tensor(0)),
    dtypes=ALL,
)
add("take_along_dim", lambda r: (r.f(3, 4), r.i(3, 2), 1), lambda r: (r.f(3, 4), r.i(5)), lambda r: (r.f(3, 4), r.i(1, 2), 1))
add(
    "scatter",
    lambda r: (r.f(3, 4), 0, torch.tensor([[0, 1, 2, 0]]), r.f(2, 4)),
    lambda r: (r.f(3, 4), 1, torch.tensor([[0, 2], [1, 0]]), 2),
    lambda r: (r.f(3), 0, torch.tensor([3]), 1.0),
    lambda r: (r.f(3), 0, torch.tensor([0, 0]), r.f(2), {"reduce": "add"}),
    dtypes=NUMBERS,
    second=False,
)
add(
    "scatter_add",
    lambda r: (r.f(3, 4), 0, r.i(2, 4), r.f(2, 4)),
    lambda r: (r.f(3), 0, torch.tensor([0, 0, 1]), r.f(3)),
    lambda r: (r.f(3), 0, r.i(2), r.f(2).double()),
    dtypes=NUMBERS,
)
add(
    "scatter_reduce",
    *[lambda r, how=how: (r.f(3), 0, torch.tensor([0, 0, 1, 1]), r.f(4), how) for how in ("sum", "mean")],
    *[lambda r, how=how: (r.distinct(3), 0, torch.tensor([0, 0, 1, 1]), r.f(4) + 0.05, how) for how in ("amax", "amin")],
    lambda r: (r.nonzero(3), 0, torch.tensor([0, 0, 1]), r.nonzero(3), "prod"),
    *[
        lambda r, how=how: (r.f(3), 0, torch.tensor([0, 0, 1]), r.nonzero(3), how, {"include_self": False})
        for how in ("sum", "amax", "mean", "prod")
    ],
    dtypes=WIDE,
    second=False,
)
add(
    "index_select",
    lambda r: (r.f(3, 4), 0, torch.tensor([2, 0, 0])),
    lambda r: (r.f(3, 4), 1, r.i(2)),
    lambda r: (r.f(3), 0, torch.tensor([3])),
    lambda r: (r.f(3), 0, r.i(2, 2)),
    lambda r: (r.f(3), 0, torch.tensor([1.0])),
    dtypes=ALL,
)
add(
    "index_add",
    lambda r: (r.f(3, 4), 0, torch.tensor([0, 0]), r.f(2, 4)),
    lambda r: (r.f(3, 4), 1, torch.tensor([1, 3]), r.f(3, 2), {"alpha": 2}),
    lambda r: (r.f(3), 0, r.i(2), r.f(3)),
    dtypes=NUMBERS,
)
add(
    "index_copy",
    lambda r: (r.f(3, 4), 0, torch.tensor([2, 0]), r.f(2, 4)),
    lambda r: (r.f(3), 0, r.i(2), r.f(2).double()),
    dtypes=NUMBERS,
)
add(
    "index_reduce",
    lambda r: (r.f(3, 2), 0, torch.tensor([0, 0, 1]), r.nonzero(3, 2), "prod"),
    lambda r: (r.distinct(3, 2), 0, torch.tensor([0, 0, 1]), r.f(3, 2) + 0.05, "amax"),
    dtypes=WIDE,
    second=False,
)
add(
    "index_fill",
    lambda r: (r.f(3, 4), 1, torch.tensor([0, 2]), 2),
    lambda r: (r.f(3, 4), 0, torch.tensor([0]), torch.tensor(1)),
    dtypes=NUMBERS,
)
add(
    "index_put",
    lambda r: (r.f(3, 4), (torch.tensor([0, 1]), torch.tensor([1, 2])), r.f(2)),
    lambda r: (r.f(3, 4), (torch.tensor([0, 0]),), r.f(2, 4), True),
    lambda r: (r.f(3), (r.b(3),), r.f()),
)
add("index_put_", lambda r: (r.f(3, 4), (torch.tensor([0, 1]), torch.tensor([1, 2])), r.f(2)), ns=None, diff=False)
add(
    "take",
    lambda r: (r.f(3, 4), r.i(2, 2, below=12)),
    lambda r: (r.f(3), torch.tensor([3])),
    lambda r: (r.f(3), torch.tensor([1], dtype=torch.int32)),
)
add("put", lambda r: (r.f(3, 4), torch.tensor([1, 5]), r.f(2)), lambda r: (r.f(3, 4), torch.tensor([1, 1]), r.f(2), True))
add("put_", lambda r: (r.f(3, 4), torch.tensor([1, 5]), r.f(2)), ns=None, diff=False)
add(
    "masked_fill",
    lambda r: (r.f(2, 3), r.b(3), 2),
    lambda r: (r.f(3), r.b(2, 3), torch.tensor(1)),
    lambda r: (r.f(3), r.f(3), 1),
    lambda r: (r.f(3), r.b(3), 1.5),
    dtypes=NUMBERS,
)
add(
    "masked_select",
    lambda r: (r.f(2, 3), r.b(2, 3)),
    lambda r: (r.f(2, 3), r.b(3)),
    lambda r: (r.f(3), torch.zeros(3, dtype=torch.bool)),
)
add("masked_scatter", lambda r: (r.f(2, 3), r.b(2, 3), r.f(6)), lambda r: (r.f(3), torch.ones(3, dtype=torch.bool), r.f(2)))
add("nonzero argwhere", lambda r: (r.f(2, 3),), lambda r: (r.b(4),), lambda r: (r.f(),), dtypes=ALL, diff=False)
add("nonzero", lambda r: (r.b(2, 3), {"as_tuple": True}), diff=False)
