"""Reductions over some dimensions or all. May import `flambeau.typing.signatures.table`."""

from __future__ import annotations

from flambeau.typing.signatures.table import FLOATS, INPUT, INTS, OVER, REDUCED, add

add("sum prod nansum", "tm", f"{FLOATS}, {OVER}", f"Tensor[DF, V, {REDUCED}]")
add("sum prod nansum", "tm", f"{INTS}, {OVER}", f"Tensor[int64, V, {REDUCED}]")
add("sum prod nansum", "tm", f"{INPUT}, {OVER}, *, dtype: type[E]", f"Tensor[E, V, {REDUCED}]")
add("mean nanmean logsumexp", "tm", f"{FLOATS}, {OVER}", f"Tensor[DF, V, {REDUCED}]")
add("mean nanmean", "tm", f"{INPUT}, {OVER}, *, dtype: type[E]", f"Tensor[E, V, {REDUCED}]")
add("std var", "tm", f"{FLOATS}, {OVER}, *, correction: float = 1", f"Tensor[DF, V, {REDUCED}]")
add("std var", "tm", f"{FLOATS}, dim: Axes = None, unbiased: bool = True, keepdim: Keep = False",
     f"Tensor[DF, V, {REDUCED}]")  # fmt: skip
add("amax amin", "tm", f"{INPUT}, {OVER}", f"Tensor[D, V, {REDUCED}]")
add("argmax argmin", "tm", f"{INPUT}, {OVER}", f"Tensor[int64, V, {REDUCED}]")
add("all any", "tm", f"{INPUT}, {OVER}", f"Tensor[bool, V, {REDUCED}]")
add("count_nonzero", "tm", f"{INPUT}, dim: Axes = None", "Tensor[int64, V, reduce(S, Axes, False)]")
add("norm", "tm", f"{INPUT}, p: Any = 'fro', {OVER}", f"Tensor[D, V, {REDUCED}]")
add("std_mean var_mean", "tm", f"{FLOATS}, {OVER}, *, correction: float = 1",
     f"tuple[Tensor[DF, V, {REDUCED}], Tensor[DF, V, {REDUCED}]]")  # fmt: skip
add("std_mean var_mean", "tm", f"{FLOATS}, dim: Axes = None, unbiased: bool = True, keepdim: Keep = False",
     f"tuple[Tensor[DF, V, {REDUCED}], Tensor[DF, V, {REDUCED}]]")  # fmt: skip
add("aminmax", "tm", f"{INPUT}, *, dim: Axes = None, keepdim: Keep = False",
     f"MinMax[Tensor[D, V, {REDUCED}], Tensor[D, V, {REDUCED}]]")  # fmt: skip
add("quantile nanquantile", "tm", f"{FLOATS}, q: float, {OVER}, *, interpolation: str = 'linear'",
     f"Tensor[DF, V, {REDUCED}]")  # fmt: skip
add("quantile nanquantile", "tm", f"{FLOATS}, q: Tensor[DF, V, T], {OVER}, *, interpolation: str = 'linear'",
     f"Tensor[DF, V, joined(T, {REDUCED})]")  # fmt: skip
add("diff", "tm", f"{INPUT}, n: Dim1 = 1, dim: Dim2 = -1", "Tensor[D, V, diff(S, Dim1, Dim2)]")
add("cov corrcoef", "tm", FLOATS, "Tensor[DF, V, cross_correlated(S)]")
add("bincount", "tm", f"{INTS}, weights: None = None, minlength: int = 0", "Tensor[int64, V]")
add("trapezoid", "t", "y: Tensor[DF, V, S], *, dim: Dim = -1", "Tensor[DF, V, reduce(S, Dim, False)]")
add("max min median nanmedian mode", "tm", f"{INPUT}, dim: Dim, keepdim: Keep = False",
     "ValuesIndices[Tensor[D, V, reduce(S, Dim, Keep)], Tensor[int64, V, reduce(S, Dim, Keep)]]")  # fmt: skip
add("kthvalue", "tm", f"{INPUT}, k: int, dim: Dim = -1, keepdim: Keep = False",
     "ValuesIndices[Tensor[D, V, reduce(S, Dim, Keep)], Tensor[int64, V, reduce(S, Dim, Keep)]]")  # fmt: skip
add("max min median nanmedian", "tm", INPUT, "Tensor[D, V, []]")
add("max min", "tm", f"{INPUT}, other: Tensor[D, V, T]", "Tensor[D, V, broadcast(S, T)]")
