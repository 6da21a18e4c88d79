"""Shapes of losses: targets that must fit the input, and the reduction of the result.

May import: shapes.broadcasting, shapes.errors, shapes.sizes.
"""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.shapes.broadcasting import broadcast
from flambeau.shapes.errors import ShapeError, show
from flambeau.shapes.sizes import Shape, Size, differ, shapes_equal

REDUCTIONS = ("none", "mean", "sum")


def reduced(shape: Sequence[Size], reduction: str = "mean") -> Shape:
    """The losses of all elements, or one number. Raises ValueError for an unknown reduction."""
    if reduction not in REDUCTIONS:
        raise ValueError(f"{reduction} is not a valid value for reduction: expected 'none', 'mean' or 'sum'")
    return tuple(shape) if reduction == "none" else ()


def elementwise_loss(input: Sequence[Size], target: Sequence[Size], reduction: str = "mean") -> Shape:
    """Input and target broadcast: mse, l1, smooth l1, huber, KL divergence, Poisson, soft margin."""
    return reduced(broadcast(input, target), reduction)


def same_size_loss(input: Sequence[Size], target: Sequence[Size], reduction: str = "mean", *, logits: bool = False) -> Shape:
    """Target and input of one size: binary cross entropy. Raises ValueError."""
    if len(input) != len(target) or any(differ(a, b) for a, b in zip(input, target)):
        wanted, given = f"torch.Size({show(input)})", f"torch.Size({show(target)})"
        if logits:
            raise ValueError(f"Target size ({given}) must be the same as input size ({wanted})")
        raise ValueError(
            f"Using a target size ({given}) that is different to the input size ({wanted}) is deprecated. Please"
            " ensure they have the same size."
        )
    return reduced(input, reduction)


def nll_loss(
    input: Sequence[Size],
    target: Sequence[Size],
    weight: Sequence[Size] | None = None,
    reduction: str = "mean",
    *,
    name: str = "nll_loss",
) -> Shape:
    """input [C], [N, C] or [N, C, d1, …] and class numbers [], [N] or [N, d1, …]; weight [C]."""
    if not input:
        raise ShapeError(f"{name}: input must have at least one dimension [C] or [N, C, ...], got a scalar")
    classes = input[0] if len(input) == 1 else input[1]
    if weight is not None and (len(weight) != 1 or differ(weight[0], classes)):
        raise ShapeError(
            f"weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of shape:"
            f" {show(weight)}"
        )
    if len(input) <= 2:
        if len(target) > 1 or (len(input) == 2 and not target):
            raise ShapeError(
                f"0D or 1D target tensor expected, multi-target not supported: {name} of input {show(input)} and target"
                f" {show(target)}"
            )
        if len(input) == 1:
            if target and differ(target[0], 1):
                raise ValueError(f"For 1D input, 1D target must have size 1, but got target size: {target[0]}")
            return reduced((), reduction)
    expected = (input[0], *input[2:])
    if target and differ(input[0], target[0]):
        raise ValueError(f"Expected input batch_size ({input[0]}) to match target batch_size ({target[0]}).")
    if len(target) != len(expected) or any(differ(a, b) for a, b in zip(expected, target)):
        raise ShapeError(f"Expected target size {show(expected)}, got {show(target)} ({name} of input {show(input)})")
    return reduced(target, reduction)


def linear_cross_entropy(input: Sequence[Size], weight: Sequence[Size], bias: Sequence[Size] | None = None) -> Shape:
    """The shape of the scores [N, C, ...] that weight [C, ..., I] and bias [C, ...] make of input [N, I] or [I]."""
    if len(input) not in (1, 2):
        raise ShapeError(f"expected input with dimensionality 1 or 2, got {len(input)}")
    if len(weight) < 2:
        raise ShapeError(f"expected linear_weight with dimensionality at least 2, got {len(weight)}")
    if differ(input[-1], weight[-1]):
        raise ShapeError(
            "expected equal input and linear_weight last dimensions (in_features), "
            f"got {input[-1]} and {weight[-1]}, respectively"
        )
    if bias is not None and (len(bias) != len(weight) - 1 or any(differ(a, b) for a, b in zip(bias, weight))):
        raise ShapeError(f"expected linear_bias shape {show(weight[:-1])}, got {show(bias)}")
    if len(weight) > 2 and len(input) == 1:
        raise ShapeError(
            f"K-dimensional loss defined by linear_weight shape {show(weight)} requires batched input, (N, {input[-1]}), "
            f"got unbatched input with shape {show(input)}"
        )
    return (*input[:-1], *weight[:-1])


def cross_entropy(
    input: Sequence[Size],
    target: Sequence[Size],
    weight: Sequence[Size] | None = None,
    reduction: str = "mean",
    *,
    probabilities: bool = False,
) -> Shape:
    """As `nll_loss`; where the target holds probabilities (is floating), it has the input's shape."""
    if not probabilities:
        if input and shapes_equal(input, target) is True:
            raise ShapeError(
                f"Expected floating point type for target with class probabilities (input and target are both {show(input)}), got"
                " integers"
            )
        return nll_loss(input, target, weight, reduction, name="cross_entropy")
    if not input:
        raise ShapeError("cross_entropy: input must have at least one dimension [C] or [N, C, ...], got a scalar")
    if len(input) != len(target) or any(differ(a, b) for a, b in zip(input, target)):
        raise ShapeError(
            f"cross_entropy: target probabilities {show(target)} must have the input's shape {show(input)}; class numbers must be"
            " integers"
        )
    classes = input[0] if len(input) == 1 else input[1]
    if weight is not None and (len(weight) != 1 or differ(weight[0], classes)):
        raise ShapeError(
            f"cross_entropy: weight tensor should be defined either for all {classes} classes or no classes but got weight tensor"
            f" of shape: {show(weight)}"
        )
    return reduced((*input[:1], *input[2:]) if len(input) > 1 else (), reduction)


def multi_margin_loss(
    input: Sequence[Size], target: Sequence[Size], weight: Sequence[Size] | None = None, reduction: str = "mean"
) -> Shape:
    """input [N, C] or [C] (or [], one class), target [N] or []."""
    if len(input) > 2:
        raise ShapeError(
            f"multi_margin_loss: expected non-empty vector or matrix with optional 0-dim batch size, but got: {show(input)}"
        )
    count = input[0] if len(input) == 2 else 1
    if len(target) > 1 or (len(input) == 2 and (not target or differ(target[0], count))) or (target and differ(target[0], count)):
        raise ShapeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples (batch size). Expected"
            f" target size [{count}], but got {show(target)}. Input has shape {show(input)}."
        )
    classes = input[-1] if input else 1
    if weight is not None and len(weight) != 1:
        raise ValueError("weight must be one-dimensional")
    if weight is not None and differ(weight[0], classes):
        raise ShapeError(f"inconsistent weight size, expected {classes} but got {show(weight)}")
    return reduced(target, reduction)


def multilabel_margin_loss(input: Sequence[Size], target: Sequence[Size], reduction: str = "mean") -> Shape:
    """input and target [N, C] or [C]."""
    if len(input) > 2 or len(input) != len(target) or any(differ(a, b) for a, b in zip(input, target)):
        raise ShapeError(f"inconsistent target size: {show(target)} for input of size: {show(input)}")
    return reduced(input[:-1] if len(input) == 2 else (), reduction)


def margin_ranking_loss(input1: Sequence[Size], input2: Sequence[Size], target: Sequence[Size], reduction: str = "mean") -> Shape:
    """Two rankings and ±1, of one rank, broadcast."""
    if len(input1) != len(input2) or len(input1) != len(target):
        raise ShapeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: input1:"
            f" {show(input1)}, input2: {show(input2)}, target: {show(target)}"
        )
    return reduced(broadcast(input1, input2, target), reduction)


def cosine_embedding_loss(
    input1: Sequence[Size], input2: Sequence[Size], target: Sequence[Size], reduction: str = "mean"
) -> Shape:
    """inputs [N, D] with target [N], or [D] with []."""
    if len(target) > 1:
        raise ShapeError(f"0D or 1D target tensor expected, multi-target not supported: target {show(target)}")
    expected = len(target) + 1
    if len(input1) != expected or len(input2) != expected:
        raise ShapeError(
            f"{len(target)}D target tensor expects {expected}D input tensors, but found inputs with sizes {show(input1)} and"
            f" {show(input2)}."
        )
    return reduced(broadcast(broadcast(input1, input2)[:-1], target), reduction)


def triplet_margin_loss(
    anchor: Sequence[Size], positive: Sequence[Size], negative: Sequence[Size], reduction: str = "mean"
) -> Shape:
    """[..., D] each, of one rank; the distance is along D."""
    if not len(anchor) == len(positive) == len(negative):
        raise ShapeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: anchor"
            f" {len(anchor)}D, positive {len(positive)}D, and negative {len(negative)}D inputs"
        )
    return reduced(broadcast(anchor, positive, negative)[:-1], reduction)


def ctc_loss(
    log_probs: Sequence[Size],
    targets: Sequence[Size],
    input_lengths: Sequence[Size],
    target_lengths: Sequence[Size],
    reduction: str = "mean",
) -> Shape:
    """log_probs [T, N, C] or [T, C]; targets [N, S] or [sum of lengths]; lengths [N]."""
    if len(log_probs) not in (2, 3):
        raise ShapeError(f"ctc_loss: log_probs must be [T, N, C] or [T, C], got {show(log_probs)}")
    batch = log_probs[1] if len(log_probs) == 3 else 1
    for name, lengths in (("input_lengths", input_lengths), ("target_lengths", target_lengths)):
        count = lengths[0] if len(lengths) == 1 else 1
        if len(lengths) > 1 or differ(count, batch):
            raise ShapeError(f"ctc_loss: {name} must be of size batch_size ({batch}), got {show(lengths)}")
    if len(targets) == 2 and differ(targets[0], batch):
        raise ShapeError(f"ctc_loss: targets {show(targets)} do not fit the batch size {batch}")
    return reduced((batch,) if len(log_probs) == 3 else (), reduction)
