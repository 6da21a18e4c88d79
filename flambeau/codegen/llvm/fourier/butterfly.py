"""The discrete Fourier transform of a few complex numbers held in registers. May import the builder and `roots`.

Sums over n numbers for a composite n are Cooley and Tukey's; for an odd prime, numbers at equal distances from both ends share
their products. Transforms are the forward ones, with exp(-2πi·jk/n): the inverse is the same with real and imaginary parts
exchanged before and after.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.fourier.roots import root
from flambeau.codegen.llvm.types import Value, constant

__all__ = [
    "Complex",
    "add",
    "exchanged",
    "instructions",
    "scaled",
    "smallest_factor",
    "subtract",
    "times",
    "transformed",
    "turned",
]

Complex = tuple[Value, Value]
"""Real and imaginary parts, of one scalar or vector type."""


def smallest_factor(n: int) -> int:
    """The smallest prime that divides n > 1."""
    return next((p for p in range(2, math.isqrt(n) + 1) if n % p == 0), n)


def _halves(n: int) -> tuple[int, int]:
    """Two factors of n > 1, as near to each other as may be; (1, n) for a prime."""
    return next((n1, n // n1) for n1 in range(math.isqrt(n), 0, -1) if n % n1 == 0)


@cache
def instructions(n: int) -> int:
    """About how many instructions `transformed` takes for n numbers."""
    if n <= 2:
        return 4 * (n - 1)
    n1, n2 = _halves(n)
    if n1 == 1:
        half = n // 2
        return 10 * half + 4 * half * half
    turns = 0 if n == 4 else 3 * (n1 - 1) * (n2 - 1)
    return n2 * instructions(n1) + n1 * instructions(n2) + turns


def exchanged(a: Complex, wanted: bool = True) -> Complex:
    """With real and imaginary parts exchanged, if that is wanted."""
    return (a[1], a[0]) if wanted else a


def add(f: Function, a: Complex, b: Complex) -> Complex:
    return f.binary("fadd", a[0], b[0]), f.binary("fadd", a[1], b[1])


def subtract(f: Function, a: Complex, b: Complex) -> Complex:
    return f.binary("fsub", a[0], b[0]), f.binary("fsub", a[1], b[1])


def scaled(f: Function, a: Complex, factor: float) -> Complex:
    """a·factor."""
    if factor == 1:
        return a
    scale = constant(a[0].type, factor)
    return f.binary("fmul", a[0], scale), f.binary("fmul", a[1], scale)


def times(f: Function, a: Complex, b: Complex) -> Complex:
    """a·b."""
    crossed = f.binary("fmul", a[1], b[1])
    real = f.multiply_add(a[0], b[0], f.op(crossed.type, f"fneg {crossed.type} {crossed}"))
    return real, f.multiply_add(a[0], b[1], f.binary("fmul", a[1], b[0]))


def _negated(f: Function, a: Value) -> Value:
    return f.op(a.type, f"fneg {a.type} {a}")


def turned(f: Function, a: Complex, k: int, n: int) -> Complex:
    """a·exp(-2πi·k/n), by exchanging and negating parts where that is all."""
    quarter, rest = divmod(4 * (k % n), n)
    if rest == 0:
        real, imag = a
        return [(real, imag), (imag, _negated(f, real)), (_negated(f, real), _negated(f, imag)), (_negated(f, imag), real)][
            quarter
        ]
    if 2 * rest == n:  # an odd number of eighths: (1 - i)·√½ after whole quarters
        real, imag = turned(f, a, quarter, 4)
        scale = constant(real.type, math.sqrt(0.5))
        return f.binary("fmul", f.binary("fadd", real, imag), scale), f.binary("fmul", f.binary("fsub", imag, real), scale)
    c, s = root(k, n)
    type = a[0].type
    return times(f, a, (constant(type, c), constant(type, s)))


def transformed(f: Function, x: Sequence[Complex]) -> list[Complex]:
    """Σ_j x[j]·exp(-2πi·jk/n) for each k."""
    n = len(x)
    if n == 1:
        return list(x)
    if n == 2:
        return [add(f, x[0], x[1]), subtract(f, x[0], x[1])]
    if n == 4:
        return _four(f, x)
    n1, n2 = _halves(n)
    if n1 == 1:
        return _prime(f, x)
    columns = [transformed(f, x[j2::n2]) for j2 in range(n2)]
    result: list[Complex] = [x[0]] * n
    for k1 in range(n1):
        row = [turned(f, columns[j2][k1], j2 * k1, n) for j2 in range(n2)]
        result[k1::n1] = transformed(f, row)
    return result


def _four(f: Function, x: Sequence[Complex]) -> list[Complex]:
    even, odd = (add(f, x[0], x[2]), subtract(f, x[0], x[2])), (add(f, x[1], x[3]), subtract(f, x[1], x[3]))
    (ar, ai), (br, bi) = even[1], odd[1]
    return [
        add(f, even[0], odd[0]),
        (f.binary("fadd", ar, bi), f.binary("fsub", ai, br)),
        subtract(f, even[0], odd[0]),
        (f.binary("fsub", ar, bi), f.binary("fadd", ai, br)),
    ]


def _prime(f: Function, x: Sequence[Complex]) -> list[Complex]:
    """x[j]·w + x[n-j]·w̄ = (x[j] + x[n-j])·cos - i·(x[j] - x[n-j])·sin."""
    n = len(x)
    half = n // 2
    sums = [add(f, x[j], x[n - j]) for j in range(1, half + 1)]
    differences = [subtract(f, x[j], x[n - j]) for j in range(1, half + 1)]
    type = x[0][0].type
    result = [x[0]] * n
    for s in sums:
        result[0] = add(f, result[0], s)
    for k in range(1, half + 1):
        roots = [root(j * k, n) for j in range(1, half + 1)]
        real, imag = x[0]
        for (c, _), (sr, si) in zip(roots, sums):
            cosine = constant(type, c)
            real, imag = f.multiply_add(sr, cosine, real), f.multiply_add(si, cosine, imag)
        down, up = (f.binary("fmul", d, constant(type, -roots[0][1])) for d in differences[0])
        for (_, negative), (dr, di) in zip(roots[1:], differences[1:]):
            sine = constant(type, -negative)
            down, up = f.multiply_add(dr, sine, down), f.multiply_add(di, sine, up)
        result[k] = f.binary("fadd", real, up), f.binary("fsub", imag, down)
        result[n - k] = f.binary("fsub", real, up), f.binary("fadd", imag, down)
    return result
