"""Elementwise primitives as WGSL expressions over the kinds of `types`. May import `flambeau.dtypes`, `codegen.wgsl.types`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flambeau.codegen.wgsl.types import kind_of, rounded
from flambeau.dtypes import dtype

__all__ = ["elementwise", "combine", "CALLS", "COMPARISONS"]

COMPARISONS = frozenset(("eq", "ne", "lt", "le", "gt", "ge", "isnan"))

_FUNCTIONS = [
    "sqrt",
    "rsqrt",
    "exp",
    "exp2",
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
    "sign",
    "floor",
    "ceil",
    "trunc",
    "round",
    "floor_divide",
    "remainder",
    "fmod",
    "atan2",
    "copysign",
]

CALLS = frozenset((*_FUNCTIONS, "div", "gcd", "pow"))
"""Operations that are tens of instructions."""

_F32 = {
    **{name: f"f32_{name}({{}})" for name in _FUNCTIONS},
    "neg": "f32_neg({})",
    "abs": "f32_abs({})",
    "isnan": "f32_is_nan({})",
    "add": "({} + {})",
    "sub": "({} - {})",
    "mul": "({} * {})",
    "div": "f32_divide({}, {})",
    "pow": "f32_power({}, {})",
    "maximum": "f32_max({}, {})",
    "minimum": "f32_min({}, {})",
    "nextafter": "f32_nextafter({}, {})",
    "eq": "f32_eq({}, {})",
    "ne": "!f32_eq({}, {})",
    "lt": "f32_lt({}, {})",
    "le": "f32_le({}, {})",
    "gt": "f32_lt({1}, {0})",
    "ge": "f32_le({1}, {0})",
}
_F64 = {
    **{name: f"f64_{name}({{}})" for name in _FUNCTIONS},
    "neg": "(-{})",
    "abs": "abs({})",
    "isnan": "f64_is_nan({})",
    "add": "({} + {})",
    "sub": "({} - {})",
    "mul": "({} * {})",
    "div": "({} / {})",
    "pow": "f64_power({}, {})",
    "maximum": "f64_max({}, {})",
    "minimum": "f64_min({}, {})",
    "eq": "({} == {})",
    "ne": "!({} == {})",
    "lt": "({} < {})",
    "le": "({} <= {})",
    "gt": "({} > {})",
    "ge": "({} >= {})",
}
for _name in ("floor_divide", "remainder", "fmod", "atan2", "copysign"):
    _F32[_name] = f"f32_{_name}({{}}, {{}})"
    _F64[_name] = f"f64_{_name}({{}}, {{}})"
_INTEGER = {
    "floor": "{}",
    "ceil": "{}",
    "trunc": "{}",
    "round": "{}",
    "isnan": "false",
    "add": "({} + {})",
    "sub": "({} - {})",
    "mul": "({} * {})",
    "maximum": "max({}, {})",
    "minimum": "min({}, {})",
    "eq": "({} == {})",
    "ne": "({} != {})",
    "lt": "({} < {})",
    "le": "({} <= {})",
    "gt": "({} > {})",
    "ge": "({} >= {})",
    "bitwise_not": "(~{})",
    "bitwise_and": "({} & {})",
    "bitwise_or": "({} | {})",
    "bitwise_xor": "({} ^ {})",
}
_I32 = {
    **_INTEGER,
    "neg": "(-{})",
    "abs": "abs({})",
    "sign": "sign({})",
    "floor_divide": "i32_floor_divide({}, {})",
    "remainder": "i32_remainder({}, {})",
    "fmod": "i32_fmod({}, {})",
    "pow": "i32_power({}, {})",
    "gcd": "i32_gcd({}, {})",
    "left_shift": "i32_left_shift({}, {}, {bits}i)",
    "right_shift": "i32_right_shift({}, {}, {bits}i)",
}
_U32 = {
    **_INTEGER,
    "neg": "(0u - {})",
    "abs": "{}",
    "sign": "min({}, 1u)",
    "floor_divide": "u32_floor_divide({}, {})",
    "remainder": "u32_remainder({}, {})",
    "fmod": "u32_remainder({}, {})",
    "pow": "u32_power({}, {})",
    "gcd": "u32_gcd({}, {})",
    "left_shift": "u32_left_shift({}, {}, {bits}u)",
    "right_shift": "u32_right_shift({}, {}, {bits}u)",
}
_I64 = {
    **_INTEGER,
    "neg": "i64_neg({})",
    "abs": "i64_abs({})",
    "sign": "i64_sign({})",
    "add": "i64_add({}, {})",
    "sub": "i64_sub({}, {})",
    "mul": "i64_mul({}, {})",
    "maximum": "i64_max({}, {})",
    "minimum": "i64_min({}, {})",
    "floor_divide": "i64_floor_divide({}, {})",
    "remainder": "i64_remainder({}, {})",
    "fmod": "i64_fmod({}, {})",
    "pow": "i64_power({}, {})",
    "gcd": "i64_gcd({}, {})",
    "eq": "i64_eq({}, {})",
    "ne": "!i64_eq({}, {})",
    "lt": "i64_lt({}, {})",
    "le": "!i64_lt({1}, {0})",
    "gt": "i64_lt({1}, {0})",
    "ge": "!i64_lt({}, {})",
    "left_shift": "i64_left_shift({}, {})",
    "right_shift": "i64_right_shift({}, {})",
}
_BOOL = {
    "neg": "{}",
    "abs": "{}",
    "sign": "{}",
    "isnan": "false",
    "add": "({} | {})",
    "sub": "({} != {})",
    "mul": "({} & {})",
    "maximum": "({} | {})",
    "minimum": "({} & {})",
    "pow": "({} | !{})",
    "eq": "({} == {})",
    "ne": "({} != {})",
    "lt": "(!{} & {})",
    "le": "(!{} | {})",
    "gt": "({} & !{})",
    "ge": "({} | !{})",
    "bitwise_not": "!{}",
    "bitwise_and": "({} & {})",
    "bitwise_or": "({} | {})",
    "bitwise_xor": "({} != {})",
    "floor_divide": "({} & {})",
    "remainder": "({0} & !{1} & false)",
    "fmod": "({0} & !{1} & false)",
    "left_shift": "({} & !{})",
    "right_shift": "({} & !{})",
}
_TABLES = {"f32": _F32, "f64": _F64, "i32": _I32, "u32": _U32, "i64": _I64, "bool": _BOOL}
_EXACT = frozenset(("abs", "sign", "floor", "ceil", "trunc", "round", "maximum", "minimum", "copysign"))
"""Operations that stay within the values of a half type."""
_EXACT_ON_INTEGERS = _EXACT | {"bitwise_and", "bitwise_or", "bitwise_xor", "remainder", "fmod", "right_shift"}


def elementwise(op: str, operands: Sequence[str], source: dtype, result: dtype) -> str:
    """The expression of primitive `op` on operands of dtype `source`, brought to a value of `result`."""
    kind = kind_of(source)
    template = _TABLES[kind].get(op)
    if template is None:
        if kind == "f64" and op == "nextafter":
            raise RuntimeError("nextafter on float64 is not available on the webgpu device; move the tensor to the cpu for it")
        raise NotImplementedError(f"{op!r} on {source.name} has no meaning in WGSL")
    text = template.format(*operands, bits=8 * source.itemsize)
    if op in COMPARISONS or (op in (_EXACT if source.category == 2 else _EXACT_ON_INTEGERS) and op != "abs"):
        return text
    if op in ("neg", "abs") and source.category == 2:
        return text
    return rounded(text, result)


Combine = Callable[[str, str], str]


def combine(kind_of_reduction: str, d: dtype) -> Combine:
    """How two partial results of a reduction over values of `d` become one."""
    op = {"sum": "add", "prod": "mul", "max": "maximum", "min": "minimum", "any": "bitwise_or", "all": "bitwise_and"}
    name = op[kind_of_reduction]
    table = _TABLES[kind_of(d)]
    template = table[name]
    if d.category == 1:
        return lambda a, b: rounded(template.format(a, b), d)
    return lambda a, b: template.format(a, b)
