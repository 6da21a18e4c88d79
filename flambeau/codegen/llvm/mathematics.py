"""Transcendental functions in LLVM IR. May import the builder, its neighbours for functions, and `flambeau.dtypes`.

float32 (and the half types, which come as float32): `exp`, `exp2`, `log`, `log1p`, `tanh`, `erf`, and where multiply-adds are
fused `sin`, `cos` and `tan`, are polynomials in float32, right within 2.2 units in the last place (ulp); the others are evaluated
in float64 by polynomials good to about 1e-11 and rounded once, within 1 ulp. float64: polynomials, too, within 1 to 3 ulp as
their modules say; where multiply-adds aren't fused, and for large arguments, `sin`, `cos`, `tan` and `pow` call the C library's
function for each lane (within 1 ulp in glibc).
Infinities, NaN, zeros, subnormal arguments and results are right in all.
"""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.codegen.llvm import angles, double, single, through_double
from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.circular import CIRCULAR, circular, is_fused
from flambeau.codegen.llvm.power import power
from flambeau.codegen.llvm.types import Value, element_of, lanes_of, poison
from flambeau.dtypes import dtype

__all__ = ["emit", "is_function", "library_call"]

_LIBRARY = frozenset(
    (
        *("exp", "exp2", "expm1", "log", "log1p", "log2", "sin", "cos", "tan", "asin", "acos", "atan"),
        *("sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "pow", "atan2"),
    )
)


def is_function(name: str) -> bool:
    """Whether an operation is one of the functions here, dear beside arithmetic."""
    return name in _LIBRARY


def emit(f: Function, name: str, operands: Sequence[Value], type: dtype) -> Value:
    """The function `name` of float32 or float64 values; half types come as float32."""
    if name not in _LIBRARY:
        raise NotImplementedError(f"primitive {name} on {type.name}")
    if name in CIRCULAR and is_fused(f):
        return circular(f, name, operands[0], lambda: _plain(f, name, operands))
    return _plain(f, name, operands)


def _plain(f: Function, name: str, operands: Sequence[Value]) -> Value:
    if element_of(operands[0].type) == "double":
        if name == "pow" and is_fused(f):
            return power(f, *operands)
        functions = angles.FUNCTIONS if name in angles.FUNCTIONS else double.FUNCTIONS
        return functions[name](f, *operands) if name in functions else library_call(f, name, operands)
    if name in single.FUNCTIONS:
        return single.FUNCTIONS[name](f, operands[0])
    if name in through_double.PERIODIC:
        return through_double.periodic(f, name, operands[0], lambda: library_call(f, name, operands))
    wide = [f.cast("fpext", x, "double") for x in operands]
    return f.cast("fptrunc", through_double.FUNCTIONS[name](f, *wide), "float")


def library_call(f: Function, name: str, operands: Sequence[Value]) -> Value:
    """The C library's function, lane by lane."""
    type = operands[0].type
    element, lanes = element_of(type), lanes_of(type)
    symbol = name + ("f" if element == "float" else "")
    if lanes == 1:
        return f.call(symbol, element, *operands)
    result = poison(type)
    for lane in range(lanes):
        result = f.insert(result, f.call(symbol, element, *(f.extract(x, lane) for x in operands)), lane)
    return result
