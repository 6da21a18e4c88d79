"""Operators on one tensor: pointwise ones, and those that keep the shape along one dimension.

May import `flambeau.typing.signatures.table`.
"""

from __future__ import annotations

from flambeau.typing.signatures.table import COMPLEX, FLOATS, INPUT, INTS, SAME, add

for _complex, _real in COMPLEX:
    add("abs absolute angle", "tm", f"input: Tensor[{_complex}, V, S]", f"Tensor[{_real}, V, S]")
    add("__abs__", "m", f"input: Tensor[{_complex}, V, S]", f"Tensor[{_real}, V, S]")
    add("complex", "t", f"real: Tensor[{_real}, V, S], imag: Tensor[{_real}, V, T]", f"Tensor[{_complex}, V, broadcast(S, T)]")
    add("polar", "t", f"abs: Tensor[{_real}, V, S], angle: Tensor[{_real}, V, T]", f"Tensor[{_complex}, V, broadcast(S, T)]")
add("angle", "tm", FLOATS, "Tensor[DF, V, S]")
add(
    "positive clone detach conj resolve_conj resolve_neg",
    "tm", INPUT, SAME,
)  # fmt: skip
add("abs absolute neg negative sign sgn floor ceil round trunc fix square nan_to_num", "tmi", INPUT, SAME)
add(
    "sqrt rsqrt exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan arcsin arccos arctan sinh cosh tanh asinh acosh "
    "atanh arcsinh arccosh arctanh sigmoid erf erfc erfinv lgamma digamma reciprocal deg2rad rad2deg logit i0 sinc",
    "tmi", FLOATS, "Tensor[DF, V, S]",
)  # fmt: skip
add(
    "sqrt rsqrt exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan arcsin arccos arctan sinh cosh tanh asinh acosh "
    "atanh arcsinh arccosh arctanh sigmoid erf erfc erfinv lgamma digamma reciprocal deg2rad rad2deg logit i0 sinc",
    "tm", INTS, "Tensor[float32, V, S]",
)  # fmt: skip
add("contiguous", "m", f"{INPUT}, memory_format: Any = ...", SAME)
add("relu", "tmi", INPUT, SAME)
add("relu relu6 selu celu silu mish hardswish hardsigmoid", "f", f"{INPUT}, inplace: bool = False", SAME)
add("elu", "f", f"{INPUT}, alpha: float = 1.0, inplace: bool = False", SAME)
add("leaky_relu", "f", f"{INPUT}, negative_slope: float = 0.01, inplace: bool = False", SAME)
add("hardtanh", "f", f"{INPUT}, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False", SAME)
add("threshold", "f", f"{INPUT}, threshold: float, value: float, inplace: bool = False", SAME)
add("rrelu", "f", f"{INPUT}, lower: float = 0.125, upper: float = 0.3333, training: bool = False, inplace: bool = False", SAME)
add("gelu", "f", f"{INPUT}, approximate: str = 'none'", SAME)
add("softplus", "f", f"{INPUT}, beta: float = 1, threshold: float = 20", SAME)
add("softshrink hardshrink", "f", f"{INPUT}, lambd: float = 0.5", SAME)
add("softsign tanhshrink logsigmoid sigmoid tanh", "f", INPUT, SAME)
add("dropout", "f", f"{INPUT}, p: float = 0.5, training: bool = True, inplace: bool = False", SAME)
add("dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout", "f",
     f"{INPUT}, p: float = 0.5, training: bool = True, inplace: bool = False", SAME)  # fmt: skip
add("clamp clip", "tmi", f"{INPUT}, min: Any = None, max: Any = None", SAME)
add("isnan isinf isfinite isposinf isneginf signbit logical_not", "tm", INPUT, "Tensor[bool, V, S]")
add("bitwise_not", "tm", INTS, "Tensor[DI, V, S]")
add("tril triu", "tmi", f"{INPUT}, diagonal: int = 0", SAME)
add("flip", "tm", f"{INPUT}, dims: Axes", SAME)
add("roll", "tm", f"{INPUT}, shifts: Any, dims: Any = None", SAME)
add("masked_fill", "tm", f"{INPUT}, mask: Tensor[bool, V, T], value: Any", SAME, "broadcast(S, T)")
add("masked_fill_", "m", f"{INPUT}, mask: Tensor[bool, V, T], value: Any", "Tensor[D, V, into(S, T)]")
add("fliplr flipud", "tm", INPUT, SAME)
add("frac", "tmi", INPUT, SAME)
add("clamp_min", "tmi", f"{INPUT}, min: Any", SAME)
add("clamp_max", "tmi", f"{INPUT}, max: Any", SAME)
add("rot90", "tm", f"{INPUT}, k: Dim = 1, dims: Axes = (0, 1)", "Tensor[D, V, rot90(S, Dim, Axes)]")
add("bernoulli", "tm", f"{FLOATS}, p: float | None = None, *, generator: Any = None", "Tensor[DF, V, S]")
add("gumbel_softmax", "f", "logits: Tensor[DF, V, S], tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: Dim = -1",
     "Tensor[DF, V, along(S, Dim)]")  # fmt: skip
add("prelu", "f", f"{INPUT}, weight: Tensor[D, V]", SAME)
add("local_response_norm", "f", f"{FLOATS}, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0",
     "Tensor[DF, V, S]")  # fmt: skip
add("normalize", "f", f"{INPUT}, p: float = 2.0, dim: Dim = 1, eps: float = 1e-12", "Tensor[D, V, along(S, Dim)]")

add("softmax log_softmax", "tm", f"{INPUT}, dim: Dim", "Tensor[D, V, along(S, Dim)]")
add("softmax log_softmax", "tm", f"{INPUT}, dim: Dim, dtype: type[E]", "Tensor[E, V, along(S, Dim)]")
add("softmax log_softmax softmin", "f", f"{INPUT}, dim: Dim", "Tensor[D, V, along(S, Dim)]")
add("softmax log_softmax softmin", "f", f"{INPUT}, dim: Dim, *, dtype: type[E]", "Tensor[E, V, along(S, Dim)]")
add("cumsum cumprod", "tmi", f"{FLOATS}, dim: Dim", "Tensor[DF, V, along(S, Dim)]")
add("cumsum cumprod", "tm", f"{INTS}, dim: Dim", "Tensor[int64, V, along(S, Dim)]")
add("logcumsumexp", "tm", f"{INPUT}, dim: Dim", "Tensor[D, V, along(S, Dim)]")
add("argsort", "tm", f"{INPUT}, dim: Dim = -1, descending: bool = False, stable: bool = False",
     "Tensor[int64, V, along(S, Dim)]")  # fmt: skip
add("cummax cummin", "tm", f"{INPUT}, dim: Dim",
     "ValuesIndices[Tensor[D, V, along(S, Dim)], Tensor[int64, V, along(S, Dim)]]")  # fmt: skip
add("glu", "f", f"{INPUT}, dim: Dim = -1", "Tensor[D, V, glu(S, Dim)]")
add("sort", "tm", f"{INPUT}, dim: Dim = -1, descending: bool = False, stable: bool | None = False",
     "ValuesIndices[Tensor[D, V, along(S, Dim)], Tensor[int64, V, along(S, Dim)]]")  # fmt: skip
add("topk", "tm", f"{INPUT}, k: Size, dim: Dim = -1, largest: bool = True, sorted: bool = True",
     "ValuesIndices[Tensor[D, V, topk(S, Size, Dim)], Tensor[int64, V, topk(S, Size, Dim)]]")  # fmt: skip
