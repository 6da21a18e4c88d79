"""Dropout: functions of the random generator. May import what `flambeau.ops` may."""

from __future__ import annotations

import math
import warnings
from typing import Any

from flambeau.nn.functional.arguments import check_tensor, scalar_name
from flambeau.ops.creation import empty_like
from flambeau.ops.registry import in_place, operator
from flambeau.tensor import Tensor

__all__ = ["alpha_dropout", "dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout", "feature_dropout"]


def _check_probability(p: float) -> None:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _kept(x: Tensor, p: float, by_channel: bool) -> Tensor:
    """Bool: what stays, drawn for each element, or for each channel [N, C, 1, …]."""
    x = x.detach()
    drawn = x.new_empty((*x.shape[:2], *(1,) * (x.ndim - 2))) if by_channel else empty_like(x)
    return drawn.bernoulli_(1 - p) != 0


def _drop(x: Tensor, p: float, by_channel: bool = False) -> Tensor:
    """Zeros with probability p, the rest scaled by 1 / (1 − p)."""
    if p == 1:
        return x * 0.0
    return (x * (1 / (1 - p)))._fill_where(~_kept(x, p, by_channel), 0)


_ALPHA = 1.7580993408473766  # SELU's scale times its alpha: what a saturated unit is


def _alpha_drop(x: Tensor, p: float, by_channel: bool = False) -> Tensor:
    """Dropped elements become SELU's negative saturation, then mean and variance are restored."""
    if p == 1:
        return x * 0.0
    scale = 1 / math.sqrt((_ALPHA * _ALPHA * p + 1) * (1 - p))
    kept = _kept(x, p, by_channel)
    return x._fill_where(~kept, -_ALPHA) * scale + scale * _ALPHA * p


def _run(function: Any, name: str, input: Any, p: float, training: bool, inplace: bool, by_channel: bool) -> Tensor:
    _check_probability(p)
    check_tensor(input, name, "input")
    if not training or p == 0 or input.numel() == 0:
        return input  # itself, also in place: no write is counted
    if input.dtype.category != 2:
        raise RuntimeError(f"result type Float can't be cast to the desired output type {scalar_name(input)}")
    return in_place(function, input, p, by_channel) if inplace else function(input, p, by_channel)


@operator(namespace="nn.functional", method=False)
def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, each element is zero with probability `p` and scaled by 1 / (1 − p) otherwise.

    >>> F.dropout(torch.ones(3), p=0.5, training=False)
    tensor([1., 1., 1.])
    """
    return _run(_drop, "dropout", input, p, training, inplace, False)


@operator(namespace="nn.functional", method=False)
def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout that keeps mean and variance of SELU's outputs (Klambauer et al., 2017)."""
    return _run(_alpha_drop, "alpha_dropout", input, p, training, inplace, False)


@operator(namespace="nn.functional", method=False)
def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """`alpha_dropout` of whole channels."""
    return _run(_alpha_drop, "feature_alpha_dropout", input, p, training, inplace, True)


def _by_channel(name: str, input: Tensor, p: float, training: bool, inplace: bool, spatial: int) -> Tensor:
    """Whole channels of [N, C, …], or of [C, …] where one dimension is missing."""
    _check_probability(p)
    rank = check_tensor(input, name, "input").ndim
    if rank == spatial + 1:
        result = _run(_drop, name, input.unsqueeze(0), p, training, inplace, True)
        return input if inplace else result.squeeze(0)
    return _run(_drop, name, input, p, training, inplace, True)


@operator(namespace="nn.functional", method=False)
def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zeroes whole channels of [N, C, L] or [C, L]."""
    rank = check_tensor(input, "dropout1d", "input").ndim
    if rank not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {rank}D input. Note that dropout1d exists to provide "
            "channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch dimension (i.e. "
            "2D or 3D inputs)."
        )
    return _by_channel("dropout1d", input, p, training, inplace, 1)


@operator(namespace="nn.functional", method=False)
def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zeroes whole channels of [N, C, H, W]."""
    rank = check_tensor(input, "dropout2d", "input").ndim
    if rank not in (3, 4):
        warnings.warn(
            f"dropout2d: Received a {rank}-D input to dropout2d, which is deprecated and will result in an error in a future "
            "release. To retain the behavior and silence this warning, please use dropout instead.",
            stacklevel=2,
        )
    if rank == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired - input "
            "is interpreted as shape (N, C, L), where C is the channel dim. This behavior will change in a future release to "
            "interpret the input as one without a batch dimension, i.e. shape (C, H, W). To maintain the 1D channel-wise dropout "
            "behavior, please switch to using dropout1d instead.",
            stacklevel=2,
        )
    return _run(_drop, "dropout2d", input, p, training, inplace, True)


@operator(namespace="nn.functional", method=False)
def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zeroes whole channels of [N, C, D, H, W] or [C, D, H, W]."""
    rank = check_tensor(input, "dropout3d", "input").ndim
    if rank not in (4, 5):
        warnings.warn(
            f"dropout3d: Received a {rank}-D input to dropout3d, which is deprecated and will result in an error in a future "
            "release. To retain the behavior and silence this warning, please use dropout instead.",
            stacklevel=2,
        )
    return _by_channel("dropout3d", input, p, training, inplace, 3)


def feature_dropout(input: Tensor, p: float, training: bool, inplace: bool) -> Tensor:
    """Zeroes whole channels of [N, C, …]; `nn.functional` has it for each number of dimensions."""
    return _run(_drop, "feature_dropout", input, p, training, inplace, True)
