"""Examples for operators: new tensors, dtype and copies."""

from __future__ import annotations

import numpy
import torch

from tests.ops.draw import ALL, NUMBERS, WHOLE, add

# --- new tensors ---------------------------------------------------------------------------------------------------
add(
    "zeros ones",
    lambda r: (2, 3),
    lambda r: ((2, 0),),
    lambda r: ({"size": (2,), "dtype": r.dtype},),
    lambda r: (),
    lambda r: (-1,),
    lambda r: (torch.Size([2]), {"dtype": torch.int8}),
    dtypes=ALL,
    diff=False,
)
add("zeros_like ones_like", lambda r: (r.f(2, 3),), lambda r: (r.f(2, 3), {"dtype": torch.float64}), dtypes=ALL, diff=False)
add(
    "full",
    lambda r: ((2, 3), 2),
    lambda r: ((2,), 1.5),
    lambda r: ((), True),
    lambda r: ((2,), 3, {"dtype": r.dtype}),
    lambda r: ((2,), torch.tensor(2.0)),
    dtypes=NUMBERS,
    diff=False,
)
add("full_like", lambda r: (r.f(2, 3), 2), lambda r: (r.f(2), 1.5, {"dtype": torch.float64}), dtypes=ALL, diff=False)
add(
    "tensor",
    lambda r: ([[1, 2], [3, 4]],),
    lambda r: ([1, 2.5],),
    lambda r: (True,),
    lambda r: ([],),
    lambda r: ([[1], [2, 3]],),
    lambda r: ([1.7, 2], {"dtype": r.dtype}),
    lambda r: ("a",),
    lambda r: ([r.f(), r.f()],),
    lambda r: (r.f(2, 3).to(torch.float32).numpy(),),
    lambda r: (numpy.float32(1.5),),
    lambda r: ([numpy.int32(1), 2],),
    lambda r: ((),),
    lambda r: (None,),
    lambda r: ([[], []],),
    lambda r: (range(3),),
    dtypes=NUMBERS,
    diff=False,
)
add("as_tensor asarray", lambda r: ([1, 2],), lambda r: (r.f(2),), lambda r: (r.f(2), {"dtype": torch.float64}), diff=False)
add(
    "from_numpy",
    lambda r: (r.f(2, 3).numpy(),),
    lambda r: ([1],),
    dtypes=(torch.float32, torch.float64, torch.float16, *WHOLE),
    diff=False,
)
add("scalar_tensor", lambda r: (2,), lambda r: (1.5, {"dtype": torch.float64}), diff=False)
add(
    "frombuffer",
    lambda r: (bytearray(b"12345678"), {"dtype": torch.int16}),
    lambda r: (bytearray(b"12345678"), {"dtype": torch.uint8, "offset": 2, "count": 3}),
    lambda r: (bytearray(b"1234567"), {"dtype": torch.int16}),
    diff=False,
)
add(
    "arange",
    lambda r: (5,),
    lambda r: (1, 6, 2),
    lambda r: (0, 1, 0.1),
    lambda r: (5, 0, -2),
    lambda r: (1.5,),
    lambda r: (0, 5, {"dtype": r.dtype}),
    lambda r: (5, 0),
    lambda r: (0, 5, 0),
    lambda r: (3, 3),
    lambda r: (0.5, 4),
    dtypes=NUMBERS,
    diff=False,
)
add("range", lambda r: (1, 4), lambda r: (0, 1, 0.5), diff=False)
add(
    "linspace",
    lambda r: (0, 1, 7),
    lambda r: (-2, 5, 1),
    lambda r: (3, 10, 5, {"dtype": torch.float64}),
    lambda r: (1, 2, 0),
    lambda r: (1, 2, -1),
    lambda r: (0, 10, 4, {"dtype": torch.int64}),
    lambda r: (torch.tensor(1.0), 2.0, 3),
    diff=False,
)
add("logspace", lambda r: (0, 2, 5), lambda r: (0, 3, 4, 2.0), diff=False, loose=10)
add("eye", lambda r: (3,), lambda r: (2, 4), lambda r: (3, {"dtype": r.dtype}), lambda r: (-1,), dtypes=ALL, diff=False)
add("tril triu", lambda r: (r.f(3, 4),), lambda r: (r.f(2, 3, 3), 1), lambda r: (r.f(3, 3), -1), lambda r: (r.f(3),), dtypes=ALL)
add("tril_indices triu_indices", lambda r: (3, 4), lambda r: (3, 3, 1), lambda r: (4, 2, -1), lambda r: (0, 2), diff=False)
add("vander", lambda r: (r.f(3),), lambda r: (r.f(3), 2), lambda r: (r.f(3), 4, True), dtypes=NUMBERS)
add("new_zeros new_ones", lambda r: (r.f(2), 2, 3), lambda r: (r.f(2), (2, 3)), ns=None, dtypes=ALL, diff=False)
add("new_full", lambda r: (r.f(2), (2, 3), 2), ns=None, dtypes=NUMBERS, diff=False)
add("new_tensor", lambda r: (r.f(2), [1, 2]), ns=None, dtypes=NUMBERS, diff=False)


# --- dtype and copies ----------------------------------------------------------------------------------------------
add("clone", lambda r: (r.f(2, 3),), lambda r: (r.f(),), dtypes=ALL)
add("contiguous", lambda r: (r.f(2, 3),), lambda r: (r.f(2, 3).t(),), ns=None)
add("dim_order", lambda r: (r.f(2, 3, 4).permute(2, 0, 1),), lambda r: (r.f(2, 3),), ns=None, diff=False)
add("is_contiguous", lambda r: (r.f(2, 3).t(),), lambda r: (r.f(2, 3),), lambda r: (r.f(2, 1).t(),), ns=None, diff=False)
add("float double half bfloat16", lambda r: (r.f(2, 3),), ns=None, dtypes=ALL)
add("int long short bool", lambda r: (r.f(2, 3),), ns=None, dtypes=ALL, diff=False)
add("byte char", lambda r: (r.pos(2, 3),), ns=None, dtypes=ALL, diff=False)
add(
    "to",
    lambda r: (r.f(2, 3), torch.float64),
    lambda r: (r.f(2, 3), torch.float32),
    lambda r: (r.f(2), r.f(2).double()),
    lambda r: (r.f(2), {"dtype": torch.int64}),
    ns=None,
    dtypes=ALL,
)
add("type", lambda r: (r.f(2, 3), torch.float64), lambda r: (r.f(2), "torch.IntTensor"), ns=None, dtypes=ALL, diff=False)
add("type_as", lambda r: (r.f(2, 3), torch.zeros(1, dtype=torch.float64)), ns=None, dtypes=ALL)
add(
    "result_type",
    lambda r: (r.f(2), 1.5),
    lambda r: (r.f(2), torch.tensor(2)),
    lambda r: (r.f(2), r.f(2).int()),
    lambda r: (torch.tensor(1.5), r.f(2)),
    dtypes=ALL,
    diff=False,
)
add("promote_types", lambda r: (r.dtype, torch.int32), lambda r: (r.dtype, torch.bfloat16), dtypes=ALL, diff=False)
add("can_cast", lambda r: (r.dtype, torch.int32), lambda r: (torch.float32, r.dtype), dtypes=ALL, diff=False)
add("is_tensor", lambda r: (r.f(2),), lambda r: (2,), diff=False)
add("is_storage", lambda r: (r.f(2),), diff=False)
add("is_floating_point is_complex numel", lambda r: (r.f(2),), dtypes=ALL, diff=False)
add("is_nonzero", lambda r: (r.f(),), lambda r: (r.f(2),), dtypes=ALL, diff=False)
add("is_shared is_pinned", lambda r: (r.f(2),), ns=None, diff=False)
add("is_set_to", lambda r: (r.f(2), r.f(2)), ns=None, diff=False)
add(
    "copy_",
    lambda r: (r.f(2, 3), r.f(3)),
    lambda r: (r.f(2, 3), r.f(2)),
    lambda r: (r.f(2), torch.tensor([1.7, 2.0])),
    lambda r: (r.f(3, 2).t(), r.f(2, 3)),
    ns=None,
    dtypes=ALL,
    diff=False,
)
add(
    "fill_",
    lambda r: (r.f(2, 3), 2),
    lambda r: (r.f(2), torch.tensor(1)),
    lambda r: (r.f(2), torch.ones(2)),
    ns=None,
    dtypes=ALL,
    diff=False,
)
add("fill", lambda r: (r.f(2, 3), 2), dtypes=ALL)
add("zero_", lambda r: (r.f(2, 3),), lambda r: (r.f(3, 2).t(),), ns=None, dtypes=ALL, diff=False)
add("resize_", lambda r: (r.f(2, 3), (3,)), lambda r: (r.f(2, 3), 3, 2), ns=None, dtypes=ALL, diff=False)
add("resize_as_", lambda r: (r.f(2, 3), r.f(3, 2)), ns=None, diff=False)
add("set_", lambda r: (r.f(2, 3), r.f(4)), ns=None, diff=False)
add("unravel_index", lambda r: (torch.tensor([0, 5, 11]), (3, 4)), lambda r: (torch.tensor(7), 10), diff=False)
add(
    "hann_window hamming_window blackman_window bartlett_window",
    lambda r: (6,),
    lambda r: (5, False),
    lambda r: (1,),
    lambda r: (-1,),
    diff=False,
)
add("kaiser_window", lambda r: (6,), lambda r: (5, False), lambda r: (7, True, 4.0), diff=False)
add("conj conj_physical resolve_conj resolve_neg real", lambda r: (r.f(2, 3),))
add("is_conj is_neg is_inference is_signed", lambda r: (r.f(2),), dtypes=ALL, diff=False)
add("zero_", lambda r: (r.f(2, 3),), diff=False)
add("resize_as_", lambda r: (r.f(2, 3), r.f(4)), diff=False)
add("detach", lambda r: (r.f(2, 3),))
add("detach_", lambda r: (r.f(2, 3),), diff=False)
add("get_device", lambda r: (r.f(2),), diff=False)
add("share_memory_", lambda r: (r.f(2),), ns=None, diff=False)
add("apply_", lambda r: (r.f(2, 3), lambda v: v * 2), ns=None, dtypes=NUMBERS, diff=False)
add("map_", lambda r: (r.f(2, 3), r.f(2, 3), lambda a, b: a - b), ns=None, dtypes=(torch.float64, torch.int64), diff=False)
