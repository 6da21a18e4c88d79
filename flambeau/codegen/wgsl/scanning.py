"""Long scans with few rows, in three shaders: a scan inside each block, one over the blocks' last values, and the blocks again
starting from what came before them.

A scan alone runs in order in one invocation a row. May import `flambeau.dtypes`, `kernels.ir` and `codegen.wgsl`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from flambeau.codegen.wgsl.target import Target
from flambeau.dtypes import bool_, dtype, float32, int64
from flambeau.kernels.ir import Expr, LoopKernel, Slot, Store
from flambeau.kernels.traverse import rebuild, walk

__all__ = ["split_scans"]

_LONG = 512
_LEAST_BLOCK = 32
_COMBINE = {"sum": "add", "prod": "mul", "max": "maximum", "min": "minimum"}


def _index(value: int) -> Expr:
    return Expr("literal", (), int64, value)


def _axis(number: int) -> Expr:
    return Expr("axis", (), int64, number)


def _plus(a: Expr, b: Expr) -> Expr:
    return Expr("add", (a, b), int64)


def _times(a: Expr, b: int) -> Expr:
    return Expr("mul", (a, _index(b)), int64)


def split_scans(kernel: LoopKernel, target: Target, same: Sequence[int]) -> list[tuple[LoopKernel, tuple[int, ...]]]:
    """The kernels to run instead of `kernel`, in order, each with its map of slots that share a buffer.

    All have the same slots: the kernel's, then scratch.
    """
    slots = list(kernel.slots)
    stages = _stages(kernel.axes, kernel.stores, slots, target)
    everything = (*same, *range(len(same), len(slots)))
    kernels = []
    for axes, stores in stages:
        written = {s.slot for s in stores}
        marked = (Slot(s.dtype, s.size, s.access if i in written else "in") for i, s in enumerate(slots))
        kernels.append((LoopKernel(axes, tuple(marked), stores), everything))
    return kernels


Stage = tuple[tuple[int, ...], tuple[Store, ...]]


def _stages(axes: tuple[int, ...], stores: tuple[Store, ...], slots: list[Slot], target: Target) -> list[Stage]:
    roots = [part for s in stores for part in (s.index, s.value, s.guard) if part is not None]
    scans = [e for e in walk(roots) if e.op == "scan"]
    along = {e.param[1] for e in scans}
    if len(along) != 1 or any(x.op == "scan" for e in scans for x in walk(e.args)):
        return [(axes, stores)]
    (axis,) = along
    length = axes[axis]
    rows = prod(n for i, n in enumerate(axes) if i != axis)
    at_once = 256 if target.is_software else 1 << 14
    blocks = min(-(-length // _LEAST_BLOCK), at_once // max(rows, 1))
    if length < _LONG or blocks < 4:
        return [(axes, stores)]
    return _Split(axes, stores, slots, axis, blocks).stages(scans, target)


class _Split:
    """A scan axis of `length` cut in `blocks` of `stretch`: the axis itself counts blocks, a new last one goes over a block."""

    def __init__(self, axes: tuple[int, ...], stores: tuple[Store, ...], slots: list[Slot], axis: int, blocks: int) -> None:
        self.stores, self.slots, self.axis = stores, slots, axis
        self.length = axes[axis]
        self.stretch = -(-self.length // blocks)
        self.blocks = -(-self.length // self.stretch)
        self.short = (*axes[:axis], self.blocks, *axes[axis + 1 :])
        self.long = (*self.short, self.stretch)
        self.inside = len(axes)
        self.place = _plus(_times(_axis(axis), self.stretch), _axis(self.inside))
        row: Expr = _index(0)
        for i, n in enumerate(axes):
            if i != axis:
                row = _plus(_times(row, n), _axis(i))
        self.first = _times(row, self.blocks)
        """Where the row's blocks begin in scratch."""

    def stages(self, scans: Sequence[Expr], target: Target) -> list[Stage]:
        last = Expr("eq", (_axis(self.inside), _index(self.stretch - 1)), bool_)
        here = _plus(self.first, _axis(self.axis))
        ends: list[Store] = []
        carries: list[Store] = []
        whole: dict[Expr, Expr] = {}
        for e in scans:
            kind, body = e.param[0], self._moved(e.args[0])
            if kind.startswith("arg"):
                whole[e] = self._extremum_place(kind, body, here, last, ends, carries)
                continue
            wide: dtype = float32 if body.dtype.category == 2 and body.dtype.itemsize < 4 else body.dtype
            body = body if body.dtype is wide else Expr("cast", (body,), wide)
            mine = Expr("scan", (body,), wide, (kind, self.inside))
            before = self._carried(mine, kind, here, last, ends, carries)
            joined = Expr(_COMBINE[kind], (before, mine), wide)
            joined = Expr("where", (self._has_before(), joined, mine), wide)
            whole[e] = joined if e.dtype is wide else Expr("cast", (joined,), e.dtype)
        final = []
        in_range = None if self.length % self.stretch == 0 else Expr("lt", (self.place, _index(self.length)), bool_)
        for s in self.stores:
            guard = None if s.guard is None else self._moved(s.guard, whole)
            if in_range is not None:
                guard = in_range if guard is None else Expr("bitwise_and", (guard, in_range), bool_)
            final.append(Store(s.slot, self._moved(s.index, whole), self._moved(s.value, whole), s.mode, guard, s.is_scatter))
        return [(self.long, tuple(ends)), *_stages(self.short, tuple(carries), self.slots, target), (self.long, tuple(final))]

    def _has_before(self) -> Expr:
        return Expr("gt", (_axis(self.axis), _index(0)), bool_)

    def _scratch(self, type: dtype) -> int:
        self.slots.append(Slot(type, prod(self.short), "inout"))
        return len(self.slots) - 1

    def _carried(self, mine: Expr, kind: str, here: Expr, last: Expr, ends: list[Store], carries: list[Store]) -> Expr:
        """Stores each block's last value, then their scan; gives the value that a block starts from (its first has none)."""
        end, carry = self._scratch(mine.dtype), self._scratch(mine.dtype)
        ends.append(Store(end, here, mine, "set", last))
        loaded = Expr("load", (here,), mine.dtype, end)
        carries.append(Store(carry, here, Expr("scan", (loaded,), mine.dtype, (kind, self.axis))))
        return Expr("load", (_plus(here, _index(-1)), self._has_before()), mine.dtype, carry)

    def _extremum_place(self, kind: str, body: Expr, here: Expr, last: Expr, ends: list[Store], carries: list[Store]) -> Expr:
        """The last place of the running extremum: that of the blocks before where its value is ahead of the block's own."""
        value = Expr("scan", (body,), body.dtype, (kind[3:], self.inside))
        start = _times(_axis(self.axis), self.stretch)
        place = _plus(start, Expr("scan", (body,), int64, (kind, self.inside)))
        before = self._carried(value, kind[3:], here, last, ends, carries)
        end, carry = self._scratch(int64), self._scratch(int64)
        ends.append(Store(end, here, place, "set", last))
        values = carries[-1].value.args[0]
        block = Expr("scan", (values,), int64, (kind, self.axis))
        carries.append(Store(carry, here, Expr("load", (_plus(self.first, block),), int64, end)))
        earlier = Expr("load", (_plus(here, _index(-1)), self._has_before()), int64, carry)
        ahead = Expr("gt" if kind == "argmax" else "lt", (before, value), bool_)
        if body.dtype.category == 2:
            before_nan, value_nan = Expr("isnan", (before,), bool_), Expr("isnan", (value,), bool_)
            ahead = Expr("bitwise_or", (ahead, before_nan), bool_)
            ahead = Expr("bitwise_and", (ahead, Expr("bitwise_not", (value_nan,), bool_)), bool_)
        ahead = Expr("bitwise_and", (ahead, self._has_before()), bool_)
        return Expr("where", (ahead, earlier, place), int64)

    def _moved(self, root: Expr, whole: dict[Expr, Expr] | None = None) -> Expr:
        """`root` with the axis as a place in a block, and scans replaced; the last block repeats the last element."""
        place = self.place
        if self.length % self.stretch:
            place = Expr("minimum", (place, _index(self.length - 1)), int64)

        def visit(e: Expr, args: tuple[Expr, ...]) -> Expr:
            if whole is not None and e in whole:
                return whole[e]
            if e.op == "axis":
                return place if e.param == self.axis else e if e.param < self.inside else _axis(e.param + 1)
            if e.op == "reduce":
                kind, bound = e.param
                return Expr("reduce", args, e.dtype, (kind, tuple((a + 1, n) for a, n in bound)))
            return e if args == e.args else Expr(e.op, args, e.dtype, e.param)

        return rebuild(root, visit)
