"""The tape through `vmap`: a function of one example, run once, made into one of many, gradients of any order included.

The function is called with placeholders of one example's shape, so it builds the graph, and the tape, of one example.
`graph.batching` makes that graph one of n. The tape needs no rules of its own: the gradient of a batched function is its tape for
one example, run on placeholders for the outputs' gradients, and batched in turn. May import `flambeau.tensor` and below.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flambeau.autograd.modes import state
from flambeau.autograd.tape import AccumulateGrad, Edge, GradientFunction, freed_error, next_sequence, reachable, run_backward
from flambeau.graph.batching import Batch, leading
from flambeau.graph.node import Node
from flambeau.graph.primitives.leaf import placeholder
from flambeau.storage import Storage, pending
from flambeau.tensor import Tensor, from_node

__all__ = ["ExampleBatch"]


class ExampleBatch:
    """One call of `vmap` over n examples. A context manager: inside it, tensors of one example are made and computed with.

    `randomness`: "error", "same" or "different", what random operators give to the examples.
    """

    def __init__(self, n: int, randomness: str = "error") -> None:
        self.n, self.randomness = n, randomness
        self._batch = Batch(n)
        self._first_serial = -1
        self._sequence = next_sequence()
        self._inputs: dict[int, Edge] = {}  # for each tape entry of a placeholder, by id: where the whole tensor's gradient goes
        self._entries: list[GradientFunction] = []

    def __enter__(self) -> ExampleBatch:
        pending.examples = (*pending.examples, self)
        return self

    def __exit__(self, *_: Any) -> None:
        self.end()

    def end(self) -> None:
        """Ends it. Users of `with` call it again in a `finally`: a signal's exception may come as `__exit__` begins."""
        if self not in pending.examples:
            return
        pending.examples = tuple([e for e in pending.examples if e is not self])
        # What was built of placeholders will not be computed: nobody waits for it.
        waiting = [(reference, reference()) for reference in pending.storages]
        pending.storages = [r for r, storage in waiting if storage is not None and not self._batch.depends(storage.node)]

    # --- from many to one, and back ---------------------------------------------------------------------------------------
    def one(self, whole: Tensor) -> Tensor:
        """A placeholder for one example of `whole`, whose dimension 0 is the examples'."""
        return self._placeholder(whole._value(), tuple(whole._shape[1:]), whole._edge() if whole.requires_grad else None)

    def _placeholder(self, batched: Node, shape: tuple[int, ...], edge: Edge | None) -> Tensor:
        node = placeholder(shape, batched)
        if self._first_serial < 0:
            self._first_serial = node.serial
        self._batch.bind(node, batched)
        made = from_node(node)
        if edge is not None:
            entry = _Entry(())
            self._inputs[id(entry)] = edge
            self._entries.append(entry)
            made._requires_grad, made._grad_fn = True, entry
        return made

    def whole(self, examples: Sequence[Tensor]) -> list[Tensor]:
        """Tensors of one example as tensors of all, with a dimension 0 of n, and their place on the tape around the call."""
        results = [from_node(self._whole_node(t)) for t in examples]
        if not state.enabled:
            return results
        outputs = [(t, r) for t, r in zip(examples, results) if t.requires_grad]
        roots = [t._edge() for t, _ in outputs]
        ends = self._ends(roots)
        if not ends:
            return results
        function = _BatchedGradient(self, roots, [tuple(t._shape) for t, _ in outputs], ends)
        for index, (_, result) in enumerate(outputs):
            result._requires_grad, result._grad_fn, result._output_index = True, function, index
        return results

    def _whole_node(self, t: Tensor) -> Node:
        node = t._value()
        found = self._batch.of(node)
        return leading(node, self.n) if found is None else found

    def _ends(self, roots: Sequence[Edge]) -> list[tuple[Edge, Edge]]:
        """Where the tape of one example ends: each place, and the place outside that its gradient goes on to."""
        ends: dict[tuple[int, int], tuple[Edge, Edge]] = {}
        for function, output in self._places(roots):
            outside = self._inputs.get(id(function))
            if outside is not None:
                ends[id(function), output] = (function, output), outside
            elif not self._is_inside(function):
                ends[id(function), output] = (function, output), (function, output)
        return list(ends.values())

    def _places(self, roots: Sequence[Edge]) -> list[tuple[GradientFunction, int]]:
        """Every place that the roots depend on, not going on past the ends."""
        found: dict[tuple[int, int], tuple[GradientFunction, int]] = {}
        waiting = [(f, i) for f, i in roots if f is not None]
        while waiting:
            function, output = waiting.pop()
            if (id(function), output) in found:
                continue
            found[id(function), output] = function, output
            if id(function) not in self._inputs and self._is_inside(function):
                waiting.extend((f, i) for f, i in function.edges if f is not None)
        return list(found.values())

    def _is_inside(self, function: GradientFunction) -> bool:
        if isinstance(function, AccumulateGrad):  # of a leaf: a parameter of outside, or one that the function itself made
            return self._batch.depends(function.variable._value())
        return function.sequence > self._sequence

    def is_whole(self, place: Edge) -> bool:
        """Whether a place at which the tape of one example ends is that of a batched input."""
        return id(place[0]) in self._inputs

    def saved(self, roots: Sequence[Edge]) -> list[Storage]:
        """Memory for what the backward will read, so that it is computed with the forward and not once more."""
        kept: dict[int, Storage] = {}
        for function in reachable(roots):
            if not self._is_inside(function):
                continue
            for tensor in function.saved_values():
                found = self._batch.of(tensor._value())
                while found is not None and found.inputs and found.primitive.kind == "movement":
                    found = found.inputs[0]
                if found is not None and found.inputs and found.serial not in kept:
                    kept[found.serial] = Storage(found)
        return list(kept.values())

    # --- what the tensors tell (`storage.Examples`) ------------------------------------------------------------------------
    def depends(self, node: Node) -> bool:
        return self._batch.depends(node)

    def write(self, before: Node, after: Node) -> None:
        if before.serial < self._first_serial and self._batch.depends(after):
            raise RuntimeError(
                "vmap: inplace arithmetic(self, *extra_args) is not possible because there exists a Tensor `other` in extra_args "
                "that has more elements than `self`: it differs from example to example, and `self` is one for all of them. "
                "Use the operator that makes a new tensor, or give `self` to vmap as an argument too."
            )

    def take_random(self, blocks: int) -> int:
        if self.randomness == "error":
            raise RuntimeError(
                "vmap: called random operation while in randomness error mode. Please either use the 'same' or 'different' "
                "randomness flags on vmap or perform the randomness operation out of vmap"
            )
        return blocks * self.n if self.randomness == "different" else blocks

    def differs(self, offset: Node) -> None:
        if self.randomness == "different":
            self._batch.bind(offset, offset)


class _Entry(GradientFunction):
    """The place on the tape of one example where a placeholder stands."""

    __slots__ = ()

    def backward(self, gradients: list[Any]) -> Sequence[Any]:
        return ()


class _BatchedGradient(GradientFunction):
    """The tape entry of a whole batched call: the tape of one example, run for all at once."""

    __slots__ = ("batch", "roots", "shapes", "places", "kept")

    def __init__(
        self, batch: ExampleBatch, roots: list[Edge], shapes: list[tuple[int, ...]], ends: list[tuple[Edge, Edge]]
    ) -> None:
        super().__init__(tuple([outside for _, outside in ends]), len(roots))
        self.batch: ExampleBatch | None = batch
        self.roots, self.shapes = roots, shapes
        self.places = [place for place, _ in ends]
        self.kept = batch.saved(roots)

    def name(self) -> str:
        return "VmapBackward0"

    def backward(self, gradients: list[Any]) -> Sequence[Any]:
        batch = self.batch
        if batch is None:
            raise freed_error()
        with batch:
            given = [(root, batch.one(g)) for root, g in zip(self.roots, gradients) if g is not None]
            found = run_backward(
                [r for r, _ in given], [g for _, g in given], self.places, True, state.enabled, stop_at_inputs=True
            )
            parts = [found.get((id(function), output)) for function, output in self.places]
            wholes = iter(batch.whole([p for p in parts if p is not None]))
        results: list[Any] = []
        for place, part in zip(self.places, parts):
            if part is None:
                results.append(None)
            else:  # what all examples share gets the sum of their gradients
                gradient = next(wholes)
                results.append(gradient if batch.is_whole(place) else gradient.sum(0))
        return results

    def release(self) -> None:
        self.batch, self.kept = None, []
