"""Matching shapes that contain names against shapes that are given, binding the names.

May import: shapes.errors, shapes.sizes, shapes.symbolic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flambeau.shapes.errors import ShapeError, show
from flambeau.shapes.symbolic import UNKNOWN, Symbolic, substitute

Bindings = dict[str, Any]  # a name's size, or for a *name a tuple of sizes


def _show_pattern(pattern: Sequence[Any]) -> str:
    return show(f"*{part.name}" if hasattr(part, "name") else part for part in pattern)


def match(pattern: Sequence[Any], shape: Sequence[Any], bindings: Bindings, *, what: str) -> None:
    """Bind the names of `pattern` (sizes, symbolic sizes, one ``Star``) so that it is `shape`; adds to `bindings`.

    A name alone takes the size it meets; an expression is compared once its names are bound, or solved where it is linear in
    one unbound name. Raises ShapeError naming `what`, the sizes and what they were bound to.
    """
    star = next((i for i, part in enumerate(pattern) if hasattr(part, "name")), None)
    if star is None:
        if len(pattern) != len(shape):
            raise ShapeError(
                f"{what}: expected {len(pattern)} dimensions {_show_pattern(pattern)}, got {len(shape)}: {show(shape)}"
            )
        pairs = list(zip(pattern, shape))
    else:
        tail = len(pattern) - star - 1
        if len(shape) < star + tail:
            raise ShapeError(
                f"{what}: expected at least {star + tail} dimensions {_show_pattern(pattern)}, got {len(shape)}: {show(shape)}"
            )
        middle = tuple(shape[star : len(shape) - tail])
        name = pattern[star].name
        if name:
            before = bindings.get("*" + name)
            if before is None:
                bindings["*" + name] = middle
            elif len(before) != len(middle) or any(_equal(a, b) is False for a, b in zip(before, middle)):
                raise ShapeError(f"{what}: *{name} is {show(before)} elsewhere but {show(middle)} in {show(shape)}")
        pairs = list(zip(pattern[:star], shape[:star])) + list(zip(pattern[star + 1 :], shape[len(shape) - tail :]))
    for expected, given in pairs:  # names first, so that expressions find them bound
        if isinstance(expected, Symbolic) and _name(expected) and _name(expected) not in bindings:
            bindings[_name(expected)] = given
    for dim, (expected, given) in enumerate(pairs):
        value = substitute(expected, {k: v for k, v in bindings.items() if not k.startswith("*")})
        free = sorted({name for name in value.names() if name not in bindings}) if isinstance(value, Symbolic) else []
        if len(free) == 1 and (solution := _solve(value, free[0], given)) is not None:
            bindings[free[0]] = solution
            continue
        if free and not _impossible(value, free, given):
            continue
        if _equal(value, given) is False:
            spelled = f"{expected} = {value}" if isinstance(expected, Symbolic) else f"{expected}"
            raise ShapeError(
                f"{what}: expected {_show_pattern(pattern)}, got {show(shape)}: dimension {dim} is {given}, not {spelled}"
            )


def _equal(a: Any, b: Any) -> bool | None:
    if a is UNKNOWN or b is UNKNOWN:
        return None
    if isinstance(a, int):
        return a == b if isinstance(b, int) else b.equals(a)
    return a.equals(b)


def _name(size: Symbolic) -> str:
    """The name that a size is, "" for an expression."""
    if len(size.terms) == 1:
        ((monomial, coefficient),) = size.terms.items()
        if coefficient == 1 and len(monomial) == 1 and monomial[0][1] == 1 and not monomial[0][0].opaque:
            return monomial[0][0].text
    return ""


def _impossible(size: Symbolic, free: Sequence[str], given: Any) -> bool:
    """Whether no value of one free name can make the size what is given: 2·H is never 7."""
    if len(free) != 1 or not isinstance(given, int) or size.opaque():
        return False
    return all(len(monomial) <= 1 for monomial in size.terms) and all(power == 1 for m in size.terms for _, power in m)


def _solve(size: Symbolic, name: str, given: Any) -> Any:
    """The value of `name` for which ``a·name + b`` is `given`, None where it is not linear or does not divide."""
    linear, rest = 0, 0
    for monomial, coefficient in size.terms.items():
        if not monomial:
            rest = coefficient
        elif len(monomial) == 1 and monomial[0][1] == 1 and monomial[0][0].text == name:
            linear = coefficient
        else:
            return None
    if not linear or given is UNKNOWN:
        return None
    difference = given - rest
    if isinstance(difference, int) and (difference % linear or difference // linear < 0):
        return None
    return difference // linear if isinstance(difference, int) or linear == 1 else None
