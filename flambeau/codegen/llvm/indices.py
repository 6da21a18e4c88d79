"""Index expressions as sums: constant + Σ coefficient · term, where a term is an axis or something opaque, with ranges.

Knowing the ranges, floor divisions and remainders by constants that split a sum cleanly disappear:
(12·i + j) // 12 is i where 0 ≤ j < 12. May import `flambeau.kernels`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flambeau.dtypes import int64
from flambeau.kernels.ir import Expr
from flambeau.traced import whole

__all__ = ["Linear", "Indices"]

_ANYTHING = (-(1 << 63), (1 << 63) - 1)


@dataclass(frozen=True)
class Linear:
    """constant + Σ coefficient · term; the terms are distinct, the coefficients not zero."""

    constant: int
    terms: tuple[tuple[Expr, int], ...] = ()

    def coefficient(self, axis: int) -> int:
        """Of the axis itself; opaque terms may depend on it besides."""
        for term, c in self.terms:
            if term.op == "axis" and term.param == axis:
                return c
        return 0

    def minus(self, other: Linear) -> Linear:
        return _combine(self, other, -1)

    def is_affine_in(self, axis: int) -> bool:
        """Whether the sum varies with the axis by that coefficient alone."""
        return all(term.op == "axis" or axis not in term.axes for term, _ in self.terms)


class Indices:
    """Analyses of one kernel's integer expressions. `extents` gives each axis' length."""

    def __init__(self, extents: Mapping[int, int]) -> None:
        self.extents = extents
        self._linear: dict[Expr, Linear] = {}
        self._ranges: dict[Expr, tuple[int, int]] = {}

    def linear(self, e: Expr) -> Linear:
        """The expression as a sum."""
        found = self._linear.get(e)
        if found is None:
            found = self._linear[e] = self._sum(e)
        return found

    def range(self, e: Expr) -> tuple[int, int]:
        """Bounds of the expression's value, both included."""
        found = self._ranges.get(e)
        if found is None:
            found = self._ranges[e] = self._bounds(e)
        return found

    def bounds(self, s: Linear) -> tuple[int, int]:
        """Bounds of a sum."""
        low = high = s.constant
        for term, c in s.terms:
            a, b = self.range(term)
            low += min(a * c, b * c)
            high += max(a * c, b * c)
        return low, high

    def _bounds(self, e: Expr) -> tuple[int, int]:
        if e.op == "axis":
            return 0, max(self.extents[e.param] - 1, 0)
        if e.op == "literal":
            return whole(e.param), whole(e.param)
        if e.op == "size":
            return int(e.param), e.param.high
        if e.op == "check":
            return 0, max(self.range(e.args[1])[1] - 1, 0)
        if e.op in ("minimum", "maximum"):
            (a, b), (c, d) = self.range(e.args[0]), self.range(e.args[1])
            return (min(a, c), min(b, d)) if e.op == "minimum" else (max(a, c), max(b, d))
        if e.op == "where":
            (a, b), (c, d) = self.range(e.args[1]), self.range(e.args[2])
            return min(a, c), max(b, d)
        if e.op == "cast" and e.args[0].dtype.category == 0:
            return 0, 1
        if e.op == "cast" and e.args[0].dtype.category == 1 and e.dtype is int64:
            return self.range(e.args[0])
        if e.op in ("floor_divide", "remainder") and _is_positive(e.args[1]):
            n = whole(e.args[1].param)
            low, high = self.bounds(self.linear(e.args[0]))
            if e.op == "floor_divide":
                return low // n, high // n
            return (low, high) if low >= 0 and high < n else (0, n - 1)
        if e.op in ("floor_divide", "remainder") and e.args[1].op == "size":
            low, high = self.bounds(self.linear(e.args[0]))
            least, most = self.range(e.args[1])
            if e.op == "remainder":
                return 0, most - 1
            return min(low // least, low // most), max(high // least, high // most)
        if e.op in ("add", "sub", "mul", "neg") and e.dtype is int64:
            s = self.linear(e)
            if s.terms != ((e, 1),):
                return self.bounds(s)
            if e.op == "mul":
                corners = [a * b for a in self.range(e.args[0]) for b in self.range(e.args[1])]
                return min(corners), max(corners)
        if e.dtype.category == 1 and e.dtype.itemsize < 8:
            bits = 8 * e.dtype.itemsize
            return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if e.dtype.is_signed else (0, (1 << bits) - 1)
        return _ANYTHING

    def _sum(self, e: Expr) -> Linear:
        if e.op == "literal":
            return Linear(whole(e.param))
        if e.op in ("add", "sub"):
            return _combine(self.linear(e.args[0]), self.linear(e.args[1]), 1 if e.op == "add" else -1)
        if e.op == "neg":
            return _combine(Linear(0), self.linear(e.args[0]), -1)
        if e.op == "mul":
            a, b = self.linear(e.args[0]), self.linear(e.args[1])
            if a.terms and b.terms:
                return Linear(0, ((e, 1),))
            if a.terms:
                a, b = b, a
            return _combine(Linear(0), b, a.constant)
        if e.op in ("floor_divide", "remainder") and _is_positive(e.args[1]):
            return self._divided(e, self.linear(e.args[0]), whole(e.args[1].param))
        if e.op == "cast" and e.dtype is int64 and e.args[0].dtype is int64:
            return self.linear(e.args[0])
        return Linear(0, ((e, 1),))

    def _divided(self, e: Expr, s: Linear, n: int) -> Linear:
        """s // n or s % n: the terms that n divides go apart from the rest, which must stay within [0, n)."""
        whole = Linear(s.constant - s.constant % n, tuple((t, c) for t, c in s.terms if c % n == 0))
        rest = Linear(s.constant % n, tuple((t, c) for t, c in s.terms if c % n))
        low, high = self.bounds(rest)
        if low // n == high // n:
            shift = low // n
            if e.op == "remainder":
                return Linear(rest.constant - shift * n, rest.terms)
            return Linear(whole.constant // n + shift, tuple((t, c // n) for t, c in whole.terms))
        if not whole.terms and not whole.constant:
            return Linear(0, ((e, 1),))
        part = Expr(e.op, (self._expression(rest), e.args[1]), int64)
        if e.op == "remainder":
            return self.linear(part)
        return _combine(Linear(whole.constant // n, tuple((t, c // n) for t, c in whole.terms)), self.linear(part), 1)

    @staticmethod
    def _expression(s: Linear) -> Expr:
        """The sum as an expression again."""
        total: Expr | None = None
        for term, c in s.terms:
            part = term if c == 1 else Expr("mul", (term, Expr("literal", (), int64, c)), int64)
            total = part if total is None else Expr("add", (total, part), int64)
        if total is None or s.constant:
            constant = Expr("literal", (), int64, s.constant)
            total = constant if total is None else Expr("add", (total, constant), int64)
        return total


def _is_positive(e: Expr) -> bool:
    return e.op == "literal" and whole(e.param) > 0


def _combine(a: Linear, b: Linear, factor: int) -> Linear:
    """a + factor · b."""
    terms = dict(a.terms)
    for term, c in b.terms:
        total = terms.get(term, 0) + factor * c
        if total:
            terms[term] = total
        else:
            terms.pop(term, None)
    return Linear(a.constant + factor * b.constant, tuple(terms.items()))
