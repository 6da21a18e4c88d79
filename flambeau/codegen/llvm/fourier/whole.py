"""Transforms that are not cut: a vector has a number of each of some neighbouring transforms. May import its neighbours.

Neighbours lie side by side where the transformed dimension isn't the last (columns); else they are rows, which are transposed on
their way to buffers and back.
"""

from __future__ import annotations

from dataclasses import dataclass

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.fourier import halves, passes
from flambeau.codegen.llvm.fourier.butterfly import Complex, exchanged, scaled
from flambeau.codegen.llvm.fourier.memory import Buffer, load_pairs, rows_in, rows_out, store_pairs
from flambeau.codegen.llvm.fourier.roots import flat, root
from flambeau.codegen.llvm.fourier.scheme import Scheme, radices
from flambeau.codegen.llvm.types import Int, Value, vector

__all__ = ["Whole", "buffer_count"]


def buffer_count(scheme: Scheme) -> int:
    """Numbers of a transform that a buffer holds."""
    return scheme.size + (scheme.kind in ("real", "half"))


@dataclass
class Whole:
    """Code for one block of transforms from `source` to `result`, in two buffers from `scratch` on."""

    f: Function
    scheme: Scheme
    element: str
    source: Value
    result: Value
    scratch: Value

    def __post_init__(self) -> None:
        f, scheme, lanes = self.f, self.scheme, self.scheme.lanes[0]
        size = Buffer.nbytes(buffer_count(scheme), self.element, lanes)
        places = self.scratch, f.address(self.scratch, size, "i8")
        self.buffers = Buffer(f, places[0], self.element, lanes), Buffer(f, places[1], self.element, lanes)

    def task(self, task: Int, outer: Int) -> None:
        """Block `task` of those that `outer` × `inner` transforms make."""
        if self.scheme.inner == 1:
            self._rows(self.f.minimum(self.f.mul(task, self.scheme.lanes[0]), self.f.sub(outer, self.scheme.lanes[0])))
        else:
            self._columns(task)

    def _transform(self, read: passes.Read | None, write: passes.Write | None, buffers: tuple[Buffer, Buffer]) -> Buffer:
        return passes.run(self.f, radices(self.scheme.size), read, write, buffers)

    # --- rows

    def _rows(self, first: Int) -> None:
        f, scheme, element = self.f, self.scheme, self.element
        size, is_inverse = scheme.size, scheme.kind == "inverse"
        read, written = size + (scheme.kind == "half"), size + (scheme.kind == "real")
        a, b = self.buffers
        rows_in(f, f.address(self.source, f.mul(first, 2 * read), element), read, read, a, is_inverse)
        if scheme.kind == "half":
            self._join(a.load, lambda k, value: b.store(k, 0, exchanged(value)))
            a, b = b, a
        done = self._transform(None, None, (a, b))
        if scheme.kind == "real":
            other = b if done is a else a
            self._part(done, lambda k, value: other.store(k, 0, value))
            done = other
        elif scheme.factor != 1 and scheme.kind != "half":
            self._scale(done)
        to = f.address(self.result, f.mul(first, 2 * written), element)
        rows_out(f, done, written, to, written, scheme.kind in ("inverse", "half"))

    def _scale(self, buffer: Buffer) -> None:
        self.f.loop(0, self.scheme.size, 1, lambda i, _: buffer.store(i, 0, scaled(self.f, buffer.load(i), self.scheme.factor)))

    # --- columns

    def _columns(self, task: Int) -> None:
        f, scheme, lanes = self.f, self.scheme, self.scheme.lanes[0]
        count = -(-scheme.inner // lanes)
        o, column = f.div(task, count), f.minimum(f.mul(f.rem(task, count), lanes), scheme.inner - lanes)
        points = scheme.size + 1

        def complex_at(base: Value, size: int, k: Int) -> Value:
            place = f.add(f.mul(f.add(f.mul(o, size), k), scheme.inner), column)
            return f.address(base, f.mul(place, 2), self.element)

        def real_at(base: Value, j: Int) -> Value:
            return f.address(base, f.add(f.mul(f.add(f.mul(o, scheme.n), j), scheme.inner), column), self.element)

        type = vector(self.element, lanes)
        if scheme.kind in ("forward", "inverse"):
            is_inverse = scheme.kind == "inverse"

            def read(k: Int) -> Complex:
                return exchanged(load_pairs(f, complex_at(self.source, scheme.n, k), self.element, lanes), is_inverse)

            def put(k: Int, value: Complex) -> None:
                place = complex_at(self.result, scheme.n, k)
                store_pairs(f, exchanged(scaled(f, value, scheme.factor), is_inverse), place, self.element, lanes)

            self._transform(read, put, self.buffers)
        elif scheme.kind == "real":

            def two(j: Int) -> Complex:
                even, odd = (real_at(self.source, f.add(f.mul(j, 2), part)) for part in (0, 1))
                return f.load(type, even), f.load(type, odd)

            done = self._transform(two, None, self.buffers)
            self._part(done, lambda k, x: store_pairs(f, x, complex_at(self.result, points, k), self.element, lanes))
        else:
            self._join(
                lambda k: load_pairs(f, complex_at(self.source, points, k), self.element, lanes),
                lambda k, value: self.buffers[0].store(k, 0, exchanged(value)),
            )

            def write(j: Int, value: Complex) -> None:
                for part in (0, 1):
                    f.store(value[1 - part], real_at(self.result, f.add(f.mul(j, 2), part)))

            self._transform(None, write, self.buffers)

    # --- real numbers

    def _roots(self) -> passes.Read:
        """w^k for all lanes."""
        f, size, lanes = self.f, self.scheme.size, self.scheme.lanes[0]
        table = f.module.table(self.element, flat(root(k, 2 * size) for k in range(size // 2 + 1)))

        def at(k: Int) -> Complex:
            place = f.address(table, f.mul(k, 2), self.element)
            real, imag = f.load(self.element, place), f.load(self.element, f.address(place, 1, self.element))
            return f.splat(real, lanes), f.splat(imag, lanes)

        return at

    def _part(self, done: Buffer, write: passes.Write) -> None:
        """The first half of the spectrum, of the transform of pairs."""
        f, size, factor, roots = self.f, self.scheme.size, self.scheme.factor, self._roots()
        first, last = halves.ends_parted(f, done.load(0), factor)
        write(0, first)
        write(size, last)

        def two(k: Int, _: object) -> None:
            low, high = halves.parted(f, done.load(k), done.load(f.sub(size, k)), roots(k), factor)
            write(k, low)
            write(f.sub(size, k), high)

        f.loop(1, size // 2 + 1, 1, two)

    def _join(self, read: passes.Read, write: passes.Write) -> None:
        """What to transform back to pairs, of the first half of the spectrum."""
        f, size, factor, roots = self.f, self.scheme.size, self.scheme.factor, self._roots()
        write(0, halves.ends_taken(f, read(0)[0], read(size)[0], factor))

        def two(k: Int, _: object) -> None:
            low, high = halves.taken(f, read(k), read(f.sub(size, k)), roots(k), factor)
            write(k, low)
            write(f.sub(size, k), high)

        f.loop(1, size // 2 + 1, 1, two)
