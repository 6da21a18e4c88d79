"""Softmax and its logarithm along a dimension, each one entry on the tape. May import what `flambeau.ops` may."""

from __future__ import annotations

import math
from typing import Any

from flambeau.dtypes import dtype
from flambeau.ops.composite import Composite, computed, record
from flambeau.ops.formula import in_wide
from flambeau.ops.operands import cast, check_tensor
from flambeau.ops.registry import operator, scalar_name
from flambeau.shapes.dims import wrap_dim
from flambeau.size import contiguous_strides
from flambeau.tensor import Tensor

__all__ = ["log_softmax", "softmax"]


def _softmax(x: Tensor, dim: int) -> Tensor:
    e = (x - x.amax(dim, keepdim=True)).exp()
    return e * e.sum(dim, keepdim=True).reciprocal()  # one division a row; the sum is at least 1


def _safe_softmax(x: Tensor, dim: int) -> Tensor:
    return _softmax(x, dim)._fill_where(x.amax(dim, keepdim=True) == -math.inf, 0)


def _log_softmax(x: Tensor, dim: int) -> Tensor:
    shifted = x - x.amax(dim, keepdim=True)
    return shifted - shifted.exp().sum(dim, keepdim=True).log()


def _softmax_gradient(g: Tensor, y: Tensor, dim: int) -> Tensor:
    gy = g * y
    return gy - y * gy.sum(dim, keepdim=True)


_SOFTMAX, _SAFE_SOFTMAX = (
    Composite(
        name,
        lambda g, y, inputs, params: (in_wide(lambda g, y: _softmax_gradient(g, y, *params), g, y),),
        saves="output",
    )
    for name in ("softmax", "safe_softmax")
)
_LOG_SOFTMAX = Composite(
    "log_softmax",
    lambda g, y, inputs, params: (in_wide(lambda g, y: g - y.exp() * g.sum(params[0], keepdim=True), g, y),),
    saves="output",
)


def _along(composite: Composite, function: Any, input: Any, dim: int, type: dtype | None) -> Tensor:
    """A softmax-like function along a dimension, after a cast to `type`."""
    name = composite.name
    x = check_tensor(input, name, "input")
    if type is not None:
        x = cast(x, type)
    if x._storage.dtype.category != 2:
        raise NotImplementedError(f"\"{name}_lastdim_kernel_impl\" not implemented for '{scalar_name(x)}'")
    dim = wrap_dim(dim, x.ndim)

    def wide(x: Tensor, dim: int) -> Tensor:
        if x.numel() == 0:
            return x.clone()
        return in_wide(lambda x: function(x, dim), x)

    (y,) = computed(composite, wide, (x,), (dim,))
    y = y._laid_out(contiguous_strides(y._shape))  # whatever the input's order, as in PyTorch
    return record(composite, y, (x,), (dim if x.ndim else (),))


@operator(out="exact", remembered=True)
def softmax(input: Tensor, dim: int, dtype: dtype | None = None) -> Tensor:
    """exp(input) divided by its sum along `dim`."""
    return _along(_SOFTMAX, _softmax, input, dim, dtype)


@operator("_safe_softmax", method=False)
def safe_softmax(input: Tensor, dim: int, dtype: dtype | None = None) -> Tensor:
    """`softmax`, with zeros (and gradients of zeros) along rows that are -∞ throughout."""
    return _along(_SAFE_SOFTMAX, _safe_softmax, input, dim, dtype)


@operator(out="exact", remembered=True)
def log_softmax(input: Tensor, dim: int, dtype: dtype | None = None) -> Tensor:
    """The logarithm of `softmax` along `dim`."""
    return _along(_LOG_SOFTMAX, _log_softmax, input, dim, dtype)
