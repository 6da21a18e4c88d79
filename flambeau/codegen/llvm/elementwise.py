"""Each elementwise primitive in LLVM IR, on scalars and vectors alike: `emit(f, name, operands, dtype, ...)`.

Values are in register form (`codegen/llvm/values.py`): half types are float32 here, and the caller rounds. What can't be written
in a few instructions is in `mathematics.py`. May import `flambeau.dtypes` and its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flambeau.codegen.llvm import mathematics
from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.polynomial import any_lane
from flambeau.codegen.llvm.types import Value, bits_of, constant, zero
from flambeau.codegen.llvm.values import convert, from_memory, is_half, memory_type, to_memory
from flambeau.dtypes import bool_, dtype

__all__ = ["emit", "is_exact", "larger", "smaller"]

_EXACT = frozenset(
    (
        "neg",
        "abs",
        "sign",
        "floor",
        "ceil",
        "trunc",
        "round",
        "where",
        "maximum",
        "minimum",
        "copysign",
        "bitwise_not",
        "bitwise_and",
        "bitwise_or",
        "bitwise_xor",
        "left_shift",
        "right_shift",
        "nextafter",
    )
)
"""Primitives whose result on half values needs no rounding."""

_COMPARISONS = {"eq": "eq", "ne": "ne", "lt": "lt", "le": "le", "gt": "gt", "ge": "ge"}


def is_exact(name: str) -> bool:
    return name in _EXACT


def emit(f: Function, name: str, operands: Sequence[Value], type: dtype, sources: Sequence[dtype]) -> Value:
    """The primitive's value. `type` is the result's dtype, `sources` the operands'; operands have equal lanes.

    An integer divisor must be non-zero.
    """
    if name == "cast":
        return convert(f, operands[0], sources[0], type)
    if name == "bitcast":
        return _bitcast(f, operands[0], sources[0], type)
    if name == "where":
        return f.select(operands[0], operands[1], operands[2])
    source = sources[0]
    if name in _COMPARISONS:
        return _compare(f, name, operands[0], operands[1], source)
    if name == "isnan":
        return f.test("fcmp uno", operands[0], operands[0]) if source.category == 2 else zero(_conditions(f, operands[0]))
    if name == "nextafter" and is_half(type):
        return _next_half(f, operands[0], operands[1], type)
    table = _FLOAT if type.category == 2 else _INTEGER if type.category == 1 else _BOOL
    found = table.get(name)
    if found is None:
        if type.category == 2:
            return mathematics.emit(f, name, operands, type)
        raise NotImplementedError(f"primitive {name} on {type.name}")
    return found(f, operands, type)


def _conditions(f: Function, a: Value) -> str:
    return f.test("icmp eq", a, a).type


def _compare(f: Function, name: str, a: Value, b: Value, type: dtype) -> Value:
    if type.category == 2:
        return f.test("fcmp " + ("une" if name == "ne" else "o" + name), a, b)
    sign = "" if name in ("eq", "ne") else "s" if type.is_signed and type is not bool_ else "u"
    return f.test(f"icmp {sign}{name}", a, b)


def _bitcast(f: Function, a: Value, source: dtype, type: dtype) -> Value:
    """The same bits as another dtype of the width; by way of what memory holds."""
    raw = to_memory(f, a, source)
    element = memory_type(type)
    if memory_type(source) != element:
        raw = f.cast("bitcast", raw, element)
    return from_memory(f, raw, type)


def larger(f: Function, a: Value, b: Value, type: dtype) -> Value:
    """max(a, b), NaN where either is NaN."""
    return _extremum(f, a, b, type, "gt")


def smaller(f: Function, a: Value, b: Value, type: dtype) -> Value:
    """min(a, b), NaN where either is NaN."""
    return _extremum(f, a, b, type, "lt")


def _extremum(f: Function, a: Value, b: Value, type: dtype, relation: str) -> Value:
    if type.category == 2:
        first = f.binary("or", f.test(f"fcmp o{relation}", a, b), f.test("fcmp uno", a, a))
        return f.select(first, a, b)
    if type is bool_:
        return f.binary("or" if relation == "gt" else "and", a, b)
    return f.select(f.test(f"icmp {'s' if type.is_signed else 'u'}{relation}", a, b), a, b)


# --- floating point ----------------------------------------------------------------------------------------------------

_Rule = Callable[[Function, Sequence[Value], dtype], Value]


def _intrinsic(name: str) -> _Rule:
    return lambda f, x, type: f.intrinsic(name, *x)


def _binary(op: str) -> _Rule:
    return lambda f, x, type: f.binary(op, x[0], x[1])


def _negative(f: Function, x: Value) -> Value:
    return f.op(x.type, f"fneg {x.type} {x}")


def _sign(f: Function, x: Sequence[Value], type: dtype) -> Value:
    """(0 < x) - (x < 0): 0 for NaN, as PyTorch."""
    nil = constant(x[0].type, 0.0)
    up = f.select(f.test("fcmp ogt", x[0], nil), constant(x[0].type, 1.0), nil)
    return f.select(f.test("fcmp olt", x[0], nil), constant(x[0].type, -1.0), up)


def _reciprocal_root(f: Function, x: Sequence[Value], type: dtype) -> Value:
    return f.binary("fdiv", constant(x[0].type, 1.0), f.intrinsic("sqrt", x[0]))


def _truncated_remainder(f: Function, x: Sequence[Value], type: dtype) -> Value:
    """C's fmod, exact: a - n·b with n = ⌊a / b⌋ of the sizes, where the quotient is small enough for n to be a number.

    The rounded quotient is never below n, and at most n + 1; either way a - n·b can be represented.
    """
    a, b = f.intrinsic("fabs", x[0]), f.intrinsic("fabs", x[1])
    quotient = f.binary("fdiv", a, b)
    exact = 2.0 ** (24 if bits_of(a.type) == 32 else 53)

    def directly() -> list[Value]:
        n = f.intrinsic("trunc", quotient)
        rest = f.intrinsic("fma", f.op(n.type, f"fneg {n.type} {n}"), b, a)
        rest = f.select(f.test("fcmp olt", rest, constant(a.type, 0.0)), f.binary("fadd", rest, b), rest)
        infinity = constant(a.type, float("inf"))
        is_whole = f.binary("and", f.test("fcmp oeq", b, infinity), f.test("fcmp olt", a, infinity))
        return [f.intrinsic("copysign", f.select(is_whole, a, rest), x[0])]

    is_large = f.test("fcmp oge", quotient, constant(a.type, exact))
    return f.choose(any_lane(f, is_large), lambda: [f.binary("frem", x[0], x[1])], directly)[0]


def _float_floor_divide(f: Function, x: Sequence[Value], type: dtype) -> Value:
    """Python's floor division, from the exact remainder: c10::div_floor_floating's rule."""
    a, b = x
    nil, one = constant(a.type, 0.0), constant(a.type, 1.0)
    rest = _truncated_remainder(f, x, type)
    quotient = f.binary("fdiv", f.binary("fsub", a, rest), b)
    opposite = f.binary("xor", f.test("fcmp olt", b, nil), f.test("fcmp olt", rest, nil))
    adjust = f.binary("and", f.test("fcmp une", rest, nil), opposite)
    quotient = f.select(adjust, f.binary("fsub", quotient, one), quotient)
    floored = f.intrinsic("floor", quotient)
    past_half = f.test("fcmp ogt", f.binary("fsub", quotient, floored), constant(a.type, 0.5))
    floored = f.select(past_half, f.binary("fadd", floored, one), floored)
    plain = f.binary("fdiv", a, b)
    result = f.select(f.test("fcmp une", quotient, nil), floored, f.intrinsic("copysign", nil, plain))
    return f.select(f.test("fcmp oeq", b, nil), plain, result)


def _float_remainder(f: Function, x: Sequence[Value], type: dtype) -> Value:
    """The remainder with the divisor's sign."""
    a, b = x
    nil = constant(a.type, 0.0)
    rest = _truncated_remainder(f, x, type)
    opposite = f.binary("xor", f.test("fcmp olt", b, nil), f.test("fcmp olt", rest, nil))
    adjust = f.binary("and", f.test("fcmp une", rest, nil), opposite)
    return f.select(adjust, f.binary("fadd", rest, b), rest)


def _next(f: Function, x: Sequence[Value], type: dtype) -> Value:
    """The neighbour of a toward b: one step of the bits read as a sign and a magnitude."""
    a, b = x
    width = bits_of(a.type)
    bits = f.cast("bitcast", a, f"i{width}")
    moved = _next_bits(f, a, b, bits, 1, width)
    return f.cast("bitcast", moved, "float" if width == 32 else "double") if a.type == b.type else a


def _next_half(f: Function, a: Value, b: Value, type: dtype) -> Value:
    """`nextafter` on the 16-bit grid: the step is taken on the half's own bits."""
    raw = to_memory(f, a, type)
    bits = raw if raw.type.endswith(("i16", "i16>")) else f.cast("bitcast", raw, "i16")
    moved = _next_bits(f, a, b, bits, 1, 16)
    return from_memory(f, moved if raw.type == bits.type else f.cast("bitcast", moved, "half"), type)


def _next_bits(f: Function, a: Value, b: Value, bits: Value, one: int, width: int) -> Value:
    """Bits of a moved one step toward b (NaN if either is, b where they are equal)."""
    nil = constant(a.type, 0.0)
    sign = constant(bits.type, 1 << (width - 1))
    step = constant(bits.type, one)
    away = f.select(
        f.test("fcmp olt", a, b),
        f.select(f.test("fcmp ogt", a, nil), constant(bits.type, 1), constant(bits.type, -1)),
        f.select(f.test("fcmp olt", a, nil), constant(bits.type, 1), constant(bits.type, -1)),
    )
    moved = f.binary("add", bits, away)
    from_zero = f.select(f.test("fcmp olt", b, nil), f.binary("or", sign, step), step)
    moved = f.select(f.test("fcmp oeq", a, nil), from_zero, moved)
    same = f.test("fcmp oeq", a, b)
    quiet = constant(bits.type, {16: 0x7FFF, 32: 0x7FC00000, 64: 0x7FF8 << 48}[width])
    moved = f.select(f.test("fcmp uno", a, b), quiet, moved)
    # equal operands give b: differs from a in a zero's sign alone
    negative_zero = f.select(f.test("icmp slt", _sign_bits(f, b), constant(_sign_bits_type(b), 0)), sign, constant(bits.type, 0))
    equal = f.select(f.test("fcmp oeq", a, nil), negative_zero, bits)
    return f.select(same, equal, moved)


def _sign_bits_type(x: Value) -> str:
    return x.type.replace("float", "i32").replace("double", "i64")


def _sign_bits(f: Function, x: Value) -> Value:
    return f.cast("bitcast", x, f"i{bits_of(x.type)}")


_FLOAT: dict[str, _Rule] = {
    "neg": lambda f, x, type: _negative(f, x[0]),
    "abs": _intrinsic("fabs"),
    "sign": _sign,
    "floor": _intrinsic("floor"),
    "ceil": _intrinsic("ceil"),
    "trunc": _intrinsic("trunc"),
    "round": _intrinsic("roundeven"),
    "sqrt": _intrinsic("sqrt"),
    "rsqrt": _reciprocal_root,
    "add": _binary("fadd"),
    "sub": _binary("fsub"),
    "mul": _binary("fmul"),
    "div": _binary("fdiv"),
    "floor_divide": _float_floor_divide,
    "remainder": _float_remainder,
    "fmod": _truncated_remainder,
    "maximum": lambda f, x, type: larger(f, x[0], x[1], type),
    "minimum": lambda f, x, type: smaller(f, x[0], x[1], type),
    "copysign": _intrinsic("copysign"),
    "nextafter": _next,
}


# --- integers ----------------------------------------------------------------------------------------------------------


def _same(f: Function, x: Sequence[Value], type: dtype) -> Value:
    return x[0]


def _integer_abs(f: Function, x: Sequence[Value], type: dtype) -> Value:
    if not type.is_signed:
        return x[0]
    return f.call(f"llvm.abs.{f.suffix(x[0].type)}", x[0].type, x[0], Value("false", "i1"))


def _integer_sign(f: Function, x: Sequence[Value], type: dtype) -> Value:
    nil, one = constant(x[0].type, 0), constant(x[0].type, 1)
    up = f.select(f.test("icmp ne", x[0], nil), one, nil)
    return f.select(f.test("icmp slt", x[0], nil), constant(x[0].type, -1), up) if type.is_signed else up


def _divide(f: Function, a: Value, b: Value, type: dtype) -> tuple[Value, Value]:
    """Truncated quotient and remainder for a non-zero divisor; -1 wraps instead of trapping on the least integer."""
    if not type.is_signed:
        return f.binary("udiv", a, b), f.binary("urem", a, b)
    minus = f.test("icmp eq", b, constant(b.type, -1))
    safe = f.select(minus, constant(b.type, 1), b)
    quotient = f.select(minus, f.binary("sub", constant(a.type, 0), a), f.binary("sdiv", a, safe))
    return quotient, f.select(minus, constant(a.type, 0), f.binary("srem", a, safe))


def _integer_floor_divide(f: Function, x: Sequence[Value], type: dtype) -> Value:
    quotient, rest = _divide(f, x[0], x[1], type)
    if not type.is_signed:
        return quotient
    return f.select(_floors(f, rest, x[1]), f.binary("sub", quotient, constant(quotient.type, 1)), quotient)


def _integer_remainder(f: Function, x: Sequence[Value], type: dtype) -> Value:
    _, rest = _divide(f, x[0], x[1], type)
    return f.select(_floors(f, rest, x[1]), f.binary("add", rest, x[1]), rest) if type.is_signed else rest


def _floors(f: Function, rest: Value, divisor: Value) -> Value:
    """Whether truncation and floor differ: a remainder whose sign is not the divisor's."""
    nil = constant(rest.type, 0)
    opposite = f.test("icmp slt", f.binary("xor", rest, divisor), nil)
    return f.binary("and", f.test("icmp ne", rest, nil), opposite)


def _integer_power(f: Function, x: Sequence[Value], type: dtype) -> Value:
    """By squaring, a loop of as many turns as the longest exponent has bits; negative exponents give 0, but ±1 for bases ±1."""
    a, b = x
    nil, one = constant(a.type, 0), constant(a.type, 1)
    negative = f.test("icmp slt", b, nil) if type.is_signed else None
    start = b if negative is None else f.select(negative, nil, b)

    def more(carried: list[Value]) -> Value:
        return any_lane(f, f.test("icmp ne", carried[2], nil))

    def turn(carried: list[Value]) -> list[Value]:
        result, base, exponent = carried
        is_odd = f.test("icmp ne", f.binary("and", exponent, one), nil)
        result = f.select(is_odd, f.binary("mul", result, base), result)
        return [result, f.binary("mul", base, base), f.binary("lshr", exponent, one)]

    power = f.repeat([one, a, start], more, turn)[0]
    if negative is None:
        return power
    is_odd = f.test("icmp ne", f.binary("and", b, one), nil)
    of_minus_one = f.select(is_odd, constant(a.type, -1), one)
    is_minus_one = f.test("icmp eq", a, constant(a.type, -1))
    inverse = f.select(is_minus_one, of_minus_one, f.select(f.test("icmp eq", a, one), one, nil))
    return f.select(negative, inverse, power)


def _common_divisor(f: Function, x: Sequence[Value], type: dtype) -> Value:
    """Binary: of two odd numbers the difference takes the larger one's place, without its factors of 2 (Stein's algorithm)."""
    a, b = (_integer_abs(f, (operand,), type) for operand in x)
    nil = constant(a.type, 0)

    def twos(x: Value) -> Value:
        """How many times 2 divides x; 0 for 0."""
        count = f.call(f"llvm.cttz.{f.suffix(x.type)}", x.type, x, Value("false", "i1"))
        return f.binary("and", count, constant(x.type, bits_of(x.type) - 1))

    common = twos(f.binary("or", a, b))
    is_zero = f.test("icmp eq", a, nil)
    a, b = f.select(is_zero, b, a), f.select(is_zero, nil, b)
    a, b = f.binary("lshr", a, twos(a)), f.binary("lshr", b, twos(b))

    def more(carried: list[Value]) -> Value:
        return any_lane(f, f.test("icmp ne", carried[1], nil))

    def turn(carried: list[Value]) -> list[Value]:
        a, b = carried
        is_less = f.test("icmp ult", b, a)
        rest = f.select(is_less, f.binary("sub", a, b), f.binary("sub", b, a))
        done = f.test("icmp eq", b, nil)
        smaller = f.select(f.binary("and", is_less, f.binary("xor", done, constant(done.type, 1))), b, a)
        rest = f.select(done, nil, rest)
        return [smaller, f.binary("lshr", rest, twos(rest))]

    return f.binary("shl", f.repeat([a, b], more, turn)[0], common)


def _shift(op: str) -> _Rule:
    """Shifts by the width or more give 0 (-1 for a negative number shifted right)."""

    def rule(f: Function, x: Sequence[Value], type: dtype) -> Value:
        a, b = x
        bits = constant(b.type, bits_of(b.type))
        inside = f.test("icmp ult", b, bits)
        shifted = f.binary(op, a, f.select(inside, b, constant(b.type, 0)))
        past = constant(a.type, 0)
        if op == "ashr":
            past = f.binary("ashr", a, constant(a.type, bits_of(a.type) - 1))
        return f.select(inside, shifted, past)

    return rule


_INTEGER: dict[str, _Rule] = {
    "neg": lambda f, x, type: f.binary("sub", constant(x[0].type, 0), x[0]),
    "abs": _integer_abs,
    "sign": _integer_sign,
    "floor": _same,
    "ceil": _same,
    "trunc": _same,
    "round": _same,
    "add": _binary("add"),
    "sub": _binary("sub"),
    "mul": _binary("mul"),
    "div": lambda f, x, type: _divide(f, x[0], x[1], type)[0],
    "floor_divide": _integer_floor_divide,
    "remainder": _integer_remainder,
    "fmod": lambda f, x, type: _divide(f, x[0], x[1], type)[1],
    "pow": _integer_power,
    "maximum": lambda f, x, type: larger(f, x[0], x[1], type),
    "minimum": lambda f, x, type: smaller(f, x[0], x[1], type),
    "bitwise_not": lambda f, x, type: f.binary("xor", x[0], constant(x[0].type, -1)),
    "bitwise_and": _binary("and"),
    "bitwise_or": _binary("or"),
    "bitwise_xor": _binary("xor"),
    "gcd": _common_divisor,
    "left_shift": _shift("shl"),
    "right_shift": lambda f, x, type: _shift("ashr" if type.is_signed else "lshr")(f, x, type),
}

_BOOL: dict[str, _Rule] = {
    "neg": _same,
    "abs": _same,
    "sign": _same,
    "floor": _same,
    "ceil": _same,
    "trunc": _same,
    "round": _same,
    "add": _binary("or"),
    "sub": _binary("xor"),
    "mul": _binary("and"),
    "pow": lambda f, x, type: f.binary("or", x[0], f.binary("xor", x[1], constant(x[1].type, 1))),
    "maximum": _binary("or"),
    "minimum": _binary("and"),
    "bitwise_not": lambda f, x, type: f.binary("xor", x[0], constant(x[0].type, 1)),
    "bitwise_and": _binary("and"),
    "bitwise_or": _binary("or"),
    "bitwise_xor": _binary("xor"),
}
