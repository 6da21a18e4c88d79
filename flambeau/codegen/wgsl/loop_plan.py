"""How a loop kernel's axes are shared among invocations: groups, teams, and elements that are written as whole words.

May import `kernels.ir` and `codegen.wgsl`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from flambeau.codegen.wgsl import scatter
from flambeau.codegen.wgsl.memory import Memory
from flambeau.codegen.wgsl.ranges import affine
from flambeau.codegen.wgsl.target import Target
from flambeau.codegen.wgsl.types import lanes
from flambeau.kernels.ir import Expr, LoopKernel, Store
from flambeau.kernels.traverse import rebuild, walk

__all__ = ["Schedule", "elements_together", "plan_loops"]


@dataclass
class Schedule:
    """Which invocations do what of a loop kernel. Axes are (number, extent)."""

    group: list[tuple[int, int]]
    """Group axes and their extents, in order."""
    inner: list[tuple[int, int]]
    team: int
    """Invocations that share a group."""
    width: int
    """Invocations in a workgroup."""
    in_order: bool
    """Whether the inner axes run in order in one invocation (a scan)."""
    serial: bool = False
    """Whether one invocation runs everything."""


def plan_loops(kernel: LoopKernel, stores: Sequence[Store], roots: Sequence[Expr], target: Target) -> Schedule:
    """The schedule of these stores of the kernel, whose expressions are `roots`."""
    axes = [(i, n) for i, n in enumerate(kernel.axes)]
    every = frozenset(i for i, n in axes if n > 1)
    wide = 64 if target.is_software else min(256, target.max_invocations)
    nodes = list(walk(roots))
    if any(scatter.needs_order(s, kernel.slots[s.slot].dtype) for s in stores):
        return Schedule(axes, [], 1, 1, False, serial=True)
    scans = {e.param[1] for e in nodes if e.op == "scan"}
    if scans:
        if len(scans) > 1:
            raise NotImplementedError("scans along two axes in one kernel")
        group = [a for a in axes if a[0] not in scans]
        return Schedule(group, [a for a in axes if a[0] in scans], 1, wide, True)
    outer = _outer_reductions(nodes, frozenset(range(len(axes))))
    shared = frozenset().union(*(e.axes for e in outer)) if outer else frozenset()
    partial = [e for e in outer if not every <= e.axes]
    if partial and not every <= shared:
        group = [a for a in axes if a[0] in shared]
        inner = [a for a in axes if a[0] not in shared]
    else:
        group, inner = axes, []
    groups = prod(n for _, n in group)
    work = max(
        [prod(n for _, n in e.param[1]) for e in outer if not e.axes - {i for i, _ in group}] + [prod(n for _, n in inner)]
    )
    team = 1
    if outer and work > 1:
        team = _team_size(groups, work, _is_along_groups(outer, group), wide, target)
    return Schedule(group, inner, team, max(wide, team), False)


def _outer_reductions(nodes: Sequence[Expr], parallel: frozenset[int]) -> list[Expr]:
    """Reductions that don't depend on another's axis."""
    return [e for e in nodes if e.op == "reduce" and e.axes <= parallel]


def _is_along_groups(reductions: Sequence[Expr], group: Sequence[tuple[int, int]]) -> bool:
    """Whether neighbouring groups read neighbouring elements, so that one invocation for each reads memory in order."""
    group_axes = {i for i, n in group if n > 1}
    for e in walk([r.args[0] for r in reductions]):
        if e.op == "load":
            form = affine(rebuild(e.args[0], _of_some_row))
            if form is not None:
                nearest = min(((abs(c), axis) for axis, c in form[1].items()), default=None)
                if nearest is not None and nearest[1] not in group_axes:
                    return False
    return True


def _of_some_row(e: Expr, args: tuple[Expr, ...]) -> Expr:
    """For `rebuild`: the index where a position that is looked up is some constant."""
    if e.op == "load":
        return Expr("literal", (), e.dtype, 0)
    if e.op in ("check", "where"):
        return args[e.op == "where"]
    return e if args == e.args else Expr(e.op, args, e.dtype, e.param)


def _team_size(groups: int, work: int, along_groups: bool, wide: int, target: Target) -> int:
    """How many invocations share a group: enough to fill the GPU, and to read memory in order, each with something to do."""
    if target.is_software:
        enough, most = 16, 64
    else:
        enough, most = (1 << 14 if along_groups else 1 << 22), wide
    if groups >= enough or work < 8:
        return 1
    least = 4 if groups < 4096 else 16  # elements that each invocation takes
    team = 1
    while team < most and team * least <= work and (groups * team < enough or not along_groups):
        team *= 2
    return team


def elements_together(
    stores: Sequence[Store], memories: Sequence[Memory | None], schedule: Schedule, extents: Sequence[int]
) -> int:
    """How many neighbouring elements an invocation takes so that it writes whole words; other narrow stores go atomic."""
    elements = schedule.inner or schedule.group
    group_axes = {i for i, _ in schedule.group} if schedule.inner else set()
    packed = 1
    for store in stores:
        memory = memories[store.slot]
        assert memory is not None
        n = lanes(memory.type)
        if n == 1 or memory.is_atomic:
            continue
        if schedule.serial or not _owns_words(store, memory, n, elements, group_axes, schedule, extents):
            memory.is_atomic = True
        else:
            packed = max(packed, n)
    return packed


def _owns_words(
    store: Store,
    memory: Memory,
    n: int,
    elements: Sequence[tuple[int, int]],
    group_axes: set[int],
    schedule: Schedule,
    extents: Sequence[int],
) -> bool:
    """Whether no other invocation, and nobody else, writes a part of the words that the store's elements lie in, `n` a word."""
    if store.guard is not None or store.mode != "set" or schedule.in_order or (schedule.team > 1 and not schedule.inner):
        return False
    form = affine(store.index)
    if form is None:
        return False
    constant, terms = form
    stride = 1
    for axis, extent in reversed(elements):
        if extent > 1 and terms.get(axis, 0) != stride:
            return False
        stride *= extent
    if constant % n or any(terms.get(axis, 0) % n for axis in group_axes):
        return False
    # a last word that is shared must be all this kernel's: nothing may lie behind it in the slot
    is_last = not (group_axes and prod(extents[a] for a in group_axes) > 1) and constant + stride == memory.size
    return not stride % n or is_last
