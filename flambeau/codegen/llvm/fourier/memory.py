"""Complex numbers in memory: pairs as tensors hold them, vectors of parts as the passes do, and planes of parts between two
halves of a long transform. May import the builder.

A vector has one number of each of `lanes` transforms that are done together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.fourier.butterfly import Complex, exchanged
from flambeau.codegen.llvm.shuffles import transpose
from flambeau.codegen.llvm.types import Int, Value, bytes_of, lanes_of, poison, vector

__all__ = ["Buffer", "Planes", "blocks", "load_pairs", "rows_in", "rows_out", "store_pairs", "turned_in"]


def load_pairs(f: Function, place: Value, element: str, lanes: int) -> Complex:
    """Neighbouring complex numbers."""
    if lanes == 1:
        return f.load(element, place), f.load(element, f.address(place, 1, element))
    return _parted(f, f.load(vector(element, 2 * lanes), place))


def _parted(f: Function, pairs: Value) -> Complex:
    lanes = list(range(0, lanes_of(pairs.type), 2))
    return f.shuffle(pairs, poison(pairs.type), lanes), f.shuffle(pairs, poison(pairs.type), [i + 1 for i in lanes])


def store_pairs(f: Function, value: Complex, place: Value, element: str, lanes: int) -> None:
    if lanes == 1:
        f.store(value[0], place)
        f.store(value[1], f.address(place, 1, element))
    else:
        f.store(_paired(f, value, lanes), place)


def _paired(f: Function, value: Complex, lanes: int) -> Value:
    return f.shuffle(value[0], value[1], [i + part * lanes for i in range(lanes) for part in (0, 1)])


@dataclass(frozen=True)
class Buffer:
    """Numbers as vectors of real parts, each with its vector of imaginary ones behind."""

    f: Function
    place: Value
    element: str
    lanes: int

    @staticmethod
    def nbytes(count: int, element: str, lanes: int) -> int:
        """What so many vectors take, in whole cache lines."""
        return -(-count * 2 * bytes_of(vector(element, lanes)) // 64) * 64

    def _at(self, i: Int, offset: int) -> tuple[Value, Value]:
        f, lanes = self.f, self.lanes
        first = f.address(f.address(self.place, f.mul(i, 2 * lanes), self.element), 2 * lanes * offset, self.element)
        return first, f.address(first, lanes, self.element)

    def load(self, i: Int, offset: int = 0) -> Complex:
        type = vector(self.element, self.lanes)
        real, imag = self._at(i, offset)
        align = bytes_of(type)
        return self.f.load(type, real, align), self.f.load(type, imag, align)

    def store(self, i: Int, offset: int, value: Complex) -> None:
        align = bytes_of(value[0].type)
        for part, place in zip(value, self._at(i, offset)):
            self.f.store(part, place, align)


@dataclass(frozen=True)
class Planes:
    """The real parts of `size` numbers, then the imaginary ones."""

    f: Function
    place: Value
    element: str
    size: int

    def load(self, i: Int, lanes: int) -> Complex:
        f, type = self.f, vector(self.element, lanes)
        first = f.address(self.place, i, self.element)
        return f.load(type, first), f.load(type, f.address(first, self.size, self.element))

    def store(self, i: Int, value: Complex) -> None:
        first = self.f.address(self.place, i, self.element)
        self.f.store(value[0], first)
        self.f.store(value[1], self.f.address(first, self.size, self.element))


def blocks(f: Function, low: Int, high: Int, width: int, body: Callable[[Int], None]) -> None:
    """Blocks of `width` over [low, high), not fewer elements than that; the last one may overlap the one before."""
    last = f.sub(high, width)
    f.loop(low, high, width, lambda i, _: body(f.minimum(i, last)), nonempty=True)


def _pair_transpose(f: Function, rows: list[Value]) -> list[Value]:
    """As many vectors as each has pairs, transposed pair by pair."""
    count = len(rows)
    held, distance = list(rows), 1

    def picked(a: Value, b: Value, pairs: list[int]) -> Value:
        return f.shuffle(a, b, [2 * p + part for p in pairs for part in (0, 1)])

    while distance < count:
        for i in range(count):
            if i & distance:
                continue
            a, b = held[i], held[i + distance]
            held[i] = picked(a, b, [j if not j & distance else count + j - distance for j in range(count)])
            held[i + distance] = picked(a, b, [j + distance if not j & distance else count + j for j in range(count)])
        distance *= 2
    return held


def _joined(f: Function, parts: list[Value]) -> Value:
    """Two vectors behind each other."""
    lanes = lanes_of(parts[0].type)
    return f.shuffle(parts[0], parts[1], list(range(2 * lanes)))


def rows_in(f: Function, place: Value, count: int, row: int, into: Buffer, swapped: bool) -> None:
    """`count` pairs of each of as many rows as `into` has lanes, `row` pairs apart."""
    element, lanes = into.element, into.lanes

    def put(i: Int, offset: int, value: Complex) -> None:
        into.store(i, offset, exchanged(value, swapped))

    if lanes == 1:
        f.loop(0, count, 1, lambda j, _: put(j, 0, load_pairs(f, f.address(place, f.mul(j, 2), element), element, 1)))
        return
    width = lanes // 2
    if count < width:
        for j in range(count):
            parts = []
            for part in (0, 1):
                total = poison(vector(element, lanes))
                for lane in range(lanes):
                    total = f.insert(total, f.load(element, f.address(place, 2 * (lane * row + j) + part, element)), lane)
                parts.append(total)
            put(j, 0, (parts[0], parts[1]))
        return

    def block(j: Int) -> None:
        start = f.address(place, f.mul(j, 2), element)
        halves = [
            _pair_transpose(f, [
                f.load(vector(element, 2 * width), f.address(start, 2 * row * (half * width + i), element)) for i in range(width)
            ])
            for half in (0, 1)
        ]  # fmt: skip
        for i in range(width):
            put(j, i, _parted(f, _joined(f, [halves[0][i], halves[1][i]])))

    blocks(f, 0, count, width, block)


def rows_out(f: Function, source: Buffer, count: int, place: Value, row: int, swapped: bool) -> None:
    """The opposite of `rows_in`."""
    element, lanes = source.element, source.lanes

    def get(i: Int, offset: int) -> Complex:
        return exchanged(source.load(i, offset), swapped)

    if lanes == 1:
        f.loop(0, count, 1, lambda j, _: store_pairs(f, get(j, 0), f.address(place, f.mul(j, 2), element), element, 1))
        return
    width = lanes // 2
    if count < width:
        for j in range(count):
            for part, value in enumerate(get(j, 0)):
                for lane in range(lanes):
                    f.store(f.extract(value, lane), f.address(place, 2 * (lane * row + j) + part, element))
        return

    def block(j: Int) -> None:
        start = f.address(place, f.mul(j, 2), element)
        pairs = [_paired(f, get(j, i), lanes) for i in range(width)]
        for half in (0, 1):
            parts = [f.shuffle(p, poison(p.type), list(range(half * lanes, (half + 1) * lanes))) for p in pairs]
            for i, turned in enumerate(_pair_transpose(f, parts)):
                f.store(turned, f.address(start, 2 * row * (half * width + i), element))

    blocks(f, 0, count, width, block)


def turned_in(f: Function, planes: Planes, start: Int, row: int, count: int, into: Buffer) -> None:
    """`count` numbers of each of as many rows as `into` has lanes, `row` numbers apart, from planes; at least that many."""
    lanes = into.lanes

    def block(j: Int) -> None:
        at = f.add(start, j)
        rows = [planes.load(f.add(at, i * row), lanes) for i in range(lanes)]
        real, imag = (transpose(f, list(part)) for part in zip(*rows))
        for i in range(lanes):
            into.store(j, i, (real[i], imag[i]))

    blocks(f, 0, count, lanes, block)
