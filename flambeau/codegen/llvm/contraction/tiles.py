"""Tiles of an image in registers, for minimal filtering: lanes run over tiles, of one line or of several.

Pixels are read in whole vectors, first combined along y, which is the same for all of them, and then parted into the tiles'
columns and combined along x. How lines of tiles are cut into vectors is here, too. May import `codegen.llvm` and the
contraction's form, elements, filtering and roles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.contraction.elements import read_many
from flambeau.codegen.llvm.contraction.filtering import combine
from flambeau.codegen.llvm.contraction.form import View
from flambeau.codegen.llvm.contraction.roles import ceiling, place
from flambeau.codegen.llvm.shuffles import gathered, parted
from flambeau.codegen.llvm.types import Int, Value, poison
from flambeau.kernels.filtering import Matrix

__all__ = ["Piece", "Tiles", "cut", "lines_together", "lines_within", "pieces", "unrolled"]

_UNROLLED = 8
"""How many vectors of tiles are written as straight code at most…"""
_WRITTEN = 200
"""…and, of terms, about how many vectors."""


@dataclass(frozen=True)
class Piece:
    """Neighbouring lanes of a vector of tiles: `count` tiles of line `line` from number `first` on."""

    line: int
    first: Int
    count: int


def pieces(start: int, wide: int, lines: int, lanes: int) -> list[Piece]:
    """The pieces of a vector whose lanes are the tiles from number `start` on of `lines` lines, `wide` tiles each."""
    found = []
    stop = min(start + lanes, wide * lines)
    while start < stop:
        line, first = divmod(start, wide)
        count = min(wide - first, stop - start)
        found.append(Piece(line, first, count))
        start += count
    return found


@dataclass(frozen=True)
class Tiles:
    """Tiles of `view` along its axes `y` (None: of one line) and `x`, whose index counts pixels, along x every `step` of them.
    The result's axes are those of `vertical` and `horizontal`, which have a column for each pixel on a tile's side. The view's
    own bounds must keep reads past the last tile off memory."""

    view: View
    y: int | None
    x: int
    step: int
    lanes: int
    vertical: Matrix
    horizontal: Matrix

    def points(self, f: Function, pointer: Value, wheres: Sequence[list[Int]], vector: Sequence[Piece]) -> list[Value]:
        """One vector of tiles, transformed: a value for each pair of the matrices' rows. `wheres` has each line's index, at the
        pixel where its tiles begin."""
        tall, size = len(self.vertical[0]), len(self.horizontal[0])
        lines: list[list[list[Value]]] = []
        """For each piece and each row of `vertical` vectors of pixels."""
        for piece in vector:
            where = wheres[piece.line]
            at = place(where, [self.x], [f.add(where[self.x], f.mul(piece.first, self.step))])
            count = ceiling(self.step * (piece.count - 1) + size, self.lanes)
            shifts = [
                [i if k == self.y else v * self.lanes if k == self.x else 0 for k in range(len(where))]
                for i in range(tall)
                for v in range(count)
            ]
            pixels = read_many(f, pointer, self.view, at, shifts, self.x, self.lanes)
            grid = [pixels[i * count : (i + 1) * count] for i in range(tall)]
            lines.append([[combine(f, row, column) for column in zip(*grid)] for row in self.vertical])
        return [v for row in range(len(self.vertical)) for v in self._along_x(f, [line[row] for line in lines], vector)]

    def _along_x(self, f: Function, lines: Sequence[Sequence[Value]], vector: Sequence[Piece]) -> list[Value]:
        columns: list[Value] = []
        if len(lines) == 1 and self.step > 2 and self.step & (self.step - 1) == 0 and len(lines[0]) >= self.step:
            columns = parted(f, lines[0][: self.step])  # fewer shuffles than to gather each
        for shift in range(len(columns), len(self.horizontal[0])):
            columns.append(self._column(f, lines, vector, shift, columns[shift - self.step] if shift >= self.step else None))
        return [combine(f, row, columns) for row in self.horizontal]

    def _column(
        self, f: Function, lines: Sequence[Sequence[Value]], vector: Sequence[Piece], shift: int, before: Value | None
    ) -> Value:
        """Pixel step·tile + shift of every tile; `before` holds those at shift - step."""
        lanes = self.lanes
        sources = [v for line in lines for v in line]
        picks, moved, base = [], [], 0
        for line, piece in zip(lines, vector):
            for tile in range(piece.count):
                picks.append(base * lanes + self.step * tile + shift)
                inside = tile + 1 < piece.count  # the next lane of `before` is that tile's
                moved.append(len(picks) if inside else picks[-1] + lanes)
            base += len(line)
        rest = [-1] * (lanes - len(picks))

        def used(lanes_of: list[int]) -> int:
            return len({p // lanes for p in lanes_of})

        if before is not None and used(moved) < used(picks):
            return gathered(f, [before, *sources], moved + rest)
        return gathered(f, sources, picks + rest) if picks else poison(sources[0].type)


def unrolled(planes: int) -> int:
    """How many vectors of tiles are written as straight code, each of so many values."""
    return max(1, min(_UNROLLED, _WRITTEN // planes))


def cut(wide: int, lines: int, lanes: int, planes: int) -> tuple[list[int], list[int]]:
    """The first tiles of the vectors that are a loop's, and of those that are written as straight code."""
    starts = range(0, lines * wide, lanes)
    if len(starts) <= unrolled(planes):
        return [], list(starts)
    is_inside = [j % wide + lanes <= wide for j in starts]
    return [j for j, inside in zip(starts, is_inside) if inside], [j for j, inside in zip(starts, is_inside) if not inside]


def lines_within(wide: int, lanes: int) -> int:
    """How many lines of `wide` tiles one vector holds, at least one."""
    return max(1, min(8, lanes // wide))


def lines_together(wide: int, lanes: int, shortest: int, longest: int, planes: int) -> int:
    """How many lines of `wide` tiles, in blocks of `shortest` to `longest`, to cut into vectors (of `planes` values a tile) at
    once: as many as make whole vectors, or all, so that vectors are stored to whole cache lines, or else as many as one vector
    holds."""

    def is_short(lines: int) -> bool:
        looped, written = cut(wide, lines, lanes, planes)
        return len(written) + bool(looped) <= unrolled(planes)

    whole = lanes // gcd(wide, lanes)
    if whole <= shortest and is_short(whole):
        return whole
    if longest < whole and is_short(longest):
        return longest
    return min(shortest, lines_within(wide, lanes))
