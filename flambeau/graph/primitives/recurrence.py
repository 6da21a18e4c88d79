"""Recurrence: one step, a graph of its own, done many times, each time from the state that the last one left.

May import `flambeau.dtypes` and `flambeau.graph`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from flambeau.graph.batching import Batch, leading
from flambeau.graph.node import Node, Primitive
from flambeau.graph.numpy import array_type, np
from flambeau.graph.primitives.leaf import placeholder
from flambeau.graph.primitives.movement import PERMUTE
from flambeau.graph.step import Step

__all__ = ["RECURRENCE", "Part", "Recurrence"]


class Recurrence(NamedTuple):
    """What all parts of one recurrence have in common: operands are (first states…, sequences…, constants…).

    `starts[j]` is the first row of sequence j (dimension 0) that is read. `reverse`: the steps go from the last of `times` rows
    to the first.
    """

    step: Step
    times: int
    starts: tuple[int, ...]
    reverse: bool

    def row(self, run: int) -> int:
        """Which row of the sequences run number `run` reads, and of the outputs it writes."""
        return self.times - 1 - run if self.reverse else run


class Part(NamedTuple):
    """Which value of a recurrence a node is.

    "history": all values of state `number`, (times + 1, …): where the steps go forward the first is row 0, where they go backward
    row `times`. "recent": the last two values of state `number`, the one after r runs at r mod 2. "output": all of the step's
    result `number`, counted after the next states, (times, …).
    """

    kind: str
    number: int

    def rows(self, times: int) -> int:
        """How many rows the value has."""
        return {"history": times + 1, "recent": 2, "output": times}[self.kind]

    def place(self, recurrence: Recurrence, runs: int) -> int:
        """Where a state stands after so many runs."""
        if self.kind == "recent":
            return runs % 2
        return recurrence.times - runs if recurrence.reverse else runs


def _row_node(step: Step, part: Part) -> Node:
    return step.results[part.number + (len(step.states) if part.kind == "output" else 0)]


def _rule(inputs: Sequence[Node], params: tuple[Any, ...]) -> Any:
    recurrence, part = params
    step = recurrence.step
    states, rows = len(step.states), len(step.rows)
    for given, leaf in zip(inputs, step.leaves, strict=True):
        assert given.dtype is leaf.dtype, (given, leaf)
    for given, leaf in (*zip(inputs[:states], step.states), *zip(inputs[states + rows :], step.constants)):
        assert given.shape == leaf.shape, (given, leaf)
    for given, leaf, start in zip(inputs[states:], step.rows, recurrence.starts, strict=False):
        assert given.shape[1:] == leaf.shape and given.shape[0] >= start + recurrence.times, (given, leaf, params)
    result = _row_node(step, part)
    return (part.rows(recurrence.times), *result.shape), result.dtype


def _evaluate(node: Node, *arrays: Any) -> Any:
    recurrence, part = node.params
    step, times, starts, _ = recurrence
    states, rows = len(step.states), len(step.rows)
    current, sequences, constants = list(arrays[:states]), arrays[states : states + rows], arrays[states + rows :]
    out = np.zeros(node.shape, array_type(node.dtype))
    if part.kind != "output":
        out[part.place(recurrence, 0)] = current[part.number]
    for run in range(times):
        row = recurrence.row(run)
        at_row = [s[start + row] for s, start in zip(sequences, starts)]
        results = step.evaluate([*current, *at_row, *constants], lambda n, operands: n.primitive.evaluate(n, *operands))
        current = results[:states]
        if part.kind == "output":
            out[row] = results[states + part.number]
        else:
            out[part.place(recurrence, run + 1)] = current[part.number]
    return out


def _batched_step(step: Step, rows: tuple[bool, ...], constants: tuple[bool, ...], n: int) -> Step:
    """The step for n examples: states differ from example to example, so do the rows and constants that are told."""
    key = ("batch", rows, constants, n)
    found = step.made.get(key)
    if found is not None:
        return found
    batch = Batch(n)
    leaves = []
    for leaf, differs in zip(step.leaves, (True,) * len(step.states) + rows + constants, strict=True):
        leaves.append(placeholder((n, *leaf.shape), leaf) if differs else leaf)
        if differs:
            batch.bind(leaf, leaves[-1])
    results = []
    for result in step.results:
        whole = batch.of(result)
        results.append(leading(result, n) if whole is None else whole)
    first, second = len(step.states), len(step.states) + len(step.rows)
    made = step.made[key] = Step(leaves[:first], leaves[first:second], leaves[second:], results)
    return made


def _swap(node: Node) -> Node:
    return PERMUTE((node,), ((1, 0, *range(2, len(node.shape))),))


def _batch(node: Node, inputs: Sequence[Node], batched: Sequence[bool], n: int) -> Node:
    """A recurrence of the step for n examples; sequences still begin with the dimension of steps."""
    recurrence, part = node.params
    step = recurrence.step
    states, rows = len(step.states), len(step.rows)
    whole = _batched_step(step, tuple(batched[states : states + rows]), tuple(batched[states + rows :]), n)
    operands = [i if b else leading(i, n) for i, b in zip(inputs[:states], batched)]
    operands += [_swap(i) if b else i for i, b in zip(inputs[states : states + rows], batched[states:])]
    operands += inputs[states + rows :]
    return _swap(RECURRENCE(tuple(operands), (recurrence._replace(step=whole), part)))


RECURRENCE = Primitive("recurrence", "recurrence", _rule, _evaluate, batch=_batch)
"""`params = (Recurrence, Part)`. The parts of one recurrence have equal operands; a device computes them together. The gradient
is a recurrence too: `flambeau.ops.recurrence` puts all parts onto the tape as one entry."""
