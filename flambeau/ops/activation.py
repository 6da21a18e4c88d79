"""Activations that are methods of tensors too. May import what `flambeau.ops` may."""

from __future__ import annotations

from flambeau.ops.composite import Composite, record, untaped
from flambeau.ops.formula import in_wide
from flambeau.ops.operands import check_tensor
from flambeau.ops.registry import operator, scalar_name
from flambeau.shapes import normalization as rules
from flambeau.tensor import Tensor

__all__ = ["hardshrink", "prelu"]


def _is_small(x: Tensor, size: float) -> Tensor:
    return (x >= -size) & (x <= size)


_HARDSHRINK = Composite("hardshrink", lambda g, y, inputs, params: (g._fill_where(_is_small(*inputs, *params), 0),))


@operator(out="exact")
@operator(namespace="nn.functional", method=False, out="exact")
def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """input outside [-lambd, lambd], 0 inside."""
    if check_tensor(input, "hardshrink", "input").dtype.category != 2:
        raise NotImplementedError(f"\"hardshrink_cpu\" not implemented for '{scalar_name(input)}'")
    with untaped():
        y = input._fill_where(_is_small(input, lambd), 0)
    return record(_HARDSHRINK, y, (input,), (lambd,))


@operator()
@operator(namespace="nn.functional", method=False)
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """input where positive, else weight·input; one weight, or one a channel (dimension 1)."""
    check_tensor(input, "prelu", "input", 1)
    check_tensor(weight, "prelu", "weight", 2)
    if input.dtype is not weight.dtype:
        raise RuntimeError(f"prelu: Type promoting not supported. Got {scalar_name(input)} and {scalar_name(weight)}")
    rules.prelu(tuple(input._shape), tuple(weight._shape))
    if input.ndim > 1:
        weight = weight.reshape((1, -1) + (1,) * (input.ndim - 2))
    elif weight.ndim > input.ndim:
        weight = weight.reshape(())
    return in_wide(lambda x, w: x.where(x > 0, x * w), input, weight)
