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
from flambeau.schedule.plan import Plan, RecurrenceKernel, Step, Value

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
    """Compiles each step's kernel and plans memory. `donated` holds positions in `plan.inputs`; `programs` keeps the shaders."""
    return _Compiling(plan, donated, _Means(target, make_pipeline, programs, reduced_precision)).finished()


@dataclass(frozen=True)
class _Means:
    """What plans are compiled with."""

    target: Target
    make_pipeline: Callable[[str, tuple[bool, ...], bool], Any]
    programs: dict[Any, Program]
    reduced_precision: bool

    def program(self, kernel: Any, same: tuple[int, ...]) -> Program:
        """A kernel's shaders, made once. `same`: for each slot the first that has its memory."""
        key = (kernel, same, self.reduced_precision)
        program = self.programs.get(key)
        if program is None:
            for slot in kernel.slots:
                if slot.dtype.name == "float64" and not self.target.has_float64:
                    raise RuntimeError(
                        "this WebGPU adapter has no float64: convert to float32 first (tensor.float(), module.float()), "
                        "or use the cpu device"
                    )
            program = self.programs[key] = generate(kernel, self.target, same, self.reduced_precision)
        return program

    def compile(self, plan: Plan) -> Executable:
        """A plan inside another one, which may take over none of its inputs."""
        return _Compiling(plan, frozenset(), self).finished()


class _Compiling:
    """A plan while it is compiled, step by step: values get places where they are first used, and give them back after the last
    use."""

    def __init__(self, plan: Plan, donated: frozenset[int], means: _Means) -> None:
        self._plan, self._values, self._means = plan, plan.values, means
        self._givers = {plan.inputs[i]: i for i in donated}
        self._aliases = {new: old for new, old in plan.aliases.items() if self._may_take_over(new, old)}
        self._kept = {self._root(v) for v in plan.outputs} | set(plan.inputs) | set(plan.scalars)
        self._last = {self._root(v): number for number, step in enumerate(plan.steps) for v in step.arguments}
        """The last step that uses a value's place."""
        self._place: list[Any] = [None] * len(plan.values)
        for at, v in enumerate((*plan.inputs, *plan.scalars), 1):
            self._place[v] = at
        self._memory = _Memory(1 + len(plan.inputs) + len(plan.scalars))
        self._parts: list[Commands | Routine | Repeated] = []
        self._commands = Commands()

    def _may_take_over(self, new: int, old: int) -> bool:
        """Whether a value may lie where `old` was: that is the plan's own or donated, and declared as the same type."""
        is_own = self._values[old].kind != "input" or old in self._givers
        return is_own and storage_type(self._values[old].dtype) == storage_type(self._values[new].dtype)

    def _root(self, v: int) -> int:
        """The first value that has this one's place."""
        while v in self._aliases:
            v = self._aliases[v]
        return v

    def finished(self) -> Executable:
        """The compiled plan."""
        for number, step in enumerate(self._plan.steps):
            places = self._places_of(step)
            if isinstance(step.kernel, RoutineKernel | RecurrenceKernel):
                self._add_host_part(step.kernel, step, places)
            else:
                self._add_shaders(step, places)
            for root in dict.fromkeys(map(self._root, step.arguments)):
                if self._last[root] == number and root not in self._kept:
                    self._memory.give(self._place[root])
        self._parts.append(self._commands)
        results = [self._result(v) for v in self._plan.outputs]
        for part in self._parts:
            if isinstance(part, Commands):
                part.finish()
        parts = [part for part in self._parts if not isinstance(part, Commands) or part.actions or part.takes]
        first, sizes, held = self._memory.first, self._memory.sizes, {at for at, _ in results}
        temporary = [at for at in range(first, first + len(sizes)) if at not in held]
        return Executable(parts, self._place, first, sizes, results, temporary)

    def _places_of(self, step: Step) -> tuple[int, ...]:
        """The places of a step's arguments; those that are made here get one."""
        for v in dict.fromkeys(step.arguments):
            if self._place[v] is None:
                old = self._aliases.get(v)
                self._place[v] = self._memory.take(value_bytes(self._values[v])) if old is None else self._place[old]
                if old in self._givers:
                    self._commands.takes.add(self._givers[old])
        return tuple(self._place[v] for v in step.arguments)

    def _add_host_part(self, kernel: RoutineKernel | RecurrenceKernel, step: Step, places: tuple[int, ...]) -> None:
        """Ends the commands that go on without the host, and adds what it does."""
        self._parts.append(self._commands)
        self._commands = Commands()
        if isinstance(kernel, RoutineKernel):
            self._parts.append(Routine(kernel, places, tuple(self._values[v] for v in step.arguments)))
        else:
            takes, puts = row_copies(kernel, self._means.compile)
            self._parts.append(Repeated(kernel, places, self._means.compile(kernel.body), takes, puts))

    def _add_shaders(self, step: Step, places: tuple[int, ...]) -> None:
        """Adds the commands of a kernel, unless it would copy a value to its own place."""
        roots = [self._root(v) for v in step.arguments]
        same = tuple(roots.index(root) for root in roots)
        if step.is_copy and same[0] == same[1]:
            return
        program = self._means.program(step.kernel, same)
        scratch = [self._memory.take(n) for n in program.scratch]
        _add(self._commands, program, (*places, *scratch), step.name, self._means.make_pipeline)
        for at in scratch:
            self._memory.give(at)

    def _result(self, v: int) -> tuple[int, int]:
        """(place, bytes) of an output."""
        if self._place[v] is None:  # nothing to compute: a value without elements
            self._place[v] = self._memory.take(value_bytes(self._values[v]))
        return self._place[v], self._values[v].size * self._values[v].dtype.itemsize


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
