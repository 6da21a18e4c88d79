"""Symbolic sizes: polynomials with integer coefficients over named sizes, floor divisions, remainders, minima and maxima.

A named size stands for any integer from 1 up, so two polynomials of names alone that are not the same are *different*: a
program that needs them equal is wrong for some sizes. A floor division, a remainder, a minimum or a maximum is opaque:
whether it equals something else is not known unless both are written alike. `UNKNOWN` is a size of which nothing is known.

May import: nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Monomial = tuple[tuple["Atom", int], ...]  # (atom, power), in the order of the atoms' text; () is the constant term


class Atom:
    """What a polynomial is over: a name, or an opaque operation of two sizes."""

    __slots__ = ("left", "operator", "right", "text")

    def __init__(self, text: str, operator: str = "", left: Any = None, right: Any = None):
        self.text, self.operator, self.left, self.right = text, operator, left, right

    @property
    def opaque(self) -> bool:
        return bool(self.operator)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Atom) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return self.text

    def lower(self) -> int | None:
        """The least value it can take, None where there is no bound."""
        if not self.operator:
            return 1
        low, other = lower_bound(self.left), lower_bound(self.right)
        if self.operator == "%":
            return 0
        if self.operator == "//":
            return 0 if low is not None and low >= 0 and other is not None and other >= 1 else None
        if self.operator == "min":
            return min(low, other) if low is not None and other is not None else None
        return max((bound for bound in (low, other) if bound is not None), default=None)

    def upper(self) -> int | None:
        """The greatest value it can take, None where there is no bound."""
        if self.operator == "%" and isinstance(self.right, int):
            return self.right - 1
        if self.operator == "min":
            return min((side for side in (self.left, self.right) if isinstance(side, int)), default=None)
        return None


def lower_bound(size: object) -> int | None:
    """The least value that a size can take, None where there is no bound."""
    if isinstance(size, int):
        return size
    if isinstance(size, Symbolic):
        return size.lower()
    return None


class _Unknown:
    """A size of which nothing is known: it equals and fits everything as far as one can say."""

    __slots__ = ()

    def _absorb(self, other: object) -> _Unknown:
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _absorb
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = minimum = maximum = _absorb

    def equals(self, other: object) -> None:
        return None

    def less_than(self, other: object) -> None:
        return None

    def __repr__(self) -> str:
        return "?"


UNKNOWN = _Unknown()


class Symbolic:
    """A polynomial of sizes that is not a plain integer. Arithmetic gives an int where the result is constant."""

    __slots__ = ("terms",)

    def __init__(self, terms: Mapping[Monomial, int]):
        self.terms = dict(terms)

    # --- arithmetic

    def __add__(self, other: Any) -> Any:
        return _combine(self, other, 1)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return _combine(self, other, -1)

    def __rsub__(self, other: Any) -> Any:
        return _combine(-1 * self, other, 1)

    def __mul__(self, other: Any) -> Any:
        if other is UNKNOWN:
            return UNKNOWN
        terms: dict[Monomial, int] = {}
        for left, a in self.terms.items():
            for right, b in _terms(other).items():
                monomial = _multiply(left, right)
                terms[monomial] = terms.get(monomial, 0) + a * b
        return _made(terms)

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> Any:
        return _divide(self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return _divide(other, self)

    def __mod__(self, other: Any) -> Any:
        return _remainder(self, other)

    def __rmod__(self, other: Any) -> Any:
        return _remainder(other, self)

    def minimum(self, other: Any) -> Any:
        """min(self, other), in the order of their text."""
        return UNKNOWN if other is UNKNOWN else _operation("min", *sorted((self, other), key=str))

    def maximum(self, other: Any) -> Any:
        """max(self, other), in the order of their text."""
        return UNKNOWN if other is UNKNOWN else _operation("max", *sorted((self, other), key=str))

    # --- comparison

    def equals(self, other: Any) -> bool | None:
        """Whether self == other for every value of the names; None where opaque parts leave it open."""
        if other is UNKNOWN:
            return None
        difference = self - other
        if isinstance(difference, int):
            return difference == 0
        if difference.definite_sign():
            return False
        return None if difference.opaque() else False

    def less_than(self, other: Any) -> bool | None:
        """Whether self < other for every value of the names, or for none; else None."""
        if other is UNKNOWN:
            return None
        difference = self - other
        if isinstance(difference, int):
            return difference < 0
        low = difference.lower()
        if low is not None and low >= 0:
            return False
        high = (-1 * difference).lower()
        return True if high is not None and high > 0 else None

    def opaque(self) -> bool:
        """Whether a floor division, remainder, minimum or maximum is in it."""
        return any(atom.opaque for monomial in self.terms for atom, _ in monomial)

    def definite_sign(self) -> bool:
        """Whether it is above 0 for all values, or below 0 for all."""
        low, high = self.lower(), (-1 * self).lower()
        return (low is not None and low > 0) or (high is not None and high > 0)

    def lower(self) -> int | None:
        """The least value that it can be shown to take at least; None without a bound."""
        total = 0
        for monomial, coefficient in self.terms.items():
            bound: int | None = 1
            for atom, power in monomial:
                side = atom.lower() if coefficient > 0 else atom.upper()
                if side is None or side < 0 or (coefficient < 0 and len(monomial) > 1):
                    bound = None
                    break
                bound *= side**power
            if bound is None:
                return None
            total += coefficient * bound
        return total

    def names(self) -> Iterator[str]:
        """The names in it, with repeats."""
        for monomial in self.terms:
            for atom, _ in monomial:
                if not atom.operator:
                    yield atom.text
                else:
                    for side in (atom.left, atom.right):
                        if isinstance(side, Symbolic):
                            yield from side.names()

    def substitute(self, values: Mapping[str, Any]) -> Any:
        """Its value with names replaced by sizes."""
        total: Any = 0
        for monomial, coefficient in self.terms.items():
            term: Any = coefficient
            for atom, power in monomial:
                value = _value(atom, values)
                for _ in range(power):
                    term = term * value
            total = total + term
        return total

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Symbolic) and self.terms == other.terms

    def __hash__(self) -> int:
        return hash(frozenset(self.terms.items()))

    def __repr__(self) -> str:
        parts: list[str] = []
        for monomial, coefficient in sorted(self.terms.items(), key=lambda term: (not term[0], term[1] < 0, str(term[0]))):
            magnitude = abs(coefficient)
            alone = len(monomial) == 1 and monomial[0][1] == 1 and magnitude == 1
            factors = [_factor(atom, alone) if power == 1 else f"{_factor(atom, False)}**{power}" for atom, power in monomial]
            if magnitude != 1 or not factors:
                factors.insert(0, str(magnitude))
            text = "*".join(factors)
            if not parts:
                parts.append(text if coefficient > 0 else f"-{text}")
            else:
                parts.append(f"{'+' if coefficient > 0 else '-'} {text}")
        return " ".join(parts)


def symbol(name: str) -> Symbolic:
    """A named size: an integer from 1 up."""
    return Symbolic({((Atom(name), 1),): 1})


def substitute(size: Any, values: Mapping[str, Any]) -> Any:
    """A size with names replaced; integers and `UNKNOWN` stay."""
    return size.substitute(values) if isinstance(size, Symbolic) else size


def _value(atom: Atom, values: Mapping[str, Any]) -> Any:
    if not atom.operator:
        return values.get(atom.text, symbol(atom.text))
    left, right = substitute(atom.left, values), substitute(atom.right, values)
    if atom.operator == "//":
        return left // right
    if atom.operator == "%":
        return left % right
    if isinstance(left, int) and isinstance(right, int):
        return min(left, right) if atom.operator == "min" else max(left, right)
    one, other = (right, left) if isinstance(left, int) else (left, right)
    order = one.less_than(other)
    if order is None:
        return one.minimum(other) if atom.operator == "min" else one.maximum(other)
    return one if order == (atom.operator == "min") else other


def _factor(atom: Atom, alone: bool) -> str:
    return f"({atom.text})" if atom.operator in ("//", "%") and not alone else atom.text


def _terms(value: Any) -> Mapping[Monomial, int]:
    return value.terms if isinstance(value, Symbolic) else {(): value}


def _made(terms: Mapping[Monomial, int]) -> Any:
    kept = {monomial: coefficient for monomial, coefficient in terms.items() if coefficient}
    if not kept:
        return 0
    if len(kept) == 1 and () in kept:
        return kept[()]
    return Symbolic(kept)


def _combine(a: Any, b: Any, sign: int) -> Any:
    if a is UNKNOWN or b is UNKNOWN:
        return UNKNOWN
    terms = dict(_terms(a))
    for monomial, coefficient in _terms(b).items():
        terms[monomial] = terms.get(monomial, 0) + sign * coefficient
    return _made(terms)


def _multiply(a: Monomial, b: Monomial) -> Monomial:
    powers = dict(a)
    for atom, power in b:
        powers[atom] = powers.get(atom, 0) + power
    return tuple(sorted(powers.items(), key=lambda item: item[0].text))


def _quotient(a: Monomial, b: Monomial) -> Monomial | None:
    powers = dict(a)
    for atom, power in b:
        if powers.get(atom, 0) < power:
            return None
        powers[atom] -= power
    return tuple((atom, power) for atom, power in powers.items() if power)


def _bracket(value: Any) -> str:
    text = str(value)
    return (
        f"({text})"
        if isinstance(value, Symbolic) and (len(value.terms) > 1 or "*" in text or "/" in text or "%" in text)
        else text
    )


def _operation(operator: str, left: Any, right: Any) -> Symbolic:
    text = f"{operator}({left}, {right})" if operator in ("min", "max") else f"{_bracket(left)} {operator} {_bracket(right)}"
    return Symbolic({((Atom(text, operator, left, right), 1),): 1})


def _exact(a: Any, b: Symbolic) -> Any:
    """a / b where it leaves no remainder, else None: long division by the leading term."""
    lead = max(b.terms, key=_order)
    quotient: Any = 0
    rest: Any = a
    for _ in range(32):
        if isinstance(rest, int):
            return quotient if rest == 0 else None
        first = max(rest.terms, key=_order)
        monomial = _quotient(first, lead)
        if monomial is None or rest.terms[first] % b.terms[lead]:
            return None
        term = _made({monomial: rest.terms[first] // b.terms[lead]})
        quotient = quotient + term
        rest = rest - term * b
    return None


def _order(monomial: Monomial) -> tuple[int, str]:
    return sum(power for _, power in monomial), str(monomial)


def _divide(a: Any, b: Any) -> Any:
    """⌊a / b⌋, with what b surely divides taken out."""
    if a is UNKNOWN or b is UNKNOWN:
        return UNKNOWN
    if isinstance(b, Symbolic):
        if isinstance(a, int) and a == 0:
            return 0
        exact = _exact(a, b)
        return _operation("//", a, b) if exact is None else exact
    if b == 1:
        return a
    if b <= 0:
        if b == 0:
            raise ZeroDivisionError("integer division by zero")
        return _divide(-1 * a, -b)
    whole = _made({monomial: coefficient // b for monomial, coefficient in a.terms.items() if coefficient % b == 0})
    rest = _made({monomial: coefficient for monomial, coefficient in a.terms.items() if coefficient % b})
    if isinstance(rest, int):
        return whole + rest // b
    if () in rest.terms:  # keep the constant between -b and b, so that equal sizes are written alike
        constant = rest.terms[()]
        carry = constant // b if constant > 0 else -((-constant) // b)
        whole, rest = whole + carry, rest - carry * b
    if len(rest.terms) == 1:
        ((monomial, coefficient),) = rest.terms.items()
        if coefficient == 1 and len(monomial) == 1 and monomial[0][1] == 1:
            inner = monomial[0][0]
            if inner.operator == "//" and isinstance(inner.right, int) and inner.right > 0:
                return whole + _divide(inner.left, inner.right * b)
    return whole + _operation("//", rest, b)


def _remainder(a: Any, b: Any) -> Any:
    if a is UNKNOWN or b is UNKNOWN:
        return UNKNOWN
    if isinstance(b, Symbolic):
        if isinstance(a, int) and a == 0:
            return 0
        return _operation("%", a, b) if _exact(a, b) is None else 0
    if b == 0:
        raise ZeroDivisionError("integer modulo by zero")
    rest = _made({monomial: coefficient % b for monomial, coefficient in a.terms.items()})
    return rest % b if isinstance(rest, int) else _operation("%", rest, b)
