"""Examples for operators: views, joining."""

from __future__ import annotations

import torch

from tests.ops.draw import ALL, NUMBERS, add

# --- views ---------------------------------------------------------------------------------------------------------
add(
    "view",
    lambda r: (r.f(2, 6), 3, 4),
    lambda r: (r.f(2, 6), (-1, 3)),
    lambda r: (r.f(2, 3).t(), 6),
    lambda r: (r.f(2, 3), 4),
    lambda r: (r.f(0, 3), -1),
    lambda r: (r.f(2, 3, 4)[:, 1:], 2, 8),
    ns=None,
)
add(
    "reshape",
    lambda r: (r.f(2, 6), (3, 4)),
    lambda r: (r.f(2, 3).t(), (6,)),
    lambda r: (r.f(2, 3), (-1,)),
    lambda r: (r.f(2, 3), (4, -1)),
    lambda r: (r.f(2, 3), (-1, -1)),
    lambda r: (r.f(), (1, 1)),
)
add("view_as reshape_as", lambda r: (r.f(2, 3), r.f(6)), ns=None)
add(
    "flatten",
    lambda r: (r.f(2, 3, 4),),
    lambda r: (r.f(2, 3, 4), 1),
    lambda r: (r.f(2, 3, 4), 0, 1),
    lambda r: (r.f(),),
    lambda r: (r.f(2, 3), 1, 0),
    lambda r: (r.f(2, 3).t(),),
)
add("ravel", lambda r: (r.f(2, 3),), lambda r: (r.f(2, 3).t(),), lambda r: (r.f(0, 3),))
add("unflatten", lambda r: (r.f(2, 6), 1, (2, 3)), lambda r: (r.f(2, 6), 1, (2, -1)), lambda r: (r.f(2, 6), 1, (4, 2)))
add(
    "squeeze",
    lambda r: (r.f(1, 2, 1),),
    lambda r: (r.f(1, 2, 1), 0),
    lambda r: (r.f(1, 2, 1), 1),
    lambda r: (r.f(1, 2, 1), (0, 2)),
    lambda r: (r.f(1, 2), 3),
)
add(
    "unsqueeze",
    lambda r: (r.f(2, 3), 0),
    lambda r: (r.f(2, 3), -1),
    lambda r: (r.f(2, 3), 1),
    lambda r: (r.f(2, 3), 4),
    lambda r: (r.f(3, 2).t(), 1),
)
add(
    "atleast_1d atleast_2d atleast_3d", lambda r: (r.f(),), lambda r: (r.f(2),), lambda r: (r.f(2, 3),), lambda r: (r.f(), r.f(2))
)
add(
    "permute",
    lambda r: (r.f(2, 3, 4), (2, 0, 1)),
    lambda r: (r.f(2, 3), (0, 0)),
    lambda r: (r.f(2, 3), (0,)),
    lambda r: (r.f(2, 3), (-1, 0)),
)
add(
    "transpose swapaxes swapdims",
    lambda r: (r.f(2, 3, 4), 0, 2),
    lambda r: (r.f(2, 3), -1, 0),
    lambda r: (r.f(2, 3), 0, 2),
    lambda r: (r.f(), 0, -1),
)
add("t", lambda r: (r.f(2, 3),), lambda r: (r.f(3),), lambda r: (r.f(),), lambda r: (r.f(2, 3, 4),))
add("adjoint", lambda r: (r.f(2, 3, 4),), lambda r: (r.f(2),))
add(
    "movedim moveaxis",
    lambda r: (r.f(2, 3, 4), 0, 2),
    lambda r: (r.f(2, 3, 4), (0, 1), (2, 0)),
    lambda r: (r.f(2, 3), (0, 0), (0, 1)),
)
add(
    "expand",
    lambda r: (r.f(2, 1), 2, 3),
    lambda r: (r.f(3), 2, -1),
    lambda r: (r.f(2), 3),
    lambda r: (r.f(3), -1, 3),
    lambda r: (r.f(), (2, 2)),
    ns=None,
)
add("expand_as", lambda r: (r.f(2, 1), r.f(2, 3)), ns=None)
add("broadcast_to", lambda r: (r.f(2, 1), (4, 2, 3)))
add("broadcast_tensors", lambda r: (r.f(2, 1), r.f(3)), lambda r: (r.f(2), r.f(3)))
add("broadcast_shapes", lambda r: ((2, 1), (3,)), lambda r: ((2,), 3), diff=False)
add(
    "narrow narrow_copy",
    lambda r: (r.f(4, 3), 0, 1, 2),
    lambda r: (r.f(4, 3), 1, -2, 2),
    lambda r: (r.f(4, 3), 0, 3, 2),
    lambda r: (r.f(4), 0, 2, 0),
)
add("select", lambda r: (r.f(4, 3), 0, 1), lambda r: (r.f(4, 3), 1, -1), lambda r: (r.f(4, 3), 0, 4), lambda r: (r.f(), 0, 0))
add("unbind", lambda r: (r.f(3, 2),), lambda r: (r.f(3, 2), 1), lambda r: (r.f(),), second=False)
add(
    "split",
    lambda r: (r.f(5, 2), 2),
    lambda r: (r.f(5, 2), [1, 4]),
    lambda r: (r.f(5, 2), 1, 1),
    lambda r: (r.f(5, 2), [1, 2]),
    lambda r: (r.f(5), 0),
)
add("split_with_sizes", lambda r: (r.f(5, 2), [1, 4]))
add("chunk", lambda r: (r.f(5, 2), 2), lambda r: (r.f(5, 2), 4), lambda r: (r.f(5, 2), 0), lambda r: (r.f(2, 5), 2, 1))
add(
    "tensor_split",
    lambda r: (r.f(5, 2), 3),
    lambda r: (r.f(5, 2), [1, 3]),
    lambda r: (r.f(5, 2), (1, 9), 0),
    lambda r: (r.f(2, 5), 2, 1),
)
add("hsplit", lambda r: (r.f(2, 4), 2), lambda r: (r.f(4), [1]), lambda r: (r.f(2, 3), 2), lambda r: (r.f(), 1))
add("vsplit", lambda r: (r.f(4, 2), 2), lambda r: (r.f(4), 2))
add("dsplit", lambda r: (r.f(2, 2, 4), 2), lambda r: (r.f(4, 2), 2))
add(
    "unfold",
    lambda r: (r.f(7), 0, 3, 2),
    lambda r: (r.f(2, 5), 1, 2, 1),
    lambda r: (r.f(3), 0, 4, 1),
    lambda r: (r.f(5, 2), 0, 2, 3),
    ns=None,
)
add(
    "diagonal",
    lambda r: (r.f(3, 4),),
    lambda r: (r.f(3, 4), 1),
    lambda r: (r.f(3, 4), -2),
    lambda r: (r.f(2, 3, 4), 0, 1, 2),
    lambda r: (r.f(3, 4), 5),
    lambda r: (r.f(3, 4).t(), 1, 1, 0),
    lambda r: (r.f(3),),
)
add(
    "as_strided",
    lambda r: (r.f(3, 4), (2, 2), (1, 2)),
    lambda r: (r.f(8), (2, 3), (1, 1), 2),
    lambda r: (r.f(4), (3,), (2,)),
    lambda r: (r.f(4), (2, 2), (0, 1)),
)
add("squeeze_", lambda r: (r.f(1, 2, 1),), ns=None, diff=False)
add("unsqueeze_", lambda r: (r.f(2, 3), 1), ns=None, diff=False)
add("transpose_ swapaxes_ swapdims_", lambda r: (r.f(2, 3), 0, 1), ns=None, diff=False)
add("t_", lambda r: (r.f(2, 3),), ns=None, diff=False)
add("as_strided_", lambda r: (r.f(6), (2, 2), (1, 2)), ns=None, diff=False)


# --- joining -------------------------------------------------------------------------------------------------------
add(
    "cat concat concatenate",
    lambda r: ([r.f(2, 3), r.f(1, 3)],),
    lambda r: ([r.f(2, 3), r.f(2, 1)], 1),
    lambda r: ([r.f(2, 3), r.f(2, 2)],),
    lambda r: ([r.f(0), r.f(2, 3)],),
    lambda r: ([r.f(2), torch.ones(2, dtype=torch.int64)],),
    lambda r: ([],),
    lambda r: (r.f(2),),
    lambda r: ([r.f()],),
    dtypes=ALL,
)
add(
    "stack",
    lambda r: ([r.f(2, 3), r.f(2, 3)],),
    lambda r: ([r.f(2, 3), r.f(2, 3)], -1),
    lambda r: ([r.f(2), r.f(3)],),
    lambda r: ([r.f(), r.f()],),
    lambda r: ([],),
    dtypes=ALL,
)
add(
    "hstack vstack row_stack dstack column_stack",
    lambda r: ([r.f(2), r.f(2)],),
    lambda r: ([r.f(2, 3), r.f(2, 3)],),
    lambda r: ([r.f(), r.f()],),
)
add("block_diag", lambda r: (r.f(2, 3), r.f(1, 2), r.f(2)))
add("cartesian_prod", lambda r: (r.f(2), r.f(3)), lambda r: (r.f(2),))
add(
    "meshgrid",
    lambda r: (r.f(2), r.f(3), {"indexing": "ij"}),
    lambda r: (r.f(2), r.f(3), {"indexing": "xy"}),
    lambda r: (r.f(2), r.f(), {"indexing": "ij"}),
)
add("combinations", lambda r: (r.f(4),), lambda r: (r.f(3), 2, True), lambda r: (r.f(3), 3))
add(
    "repeat",
    lambda r: (r.f(2, 3), 2, 1),
    lambda r: (r.f(3), (2, 2)),
    lambda r: (r.f(2, 3), 2),
    lambda r: (r.f(2, 3), 1, 1),
    lambda r: (r.f(2), 0),
    ns=None,
)
add("tile", lambda r: (r.f(2, 3), (2,)), lambda r: (r.f(3), (2, 2)))
add(
    "repeat_interleave",
    lambda r: (r.f(2, 3), 2),
    lambda r: (r.f(2, 3), 2, 1),
    lambda r: (r.f(3, 2), torch.tensor([1, 0, 2]), 0),
    lambda r: (torch.tensor([1, 2, 0]),),
    second=False,
)
add(
    "flip", lambda r: (r.f(2, 3), (0,)), lambda r: (r.f(2, 3), (0, 1)), lambda r: (r.f(2, 3), (0, 0)), lambda r: (r.f(0, 3), (1,))
)
add("fliplr flipud", lambda r: (r.f(2, 3),), lambda r: (r.f(3),))
add(
    "roll",
    lambda r: (r.f(2, 3), 1),
    lambda r: (r.f(2, 3), 1, 0),
    lambda r: (r.f(2, 3), (1, -1), (0, 1)),
    lambda r: (r.f(4), 7, 0),
    lambda r: (r.f(2, 3), (1, 2), 0),
)
add("rot90", lambda r: (r.f(2, 3),), lambda r: (r.f(2, 3), 2), lambda r: (r.f(2, 3, 2), -1, (0, 2)), lambda r: (r.f(2), 1))
add(
    "diag",
    lambda r: (r.f(3),),
    lambda r: (r.f(3, 4),),
    lambda r: (r.f(3), 1),
    lambda r: (r.f(3, 3), -1),
    lambda r: (r.f(2, 2, 2),),
)
add("diag_embed", lambda r: (r.f(2, 3),), lambda r: (r.f(3), 1), lambda r: (r.f(2, 3), -1, 0, 2), lambda r: (r.f(3), 2))
add("diagflat", lambda r: (r.f(2, 2),), lambda r: (r.f(2), 1))
add("trace", lambda r: (r.f(3, 4),), lambda r: (r.f(2),), dtypes=NUMBERS)
add("diagonal_scatter", lambda r: (r.f(3, 3), r.f(3)), lambda r: (r.f(3, 3), r.f(2), 1))
add("select_scatter", lambda r: (r.f(3, 2), r.f(2), 0, 1), lambda r: (r.f(3, 2), r.f(3), 0, 1))
add("slice_scatter", lambda r: (r.f(4, 2), r.f(2, 2), 0, 1, 3), lambda r: (r.f(4, 2), r.f(2, 2), 0, 0, 4, 2))
add("unsafe_split", lambda r: (r.f(5, 2), 2))
add("unsafe_chunk", lambda r: (r.f(5, 2), 2))
add("alias_copy squeeze_copy t_copy", lambda r: (r.f(1, 3),))
add("detach_copy", lambda r: (r.f(2, 3),))
add("as_strided_copy", lambda r: (r.f(6), (2, 2), (1, 2)))
add("diagonal_copy", lambda r: (r.f(3, 3),))
add("expand_copy", lambda r: (r.f(2, 1), (2, 3)))
add("permute_copy", lambda r: (r.f(2, 3), (1, 0)))
add("select_copy", lambda r: (r.f(2, 3), 0, 1))
add("split_copy", lambda r: (r.f(5, 2), 2))
add("split_with_sizes_copy", lambda r: (r.f(5, 2), [2, 3]))
add("transpose_copy", lambda r: (r.f(2, 3), 0, 1))
add("unbind_copy", lambda r: (r.f(2, 3),))
add("unfold_copy", lambda r: (r.f(5), 0, 2, 1))
add("unsqueeze_copy", lambda r: (r.f(2, 3), 1))
add("view_copy", lambda r: (r.f(2, 3), (3, 2)))
add("sum_to_size", lambda r: (r.f(2, 3), 1, 3), lambda r: (r.f(2, 3), (3,)), lambda r: (r.f(2, 3), 2, 2), ns=None)
add(
    "fill_diagonal_",
    lambda r: (r.f(3, 4), 2),
    lambda r: (r.f(7, 3), 1, True),
    lambda r: (r.f(3, 3, 3), 5),
    lambda r: (r.f(3), 1),
    ns=None,
    diff=False,
)
add("as_strided_scatter", lambda r: (r.f(6), r.f(2, 2), (2, 2), (1, 2)), diff=False)  # PyTorch swaps what is kept of the gradient
