"""`Recording`: what one call did, as a plan: where its inputs are found at a replay, and where its results go.

May import `flambeau.recording.*` and what those may.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from typing import Any

from flambeau import devices
from flambeau.autograd.modes import state
from flambeau.autograd.tape import Edge, GradientFunction
from flambeau.dtypes import float32
from flambeau.graph.node import Node
from flambeau.graph.primitives.leaf import BUFFER, scalar_value
from flambeau.recording.arguments import rebuild
from flambeau.recording.gradient import Joint
from flambeau.recording.places import Owner, Places
from flambeau.recording.recorder import Leaf, RandomUse, Recorder, Unrecordable
from flambeau.schedule import prepare
from flambeau.schedule.execution import execute
from flambeau.schedule.plan import Plan
from flambeau.shared_storage import lasting
from flambeau.storage import SHARED, Storage, duplicate, pending, realize
from flambeau.tensor import Tensor, over

__all__ = ["Recording"]


class Result:
    """A tensor of the call's result: a view of new memory (`kind` "new": output `index`) or of a place ("place", by number).

    `root` is the backward's seed for it; `same_object` the argument's number, or the tensor, that it is itself.
    """

    __slots__ = ("kind", "index", "shape", "strides", "offset", "root", "same_object")

    def __init__(self, t: Tensor, kind: str, index: int, root: int | None, same_object: Tensor | int | None) -> None:
        self.kind, self.index, self.root, self.same_object = kind, index, root, same_object
        self.shape, self.strides, self.offset = t._shape, t._strides, t._offset


class _Outputs:
    """What the plan of a call is to compute, each node once. `storages` are those of new memory that a replay makes again."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.storages: dict[Storage, None] = {}
        self._number: dict[int, int] = {}

    def number(self, node: Node) -> int:
        """The output that the node is."""
        if node.serial not in self._number:
            self._number[node.serial] = len(self.nodes)
            self.nodes.append(node)
        return self._number[node.serial]

    def of(self, storage: Storage) -> int:
        """The output that is in new memory."""
        self.storages[storage] = None
        return self.number(storage.node)


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

        # The gradient of the results first: it reads values of the forward that then must be kept.
        self.joint = _joint(recorder, argument_edges, results)
        grads = _grads_at_end(recorder, arguments)
        places, outputs = Places(recorder, arguments), _Outputs()
        self.results = [self._result(t, recorder, arguments, places, outputs) for t in results]
        self.written = [(places.of(s), outputs.number(s.node)) for s in recorder.written]
        self.final_grads = _final_grads(grads, recorder, outputs)
        if self.joint is not None:
            self.joint.cut_tape(results)
        self.left = _left_behind(outputs.storages, recorder)
        """New memory that something but the results keeps, until the call is over."""
        self.made = [*self.left, *(s for s in outputs.storages if recorder.is_new(s.node))]
        """New memory that is still alive, until the call is over."""
        self.written += [(places.of(s), outputs.number(s.node)) for s in self.left]
        saved = [outputs.number(node) for node in self.joint.saved] if self.joint is not None else []

        leaf_places = places.of_leaves()
        self._compile(outputs.nodes, leaf_places)
        if self.joint is not None:
            self.joint.compile(saved, lambda node: leaf_places.get(node.serial, node))
            self.joint.attach([node.buffer for node in outputs.nodes], places.buffers())
        self._places = places.found
        kept = {id(p.owner.known()) for p in self._places if p.owner is not None}
        self.dropped = [Owner(t, arguments) for t in recorder.dropped if id(t) not in kept]
        """Whose gradients the call drops without reading them."""

    def _result(self, t: Tensor, recorder: Recorder, arguments: list[Tensor], places: Places, outputs: _Outputs) -> Result:
        """What a replay hands out for the result `t`."""
        storage = t._storage
        root = None if self.joint is None else self.joint.root_of(t)
        same: Any = next((i for i, a in enumerate(arguments) if a is t), None)
        is_given = any(a._storage is storage for a in arguments)
        if same is None and not is_given and storage in recorder.leaves and recorder.leaves[storage][1] is t:
            same = t
        if storage in recorder.leaves or storage in recorder.written or not recorder.is_new(storage.node):
            return Result(t, "place", places.of(storage, t), root, same)
        return Result(t, "new", outputs.of(storage), root, same)

    def _compile(self, outputs: list[Node], leaf_places: dict[int, int]) -> None:
        """Schedules the call and computes it once."""
        self.computed = [i for i, node in enumerate(outputs) if node.buffer is None]
        self.leaves = [Leaf(node) for node in outputs]
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
        gradient = None if self.joint is None else self.joint.function(arguments, found, before)
        return self._handed_out(arguments, storages, found, gradient)

    def _handed_out(
        self, arguments: Sequence[Tensor], storages: list[Storage], found: list[Any], gradient: GradientFunction | None
    ) -> Any:
        """Sets the gradients that the call sets, and gives what it returns, both over the outputs' buffers `found`."""
        new: dict[int, Storage] = {}

        def storage_of(i: int) -> Storage:
            if i not in new:
                new[i] = Storage(self.leaves[i].holding(found[i]))
            return new[i]

        for owner, final, strides in self.final_grads:
            tensor = owner.find(arguments)
            if tensor is not None:
                tensor._grad = None if final is None else over(storage_of(final), tuple(tensor._shape), strides)
        tensors = []
        for r in self.results:
            if r.same_object is not None:
                tensors.append(arguments[r.same_object] if isinstance(r.same_object, int) else r.same_object)
                continue
            storage = storage_of(r.index) if r.kind == "new" else storages[r.index]
            t = over(storage, r.shape, r.strides, r.offset)
            if r.root is not None:
                t._requires_grad, t._grad_fn, t._output_index = True, gradient, r.root
            tensors.append(t)
        return rebuild(self.description, iter(tensors))

    def _donated(self, storages: list[Storage]) -> frozenset[int]:
        """Inputs whose memory the call overwrites and that nobody else holds."""
        own = [i for i in self.donatable if not storages[self.sources[i]].is_shared]
        return frozenset([i for i in own if _holders(storages, self.sources[i]) == _NO_OTHERS])


def _joint(recorder: Recorder, argument_edges: list[Edge], results: list[Tensor]) -> Joint | None:
    """The backward of the results, where gradients may be asked for."""
    try:
        return Joint.build(recorder, argument_edges, results) if state.enabled else None
    except RuntimeError as error:  # a saved value was overwritten: only a backward that is asked for may say so
        raise Unrecordable from error


_Gradients = list[tuple[Owner, Tensor | None]]


def _grads_at_end(recorder: Recorder, arguments: list[Tensor]) -> _Gradients:
    """The gradients of the tensors whose gradients the call touched and that are still there. The recorder forgets them: what
    only it would hold isn't left behind."""
    grads = [(Owner(t, arguments), t._grad) for t, _ in recorder.grads.values()]
    recorder.grads.clear()
    return [(owner, gradient) for owner, gradient in grads if owner.known() is not None]


def _final_grads(grads: _Gradients, recorder: Recorder, outputs: _Outputs) -> list[tuple[Owner, int | None, Any]]:
    """Which gradients a replay sets: whose, to which output (None: to none), and that one's strides."""
    found: list[tuple[Owner, int | None, Any]] = []
    for owner, gradient in grads:
        if gradient is None:
            found.append((owner, None, None))
        elif gradient._storage in recorder.leaves and recorder.grad_of.get(gradient._storage) is owner.known():
            continue  # the one of before, which was read
        elif recorder.is_new(gradient._storage.node) and gradient._storage not in recorder.written:
            found.append((owner, outputs.of(gradient._storage), gradient._strides))
    return found


def _left_behind(explained: dict[Storage, None], recorder: Recorder) -> list[Storage]:
    """New memory that is still alive, and neither a result nor a gradient."""

    def alive() -> list[Storage]:
        found = []
        for reference in pending.storages:
            s = reference()
            if s is not None and s.node.buffer is None and s not in explained and s not in recorder.written:
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


def _holders(storages: list[Storage], place: int) -> tuple[int, int]:
    """How many references there are to a place's node, and to its buffer."""
    node = storages[place].node
    return sys.getrefcount(node), sys.getrefcount(node.buffer)


def _calibrate() -> tuple[int, int]:
    """What `_holders` says when only the storage holds the node, and only the node the buffer."""
    return _holders([Storage(Leaf(Node(BUFFER, (), (), (), float32, "")).holding(bytearray()))], 0)


_NO_OTHERS = _calibrate()
