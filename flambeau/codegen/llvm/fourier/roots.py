"""Roots of unity, rounded once, and how generated code finds them. May import the builder.

A table of all n roots is too long from some thousand points on: then a root is the product of two, in double precision, of a
table of its own for the higher and the lower part of the exponent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.types import Int, Value

__all__ = ["Roots", "flat", "root"]

_DIRECT = 4096
"""The most roots that are all in one table."""


def root(k: int, n: int) -> tuple[float, float]:
    """exp(-2πi·k/n) as (real, imaginary), from an angle of an eighth of a turn or less."""
    quarter, rest = divmod(4 * (k % n), n)
    if 2 * rest > n:
        angle = (n - rest) * math.pi / (2 * n)
        c, s = math.sin(angle), math.cos(angle)
    else:
        angle = rest * math.pi / (2 * n)
        c, s = math.cos(angle), math.sin(angle)
    return [(c, -s), (-s, -c), (-c, s), (s, c)][quarter]


def flat(roots: Iterable[tuple[float, float]]) -> list[float]:
    """Pairs one after the other."""
    return [part for pair in roots for part in pair]


class Roots:
    """exp(-2πi·k/n) for a k in [0, n) that is known when the code runs."""

    def __init__(self, f: Function, n: int, element: str) -> None:
        self.f, self.element = f, element
        self.is_direct = n <= _DIRECT
        if self.is_direct:
            self.low = f.module.table(element, flat(root(k, n) for k in range(n)))
            return
        self.bits = (n.bit_length() + 1) // 2
        step = 1 << self.bits
        self.low = f.module.table("double", flat(root(k, n) for k in range(step)))
        self.high = f.module.table("double", flat(root(k, n) for k in range(0, n, step)))

    def at(self, k: Int) -> tuple[Value, Value]:
        """One root, as scalars."""
        f = self.f
        if self.is_direct:
            return self._pair(self.low, k, self.element)
        k = f.integer(k)
        (a, b), (c, d) = (
            self._pair(self.high, f.op("i64", f"lshr i64 {k}, {self.bits}"), "double"),
            self._pair(self.low, f.op("i64", f"and i64 {k}, {(1 << self.bits) - 1}"), "double"),
        )
        real = f.binary("fsub", f.binary("fmul", a, c), f.binary("fmul", b, d))
        imag = f.binary("fadd", f.binary("fmul", a, d), f.binary("fmul", b, c))
        if self.element != "double":
            real, imag = f.cast("fptrunc", real, self.element), f.cast("fptrunc", imag, self.element)
        return real, imag

    def _pair(self, table: Value, k: Int, element: str) -> tuple[Value, Value]:
        place = self.f.address(table, self.f.mul(k, 2), element)
        return self.f.load(element, place), self.f.load(element, self.f.address(place, 1, element))
