"""The micro-kernel: a register tile of a matrix product over packed panels. Every schedule with reuse runs on it.

May import `codegen.llvm.builder` and the contraction's buffers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.contraction.buffers import LINE
from flambeau.codegen.llvm.types import Int, Value, bytes_of, vector

__all__ = ["Left", "Tile", "cycles", "register_tile", "register_tiles", "product"]


@dataclass(frozen=True)
class Left:
    """Where the left operand of a product lies: `row` elements from a row to the next, `term` from a term to the next, and
    `panel` from the first row of a panel to that of the next."""

    pointer: Value
    row: int
    term: int
    panel: Int

    @classmethod
    def packed(cls, pointer: Value, height: int, terms: int) -> Left:
        """Panels [panel][term][row] of `height` rows, one after another."""
        return cls(pointer, 1, height, terms * height)


@dataclass(frozen=True)
class Tile:
    """`height` rows by `width` vectors of columns, all in registers."""

    height: int
    width: int


def cycles(height: int, width: int) -> float:
    """About how long a tile takes for each term: two multiply-adds or two loads a cycle, each multiply-add four cycles long, and
    a little for every load since they are rarely all hidden, more for vectors than for broadcasts."""
    return max(height * width / 2, (height + width) / 2, 4.0) + 0.1 * height + 0.3 * width + 0.5


def register_tile(rows: int, registers: int, widest: int = 8, vectors: int = 0) -> Tile:
    """The tile that takes the fewest cycles a column vector, or for all of `vectors` column vectors, where there are few."""
    best: tuple[float, Tile] | None = None
    for height in range(1, min(rows, registers // 2) + 1):
        for width in range(1, widest + 1):
            if height * width + width + 1 > registers:
                break
            full, rest = divmod(vectors, width) if vectors else (1, 0)
            each = (full * cycles(height, width) + (cycles(height, rest) if rest else 0)) / (full * width + rest)
            cost = -(-rows // height) * each
            if best is None or cost < best[0] - 1e-9:
                best = cost, Tile(height, width)
    assert best is not None
    return best[1]


def register_tiles(rows: int, registers: int, widest: int, most: int) -> list[Tile]:
    """Tiles worth a trial where few column vectors, at most `most`, are multiplied at a time: the best for each number of them.
    Where registers are many, the tile that is best for any number is nearly so for few."""
    if registers >= 32:
        return [register_tile(rows, registers, widest)]
    return list(dict.fromkeys(register_tile(rows, registers, widest, vectors) for vectors in range(most + 1)))


def product(
    f: Function,
    tile: Tile,
    type: str,
    lanes: int,
    left: Left,
    right: Value,
    pitch: int,
    terms: Int,
    columns: Int,
    panels: tuple[Int, Int],
    begin: Callable[[Int, Int, int], list[Value]],
    end: Callable[[Int, Int, int, list[Value]], None],
    along_rows: bool = False,
    prefetch: bool = False,
    inner: tuple[int, int] = (1, 0),
    apart: int = 0,
) -> None:
    """Sums over `terms` (at least one) of left[panel][term][row]·right[term][column]: all tiles of `columns` columns and of the
    panels from panels[0] to before panels[1].

    A term of `right` is `pitch` elements from the next; it may be read up to the next multiple of `lanes` columns.
    `begin(panel, column, width)` gives the accumulators to start from, row by row, and
    `end(panel, column, width, accumulators)` takes them when they are complete. `prefetch` asks for the next panel of `left`
    while one is used: where all of it comes from far away, once. `inner`: how many rows of `right` a term has, which are written
    out, each with rows of its own in `left`, and the elements from one to the next. `apart`: elements of `right` from one vector
    of columns to the next, if they aren't neighbours.
    """
    tiles = _Tiles(f, tile, type, lanes, left, right, pitch, terms, columns, begin, end, prefetch, inner, apart or lanes)
    if along_rows:  # a panel's whole rows one after another: what `end` writes lies together
        f.loop(panels[0], panels[1], 1, lambda p, _: tiles.build(p, f.add(p, 1)))
    else:
        tiles.build(*panels)


@dataclass(frozen=True)
class _Tiles:
    """The loops of `product`, whose arguments these are."""

    f: Function
    tile: Tile
    type: str
    lanes: int
    left: Left
    right: Value
    pitch: int
    terms: Int
    columns: Int
    begin: Callable[[Int, Int, int], list[Value]]
    end: Callable[[Int, Int, int, list[Value]], None]
    prefetch: bool
    inner: tuple[int, int]
    apart: int

    def build(self, first: Int, after: Int) -> None:
        """All tiles of the panels from `first` to before `after`: strips of whole tiles, and one of what columns are left."""
        f, wide = self.f, self.tile.width
        vectors = f.div(f.add(self.columns, self.lanes - 1), self.lanes)
        full = f.div(vectors, wide)
        strip = wide * self.lanes
        f.loop(0, f.mul(full, strip), strip, lambda j, _: self._strip(first, after, j, wide))
        rest = f.sub(vectors, f.mul(full, wide))
        column = f.mul(full, strip)
        for width in range(1, wide):
            fits = f.compare("eq", rest, width)
            if fits is not False:
                with f.when(fits):
                    self._strip(first, after, column, width)

    def _strip(self, first: Int, after: Int, column: Int, width: int) -> None:
        """The panels' tiles of `width` vectors of columns from `column` on."""
        f = self.f
        source = f.address(self.right, f.mul(column, self.apart // self.lanes), self.type)

        def panel(p: Int, _: list[Value]) -> None:
            rows = f.address(self.left.pointer, f.mul(p, self.left.panel), self.type)
            held = self.begin(p, column, width)
            held = f.loop(0, self.terms, 1, lambda k, held: self._term(rows, source, k, width, held), held, nonempty=True)
            self.end(p, column, width, held)

        f.loop(first, after, 1, panel)

    def _term(self, rows: Value, source: Value, k: Int, width: int, held: list[Value]) -> list[Value]:
        """Adds the products of term k."""
        f = self.f
        columns = f.address(source, f.mul(k, self.pitch), self.type)
        count, further = self.inner
        for n in range(count):
            held = self._row(rows, f.add(f.mul(k, count), n), f.address(columns, n * further, self.type), width, held)
        return held

    def _row(self, rows: Value, k: Int, columns: Value, width: int, held: list[Value]) -> list[Value]:
        """Adds the products of row k of the left operand's terms with the right operand's vectors at `columns`."""
        f, type, height = self.f, self.type, self.tile.height
        loaded = [f.load(vector(type, self.lanes), f.address(columns, v * self.apart, type)) for v in range(width)]
        here = f.address(rows, f.mul(k, self.left.term), type)
        if self.prefetch and 2 * height * bytes_of(type) >= LINE:  # else most would ask for a line once more
            f.prefetch(f.address(here, self.left.panel, type), locality=2)
        sums = []
        for m in range(height):
            x = f.splat(f.load(type, f.address(here, m * self.left.row, type)), self.lanes)
            sums += [f.multiply_add(x, loaded[v], held[m * width + v]) for v in range(width)]
        return sums
