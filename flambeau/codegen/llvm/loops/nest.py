"""The loops of one phase: pieces shared among threads, axes in the schedule's order, each store at the outermost place where
all that it needs is known. May import the builder and `codegen.llvm`'s expression parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flambeau.codegen.llvm.builder import Module
from flambeau.codegen.llvm.errors import Errors, Messages
from flambeau.codegen.llvm.indices import Indices
from flambeau.codegen.llvm.loops import memory, regions, scans
from flambeau.codegen.llvm.loops.evaluate import Evaluator
from flambeau.codegen.llvm.loops.regions import Region
from flambeau.codegen.llvm.loops.schedule import Schedule, extents, roots, turned
from flambeau.codegen.llvm.loops.sizes import ScheduledPhase, Sizes, highest
from flambeau.codegen.llvm.target import Target
from flambeau.codegen.llvm.types import Int, Value
from flambeau.kernels.ir import Expr, LoopKernel, Store

__all__ = ["build"]

_STRETCH = 1 << 16
"""Turns of a scan's loop between two looks whether the run was stopped."""


def build(
    module: Module,
    name: str,
    phase: ScheduledPhase,
    target: Target,
    messages: Messages,
    error_place: int,
) -> None:
    """Adds the function `name` that runs the phase. The kernel's slots are the first of the function's arguments; the error word
    is number `error_place`, and sizes follow."""
    kernel = phase.kernel
    f = module.function(name, (("ptr", "arguments"), ("i64", "thread"), ("i64", "threads")))
    if 0 in kernel.axes:
        f.finish()
        return
    indices = Indices({axis: highest(n) for axis, n in extents(kernel).items()})
    pointers = [f.load("ptr", f.address(f.parameters[0], i, "ptr"), 8) for i in range(len(kernel.slots))]
    sizes = Sizes(f, error_place + 1)
    ev = Evaluator(f, target, kernel.slots, pointers, indices, Errors(f, messages, error_place), sizes, dict(phase.limits))
    _Nest(ev, kernel, phase.schedule).build()
    f.finish()


class _Nest:
    def __init__(self, ev: Evaluator, kernel: LoopKernel, schedule: Schedule) -> None:
        self.ev, self.kernel, self.schedule = ev, kernel, schedule
        self.extents = [ev.sizes.value(n) for n in kernel.axes]
        self.firsts: dict[int, bool | Value] = {}
        """For each axis that pieces divide, whether this is its first piece."""
        self.bounds: tuple[Int, Int] = (0, 0)
        """Of the axis that is cut, in this piece."""

    def build(self) -> None:
        """The loop over this thread's pieces."""
        f, s = self.ev.f, self.schedule
        _, thread, threads = f.parameters
        cuts: Int = 1
        if s.cut is not None:
            length = self.ev.sizes.value(s.cut[1])
            cuts = f.div(f.add(self.extents[s.cut[0]], f.sub(length, 1)), length)
        pieces = cuts
        for axis in s.shared:
            pieces = f.mul(pieces, self.extents[axis])

        def share(t: Int) -> Value:
            return f.op("i64", f"udiv i64 {f.mul(t, pieces)}, {threads}")

        low, high = share(thread), share(f.add(thread, 1))
        if isinstance(pieces, int) and pieces == 1:  # the only piece is the first thread's
            with f.when(f.op("i1", f"icmp eq i64 {thread}, 0")), self.ev.scope():
                self.piece(0, cuts)
            return
        with f.when(f.op("i1", f"icmp slt i64 {low}, {high}")), self.ev.scope():
            self.ev.hoist(self.remaining(self.kernel.stores))

            def turn(i: Int, _: list[Value]) -> None:
                with self.ev.scope():
                    self.piece(i, cuts)

            f.loop(low, high, 1, f.unless_stopped(turn), nonempty=True)

    def piece(self, number: Int, cuts: Int) -> None:
        """Binds what the pieces divide, and goes in."""
        ev, f, s = self.ev, self.ev.f, self.schedule
        rest = number
        if s.cut is not None:
            axis, length = s.cut[0], ev.sizes.value(s.cut[1])
            at = f.mul(f.rem(rest, cuts) if s.shared else rest, length)
            self.bounds = at, f.minimum(f.add(at, length), self.extents[axis])
            self.firsts[axis] = f.compare("eq", at, 0)
            rest = f.div(rest, cuts) if s.shared else 0
        for axis in reversed(s.shared):
            extent = self.extents[axis]
            ev.axes[axis] = f.rem(rest, extent) if axis != s.shared[0] else rest
            self.firsts[axis] = f.compare("eq", ev.axes[axis], 0)
            rest = f.div(rest, extent)
        self.inward(0, list(self.kernel.stores))
        for axis in s.shared:
            del ev.axes[axis]

    def remaining(self, stores: Sequence[Store]) -> list[Expr]:
        return [r for s in stores for r in roots(s)]

    def inward(self, depth: int, stores: list[Store]) -> None:
        """Opens the loops from `depth` on; `stores` are yet to be made."""
        ev, order = self.ev, self.schedule.order
        while depth < len(order) and order[depth] in ev.axes:
            depth += 1
        ev.hoist(self.remaining(stores))
        ready: list[Store] = []
        later: list[Store] = []
        for s in stores:
            is_ready = all(ev.is_bound(e) for e in roots(s)) if s.mode == "set" and not s.is_scatter else depth == len(order)
            (ready if is_ready else later).append(s)
        while ready:
            s = ready.pop(0)
            if ready and memory.are_pairs(ev, s, ready[0]):
                memory.store_pairs(ev, s, ready.pop(0), self.first(s))
            else:
                self.store(s)
        if not later:
            return
        axis = order[depth]
        low: Int = 0
        high: Int = self.extents[axis]
        if self.schedule.cut is not None and self.schedule.cut[0] == axis:
            low, high = self.bounds
        scanned = scans.find(self.remaining(later), axis)
        for e in scanned:
            scans.begin(ev, e)
        if axis == self.schedule.lane:
            self.lane_loop(axis, low, high, depth, later)
            return
        if axis == self.schedule.tile:
            self.squares(axis, low, high, depth, later)
            return

        def turn(i: Int, _: list[Value]) -> None:
            with ev.bound(axis, i):
                self.inward(depth + 1, later)

        if scanned:
            self.stretches(axis, low, high, 1, turn)
        else:
            ev.f.loop(low, high, 1, turn)

    def stretches(self, axis: int, low: Int, high: Int, step: int, turn: Callable[[Int, list[Value]], None]) -> None:
        """A scan's loop: one piece may be all there is, so Ctrl-C is looked for in it."""
        f = self.ev.f
        if highest(self.kernel.axes[axis]) <= _STRETCH:
            f.loop(low, high, step, turn)
            return

        def stretch(start: Int, _: list[Value]) -> None:
            f.loop(start, f.minimum(f.add(start, _STRETCH), high), step, turn, nonempty=True)

        f.loop(low, high, _STRETCH, f.unless_stopped(stretch))

    def lane_loop(self, axis: int, low: Int, high: Int, depth: int, stores: list[Store]) -> None:
        ev, f, lanes = self.ev, self.ev.f, self.schedule.lanes

        known = regions.find(ev, self.remaining(stores), axis, low, high, self.kernel.axes[axis], lanes) if lanes > 1 else []

        def turn(i: Int, _: list[Value]) -> None:
            with ev.bound(axis, i), ev.in_lanes(axis, lanes, True):
                inside(known, i)

        def inside(known: Sequence[Region], i: Int) -> None:
            """The turn's stores: as the first region that holds it knows them, or in general."""
            if not known:
                self.inward(depth + 1, list(stores))
                return

            def in_region() -> None:
                with ev.scope():
                    known[0].enter(ev, lanes)
                    self.inward(depth + 1, list(stores))

            def elsewhere() -> None:
                with ev.scope():
                    inside(known[1:], i)

            f.choose(known[0].holds(ev, i, lanes), in_region, elsewhere)

        def rest(whole: Int) -> None:
            with ev.bound(axis, whole), ev.in_lanes(axis, lanes, f.lane_mask(0, f.sub(high, whole), lanes)):
                self.inward(depth + 1, list(stores))

        whole = f.sub(high, f.rem(f.sub(high, low), lanes))
        if scans.find(self.remaining(stores), axis):
            self.stretches(axis, low, whole, lanes, turn)
        else:
            f.loop(low, whole, lanes, turn)
        extent = self.extents[axis]
        if isinstance(extent, int) and extent % lanes == 0:
            return
        more = f.compare("slt", whole, high)
        if more is not False:
            with f.when(more):
                rest(whole)

    def squares(self, tile: int, low: Int, high: Int, depth: int, stores: list[Store]) -> None:
        """The loops over the tile axis and, inside, the lane axis, in squares whose turned loads are transposed."""
        ev, f, lane, lanes = self.ev, self.ev.f, self.schedule.lane, self.schedule.lanes
        assert lane is not None
        loads = turned(self.remaining(stores), lane, tile, ev.indices)
        first: Int = 0
        last: Int = self.kernel.axes[lane]
        if self.schedule.cut is not None and self.schedule.cut[0] == lane:
            first, last = self.bounds
        middle = f.sub(last, f.rem(f.sub(last, first), lanes))

        def square(start: Int, i: Int) -> None:
            with ev.bound(lane, i), ev.in_lanes(lane, lanes, True):
                columns = [memory.load_square(ev, e, tile, start) for e in loads]
                for k in range(lanes):
                    with ev.bound(tile, f.add(start, k)):
                        for e, vectors in zip(loads, columns, strict=True):
                            ev.remember(e, vectors[k])
                        self.inward(depth + 2, list(stores))

        def block(start: Int, _: list[Value]) -> None:
            f.loop(first, middle, lanes, lambda i, _: square(start, i))
            if self.kernel.axes[lane] % lanes:
                f.loop(start, f.add(start, lanes), 1, row_rest)

        def row_rest(i: Int, _: list[Value]) -> None:
            with ev.bound(tile, i):
                self.lane_loop(lane, middle, last, depth + 1, stores)

        def row(i: Int, _: list[Value]) -> None:
            with ev.bound(tile, i):
                self.inward(depth + 1, list(stores))

        whole = f.sub(high, f.rem(f.sub(high, low), lanes))
        f.loop(low, whole, lanes, block)
        if self.kernel.axes[tile] % lanes:
            f.loop(whole, high, 1, row)

    def store(self, s: Store) -> None:
        """A store that doesn't vary with a divided axis is made in its first piece only."""
        memory.store(self.ev, s, self.first(s))

    def first(self, s: Store) -> bool | Value:
        """Whether this is the first of the pieces for which a store is the same."""
        needed: frozenset[int] = frozenset().union(*(e.axes for e in roots(s)))
        real: bool | Value = True
        if s.mode == "set" and not s.is_scatter:
            for axis, is_first in self.firsts.items():
                if axis not in needed:
                    real = self.ev.f.both(real, is_first)
        return real
