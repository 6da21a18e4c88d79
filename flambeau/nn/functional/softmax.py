"""Softmax and its kin, each one entry on the tape. May import what `flambeau.ops` may."""

from __future__ import annotations

import warnings
from typing import Any

from flambeau.dtypes import dtype
from flambeau.nn.functional.arguments import as_tensor_argument, check_floating
from flambeau.nn.functional.formula import in_wide
from flambeau.ops.composite import Composite, record, untaped
from flambeau.ops.operands import cast
from flambeau.ops.registry import operator
from flambeau.shapes.dims import wrap_dim
from flambeau.tensor import Tensor

__all__ = ["gumbel_softmax", "log_softmax", "softmax", "softmin"]


def _softmax(x: Tensor, dim: int) -> Tensor:
    e = (x - x.amax(dim, keepdim=True)).exp()
    return e / e.sum(dim, keepdim=True)


def _log_softmax(x: Tensor, dim: int) -> Tensor:
    shifted = x - x.amax(dim, keepdim=True)
    return shifted - shifted.exp().sum(dim, keepdim=True).log()


def _softmax_gradient(g: Tensor, y: Tensor, dim: int) -> Tensor:
    gy = g * y
    return gy - y * gy.sum(dim, keepdim=True)


_SOFTMAX = Composite(
    "softmax",
    lambda g, y, inputs, params: (in_wide(lambda g, y: _softmax_gradient(g, y, *params), g, y),),
    saves="output",
)
_LOG_SOFTMAX = Composite(
    "log_softmax",
    lambda g, y, inputs, params: (in_wide(lambda g, y: g - y.exp() * g.sum(params[0], keepdim=True), g, y),),
    saves="output",
)


def _along(composite: Composite, function: Any, input: Any, dim: int, type: dtype | None) -> Tensor:
    """A softmax-like function along a dimension, after a cast to `type`."""
    name = composite.name
    x = as_tensor_argument(input, name, "input")
    if type is not None:
        x = cast(x, type)
    check_floating(f"{name}_lastdim_kernel_impl", x)
    dim = wrap_dim(dim, x.ndim)
    with untaped():
        if x.numel() == 0:
            y = x.clone()
        elif x.ndim == 0:
            y = x.reshape(1)
            y = in_wide(lambda x: function(x, 0), y).reshape(())
        else:
            y = in_wide(lambda x: function(x, dim), x)
    return record(composite, y, (x,), (dim if x.ndim else (),))


def _implicit_dim(name: str, rank: int, stacklevel: int) -> int:
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        stacklevel=stacklevel + 1,
    )
    return 0 if rank in (0, 1, 3) else 1


@operator(namespace="nn.functional", method=False)
def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: dtype | None = None) -> Tensor:
    """exp(input) divided by its sum along `dim`; `dtype` is what the input is cast to first."""
    if dim is None:
        dim = _implicit_dim("softmax", as_tensor_argument(input, "softmax", "input").ndim, _stacklevel)
    return _along(_SOFTMAX, _softmax, input, dim, dtype)


@operator(namespace="nn.functional", method=False)
def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: dtype | None = None) -> Tensor:
    """The logarithm of `softmax`."""
    if dim is None:
        dim = _implicit_dim("log_softmax", as_tensor_argument(input, "log_softmax", "input").ndim, _stacklevel)
    return _along(_LOG_SOFTMAX, _log_softmax, input, dim, dtype)


@operator("softmax")
def _softmax_method(input: Tensor, dim: int, dtype: dtype | None = None) -> Tensor:
    """exp(input) divided by its sum along `dim`."""
    return _along(_SOFTMAX, _softmax, input, dim, dtype)


@operator("log_softmax")
def _log_softmax_method(input: Tensor, dim: int, dtype: dtype | None = None) -> Tensor:
    """The logarithm of `softmax` along `dim`."""
    return _along(_LOG_SOFTMAX, _log_softmax, input, dim, dtype)


@operator(namespace="nn.functional", method=False)
def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: dtype | None = None) -> Tensor:
    """The softmax of −input."""
    if dim is None:
        dim = _implicit_dim("softmin", as_tensor_argument(input, "softmin", "input").ndim, _stacklevel)
    return _along(_SOFTMAX, _softmax, -input, dim, dtype)


@operator(namespace="nn.functional", method=False)
def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """A sample near a corner of the simplex: softmax((logits + Gumbel noise) / tau).

    With `hard` it is a one-hot vector whose gradient is the soft sample's. `eps` has no effect, as in PyTorch.
    """
    noise = -logits.detach().new_empty(logits.shape).exponential_().log()
    soft = softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    index = soft.detach().argmax(dim, keepdim=True)
    return soft.detach().new_zeros(soft.shape).scatter(dim, index, 1.0) - soft.detach() + soft
