"""Softmax and its kin, in `nn.functional`'s form. May import what `flambeau.ops` may."""

from __future__ import annotations

import warnings

from flambeau.dtypes import dtype
from flambeau.ops.operands import check_tensor
from flambeau.ops.registry import operator
from flambeau.ops.softmax import log_softmax as _log_softmax
from flambeau.ops.softmax import softmax as _softmax
from flambeau.tensor import Tensor

__all__ = ["gumbel_softmax", "log_softmax", "softmax", "softmin"]


def _implicit_dim(name: str, rank: int, stacklevel: int) -> int:
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        stacklevel=stacklevel + 1,
    )
    return 0 if rank in (0, 1, 3) else 1


@operator(namespace="nn.functional", method=False, out=True, remembered=True)
def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: dtype | None = None) -> Tensor:
    """exp(input) divided by its sum along `dim`; `dtype` is what the input is cast to first.

    >>> F.softmax(torch.tensor([0.0, 0.0]), dim=0)
    tensor([0.5000, 0.5000])
    """
    if dim is None:
        dim = _implicit_dim("softmax", check_tensor(input, "softmax", "input").ndim, _stacklevel)
    return _softmax(input, dim, dtype)


@operator(namespace="nn.functional", method=False, out=True, remembered=True)
def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: dtype | None = None) -> Tensor:
    """The logarithm of `softmax`."""
    if dim is None:
        dim = _implicit_dim("log_softmax", check_tensor(input, "log_softmax", "input").ndim, _stacklevel)
    return _log_softmax(input, dim, dtype)


@operator(namespace="nn.functional", method=False)
def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: dtype | None = None) -> Tensor:
    """The softmax of −input."""
    if dim is None:
        dim = _implicit_dim("softmin", check_tensor(input, "softmin", "input").ndim, _stacklevel)
    return _softmax(-input, dim, dtype)


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
