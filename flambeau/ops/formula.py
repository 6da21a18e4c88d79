"""Formulas of one operand: computed in float32 for half types and rounded once, and one entry on the tape.

May import what `flambeau.ops` may.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flambeau.ops.composite import Composite, computed, record
from flambeau.ops.operands import accumulation_dtype, cast
from flambeau.tensor import Tensor

__all__ = ["formula", "in_wide"]


def in_wide(function: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
    """`function` of tensors of one dtype; half types are widened before and the result rounded once."""
    own = tensors[0]._storage.dtype
    wide = accumulation_dtype(own)
    if wide is own:
        return function(*tensors)
    return cast(function(*[cast(t, wide) for t in tensors]), own)


def formula(
    name: str, value: Callable[..., Tensor], derivative: Callable[..., Tensor], saves: str = "inputs"
) -> Callable[..., Tensor]:
    """An operator `f(x, *numbers)` given by `value(x, *numbers)`.

    `derivative(g, x, *numbers)` is the gradient, with the result in place of x where `saves` is "output".
    """

    def gradient(g: Tensor, y: Any, inputs: Any, numbers: tuple[Any, ...]) -> tuple[Any]:
        kept = y if saves == "output" else inputs[0]
        return (in_wide(lambda g, kept: derivative(g, kept, *numbers), g, kept),)

    composite = Composite(name, gradient, saves)

    def wide(x: Tensor, *numbers: Any) -> Tensor:
        return in_wide(lambda x: value(x, *numbers), x)

    def apply(x: Tensor, *numbers: Any) -> Tensor:
        (y,) = computed(composite, wide, (x,), numbers)
        return record(composite, y, (x,), numbers)

    return apply
