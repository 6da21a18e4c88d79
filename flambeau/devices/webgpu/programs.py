"""A plan compiled for the device: dispatches with the values they bind, and when values get and lose memory.

May import `flambeau.codegen.wgsl`, `flambeau.kernels`, `flambeau.schedule.plan`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flambeau.codegen.wgsl import Clear, Copy, Dispatch, Program, generate
from flambeau.codegen.wgsl.program import ERRORS
from flambeau.codegen.wgsl.target import Target
from flambeau.codegen.wgsl.types import storage_type
from flambeau.devices.webgpu.rows import RowCopy, row_copies
from flambeau.kernels.ir import RoutineKernel
from flambeau.schedule.plan import Plan, RecurrenceKernel

__all__ = ["Executable", "StepProgram", "Launch", "compile_plan"]

_numbers = itertools.count()
ERRORS_PLACE = -(1 << 30)
"""The place in a launch of the buffer that failed checks are reported in."""


@dataclass
class Launch:
    """One dispatch: `places[i]` is the value (or ~scratch) that binding i shows, `spans[i]` its (offset, bytes)."""

    pipeline: Any
    writable: tuple[bool, ...]
    places: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]
    groups: tuple[int, int, int]
    label: str
    number: int = field(default_factory=lambda: next(_numbers))


@dataclass
class StepProgram:
    """What one step of a plan does, and the memory that changes hands around it."""

    allocate: list[tuple[int, int]]
    """(value, bytes) to be given memory."""
    take_over: list[tuple[int, int]]
    """(value, the value whose memory it takes)."""
    scratch: list[int]
    actions: list[Launch | int | tuple[int, int, int, int, int]]
    """Dispatches, numbers of scratch buffers to clear, and copies: (place, offset, place, offset, bytes)."""
    routine: RoutineKernel | None
    arguments: tuple[int, ...]
    free: list[int]
    label: str
    checks: bool = False
    repeated: Repeated | None = None


@dataclass
class Repeated:
    """A recurrence: its kernel, its body, and how what differs from run to run gets to memory that the body reads, and back: for
    each input and each output that moves its value number and the copy, or None where bytes are copied."""

    kernel: RecurrenceKernel
    body: Executable
    takes: list[tuple[int, RowCopy | None]]
    puts: list[tuple[int, RowCopy | None]]


@dataclass
class Executable:
    steps: list[StepProgram]


def value_bytes(size: int, itemsize: int) -> int:
    """The bytes of a value's block: whole words, at least one element of eight bytes."""
    return max(8, -(-size * itemsize // 4) * 4)


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
    givers = {plan.inputs[i] for i in donated}
    aliases = {
        new: old
        for new, old in plan.aliases.items()
        if (values[old].kind != "input" or old in givers) and storage_type(values[old].dtype) == storage_type(values[new].dtype)
    }
    owner: dict[int, int] = {}
    last: dict[int, int] = {}
    for number, step in enumerate(plan.steps):
        for v in step.arguments:
            last[v] = number
    for new, old in sorted(aliases.items(), key=lambda pair: last.get(pair[1], 0)):
        owner[new] = owner.get(old, old)

    def root(v: int) -> int:
        while v in aliases:
            v = aliases[v]
        return v

    final: dict[int, int] = {}
    for v, number in last.items():
        final[root(v)] = max(final.get(root(v), 0), number)
    kept = {root(v) for v in plan.outputs} | set(plan.inputs) | set(plan.scalars)
    alive = set(plan.inputs) | set(plan.scalars)
    steps = []
    for number, step in enumerate(plan.steps):
        allocate, take_over = [], []
        for v in dict.fromkeys(step.arguments):
            if v in alive:
                continue
            alive.add(v)
            if v in aliases:
                take_over.append((v, aliases[v]))
            else:
                allocate.append((v, value_bytes(values[v].size, values[v].dtype.itemsize)))
        free = [v for v in dict.fromkeys(root(a) for a in step.arguments) if final[v] == number and v not in kept]
        label = step.name
        compiled = StepProgram(allocate, take_over, [], [], None, step.arguments, free, label)
        if isinstance(step.kernel, RoutineKernel):
            compiled.routine = step.kernel
        elif isinstance(step.kernel, RecurrenceKernel):

            def compile(plan: Plan) -> Executable:
                return compile_plan(plan, frozenset(), target, make_pipeline, programs, reduced_precision)

            takes, puts = row_copies(step.kernel, compile)
            compiled.repeated = Repeated(step.kernel, compile(step.kernel.body), takes, puts)
        else:
            roots = [root(a) for a in step.arguments]
            same = tuple(roots.index(r) for r in roots)
            if not (step.is_copy and same[0] == same[1]):
                _compile_kernel(step.kernel, same, compiled, target, make_pipeline, programs, reduced_precision)
        steps.append(compiled)
    # values that no step touches (an output that is an input has its memory already)
    return Executable(steps)


def _compile_kernel(
    kernel: Any,
    same: tuple[int, ...],
    compiled: StepProgram,
    target: Target,
    make_pipeline: Callable[[str, tuple[bool, ...], bool], Any],
    programs: dict[Any, Program],
    reduced_precision: bool,
) -> None:
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
    compiled.scratch = list(program.scratch)
    count = len(kernel.slots)

    def place_of(slot: int) -> int:
        return compiled.arguments[slot] if slot < count else ~(slot - count)

    for action in program.steps:
        if isinstance(action, Clear):
            compiled.actions.append(action.slot - count)
            continue
        if isinstance(action, Copy):
            source, into = place_of(action.source), place_of(action.target)
            compiled.actions.append((source, action.source_offset, into, action.target_offset, action.nbytes))
            continue
        assert isinstance(action, Dispatch)
        writable = tuple(b.writable for b in action.bindings)
        places = []
        for b in action.bindings:
            if b.slot == ERRORS:
                places.append(ERRORS_PLACE)
                compiled.checks = True
            else:
                places.append(place_of(b.slot))
        spans = tuple((b.offset, b.nbytes) for b in action.bindings)
        compiled.actions.append(
            Launch(
                make_pipeline(action.code, writable, action.stays_inside),
                writable,
                tuple(places),
                spans,
                action.groups,
                compiled.label,
            )
        )
