"""The types of the operators: for each name its parameters and its result, with the shape rule that computes the result.

`tools/make_stubs.py` writes every checker's stubs from this table, and the mypy plugin evaluates its results. Names in the
annotations say what they stand for:

- ``D``, ``E`` a dtype, ``DF`` a floating one, ``DI`` an integer or boolean one, ``V`` a device;
- ``S``, ``T``, ``U``, ``W`` a shape, ``Ss`` the shapes of a list of tensors, ``Sizes`` integers given as sizes;
- ``Dim`` an integer, ``Axes`` an integer, a tuple of them or None, ``Keep`` a boolean, ``Text`` a string, ``Size`` an integer
  that becomes a size (each also with a digit).

`Pieces[D, V, rule]` is a tuple of tensors, one for each shape that the rule gives.

A rule is a function of `flambeau.typing.rules`. May import: nothing.
"""

from __future__ import annotations

from typing import NamedTuple


class Signature(NamedTuple):
    """One way to call one operator.

    `places` are letters: ``t`` the `flambeau` namespace, ``f`` `nn.functional`, ``l`` `linalg`, ``s`` `fft` (spectra), ``m`` a
    method of Tensor (the first parameter is the tensor), ``i`` also an in-place method ``name_``. `checks` are rules of the mypy
    plugin alone, whose errors count where all that they need is known; in Pyrefly they would leave the result open otherwise.
    """

    name: str
    places: str
    parameters: str
    result: str
    checks: tuple[str, ...] = ()


SIGNATURES: list[Signature] = []

INPUT = "input: Tensor[D, V, S]"
FLOATS = "input: Tensor[DF, V, S]"
INTS = "input: Tensor[DI, V, S]"
SAME = "Tensor[D, V, S]"


def _add(names: str, places: str, parameters: str, result: str, *checks: str) -> None:
    SIGNATURES.extend(Signature(name, places, parameters, result, checks) for name in names.split())


# --- one tensor in, one of its shape out

_COMPLEX = (("complex64", "float32"), ("complex128", "float64"))
for _complex, _real in _COMPLEX:
    _add("abs absolute angle", "tm", f"input: Tensor[{_complex}, V, S]", f"Tensor[{_real}, V, S]")
    _add("__abs__", "m", f"input: Tensor[{_complex}, V, S]", f"Tensor[{_real}, V, S]")
    _add("complex", "t", f"real: Tensor[{_real}, V, S], imag: Tensor[{_real}, V, T]", f"Tensor[{_complex}, V, broadcast(S, T)]")
    _add("polar", "t", f"abs: Tensor[{_real}, V, S], angle: Tensor[{_real}, V, T]", f"Tensor[{_complex}, V, broadcast(S, T)]")
_add("angle", "tm", FLOATS, "Tensor[DF, V, S]")
_add(
    "positive clone detach conj resolve_conj resolve_neg",
    "tm", INPUT, SAME,
)  # fmt: skip
_add("abs absolute neg negative sign sgn floor ceil round trunc fix square nan_to_num", "tmi", INPUT, SAME)
_add(
    "sqrt rsqrt exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan arcsin arccos arctan sinh cosh tanh asinh acosh "
    "atanh arcsinh arccosh arctanh sigmoid erf erfc erfinv lgamma digamma reciprocal deg2rad rad2deg logit i0 sinc",
    "tmi", FLOATS, "Tensor[DF, V, S]",
)  # fmt: skip
_add(
    "sqrt rsqrt exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan arcsin arccos arctan sinh cosh tanh asinh acosh "
    "atanh arcsinh arccosh arctanh sigmoid erf erfc erfinv lgamma digamma reciprocal deg2rad rad2deg logit i0 sinc",
    "tm", INTS, "Tensor[float32, V, S]",
)  # fmt: skip
_add("contiguous", "m", f"{INPUT}, memory_format: Any = ...", SAME)
_add("relu", "tmi", INPUT, SAME)
_add("relu relu6 selu celu silu mish hardswish hardsigmoid", "f", f"{INPUT}, inplace: bool = False", SAME)
_add("elu", "f", f"{INPUT}, alpha: float = 1.0, inplace: bool = False", SAME)
_add("leaky_relu", "f", f"{INPUT}, negative_slope: float = 0.01, inplace: bool = False", SAME)
_add("hardtanh", "f", f"{INPUT}, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False", SAME)
_add("threshold", "f", f"{INPUT}, threshold: float, value: float, inplace: bool = False", SAME)
_add("rrelu", "f", f"{INPUT}, lower: float = 0.125, upper: float = 0.3333, training: bool = False, inplace: bool = False", SAME)
_add("gelu", "f", f"{INPUT}, approximate: str = 'none'", SAME)
_add("softplus", "f", f"{INPUT}, beta: float = 1, threshold: float = 20", SAME)
_add("softshrink hardshrink", "f", f"{INPUT}, lambd: float = 0.5", SAME)
_add("softsign tanhshrink logsigmoid sigmoid tanh", "f", INPUT, SAME)
_add("dropout", "f", f"{INPUT}, p: float = 0.5, training: bool = True, inplace: bool = False", SAME)
_add("dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout", "f",
     f"{INPUT}, p: float = 0.5, training: bool = True, inplace: bool = False", SAME)  # fmt: skip
_add("clamp clip", "tmi", f"{INPUT}, min: Any = None, max: Any = None", SAME)
_add("isnan isinf isfinite isposinf isneginf signbit logical_not", "tm", INPUT, "Tensor[bool, V, S]")
_add("bitwise_not", "tm", INTS, "Tensor[DI, V, S]")
_add("tril triu", "tmi", f"{INPUT}, diagonal: int = 0", SAME)
_add("flip", "tm", f"{INPUT}, dims: Axes", SAME)
_add("roll", "tm", f"{INPUT}, shifts: Any, dims: Any = None", SAME)
_add("masked_fill", "tm", f"{INPUT}, mask: Tensor[bool, V, T], value: Any", SAME, "broadcast(S, T)")
_add("masked_fill_", "m", f"{INPUT}, mask: Tensor[bool, V, T], value: Any", "Tensor[D, V, into(S, T)]")
_add("fliplr flipud", "tm", INPUT, SAME)
_add("frac", "tmi", INPUT, SAME)
_add("clamp_min", "tmi", f"{INPUT}, min: Any", SAME)
_add("clamp_max", "tmi", f"{INPUT}, max: Any", SAME)
_add("rot90", "tm", f"{INPUT}, k: Dim = 1, dims: Axes = (0, 1)", "Tensor[D, V, rot90(S, Dim, Axes)]")
_add("bernoulli", "tm", f"{FLOATS}, p: float | None = None, *, generator: Any = None", "Tensor[DF, V, S]")
_add("gumbel_softmax", "f", "logits: Tensor[DF, V, S], tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: Dim = -1",
     "Tensor[DF, V, along(S, Dim)]")  # fmt: skip
_add("prelu", "f", f"{INPUT}, weight: Tensor[D, V]", SAME)
_add("local_response_norm", "f", f"{FLOATS}, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0",
     "Tensor[DF, V, S]")  # fmt: skip
_add("normalize", "f", f"{INPUT}, p: float = 2.0, dim: Dim = 1, eps: float = 1e-12", "Tensor[D, V, along(S, Dim)]")

# --- along one dimension

_add("softmax log_softmax", "tm", f"{INPUT}, dim: Dim", "Tensor[D, V, along(S, Dim)]")
_add("softmax log_softmax", "tm", f"{INPUT}, dim: Dim, dtype: type[E]", "Tensor[E, V, along(S, Dim)]")
_add("softmax log_softmax softmin", "f", f"{INPUT}, dim: Dim", "Tensor[D, V, along(S, Dim)]")
_add("softmax log_softmax softmin", "f", f"{INPUT}, dim: Dim, *, dtype: type[E]", "Tensor[E, V, along(S, Dim)]")
_add("cumsum cumprod", "tmi", f"{FLOATS}, dim: Dim", "Tensor[DF, V, along(S, Dim)]")
_add("cumsum cumprod", "tm", f"{INTS}, dim: Dim", "Tensor[int64, V, along(S, Dim)]")
_add("logcumsumexp", "tm", f"{INPUT}, dim: Dim", "Tensor[D, V, along(S, Dim)]")
_add("argsort", "tm", f"{INPUT}, dim: Dim = -1, descending: bool = False, stable: bool = False",
     "Tensor[int64, V, along(S, Dim)]")  # fmt: skip
_add("cummax cummin", "tm", f"{INPUT}, dim: Dim",
     "ValuesIndices[Tensor[D, V, along(S, Dim)], Tensor[int64, V, along(S, Dim)]]")  # fmt: skip
_add("glu", "f", f"{INPUT}, dim: Dim = -1", "Tensor[D, V, glu(S, Dim)]")
_add("sort", "tm", f"{INPUT}, dim: Dim = -1, descending: bool = False, stable: bool = False",
     "ValuesIndices[Tensor[D, V, along(S, Dim)], Tensor[int64, V, along(S, Dim)]]")  # fmt: skip
_add("topk", "tm", f"{INPUT}, k: Size, dim: Dim = -1, largest: bool = True, sorted: bool = True",
     "ValuesIndices[Tensor[D, V, topk(S, Size, Dim)], Tensor[int64, V, topk(S, Size, Dim)]]")  # fmt: skip

# --- reductions

_REDUCED = "reduce(S, Axes, Keep)"
_OVER = "dim: Axes = None, keepdim: Keep = False"
_add("sum prod nansum", "tm", f"{FLOATS}, {_OVER}", f"Tensor[DF, V, {_REDUCED}]")
_add("sum prod nansum", "tm", f"{INTS}, {_OVER}", f"Tensor[int64, V, {_REDUCED}]")
_add("sum prod nansum", "tm", f"{INPUT}, {_OVER}, *, dtype: type[E]", f"Tensor[E, V, {_REDUCED}]")
_add("mean nanmean logsumexp", "tm", f"{FLOATS}, {_OVER}", f"Tensor[DF, V, {_REDUCED}]")
_add("mean nanmean", "tm", f"{INPUT}, {_OVER}, *, dtype: type[E]", f"Tensor[E, V, {_REDUCED}]")
_add("std var", "tm", f"{FLOATS}, {_OVER}, *, correction: float = 1", f"Tensor[DF, V, {_REDUCED}]")
_add("std var", "tm", f"{FLOATS}, dim: Axes = None, unbiased: bool = True, keepdim: Keep = False",
     f"Tensor[DF, V, {_REDUCED}]")  # fmt: skip
_add("amax amin", "tm", f"{INPUT}, {_OVER}", f"Tensor[D, V, {_REDUCED}]")
_add("argmax argmin", "tm", f"{INPUT}, {_OVER}", f"Tensor[int64, V, {_REDUCED}]")
_add("all any", "tm", f"{INPUT}, {_OVER}", f"Tensor[bool, V, {_REDUCED}]")
_add("count_nonzero", "tm", f"{INPUT}, dim: Axes = None", "Tensor[int64, V, reduce(S, Axes, False)]")
_add("norm", "tm", f"{INPUT}, p: Any = 'fro', {_OVER}", f"Tensor[D, V, {_REDUCED}]")
_add("std_mean var_mean", "tm", f"{FLOATS}, {_OVER}, *, correction: float = 1",
     f"tuple[Tensor[DF, V, {_REDUCED}], Tensor[DF, V, {_REDUCED}]]")  # fmt: skip
_add("std_mean var_mean", "tm", f"{FLOATS}, dim: Axes = None, unbiased: bool = True, keepdim: Keep = False",
     f"tuple[Tensor[DF, V, {_REDUCED}], Tensor[DF, V, {_REDUCED}]]")  # fmt: skip
_add("aminmax", "tm", f"{INPUT}, *, dim: Axes = None, keepdim: Keep = False",
     f"MinMax[Tensor[D, V, {_REDUCED}], Tensor[D, V, {_REDUCED}]]")  # fmt: skip
_add("quantile nanquantile", "tm", f"{FLOATS}, q: float, {_OVER}, *, interpolation: str = 'linear'",
     f"Tensor[DF, V, {_REDUCED}]")  # fmt: skip
_add("quantile nanquantile", "tm", f"{FLOATS}, q: Tensor[DF, V, T], {_OVER}, *, interpolation: str = 'linear'",
     f"Tensor[DF, V, joined(T, {_REDUCED})]")  # fmt: skip
_add("diff", "tm", f"{INPUT}, n: Dim1 = 1, dim: Dim2 = -1", "Tensor[D, V, diff(S, Dim1, Dim2)]")
_add("cov corrcoef", "tm", FLOATS, "Tensor[DF, V, cross_correlated(S)]")
_add("bincount", "tm", f"{INTS}, weights: None = None, minlength: int = 0", "Tensor[int64, V]")
_add("trapezoid", "t", "y: Tensor[DF, V, S], *, dim: Dim = -1", "Tensor[DF, V, reduce(S, Dim, False)]")
_add("max min median nanmedian mode", "tm", f"{INPUT}, dim: Dim, keepdim: Keep = False",
     "ValuesIndices[Tensor[D, V, reduce(S, Dim, Keep)], Tensor[int64, V, reduce(S, Dim, Keep)]]")  # fmt: skip
_add("kthvalue", "tm", f"{INPUT}, k: int, dim: Dim = -1, keepdim: Keep = False",
     "ValuesIndices[Tensor[D, V, reduce(S, Dim, Keep)], Tensor[int64, V, reduce(S, Dim, Keep)]]")  # fmt: skip
_add("max min median nanmedian", "tm", INPUT, "Tensor[D, V, []]")
_add("max min", "tm", f"{INPUT}, other: Tensor[D, V, T]", "Tensor[D, V, broadcast(S, T)]")

# --- movement

_add("reshape", "m", f"{INPUT}, *shape: *Sizes", "Tensor[D, V, laid_out(S, Sizes)]", "reshape(S, Sizes)")
_add("reshape", "tm", f"{INPUT}, shape: Sizes", "Tensor[D, V, laid_out(S, Sizes)]", "reshape(S, Sizes)")
_add("view", "m", f"{INPUT}, *shape: *Sizes", "Tensor[D, V, laid_out(S, Sizes)]", "reshape(S, Sizes)")
_add("view", "m", f"{INPUT}, shape: Sizes", "Tensor[D, V, laid_out(S, Sizes)]", "reshape(S, Sizes)")
_add("view", "m", f"{INPUT}, dtype: type[E]", "Tensor[E, V]")
_add("reshape_as view_as", "m", f"{INPUT}, other: Tensor[E, V, T]", "Tensor[D, V, T]", "reshape(S, T)")
_add("expand", "m", f"{INPUT}, *sizes: *Sizes", "Tensor[D, V, expand(S, Sizes)]")
_add("expand", "m", f"{INPUT}, size: Sizes", "Tensor[D, V, expand(S, Sizes)]")
_add("broadcast_to", "tm", f"{INPUT}, size: Sizes", "Tensor[D, V, expand(S, Sizes)]")
_add("expand_as", "m", f"{INPUT}, other: Tensor[E, V, T]", "Tensor[D, V, expand(S, T)]")
_add("repeat", "m", f"{INPUT}, *repeats: *Sizes", "Tensor[D, V, repeat(S, Sizes)]")
_add("repeat", "m", f"{INPUT}, repeats: Sizes", "Tensor[D, V, repeat(S, Sizes)]")
_add("flatten", "tm", f"{INPUT}, start_dim: Dim1 = 0, end_dim: Dim2 = -1", "Tensor[D, V, flatten(S, Dim1, Dim2)]")
_add("ravel", "tm", INPUT, "Tensor[D, V, flatten(S, 0, -1)]")
_add("unflatten", "tm", f"{INPUT}, dim: Dim, sizes: Sizes", "Tensor[D, V, unflatten(S, Dim, Sizes)]")
_add("permute", "m", f"{INPUT}, *dims: *Axes", "Tensor[D, V, permute(S, Axes)]")
_add("permute", "tm", f"{INPUT}, dims: Axes", "Tensor[D, V, permute(S, Axes)]")
_add("transpose swapaxes swapdims", "tm", f"{INPUT}, dim0: Dim1, dim1: Dim2", "Tensor[D, V, transpose(S, Dim1, Dim2)]")
_add("t", "tm", INPUT, "Tensor[D, V, reverse(S)]")
_add("adjoint", "tm", INPUT, "Tensor[D, V, matrix_transpose(S)]")
_add("movedim moveaxis", "tm", f"{INPUT}, source: Dim1, destination: Dim2", "Tensor[D, V, movedim(S, Dim1, Dim2)]")
_add("movedim moveaxis", "tm", f"{INPUT}, source: Axes1, destination: Axes2", "Tensor[D, V, movedims(S, Axes1, Axes2)]")
_add("squeeze", "tm", f"{INPUT}, dim: Axes = None", "Tensor[D, V, squeeze(S, Axes)]")
_add("unsqueeze", "tm", f"{INPUT}, dim: Dim", "Tensor[D, V, unsqueeze(S, Dim)]")
_add("select", "tm", f"{INPUT}, dim: Dim, index: Size", "Tensor[D, V, select(S, Dim)]", "picked(S, Dim, Size)")
_add("narrow", "tm", f"{INPUT}, dim: Dim, start: Size1, length: Size2", "Tensor[D, V, narrow(S, Dim, Size1, Size2)]")
_add("cat concat concatenate", "t", "tensors: List[D, V, Ss], dim: Dim = 0", "Tensor[D, V, cat(Ss, Dim)]")
_add("stack", "t", "tensors: List[D, V, Ss], dim: Dim = 0", "Tensor[D, V, stack(Ss, Dim)]")
_add("tile", "m", f"{INPUT}, *dims: *Sizes", "Tensor[D, V, tile(S, Sizes)]")
_add("tile", "tm", f"{INPUT}, dims: Sizes", "Tensor[D, V, tile(S, Sizes)]")
_add("unfold", "m", f"{INPUT}, dimension: Dim, size: Size1, step: Size2", "Tensor[D, V, windows(S, Dim, Size1, Size2)]")
_add(
    "diagonal", "tm", f"{INPUT}, offset: Dim1 = 0, dim1: Dim2 = 0, dim2: Dim3 = 1", "Tensor[D, V, diagonal(S, Dim1, Dim2, Dim3)]"
)
_add("diag", "tm", f"{INPUT}, diagonal: Dim = 0", "Tensor[D, V, diag(S, Dim)]")
_add("diag_embed", "tm", INPUT, "Tensor[D, V, diag_embed(S)]")
_add("diag_embed", "tm", f"{INPUT}, offset: int = 0, dim1: int = -2, dim2: int = -1", "Tensor[D, V]")
for _n in (1, 2, 3):
    _add(f"atleast_{_n}d", "tm", INPUT, f"Tensor[D, V, at_least(S, {_n})]")
_add("kron", "tm", "input: Tensor[D, V, S], other: Tensor[D, V, T]", "Tensor[D, V, kron(S, T)]")
_add("meshgrid", "t", "*tensors: *List[D, V, Ss], indexing: Text = 'ij'", "Pieces[D, V, grid(Ss, Text)]")
_add("broadcast_tensors", "t", "*tensors: *List[D, V, Ss]", "Pieces[D, V, broadcast_all(Ss)]")
_add("chunk", "tm", f"{INPUT}, chunks: Dim1, dim: Dim2 = 0", "Pieces[D, V, chunk(S, Dim1, Dim2)]")
_add("split", "m", f"{INPUT}, split_size: Axes, dim: Dim = 0", "Pieces[D, V, split(S, Axes, Dim)]")
_add("split", "t", "tensor: Tensor[D, V, S], split_size_or_sections: Axes, dim: Dim = 0", "Pieces[D, V, split(S, Axes, Dim)]")
_add("tensor_split", "tm", f"{INPUT}, indices_or_sections: Axes, dim: Dim = 0", "Pieces[D, V, tensor_split(S, Axes, Dim)]")
_add("unbind", "tm", f"{INPUT}, dim: Dim = 0", "Pieces[D, V, unbind(S, Dim)]")
_add("pad", "f", f"{INPUT}, pad: Axes, mode: str = 'constant', value: float | None = None", "Tensor[D, V, pad(S, Axes)]")
_add("pixel_shuffle", "f", f"{INPUT}, upscale_factor: Dim", "Tensor[D, V, pixel_shuffle(S, Dim)]")
_add("pixel_unshuffle", "f", f"{INPUT}, downscale_factor: Dim", "Tensor[D, V, pixel_unshuffle(S, Dim)]")
_add("hstack", "t", "tensors: List[D, V, Ss]", "Tensor[D, V, side_by_side(Ss)]")
_add("vstack row_stack", "t", "tensors: List[D, V, Ss]", "Tensor[D, V, on_top(Ss)]")
_add("dstack", "t", "tensors: List[D, V, Ss]", "Tensor[D, V, in_depth(Ss)]")
_add("column_stack", "t", "tensors: List[D, V, Ss]", "Tensor[D, V, as_columns(Ss)]")
_add("block_diag", "t", "*tensors: *List[D, V, Ss]", "Tensor[D, V, block_diagonal(Ss)]")
_add("cartesian_prod", "t", "*tensors: *List[D, V, Ss]", "Tensor[D, V, cartesian_product(Ss)]")
_add("interpolate", "f", f"{INPUT}, size: Axes, scale_factor: None = None, mode: str = 'nearest', "
     "align_corners: bool | None = None, recompute_scale_factor: bool | None = None, antialias: bool = False",
     "Tensor[D, V, resized(S, Axes)]")  # fmt: skip
_add("interpolate", "f", f"{INPUT}, size: None = None, scale_factor: Size = ..., mode: str = 'nearest', "
     "align_corners: bool | None = None, recompute_scale_factor: bool | None = None, antialias: bool = False",
     "Tensor[D, V, scaled(S, Size)]")  # fmt: skip
_add("interpolate", "f", f"{INPUT}, size: None = None, scale_factor: float = ..., mode: str = 'nearest', "
     "align_corners: bool | None = None, recompute_scale_factor: bool | None = None, antialias: bool = False",
     "Tensor[D, V, rescaled(S)]")  # fmt: skip
_add("interpolate", "f", f"{INPUT}, size: Any = None, scale_factor: Any = None, mode: str = 'nearest', "
     "align_corners: bool | None = None, recompute_scale_factor: bool | None = None, antialias: bool = False",
     "Tensor[D, V]")  # fmt: skip
_WINDOWS = "kernel_size: Axes1, dilation: Axes2 = 1, padding: Axes3 = 0, stride: Axes4 = 1"
_SPREAD = "spread(Axes1, 2), spread(Axes2, 2), twice(spread(Axes3, 2)), spread(Axes4, 2)"
_add("unfold", "f", f"{INPUT}, {_WINDOWS}", f"Tensor[D, V, unfolded(S, {_SPREAD})]")
_add("fold", "f", f"{INPUT}, output_size: Axes5, {_WINDOWS}", f"Tensor[D, V, folded(S, spread(Axes5, 2), {_SPREAD})]")
_GRID = "mode: str = 'bilinear', padding_mode: str = 'zeros', align_corners: bool | None = None"
_add("grid_sample", "f", f"{INPUT}, grid: Tensor[D, V, T], {_GRID}", "Tensor[D, V, grid_sample(S, T)]")
_add("affine_grid", "f", "theta: Tensor[D, V, S], size: Sizes, align_corners: bool | None = None",
     "Tensor[D, V, affine_grid(S, Sizes)]")  # fmt: skip

# --- indexing by tensors

_add("gather", "tm", f"{INPUT}, dim: Dim, index: Tensor[DI, V, T]", "Tensor[D, V, gather(S, Dim, T)]")
_add("take_along_dim", "tm", f"{INPUT}, indices: Tensor[DI, V, T], dim: Dim", "Tensor[D, V, take_along_dim(S, T, Dim)]")
_add("masked_select", "tm", f"{INPUT}, mask: Tensor[bool, V, T]", "Tensor[D, V]")
_add("where", "t", "condition: Tensor[bool, V, S], input: Tensor[D, V, T], other: Tensor[D, V, U]",
     "Tensor[D, V, broadcast3(S, T, U)]")  # fmt: skip
_add("where", "t", "condition: Tensor[bool, V, S], input: Tensor[D, V, T], other: float", "Tensor[D, V, broadcast(S, T)]")
_add("where", "t", "condition: Tensor[bool, V, S], input: float, other: Tensor[D, V, T]", "Tensor[D, V, broadcast(S, T)]")
_add("where", "m", "input: Tensor[D, V, S], condition: Tensor[bool, V, T], other: Tensor[D, V, U]",
     "Tensor[D, V, broadcast3(S, T, U)]")  # fmt: skip
_add("where", "m", "input: Tensor[D, V, S], condition: Tensor[bool, V, T], other: float", "Tensor[D, V, broadcast(S, T)]")
_add("one_hot", "f", "input: Tensor[DI, V, S], num_classes: Size", "Tensor[int64, V, append(S, Size)]")
_add("embedding", "f", "input: Tensor[DI, V, S], weight: Tensor[D, V, W], padding_idx: int | None = None, "
     "max_norm: float | None = None, norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False",
     "Tensor[D, V, embedding(S, W)]")  # fmt: skip

_add("index_select", "tm", f"{INPUT}, dim: Dim, index: Tensor[DI, V, T]", "Tensor[D, V, index_select(S, Dim, T)]")
_INDEX = f"{INPUT}, dim: Dim, index: Tensor[DI, V, T]"
_SOURCE = "Tensor[D, V, {}(S, Dim, T, U)]"
_add("index_add", "tmi", f"{_INDEX}, source: Tensor[D, V, U], *, alpha: Any = 1", _SOURCE.format("index_add"))
_add("index_copy", "tmi", f"{_INDEX}, source: Tensor[D, V, U]", SAME)
_add("index_fill", "tmi", f"{_INDEX}, value: Any", SAME)
_add("index_put", "tmi", f"{INPUT}, indices: Any, values: Tensor[D, V, T], accumulate: bool = False", SAME)
_add("scatter", "tmi", f"{_INDEX}, src: Tensor[D, V, U], *, reduce: str | None = None", _SOURCE.format("scatter_from"))
_add("scatter", "tmi", f"{_INDEX}, value: float, *, reduce: str | None = None", "Tensor[D, V, scatter(S, Dim, T)]")
_add("scatter_add", "tmi", f"{_INDEX}, src: Tensor[D, V, U]", _SOURCE.format("scatter_from"))
_add("scatter_reduce", "tmi", f"{_INDEX}, src: Tensor[D, V, U], reduce: str, *, include_self: bool = True",
     _SOURCE.format("scatter_from"))  # fmt: skip
_add("searchsorted", "t", "sorted_sequence: Tensor[D, V, S], input: Tensor[D, V, T], *, out_int32: bool = False, "
     "right: bool = False, side: str | None = None", "Tensor[int64, V, T]")  # fmt: skip
_add("bucketize", "t", "input: Tensor[D, V, S], boundaries: Tensor[D, V, T], *, out_int32: bool = False, right: bool = False",
     "Tensor[int64, V, S]")  # fmt: skip
_add("multinomial", "tm", f"{FLOATS}, num_samples: Size, replacement: bool = False, *, generator: Any = None",
     "Tensor[int64, V, drawn(S, Size)]")  # fmt: skip
_add("masked_scatter", "tmi", f"{INPUT}, mask: Tensor[bool, V, T], source: Tensor[D, V, U]", SAME)
_add("repeat_interleave", "tm", f"{INPUT}, repeats: Size, dim: Dim, *, output_size: int | None = None",
     "Tensor[D, V, repeat_interleave(S, Size, Dim)]")  # fmt: skip
_add("repeat_interleave", "tm", f"{INPUT}, repeats: Any = None, dim: Any = None, *, output_size: int | None = None",
     "Tensor[D, V]")  # fmt: skip

# --- products

_PAIR = "input: Tensor[D, V, S], {}: Tensor[D, V, T]"
_add("matmul", "tm", _PAIR.format("other"), "Tensor[D, V, matmul(S, T)]")
_add("mm", "tm", _PAIR.format("mat2"), "Tensor[D, V, mm(S, T)]")
_add("bmm", "tm", _PAIR.format("mat2"), "Tensor[D, V, bmm(S, T)]")
_add("mv", "tm", _PAIR.format("vec"), "Tensor[D, V, matmul(S, T)]")
_add("dot", "tm", _PAIR.format("tensor"), "Tensor[D, V, matmul(S, T)]")
_add("vdot", "tm", _PAIR.format("other"), "Tensor[D, V, matmul(S, T)]")
_add("addmm", "tm", "input: Tensor[D, V, U], mat1: Tensor[D, V, S], mat2: Tensor[D, V, T], *, beta: float = 1, alpha: float = 1",
     "Tensor[D, V, expand(U, mm(S, T))]")  # fmt: skip
_add(
    "baddbmm",
    "tm",
    "input: Tensor[D, V, U], batch1: Tensor[D, V, S], batch2: Tensor[D, V, T], *, beta: float = 1, alpha: float = 1",
    "Tensor[D, V, expand(U, bmm(S, T))]",
)
_add("tensordot", "t", "a: Tensor[D, V, S], b: Tensor[D, V, T], dims: Dim = 2", "Tensor[D, V, tensordot(S, T, Dim)]")
_add("tensordot", "t", "a: Tensor[D, V, S], b: Tensor[D, V, T], dims: tuple[Sizes1, Sizes2]",
     "Tensor[D, V, tensordot_over(S, T, Sizes1, Sizes2)]")  # fmt: skip
_add("tensordot", "t", "a: Tensor[D, V, S], b: Tensor[D, V, T], dims: Any", "Tensor[D, V]")
_add("multi_dot", "l", "tensors: List[D, V, Ss]", "Tensor[D, V, multi_dot(Ss)]")
_add("chain_matmul", "t", "*matrices: *List[D, V, Ss]", "Tensor[D, V, multi_dot(Ss)]")
_add(
    "cdist",
    "t",
    "x1: Tensor[DF, V, S], x2: Tensor[DF, V, T], p: float = 2.0, compute_mode: str | None = None",
    "Tensor[DF, V, cross_distances(S, T)]",
)
_add("cross", "tml", _PAIR.format("other") + ", dim: int | None = None", "Tensor[D, V, broadcast(S, T)]")
_add("outer ger", "tm", _PAIR.format("vec2"), "Tensor[D, V, outer(S, T)]")
_add("det logdet", "tm", FLOATS, "Tensor[DF, V, determinant(S)]")
_add("inverse", "tm", FLOATS, "Tensor[DF, V, square(S)]")
_add("trace", "tm", INPUT, "Tensor[D, V, []]")
_add("dist", "tm", _PAIR.format("other") + ", p: float = 2", "Tensor[D, V, []]")
_add("linear", "f", "input: Tensor[D, V, S], weight: Tensor[D, V, W], bias: None = None", "Tensor[D, V, linear(S, W)]")
_add("linear", "f", "input: Tensor[D, V, S], weight: Tensor[D, V, W], bias: Tensor[D, V, U]",
     "Tensor[D, V, with_bias(linear(S, W), W, U, 0)]")  # fmt: skip
_add("bilinear", "f", "input1: Tensor[D, V, S], input2: Tensor[D, V, T], weight: Tensor[D, V, W], "
     "bias: Tensor[D, V] | None = None",
     "Tensor[D, V, bilinear(S, T, W)]")  # fmt: skip
_add("einsum", "t", "equation: Text, *operands: *List[D, V, Ss]", "Tensor[D, V, einsum(Text, Ss)]")
_add("scaled_dot_product_attention", "f",
     "query: Tensor[D, V, S], key: Tensor[D, V, T], value: Tensor[D, V, U], attn_mask: Tensor[Any, V] | None = None, "
     "dropout_p: float = 0.0, is_causal: bool = False, scale: float | None = None, enable_gqa: bool = False",
     "Tensor[D, V, attention(S, T, U)]")  # fmt: skip

# --- convolution and pooling

for _n in (1, 2, 3):
    for _bias in ("None = None", "Tensor[D, V, U]"):
        _operands = f"input: Tensor[D, V, S], weight: Tensor[D, V, W], bias: {_bias}"
        _result = "Tensor[D, V, {}]" if _bias.startswith("None") else "Tensor[D, V, with_bias({}, W, U, 1)]"
        _windows = "stride: Axes1 = 1, padding: {} = {}, dilation: Axes3 = 1, groups: Size = 1"
        _add(f"conv{_n}d", "tf", f"{_operands}, {_windows.format('Axes2', '0')}", _result.format(
             f"conv(S, W, spread(Axes1, {_n}), twice(spread(Axes2, {_n})), spread(Axes3, {_n}), Size, {_n})"))  # fmt: skip
        _add(f"conv{_n}d", "tf", f"{_operands}, {_windows.format('Text', repr('valid'))}", _result.format(
             f"conv(S, W, spread(Axes1, {_n}), string_padding(Text, kernel_of(W), spread(Axes3, {_n}), "
             f"spread(Axes1, {_n})), spread(Axes3, {_n}), Size, {_n})"))  # fmt: skip
    _operands = "input: Tensor[D, V, S], weight: Tensor[D, V, W], bias: Tensor[D, V] | None = None"
    _add(f"conv_transpose{_n}d", "tf",
         f"{_operands}, stride: Axes1 = 1, padding: Axes2 = 0, output_padding: Axes4 = 0, groups: Size = 1, dilation: Axes3 = 1",
         f"Tensor[D, V, conv_transpose(S, W, spread(Axes1, {_n}), twice(spread(Axes2, {_n})), spread(Axes4, {_n}), "
         f"spread(Axes3, {_n}), Size, {_n})]")  # fmt: skip
    _kernel = f"spread(Axes1, {_n})"
    _strides = f"spread_or(Axes2, {_kernel})"
    _pooled = f"pool(S, {_kernel}, {_strides}, twice(spread(Axes3, {_n})), spread(Axes4, {_n}), Keep, {_n})"
    _pooling = (
        f"{INPUT}, kernel_size: Axes1, stride: Axes2 = None, padding: Axes3 = 0, dilation: Axes4 = 1, ceil_mode: Keep = False"
    )
    _add(f"max_pool{_n}d", "tf", f"{_pooling}, return_indices: Literal[False] = False", f"Tensor[D, V, {_pooled}]")
    _add(f"max_pool{_n}d", "f", f"{_pooling}, *, return_indices: Literal[True]",
         f"tuple[Tensor[D, V, {_pooled}], Tensor[int64, V, {_pooled}]]")  # fmt: skip
    _add(f"max_unpool{_n}d", "f",
         "input: Tensor[D, V, S], indices: Tensor[int64, V, T], kernel_size: Axes1, stride: Axes2 = None, padding: Axes3 = 0, "
         "output_size: None = None", f"Tensor[D, V, unpool(S, T, {_kernel}, {_strides}, spread(Axes3, {_n}), {_n})]")  # fmt: skip
    _add(f"max_unpool{_n}d", "f",
         "input: Tensor[D, V, S], indices: Tensor[int64, V], kernel_size: Any, stride: Any = None, padding: Any = 0, "
         "output_size: Any = None", "Tensor[D, V]")  # fmt: skip
    _add(f"avg_pool{_n}d", "tf" if _n == 1 else "f",
         f"{INPUT}, kernel_size: Axes1, stride: Axes2 = None, padding: Axes3 = 0, ceil_mode: Keep = False, "
         "count_include_pad: bool = True" + (", divisor_override: int | None = None" if _n > 1 else ""),
         f"Tensor[D, V, pool(S, {_kernel}, {_strides}, twice(spread(Axes3, {_n})), spread(1, {_n}), Keep, {_n})]")  # fmt: skip
    _add(f"lp_pool{_n}d", "f",
         f"{INPUT}, norm_type: float, kernel_size: Axes1, stride: Axes2 = None, ceil_mode: Keep = False",
         f"Tensor[D, V, pool(S, {_kernel}, {_strides}, twice(spread(0, {_n})), spread(1, {_n}), Keep, {_n})]")  # fmt: skip
    _add(f"adaptive_avg_pool{_n}d adaptive_max_pool{_n}d", "f", f"{INPUT}, output_size: Axes1",
         f"Tensor[D, V, replace_last(S, spread_or(Axes1, last_sizes(S, {_n})), {_n})]")  # fmt: skip

# --- normalization

_add("batch_norm", "f", f"{INPUT}, running_mean: Tensor[D, V, T], running_var: Tensor[D, V, U], "
     "weight: Tensor[D, V] | None = None, bias: Tensor[D, V] | None = None, training: bool = False, momentum: float = 0.1, "
     "eps: float = 1e-05", "Tensor[D, V, channel_vector(channel_vector(S, T), U)]")  # fmt: skip
_add("batch_norm", "f", f"{INPUT}, running_mean: Tensor[D, V] | None, running_var: Tensor[D, V] | None, "
     "weight: Tensor[D, V] | None = None, bias: Tensor[D, V] | None = None, training: bool = False, momentum: float = 0.1, "
     "eps: float = 1e-05", SAME)  # fmt: skip
_add("layer_norm", "f", f"{INPUT}, normalized_shape: Sizes, weight: Tensor[D, V] | None = None, "
     "bias: Tensor[D, V] | None = None, eps: float = 1e-05", "Tensor[D, V, normalized(S, Sizes)]")  # fmt: skip
_add("rms_norm", "f", f"{INPUT}, normalized_shape: Sizes, weight: Tensor[D, V] | None = None, eps: float | None = None",
     "Tensor[D, V, normalized(S, Sizes)]")  # fmt: skip
_add("group_norm", "f", f"{INPUT}, num_groups: Dim, weight: Tensor[D, V, T], bias: Tensor[D, V, U], eps: float = 1e-05",
     "Tensor[D, V, channel_vector(channel_vector(grouped(S, Dim), T), U)]")  # fmt: skip
_add("group_norm", "f", f"{INPUT}, num_groups: Dim, weight: Tensor[D, V] | None = None, bias: Tensor[D, V] | None = None, "
     "eps: float = 1e-05", "Tensor[D, V, grouped(S, Dim)]")  # fmt: skip
_add("instance_norm", "f", f"{INPUT}, running_mean: Tensor[D, V] | None = None, running_var: Tensor[D, V] | None = None, "
     "weight: Tensor[D, V] | None = None, bias: Tensor[D, V] | None = None, use_input_stats: bool = True, "
     "momentum: float = 0.1, eps: float = 1e-05", SAME)  # fmt: skip

# --- losses

_add("mse_loss l1_loss", "f", "input: Tensor[DF, V, S], target: Tensor[DF, V, T], *, reduction: Text = 'mean'",
     "Tensor[DF, V, loss(broadcast(S, T), Text)]")  # fmt: skip
_add("smooth_l1_loss", "f", "input: Tensor[DF, V, S], target: Tensor[DF, V, T], *, reduction: Text = 'mean', beta: float = 1.0",
     "Tensor[DF, V, loss(broadcast(S, T), Text)]")  # fmt: skip
_add("huber_loss", "f", "input: Tensor[DF, V, S], target: Tensor[DF, V, T], reduction: Text = 'mean', delta: float = 1.0",
     "Tensor[DF, V, loss(broadcast(S, T), Text)]")  # fmt: skip
_add("kl_div", "f", "input: Tensor[DF, V, S], target: Tensor[DF, V, T], size_average: None = None, reduce: None = None, "
     "reduction: Text = 'mean', log_target: bool = False", "Tensor[DF, V, divergence(S, T, Text)]")  # fmt: skip
_THREE = "{}: Tensor[DF, V, S], {}: Tensor[DF, V, T], {}: Tensor[DF, V, U]"
_AVERAGED = "size_average: None = None, reduce: None = None, reduction: Text = 'mean'"
_add("triplet_margin_loss", "f", _THREE.format("anchor", "positive", "negative") + ", margin: float = 1.0, p: float = 2, "
     f"eps: float = 1e-06, swap: bool = False, {_AVERAGED}", "Tensor[DF, V, triple_loss(S, T, U, Text)]")  # fmt: skip
_add("cosine_embedding_loss", "f", f"{_THREE.format('input1', 'input2', 'target')}, margin: float = 0, {_AVERAGED}",
     "Tensor[DF, V, cosine_loss(S, T, U, Text)]")  # fmt: skip
_add("margin_ranking_loss", "f", f"{_THREE.format('input1', 'input2', 'target')}, margin: float = 0, {_AVERAGED}",
     "Tensor[DF, V, ranking_loss(S, T, U, Text)]")  # fmt: skip
_add("ctc_loss", "f", "log_probs: Tensor[DF, V, S], targets: Any, input_lengths: Any, target_lengths: Any, blank: int = 0, "
     "reduction: Text = 'mean', zero_infinity: bool = False", "Tensor[DF, V, scalar_loss(Text)]")  # fmt: skip
_add("gaussian_nll_loss", "f", f"{_THREE.format('input', 'target', 'var')}, full: bool = False, eps: float = 1e-06, "
     "reduction: Text = 'mean'", "Tensor[DF, V, scalar_loss(Text)]")  # fmt: skip
_add("poisson_nll_loss", "f", "input: Tensor[DF, V, S], target: Tensor[DF, V, T], log_input: bool = True, full: bool = False, "
     "size_average: None = None, eps: float = 1e-08, reduce: None = None, reduction: Text = 'mean'",
     "Tensor[DF, V, loss(broadcast(S, T), Text)]")  # fmt: skip
_add("binary_cross_entropy", "f",
     "input: Tensor[DF, V, S], target: Tensor[DF, V, T], weight: Tensor[DF, V] | None = None, *, reduction: Text = 'mean'",
     "Tensor[DF, V, loss(same(S, T), Text)]")  # fmt: skip
_add("binary_cross_entropy_with_logits", "f",
     "input: Tensor[DF, V, S], target: Tensor[DF, V, T], weight: Tensor[DF, V] | None = None, *, reduction: Text = 'mean', "
     "pos_weight: Tensor[DF, V] | None = None",
     "Tensor[DF, V, loss(same(S, T), Text)]")  # fmt: skip
_add("nll_loss", "f", "input: Tensor[DF, V, S], target: Tensor[int64, V, T], weight: Tensor[DF, V] | None = None, *, "
     "ignore_index: int = -100, reduction: Text = 'mean'", "Tensor[DF, V, class_loss(S, T, Text)]")  # fmt: skip
_add("cross_entropy", "f", "input: Tensor[DF, V, S], target: Tensor[int64, V, T], weight: Tensor[DF, V] | None = None, *, "
     "ignore_index: int = -100, reduction: Text = 'mean', label_smoothing: float = 0.0",
     "Tensor[DF, V, class_loss(S, T, Text)]")  # fmt: skip
_add("cross_entropy", "f", "input: Tensor[DF, V, S], target: Tensor[DF, V, T], weight: Tensor[DF, V] | None = None, *, "
     "ignore_index: int = -100, reduction: Text = 'mean', label_smoothing: float = 0.0",
     "Tensor[DF, V, probability_loss(S, T, Text)]")  # fmt: skip

_add("soft_margin_loss", "f",
     "input: Tensor[DF, V, S], target: Tensor[DF, V, T], size_average: None = None, reduce: None = None, "
     "reduction: Text = 'mean'",
     "Tensor[DF, V, loss(broadcast(S, T), Text)]")  # fmt: skip
_add("hinge_embedding_loss", "f",
     "input: Tensor[DF, V, S], target: Tensor[DF, V, T], margin: float = 1.0, size_average: None = None, reduce: None = None, "
     "reduction: Text = 'mean'", "Tensor[DF, V, loss(broadcast(S, T), Text)]")  # fmt: skip
_add("cosine_similarity", "tf", "x1: Tensor[DF, V, S], x2: Tensor[DF, V, T], dim: Dim = 1, eps: float = 1e-8",
     "Tensor[DF, V, reduce(broadcast(S, T), Dim, False)]")  # fmt: skip
_add("pairwise_distance", "tf",
     "x1: Tensor[DF, V, S], x2: Tensor[DF, V, T], p: float = 2.0, eps: float = 1e-6, keepdim: Keep = False",
     "Tensor[DF, V, reduce(broadcast(S, T), -1, Keep)]")  # fmt: skip

# --- arithmetic: dtypes promote, shapes broadcast

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
_BROADCAST = "broadcast(S, T)"


def _with_complex_number(names: str, places: str, second: str, extra: str) -> None:
    for wide, real in _COMPLEX:
        _add(names, places, f"input: Tensor[{wide} | {real}, V, S], {second}: complex{extra}", f"Tensor[{wide}, V, S]")
    _add(names, places, f"{INTS}, {second}: complex{extra}", "Tensor[complex64, V, S]")


def _binary(names: str, places: str, second: str = "other", result: str | None = None, extra: str = "") -> None:
    """A pair of tensors of any dtypes; `result` is the dtype of a comparison, else they promote."""
    if result is not None:
        _add(names, places, f"{INPUT}, {second}: Tensor[E, V, T]{extra}", f"Tensor[{result}, V, {_BROADCAST}]")
        _add(names, places, f"{INPUT}, {second}: float{extra}", f"Tensor[{result}, V, S]")
        return
    _add(names, places, f"{INPUT}, {second}: Tensor[D, V, T]{extra}", f"Tensor[D, V, {_BROADCAST}]")
    _add(names, places, f"{FLOATS}, {second}: float{extra}", "Tensor[DF, V, S]")
    _add(names, places, f"{INPUT}, {second}: int{extra}", SAME)
    _add(names, places, f"{INTS}, {second}: float{extra}", "Tensor[float32, V, S]")
    _with_complex_number(names, places, second, extra)
    for a, b, both in _PROMOTED:
        _add(names, places, f"input: Tensor[{a}, V, S], {second}: Tensor[{b}, V, T]{extra}", f"Tensor[{both}, V, {_BROADCAST}]")


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
    _add(_names, _places, f"{FLOATS}, other: Tensor[DF, V, T]{_extra}", f"Tensor[DF, V, {_BROADCAST}]")
    _add(_names, _places, f"{FLOATS}, other: float{_extra}", "Tensor[DF, V, S]")
    _add(_names, _places, f"{INTS}, other: float{_extra}", "Tensor[float32, V, S]")
    _add(_names, _places, f"{INTS}, other: Tensor[{' | '.join(INTEGRAL)}, V, T]{_extra}", f"Tensor[float32, V, {_BROADCAST}]")
    _with_complex_number(_names, _places, "other", _extra)
    for _a, _b, _both in _PROMOTED:
        if _both in FLOATING:
            _add(_names, _places, f"input: Tensor[{_a}, V, S], other: Tensor[{_b}, V, T]{_extra}",
                 f"Tensor[{_both}, V, {_BROADCAST}]")  # fmt: skip
_binary("__eq__ __ne__ __lt__ __le__ __gt__ __ge__", "m", result="bool")
_binary("eq ne lt le gt ge not_equal less less_equal greater greater_equal", "tm", result="bool")
_binary("logical_and logical_or logical_xor isclose", "tm", result="bool")
_add("__and__ __or__ __xor__ __rand__ __ror__ __rxor__", "m", f"{INPUT}, other: Tensor[D, V, T]", f"Tensor[D, V, {_BROADCAST}]")
_add("__and__ __or__ __xor__ __rand__ __ror__ __rxor__", "m", f"{INPUT}, other: int", SAME)
_add("bitwise_and bitwise_or bitwise_xor", "tm", f"{INPUT}, other: Tensor[D, V, T]", f"Tensor[D, V, {_BROADCAST}]")
_add("bitwise_and bitwise_or bitwise_xor", "tm", f"{INPUT}, other: int", SAME)
_add("__matmul__", "m", _PAIR.format("other"), "Tensor[D, V, matmul(S, T)]")
_add("__neg__ __pos__ __abs__", "m", INPUT, SAME)
_add("__invert__", "m", INTS, "Tensor[DI, V, S]")
_add("__iadd__ __isub__ __imul__ __itruediv__ __ipow__", "m", f"{INPUT}, other: Tensor[E, V, T]", "Tensor[D, V, into(S, T)]")
_add("__iadd__ __isub__ __imul__ __itruediv__ __ipow__", "m", f"{INPUT}, other: float", SAME)
_IN_PLACE = (
    "mul_ div_ divide_ true_divide_ remainder_ fmod_ floor_divide_ atan2_ copysign_ hypot_ eq_ ne_ lt_ le_ gt_ ge_ logical_and_ "
    "logical_or_ logical_xor_ bitwise_and_ bitwise_or_ bitwise_xor_"
)
_add(_IN_PLACE, "m", f"{INPUT}, other: Tensor[E, V, T]", "Tensor[D, V, into(S, T)]")
_add(_IN_PLACE, "m", f"{INPUT}, other: float", SAME)
_add("add_ sub_ subtract_", "m", f"{INPUT}, other: Tensor[E, V, T], *, alpha: float = 1", "Tensor[D, V, into(S, T)]")
_add("add_ sub_ subtract_", "m", f"{INPUT}, other: float, *, alpha: float = 1", SAME)
_add("pow_", "m", f"{INPUT}, exponent: Tensor[E, V, T]", "Tensor[D, V, into(S, T)]")
_add("pow_", "m", f"{INPUT}, exponent: float", SAME)
_add("lerp_", "m", f"{INPUT}, end: Tensor[D, V, T], weight: Any", "Tensor[D, V, into(S, T)]")
_add("addcmul_ addcdiv_", "m", f"{INPUT}, tensor1: Tensor[D, V, T], tensor2: Tensor[D, V, U], *, value: float = 1",
     "Tensor[D, V, into(into(S, T), U)]")  # fmt: skip
_add("copy_", "m", f"{INPUT}, other: Tensor[E, Any, T], non_blocking: bool = False", "Tensor[D, V, into(S, T)]")
_add("logaddexp logaddexp2 nextafter gcd lcm", "tm", f"{INPUT}, other: Tensor[D, V, T]", f"Tensor[D, V, {_BROADCAST}]")
_add("heaviside", "tm", f"{INPUT}, values: Tensor[D, V, T]", f"Tensor[D, V, {_BROADCAST}]")
_add("xlogy", "tm", f"{FLOATS}, other: Tensor[DF, V, T]", f"Tensor[DF, V, {_BROADCAST}]")
_add("lerp", "tm", "input: Tensor[D, V, S], end: Tensor[D, V, T], weight: float", f"Tensor[D, V, {_BROADCAST}]")
_add("addcmul addcdiv", "tm", "input: Tensor[D, V, S], tensor1: Tensor[D, V, T], tensor2: Tensor[D, V, U], *, value: float = 1",
     "Tensor[D, V, broadcast3(S, T, U)]")  # fmt: skip

# --- linalg and fft

NAMED_TUPLES = {  # tuples of tensors whose parts have names
    "ValuesIndices": ("values", "indices"),
    "MinMax": ("min", "max"),
    "SVD": ("U", "S", "Vh"),
    "QR": ("Q", "R"),
    "Eigen": ("eigenvalues", "eigenvectors"),
    "SignLog": ("sign", "logabsdet"),
}
_MATRIX = "A: Tensor[DF, V, S]"
_add("inv", "l", _MATRIX, "Tensor[DF, V, square(S)]")
_add("cholesky", "l", f"{_MATRIX}, *, upper: bool = False", "Tensor[DF, V, square(S)]")
_add("matrix_exp", "tm", FLOATS, "Tensor[DF, V, square(S)]")
_add("matrix_exp", "l", _MATRIX, "Tensor[DF, V, square(S)]")
_add("matrix_power", "l", f"{_MATRIX}, n: int", "Tensor[DF, V, square(S)]")
_add(
    "pinv",
    "l",
    f"{_MATRIX}, *, atol: Any = None, rtol: Any = None, hermitian: bool = False",
    "Tensor[DF, V, matrix_transpose(S)]",
)
_add("det", "l", _MATRIX, "Tensor[DF, V, determinant(S)]")
_add("slogdet", "l", _MATRIX, "SignLog[Tensor[DF, V, determinant(S)], Tensor[DF, V, determinant(S)]]")
_add("svd", "l", f"{_MATRIX}, full_matrices: Literal[True] = True, *, driver: str | None = None",
     "SVD[Tensor[DF, V, full_svd(S, 0)], Tensor[DF, V, reduced_svd(S, 1)], Tensor[DF, V, full_svd(S, 1)]]")  # fmt: skip
_add("svd", "l", f"{_MATRIX}, full_matrices: Literal[False], *, driver: str | None = None",
     "SVD[Tensor[DF, V, reduced_svd(S, 0)], Tensor[DF, V, reduced_svd(S, 1)], Tensor[DF, V, reduced_svd(S, 2)]]")  # fmt: skip
_add("svdvals", "l", f"{_MATRIX}, *, driver: str | None = None", "Tensor[DF, V, reduced_svd(S, 1)]")
_add("qr", "l", f"{_MATRIX}, mode: Literal['reduced'] = 'reduced'",
     "QR[Tensor[DF, V, reduced_svd(S, 0)], Tensor[DF, V, reduced_svd(S, 2)]]")  # fmt: skip
_add("qr", "l", f"{_MATRIX}, mode: str", "QR[Tensor[DF, V], Tensor[DF, V]]")
_add("eigh", "l", f"{_MATRIX}, UPLO: str = 'L'", "Eigen[Tensor[DF, V, spectrum(S)], Tensor[DF, V, square(S)]]")
_add("eigvalsh", "l", f"{_MATRIX}, UPLO: str = 'L'", "Tensor[DF, V, spectrum(S)]")
_add("solve", "l", f"{_MATRIX}, B: Tensor[DF, V, T], *, left: Literal[True] = True", "Tensor[DF, V, solved(S, T)]")
for _name, _first in (("norm", "A"), ("vector_norm", "x")):
    _add(_name, "l", f"{_first}: Tensor[DF, V, S], ord: Any = None, dim: Axes = None, keepdim: Keep = False",
         f"Tensor[DF, V, {_REDUCED}]")  # fmt: skip
_add(
    "vecdot", "l", "x: Tensor[D, V, S], y: Tensor[D, V, T], *, dim: Dim = -1", "Tensor[D, V, reduce(broadcast(S, T), Dim, False)]"
)
_add("matmul", "l", _PAIR.format("other"), "Tensor[D, V, matmul(S, T)]")
_OF_AXIS = "n: None = None, dim: Dim = -1, norm: str | None = None"
_OF_AXES = "s: None = None, dim: Any = {}, norm: str | None = None"
for _complex, _real in _COMPLEX:
    for _from in (_complex, _real):
        _input = f"input: Tensor[{_from}, V, S]"
        _add("fft ifft", "s", f"{_input}, {_OF_AXIS}", f"Tensor[{_complex}, V, along(S, Dim)]")
        _add("fft2 ifft2", "s", f"{_input}, {_OF_AXES.format('(-2, -1)')}", f"Tensor[{_complex}, V, S]")
        _add("fftn ifftn", "s", f"{_input}, {_OF_AXES.format(None)}", f"Tensor[{_complex}, V, S]")
        _add("irfft", "s", f"{_input}, {_OF_AXIS}", f"Tensor[{_real}, V, whole_signal(S, Dim)]")
        _add("irfft", "s", f"{_input}, n: int | None = None, dim: int = -1, norm: str | None = None", f"Tensor[{_real}, V]")
        _add("fft ifft", "s", f"{_input}, n: int | None = None, dim: int = -1, norm: str | None = None", f"Tensor[{_complex}, V]")
    _input = f"input: Tensor[{_real}, V, S]"
    _add("rfft", "s", f"{_input}, {_OF_AXIS}", f"Tensor[{_complex}, V, half_spectrum(S, Dim)]")
    _add("rfft", "s", f"{_input}, n: int | None = None, dim: int = -1, norm: str | None = None", f"Tensor[{_complex}, V]")
    _add("rfft2", "s", f"{_input}, s: None = None, *, norm: str | None = None", f"Tensor[{_complex}, V, half_spectrum(S, -1)]")
    _add("rfftn", "s", f"{_input}, s: None = None, *, norm: str | None = None", f"Tensor[{_complex}, V, half_spectrum(S, -1)]")
_add("fftshift ifftshift", "s", f"{INPUT}, dim: Any = None", SAME)

# --- einops

_add("rearrange", "t", f"{INPUT}, pattern: Text, **axes: Names", "Tensor[D, V, einops_rearrange(Text, S, Names)]")
_add("repeat", "t", f"{INPUT}, pattern: Text, **axes: Names", "Tensor[D, V, einops_repeat(Text, S, Names)]")
_add("reduce", "t", f"{INPUT}, pattern: Text, reduction: str, **axes: Names", "Tensor[D, V, einops_reduce(Text, S, Names)]")
for _name in ("rearrange", "repeat"):  # of a list of tensors: its number is the first dimension
    _add(_name, "t", "input: List[D, V, Ss], pattern: Text, **axes: Names",
         f"Tensor[D, V, einops_{_name}(Text, stack(Ss, 0), Names)]")  # fmt: skip

# --- modules: what a constructor takes, and the shape that a call gives


class Module(NamedTuple):
    """One module: its constructor's parameters (as in `Signature`) and the shape of its result for an input of shape S.

    ``T``, ``U`` are the shapes of a second and third argument (of the tensors in it, where it is a tuple). A result with
    ``DTYPE:`` before it gives a tensor of that dtype. `checks` are rules whose errors count where all that they need is known:
    at the constructor, where they need nothing of an input. ``Classes`` says whether the second argument holds integers.
    """

    name: str
    parameters: str
    result: str
    checks: tuple[str, ...] = ()


MODULES: dict[str, Module] = {}


def _module(names: str, parameters: str, result: str, *checks: str) -> None:
    MODULES.update({name: Module(name, parameters, result, checks) for name in names.split()})


# Modules whose results have their input's shape, whatever it is.
SHAPE_KEEPING_MODULES = (
    "ReLU ReLU6 ELU CELU SELU GELU SiLU Mish Sigmoid Tanh Softplus Softsign Softshrink Hardshrink Hardsigmoid Hardswish Hardtanh "
    "LeakyReLU LogSigmoid Tanhshrink Threshold RReLU PReLU Softmax LogSoftmax Softmin Softmax2d Identity Dropout Dropout1d "
    "Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout LocalResponseNorm ChannelShuffle"
)


_module("Linear", "in_features: Size1, out_features: Size2", "linear(S, pair(Size2, Size1))")
_module("Embedding", "num_embeddings: Size1, embedding_dim: Size2", "float32: embedding(S, pair(Size1, Size2))")
for _n in (1, 2, 3):
    _kernel = f"spread(Axes1, {_n})"
    _module(
        f"Conv{_n}d",
        "in_channels: Size1, out_channels: Size2, kernel_size: Axes1, stride: Axes2 = 1, padding: Padding = 0, "
        "dilation: Axes4 = 1, groups: Dim1 = 1",
        f"conv_module(S, Size1, Size2, {_kernel}, spread(Axes2, {_n}), "
        f"padding_or_same(Padding, {_kernel}, spread(Axes4, {_n})), spread(Axes4, {_n}), {_n})",
        "in_groups(Size1, Size2, Dim1)",
    )
    _module(
        f"ConvTranspose{_n}d",
        "in_channels: Size1, out_channels: Size2, kernel_size: Axes1, stride: Axes2 = 1, padding: Axes3 = 0, "
        "output_padding: Axes5 = 0, groups: Dim1 = 1, bias: bool = True, dilation: Axes4 = 1",
        f"conv_transpose_module(S, Size1, Size2, {_kernel}, spread(Axes2, {_n}), twice(spread(Axes3, {_n})), "
        f"spread(Axes5, {_n}), spread(Axes4, {_n}), {_n})",
        "in_groups(Size1, Size2, Dim1)",
    )
    _module(
        f"MaxPool{_n}d",
        "kernel_size: Axes1, stride: Axes2 = None, padding: Axes3 = 0, dilation: Axes4 = 1, return_indices: bool = False, "
        "ceil_mode: Keep = False",
        f"pool(S, {_kernel}, spread_or(Axes2, {_kernel}), twice(spread(Axes3, {_n})), spread(Axes4, {_n}), Keep, {_n})",
    )
    _module(
        f"AvgPool{_n}d",
        "kernel_size: Axes1, stride: Axes2 = None, padding: Axes3 = 0, ceil_mode: Keep = False",
        f"pool(S, {_kernel}, spread_or(Axes2, {_kernel}), twice(spread(Axes3, {_n})), spread(1, {_n}), Keep, {_n})",
    )
    _module(
        f"MaxUnpool{_n}d",
        "kernel_size: Axes1, stride: Axes2 = None, padding: Axes3 = 0",
        f"unpool(S, T, {_kernel}, spread_or(Axes2, {_kernel}), spread(Axes3, {_n}), {_n})",
    )
    _module(
        f"AdaptiveAvgPool{_n}d AdaptiveMaxPool{_n}d",
        "output_size: Axes1",
        f"replace_last(S, spread_or(Axes1, last_sizes(S, {_n})), {_n})",
    )
    _module(f"BatchNorm{_n}d", "num_features: Size1", f"batch_channels(S, Size1, {_n})")
    _module(f"InstanceNorm{_n}d", "num_features: Size1", "S")
_module("GroupNorm", "num_groups: Dim1, num_channels: Size1", "channels(S, Size1, 2, 100)", "grouped(S, Dim1)")
_module("LayerNorm RMSNorm", "normalized_shape: Axes1", "normalized(S, trailing(Axes1))")
_OUTPUT = "Tensor[D, V, rnn_output(S, Size1, Size2, Keep1)]"
_STATE = "Tensor[D, V, rnn_state(S, Size2, Dim1, Keep1, Keep2)]"
_SIZES = "input_size: Size1, hidden_size: Size2, num_layers: Dim1 = 1"
_HOW = "bias: bool = True, batch_first: Keep2 = False, dropout: float = 0.0, bidirectional: Keep1 = False"
_STATE_CHECKS = tuple(f"state(S, {_given}, rnn_state(S, Size2, Dim1, Keep1, Keep2))" for _given in "TU")
_module("RNN", f"{_SIZES}, nonlinearity: str = 'tanh', {_HOW}", f"tuple[{_OUTPUT}, {_STATE}]", *_STATE_CHECKS)
_module("GRU", f"{_SIZES}, {_HOW}", f"tuple[{_OUTPUT}, {_STATE}]", *_STATE_CHECKS)
_module("LSTM", f"{_SIZES}, {_HOW}", f"tuple[{_OUTPUT}, tuple[{_STATE}, {_STATE}]]", *_STATE_CHECKS)
_CELL = "Tensor[D, V, cell(S, Size1, Size2)]"
_module("RNNCell GRUCell", "input_size: Size1, hidden_size: Size2", _CELL)
_module("LSTMCell", "input_size: Size1, hidden_size: Size2", f"tuple[{_CELL}, {_CELL}]")
_module("MultiheadAttention", "embed_dim: Size1, num_heads: Dim1", "tuple[Tensor[D, V, features(S, Size1)], Tensor[D, V]]",
        "in_heads(Size1, Dim1)")  # fmt: skip
_module("TransformerEncoderLayer TransformerDecoderLayer", "d_model: Size1, nhead: Dim1", "features(S, Size1)",
        "in_heads(Size1, Dim1)")  # fmt: skip
_module("Transformer", "d_model: Size1 = 512", "features(T, Size1)")
_module("GLU", "dim: Dim1 = -1", "glu(S, Dim1)")
_module("PixelUnshuffle", "downscale_factor: Dim1", "pixel_unshuffle(S, Dim1)")
_module("CosineSimilarity", "dim: Dim1 = 1", "reduce(broadcast(S, T), Dim1, False)")
for _n in (1, 2, 3):
    _module(f"ZeroPad{_n}d ConstantPad{_n}d ReflectionPad{_n}d ReplicationPad{_n}d CircularPad{_n}d", "padding: Axes1",
            f"pad_module(S, Axes1, {_n})")  # fmt: skip
_module("Upsample UpsamplingNearest2d UpsamplingBilinear2d", "size: Axes1 = None, scale_factor: Axes2 = None",
        "upsampled(S, Axes1, Axes2)")  # fmt: skip
_module("Unflatten", "dim: Dim1, unflattened_size: Axes1", "unflatten(S, Dim1, trailing(Axes1))")
_module("Unfold", _WINDOWS, f"unfolded(S, {_SPREAD})")
_module("Fold", f"output_size: Axes5, {_WINDOWS}", f"folded(S, spread(Axes5, 2), {_SPREAD})")
_module("EmbeddingBag", "num_embeddings: Size1, embedding_dim: Size2", "float32: bag(S, pair(Size1, Size2))")
_module(
    "Bilinear", "in1_features: Size1, in2_features: Size2, out_features: Size3", "bilinear(S, T, triple(Size3, Size1, Size2))"
)
_module("PairwiseDistance", "keepdim: Keep1 = False", "reduce(broadcast(S, T), -1, Keep1)")
_REDUCTION = "reduction: Text = 'mean'"
_module("TripletMarginLoss", _REDUCTION, "triple_loss(S, T, U, Text)")
_module("CosineEmbeddingLoss", _REDUCTION, "cosine_loss(S, T, U, Text)")
_module("MarginRankingLoss", _REDUCTION, "ranking_loss(S, T, U, Text)")
_module("PoissonNLLLoss SoftMarginLoss HingeEmbeddingLoss", _REDUCTION, "loss(broadcast(S, T), Text)")
_module("KLDivLoss", _REDUCTION, "divergence(S, T, Text)")
_module("GaussianNLLLoss CTCLoss MultiMarginLoss MultiLabelMarginLoss MultiLabelSoftMarginLoss", _REDUCTION, "scalar_loss(Text)")
_module("NLLLoss", _REDUCTION, "class_loss(S, T, Text)")
_module("Flatten", "start_dim: Dim1 = 1, end_dim: Dim2 = -1", "flatten(S, Dim1, Dim2)")
_module("PixelShuffle", "upscale_factor: Dim1", "pixel_shuffle(S, Dim1)")
_module("CrossEntropyLoss", _REDUCTION, "class_or_probability_loss(S, T, Text, Classes)")
_module("MSELoss L1Loss SmoothL1Loss HuberLoss", _REDUCTION, "loss(broadcast(S, T), Text)")
_module("BCELoss BCEWithLogitsLoss", _REDUCTION, "loss(same(S, T), Text)")

# The parameters that a module has, by the sizes that its constructor was given.
PARAMETERS = {
    "Linear": {"weight": "pair(Size2, Size1)", "bias": "single(Size2)"},
    "Embedding": {"weight": "pair(Size1, Size2)"},
    "LayerNorm": {"weight": "trailing(Axes1)", "bias": "trailing(Axes1)"},
    **{f"Conv{n}d": {"bias": "single(Size2)"} for n in (1, 2, 3)},
    **{f"BatchNorm{n}d": {"weight": "single(Size1)", "bias": "single(Size1)"} for n in (1, 2, 3)},
}
