"""`Recording`: what one call did, as a plan: where its inputs are found at a replay, and where its results go.

May import `flambeau.recording.*` and what those may.
"""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Sequence
from typing import Any

from flambeau import devices
from flambeau.autograd.modes import state
from flambeau.autograd.tape import Edge
from flambeau.dtypes import float32
from flambeau.graph.node import Node
from flambeau.graph.primitives.leaf import BUFFER, scalar_value
from flambeau.recording.arguments import rebuild
from flambeau.recording.gradient import Joint
from flambeau.recording.recorder import Leaf, RandomUse, Recorder, Unrecordable
from flambeau.schedule import prepare
from flambeau.schedule.execution import execute
from flambeau.schedule.plan import Plan
from flambeau.shared_storage import lasting
from flambeau.storage import SHARED, Storage, duplicate, pending, realize
from flambeau.tensor import Tensor, over

__all__ = ["Recording"]


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


class Result:
    """A tensor of the call's result: a view of new memory (`index` among the outputs) or of a place."""

    __slots__ = ("storage", "shape", "strides", "offset", "root", "same_object")

    def __init__(self, t: Tensor, storage: Any, root: int | None, same_object: Tensor | int | None) -> None:
        self.storage, self.root, self.same_object = storage, root, same_object
        self.shape, self.strides, self.offset = t._shape, t._strides, t._offset


class Recording:
    """A recorded call. Making one computes the call's values, so the tensors at hand are good; `replay` does it again.

    Where the call left new tensors behind that nothing explains (an optimizer makes its state at first) the next call may do
    something else. Where it doesn't, a replay gives those tensors their new values.
    """

    def __init__(
        self,
        recorder: Recorder,
        arguments: list[Tensor],
        argument_edges: list[Edge],
        description: Any,
        results: list[Tensor],
        device: str,
    ) -> None:
        self.used = False
        """Whether it was replayed."""
        self.backend = devices.backend(device)
        self.description = description
        self.random: list[RandomUse] = list(recorder.random.values())
        self.called = list(recorder.called.values())
        # A tensor that the call made, and that is gone, has no gradient to look at or to set.
        self.grads_at_start = [(Owner(t, arguments), had) for t, had in recorder.grads.values() if had is not None]
        self._places: list[Place] = []
        self._place_of: dict[Storage, int] = {}
        self._recorder = recorder
        self._arguments = arguments

        # The gradient of the results first: it reads values of the forward that then must be kept.
        try:
            joint = Joint.build(recorder, argument_edges, results) if state.enabled else None
        except RuntimeError as error:  # a saved value was overwritten: only a backward that is asked for may say so
            raise Unrecordable from error
        grads = [(Owner(t, arguments), t._grad) for t, _ in recorder.grads.values()]
        recorder.grads.clear()  # what only the recorder would hold isn't left behind
        grads = [(owner, gradient) for owner, gradient in grads if owner.known() is not None]

        outputs: list[Node] = []
        number: dict[int, int] = {}

        def output(node: Node) -> int:
            if node.serial not in number:
                number[node.serial] = len(outputs)
                outputs.append(node)
            return number[node.serial]

        new_storages: dict[Storage, int] = {}
        self.results = []
        for t in results:
            storage = t._storage
            root = None if joint is None else joint.root_of(t)
            known: Any = next((i for i, a in enumerate(arguments) if a is t), None)
            is_given = any(a._storage is storage for a in arguments)
            if known is None and not is_given and storage in recorder.leaves and recorder.leaves[storage][1] is t:
                known = t
            if storage in recorder.leaves or storage in recorder.written or not recorder.is_new(storage.node):
                self.results.append(Result(t, self._place(storage, t), root, known))
            else:
                new_storages.setdefault(storage, output(storage.node))
                self.results.append(Result(t, storage, root, known))
        self.written = [(self._place(s, None), output(s.node)) for s in recorder.written]
        self.final_grads: list[tuple[Owner, int | None, Any]] = []
        for owner, gradient in grads:
            if gradient is None:
                self.final_grads.append((owner, None, None))
            elif gradient._storage in recorder.leaves and recorder.grad_of.get(gradient._storage) is owner.known():
                continue  # the one of before, which was read
            elif recorder.is_new(gradient._storage.node) and gradient._storage not in recorder.written:
                new_storages.setdefault(gradient._storage, output(gradient._storage.node))
                self.final_grads.append((owner, output(gradient._storage.node), gradient._strides))
        if joint is not None:
            joint.cut_tape(results)
        self.left = left = self._left_behind(new_storages)
        """New memory that something but the results keeps, until the call is over."""
        self.made = [*left, *(s for s in new_storages if recorder.is_new(s.node))]
        """New memory that is still alive, until the call is over."""
        for storage in left:
            self.written.append((self._place(storage, None, storage), output(storage.node)))
        saved = [output(node) for node in joint.saved] if joint is not None else []

        self._compile(outputs)
        if joint is not None:
            joint.compile(saved, self._source_of)
            joint.attach([node.buffer for node in outputs], self._input_buffers())
        self.joint = joint
        new_index = {id(s): i for s, i in new_storages.items()}
        for r in self.results:
            if isinstance(r.storage, Storage):
                r.storage = ("new", new_index[id(r.storage)])
            else:
                r.storage = ("place", r.storage)
        kept = {id(p.owner.known()) for p in self._places if p.owner is not None}
        self.dropped = [Owner(t, arguments) for t in recorder.dropped if id(t) not in kept]
        """Whose gradients the call drops without reading them."""
        del self._recorder, self._arguments, self._place_of, self._leaf_places

    # --- where memory is found -------------------------------------------------------------------------------------------
    def _place(self, storage: Storage, tensor: Tensor | None, fixed: Storage | None = None) -> int:
        found = self._place_of.get(storage)
        if found is None:
            argument = next((i for i, a in enumerate(self._arguments) if a._storage is storage), None)
            owner = self._recorder.grad_of.get(storage)
            known = self._recorder.leaves.get(storage)
            if fixed is not None:
                tensor = over(fixed, fixed.node.shape)
            elif known is not None:
                tensor = known[1]
            found = self._place_of[storage] = len(self._places)
            if owner is None or argument is not None:
                required_grad = self._recorder.required_grad.get(storage)
                self._places.append(Place(storage, argument, tensor, None, required_grad))
            else:
                self._places.append(Place(storage, None, owner, Owner(owner, self._arguments)))
        return found

    def _left_behind(self, explained: dict[Storage, int]) -> list[Storage]:
        """New memory that is still alive, and neither a result nor a gradient."""

        def alive() -> list[Storage]:
            found = []
            for reference in pending.storages:
                s = reference()
                if s is not None and s.node.buffer is None and s not in explained and s not in self._recorder.written:
                    found.append(s)
            return list(dict.fromkeys(found))

        found = alive()
        for generation in range(3):  # what a cycle holds is young, as a rule, and few objects are
            if not found:
                break
            found = []
            gc.collect(generation)
            found = alive()
        return found

    # --- the plan --------------------------------------------------------------------------------------------------------
    def _compile(self, outputs: list[Node]) -> None:
        """Schedules the call and computes it once."""
        self.computed = [i for i, node in enumerate(outputs) if node.buffer is None]
        self.leaves = [Leaf(node) for node in outputs]
        leaf_places = {node.serial: self._place(s, t) for s, (node, t) in self._recorder.leaves.items()}
        self._leaf_places = leaf_places
        # An output that is an input's value unchanged, or a value made once while recording.
        self.copied: dict[int, Any] = {
            i: leaf_places.get(node.serial, node) for i, node in enumerate(outputs) if node.buffer is not None
        }
        wanted = [outputs[i] for i in self.computed]
        self.plan: Plan | None = None
        inputs: list[Node] = []
        self.scalars: list[Node] = []
        if wanted:
            self.plan, inputs, self.scalars = prepare(wanted, takes_sizes=False)
        self.sources: list[Any] = [leaf_places.get(node.serial, node) for node in inputs]
        buffers = [node.buffer for node in inputs]
        if self.plan is not None:
            values = [scalar_value(node) for node in self.scalars]
            for node, buffer in zip(wanted, self.backend.execute(self.plan, buffers, values, frozenset())):
                node.realize(buffer)
        written = {place for place, _ in self.written}
        shown = {s for s in self.copied.values() if isinstance(s, int)}  # an old value that is a result
        self.donatable = [i for i, s in enumerate(self.sources) if isinstance(s, int) and s in written and s not in shown]

    def _source_of(self, node: Node) -> Any:
        """The place of a leaf, or the leaf itself when it was made while recording."""
        return self._leaf_places.get(node.serial, node)

    def _input_buffers(self) -> dict[int, Any]:
        by_place = {}
        for storage, (node, _) in self._recorder.leaves.items():
            by_place[self._place_of[storage]] = node.buffer
        return by_place

    # --- replaying -------------------------------------------------------------------------------------------------------
    def find(self, arguments: Sequence[Tensor]) -> list[Storage] | None:
        """The storages that a call with these arguments (whose guard is equal) would read and write.

        None when the call would not do what was recorded.
        """
        for called, before in self.called:
            if not before.holds(called):
                return None
        for owner, had in self.grads_at_start:
            tensor = owner.find(arguments)
            if tensor is not None and (tensor._grad is not None) is not had:
                return None
        found = []
        for place in self._places:
            storage = place.find(arguments)
            if storage is None:
                return None
            found.append(storage)
        return found

    def replay(self, arguments: Sequence[Tensor], storages: list[Storage]) -> Any:
        """Does the call again with other arguments of the same kind, and today's state (what `find` found)."""
        waiting = [s.node for s in storages if not s.is_shared and s.node.buffer is None]
        if waiting:
            realize(waiting)
        for use in self.random:
            use.start = use.generator.take(use.blocks)
        values = [scalar_value(node) for node in self.scalars]
        before = None
        if self.joint is not None:
            written = {place for place, _ in self.written}
            before = {p: lasting(storages[p]) if p in written else storages[p].node.buffer for p in self.joint.places}
        found: list[Any] = [None] * len(self.leaves)
        for i, source in self.copied.items():
            found[i] = lasting(storages[source]) if source.__class__ is int else source.buffer

        def publish(computed: Sequence[Any]) -> None:
            for i, buffer in zip(self.computed, computed):
                found[i] = buffer if id(buffer) not in SHARED else duplicate(self.leaves[i].holding(buffer))
            for place, i in self.written:
                if found[i] is not None:  # it is, where the run was interrupted
                    storage = storages[place]
                    storage.put(self.leaves[i].holding(found[i]))
                    storage.autograd_version += 1

        for owner in self.dropped:
            tensor = owner.find(arguments)
            if tensor is not None:
                tensor._grad = None  # before the run, which then finds its memory free
        if self.plan is None:
            publish(())
        else:
            donated = frozenset() if self.joint is not None else self._donated(storages)
            leaves = [storages[s].node if s.__class__ is int else s for s in self.sources]
            execute(self.backend, self.plan, leaves, values, donated, publish)
            del leaves
        nodes: dict[int, Storage] = {}

        def storage_of(i: int) -> Storage:
            if i not in nodes:
                nodes[i] = Storage(self.leaves[i].holding(found[i]))
            return nodes[i]

        for owner, final, strides in self.final_grads:
            tensor = owner.find(arguments)
            if tensor is not None:
                tensor._grad = None if final is None else over(storage_of(final), tuple(tensor._shape), strides)
        gradient = None if self.joint is None else self.joint.function(arguments, found, before)
        tensors = []
        for r in self.results:
            if r.same_object is not None:
                tensors.append(arguments[r.same_object] if isinstance(r.same_object, int) else r.same_object)
                continue
            kind, index = r.storage
            t = over(storage_of(index) if kind == "new" else storages[index], r.shape, r.strides, r.offset)
            if r.root is not None:
                t._requires_grad, t._grad_fn, t._output_index = True, gradient, r.root
            tensors.append(t)
        return rebuild(self.description, iter(tensors))

    def _donated(self, storages: list[Storage]) -> frozenset[int]:
        """Inputs whose memory the call overwrites and that nobody else holds."""
        own = [i for i in self.donatable if not storages[self.sources[i]].is_shared]
        return frozenset([i for i in own if _holders(storages, self.sources[i]) == _NO_OTHERS])


def _holders(storages: list[Storage], place: int) -> tuple[int, int]:
    """How many references there are to a place's node, and to its buffer."""
    node = storages[place].node
    return sys.getrefcount(node), sys.getrefcount(node.buffer)


def _calibrate() -> tuple[int, int]:
    """What `_holders` says when only the storage holds the node, and only the node the buffer."""
    return _holders([Storage(Leaf(Node(BUFFER, (), (), (), float32, "")).holding(bytearray()))], 0)


_NO_OTHERS = _calibrate()
