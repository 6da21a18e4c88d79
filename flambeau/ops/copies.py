"""Copies, and the order in which elements lie in memory. May import what `flambeau.ops` may."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from flambeau.layout import contiguous_format, memory_format, preserve_format
from flambeau.ops.composite import Composite, record
from flambeau.ops.operands import check_tensor, format_argument, strides_like
from flambeau.ops.registry import operator
from flambeau.shapes import strides as rules
from flambeau.tensor import Tensor, from_node

__all__ = ["clone", "contiguous", "dim_order", "is_contiguous"]

_CLONE = Composite("clone", lambda g, y, inputs, params: (g,), saves="")


@operator()
def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy with memory of its own, through which gradients flow; unless told, it lies in memory as the input does.

    >>> torch.zeros(2, 3).t().clone().stride()
    (1, 3)
    >>> torch.zeros(2, 3).t().clone(memory_format=torch.contiguous_format).stride()
    (2, 1)
    """
    check_tensor(input, "clone", "input")
    return record(_CLONE, from_node(input._value(), strides_like(input, memory_format)), (input,))


@operator(namespace=None)
def contiguous(self: Tensor, memory_format: Any = contiguous_format) -> Tensor:
    """The tensor itself if its elements lie in row-major order (or in the given format), else a copy that does."""
    if is_contiguous(self, memory_format):
        return self
    if memory_format is preserve_format:
        raise RuntimeError("preserve memory format is unsupported by the contiguous operator")
    return clone(self, memory_format=memory_format)


@operator(namespace=None)
def is_contiguous(self: Tensor, memory_format: Any = contiguous_format) -> bool:
    """Whether the elements lie densely in row-major order (dimensions of size 1 don't matter), or in the given format."""
    if self._strides is None and memory_format is contiguous_format:
        return True
    return rules.is_contiguous(self._shape, self.stride(), format_argument("is_contiguous", memory_format))


@operator(namespace=None)
def dim_order(self: Tensor, *, ambiguity_check: Any = False) -> tuple[int, ...]:
    """The dimensions from the outermost in memory to the innermost.

    Where sizes of 1 or equal strides allow several orders it is one of them, or with `ambiguity_check` a RuntimeError; with a
    list of memory formats only if not exactly one of those fits.

    >>> torch.empty(2, 3, 5, 7, memory_format=torch.channels_last).dim_order()
    (0, 2, 3, 1)
    """
    formats = ambiguity_check if isinstance(ambiguity_check, list) else []
    if not isinstance(ambiguity_check, (bool, list)) or not all(isinstance(f, memory_format) for f in formats):
        raise TypeError("The ambiguity_check argument must be a bool or a list of memory formats.")
    strides = self.stride()
    is_ambiguous = 1 in self._shape or any(a == b for a, b in pairwise(strides))
    if ambiguity_check is not False and is_ambiguous and sum(is_contiguous(self, f) for f in formats) != 1:
        raise RuntimeError("The tensor does not have unique dim order, or cannot map to exact one of the given memory formats.")
    if ambiguity_check and not rules.has_one_order(self._shape, strides):
        raise RuntimeError("The tensor does not have unique dim order.")
    return rules.dim_order(self._shape, strides)
