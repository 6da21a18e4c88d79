"""Numbers that note what is decided by them."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flambeau.traced import LEAST, Trace, Traced, is_multiple, larger, peeked, plain_sign, typical

SIZES = st.lists(st.integers(LEAST, 300), min_size=3, max_size=3)
ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": lambda a, b: a // b if b != 0 else a,
    "%": lambda a, b: a % b if b != 0 else b,
    "/": lambda a, b: a / b if b != 0 else 0.5,
    "min": min,
    "max": max,
    "larger": larger,
    "less": lambda a, b: a if a < b else 3,
    "at least": lambda a, b: b if a >= b else -a,
    "equal": lambda a, b: 2 * a if a == b else b,
}
STEPS = st.lists(st.tuples(st.sampled_from(sorted(ARITHMETIC)), st.integers(0, 30), st.integers(0, 30)), max_size=14)


def run(steps: list[tuple[str, int, int]], numbers: tuple[Any, ...]) -> list[Any]:
    known: list[Any] = [*numbers, 0, 1, 4, 12, -7, 0.75]
    for name, a, b in steps:
        known.append(ARITHMETIC[name](known[a % len(known)], known[b % len(known)]))
    return known


@given(STEPS, SIZES, st.lists(SIZES, max_size=6))
def test_what_the_notes_hold_for_is_right(steps: Any, now: list[int], others: list[list[int]]) -> None:
    trace = Trace(now)
    traced = run(steps, trace.variables)
    plain = run(steps, tuple(now))
    assert [trace.value(x) for x in traced] == plain
    check = trace.checked(trace.notes, traced)
    assert check(now) == plain
    for values in others:
        found = check(values)
        assert found is None or found == run(steps, tuple(values))


@given(STEPS, SIZES, SIZES)
def test_notes_after_begin_are_new(steps: Any, first: list[int], now: list[int]) -> None:
    trace = Trace(first)
    double = trace.variables[0] * 2
    trace.begin(now)
    traced = run(steps, (double, *trace.variables[1:]))
    assert trace.checked(trace.notes, traced)(now) == run(steps, (2 * now[0], *now[1:]))


def test_sums_and_products_are_one_however_made() -> None:
    a, b, _ = Trace([20, 30, 40]).variables
    assert (a + 1) * b - b is a * b
    assert (a * b * 4) // b is a * 4
    assert a * b % b == 0
    assert a - a == 0
    assert (a + b) - a is b
    assert not a.trace.notes


def test_what_is_plain_is_not_noted() -> None:
    a, b, _ = Trace([20, 30, 40]).variables
    assert a > 1 and a != 1 and a >= LEAST and not a < 2 and a * b > b and 2 * a + b > 3 and a + 1 > a and bool(a)
    assert not a.trace.notes
    assert plain_sign(a - 3) == 1 and plain_sign(a - b) is None and plain_sign(3 - a) == -1
    assert is_multiple(12 * a, 4) and not is_multiple(a, 4) and is_multiple(12, 4)
    assert larger(a, b) is not a and larger(a, 2) is a and larger(3, 2) == 3
    assert peeked(a + b) == 50 and peeked(3) == 3
    assert not a.trace.notes


@pytest.mark.parametrize(
    "take", [int, float, str, range, hex, lambda x: f"{x:>4}", lambda x: [0] * x, lambda x: 1 << x, lambda x: x & 3, round]
)
def test_where_the_value_is_taken_it_is_noted(take: Callable[[Any], Any]) -> None:
    trace = Trace([20])
    assert take(trace.variables[0]) == take(20)
    check = trace.checked(trace.notes, ())
    assert check([20]) == [] and check([21]) is None


def test_powers_of_two() -> None:
    trace = Trace([20])
    (a,) = trace.variables
    assert a.bit_length() == 5 and typical(a) == 24 and typical(7) == 7
    check = trace.checked(trace.notes, ())
    assert check([16]) == check([31]) == [] and check([15]) is None and check([32]) is None


def test_numbers_of_two_traces_differ() -> None:
    a, b = Trace([20]).variables[0], Trace([20]).variables[0]
    assert a != b and not a.trace.notes and isinstance(a, Traced)
