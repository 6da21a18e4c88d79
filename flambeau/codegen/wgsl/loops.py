"""`LoopKernel` → compute shaders.

The parallel axes are split into *group* axes and *inner* axes. A group is what a team of invocations works on: reductions
that depend on group axes alone are computed once for it, then the team goes over the inner axes. Without such reductions
every axis is a group axis and a team is one invocation. Narrow elements are written by the word: one invocation then takes
as many neighbouring elements as a word holds.

May import `flambeau.dtypes`, `kernels.ir` and `codegen.wgsl`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from flambeau.codegen.wgsl import scatter
from flambeau.codegen.wgsl.emit import Emitter, Team
from flambeau.codegen.wgsl.library import with_library
from flambeau.codegen.wgsl.memory import Memory
from flambeau.codegen.wgsl.merging import merge
from flambeau.codegen.wgsl.program import ERRORS, Binding, Clear, Dispatch, Program
from flambeau.codegen.wgsl.ranges import affine
from flambeau.codegen.wgsl.scanning import split_scans
from flambeau.codegen.wgsl.splitting import split_reductions
from flambeau.codegen.wgsl.target import Target
from flambeau.codegen.wgsl.types import lanes, pack
from flambeau.kernels.ir import Expr, LoopKernel, Store
from flambeau.kernels.traverse import rebuild, walk

__all__ = [
    "generate_loops", "append_loops", "append_split_loops", "workgroup_grid", "bind_memories", "make_memories",
    "workgroup_number",
]  # fmt: skip


@dataclass
class _Schedule:
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


def _parts(store: Store) -> list[Expr]:
    return [store.index, store.value, *([store.guard] if store.guard is not None else [])]


def workgroup_grid(count: int, target: Target) -> tuple[int, int, int]:
    """`count` workgroups as a grid within the adapter's limits: their number is x + y·(size of x) + z·(size of x and y)."""
    limit = target.max_workgroups
    if count <= limit:
        return count, 1, 1
    y = -(-count // limit)
    if y <= limit:
        return -(-count // y), y, 1
    z = -(-y // limit)
    y = -(-y // z)
    return -(-count // (y * z)), y, z


def workgroup_number(grid: tuple[int, int, int]) -> str:
    """The text of a workgroup's number in such a grid."""
    if grid[1] == 1:
        return "workgroup.x"
    if grid[2] == 1:
        return f"(workgroup.x + workgroup.y * {grid[0]}u)"
    return f"(workgroup.x + (workgroup.y + workgroup.z * {grid[1]}u) * {grid[0]}u)"


_FAIL = """fn fail(check: u32, low: i32, high: i32) {
  if (atomicCompareExchangeWeak(&errors[0], 0u, check).exchanged) {
    atomicStore(&errors[1], bitcast<u32>(low));
    atomicStore(&errors[2], bitcast<u32>(high));
  }
}
"""


def bind_memories(memories: Sequence[Memory], has_checks: bool = False) -> tuple[str, tuple[Binding, ...]]:
    """Declarations and bindings of every distinct memory, in order, then of the buffer for failed checks if it is needed."""
    text = ""
    bindings: list[Binding] = []
    done: set[int] = set()
    for memory in memories:
        if id(memory) not in done:
            done.add(id(memory))
            declared, bound = memory.declaration(len(bindings))
            text += declared
            bindings.extend(bound)
    if has_checks:
        text += f"@group(0) @binding({len(bindings)}) var<storage, read_write> errors: array<atomic<u32>, 4>;\n" + _FAIL
        bindings.append(Binding(ERRORS, True, 0, 16))
    return text, tuple(bindings)


def make_memories(kernel_slots: Sequence, target: Target, same: Sequence[int], used: set[int]) -> list[Memory | None]:
    """The memory of each used slot; slots in one buffer (`same`) share one, writable if any of them is."""
    memories: list[Memory | None] = [None] * len(kernel_slots)
    for i, slot in enumerate(kernel_slots):
        if i not in used:
            continue
        first = same[i]
        if memories[first] is None:
            size = max(s.size for s, group in zip(kernel_slots, same) if group == first)
            memories[first] = Memory(first, kernel_slots[first].dtype, size, target)
        memories[i] = memories[first]
        if slot.access != "in":
            memories[first].writable = True  # type: ignore[union-attr]
    return memories


def generate_loops(kernel: LoopKernel, target: Target, same: Sequence[int]) -> Program:
    """Shaders for a loop kernel; `same[i]` is the first slot that lies in slot i's buffer (i itself when alone)."""
    program = Program()
    append_split_loops(kernel, target, same, program, len(kernel.slots))
    return program


def append_split_loops(kernel: LoopKernel, target: Target, same: Sequence[int], program: Program, base: int) -> None:
    """Adds the shaders of a loop kernel, long reductions with few results and long scans in stages, to a program."""
    if prod(kernel.axes) == 0:
        return
    stages = split_scans(kernel, target, same)
    if len(stages) == 1:
        stages = split_reductions(kernel, target, same)
    program.scratch.extend(slot.size * slot.dtype.itemsize for slot in stages[-1][0].slots[base + len(program.scratch) :])
    for stage, stage_same in stages:
        append_loops(stage, target, stage_same, program, base)


def append_loops(kernel: LoopKernel, target: Target, same: Sequence[int], program: Program, base: int) -> None:
    """Adds the shaders of a loop kernel to a program whose scratch slots are numbered from `base`."""
    winners: dict[int, int] = {}
    for number, store in enumerate(kernel.stores):
        if store.mode == "set" and store.is_scatter:
            # the last iteration wins: a first shader finds it for each place
            slot = base + len(program.scratch)
            program.scratch.append(kernel.slots[store.slot].size * 4)
            winners[number] = slot
            program.steps.append(Clear(slot))
            _shader(kernel, target, same, {number: slot}, program, base, finds_winners=True)
    _shader(kernel, target, same, winners, program, base)


def _shader(
    kernel: LoopKernel,
    target: Target,
    same: Sequence[int],
    winners: dict[int, int],
    program: Program,
    base: int,
    finds_winners: bool = False,
) -> None:
    """Appends the shader of one pass over the kernel, with the copies around it that the adapter's limits ask for."""
    stores = [s for i, s in enumerate(kernel.stores) if i in winners] if finds_winners else list(kernel.stores)
    extents = dict(enumerate(kernel.axes))
    roots = [
        part
        for s in stores
        for part in (([s.index] + ([s.guard] if s.guard is not None else [])) if finds_winners else _parts(s))
    ]
    for e in walk(roots):
        if e.op == "reduce":
            extents.update(dict(e.param[1]))
    schedule = _schedule(kernel, stores, roots, target)
    used = {e.param for e in walk(roots) if e.op == "load"}
    if not finds_winners:
        used |= {s.slot for s in stores}
    memories = make_memories(kernel.slots, target, same, used)
    for slot in winners.values():
        while len(memories) <= slot:
            memories.append(None)
        memories[slot] = scatter.winner_memory(
            slot, kernel.slots[kernel.stores[_key_of(winners, slot)].slot].size, target, finds_winners
        )
    if finds_winners:
        for m in memories:
            if m is not None and not m.is_atomic:
                m.writable = False
    packed = 1
    if not finds_winners:
        for store in stores:
            memory = memories[store.slot]
            assert memory is not None
            if scatter.needs_atomic(store, memory) and not schedule.serial:
                memory.is_atomic = True
        packed = _pack(stores, memories, schedule, kernel.axes)
    team = Team(schedule.team, schedule.width)
    distinct = list({id(m): m for m in memories if m is not None}.values())
    checks = any(e.op == "check" for e in walk(roots))
    bound, scratch, before, after = merge(distinct, target, int(checks), base + len(program.scratch))
    program.scratch.extend(scratch)
    emitter = Emitter(extents, memories, team)  # type: ignore[arg-type]
    groups = prod(n for _, n in schedule.group)
    body = _body(emitter, schedule, stores, memories, packed, winners, finds_winners, groups, kernel)
    invocations = -(-groups // packed) if not schedule.inner else groups
    per_workgroup = schedule.width // schedule.team
    grid = workgroup_grid(-(-invocations // per_workgroup), target)
    declared, bindings = bind_memories(bound, emitter.has_checks)
    text = (
        declared
        + team.declarations()
        + f"@compute @workgroup_size({schedule.width})\n"
        + "fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {\n"
        + f"  let number = {workgroup_number(grid)} * {per_workgroup}u + local / {schedule.team}u;\n"
        + (f"  let lane = local % {schedule.team}u;\n" if schedule.team > 1 else "")
        + "".join(f"  {line}\n" for line in body)
        + "}\n"
    )
    program.steps += [*before, Dispatch(with_library(text), bindings, grid), *after]


def _key_of(mapping: dict[int, int], value: int) -> int:
    return next(k for k, v in mapping.items() if v == value)


def _schedule(kernel: LoopKernel, stores: Sequence[Store], roots: Sequence[Expr], target: Target) -> _Schedule:
    axes = [(i, n) for i, n in enumerate(kernel.axes)]
    every = frozenset(i for i, n in axes if n > 1)
    wide = 64 if target.is_software else min(256, target.max_invocations)
    nodes = list(walk(roots))
    if any(scatter.needs_order(s, kernel.slots[s.slot].dtype) for s in stores):
        return _Schedule(axes, [], 1, 1, False, serial=True)
    scans = {e.param[1] for e in nodes if e.op == "scan"}
    if scans:
        if len(scans) > 1:
            raise NotImplementedError("scans along two axes in one kernel")
        group = [a for a in axes if a[0] not in scans]
        return _Schedule(group, [a for a in axes if a[0] in scans], 1, wide, True)
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
    return _Schedule(group, inner, team, max(wide, team), False)


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


def _pack(stores: Sequence[Store], memories: Sequence[Memory | None], schedule: _Schedule, extents: Sequence[int]) -> int:
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
    schedule: _Schedule,
    extents: Sequence[int],
) -> bool:
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


def _body(
    emitter: Emitter,
    schedule: _Schedule,
    stores: Sequence[Store],
    memories: Sequence[Memory | None],
    packed: int,
    winners: dict[int, int],
    finds_winners: bool,
    groups: int,
    kernel: LoopKernel,
) -> list[str]:
    team = schedule.team
    if schedule.serial:
        emitter.line("if (number > 0u) { return; }")
        emitter.open(*(a for a, _ in schedule.group))
        emitter.bind_axes(schedule.group, "element")
        emitter.team_level = -1
        for store in stores:
            for line in scatter.serial_store(emitter, store, memories[store.slot]):  # type: ignore[arg-type]
                emitter.line(line)
        emitter.close(f"for (var element = 0u; element < {groups}u; element++) {{")
        return emitter.blocks[0].lines
    if not schedule.inner:
        count = -(-groups // packed)
        if team > 1:
            emitter.line(f"let element = min(number, {groups - 1}u);")
        else:
            emitter.line(f"if (number >= {count}u) {{ return; }}")
            if packed == 1:
                emitter.line("let element = number;")
        if packed > 1:
            _packed_loop(emitter, schedule.group, stores, memories, packed, "number", groups, winners)
            return emitter.blocks[0].lines
        emitter.open(*(a for a, _ in schedule.group))
        emitter.bind_axes(schedule.group, "element")
        emitter.team_level = 1
        owner = f"(lane == 0u) & (number < {groups}u)" if team > 1 else ""
        _emit_stores(emitter, stores, memories, winners, finds_winners, {1: owner, 0: owner}, kernel)
        _merge(emitter)
        return emitter.blocks[0].lines
    # groups with inner elements
    if team > 1:
        emitter.line(f"let group = min(number, {groups - 1}u);")
    else:
        emitter.line(f"if (number >= {groups}u) {{ return; }}")
        emitter.line("let group = number;")
    emitter.open(*(a for a, _ in schedule.group))
    emitter.bind_axes(schedule.group, "group")
    emitter.team_level = 1
    elements = prod(n for _, n in schedule.inner)
    active = f"number < {groups}u" if team > 1 else ""
    owner = f"(lane == 0u) & ({active})" if team > 1 else ""
    lane, step = ("lane", team) if team > 1 else ("0u", 1)
    if packed > 1:
        if team > 1:  # what the group shares is computed by all of the team, before the loop that only live groups take
            _hoist(emitter, stores)
        emitter.open()
        _packed_loop(emitter, schedule.inner, stores, memories, packed, "chunk", elements, winners)
        limit = f"{-(-elements // packed)}u" if not active else f"select(0u, {-(-elements // packed)}u, {active})"
        emitter.close(f"for (var chunk = {lane}; chunk < {limit}; chunk += {step}u) {{")
    else:
        if team > 1:
            _hoist(emitter, stores)
        emitter.open(*(a for a, _ in schedule.inner))
        emitter.bind_axes(schedule.inner, "element")
        _emit_stores(emitter, stores, memories, winners, finds_winners, {2: active, 1: owner, 0: owner}, kernel)
        emitter.close(f"for (var element = {lane}; element < {elements}u; element += {step}u) {{")
    _merge(emitter)
    return emitter.blocks[0].lines


def _hoist(emitter: Emitter, stores: Sequence[Store]) -> None:
    """Computes what depends on the group alone, while the whole team is in step."""
    bound = emitter.blocks[-1].bound
    for e in walk([part for s in stores for part in _parts(s)]):
        if e.op == "reduce" and e.axes <= bound:
            emitter.value(e)


def _merge(emitter: Emitter) -> None:
    """Puts the group's block after the root's lines (both are the function's body)."""
    block = emitter.blocks.pop()
    emitter.blocks[-1].lines.extend(block.lines)


def _emit_stores(
    emitter: Emitter,
    stores: Sequence[Store],
    memories: Sequence[Memory | None],
    winners: dict[int, int],
    finds_winners: bool,
    conditions: dict[int, str],
    kernel: LoopKernel,
) -> None:
    """Each store at the outermost block where all it needs is known; combining stores happen once for each element."""
    for store in stores:
        number = next(i for i, s in enumerate(kernel.stores) if s is store)
        axes = frozenset().union(*(part.axes for part in _parts(store)))
        level = emitter.home_level(axes)
        if store.mode != "set" or store.is_scatter or emitter.team is None:
            level = len(emitter.blocks) - 1
        inner = emitter.blocks[level + 1 :]
        del emitter.blocks[level + 1 :]
        guard = [] if store.guard is None else [emitter.value(store.guard)]
        if conditions.get(level):
            guard.append(conditions[level])
        if finds_winners:
            lines = scatter.claim(emitter, store, memories[winners[number]], kernel.axes)  # type: ignore[arg-type]
        elif number in winners:
            guard.append(scatter.is_winner(emitter, store, memories[winners[number]], kernel.axes))  # type: ignore[arg-type]
            lines = memories[store.slot].store(emitter.index(store.index), emitter.value(store.value))  # type: ignore[union-attr]
        elif store.mode != "set":
            lines = scatter.update(emitter, store, memories[store.slot])  # type: ignore[arg-type]
        else:
            index, value = emitter.index(store.index), emitter.value(store.value)
            lines = memories[store.slot].store(index, value)  # type: ignore[union-attr]
        if guard:
            emitter.line(f"if ({' & '.join(f'({g})' for g in guard)}) {{")
            for line in lines:
                emitter.line("  " + line)
            emitter.line("}")
        else:
            for line in lines:
                emitter.line(line)
        emitter.blocks.extend(inner)


def _packed_loop(
    emitter: Emitter,
    elements: Sequence[tuple[int, int]],
    stores: Sequence[Store],
    memories: Sequence[Memory | None],
    packed: int,
    chunk: str,
    total: int,
    winners: dict[int, int],
) -> None:
    """`packed` neighbouring elements one after another, narrow values gathered in words that are written at the end."""
    words: dict[int, tuple[str, int]] = {}
    starts: dict[int, str] = {}
    for i, store in enumerate(stores):
        memory = memories[store.slot]
        assert memory is not None
        n = lanes(memory.type)
        if n > 1 and not memory.is_atomic:
            name = emitter.fresh("w")
            count = packed // n
            emitter.line(f"var {name} = array<u32, {count}>();")
            starts[i] = emitter.fresh("start")
            emitter.line(f"var {starts[i]} = 0u;")
            words[i] = (name, n)
    part = emitter.fresh("part")
    emitter.open(*(a for a, _ in elements))
    emitter.line(f"let element = {chunk} * {packed}u + {part};")
    emitter.line(f"if (element >= {total}u) {{ break; }}")
    emitter.bind_axes(elements, "element")
    for i, store in enumerate(stores):
        memory = memories[store.slot]
        assert memory is not None
        if i in words:
            name, n = words[i]
            value, index = emitter.value(store.value), emitter.index(store.index)
            emitter.line(f"if ({part} == 0u) {{ {starts[i]} = {index}; }}")
            emitter.line(f"{name}[{part} / {n}u] |= {pack(value, memory.type)} << (({part} & {n - 1}u) * {32 // n}u);")
        else:
            guard = [] if store.guard is None else [emitter.value(store.guard)]
            if store.mode != "set":
                lines = scatter.update(emitter, store, memory)
            elif i in winners:
                raise AssertionError("a scatter is never packed")
            else:
                lines = memory.store(emitter.index(store.index), emitter.value(store.value))
            if guard:
                lines = [f"if ({guard[0]}) {{", *lines, "}"]
            for line in lines:
                emitter.line(line)
    emitter.close(f"for (var {part} = 0u; {part} < {packed}u; {part}++) {{")
    for i, (name, n) in words.items():
        memory = memories[stores[i].slot]
        assert memory is not None
        for k in range(packed // n):
            write = memory.set_element(f"{starts[i]} / {n}u + {k}u", f"{name}[{k}]")
            emitter.line(write if k == 0 else f"if ({chunk} * {packed}u + {k * n}u < {total}u) {{ {write} }}")
