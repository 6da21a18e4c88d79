"""Choices for a loop nest: the order of its axes, the axis that vectors run along, and the pieces that threads share out.

May import `flambeau.kernels`, `indices.py` and `target.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flambeau.codegen.llvm.indices import Indices, Linear
from flambeau.codegen.llvm.target import Target
from flambeau.dtypes import bool_, dtype
from flambeau.kernels.ir import Expr, LoopKernel, Store
from flambeau.kernels.replaced import replaced
from flambeau.kernels.traverse import walk
from flambeau.traced import peeked

__all__ = [
    "SHORT", "SPREAD", "UNSCHEDULED", "Schedule", "choose", "extents", "fitting", "reductions_of", "roots", "trip", "turned",
    
]  # fmt: skip

_PIECES = 64
"""Pieces that the work is cut into where it is long enough; threads take equal shares of them."""
_PIECE_WORK = 2048
"""Elements that a piece has at least."""
SPREAD = 4
"""Up to this step lanes are picked out of contiguous vectors rather than gathered."""
_TILE_BODY = 100
"""Expressions of a kernel that is still worth writing out once for each row of a square."""
SHORT = 4
"""A reduction's axis that is shorter is not worth vectors of its own."""
_CHEAP = 64
"""A reduction of so few turns may be computed again by each piece."""


@dataclass(frozen=True)
class Schedule:
    """`order`: the parallel axes, outermost first. `lane`: the one whose neighbours share a vector of `lanes`, or None.

    `tile`: the axis that contiguous reads run along where those reads step over memory along the lane axis: squares of both axes
    are then read along it and turned in registers. It stands just outside the lane axis, which is innermost.
    `shared`: axes whose every position is a piece of its own; `cut`: an axis and how long its pieces are, or None.
    """

    order: tuple[int, ...]
    lane: int | None
    lanes: int
    tile: int | None
    shared: tuple[int, ...]
    cut: tuple[int, int] | None


UNSCHEDULED = Schedule((), None, 1, None, (), None)
"""For a kernel of no iterations."""


def roots(store: Store) -> list[Expr]:
    """The expressions of a store."""
    return [store.index, store.value] + ([] if store.guard is None else [store.guard])


def extents(kernel: LoopKernel) -> dict[int, int]:
    """Each axis' length; of an axis that several reductions open the longest."""
    found = dict(enumerate(kernel.axes))
    for e in walk([r for s in kernel.stores for r in roots(s)]):
        if e.op == "reduce":
            for axis, extent in e.param[1]:
                found[axis] = max(extent, found.get(axis, 0))
    return found


def reductions_of(kernel: LoopKernel) -> list[Expr]:
    """Its reductions that depend on parallel axes alone (those nested in others but independent of them among these)."""
    parallel = frozenset(range(len(kernel.axes)))
    return [e for e in walk([r for s in kernel.stores for r in roots(s)]) if e.op == "reduce" and e.axes <= parallel]


def trip(e: Expr) -> int:
    """Turns of a reduction's own loops."""
    return math.prod(extent for _, extent in e.param[1])


def fitting(lanes: int, extent: int) -> int:
    """As many lanes as there are, halved while half would do for an axis of this length."""
    while lanes > 1 and lanes // 2 >= extent:
        lanes //= 2
    return lanes


def choose(kernel: LoopKernel, indices: Indices, target: Target, apart: frozenset[int] = frozenset()) -> Schedule:
    """The schedule of a kernel. Axes in `apart` aren't the lane: their positions have reductions of different lengths.

    Traced sizes are noted where the schedule would be wrong for others; what is only faster follows from those of now."""
    plain: LoopKernel = replaced(kernel, peeked)
    axes = list(range(len(kernel.axes)))
    everything = [r for s in kernel.stores for r in roots(s)]
    scans = [e for e in walk(everything) if e.op == "scan"]
    scanned = {e.param[1] for e in scans}
    serial = set(scanned)
    for s in kernel.stores:
        if s.is_scatter or s.mode != "set":
            serial |= {a for a in axes if not _keeps_apart(s, a, indices)}
    reductions = reductions_of(plain)
    needed = {a: sum(a in r.axes for r in reductions) for a in axes}
    plain_indices = indices if plain is kernel else Indices(extents(plain))
    candidates = [a for a in axes if a not in serial and a not in apart]
    if scanned == serial and len(scanned) == 1 and all(_is_quick_in_lanes(e.args[0].dtype, target) for e in scans):
        candidates += scanned  # a vector's running values are found within it, and joined to those before
    lane, lanes = _lane(plain, candidates, plain_indices, target)

    def rank(a: int) -> tuple[int, int, int, int]:
        return (1 if a in scanned else 0, -needed[a], 1 if a == lane else 0, a)

    order = sorted(axes, key=rank)
    if any(s.is_scatter for s in kernel.stores):  # what may meet at one place stays in row-major order
        order = sorted(axes, key=lambda a: (a == lane, a))
    allowed = set(axes) - serial
    for r in reductions:
        if r.axes and trip(r) > _CHEAP:
            allowed &= r.axes
    tile = None
    if lane is not None and plain is kernel and not serial and not any(lane in r.axes for r in reductions):
        tile = _tile(kernel, lane, lanes, [a for a in axes if needed[a] == 0], indices)
    if tile is not None:
        order = [*(a for a in order if a not in (tile, lane)), tile, lane]  # type: ignore[list-item]
    shared, cut = _pieces(kernel, plain, order, allowed, {a for a in (lane, tile) if a is not None}, lanes)
    return Schedule(tuple(order), lane, lanes, tile, shared, cut)


def _is_quick_in_lanes(type: dtype, target: Target) -> bool:
    """Whether running values are found sooner in vectors than one by one. Integers are added in one cycle each; the few of 64
    bits in a short vector take longer to be moved to where they are added."""
    return type is not bool_ and (type.category == 2 or type.itemsize < 8 or target.vector_bits >= 512)


def turned(expressions: Sequence[Expr], lane: int, tile: int, indices: Indices) -> list[Expr]:
    """The loads (outside reductions) that run along `tile` in memory and step over it along `lane`."""
    found = []
    seen: set[Expr] = set()
    stack = list(expressions)
    while stack:
        e = stack.pop()
        if e in seen or e.op == "reduce":
            continue
        seen.add(e)
        stack.extend(e.args)
        if e.op == "load" and len(e.args) == 1:
            index = indices.linear(e.args[0])
            is_affine = index.is_affine_in(lane) and index.is_affine_in(tile)
            if is_affine and index.coefficient(tile) == 1 and abs(index.coefficient(lane)) > 1:
                found.append(e)
    return found


def _tile(kernel: LoopKernel, lane: int, lanes: int, candidates: Sequence[int], indices: Indices) -> int | None:
    everything = [r for s in kernel.stores for r in roots(s)]
    if kernel.axes[lane] < lanes or lanes < 4 or sum(1 for _ in walk(everything)) > _TILE_BODY:
        return None
    counts = {a: len(turned(everything, lane, a, indices)) for a in candidates if a != lane and kernel.axes[a] >= lanes}
    best = max(counts, key=lambda a: counts[a], default=None)
    return best if best is not None and counts[best] else None


def _pieces(
    kernel: LoopKernel, plain: LoopKernel, order: Sequence[int], allowed: set[int], blocked: set[int], lanes: int
) -> tuple[tuple[int, ...], tuple[int, int] | None]:
    """Axes that are shared out, outermost first, until there are enough pieces; the last may be cut into longer pieces.

    Axes in `blocked` run in steps of `lanes`: they are cut at multiples of that, and not shared out position by position.
    `plain` is the kernel for its sizes of now.
    """
    work = math.prod(plain.axes) * max((trip(r) for r in reductions_of(plain)), default=1)
    wanted = min(_PIECES, max(1, work // _PIECE_WORK))
    shared: list[int] = []
    count = 1
    for axis in order:
        extent = plain.axes[axis]
        if count >= wanted:
            break
        if axis not in allowed or extent == 1:
            continue
        if axis in blocked or count * extent > 4 * wanted:
            length = -(-kernel.axes[axis] * count // wanted)
            unit = lanes if axis in blocked else 1
            length = -(-length // unit) * unit
            return tuple(shared), (axis, length) if peeked(length) < extent else None
        shared.append(axis)
        count *= extent
    return tuple(shared), None


def _keeps_apart(s: Store, axis: int, indices: Indices) -> bool:
    """Whether iterations with different positions on the axis write to different places, whatever the other axes do.

    The axis is like a digit of the place: all other terms are multiples of what it spans, or stay below one step of it. They may
    vary with the axis, too: no multiple changes what is left of the place, divided by the span.
    """
    index = indices.linear(s.index)
    c = abs(index.coefficient(axis))
    if not c:
        return False
    span = c * indices.extents[axis]
    rest = [(t, k) for t, k in index.terms if not (t.op == "axis" and t.param == axis)]
    low, high = indices.bounds(Linear(0, tuple((t, k) for t, k in rest if k % span)))
    return high - low < c


def _lane(kernel: LoopKernel, candidates: Sequence[int], indices: Indices, target: Target) -> tuple[int | None, int]:
    """The cheapest lane axis by a count of memory accesses, and the number of lanes."""
    accesses = list(_accesses(kernel, indices))
    natural = _natural_lanes(kernel, target)
    best: tuple[float, int, int | None, int] | None = None
    for axis in (None, *candidates):
        if axis is not None and kernel.axes[axis] < 2:
            continue
        lanes = 1
        if axis is not None:
            lanes = fitting(natural, kernel.axes[axis])
        cost = sum(_cost(a, axis, lanes, natural, kernel) for a in accesses)
        key = (cost, -(axis if axis is not None else -1), axis, lanes)
        if best is None or key[:2] < best[:2]:
            best = key
    assert best is not None
    axis, lanes = best[2], best[3]
    if axis is not None and lanes == natural and kernel.axes[axis] >= 8 * natural and _accumulates_in_lanes(kernel, axis):
        lanes *= 4  # several accumulators at once
    return axis, lanes


def _accumulates_in_lanes(kernel: LoopKernel, axis: int) -> bool:
    return any(axis in r.axes and trip(r) > 1 for r in reductions_of(kernel))


def _natural_lanes(kernel: LoopKernel, target: Target) -> int:
    sizes = [kernel.slots[s.slot].dtype.itemsize for s in kernel.stores]
    sizes += [e.dtype.itemsize for e in walk([r for s in kernel.stores for r in roots(s)]) if e.op == "load"]
    is_wide = all(size == 8 for size in sizes)
    return target.lanes(64 if is_wide else 32)


@dataclass(frozen=True)
class _Access:
    index: Linear
    axes: frozenset[int]
    own: tuple[tuple[int, int], ...]
    """The reduce axes around it."""
    outer: frozenset[int]
    """The parallel axes that the outermost reduction around it depends on, or its own axes where there is none."""
    count: int


def _accesses(kernel: LoopKernel, indices: Indices) -> Iterator[_Access]:
    """Loads and stores with how often each happens."""
    seen: set[tuple[Expr, Expr | None]] = set()
    for s in kernel.stores:
        yield _Access(
            indices.linear(s.index), s.index.axes | s.value.axes, (), s.index.axes | s.value.axes, math.prod(kernel.axes)
        )
        stack: list[tuple[Expr, tuple[tuple[int, int], ...], Expr | None]] = [(e, (), None) for e in roots(s)]
        while stack:
            e, own, around = stack.pop()
            if (e, around) in seen:
                continue
            seen.add((e, around))
            if e.op == "load":
                outer = e.axes if around is None else around.axes
                reduced = dict(own)
                count = math.prod(kernel.axes[a] for a in outer if a < len(kernel.axes)) * math.prod(reduced.values())
                yield _Access(indices.linear(e.args[0]), e.axes, own, outer, count)
            if e.op == "reduce":
                own = (*own, *e.param[1])
                around = around or e
            stack.extend((a, own, around) for a in e.args)


def _cost(a: _Access, lane: int | None, lanes: int, natural: int, kernel: LoopKernel) -> float:
    """Vector instructions for an access, roughly."""
    if lane is not None and lane in a.outer:
        extent = kernel.axes[lane]
        turns = a.count / extent * -(-extent // lanes)
        if lane not in a.axes:
            return turns
        return turns * _instructions(a.index, lane, lanes)
    if not a.own:
        return 1.0 * a.count
    best = 1.0 * a.count
    for axis, extent in a.own:
        if not extent:
            return 0.0
        width = fitting(natural, extent)
        turns = a.count / extent * -(-extent // width)
        ends = a.count / math.prod(e for _, e in a.own) * 6
        unit = 1.0 if axis not in a.axes else _instructions(a.index, axis, width)
        if extent >= SHORT:
            best = min(best, turns * unit + ends)
    return best


def _instructions(index: Linear, axis: int, lanes: int) -> float:
    """What reading or writing one vector along the axis costs."""
    if not index.is_affine_in(axis):
        return 1.2 * lanes
    step = abs(index.coefficient(axis))
    return 1.0 if step == 1 else 0.5 + 0.7 * step if step <= SPREAD else 1.2 * lanes
