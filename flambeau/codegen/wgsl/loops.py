"""`LoopKernel` → compute shaders.

The parallel axes are split into *group* axes and *inner* axes. A group is what a team of invocations works on: reductions
that depend on group axes alone are computed once for it, then the team goes over the inner axes. Without such reductions
every axis is a group axis and a team is one invocation. Narrow elements are written by the word: one invocation then takes
as many neighbouring elements as a word holds. `loop_plan.py` decides all that.

May import `flambeau.dtypes`, `kernels.ir` and `codegen.wgsl`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from flambeau.codegen.wgsl import scatter
from flambeau.codegen.wgsl.emit import Emitter, Team
from flambeau.codegen.wgsl.frame import bind_memories, make_memories, workgroup_grid, workgroup_number
from flambeau.codegen.wgsl.library import with_library
from flambeau.codegen.wgsl.loop_plan import Schedule, elements_together, plan_loops
from flambeau.codegen.wgsl.memory import Memory
from flambeau.codegen.wgsl.merging import merge
from flambeau.codegen.wgsl.program import Clear, Dispatch, Program
from flambeau.codegen.wgsl.scanning import split_scans
from flambeau.codegen.wgsl.splitting import split_reductions
from flambeau.codegen.wgsl.target import Target
from flambeau.codegen.wgsl.types import lanes, pack
from flambeau.kernels.ir import Expr, LoopKernel, Store
from flambeau.kernels.traverse import walk

__all__ = ["append_loops", "append_split_loops", "generate_loops"]


def _parts(store: Store) -> list[Expr]:
    return [store.index, store.value, *([store.guard] if store.guard is not None else [])]


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
    schedule = plan_loops(kernel, stores, roots, target)
    used = {e.param for e in walk(roots) if e.op == "load"}
    if not finds_winners:
        used |= {s.slot for s in stores}
    memories = make_memories(kernel.slots, target, same, used)
    for number, slot in winners.items():
        while len(memories) <= slot:
            memories.append(None)
        size = kernel.slots[kernel.stores[number].slot].size
        memories[slot] = scatter.winner_memory(slot, size, target, finds_winners)
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
        packed = elements_together(stores, memories, schedule, kernel.axes)
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


def _body(
    emitter: Emitter,
    schedule: Schedule,
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
    if team > 1:  # what the group shares is computed by all of the team, before the loop that only live groups take
        _hoist(emitter, stores)
    if packed > 1:
        emitter.open()
        _packed_loop(emitter, schedule.inner, stores, memories, packed, "chunk", elements, winners)
        limit = f"{-(-elements // packed)}u" if not active else f"select(0u, {-(-elements // packed)}u, {active})"
        emitter.close(f"for (var chunk = {lane}; chunk < {limit}; chunk += {step}u) {{")
    else:
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
