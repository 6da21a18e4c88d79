"""exp, exp2, log, log1p, tanh and erf of float32, in float32. May import the builder and `polynomial.py`.

The polynomials are minimax fits (Remez exchange) for the weights that make the relative error of the result even; errors are
those of dense tests against float64, in ulp: exp 1.1, exp2 1.5, log 0.8, log1p 1.5, tanh 1.4 (1.9 without fused multiply-adds),
erf 1.3.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.polynomial import clamp, evaluate, fused, less, log1p, number, where_nan
from flambeau.codegen.llvm.types import Value, constant

__all__ = ["FUNCTIONS", "exp", "exp2_below"]

_LOG2_E = 1.44269504088896341
_LN2_HIGH, _LN2_LOW = (
    0.693145751953125,
    1.42860682030941723e-6,
)  # the first has 16 bits: its product with a small integer is exact

# (exp(r) - 1 - r) / r² for |r| ≤ ln 2 / 2
_EXP = (0.5000000095183352, 0.166665188396402, 0.04166620580599005, 0.008368889356437377, 0.001395049096464359)
# 2^r for |r| ≤ ½
_EXP2 = (
    *(1.0, 0.6931472057374961, 0.24022646890593205, 0.0555032877646348, 0.009618488959723628, 0.0013399931423373045),
    0.00015345811784134102,
)
# (log(1 + t) - t + t²/2) / t³ for √½ ≤ 1 + t ≤ √2
_LOG = (
    *(0.3333331039041162, -0.24999986425761722, 0.20002230582693048, -0.16669263363640965, 0.1421857665269007),
    *(-0.12384068907400692, 0.11873363476653877, -0.11791720560738715, 0.06916765583687792),
)
# (tanh(x) - x) / x³ in x², for |x| ≤ 0.625
_TANH = (-0.33333283925397517, 0.13331491289123837, -0.05374349821587125, 0.020650587645524503, -0.005717045374497768)
# erf(x) / x - 1 in x², for |x| ≤ 0.921875
_ERF_NEAR = (
    *(0.1283791666921389, -0.3761263418840421, 0.11283701620784965, -0.026859702342734392),
    *(0.005201716264823743, -0.0008149808105808521, 8.397804475982656e-05),
)
# log2(erfc(t)) / t + 1 for 0.921875 ≤ t ≤ 4
_ERF_FAR = (
    *(-0.628297127578295, -0.9163233648169921, -0.15327782434798293, 0.03429037980978797),
    *(-0.005259200499729022, 0.00046675150493743334, -1.6307694865208997e-05),
)


def _exp_of_rest(f: Function, x: Value, n: Value) -> Value:
    """exp(x - n·ln 2), for n the integer nearest to x / ln 2."""
    r = fused(f, n, -_LN2_HIGH, x)
    r = fused(f, n, -_LN2_LOW, r)
    return f.binary("fadd", fused(f, f.binary("fmul", r, r), evaluate(f, r, _EXP), r), number(x, 1.0))


def exp(f: Function, x: Value) -> Value:
    """2^n · exp(r) with x = n·ln 2 + r."""

    def parts(x: Value) -> tuple[Value, Value]:
        n = f.intrinsic("roundeven", f.binary("fmul", x, number(x, _LOG2_E)))
        return _exp_of_rest(f, x, n), n

    return _scaled(f, x, -104.0, 89.0, parts)


def exp2(f: Function, x: Value) -> Value:
    """2^n · 2^r with x = n + r."""

    def parts(x: Value) -> tuple[Value, Value]:
        n = f.intrinsic("roundeven", x)
        r = f.binary("fsub", x, n)
        return fused(f, evaluate(f, r, _EXP2[1:]), r, 1.0), n

    return _scaled(f, x, -150.0, 129.0, parts)


def _scaled(f: Function, x: Value, low: float, high: float, parts: Callable[[Value], tuple[Value, Value]]) -> Value:
    """p · 2^n of `parts(x)`, 0 for x below `low` and infinite above `high`; results may be subnormal, or overflow.

    Vectors of AVX-512 scale by an instruction; others multiply by the power of two in two factors. A result that isn't normal
    takes a processor a hundred times as long, so where it is 0 (all that a mask's -inf leaves out) another is computed instead.
    """
    vanishes = less(f, x, low)
    x = f.select(vanishes, number(x, 0.0), clamp(f, x, low, high))
    p, n = parts(x)
    whole = f.cast("fptosi", n, "i32")
    whole = f.op(whole.type, f"freeze {whole.type} {whole}")  # NaN has no integer
    if f.module.target.vector_bits == 512:
        p = f.call(f"llvm.ldexp.{f.suffix(x.type)}.{f.suffix(whole.type)}", x.type, p, whole)
        return f.select(vanishes, number(x, 0.0), p)
    half = f.binary("ashr", whole, constant(whole.type, 1))
    for part in (half, f.binary("sub", whole, half)):
        bits = f.binary("shl", f.binary("add", part, constant(part.type, 127)), constant(part.type, 23))
        p = f.binary("fmul", p, f.cast("bitcast", bits, "float"))
    return f.select(vanishes, number(x, 0.0), p)


def exp2_below(f: Function, x: Value) -> Value:
    """2^x for x that are at most about 0, where it is normal, else 0; in fewer instructions than `exp`. Relative error 1e-7."""
    vanishes = less(f, x, -126.0)
    x = f.select(vanishes, number(x, -126.0), x)
    n = f.intrinsic("roundeven", x)
    r = f.binary("fsub", x, n)
    p = number(x, _EXP2[-1])
    for c in _EXP2[-2::-1]:  # Horner's scheme: where it is used there are other chains to go on with
        p = fused(f, p, r, c)
    whole = f.cast("fptosi", n, "i32")
    whole = f.op(whole.type, f"freeze {whole.type} {whole}")
    if f.module.target.vector_bits == 512:
        p = f.call(f"llvm.ldexp.{f.suffix(x.type)}.{f.suffix(whole.type)}", x.type, p, whole)
    else:
        bits = f.binary("shl", f.binary("add", whole, constant(whole.type, 127)), constant(whole.type, 23))
        p = f.binary("fmul", p, f.cast("bitcast", bits, "float"))
    return f.select(vanishes, number(x, 0.0), p)


def _small_exp2(f: Function, x: Value, factor: float) -> tuple[Value, Value]:
    """2^(factor·x), |factor·x| ≤ 126, as 2^r and 2^n, which is normal: adding a large constant rounds, and leaves n in the last
    bits."""
    large, by = number(x, 1.5 * 2.0**23 + 127), number(x, factor)
    shifted = fused(f, x, by, large)
    p = evaluate(f, fused(f, x, by, f.binary("fsub", large, shifted)), _EXP2)
    bits = f.cast("bitcast", shifted, "i32")
    return p, f.cast("bitcast", f.binary("shl", bits, constant(bits.type, 23)), "float")


def log(f: Function, x: Value) -> Value:
    """e·ln 2 + log(m) with x = 2^e · m, m in [√½, √2)."""
    is_tiny = less(f, x, 1.17549435e-38)
    scaled = f.select(is_tiny, f.binary("fmul", x, number(x, 2.0**23)), x)
    bits = f.cast("bitcast", scaled, "i32")
    type = bits.type
    offset = f.binary("sub", bits, constant(type, 0x3F3504F3))  # of √½
    whole = f.binary("ashr", offset, constant(type, 23))
    m = f.cast("bitcast", f.binary("sub", bits, f.binary("shl", whole, constant(type, 23))), "float")
    t = f.binary("fsub", m, number(x, 1.0))
    e = f.cast("sitofp", f.binary("sub", whole, f.select(is_tiny, constant(type, 23), constant(type, 0))), "float")
    square = f.binary("fmul", t, t)
    tail = f.binary("fmul", f.binary("fmul", square, t), evaluate(f, t, _LOG))
    tail = fused(f, e, _LN2_LOW, tail)
    tail = fused(f, square, -0.5, tail)
    result = fused(f, e, _LN2_HIGH, f.binary("fadd", t, tail))
    infinity = number(x, float("inf"))
    result = f.select(f.test("fcmp oeq", x, infinity), infinity, result)
    result = f.select(f.test("fcmp oeq", x, number(x, 0.0)), number(x, float("-inf")), result)
    return where_nan(f, x, f.select(less(f, x, 0.0), number(x, float("nan")), result))


def tanh(f: Function, x: Value) -> Value:
    """An odd polynomial near zero, 1 - 2 / (exp(2|x|) + 1) beyond."""
    a = f.intrinsic("fabs", x)
    square = f.binary("fmul", x, x)
    near = fused(f, f.binary("fmul", square, a), evaluate(f, square, _TANH), a)
    power, scale = _small_exp2(f, clamp(f, a, 0.0, 10.0), 2.0 * _LOG2_E)
    far = f.binary("fsub", number(x, 1.0), f.binary("fdiv", number(x, 2.0), fused(f, power, scale, 1.0)))
    return f.intrinsic("copysign", f.select(less(f, a, 0.625), near, far), x)


def erf(f: Function, x: Value) -> Value:
    """x + x·P(x²) near zero, 1 - 2^(-t + t·Q(t)) with t = |x| beyond."""
    t = f.intrinsic("fabs", x)
    near = fused(f, evaluate(f, f.binary("fmul", x, x), _ERF_NEAR), x, x)
    bounded = clamp(f, t, 0.0, 4.0)
    r = fused(f, evaluate(f, bounded, _ERF_FAR), bounded, f.op(x.type, f"fneg {x.type} {bounded}"))
    power, scale = _small_exp2(f, r, 1.0)
    far = f.intrinsic("copysign", fused(f, f.op(x.type, f"fneg {x.type} {power}"), scale, 1.0), x)
    return f.select(f.test("fcmp ogt", t, number(x, 0.921875)), far, near)


FUNCTIONS: dict[str, Callable[[Function, Value], Value]] = {
    "exp": exp, "exp2": exp2, "log": log, "log1p": partial(log1p, log), "tanh": tanh, "erf": erf,
}  # fmt: skip
