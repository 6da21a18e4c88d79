"""Functions of complex numbers in terms of their parts: the complex rules of elementwise primitives.

Branch cuts are C99's, as in PyTorch and NumPy, and the sign of zero tells on which side of one an operand lies. What would
overflow or cancel on the way is scaled or rearranged: the quotient after Smith ("Algorithm 116", 1962), square roots,
logarithms and inverse functions after Kahan ("Branch cuts for complex elementary functions", 1987). May import
`flambeau.graph`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from flambeau.graph.node import Node, Primitive
from flambeau.graph.parts import Pair, constant
from flambeau.graph.primitives import elementwise as e

__all__ = ["product"]


class _Number:
    """A real node with Python's operators, for formulas."""

    __slots__ = ("node",)

    def __init__(self, node: Node) -> None:
        self.node = node

    def _two(self, primitive: Primitive, other: _Number | float) -> _Number:
        return _Number(primitive((self.node, other.node if isinstance(other, _Number) else constant(other, self.node))))

    def __add__(self, other: _Number | float) -> _Number:
        return self._two(e.ADD, other)

    def __sub__(self, other: _Number | float) -> _Number:
        return self._two(e.SUB, other)

    def __rsub__(self, other: float) -> _Number:
        return _Number(constant(other, self.node)) - self

    def __mul__(self, other: _Number | float) -> _Number:
        return self._two(e.MUL, other)

    def __truediv__(self, other: _Number | float) -> _Number:
        return self._two(e.DIV, other)

    def __rtruediv__(self, other: float) -> _Number:
        return _Number(constant(other, self.node)) / self

    def __neg__(self) -> _Number:
        return _Number(e.NEG((self.node,)))

    def __and__(self, other: _Number) -> _Number:
        return self._two(e.BITWISE_AND, other)

    def __or__(self, other: _Number) -> _Number:
        return self._two(e.BITWISE_OR, other)

    def __lt__(self, other: _Number | float) -> _Number:
        return self._two(e.LT, other)

    def __gt__(self, other: _Number | float) -> _Number:
        return self._two(e.GT, other)

    def __ge__(self, other: _Number | float) -> _Number:
        return self._two(e.GE, other)

    def is_(self, other: _Number | float) -> _Number:
        """Whether the numbers are equal."""
        return self._two(e.EQ, other)


def _function(primitive: Primitive) -> Callable[..., _Number]:
    return lambda *operands: _Number(primitive(tuple([x.node for x in operands])))


_abs, _sqrt, _exp, _expm1, _log, _log1p = map(_function, (e.ABS, e.SQRT, e.EXP, e.EXPM1, e.LOG, e.LOG1P))
_sin, _cos, _tan, _sinh, _cosh, _tanh, _asinh = map(_function, (e.SIN, e.COS, e.TAN, e.SINH, e.COSH, e.TANH, e.ASINH))
_atan2, _copysign, _maximum, _minimum = map(_function, (e.ATAN2, e.COPYSIGN, e.MAXIMUM, e.MINIMUM))


def _where(condition: _Number, yes: _Number | float, no: _Number | float) -> _Number:
    like = yes if isinstance(yes, _Number) else no
    assert isinstance(like, _Number)
    a, b = (x.node if isinstance(x, _Number) else constant(x, like.node) for x in (yes, no))
    return _Number(e.WHERE((condition.node, a, b)))


Value = tuple[_Number, _Number]


def _rule(primitive: Primitive) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Makes a function of (real part, imaginary part) pairs the complex rule of a primitive."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        def parts(node: Node, operands: Any) -> Any:
            found = function(*[(_Number(o.real), _Number(o.imag)) for o in operands])
            return Pair(found[0].node, found[1].node) if isinstance(found, tuple) else found.node

        primitive.parts = parts
        return function

    return register


# --- arithmetic --------------------------------------------------------------------------------------------------------
@_rule(e.MUL)
def _times(x: Value, y: Value) -> Value:
    (a, b), (c, d) = x, y
    return a * c - b * d, a * d + b * c


def product(x: Pair, y: Pair) -> Pair:
    """The product of two complex nodes."""
    real, imag = _times((_Number(x.real), _Number(x.imag)), (_Number(y.real), _Number(y.imag)))
    return Pair(real.node, imag.node)


@_rule(e.DIV)
def _over(x: Value, y: Value) -> Value:
    """The larger part of the divisor is divided by, so that nothing overflows on the way."""
    (a, b), (c, d) = x, y
    size_c, size_d = _abs(c), _abs(d)
    is_wide = size_c >= size_d
    big, small = _where(is_wide, c, d), _where(is_wide, d, c)
    is_zero = size_c.is_(0) & size_d.is_(0)
    ratio = small / _where(is_zero, 1.0, big)
    scale = 1 / (big + small * ratio)
    first, second = _where(is_wide, a, b), _where(is_wide, b, a)
    real, imag = (first + second * ratio) * scale, (second - first * ratio) * scale
    return _where(is_zero, a / size_c, real), _where(is_zero, b / size_c, _where(is_wide, imag, -imag))


@_rule(e.ABS)
def _size(x: Value) -> _Number:
    a, b = _abs(x[0]), _abs(x[1])
    big, small = _maximum(a, b), _minimum(a, b)
    ratio = small / _where(big.is_(0), 1.0, big)
    length = big * _sqrt(ratio * ratio + 1)
    return _where(a.is_(math.inf) | b.is_(math.inf), math.inf, length)


@_rule(e.EQ)
def _equal(x: Value, y: Value) -> _Number:
    return x[0].is_(y[0]) & x[1].is_(y[1])


@_rule(e.NE)
def _unequal(x: Value, y: Value) -> _Number:
    return _Number(e.NE((x[0].node, y[0].node))) | _Number(e.NE((x[1].node, y[1].node)))


@_rule(e.ISNAN)
def _is_nan(x: Value) -> _Number:
    return _Number(e.ISNAN((x[0].node,))) | _Number(e.ISNAN((x[1].node,)))


# --- roots, logarithms, powers -----------------------------------------------------------------------------------------
@_rule(e.SQRT)
def _root(x: Value) -> Value:
    a, b = x
    size = _size(x)
    half = _sqrt(_abs(a) * 0.5 + size * 0.5)
    other = _abs(b) / _where(half.is_(0), 1.0, half * 2)
    right = a >= 0
    real, imag = _where(right, half, other), _copysign(_where(right, other, half), b)
    infinite = _abs(b).is_(math.inf)
    return _where(infinite, math.inf, real), _where(infinite, b, imag)


@_rule(e.RSQRT)
def _over_root(x: Value) -> Value:
    one = _Number(constant(1.0, x[0].node))
    return _over((one, one * 0), _root(x))


@_rule(e.LOG)
def _logarithm(x: Value) -> Value:
    """Near the unit circle log |x| is half of log1p(|x|² - 1), whose argument is computed without cancelling."""
    a, b = _abs(x[0]), _abs(x[1])
    size = _size(x)
    big, small = _maximum(a, b), _minimum(a, b)
    near = _log1p((big - 1) * (big + 1) + small * small) * 0.5
    return _where((size > 0.5) & (size < 2.0), near, _log(size)), _atan2(x[1], x[0])


@_rule(e.LOG2)
def _binary_logarithm(x: Value) -> Value:
    a, b = _logarithm(x)
    return a * (1 / math.log(2)), b * (1 / math.log(2))


@_rule(e.LOG1P)
def _logarithm_of_next(x: Value) -> Value:
    a, b = x
    size = _size((a + 1, b))
    near = _log1p(a * (a + 2) + b * b) * 0.5
    return _where((size > 0.5) & (size < 2.0), near, _log(size)), _atan2(b, a + 1)


@_rule(e.EXP)
def _exponential(x: Value) -> Value:
    a, b = x
    size = _exp(a)
    real, imag = _turned(size, b)
    nothing = a.is_(-math.inf)
    return _where(nothing, 0.0, real), _where(nothing, 0.0, imag)


def _turned(size: _Number, angle: _Number) -> Value:
    """The number of that size and angle; a real one, also an infinite, where the angle is 0."""
    return size * _cos(angle), _where(angle.is_(0), angle, size * _sin(angle))


@_rule(e.EXP2)
def _power_of_two(x: Value) -> Value:
    return _exponential((x[0] * math.log(2), x[1] * math.log(2)))


@_rule(e.EXPM1)
def _exponential_less_1(x: Value) -> Value:
    a, b = x
    half = _sin(b * 0.5)
    return _expm1(a) * _cos(b) - half * half * 2, _where(b.is_(0), b, _exp(a) * _sin(b))


@_rule(e.POW)
def _power(x: Value, y: Value) -> Value:
    real, imag = _exponential(_times(_logarithm(x), y))
    is_zero, is_one = x[0].is_(0) & x[1].is_(0), y[0].is_(0) & y[1].is_(0)
    power_of_zero = _where(y[0] > 0, 0.0, _Number(constant(math.nan, y[0].node)))
    real, imag = _where(is_zero, power_of_zero, real), _where(is_zero, power_of_zero, imag)
    return _where(is_one, 1.0, real), _where(is_one, 0.0, imag)


# --- trigonometry ------------------------------------------------------------------------------------------------------
def _times_i(x: Value) -> Value:
    return -x[1], x[0]


def _over_i(x: Value) -> Value:
    return x[1], -x[0]


def _scaled(size: _Number, factor: _Number) -> _Number:
    """The product, and 0 where the first is 0 and the second infinite."""
    return _where(size.is_(0), size, size * factor)


@_rule(e.SINH)
def _hyperbolic_sine(x: Value) -> Value:
    a, b = x
    return _scaled(_sinh(a), _cos(b)), _scaled(_sin(b), _cosh(a))


@_rule(e.COSH)
def _hyperbolic_cosine(x: Value) -> Value:
    a, b = x
    return _cosh(a) * _cos(b), _scaled(_sin(b), _sinh(a))


@_rule(e.TANH)
def _hyperbolic_tangent(x: Value) -> Value:
    a, b = x
    size = _abs(a)
    is_far = size > 20.0
    near = _where(is_far, 1.0, a)
    t, s = _tan(b), _sinh(near)
    beta = t * t + 1
    divisor = beta * s * s + 1
    turn = _where(_abs(b) < math.inf, b, _where(size.is_(math.inf), 0.0, b))  # where a is infinite any b is as good
    far = _sin(turn * 2) * 2 * _exp(-size - size)
    real, imag = beta * _sqrt(s * s + 1) * s / divisor, t / divisor
    return _where(is_far, _copysign(_Number(constant(1.0, a.node)), a), real), _where(is_far, far, imag)


@_rule(e.SIN)
def _sine(x: Value) -> Value:
    return _over_i(_hyperbolic_sine(_times_i(x)))


@_rule(e.COS)
def _cosine(x: Value) -> Value:
    return _hyperbolic_cosine(_times_i(x))


@_rule(e.TAN)
def _tangent(x: Value) -> Value:
    return _over_i(_hyperbolic_tangent(_times_i(x)))


def _roots_beside(x: Value) -> tuple[Value, Value]:
    """√(1 - x) and √(1 + x)."""
    a, b = x
    return _root((1 - a, -b)), _root((a + 1, b))


def _is_infinite(x: Value) -> _Number:
    return _abs(x[0]).is_(math.inf) | _abs(x[1]).is_(math.inf)


@_rule(e.ASIN)
def _inverse_sine(x: Value) -> Value:
    less, more = _roots_beside(x)
    real = _atan2(x[0], _where(_is_infinite(x), _abs(x[1]), less[0] * more[0] - less[1] * more[1]))
    return real, _asinh(less[0] * more[1] - less[1] * more[0])


@_rule(e.ACOS)
def _inverse_cosine(x: Value) -> Value:
    less, more = _roots_beside(x)
    real = _where(_is_infinite(x), _atan2(_abs(x[1]), x[0]), _atan2(less[0], more[0]) * 2)
    return real, _asinh(more[0] * less[1] - more[1] * less[0])


@_rule(e.ASINH)
def _inverse_hyperbolic_sine(x: Value) -> Value:
    return _over_i(_inverse_sine(_times_i(x)))


@_rule(e.ACOSH)
def _inverse_hyperbolic_cosine(x: Value) -> Value:
    a, b = x
    less, more = _root((a - 1, b)), _root((a + 1, b))
    imag = _where(_is_infinite(x), _atan2(b, a), _atan2(less[1], more[0]) * 2)
    return _asinh(less[0] * more[0] + less[1] * more[1]), imag


@_rule(e.ATANH)
def _inverse_hyperbolic_tangent(x: Value) -> Value:
    a, b = x
    size = _abs(a)
    beside = 1 - size
    far = _is_infinite(x)
    real = _where(far, 0.0, _log1p(size * 4 / (beside * beside + b * b)) * 0.25)
    imag = _where(far, _copysign(_Number(constant(math.pi / 2, b.node)), b), _atan2(b * 2, beside * (size + 1) - b * b) * 0.5)
    return _copysign(real, a), imag


@_rule(e.ATAN)
def _inverse_tangent(x: Value) -> Value:
    return _over_i(_inverse_hyperbolic_tangent(_times_i(x)))
