"""The names that entries of the tape show: PyTorch's, so that a printed tensor reads `grad_fn=<AddBackward0>`.

An entry gets the name of the primitive (or composite) it is for, unless an operator that PyTorch has one entry for gave it
another. Only `Tensor.grad_fn` and `next_functions` ask. Knows nothing of tensors; imports nothing of flambeau.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["OF_OPERATORS", "full_name", "name_of_entry"]


def _of_contraction(params: tuple[Any, ...], ranks: tuple[int, ...]) -> str:
    names: dict[tuple[int, ...], str] = {(2, 2): "Mm", (3, 3): "Bmm", (2, 1): "Mv", (1, 1): "Dot"}
    return names.get(ranks, "Bmm")


_OF_PRIMITIVES: dict[str, str | Callable[[tuple[Any, ...], tuple[int, ...]], str]] = {
    "reshape": "View",
    "window": "Unfold",
    "concatenate": "Cat",
    "contract": _of_contraction,
    "scan": lambda params, ranks: {"sum": "Cumsum", "prod": "Cumprod"}.get(params[1], "Cummax"),
    "max": "MaxBackward1",
    "sum": lambda params, ranks: "Sum" if len(params[0]) == len(params[1]) else "SumBackward1",
    "mean": lambda params, ranks: "MeanBackward1" if params[0] and ranks and len(params[0]) < ranks[0] else "Mean",
    "index_select_along": "Max",
    "gather": "Gather",
    "where": "Where",
    "cast": "ToCopy",
    "pad": "ConstantPadNd",
    "log1p": "Log1P",
    "real": "Select",
    "imag": "Select",
    "square": "Pow",
    "cross_entropy": "NllLoss",
    "norm": "LinalgVectorNorm",
    "max_pool": lambda params, ranks: f"MaxPool{len(params[0].kernel)}DWithIndices",
    "avg_pool": lambda params, ranks: f"AvgPool{len(params[0].kernel)}D",
    "normal": lambda params, ranks: f"NormalBackward{params[0]}",
    "normalization": "NativeBatchNorm",
    "i1": "SpecialI1",
    "addmm": lambda params, ranks: "View" if max(ranks, default=2) > 2 else "Addmm",
}
"""Of a primitive or composite, where it isn't its own name in capitals: a name (without "Backward0"), or a function of its params
and of its operands' ranks that gives one."""

OF_OPERATORS = {
    "adaptive_avg_pool2d": "AdaptiveAvgPool2D", "addbmm": "Addbmm", "addcdiv": "Addcdiv", "addcmul": "Addcmul",
    "addmm": "Addmm", "addmv": "Addmv", "addr": "Addr", "amax": "Amax", "amin": "Amin", "aminmax": "Aminmax",
    "baddbmm": "Baddbmm", "binary_cross_entropy": "BinaryCrossEntropy",
    "binary_cross_entropy_with_logits": "BinaryCrossEntropyWithLogits", "block_diag": "BlockDiag", "celu": "Celu",
    "cholesky": "Cholesky", "clamp": "ClampBackward1", "clamp_max": "ClampMax", "clamp_min": "ClampMin",
    "clip": "ClampBackward1", "cross": "LinalgCross", "deg2rad": "Deg2Rad", "det": "LinalgDet", "diag_embed": "DiagEmbed",
    "diagonal": "Diagonal", "dist": "Dist", "dropout": "Mul", "eigh": "LinalgEigh", "eigvalsh": "LinalgEigh", "exp2": "Exp2",
    "flip": "Flip", "fmax": "Fmax", "fmin": "Fmin", "frac": "Frac", "glu": "Glu", "group_norm": "NativeGroupNorm",
    "huber_loss": "HuberLoss", "index_add": "IndexAdd", "index_copy": "IndexCopy", "index_fill": "IndexFill",
    "index_put": "IndexPut", "index_reduce": "IndexReduce", "index_select": "IndexSelect", "inv": "LinalgInvEx",
    "kthvalue": "Kthvalue", "layer_norm": "NativeLayerNorm", "ldexp": "Ldexp", "lerp": "Lerp", "log10": "Log10",
    "logaddexp2": "Logaddexp2", "logcumsumexp": "Logcumsumexp", "logit": "Logit", "masked_fill": "MaskedFill",
    "masked_scatter": "MaskedScatter", "masked_select": "MaskedSelect", "matrix_exp": "LinalgMatrixExp", "median": "Median",
    "mode": "Mode", "msort": "Sort", "multi_margin_loss": "MultiMarginLoss", "multilabel_margin_loss": "MultilabelMarginLoss",
    "nan_to_num": "NanToNum", "nanmedian": "Nanmedian", "nansum": "Nansum", "nll_loss": "NllLoss",
    "pixel_shuffle": "PixelShuffle", "pixel_unshuffle": "PixelUnshuffle", "prelu": "PreluKernel", "put": "Put",
    "qr": "LinalgQr", "rad2deg": "Rad2Deg", "renorm": "Renorm", "repeat": "Repeat", "roll": "Roll", "rot90": "Rot90",
    "scatter_add": "ScatterAdd", "scatter_reduce": "ScatterReduce", "sgn": "Sgn", "slogdet": "LinalgSlogdet",
    "smooth_l1_loss": "SmoothL1Loss", "soft_margin_loss": "SoftMarginLoss", "solve": "LinalgSolveEx",
    "solve_triangular": "LinalgSolveTriangular", "sort": "Sort", "square": "Pow", "stack": "Stack", "std_mean": "StdMean",
    "sum_to_size": "Sum", "svd": "LinalgSvd", "svdvals": "LinalgSvd", "take": "Take", "tile": "Repeat", "topk": "Topk",
    "trace": "Trace", "tril": "Tril", "triu": "Triu", "unfold": "Unfold", "var_mean": "VarMean",
}  # fmt: skip
"""Of operators that PyTorch has one entry for and flambeau several: what the last of them shows, as above."""


def name_of_entry(name: str, params: tuple[Any, ...], ranks: tuple[int, ...]) -> str:
    """PyTorch's name of the tape entry of a primitive or composite; `ranks` are those of the operands that are known."""
    title = _OF_PRIMITIVES.get(name)
    if callable(title):
        title = title(params, ranks)
    if title is None:
        title = "".join(part.capitalize() for part in name.split("_"))
    return full_name(title)


def full_name(title: str) -> str:
    """A name of the tables above with "Backward0" where it lacks its own."""
    return title if "Backward" in title else title + "Backward0"
