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
    if along_rows:  # a panel's whole rows one after another: what `end` writes lies together

        def one(p: Int, _: list[Value]) -> None:
            only = (p, f.add(p, 1))
            product(
                f,
                tile,
                type,
                lanes,
                left,
                right,
                pitch,
                terms,
                columns,
                only,
                begin,
                end,
                prefetch=prefetch,
                inner=inner,
                apart=apart,
            )

        f.loop(panels[0], panels[1], 1, one)
        return
    between = apart or lanes
    vectors = f.div(f.add(columns, lanes - 1), lanes)
    full = f.div(vectors, tile.width)

    def strip(column: Int, width: int) -> None:
        source = f.address(right, f.mul(column, between // lanes), type)

        def panel(p: Int, _: list[Value]) -> None:
            a = f.address(left.pointer, f.mul(p, left.panel), type)

            def term(k: Int, held: list[Value]) -> list[Value]:
                b = f.address(source, f.mul(k, pitch), type)
                count, further = inner
                for n in range(count):
                    held = row(f.add(f.mul(k, count), n), f.address(b, n * further, type), held)
                return held

            def row(k: Int, b: Value, held: list[Value]) -> list[Value]:
                loaded = [f.load(vector(type, lanes), f.address(b, v * between, type)) for v in range(width)]
                ak = f.address(a, f.mul(k, left.term), type)
                if prefetch and 2 * tile.height * bytes_of(type) >= LINE:  # else most would ask for a line once more
                    f.prefetch(f.address(ak, left.panel, type), locality=2)
                out = []
                for m in range(tile.height):
                    x = f.splat(f.load(type, f.address(ak, m * left.row, type)), lanes)
                    out += [f.multiply_add(x, loaded[v], held[m * width + v]) for v in range(width)]
                return out

            end(p, column, width, f.loop(0, terms, 1, term, begin(p, column, width), nonempty=True))

        f.loop(panels[0], panels[1], 1, panel)

    f.loop(0, f.mul(full, tile.width * lanes), tile.width * lanes, lambda j, _: strip(j, tile.width))
    rest = f.sub(vectors, f.mul(full, tile.width))
    column = f.mul(full, tile.width * lanes)
    for width in range(1, tile.width):
        fits = f.compare("eq", rest, width)
        if fits is not False:
            with f.when(fits):
                strip(column, width)
