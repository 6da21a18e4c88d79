"""Losses of regression and of binary targets. May import what `flambeau.ops` may."""

from __future__ import annotations

import math
import warnings
from typing import Any

from flambeau.autograd.modes import state
from flambeau.dtypes import promote
from flambeau.nn._reduction import legacy_get_string
from flambeau.nn.functional.activation import logsigmoid
from flambeau.nn.functional.arguments import check_tensor
from flambeau.nn.functional.distance import cosine_distance, pairwise_distance
from flambeau.ops.composite import Composite, record, untaped
from flambeau.ops.operands import operands, refuse
from flambeau.ops.registry import operator, scalar_name
from flambeau.shapes import losses as rules
from flambeau.shapes.broadcasting import broadcast_into
from flambeau.shapes.losses import REDUCTIONS
from flambeau.storage import may_look
from flambeau.tensor import Tensor

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cosine_embedding_loss", "gaussian_nll_loss",
    "hinge_embedding_loss", "huber_loss", "kl_div", "l1_loss", "margin_ranking_loss", "mse_loss", "poisson_nll_loss",
    "smooth_l1_loss", "soft_margin_loss", "triplet_margin_loss", "triplet_margin_with_distance_loss",
]  # fmt: skip


def reduction_of(reduction: str, size_average: bool | None = None, reduce: bool | None = None) -> str:
    """The reduction, from the deprecated arguments where given. Raises ValueError for an unknown one."""
    if size_average is not None or reduce is not None:
        return legacy_get_string(size_average, reduce)
    if reduction not in REDUCTIONS:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return reduction


def reduced(loss: Tensor, reduction: str) -> Tensor:
    """The losses, their mean or their sum."""
    return loss if reduction == "none" else loss.mean() if reduction == "mean" else loss.sum()


def _pair(name: str, input: Any, target: Any, warns: bool = True, expanded: bool = False) -> tuple[Tensor, Tensor]:
    """Input and target, broadcast; PyTorch warns when their sizes differ. `expanded`: a number counts as much for the dtype as
    a tensor with dimensions, since PyTorch expands it first."""
    check_tensor(input, name, "input", 1)
    check_tensor(target, name, "target", 2)
    if warns and input._shape != target._shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). This will likely lead to "
            "incorrect results due to broadcasting. Please ensure they have the same size.",
            stacklevel=3,
        )
    rules.elementwise_loss(tuple(input._shape), tuple(target._shape))
    a, b = operands(name, input, target, type=promote(input.dtype, target.dtype) if expanded else None)
    return a, b


def _weighted(loss: Tensor, weight: Tensor | None, reduction: str, shape: tuple[int, ...]) -> Tensor:
    """A loss with a weight for each element; the mean is divided by the weights' sum."""
    if weight is None:
        return reduced(loss, reduction)
    if tuple(weight._shape) != shape:
        raise ValueError("Weights and input must have the same size.")
    weighted = loss * weight
    return weighted.sum() / weight.sum() if reduction == "mean" else reduced(weighted, reduction)


def _squared_gradient(g: Tensor, y: Any, inputs: Any, params: tuple[Any, ...]) -> list[Any]:
    a, b = inputs
    (scale,) = params
    return [lambda: (a - b) * (g * (2 * scale)), lambda: (b - a) * (g * (2 * scale))]


_MSE = Composite("mse_loss", _squared_gradient)


@operator(namespace="nn.functional", method=False, remembered=True)
def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """(input − target)².

    >>> F.mse_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(2.)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    a, b = _pair("mse_loss", input, target, expanded=True)
    refuse(a, "mse_cpu", bool, int, complex)
    if weight is not None:
        return _weighted((a - b) * (a - b), weight, reduction, tuple(input._shape))
    with untaped():
        difference = a - b
        loss = reduced(difference * difference, reduction)
    scale = 1 / a.numel() if reduction == "mean" and a.numel() else 1
    return record(_MSE, loss, (a, b), (scale,))


@operator(namespace="nn.functional", method=False, remembered=True)
def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """|input − target|."""
    reduction = reduction_of(reduction, size_average, reduce)
    a, b = _pair("l1_loss", input, target, expanded=True)
    return _weighted((a - b).abs(), weight, reduction, tuple(input._shape))


@operator(namespace="nn.functional", method=False, remembered=True)
def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """d²/(2·beta) where d = |input − target| is below `beta`, else d − beta/2."""
    reduction = reduction_of(reduction, size_average, reduce)
    a, b = _pair("smooth_l1_loss", input, target, expanded=True)
    refuse(a, "smooth_l1_cpu", bool, int, complex)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    distance = (a - b).abs()
    if beta == 0:
        return reduced(distance, reduction)
    return reduced((distance * distance * (0.5 / beta)).where(distance < beta, distance - 0.5 * beta), reduction)


@operator(namespace="nn.functional", method=False, remembered=True)
def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """d²/2 where d = |input − target| is at most `delta`, else delta·(d − delta/2)."""
    reduction = reduction_of(reduction)
    a, b = _pair("huber_loss", input, target, expanded=True)
    refuse(a, "huber_cpu", bool, int, complex)
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    distance = (a - b).abs()
    loss = (distance * distance * 0.5).where(distance <= delta, (distance - 0.5 * delta) * delta).to(input.dtype)
    if weight is not None:
        if tuple(weight._shape) != tuple(input._shape):
            raise ValueError("Weights and input must have the same size.")
        loss = loss * weight  # whose mean is not divided by the weights' sum, unlike that of the other losses
    return reduced(loss, reduction)


@operator(namespace="nn.functional", method=False, remembered=True)
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """target·(log target − input), the input being log-probabilities; "batchmean" divides the sum by the first dimension."""
    if size_average is not None or reduce is not None:
        reduction = legacy_get_string(size_average, reduce)
    is_batch_mean = reduction == "batchmean"
    if reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size."
            "'batchmean' divides only by the batch size, and aligns with the KL div math definition."
            "'mean' will be changed to behave the same as 'batchmean' in the next major release.",
            stacklevel=2,
        )
    a, b = _pair("kl_div", input, target, warns=False)
    loss = b.exp() * (b - a) if log_target else b.xlogy(b) - b * a
    if is_batch_mean:
        total = loss.sum()
        return total / input.shape[0] if input.ndim else total
    return reduced(loss, reduction_of(reduction))


@operator(namespace="nn.functional", method=False)
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """exp(input) − target·input, or input − target·log(input + eps); with `full`, Stirling's term for target > 1."""
    if size_average is not None or reduce is not None:
        reduction = legacy_get_string(size_average, reduce)
    a, b = _pair("poisson_nll_loss", input, target, warns=False)
    loss = a.exp() - b * a if log_input else a - b * (a + eps).log()
    if full:
        stirling = b * b.log() - b + (b * (2 * math.pi)).log() * 0.5
        loss = loss + stirling._fill_where(b <= 1, 0)
    return reduced(loss, reduction_of(reduction))


@operator(namespace="nn.functional", method=False)
def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Tensor | float, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """(log var + (input − target)²/var)/2, `var` counting at least `eps`; with `full`, plus log(2π)/2."""
    check_tensor(input, "gaussian_nll_loss", "input", 1)
    if may_look(input._storage.device) and (bool((var < 0).any()) if isinstance(var, Tensor) else var < 0):
        raise ValueError("var has negative entry/entries")
    variance = var if isinstance(var, Tensor) else input.detach().new_full(input.shape, var)
    if variance.shape != input.shape:
        if tuple(input.shape[:-1]) == tuple(variance.shape):
            variance = variance.unsqueeze(-1)
        elif variance.ndim != input.ndim or any(m not in (1, n) for m, n in zip(variance.shape, input.shape)):
            raise ValueError("var is of incorrect size")
    if reduction not in REDUCTIONS:
        raise ValueError(reduction + " is not valid")
    # The floor on the variance must not take its gradient away.
    variance = variance + (variance.detach().clamp_min(eps) - variance.detach())
    difference = input - target
    loss = (variance.log() + difference * difference / variance) * 0.5
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduced(loss, reduction)


@operator(namespace="nn.functional", method=False)
def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """input where target is 1, max(0, margin − input) where it is −1."""
    reduction = reduction_of(reduction, size_average, reduce)
    a, b = _pair("hinge_embedding_loss", input, target, warns=False)
    far = (margin - a).clamp_min(0)._fill_where(b == 1, 0)
    return reduced((far + a._fill_where(b == -1, 0)).to(input.dtype), reduction)


@operator(namespace="nn.functional", method=False)
def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """log(1 + exp(−target·input))."""
    reduction = reduction_of(reduction, size_average, reduce)
    a, b = _pair("soft_margin_loss", input, target, warns=False)
    broadcast_into(tuple(target._shape), tuple(input._shape))
    if a.dtype.category < 2:
        raise RuntimeError(f"result type Float can't be cast to the desired output type {scalar_name(a)}")
    return reduced((-b * a).exp().log1p().to(input.dtype), reduction)


@operator(namespace="nn.functional", method=False, remembered=True)
def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """−(target·log input + (1 − target)·log(1 − input)), the logarithms counting at least −100."""
    reduction = reduction_of(reduction, size_average, reduce)
    check_tensor(input, "binary_cross_entropy", "input", 1)
    check_tensor(target, "binary_cross_entropy", "target", 2)
    rules.same_size_loss(tuple(input._shape), tuple(target._shape))
    if input.dtype is not target.dtype:
        from flambeau.ops.registry import scalar_name

        raise RuntimeError(f"Found dtype {scalar_name(target)} but expected {scalar_name(input)}")
    if may_look(input._storage.device) and not bool(((input >= 0) & (input <= 1)).all()):
        raise RuntimeError("all elements of input should be between 0 and 1")
    with untaped():
        loss = (target - 1) * (-input).log1p().clamp_min(-100) - target * input.log().clamp_min(-100)
    loss = record(_BCE, loss, (input, target))
    if weight is not None:
        loss = loss * weight.expand(input.shape)
    return reduced(loss, reduction)


_BCE = Composite(
    "binary_cross_entropy",
    # PyTorch's own: the denominator counts at least 1e-12.
    lambda g, y, inputs, params: (
        lambda: g * (inputs[0] - inputs[1]) / ((1 - inputs[0]) * inputs[0]).clamp_min(1e-12),
        lambda: g * ((-inputs[0]).log1p() - inputs[0].log()),
    ),
)


@operator(namespace="nn.functional", method=False, remembered=True)
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Binary cross entropy of sigmoid(input), computed without overflow; `pos_weight` scales the positive term.

    >>> F.binary_cross_entropy_with_logits(torch.tensor([0.0]), torch.tensor([1.0]))
    tensor(0.6931)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    check_tensor(input, "binary_cross_entropy_with_logits", "input", 1)
    check_tensor(target, "binary_cross_entropy_with_logits", "target", 2)
    rules.same_size_loss(tuple(input._shape), tuple(target._shape), logits=True)
    for name, t in (("weight", weight), ("pos_weight", pos_weight)):
        if t is not None and t.requires_grad and state.enabled:
            raise RuntimeError(
                f"The function 'binary_cross_entropy_with_logits' is not differentiable with respect to argument '{name}'. This "
                "input cannot have requires_grad True."
            )
    if pos_weight is None:
        loss = (1 - target) * input - logsigmoid(input)
    else:
        loss = (1 - target) * input - ((pos_weight - 1) * target + 1) * logsigmoid(input)
    if weight is not None:
        loss = loss * weight
    return reduced(loss, reduction)


@operator(namespace="nn.functional", method=False)
def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, −target·(input1 − input2) + margin)."""
    reduction = reduction_of(reduction, size_average, reduce)
    rules.margin_ranking_loss(tuple(input1.shape), tuple(input2.shape), tuple(target.shape))
    return reduced((-target * (input1 - input2) + margin).clamp_min(0), reduction)


@operator(namespace="nn.functional", method=False)
def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """1 − cos where target is 1, max(0, cos − margin) where it is −1."""
    reduction = reduction_of(reduction, size_average, reduce)
    rules.cosine_embedding_loss(tuple(input1.shape), tuple(input2.shape), tuple(target.shape))
    cosine = cosine_distance(input1, input2)
    near = (1 - cosine)._fill_where(target != 1, 0)
    far = (cosine - margin).clamp_min(0)._fill_where(target != -1, 0)
    return reduced(near + far, reduction)


@operator(namespace="nn.functional", method=False)
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, d(anchor, positive) − d(anchor, negative) + margin), d the p-norm distance along the last dimension."""
    reduction = reduction_of(reduction, size_average, reduce)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")

    def distance(a: Tensor, b: Tensor) -> Tensor:
        return pairwise_distance(a, b, p, eps)

    return _triplet(anchor, positive, negative, distance, margin, swap, reduction)


@operator(namespace="nn.functional", method=False)
def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Any = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """`triplet_margin_loss` with a distance of one's own."""
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    return _triplet(anchor, positive, negative, distance_function or pairwise_distance, margin, swap, reduction_of(reduction))


def _triplet(
    anchor: Tensor, positive: Tensor, negative: Tensor, distance: Any, margin: float, swap: bool, reduction: str
) -> Tensor:
    rules.triplet_margin_loss(tuple(anchor.shape), tuple(positive.shape), tuple(negative.shape))
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = far.minimum(distance(positive, negative))
    return reduced((near - far + margin).clamp_min(0), reduction)
