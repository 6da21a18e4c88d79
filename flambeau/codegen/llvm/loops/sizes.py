"""Sizes as arguments of generated code: kernels that differ in sizes alone share it.

Programs with ever new lengths (batches of sentences, caches that grow) would otherwise compile for each. `generalise` cuts a
kernel into phases and chooses their schedules for the sizes as they are; then extents, strides and bounds from `LEAST` on
become `Size`s, numbers that the code reads from its arguments. What is left, with the bounds (`Size.of`) that the sizes lie
between, is what code is generated from, and its text is what code is kept under. So a call's code, and its result to the last
bit, depends on its shapes alone and not on what was compiled before.

Smaller numbers stay in the code (windows are unrolled by them), as does everything in a phase that turns squares in registers,
and, where they aren't traced, divisors (dividing by a constant is cheaper) and random positions (whose multiples of four matter).
May import `flambeau.kernels`, `flambeau.dtypes` and its neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.indices import Indices
from flambeau.codegen.llvm.loops.phases import Phase, cut
from flambeau.codegen.llvm.loops.rows import keep_rows, with_memory
from flambeau.codegen.llvm.loops.schedule import UNSCHEDULED, Schedule, choose, extents
from flambeau.codegen.llvm.lowered import text_mark
from flambeau.codegen.llvm.target import Target
from flambeau.codegen.llvm.types import Int
from flambeau.dtypes import int64
from flambeau.kernels.ir import Expr, LoopKernel, Slot, Store
from flambeau.kernels.replaced import is_traced, settled
from flambeau.kernels.traverse import rebuild
from flambeau.traced import LEAST, Traced, whole

__all__ = ["General", "ScheduledPhase", "Size", "Sizes", "generalise", "highest"]

_ARITHMETIC = frozenset(("add", "sub", "mul", "minimum", "maximum", "floor_divide", "remainder"))
_WITH_SIZES = frozenset(("add", "sub", "mul", "minimum", "maximum", "eq", "ne", "lt", "le", "gt", "ge"))
"""Operations on positions whose literals may become sizes."""
_OF_SIZES = frozenset(("check", "keep", "kept"))
"""Operations whose literals are sizes."""


_FIRST, _RATIO = 128, 8
"""Choices are the same for sizes below the first number, for others up to so many times that, and so on."""


class Size(int):
    """Argument `number` of the code. As an int it is the least of the numbers that it may be, `high` the largest: choices are
    made by those, so that they hold for all."""

    number: int
    high: int

    @staticmethod
    def of(n: int, number: int) -> Size:
        """What stands for n, which is `LEAST` or more, or -n is."""
        size, low, over = abs(n), LEAST, _FIRST
        while size >= over:
            low, over = over, over * _RATIO
        made = Size(low if n > 0 else 1 - over)
        made.number, made.high = number, over - 1 if n > 0 else -low
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Size) and self.number == other.number and int(self) == int(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((self.number, int(self)))

    def __repr__(self) -> str:
        return f"size{self.number}≥{int(self)}"


def highest(n: int) -> int:
    """The largest number that n may be."""
    return n.high if isinstance(n, Size) else n


class Sizes:
    """The sizes of a function, which are its arguments from number `place` on."""

    def __init__(self, f: Function, place: int) -> None:
        self.f, self.place = f, place
        self._known: dict[int, Int] = {}

    def value(self, n: int) -> Int:
        """The number: read at the function's entry, or known."""
        if not isinstance(n, Size):
            return n
        found = self._known.get(n.number)
        if found is None:
            found = self._known[n.number] = self.f.entry_load("i64", self.f.parameters[0], self.place + n.number)
        return found


@dataclass(frozen=True)
class ScheduledPhase:
    """What the code of one phase is made from. `limits`: for reduce axes that are cut, their length in a piece."""

    kernel: LoopKernel
    schedule: Schedule
    limits: tuple[tuple[int, Expr], ...]


@dataclass(frozen=True)
class General:
    """A kernel taken apart: what code is generated from, the sizes that the code is given, the texts of the errors that it may
    report with the sizes in them, and the bytes of its scratch blocks."""

    phases: tuple[ScheduledPhase, ...]
    sizes: tuple[int, ...]
    texts: tuple[tuple[str, int], ...]
    scratch: tuple[int, ...]


def generalise(kernel: LoopKernel, target: Target, threads: int) -> General:
    """The kernel's phases with the schedules for its sizes, and what was taken out of them; scratch memory is for `threads`."""
    phases = cut(kernel)
    if 0 not in kernel.axes:
        last = phases[-1]
        phases[-1] = Phase(keep_rows(last.kernel, Indices(extents(last.kernel))), last.limits)
    taken = _Taken()
    result = []
    for phase in phases:
        if 0 in phase.kernel.axes:
            result.append(ScheduledPhase(phase.kernel, UNSCHEDULED, ()))
            continue
        apart = frozenset(a for limit in phase.limits.values() for a in limit.axes)
        schedule = choose(phase.kernel, Indices(extents(phase.kernel)), target, apart)
        phase.kernel = with_memory(phase.kernel, schedule, threads)
        if schedule.tile is None:
            result.append(_Rewriter(taken).phase(phase, schedule))
        else:
            result.append(ScheduledPhase(phase.kernel, schedule, tuple(phase.limits.items())))
    scratch = tuple(s.size * s.dtype.itemsize for s in phases[-1].kernel.slots[len(kernel.slots) :])
    return General(settled(tuple(result)), tuple(taken.sizes), tuple(taken.texts), scratch)


class _Taken:
    """The sizes and error texts that were taken out of a kernel."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self._known: dict[int, Size] = {}
        self.texts: dict[tuple[str, int], int] = {}

    def size(self, n: int) -> int:
        """What stands for the number."""
        if abs(n) < LEAST:
            return n
        found = self._known.get(n)
        if found is None:
            found = self._known[n] = Size.of(n, len(self.sizes))
            self.sizes.append(n)
        return found

    def length(self, n: int) -> Size:
        """What stands for a number, however small, on which no choice depends."""
        made = Size(1)
        made.number, made.high = len(self.sizes), 1 << 62
        self.sizes.append(n)
        return made

    def text(self, text: str, size: int) -> str:
        """What stands for an error's text and the size in it."""
        return text_mark(self.texts.setdefault((text, size), len(self.texts)))


class _Rewriter:
    """One phase with sizes for numbers."""

    def __init__(self, taken: _Taken) -> None:
        self.taken = taken
        self._done: dict[Expr, Expr] = {}
        self._positions: dict[Expr, bool] = {}

    def phase(self, phase: Phase, schedule: Schedule) -> ScheduledPhase:
        kernel, size = phase.kernel, self.taken.size
        stores = tuple(
            Store(
                s.slot, self.rewrite(s.index), self.rewrite(s.value), s.mode, None if s.guard is None else self.rewrite(s.guard),
                s.is_scatter,
            )
            for s in kernel.stores
        )  # fmt: skip
        slots = tuple(Slot(s.dtype, 0, s.access) for s in kernel.slots)
        general = LoopKernel(tuple(size(n) for n in kernel.axes), slots, stores)
        if schedule.cut is not None:
            schedule = replace(schedule, cut=(schedule.cut[0], self.taken.length(schedule.cut[1])))
        return ScheduledPhase(general, schedule, self._limits(phase.limits))

    def _limits(self, limits: Mapping[int, Expr]) -> tuple[tuple[int, Expr], ...]:
        return tuple((axis, self.rewrite(e)) for axis, e in limits.items())

    def rewrite(self, e: Expr) -> Expr:
        """The expression with what stands for its sizes."""
        return self._sized(e, e) if isinstance(e.param, Traced) else rebuild(e, self._rewritten, self._done)

    def _rewritten(self, e: Expr, operands: tuple[Expr, ...]) -> Expr:
        self._positions[e] = self._is_position(e)
        args = list(operands)
        param = e.param
        if e.op == "reduce":
            param = (param[0], tuple((axis, self.taken.size(n)) for axis, n in param[1]))
        elif e.op == "check":
            param = param._replace(text=self.taken.text(param.text, e.args[1].param))
        elif e.op in ("floor_divide", "remainder") and not isinstance(e.args[1].param, Traced):
            args[1] = e.args[1]
        elif e.op == "philox":
            args[2] = args[2] if is_traced(e.args[2]) else e.args[2]
        of_positions = e.op in _WITH_SIZES and any(a.op != "literal" and self._positions[a] for a in e.args)
        every = e.op in _OF_SIZES or of_positions
        args = [
            self._sized(a, done) if every or isinstance(a.param, Traced) else done for a, done in zip(e.args, args, strict=True)
        ]
        is_same = param is e.param and all(a is b for a, b in zip(args, e.args, strict=True))
        return e if is_same else Expr(e.op, tuple(args), e.dtype, param)

    def _sized(self, e: Expr, done: Expr) -> Expr:
        if e.op != "literal" or e.dtype is not int64:
            return done
        size = self.taken.size(whole(e.param))
        return Expr("size", (), int64, size) if isinstance(size, Size) else done

    def _is_position(self, e: Expr) -> bool:
        """Whether the value is a position: computed from axes and checked positions alone."""
        if e.op in ("axis", "check"):
            return True
        if e.dtype is not int64:
            return False
        return e.op == "literal" or (e.op in _ARITHMETIC and all(self._positions[a] for a in e.args))
