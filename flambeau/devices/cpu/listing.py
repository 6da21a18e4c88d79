"""A plan's steps as the native runner takes them: entries of functions, their argument cells, and the parts they make up.

May import `flambeau.schedule`, `flambeau.kernels` and its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from flambeau.codegen.llvm.lowered import Message
from flambeau.devices.cpu.compiler import Compiled, Pack
from flambeau.devices.cpu.cost import nanoseconds
from flambeau.devices.cpu.repeat import Repeated
from flambeau.devices.cpu.runner.layout import ENTRY_WORDS
from flambeau.kernels.ir import Kernel
from flambeau.schedule.memory import can_fail
from flambeau.schedule.plan import RecurrenceKernel, Step
from flambeau.traced import peeked

__all__ = ["SHORT", "Listing", "Packing", "Part", "stretches"]

SHORT = 3_000.0
"""Nanoseconds of estimated work below which one thread runs a kernel: consecutive ones need no barrier between them."""
_STRETCH = 50_000_000.0
"""Nanoseconds after which Python gets a chance to see Ctrl-C."""
_NEAR = 20_000_000.0
"""Nanoseconds of work that is rather finished with the overwriting before or after it than interrupted apart from that."""


@dataclass
class Part:
    """Entries that run in one native call, then perhaps a host function. It does the steps of the plan up to before `end`.

    `overwrites`: it changes donated inputs, and so runs to its end whatever happens. `reports`: its kernels may report errors.
    `checks`: those are looked at after it, because the next part overwrites. `name` and `kernel` are for a profile, which
    runs the steps one by one.
    """

    name: str
    kernel: Kernel | RecurrenceKernel
    first: int
    count: int
    work: float
    end: int
    after: Callable[[], None] | None = None
    overwrites: bool = False
    reports: bool = False
    checks: bool = False
    run: int = 0
    """The address of what the native runner is given."""
    is_alone: bool = False
    """Whether the caller's thread does it."""


@dataclass(frozen=True)
class Packing:
    """An entry that packs an input which this plan leaves as it is: the entry's word in the table of entries, its function,
    the input's position, and the result's place in the table and bytes."""

    word: int
    pack: Pack
    position: int
    index: int
    nbytes: int


class Listing:
    """What is listed of a plan, step by step.

    `cells` are the arguments of all entries. `fills` are threes of a cell, a place in the table and a number of bytes: before a
    run, the cell gets the address that is at that place, moved by so many bytes. `entries`: a function, its first cell, whether
    one thread does it. `reporting`: the cell that gets the place where a kernel reports errors, that place's number, and what it
    may report.
    """

    def __init__(
        self,
        places: Callable[[int], int],
        scratch: dict[tuple[int, int], int],
        unchanging: dict[int, int],
        repeat: int,
        table: int,
    ) -> None:
        """`places`: where in the table a value's address is; `scratch`: where a step's scratch blocks' are. `unchanging`: values
        that are inputs which nobody overwrites, with their positions. `repeat`: the function that does a recurrence."""
        self.cells: list[int] = []
        self.fills: list[int] = []
        self.entries: list[tuple[int, int, bool]] = []
        self.reporting: list[tuple[int, int, tuple[Message, ...]]] = []
        self.packs: list[Packing] = []
        self.parts: list[Part] = []
        self._places, self._scratch, self._unchanging = places, scratch, unchanging
        self._repeat, self._table = repeat, table

    def add_routine(self, number: int, step: Step, overwrites: bool, after: Callable[[], None]) -> None:
        """A step that a function of the host does."""
        self.parts.append(Part(step.name, step.kernel, len(self.entries), 0, 0.0, number + 1, after, overwrites))

    def add_kernel(self, number: int, step: Step, overwrites: bool, code: Compiled) -> None:
        """A step that is a kernel: an entry for each of its phases, those that pack operands first."""
        start, first = len(self.cells), len(self.entries)
        estimate = nanoseconds(step.kernel)
        is_short = peeked(estimate) < SHORT
        sources = [*map(self._places, step.arguments), *self._blocks(number, code)]
        for source, moved in zip(sources, code.started(len(sources)), strict=True):
            self.fills += [len(self.cells), source, moved]
            self.cells.append(0)
        if code.messages:
            assert can_fail(step.kernel), step.kernel
            self.reporting.append((len(self.cells), len(self.reporting), code.messages))
        if code.messages or code.sizes:
            self.cells.append(0)
        self.cells += code.sizes
        for pack in code.packs:
            self._note_packing(step.arguments[pack.slot], pack, self._scratch[number, pack.scratch], code.scratch[pack.scratch])
            self.entries.append((pack.address, start, is_short))
        self.entries += [(address, start, is_short) for address in code.addresses]
        self._add_part(number, step, first, estimate, overwrites, bool(code.messages))

    def add_recurrence(self, number: int, step: Step, overwrites: bool, code: Repeated) -> None:
        """A step that repeats a plan: an entry for each operand that is packed once, and one for all the rest."""
        first = len(self.entries)
        slots, scratch = [self._places(v) for v in step.arguments], self._blocks(number, code)
        for fixed in code.packs:
            start, result = len(self.cells), scratch[fixed.scratch]
            self.fills += [start + fixed.pack.slot, slots[fixed.slot], fixed.moved, start + fixed.result, result, 0]
            self._note_packing(step.arguments[fixed.slot], fixed.pack, result, code.scratch[fixed.scratch])
            self.entries.append((fixed.pack.address, start, False))
            self.cells += [0] * fixed.cells
        self.entries.append((self._repeat, len(self.cells), code.alone))
        self.cells += code.arguments(slots, scratch, self._table)
        self._add_part(number, step, first, nanoseconds(step.kernel), overwrites, False)

    def _blocks(self, number: int, code: Compiled | Repeated) -> list[int]:
        """Where in the table a step's scratch blocks are."""
        return [self._scratch[number, k] for k in range(len(code.scratch))]

    def _note_packing(self, value: int, pack: Pack, index: int, nbytes: int) -> None:
        """Notes that the next entry packs a value, if that is an input which may keep its packed form."""
        position = self._unchanging.get(value)
        if position is not None:
            self.packs.append(Packing(ENTRY_WORDS * len(self.entries), pack, position, index, nbytes))

    def _add_part(self, number: int, step: Step, first: int, work: float, overwrites: bool, reports: bool) -> None:
        count = len(self.entries) - first
        self.parts.append(Part(step.name, step.kernel, first, count, work, number + 1, None, overwrites, reports))


def stretches(parts: Sequence[Part]) -> list[Part]:
    """The parts of single steps joined to as few as possible."""
    overwriting = [p.overwrites for p in parts]
    written = [i for i, p in enumerate(parts) if p.overwrites]
    for low, high in zip([-1, *written], [*written, len(parts)]) if written else ():
        between = parts[low + 1 : high]
        if peeked(sum(p.work for p in between)) <= _NEAR and not any(p.after is not None or p.reports for p in between):
            overwriting[low + 1 : high] = [True] * len(between)
    joined: list[Part] = []
    for p, overwrites in zip(parts, overwriting, strict=True):
        last = joined[-1] if joined else None
        is_long = last is not None and peeked(last.work) > _STRETCH and not overwrites
        if last is None or last.after is not None or last.overwrites != overwrites or is_long:
            joined.append(replace(p, overwrites=overwrites))
        else:
            last.count += p.count
            last.work += p.work
            last.end, last.after, last.reports = p.end, p.after, last.reports or p.reports
    for p, following in pairwise(joined):
        p.checks = p.reports and following.overwrites
    return joined
