"""Whole numbers that note what is decided by them: what is planned for one size then holds for others.

A `Trace` has variables, each with a present value. `Traced` numbers are computed from those; whoever asks one a question (is it
less than that, which integer is it) gets the answer for the present values, and the question and its answer become a note.
Whatever was made from traced numbers is right for other values of the variables too, wherever all notes still hold. `checked`
turns notes into a function that looks whether they do, and says what the numbers are then.

A `Traced` is no `int`, so no place can take its value unseen: where Python wants an integer it asks `__index__`, and the answer
is noted. Sums and products are kept as polynomials: equal ones are one object, however they were made, and what is plain of
any sizes is not noted. Imports nothing of flambeau.
"""

from __future__ import annotations

import math
import operator
import threading
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["LEAST", "Notes", "Trace", "Traced", "is_multiple", "larger", "peeked", "plain_sign", "typical", "whole"]

LEAST = 9
"""Variables, and the sizes that generated code reads from its arguments, stand for numbers from here on. Smaller ones stay."""

_Terms = tuple[tuple[tuple[int, ...], int], ...]
"""A polynomial: ((numbers of atoms, sorted), coefficient), sorted."""

Notes = tuple[tuple[str, int, bool], ...]
"""Questions about numbers of a trace, with their answers."""

_OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "%": operator.mod,
    "/": operator.truediv,
    "max": max,
}
_QUESTIONS: dict[str, Callable[[Any, Any], bool]] = {"<": operator.lt, "==": operator.eq}


class Traced:
    """A number of a trace. `terms`: it as a polynomial of the trace's atoms; None where it is no integer."""

    __slots__ = ("trace", "number", "terms", "_hash")

    def __init__(self, trace: Trace, number: int, terms: _Terms | None) -> None:
        self.trace, self.number, self.terms = trace, number, terms
        self._hash = hash((terms, number if terms is None else -1))

    def settle(self) -> Any:
        """The value, from now on the only one."""
        value = self.trace.value(self)
        self.trace.ask("==", self, value)
        return value

    def __hash__(self) -> int:
        return self._hash

    def __index__(self) -> int:
        return self.settle()

    def __int__(self) -> int:
        return int(self.settle())

    def __float__(self) -> float:
        return float(self.settle())

    def __bool__(self) -> bool:
        return not self.trace.ask("==", self, 0)

    def __repr__(self) -> str:
        """What it is, not its value: equal for equal numbers of a trace."""
        return f"<number {self.number}>"

    def __str__(self) -> str:
        return str(self.settle())

    def __format__(self, how: str) -> str:
        return format(self.settle(), how)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if isinstance(other, Traced):
            return other.trace is self.trace and self.trace.ask("==", self, other)
        return isinstance(other, int | float) and self.trace.ask("==", self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __lt__(self, other: Any) -> bool:
        return self.trace.ask("<", self, other)

    def __gt__(self, other: Any) -> bool:
        return self.trace.ask("<", other, self)

    def __le__(self, other: Any) -> bool:
        return not self.trace.ask("<", other, self)

    def __ge__(self, other: Any) -> bool:
        return not self.trace.ask("<", self, other)

    def __add__(self, other: Any) -> Any:
        return self.trace.compute("+", self, other)

    def __radd__(self, other: Any) -> Any:
        return self.trace.compute("+", other, self)

    def __sub__(self, other: Any) -> Any:
        return self.trace.compute("-", self, other)

    def __rsub__(self, other: Any) -> Any:
        return self.trace.compute("-", other, self)

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, list | tuple):
            return other * self.settle()
        return self.trace.compute("*", self, other)

    def __rmul__(self, other: Any) -> Any:
        return self * other if isinstance(other, list | tuple) else self.trace.compute("*", other, self)

    def __floordiv__(self, other: Any) -> Any:
        return self.trace.compute("//", self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return self.trace.compute("//", other, self)

    def __mod__(self, other: Any) -> Any:
        return self.trace.compute("%", self, other)

    def __rmod__(self, other: Any) -> Any:
        return self.trace.compute("%", other, self)

    def __truediv__(self, other: Any) -> Any:
        return self.trace.compute("/", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self.trace.compute("/", other, self)

    def __neg__(self) -> Any:
        return self.trace.compute("-", 0, self)

    def __pos__(self) -> Traced:
        return self

    def __abs__(self) -> Any:
        return -self if self < 0 else self

    def bit_length(self) -> int:
        """As `int.bit_length`; the powers of two that the number lies between are noted."""
        bits = int(self.trace.value(self)).bit_length()
        size = abs(self)
        if size < 1 << bits and (bits == 0 or not size < 1 << (bits - 1)):
            return bits
        raise AssertionError(bits)


def _settle(name: str) -> None:
    function = getattr(operator, f"__{name}__", None) or getattr(int, f"__{name}__")

    def method(self: Traced, *others: Any) -> Any:
        return function(self.settle(), *(o.settle() if isinstance(o, Traced) else o for o in others))

    def reflected(self: Traced, other: Any) -> Any:
        return function(other, self.settle())

    setattr(Traced, f"__{name}__", method)
    if name not in ("invert", "round", "trunc", "floor", "ceil"):
        setattr(Traced, f"__r{name}__", reflected)


for _name in ("pow", "lshift", "rshift", "and", "or", "xor", "invert", "round", "trunc", "floor", "ceil", "divmod"):
    _settle(_name)  # what sizes are not often put through: their value is noted


class Trace:
    """Variables, the numbers computed from them, and the notes of now."""

    def __init__(self, values: Sequence[int]) -> None:
        self.lock = threading.RLock()
        """Whoever begins, or asks, holds it."""
        self.kept: dict[Any, list[tuple[Notes, Any]]] = {}
        """Where a device keeps what it made of parts of plans over these numbers, with the notes under which each is right."""
        self._operations: list[tuple[str, Any, Any]] = []
        self._known: dict[Any, Traced] = {}
        self._least: list[int | None] = []
        self._values: dict[int, Any] = {}
        self.variables = tuple(self._atom(("variable", k, None), (k,), LEAST) for k in range(len(values)))
        self.begin(values)

    def begin(self, values: Sequence[int]) -> None:
        """From now on the variables have these values, and notes are new ones. What was computed before must be right for them:
        the notes under which it was must hold."""
        assert len(values) == len(self.variables)
        self._values = dict(enumerate(values))
        self._answers: dict[tuple[str, int], bool] = {}

    @property
    def notes(self) -> Notes:
        """The questions since `begin`, in order, with their answers."""
        return tuple((question, number, answer) for (question, number), answer in self._answers.items())

    def apart(self, function: Callable[[], Any]) -> tuple[Any, Notes]:
        """What `function()` gives, and the notes made meanwhile, under which that is right. They are notes of now, too."""
        before, self._answers = self._answers, {}
        try:
            result = function()
            return result, self.notes
        finally:
            self._answers = before | self._answers

    def assume(self, notes: Notes) -> bool:
        """Whether these notes hold now; then they are notes of now."""
        for question, number, answer in notes:
            if _QUESTIONS[question](self._now(number), 0) is not answer:
                return False
        self._answers.update({(question, number): answer for question, number, answer in notes})
        return True

    def value(self, x: Any) -> Any:
        """What a number is now."""
        return self._now(x.number) if isinstance(x, Traced) else x

    def _now(self, number: int) -> Any:
        values, stack = self._values, [number]
        while stack:
            n = stack[-1]
            if n in values:
                stack.pop()
                continue
            symbol, a, b = self._operations[n]
            missing = [o.number for o in (a, b) if isinstance(o, Traced) and o.number not in values]
            if missing:
                stack += missing
                continue
            a, b = (values[o.number] if isinstance(o, Traced) else o for o in (a, b))
            values[n] = _OPERATIONS[symbol](a, b)
        return values[number]

    def compute(self, symbol: str, a: Any, b: Any) -> Any:
        """a symbol b, as a traced number or, where it is one whatever the variables are, a plain one."""
        if not isinstance(a, Traced | int | float) or not isinstance(b, Traced | int | float):
            return NotImplemented
        left, right = _terms(a), _terms(b)
        if left is None or right is None or symbol == "/":
            return self._atom((symbol, a, b), None, None)
        if symbol in "+-*":
            terms = _product(left, right) if symbol == "*" else _sum(left, right, 1 if symbol == "+" else -1)
        else:
            exact = self._exact(left, right)
            if exact is None:
                low: int | None = None
                if isinstance(b, int) and b > 0:
                    least = self.bound(left)
                    low = 0 if symbol == "%" else None if least is None or least < 0 else least // b
                return self._atom((symbol, a, b), (), low)
            if symbol == "%":
                return 0
            terms = exact
        if not terms or (len(terms) == 1 and not terms[0][0]):
            return terms[0][1] if terms else 0
        found = self._known.get(terms)
        if found is None:
            found = self._known[terms] = Traced(self, len(self._operations), terms)
            self._operations.append((symbol, a, b))
            self._least.append(None)
        return found

    def larger(self, a: Any, b: Any) -> Traced:
        """The larger one, whichever it is."""
        return self._atom(("max", a, b), (), None)

    def ask(self, question: str, a: Any, b: Any) -> bool:
        """Whether a < b, or a == b, now."""
        difference = self.compute("-", a, b)
        if not isinstance(difference, Traced):
            return _QUESTIONS[question](difference, 0)
        if difference.terms is not None:
            low = self.bound(difference.terms)
            if low is not None and low > (-1 if question == "<" else 0):
                return False
            high = self.bound(_sum((), difference.terms, -1))
            if high is not None and high > 0:
                return question == "<"
        key = (question, difference.number)
        answer = self._answers.get(key)
        if answer is None:
            answer = self._answers[key] = _QUESTIONS[question](self.value(difference), 0)
        return answer

    def checked(self, notes: Notes, results: Sequence[Any]) -> Callable[[Sequence[int]], Any]:
        """A function of the variables' values: None where a note doesn't hold for them, else the list of the results."""
        lines: list[str] = []
        made = set(range(len(self.variables)))

        def name(x: Any) -> str:
            return f"x{x.number}" if isinstance(x, Traced) else repr(x)

        def make(number: int) -> None:
            stack = [number]
            while stack:
                n = stack[-1]
                if n in made:
                    stack.pop()
                    continue
                symbol, a, b = self._operations[n]
                missing = [o.number for o in (a, b) if isinstance(o, Traced) and o.number not in made]
                if missing:
                    stack += missing
                    continue
                lines.append(f" x{n} = max({name(a)}, {name(b)})" if symbol == "max" else f" x{n} = {name(a)} {symbol} {name(b)}")
                made.add(n)

        for question, number, answer in notes:
            make(number)
            refused = {("<", True): ">=", ("<", False): "<", ("==", True): "!=", ("==", False): "=="}[question, answer]
            lines.append(f" if x{number} {refused} 0: return None")
        for x in results:
            if isinstance(x, Traced):
                make(x.number)
        head = "".join(f"x{k}, " for k in range(len(self.variables)))
        body = "\n".join([f" {head or '()'} = values", *lines, f" return [{', '.join(map(name, results))}]"])
        space: dict[str, Any] = {"inf": math.inf, "nan": math.nan}
        exec(f"def check(values):\n{body}", space)
        return space["check"]

    def _atom(self, operation: tuple[str, Any, Any], kind: tuple[int, ...] | None, least: int | None) -> Traced:
        """A number that is no sum or product of others; `kind` is None where it is no integer."""
        symbol, a, b = operation
        key = (symbol, *((o.number, None) if isinstance(o, Traced) else (o.__class__, o) for o in (a, b)))
        found = self._known.get(key)
        if found is None:
            number = len(self._operations)
            found = self._known[key] = Traced(self, number, None if kind is None else (((number,), 1),))
            if kind is not None:
                self._known[found.terms] = found
            self._operations.append(operation)
            self._least.append(least)
        return found

    def bound(self, terms: _Terms) -> int | None:
        """A number that the polynomial is not below whatever the variables are, where one is plain."""
        positive = {atoms: c for atoms, c in terms if atoms and c > 0}
        total = 0
        for atoms, coefficient in terms:
            if not atoms:
                total += coefficient
            elif coefficient < 0 and not self._outweighed(atoms, -coefficient, positive):
                return None
        for atoms, coefficient in positive.items():
            least = self._product_bound(atoms)
            if least is None:
                return None
            total += coefficient * least
        return total

    def _outweighed(self, atoms: tuple[int, ...], coefficient: int, positive: dict[tuple[int, ...], int]) -> bool:
        """Whether a positive term is never less than coefficient·atoms; what it is more by takes its place."""
        if self._product_bound(atoms) is None:
            return False
        for larger, own in positive.items():
            rest = _without(larger, atoms)
            least = None if rest is None else self._product_bound(rest)
            if least and own * least >= coefficient:
                del positive[larger]
                positive[atoms] = own * least - coefficient
                return True
        return False

    def _product_bound(self, atoms: tuple[int, ...]) -> int | None:
        least = 1
        for n in atoms:
            one = self._least[n]
            if one is None or one < 0:
                return None
            least *= one
        return least

    def _exact(self, left: _Terms, right: _Terms) -> _Terms | None:
        """left / right where that is a polynomial for all values, and right is never 0."""
        if len(right) != 1:
            return () if not left and right else None
        atoms, coefficient = right[0]
        if not coefficient or not all((self._least[n] or 0) > 0 for n in atoms):
            return None
        result = []
        for own, c in left:
            rest = _without(own, atoms)
            if rest is None or c % coefficient:
                return None
            result.append((rest, c // coefficient))
        return tuple(sorted(result))


def _without(atoms: tuple[int, ...], others: tuple[int, ...]) -> tuple[int, ...] | None:
    """atoms / others, or None where that is no product."""
    rest = list(atoms)
    for n in others:
        if n not in rest:
            return None
        rest.remove(n)
    return tuple(rest)


def _terms(x: Any) -> _Terms | None:
    if isinstance(x, Traced):
        return x.terms
    if isinstance(x, float):
        return None
    return (((), int(x)),) if x else ()


def _sum(a: _Terms, b: _Terms, factor: int) -> _Terms:
    if not b:
        return a
    terms = dict(a)
    for atoms, c in b:
        total = terms.get(atoms, 0) + factor * c
        if total:
            terms[atoms] = total
        else:
            terms.pop(atoms, None)
    return tuple(sorted(terms.items()))


def _product(a: _Terms, b: _Terms) -> _Terms:
    terms: dict[tuple[int, ...], int] = {}
    for x, c in a:
        for y, d in b:
            atoms = tuple(sorted(x + y))
            terms[atoms] = terms.get(atoms, 0) + c * d
    return tuple(sorted((atoms, c) for atoms, c in terms.items() if c))


def whole(x: Any) -> Any:
    """The integer that x is; a traced one stays what it is."""
    return x if isinstance(x, Traced) else int(x)


def plain_sign(x: Any) -> int | None:
    """1 or -1 for a number that has that sign, and 0 for one that is 0, whatever the variables are; None where that isn't plain.
    Notes nothing."""
    if not isinstance(x, Traced):
        return (x > 0) - (x < 0)
    if x.terms is None:
        return None
    for sign in (1, -1):
        low = x.trace.bound(x.terms if sign == 1 else _sum((), x.terms, -1))
        if low is not None and low > 0:
            return sign
    return None


def is_multiple(x: Any, n: int) -> bool:
    """Whether x is a multiple of n whatever the variables are. Notes nothing."""
    rest = x % n
    return isinstance(rest, int) and rest == 0


def peeked(x: Any) -> Any:
    """What a number is now, unnoted: for choices that are right for any number."""
    return x.trace.value(x) if isinstance(x, Traced) else x


def larger(a: Any, b: Any) -> Any:
    """The larger of two numbers, unnoted."""
    if not isinstance(a, Traced) and not isinstance(b, Traced):
        return max(a, b)
    sign = plain_sign(a - b)
    trace = a.trace if isinstance(a, Traced) else b.trace
    return trace.larger(a, b) if sign is None else a if sign > 0 else b


def typical(x: Any) -> int:
    """A plain number about as large: what to choose by. Only the powers of two that a traced number lies between are noted."""
    if not isinstance(x, Traced):
        return x
    bits = x.bit_length()
    return 3 << bits - 2 if bits > 1 else bits
