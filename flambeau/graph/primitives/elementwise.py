"""Elementwise primitives: operands of one shape, a result of that shape.

Operators broadcast and promote before they come here, so the rules are short: all operands have one shape, and one dtype
but where said. float16 and bfloat16 are computed in float32 and rounded once. May import `flambeau.dtypes` and
`flambeau.graph`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from flambeau.dtypes import bool_, dtype
from flambeau.graph.batching import unchanged
from flambeau.graph.node import Node, Primitive, Shape
from flambeau.graph.numpy import array_type, np
from flambeau.graph.parts import Pair, componentwise, constant

__all__ = ["unary", "binary", "WHERE", "CAST", "BITCAST"]


def _same(inputs: Sequence[Node], params: tuple[Any, ...]) -> tuple[Shape, dtype]:
    return inputs[0].shape, inputs[0].dtype


def _comparison(inputs: Sequence[Node], params: tuple[Any, ...]) -> tuple[Shape, dtype]:
    return inputs[0].shape, bool_


def _of_parts(inputs: Sequence[Node], params: tuple[Any, ...]) -> tuple[Shape, dtype]:
    """Complex operands give real numbers."""
    return inputs[0].shape, inputs[0].dtype.real


def _in_float32(f: Callable[..., Any]) -> Callable[..., Any]:
    """The NumPy meaning with half types widened: PyTorch computes those in float32 and rounds once."""

    def evaluate(node: Node, *arrays: Any) -> Any:
        if node.primitive.kind == "elementwise" and arrays[0].dtype.itemsize == 2 and arrays[0].dtype.kind not in "iub":
            arrays = tuple(a.astype(np.float32) for a in arrays)
        with np.errstate(all="ignore"):
            result = f(*arrays)
        return np.asarray(result).astype(array_type(node.dtype), copy=False)

    return evaluate


def unary(
    name: str,
    numpy: Callable[..., Any],
    gradient: Any = None,
    saves: str = "inputs",
    infer: Callable[..., Any] = _same,
    parts: Any = None,
) -> Primitive:
    """A primitive of one operand. `gradient(g, y, x)` gives the operand's gradient."""
    rule = None if gradient is None else lambda g, y, inputs, params: (gradient(g, y, *(inputs or (None,))),)
    return Primitive(name, "elementwise", infer, _in_float32(numpy), rule, saves, batch=unchanged, parts=parts)


def binary(
    name: str,
    numpy: Callable[..., Any],
    gradient: Any = None,
    saves: str = "inputs",
    infer: Callable[..., Any] = _same,
    reads: tuple[tuple[int, ...], ...] | None = None,
    parts: Any = None,
) -> Primitive:
    """A primitive of two operands. `gradient(g, y, a, b)` gives a pair of functions, so that only what is asked for is built."""
    rule = None if gradient is None else lambda g, y, inputs, params: gradient(g, y, *(inputs or (None, None)))
    return Primitive(name, "elementwise", infer, _in_float32(numpy), rule, saves, reads, unchanged, parts)


_vectorized: dict[str, Any] = {}


def _from_math(name: str) -> Callable[[Any], Any]:
    """A function of Python's math module over arrays, for those that NumPy lacks."""

    def f(x: Any) -> Any:
        if name not in _vectorized:
            _vectorized[name] = np.vectorize(getattr(math, name), otypes=[np.float64])
        return _vectorized[name](x)

    return f


def _power_gradients(g: Any, y: Any, a: Any, b: Any) -> tuple[Any, Any]:
    return (
        lambda: (g * (b * a.pow(b - 1)))._fill_where(b == 0, 0),
        lambda: g * (a.pow(b) * a.log())._fill_where((a == 0) & (b.real >= 0), 0),
    )


def _extremum_gradients(is_maximum: bool) -> Callable[..., tuple[Any, Any]]:
    """As PyTorch's: none to the operand that loses, half to each of two equal ones, all to both where one is NaN."""

    def gradients(g: Any, y: Any, a: Any, b: Any) -> tuple[Any, Any]:
        def part(mine: Any, other: Any) -> Any:
            loses = mine < other if is_maximum else mine > other
            return g._fill_where(loses, 0) * (1 - 0.5 * (mine == other).to(g.dtype))

        return lambda: part(a, b), lambda: part(b, a)

    return gradients


def _integer_power(a: Any, b: Any) -> Any:
    if a.dtype.kind in "iu":  # NumPy refuses negative exponents; PyTorch gives 0 but for bases 1 and -1
        odd = np.where(b % 2 == 0, 1, a)
        negative = np.where(np.abs(a) == 1, odd, 0)
        return np.where(b < 0, negative, np.power(a, np.maximum(b, 0)))
    return np.power(a, b)


def _shift(shift: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def f(a: Any, b: Any) -> Any:
        bits = 8 * a.dtype.itemsize
        inside = (b >= 0) & (b < bits)
        past = np.where(a < 0, -1, 0) if shift is np.right_shift else 0
        return np.where(inside, shift(a, np.where(inside, b, 0)), past)

    return f


def _acosh_slope(x: Any) -> Any:
    """1 / √(x² - 1), on the branch of √(x - 1)·√(x + 1) where x is complex."""
    return (x - 1).rsqrt() * (x + 1).rsqrt() if x.is_complex() else (x * x - 1).rsqrt()


def _no_slope(g: Any, y: Any, x: Any) -> Any:
    return g.new_zeros(tuple(g.shape))


# --- one operand -------------------------------------------------------------------------------------------------------
NEG = unary("neg", lambda x: np.negative(x), lambda g, y, x: -g, saves="", parts=componentwise())
ABS = unary("abs", lambda x: np.abs(x), lambda g, y, x: g * x.sgn(), infer=_of_parts)
SIGN = unary("sign", lambda x: np.sign(x) if x.dtype.kind != "b" else x, _no_slope, saves="")
FLOOR = unary("floor", lambda x: np.floor(x), _no_slope, saves="")
CEIL = unary("ceil", lambda x: np.ceil(x), _no_slope, saves="")
TRUNC = unary("trunc", lambda x: np.trunc(x), _no_slope, saves="")
ROUND = unary("round", lambda x: np.rint(x), _no_slope, saves="")  # half to even
SQRT = unary("sqrt", lambda x: np.sqrt(x), lambda g, y, x: g / (2 * y), saves="output")
RSQRT = unary("rsqrt", lambda x: 1 / np.sqrt(x), lambda g, y, x: -0.5 * g * y * y * y, saves="output")
EXP = unary("exp", lambda x: np.exp(x), lambda g, y, x: g * y, saves="output")
EXP2 = unary("exp2", lambda x: np.exp2(x), lambda g, y, x: g * (y * math.log(2)), saves="output")
EXPM1 = unary("expm1", lambda x: np.expm1(x), lambda g, y, x: g * (y + 1), saves="output")
LOG = unary("log", lambda x: np.log(x), lambda g, y, x: g / x)
LOG1P = unary("log1p", lambda x: np.log1p(x), lambda g, y, x: g / (x + 1))
LOG2 = unary("log2", lambda x: np.log2(x), lambda g, y, x: g / (x * math.log(2)))
SIN = unary("sin", lambda x: np.sin(x), lambda g, y, x: g * x.cos())
COS = unary("cos", lambda x: np.cos(x), lambda g, y, x: g * -x.sin())
TAN = unary("tan", lambda x: np.tan(x), lambda g, y, x: g * (1 + y * y), saves="output")
ASIN = unary("asin", lambda x: np.arcsin(x), lambda g, y, x: g * (1 - x * x).rsqrt())
ACOS = unary("acos", lambda x: np.arccos(x), lambda g, y, x: -g * (1 - x * x).rsqrt())
ATAN = unary("atan", lambda x: np.arctan(x), lambda g, y, x: g / (1 + x * x))
SINH = unary("sinh", lambda x: np.sinh(x), lambda g, y, x: g * x.cosh())
COSH = unary("cosh", lambda x: np.cosh(x), lambda g, y, x: g * x.sinh())
TANH = unary("tanh", lambda x: np.tanh(x), lambda g, y, x: g * (1 - y * y), saves="output")
ASINH = unary("asinh", lambda x: np.arcsinh(x), lambda g, y, x: g * (x * x + 1).rsqrt())
ACOSH = unary("acosh", lambda x: np.arccosh(x), lambda g, y, x: g * _acosh_slope(x))
ATANH = unary("atanh", lambda x: np.arctanh(x), lambda g, y, x: g / (1 - x * x))
ERF = unary("erf", _from_math("erf"), lambda g, y, x: g * (2 / math.sqrt(math.pi)) * (-x * x).exp())
BITWISE_NOT = unary("bitwise_not", lambda x: np.invert(x))  # logical on bool
ISNAN = unary("isnan", lambda x: np.isnan(x), infer=_comparison)

# --- two operands ------------------------------------------------------------------------------------------------------
ADD = binary("add", lambda a, b: np.add(a, b), lambda g, y, a, b: (lambda: g, lambda: g), saves="", parts=componentwise())
SUB = binary("sub", lambda a, b: np.subtract(a, b), lambda g, y, a, b: (lambda: g, lambda: -g), saves="", parts=componentwise())
MUL = binary("mul", lambda a, b: np.multiply(a, b), lambda g, y, a, b: (lambda: g * b, lambda: g * a), reads=((1,), (0,)))
DIV = binary(
    "div",
    lambda a, b: np.divide(a, b),
    lambda g, y, a, b: (lambda: g / b, lambda: -g * (a / b) / b),
    reads=((1,), (0, 1)),
)
FLOOR_DIVIDE = binary(
    "floor_divide", lambda a, b: np.floor_divide(a, b), lambda g, y, a, b: (lambda: g.new_zeros(g.shape),) * 2, saves="shapes"
)
REMAINDER = binary(
    "remainder",
    lambda a, b: np.remainder(a, b),
    lambda g, y, a, b: (lambda: g, lambda: -g * a.div(b, rounding_mode="floor")),
    reads=((), (0, 1)),
)
FMOD = binary(
    "fmod",
    lambda a, b: np.fmod(a, b),
    lambda g, y, a, b: (lambda: g, lambda: -g * a.div(b, rounding_mode="trunc")),
    reads=((), (0, 1)),
)
POW = binary("pow", _integer_power, _power_gradients)
ATAN2 = binary(
    "atan2", lambda a, b: np.arctan2(a, b), lambda g, y, a, b: (lambda: g * b / (a * a + b * b), lambda: -g * a / (a * a + b * b))
)
MAXIMUM = binary("maximum", lambda a, b: np.maximum(a, b), _extremum_gradients(True))
MINIMUM = binary("minimum", lambda a, b: np.minimum(a, b), _extremum_gradients(False))
COPYSIGN = binary(
    "copysign",
    lambda a, b: np.copysign(a, b),
    lambda g, y, a, b: (lambda: g * (y / a)._fill_where(a == 0, 0), lambda: g.new_zeros(g.shape)),
    saves="inputs output",
    reads=((0,), ()),
)
NEXTAFTER = binary(
    "nextafter",
    lambda a, b: np.nextafter(a, b),
    lambda g, y, a, b: (lambda: g._fill_where(a == b, 0), lambda: g.new_zeros(g.shape)),
    reads=((0, 1), ()),
)
EQ = binary("eq", lambda a, b: np.equal(a, b), infer=_comparison)
NE = binary("ne", lambda a, b: np.not_equal(a, b), infer=_comparison)
LT = binary("lt", lambda a, b: np.less(a, b), infer=_comparison)
LE = binary("le", lambda a, b: np.less_equal(a, b), infer=_comparison)
GT = binary("gt", lambda a, b: np.greater(a, b), infer=_comparison)
GE = binary("ge", lambda a, b: np.greater_equal(a, b), infer=_comparison)
BITWISE_AND = binary("bitwise_and", lambda a, b: np.bitwise_and(a, b))
BITWISE_OR = binary("bitwise_or", lambda a, b: np.bitwise_or(a, b))
BITWISE_XOR = binary("bitwise_xor", lambda a, b: np.bitwise_xor(a, b))
LEFT_SHIFT = binary("left_shift", _shift(lambda a, b: np.left_shift(a, b)))
GCD = binary("gcd", lambda a, b: np.gcd(a, b))  # of integers, ≥ 0
RIGHT_SHIFT = binary("right_shift", lambda a, b: _shift(np.right_shift)(a, b))

# --- choice and conversion ---------------------------------------------------------------------------------------------
WHERE = Primitive(
    "where",
    "elementwise",
    lambda inputs, params: (inputs[1].shape, inputs[1].dtype),
    lambda node, c, a, b: np.where(c, a, b),
    lambda g, y, inputs, params: (None, lambda: g._fill_where(~inputs[0], 0), lambda: g._fill_where(inputs[0], 0)),
    reads=((), (0,), (0,)),
    batch=unchanged,
    parts=componentwise(),
)
"""Inputs (bool condition, a, b) of one shape."""


def _cast(node: Node, x: Any) -> Any:
    to = array_type(node.dtype)
    if x.dtype.kind == "c" and to.kind not in "cb":
        x = x.real
    with np.errstate(all="ignore"):
        if x.dtype.kind not in "iub" and to.kind in "iu":  # as the CPU does: through int64, out of range undefined
            x = np.nan_to_num(x.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0).astype(np.int64)
        if x.dtype.name == "float64" and to.name == "bfloat16":
            x = x.astype(np.float32)
        return x.astype(to)


def _cast_parts(node: Node, operands: Sequence[Any]) -> Any:
    to, own = node.params
    (x,) = operands
    if to.category != 3:
        return BITWISE_OR(tuple([CAST((p,), (to, own.real)) for p in (x.real, x.imag)])) if to is bool_ else (
            x.real if to is own.real else CAST((x.real,), (to, own.real)))  # fmt: skip
    if own.category != 3:
        real = x if to.real is own else CAST((x,), (to.real, own))
        return Pair(real, constant(0, real))
    return Pair(CAST((x.real,), (to.real, own.real)), CAST((x.imag,), (to.real, own.real)))


CAST: Primitive = Primitive(
    "cast",
    "elementwise",
    lambda inputs, params: (inputs[0].shape, params[0]),
    _cast,
    lambda g, y, inputs, params: (type(g)._apply(CAST, (g,), (params[1], params[0])),),
    saves="",
    batch=unchanged,
    parts=_cast_parts,
    conjugates=False,
)
"""`params = (dtype, the operand's dtype)`: value conversion; float to integer truncates, anything to bool is `!= 0`, and a real
number of a complex one is its real part."""

BITCAST = Primitive(
    "bitcast",
    "elementwise",
    lambda inputs, params: (inputs[0].shape, params[0]),
    lambda node, x: np.ascontiguousarray(x).view(array_type(node.dtype)).reshape(node.shape),
    batch=unchanged,
)
"""`params = (dtype,)` of the same width: the same bits, read as another type."""
