"""Examples for operators: one operand, two operands."""

from __future__ import annotations

import math

import torch

from tests.ops.draw import ALL, FLOATS, INTEGERS, NUMBERS, WIDE, add

# --- one operand ---------------------------------------------------------------------------------------------------
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
add(
    "erfcx log_ndtr i0e i1e i1",
    lambda r: (r.f(2, 3),),
    lambda r: (r.f(9, low=-30.0, high=5.0),),
    ns="special",
    dtypes=WIDE,
    loose=20,
)
add("erfcx log_ndtr i0e i1e", lambda r: (r.special(9),), ns="special", diff=False)
add(
    "xlog1py", lambda r: (r.f(2, 3), r.pos(3)), lambda r: (2.0, r.pos(4)), lambda r: (r.special(5), 0.5), ns="special", diff=False
)
add("entr ndtr", lambda r: (r.pos(2, 3),), ns="special", dtypes=ALL, loose=20)
add("ndtri", lambda r: (r.f(6, low=0.001, high=0.999),), ns="special", loose=20)
add(
    "bessel_j0 bessel_j1 bessel_y0 bessel_y1 modified_bessel_i0 modified_bessel_i1 modified_bessel_k0 modified_bessel_k1"
    " scaled_modified_bessel_k0 scaled_modified_bessel_k1 spherical_bessel_j0",
    lambda r: (r.f(12, low=-5.0, high=80.0),),
    lambda r: (r.pos(2, 3),),
    lambda r: (torch.tensor([0.0, math.inf, math.nan, 2.0, 15.0, 25.0, 24.999, 1e-6], dtype=r.dtype),),
    ns="special",
    diff=False,
    loose=100,
)
add(
    "airy_ai",
    lambda r: (r.f(12, low=-1.9, high=20.0),),
    lambda r: (r.f(2, 3, low=-60.0, high=-2.2),),
    lambda r: (torch.tensor([0.0, -0.0, math.inf, -math.inf, math.nan, 9.5, -9.5, 9.499, 0.5, 200.0], dtype=r.dtype),),
    ns="special",
    diff=False,
    loose=100,
)
add(
    "chebyshev_polynomial_t chebyshev_polynomial_u chebyshev_polynomial_v chebyshev_polynomial_w hermite_polynomial_h"
    " shifted_chebyshev_polynomial_t shifted_chebyshev_polynomial_u shifted_chebyshev_polynomial_v"
    " shifted_chebyshev_polynomial_w hermite_polynomial_he laguerre_polynomial_l legendre_polynomial_p",
    lambda r: (r.f(2, 3, low=-1.0, high=1.0), 5),
    lambda r: (r.f(4), 2.7),
    lambda r: (r.f(3), -1),
    lambda r: (0.3, torch.arange(-1, 6)),
    lambda r: (r.f(2, 1, low=0.1, high=0.9), torch.tensor([0, 1, 4])),
    ns="special",
    diff=False,
    loose=50,
)
add(
    "igamma igammac",
    lambda r: (r.pos(2, 3), r.pos(2, 3)),
    lambda r: (r.pos(5) * 10, r.pos(5) * 10),
    lambda r: (r.pos(5) * 300, r.pos(5) * 300),
    lambda r: (
        torch.tensor([0.0, 1.0, 0.0, -1.0, 2.0, math.inf, 1.0], dtype=r.dtype),
        torch.tensor([1.0, 0.0, 0.0, 1.0, -1.0, 1.0, math.inf], dtype=r.dtype),
    ),
    loose=200,
    diff=False,
)
add(
    "zeta",
    lambda r: (r.pos(2, 3) + 1, r.pos(3)),
    lambda r: (2.0, r.pos(4)),
    lambda r: (r.pos(4) + 1, 3),
    ns="special",
    diff=False,
    loose=50,
)
add(
    "zeta",
    lambda r: (torch.tensor([1.0, 0.5, 2.0, 3.0, 2.5, 2.0]), torch.tensor([2.0, 2.0, 0.0, -1.5, -1.5, -2.0])),
    ns="special",
    diff=False,
    loose=50,
)
add("mvlgamma", lambda r: (r.pos(4) + 2, 3), loose=20)


# --- two operands --------------------------------------------------------------------------------------------------
BROADCAST = (
    lambda r: (r.f(2, 3), r.f(2, 3)), lambda r: (r.f(2, 1), r.f(3)), lambda r: (r.f(2, 3), 2), lambda r: (r.f(2, 3), 1.5),
    lambda r: (r.f(2, 3), r.f(2)), lambda r: (r.f(3), torch.tensor(2)), lambda r: (r.f(3), torch.tensor(1.5)),
    lambda r: (r.f(3), "x"),
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
add("nextafter", lambda r: (r.f(2, 3), r.f(3)), dtypes=WIDE)
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
    "where",
    lambda r: (r.f(2, 3), r.b(2, 3), r.f(3)),
    lambda r: (r.f(3), r.b(2, 1), 2),
    lambda r: (r.f(3), r.b(3), r.f(3).double()),
    lambda r: (r.f(3), r.f(3), 1.0),
    ns=None,
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
    lambda r: (r.f(2, 3), r.f(3), r.unit().double()),
    lambda r: (r.f(3).long(), r.f(3).long(), r.unit().float()),
    lambda r: (r.f(3), r.f(3).double(), 0.1),
)
add(
    "addcmul addcdiv",
    lambda r: (r.f(2, 3), r.f(3), r.nonzero(2, 1)),
    lambda r: (r.f(3), r.f(3), r.nonzero(3), {"value": 2}),
    dtypes=NUMBERS,
)
add("angle", lambda r: (r.f(2, 3),), lambda r: (r.special(7),), dtypes=NUMBERS)
add(
    "frexp",
    lambda r: (r.special(9) * 100,),
    lambda r: (torch.tensor([1.0, 2.0, 0.5, 4.0, 3.0, -0.75, 6e4, 3e38]).to(r.dtype),),
    diff=False,
)
