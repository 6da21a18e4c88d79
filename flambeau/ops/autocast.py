"""Mixed precision: which operators `autocast` runs in the lower precision, which in float32 and which in the widest of theirs.

The registry wraps the operators that are listed here. May import `flambeau.tensor`, `flambeau.autograd.modes`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from flambeau.autograd.modes import state
from flambeau.dtypes import float32, float64, promote
from flambeau.tensor import Tensor

__all__ = ["cast_floating", "casting"]

_LOWER = frozenset((
    "addbmm", "addmm", "addmv", "baddbmm", "bilinear", "bmm", "chain_matmul", "conv1d", "conv2d", "conv3d", "conv_transpose1d",
    "conv_transpose2d", "conv_transpose3d", "einsum", "linear", "matmul", "mm", "multi_dot", "mv", "prelu",
    "scaled_dot_product_attention", "tensordot", "vecdot",
))  # fmt: skip
_FLOAT32 = frozenset((
    "adaptive_avg_pool3d", "adaptive_max_pool3d", "avg_pool3d", "binary_cross_entropy", "binary_cross_entropy_with_logits",
    "cdist", "cholesky", "cholesky_ex", "cholesky_inverse", "cholesky_solve", "cond", "cosine_embedding_loss",
    "cross_entropy", "ctc_loss", "eigh", "eigvalsh", "grid_sample", "hinge_embedding_loss", "householder_product",
    "huber_loss", "inv", "inv_ex", "inverse", "kl_div", "l1_loss", "lstsq", "lu_solve", "margin_ranking_loss", "matrix_rank",
    "max_pool3d", "max_unpool2d", "max_unpool3d", "mse_loss", "multi_margin_loss", "multilabel_margin_loss", "nanquantile",
    "nll_loss", "pinverse", "poisson_nll_loss", "prod", "qr", "quantile", "smooth_l1_loss", "soft_margin_loss", "solve",
    "svd", "svdvals", "tensorinv", "tensorsolve", "trace", "triangular_solve", "triplet_margin_loss",
))  # fmt: skip
_WIDEST = frozenset(("cat", "concat", "concatenate", "stack", "index_copy"))


def cast_floating(value: Any, type: Any) -> Any:
    """The floating tensors of an argument, also in lists and tuples, in another dtype; float64 stays."""
    if isinstance(value, Tensor):
        own = value.dtype
        return value.to(type) if own.category == 2 and own is not float64 and own is not type else value
    if isinstance(value, (tuple, list)) and any(isinstance(v, (Tensor, tuple, list)) for v in value):
        cast = [cast_floating(v, type) for v in value]
        return cast if isinstance(value, list) else tuple(cast)
    return value


def _floating(values: Any) -> list[Any]:
    """The dtypes of the floating tensors among arguments."""
    found = []
    for v in values:
        if isinstance(v, Tensor) and v.dtype.category == 2:
            found.append(v.dtype)
        elif isinstance(v, (tuple, list)):
            found += _floating(v)
    return found


def casting(function: Callable[..., Any], namespace: str | None, name: str) -> Callable[..., Any]:
    """The function, casting its arguments inside `autocast`, if it is listed; else itself.

    What it is made of isn't cast again: the lists are about whole operators.
    """
    if namespace not in ("", None, "nn.functional", "linalg"):
        return function
    name = name.removesuffix("_")
    if name not in _LOWER and name not in _FLOAT32 and name not in _WIDEST:
        return function

    @functools.wraps(function)
    def cast(*args: Any, **kwargs: Any) -> Any:
        lower = state.autocast
        if lower is None:
            return function(*args, **kwargs)
        if name in _LOWER:
            type = lower
        elif name in _FLOAT32:
            type = float32
        else:
            found = _floating((*args, *kwargs.values()))
            type = functools.reduce(promote, found) if found else float32
        state.autocast = None
        try:
            return function(*[cast_floating(a, type) for a in args], **{k: cast_floating(v, type) for k, v in kwargs.items()})
        finally:
            state.autocast = lower

    return cast
