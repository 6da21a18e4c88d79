"""Fusion: which operations get memory, and which kernel makes each.

An operation without memory is computed again by every kernel that needs it, inside that kernel. Memory goes to what is asked
for, to what a kernel can only read from memory, and to what is dear to compute and read from several kernels.

May import `flambeau.kernels`, `flambeau.graph` and `flambeau.dtypes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flambeau.kernels.contract import contracts, images
from flambeau.kernels.ir import Expr
from flambeau.kernels.lower import Unfusable, Write
from flambeau.kernels.operation import MOVEMENT, Operation
from flambeau.kernels.repeated import lower_attention, lower_contraction, lower_loops
from flambeau.kernels.weights import weight

__all__ = ["Fusion", "Unit"]

ACCESS = 8
"""What it costs to read or write an element of memory, in units of an addition, as `weight` is."""
REDUCTION = 1 << 20
"""A reduction is never computed twice."""
LARGEST = 160
"""How many operations one kernel computes at most for a value."""
DEEPEST = 80
"""How long a chain of them may be."""
ROW = 1 << 17
"""The longest row that is read again from cache rather than reduced in a kernel of its own."""
FEWEST_ROWS = 16
"""With fewer rows, a reduction needs a kernel of its own to use all threads…"""
SMALL = 1 << 14
"""…but where there are no more elements than this."""
MOST_ROWS_READ = 6
"""How many reductions a kernel computes at most for each of its rows."""
WIDEST = 8
"""How many values one loop kernel stores at most."""

_ATTENTION = ("attention", "attention_query_gradient", "attention_key_gradient")
_IN_PARTS = frozenset(("recurrence", *_ATTENTION))
"""Primitives whose values are parts of one thing: those with equal operands are made together. None waits for another."""
_ALWAYS = frozenset(("scan", "scatter", "assign", "concatenate", "argsort", "fourier_parts", "routine", *_IN_PARTS))
_MOST_SINKS = 6
"""More kernels than this that read a value are not told apart."""


def _is_part(o: Operation) -> bool:
    """Whether an operation is a concatenation that is only a part of another one, which writes its parts in their places."""
    if o.name != "concatenate" or len(o.users) != 1:
        return False
    (user,) = o.users
    return user.name == "concatenate" and sum(i is o for i in user.inputs) == 1


def _find_loads(values: list[Expr], slot: int, found: set[Expr]) -> bool:
    """Collects the loads of a slot; True when one is inside a reduction."""
    nested = False
    seen = set()
    stack = [(e, False) for e in values]
    while stack:
        e, inside = stack.pop()
        if (e, inside) in seen:
            continue
        seen.add((e, inside))
        if e.op == "load" and e.param == slot:
            found.add(e)
            nested = nested or inside
        inside = inside or e.op == "reduce"
        stack.extend((a, inside) for a in e.args)
    return nested


class Unit:
    """One kernel to be made: the operations that it stores (`roots`), and for a contraction its core.

    `shape` is the roots' (without ones) where it may take more of them, else None; `reduced` what reductions it computes;
    `cone` all that it computes, as bits; `needs` the units that it reads results of; `bit` stands for it in `before`, all the
    units that come before it.
    """

    __slots__ = ("roots", "core", "shape", "reduced", "cone", "needs", "bit", "before")

    def __init__(
        self, root: Operation, core: Operation | None, shape: tuple[int, ...] | None, reduced: frozenset[Any], cone: int
    ) -> None:
        self.roots, self.core, self.shape, self.reduced, self.cone = [root], core, shape, reduced, cone
        self.needs: set[Unit] = set()
        self.bit = self.before = 0


class Fusion:
    """The decisions for one program.

    Attributes:
        memory: numbers of the operations whose values are in memory (plan inputs among them).
        heights: by number, how many reductions are between an operation and memory.
        units: the kernels to make, not yet in order.
    """

    def __init__(self, operations: Sequence[Operation], outputs: Sequence[Operation], forced: set[int]) -> None:
        self.operations = operations
        count = operations[-1].number + 1 if operations else 0
        self.by_number: dict[int, Operation] = {o.number: o for o in operations}
        self.outputs = {o.number for o in outputs}
        self.forced = forced
        self.memory: set[int] = {o.number for o in operations if o.name == "memory"}
        self.heights = [0] * count
        self.levels = [0] * count
        self.likely: set[int] = set()
        self.core_of: dict[int, Operation] = {}
        self.inlined: dict[int, int] = {}
        self.units: list[Unit] = []
        self._must()
        self._epilogues()
        self._worth()
        self._group()

    # --- what has to be in memory --------------------------------------------------------------------------------------
    def _must(self) -> None:
        cones: dict[int, int] = {}
        depths: dict[int, int] = {}
        for o in self.operations:
            number = o.number
            for i in o.inputs:
                self.heights[number] = max(self.heights[number], self.heights[i.number])
                self.levels[number] = max(self.levels[number], self.levels[i.number])
            if o.kind == "reduction" or o.kind == "contraction":
                self.heights[number] += 1
            if o.kind not in ("elementwise", "movement", "leaf"):
                self.levels[number] += 1
            if o.name == "memory":
                continue
            self.memory.update(i.number for i in self._read_from_memory(o))
            always = o.name in _ALWAYS and not _is_part(o)
            if number in self.outputs or number in self.forced or always or o.kind == "contraction":
                self.memory.add(number)
            cone, depth = 1 << number, 1
            for i in o.inputs:
                if i.number not in self.memory:
                    cone |= cones.get(i.number, 0)
                    depth = max(depth, depths.get(i.number, 0) + 1)
            if depth > DEEPEST or cone.bit_count() > LARGEST:
                self.memory.add(number)
            cones[number], depths[number] = cone, depth
            if len(o.users) > 1 and number not in self.memory and self._is_dear(o, len(o.users)):
                self.likely.add(number)

    def _is_dear(self, o: Operation, kernels: int) -> bool:
        """Whether writing `o` once and reading it in `kernels` kernels costs less than computing it in each."""
        return kernels > 1 and (kernels - 1) * self._cost(o) > (kernels + 1) * ACCESS

    def _cost(self, o: Operation) -> int:
        """What an element of `o` costs to compute from what is, or will probably be, in memory."""
        cost, seen, stack = 0, {o.number}, [o]
        while stack and cost < REDUCTION:
            x = stack.pop()
            if x.kind == "reduction":
                cost += REDUCTION
            elif x.kind not in ("leaf", "movement"):
                cost += weight(x.name) if 2 * x.size > o.size else 0
            for i in x.inputs:
                if i.number in seen:
                    continue
                seen.add(i.number)
                if i.number in self.memory or i.number in self.likely:
                    cost += ACCESS if 2 * i.size > o.size else 0
                else:
                    stack.append(i)
        return cost

    def _read_from_memory(self, o: Operation) -> list[Operation]:
        """Operands that `o`'s kernel reads from memory, and those that would be computed many times over."""
        result: list[Operation] = []
        if contracts(o):
            result.extend(found for found in map(self._turned, images(o)) if found is not None)
            memory = self.memory | {o.number, *(r.number for r in result)}
            while True:
                try:
                    lower_contraction(o, o, memory, self.heights)
                    break
                except Unfusable as missing:
                    wanted = missing.operation
                    if wanted is not o:
                        wanted = self._copied(wanted) or wanted
                    result.append(wanted)
                    memory.add(wanted.number)
        elif o.name in _ATTENTION:
            memory = set(self.memory)
            while True:
                try:
                    lower_attention([o], memory)
                    break
                except Unfusable as missing:
                    result.append(missing.operation)
                    memory.add(missing.operation.number)
        elif o.name in ("argsort", "fourier_parts", "routine", "recurrence"):
            result.extend(o.inputs)
        elif o.name == "scatter":  # which one thread may do alone, place by place
            operands = o.inputs[1:] if len(o.shape) == 1 else o.inputs[1:2]
            bases = [self._base(i) for i in operands]
            result.extend(b for b in bases if b.kind not in ("leaf", "reduction") and 2 * ACCESS < self._cost(b) < REDUCTION)
        elif o.kind == "contraction":
            result.extend(b for b in map(self._base, o.inputs) if b.kind != "leaf" and o.size > b.size // 2)
        elif o.name in MOVEMENT or o.name == "gather":
            source = o.inputs[0]
            limit = 2 * ACCESS if o.name == "expand" else ACCESS + 2
            if o.size > source.size and o.name != "pad" and not self._trailing(o):
                base = self._base(source)
                if base.kind != "leaf" and limit < self._cost(base) < REDUCTION:  # reductions are judged by `_inline`
                    result.append(base)
        return [r for r in result if r.number not in self.memory]

    def _turned(self, o: Operation) -> Operation | None:
        """The permutation that a view is seen through, where it brings another dimension to the end.

        Windows slide along the last dimension: the schedules for them (minimal filtering, bands, panels) need it to lie in one
        piece. So an image with its channels last is copied first, which is little beside what the slow schedules cost.
        """
        while o.name in MOVEMENT and o.number not in self.memory:
            if o.name == "permute" and o.params[0][-1] != len(o.shape) - 1:
                return o
            o = o.inputs[0]
        return None

    def _copied(self, o: Operation) -> Operation | None:
        """A reshape of a permutation, the only use of `o`, that keeps runs along the last dimension: where a value gets memory it
        had better be in that order, in which more of its dimensions are one (a product's rows; the heads that a linear layer sums
        over), at no cost."""
        found, is_permuted = None, False
        while len(o.users) == 1 and o.number not in self.outputs:
            (o,) = o.users
            if o.name == "permute" and o.params[0][-1] == len(o.shape) - 1:
                is_permuted = True
            elif o.name != "reshape":
                break
            elif is_permuted:
                found = o
        return found

    def _base(self, o: Operation) -> Operation:
        """What a view is of: the operation in memory, or the last that is no movement."""
        while o.name in MOVEMENT and o.number not in self.memory:
            o = o.inputs[0]
        return o

    def _trailing(self, o: Operation) -> bool:
        """Whether an expand repeats only along the last dimensions: then the operand is computed once outside their loops."""
        if o.name != "expand":
            return False
        source = o.inputs[0].shape
        repeated = [d for d, (n, m) in enumerate(zip(source, o.shape)) if n != m]
        return all(source[d] == 1 for d in range(repeated[0], len(source))) if repeated else True

    # --- elementwise operations after a contraction ----------------------------------------------------------------------
    def _epilogues(self) -> None:
        taken: set[int] = set()
        for core in reversed(self.operations):
            if not contracts(core):
                continue
            end = current = core
            chain: list[Operation] = []
            slides, before = bool(images(core)), 0  # `before`: how far before the end the core's last dimension is
            while current.number not in self.outputs and core.number not in self.forced:
                led = self._leads_to(current)
                if led is None or any(o.number in taken or o.size != core.size for o in led):
                    break
                chain += led
                current = led[-1]
                if slides and current.name == "permute":
                    top = len(current.shape) - 1
                    before = top - current.params[0].index(top - before)
                if before:  # as for operands: see `_turned`
                    if current.name == "reshape" or current.number in self.memory:
                        break
                    continue
                if current.kind == "elementwise" or current.number in self.outputs:
                    end = current
                if current.number in self.memory:
                    end = current
                    break
            if not slides and end.number not in self.outputs and core.number not in self.forced:
                copied = self._copied(end)
                if copied is not None and copied.number not in taken:
                    while end is not copied:
                        (end,) = end.users
                        chain.append(end)
            if end is not core:
                self.memory.discard(core.number)
                self.memory.add(end.number)
                taken.update(o.number for o in chain[: chain.index(end) + 1])
            self.core_of[end.number] = core

    def _leads_to(self, o: Operation) -> list[Operation] | None:
        """The one operation that uses `o`, or elementwise ones, none of them in memory, that together are all its use, the
        last of which alone is used by others (as in x·sigmoid(x)); None where there are no such."""
        found: list[Operation] = []
        waiting = {user.number for user in o.users}
        while waiting:
            user = self.by_number[min(waiting)]
            waiting.discard(user.number)
            found.append(user)
            if not waiting:
                moves = len(found) == 1 and user.name in ("reshape", "permute")
                return found if moves or user.kind == "elementwise" else None
            if user.kind != "elementwise" or user.number in self.memory or len(found) > LARGEST:
                return None
            waiting.update(x.number for x in user.users)
        return None

    # --- what is worth memory ------------------------------------------------------------------------------------------
    def _worth(self) -> None:
        sinks: dict[int, frozenset[tuple[int, bool]]] = {}
        undecided = {o.number for o in self.operations if o.kind == "reduction"} - self.memory
        for o in reversed(self.operations):
            number = o.number
            undecided.discard(number)
            if number in self.memory:
                continue
            found: set[tuple[int, bool]] = set()
            for user in o.users:
                pointwise = user.kind == "elementwise"
                if user.number in self.memory:
                    found.add((user.number, pointwise and user.number not in self.core_of))
                else:
                    found.update((sink, pointwise and same) for sink, same in sinks[user.number])
            sinks[number] = frozenset(sorted(found)[:_MOST_SINKS])
            roots = {sink for sink, _ in found}
            if o.kind == "reduction":
                if len(roots) != 1 or not self._inline(o, self.by_number[roots.pop()], undecided):
                    self.memory.add(self._tail(o).number)
            elif o.kind not in ("movement", "leaf") and len(roots) > 1:
                # results of one shape that nothing but elementwise operations lead to share a kernel
                kernels = {("level", self.levels[sink]) if same else ("root", sink) for sink, same in found}
                if self._is_dear(o, len(kernels)):
                    self.memory.add(number)

    def _tail(self, reduction: Operation) -> Operation:
        """The last of the elementwise operations that lead on from a reduction alone: they are done where it is stored."""
        end = o = reduction
        while len(o.users) == 1:
            (o,) = o.users
            if (
                o.number in self.memory
                or o.size != reduction.size
                or (o.kind != "elementwise" and o.name not in ("reshape", "permute"))
            ):
                break
            if o.kind == "elementwise":
                end = o
        return end

    def _inline(self, reduction: Operation, root: Operation, undecided: set[int]) -> bool:
        """Whether `root`'s kernel should compute the reduction itself: once for each of its rows."""
        if root.number in self.core_of or root.kind not in ("elementwise", "movement"):
            return False
        if root.size == 0 or reduction.inputs[0].size == 0:
            return True
        if self.inlined.get(root.number, 0) >= MOST_ROWS_READ:
            return False
        rows, total = reduction.size, reduction.inputs[0].size
        short = total // rows <= ROW and (rows >= FEWEST_ROWS or total <= SMALL) and (rows > 1 or root.size <= SMALL)
        if root.size != rows and not short:
            return False
        try:
            memory = self.memory | undecided | {reduction.number}
            kernel, operations = lower_loops([Write(root, root)], memory, self.heights)
        except Unfusable:
            return False
        if reduction not in operations:
            return True
        places: set[Expr] = set()
        nested = _find_loads([s.value for s in kernel.stores], operations.index(reduction), places)
        if len(places) != 1 or (nested and not short):
            return False
        axes = places.pop().axes
        outer = 1
        for a in axes:  # which the target puts outermost
            if a >= len(kernel.axes):
                return False
            outer *= kernel.axes[a]
        if outer != rows:
            return False
        self.inlined[root.number] = self.inlined.get(root.number, 0) + 1
        return True

    # --- kernels with several results ----------------------------------------------------------------------------------
    def _group(self) -> None:
        needs: dict[int, frozenset[int]] = {}
        reduced: dict[int, frozenset[Any]] = {}
        unit_of: dict[int, Unit] = {}
        recent: dict[object, list[Unit]] = {}
        cones: dict[int, int] = {}
        in_parts: dict[object, Unit] = {}
        empty: frozenset = frozenset()
        for o in self.operations:
            if o.name == "memory":
                needs[o.number] = reduced[o.number] = empty
                cones[o.number] = 0
                continue
            direct: set[int] = set()
            opened: set[Any] = set()
            cone = 1 << o.number
            for i in o.inputs:
                if i.number in self.memory:
                    direct.add(i.number)
                else:
                    direct |= needs[i.number]
                    opened |= reduced[i.number]
                    cone |= cones[i.number]
            if o.kind == "reduction":
                opened.add((o.params[0], o.inputs[0].shape))
            needs[o.number], reduced[o.number], cones[o.number] = frozenset(direct), frozenset(opened), cone
            if o.number not in self.memory or o.size == 0:
                continue
            core = self.core_of.get(o.number)
            made = Unit(o, core, None, reduced[o.number], cone)
            unit = None
            if o.name in _IN_PARTS:
                unit = in_parts.setdefault((o.name, tuple(i.number for i in o.inputs), o.params[0]), made)
                if unit is made:
                    self.units.append(unit)
                else:
                    unit.roots.append(o)
                    unit.cone |= cone
            elif core is None and o.name not in _ALWAYS:
                made.shape = shape = tuple(n for n in o.shape if n != 1)
                close = [unit_of[d] for d in sorted(direct, reverse=True) if d in unit_of]
                for candidate in dict.fromkeys((*close, *reversed(recent.get(shape, ())[-4:]))):
                    if self._joins(made, candidate, needs, unit_of):
                        unit = candidate
                        unit.roots.append(o)
                        unit.cone |= cone
                        break
            if unit is None:
                unit = made
                self.units.append(unit)
                if unit.shape is not None:
                    recent.setdefault(unit.shape, []).append(unit)
            unit_of[o.number] = unit
            if not unit.bit:
                unit.bit = 1 << len(self.units)
            self._comes_after(unit, {unit_of[d] for d in direct if d in unit_of} - {unit})

    def _comes_after(self, unit: Unit, others: set[Unit]) -> None:
        """Notes that a unit, and so all that come after it, needs others."""
        unit.needs |= others
        added = 0
        for other in others:
            added |= other.before | other.bit
        added &= ~unit.before
        if added:
            unit.before |= added
            if len(unit.roots) > 1:  # before it had a second root nothing could come after it
                for user in self.units:
                    if user.before & unit.bit:
                        user.before |= added

    def _joins(self, made: Unit, unit: Unit, needs: dict[int, frozenset[int]], unit_of: dict[int, Unit]) -> bool:
        """Whether the root of `made` may, and should, be stored by `unit`'s kernel too."""
        if made.shape != unit.shape or len(unit.roots) >= WIDEST or (unit.cone | made.cone).bit_count() > LARGEST:
            return False
        (o,) = made.roots
        members = {r.number for r in unit.roots}
        if made.reduced != unit.reduced and (made.reduced or not members & needs[o.number]):
            return False  # its loops are others
        shared = {d for r in unit.roots for d in needs[r.number] if self.by_number[d].size > 1} | members
        if not shared & needs[o.number]:
            return False
        if any(unit_of[d].before & unit.bit for d in needs[o.number] if d in unit_of):
            return False  # a value that `o` needs comes after the unit
        if members & needs[o.number]:
            if made.reduced:
                row = max(self._row(k) for k in made.reduced)
                if row > ROW or (o.size < FEWEST_ROWS and row * o.size > SMALL):
                    return False
            try:
                lower_loops([Write(r, r) for r in (*unit.roots, o)], self.memory, self.heights)
            except Unfusable:
                return False
        return True

    @staticmethod
    def _row(key: tuple[tuple[int, ...], tuple[int, ...]]) -> int:
        axes, shape = key
        n = 1
        for d in axes:
            n *= shape[d]
        return n
