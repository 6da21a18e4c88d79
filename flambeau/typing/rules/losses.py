"""Losses.

May import `flambeau.shapes`.
"""

from __future__ import annotations

from flambeau.shapes import broadcasting
from flambeau.shapes import losses as losses_rules
from flambeau.typing.rules.kinds import Flag, Shape, Text


def loss(shape: Shape, reduction: Text) -> Shape:
    return losses_rules.reduced(shape, reduction)


def class_loss(input: Shape, target: Shape, reduction: Text) -> Shape:
    return losses_rules.nll_loss(input, target, None, reduction, name="cross_entropy")


def probability_loss(input: Shape, target: Shape, reduction: Text) -> Shape:
    return losses_rules.cross_entropy(input, target, None, reduction, probabilities=True)


def class_or_probability_loss(input: Shape, target: Shape, reduction: Text, classes: Flag) -> Shape:
    """Targets that are integers are classes, others probabilities."""
    return class_loss(input, target, reduction) if classes else probability_loss(input, target, reduction)


def triple_loss(first: Shape, second: Shape, third: Shape, reduction: Text) -> Shape:
    return losses_rules.triplet_margin_loss(first, second, third, reduction)


def ranking_loss(first: Shape, second: Shape, target: Shape, reduction: Text) -> Shape:
    return losses_rules.margin_ranking_loss(first, second, target, reduction)


def cosine_loss(first: Shape, second: Shape, target: Shape, reduction: Text) -> Shape:
    return losses_rules.cosine_embedding_loss(first, second, target, reduction)


def scalar_loss(reduction: Text) -> Shape:
    """A loss of whose shape only the mean and the sum say anything."""
    if reduction == "none":
        raise TypeError("the shape of each example's losses is not known")
    return ()


def divergence(input: Shape, target: Shape, reduction: Text) -> Shape:
    return losses_rules.reduced(broadcasting.broadcast(input, target), "mean" if reduction == "batchmean" else reduction)
