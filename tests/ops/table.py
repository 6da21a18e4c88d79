"""Examples for every operator: `EXAMPLES[namespace, name]` lists functions from a `Draw` to arguments.

An operator of the registry without examples fails `test_operators.py`, unless `ELSEWHERE` says which test covers it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy
import torch

__all__ = ["Draw", "EXAMPLES", "ELSEWHERE", "NOT_DIFFERENTIABLE", "FIRST_ORDER", "LOOSE"]

FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


class Draw:
    """Random tensors of one dtype (and others by name)."""

    def __init__(self, seed: int, dtype: torch.dtype) -> None:
        self.random = numpy.random.default_rng(seed)
        self.dtype = dtype
        self.is_singular = False
        """Whether the example has points without a second gradient in it."""

    def singular(self, t: torch.Tensor) -> torch.Tensor:
        """The tensor, with a note that the function has no second gradient there."""
        self.is_singular = True
        return t

    def f(self, *shape: int, low: float = -3.0, high: float = 3.0) -> torch.Tensor:
        """Numbers in [low, high], rounded for integers, no two alike where they are few."""
        values = self.random.uniform(low, high, shape)
        t = torch.from_numpy(numpy.asarray(values))
        if self.dtype == torch.bool:
            return t > (low + high) / 2
        if not self.dtype.is_floating_point:
            t = t.mul(3).round()
            if self.dtype == torch.uint8:
                t = t.abs()
        return t.to(self.dtype)

    def pos(self, *shape: int, low: float = 0.4, high: float = 3.0) -> torch.Tensor:
        return self.f(*shape, low=low, high=high)

    def unit(self, *shape: int) -> torch.Tensor:
        return self.f(*shape, low=-0.9, high=0.9)

    def nonzero(self, *shape: int) -> torch.Tensor:
        t = self.f(*shape)
        return torch.where(t == 0, torch.ones_like(t), t)

    def distinct(self, *shape: int) -> torch.Tensor:
        """Numbers far from each other, so that no order is close."""
        n = int(numpy.prod(shape)) if shape else 1
        t = torch.from_numpy(self.random.permutation(n).reshape(shape) - (0 if self.dtype == torch.uint8 else n // 2))
        if self.dtype == torch.bool:
            return t > 0
        return (t.to(torch.float64) * 0.7 + 0.1 if self.dtype.is_floating_point else t).to(self.dtype)

    def special(self, *shape: int) -> torch.Tensor:
        """With NaN, infinities and zeros in it."""
        t = self.singular(self.f(*shape))
        if self.dtype.is_floating_point:
            flat = t.reshape(-1)
            for i, v in enumerate((float("nan"), float("inf"), -float("inf"), 0.0, -0.0)):
                if i < flat.numel():
                    flat[self.random.integers(flat.numel())] = v
        return t

    def i(self, *shape: int, below: int = 3, low: int = 0) -> torch.Tensor:
        return torch.from_numpy(numpy.asarray(self.random.integers(low, below, shape)))

    def b(self, *shape: int) -> torch.Tensor:
        return torch.from_numpy(numpy.asarray(self.random.random(shape) < 0.5))

    def spd(self, *shape: int) -> torch.Tensor:
        """Symmetric positive-definite matrices."""
        a = self.f(*shape)
        return a @ a.mT + 0.5 * torch.eye(shape[-1], dtype=self.dtype)

    def regular(self, *shape: int) -> torch.Tensor:
        """Well-conditioned square matrices."""
        return self.f(*shape, low=-1, high=1) + 3 * torch.eye(shape[-1], dtype=self.dtype)

    def symmetric(self, *shape: int) -> torch.Tensor:
        a = self.f(*shape)
        return a + a.mT + torch.diag(torch.arange(shape[-1], dtype=self.dtype) * 4)


Example = Callable[[Draw], Any]
EXAMPLES: dict[tuple[str | None, str], list[tuple[Example, tuple[torch.dtype, ...]]]] = {}
"""Each example with the dtypes that it is drawn for."""
NOT_DIFFERENTIABLE: set[tuple[str | None, str]] = set()
FIRST_ORDER: set[tuple[str | None, str]] = set()
"""Whose second gradient PyTorch doesn't have."""
LOOSE: dict[tuple[str | None, str], float] = {}
"""How many times the usual tolerance: functions whose PyTorch version has its own rounding."""
ELSEWHERE: dict[str, str] = {}


def add(
    names: str,
    *examples: Example,
    ns: str | None = "",
    dtypes: tuple[torch.dtype, ...] = FLOATS,
    diff: bool = True,
    second: bool = True,
    loose: float = 1.0,
) -> None:
    for name in names.split():
        key = (ns, name)
        EXAMPLES.setdefault(key, []).extend((example, dtypes) for example in examples)
        if not diff and all(k != key for k in EXAMPLES):
            NOT_DIFFERENTIABLE.add(key)
        if not second:
            FIRST_ORDER.add(key)
        if loose != 1.0:
            LOOSE[key] = loose


ALL = (*FLOATS, *INTEGERS, torch.bool)
NUMBERS = (*FLOATS, *INTEGERS)
WHOLE = (*INTEGERS, torch.bool)
WIDE = (torch.float32, torch.float64)

# --- one operand ---------------------------------------------------------------------------------------------------------------
add(
    "sin cos tan atan arctan sinh cosh tanh asinh arcsinh erf sigmoid expm1 exp exp2 deg2rad rad2deg",
    lambda r: (r.f(2, 3),),
    lambda r: (r.f(3, 2).t(),),
    lambda r: (r.f(),),
    dtypes=ALL,
)
add("sin cos tanh exp erf sigmoid floor ceil round trunc sign abs relu", lambda r: (r.special(7),))
add(
    "sqrt rsqrt log log2 log10 log1p reciprocal lgamma digamma",
    lambda r: (r.pos(2, 3),),
    lambda r: (r.pos(0, 2),),
    dtypes=NUMBERS,
)
add("sqrt log log2 log1p reciprocal erfc i0 sinc", lambda r: (r.special(9),))
add("erfc i0 sinc", lambda r: (r.f(2, 3),), dtypes=ALL)
add("lgamma digamma", lambda r: (r.f(9) + 0.21,), loose=20)
add("asin arcsin acos arccos atanh arctanh erfinv", lambda r: (r.unit(2, 3),))
add("acosh arccosh", lambda r: (r.pos(2, 3) + 1,))
add("logit", lambda r: (r.f(2, 3, low=0.1, high=0.9),), lambda r: (r.f(5, low=-0.5, high=1.5), 0.1))
add("floor ceil trunc fix round", lambda r: (r.f(2, 3),), dtypes=NUMBERS)
add(
    "round",
    lambda r: ((r.f(4) * 100), {"decimals": 1}),
    lambda r: (torch.tensor([0.5, 1.5, -0.5, 2.5], dtype=r.dtype),),
    lambda r: ((r.f(4) * 100), {"decimals": -1}),
)
add("frac", lambda r: (r.f(2, 3),))
add("neg negative positive", lambda r: (r.f(2, 3),), dtypes=ALL)
add("abs absolute sign sgn square relu", lambda r: (r.f(2, 3),), lambda r: (torch.zeros(2, dtype=r.dtype),), dtypes=ALL)
add("signbit isnan isinf isfinite isposinf isneginf isreal logical_not", lambda r: (r.special(3, 4),), dtypes=ALL, diff=False)
add("nan_to_num", lambda r: (r.special(9),), lambda r: (r.special(9), 1.0, 2.0, -2.0), dtypes=ALL)
add("bitwise_not", lambda r: (r.f(2, 3),), dtypes=ALL, diff=False)
add("polygamma", lambda r: (1, r.pos(4)), lambda r: (2, r.pos(4)), lambda r: (0, r.pos(4)), loose=50)
add("polygamma", lambda r: (r.pos(4), 1), ns=None, loose=50)
add("mvlgamma", lambda r: (r.pos(4) + 2, 3), loose=20)

# --- two operands ----------------------------------------------------------------------------------------------------------------
BROADCAST = (
    lambda r: (r.f(2, 3), r.f(2, 3)), lambda r: (r.f(2, 1), r.f(3)), lambda r: (r.f(2, 3), 2), lambda r: (r.f(2, 3), 1.5),
    lambda r: (r.f(2, 3), r.f(2)), lambda r: (r.f(3), torch.tensor(2)), lambda r: (r.f(3), torch.tensor(1.5)), lambda r: (r.f(3), "x"),
)  # fmt: skip
add("add sub subtract mul multiply eq ne not_equal lt less le less_equal gt greater ge greater_equal", *BROADCAST, dtypes=ALL)
add(
    "add sub",
    lambda r: (r.f(2, 3), r.f(3), {"alpha": 2}),
    lambda r: (r.f(3), r.f(3), {"alpha": 0.5}),
    lambda r: (r.f(3), 2, {"alpha": 3}),
    dtypes=ALL,
)
add("rsub", lambda r: (r.f(2, 3), r.f(3)), lambda r: (r.f(3), 2), dtypes=NUMBERS)
add("eq ne lt le gt ge", lambda r: (r.special(6), r.special(6)), diff=False)
DIVIDED = (
    lambda r: (r.f(2, 3), r.nonzero(3)),
    lambda r: (r.f(2, 3), 2),
    lambda r: (r.f(4), -1.5),
    lambda r: (r.f(3), torch.tensor(3)),
)
add("div divide true_divide remainder fmod floor_divide", *DIVIDED, dtypes=ALL)
add(
    "div",
    lambda r: (r.f(2, 3), r.nonzero(3), {"rounding_mode": "floor"}),
    lambda r: (r.f(2, 3), r.nonzero(3), {"rounding_mode": "trunc"}),
    lambda r: (r.f(3), r.nonzero(3), {"rounding_mode": "up"}),
    lambda r: (r.special(6), r.special(6)),
    dtypes=NUMBERS,
)
add(
    "remainder fmod floor_divide",
    lambda r: (r.special(12), r.special(12)),
    lambda r: (r.f(6), r.singular(torch.tensor([0.0, 1, -1, 2, -2, 3]).to(r.dtype))),
)
add("remainder fmod floor_divide", lambda r: (r.f(6), torch.tensor([1, 1, 2, 3, 2, 5]).to(r.dtype)), dtypes=NUMBERS)
add("remainder", lambda r: (5, r.nonzero(4)), dtypes=NUMBERS)
add(
    "pow",
    lambda r: (r.pos(2, 3), r.f(3)),
    lambda r: (r.f(2, 3), 2),
    lambda r: (r.f(4), 3),
    lambda r: (r.pos(4), 0.5),
    lambda r: (r.pos(4), -1),
    lambda r: (r.pos(4), -0.5),
    lambda r: (2, r.f(3)),
    lambda r: (r.f(4), 0),
    lambda r: (r.f(4), 1),
    lambda r: (r.pos(4), 2.7),
    lambda r: (r.f(3), True),
    lambda r: (torch.zeros(3, dtype=r.dtype), r.pos(3)),
    dtypes=ALL,
)
add("float_power", lambda r: (r.pos(3), r.f(3)), lambda r: (r.pos(3), 2), lambda r: (2, r.f(3)), dtypes=NUMBERS)
add("atan2 arctan2", lambda r: (r.nonzero(2, 3), r.nonzero(3)), dtypes=ALL)
add(
    "atan2",
    lambda r: (torch.tensor([0.0, -0.0, 0.0, -0.0, 1.0]).to(r.dtype), torch.tensor([-1.0, -1.0, 1.0, 1.0, 0.0]).to(r.dtype)),
    diff=False,
)
add("copysign", lambda r: (r.nonzero(2, 3), r.nonzero(3)), lambda r: (r.f(3), -1.0), lambda r: (r.f(3), -0.0), dtypes=NUMBERS)
add("nextafter", lambda r: (r.f(2, 3), r.f(3)), dtypes=WIDE, diff=False)
add("hypot", lambda r: (r.nonzero(2, 3), r.nonzero(3)), lambda r: (r.special(8), r.special(8)))
add("logaddexp logaddexp2", lambda r: (r.f(2, 3), r.f(3)), lambda r: (r.special(8), r.special(8)), dtypes=WIDE)
add(
    "xlogy",
    lambda r: (r.f(2, 3), r.pos(3)),
    lambda r: (torch.zeros(3, dtype=r.dtype), r.f(3)),
    lambda r: (2.0, r.pos(3)),
    lambda r: (r.f(3), 2),
    dtypes=NUMBERS,
)
add("ldexp", lambda r: (r.f(2, 3), r.i(3, below=4)), dtypes=FLOATS)
add("heaviside", lambda r: (r.f(5), r.f(5)), lambda r: (torch.zeros(3, dtype=r.dtype), r.f(3)), dtypes=NUMBERS, diff=False)
add(
    "maximum minimum fmax fmin",
    lambda r: (r.distinct(2, 3), r.distinct(3) + (1 if r.dtype != torch.bool else False)),
    lambda r: (r.special(9), r.special(9)),
    lambda r: (r.f(3), r.f(3).double()),
    dtypes=ALL,
)
add(
    "gcd lcm", lambda r: (r.f(2, 3), r.f(3)), lambda r: (r.f(3), torch.zeros(3, dtype=r.dtype)), dtypes=(*INTEGERS, torch.float32)
)
add(
    "logical_and logical_or logical_xor",
    lambda r: (r.f(2, 3), r.f(3)),
    lambda r: (r.f(3), torch.zeros(3)),
    dtypes=ALL,
    diff=False,
)
add(
    "bitwise_and bitwise_or bitwise_xor",
    lambda r: (r.f(2, 3), r.f(3)),
    lambda r: (r.f(3), 3),
    lambda r: (r.f(3), True),
    dtypes=ALL,
    diff=False,
)
add(
    "bitwise_left_shift bitwise_right_shift",
    lambda r: (r.f(2, 3), r.f(3).abs()),
    lambda r: (r.f(3), 2),
    dtypes=INTEGERS,
    diff=False,
)
add(
    "isclose",
    lambda r: (r.special(6), r.special(6)),
    lambda r: (torch.tensor([1.0, 2.0]).to(r.dtype), torch.tensor([1.0, 2.1]).to(r.dtype), 0.1, 0.0),
    lambda r: (r.special(4), r.special(4), {"equal_nan": True}),
    dtypes=NUMBERS,
    diff=False,
)
add(
    "allclose equal is_same_size",
    lambda r: (r.f(2, 3), r.f(2, 3)),
    lambda r: (torch.ones(3, dtype=r.dtype), torch.ones(3, dtype=r.dtype)),
    dtypes=NUMBERS,
    diff=False,
)
add(
    "where",
    lambda r: (r.b(2, 3), r.f(2, 3), r.f(3)),
    lambda r: (r.b(2, 1), r.f(3), 2),
    lambda r: (r.b(3), 1.5, r.f(3)),
    lambda r: (r.b(3), 1, 2),
    lambda r: (r.b(3), r.f(3), r.f(3).double()),
    lambda r: (r.b(2, 3),),
    lambda r: (r.f(3), r.f(3), r.f(3)),
    dtypes=ALL,
)
add(
    "clamp clip",
    lambda r: (r.f(2, 3), -1, 1),
    lambda r: (r.f(2, 3), None, 0.5),
    lambda r: (r.f(2, 3), 1.5),
    lambda r: (r.f(2, 3), r.f(3), None),
    lambda r: (r.f(2, 3), r.f(3) - 1 if r.dtype not in (torch.bool, torch.uint8) else r.f(3), r.f(2, 1)),
    lambda r: (r.f(3),),
    lambda r: (r.f(3), 2, 1),
    lambda r: (r.special(8), -1, 1),
    dtypes=ALL,
)
add("clamp_min clamp_max", lambda r: (r.f(2, 3), 1), lambda r: (r.f(2, 3), r.f(3)), dtypes=NUMBERS)
add(
    "lerp",
    lambda r: (r.f(2, 3), r.f(3), 0.3),
    lambda r: (r.f(2, 3), r.f(3), 0.8),
    lambda r: (r.f(2, 3), r.f(3), r.unit(2, 1)),
    lambda r: (r.f(3), r.f(3).double(), 0.1),
)
add(
    "addcmul addcdiv",
    lambda r: (r.f(2, 3), r.f(3), r.nonzero(2, 1)),
    lambda r: (r.f(3), r.f(3), r.nonzero(3), {"value": 2}),
    dtypes=NUMBERS,
)

# --- new tensors --------------------------------------------------------------------------------------------------------------------
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

# --- dtype and copies -----------------------------------------------------------------------------------------------------------------
add("clone", lambda r: (r.f(2, 3),), lambda r: (r.f(),), dtypes=ALL)
add("contiguous", lambda r: (r.f(2, 3),), lambda r: (r.f(2, 3).t(),), ns=None)
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

# --- views ------------------------------------------------------------------------------------------------------------------------------
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

# --- joining ----------------------------------------------------------------------------------------------------------------------------
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

# --- reductions -----------------------------------------------------------------------------------------------------------------------------
DIMS = (
    lambda r: (r.f(2, 3, 4),),
    lambda r: (r.f(2, 3), 0),
    lambda r: (r.f(2, 3, 2), (0, 2)),
    lambda r: (r.f(2, 3), 1, True),
    lambda r: (r.f(2, 3), 2),
    lambda r: (r.f(), 0),
    lambda r: (r.f(2, 0), 1),
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

# --- order -----------------------------------------------------------------------------------------------------------------------------------
add(
    "sort",
    lambda r: (r.distinct(3, 4),),
    lambda r: (r.distinct(3, 4), 0, True),
    lambda r: (r.distinct(12),),
    lambda r: (r.f(),),
    lambda r: (torch.tensor([1, 0, 1, 0]).to(r.dtype), {"stable": True}),
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

# --- positions ---------------------------------------------------------------------------------------------------------------------------------
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

# --- products -----------------------------------------------------------------------------------------------------------------------------------
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
    dtypes=WIDE,
)
add("kron", lambda r: (r.f(2, 3), r.f(3, 1)), lambda r: (r.f(2), r.f(2, 2)))
add("chain_matmul", lambda r: (r.f(2, 3), r.f(3, 4), r.f(4, 2)), dtypes=WIDE)
add("einsum", *[lambda r, e=e, shapes=shapes: (e, *(r.f(*s) for s in shapes)) for e, shapes in (
    ("ij,jk->ik", ((2, 3), (3, 4))), ("ij,jk", ((2, 3), (3, 4))), ("ii->i", ((3, 3),)), ("ii", ((3, 3),)), ("ij->ji", ((2, 3),)),
    ("bij,bjk,kl->bil", ((2, 2, 3), (2, 3, 4), (4, 2))), ("...ij,...jk->...ik", ((5, 2, 3), (3, 4))), ("i,j->ij", ((2,), (3,))),
    ("ij->", ((2, 3),)), ("ij,kj->ik", ((2, 3), (4, 3))), ("ij,jk->ik", ((2, 3), (2, 3))), ("iji->j", ((2, 3, 2),)), ("i,i", ((3,), (3,))),
    ("ij,ij->ij", ((2, 3), (2, 3))), ("ij,j->i", ((2, 1), (3,))), ("a..., b->ab...", ((2, 3), (4,))), ("ij,k->ik", ((2, 3), (4,))),
    ("i->ij", ((2,),)), ("b i, b j -> b", ((2, 3), (2, 4))), ("ij...->...i", ((2, 3, 4),)),
)], lambda r: (r.f(2, 3), [0, 1], r.f(3, 4), [1, 2], [0, 2]), lambda r: (r.f(2, 3), [0, Ellipsis], [Ellipsis, 0]), dtypes=WIDE, loose=4)  # fmt: skip
add("cross", lambda r: (r.f(2, 3), r.f(2, 3)), lambda r: (r.f(3, 2), r.f(3, 2), 0), lambda r: (r.f(2, 2), r.f(2, 2)))

# --- linear algebra ---------------------------------------------------------------------------------------------------------------------------------
LINALG = dict(ns="linalg", dtypes=WIDE, loose=200.0)
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
    "lu_solve", lambda r: (*torch.linalg.lu_factor(r.regular(3, 3)), r.f(3, 2)), ns="linalg", dtypes=WIDE, loose=200.0, diff=False
)
add("lu_factor lu", lambda r: (r.regular(3, 3),), lambda r: (r.f(4, 3),), ns="linalg", dtypes=WIDE, loose=200.0, diff=False)
add("eig eigvals", ns="linalg")
OLD = dict(dtypes=WIDE, loose=200.0)
add("cholesky", lambda r: (r.spd(3, 3),), **OLD)
add("cholesky_inverse", lambda r: (r.regular(3, 3).tril(),), **OLD)
add("cholesky_solve", lambda r: (r.f(3, 2), r.regular(3, 3).tril()), **OLD)
add("inverse det logdet slogdet", lambda r: (r.regular(3, 3),), **OLD)
add("pinverse", lambda r: (r.f(3, 2),), **OLD)
add("matrix_power", lambda r: (r.regular(3, 3), 2), **OLD)
add("matrix_exp", lambda r: (r.f(3, 3),), dtypes=WIDE, loose=200.0, second=False)

ELSEWHERE.update({
    **dict.fromkeys("empty empty_like empty_strided new_empty".split(), "test_creation"),
    **dict.fromkeys("cpu cuda pin_memory".split(), "test_creation"),
    **dict.fromkeys("rand rand_like randn randn_like randint randint_like randperm normal bernoulli multinomial poisson uniform_ normal_ exponential_ log_normal_ cauchy_ geometric_ bernoulli_ random_".split(), "test_random"),
    **dict.fromkeys("qr svd eigh lstsq eig eigvals".split(), "test_linalg"),
})  # fmt: skip
