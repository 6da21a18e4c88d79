"""The arguments and results of a recorded call: finding the tensors in them, and the guard that tells when a recording fits.

May import `flambeau.tensor`.
"""

from __future__ import annotations

from typing import Any

from flambeau import dtypes
from flambeau.autograd.modes import state
from flambeau.device import default_device, device
from flambeau.tensor import Tensor

__all__ = ["flatten", "rebuild", "guard_of", "modes_now"]


def flatten(value: Any, tensors: list[Tensor]) -> Any:
    """A description of a nested value in which tensors are numbered: equal descriptions have equal structure.

    Appends the tensors to `tensors`. Lists, tuples and dicts are entered; anything else stands for itself.
    """
    if isinstance(value, Tensor):
        tensors.append(value)
        return _TensorMark
    kind = type(value)
    if kind in (list, tuple) or (isinstance(value, tuple) and hasattr(value, "_fields")):
        return (kind, tuple([flatten(v, tensors) for v in value]))
    if kind is dict:
        return (dict, tuple(value), tuple([flatten(v, tensors) for v in value.values()]))
    return _Other(value)


def rebuild(description: Any, tensors: Any) -> Any:
    """The value that `flatten` described, with other tensors (an iterator) in the places of the old."""
    if description is _TensorMark:
        return next(tensors)
    if isinstance(description, _Other):
        return description.value
    if description[0] is dict:
        return {k: rebuild(v, tensors) for k, v in zip(description[1], description[2])}
    items = [rebuild(v, tensors) for v in description[1]]
    kind = description[0]
    return kind(*items) if hasattr(kind, "_fields") else kind(items)


class _TensorMark:
    """Stands for a tensor in a description."""


class _Other:
    """A value that is not entered. Two are equal when they are the same object or equal values of one plain type."""

    __slots__ = ("value", "_hash")

    def __init__(self, value: Any) -> None:
        self.value = value
        if isinstance(value, slice):  # which has no hash before Python 3.12
            self._hash = hash((slice, value.start, value.stop, value.step))
        else:
            self._hash = hash((type(value), value)) if isinstance(value, _PLAIN) else id(value)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Other) or type(self.value) is not type(other.value):
            return False
        if isinstance(self.value, float):
            return (self.value == other.value and str(self.value) == str(other.value)) or self.value is other.value
        return self.value is other.value or (isinstance(self.value, _PLAIN) and self.value == other.value)


_PLAIN = (
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    type(None),
    slice,
    range,
    type(Ellipsis),
    dtypes.dtype,
    device,
    frozenset,
)


def modes_now() -> tuple[Any, ...]:
    """The modes of this thread that a recording depends on."""
    return (state.enabled, state.inference, state.autocast, dtypes.default_dtype(), str(default_device()))


def guard_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, list[Tensor]]:
    """A hashable key of a call, and the tensors among its arguments.

    Two calls with one key run the same operations: same structure and other arguments; tensors of the same shapes, dtypes,
    devices, strides and need of gradients, sharing memory in the same pattern.
    """
    tensors: list[Tensor] = []
    description = (flatten(args, tensors), flatten(kwargs, tensors) if kwargs else None)
    storages: dict[int, int] = {}
    marks = tuple([
        (tuple(t._shape), t._storage.dtype, t._storage.device, t.requires_grad, t._grad_fn is None, t._strides, t._offset,
         storages.setdefault(id(t._storage), i), type(t))
        for i, t in enumerate(tensors)
    ])  # fmt: skip
    return (description, marks, modes_now()), tensors
