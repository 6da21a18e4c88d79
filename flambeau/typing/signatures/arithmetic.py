"""Operators on two tensors: dtypes promote, shapes broadcast. May import `flambeau.typing.signatures.table`."""

from __future__ import annotations

from flambeau.typing.signatures.table import BROADCAST, COMPLEX, FLOATS, INPUT, INTS, PAIR, SAME, add

FLOATING = ("float16", "bfloat16", "float32", "float64", "complex64", "complex128")
INTEGRAL = ("bool", "uint8", "int8", "int16", "int32", "int64")
_LOWER = {  # the dtypes below each: together they promote to it
    "complex128": ("complex64", "float64", "float32", "float16", "bfloat16", *INTEGRAL[::-1]),
    "complex64": ("float32", "float16", "bfloat16", *INTEGRAL[::-1]),
    "float64": ("float32", "float16", "bfloat16", *INTEGRAL[::-1]),
    "float32": ("float16", "bfloat16", *INTEGRAL[::-1]),
    "bfloat16": INTEGRAL[::-1],
    "float16": INTEGRAL[::-1],
    "int64": ("int32", "int16", "int8", "uint8", "bool"),
    "int32": ("int16", "int8", "uint8", "bool"),
    "int16": ("int8", "uint8", "bool"),
    "int8": ("bool",),
    "uint8": ("bool",),
}
_PROMOTED = [
    *((high, " | ".join(low), high) for high, low in _LOWER.items()),
    *((" | ".join(low), high, high) for high, low in _LOWER.items()),
    ("complex64", "float64", "complex128"),
    ("float64", "complex64", "complex128"),
    ("float16", "bfloat16", "float32"),
    ("bfloat16", "float16", "float32"),
    ("uint8", "int8", "int16"),
    ("int8", "uint8", "int16"),
]


def _with_complex_number(names: str, places: str, second: str, extra: str) -> None:
    for wide, real in COMPLEX:
        add(names, places, f"input: Tensor[{wide} | {real}, V, S], {second}: complex{extra}", f"Tensor[{wide}, V, S]")
    add(names, places, f"{INTS}, {second}: complex{extra}", "Tensor[complex64, V, S]")


def _binary(names: str, places: str, second: str = "other", result: str | None = None, extra: str = "") -> None:
    """A pair of tensors of any dtypes; `result` is the dtype of a comparison, else they promote."""
    if result is not None:
        add(names, places, f"{INPUT}, {second}: Tensor[E, V, T]{extra}", f"Tensor[{result}, V, {BROADCAST}]")
        add(names, places, f"{INPUT}, {second}: float{extra}", f"Tensor[{result}, V, S]")
        return
    add(names, places, f"{INPUT}, {second}: Tensor[D, V, T]{extra}", f"Tensor[D, V, {BROADCAST}]")
    add(names, places, f"{FLOATS}, {second}: float{extra}", "Tensor[DF, V, S]")
    add(names, places, f"{INPUT}, {second}: int{extra}", SAME)
    add(names, places, f"{INTS}, {second}: float{extra}", "Tensor[float32, V, S]")
    _with_complex_number(names, places, second, extra)
    for a, b, both in _PROMOTED:
        add(names, places, f"input: Tensor[{a}, V, S], {second}: Tensor[{b}, V, T]{extra}", f"Tensor[{both}, V, {BROADCAST}]")


ARITHMETIC = "__add__ __radd__ __sub__ __rsub__ __mul__ __rmul__ __mod__ __rmod__ __pow__ __rpow__ __floordiv__ __rfloordiv__"
_binary(ARITHMETIC, "m")
_binary("add sub subtract", "tm", extra=", *, alpha: float = 1")
_binary("mul multiply remainder fmod maximum minimum fmax fmin floor_divide", "tm")
_binary("pow", "tm", "exponent")
for _names, _places, _extra in (
    ("__truediv__ __rtruediv__", "m", ""),
    ("div divide", "tm", ", *, rounding_mode: str | None = None"),
    ("true_divide", "tm", ""),
    ("atan2 arctan2 hypot copysign", "tm", ""),
):
    add(_names, _places, f"{FLOATS}, other: Tensor[DF, V, T]{_extra}", f"Tensor[DF, V, {BROADCAST}]")
    add(_names, _places, f"{FLOATS}, other: float{_extra}", "Tensor[DF, V, S]")
    add(_names, _places, f"{INTS}, other: float{_extra}", "Tensor[float32, V, S]")
    add(_names, _places, f"{INTS}, other: Tensor[{' | '.join(INTEGRAL)}, V, T]{_extra}", f"Tensor[float32, V, {BROADCAST}]")
    _with_complex_number(_names, _places, "other", _extra)
    for _a, _b, _both in _PROMOTED:
        if _both in FLOATING:
            add(_names, _places, f"input: Tensor[{_a}, V, S], other: Tensor[{_b}, V, T]{_extra}",
                 f"Tensor[{_both}, V, {BROADCAST}]")  # fmt: skip
_binary("__eq__ __ne__ __lt__ __le__ __gt__ __ge__", "m", result="bool")
_binary("eq ne lt le gt ge not_equal less less_equal greater greater_equal", "tm", result="bool")
_binary("logical_and logical_or logical_xor isclose", "tm", result="bool")
add("__and__ __or__ __xor__ __rand__ __ror__ __rxor__", "m", f"{INPUT}, other: Tensor[D, V, T]", f"Tensor[D, V, {BROADCAST}]")
add("__and__ __or__ __xor__ __rand__ __ror__ __rxor__", "m", f"{INPUT}, other: int", SAME)
add("bitwise_and bitwise_or bitwise_xor", "tm", f"{INPUT}, other: Tensor[D, V, T]", f"Tensor[D, V, {BROADCAST}]")
add("bitwise_and bitwise_or bitwise_xor", "tm", f"{INPUT}, other: int", SAME)
add("__matmul__", "m", PAIR.format("other"), "Tensor[D, V, matmul(S, T)]")
add("__neg__ __pos__ __abs__", "m", INPUT, SAME)
add("__invert__", "m", INTS, "Tensor[DI, V, S]")
add("__iadd__ __isub__ __imul__ __itruediv__ __ipow__", "m", f"{INPUT}, other: Tensor[E, V, T]", "Tensor[D, V, into(S, T)]")
add("__iadd__ __isub__ __imul__ __itruediv__ __ipow__", "m", f"{INPUT}, other: float", SAME)
_IN_PLACE = (
    "mul_ div_ divide_ true_divide_ remainder_ fmod_ floor_divide_ atan2_ copysign_ hypot_ eq_ ne_ lt_ le_ gt_ ge_ logical_and_ "
    "logical_or_ logical_xor_ bitwise_and_ bitwise_or_ bitwise_xor_"
)
add(_IN_PLACE, "m", f"{INPUT}, other: Tensor[E, V, T]", "Tensor[D, V, into(S, T)]")
add(_IN_PLACE, "m", f"{INPUT}, other: float", SAME)
add("add_ sub_ subtract_", "m", f"{INPUT}, other: Tensor[E, V, T], *, alpha: float = 1", "Tensor[D, V, into(S, T)]")
add("add_ sub_ subtract_", "m", f"{INPUT}, other: float, *, alpha: float = 1", SAME)
add("pow_", "m", f"{INPUT}, exponent: Tensor[E, V, T]", "Tensor[D, V, into(S, T)]")
add("pow_", "m", f"{INPUT}, exponent: float", SAME)
add("lerp_", "m", f"{INPUT}, end: Tensor[D, V, T], weight: Any", "Tensor[D, V, into(S, T)]")
add("addcmul_ addcdiv_", "m", f"{INPUT}, tensor1: Tensor[D, V, T], tensor2: Tensor[D, V, U], *, value: float = 1",
     "Tensor[D, V, into(into(S, T), U)]")  # fmt: skip
add("copy_", "m", f"{INPUT}, other: Tensor[E, Any, T], non_blocking: bool = False", "Tensor[D, V, into(S, T)]")
add("logaddexp logaddexp2 nextafter gcd lcm", "tm", f"{INPUT}, other: Tensor[D, V, T]", f"Tensor[D, V, {BROADCAST}]")
add("heaviside", "tm", f"{INPUT}, values: Tensor[D, V, T]", f"Tensor[D, V, {BROADCAST}]")
add("xlogy", "tm", f"{FLOATS}, other: Tensor[DF, V, T]", f"Tensor[DF, V, {BROADCAST}]")
add("lerp", "tm", "input: Tensor[D, V, S], end: Tensor[D, V, T], weight: float", f"Tensor[D, V, {BROADCAST}]")
add("addcmul addcdiv", "tm", "input: Tensor[D, V, S], tensor1: Tensor[D, V, T], tensor2: Tensor[D, V, U], *, value: float = 1",
     "Tensor[D, V, broadcast3(S, T, U)]")  # fmt: skip
