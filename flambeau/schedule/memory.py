"""Which values of a plan may take over an earlier value's memory. May import `flambeau.kernels` and `flambeau.graph`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from flambeau.graph.node import Node
from flambeau.kernels.ir import ContractionKernel, Expr, Kernel, LoopKernel, RoutineKernel, SortKernel
from flambeau.schedule.plan import Plan, RecurrenceKernel

__all__ = ["shared", "is_copy", "can_fail", "donations"]

SMALLEST_DONATION = 4096
"""Bytes; for less, asking who else knows an input costs more than it saves."""


def shared(plan: Plan) -> Plan:
    """The plan with its `aliases`, and without the copies that they make needless."""
    aliases = _aliases(plan)
    same: dict[int, int] = {}
    steps = []
    for step in plan.steps:
        if step.is_copy:
            old, new = step.arguments
            if aliases.get(new) == old and plan.values[old].kind == "temporary":
                same[new] = same.get(old, old)
                continue
        steps.append(step)

    def number(v: int) -> int:
        return same.get(v, v)

    values = list(plan.values)
    for new, old in same.items():
        if plan.values[new].kind == "output":
            values[old] = plan.values[new]
    return replace(
        plan,
        values=tuple(values),
        steps=tuple(replace(s, arguments=tuple(map(number, s.arguments))) for s in steps) if same else tuple(steps),
        outputs=tuple(map(number, plan.outputs)),
        aliases={number(v): number(u) for v, u in aliases.items() if v not in same},
    )


def is_copy(kernel: Kernel | RecurrenceKernel) -> bool:
    """Whether a kernel only copies slot 0 to slot 1."""
    if not isinstance(kernel, LoopKernel) or len(kernel.stores) != 1 or len(kernel.slots) != 2:
        return False
    (store,) = kernel.stores
    is_load = store.value.op == "load" and store.value.args == (store.index,) and store.value.param == 0
    return is_load and store.mode == "set" and kernel.slots[0].size == kernel.slots[1].size


def _aliases(plan: Plan) -> dict[int, int]:
    """A value → the value that is read for the last time in the step that first writes it.

    The step must read the old value only where it stores the new one in the same iteration: then no iteration destroys what
    another still reads. Steps after the first that write the value (in place) must not read the old one elsewhere either.
    A plan's input is taken over only after the last step that may fail: then an error leaves it as it was.
    """
    safe = 1 + max((n for n, step in enumerate(plan.steps) if can_fail(step.kernel)), default=-1)
    last: dict[int, int] = {}
    first: dict[int, int] = {}
    writers: dict[int, list[int]] = {}
    for number, step in enumerate(plan.steps):
        for slot, v in zip(step.kernel.slots, step.arguments):
            last[v] = number
            if slot.access != "in":
                first.setdefault(v, number)
                writers.setdefault(v, []).append(number)
    kept = set(plan.outputs)
    aliases: dict[int, int] = {}
    taken: set[int] = set()
    for v, start in first.items():
        end = writers[v][-1]
        value = plan.values[v]
        for u in _candidates(plan, start, v):
            old = plan.values[u]
            if u == v or u in taken or u in kept or old.kind == "scalar" or first.get(u, -1) >= start or last[u] > end:
                continue
            if old.kind == "input" and start < safe:
                continue
            if old.size != value.size or old.dtype.itemsize != value.dtype.itemsize:
                continue
            if last[u] > start and not plan.steps[start].is_copy:
                continue  # the first step writes something else than the old value, which the last one reads
            between = range(start + 1, end)
            if any(u in plan.steps[n].arguments for n in between):
                continue
            if all(_in_place(plan, n, u, v) for n in {start, end} if u in plan.steps[n].arguments):
                aliases[v] = u
                taken.add(u)
                break
    return aliases


def _candidates(plan: Plan, number: int, new: int) -> list[int]:
    """The values that a step reads for its result `new`: inputs first for an output, temporaries first for a temporary, and
    the nearest to the store first.

    Of p - lr·(0.9·m + g) that is p: what is updated stands outermost and to the left.
    """
    step = plan.steps[number]
    if not isinstance(step.kernel, LoopKernel):
        return []
    front = [s.value for s in step.kernel.stores if step.arguments[s.slot] == new]
    found: dict[int, None] = {}
    seen: set[Expr] = set()
    while front:
        behind: list[Expr] = []
        for e in front:
            if e not in seen:
                seen.add(e)
                if e.op == "load":
                    found[step.arguments[e.param]] = None
                behind.extend(e.args)
        front = behind
    is_output = plan.values[new].kind == "output"
    return sorted(found, key=lambda u: (plan.values[u].kind == "input") is not is_output)


def _in_place(plan: Plan, number: int, old: int, new: int) -> bool:
    """Whether a step reads value `old` only at the very place where the same iteration stores `new`, and for that store.

    Not in a contraction: it may gather partial sums in its result before the epilogue reads anything.
    """
    step = plan.steps[number]
    kernel = step.kernel
    if not isinstance(kernel, LoopKernel):
        return False
    reads = {s for s, v in enumerate(step.arguments) if v == old}
    own = [s for s in kernel.stores if step.arguments[s.slot] == new]
    if len(own) != 1 or own[0].is_scatter or not any(e.op == "load" and e.param in reads for e in expressions([own[0].value])):
        return False
    values = [e for s in kernel.stores for e in (s.value, s.index, s.guard) if e is not None]
    return all(e.args == (own[0].index,) for e in expressions(values) if e.op == "load" and e.param in reads)


def expressions(values: Iterable[Expr]) -> Iterator[Expr]:
    """Every expression within `values`, once."""
    seen, stack = set(), list(values)
    while stack:
        e = stack.pop()
        if id(e) not in seen:
            seen.add(id(e))
            stack.extend(e.args)
            yield e


def donations(plan: Plan, order: Sequence[Node], outputs: Sequence[Node]) -> tuple[tuple[int, tuple[tuple[int, int], ...]], ...]:
    """`Plan.donations`: each large input that a value may take over, and what must then be known to nobody outside.

    That is the input itself, and the nodes through which it is read that get no memory: who holds one of those could ask for
    its value later.
    """
    targets = set(plan.aliases.values())
    wanted = {n.serial for n in outputs}
    place = {n.serial: i for i, n in enumerate(order)}
    references = [0] * len(order)
    users: list[list[int]] = [[] for _ in order]
    for i, node in enumerate(order):
        for x in node.inputs if node.buffer is None else ():
            references[place[x.serial]] += 1
            users[place[x.serial]].append(i)
    leaves = [i for i, n in enumerate(order) if n.buffer is not None]
    result = []
    for position, (v, leaf) in enumerate(zip(plan.inputs, leaves, strict=True)):
        if v not in targets or plan.values[v].size * plan.values[v].dtype.itemsize < SMALLEST_DONATION:
            continue
        reached, stack = {leaf}, [leaf]
        while stack:
            for u in users[stack.pop()]:
                if u not in reached and order[u].serial not in wanted:
                    reached.add(u)
                    stack.append(u)
        result.append((position, tuple((i, references[i]) for i in sorted(reached))))
    return tuple(result)


def can_fail(kernel: Kernel | RecurrenceKernel) -> bool:
    """Whether running the kernel may raise: those that run in Python, and those with a check."""
    if isinstance(kernel, RecurrenceKernel):
        return any(can_fail(step.kernel) for step in kernel.body.steps)
    if isinstance(kernel, RoutineKernel | SortKernel):
        return True
    values: list[Expr] = []
    if isinstance(kernel, LoopKernel):
        values = [e for s in kernel.stores for e in (s.value, s.index, s.guard) if e is not None]
    elif isinstance(kernel, ContractionKernel):
        values = [kernel.epilogue]
    return any(e.may_raise for e in expressions(values))
