"""A plan made ready for the CPU: machine code, argument arrays, and the memory layout.

What doesn't change from run to run is filled in once. A run writes the addresses of inputs and outputs into a table, packs the
scalars, and makes one native call for each stretch of kernels; host functions run in between. May import `flambeau.schedule`,
`flambeau.kernels`, `flambeau.graph` (for the host routines) and its neighbours.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from flambeau.devices.cpu import host
from flambeau.devices.cpu.arena import Block, homes, lifetimes, place
from flambeau.devices.cpu.compiler import Compiled, Compiler
from flambeau.devices.cpu.listing import SHORT, Listing, stretches
from flambeau.devices.cpu.memory import Buffer, Pool, Region, Window
from flambeau.devices.cpu.repeat import Repeated, with_sizes
from flambeau.devices.cpu.runner.layout import ALONE, BARRIER, ENTRY_WORDS, FILL_WORDS, RUN_WORDS
from flambeau.devices.cpu.runner.team import Team
from flambeau.devices.cpu.scalars import ScalarBlock
from flambeau.graph.primitives.indexing import outside_error
from flambeau.kernels.ir import Kernel, RoutineKernel
from flambeau.profiler import recorder
from flambeau.schedule.execution import Interrupted
from flambeau.schedule.plan import Plan, RecurrenceKernel
from flambeau.traced import Trace, larger, peeked

__all__ = ["Executable"]

_ALONE = 20_000.0
"""Nanoseconds of estimated work below which the caller's thread runs a plan alone."""
_LONG = 1_000_000.0
"""Nanoseconds of estimated work from which Ctrl-C is worth stopping kernels half-way."""


def _native_kernels(plan: Plan) -> list[Kernel]:
    """The kernels that are machine code, those in recurrences among them."""
    found: list[Kernel] = []
    for step in plan.steps:
        if isinstance(step.kernel, RecurrenceKernel):
            found += _native_kernels(step.kernel.body)
        elif not isinstance(step.kernel, RoutineKernel):
            found.append(step.kernel)
    return found


class Executable:
    """A plan for a team, with a given set of inputs whose memory may be overwritten; `may_round`: see `Target`.

    One of a `general` plan is made for the plan's numbers, and serves others after `fill`."""

    def __init__(self, plan: Plan, donated: frozenset[int], may_round: bool, compiler: Compiler, pool: Pool, team: Team) -> None:
        self.pool, self.threads, self.donated = pool, team.threads, donated
        self._allocate = pool.allocate
        self._nothing, self._repeat = team.nothing, team.repeat
        threads = team.threads
        if plan.general is not None:
            plan.general.trace.begin(plan.numbers)
        trace = None if plan.general is None else plan.general.trace
        code = compiler.prepare(_native_kernels(plan), threads, may_round, trace)
        self.home = home = homes(plan, donated)
        compiled: dict[int, Compiled | Repeated] = {}
        for i, s in enumerate(plan.steps):
            if isinstance(s.kernel, RecurrenceKernel):
                compiled[i] = Repeated(s.kernel, code, SHORT, team)
            elif not isinstance(s.kernel, RoutineKernel):
                compiled[i] = code[s.kernel]
        self._code = [*code.values(), *compiled.values()]  # keeps it in memory

        # The table: one address for each home of a value, then for each scratch block.
        inputs, outputs = [home[v] for v in plan.inputs], [home[v] for v in plan.outputs]
        self.table_index = {v: i for i, v in enumerate(dict.fromkeys((*inputs, *outputs, *home)))}
        self._scratch_index: dict[tuple[int, int], int] = {}
        blocks = self._blocks(plan, compiled)
        self.arena_bytes = place([b for _, b in blocks])
        self.arena_offsets = [(index, b.offset) for index, b in blocks]
        count = len(self.table_index) + len(self._scratch_index)
        self.table = (ctypes.c_int64 * max(count, 1))()
        self.arena_at = -1

        self.scalars = ScalarBlock([plan.values[v].dtype for v in plan.scalars])
        for v, address in zip(plan.scalars, self.scalars.addresses, strict=True):
            self.table[self.table_index[v]] = address
        self._plan_outputs(plan)
        assert [self.table_index[at] for at in inputs] == list(range(len(inputs)))
        self._build(self._list(plan, compiled), compiled, team.control)
        self.numbers: Callable[[Sequence[int]], list[int] | None] = lambda values: None
        """Of a general plan: what `fill` needs for these values of its variables; None where this is not for them."""
        self._filled: list[int] | None = None
        if plan.general is not None:
            self._generalise(plan.general.trace)

    # --- building

    def _blocks(self, plan: Plan, compiled: dict[int, Compiled | Repeated]) -> list[tuple[int, Block]]:
        """What lives in the arena: (table index, block)."""
        spans = lifetimes(plan, self.home)
        outside = {self.home[v] for v in (*plan.inputs, *plan.scalars, *plan.outputs)}
        blocks = []
        sizes: dict[int, int] = {}
        for v, at in enumerate(self.home):
            sizes[at] = larger(sizes.get(at, 0), plan.values[v].size * plan.values[v].dtype.itemsize)
        for at, size in sizes.items():
            if at not in outside and at in spans:
                blocks.append((self.table_index[at], Block(size, *spans[at])))
        for number, code in compiled.items():
            for k, size in enumerate(code.scratch):
                index = len(self.table_index) + len(self._scratch_index)
                self._scratch_index[number, k] = index
                blocks.append((index, Block(size, number, number)))
        return blocks

    def _plan_outputs(self, plan: Plan) -> None:
        """For each output where its memory is: an input's position, or its place after the inputs among those that are new.

        In the table inputs come first, then the new outputs, whose bytes are `_fresh`.
        """
        places = {self.home[v]: i for i, v in reversed(list(enumerate(plan.inputs)))}
        self._fresh: list[int] = []
        for v in plan.outputs:
            if self.home[v] not in places:
                places[self.home[v]] = len(plan.inputs) + len(self._fresh)
                self._fresh.append(plan.values[v].size * plan.values[v].dtype.itemsize)
        self._output_places = [places[self.home[v]] for v in plan.outputs]
        self._is_fresh = self._output_places == list(range(len(plan.inputs), len(plan.inputs) + len(self._fresh)))

    def _list(self, plan: Plan, compiled: dict[int, Compiled | Repeated]) -> Listing:
        """Lists the plan's steps, and notes when which memory is overwritten."""
        written = {self.home[v] for s in plan.steps for v, slot in zip(s.arguments, s.kernel.slots) if slot.access != "in"}
        unchanging = {v: i for i, v in enumerate(plan.inputs) if v not in written}
        taken = {plan.inputs[i]: i for i in self.donated}
        self._begins: dict[int, int] = {}
        """For each donated input that is overwritten the first step that does."""
        last_write: dict[int, int] = {}
        table_index, home = self.table_index, self.home
        listing = Listing(
            lambda v: table_index[home[v]], self._scratch_index, unchanging, self._repeat, ctypes.addressof(self.table)
        )
        for number, step in enumerate(plan.steps):
            if step.is_copy and len({home[v] for v in step.arguments}) == 1:
                continue
            overwrites = False
            for v, slot in zip(step.arguments, step.kernel.slots):
                at = home[v]
                if slot.access != "in":
                    last_write[at] = number
                    if at in taken:
                        overwrites = True
                        self._begins.setdefault(taken[at], number)
            if isinstance(step.kernel, RoutineKernel):
                places = [table_index[home[v]] for v in step.arguments]
                listing.add_routine(number, step, overwrites, host.bind(step.kernel, self.table, places))
            elif isinstance(code := compiled[number], Repeated):
                listing.add_recurrence(number, step, overwrites, code)
            else:
                listing.add_kernel(number, step, overwrites, code)
        self._last_write = [last_write.get(home[v], -1) for v in plan.outputs]
        return listing

    def _build(self, listing: Listing, compiled: dict[int, Compiled | Repeated], control: int) -> None:
        """Makes what was listed arrays in memory for the native runner."""
        entries, fills, reporting = listing.entries, listing.fills, listing.reporting
        self._packs, self._steps = listing.packs, listing.parts
        self.stretches = stretches(listing.parts)
        self._cells, self._sizes = with_sizes(listing.cells)
        for code in compiled.values():
            if isinstance(code, Repeated):
                self._sizes += code.sizes
        self._fills = (ctypes.c_int64 * max(len(fills), 1))(*fills)
        self._errors = (ctypes.c_int64 * (2 * max(len(reporting), 1)))()
        self._reporting = [messages for _, _, messages in reporting]
        self._named = [m.size for messages in self._reporting for m in messages]
        self._no_errors = bytes(self._errors)
        for cell, index, _ in reporting:
            self._cells[cell] = ctypes.addressof(self._errors) + 16 * index
        base = ctypes.addressof(self._cells)
        ends = {s.first + s.count - 1 for s in self.stretches}
        words: list[int] = []
        for number, (address, start, is_short) in enumerate(entries):
            goes_on = is_short and number not in ends and entries[number + 1][2]
            words += [address, base + 8 * start, ALONE * is_short | BARRIER * (not goes_on)]
        self._entries = (ctypes.c_int64 * max(len(words), 1))(*words)
        count = len(fills) // FILL_WORDS
        self._program = (ctypes.c_int64 * 4)(base, ctypes.addressof(self.table), ctypes.addressof(self._fills), count)
        parts = [*self.stretches, *self._steps]
        runs: list[int] = []
        for part in parts:
            part.is_alone = peeked(part.work) < _ALONE
            first = ctypes.addressof(self._entries) + 8 * ENTRY_WORDS * part.first
            runs += [ctypes.addressof(self._program), first, part.count, 1 if part.is_alone else self.threads, control]
        self._runs = (ctypes.c_int64 * max(len(runs), 1))(*runs)
        for number, part in enumerate(parts):
            part.run = ctypes.addressof(self._runs) + 8 * RUN_WORDS * number
        self._find_sole_run()

    def _find_sole_run(self) -> None:
        self._sole_run = 0
        """The run that is all there is to do, of a short plan where nothing may go wrong."""
        if len(self.stretches) == 1 and self._is_fresh and not (self.donated or self._packs or self._reporting):
            (part,) = self.stretches
            if part.is_alone and part.count and part.after is None:
                self._sole_run = part.run

    # --- sizes

    def _generalise(self, trace: Trace) -> None:
        """Notes which numbers are others for other sizes, and what this holds for."""
        numbers = [
            *(n for _, _, n in self._sizes),
            *(offset for _, offset in self.arena_offsets),
            *self._fresh,
            *self._named,
            *(packing.nbytes for packing in self._packs),
            *(part.work for part in self.stretches),
            self.arena_bytes,
        ]
        self.numbers = trace.checked(trace.notes, numbers)
        for part in self._steps:  # for a profile
            part.work = peeked(part.work)

    def fill(self, numbers: list[int]) -> None:
        """Makes this ready for the sizes that `numbers` gave the numbers for."""
        if numbers is self._filled:
            return
        self._filled = None
        left = iter(numbers)
        for words, number, _ in self._sizes:
            words[number] = next(left)
        self.arena_offsets = [(index, next(left)) for index, _ in self.arena_offsets]
        self._fresh = [next(left) for _ in self._fresh]
        self._named = [next(left) for _ in self._named]
        self._packs = [replace(packing, nbytes=next(left)) for packing in self._packs]
        for number, part in enumerate(self.stretches):
            part.work = next(left)
            part.is_alone = part.work < _ALONE
            self._runs[RUN_WORDS * number + 3] = 1 if part.is_alone else self.threads
        self._find_sole_run()
        self.arena_bytes, self.arena_at = next(left), -1
        self._filled = numbers

    # --- running

    def run(self, team: Team, inputs: Sequence[Buffer], scalars: Sequence[Any], arena: Region) -> list[Buffer]:
        """Runs the plan once. Raises what kernels report; `Interrupted` where donated inputs were overwritten before that."""
        table = self.table
        index = 0
        for buffer in inputs:
            table[index] = buffer.address
            index += 1
        fresh = []
        for nbytes in self._fresh:
            buffer = self._allocate(nbytes)
            table[index] = buffer.address
            index += 1
            fresh.append(buffer)
        if self.arena_bytes:
            at = arena.at_least(self.arena_bytes)
            if at != self.arena_at:
                for index, offset in self.arena_offsets:
                    table[index] = at + offset
                self.arena_at = at
        if scalars:
            self.scalars.set(scalars)
        profile = recorder.active
        if self._sole_run and profile is None:
            team.run_alone(self._sole_run)
            return fresh
        for position in self.donated:
            inputs[position].packed = None
        outputs = fresh
        if not self._is_fresh:
            known = [*inputs, *fresh]
            found = [known[place] for place in self._output_places]
            outputs = [b.copied(self.pool) if b.__class__ is Window else b for b in found]
        kept = self._choose_packs(inputs) if self._packs else ()
        done = begun = 0
        try:
            for part in self.stretches if profile is None else self._steps:
                begin = 0 if profile is None else time.perf_counter_ns()
                held = None
                if part.overwrites:
                    begun = part.end
                    held = team.finish(part.run, part.is_alone)
                elif part.work > _LONG:
                    team.run_long(part.run)
                elif part.is_alone:
                    if part.count:
                        team.run_alone(part.run)
                else:
                    team.run(part.run)
                if part.after is not None:
                    part.after()
                done = part.end
                if profile is not None:
                    profile.launched(part.name, begin, time.perf_counter_ns(), kernel=part.kernel)
                if held is not None:
                    raise held
                if part.checks:
                    self._raise_reported()
            if self._reporting:
                self._raise_reported()
        except BaseException as error:
            ctypes.memset(self._errors, 0, ctypes.sizeof(self._errors))
            overwritten = frozenset(position for position, step in self._begins.items() if step < begun)
            if not overwritten:
                raise
            finished = [b if last < done else None for b, last in zip(outputs, self._last_write, strict=True)]
            raise Interrupted(error, finished, overwritten) from None
        for packed, name, buffer in kept:
            packed[name] = buffer
        return outputs

    def _choose_packs(self, inputs: Sequence[Buffer]) -> list[tuple[dict[str, Buffer | None], str, Buffer]]:
        """Skips packing where an input's packed form was kept. The second time that an input is packed the result is kept:
        (where to note it, under what, the memory)."""
        kept = []
        for packing in self._packs:
            source, pack = inputs[packing.position], packing.pack
            packed = source.packed
            if packed is None:
                packed = source.packed = {}
            found = packed.get(pack.name)
            self._entries[packing.word] = pack.address if found is None else self._nothing
            if found is not None:
                self.table[packing.index] = found.address
            elif pack.name in packed:
                buffer = self.pool.allocate(packing.nbytes)
                self.table[packing.index] = buffer.address
                kept.append((packed, pack.name, buffer))
            else:
                packed[pack.name] = None
                self.table[packing.index] = self.arena_at + dict(self.arena_offsets)[packing.index]
        return kept

    def _raise_reported(self) -> None:
        """Raises what kernels reported, if anything."""
        if bytes(self._errors) == self._no_errors:
            return
        found = list(self._errors)
        first = 0
        for k, messages in enumerate(self._reporting):
            number, value = found[2 * k : 2 * k + 2]
            if number:
                message = messages[number - 1]
                raise outside_error(message.exception, message.text, value, self._named[first + number - 1])
            first += len(messages)
