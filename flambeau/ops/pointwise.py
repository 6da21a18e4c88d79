"""Functions of one number applied to every element, and clamps, choices and mixtures. May import what `flambeau.ops` may."""

from __future__ import annotations

import math
from typing import Any

from flambeau.dtypes import bool_, float64, int32
from flambeau.graph.node import Node, Primitive
from flambeau.graph.primitives import elementwise as e
from flambeau.ops.arithmetic import add, mul, sub
from flambeau.ops.comparison import isnan
from flambeau.ops.composite import Composite, record, untaped
from flambeau.ops.operands import (
    accumulation_dtype,
    cast,
    check_fits,
    check_tensor,
    expand,
    filled,
    operands,
    pair,
    python_number,
    result_dtype,
    same_device,
    scalar,
)
from flambeau.ops.registry import operator, scalar_name
from flambeau.ops.results import result_type
from flambeau.shapes.broadcasting import broadcast
from flambeau.tensor import Tensor, from_node

__all__ = ["where", "clamp", "lerp", "addcmul", "addcdiv", "sigmoid", "relu", "nan_to_num", "unary_operand"]

_apply = Tensor._apply


# --- functions of one number -------------------------------------------------------------------------------------------
def unary_operand(name: str, input: Any) -> Tensor:
    """The operand of a function with real values: integers become the default floating dtype."""
    if not isinstance(input, Tensor):
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    return input if input._storage.dtype.category == 2 else operands(name, input, float_result=True)[0]


def _real(primitive: Primitive, *names: str, doc: str) -> Any:
    """An operator that is one primitive over floating numbers."""
    name = names[0]

    def function(input: Tensor) -> Tensor:
        return _apply(primitive, (unary_operand(name, input),))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    operator(*names, inplace=True, out=True, inplace_function=True)(function)
    return function


sqrt = _real(e.SQRT, "sqrt", doc="The square root.")
rsqrt = _real(e.RSQRT, "rsqrt", doc="1 / √input.")
exp = _real(e.EXP, "exp", doc="e to the power of input.")
expm1 = _real(e.EXPM1, "expm1", doc="exp(input) - 1, exact near 0.")
log = _real(e.LOG, "log", doc="The natural logarithm.")
log1p = _real(e.LOG1P, "log1p", doc="log(1 + input), exact near 0.")
log2 = _real(e.LOG2, "log2", doc="The logarithm to base 2.")
sin = _real(e.SIN, "sin", doc="The sine of radians.")
cos = _real(e.COS, "cos", doc="The cosine of radians.")
tan = _real(e.TAN, "tan", doc="The tangent of radians.")
asin = _real(e.ASIN, "asin", "arcsin", doc="The inverse sine.")
acos = _real(e.ACOS, "acos", "arccos", doc="The inverse cosine.")
atan = _real(e.ATAN, "atan", "arctan", doc="The inverse tangent.")
sinh = _real(e.SINH, "sinh", doc="The hyperbolic sine.")
cosh = _real(e.COSH, "cosh", doc="The hyperbolic cosine.")
tanh = _real(e.TANH, "tanh", doc="The hyperbolic tangent.")
asinh = _real(e.ASINH, "asinh", "arcsinh", doc="The inverse hyperbolic sine.")
acosh = _real(e.ACOSH, "acosh", "arccosh", doc="The inverse hyperbolic cosine.")
atanh = _real(e.ATANH, "atanh", "arctanh", doc="The inverse hyperbolic tangent.")
erf = _real(e.ERF, "erf", doc="The error function 2/√π ∫₀ˣ exp(-t²) dt.")


def _in_wide(f: Any, input: Tensor) -> Tensor:
    """f computed in the accumulation dtype, rounded once: for functions of several steps over half types."""
    own = input.dtype
    wide = accumulation_dtype(own)
    return f(input) if wide is own else cast(f(cast(input, wide)), own)


@operator(inplace=True, out=True, inplace_function=True)
def exp2(input: Tensor) -> Tensor:
    """2 to the power of input."""
    return _in_wide(lambda x: exp(mul(x, math.log(2))) if x.dtype.itemsize == 2 else pow_of_two(x), unary_operand("exp2", input))


def pow_of_two(x: Tensor) -> Tensor:
    return _apply(e.POW, operands("exp2", 2, x))


@operator(inplace=True, out=True, inplace_function=True)
def log10(input: Tensor) -> Tensor:
    """The logarithm to base 10."""
    return _in_wide(lambda x: _apply(e.DIV, pair("log10", log(x), math.log(10))), unary_operand("log10", input))


def _whole(primitive: Primitive, *names: str, doc: str) -> Any:
    """An operator that leaves integers as they are."""
    name = names[0]

    def function(input: Tensor) -> Tensor:
        if check_tensor(input, name, "input").dtype.category == 2:
            return _apply(primitive, (input,))
        if input.dtype.category == 0:
            raise NotImplementedError(f"\"{name}_vml_cpu\" not implemented for 'Bool'")
        return input.clone()

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    operator(*names, inplace=True, out=True, inplace_function=True)(function)
    return function


floor = _whole(e.FLOOR, "floor", doc="The largest whole number not above input.")
ceil = _whole(e.CEIL, "ceil", doc="The smallest whole number not below input.")
trunc = _whole(e.TRUNC, "trunc", "fix", doc="The whole part, towards zero.")


@operator(inplace=True, out=True, inplace_function=True)
def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """The nearest number of `decimals` decimals; halves go to the even neighbour."""
    if check_tensor(input, "round", "input").dtype.category != 2:
        if decimals or input.dtype.category == 0:
            raise NotImplementedError(f"\"round_cpu\" not implemented for '{scalar_name(input)}'")
        return input.clone()
    if not decimals:
        return _apply(e.ROUND, (input,))

    def shifted(x: Tensor) -> Tensor:
        ten = 10.0 ** (decimals if decimals > 0 else -decimals)
        if decimals > 0:
            return _apply(e.DIV, pair("round", _apply(e.ROUND, (mul(x, ten),)), ten))
        return mul(_apply(e.ROUND, (_apply(e.DIV, pair("round", x, ten)),)), ten)

    return _in_wide(shifted, input)


@operator(inplace=True, inplace_function=True, out=True)
def frac(input: Tensor) -> Tensor:
    """What is left of the whole part: input - trunc(input)."""
    if check_tensor(input, "frac", "input").dtype.category != 2:
        raise (
            RuntimeError("frac(): not implemented for integers")
            if input.dtype.category
            else NotImplementedError("frac() of bool")
        )
    return sub(input, _apply(e.TRUNC, (input.detach(),)))


@operator("neg", "negative", inplace=True, out=True, inplace_function=True)
def neg(input: Tensor) -> Tensor:
    """-input."""
    if check_tensor(input, "neg", "input").dtype.category == 0:
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` or "
            "`logical_not()` operator instead."
        )
    return _apply(e.NEG, (input,))


@operator()
def positive(input: Tensor) -> Tensor:
    """The tensor itself."""
    if input.dtype.category == 0:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


@operator("abs", "absolute", inplace=True, out=True, inplace_function=True)
def abs(input: Tensor) -> Tensor:
    """The absolute value."""
    if check_tensor(input, "abs", "input").dtype.category == 0:
        raise NotImplementedError("\"abs_cpu\" not implemented for 'Bool'")
    return _apply(e.ABS, (input,)) if input.dtype.is_signed else input.clone()


_SIGN = Composite("sign", lambda g, y, inputs, params: (lambda: g * 0,), saves="")


@operator("sign", inplace=True, out=True)
def sign(input: Tensor) -> Tensor:
    """-1, 0 or 1; of NaN, 0."""
    if check_tensor(input, "sign", "input").dtype.category != 2:
        return input.clone() if input.dtype.category == 0 else _apply(e.SIGN, (input,))
    with untaped():
        up, down = (cast(_apply(c, pair("sign", input, 0)), input.dtype) for c in (e.GT, e.LT))
        y = _apply(e.SUB, (up, down))
    return record(_SIGN, y, (input,))


@operator("sgn", inplace=True, out=True)
def sgn(input: Tensor) -> Tensor:
    """-1, 0 or 1; of NaN, 0."""
    return sign(input)


@operator(out=True)
def signbit(input: Tensor) -> Tensor:
    """Whether the sign bit is set (also of -0.0)."""
    if check_tensor(input, "signbit", "input").dtype.category == 2:
        one = filled(1, input.dtype, input._storage.device, tuple(input._shape))
        return _apply(e.LT, pair("signbit", _apply(e.COPYSIGN, (one, input.detach())), 0))
    if not input.dtype.is_signed:
        return input.new_zeros(tuple(input._shape), dtype=bool_)
    return _apply(e.LT, pair("signbit", input, 0))


@operator(inplace=True, out=True, inplace_function=True)
def square(input: Tensor) -> Tensor:
    """input²."""
    return check_tensor(input, "square", "input").pow(2)


_reciprocal = Composite("reciprocal", lambda g, y, inputs, params: (lambda: -g * y * y,), saves="output")


@operator(inplace=True, out=True, inplace_function=True)
def reciprocal(input: Tensor) -> Tensor:
    """1 / input."""
    x = unary_operand("reciprocal", input)
    with untaped():
        y = _apply(e.DIV, operands("reciprocal", 1, x))
    return record(_reciprocal, y, (x,))


_sigmoid = Composite("sigmoid", lambda g, y, inputs, params: (lambda: g * ((1 - y) * y),), saves="output")


def _logistic(x: Tensor) -> Node:
    node, own = x._value(), x._storage.dtype
    wide = accumulation_dtype(own)
    one = filled(1, wide, node.device, tuple(x._shape))._value()
    if wide is not own:
        node = e.CAST((node,), (wide, own))
    node = e.DIV((one, e.ADD((one, e.EXP((e.NEG((node,)),))))))
    return node if wide is own else e.CAST((node,), (own, wide))


@operator("sigmoid", inplace=True, out=True, inplace_function=True)
def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-input))."""
    x = unary_operand("sigmoid", input)
    return record(_sigmoid, from_node(_logistic(x)), (x,))


_relu = Composite("relu", lambda g, y, inputs, params: (lambda: g.masked_fill(y <= 0, 0),), saves="output")


@operator("relu", inplace=True, inplace_function=True)
def relu(input: Tensor) -> Tensor:
    """max(input, 0); NaN stays."""
    if check_tensor(input, "relu", "input").dtype.category == 0:
        raise RuntimeError("Boolean inputs not supported for relu")
    node = input._value()
    zero = filled(0, input._storage.dtype, node.device, tuple(input._shape))._value()
    return record(_relu, from_node(e.MAXIMUM((node, zero))), (input,))


@operator(inplace=True, inplace_function=True, out=True)
def deg2rad(input: Tensor) -> Tensor:
    """Degrees as radians."""
    return mul(unary_operand("deg2rad", input), math.pi / 180)


@operator(inplace=True, inplace_function=True, out=True)
def rad2deg(input: Tensor) -> Tensor:
    """Radians as degrees."""
    return mul(unary_operand("rad2deg", input), 180 / math.pi)


@operator(inplace=True, inplace_function=True, out=True)
def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """log(x / (1 - x)), x clamped to [eps, 1 - eps] where `eps` is given."""
    x = unary_operand("logit", input)

    def value(x: Tensor) -> Tensor:
        if eps is not None:
            x = clamp(x, eps, 1 - eps)
        return log(_apply(e.DIV, (x, sub(_one(x), x))))

    return _in_wide(value, x)


def _one(x: Tensor) -> Tensor:
    return filled(1, x.dtype, x._storage.device, tuple(x._shape))


@operator(inplace=True, inplace_function=True, out=True)
def nan_to_num(input: Tensor, nan: float | None = None, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """NaN replaced by `nan` (0), infinities by `posinf` and `neginf` (the largest finite numbers)."""
    if check_tensor(input, "nan_to_num", "input").dtype.category != 2:
        return input.clone()
    from flambeau.dtypes import finfo

    limits = finfo(input.dtype)
    result = where(isnan(input), 0.0 if nan is None else nan, input)
    result = where(input == float("inf"), limits.max if posinf is None else posinf, result)
    return where(input == float("-inf"), limits.min if neginf is None else neginf, result)


# --- choices -----------------------------------------------------------------------------------------------------------
@operator(out=True)
def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """input where the condition holds, else other, broadcast and promoted; with the condition alone `nonzero(as_tuple=True)`."""
    check_tensor(condition, "where", "condition")
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if condition.dtype.category != 0:
        if condition.dtype.name != "uint8":
            raise RuntimeError(
                f"where expected condition to be a boolean tensor, but got a tensor with dtype {scalar_name(condition)}"
            )
        condition = cast(condition, bool_)
    return choose(condition, input, other, "where")


def choose(condition: Tensor, input: Any, other: Any, name: str) -> Tensor:
    """`where` of a bool condition."""
    values = []
    for position, v in enumerate((input, other)):
        if not isinstance(v, Tensor):
            number = python_number(v)
            if number is None:
                raise TypeError(
                    f"{name}(): argument '{('input', 'other')[position]}' (position "
                    f"{position + 2}) must be Tensor, not {type(v).__name__}"
                )
            v = number
        values.append(v)
    wanted = result_dtype(values)
    device = condition._storage.device
    if not any(isinstance(v, Tensor) for v in values):
        values[0] = scalar(values[0], wanted, device)
    _, moved = same_device([condition, *(v for v in values if isinstance(v, Tensor))])
    rest = iter(moved[1:])
    a, b = (next(rest) if isinstance(v, Tensor) else v for v in values)
    if (
        isinstance(a, Tensor)
        and isinstance(b, Tensor)
        and a._storage.dtype is b._storage.dtype
        and condition._shape == a._shape == b._shape
    ):
        return _apply(e.WHERE, (moved[0], a, b))
    a, b = operands(name, a, b, type=wanted)
    shape = broadcast(tuple(moved[0]._shape), tuple(a._shape))
    return _apply(e.WHERE, (expand(moved[0], shape), expand(a, shape), expand(b, shape)))


_CLAMP = Composite(
    "clamp",
    lambda g, y, inputs, params: (lambda: choose(_inside(inputs[0], *params), g, 0, "clamp"),),
)


def _inside(x: Tensor, low: Any, high: Any) -> Tensor:
    if low is None:
        return x <= high
    return x >= low if high is None else (x >= low) & (x <= high)


@operator("clamp", "clip", inplace=True, out=True, inplace_function=True)
def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """input brought into [min, max], numbers or tensors, either of which may be missing; max wins where they cross. NaN stays."""
    check_tensor(input, "clamp", "input")
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if isinstance(min, Tensor) or isinstance(max, Tensor):
        return _clamp_by_tensors(input, min, max)
    low, high = (None if v is None else python_number(v) for v in (min, max))
    if (min is not None and low is None) or (max is not None and high is None):
        raise TypeError("clamp(): arguments 'min' and 'max' must be Number or Tensor")
    if low != low or high != high:  # a NaN bound gives NaN everywhere
        return input * math.nan
    limits = [v for v in (low, high) if v is not None]
    for v in limits:
        check_fits(v, result_dtype((input, v)))
    type, device, shape = result_dtype((input, *limits)), input._storage.device, tuple(input._shape)
    x = cast(input, type)
    node = x._value()
    if low is not None:
        node = e.MAXIMUM((node, filled(low, type, device, shape)._value()))
    if high is not None:
        node = e.MINIMUM((node, filled(high, type, device, shape)._value()))
    return record(_CLAMP, from_node(node), (x,), (low, high))


def _clamp_by_tensors(input: Tensor, low: Any, high: Any) -> Tensor:
    y = input
    bounds = [b for b in (low, high) if b is not None]
    x, *bounds = operands("clamp", input, *bounds)
    if x.dtype.category == 0 and low is not None and high is not None:
        raise NotImplementedError("\"clamp_cpu\" not implemented for 'Bool'")
    y = x
    if low is not None:
        y = choose(logical_either(y < bounds[0], isnan(bounds[0])), bounds[0], y, "clamp")
    if high is not None:
        y = choose(logical_either(y > bounds[-1], isnan(bounds[-1])), bounds[-1], y, "clamp")
    return y


def logical_either(a: Tensor, b: Tensor) -> Tensor:
    return _apply(e.BITWISE_OR, (a, b))


@operator(inplace=True, inplace_function=True, out=True)
def clamp_min(input: Tensor, min: Any) -> Tensor:
    """max(input, min)."""
    return clamp(input, min=min)


@operator(inplace=True, inplace_function=True, out=True)
def clamp_max(input: Tensor, max: Any) -> Tensor:
    """min(input, max)."""
    return clamp(input, max=max)


def _extremum(primitive: Primitive, *names: str, doc: str) -> Any:
    def choose_one(input: Tensor, other: Tensor) -> Tensor:
        check_tensor(input, names[0], "input")
        check_tensor(other, names[0], "other", 2)
        return _apply(primitive, pair(names[0], input, other))

    choose_one.__name__ = choose_one.__qualname__ = names[0]
    choose_one.__doc__ = doc
    operator(*names, out=True)(choose_one)
    return choose_one


maximum = _extremum(e.MAXIMUM, "maximum", doc="The larger of two elements; NaN wins.")
minimum = _extremum(e.MINIMUM, "minimum", doc="The smaller of two elements; NaN wins.")


@operator(out=True)
def fmax(input: Tensor, other: Tensor) -> Tensor:
    """The larger of two elements; a number wins over NaN."""
    return _ignoring_nan("fmax", e.GE, input, other)


@operator(out=True)
def fmin(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of two elements; a number wins over NaN."""
    return _ignoring_nan("fmin", e.LE, input, other)


def _ignoring_nan(name: str, wins: Primitive, input: Tensor, other: Tensor) -> Tensor:
    check_tensor(other, name, "other", 2)
    a, b = pair(name, input, other)
    first = _apply(wins, (a, b))
    if a.dtype.category == 2:
        first = logical_either(first, isnan(b))
    return _apply(e.WHERE, (first, a, b))


# --- mixtures ----------------------------------------------------------------------------------------------------------
@operator(inplace=True, out=True)
def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """input + weight·(end - input), from the nearer end."""
    check_tensor(end, "lerp", "end", 2)
    if input.dtype is not end.dtype:
        raise RuntimeError(f"expected dtype {input.dtype} for `end` but got dtype {end.dtype}")
    if isinstance(weight, Tensor) and weight.dtype is not input.dtype:
        raise RuntimeError(f"expected dtype {input.dtype} for `weight` but got dtype {weight.dtype}")
    own = input.dtype
    wide = accumulation_dtype(own)
    a, b = operands("lerp", input, end, type=wide)
    if not isinstance(weight, Tensor):
        step = sub(b, a)
        return cast(add(a, mul(step, weight)) if -0.5 < weight < 0.5 else sub(b, mul(step, 1 - weight)), own)
    a, b, w = operands("lerp", a, b, weight, type=wide)
    step = sub(b, a)
    near = _apply(e.LT, pair("lerp", _apply(e.ABS, (w.detach(),)), 0.5))
    return cast(_apply(e.WHERE, (near, add(a, mul(w, step)), sub(b, mul(step, sub(_one(w), w))))), own)


@operator(inplace=True, out=True)
def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
    """input + value·tensor1·tensor2."""
    own = result_dtype((input, tensor1, tensor2))
    a, b, c = operands("addcmul", input, tensor1, tensor2, type=accumulation_dtype(own))
    product = mul(b, c)
    return cast(add(a, product if value == 1 else mul(product, value)), own)


@operator(inplace=True, out=True)
def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
    """input + value·tensor1 / tensor2. Raises RuntimeError when both divide as integers."""
    if (
        check_tensor(tensor1, "addcdiv", "tensor1", 2).dtype.category != 2
        and check_tensor(tensor2, "addcdiv", "tensor2", 3).dtype.category != 2
    ):
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a true division "
            "of tensor1 and tensor2. The historic addcdiv behavior can be implemented as (input + value * torch.trunc(tensor1 / "
            "tensor2)).to(input.dtype) for integer inputs and as (input + value * tensor1 / tensor2) for float inputs."
        )
    own = result_dtype((input, tensor1, tensor2))
    a, b, c = operands("addcdiv", input, tensor1, tensor2, type=accumulation_dtype(own))
    quotient = _apply(e.DIV, (b, c))
    return cast(add(a, quotient if value == 1 else mul(quotient, value)), own)


# --- functions of two numbers ------------------------------------------------------------------------------------------
def _two(primitive: Primitive, *names: str, doc: str, inplace: bool = True) -> Any:
    def function(input: Tensor, other: Tensor) -> Tensor:
        check_tensor(other, names[0], "other", 2)
        return _apply(primitive, operands(names[0], input, other, float_result=True))

    function.__name__ = function.__qualname__ = names[0]
    function.__doc__ = doc
    operator(*names, inplace=inplace, out=True)(function)
    return function


atan2 = _two(e.ATAN2, "atan2", "arctan2", doc="The angle of the point (other, input) in radians.")


@operator(inplace=True, out=True)
def copysign(input: Tensor, other: Any) -> Tensor:
    """input's size with other's sign."""
    return _apply(e.COPYSIGN, operands("copysign", input, other, float_result=True))


@operator(inplace=True, out=True)
def nextafter(input: Tensor, other: Tensor) -> Tensor:
    """The next floating number after input, towards other."""
    a, b = operands("nextafter", input, other)
    if a.dtype.category != 2:
        raise NotImplementedError(f"\"nextafter_cpu\" not implemented for '{scalar_name(a)}'")
    return _apply(e.NEXTAFTER, (a, b))


_HYPOT = Composite(
    "hypot",
    lambda g, y, inputs, params: (lambda: g * (inputs[0] / y), lambda: g * (inputs[1] / y)),
    saves="inputs output",
)


@operator(inplace=True, out=True)
def hypot(input: Tensor, other: Tensor) -> Tensor:
    """√(input² + other²), without overflow on the way."""
    check_tensor(other, "hypot", "other", 2)
    a, b = operands("hypot", input, other)
    if a.dtype.category != 2:
        raise NotImplementedError(f"\"hypot_cpu\" not implemented for '{scalar_name(a)}'")

    def length(a: Tensor, b: Tensor) -> Tensor:
        a, b = _apply(e.ABS, (a,)), _apply(e.ABS, (b,))
        big, small = _apply(e.MAXIMUM, (a, b)), _apply(e.MINIMUM, (a, b))
        big_or_nan = _apply(e.MAXIMUM, (choose(isnan(a), 0.0, a, "hypot"), choose(isnan(b), 0.0, b, "hypot")))  # ∞ wins over NaN
        ratio = choose(logical_either(big == 0, small == float("inf")), 0.0, small / big, "hypot")
        return choose(big_or_nan == float("inf"), float("inf"), big * sqrt(add(mul(ratio, ratio), 1)), "hypot")

    wide = accumulation_dtype(a.dtype)
    with untaped():
        y = cast(length(cast(a, wide), cast(b, wide)), a.dtype)
    return record(_HYPOT, y, (a, b))


def _log_add(name: str, a: Tensor, b: Tensor, up: Any, down: Any) -> Tensor:
    top = _apply(e.MAXIMUM, (a, b))
    difference = _apply(e.NEG, (_apply(e.ABS, (sub(a, b),)),))
    same_infinity = _apply(e.BITWISE_AND, (a == b, _apply(e.ABS, (a,)) == float("inf")))
    return choose(same_infinity, a, add(top, down(up(difference))), name)


_LOGADDEXP = Composite(
    "logaddexp",
    lambda g, y, inputs, params: tuple(
        (lambda mine=mine, other=other: g / (1 + params[0](other - mine))) for mine, other in (inputs, inputs[::-1])
    ),
)


@operator(out=True)
def logaddexp(input: Tensor, other: Tensor) -> Tensor:
    """log(exp(input) + exp(other)), without overflow."""
    return _logaddexp("logaddexp", input, other, exp, log1p)


@operator(out=True)
def logaddexp2(input: Tensor, other: Tensor) -> Tensor:
    """log2(2^input + 2^other), without overflow."""
    return _logaddexp("logaddexp2", input, other, exp2, lambda x: mul(log1p(x), 1 / math.log(2)))


def _logaddexp(name: str, input: Tensor, other: Tensor, up: Any, down: Any) -> Tensor:
    a, b = operands(name, input, other)
    if a.dtype.category != 2:
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{scalar_name(a)}'")
    wide = accumulation_dtype(a.dtype)
    with untaped():
        y = cast(_log_add(name, cast(a, wide), cast(b, wide), up, down), a.dtype)
    return record(_LOGADDEXP, y, (a, b), (up,))


@operator(inplace=True, inplace_function=True, out=True)
def xlogy(input: Any, other: Any) -> Tensor:
    """input·log(other), and 0 where input is 0 (unless other is NaN)."""
    a, b = operands("xlogy", input, other, float_result=True)
    with untaped():
        y = mul(a, log(b.masked_fill((a == 0) & (b == b), 1)))
    return record(_XLOGY, y, (a, b))


_XLOGY = Composite(
    "xlogy",
    lambda g, y, inputs, params: (
        lambda: xlogy(g, inputs[1]).masked_fill((inputs[0] == 0) & (inputs[1] <= 0), 0),
        lambda: g * inputs[0] / inputs[1],
    ),
)


@operator(inplace=True, inplace_function=True, out=True)
def ldexp(input: Tensor, other: Tensor) -> Tensor:
    """input · 2^other."""
    a, b = operands("ldexp", input, other, float_result=True)
    return mul(a, pow_of_two(b))


@operator(inplace=True, out=True)
def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """0 for negative numbers, 1 for positive ones, `values` at 0."""
    if check_tensor(input, "heaviside", "input").dtype is not check_tensor(values, "heaviside", "values", 2).dtype:
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")
    a, b = operands("heaviside", input.detach(), values)
    with untaped():
        return choose(a == 0, b, choose(a > 0, 1, 0, "heaviside").to(b.dtype), "heaviside")


@operator(inplace=True, inplace_function=True, out=True)
def sinc(input: Tensor) -> Tensor:
    """sin(πx) / (πx), and 1 at 0."""
    x = unary_operand("sinc", input)

    def value(x: Tensor) -> Tensor:
        zero = x == 0
        angle = mul(x, math.pi)
        return choose(zero, 1.0, sin(angle) / choose(zero, 1.0, angle, "sinc"), "sinc")

    with untaped():
        y = _in_wide(value, x)
    return record(_SINC, y, (x,))


def _sinc_gradient(g: Tensor, y: Tensor, inputs: Any, params: Any) -> tuple[Any]:
    (x,) = inputs

    def part() -> Tensor:
        safe = choose(x == 0, 1.0, x, "sinc")
        angle = mul(safe, math.pi)
        return g * ((angle * cos(angle) - sin(angle)) / (angle * safe)).masked_fill(x == 0, 0)

    return (part,)


_SINC = Composite("sinc", _sinc_gradient)


@operator()
def angle(input: Tensor) -> Tensor:
    """0 for positive numbers, π for negative ones."""
    x = unary_operand("angle", input)
    with untaped():
        y = choose(isnan(x), x, choose(x < 0, math.pi, 0.0, "angle"), "angle").to(x.dtype)
    return record(_ANGLE, y, (x,))


_ANGLE = Composite("angle", lambda g, y, inputs, params: (lambda: g * 0,), saves="")
_frexp_result = result_type("frexp", "mantissa exponent")


@operator()
def frexp(input: Tensor) -> Any:
    """mantissa · 2^exponent with a mantissa of size in [½, 1); exponents are int32."""
    if check_tensor(input, "frexp", "input").dtype.category != 2:
        raise NotImplementedError("torch.frexp() only supports floating-point dtypes")
    x = input.detach()
    with untaped():
        wide = cast(x, float64) if _has_float64(x) else cast(x, accumulation_dtype(x.dtype))
        plain = (wide != 0) & (wide.abs() < math.inf)
        size = choose(plain, wide.abs(), 1.0, "frexp").to(wide.dtype)
        exponent = log2(size).floor() + 1
        share = size / pow_of_two(exponent)
        exponent = choose(share >= 1, exponent + 1, choose(share < 0.5, exponent - 1, exponent, "frexp"), "frexp")
        exponent = cast(choose(plain, exponent, 0.0, "frexp").to(wide.dtype), int32)
    return _frexp_result(input / pow_of_two(cast(exponent, wide.dtype)).to(input.dtype), exponent)


def _has_float64(t: Tensor) -> bool:
    from flambeau import devices

    return devices.backend(t._storage.device).supports(float64)
