"""Recurrences on the tape: a step function, called once with placeholders, done for all rows of some sequences.

The gradient is a recurrence that goes the other way. Its step is the tape of the step function, run once on placeholders; what
that reads of the forward's values is kept for all rows as further outputs of the step. Gradients of what is the same in all steps
(weights) are sums over steps: the products in them are done for all steps at once, after the recurrence. The gradient's step is a
graph, which is differentiated by doing it again on the tape; so gradients of any order are the same thing again.

May import what `flambeau.ops` may.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Container, Sequence
from typing import Any, NamedTuple

from flambeau.autograd.entries import PrimitiveGradient
from flambeau.autograd.modes import state
from flambeau.autograd.tape import GradientFunction, SavedTensor, freed_error, reachable, run_backward
from flambeau.graph.node import Node, next_serial
from flambeau.graph.primitives.contraction import CONTRACT
from flambeau.graph.primitives.leaf import PLACEHOLDER, SCALAR, placeholder
from flambeau.graph.primitives.movement import PAD, SLICE
from flambeau.graph.primitives.recurrence import RECURRENCE, Part, Recurrence
from flambeau.graph.primitives.reduction import SUM
from flambeau.graph.step import Step, down_to
from flambeau.ops.creation import zeros
from flambeau.ops.nodes import shaped
from flambeau.ops.slicing import pick, slice_dim
from flambeau.size import contiguous_strides
from flambeau.storage import Storage, pending
from flambeau.tensor import Tensor, from_node, over

__all__ = ["Recurrent", "Rows", "recur"]

StepFunction = Callable[[list[Tensor], list[Tensor], list[Tensor]], tuple[Sequence[Tensor], Sequence[Tensor]]]
"""(states, rows, constants) to (next states, outputs)."""


class Rows(NamedTuple):
    """A sequence whose rows, from number `start` of dimension 0 on, are read one a step."""

    tensor: Tensor
    start: int = 0


class Recurrent(NamedTuple):
    """What a recurrence gives. `states[i]`: state i after each step, (times, …), where it was asked for; `last[i]`: after all of
    them; `outputs[j]`: (times, …)."""

    states: list[Any]
    last: list[Tensor]
    outputs: list[Tensor]


class _aside:
    """Around the building of a step: it belongs to no call that is being recorded or batched, and nobody waits for its values."""

    def __enter__(self) -> None:
        self._pending = pending.storages, pending.recorder, pending.examples
        self._state = state.enabled, state.inference
        pending.storages, pending.recorder, pending.examples = [], None, ()
        state.enabled, state.inference = True, False

    def __exit__(self, *_: Any) -> None:
        pending.storages, pending.recorder, pending.examples = self._pending
        state.enabled, state.inference = self._state


# --- programs: step functions as graphs ------------------------------------------------------------------------------------
class _Program:
    """A step: its graph and, where it was made by a call, the tensors of that call with their tape.

    `extra` are constants beside those of the function: numbers in the step that are read at run time.
    """

    def __init__(self, step: Step, extra: Sequence[Node], leaves: Sequence[Tensor] = (), results: Sequence[Tensor] = ()) -> None:
        self.step, self.extra = step, list(extra)
        self.leaves, self.results = list(leaves), list(results)
        self._taped: _Program | None = self if results else None
        self._kept: dict[tuple[bool, ...], _Kept] = {}

    @classmethod
    def call(cls, function: StepFunction, forms: Sequence[Sequence[tuple[Any, Any]]], device: str) -> _Program:
        """The step that a function does, for (shape, dtype) of each state, row and constant."""
        with _aside():
            groups = [[from_node(PLACEHOLDER((), form, device)) for form in group] for group in forms]
            leaves = [t for group in groups for t in group]
            for t in leaves:
                t._requires_grad = t._storage.dtype.category == 2
            following, outputs = function(*groups)
            results = [t.to(given.dtype) for t, given in zip(following, groups[0], strict=True)] + list(outputs)
            extra = _numbers([t._value() for t in results])
            states, rows, constants = ([t._value() for t in group] for group in groups)
            step = Step(states, rows, constants + extra, [t._value() for t in results])
            leaves += [from_node(n) for n in extra]
        return cls(step, extra, leaves, results)

    def taped(self) -> _Program:
        """The program with a tape."""
        if self._taped is None:
            step = self.step

            def again(states: list[Tensor], rows: list[Tensor], constants: list[Tensor]) -> Any:
                def compute(node: Node, operands: list[Tensor]) -> Tensor:
                    return Tensor._apply(node.primitive, operands, node.params) if operands else from_node(node)

                results = step.evaluate([*states, *rows, *constants], compute)
                return results[: len(states)], results[len(states) :]

            forms = [[(leaf.shape, leaf.dtype) for leaf in group] for group in (step.states, step.rows, step.constants)]
            self._taped = _Program.call(again, forms, step.results[0].device)
        return self._taped

    def kept(self, needs: tuple[bool, ...]) -> _Kept:
        """The program with what its gradient reads, for the leaves whose gradients are asked for."""
        found = self._kept.get(needs)
        if found is None:
            found = self._kept[needs] = _Kept(self.taped(), needs)
        return found


_MOST_PROGRAMS = 256
_programs: OrderedDict[Any, _Program] = OrderedDict()
_lock = threading.RLock()


def _program(function: StepFunction, groups: Sequence[Sequence[Tensor]]) -> _Program:
    """The step of a function for such states, sequences and constants."""
    states, rows, constants = groups
    forms = (
        tuple([(tuple(t._shape), t._storage.dtype) for t in states]),
        tuple([(tuple(t._shape[1:]), t._storage.dtype) for t in rows]),
        tuple([(tuple(t._shape), t._storage.dtype) for t in constants]),
    )
    device = states[0]._storage.device
    key = (function, forms, device, state.autocast)
    with _lock:
        found = _programs.get(key)
        if found is None:
            found = _programs[key] = _Program.call(function, forms, device)
            if len(_programs) > _MOST_PROGRAMS:
                _programs.popitem(last=False)
        else:
            _programs.move_to_end(key)
        return found


def _numbers(results: Sequence[Node]) -> list[Node]:
    """The numbers that a graph reads at run time."""
    return [node for node in down_to((), results) if node.primitive is SCALAR]


# --- the gradient's step ----------------------------------------------------------------------------------------------------
_CHEAP = frozenset(("add", "sub", "mul", "neg", "where", "maximum", "minimum"))
"""What the gradient computes again where its operands are at hand."""


class _Kept:
    """A program's step with further outputs: what its gradient reads for the leaves that `needs` says.

    `results` are the tensors of all results of the step; `whole` is the gradient's step when all gradients are given.
    """

    def __init__(self, program: _Program, needs: tuple[bool, ...]) -> None:
        own = program.step
        self.program, self.needs, self.step, self.results = program, needs, own, program.results
        self._adjoints: dict[tuple[bool, ...], _Adjoint] = {}
        known = {n.serial for n in (*own.leaves, *own.results)}
        moving = {n.serial for n in (*own.states, *own.rows)}

        def is_at_hand(node: Node) -> bool:
            return node.serial in known or node.serial in read or not _varies(node, moving)

        read = {n.serial: n for n in _Adjoint(self, (True,) * (len(own.states) + len(own.results))).reads}
        for serial in sorted(read, reverse=True):
            node = read[serial]
            is_cheap = node.primitive.kind == "movement" or node.primitive.name in _CHEAP
            if serial in known or not _varies(node, moving) or (is_cheap and all(map(is_at_hand, node.inputs))):
                del read[serial]
        if read:
            tensors = _saved_tensors(program.results)
            self.results = [*program.results, *(tensors[serial] for serial in read)]
            self.step = Step(own.states, own.rows, own.constants, [*own.results, *read.values()])
        self.whole = self.adjoint((True,) * (len(own.states) + len(self.results)))

    def adjoint(self, given: tuple[bool, ...]) -> _Adjoint:
        """The gradient's step where these gradients are given: of each state's history, then of each result."""
        found = self._adjoints.get(given)
        if found is None:
            found = self._adjoints[given] = _Adjoint(self, given)
        return found


def _varies(node: Node, moving: Container[int]) -> bool:
    """Whether a node is made of those whose serial numbers are `moving`."""
    return any(n.serial in moving for n in down_to(moving, [node]))


def _saved_tensors(results: Sequence[Tensor]) -> dict[int, Tensor]:
    """What the tape of some tensors has saved, by the serial number of the value."""
    found: dict[int, Tensor] = {}
    for function in reachable([t._edge() for t in results if t.requires_grad]):
        if isinstance(function, PrimitiveGradient):
            for saved in (*function.saved, function.saved_output):
                if isinstance(saved, SavedTensor):
                    of = saved.restore(function if saved is function.saved_output else None)
                    found[of._value().serial] = of
    return found


_LINEAR = frozenset(("reshape", "permute", "slice", "expand"))


class _Adjoint:
    """The gradient of a program's step: a step whose states are the gradients of the states.

    Its rows are the gradients that are `given`, then the forward's values `sources`; its constants are among the forward's.

    Attributes:
        program: the step.
        reads: all nodes of the forward that the gradient's own nodes read.
        rows: for each row of the forward which output is its gradient, or None.
        sums: for each constant of the forward how its gradient is made (`_total`), or None.
    """

    def __init__(self, kept: _Kept, given: tuple[bool, ...]) -> None:
        forward, leaves = kept.step, kept.program.leaves
        count = len(forward.states)
        with _aside():
            device = forward.results[0].device
            first = next_serial()

            def like(node: Node) -> Tensor:
                return from_node(placeholder(node.shape, node))

            states = [like(s) for s in forward.states]
            seeds = [like(n) if g else None for n, g in zip((*forward.results[:count], *forward.results), given, strict=True)]
            pairs = [*zip(kept.results, states), *zip((*kept.results[:count], *kept.results), seeds)]
            roots = [(result._edge(), seed) for result, seed in pairs if seed is not None and result.requires_grad]
            asked = (True,) * count + kept.needs[count:]
            wanted = [t._edge() for t, need in zip(leaves, asked) if need]
            found = run_backward([r for r, _ in roots], [g for _, g in roots], wanted, True, False, stop_at_inputs=True)
            places = iter(wanted)
            made = [found.get((id(next(places)[0]), 0)) if need else None for need in asked]
            following = [zeros(s.shape, dtype=s.dtype, device=device) if g is None else g for s, g in zip(forward.states, made)]
            targets = [t._value() for t in (*following, *(g for g in made[count:] if g is not None))]
        self.reads = _frontier(targets, first)
        available = {n.serial for n in (*forward.leaves, *forward.results)}
        reached = down_to(available, targets)
        self.sources = [n for n in reached if n.serial in available and n not in forward.constants]
        self.constants = [n for n in reached if n in forward.constants]
        rows = [*(t._value() for t in seeds if t is not None), *self.sources]
        self._place = {n.serial: i for i, n in enumerate(rows)}
        self._moving = {t._value().serial for t in states} | set(self._place)
        self._outputs: list[Node] = []
        gradients = [None if g is None else g._value() for g in made[count:]]
        split = len(forward.rows)
        self.rows = [None if g is None else self._output(g) for g in gradients[:split]]
        self.sums = [None if g is None else self._total(g) for g in gradients[split:]]
        results = [*targets[:count], *self._outputs]
        extra = [n for n in down_to(available, results) if n.primitive is SCALAR and n.serial not in available]
        self.program = _Program(Step([t._value() for t in states], rows, [*self.constants, *extra], results), extra)

    def _output(self, node: Node) -> int:
        """Which output of the step a node is."""
        if node not in self._outputs:
            self._outputs.append(node)
        return self._outputs.index(node)

    def _sequence(self, node: Node) -> tuple[str, int]:
        """Where the values of a node at all steps are."""
        place = self._place.get(node.serial)
        return ("output", self._output(node)) if place is None else ("row", place)

    def _total(self, node: Node) -> tuple[Any, ...]:
        """How the sum of a node over all steps is made: products and sums in it are done for all steps at once."""
        name, params, inputs = node.primitive.name, node.params, node.inputs
        if node.serial not in self._place:
            if name in _LINEAR or (name == "pad" and not params[3]):
                return "move", node.primitive, params, self._total(inputs[0])
            if name == "add" and all(_varies(i, self._moving) for i in inputs):
                return "add", self._total(inputs[0]), self._total(inputs[1])
            if name == "contract" and all(_varies(i, self._moving) for i in inputs):
                return "contract", self._sequence(inputs[0]), self._sequence(inputs[1]), params
            if name == "sum":
                return "sum", self._sequence(inputs[0]), params[0]
        return "sum", self._sequence(node), ()


def _frontier(targets: Sequence[Node], first: int) -> list[Node]:
    """The nodes from before serial number `first` that `targets`, or later nodes that they need, read."""
    found: dict[int, Node] = {}
    seen: set[int] = set()
    stack = list(targets)
    while stack:
        node = stack.pop()
        if node.serial in seen:
            continue
        seen.add(node.serial)
        if node.serial < first:
            found[node.serial] = node
        else:
            stack.extend(node.inputs)
    return [found[serial] for serial in sorted(found)]


def _evaluate_total(total: tuple[Any, ...], sequence: Callable[[tuple[str, int]], Tensor]) -> Tensor:
    """The tensor that `_Adjoint._total` describes; `sequence` gives a value at all steps."""
    kind = total[0]
    if kind == "move":
        return Tensor._apply(total[1], (_evaluate_total(total[3], sequence),), total[2])
    if kind == "add":
        return _evaluate_total(total[1], sequence) + _evaluate_total(total[2], sequence)
    if kind == "contract":
        a, b, (a_labels, b_labels, out_labels) = sequence(total[1]), sequence(total[2]), total[3]
        step = max((*a_labels, *b_labels), default=-1) + 1
        return Tensor._apply(CONTRACT, (a, b), ((step, *a_labels), (step, *b_labels), out_labels))
    summed = sequence(total[1])
    return Tensor._apply(SUM, (summed,), ((0, *(d + 1 for d in total[2])), tuple(summed._shape)))


# --- running ----------------------------------------------------------------------------------------------------------------
class RecurrenceBackward0(GradientFunction):
    """The tape entry of a recurrence.

    Its outputs are each state's history; the values of each result of the step, next states first; each state after the last
    step.
    """

    __slots__ = ("kept", "recurrence", "forms", "saved")

    def __init__(
        self, kept: _Kept, recurrence: Recurrence, operands: Sequence[Tensor], histories: Sequence[Any], outputs: Sequence[Tensor]
    ) -> None:
        step = kept.step
        count = len(step.states)
        super().__init__(tuple([t._edge() if t.requires_grad else (None, 0) for t in operands]), 2 * count + len(step.results))
        self.kept: _Kept | None = kept
        self.recurrence = recurrence
        self.forms = [(tuple(t._shape), t.dtype) for t in operands]
        places: dict[int, tuple[Any, int, bool]] = {}  # by a value's serial number: the tensor, its first row, whether we made it
        for leaf, result, history in zip(step.states, step.results, histories):
            places[leaf.serial] = history, _before(recurrence), True
            places[result.serial] = history, _after(recurrence), True
        for result, t in zip(step.results[count:], outputs):
            places[result.serial] = t, 0, True
        for leaf, t, start in zip(step.rows, operands[count:], recurrence.starts):
            places[leaf.serial] = t, start, False
        for leaf, t in zip(step.constants, operands[count + len(step.rows) :]):
            places[leaf.serial] = t, 0, False
        once: dict[int, SavedTensor] = {}
        self.saved: dict[int, tuple[SavedTensor, int, bool]] = {}
        """By a value's serial number: the tensor, its first row, whether it is an output of this entry."""
        for node in (*kept.whole.sources, *kept.whole.constants):
            t, start, is_own = places[node.serial]
            if id(t) not in once:
                once[id(t)] = SavedTensor(t, is_own)
            self.saved[node.serial] = once[id(t)], start, is_own

    def backward(self, gradients: list[Any]) -> Sequence[Any]:
        kept = self.kept
        if kept is None:
            raise freed_error()
        recurrence, step = self.recurrence, kept.step
        count = len(step.states)
        given, last = gradients[: count + len(step.results)], gradients[count + len(step.results) :]
        adjoint = kept.adjoint(tuple([g is not None for g in given]))
        device = step.results[0].device

        def restored(node: Node) -> Rows:
            saved, start, is_own = self.saved[node.serial]
            return Rows(saved.restore(self if is_own else None), start)

        seeds = [Rows(g, 0 if i >= count else _after(recurrence)) for i, g in enumerate(given) if g is not None]
        rows = [*seeds, *map(restored, adjoint.sources)]
        found = _run(
            adjoint.program,
            [zeros(s.shape, dtype=s.dtype, device=device) if g is None else g for s, g in zip(step.states, last)],
            rows,
            [restored(node).tensor for node in adjoint.constants],
            recurrence.times,
            not recurrence.reverse,
            (False,) * count,
        )

        def sequence(place: tuple[str, int]) -> Tensor:
            kind, number = place
            return found.outputs[number] if kind == "output" else _taken(rows[number], recurrence.times)

        results: list[Any] = []
        for g, t in zip(given, found.last):
            results.append(t if g is None else t + pick(g, 0, _first(recurrence)))
        for number, start, (shape, _) in zip(adjoint.rows, recurrence.starts, self.forms[count:]):
            results.append(None if number is None else _put(found.outputs[number], start, shape))
        results += [None if total is None else _evaluate_total(total, sequence) for total in adjoint.sums]
        return [r if function is not None else None for r, (function, _) in zip(results, self.edges, strict=True)]

    def saved_values(self) -> list[Tensor]:
        return [s.tensor for s, _, _ in self.saved.values() if s.unpack is None]

    def release(self) -> None:
        self.kept, self.saved = None, {}


def _before(recurrence: Recurrence) -> int:
    """Which row of a history a step that reads row 0 of the sequences starts from."""
    return int(recurrence.reverse)


def _after(recurrence: Recurrence) -> int:
    """Which row of a history such a step writes."""
    return int(not recurrence.reverse)


def _first(recurrence: Recurrence) -> int:
    """Where a history begins."""
    return recurrence.times if recurrence.reverse else 0


def _taken(rows: Rows, times: int) -> Tensor:
    """The rows of a sequence that are read."""
    tensor = rows.tensor
    return tensor if tensor._shape[0] == times else slice_dim(tensor, 0, rows.start, times)


def _put(gradient: Tensor, start: int, shape: tuple[int, ...]) -> Tensor:
    """The gradient of a sequence from that of the rows that were read."""
    times = gradient._shape[0]
    if times == shape[0]:
        return gradient
    zero = (0,) * (len(shape) - 1)
    return Tensor._apply(PAD, (gradient,), ((start, *zero), (shape[0] - start - times, *zero), (0, *zero), 0))


def _run(
    program: _Program,
    states: Sequence[Tensor],
    rows: Sequence[Rows],
    constants: Sequence[Tensor],
    times: int,
    reverse: bool,
    keep: Sequence[bool],
) -> Recurrent:
    """The recurrence of a program. `keep` tells of which states the values after all steps are asked for."""
    operands = [*states, *(r.tensor for r in rows), *constants, *map(from_node, program.extra)]
    needs = tuple([state.enabled and t.requires_grad for t in operands])
    kept = program.kept(needs) if any(needs) else None
    step = program.step if kept is None else kept.step
    count = len(states)
    recurrence = Recurrence(step, times, tuple([r.start for r in rows]), reverse)
    nodes = tuple([t._value() for t in operands])

    def part(kind: str, index: int) -> Node:
        return RECURRENCE(nodes, (recurrence, Part(kind, index)))

    own = len(program.step.results) - count
    outputs = [from_node(part("output", i)) for i in range(len(step.results) - count)]
    histories: list[Any] = []
    after: list[Any] = []
    last = []
    read = set() if kept is None else {n.serial for n in kept.whole.sources}
    for i in range(count):
        is_read = step.states[i].serial in read or step.results[i].serial in read
        kind = "history" if keep[i] or is_read else "recent"
        node = part(kind, i)
        shape = step.states[i].shape
        last.append(from_node(_row(node, Part(kind, i).place(recurrence, times))))
        histories.append(from_node(node) if is_read else None)
        # Memory of its own on the tape's side: what is saved doesn't change when the result is written in place.
        strides, size = contiguous_strides((times, *shape)), step.states[i].size
        after.append(over(Storage(node), (times, *shape), strides, _after(recurrence) * size) if keep[i] else None)
    if kept is not None:
        results = [*histories, *after, *outputs, *last]
        for index, t in enumerate(results):
            if t is not None:
                t._output_index = index
        entry = RecurrenceBackward0(kept, recurrence, operands, histories, outputs)
        for t in results:
            if t is not None and t.dtype.category == 2:
                t._requires_grad, t._grad_fn = True, entry
    return Recurrent(after, last, outputs[:own])


def _row(node: Node, number: int) -> Node:
    """One row of a value."""
    shape = node.shape
    rank = len(shape)
    row = SLICE((node,), ((number, *(0,) * (rank - 1)), (1,) * rank, (1, *shape[1:]), shape))
    return shaped(row, shape[1:])


def recur(
    function: StepFunction,
    states: Sequence[Tensor],
    rows: Sequence[Tensor],
    constants: Sequence[Tensor] = (),
    reverse: bool = False,
    keep: Sequence[bool] | None = None,
) -> Recurrent:
    """`function` done for each row (dimension 0) of `rows` in order, or in `reverse` order, starting from `states`.

    It is called once, whatever the number of rows, with tensors whose values can't be looked at: one row of each of `rows`, and
    all of `states` and `constants`; it may use no other tensors. Where equal shapes come again the same graph is used, so it must
    be a pure function, defined once. `keep` tells which states' values after every step are asked for; all, where None.
    """
    times = rows[0]._shape[0]
    assert times > 0 and all(t._shape[0] == times for t in rows)
    program = _program(function, (states, rows, constants))
    wanted = (True,) * len(states) if keep is None else keep
    return _run(program, states, [Rows(t) for t in rows], constants, times, reverse, wanted)
