"""`Places`: where a replay finds the memory and the tensors that a recorded call read, wrote or left behind.

May import `flambeau.recording.recorder` and what that may.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

from flambeau.recording.recorder import Recorder
from flambeau.storage import Storage
from flambeau.tensor import Tensor

__all__ = ["Owner", "Place", "Places"]


class Owner:
    """A tensor whose gradient a call looks at or sets: an argument, or one that the function knows, which isn't kept alive."""

    __slots__ = ("argument", "known")

    def __init__(self, tensor: Tensor, arguments: Sequence[Tensor]) -> None:
        self.argument = next((i for i, a in enumerate(arguments) if a is tensor), None)
        self.known = weakref.ref(tensor)

    def find(self, arguments: Sequence[Tensor]) -> Tensor | None:
        """The tensor in a call with these arguments; None where it is gone."""
        return self.known() if self.argument is None else arguments[self.argument]


class Place:
    """Where a replay finds a storage: in an argument, in a tensor that the function knows, or as such a tensor's gradient.

    What the function knows is not kept alive: a tensor that only the recording would still hold was let go of (by
    `self.state = new`), so the next call can't be reading it, and isn't like the recorded one.
    """

    __slots__ = ("argument", "tensor", "required_grad", "owner", "size", "type", "device", "strides", "known")

    def __init__(
        self,
        storage: Storage,
        argument: int | None,
        tensor: Tensor | None,
        owner: Owner | None,
        required_grad: bool | None = None,
    ) -> None:
        self.argument, self.owner = argument, owner
        self.tensor = _gone if tensor is None else weakref.ref(tensor)
        self.required_grad = required_grad
        self.known = weakref.ref(storage)
        self.size, self.type, self.device = storage.size, storage.dtype, storage.device
        grad = tensor._grad if owner is not None and tensor is not None else None
        self.strides = None if grad is None or grad._storage is not storage else grad._strides

    def find(self, arguments: Sequence[Tensor]) -> Storage | None:
        """The storage in a call with these arguments, or None where it is not like the recorded one."""
        if self.argument is not None:  # the guard has compared everything but what a view looks into
            storage = arguments[self.argument]._storage
            return storage if storage.size == self.size else None
        tensor: Any = self.tensor()
        if self.owner is not None:
            owner = self.owner.find(arguments)
            tensor = None if owner is None else owner._grad
            if tensor is None or tensor._strides != self.strides:
                return None
        elif tensor is None:  # it was read through a view that is gone
            return self.known()
        elif self.required_grad is not None and tensor.requires_grad is not self.required_grad:
            return None
        storage = tensor._storage
        if storage is self.known():
            return storage
        if storage.size != self.size or storage.dtype is not self.type or storage.device != self.device:
            return None
        if self.owner is None:
            self.known = weakref.ref(storage)
        return storage


def _gone() -> None:
    """A reference to nothing."""


class Places:
    """The places of a call, numbered while its recording is made. `found` has them in order."""

    def __init__(self, recorder: Recorder, arguments: Sequence[Tensor]) -> None:
        self._recorder, self._arguments = recorder, arguments
        self._number: dict[Storage, int] = {}
        self.found: list[Place] = []

    def of(self, storage: Storage, tensor: Tensor | None = None) -> int:
        """The number of a storage's place. `tensor` is one that sees it, for what the call didn't read."""
        number = self._number.get(storage)
        if number is None:
            number = self._number[storage] = len(self.found)
            self.found.append(self._place(storage, tensor))
        return number

    def of_leaves(self) -> dict[int, int]:
        """For each leaf that stood for what the call read, by serial number: the place of that."""
        return {node.serial: self.of(storage) for storage, (node, _) in self._recorder.leaves.items()}

    def buffers(self) -> dict[int, Any]:
        """What lay in each of these places when the call read it."""
        return {self.of(storage): node.buffer for storage, (node, _) in self._recorder.leaves.items()}

    def _place(self, storage: Storage, tensor: Tensor | None) -> Place:
        argument = next((i for i, a in enumerate(self._arguments) if a._storage is storage), None)
        owner = self._recorder.grad_of.get(storage)
        if owner is not None and argument is None:
            return Place(storage, None, owner, Owner(owner, self._arguments))
        known = self._recorder.leaves.get(storage)
        required_grad = self._recorder.required_grad.get(storage)
        return Place(storage, argument, tensor if known is None else known[1], None, required_grad)
