"""Sliding windows among a form's axes: those of a convolution, or of its weight's gradient.

May import the contraction's form and roles.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

from flambeau.codegen.llvm.contraction.form import Form, epilogue_axes, substitute
from flambeau.codegen.llvm.contraction.roles import Roles, ceiling, roles

__all__ = ["Window", "undilated", "weight_windows", "windows"]

_MOST_TAPS = 16
_MOST_STRIDE = 4


@dataclass(frozen=True)
class Window:
    """An axis of pixels and the axis of its taps, an output and a summed one; in a weight's gradient the reverse. Pixels stand at
    stride·axis + dilation·taps."""

    axis: int
    taps: int
    stride: int = 1
    dilation: int = 1


def windows(form: Form, r: Roles) -> tuple[Window | None, Window | None]:
    """The windows that slide over the right operand, along the last column axis (the second) and along another one."""
    fixed = epilogue_axes(form)
    found: dict[int, Window] = {}
    for t in r.summed:
        if not 2 <= form.extents[t] <= _MOST_TAPS or any(c.terms[t] for c in r.left.checks):
            continue
        slides = [w for y in r.columns if y not in fixed and (w := _window(form, r, y, t)) is not None]
        # unpadded, a tap's step may be a multiple of several axes': the one nearest to it counts
        for w in sorted(slides, key=lambda w: max(w.stride, w.dilation))[:1]:
            if w.axis not in found or w.dilation < found[w.axis].dilation:
                found[w.axis] = w
    inner = found.pop(r.columns[-1], None) if r.columns else None
    return found[max(found)] if found else None, inner


def _window(form: Form, r: Roles, axis: int, taps: int) -> Window | None:
    along, beside = r.right.strides[axis], r.right.strides[taps]
    if along <= 0 or beside <= 0:
        return None
    unit = gcd(along, beside)
    stride, dilation = along // unit, beside // unit
    if stride > _MOST_STRIDE or stride >= form.extents[taps] or 2 * dilation > max(2, form.extents[axis]):
        return None
    if form.extents[axis] < form.extents[taps]:  # a weight's gradient, which sums over pixels
        return None
    if any(c.every != 1 or stride * c.terms[taps] != dilation * c.terms[axis] for c in r.right.checks):
        return None
    return Window(axis, taps, stride, dilation)


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
    """A dilated window as several dense ones, by residues of the output's position; None where nothing slides."""
    found = [w for w in windows(form, roles(form)) if w is not None]
    parts = [form]
    for w in found:
        residues = range(min(w.dilation, form.extents[w.axis]))
        parts = [
            substitute(p, {w.axis: (k, w.dilation, ceiling(p.extents[w.axis] - k, w.dilation))}) for p in parts for k in residues
        ]
    return parts if found else None
