"""Large reductions with too few results to share among threads are cut: one phase computes partial results of pieces, the
next combines them. Each phase is a loop kernel of its own; partial results lie in scratch memory, in slots after the kernel's.
May import `flambeau.kernels`, `flambeau.dtypes` and `schedule.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from flambeau.codegen.llvm.loops.schedule import reductions_of, roots, trip
from flambeau.dtypes import int64
from flambeau.kernels.ir import Expr, LoopKernel, Slot, Store
from flambeau.kernels.traverse import rebuild, walk

__all__ = ["Phase", "cut", "substitute"]

_LARGE = 1 << 15
"""Turns from which on a reduction is cut."""
_ENOUGH = 32
"""Results that are enough to share among threads."""
_PIECE = 1 << 13


@dataclass
class Phase:
    """One loop kernel of several that run one after another."""

    kernel: LoopKernel
    limits: Mapping[int, Expr] = field(default_factory=dict)
    """For a reduce axis that is cut: its length in this piece."""


def cut(kernel: LoopKernel) -> list[Phase]:
    """The phases that compute the kernel, in order."""
    phases: list[Phase] = []
    while True:
        large = [r for r in reductions_of(kernel) if _is_cut(kernel, r)]
        innermost = [r for r in large if not any(q is not r and q in set(walk([r])) for q in large)]
        if not innermost or 0 in kernel.axes:
            break
        first = next(filter(_is_arg, innermost), innermost[0])
        axis, extent = _to_cut(first)
        alike = [r for r in innermost if r.axes == first.axes and sorted(r.param[1]) == sorted(first.param[1])]
        group = [r for r in alike if (_to_cut(r)[0] == axis if _is_arg(r) else axis in r.args[0].axes)]
        kernel, phase = _cut(kernel, group, axis, extent)
        phases.append(phase)
    return [*phases, Phase(kernel)]


def _is_cut(kernel: LoopKernel, r: Expr) -> bool:
    results = math.prod(kernel.axes[a] for a in r.axes)
    varies = any(axis in r.args[0].axes for axis, _ in r.param[1])  # or it is one number again and again, known outside
    return varies and trip(r) >= _LARGE and results < _ENOUGH


def _is_arg(r: Expr) -> bool:
    kind: str = r.param[0]
    return kind.startswith("arg")


def _to_cut(r: Expr) -> tuple[int, int]:
    """An axis to cut, and its length: the longest that the values vary with. Of an argmax, whose pieces must be in order, the
    first: where values are repeated along the axes before, it is the first repetition that counts."""
    varying = [(axis, extent) for axis, extent in r.param[1] if axis in r.args[0].axes]
    return varying[0] if _is_arg(r) else max(varying, key=lambda item: (item[1], item[0]))


def _cut(kernel: LoopKernel, group: list[Expr], axis: int, extent: int) -> tuple[LoopKernel, Phase]:
    """The kernel with the reductions of `group` reading partial results, and the phase that computes those: along pieces of an
    axis with which their values vary."""
    first = group[0]
    parallel = sorted(first.axes)
    results = math.prod(kernel.axes[a] for a in parallel)
    pieces = max(2, min(64, trip(first) * results // _PIECE) // results)
    pieces = min(pieces, extent)
    length = -(-extent // pieces)
    pieces = -(-extent // length)
    top = 1 + max((a for s in kernel.stores for r in roots(s) for e in walk([r]) for a in _axes(e)), default=0)
    top = max(top, len(kernel.axes))

    piece = Expr("axis", (), int64, len(parallel))
    renamed = {a: Expr("axis", (), int64, i) for i, a in enumerate(parallel)}
    bound = sorted({a for r in group for e in walk([r]) if e.op == "reduce" for a in _axes(e)})
    inner = {a: top + 1 + k for k, a in enumerate(bound)}
    left = Expr("sub", (_number(extent), _times(piece, length)), int64)
    limits = {inner[axis]: Expr("minimum", (left, _number(length)), int64)}

    slots = list(kernel.slots)
    stores = []
    replaced: dict[Expr, Expr] = {}
    for r in group:
        slot = len(slots)
        slots.append(Slot(r.dtype, results * pieces, "inout"))
        place = piece
        for i in range(len(parallel)):
            weight = pieces * math.prod(kernel.axes[b] for b in parallel[i + 1 :])
            place = _plus(place, _times(Expr("axis", (), int64, i), weight))
        changes = {Expr("axis", (), int64, a): e for a, e in renamed.items()}
        changes |= {Expr("axis", (), int64, a): Expr("axis", (), int64, b) for a, b in inner.items()}
        changes[Expr("axis", (), int64, axis)] = _plus(_times(piece, length), Expr("axis", (), int64, inner[axis]))
        own = tuple((inner[a], length if a == axis else n) for a, n in r.param[1])
        body = substitute(r.args[0], changes, inner)
        stores.append(Store(slot, place, Expr("reduce", (body,), r.dtype, (r.param[0], own))))
        replaced[r] = _combination(r, slot, top, pieces, parallel, kernel, (axis, length))
    partial = LoopKernel((*(kernel.axes[a] for a in parallel), pieces), tuple(slots), tuple(stores))
    rest = LoopKernel(
        kernel.axes,
        tuple(slots),
        tuple(
            Store(
                s.slot,
                substitute(s.index, replaced),
                substitute(s.value, replaced),
                s.mode,
                None if s.guard is None else substitute(s.guard, replaced),
                s.is_scatter,
            )
            for s in kernel.stores
        ),
    )
    return rest, Phase(partial, limits)


def _combination(
    r: Expr, slot: int, axis: int, pieces: int, parallel: list[int], kernel: LoopKernel, cut: tuple[int, int]
) -> Expr:
    """The reduction over the partial results; `axis` numbers the pieces, `cut` is the axis that was cut and its new length."""
    kind = r.param[0]
    piece = Expr("axis", (), int64, axis)
    where = piece
    for i, a in enumerate(parallel):
        weight = pieces * math.prod(kernel.axes[b] for b in parallel[i + 1 :])
        where = _plus(where, _times(Expr("axis", (), int64, a), weight))
    part = Expr("load", (where,), r.dtype, slot)
    if not _is_arg(r):
        return Expr("reduce", (part,), r.dtype, (kind, ((axis, pieces),)))
    digits: dict[Expr, Expr] = {}
    place = _number(0)
    rest, weight = part, 1
    for a, n in reversed(r.param[1]):
        length = cut[1] if a == cut[0] else n
        digit = Expr("remainder", (rest, _number(length)), int64)
        rest = Expr("floor_divide", (rest, _number(length)), int64)
        if a == cut[0]:
            digit = _plus(digit, _times(piece, length))
        digits[Expr("axis", (), int64, a)] = digit
        place = _plus(place, _times(digit, weight))
        weight *= n
    best = Expr("reduce", (substitute(r.args[0], digits),), int64, (kind, ((axis, pieces),)))
    return substitute(place, {piece: best})


def substitute(e: Expr, changes: Mapping[Expr, Expr], renamed: Mapping[int, int] | None = None) -> Expr:
    """The expression with some of its parts exchanged and its reduce axes renamed."""

    def visit(x: Expr, args: tuple[Expr, ...]) -> Expr:
        param = x.param
        if renamed and x.op == "reduce":
            param = (param[0], tuple((renamed.get(a, a), n) for a, n in param[1]))
        return Expr(x.op, args, x.dtype, param)

    return rebuild(e, visit, dict(changes))


def _axes(e: Expr) -> tuple[int, ...]:
    if e.op == "axis":
        return (e.param,)
    return tuple(a for a, _ in e.param[1]) if e.op == "reduce" else ()


def _number(n: int) -> Expr:
    return Expr("literal", (), int64, n)


def _plus(a: Expr, b: Expr) -> Expr:
    return Expr("add", (a, b), int64)


def _times(a: Expr, n: int) -> Expr:
    return Expr("mul", (a, _number(n)), int64)
