"""Operands whose elements lie apart (`every` > 1: the input gradient of a strided convolution), cut into dense parts.

Output positions of one residue meet a fixed subset of the summed ones, so the contraction is several smaller ones, each
writing every so many-th position of the result, and no zero is multiplied. May import the contraction's form.
"""

from __future__ import annotations

from dataclasses import replace
from math import gcd
from typing import Any

from flambeau.codegen.llvm.contraction.form import Check, Form, View, merge, order_summed, simplify, substitute

__all__ = ["dense_parts"]


def dense_parts(form: Form) -> list[Form]:
    """Forms that together give the result, free of `every` wherever one output and at most one summed axis move the position."""
    for side in ("a", "b"):
        for c in getattr(form, side).checks:
            if c.every > 1 and _can_split(form, c):
                parts = []
                for part in _split(form, side, c):
                    parts += dense_parts(part)
                return parts
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
