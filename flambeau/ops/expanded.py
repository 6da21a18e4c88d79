"""Tensors that were expanded, several of whose elements are one in memory. May import `flambeau.tensor`."""

from __future__ import annotations

from flambeau.tensor import Tensor

__all__ = ["first_of", "repeated_dims"]


def repeated_dims(t: Tensor) -> tuple[int, ...]:
    """The dimensions along which a tensor was expanded."""
    return tuple(d for d, (step, n) in enumerate(zip(t.stride(), t._shape)) if step == 0 and n > 1)


def first_of(t: Tensor, dims: tuple[int, ...]) -> Tensor:
    """A view of the first slice along each of some dimensions, which stay."""
    for d in dims:
        t = t.narrow(d, 0, 1)
    return t
