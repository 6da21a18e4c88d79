"""Which values of a plan may take over an earlier value's memory. May import `flambeau.kernels`."""

from __future__ import annotations

from flambeau.kernels.index import Space
from flambeau.kernels.ir import ContractionKernel, Expr, LoopKernel
from flambeau.schedule.plan import Plan

__all__ = ["share"]


def share(plan: Plan) -> dict[int, int]:
    """`aliases` of a plan: a value → the value that is read for the last time in the step that first writes it.

    The step must read the old value only where it stores the new one in the same iteration: then no iteration destroys what
    another still reads. Steps after the first that write the value (in place) must not read the old one elsewhere either.
    """
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
        step = plan.steps[start]
        value = plan.values[v]
        for u in step.arguments:
            old = plan.values[u]
            if u == v or u in taken or u in kept or old.kind == "scalar":
                continue
            if old.size != value.size or old.dtype.itemsize != value.dtype.itemsize or last[u] > end:
                continue
            if first.get(u, -1) >= start or any(u in plan.steps[n].arguments for n in range(start + 1, end)):
                continue
            if all(_in_place(plan, n, u, v) for n in sorted({start, end}) if u in plan.steps[n].arguments):
                aliases[v] = u
                taken.add(u)
                break
    return aliases


def _in_place(plan: Plan, number: int, old: int, new: int) -> bool:
    """Whether a step reads value `old` only at the very place where the same iteration stores `new`."""
    step = plan.steps[number]
    kernel = step.kernel
    reads = {s for s, v in enumerate(step.arguments) if v == old}
    writes = {s for s, v in enumerate(step.arguments) if v == new}
    if isinstance(kernel, ContractionKernel):
        if kernel.a.slot in reads or kernel.b.slot in reads:
            return False
        space, extents = Space(), [kernel.extents[a] for a in kernel.outputs]
        place = space.express(space.flat([space.axis(a, n) for a, n in zip(kernel.outputs, extents)], extents))
        return all(e.args[0] is place for e in loads([kernel.epilogue], reads))
    if not isinstance(kernel, LoopKernel):
        return False
    places = {s.index for s in kernel.stores if s.slot in writes}
    if len(places) != 1 or any(s.is_scatter for s in kernel.stores if s.slot in writes):
        return False
    (place,) = places
    values = [e for s in kernel.stores for e in (s.value, s.index, s.guard) if e is not None]
    return all(e.args[0] is place for e in loads(values, reads))


def loads(values: list[Expr], slots: set[int]) -> list[Expr]:
    """Every load of one of `slots` in the expressions."""
    found, seen, stack = [], set(), list(values)
    while stack:
        e = stack.pop()
        if id(e) in seen:
            continue
        seen.add(id(e))
        stack.extend(e.args)
        if e.op == "load" and e.param in slots:
            found.append(e)
    return found
