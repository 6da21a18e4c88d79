"""What slides along what: a column axis of the right operand, and the summed axis that moves over the same positions.

May import the contraction's form and roles.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import gcd

from flambeau.codegen.llvm.contraction.form import Form, View
from flambeau.codegen.llvm.contraction.roles import Roles

__all__ = ["Track", "find_track", "is_banded"]

_MOST_PHASES = 4


@dataclass(frozen=True)
class Track:
    """Column j of `axis` and tap k of the summed axis `tap` (None: nothing slides) meet at position step·j + spread·k - low, one
    of 0, 1, …; it is kept as phase = position mod step and place = position div step, so that in a phase neighbouring columns
    are neighbours in memory, whatever the stride."""

    axis: int | None
    tap: int | None = None
    taps: int = 1
    step: int = 1
    spread: int = 0

    @property
    def low(self) -> int:
        return min(0, self.spread * (self.taps - 1))

    @property
    def phases(self) -> list[int]:
        """The phases that some tap reads."""
        return sorted({(self.spread * k - self.low) % self.step for k in range(self.taps)})

    def reach(self, phase: int) -> int:
        """The farthest that a tap in this phase is from its column, in places."""
        at = [self.spread * k - self.low for k in range(self.taps)]
        return max(p // self.step for p in at if p % self.step == phase)

    @property
    def farthest(self) -> int:
        return max(self.reach(phase) for phase in self.phases)

    def meets(self, k: int) -> tuple[int, int]:
        """Where tap k is read: the phase's number among `phases`, and how many places after the column."""
        at = self.spread * k - self.low
        return self.phases.index(at % self.step), at // self.step

    def within(self, view: View, phase: int) -> View:
        """The view of one phase: `axis` counts its places, and the tap's index is to be 0."""
        if self.axis is None:
            return view
        shift, axis = phase + self.low, self.axis
        checks = tuple(replace(c, offset=c.offset + c.terms[axis] // self.step * shift) for c in view.checks)
        return replace(view, offset=view.offset + view.strides[axis] // self.step * shift, checks=checks)


def find_track(form: Form, r: Roles, axis: int, taken: tuple[int | None, ...] = ()) -> Track:
    """A column axis' track, with the summed axis, not in `taken`, that steps within its range and past the same bounds."""
    view, extent = r.right, form.extents[axis]
    along = view.strides[axis]
    for k in sorted(r.summed, key=lambda k: abs(view.strides[k])):
        beside = view.strides[k]
        if k in taken or not beside or abs(beside) >= along * extent:
            continue
        unit = gcd(along, beside)
        together = all(c.terms[k] * along == c.terms[axis] * beside for c in view.checks)
        if together and along // unit <= _MOST_PHASES:
            return Track(axis, k, form.extents[k], along // unit, beside // unit)
    return Track(axis)


def is_banded(view: View, line: Track, inner: Track) -> bool:
    """Whether the tracks lead forwards in memory, and each bound of the view is about one of them at most."""
    axes = [t.axis for t in (line, inner) if t.axis is not None]
    if any(view.strides[k] < 1 for k in axes):
        return False
    return all(
        c.every == 1 and sum(c.terms[k] != 0 for k in axes) <= 1 and all(c.terms[k] >= 0 for k in axes) for c in view.checks
    )
