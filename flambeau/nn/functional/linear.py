"""`linear` and `bilinear`: products with weights. May import what `flambeau.ops` may."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from flambeau.graph.primitives.contraction import CONTRACT
from flambeau.graph.primitives.elementwise import ADD
from flambeau.graph.primitives.movement import EXPAND, RESHAPE
from flambeau.nn.functional.arguments import check_device, check_tensor, scalar_name
from flambeau.ops.composite import Composite, record
from flambeau.ops.operands import refuse
from flambeau.ops.registry import operator
from flambeau.shapes import matmul as rules
from flambeau.tensor import Tensor, from_node

__all__ = ["bilinear", "linear"]


@lru_cache(maxsize=4096)
def _form(
    x: tuple[int, ...], w: tuple[int, ...], bias: tuple[int, ...] | None
) -> tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]:
    """The result's shape; and the labels of the input, of the weight [out, in] or [in], and of the result."""
    shape = rules.linear(x, w, bias)
    if bias is not None and len(w) == 1 and len(x) == 2:
        raise RuntimeError("mat2 must be a matrix, got 1-D tensor")
    return shape, _labels(len(x), len(w))


def _labels(rank: int, weight_rank: int) -> tuple[tuple[int, ...], ...]:
    lead = tuple(range(2, rank + 1))
    return ((*lead, 0), (1, 0), (*lead, 1)) if weight_rank == 2 else ((*lead, 0), (0,), lead)


def _gradient(g: Tensor, y: Any, inputs: Sequence[Any], params: tuple[Any, ...]) -> list[Any]:
    x, w = inputs
    x_labels, w_labels, y_labels = _labels(len(x.shape), len(w.shape))
    return [
        lambda: Tensor._apply(CONTRACT, (g, w), (y_labels, w_labels, x_labels)),
        lambda: Tensor._apply(CONTRACT, (g, x), (y_labels, x_labels, w_labels)),
    ]


def _affine_gradient(g: Tensor, y: Any, inputs: Sequence[Any], params: tuple[Any, ...]) -> list[Any]:
    lead = tuple(range(len(inputs[1].shape) - 1))
    return [lambda: g.sum(lead) if lead else g, *_gradient(g, y, inputs[1:], params)]


_LINEAR = Composite("mm", _gradient, reads=((1,), (0,)))
_AFFINE = Composite("addmm", _affine_gradient, reads=((), (2,), (1,)))
"""Of (bias, input, weight), in which order their gradients come."""


@operator(namespace="nn.functional", method=False, out="exact")
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input [..., I] times the transpose of weight [O, I] (or a weight [I]), plus bias [O].

    >>> F.linear(torch.ones(2, 3), torch.ones(4, 3), torch.zeros(4))
    tensor([[3., 3., 3., 3.],
            [3., 3., 3., 3.]])
    """
    check_tensor(input, "linear", "input", 1)
    check_tensor(weight, "linear", "weight", 2)
    if bias is not None:
        check_tensor(bias, "linear", "bias", 3)
    own = input._storage.dtype
    for t in (weight,) if bias is None else (weight, bias):
        if t._storage.dtype is not own:
            raise RuntimeError(f"mat1 and mat2 must have the same dtype, but got {scalar_name(input)} and {scalar_name(t)}")
    if own.category == 0 and input.numel() and weight.numel():
        refuse(input, "addmm_impl_cpu_", bool)
    check_device(input, weight, bias)
    shape, (x_labels, w_labels, y_labels) = _form(
        tuple(input._shape), tuple(weight._shape), None if bias is None else tuple(bias._shape)
    )
    node = CONTRACT.make((input._value(), weight._value()), (x_labels, w_labels, y_labels))
    if bias is None or len(weight._shape) == 1 or bias._shape != weight._shape[:1]:
        result = record(_LINEAR, from_node(node), (input, weight))
        return result if bias is None else result + bias
    row = (1,) * (len(shape) - 1) + shape[-1:]
    b = bias._value()
    spread = EXPAND.make((b if len(row) == 1 else RESHAPE((b,), (row, b.shape)),), (shape, row))
    return record(_AFFINE, from_node(ADD.make((node, spread))), (bias, input, weight))


@operator(method=False)
@operator(namespace="nn.functional", method=False)
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Σ input1[..., i]·weight[o, i, j]·input2[..., j] + bias[o]."""
    for position, (name, t) in enumerate((("input1", input1), ("input2", input2), ("weight", weight))):
        check_tensor(t, "bilinear", name, position + 1)
    first, second, wanted = (tuple(t._shape) for t in (input1, input2, weight))
    rules.bilinear(first, second, wanted, None if bias is None else tuple(bias._shape))
    for t in (input2, weight):
        if t.dtype is not input1.dtype:
            raise RuntimeError(f"expected scalar type {scalar_name(input1)} but found {scalar_name(t)}")
    if input1.numel() and weight.numel():
        refuse(input1, "bmm", bool)
    check_device(input1, input2, weight, bias)
    lead = tuple(range(3, 3 + input1.ndim - 1))
    partial = Tensor._apply(CONTRACT, (input1, weight), ((*lead, 1), (0, 1, 2), (*lead, 0, 2)))
    result = Tensor._apply(CONTRACT, (partial, input2), ((*lead, 0, 2), (*lead, 2), (*lead, 0)))
    return result if bias is None else result + bias
