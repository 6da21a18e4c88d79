"""Factorisations of many small matrices → LLVM IR: a vector has a number of each of some neighbouring matrices, so that all that
is done to one is done to as many as a register has lanes. May import the builder and LLVM's target.

Every function takes the address of an array of words: addresses of dense arrays, and sizes (`FUNCTIONS` says which). Sizes are
those of run time: one piece of code does every size. The algorithms are LAPACK's of one column at a time, with its choices of
pivots, signs and weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flambeau.codegen.llvm.builder import Function, Module
from flambeau.codegen.llvm.target import Target
from flambeau.codegen.llvm.types import Int, Value, constant, vector

__all__ = ["FUNCTIONS", "lower"]

_SAFE = 1e15
"""Between 1 / this and this, float32 numbers can be squared, and the squares added."""


@dataclass
class _Matrices:
    """As many matrices as there are lanes, at `base`: element (i, j) of all of them is a vector."""

    f: Function
    element: str
    lanes: int
    base: Value
    rows: Int
    columns: Int

    @property
    def type(self) -> str:
        return vector(self.element, self.lanes)

    @property
    def end(self) -> Value:
        """The memory behind."""
        return self._place(self.rows, 0)

    def _place(self, i: Int, j: Int) -> Value:
        f = self.f
        return f.address(self.base, f.mul(f.add(f.mul(i, self.columns), j), self.lanes), self.element)

    def load(self, i: Int, j: Int) -> Value:
        return self.f.load(self.type, self._place(i, j))

    def store(self, a: Value, i: Int, j: Int) -> None:
        self.f.store(a, self._place(i, j))

    def number(self, x: float) -> Value:
        return constant(self.type, x)

    def counted(self, i: Int) -> Value:
        """An integer as a number of each lane."""
        return self.f.splat(self.f.cast("sitofp", self.f.integer(i), self.element), self.lanes)

    def each(self, body: Callable[[Int, Int], None]) -> None:
        """Runs `body` for every place."""
        self.f.loop(0, self.rows, 1, lambda i, _: self.f.loop(0, self.columns, 1, lambda j, _: body(i, j)) and None)

    def read(self, source: Value, first: Int, count: Int, transposed: bool = False) -> None:
        """Matrices `first`, `first` + 1 …; lanes beyond the last of `count` have that."""
        f = self.f

        def lane(number: Int, _: list[Value]) -> None:
            start = f.mul(f.minimum(f.add(first, number), f.sub(count, 1)), f.mul(self.rows, self.columns))

            def one(i: Int, j: Int) -> None:
                place = f.add(f.mul(j, self.rows), i) if transposed else f.add(f.mul(i, self.columns), j)
                x = f.load(self.element, f.address(source, f.add(start, place), self.element))
                f.store(x, f.address(self._place(i, j), number, self.element))

            self.each(one)

        f.loop(0, self.lanes, 1, lane)

    def write(self, target: Value, first: Int, count: Int, transposed: bool = False) -> None:
        """The matrices to where they belong; with `transposed`, by columns."""
        f = self.f

        def lane(number: Int, _: list[Value]) -> None:
            start = f.mul(f.add(first, number), f.mul(self.rows, self.columns))

            def one(i: Int, j: Int) -> None:
                place = f.add(f.mul(j, self.rows), i) if transposed else f.add(f.mul(i, self.columns), j)
                x = f.load(self.element, f.address(self._place(i, j), number, self.element))
                f.store(x, f.address(target, f.add(start, place), self.element))

            self.each(one)

        f.loop(0, f.minimum(self.lanes, f.sub(count, first)), 1, lane)

    def fill_with_identity(self) -> None:
        def one(i: Int, j: Int) -> None:
            self.store(self.f.select(self.f.compare("eq", i, j), self.number(1), self.number(0)), i, j)

        self.each(one)

    def subtract(self, i: Int, factor: Value, k: Int, first: Int) -> None:
        """Takes `factor` times row k, from column `first` on, from row i."""
        f, minus = self.f, self.f.op(self.type, f"fneg {self.type} {factor}")
        f.loop(
            first, self.columns, 1,
            lambda j, _: self.store(f.multiply_add(minus, self.load(k, j), self.load(i, j)), i, j), unrolled=True,
        )  # fmt: skip


def _first_failure(m: _Matrices, fails: Value, step: Int, info: Value) -> Value:
    """`info` with the number (from 1) of this step where it fails and none before did."""
    f = m.f
    is_first = f.both(fails, f.test("fcmp oeq", info, m.number(0)))
    return f.select(is_first, m.counted(f.add(step, 1)), info)


def _eliminate(a: _Matrices, right: _Matrices | None, note: Callable[[Int, Value], None]) -> Value:
    """A becomes L and U, by the largest pivots; the same is done to the rows of `right`. `note` is given the step and the row
    that is exchanged with its own. Gives the first step (from 1) whose pivot is 0, or 0."""
    f = a.f
    blocks = [a] if right is None else [a, right]

    def step(k: Int, carried: list[Value]) -> Sequence[Value]:
        def seek(i: Int, found: list[Value]) -> Sequence[Value]:
            size = f.intrinsic("fabs", a.load(i, k))
            more = f.test("fcmp ogt", size, found[0])
            return f.select(more, size, found[0]), f.select(more, a.counted(i), found[1])

        below = f.add(k, 1)
        _, place = f.loop(below, a.rows, 1, seek, [f.intrinsic("fabs", a.load(k, k)), a.counted(k)])
        note(k, place)

        def exchange(i: Int, _: list[Value]) -> None:
            here = f.test("fcmp oeq", place, a.counted(i))
            word = f"i{a.lanes}"
            some = f.op(word, f"bitcast {here.type} {here} to {word}") if a.lanes > 1 else here

            def column(m: _Matrices, j: Int) -> None:
                x, y = m.load(k, j), m.load(i, j)
                m.store(f.select(here, y, x), k, j)
                m.store(f.select(here, x, y), i, j)

            with f.when(f.op("i1", f"icmp ne {some.type} {some}, 0")):
                for m in blocks:
                    f.loop(0, m.columns, 1, lambda j, _, m=m: column(m, j))  # type: ignore[misc]

        f.loop(below, a.rows, 1, exchange)
        pivot = a.load(k, k)
        is_zero = f.test("fcmp oeq", pivot, a.number(0))
        divisor = f.select(is_zero, a.number(1), pivot)

        def row(i: Int, _: list[Value]) -> None:
            factor = f.binary("fdiv", a.load(i, k), divisor)
            a.store(factor, i, k)
            a.subtract(i, factor, k, below)
            if right is not None:
                right.subtract(i, factor, k, 0)

        f.loop(below, a.rows, 1, row)
        return [_first_failure(a, is_zero, k, carried[0])]

    return f.loop(0, f.minimum(a.rows, a.columns), 1, step, [a.number(0)])[0]


def _substitute(a: _Matrices, x: _Matrices, upper: bool, unit: bool) -> None:
    """X of A X = B, in the place of B, A triangular."""
    f, n = a.f, a.rows

    def turn(t: Int, _: list[Value]) -> None:
        k = f.sub(f.sub(n, 1), t) if upper else t
        if not unit:
            pivot = a.load(k, k)
            f.loop(0, x.columns, 1, lambda j, _: x.store(f.binary("fdiv", x.load(k, j), pivot), k, j))
        low, high = (0, k) if upper else (f.add(k, 1), n)
        f.loop(low, high, 1, lambda i, _: x.subtract(i, a.load(i, k), k, 0))

    f.loop(0, n, 1, turn)


def _factor(a: _Matrices) -> Value:
    """The lower triangle of A becomes Cholesky's factor, zeros above. Gives the first step (from 1) that fails, or 0."""
    f = a.f

    def step(k: Int, carried: list[Value]) -> Sequence[Value]:
        def reduced(i: Int) -> Value:
            def take(j: Int, total: list[Value]) -> Sequence[Value]:
                minus = f.op(a.type, f"fneg {a.type} {a.load(i, j)}")
                return [f.multiply_add(minus, a.load(k, j), total[0])]

            return f.loop(0, k, 1, take, [a.load(i, k)], unrolled=True)[0]

        square = reduced(k)
        fails = f.test("fcmp ule", square, a.number(0))
        root = f.intrinsic("sqrt", f.select(fails, a.number(1), square))
        f.loop(f.add(k, 1), a.rows, 1, lambda i, _: a.store(f.binary("fdiv", reduced(i), root), i, k))
        a.store(root, k, k)
        f.loop(f.add(k, 1), a.columns, 1, lambda j, _: a.store(a.number(0), k, j))
        return [_first_failure(a, fails, k, carried[0])]

    return f.loop(0, a.rows, 1, step, [a.number(0)])[0]


def _reflect(a: _Matrices, weights: _Matrices) -> None:
    """A becomes R and, below its diagonal, the vectors of reflections (whose first number is 1) with these weights."""
    f = a.f

    def largest(i: Int, found: list[Value]) -> Sequence[Value]:
        return f.loop(0, a.columns, 1, lambda j, c: [f.intrinsic("maxnum", f.intrinsic("fabs", a.load(i, j)), c[0])], found)

    size = f.loop(0, a.rows, 1, largest, [a.number(0)])[0]
    is_safe = f.both(f.test("fcmp olt", size, a.number(_SAFE)), f.test("fcmp ogt", size, a.number(1 / _SAFE)))
    is_safe = f.op(is_safe.type, f"or {is_safe.type} {is_safe}, {f.test('fcmp ueq', f.binary('fsub', size, size), size)}")
    scale = f.select(is_safe, a.number(1), size)
    a.each(lambda i, j: a.store(f.binary("fdiv", a.load(i, j), scale), i, j))

    def step(k: Int, _: list[Value]) -> None:
        below = f.add(k, 1)

        def add(i: Int, total: list[Value]) -> Sequence[Value]:
            x = a.load(i, k)
            return [f.multiply_add(x, x, total[0])]

        rest, head = f.loop(below, a.rows, 1, add, [a.number(0)])[0], a.load(k, k)
        nothing = f.test("fcmp oeq", rest, a.number(0))
        norm = f.intrinsic("sqrt", f.multiply_add(head, head, rest))
        minus_norm = f.op(a.type, f"fneg {a.type} {f.intrinsic('copysign', norm, head)}")
        end = f.select(nothing, head, minus_norm)
        difference = f.binary("fsub", end, head)
        weight = f.select(nothing, a.number(0), f.binary("fdiv", difference, f.select(nothing, a.number(1), end)))
        divisor = f.select(nothing, a.number(1), f.binary("fsub", head, end))
        f.loop(below, a.rows, 1, lambda i, _: a.store(f.binary("fdiv", a.load(i, k), divisor), i, k))
        weights.store(weight, 0, k)
        _apply(a, k, weight, a, below)
        a.store(end, k, k)

    f.loop(0, f.minimum(a.rows, a.columns), 1, step)

    def back(i: Int, j: Int) -> None:
        x = a.load(i, j)
        a.store(f.select(f.compare("sle", i, j), f.binary("fmul", x, scale), x), i, j)

    a.each(back)


def _apply(vectors: _Matrices, k: Int, weight: Value, to: _Matrices, first: Int) -> None:
    """Reflection k, of which `vectors` has the numbers below the diagonal, to the columns of `to` from `first` on."""
    f, below = vectors.f, vectors.f.add(k, 1)

    def column(j: Int, _: list[Value]) -> None:
        start = to.load(k, j)
        total = f.loop(
            below, to.rows, 1, lambda i, c: [f.multiply_add(vectors.load(i, k), to.load(i, j), c[0])], [start], unrolled=True
        )[0]
        amount = f.op(to.type, f"fneg {to.type} {f.binary('fmul', total, weight)}")
        to.store(f.binary("fadd", start, amount), k, j)
        f.loop(
            below, to.rows, 1,
            lambda i, _: to.store(f.multiply_add(amount, vectors.load(i, k), to.load(i, j)), i, j), unrolled=True,
        )  # fmt: skip

    f.loop(first, to.columns, 1, column)


class _Call:
    """A function under construction: its arguments in order, and blocks of matrices in its scratch memory."""

    def __init__(self, module: Module, name: str, element: str, lanes: int) -> None:
        self.f = module.function(name, (("ptr", "arguments"),))
        self.element, self.lanes, self._taken = element, lanes, 0
        self.count, self.scratch = self.size(), self.memory()
        self._free = self.scratch

    def _next(self, type: str) -> Value:
        self._taken += 1
        return self.f.entry_load(type, self.f.parameters[0], self._taken - 1)

    def size(self) -> Value:
        return self._next("i64")

    def memory(self) -> Value:
        return self._next("ptr")

    def matrices(self, rows: Int, columns: Int) -> _Matrices:
        made = _Matrices(self.f, self.element, self.lanes, self._free, rows, columns)
        self._free = made.end
        return made

    def finish(self, body: Callable[[Int], None]) -> None:
        """Runs `body` for the first of every few neighbouring matrices."""
        f = self.f
        f.loop(0, self.count, self.lanes, f.unless_stopped(lambda first, _: body(first)))
        f.finish()


def _lu(c: _Call) -> None:
    source, packed, pivots, info, m, n = *(c.memory() for _ in range(4)), c.size(), c.size()
    a, swaps, failed = c.matrices(m, n), c.matrices(1, c.f.minimum(m, n)), c.matrices(1, 1)

    def some(first: Int) -> None:
        a.read(source, first, c.count)
        zero = _eliminate(a, None, lambda k, place: swaps.store(c.f.binary("fadd", place, a.number(1)), 0, k))
        failed.store(zero, 0, 0)
        a.write(packed, first, c.count, transposed=True)
        swaps.write(pivots, first, c.count)
        failed.write(info, first, c.count)

    c.finish(some)


def _diagonal(c: _Call) -> None:
    source, diagonal, signs, n = *(c.memory() for _ in range(3)), c.size()
    a, found, sign = c.matrices(n, n), c.matrices(1, n), c.matrices(1, 1)

    def some(first: Int) -> None:
        f = c.f
        a.read(source, first, c.count, transposed=True)
        sign.store(a.number(1), 0, 0)

        def note(k: Int, place: Value) -> None:
            before = sign.load(0, 0)
            turned = f.op(a.type, f"fneg {a.type} {before}")
            sign.store(f.select(f.test("fcmp oeq", place, a.counted(k)), before, turned), 0, 0)

        _eliminate(a, None, note)
        f.loop(0, n, 1, lambda k, _: found.store(a.load(k, k), 0, k))
        found.write(diagonal, first, c.count)
        sign.write(signs, first, c.count)

    c.finish(some)


def _solve(c: _Call) -> None:
    source, right, result, info, n, k = *(c.memory() for _ in range(4)), c.size(), c.size()
    a, x, failed = c.matrices(n, n), c.matrices(n, k), c.matrices(1, 1)

    def some(first: Int) -> None:
        a.read(source, first, c.count)
        x.read(right, first, c.count)
        failed.store(_eliminate(a, x, lambda k, place: None), 0, 0)
        _substitute(a, x, upper=True, unit=False)
        x.write(result, first, c.count, transposed=True)
        failed.write(info, first, c.count)

    c.finish(some)


def _inverse(c: _Call) -> None:
    source, result, info, n = *(c.memory() for _ in range(3)), c.size()
    a, x, failed = c.matrices(n, n), c.matrices(n, n), c.matrices(1, 1)

    def some(first: Int) -> None:
        a.read(source, first, c.count)
        x.fill_with_identity()
        failed.store(_eliminate(a, x, lambda k, place: None), 0, 0)
        _substitute(a, x, upper=True, unit=False)
        x.write(result, first, c.count, transposed=True)
        failed.write(info, first, c.count)

    c.finish(some)


def _triangular(upper: bool, unit: bool) -> Callable[[_Call], None]:
    def build(c: _Call) -> None:
        source, right, result, n, k = *(c.memory() for _ in range(3)), c.size(), c.size()
        a, x = c.matrices(n, n), c.matrices(n, k)

        def some(first: Int) -> None:
            a.read(source, first, c.count)
            x.read(right, first, c.count)
            _substitute(a, x, upper, unit)
            x.write(result, first, c.count, transposed=True)

        c.finish(some)

    return build


def _cholesky(upper: bool) -> Callable[[_Call], None]:
    def build(c: _Call) -> None:
        source, result, info, n = *(c.memory() for _ in range(3)), c.size()
        a, failed = c.matrices(n, n), c.matrices(1, 1)

        def some(first: Int) -> None:
            a.read(source, first, c.count, transposed=upper)
            failed.store(_factor(a), 0, 0)
            a.write(result, first, c.count, transposed=True)
            failed.write(info, first, c.count)

        c.finish(some)

    return build


def _reflections(c: _Call) -> None:
    source, packed, weights, m, n = *(c.memory() for _ in range(3)), c.size(), c.size()
    a, own = c.matrices(m, n), c.matrices(1, c.f.minimum(m, n))

    def some(first: Int) -> None:
        a.read(source, first, c.count)
        _reflect(a, own)
        a.write(packed, first, c.count, transposed=True)
        own.write(weights, first, c.count)

    c.finish(some)


def _qr(c: _Call) -> None:
    source, q, r, m, n, columns = *(c.memory() for _ in range(3)), *(c.size() for _ in range(3))
    steps = c.f.minimum(m, n)
    a, whole, weights, upper = c.matrices(m, n), c.matrices(m, columns), c.matrices(1, steps), c.matrices(columns, n)

    def some(first: Int) -> None:
        f = c.f
        a.read(source, first, c.count)
        _reflect(a, weights)
        whole.fill_with_identity()

        def turn(t: Int, _: list[Value]) -> None:
            k = f.sub(f.sub(steps, 1), t)
            _apply(a, k, weights.load(0, k), whole, k)

        f.loop(0, steps, 1, turn)
        upper.each(lambda i, j: upper.store(f.select(f.compare("sle", i, j), a.load(i, j), a.number(0)), i, j))
        whole.write(q, first, c.count, transposed=True)
        upper.write(r, first, c.count, transposed=True)

    c.finish(some)


FUNCTIONS: dict[str, Callable[[_Call], None]] = {
    "lu": _lu,
    "diagonal": _diagonal,
    "solve": _solve,
    "inverse": _inverse,
    "cholesky": _cholesky(False),
    "cholesky_upper": _cholesky(True),
    "reflections": _reflections,
    "qr": _qr,
    **{
        f"triangular{'_upper' * upper}{'_unit' * unit}": _triangular(upper, unit)
        for upper in (False, True)
        for unit in (False, True)
    },
}
"""Arguments of each: the number of matrices and scratch memory, then dense arrays and sizes as their code reads them. What is
written with `transposed` lies by columns; pivots (from 1) and failures are numbers of the matrices' type."""


def lower(name: str, element: str, target: Target) -> str:
    """LLVM IR of function `name` for matrices of `element` ("float" or "double")."""
    module = Module(target)
    FUNCTIONS[name](_Call(module, name, element, target.lanes(32 if element == "float" else 64)))
    return module.text()
