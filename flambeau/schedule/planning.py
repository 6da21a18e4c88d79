"""`build`: the pending graph → a plan: operations, fusion, one kernel after another, and the memory that values may share.

May import `flambeau.kernels`, `flambeau.graph` and `flambeau.dtypes`.
"""

from __future__ import annotations

import heapq
from collections.abc import Container, Iterator, Sequence
from math import prod

from flambeau.graph.node import Node, topological_order
from flambeau.graph.parts import real_graph
from flambeau.graph.step import Step as StepGraph
from flambeau.graph.step import down_to
from flambeau.kernels.ir import FourierKernel, Kernel, RoutineKernel, Slot, SortKernel
from flambeau.kernels.lower import Unfusable, Write
from flambeau.kernels.operation import MOVEMENT, Operation, Program
from flambeau.kernels.repeated import lower_attention, lower_contraction, lower_loops
from flambeau.schedule.fusion import WIDEST, Fusion, Unit
from flambeau.schedule.memory import donations, is_copy, shared
from flambeau.schedule.plan import Plan, RecurrenceKernel, Step, Value
from flambeau.schedule.recurrence import recurrence_kernel

__all__ = ["build"]

Launch = tuple[Kernel | RecurrenceKernel, list[Operation]]


def build(nodes: Sequence[Node], found: Sequence[Node] | None = None) -> Plan:
    """The plan that computes `nodes`. Its inputs and scalars are the leaves in the order of `found`: all that the nodes need and
    themselves, in topological order unless given in another.

    A node's value may be where another's is: `plan.outputs` may repeat a number, or hold an input's (a reshape of an input).
    """
    program = Program()
    if found is None:
        found = topological_order(nodes)
    real = real_graph(found)
    results = [real[n.serial] for n in nodes]
    needed = {n.serial: n for n in (*topological_order(results), *(real[n.serial] for n in found if _is_leaf(n)))}
    made, leaves = _operations(program, list(needed.values()), {serial for serial, n in needed.items() if n.buffer is not None})
    known = [leaves[real[n.serial].serial] for n in found if _is_leaf(n)]
    inputs, scalars = [o for o in known if o.name == "memory"], [o for o in known if o.name == "scalar"]
    wanted = [_in_memory(program, made[n.serial]) for n in results]
    plan = _scheduled(program, wanted, inputs, scalars)
    plan.donations = donations(plan, found, nodes)
    return plan


def _is_leaf(node: Node) -> bool:
    """Whether a run gives the node's value, rather than the program."""
    return node.buffer is not None or node.primitive.name == "scalar"


def build_body(step: StepGraph, results: Sequence[Node]) -> tuple[Plan, list[int]]:
    """The plan for one step of a recurrence, and which of the step's leaves its inputs are. Each result has memory of its own."""
    program = Program()
    numbers = {leaf.serial: i for i, leaf in enumerate(step.leaves)}
    made, leaves = _operations(program, down_to(numbers, results), numbers)
    wanted: list[Operation] = []
    for node in results:
        found = _in_memory(program, made[node.serial])
        if found.name == "memory" or found in wanted:
            found = _copy(program, found)
        wanted.append(found)
    return _scheduled(program, wanted, list(leaves.values()), ()), [numbers[serial] for serial in leaves]


def _operations(
    program: Program, nodes: Sequence[Node], given: Container[int]
) -> tuple[dict[int, Operation], dict[int, Operation]]:
    """The operations of nodes, and the leaves among them, by the nodes' serial numbers; those `given` are in memory."""
    made: dict[int, Operation] = {}
    leaves: dict[int, Operation] = {}
    for node in sorted(nodes, key=lambda n: n.serial):
        if node.serial in given:
            made[node.serial] = leaves[node.serial] = program.new("memory", node.shape, node.dtype)
        elif node.primitive.name == "scalar":
            leaves[node.serial] = leaf = program.new("scalar", (), node.dtype)
            made[node.serial] = program.repeated(leaf, node.shape)
        elif node.primitive.name == "constant":
            leaf = program.make("constant", (), node.params, (), node.dtype)
            made[node.serial] = program.repeated(leaf, node.shape)
        else:
            made[node.serial] = program.from_node(node, tuple(made[i.serial] for i in node.inputs))
    return made, leaves


def _scheduled(program: Program, wanted: Sequence[Operation], inputs: Sequence[Operation], scalars: Sequence[Operation]) -> Plan:
    """The plan that puts `wanted` into memory."""
    operations = program.finish([*wanted, *inputs, *scalars])
    outputs = [o for o in dict.fromkeys(wanted) if o.name != "memory"]
    forced: set[int] = set()
    while True:
        fusion = Fusion(operations, outputs, forced)
        launches: list[tuple[Unit, list[Launch]]] = []
        missing: set[int] = set()
        for unit in _ordered(fusion.units):
            try:
                launches.append((unit, _launches(unit, fusion)))
            except Unfusable as error:
                missing.add(error.operation.number)
        if not missing:
            break
        assert missing.isdisjoint(forced), missing
        forced |= missing
    return _plan(operations, launches, inputs, scalars, wanted)


def _in_memory(program: Program, operation: Operation) -> Operation:
    """The operation whose memory holds an output: a reshape shares its operand's, a scalar is copied from where it is given."""
    while operation.name == "reshape":
        operation = operation.inputs[0]
    return _copy(program, operation) if operation.name == "scalar" else operation


def _copy(program: Program, operation: Operation) -> Operation:
    """The same value in memory of its own."""
    return program.new("permute", operation.shape, operation.dtype, (operation,), (tuple(range(len(operation.shape))),))


def _ordered(units: Sequence[Unit]) -> list[Unit]:
    """Units after what they need, else in the program's order."""
    waiting = {u: len(u.needs) for u in units}
    users: dict[Unit, list[Unit]] = {u: [] for u in units}
    for u in units:
        for needed in u.needs:
            users[needed].append(u)
    ready = [(u.roots[-1].number, i, u) for i, u in enumerate(units) if not waiting[u]]
    heapq.heapify(ready)
    result = []
    while ready:
        _, _, u = heapq.heappop(ready)
        result.append(u)
        for user in users[u]:
            waiting[user] -= 1
            if not waiting[user]:
                heapq.heappush(ready, (user.roots[-1].number, len(result) + len(units), user))
    assert len(result) == len(units), "units need one another in a circle"
    return result


def _launches(unit: Unit, fusion: Fusion) -> list[Launch]:
    """The kernels of a unit, each with the operation of every slot."""
    memory, heights = fusion.memory, fusion.heights
    root = unit.roots[0]
    if unit.core is not None:
        return [lower_contraction(unit.core, root, memory, heights)]
    if root.name == "concatenate":
        return [lower_loops(writes, memory, heights) for writes in _joined(root, memory)]
    if root.name in ("assign", "scatter"):
        value = root.inputs[-1]
        return [
            lower_loops([Write(root, root.inputs[0], "copy")], memory, heights),
            lower_loops([Write(root, value, root.name)], memory, heights),
        ]
    if root.kind == "attention":
        return [lower_attention(unit.roots, memory)]
    operands = [*root.inputs, root]
    slots = tuple(Slot(o.dtype, o.size, "out" if o is root else "in") for o in operands)
    if root.name == "argsort":
        (source,), (_, descending, kept) = root.inputs, root.params
        return [(SortKernel(root.size // kept, source.shape[-1], kept, descending, slots), operands)]
    if root.name == "fourier_parts":
        kind, axis, n, factor = root.params
        outer, inner = prod(root.shape[:axis]), prod(root.shape[axis + 1 :])
        return [(FourierKernel(kind, outer, n, inner if kind == "half" else inner // 2, factor, slots), operands)]
    if root.name == "recurrence":
        firsts = [Write(r, r.inputs[r.params[1].number], "row", (), r.params[1].place(r.params[0], 0))
                  for r in unit.roots if r.params[1].kind == "history"]  # fmt: skip
        return [*(lower_loops([w], memory, heights) for w in firsts), recurrence_kernel(unit.roots, build_body)]
    if root.name == "routine":
        name, arguments, shape, _ = root.params
        return [(RoutineKernel(name, arguments, (*(o.shape for o in root.inputs), shape), slots), operands)]
    pairs = [p for p in map(_paired, unit.roots) if p is not None]
    if len(pairs) == len(unit.roots) and 2 * len(pairs) <= WIDEST:
        return [lower_loops([w for p in pairs for w in p], memory, heights)]
    return [lower_loops([Write(r, r) for r in unit.roots], memory, heights)]


def _paired(root: Operation) -> list[Write] | None:
    """The writes of real and imaginary parts where the root is a whole made of them (`graph.parts.Pair`)."""
    if root.name != "where" or root.shape[-1:] != (2,) or root.dtype.itemsize < 4:
        return None
    condition, *parts = root.inputs
    if condition.name != "eq" or any(p.name != "expand" or p.inputs[0].shape != (*root.shape[:-1], 1) for p in parts):
        return None
    place, zero = (_source(o) for o in condition.inputs)
    if place.name != "iota" or place.shape != (2,) or zero.name != "constant" or zero.params[0] != 0:
        return None
    if condition.inputs[0].name == "expand" and condition.inputs[0].inputs[0].shape[-1:] != (2,):
        return None
    lead = (0,) * (len(root.shape) - 1)
    return [Write(root, p.inputs[0], "part", (*lead, i)) for i, p in enumerate(parts)]


def _source(o: Operation) -> Operation:
    """What is seen through reshapes and repetitions."""
    while o.name in ("reshape", "expand"):
        o = o.inputs[0]
    return o


def _joined(root: Operation, memory: Container[int]) -> list[list[Write]]:
    """The writes of a concatenation's parts, those together that one kernel does: neighbours of one shape share what is computed.
    (Parts of narrower types may meet within a word that a GPU stores.)"""
    groups: list[list[Write]] = []
    for part, corner in _parts(root, (0,) * len(root.shape), memory):
        write = Write(root, part, "part", corner)
        last = groups[-1] if groups else []
        if last and last[0].value.shape == part.shape and len(last) < WIDEST and root.dtype.itemsize >= 4:
            last.append(write)
        else:
            groups.append([write])
    return groups


def _parts(root: Operation, corner: tuple[int, ...], memory: Container[int]) -> Iterator[tuple[Operation, tuple[int, ...]]]:
    """The parts of a concatenation and of those that it is made of, each with the place of its first element."""
    (axis,) = root.params
    for part in root.inputs:
        if part.name == "concatenate" and part.number not in memory:
            yield from _parts(part, corner, memory)
        elif part.size:
            yield part, corner
        corner = (*corner[:axis], corner[axis] + part.shape[axis], *corner[axis + 1 :])


def _origin(unit: Unit, named: Sequence[Operation]) -> tuple[str, ...]:
    """The operators that a unit's operations come from, in the program's order; its roots' primitives where none is known."""
    found = tuple(dict.fromkeys(o.origin for o in named if unit.cone >> o.number & 1 if o.origin))
    made = (*unit.roots, *([] if unit.core is None else [unit.core]))
    named_roots = tuple(dict.fromkeys(o.name for o in made if o.name not in MOVEMENT))
    return found or named_roots[: max(1, len(unit.roots))]


def _plan(
    operations: Sequence[Operation],
    launches: Sequence[tuple[Unit, list[Launch]]],
    inputs: Sequence[Operation],
    scalars: Sequence[Operation],
    wanted: Sequence[Operation],
) -> Plan:
    numbers: dict[int, int] = {}
    values: list[Value] = []
    outputs = {o.number for o in wanted}

    def number(o: Operation, kind: str) -> int:
        found = numbers.get(o.number)
        if found is None:
            found = numbers[o.number] = len(values)
            values.append(Value(o.dtype, o.size, kind))
        return found

    given = [number(o, "input") for o in inputs]
    read = [number(o, "scalar") for o in scalars]
    steps = []
    named = [o for o in operations if o.origin]
    for unit, kernels in launches:
        origin = _origin(unit, named)
        for kernel, operands in kernels:
            arguments = tuple(number(o, "output" if o.number in outputs else "temporary") for o in operands)
            steps.append(Step(kernel, arguments, origin, is_copy(kernel)))
    results = tuple(number(o, "output") for o in wanted)
    return shared(Plan(tuple(values), tuple(steps), tuple(given), tuple(read), results))
