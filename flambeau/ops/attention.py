"""Attention as one primitive: the matrix of weights never is in memory, neither for the result nor for the gradients.

May import `flambeau.tensor`, `flambeau.graph` and the shape rules.
"""

from __future__ import annotations

import math
from typing import Any

from flambeau.autograd.modes import state
from flambeau.dtypes import bool_, float32, uint32
from flambeau.generator import default_generator
from flambeau.graph.primitives.attention import (
    ATTENTION,
    ATTENTION_KEY_GRADIENT,
    ATTENTION_QUERY_GRADIENT,
    Attention,
    random_shape,
    threshold,
)
from flambeau.graph.primitives.random import RANDOM_BITS
from flambeau.ops.composite import Composite, computed, record
from flambeau.ops.operands import cast, filled
from flambeau.shapes.broadcasting import broadcast
from flambeau.tensor import Tensor

__all__ = ["fused", "is_fusible"]

_FEWEST = 8
"""Queries, of a row of weights each, below which their matrix is small beside the operands."""


def is_fusible(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, p: float) -> bool:
    """Whether `fused` serves these operands."""
    if query.dtype.category != 2 or query._storage.device == "webgpu" or p >= 1:
        return False
    if any(n == 0 for t in (query, key, value) for n in t._shape) or query._shape[-2] < _FEWEST:
        return False
    return mask is None or not (state.enabled and mask.requires_grad)


def fused(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, is_causal: bool, scale: float, p: float = 0.0
) -> Tensor:
    """softmax(query·keyᵀ·scale + mask)·value for [..., L, E], [..., S, E], [..., S, V]; the mask stretches to [..., L, S].

    A row that sees nothing gives zeros.
    """
    shapes = [tuple(t._shape[:-2]) for t in (query, key, value)]
    batch = broadcast(*shapes, *(() if mask is None else (tuple(mask._shape[:-2]),)))
    rows, columns = query._shape[-2], key._shape[-2]
    tensors = [t.expand(*batch, *t._shape[-2:]) for t in (query, key, value)]
    if mask is not None:
        tensors.append(mask.expand(*batch, rows, columns))
    if p:
        count = math.prod(random_shape(batch, rows, columns))
        tensors += default_generator.next_block(count, query._storage.device)
    attention = Attention(float(scale), is_causal, mask is not None, p)
    is_taped = state.enabled and any(t.requires_grad for t in tensors)
    result, *kept = computed(_ATTENTION, _parts, tensors, (attention, is_taped))
    return record(_ATTENTION, result, (*tensors, *kept), (attention,))


def _parts(*operands: Any) -> tuple[Tensor, ...]:
    *tensors, attention, is_taped = operands
    parts = ("output", "logsumexp") if is_taped else ("output",)
    return tuple(Tensor._apply(ATTENTION, tuple(tensors), (attention, part)) for part in parts)


def _gradient(g: Tensor, y: Tensor, inputs: Any, params: tuple[Any, ...]) -> tuple[Any, ...]:
    (attention,) = params
    *tensors, logsumexp = inputs
    if state.enabled:  # to be differentiated again
        found = _differentiable(g, tensors, attention)
    else:
        wide = logsumexp.dtype
        delta = (cast(g, wide) * cast(y, wide)).sum(-1)
        operands = attention.gradient_operands(tensors, g, logsumexp, delta)

        def part(primitive: Any, name: str) -> Any:
            return lambda: Tensor._apply(primitive, operands, (attention, name))

        found = (
            part(ATTENTION_QUERY_GRADIENT, "query"), part(ATTENTION_KEY_GRADIENT, "key"), part(ATTENTION_KEY_GRADIENT, "value"),
        )  # fmt: skip
    return (*found, *(None,) * (len(inputs) - 3))


def _differentiable(g: Tensor, tensors: list[Tensor], attention: Attention) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients by operators, with the whole matrix of weights."""
    narrow = g.dtype
    wide = float32 if narrow.itemsize == 2 else narrow
    g, query, key, value = (cast(t, wide) for t in (g, *tensors[:3]))
    rest = tensors[3:]
    scores = (query * attention.scale).matmul(key.transpose(-2, -1))
    rows, columns = scores._shape[-2:]
    if attention.is_causal:
        scores = scores._fill_where(~scores.new_ones((rows, columns), dtype=bool_).tril(), -math.inf)
    if attention.has_mask:
        mask = rest.pop(0)
        scores = scores._fill_where(~mask, -math.inf) if mask.dtype is bool_ else scores + mask
    is_blind = (scores == -math.inf).all(-1, keepdim=True)
    weights = scores._fill_where(is_blind, 0).softmax(-1)._fill_where(is_blind, 0)
    of_weights, used = g.matmul(value.transpose(-2, -1)), weights
    if attention.dropout:
        shape = random_shape(scores._shape[:-2], rows, columns)
        words = Tensor._apply(RANDOM_BITS, tuple(rest), (shape,))[..., :columns]
        dropped = words < filled(threshold(attention.dropout), uint32, g._storage.device, tuple(words._shape))
        of_weights, used = ((t * (1 / (1 - attention.dropout)))._fill_where(dropped, 0) for t in (of_weights, used))
    of_scores = weights * (of_weights - (weights * of_weights).sum(-1, keepdim=True)) * attention.scale
    found = of_scores.matmul(key), of_scores.transpose(-2, -1).matmul(query), used.transpose(-2, -1).matmul(g)
    return tuple(cast(t, narrow) for t in found)  # type: ignore[return-value]


_ATTENTION = Composite("scaled_dot_product_flash_attention_for_cpu", _gradient, saves="inputs, output")
