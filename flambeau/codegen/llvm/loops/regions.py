"""Regions of the lane axis in which comparisons of positions are known: what is padded, joined or turned around is read without
masks where a vector lies in one part of it.

A comparison of a position that moves with the lanes changes at one place. Between two such places a vector's lanes all agree,
and the code for it is as if the other parts weren't there. Which regions are worth code of their own is chosen for usual sizes;
where they begin and end is computed. May import the builder and `codegen.llvm`'s expression parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from flambeau.codegen.llvm.loops.sizes import Size, highest
from flambeau.codegen.llvm.types import Int, Value, constant, vector
from flambeau.dtypes import int64
from flambeau.kernels.ir import Expr
from flambeau.kernels.traverse import walk
from flambeau.traced import peeked

if TYPE_CHECKING:
    from flambeau.codegen.llvm.loops.evaluate import Evaluator

__all__ = ["Region", "find"]

_LONGEST_CODE = 120
"""Expressions of a loop that is still worth writing out for each region."""
_MOST = 2
"""Regions that get code of their own."""
_MOST_CHANGES = 8
"""Comparisons that are looked at."""
_FEWEST_VECTORS = 2
"""A shorter region isn't worth it."""
_HOLDS_BEFORE = {("lt", 1): True, ("le", 1): True, ("gt", 1): False, ("ge", 1): False,
                 ("lt", -1): False, ("le", -1): False, ("gt", -1): True, ("ge", -1): True}  # fmt: skip
"""By relation to 0 and step: whether it holds at the positions before it changes."""


@dataclass(frozen=True)
class _Change:
    """A comparison, and the position at which its truth changes."""

    comparison: Expr
    holds_before: bool
    usual: int
    """The position, for usual sizes."""
    place: Int


@dataclass(frozen=True)
class Region:
    """Where each of some comparisons is the same at all positions."""

    truths: tuple[tuple[Expr, bool], ...]
    first: Int
    """Its first position…"""
    end: Int
    """…and the one after its last."""

    def holds(self, ev: Evaluator, position: Int, lanes: int) -> bool | Value:
        """Whether a vector from `position` on lies in it."""
        f = ev.f
        begins = f.compare("sge", position, self.first)
        return f.both(begins, f.compare("sle", f.add(position, lanes), self.end))

    def enter(self, ev: Evaluator, lanes: int) -> None:
        """Notes in the current scope what is known here."""
        for comparison, truth in self.truths:
            ev.remember(comparison, constant(vector("i1", lanes), [truth] * lanes))


def find(ev: Evaluator, roots: Sequence[Expr], lane: int, low: Int, high: Int, extent: int, lanes: int) -> list[Region]:
    """The regions of the lane axis from `low` to before `high`, of an axis so long, that should have code of their own; the other
    axes that the comparisons vary with are bound."""
    everything = list(walk(roots))
    if len(everything) > _LONGEST_CODE or any(e.op in ("reduce", "scan") for e in everything):
        return []
    length = _usual(extent)
    changes = [change for e in everything if (change := _change(ev, e, lane, length)) is not None]
    if not changes or len(changes) > _MOST_CHANGES:
        return []
    usual = sorted({0, length, *(min(max(c.usual, 0), length) for c in changes)})
    spans = [(first, end) for first, end in pairwise(usual) if end - first >= _FEWEST_VECTORS * lanes]
    spans = sorted(spans, key=lambda span: span[0] - span[1])[:_MOST]
    return [_region(ev, changes, first, low, high) for first, _ in spans]


def _change(ev: Evaluator, e: Expr, lane: int, length: int) -> _Change | None:
    """Where the comparison changes along the lanes of an axis so long; None for one that doesn't at one place, or isn't known
    to."""
    if lane not in e.axes or not any(e.op == relation for relation, _ in _HOLDS_BEFORE) or e.args[0].dtype is not int64:
        return None
    apart = ev.indices.linear(e.args[0]).minus(ev.indices.linear(e.args[1]))
    step = apart.coefficient(lane)
    others = [(term, c) for term, c in apart.terms if term.op != "axis" or term.param != lane]
    if abs(step) != 1 or not apart.is_affine_in(lane) or not all(ev.is_bound(term) for term, _ in others):
        return None
    usual = _usual(apart.constant)
    for term, c in others:
        usual += c * _usual_value(ev, term, length)
    rest = ev.position(apart, lane)
    # x + rest ⋚ 0 changes at x = -rest, rest - x ⋚ 0 at x = rest; one further on where the relation holds, or doesn't, at 0 too
    later = int(e.op in ("le", "gt") if step == 1 else e.op in ("lt", "ge"))
    f = ev.f
    place = f.add(f.sub(0, rest) if step == 1 else rest, later)
    return _Change(e, _HOLDS_BEFORE[e.op, step], (-usual if step == 1 else usual) + later, place)


def _usual_value(ev: Evaluator, e: Expr, length: int) -> int:
    """What a number is likely to be: the middle of an axis, and as large as the lane axis is long where nothing says it."""
    if e.op == "axis":
        return ev.indices.range(e)[1] // 2
    return _usual(e.param) if e.op in ("literal", "size") else length


def _usual(n: int) -> int:
    """A number, or what is in the middle of those that a size may be."""
    return (int(n) + highest(n)) // 2 if isinstance(n, Size) else peeked(n)


def _region(ev: Evaluator, changes: Sequence[_Change], usual: int, low: Int, high: Int) -> Region:
    """The region that begins at `usual`, for usual sizes."""
    f, first, end = ev.f, low, high
    truths = []
    for c in changes:
        is_before = usual < c.usual
        truths.append((c.comparison, c.holds_before == is_before))
        if is_before:
            end = f.minimum(end, c.place)
        else:
            first = f.maximum(first, c.place)
    return Region(tuple(truths), first, end)
