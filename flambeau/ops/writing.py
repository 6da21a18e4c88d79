"""Writing whole tensors: other tensors, numbers, a Python function's results. May import what `flambeau.ops` may."""

from __future__ import annotations

from typing import Any

from flambeau import dtypes
from flambeau.autograd.entries import CopyBackwards, FillBackward2, ZeroBackward0, entitle
from flambeau.ops.conversion import converted
from flambeau.ops.copies import clone
from flambeau.ops.operands import check_fits, expand, python_number, scalar
from flambeau.ops.registry import check_overlap, operator
from flambeau.shapes.broadcasting import expand as expand_rule
from flambeau.tensor import Tensor, from_bytes

__all__ = ["apply_", "copy_", "fill", "fill_", "map_", "zero_"]


@operator(namespace=None)
def copy_(self: Tensor, other: Any, non_blocking: bool = False) -> Tensor:
    """Writes `other`, broadcast and converted, into this tensor."""
    if not isinstance(other, Tensor):
        value = python_number(other)
        if value is None:
            raise TypeError(f"copy_(): argument 'other' (position 1) must be Tensor, not {other.__class__.__name__}")
        other = scalar(value, dtypes.scalar_dtype(value), self._storage.device)
    if other._storage is self._storage:
        check_overlap(self, other)
    shape = tuple(self._shape)
    if other._shape != shape:
        expand_rule(other._shape, shape)
    is_same = other._storage is self._storage and other._offset == self._offset and other.stride() == self.stride()
    value = converted(other, self._storage.dtype, self._storage.device, False)
    if value is other:
        value = entitle(clone(value), "CopyBackwards")
    return self._assign(expand(value, shape), is_uniform=is_same, overwrite=CopyBackwards)


@operator()
def fill_(self: Tensor, value: Any) -> Tensor:
    """Writes a number (or a zero-dimensional tensor) into every element."""
    if isinstance(value, Tensor):
        if value._shape:
            raise RuntimeError(f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions.")
        return entitle(copy_(self, value), "FillBackward3")
    found = python_number(value)
    if found is None:
        raise TypeError(f"fill_(): argument 'value' (position 1) must be Number, not {value.__class__.__name__}")
    type = self._storage.dtype
    check_fits(found, type)
    return _fill(self, found, FillBackward2)


def _fill(t: Tensor, value: Any, overwrite: type[FillBackward2 | ZeroBackward0]) -> Tensor:
    filled = expand(scalar(value, t._storage.dtype, t._storage.device), tuple(t._shape))
    return t._assign(filled, is_uniform=True, overwrite=overwrite)


@operator()
def zero_(self: Tensor) -> Tensor:
    """Writes zeros."""
    return _fill(self, 0, ZeroBackward0)


@operator(method=False)
def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor like `input` with every element `value`."""
    return clone(input).fill_(value)


@operator(namespace=None)
def apply_(self: Tensor, callable: Any) -> Tensor:
    """Writes a Python function of each element: slow, for the host only."""
    if not self._storage.device.startswith(("cpu", "reference")):
        raise TypeError(f"apply_ is only implemented on CPU tensors, not on {self._storage.device}")
    from flambeau.host import flatten, pack

    found, _ = flatten(self.detach().tolist())
    data = pack([callable(v) for v in found], self.dtype)
    return self._assign(from_bytes(data, self.dtype, self._shape, self._storage.device))


@operator(namespace=None)
def map_(self: Tensor, other: Tensor, callable: Any) -> Tensor:
    """Writes a Python function of each pair of elements: slow, for the host only."""
    if not self._storage.device.startswith(("cpu", "reference")):
        raise TypeError(f"map_ is only implemented on CPU tensors, not on {self._storage.device}")
    from flambeau.host import flatten, pack

    mine, _ = flatten(self.detach().tolist())
    theirs, _ = flatten(expand(other.detach(), tuple(self._shape)).tolist())
    data = pack([callable(a, b) for a, b in zip(mine, theirs)], self.dtype)
    return self._assign(from_bytes(data, self.dtype, self._shape, self._storage.device))
