"""A plan compiled for the device: what it needs of memory, and the commands of its steps.

A run has a list of blocks: the one for failed checks, the inputs', the scalars', and then the plan's own, each of which serves
several values, one after another. All that a plan does is written in places in that list. So runs on the same blocks have the
same commands. May import `flambeau.codegen.wgsl`, `flambeau.kernels`, `flambeau.schedule.plan`.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

from flambeau.codegen.wgsl import Clear, Copy, Dispatch, Program, generate
from flambeau.codegen.wgsl.program import ERRORS
from flambeau.codegen.wgsl.target import Target
from flambeau.codegen.wgsl.types import storage_type
from flambeau.devices.webgpu.memory import class_size
from flambeau.devices.webgpu.rows import RowCopy, row_copies
from flambeau.kernels.ir import RoutineKernel
from flambeau.schedule.plan import Plan, RecurrenceKernel, Value

__all__ = ["Commands", "Executable", "Launch", "Repeated", "Routine", "block_bytes", "compile_plan", "value_bytes"]

_numbers = itertools.count()
_ERRORS_PLACE = 0
"""The place of the block that failed checks are reported in."""


@dataclass
class Launch:
    """One dispatch: `places[i]` is where the block is that binding i shows, `spans[i]` its (offset, bytes)."""

    pipeline: Any
    writable: tuple[bool, ...]
    places: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]
    groups: tuple[int, int, int]
    label: str
    number: int = field(default_factory=lambda: next(_numbers))


@dataclass
class Commands:
    """What the GPU does without the host."""

    actions: list[Launch | tuple[int, int] | tuple[int, int, int, int, int]] = field(default_factory=list)
    """Dispatches, clearings: (place, bytes), and copies: (place, offset, place, offset, bytes)."""
    checks: bool = False
    takes: set[int] = field(default_factory=set)
    """Positions of the plan's inputs that are overwritten."""
    number: int = field(default_factory=lambda: next(_numbers))
    uses: tuple[int, ...] = ()
    """The places of the blocks."""
    launches: int = 0

    def finish(self) -> None:
        """Says of the actions what is asked at each run."""
        used: dict[int, None] = {}
        for action in self.actions:
            if isinstance(action, Launch):
                used.update(dict.fromkeys(action.places))
                self.launches += 1
            else:
                used.update(dict.fromkeys((action[0],) if len(action) == 2 else (action[0], action[2])))
        self.uses = tuple(used)


@dataclass
class Routine:
    """A host function's call; the last of `places`, and of `values`, is its result's."""

    kernel: RoutineKernel
    places: tuple[int, ...]
    values: tuple[Value, ...]


@dataclass
class Repeated:
    """A recurrence: its kernel, the places of its slots, its body, and how what differs from run to run gets to memory that the
    body reads, and back: for each input and each output that moves its value number and the copy, None where bytes are copied.
    """

    kernel: RecurrenceKernel
    places: tuple[int, ...]
    body: Executable
    takes: list[tuple[int, RowCopy | None]]
    puts: list[tuple[int, RowCopy | None]]


@dataclass
class Executable:
    """A plan's `parts` in order, and its memory."""

    parts: list[Commands | Routine | Repeated]
    place: list[Any]
    """By the plan's value; None for one that has no memory."""
    first: int
    """The place of the first of its own blocks…"""
    sizes: list[int]
    """…and the bytes that they need."""
    results: list[tuple[int, int]]
    """(place, bytes) of each output."""
    temporary: list[int]
    """The places of own blocks that hold no result."""


class _Memory:
    """Hands out places for values, those that were given back first, like the pool its blocks."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.sizes: list[int] = []
        self._idle: defaultdict[int, list[int]] = defaultdict(list)

    def take(self, nbytes: int) -> int:
        idle = self._idle[class_size(nbytes)]
        if not idle:
            self.sizes.append(nbytes)
            return self.first + len(self.sizes) - 1
        place = heappop(idle)
        self.sizes[place - self.first] = max(self.sizes[place - self.first], nbytes)
        return place

    def give(self, place: int) -> None:
        heappush(self._idle[class_size(self.sizes[place - self.first])], place)


def block_bytes(nbytes: int) -> int:
    """The size of a block for so many bytes: whole words, at least one element of eight bytes."""
    return max(8, -(-nbytes // 4) * 4)


def value_bytes(value: Value) -> int:
    """The bytes of a value's block."""
    return block_bytes(value.size * value.dtype.itemsize)


def compile_plan(
    plan: Plan,
    donated: frozenset[int],
    target: Target,
    make_pipeline: Callable[[str, tuple[bool, ...], bool], Any],
    programs: dict[Any, Program],
    reduced_precision: bool,
) -> Executable:
    """Compiles each step's kernel and plans memory. `donated` holds positions in `plan.inputs`."""
    values = plan.values
    givers = {plan.inputs[i]: i for i in donated}
    aliases = {
        new: old
        for new, old in plan.aliases.items()
        if (values[old].kind != "input" or old in givers) and storage_type(values[old].dtype) == storage_type(values[new].dtype)
    }
    last: dict[int, int] = {}
    for number, step in enumerate(plan.steps):
        for v in step.arguments:
            last[v] = number

    def root(v: int) -> int:
        while v in aliases:
            v = aliases[v]
        return v

    final: dict[int, int] = {}
    for v, number in last.items():
        final[root(v)] = max(final.get(root(v), 0), number)
    kept = {root(v) for v in plan.outputs} | set(plan.inputs) | set(plan.scalars)
    place: list[Any] = [None] * len(values)
    for at, v in enumerate((*plan.inputs, *plan.scalars), 1):
        place[v] = at
    memory = _Memory(1 + len(plan.inputs) + len(plan.scalars))
    parts: list[Commands | Routine | Repeated] = []
    commands = Commands()

    def compile(plan: Plan) -> Executable:
        return compile_plan(plan, frozenset(), target, make_pipeline, programs, reduced_precision)

    for number, step in enumerate(plan.steps):
        for v in dict.fromkeys(step.arguments):
            if place[v] is None:
                old = aliases.get(v)
                place[v] = memory.take(value_bytes(values[v])) if old is None else place[old]
                if old in givers:
                    commands.takes.add(givers[old])
        places: tuple[Any, ...] = tuple(place[a] for a in step.arguments)
        if isinstance(step.kernel, RoutineKernel | RecurrenceKernel):
            if isinstance(step.kernel, RoutineKernel):
                part: Any = Routine(step.kernel, places, tuple(values[a] for a in step.arguments))
            else:
                takes, puts = row_copies(step.kernel, compile)
                part = Repeated(step.kernel, places, compile(step.kernel.body), takes, puts)
            parts += [commands, part]
            commands = Commands()
        else:
            roots = [root(a) for a in step.arguments]
            same = tuple(roots.index(r) for r in roots)
            if not (step.is_copy and same[0] == same[1]):
                program = _program(step.kernel, same, target, programs, reduced_precision)
                scratch = [memory.take(n) for n in program.scratch]
                _add(commands, program, (*places, *scratch), step.name, make_pipeline)
                for at in scratch:
                    memory.give(at)
        for r in dict.fromkeys(map(root, step.arguments)):
            if final[r] == number and r not in kept:
                memory.give(place[r])
    parts.append(commands)
    results = []
    for v in plan.outputs:
        if place[v] is None:  # nothing to compute: a value without elements
            place[v] = memory.take(value_bytes(values[v]))
        results.append((place[v], values[v].size * values[v].dtype.itemsize))
    for each in parts:
        if isinstance(each, Commands):
            each.finish()
    held = {at for at, _ in results}
    temporary = [at for at in range(memory.first, memory.first + len(memory.sizes)) if at not in held]
    parts = [each for each in parts if not isinstance(each, Commands) or each.actions or each.takes]
    return Executable(parts, place, memory.first, memory.sizes, results, temporary)


def _program(
    kernel: Any, same: tuple[int, ...], target: Target, programs: dict[Any, Program], reduced_precision: bool
) -> Program:
    """A kernel's shaders, made once. `same`: for each slot the first that has its memory."""
    key = (kernel, same, reduced_precision)
    program = programs.get(key)
    if program is None:
        for slot in kernel.slots:
            if slot.dtype.name == "float64" and not target.has_float64:
                raise RuntimeError(
                    "this WebGPU adapter has no float64: convert to float32 first (tensor.float(), module.float()), or use the"
                    " cpu device"
                )
        program = programs[key] = generate(kernel, target, same, reduced_precision)
    return program


def _add(
    commands: Commands,
    program: Program,
    places: tuple[int, ...],
    label: str,
    make_pipeline: Callable[[str, tuple[bool, ...], bool], Any],
) -> None:
    """Adds a kernel's actions; `places` are those of its slots, and then of its scratch buffers."""
    count = len(places) - len(program.scratch)
    for action in program.steps:
        if isinstance(action, Clear):
            commands.actions.append((places[action.slot], program.scratch[action.slot - count]))
            continue
        if isinstance(action, Copy):
            source, into = places[action.source], places[action.target]
            commands.actions.append((source, action.source_offset, into, action.target_offset, action.nbytes))
            continue
        assert isinstance(action, Dispatch)
        writable = tuple(b.writable for b in action.bindings)
        bound = tuple(_ERRORS_PLACE if b.slot == ERRORS else places[b.slot] for b in action.bindings)
        commands.checks |= _ERRORS_PLACE in bound
        spans = tuple((b.offset, b.nbytes) for b in action.bindings)
        pipeline = make_pipeline(action.code, writable, action.stays_inside)
        commands.actions.append(Launch(pipeline, writable, bound, spans, action.groups, label))
