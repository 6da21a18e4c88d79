"""A thread's private memory: how its lines are spaced, filled, and added to by tiles of sums.

May import `codegen.llvm`'s builder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.types import Int, Value, bytes_of, element_of, lanes_of, zero
from flambeau.traced import is_multiple

__all__ = ["LINE", "Sums", "clear", "in_vectors", "off_powers_of_two"]

LINE = 64
"""Bytes of a line of the cache, as far as anyone knows."""


def off_powers_of_two(elements: int, element: str, power: int = 1024) -> int:
    """A pitch of at least so many elements, in whole lines of the cache, that is no multiple of `power` bytes: rows that far
    apart would meet in a few sets of the cache."""
    line = LINE // bytes_of(element)
    whole = -(-elements // line) * line
    return whole + (line if is_multiple(whole * bytes_of(element), power) else 0)


def in_vectors(f: Function, length: Int, lanes: int, chunk: Callable[[Int], None], written: int = 4) -> None:
    """`chunk(first column)` for each vector of a line; written out for at most `written` of them."""
    if isinstance(length, int) and length <= written * lanes:
        for j in range(0, length, lanes):
            chunk(j)
    else:
        f.loop(0, length, lanes, lambda j, _: chunk(j))


def clear(f: Function, type: str, pointer: Value, elements: Int) -> None:
    """Fills so many elements with zeros, in vectors of `type`."""
    f.loop(0, elements, lanes_of(type), lambda i, _: f.store(zero(type), f.address(pointer, i, element_of(type))))


@dataclass(frozen=True)
class Sums:
    """Rows of sums in vectors of `type`, `pitch` elements from one to the next. A tile is its vectors, row by row."""

    type: str
    pointer: Value
    pitch: int

    def _places(self, f: Function, row: Int, column: Int, height: int, width: int) -> list[Value]:
        element, lanes = element_of(self.type), lanes_of(self.type)
        base = f.address(self.pointer, f.add(f.mul(row, self.pitch), column), element)
        return [f.address(base, m * self.pitch + v * lanes, element) for m in range(height) for v in range(width)]

    def load(self, f: Function, row: Int, column: Int, height: int, width: int) -> list[Value]:
        return [f.load(self.type, at) for at in self._places(f, row, column, height, width)]

    def store(self, f: Function, row: Int, column: Int, height: int, width: int, totals: Sequence[Value]) -> None:
        for total, at in zip(totals, self._places(f, row, column, height, width), strict=True):
            f.store(total, at)
