"""`SortKernel` → compute shaders. May import `flambeau.dtypes`, `kernels.ir` and `codegen.wgsl`.

Short rows: an element's place is how many come before it, counted by comparing with each of its row. Long rows: a radix sort of
keys, unsigned numbers in the elements' order, four bits a pass from the lowest. In a pass each invocation counts the digits of a
chunk; a scan of the counts, by digit and then by chunk, says where its elements of each digit begin, and it puts them there in
order. So the order is stable, and nothing waits within a workgroup.
"""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.codegen.wgsl.frame import bind_memories, make_memories, workgroup_grid, workgroup_number
from flambeau.codegen.wgsl.library import with_library
from flambeau.codegen.wgsl.loops import append_loops, generate_loops
from flambeau.codegen.wgsl.memory import Memory
from flambeau.codegen.wgsl.program import Dispatch, Program
from flambeau.codegen.wgsl.scanning import split_scans
from flambeau.codegen.wgsl.target import Target
from flambeau.dtypes import bool_, dtype, int16, int32, int64, uint32
from flambeau.kernels.ir import Expr, LoopKernel, Slot, SortKernel, Store

__all__ = ["generate_sort"]

_SHORT = 128
_DIGIT_BITS = 4
_DIGITS = 1 << _DIGIT_BITS


def generate_sort(kernel: SortKernel, target: Target, same: Sequence[int]) -> Program:
    """Shaders that store the stable order of each row."""
    if kernel.length <= _SHORT:
        return generate_loops(_by_counting(kernel), target, same)
    return _RadixSort(kernel, target, same).program


def _by_counting(kernel: SortKernel) -> LoopKernel:
    row, mine, other = (Expr("axis", (), int64, i) for i in range(3))
    length = Expr("literal", (), int64, kernel.length)
    start = Expr("mul", (row, length), int64)
    d = kernel.slots[0].dtype
    x = Expr("load", (Expr("add", (start, mine), int64),), d, 0)
    y = Expr("load", (Expr("add", (start, other), int64),), d, 0)

    def both(a: Expr, b: Expr, op: str = "bitwise_and") -> Expr:
        return Expr(op, (a, b), bool_)

    def negate(a: Expr) -> Expr:
        return Expr("bitwise_not", (a,), bool_)

    low, high = (x, y) if kernel.descending else (y, x)  # `other` comes first if low is below high
    ahead = Expr("lt", (low, high), bool_)
    equal = Expr("eq", (x, y), bool_)
    if d.category == 2:
        low_nan, high_nan = Expr("isnan", (low,), bool_), Expr("isnan", (high,), bool_)
        ahead = both(ahead, both(negate(low_nan), high_nan), "bitwise_or")
        equal = both(equal, both(low_nan, high_nan), "bitwise_or")
    earlier = both(equal, Expr("lt", (other, mine), bool_))
    before = Expr("cast", (both(ahead, earlier, "bitwise_or"),), int64)
    place = Expr("reduce", (before,), int64, ("sum", ((2, kernel.length),)))
    kept = Expr("literal", (), int64, kernel.kept)
    index = Expr("add", (Expr("mul", (row, kept), int64), place), int64)
    store = Store(1, index, mine, guard=None if kernel.kept == kernel.length else Expr("lt", (place, kept), bool_))
    return LoopKernel((kernel.rows, kernel.length), kernel.slots, (store,))


def _word(value: int) -> Expr:
    return Expr("literal", (), uint32, value)


def _op(name: str, *args: Expr) -> Expr:
    return Expr(name, args, bool_ if name in ("eq", "ne", "gt") else args[-1].dtype)


def _narrow_key(x: Expr, descending: bool) -> list[Expr]:
    """The key of an element of at most 32 bits: as large as the element comes late; all NaN have the last one."""
    d = x.dtype
    bits = 1 if d is bool_ else 8 * d.itemsize
    every, sign = (1 << bits) - 1, 1 << bits - 1
    if d.category == 2:
        raw = Expr("cast", (Expr("bitcast", (x,), int16 if bits == 16 else int32),), uint32)
        raw = _op("bitwise_and", raw, _word(every))
        is_negative = _op("ne", _op("bitwise_and", raw, _word(sign)), _word(0))
        key = _op("where", is_negative, _op("bitwise_xor", raw, _word(every)), _op("bitwise_or", raw, _word(sign)))
        is_zero = _op("eq", _op("bitwise_and", raw, _word(sign - 1)), _word(0))
        key = _op("where", is_zero, _word(sign), key)
        key = _op("where", Expr("isnan", (x,), bool_), _word(every), key)
    else:
        key = _op("bitwise_and", Expr("cast", (x,), uint32), _word(every))
        if d.is_signed:
            key = _op("bitwise_xor", key, _word(sign))
    return [_op("bitwise_xor", key, _word(every)) if descending else key]


def _wide_key(x: Expr, is_float: bool, descending: bool) -> list[Expr]:
    """The key of 64 bits, read as int64, in two words, the low one first."""
    every, sign = (1 << 32) - 1, 1 << 31
    low = Expr("cast", (x,), uint32)
    high = Expr("cast", (Expr("right_shift", (x, Expr("literal", (), int64, 32)), int64),), uint32)
    if is_float:
        size = _op("bitwise_and", high, _word(sign - 1))
        is_negative = _op("ne", _op("bitwise_and", high, _word(sign)), _word(0))
        is_zero = _op("eq", _op("bitwise_or", size, low), _word(0))
        infinity, some = _word(0x7FF00000), _op("ne", low, _word(0))
        is_nan = _op("bitwise_or", _op("gt", size, infinity), _op("bitwise_and", _op("eq", size, infinity), some))
        raw_high = high
        low = _op("where", is_negative, _op("bitwise_xor", low, _word(every)), low)
        high = _op("where", is_negative, _op("bitwise_xor", raw_high, _word(every)), _op("bitwise_or", raw_high, _word(sign)))
        low = _op("where", is_zero, _word(0), _op("where", is_nan, _word(every), low))
        high = _op("where", is_zero, _word(sign), _op("where", is_nan, _word(every), high))
    else:
        high = _op("bitwise_xor", high, _word(sign))
    if descending:
        low, high = (_op("bitwise_xor", word, _word(every)) for word in (low, high))
    return [low, high]


class _RadixSort:
    """Makes `program`. Slots after the kernel's two: the keys' words, two orders in turn, counts, their running sums."""

    def __init__(self, kernel: SortKernel, target: Target, same: Sequence[int]) -> None:
        self.kernel, self.target = kernel, target
        self.rows, self.length = kernel.rows, kernel.length
        self.program = Program()
        d = kernel.slots[0].dtype
        # enough chunks to keep a GPU's invocations busy; on the CPU only as many as its vectors and cores take
        self.chunk = 256 if target.is_software else max(64, min(1024, self.rows * self.length >> 16))
        self.chunks = -(-self.length // self.chunk)
        size, table = self.rows * self.length, self.rows * self.chunks * _DIGITS
        words = 2 if d.itemsize == 8 else 1
        source = Slot(int64 if words == 2 else d, size, "in")
        self.slots = [source, kernel.slots[1], *[Slot(uint32, size, "inout")] * (words + 2), *[Slot(uint32, table, "inout")] * 2]
        self.keys = list(range(2, 2 + words))
        self.orders = [2 + words, 3 + words]
        self.counts, self.sums = 4 + words, 5 + words
        self.same = (*same, *range(2, len(self.slots)))
        scan = split_scans(self._scan(), target, self.same)
        self.program.scratch.extend(slot.size * slot.dtype.itemsize for slot in scan[-1][0].slots[2:])
        append_loops(self._key_kernel(d), target, self.same, self.program, 2)
        bits = 1 if d is bool_ else 8 * d.itemsize
        passes = -(-bits // _DIGIT_BITS)
        for number in range(passes):
            word, shift = divmod(number * _DIGIT_BITS, 32)
            source_order = None if number == 0 else self.orders[number % 2]
            into = 1 if number == passes - 1 else self.orders[(number + 1) % 2]
            self._count(word, shift, source_order)
            for stage, stage_same in scan:
                append_loops(stage, target, stage_same, self.program, 2)
            self._place(word, shift, source_order, into)

    def _kernel(self, axes: tuple[int, ...], stores: tuple[Store, ...]) -> LoopKernel:
        written = {s.slot for s in stores}
        slots = (Slot(s.dtype, s.size, "out" if i in written else "in") for i, s in enumerate(self.slots))
        return LoopKernel(axes, tuple(slots), stores)

    def _key_kernel(self, d: dtype) -> LoopKernel:
        place = Expr("axis", (), int64, 0)
        x = Expr("load", (place,), self.slots[0].dtype, 0)
        descending = self.kernel.descending
        words = _wide_key(x, d.category == 2, descending) if d.itemsize == 8 else _narrow_key(x, descending)
        stores = tuple(Store(slot, place, word) for slot, word in zip(self.keys, words, strict=True))
        return self._kernel((self.rows * self.length,), stores)

    def _scan(self) -> LoopKernel:
        row, entry = Expr("axis", (), int64, 0), Expr("axis", (), int64, 1)
        entries = _DIGITS * self.chunks
        place = Expr("add", (Expr("mul", (row, Expr("literal", (), int64, entries)), int64), entry), int64)
        loaded = Expr("load", (place,), uint32, self.counts)
        return self._kernel((self.rows, entries), (Store(self.sums, place, Expr("scan", (loaded,), uint32, ("sum", 1))),))

    def _count(self, word: int, shift: int, order: int | None) -> None:
        used = {self.keys[word], self.counts, *([] if order is None else [order])}
        memories = self._memories(used, self.counts)
        table = memories[self.counts]
        lines = [f"var counts: array<u32, {_DIGITS}>;", *self._each(memories, word, shift, order, ["counts[digit]++;"])]
        lines += [f"for (var digit = 0u; digit < {_DIGITS}u; digit++) {{"]
        lines += ["  " + line for line in table.store(self._entry, "counts[digit]")] + ["}"]
        self._append(memories, lines)

    def _place(self, word: int, shift: int, order: int | None, into: int) -> None:
        used = {self.keys[word], self.counts, self.sums, into, *([] if order is None else [order])}
        memories = self._memories(used, into)
        if into == 1:
            put = memories[into].store(f"row * {self.kernel.kept}u + places[digit]", "vec2<u32>(element, 0u)")
            put = [f"if (places[digit] < {self.kernel.kept}u) {{", *put, "}", "places[digit]++;"]
        else:
            put = [*memories[into].store("start + places[digit]", "element"), "places[digit]++;"]
        lines = [f"var places: array<u32, {_DIGITS}>;", f"for (var digit = 0u; digit < {_DIGITS}u; digit++) {{"]
        begin = f"{memories[self.sums].load(self._entry)} - {memories[self.counts].load(self._entry)}"
        lines += [f"  places[digit] = {begin};", "}", *self._each(memories, word, shift, order, put)]
        self._append(memories, lines)

    @property
    def _entry(self) -> str:
        return f"(row * {_DIGITS}u + digit) * {self.chunks}u + chunk"

    def _memories(self, used: set[int], written: int) -> dict[int, Memory]:
        slots = [Slot(s.dtype, s.size, "out" if i == written else "in") for i, s in enumerate(self.slots)]
        made = make_memories(slots, self.target, self.same, used)
        return {i: m for i, m in enumerate(made) if m is not None}

    def _each(self, memories: dict[int, Memory], word: int, shift: int, order: int | None, body: list[str]) -> list[str]:
        """The loop over the chunk's elements in their order so far, each with its digit."""
        element = "i" if order is None else memories[order].load("start + i")
        key = memories[self.keys[word]].load("start + element")
        return [
            f"for (var i = first; i < min(first + {self.chunk}u, {self.length}u); i++) {{",
            f"  let element = {element};",
            f"  let digit = ({key} >> {shift}u) & {_DIGITS - 1}u;",
            *("  " + line for line in body),
            "}",
        ]

    def _append(self, memories: dict[int, Memory], lines: list[str]) -> None:
        total, width = self.rows * self.chunks, 64
        grid = workgroup_grid(-(-total // width), self.target)
        declared, bindings = bind_memories(list(memories.values()))
        head = [
            f"let number = {workgroup_number(grid)} * {width}u + local;",
            f"if (number >= {total}u) {{ return; }}",
            f"let row = number / {self.chunks}u;",
            f"let chunk = number % {self.chunks}u;",
            f"let start = row * {self.length}u;",
            f"let first = chunk * {self.chunk}u;",
        ]
        text = (
            declared
            + f"@compute @workgroup_size({width})\n"
            + "fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {\n"
            + "".join(f"  {line}\n" for line in [*head, *lines])
            + "}\n"
        )
        self.program.steps.append(Dispatch(with_library(text), bindings, grid))
