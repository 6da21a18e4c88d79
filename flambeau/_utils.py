"""What programs use of `torch._utils`: several tensors' elements as one tensor, and back. May import `flambeau.ops`."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate

from flambeau.ops.joining import cat
from flambeau.tensor import Tensor


def _flatten_dense_tensors(tensors: Iterable[Tensor]) -> Tensor:
    """All elements [n] of the tensors, one after the other."""
    return cat([tensor.reshape(-1) for tensor in tensors])


def _unflatten_dense_tensors(flat: Tensor, tensors: Iterable[Tensor]) -> tuple[Tensor, ...]:
    """Views of the elements of `flat` [n] in the shapes of `tensors`, which were flattened into it."""
    given = tuple(tensors)
    ends = accumulate(tensor.numel() for tensor in given)
    return tuple(flat[end - tensor.numel() : end].view(tensor.shape) for tensor, end in zip(given, ends))
