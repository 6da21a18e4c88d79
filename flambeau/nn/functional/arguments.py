"""Checks of arguments that the functionals share: tensors, devices, dtypes. May import what `flambeau.ops` may."""

from __future__ import annotations

from typing import Any

from flambeau.ops.operands import as_python, check_tensor, integer
from flambeau.ops.registry import scalar_name
from flambeau.tensor import Tensor

__all__ = ["check_tensor", "check_device", "check_floating", "geometry", "hashable", "scalar_name"]


def hashable(value: Any) -> Any:
    """Lists (and tensors' shapes) as tuples, NumPy's numbers as Python's, so that geometry can be looked up."""
    return tuple(map(hashable, value)) if isinstance(value, (list, tuple)) else as_python(value)


def geometry(value: Any, function: str, argument: str) -> Any:
    """A kernel's size, stride, padding or dilation as an int or a tuple of ints; a string or None as it is.

    Raises TypeError for bools and floats.
    """
    if value.__class__ is int or value is None or isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return tuple([v if v.__class__ is int else integer(v, function, argument) for v in value])
    return integer(value, function, argument)


def check_device(first: Tensor, *others: Tensor | None) -> None:
    """All on the first's device, else PyTorch's RuntimeError."""
    device = first._storage.device
    for t in others:
        if t is not None and t._storage.device != device:
            raise RuntimeError(
                f"Expected all tensors to be on the same device, but found at least two devices, {device} and "
                f"{t._storage.device}!"
            )


def check_floating(function: str, t: Tensor) -> None:
    """Floating elements, else PyTorch's NotImplementedError."""
    if t._storage.dtype.category != 2:
        raise NotImplementedError(f"\"{function}\" not implemented for '{scalar_name(t)}'")
