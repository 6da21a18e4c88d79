"""The forms that `torch` itself gives functions of `nn.functional` where the two signatures differ.

There the order of arguments is another, what training depends on has no default, and what `nn.functional` names by a string is a
number: a reduction is 0 "none", 1 "mean" or 2 "sum". May import what `flambeau.ops` may.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flambeau.dtypes import bool_ as _bool
from flambeau.dtypes import float32 as _float32
from flambeau.nn.functional.adaptive_pooling import adaptive_max_pool1d
from flambeau.nn.functional.convolution import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from flambeau.nn.functional.ctc import ctc_loss
from flambeau.nn.functional.dropout import alpha_dropout, dropout, feature_alpha_dropout, feature_dropout
from flambeau.nn.functional.embedding import embedding, embedding_bag, renormalize
from flambeau.nn.functional.loss import (
    binary_cross_entropy_with_logits,
    cosine_embedding_loss,
    hinge_embedding_loss,
    kl_div,
    margin_ranking_loss,
    poisson_nll_loss,
    triplet_margin_loss,
)
from flambeau.nn.functional.normalization import batch_norm, group_norm, instance_norm, layer_norm
from flambeau.nn.functional.vision import affine_grid, grid_sample
from flambeau.ops.padding import padded_with
from flambeau.ops.positions import pieces
from flambeau.ops.random import rand_like
from flambeau.ops.registry import operator
from flambeau.tensor import Tensor

__all__: list[str] = []


def _named(function: str, argument: str, names: Sequence[str], value: Any) -> str:
    """The string that `nn.functional` has for a number."""
    if not isinstance(value, int):
        raise TypeError(f"{function}(): argument '{argument}' must be int, not {type(value).__name__}")
    if not 0 <= value < len(names):
        choices = ", ".join(f"{number} ({name})" for number, name in enumerate(names))
        raise RuntimeError(f"{function}(): argument '{argument}' must be one of {choices}, got {value}")
    return names[value]


def _reduction(function: str, value: Any) -> str:
    return _named(function, "reduction", ("none", "mean", "sum"), value)


# --- normalization -------------------------------------------------------------------------------------------------------
@operator("batch_norm", method=False)
def _batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Tensor:
    """`nn.functional.batch_norm`."""
    return batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


@operator("instance_norm", method=False)
def _instance_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Tensor:
    """`nn.functional.instance_norm`."""
    return instance_norm(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


@operator("layer_norm", method=False, remembered=True)
def _layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Tensor:
    """`nn.functional.layer_norm`."""
    return layer_norm(input, normalized_shape, weight, bias, eps)


@operator("group_norm", method=False)
def _group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Tensor:
    """`nn.functional.group_norm`."""
    return group_norm(input, num_groups, weight, bias, eps)


# --- dropout -------------------------------------------------------------------------------------------------------------
def _dropout(name: str, function: Callable[..., Tensor]) -> None:
    """`torch.name(input, p, train)`, and `torch.name_` that writes into the input."""

    def dropped(input: Tensor, p: float, train: bool) -> Tensor:
        return function(input, p, train, False)

    def dropped_in_place(input: Tensor, p: float, train: bool) -> Tensor:
        return function(input, p, train, True)

    dropped.__doc__ = f"`nn.functional.{function.__name__}`."
    dropped_in_place.__doc__ = f"`torch.{name}`, written into the input."
    for own, form in ((name, dropped), (name + "_", dropped_in_place)):
        form.__name__ = form.__qualname__ = own
        operator(own, method=False)(form)


_dropout("dropout", dropout)
_dropout("alpha_dropout", alpha_dropout)
_dropout("feature_alpha_dropout", feature_alpha_dropout)
_dropout("feature_dropout", feature_dropout)


# --- tables, padding, pooling, images ------------------------------------------------------------------------------------
@operator("embedding", method=False, remembered=True)
def _embedding(
    weight: Tensor, indices: Tensor, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False
) -> Tensor:
    """`nn.functional.embedding`; a `padding_idx` that no row has means none."""
    padding = padding_idx if isinstance(weight, Tensor) and 0 <= padding_idx < weight.shape[0] else None
    return embedding(indices, weight, padding, scale_grad_by_freq=scale_grad_by_freq, sparse=sparse)


@operator(method=False)
def constant_pad_nd(input: Tensor, pad: Sequence[int], value: complex = 0) -> Tensor:
    """`nn.functional.pad` with a constant."""
    return padded_with(input, pad, value)


@operator("adaptive_max_pool1d", method=False)
def _adaptive_max_pool1d(input: Tensor, output_size: Any) -> tuple[Tensor, Tensor]:
    """`nn.functional.adaptive_max_pool1d`: the maxima and their places."""
    return adaptive_max_pool1d(input, output_size, return_indices=True)


@operator("grid_sampler", "grid_sampler_2d", "grid_sampler_3d", method=False)
def grid_sampler(input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool) -> Tensor:
    """`nn.functional.grid_sample`: interpolation 0 bilinear, 1 nearest, 2 bicubic; padding 0 zeros, 1 border, 2 reflection."""
    mode = _named("grid_sampler", "interpolation_mode", ("bilinear", "nearest", "bicubic"), interpolation_mode)
    outside = _named("grid_sampler", "padding_mode", ("zeros", "border", "reflection"), padding_mode)
    return grid_sample(input, grid, mode, outside, align_corners)


@operator(method=False)
def affine_grid_generator(theta: Tensor, size: Sequence[int], align_corners: bool) -> Tensor:
    """`nn.functional.affine_grid`."""
    return affine_grid(theta, size, align_corners)


# --- losses --------------------------------------------------------------------------------------------------------------
@operator("binary_cross_entropy_with_logits", method=False, remembered=True)
def _binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Tensor | None = None, pos_weight: Tensor | None = None, reduction: int = 1
) -> Tensor:
    """`nn.functional.binary_cross_entropy_with_logits`."""
    name = _reduction("binary_cross_entropy_with_logits", reduction)
    return binary_cross_entropy_with_logits(input, target, weight, reduction=name, pos_weight=pos_weight)


@operator("cosine_embedding_loss", method=False)
def _cosine_embedding_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 1) -> Tensor:
    """`nn.functional.cosine_embedding_loss`."""
    return cosine_embedding_loss(input1, input2, target, margin, reduction=_reduction("cosine_embedding_loss", reduction))


@operator("ctc_loss", method=False)
def _ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: int = 1,
    zero_infinity: bool = False,
) -> Tensor:
    """`nn.functional.ctc_loss`."""
    return ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, _reduction("ctc_loss", reduction), zero_infinity)


@operator("hinge_embedding_loss", method=False)
def _hinge_embedding_loss(input: Tensor, target: Tensor, margin: float = 1.0, reduction: int = 1) -> Tensor:
    """`nn.functional.hinge_embedding_loss`."""
    return hinge_embedding_loss(input, target, margin, reduction=_reduction("hinge_embedding_loss", reduction))


@operator("kl_div", method=False, remembered=True)
def _kl_div(input: Tensor, target: Tensor, reduction: int = 1, *, log_target: bool = False) -> Tensor:
    """`nn.functional.kl_div`, which warns of the mean over elements; here it is the default."""
    name = _reduction("kl_div", reduction)
    each = kl_div(input, target, reduction="none", log_target=log_target)
    return each if name == "none" else each.mean() if name == "mean" else each.sum()


@operator("margin_ranking_loss", method=False)
def _margin_ranking_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 1) -> Tensor:
    """`nn.functional.margin_ranking_loss`."""
    return margin_ranking_loss(input1, input2, target, margin, reduction=_reduction("margin_ranking_loss", reduction))


@operator("poisson_nll_loss", method=False)
def _poisson_nll_loss(input: Tensor, target: Tensor, log_input: bool, full: bool, eps: float, reduction: int) -> Tensor:
    """`nn.functional.poisson_nll_loss`."""
    name = _reduction("poisson_nll_loss", reduction)
    return poisson_nll_loss(input, target, log_input, full, eps=eps, reduction=name)


@operator("triplet_margin_loss", method=False)
def _triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: int = 1,
) -> Tensor:
    """`nn.functional.triplet_margin_loss`."""
    name = _reduction("triplet_margin_loss", reduction)
    return triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap, reduction=name)


# --- what else `torch` has of them -----------------------------------------------------------------------------------------
def _moments(x: Tensor, dims: Sequence[int], eps: float, *weights: Tensor | None) -> tuple[Tensor, Tensor]:
    """Mean and 1/√(variance + eps) over dimensions, which stay with size 1: in the dtype of the weights, or else of x."""
    wide = x.to(x.dtype.real if x.dtype.itemsize > 2 else _float32)
    variance, mean = wide.var(dims, correction=0, keepdim=True), wide.mean(dims, keepdim=True)
    given = next((w.dtype for w in weights if w is not None), x.dtype)
    return mean.to(given), (variance + eps).rsqrt().to(given)


@operator(method=False)
def native_layer_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """`nn.functional.layer_norm`, the means, and the reciprocal standard deviations."""
    y = layer_norm(input, normalized_shape, weight, bias, eps)
    dims = list(range(input.dim() - len(normalized_shape), input.dim()))
    return y, *_moments(input.detach(), dims, eps, weight, bias)


@operator(method=False)
def native_group_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, N: int, C: int, HxW: int, group: int, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """`nn.functional.group_norm` of N·C·HxW elements, the means [N, group], and the reciprocal standard deviations."""
    if input.numel() != N * C * HxW:
        raise RuntimeError(f"Expected X.numel() == N * C * HxW to be true, but got {input.numel()} and {N} * {C} * {HxW}")
    y = group_norm(input, group, weight, bias, eps)
    mean, scale = _moments(input.reshape(N, group, C // group * HxW), [2], eps, weight, bias)
    return y, mean.squeeze(2), scale.squeeze(2)


@operator(method=False)
def native_batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """`nn.functional.batch_norm`, and in training the batch's means and reciprocal standard deviations (else none)."""
    y = batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    if not training:
        return y, input.new_empty((0,)), input.new_empty((0,))
    dims = [d for d in range(input.dim()) if d != 1]
    mean, scale = _moments(input.detach(), dims, eps, weight, bias, running_mean, running_var)
    return y, mean.reshape(-1), scale.reshape(-1)


@operator(method=False)
def native_dropout(input: Tensor, p: float, train: bool | None) -> tuple[Tensor, Tensor]:
    """The tensor with elements zeroed with probability `p` and the others scaled, and which were kept."""
    if not 0 <= p <= 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {p}")
    if train is False or not input.numel():
        return input.clone(), input.new_ones(tuple(input.shape), dtype=_bool)
    if p == 1:
        return input * 0, input.new_zeros(tuple(input.shape), dtype=_bool)
    kept = input.new_ones(tuple(input.shape), dtype=_bool) if p == 0 else rand_like(input) >= p
    return input * kept * (1 / (1 - p)), kept


@operator("embedding_bag", method=False)
def _embedding_bag(
    weight: Tensor,
    indices: Tensor,
    offsets: Tensor,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """`nn.functional.embedding_bag`, which bag each index is in, the bags' sizes, and the places of maxima (none for others)."""
    name = _named("embedding_bag", "mode", ("sum", "mean", "max"), mode)
    rest = (name, sparse, per_sample_weights, include_last_offset, padding_idx)
    y = embedding_bag(indices, weight, offsets, None, 2.0, scale_grad_by_freq, *rest)
    bags = y.shape[0]
    bag = pieces((offsets[:-1] if include_last_offset else offsets).long(), indices.shape[0]).to(indices.dtype)
    counted = bag.new_ones(tuple(indices.shape)) if padding_idx is None else (indices != padding_idx).to(bag.dtype)
    sizes = bag.new_zeros((bags,)).index_add(0, bag, counted)
    return y, bag, sizes, bag.new_zeros((0,))


@operator(method=False)
def embedding_renorm_(input: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> Tensor:
    """Scales, in place, the rows that `indices` names and whose norm is above `max_norm` down to it."""
    renormalize(input, indices, max_norm, norm_type)
    return input


@operator(method=False)
def convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> Tensor:
    """A convolution, or a transposed one, in one, two or three spatial dimensions."""
    rank = weight.dim() - 2
    if not 1 <= rank <= 3:
        raise RuntimeError(f"convolution: expected a weight of 3 to 5 dimensions, got {weight.dim()}")
    if transposed:
        f = (conv_transpose1d, conv_transpose2d, conv_transpose3d)[rank - 1]
        return f(input, weight, bias, stride, padding, output_padding, groups, dilation)
    return (conv1d, conv2d, conv3d)[rank - 1](input, weight, bias, stride, padding, dilation, groups)


@operator(method=False)
def norm_except_dim(v: Tensor, pow: int = 2, dim: int = 0) -> Tensor:
    """The norm over all dimensions but `dim`, whose size stays; over all, as one number, for dim = -1."""
    if dim == -1:
        return v.norm(pow)
    rank = v.dim()
    others = [d for d in range(rank) if d != dim % rank]
    return v.norm(pow, others, keepdim=True) if others else v.abs()
