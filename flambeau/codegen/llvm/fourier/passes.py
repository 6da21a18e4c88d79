"""The passes of some transforms of one size, done together in the lanes of vectors. May import `butterfly`, `memory`, `roots`.

Stockham's: a pass of radix r takes numbers that lie n/r apart and puts what it makes of them side by side, so that after the
last one all are in order, and no pass needs to know where the others put theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.fourier.butterfly import Complex, times, transformed
from flambeau.codegen.llvm.fourier.memory import Buffer
from flambeau.codegen.llvm.fourier.roots import flat, root
from flambeau.codegen.llvm.types import Int

__all__ = ["run"]

Read = Callable[[Int], Complex]
Write = Callable[[Int, Complex], None]


def run(f: Function, radices: Sequence[int], read: Read | None, write: Write | None, buffers: tuple[Buffer, Buffer]) -> Buffer:
    """Transforms numbers that `read` gives, or that are in the first buffer; `write` takes the results, else the buffer that is
    returned. What is read may be overwritten only by `write`."""
    n = 1
    for radix in radices:
        n *= radix
    source, target = buffers
    if read is not None:
        source, target = target, source
    stride = 1
    for number, radix in enumerate(radices):
        first = read if number == 0 else None
        last = write if number == len(radices) - 1 else None
        _pass(f, n, stride, radix, first, last, source, target)
        source, target = target, source
        n, stride = n // radix, stride * radix
    return source


def _pass(
    f: Function, n: int, stride: int, radix: int, read: Read | None, write: Write | None, source: Buffer, target: Buffer
) -> None:
    """`stride` times transforms of n numbers, of which this pass leaves radix·stride times such of n / radix numbers."""
    rest = n // radix
    turns = flat(root(p * k, n) for p in range(rest) for k in range(1, radix))
    table = f.module.table(source.element, turns) if rest > 1 else None

    def group(p: Int, _: object) -> None:
        twiddles: list[Complex] = []
        if table is not None:
            own = f.address(table, f.mul(p, 2 * (radix - 1)), source.element)
            for k in range(radix - 1):
                real, imag = (f.load(source.element, f.address(own, 2 * k + part, source.element)) for part in (0, 1))
                twiddles.append((f.splat(real, source.lanes), f.splat(imag, source.lanes)))

        def one(q: Int, _: object) -> None:
            at = f.add(q, f.mul(p, stride))
            taken = [
                source.load(at, stride * rest * k) if read is None else read(f.add(at, stride * rest * k)) for k in range(radix)
            ]
            made = transformed(f, taken)
            made[1:] = [times(f, x, w) for x, w in zip(made[1:], twiddles)] if twiddles else made[1:]
            to = f.add(q, f.mul(p, stride * radix))
            for k, value in enumerate(made):
                if write is None:
                    target.store(to, stride * k, value)
                else:
                    write(f.add(to, stride * k), value)

        f.loop(0, stride, 1, one)

    f.loop(0, rest, 1, group)
