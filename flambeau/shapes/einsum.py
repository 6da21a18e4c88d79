"""Einstein summation: parsing the labels in string form and computing the result's shape.

May import: shapes.broadcasting, shapes.errors, shapes.sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from flambeau.shapes.broadcasting import broadcast
from flambeau.shapes.errors import ShapeError, show
from flambeau.shapes.sizes import Shape, Size, differ, equal, unify

ELLIPSIS = "..."


class Equation(NamedTuple):
    """Labels of each operand and of the output; the ellipsis is the label ``...``."""

    inputs: tuple[tuple[str, ...], ...]
    output: tuple[str, ...]


def _labels(text: str, equation: str) -> tuple[str, ...]:
    labels: list[str] = []
    text = text.replace(" ", "")
    position = 0
    while position < len(text):
        if text.startswith(ELLIPSIS, position):
            if ELLIPSIS in labels:
                raise ShapeError(f"einsum(): found '.' for a second ellipsis in '{text}' of '{equation}'")
            labels.append(ELLIPSIS)
            position += 3
            continue
        label = text[position]
        if label == ".":
            raise ShapeError(f"einsum(): found '.' that is not part of an ellipsis ('...') in '{text}' of '{equation}'")
        if not (label.isascii() and label.isalpha()):
            raise ShapeError(f"einsum(): invalid subscript given, subscripts must be in [a-zA-Z], got '{label}' in '{equation}'")
        labels.append(label)
        position += 1
    return tuple(labels)


def parse(equation: str, operands: int) -> Equation:
    """The labels of an equation such as ``"bij,bjk->bik"``; without ``->`` the output is implied, as in PyTorch."""
    left, arrow, right = equation.partition("->")
    inputs = tuple(_labels(part, equation) for part in left.split(","))
    if len(inputs) != operands:
        more = "more" if operands > len(inputs) else "fewer"
        raise ShapeError(
            f"einsum(): {more} operands were provided than specified in the equation: '{equation}' names {len(inputs)}, got"
            f" {operands}"
        )
    if arrow:
        output = _labels(right, equation)
        for position, label in enumerate(output):
            if label in output[:position]:
                raise ShapeError(f"einsum(): output subscript {label} appears more than once in the output of '{equation}'")
            if label != ELLIPSIS and not any(label in labels for labels in inputs):
                raise ShapeError(
                    f"einsum(): output subscript {label} does not appear in the equation for any input operand: '{equation}'"
                )
        return Equation(inputs, output)
    return Equation(inputs, implied_output(inputs))


def implied_output(inputs: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The ellipsis, then the labels that occur once, in PyTorch's order (capitals first)."""
    every = [label for labels in inputs for label in labels]
    once = sorted(label for label in set(every) if label != ELLIPSIS and every.count(label) == 1)
    return ((ELLIPSIS,) if ELLIPSIS in every else ()) + tuple(once)


class Sizes(NamedTuple):
    """What an equation means for given shapes."""

    labels: dict[str, Size]
    ellipsis: Shape
    result: Shape


def sizes(equation: Equation, shapes: Sequence[Sequence[Size]], *, text: str = "") -> Sizes:
    """The size of each label, of what the ellipsis covers (broadcast), and the result's shape. A label of size 1 stretches."""
    found: dict[str, Size] = {}
    covered: list[Shape] = []
    for position, (labels, shape) in enumerate(zip(equation.inputs, shapes)):
        named = len(labels) - (ELLIPSIS in labels)
        if len(shape) < named or (ELLIPSIS not in labels and len(shape) != named):
            raise ShapeError(
                f"einsum(): the number of subscripts in the equation ({named}) does not match the number of dimensions"
                f" ({len(shape)}) for operand {position}{' and no ellipsis was given' if ELLIPSIS not in labels else ''}:"
                f" '{text or ''.join(labels)}' with {show(shape)}"
            )
        dim = 0
        for label in labels:
            if label == ELLIPSIS:
                extent = len(shape) - named
                covered.append(tuple(shape[dim : dim + extent]))
                dim += extent
                continue
            size = shape[dim]
            if label not in found or equal(found[label], 1) is True:
                found[label] = size
            elif equal(size, 1) is True:
                pass
            elif differ(found[label], size):
                raise ShapeError(
                    f"einsum(): subscript {label} has size {size} for operand {position} which does not broadcast with previously"
                    f" seen size {found[label]}"
                )
            else:
                found[label] = unify(found[label], size)
            dim += 1
    ellipsis = broadcast(*covered)
    result: list[Size] = []
    for label in equation.output:
        if label == ELLIPSIS:
            result.extend(ellipsis)
        else:
            result.append(found[label])
    return Sizes(found, ellipsis, tuple(result))


def einsum(equation: str, *shapes: Sequence[Size]) -> Shape:
    """The shape of ``einsum(equation, *tensors)``."""
    return sizes(parse(equation, len(shapes)), shapes, text=equation).result
