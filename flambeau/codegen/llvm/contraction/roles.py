"""Which part each axis of a contraction plays, and how work is cut up. May import the contraction's form and `codegen.llvm`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.contraction.form import Form, View
from flambeau.codegen.llvm.types import Int, Value

__all__ = ["PART", "PHASE", "Roles", "roles", "every", "rows_there", "share", "unravel", "ceiling"]


PHASE = (("ptr", "arguments"), ("i64", "thread"), ("i64", "threads"))
"""A phase function's parameters."""
PART = (("ptr", "arguments"), ("i64", "thread"), ("i64", "first"), ("i64", "last"))
"""The parameters of a function that does the units of work from `first` to before `last`, on any thread."""


@dataclass(frozen=True)
class Roles:
    """`batch` axes are in the result and both operands; `rows` in the result and the operand `left`, `columns` in the result
    and `right`; `summed` are those summed over. Lanes of vectors run along columns."""

    batch: tuple[int, ...]
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    summed: tuple[int, ...]
    left: View
    right: View


def roles(form: Form) -> Roles:
    """The axes' parts, with the operand that holds the result's innermost axis on the right."""
    a, b = form.a, form.b
    batch = tuple(k for k in range(form.outputs) if a.varies(k) and b.varies(k))
    only_a = tuple(k for k in range(form.outputs) if not b.varies(k))
    only_b = tuple(k for k in range(form.outputs) if b.varies(k) and not a.varies(k))
    innermost = max((*only_a, *only_b), default=None)
    if innermost in only_a:
        a, b, only_a, only_b = b, a, only_b, only_a
    return Roles(batch, only_a, only_b, tuple(form.summed), a, b)


def share(f: Function, units: int, most: int | None = None) -> tuple[Int, Int]:
    """This thread's part [low, high) of `units` pieces of work, for a function (ptr, i64 thread, i64 threads); threads from
    number `most` on get none."""
    thread: Int
    threads: Int
    _, thread, threads = f.parameters
    if most is not None:
        thread, threads = f.minimum(thread, most), f.minimum(threads, most)
    low, high = (f.op("i64", f"udiv i64 {f.mul(t, units)}, {threads}") for t in (thread, f.add(thread, 1)))
    return low, f.minimum(high, units)


def every(f: Function, unit: Callable[[Int, list[Value]], None]) -> None:
    """Does the units of work that a function with parameters `PART` was asked for."""
    _, _, first, last = f.parameters
    f.loop(first, last, 1, f.unless_stopped(unit))


def unravel(f: Function, flat: Int, extents: Sequence[int]) -> list[Int]:
    """Row-major coordinates of a flat index."""
    out: list[Int] = []
    for k, e in reversed(list(enumerate(extents))):
        out.append(f.rem(flat, e) if k else flat)
        flat = f.div(flat, e)
    return out[::-1]


def ceiling(a: int, b: int) -> int:
    return -(-a // b)


def size_of(extents: Sequence[int], axes: Sequence[int]) -> int:
    return prod(extents[k] for k in axes)


def place(index: list[Int], axes: Sequence[int], values: Sequence[Int | Value]) -> list[Int]:
    """A copy of `index` with these axes set."""
    index = list(index)
    for k, v in zip(axes, values, strict=True):
        index[k] = v
    return index


def rows_there(
    f: Function, form: Form, r: Roles, index: list[Int], first: Int, count: int, height: int
) -> Iterator[tuple[int, list[Int]]]:
    """Of `count` rows from `first` on, of a panel of `height`, those that there are, each in a context of its own: (how many
    after the first, the index there)."""
    rows = size_of(form.extents, r.rows)
    for m in range(count):
        row = f.add(first, m)
        there = True if rows % height == 0 else f.compare("slt", row, rows)
        if there is not False:
            with f.when(there):
                yield m, place(index, r.rows, unravel(f, row, [form.extents[k] for k in r.rows]))
