"""A recurrence made ready for the CPU: the entries of its body, and how their arguments move from run to run.

What the body's kernels pack of values that stay the same through all runs is packed once, before. May import `flambeau.schedule`
and its neighbours.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flambeau.devices.cpu.arena import Block, homes, lifetimes, place
from flambeau.devices.cpu.compiler import Compiled, Pack
from flambeau.devices.cpu.cost import nanoseconds
from flambeau.devices.cpu.runner.layout import ALONE, BARRIER, MOVE_WORDS, NOWHERE
from flambeau.devices.cpu.runner.team import Team
from flambeau.kernels.ir import Kernel
from flambeau.schedule.plan import Place, RecurrenceKernel, Step
from flambeau.traced import Traced

__all__ = ["FixedPack", "Repeated", "with_sizes"]


def with_sizes(words: Sequence[int | Traced]) -> tuple[Any, list[tuple[Any, int, Traced]]]:
    """An array of the words, 0 where they are traced numbers, and a list of these: (the array, the place in it, the number)."""
    array = (ctypes.c_int64 * max(len(words), 1))(*[0 if isinstance(w, Traced) else w for w in words])
    return array, [(array, place, w) for place, w in enumerate(words) if isinstance(w, Traced)]


@dataclass(frozen=True)
class FixedPack:
    """A pack to be made before the first run: of the recurrence's slot `slot`, into its scratch block `scratch`. The function
    takes `cells` arguments: the operand is number `pack.slot`, at the slot's address moved by so many bytes, the result number
    `result`."""

    pack: Pack
    slot: int
    moved: int
    scratch: int
    cells: int
    result: int


class Repeated:
    """A recurrence's body for a team. `scratch` are the bytes of the blocks that it needs, `packs` what runs before it.

    A cell is (where in memory, `Place`, bytes to move that by): memory ≥ 0 is a slot of the recurrence, ~k its scratch block k.
    Offsets are in bytes.
    """

    def __init__(self, kernel: RecurrenceKernel, code: Mapping[Kernel, Compiled], is_short: float, team: Team) -> None:
        self.kernel = kernel
        body = kernel.body
        self._home = homes(body, frozenset())
        self._places = {self._home[v]: at for v, at in kernel.places.items()}
        steps = [
            (number, step, code[step.kernel])  # type: ignore[index]
            for number, step in enumerate(body.steps)
            if not (step.is_copy and len({self._home[v] for v in step.arguments}) == 1)
        ]
        self.scratch: list[int] = [0, *kernel.blocks]
        self.packs: list[FixedPack] = []
        self._fixed: dict[tuple[int, int], int] = {}
        """The scratch block that holds what is packed before the first run, by (step, the kernel's block)."""
        for number, step, compiled in steps:
            assert not compiled.messages, "the kernels of a step report nothing"
            self._pack_before(number, step, compiled)
        pieces = self._pieces(steps)
        self.scratch[0] = place(list(pieces.values()))
        self._moves: list[tuple[int, Place, int]] = []
        cells: list[int] = []
        entries: list[tuple[int, int, bool]] = []
        for number, step, compiled in steps:
            start = len(cells)
            alone = nanoseconds(step.kernel) < is_short
            self._add_cells(cells, number, step, compiled, pieces)
            packs = [pack.address for pack in compiled.packs if (number, pack.scratch) not in self._fixed]
            entries += [(address, start, alone) for address in (*packs, *compiled.addresses)]
        self.alone = all(alone for _, _, alone in entries)
        """Whether one thread does it all."""
        self._head = self._in_memory(cells, entries, 1 if self.alone else team.threads)
        self._control = team.control
        self.sizes: list[tuple[Any, int, Traced]] = []
        """Words that are traced numbers (`with_sizes`)."""

    def _pack_before(self, number: int, step: Step, compiled: Compiled) -> None:
        """Notes which of a step's packs can be made once: those of values that stay the same through all runs."""
        arguments = len(step.arguments)
        for pack in compiled.packs:
            of = self._places.get(self._home[step.arguments[pack.slot]])
            if of is None or of.stride or of.first is not None:
                continue
            same = (made.scratch for made in self.packs if (made.pack.name, made.slot) == (pack.name, of.memory))
            block = next(same, None)
            if block is None:
                block = len(self.scratch)
                self.scratch.append(compiled.scratch[pack.scratch])
                count = arguments + len(compiled.scratch)
                moved = compiled.started(arguments)[pack.slot]
                self.packs.append(FixedPack(pack, of.memory, moved, block, count, arguments + pack.scratch))
            self._fixed[number, pack.scratch] = block

    def _pieces(self, steps: Sequence[tuple[int, Step, Compiled]]) -> dict[object, Block]:
        """The pieces of scratch block 0: ("value", v) for a value of a run's own, (step, k) for block k of a step's kernel."""
        values, spans = self.kernel.body.values, lifetimes(self.kernel.body, self._home)
        sizes: dict[int, int] = {}
        for v, at in enumerate(self._home):
            sizes[at] = max(sizes.get(at, 0), values[v].size * values[v].dtype.itemsize)
        pieces: dict[object, Block] = {("value", at): Block(sizes[at], *spans[at]) for at in spans if at not in self._places}
        for number, _, compiled in steps:
            for k, size in enumerate(compiled.scratch):
                if (number, k) not in self._fixed:
                    pieces[number, k] = Block(size, number, number)
        return pieces

    def _add_cells(self, cells: list[int], number: int, step: Step, compiled: Compiled, pieces: Mapping[object, Block]) -> None:
        """Adds the cells of a step's arguments, and notes in `_moves` what comes into them."""

        def add(at: Place, moved: int) -> None:
            self._moves.append((len(cells), at, moved))
            cells.append(0)

        for v, moved in zip(step.arguments, compiled.started(len(step.arguments)), strict=True):
            at = self._home[v]
            found = self._places.get(at)
            if found is None:
                add(Place(~0, pieces["value", at].offset), moved)
            else:
                width = self.kernel.body.values[at].dtype.itemsize
                memory = found.memory if found.memory >= 0 else ~(1 + ~found.memory)
                add(Place(memory, found.offset * width, found.stride * width, found.phase, found.alternates, found.first), moved)
        for k in range(len(compiled.scratch)):
            block = self._fixed.get((number, k))
            add(Place(~0, pieces[number, k].offset) if block is None else Place(~block), 0)
        if compiled.sizes:
            cells.append(0)
        cells += compiled.sizes

    def _in_memory(self, cells: Sequence[int], entries: Sequence[tuple[int, int, bool]], threads: int) -> list[int]:
        """Writes each thread's cells and its list of entries, (function, first of its cells, whether one thread does it); gives
        the first words of `arguments`, which say where these are."""
        self._cells = (ctypes.c_int64 * (len(cells) * threads))(*[*cells] * threads)
        words: list[int] = []
        for thread in range(threads):
            base = ctypes.addressof(self._cells) + 8 * len(cells) * thread
            for (address, start, alone), (_, _, next_alone) in zip(entries, [*entries[1:], *entries[:1]], strict=True):
                words += [address, base + 8 * start, ALONE * alone | BARRIER * (not (alone and next_alone))]
        self._entries = (ctypes.c_int64 * len(words))(*words)
        return [
            self.kernel.times,
            ctypes.addressof(self._entries),
            len(entries),
            8 * len(words) // threads,
            ctypes.addressof(self._cells),
            8 * len(cells),
        ]

    def arguments(self, slots: Sequence[int], scratch: Sequence[int], table: int) -> list[int]:
        """The words that `flambeau_repeat` is given, for the table indices of the slots and of the scratch blocks."""
        words: list[int] = []
        for cell, at, moved in self._moves:
            index = slots[at.memory] if at.memory >= 0 else scratch[~at.memory]
            first = NOWHERE if at.first is None else slots[at.first]
            words += [cell, index, first, at.offset, at.stride, at.phase, 1 if at.alternates else -1, moved]
        self._words, self.sizes = with_sizes(words)
        return [*self._head, ctypes.addressof(self._words), len(words) // MOVE_WORDS, table, self._control]
