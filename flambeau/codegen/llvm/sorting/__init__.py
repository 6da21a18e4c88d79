"""`SortKernel` → LLVM IR. The code is given the numbers of rows, of elements and of those wanted: it serves every size.

A thread sorts rows of its own, in scratch memory. Short rows, and the first few elements of long ones, are ordered by counting
(`selection.py`); others by a radix sort (`radix.py`), of the whole row or of what may be among the first. May import
`flambeau.kernels`, `flambeau.dtypes` and its neighbours.
"""

from __future__ import annotations

from flambeau.codegen.llvm.builder import Module
from flambeau.codegen.llvm.lowered import Lowered
from flambeau.codegen.llvm.sorting import selection
from flambeau.codegen.llvm.sorting.keys import Keys, words
from flambeau.codegen.llvm.sorting.radix import Radix, count_bytes
from flambeau.codegen.llvm.target import Target
from flambeau.codegen.llvm.types import Int, Value
from flambeau.dtypes import dtype
from flambeau.kernels.ir import SortKernel

__all__ = ["lower", "method", "scratch_bytes", "sizes"]

_SLOTS = 2
_SIZES = _SLOTS + 2
"""Where the sizes stand among the arguments: after the slots, the scratch block and the error word."""
_FEW_KEPT = selection.FEW // 2


def method(kernel: SortKernel) -> str:
    """How rows are sorted: "count" (few elements, or few of them wanted), "select" (wanted is a small part) or "all"."""
    if kernel.length <= selection.FEW or kernel.kept <= _FEW_KEPT:
        return "count"
    return "select" if _capacity(kernel) <= kernel.length // 2 else "all"


def _capacity(kernel: SortKernel) -> int:
    """Candidates that are sorted together."""
    return max(1024, 4 * kernel.kept)


def sizes(kernel: SortKernel) -> tuple[int, ...]:
    """What the code is given: rows, elements of one, those wanted, and the elements that the arrays hold."""
    capacity = {"count": selection.FEW, "select": _capacity(kernel), "all": kernel.length}[method(kernel)]
    return kernel.rows, kernel.length, kernel.kept, capacity


def scratch_bytes(kernel: SortKernel, threads: int) -> int:
    """What the kernel needs of scratch memory. Positions share a word with keys, so rows are shorter than 2³²."""
    type = kernel.slots[0].dtype
    if method(kernel) == "count":
        size = selection.counting_bytes(words(type))
    else:
        size = count_bytes(type) + 16 * words(type) * sizes(kernel)[3]
    return min(threads, kernel.rows) * size


def lower(type: dtype, descending: bool, method: str, target: Target) -> Lowered:
    """LLVM IR that sorts rows of elements of `type`."""
    module = Module(target)
    f = module.function("sort", (("ptr", "arguments"), ("i64", "thread"), ("i64", "threads")))
    arguments, thread, threads = f.parameters
    elements, out, scratch = (f.load("ptr", f.address(arguments, i, "ptr"), 8) for i in range(_SLOTS + 1))
    rows, length, kept, capacity = (f.entry_load("i64", arguments, _SIZES + i) for i in range(4))
    workers = f.minimum(threads, rows)
    low, high = (f.div(f.mul(t, rows), workers) for t in (thread, f.add(thread, 1)))
    keys = Keys(f, type, descending, elements)
    head = 8 * selection.FEW if method == "count" else count_bytes(type)
    size: Int = f.add(f.mul(capacity, 16 * keys.words), head)
    if method == "count":
        size = selection.counting_bytes(keys.words)
    own = f.address(scratch, f.mul(thread, size), "i8")
    first = f.address(own, head, "i8")
    arrays = first, keys.array(first, selection.FEW if method == "count" else capacity)
    radix = Radix(f, keys, own)

    def by_radix(source: Value, other: Value, count: Value) -> tuple[Value, Value]:
        radix.begin()
        f.loop(0, count, 1, lambda i, _: radix.count(keys.load(source, i)[0]))
        return radix.passes(source, other, count)

    def whole(start: Int) -> Value:
        def enter(i: Int) -> None:
            key = keys.at(f.add(start, i))
            keys.store(arrays[0], i, key, f.integer(i))
            radix.count(key)

        radix.begin()
        radix.each(length, enter)
        return radix.passes(*arrays, length)[0]

    order = selection.by_counting(f, keys, kept, own, target) if method == "count" else by_radix
    step = selection.step_of(keys.width, target)

    def row(r: Int, _: list[Value]) -> None:
        start = f.mul(r, length)
        if method == "all":
            found = whole(start)
        else:
            found = selection.select(f, keys, start, length, kept, capacity, arrays, order, step)
        target_row = f.address(out, f.mul(r, kept), "i64")
        radix.each(kept, lambda i: f.store(keys.load(found, i)[1], f.address(target_row, i, "i64")))

    f.loop(low, f.minimum(high, rows), 1, f.unless_stopped(row))
    f.finish()
    return Lowered(module.text(), ("sort",))
