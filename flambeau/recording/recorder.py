"""The recorder: watches one call of a function and notes what it read, wrote and left behind.

While it watches, nothing is computed: the call builds one graph. Memory that existed before is read through a leaf of its own for
each storage, so that a replay can put that storage's buffer of the day there. May import `flambeau.tensor`.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType
from typing import Any, Protocol

from flambeau import devices
from flambeau.autograd.tape import next_sequence
from flambeau.graph.node import Node, next_serial
from flambeau.graph.primitives.leaf import BUFFER
from flambeau.recording.surroundings import NUMBERS
from flambeau.seen_storage import SeenStorage
from flambeau.shared_storage import settle
from flambeau.storage import RECORDERS, Storage, duplicate, pending, realize
from flambeau.tensor import Tensor, over

__all__ = ["Leaf", "ModuleState", "RandomUse", "Recorder", "Unrecordable"]


class Unrecordable(Exception):
    """A call that can't be replayed, for a reason that is no error of the call."""


class Recorder:
    """A context manager. After it, the fields tell what the call did.

    Attributes:
        leaves: for each storage of before that was read: the leaf that stood for its value, and the tensor that it was first read
            through, or what that is a view of.
        required_grad: for each of these storages whether that tensor, or what it is a view of, required gradients then.
        written: for each storage of before that was written: whether it still was unread then.
        grads: for each tensor whose `.grad` the call touched: the tensor, and whether it had one at the start; None when the
            call set one without asking.
        dropped: the tensors that had, as far as the call knew, no gradient any more after its first deed with theirs.
        grad_of: for each storage that was some tensor's gradient at the start: that tensor.
        called: modules and optimizers that were called, with what their calls depend on besides arguments, as it was then.
        random: how the call uses each generator.
        looked: whether the call looked at a value: then the recording is void.
    """

    def __init__(self) -> None:
        self.leaves: dict[Storage, tuple[Node, Tensor]] = {}
        self.required_grad: dict[Storage, bool] = {}
        self.written: dict[Storage, None] = {}
        self.grads: dict[int, tuple[Tensor, bool | None]] = {}
        self.dropped: list[Tensor] = []
        self.grad_of: dict[Storage, Tensor] = {}
        self.called: dict[int, tuple[Any, Dependence]] = {}
        self.random: dict[int, RandomUse] = {}
        self.looked = False
        self.sequence = 0
        self._first_serial = 0
        self._outer: Any = None

    def __enter__(self) -> Recorder:
        realize([])
        self._outer = pending.recorder
        self._first_serial = next_serial()
        self.sequence = next_sequence()
        pending.recorder = self
        RECORDERS.append(self)
        return self

    def __exit__(self, *_: Any) -> None:
        self.end()

    def end(self) -> None:
        """Records no more. Users of `with` call it again in a `finally`: a signal's exception may come as `__exit__` begins."""
        if pending.recorder is self:
            pending.recorder = self._outer
        if self in RECORDERS:
            RECORDERS.remove(self)
            self._settle()

    # --- what the tensors tell -------------------------------------------------------------------------------------------
    def read(self, tensor: Tensor) -> None:
        storage = tensor._storage
        if isinstance(storage, SeenStorage):
            if storage.serial < self._first_serial:  # where a replay would find it is not known
                self.look()
            else:
                self.read(over(storage.whole, (storage.whole.size,)))
            return
        node = storage.node
        if node.serial >= self._first_serial or storage.is_program or storage in self.leaves or self.looked:
            return
        if node.buffer is None:  # a fill that nobody looked at, or another thread's work
            devices.backend(node.device).realize([node])
        # What others may write at any time is read now; a replay reads it then.
        storage.node = Leaf(node).holding(duplicate(node) if storage.is_shared else node.buffer)
        known = tensor if tensor._base is None else tensor._base
        self.leaves[storage] = storage.node, known
        self.required_grad[storage] = known.requires_grad
        storage.version += 1

    def write(self, storage: Storage) -> None:
        if storage.node.serial < self._first_serial or storage in self.leaves:
            self.written[storage] = None

    def get_grad(self, tensor: Tensor) -> None:
        if id(tensor) not in self.grads:
            gradient = tensor._grad
            self.grads[id(tensor)] = tensor, gradient is not None
            if gradient is not None:
                self.grad_of[gradient._storage] = tensor

    def set_grad(self, tensor: Tensor, is_dropped: bool) -> None:
        if is_dropped and (id(tensor) not in self.grads or self.grads[id(tensor)][1]):
            self.dropped.append(tensor)
        self.grads.setdefault(id(tensor), (tensor, None))

    def look(self) -> None:
        if not self.looked:
            self.looked = True
            self._settle()

    def _settle(self) -> None:
        """What was written to memory that others know goes there."""
        settle(self.leaves, self.written)

    def call_module(self, module: Any) -> None:
        """A module is being called: what it holds becomes part of the guard."""
        if id(module) not in self.called:
            self.called[id(module)] = module, ModuleState(module)

    def call_optimizer(self, optimizer: Any, state: Dependence) -> None:
        """An optimizer has done a step, for which `state` tells what it depended on."""
        self.called[id(optimizer)] = optimizer, state

    def take_random(self, generator: Any, blocks: int) -> Callable[[], int]:
        """The call takes random blocks: gives a function for the number of the first, which is another at each replay."""
        use = self.random.setdefault(id(generator), RandomUse(generator))
        first = generator.take(blocks)
        if use.blocks == 0:
            use.start = first
        relative = use.blocks
        use.blocks += blocks
        return lambda: use.start + relative

    def is_new(self, node: Node) -> bool:
        """Whether a node was made during the call."""
        return node.serial >= self._first_serial


class Dependence(Protocol):
    """What an object's call depended on besides arguments."""

    def holds(self, called: Any, /) -> bool:
        """Whether the object is as it was."""


class ModuleState:
    """What a module's call depends on besides arguments: its numbers (the training flag is one) and functions, its children, how
    many hooks it has, and which tensors its names stand for.

    Names that stand for nothing count as well: a state that is None at first is another one after the call.
    """

    __slots__ = ("values", "numbers", "objects", "names", "tensors")

    def __init__(self, module: Any) -> None:
        own = vars(module)
        self.numbers = tuple(k for k, v in own.items() if type(v) in _COMPARED)
        self.values = [own[k] for k in self.numbers]
        self.objects = _objects(module)
        held = {**own, **module._buffers}
        self.names = tuple(k for k, v in held.items() if v is None or isinstance(v, Tensor))
        self.tensors = tuple(None if held[k] is None else weakref.ref(held[k]) for k in self.names)

    def holds(self, module: Any) -> bool:
        """Whether the module is as it was."""
        others = module.__dict__
        if list(map(others.get, self.numbers)) != self.values or _objects(module) != self.objects:
            return False
        if self.names:
            buffers = module._buffers
            for name, reference in zip(self.names, self.tensors):
                found = buffers[name] if name in buffers else others.get(name)
                if found is not (None if reference is None else reference()) or (found is None and reference is not None):
                    return False
        return True


_COMPARED = NUMBERS | {FunctionType, BuiltinFunctionType}
"""Types of attributes that are compared."""


def _objects(module: Any) -> list[int]:
    """The identities of parameters and of children, and the numbers of hooks."""
    found = [*map(id, module._parameters.values()), *map(id, module._modules.values())]
    found += (len(module._forward_hooks), len(module._forward_pre_hooks))
    found += (len(module._backward_hooks), len(module._backward_pre_hooks))
    return found


class RandomUse:
    """How a recorded call uses a generator: `start` is the first block of the replay at work, of `blocks` that it takes."""

    __slots__ = ("generator", "start", "blocks")

    def __init__(self, generator: Any) -> None:
        self.generator, self.start, self.blocks = generator, 0, 0


class Leaf:
    """Makes leaves of one shape, dtype and device: what a replay does for every value that it hands out."""

    __slots__ = ("_like",)

    def __init__(self, like: Node) -> None:
        self._like = Node(BUFFER, (), (), like.shape, like.dtype, like.device)

    def holding(self, buffer: Any) -> Node:
        """A leaf that holds `buffer`."""
        return self._like.twin(buffer)
