"""Writing whole tensors: other tensors, numbers, a Python function's results. May import what `flambeau.ops` may."""

from __future__ import annotations

from typing import Any

from flambeau import dtypes
from flambeau.autograd.entries import CopyBackwards, FillBackward2, ZeroBackward0, entitle
from flambeau.host import flatten, pack
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
    """Writes a Python function of each element: slow, for the host only.

    >>> torch.arange(3).apply_(lambda x: x * x)
    tensor([0, 1, 4])
    """
    return _write_called("apply_", self, callable, self)


@operator(namespace=None)
def map_(self: Tensor, other: Tensor, callable: Any) -> Tensor:
    """Writes a Python function of each pair of elements, `other` broadcast to this tensor's shape: slow, for the host only.

    >>> torch.arange(3).map_(torch.tensor(10), lambda x, y: x + y)
    tensor([10, 11, 12])
    """
    return _write_called("map_", self, callable, self, expand(other, tuple(self._shape)))


def _write_called(name: str, t: Tensor, function: Any, *operands: Tensor) -> Tensor:
    """Writes into `t` what the function gives for the elements of each place."""
    if not t._storage.device.startswith(("cpu", "reference")):
        raise TypeError(f"{name} is only implemented on CPU tensors, not on {t._storage.device}")
    elements = [flatten(operand.detach().tolist())[0] for operand in operands]
    return t._assign(from_bytes(pack([*map(function, *elements)], t.dtype), t.dtype, t._shape, t._storage.device))
