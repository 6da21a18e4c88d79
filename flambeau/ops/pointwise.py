"""Functions of one number, applied to every element. May import what `flambeau.ops` may."""

from __future__ import annotations

import math
from typing import Any

from flambeau.dtypes import bool_, float32, float64, int32
from flambeau.graph.node import Node, Primitive
from flambeau.graph.primitives import elementwise as e
from flambeau.graph.primitives.complex import COMPLEX, IMAG, REAL
from flambeau.ops.arithmetic import mul, sub
from flambeau.ops.choices import choose, clamp
from flambeau.ops.composite import Composite, record, untaped
from flambeau.ops.operands import accumulation_dtype, cast, check_tensor, filled, operands, pair, refuse, refuse_complex
from flambeau.ops.registry import operator, scalar_name
from flambeau.ops.results import result_type
from flambeau.tensor import Tensor, from_node, result_strides

__all__ = ["abs", "exp", "exp2", "log", "neg", "relu", "round", "sigmoid", "sign", "sqrt", "unary_operand"]

_apply = Tensor._apply


def unary_operand(name: str, input: Any) -> Tensor:
    """The operand of a function with real values: integers become the default floating dtype."""
    if not isinstance(input, Tensor):
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    return input if input._storage.dtype.category >= 2 else operands(name, input, float_result=True)[0]


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


exp2 = _real(e.EXP2, "exp2", doc="2 to the power of input.")


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
def log10(input: Tensor) -> Tensor:
    """The logarithm to base 10."""

    def scaled(x: Tensor) -> Tensor:
        return _apply(e.DIV, pair("log10", x, math.log(10)))

    x = unary_operand("log10", input)
    if x.is_complex():  # part by part: an infinite part times 0 would be no number
        y = log(x)
        return _apply(COMPLEX, (scaled(_apply(REAL, (y,))), scaled(_apply(IMAG, (y,)))))
    return _in_wide(lambda x: scaled(log(x)), x)


def _whole(primitive: Primitive, *names: str, doc: str) -> Any:
    """An operator that leaves integers as they are."""
    name = names[0]

    def function(input: Tensor) -> Tensor:
        if check_tensor(input, name, "input").dtype.category == 2:
            return _apply(primitive, (input,))
        refuse_complex(input, f"{name} is not supported for complex inputs")
        if input.dtype.category == 0:
            raise NotImplementedError(f"\"{name}_vml_cpu\" not implemented for 'Bool'")
        return input.clone()

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    operator(*names, inplace=True, out="exact", inplace_function=True)(function)
    return function


floor = _whole(e.FLOOR, "floor", doc="The largest whole number not above input.")


ceil = _whole(e.CEIL, "ceil", doc="The smallest whole number not below input.")


trunc = _whole(e.TRUNC, "trunc", "fix", doc="The whole part, towards zero.")


@operator(inplace=True, out="exact", inplace_function=True)
def round(input: Tensor, *, decimals: int | None = None) -> Tensor:
    """The nearest number of `decimals` decimals (0 by default; integers take no other); halves go to the even neighbour."""
    if check_tensor(input, "round", "input").dtype.category != 2:
        if decimals is not None or input.dtype.category != 1:
            raise NotImplementedError(f"\"round_vml_cpu\" not implemented for '{scalar_name(input)}'")
        return input.clone()
    if not decimals:
        return _apply(e.ROUND, (input,))

    def shifted(x: Tensor) -> Tensor:
        ten = 10.0 ** (decimals if decimals > 0 else -decimals)
        if decimals > 0:
            return _apply(e.DIV, pair("round", _apply(e.ROUND, (mul(x, ten),)), ten))
        return mul(_apply(e.ROUND, (_apply(e.DIV, pair("round", x, ten)),)), ten)

    return _in_wide(shifted, input)


@operator(inplace=True, inplace_function=True, out="exact")
def frac(input: Tensor) -> Tensor:
    """What is left of the whole part: input - trunc(input)."""
    refuse(check_tensor(input, "frac", "input"), "frac_cpu", bool, int, complex)
    return sub(input, _apply(e.TRUNC, (input.detach(),)))


@operator("neg", "negative", inplace=True, out="exact", inplace_function=True)
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


@operator("abs", "absolute", inplace=True, out="exact", inplace_function=True)
def abs(input: Tensor) -> Tensor:
    """The absolute value."""
    if check_tensor(input, "abs", "input").dtype.category == 0:
        raise NotImplementedError("\"abs_cpu\" not implemented for 'Bool'")
    return _apply(e.ABS, (input,)) if input.dtype.is_signed else input.clone()


_SIGN = Composite("sign", lambda g, y, inputs, params: (lambda: g.new_zeros(g.shape),), saves="")


@operator("sign", inplace=True, out="exact")
def sign(input: Tensor) -> Tensor:
    """-1, 0 or 1; of NaN, 0."""
    if check_tensor(input, "sign", "input").dtype.category != 2:
        refuse_complex(
            input, "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use torch.sgn instead."
        )
        return input.clone() if input.dtype.category == 0 else _apply(e.SIGN, (input,))
    with untaped():
        up, down = (cast(_apply(c, pair("sign", input, 0)), input.dtype) for c in (e.GT, e.LT))
        y = _apply(e.SUB, (up, down))
    return record(_SIGN, y, (input,))


@operator(out="exact")
def signbit(input: Tensor) -> Tensor:
    """Whether the sign bit is set (also of -0.0)."""
    if check_tensor(input, "signbit", "input").dtype.category == 2:
        one = filled(1, input.dtype, input._storage.device, tuple(input._shape))
        return _apply(e.LT, pair("signbit", _apply(e.COPYSIGN, (one, input.detach())), 0))
    refuse_complex(input, "signbit is not implemented for complex tensors.")
    if not input.dtype.is_signed:
        return input.new_zeros(tuple(input._shape), dtype=bool_)._laid_out_by(input)
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


@operator("sigmoid", inplace=True, out=True, inplace_function=True, remembered=True)
def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-input))."""
    x = unary_operand("sigmoid", input)
    return record(_sigmoid, from_node(_logistic(x), result_strides((x,))), (x,))


_relu = Composite("relu", lambda g, y, inputs, params: (lambda: g._fill_where(y <= 0, 0),), saves="output")


@operator("relu", inplace=True, inplace_function=True)
def relu(input: Tensor) -> Tensor:
    """max(input, 0); NaN stays."""
    if check_tensor(input, "relu", "input").dtype.category == 0:
        raise RuntimeError("Boolean inputs not supported for relu")
    node = input._value()
    zero = filled(0, input._storage.dtype, node.device, tuple(input._shape))._value()
    return record(_relu, from_node(e.MAXIMUM((node, zero)), result_strides((input,))), (input,))


@operator(inplace=True, inplace_function=True, out=True)
def deg2rad(input: Tensor) -> Tensor:
    """Degrees as radians."""
    refuse_complex(check_tensor(input, "deg2rad", "input"), "deg2rad is not supported for complex tensors.", RuntimeError)
    return mul(unary_operand("deg2rad", input), math.pi / 180)


@operator(inplace=True, inplace_function=True, out=True)
def rad2deg(input: Tensor) -> Tensor:
    """Radians as degrees."""
    refuse_complex(check_tensor(input, "rad2deg", "input"), "rad2deg is not supported for complex tensors.", RuntimeError)
    return mul(unary_operand("rad2deg", input), 180 / math.pi)


@operator(inplace=True, inplace_function=True, out=True)
def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """log(x / (1 - x)), x clamped to [eps, 1 - eps] where `eps` is given."""
    x = unary_operand("logit", input)
    refuse_complex(x, "\"logit_cpu\" not implemented for '{dtype}'")

    def value(x: Tensor) -> Tensor:
        if eps is not None:
            x = clamp(x, eps, 1 - eps)
        return log(_apply(e.DIV, (x, sub(one_like(x), x))))

    return _in_wide(value, x)


def one_like(x: Tensor) -> Tensor:
    return filled(1, x.dtype, x._storage.device, tuple(x._shape))


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
        return g * ((angle * cos(angle) - sin(angle)) / (angle * safe))._fill_where(x == 0, 0)

    return (part,)


_SINC = Composite("sinc", _sinc_gradient)


_frexp_result = result_type("frexp", "mantissa exponent")


@operator(out="exact")
def frexp(input: Tensor) -> Any:
    """mantissa · 2^exponent with a mantissa of size in [½, 1); exponents are int32."""
    if check_tensor(input, "frexp", "input").dtype.category != 2:
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    x = input.detach()
    with untaped():
        if x.dtype is float64:
            mantissa, exponent = _parts_by_logarithm(x)
        else:
            mantissa, exponent = _parts_by_bits(cast(x, float32))
        mantissa = cast(mantissa, x.dtype)
    return _frexp_result(record(_FREXP, mantissa, (input, exponent)), exponent)


_FREXP = Composite("frexp", lambda g, y, inputs, params: (lambda: g / exp2(cast(inputs[1], g.dtype)), None), reads=((1,), ()))


def _parts_by_bits(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mantissas and exponents of float32 numbers, from their bits."""
    is_tiny = x.abs() < 2.0**-126
    bits = _apply(e.BITCAST, (choose(is_tiny, x * 2.0**24, x, "frexp"),), (int32,))
    field = _apply(e.BITWISE_AND, operands("frexp", bits, 0x7F800000))
    plain = (field != 0) & (field != 0x7F800000)
    mantissa = _apply(e.BITCAST, (bits - field + (126 << 23),), (float32,))
    exponent = _apply(e.RIGHT_SHIFT, operands("frexp", field, 23)) - choose(is_tiny, 126 + 24, 126, "frexp")
    return choose(plain, mantissa, x, "frexp"), cast(choose(plain, exponent, 0, "frexp"), int32)


def _parts_by_logarithm(x: Tensor) -> tuple[Tensor, Tensor]:
    """Of float64, whose bits WGSL can't read. Two divisions, as a power of two alone may overflow."""
    plain = (x != 0) & (x.abs() < math.inf)
    size = choose(plain, x.abs(), 1.0, "frexp")
    exponent = log2(size).floor() + 1
    half = (exponent / 2).floor()
    share = size / exp2(half) / exp2(exponent - half)
    wrong = choose(share >= 1, 1.0, choose(share < 0.5, -1.0, 0.0, "frexp"), "frexp").to(x.dtype)
    mantissa = _apply(e.COPYSIGN, (share / exp2(wrong), x))
    return choose(plain, mantissa, x, "frexp"), cast(choose(plain, exponent + wrong, 0.0, "frexp").to(x.dtype), int32)
