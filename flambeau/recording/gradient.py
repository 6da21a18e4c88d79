"""The gradient of a recorded call: its backward pass is recorded too, as a second plan over what the forward saved.

May import `flambeau.recording.recorder`, `flambeau.tensor`, `flambeau.schedule`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flambeau import devices
from flambeau.autograd.modes import state
from flambeau.autograd.tape import AccumulateGrad, Edge, FreedError, GradientFunction, freed_error, run_backward
from flambeau.graph.node import Node
from flambeau.graph.primitives.leaf import BUFFER, scalar_value
from flambeau.recording.recorder import Recorder, Unrecordable
from flambeau.schedule import prepare
from flambeau.schedule.plan import Plan
from flambeau.storage import realize
from flambeau.tensor import Tensor, from_node

__all__ = ["Joint", "RecordedGradient"]


class RecordedGradient(GradientFunction):
    """The tape entry of a replayed call: runs the recorded backward plan."""

    __slots__ = ("joint", "saved", "places")

    def __init__(self, joint: Joint, edges: tuple[Edge, ...], saved: list[Any], places: dict[int, Any]) -> None:
        super().__init__(edges, len(joint.seeds))
        self.joint, self.saved, self.places = joint, saved, places

    def backward(self, gradients: list[Any]) -> Sequence[Any]:
        if self.saved is None:
            raise freed_error()
        if state.enabled:
            raise RuntimeError(
                "a call recorded by flambeau.compile can't be differentiated twice: use the uncompiled function with "
                "create_graph=True"
            )
        return self.joint.run(gradients, self.saved, self.places)

    def release(self) -> None:
        self.saved = None  # type: ignore[assignment]
        self.places = {}


class _Spent(GradientFunction):
    """The history of a result whose graph the call already walked and freed."""

    __slots__ = ()

    def backward(self, gradients: list[Any]) -> Sequence[Any]:
        raise freed_error()


class Joint:
    """The backward of a call whose results require gradients.

    Attributes:
        saved: the forward's nodes that the backward reads; the forward plan must give them.
        seeds: shape, dtype and device of each differentiable result.
        places: the places whose values at the time of the call the backward reads.
    """

    @classmethod
    def build(cls, recorder: Recorder, argument_edges: list[Edge], results: list[Tensor]) -> Joint | None:
        """The backward of what was recorded, or None when no result has a history made in the call.

        Raises Unrecordable where hooks look at gradients on the way."""
        roots: dict[tuple[int, int], int] = {}
        edges: list[Edge] = []
        examples = []
        for t in results:
            function, output = t._edge() if t.requires_grad else (None, 0)
            if function is not None and function.sequence >= recorder.sequence and (id(function), output) not in roots:
                roots[id(function), output] = len(edges)
                edges.append((function, output))
                examples.append(t)
        if not edges:
            return None
        walked, boundary = _walk(edges, recorder.sequence)
        if any(f.tensor_hooks or f.pre_hooks or f.hooks for f in walked):
            raise Unrecordable
        return cls(recorder, argument_edges, roots, edges, boundary, examples)

    def __init__(
        self,
        recorder: Recorder,
        argument_edges: list[Edge],
        roots: dict[tuple[int, int], int],
        edges: list[Edge],
        boundary: list[Edge],
        examples: list[Tensor],
    ) -> None:
        self._roots = roots
        self.seeds = [(tuple(t._shape), t.dtype, t._storage.device) for t in examples]
        self.backend = devices.backend(self.seeds[0][2])
        seeds = []
        for shape, type, device in self.seeds:
            node = Node(BUFFER, (), (), shape, type, device)
            node.buffer = _SEED
            seeds.append(from_node(node))
        self._seed_number = {t._storage.node.serial: i for i, t in enumerate(seeds)}
        arguments = {(id(f), o): i for i, (f, o) in enumerate(argument_edges) if f is not None}
        self.edges: list[Any] = []
        for function, output in boundary:
            number = arguments.get((id(function), output))
            if number is not None:
                self.edges.append(number)
            elif isinstance(function, AccumulateGrad):
                self.edges.append(function.variable)
            else:
                self.edges.append((function, output))
        self._first_edges = tuple(boundary)
        start = from_node(Node(BUFFER, (), (), (), examples[0].dtype, self.seeds[0][2]))._storage.node.serial
        self.spent = False
        try:
            found = run_backward(edges, seeds, boundary, True, False, hooks_at_inputs=False) if boundary else {}
        except FreedError:
            self.spent, found = True, {}
        gradients = [found.get((id(f), o)) for f, o in boundary]
        self._gradients: list[Node | None] = [None if g is None else g._value() for g in gradients]
        self.saved = _saved([n for n in self._gradients if n is not None], start, recorder)
        self.places: list[int] = []

    def root_of(self, t: Tensor) -> int | None:
        """Which of the backward's seeds a result is."""
        if not t.requires_grad:
            return None
        function, output = t._edge()
        return self._roots.get((id(function), output))

    def cut_tape(self, results: list[Tensor]) -> None:
        """Takes the recorded history off the results: `attach` gives them the backward plan instead."""
        self._attached = [(t, root) for t in results if (root := self.root_of(t)) is not None]
        for t, _ in self._attached:
            t._grad_fn = None

    def compile(self, saved: list[int], source_of: Callable[[Node], Any]) -> None:
        """Schedules the backward. `saved` are the forward's outputs that hold the saved nodes (computed by now)."""
        self._saved_outputs = saved
        number = {node.serial: i for i, node in enumerate(self.saved)}
        wanted = [n for n in self._gradients if n is not None]
        computed = list({n.serial: n for n in wanted if n.buffer is None}.values())
        position = {n.serial: i for i, n in enumerate(computed)}
        self.plan: Plan | None = None
        inputs: list[Node] = []
        self.scalars: list[Node] = []
        if computed:
            self.plan, inputs, self.scalars = prepare(computed, takes_sizes=False)

        def source(node: Node) -> Any:
            if node.serial in self._seed_number:
                return ("seed", self._seed_number[node.serial])
            if node.serial in number:
                return ("saved", number[node.serial])
            found = source_of(node)
            if isinstance(found, int):
                self.places.append(found)
                return ("place", found)
            return ("fixed", found.buffer)

        self._sources = [source(node) for node in inputs]
        self._outputs: list[Any] = []
        for n in self._gradients:
            if n is None:
                self._outputs.append(None)
            elif n.serial in position:
                self._outputs.append(("computed", position[n.serial], n.shape, n.dtype, n.device))
            else:
                self._outputs.append((*source(n), n.shape, n.dtype, n.device))
        del self._gradients, self.saved

    def attach(self, outputs: list[Any], places: dict[int, Any]) -> None:
        """Gives the results of the recorded call itself their history."""
        saved = [outputs[i] for i in self._saved_outputs]
        function: GradientFunction = (
            _Spent((), len(self.seeds)) if self.spent else RecordedGradient(self, self._first_edges, saved, places)
        )
        for t, root in self._attached:
            t._grad_fn, t._output_index = function, root
        del self._attached, self._first_edges

    def function(self, arguments: Sequence[Tensor], outputs: list[Any], places: Any) -> GradientFunction:
        """The history of a replay's results."""
        if self.spent:
            return _Spent((), len(self.seeds))
        edges = []
        for e in self.edges:
            if isinstance(e, int):
                edges.append(arguments[e]._edge())
            else:
                edges.append(e if isinstance(e, tuple) else e._edge())
        return RecordedGradient(self, tuple(edges), [outputs[i] for i in self._saved_outputs], places)

    def run(self, gradients: list[Any], saved: list[Any], places: dict[int, Any]) -> list[Any]:
        """The gradients at the boundary from those of the results."""
        seeds: list[Any] = []
        for g, (shape, type, device) in zip(gradients, self.seeds):
            if g is None:
                from flambeau.ops.creation import zeros

                g = zeros(shape, dtype=type, device=device)
            node = g._value()
            if node.buffer is None:
                realize([node])
            seeds.append(node.buffer)
        values = {"seed": seeds, "saved": saved, "place": places}

        def buffer(kind: str, key: Any) -> Any:
            return key if kind == "fixed" else values[kind][key]  # type: ignore[index]

        inputs = [buffer(kind, key) for kind, key in self._sources]
        computed: list[Any] = []
        if self.plan is not None:
            computed = self.backend.execute(self.plan, inputs, [scalar_value(n) for n in self.scalars], frozenset())
        results: list[Any] = []
        for o in self._outputs:
            if o is None:
                results.append(None)
                continue
            kind, key, shape, type, device = o
            node = Node(BUFFER, (), (), shape, type, device)
            node.buffer = computed[key] if kind == "computed" else buffer(kind, key)
            results.append(from_node(node))
        return results


class _Placeholder:
    """Stands for the buffer of a seed while the backward is recorded: it is never computed with."""

    nbytes = 0


_SEED = _Placeholder()


def _walk(edges: list[Edge], sequence: int) -> tuple[list[GradientFunction], list[Edge]]:
    """The functions on the tape of a call, and where that ends: leaves, and functions that were there before it."""
    boundary: dict[tuple[int, int], Edge] = {}
    seen: dict[int, GradientFunction] = {}
    stack = [f for f, _ in edges if f is not None]
    while stack:
        function = stack.pop()
        if id(function) in seen:
            continue
        seen[id(function)] = function
        for f, output in function.edges:
            if f is None:
                continue
            if f.sequence < sequence:  # an AccumulateGrad's is 0
                boundary[id(f), output] = (f, output)
            else:
                stack.append(f)
    return list(seen.values()), list(boundary.values())


def _saved(gradients: list[Node], start: int, recorder: Recorder) -> list[Node]:
    """The forward's nodes that the backward reads. Movement is done again rather than kept."""
    found: dict[int, Node] = {}
    seen: set[int] = set()
    stack = list(gradients)
    while stack:
        node = stack.pop()
        if node.serial in seen:
            continue
        seen.add(node.serial)
        if node.serial > start or node.primitive.kind == "movement":
            stack.extend(node.inputs)
        elif node.buffer is None and node.primitive.kind != "leaf" and recorder.is_new(node):
            found[node.serial] = node
    return list(found.values())
