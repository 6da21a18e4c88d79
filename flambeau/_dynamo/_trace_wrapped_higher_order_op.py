"""A context that PyTorch needs where a function under `vmap` indexes with numbers that `vmap` maps. May import `absent`."""

from __future__ import annotations

from flambeau.absent import StreamContext

__all__ = ["TransformGetItemToIndex"]


class TransformGetItemToIndex(StreamContext):
    """Does nothing: under `flambeau.vmap` such an index is one of the graph's nodes anyway."""
