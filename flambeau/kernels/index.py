"""Index algebra: positions as sums of axes, kept affine wherever they are, with exact quotients and remainders.

An `Index` is `(offset, ((atom, coefficient), …))`: plain tuples, so that equal positions compare equal. Its atoms belong to a
`Space`: loop axes with known extents, quotients and remainders that did not simplify, and data-dependent values with known
bounds. When a quotient would vanish if an axis were two axes, the space notes the wish in `splits`; the caller starts again
with the axis split. May import `flambeau.dtypes` and `flambeau.kernels.ir`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flambeau.dtypes import bool_, int64
from flambeau.kernels.ir import Expr
from flambeau.traced import whole

__all__ = ["Index", "Condition", "Space", "constant", "literal"]

Index = tuple[int, tuple[tuple[int, int], ...]]
Condition = tuple[Index, int, int, int]
"""`(index, low, high, every)`: low ≤ index < high and index is a multiple of `every`."""

ZERO: Index = (0, ())


def constant(n: int) -> Index:
    """The position `n`."""
    return (n, ())


def literal(n: int) -> Expr:
    """An int64 constant."""
    return Expr("literal", (), int64, n)


def _divided(what: object) -> tuple[Index, int]:
    """Of a quotient's or remainder's atom: what is divided, and by what."""
    return what  # type: ignore[return-value]


class Space:
    """The axes of one kernel, and the arithmetic on positions over them."""

    def __init__(self) -> None:
        self.extents: dict[int, int] = {}
        self.splits: set[tuple[int, int]] = set()
        self.used: set[Index] = set()
        self.merged: dict[int, tuple[int, int]] = {}
        self._atoms: list[tuple[str, object, int, int]] = []
        self._ids: dict[tuple[str, object, int, int], int] = {}
        self._axis_atom: dict[int, int] = {}
        self._emitted: dict[Index, Expr] = {}

    # --- atoms ---------------------------------------------------------------------------------------------------------
    def axis(self, number: int, extent: int) -> Index:
        """The loop variable of axis `number`; an axis of one iteration is 0."""
        if extent == 1:
            return ZERO
        self.extents[number] = extent
        atom = self._axis_atom[number] = self._atom("axis", number, 0, extent - 1)
        return (0, ((atom, 1),))

    def opaque(self, value: Expr, low: int, high: int) -> Index:
        """A value read from memory, known to lie in [low, high]."""
        if value.op == "literal":
            return constant(whole(value.param))
        return (0, ((self._atom("value", value, low, high), 1),))

    def _atom(self, kind: str, what: object, low: int, high: int) -> int:
        key = (kind, what, low, high)
        found = self._ids.get(key)
        if found is None:
            found = self._ids[key] = len(self._atoms)
            self._atoms.append(key)
        return found

    def bounds(self, index: Index) -> tuple[int, int]:
        """The smallest and largest value (exact for affine positions, else an enclosure)."""
        low = high = index[0]
        for atom, c in index[1]:
            _, _, a, b = self._atoms[atom]
            if c > 0:
                low += c * a
                high += c * b
            else:
                low += c * b
                high += c * a
        return low, high

    def axes_of(self, index: Index) -> set[int]:
        """The axes that the position varies with."""
        found: set[int] = set()
        for atom, _ in index[1]:
            kind, what, _, _ = self._atoms[atom]
            if kind == "axis":
                found.add(what)  # type: ignore[arg-type]
            elif kind == "value":
                found |= what.axes  # type: ignore[attr-defined]
            else:
                found |= self.axes_of(what[0])  # type: ignore[index]
        return found

    def affine(self, index: Index) -> dict[int, int] | None:
        """Coefficients by axis where the position is affine in axes, else None."""
        result = {}
        for atom, c in index[1]:
            kind, what, _, _ = self._atoms[atom]
            if kind != "axis":
                return None
            result[what] = c
        return result  # type: ignore[return-value]

    # --- arithmetic ----------------------------------------------------------------------------------------------------
    def add(self, *indices: Index) -> Index:
        """The sum."""
        if len(indices) == 2:
            if not indices[1][1]:
                return (indices[0][0] + indices[1][0], indices[0][1])
            if not indices[0][1]:
                return (indices[0][0] + indices[1][0], indices[1][1])
        offset = 0
        terms: dict[int, int] = {}
        for o, t in indices:
            offset += o
            for atom, c in t:
                terms[atom] = terms.get(atom, 0) + c
        return self._recombine(offset, terms)

    def scale(self, index: Index, k: int) -> Index:
        """k times the position."""
        if k == 1:
            return index
        if k == 0:
            return ZERO
        return (index[0] * k, tuple((atom, c * k) for atom, c in index[1]))

    def _recombine(self, offset: int, terms: dict[int, int]) -> Index:
        """Normal form; n·⌊x/n⌋ + x mod n becomes x again."""
        for atom in list(terms):
            kind, what, _, _ = self._atoms[atom]
            if kind == "mod" and terms.get(atom):
                x, n = _divided(what)
                quotient = self._ids.get(("div", what, *self._quotient_bounds((x, n))))
                c = terms[atom]
                if quotient is not None and terms.get(quotient) == c * n:
                    del terms[quotient], terms[atom]
                    return self.add((offset, tuple(terms.items())), self.scale(x, c))
        return (offset, tuple(sorted((atom, c) for atom, c in terms.items() if c)))

    def _quotient_bounds(self, what: tuple[Index, int]) -> tuple[int, int]:
        low, high = self.bounds(what[0])
        return low // what[1], high // what[1]

    def divide(self, index: Index, n: int) -> Index:
        """⌊index / n⌋ for n > 0."""
        if n == 1:
            return index
        offset, terms = index
        whole = tuple((atom, c // n) for atom, c in terms if c % n == 0)
        rest: Index = (offset % n, tuple((atom, c) for atom, c in terms if c % n))
        return self.add((offset // n, whole), self._divide_rest(rest, n))

    def _divide_rest(self, rest: Index, n: int) -> Index:
        low, high = self.bounds(rest)
        if low // n == high // n:
            return constant(low // n)
        offset, terms = rest
        for g in sorted({abs(c) for _, c in terms}, reverse=True):
            if g > 1 and n % g == 0:  # the part below g never carries
                small: Index = (offset % g, tuple((a, c) for a, c in terms if c % g))
                low, high = self.bounds(small)
                if low >= 0 and high < g:
                    return self.divide((offset // g, tuple((a, c // g) for a, c in terms if c % g == 0)), n // g)
        if len(terms) == 1 and terms[0][1] == 1:
            kind, what, _, _ = self._atoms[terms[0][0]]
            if kind == "axis":
                if offset == 0:
                    self._wish(what, n)  # type: ignore[arg-type]
            elif offset == 0 and kind == "div":
                return self.divide(what[0], what[1] * n)  # type: ignore[index]
            elif offset == 0 and kind == "mod" and what[1] % n == 0:  # type: ignore[index]
                return self.modulo(self.divide(what[0], n), what[1] // n)  # type: ignore[index]
        key = (rest, n)
        return (0, ((self._atom("div", key, *self._quotient_bounds(key)), 1),))

    def modulo(self, index: Index, n: int) -> Index:
        """index mod n, in [0, n)."""
        if n == 1:
            return ZERO
        offset, terms = index
        rest: Index = (offset % n, tuple((atom, c % n if c > 0 else -(-c % n)) for atom, c in terms if c % n))
        low, high = self.bounds(rest)
        if low // n == high // n:
            return (rest[0] - n * (low // n), rest[1])
        offset, terms = rest
        for g in sorted({abs(c) for _, c in terms}, reverse=True):
            if g > 1 and n % g == 0:
                small: Index = (offset % g, tuple((a, c) for a, c in terms if c % g))
                low, high = self.bounds(small)
                if low >= 0 and high < g:
                    large = self.modulo((offset // g, tuple((a, c // g) for a, c in terms if c % g == 0)), n // g)
                    return self.add(self.scale(large, g), small)
        if len(terms) == 1 and terms[0][1] == 1 and offset == 0:
            kind, what, _, _ = self._atoms[terms[0][0]]
            if kind == "axis":
                self._wish(what, n)  # type: ignore[arg-type]
            elif kind == "mod" and what[1] % n == 0:  # type: ignore[index]
                return self.modulo(what[0], n)  # type: ignore[index]
        return (0, ((self._atom("mod", (rest, n), 0, n - 1), 1),))

    def _wish(self, axis: int, inner: int) -> None:
        if self.extents[axis] % inner == 0:
            self.splits.add((axis, inner))

    # --- shapes --------------------------------------------------------------------------------------------------------
    def flat(self, index: Sequence[Index], shape: Sequence[int]) -> Index:
        """The row-major position in an array of `shape`."""
        parts, stride = [], 1
        for i, n in zip(reversed(index), reversed(shape)):
            if n != 1:
                parts.append(self.scale(i, stride))
            stride *= n
        return self.add(*parts) if parts else ZERO

    def unflat(self, flat: Index, shape: Sequence[int]) -> list[Index]:
        """The index in an array of `shape` at a row-major position."""
        result: list[Index] = []
        for d, n in enumerate(reversed(shape)):
            result.append(ZERO if n == 1 else flat if d == len(shape) - 1 else self.modulo(flat, n))
            flat = self.divide(flat, n)
        return result[::-1]

    def reshape(self, index: Sequence[Index], shape: Sequence[int], to: Sequence[int]) -> tuple[Index, ...]:
        """The index in an array of shape `to` for an index in the same elements under `shape` (no size is 0).

        Dimensions are matched in the shortest runs of equal product, so those that a reshape leaves alone stay as they are.
        """
        result: list[Index] = []
        i = j = 0
        while i < len(shape) or j < len(to):
            i0, j0, p, q = i, j, 1, 1
            if i < len(shape):
                p, i = shape[i], i + 1
            if j < len(to):
                q, j = to[j], j + 1
            while p != q:
                if p < q:
                    p, i = p * shape[i], i + 1
                else:
                    q, j = q * to[j], j + 1
            if i - i0 == 1 and j - j0 == 1:
                result.append(index[i0])
            else:
                result.extend(self.unflat(self.flat(index[i0:i], shape[i0:i]), to[j0:j]))
        return tuple(result)

    # --- conditions ----------------------------------------------------------------------------------------------------
    def within(self, index: Index, low: int, high: int, every: int = 1) -> Condition | bool:
        """low ≤ index < high and index ≡ 0 mod every: True or False where that is known, else the condition."""
        a, b = self.bounds(index)
        if a >= low and b < high:
            low, high = a, b + 1
            if every == 1 or self.modulo(index, every) == ZERO:
                return True
        elif b < low or a >= high:
            return False
        return (index, max(low, a), min(high, b + 1), every)

    # --- expressions ---------------------------------------------------------------------------------------------------
    def express(self, index: Index) -> Expr:
        """The position as an expression."""
        self.used.add(index)
        found = self._emitted.get(index)
        if found is None:
            found = self._emitted[index] = self._express(index)
        return found

    def _express(self, index: Index) -> Expr:
        offset, terms = index
        total: Expr | None = None
        for atom, c in terms:
            kind, what, _, _ = self._atoms[atom]
            if kind == "axis":
                if what in self.merged:
                    number, inner = self.merged[what]  # type: ignore[index]
                    if inner != 1:
                        continue  # an outer part: its inner neighbour stands for both
                    part = Expr("axis", (), int64, number)
                else:
                    part = Expr("axis", (), int64, what)
            elif kind == "value":
                part = what  # type: ignore[assignment]
            else:
                x, n = _divided(what)
                part = Expr("floor_divide" if kind == "div" else "remainder", (self.express(x), literal(n)), int64)
            if c != 1:
                part = Expr("mul", (part, literal(c)), int64)
            total = part if total is None else Expr("add", (total, part), int64)
        if total is None:
            return literal(offset)
        return total if offset == 0 else Expr("add", (total, literal(offset)), int64)

    def test(self, conditions: Iterable[Condition]) -> Expr | None:
        """All conditions as one boolean expression; None when there are none."""
        result: Expr | None = None
        for index, low, high, every in sorted(conditions):
            value = self.express(index)
            a, b = self.bounds(index)
            tests = []
            if low > a:
                tests.append(Expr("ge", (value, literal(low)), bool_))
            if high <= b:
                tests.append(Expr("lt", (value, literal(high)), bool_))
            if every != 1:
                tests.append(Expr("eq", (self.express(self.modulo(index, every)), literal(0)), bool_))
            for t in tests:
                result = t if result is None else Expr("bitwise_and", (result, t), bool_)
        return result

    # --- merging -------------------------------------------------------------------------------------------------------
    def mergeable(self, outer: int, inner: int) -> bool:
        """Whether every expressed position moves by `outer` exactly as by running past the end of `inner`."""
        extent = self.extents[inner]
        a, b = self._axis_atom.get(outer), self._axis_atom[inner]
        for _, terms in self.used:
            ca = cb = 0
            for atom, c in terms:
                if atom == a:
                    ca = c
                elif atom == b:
                    cb = c
                elif self._atoms[atom][0] == "value":
                    axes = self._atoms[atom][1].axes  # type: ignore[attr-defined]
                    if outer in axes or inner in axes:
                        continue  # what the value was read from was expressed too, and is judged there
            if ca != cb * extent:
                return False
        return True
