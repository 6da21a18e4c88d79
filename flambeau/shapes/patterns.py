"""Shapes of einops patterns: rearrange, repeat and reduce. The einops package reads the patterns.

May import: shapes.errors, shapes.sizes, and einops' parser when first called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flambeau.shapes.errors import ShapeError, show
from flambeau.shapes.sizes import Shape, Size, differ, divisible, equal, product, unify


def _sides(operation: str, pattern: str, axes: Mapping[str, Size]) -> tuple[Any, Any, str]:
    from einops.parsing import ParsedExpression, _ellipsis

    if pattern.count("->") != 1:
        raise ShapeError(f'{operation}: a pattern has one "->" between its sides, got {pattern!r}')
    left_text, right_text = pattern.split("->")
    left, right = ParsedExpression(left_text), ParsedExpression(right_text)
    if not left.has_ellipsis and right.has_ellipsis:
        raise ShapeError(f"{operation}: the right side has an ellipsis and the left side has none: {pattern!r}")
    names_left, names_right = set(map(str, left.identifiers)), set(map(str, right.identifiers))
    if operation == "rearrange":
        if names_left != names_right:
            only = ", ".join(sorted(names_left ^ names_right))
            raise ShapeError(f"rearrange: identifiers on one side only: {only} in {pattern!r}")
    elif operation == "repeat":
        missing = sorted(names_left - names_right)
        new = sorted(str(n) for n in right.identifiers if str(n) not in names_left | set(axes) and not hasattr(n, "value"))
        if missing or new:
            reason = "left side only: " + ", ".join(missing) if missing else "no size for " + ", ".join(new)
            raise ShapeError(f"repeat: {reason} in {pattern!r}")
    elif names_right - names_left:
        raise ShapeError(
            f"reduce: identifiers on the right side only: {', '.join(sorted(names_right - names_left))} in {pattern!r}"
        )
    for name in axes:
        if name not in names_left | names_right:
            raise ShapeError(f"{operation}: axis {name} is given a size but is not in {pattern!r}")
    return left, right, _ellipsis


def _sizes(
    operation: str, pattern: str, left: Any, ellipsis: str, shape: Sequence[Size], axes: Mapping[str, Size]
) -> dict[str, Any]:
    """The size of each identifier, of the ellipsis a tuple."""
    found: dict[str, Any] = dict(axes)
    groups = list(left.composition)
    named = sum(group != ellipsis for group in groups)
    if len(shape) < named or (not left.has_ellipsis and len(shape) != named):
        raise ShapeError(
            f"{operation}: the left side of {pattern!r} has {named} dimensions{' or more' if left.has_ellipsis else ''}, the"
            f" tensor {show(shape)} has {len(shape)}"
        )
    dim = 0
    for group in groups:
        if group == ellipsis:
            extent = len(shape) - named
            found[ellipsis] = tuple(shape[dim : dim + extent])
            dim += extent
            continue
        _split(operation, pattern, group, shape[dim], found)
        dim += 1
    return found


def _split(operation: str, pattern: str, group: Sequence[Any], size: Size, found: dict[str, Any]) -> None:
    values = {str(name): getattr(name, "value", found.get(str(name))) for name in group}
    unknown = [name for name, value in values.items() if value is None]
    rest = product(value for value in values.values() if value is not None)
    where = f"({' '.join(values)})" if len(values) != 1 else next(iter(values))
    if not unknown:
        if differ(rest, size):
            raise ShapeError(f"{operation}: {where} is {rest} in {pattern!r} but the dimension is {size}")
        if len(values) == 1 and not isinstance(rest, int):
            found[next(iter(values))] = unify(rest, size)
    elif len(unknown) > 1:
        raise ShapeError(f"{operation}: the sizes of {', '.join(unknown)} in {pattern!r} cannot all be inferred: give one")
    else:
        if divisible(size, rest) is False or equal(rest, 0) is True:
            raise ShapeError(f"{operation}: {where} in {pattern!r} does not divide the dimension: {size} by {rest}")
        found[unknown[0]] = size // rest
    for name, value in values.items():
        if value is not None:
            found.setdefault(name, value)


def _result(right: Any, ellipsis: str, found: Mapping[str, Any]) -> Shape:
    result: list[Size] = []
    for group in right.composition:
        if group == ellipsis:
            result.extend(found[ellipsis])
            continue
        sizes: list[Size] = []
        for name in group:
            value = getattr(name, "value", None)
            if str(name) == ellipsis:
                sizes.extend(found[ellipsis])
            else:
                sizes.append(found[str(name)] if value is None else value)
        result.append(product(sizes))
    return tuple(result)


def _shape(operation: str, pattern: str, shape: Sequence[Size], axes: Mapping[str, Size]) -> Shape:
    left, right, ellipsis = _sides(operation, pattern, axes)
    return _result(right, ellipsis, _sizes(operation, pattern, left, ellipsis, shape, axes))


def rearrange(pattern: str, shape: Sequence[Size], axes: Mapping[str, Size]) -> Shape:
    """``"b c (h p) -> b h (c p)"``: dimensions split, reordered and merged."""
    return _shape("rearrange", pattern, shape, axes)


def repeat(pattern: str, shape: Sequence[Size], axes: Mapping[str, Size]) -> Shape:
    """As `rearrange`, with dimensions of given sizes added."""
    return _shape("repeat", pattern, shape, axes)


def reduce(pattern: str, shape: Sequence[Size], axes: Mapping[str, Size]) -> Shape:
    """As `rearrange`, without the dimensions that the right side lacks."""
    return _shape("reduce", pattern, shape, axes)
