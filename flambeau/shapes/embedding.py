"""Tables looked up by integer tensors, and class numbers spread out.

May import: shapes.errors, shapes.sizes.
"""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.shapes.errors import ShapeError, show
from flambeau.shapes.sizes import Shape, Size, differ, less


def embedding(indices: Sequence[Size], weight: Sequence[Size]) -> Shape:
    """[*] indices into weight [V, D] to [*, D]."""
    if len(weight) != 2:
        raise ShapeError(f"'weight' must be 2-D: embedding weight [num_embeddings, embedding_dim], got {show(weight)}")
    return (*indices, weight[1])


def embedding_bag(
    indices: Sequence[Size],
    weight: Sequence[Size],
    offsets: Sequence[Size] | None = None,
    per_sample_weights: Sequence[Size] | None = None,
    include_last_offset: bool = False,
) -> Shape:
    """[B, n] indices, or [n] with offsets [B], into weight [V, D] to [B, D]. Raises ValueError."""
    if len(weight) != 2:
        raise ShapeError(f"'weight' must be 2-D: embedding_bag weight [num_embeddings, embedding_dim], got {show(weight)}")
    if per_sample_weights is not None and (
        len(per_sample_weights) != len(indices) or any(differ(a, b) for a, b in zip(per_sample_weights, indices))
    ):
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({show(per_sample_weights)}) is not None, then it must have the same shape as"
            f" the input ({show(indices)})"
        )
    if len(indices) == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length"
                f" sequences. However, found offsets of shape {show(offsets)}"
            )
        return (indices[0], weight[1])
    if len(indices) != 1:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {len(indices)}")
    if offsets is None or len(offsets) != 1:
        raise ValueError(f"offsets has to be a 1D Tensor but got {None if offsets is None else show(offsets)}")
    return (offsets[0] - 1 if include_last_offset else offsets[0], weight[1])


def one_hot(indices: Sequence[Size], num_classes: Size) -> Shape:
    """[*] class numbers to [*, num_classes]."""
    if less(num_classes, 1) is True:
        raise ShapeError(f"one_hot: num_classes should be positive, got {num_classes}")
    return (*indices, num_classes)
