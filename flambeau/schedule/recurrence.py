"""The kernel of a recurrence: the plan of one step, and where what it reads and writes is at each run.

May import `flambeau.kernels`, `flambeau.graph` and `flambeau.dtypes`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flambeau.graph.node import Node
from flambeau.graph.primitives.recurrence import Part, Recurrence
from flambeau.graph.step import Step
from flambeau.kernels.ir import Slot
from flambeau.kernels.operation import Operation
from flambeau.schedule.plan import Place, Plan, RecurrenceKernel

__all__ = ["recurrence_kernel"]


def recurrence_kernel(
    roots: Sequence[Operation], build_body: Callable[[Step, Sequence[Node]], tuple[Plan, list[int]]]
) -> tuple[RecurrenceKernel, list[Operation]]:
    """The kernel that makes some parts of one recurrence, and the operation of each of its slots.

    The first row of a history is for another kernel to fill in; this one reads a state's first value where it is given.
    """
    operands = roots[0].inputs
    recurrence: Recurrence = roots[0].params[0]
    step = recurrence.step
    states = len(step.states)
    parts: dict[Part, int] = {root.params[1]: len(operands) + i for i, root in enumerate(roots)}
    outputs = sorted(part.number for part in parts if part.kind == "output")
    plan, inputs = _body(step, tuple(outputs), build_body)

    blocks: list[int] = []
    places: dict[int, Place] = {}
    for index, following in enumerate(plan.outputs[:states]):
        before, after = _state_places(recurrence, index, parts, blocks)
        places[following] = after
        if index in inputs:
            places[plan.inputs[inputs.index(index)]] = before
    for value, leaf in zip(plan.inputs, inputs):
        if states <= leaf < states + len(step.rows):
            places[value] = _rows(recurrence, leaf, step.leaves[leaf].size, recurrence.starts[leaf - states])
        elif leaf >= states:
            places[value] = Place(leaf)
    for index, value in zip(outputs, plan.outputs[states:]):
        places[value] = _rows(recurrence, parts[Part("output", index)], step.results[states + index].size)
    arguments = [*operands, *roots]
    slots = tuple(Slot(o.dtype, o.size, "in" if i < len(operands) else "out") for i, o in enumerate(arguments))
    return RecurrenceKernel(plan, recurrence.times, places, tuple(blocks), slots), arguments


def _body(
    step: Step, outputs: tuple[int, ...], build_body: Callable[[Step, Sequence[Node]], tuple[Plan, list[int]]]
) -> tuple[Plan, list[int]]:
    """The plan of a step that makes its next states and some of its outputs; which leaves its inputs are."""
    key = ("plan", outputs)
    found = step.made.get(key)
    if found is None:
        states = len(step.states)
        results = (*step.results[:states], *(step.results[states + i] for i in outputs))
        found = step.made[key] = build_body(step, results)
    return found


def _rows(recurrence: Recurrence, slot: int, size: int, start: int = 0) -> Place:
    """The row of a sequence or an output that a run is about."""
    return Place(slot, (start + recurrence.row(0)) * size, -size if recurrence.reverse else size)


def _state_places(recurrence: Recurrence, index: int, parts: dict[Part, int], blocks: list[int]) -> tuple[Place, Place]:
    """Where a run finds a state, and where it puts the next."""
    leaf = recurrence.step.states[index]
    history, recent = parts.get(Part("history", index)), parts.get(Part("recent", index))
    if history is not None:
        first = Part("history", index).place(recurrence, 0) * leaf.size
        stride = -leaf.size if recurrence.reverse else leaf.size
        return Place(history, first, stride, 0, first=index), Place(history, first, stride, 1)
    if recent is None:
        recent = ~len(blocks)
        blocks.append(2 * leaf.size * leaf.dtype.itemsize)
    return Place(recent, 0, leaf.size, 0, True, index), Place(recent, 0, leaf.size, 1, True)
