"""Gradients of complex functions from their derivatives.

PyTorch's gradient of a real L with respect to z = x + iy is ∂L/∂x + i·∂L/∂y. Through a function w = f(z) that has a complex
derivative it goes as g·conj(f'(z)), the conjugate of conj(g)·f'(z): so a rule that multiplies by f' serves, given conj(g), once
what it gives is conjugated. Knows of tensors only that they can `conj`. May import `flambeau.graph`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from types import FunctionType
from typing import Any

from flambeau.graph.parts import componentwise

__all__ = ["Conjugated", "conjugated"]


class Conjugated:
    """What a tape entry needs of a primitive (or a composite) whose result is complex, with the gradient rule of that."""

    __slots__ = ("name", "rule", "saves_inputs", "saves_output", "reads", "values", "known")

    def __init__(self, primitive: Any) -> None:
        self.name, self.rule = primitive.name, primitive.gradient
        self.saves_inputs, self.saves_output, self.reads = primitive.saves_inputs, primitive.saves_output, primitive.reads
        self.values = primitive.values
        self.known: dict[Any, Any] = {}

    def gradient(self, g: Any, y: Any, inputs: Any, params: tuple[Any, ...]) -> Sequence[Any]:
        return [_conjugate(part) for part in self.rule(g.conj(), y, inputs, params)]


def _conjugate(part: Any) -> Any:
    if part.__class__ is FunctionType:
        return lambda: _conjugate(part())
    return part if part is None or not part.is_complex() else part.conj()


@lru_cache(1 << 10)
def conjugated(primitive: Any) -> Any:
    """The primitive as tape entries of complex results take it: itself where its rule holds as it is."""
    holds = not primitive.conjugates or isinstance(getattr(primitive, "parts", None), componentwise)
    return primitive if holds else Conjugated(primitive)
