"""Between the spectrum of n real numbers and that of their n/2 pairs, each taken as one complex number. May import `butterfly`.

With Z the transform of z[j] = x[2j] + i·x[2j+1], h = n/2 and w = exp(-2πi/n): X[k] = (E + w^k·O) / 2 and
X[h-k] = conj(E - w^k·O) / 2, where E = Z[k] + conj(Z[h-k]) and O = -i·(Z[k] - conj(Z[h-k])). The other way round, the numbers
whose sums with exp(+2πi·jk/h) are the pairs of Σ X[k]·exp(+2πi·jk/n) are E + T and conj(E - T), where E is of X's and
T = i·w^-k·(X[k] - conj(X[h-k])).
"""

from __future__ import annotations

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.fourier.butterfly import Complex, add, scaled, subtract, times
from flambeau.codegen.llvm.types import Value, zero

__all__ = ["conjugate", "ends_parted", "ends_taken", "parted", "taken"]


def conjugate(f: Function, a: Complex) -> Complex:
    return a[0], f.op(a[1].type, f"fneg {a[1].type} {a[1]}")


def parted(f: Function, low: Complex, high: Complex, w: Complex, factor: float) -> tuple[Complex, Complex]:
    """X[k] and X[h-k], times `factor`, of Z[k], Z[h-k] and w^k."""
    mirrored = conjugate(f, high)
    even, (real, imag) = add(f, low, mirrored), subtract(f, low, mirrored)
    odd = times(f, w, conjugate(f, (imag, real)))
    first, second = add(f, even, odd), conjugate(f, subtract(f, even, odd))
    return scaled(f, first, factor / 2), scaled(f, second, factor / 2)


def ends_parted(f: Function, first: Complex, factor: float) -> tuple[Complex, Complex]:
    """X[0] and X[h], times `factor`, of Z[0]."""
    real, imag = first
    nothing = zero(real.type)
    both = (f.binary("fadd", real, imag), nothing), (f.binary("fsub", real, imag), nothing)
    return scaled(f, both[0], factor), scaled(f, both[1], factor)


def taken(f: Function, low: Complex, high: Complex, w: Complex, factor: float) -> tuple[Complex, Complex]:
    """Numbers k and h-k to be transformed back, times `factor`, of X[k], X[h-k] and w^k."""
    mirrored = conjugate(f, high)
    even, difference = add(f, low, mirrored), subtract(f, low, mirrored)
    real, imag = times(f, conjugate(f, w), difference)
    odd = (f.op(imag.type, f"fneg {imag.type} {imag}"), real)
    first, second = add(f, even, odd), conjugate(f, subtract(f, even, odd))
    return scaled(f, first, factor), scaled(f, second, factor)


def ends_taken(f: Function, first: Value, last: Value, factor: float) -> Complex:
    """Number 0 to be transformed back, times `factor`, of the real parts of X[0] and X[h]."""
    return scaled(f, (f.binary("fadd", first, last), f.binary("fsub", first, last)), factor)
