"""Transcendental functions in LLVM IR. May import the builder, `values.py` and `flambeau.dtypes`.

float64 calls the C library's function for each lane.
"""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.codegen.llvm.builder import Function, Value, element_of, lanes_of, poison
from flambeau.dtypes import dtype

__all__ = ["emit"]

_LIBRARY = frozenset(
    (
        "exp",
        "expm1",
        "log",
        "log1p",
        "log2",
        "sin",
        "cos",
        "tan",
        "asin",
        "acos",
        "atan",
        "sinh",
        "cosh",
        "tanh",
        "asinh",
        "acosh",
        "atanh",
        "erf",
        "pow",
        "atan2",
    )
)


def emit(f: Function, name: str, operands: Sequence[Value], type: dtype) -> Value:
    """The function `name` of float32 or float64 values; half types come as float32."""
    if name not in _LIBRARY:
        raise NotImplementedError(f"primitive {name} on {type.name}")
    return library_call(f, name, operands)


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
