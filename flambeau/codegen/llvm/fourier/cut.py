"""Transforms that are cut in two halves, each with vectors of neighbouring transforms. May import its neighbours.

The first half takes columns of what is seen as a matrix of `first` × `second` numbers and leaves it, turned by roots of unity, in
planes; the second takes its rows. Real numbers take a further step before the first half, or after the second.
"""

from __future__ import annotations

import math

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.fourier import halves, passes
from flambeau.codegen.llvm.fourier.butterfly import Complex, exchanged, scaled, times
from flambeau.codegen.llvm.fourier.memory import Buffer, Planes, blocks, load_pairs, store_pairs, turned_in
from flambeau.codegen.llvm.fourier.roots import Roots, root
from flambeau.codegen.llvm.fourier.scheme import Scheme, radices
from flambeau.codegen.llvm.target import Target
from flambeau.codegen.llvm.types import Int, Value, bytes_of, constant, poison, vector

__all__ = ["Cut", "counts", "planes_bytes", "private_bytes"]


def counts(scheme: Scheme) -> tuple[int, int]:
    """Blocks of columns, and of rows."""
    return -(-scheme.second // scheme.lanes[0]), -(-scheme.first // scheme.lanes[1])


def _buffer_bytes(scheme: Scheme, element: str) -> int:
    sizes = ((scheme.first, scheme.lanes[0]), (scheme.second, scheme.lanes[1]))
    return max(Buffer.nbytes(count, element, lanes) for count, lanes in sizes)


def _plane_bytes(scheme: Scheme, element: str) -> int:
    return -(-2 * scheme.size * bytes_of(element) // 64) * 64


def private_bytes(scheme: Scheme, element: str) -> int:
    """What a thread needs for itself."""
    return 2 * _buffer_bytes(scheme, element)


def planes_bytes(scheme: Scheme, element: str) -> int:
    """What a transform needs between the halves, and before or after them."""
    return _plane_bytes(scheme, element) * (1 if scheme.kind in ("forward", "inverse") else 2)


class Cut:
    """Code for the steps of one transform from `source` to `result`, in buffers and planes."""

    def __init__(
        self, f: Function, scheme: Scheme, target: Target, element: str, source: Value, result: Value, own: Value, planes: Value
    ) -> None:
        self.f, self.scheme, self.target, self.element = f, scheme, target, element
        self.source, self.result = source, result
        self.places = own, f.address(own, _buffer_bytes(scheme, element), "i8")
        self.between = Planes(f, planes, element, scheme.size)
        """First × second numbers, the columns transformed."""
        self.outside = Planes(f, f.address(planes, _plane_bytes(scheme, element), "i8"), element, scheme.size)
        """Pairs of real numbers transformed, or to be so."""

    def _buffers(self, half: int) -> tuple[Buffer, Buffer]:
        a, b = (Buffer(self.f, place, self.element, self.scheme.lanes[half]) for place in self.places)
        return a, b

    def columns(self, low: Int, high: Int) -> None:
        """Blocks of columns from `low` to `high`."""
        f, scheme, element = self.f, self.scheme, self.element
        lanes, is_inverse = scheme.lanes[0], scheme.kind in ("inverse", "half")
        roots = Roots(f, scheme.size, element)
        steps = [[root(k * lane, scheme.size) for lane in range(lanes)] for k in range(scheme.first)]
        fine = f.module.table(element, _parts(steps))
        type = vector(element, lanes)

        def block(b: Int, _: list[Value]) -> None:
            column = f.minimum(f.mul(b, lanes), scheme.second - lanes)

            def read(j: Int) -> Complex:
                place = f.add(f.mul(j, scheme.second), column)
                if scheme.kind == "half":
                    value = self.outside.load(place, lanes)
                else:
                    value = load_pairs(f, f.address(self.source, f.mul(place, 2), element), element, lanes)
                return exchanged(value, is_inverse)

            def write(k: Int, value: Complex) -> None:
                real, imag = roots.at(f.mul(k, column))
                place = f.address(fine, f.mul(k, 2 * lanes), element)
                own = f.load(type, place), f.load(type, f.address(place, lanes, element))
                turn = times(f, own, (f.splat(real, lanes), f.splat(imag, lanes)))
                self.between.store(f.add(f.mul(k, scheme.second), column), times(f, value, turn))

            passes.run(f, radices(scheme.first), read, write, self._buffers(0))

        f.loop(low, high, 1, f.unless_stopped(block))

    def rows(self, low: Int, high: Int) -> None:
        """Blocks of rows from `low` to `high`."""
        f, scheme, element = self.f, self.scheme, self.element
        lanes, is_inverse = scheme.lanes[1], scheme.kind in ("inverse", "half")
        buffers = self._buffers(1)

        def block(b: Int, _: list[Value]) -> None:
            row = f.minimum(f.mul(b, lanes), scheme.first - lanes)
            turned_in(f, self.between, f.mul(row, scheme.second), scheme.second, scheme.second, buffers[0])

            def write(k: Int, value: Complex) -> None:
                place = f.add(f.mul(k, scheme.first), row)
                if scheme.kind == "real":
                    self.outside.store(place, value)
                    return
                if scheme.kind != "half":
                    value = scaled(f, value, scheme.factor)
                to = f.address(self.result, f.mul(place, 2), element)
                store_pairs(f, exchanged(value, is_inverse), to, element, lanes)

            passes.run(f, radices(scheme.second), None, write, buffers)

        f.loop(low, high, 1, f.unless_stopped(block))

    # --- real numbers

    def ends(self) -> None:
        """The first number and the last of the step before or after the halves."""
        f, size, element, factor = self.f, self.scheme.size, self.element, self.scheme.factor
        if self.scheme.kind == "real":
            for k, value in zip((0, size), halves.ends_parted(f, self.outside.load(0, 1), factor)):
                store_pairs(f, value, f.address(self.result, 2 * k, element), element, 1)
        else:
            first, last = (f.load(element, f.address(self.source, 2 * k, element)) for k in (0, size))
            self.outside.store(0, halves.ends_taken(f, first, last, factor))

    @property
    def pairs(self) -> int:
        """How many numbers the step takes from each end."""
        return self.scheme.size // 2

    def middle(self, low: Int, high: Int) -> None:
        """The numbers from `low` to `high`, of 1 to `pairs`, and as many from the other end, not fewer than `width`."""
        f, size, element, lanes, factor = self.f, self.scheme.size, self.element, self.width, self.scheme.factor
        roots = Roots(f, 2 * size, element)
        fine = tuple(constant(vector(element, lanes), list(part)) for part in zip(*[root(i, 2 * size) for i in range(lanes)]))

        def block(k: Int) -> None:
            real, imag = roots.at(k)
            w = times(f, (fine[0], fine[1]), (f.splat(real, lanes), f.splat(imag, lanes)))
            mirrored = f.sub(size - lanes + 1, k)
            if self.scheme.kind == "real":
                pair = halves.parted(
                    f, self.outside.load(k, lanes), self._reversed(self.outside.load(mirrored, lanes)), w, factor
                )
                for place, value in ((k, pair[0]), (mirrored, self._reversed(pair[1]))):
                    store_pairs(f, value, f.address(self.result, f.mul(place, 2), element), element, lanes)
            else:
                found = [load_pairs(f, f.address(self.source, f.mul(i, 2), element), element, lanes) for i in (k, mirrored)]
                pair = halves.taken(f, found[0], self._reversed(found[1]), w, factor)
                self.outside.store(k, pair[0])
                self.outside.store(mirrored, self._reversed(pair[1]))

        blocks(f, low, high, lanes, block)

    @property
    def width(self) -> int:
        """Lanes of the step before or after the halves."""
        return min(self.target.lanes(8 * bytes_of(self.element)), 1 << int(math.log2(self.pairs)))

    def _reversed(self, value: Complex) -> Complex:
        lanes, f = self.width, self.f
        if lanes == 1:
            return value
        real, imag = (f.shuffle(part, poison(part.type), list(range(lanes))[::-1]) for part in value)
        return real, imag


def _parts(rows: list[list[tuple[float, float]]]) -> list[float]:
    """For each row its real parts, then its imaginary ones."""
    return [x for row in rows for part in zip(*row) for x in part]
