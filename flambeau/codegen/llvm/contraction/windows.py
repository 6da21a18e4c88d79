"""The 3×3 window of a convolution, or of its weight's gradient, among a form's axes.

May import the contraction's form and roles.
"""

from __future__ import annotations

from dataclasses import dataclass

from flambeau.codegen.llvm.contraction.form import Form, epilogue_axes, substitute
from flambeau.codegen.llvm.contraction.roles import Roles, ceiling, roles

__all__ = ["Window", "undilated", "weight_windows", "windows"]


@dataclass(frozen=True)
class Window:
    """An axis of pixels and the axis of its three taps: an output and a summed one; in a weight's gradient the reverse."""

    axis: int
    taps: int


def windows(form: Form, r: Roles, stride: int = 1, dilated: bool = False) -> tuple[Window, Window] | None:
    """The two windows (the inner one last), when the right operand is one sliding 3×3 window of that stride."""
    found: list[Window] = []
    for t in r.summed:
        if form.extents[t] != 3 or any(c.terms[t] for c in r.left.checks):
            continue
        slides: dict[int, int] = {}  # unpadded, a tap's step may be a multiple of several axes': the one nearest to it counts
        for y in r.columns:
            ratio = stride * r.right.strides[t] // r.right.strides[y] if r.right.strides[y] else 0
            is_multiple = ratio > 0 and stride * r.right.strides[t] == ratio * r.right.strides[y]
            if is_multiple and all(c.every == 1 and stride * c.terms[t] == ratio * c.terms[y] for c in r.right.checks):
                slides[ratio] = y
        if slides and (min(slides) == 1 or dilated):
            found.append(Window(slides[min(slides)], t))
    found.sort(key=lambda w: w.axis)
    if len(found) != 2 or found[0].taps == found[1].taps or found[0].axis == found[1].axis:
        return None
    if found[1].axis != r.columns[-1] or {w.axis for w in found} & epilogue_axes(form):
        return None
    return found[0], found[1]


def weight_windows(form: Form, r: Roles) -> tuple[Window, Window] | None:
    """The two windows (the inner one last) of the gradient of a 3×3 convolution's weight, or None for another form."""
    found = []
    for t in r.columns:
        if form.extents[t] != 3:
            continue
        for y in r.summed:
            moves = r.right.strides[y] != 0 and r.right.strides[t] == r.right.strides[y]
            if moves and all(c.every == 1 and c.terms[t] == c.terms[y] for c in r.right.checks):
                found.append(Window(y, t))
    found.sort(key=lambda w: w.taps)
    if len(found) != 2 or found[0].taps == found[1].taps or found[0].axis == found[1].axis or r.left.checks:
        return None
    if found[1].axis != r.summed[-1] or {w.taps for w in found} & epilogue_axes(form):
        return None
    return found[0], found[1]


def undilated(form: Form) -> list[Form] | None:
    """A dilated 3×3 window as several dense ones, by residues of the output's position; None for other forms."""
    r = roles(form)
    found = windows(form, r, dilated=True)
    if found is None:
        return None if windows(form, r, 2) is None else [form]
    ratios = [r.right.strides[w.taps] // r.right.strides[w.axis] for w in found]
    if ratios == [1, 1]:
        return [form]
    parts = [form]
    for w, ratio in zip(found, ratios):
        parts = [
            substitute(p, {w.axis: (residue, ratio, ceiling(p.extents[w.axis] - residue, ratio))})
            for p in parts
            for residue in range(min(ratio, p.extents[w.axis]))
        ]
    return parts
