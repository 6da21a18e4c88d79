"""Operands whose elements lie apart (`every` > 1: the input gradient of a strided convolution), cut into dense parts.

Output positions of one residue meet a fixed subset of the summed ones, so the contraction is several smaller ones, each
writing every so many-th position of the result, and no zero is multiplied. Where there are many residues (patches of 16×16) they
become an axis of the result beside the positions' quotient: one contraction for a whole range of residues.

May import the contraction's form.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import gcd
from typing import Any

from flambeau.codegen.llvm.contraction.form import Check, Form, View, merge, order_summed, rewrite, simplify, substitute

__all__ = ["dense_parts"]

_MANY = 8
"""From how many residues on they become an axis."""


def dense_parts(form: Form) -> list[Form]:
    """Forms that together give the result, free of `every` wherever one output and at most one summed axis move the position."""
    for side in ("a", "b"):
        for c in getattr(form, side).checks:
            if c.every > 1:
                parts = _residue_axis(form, side, c) if c.every >= _MANY else []
                if not parts and _can_split(form, c):
                    parts = _split(form, side, c)
                if parts:
                    return [dense for part in parts for dense in dense_parts(part)]
    return [merge(order_summed(simplify(form)))]


def _can_split(form: Form, c: Check) -> bool:
    outer = [k for k in range(form.outputs) if c.terms[k] % c.every]
    inner = [k for k in form.summed if c.terms[k] % c.every]
    return len(outer) <= 1 and len(inner) <= 1 and c.every <= 8


def _split(form: Form, side: str, c: Check) -> list[Form]:
    every = c.every
    outer = [k for k in range(form.outputs) if c.terms[k] % every]
    inner = [k for k in form.summed if c.terms[k] % every]
    parts = []
    for residue in range(min(every, form.extents[outer[0]]) if outer else 1):
        changes: dict[int, tuple[int, int, int]] = {}
        at = c.offset
        if outer:
            k = outer[0]
            at += c.terms[k] * residue
            changes[k] = (residue, every, -(-(form.extents[k] - residue) // every))
        if inner:
            k = inner[0]
            period = every // gcd(c.terms[k], every)
            first = next((x for x in range(period) if (at + c.terms[k] * x) % every == 0), None)
            extent = form.extents[k]
            changes[k] = (0, 1, 0) if first is None else (first, period, max(0, -(-(extent - first) // period)))
            part = substitute(form, changes)
        else:
            part = substitute(form, changes)
            if at % every:  # nothing but zeros is read: every sum is empty
                part = substitute(part, dict.fromkeys(part.summed, (0, 1, 0)))
                if not part.summed:
                    view = getattr(part, side)
                    never = tuple(replace(x, size=0, every=1) if x.every == every else x for x in view.checks)
                    part = replace(part, **{side: replace(view, checks=never)})
        parts.append(_closed_up(part, side, every))
    return parts


def _residue_axis(form: Form, side: str, c: Check) -> list[Form]:
    """Forms with output axis k as every·y + i, and its summed axis as every·t plus what i demands, which steps by one as i does;
    none where the check is not of that kind. A range of i ends where that wraps around, and where fewer y are left."""
    every = c.every
    outer = [k for k in range(form.outputs) if c.terms[k] % every]
    inner = [k for k in form.summed if c.terms[k] % every]
    if len(outer) != 1 or len(inner) != 1 or abs(c.terms[outer[0]]) != 1 or abs(c.terms[inner[0]]) != 1:
        return []
    k, j = outer[0], inner[0]
    along, beside = c.terms[k], c.terms[j]
    extent, taps = form.extents[k], form.extents[j]

    def demanded(i: int) -> int:
        return -beside * (c.offset + along * i) % every

    slope = -along * beside
    wraps = next((i for i in range(1, every) if demanded(i) != demanded(i - 1) + slope), every)
    ends = sorted({min(i, extent) for i in (0, wraps, extent % every, every)})
    other = "b" if side == "a" else "a"
    view: View = getattr(form, other)
    within = Check(0, tuple(int(x == j) for x in range(len(form.extents))), taps)
    view = replace(view, checks=(*view.checks, within))
    form = replace(form, b=view) if other == "b" else replace(form, a=view)
    parts = []
    for first, last in pairwise(ends):
        extents = list(form.extents)
        extents[j] = -(-taps // every)
        extents[k : k + 1] = [-(-(extent - first) // every), last - first]
        through: list[tuple[int, dict[int, int]]] = [(0, {x + (x > k): 1}) for x in range(len(form.extents))]
        through[k] = first, {k: every, k + 1: 1}
        through[j] = demanded(first), {k + 1: slope, j + 1: every}
        parts.append(_closed_up(rewrite(form, extents, form.outputs + 1, through), side, every))
    return parts


def _closed_up(form: Form, side: str, every: int) -> Form:
    """With the checks whose positions are now all multiples of `every` divided by it."""
    view: View = getattr(form, side)
    checks, offset, strides = [], view.offset, list(view.strides)
    for c in view.checks:
        if c.every == every and all(x % every == 0 for x in (c.offset, *c.terms)):
            terms = tuple(t // every for t in c.terms)
            offset += c.stride * (c.offset // every)
            strides = [s + c.stride * t for s, t in zip(strides, terms)]
            c = Check(c.offset // every, terms, c.size)
        elif c.every == every and 0 in form.extents:
            c = Check(0, tuple(0 for _ in c.terms), 0)
        checks.append(c)
    changed: dict[str, Any] = {side: replace(view, offset=offset, strides=tuple(strides), checks=tuple(checks))}
    return replace(form, **changed)
