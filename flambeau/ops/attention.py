"""Attention as one primitive: the matrix of weights never is in memory, neither for the result nor for the gradients.

May import `flambeau.tensor`, `flambeau.graph`, the shape rules, and `flambeau.devices` to ask what one has.
"""

from __future__ import annotations

import math
from typing import Any

from flambeau import devices
from flambeau.autograd.modes import state
from flambeau.dtypes import bfloat16, bool_, float16, float32, int32, uint32
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
from flambeau.ops.creation import iota
from flambeau.ops.operands import cast, filled
from flambeau.shapes.broadcasting import broadcast
from flambeau.tensor import Tensor

__all__ = ["fused", "is_fusible"]

_FEWEST = 8
"""Queries, of a row of weights each, below which their matrix is small beside the operands."""
_WIDEST = 128
"""Numbers of a head that a GPU's workgroup has room for."""
_MANY = 1 << 26
"""Weights. A GPU has fewer in memory rather than make them again in the gradients, where matrix units don't, or for bfloat16."""


def is_fusible(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, p: float) -> bool:
    """Whether `fused` serves these operands."""
    if query.dtype.category != 2 or p >= 1:
        return False
    if any(n == 0 for t in (query, key, value) for n in t._shape) or query._shape[-2] < _FEWEST:
        return False
    if _is_on_gpu(query):
        weights = query.numel() // query._shape[-1] * key._shape[-2]
        if query.dtype.itemsize == 8 or max(query._shape[-1], value._shape[-1]) > _WIDEST:
            return False
        if query.dtype is bfloat16 and weights <= _MANY:
            return False
    return mask is None or not (state.enabled and mask.requires_grad)


def _is_on_gpu(t: Tensor) -> bool:
    return t._storage.device.startswith("webgpu")


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
        found = _by_operators(g, tensors, attention)
        return (*found, *(None,) * (len(inputs) - 3))
    wide = logsumexp.dtype
    delta = (cast(g, wide) * cast(y, wide)).sum(-1)
    has_units = g.dtype is float16 and devices.backend(g._storage.device).multiplies_halves
    if _is_on_gpu(g) and not has_units and logsumexp.numel() * tensors[1]._shape[-2] <= _MANY:
        found = _by_operators(g, tensors, attention, logsumexp.unsqueeze(-1), delta.unsqueeze(-1))
        return (*found, *(None,) * (len(inputs) - 3))
    operands = attention.gradient_operands(tensors, g, logsumexp, delta)

    def part(primitive: Any, name: str) -> Any:
        return lambda: Tensor._apply(primitive, operands, (attention, name))

    query, key, value = (ATTENTION_QUERY_GRADIENT, "query"), (ATTENTION_KEY_GRADIENT, "key"), (ATTENTION_KEY_GRADIENT, "value")
    return (part(*query), part(*key), part(*value), *(None,) * (len(inputs) - 3))


def _by_operators(
    g: Tensor, tensors: list[Tensor], attention: Attention, logsumexp: Tensor | None = None, delta: Tensor | None = None
) -> tuple[Any, ...]:
    """The gradients by operators, with the whole matrix of weights. Without what the forward kept they can be differentiated."""
    narrow = g.dtype
    wide = float32 if narrow.itemsize == 2 else narrow
    g, query, key, value = (cast(t, wide) for t in (g, *tensors[:3]))
    rest = tensors[3:]
    scores = query.matmul(key.transpose(-2, -1)) * attention.scale
    rows, columns = scores._shape[-2:]
    if attention.is_causal:
        query_at, key_at = (iota(n, int32, g._storage.device) for n in (rows, columns))
        scores = scores._fill_where(key_at > query_at.unsqueeze(-1), -math.inf)
    if attention.has_mask:
        mask = rest.pop(0)
        scores = scores._fill_where(~mask, -math.inf) if mask.dtype is bool_ else scores + mask
    if logsumexp is None:
        is_blind = (scores == -math.inf).all(-1, keepdim=True)
        weights = scores._fill_where(is_blind, 0).softmax(-1)._fill_where(is_blind, 0)
    else:
        weights = (scores - logsumexp).exp()
    of_weights, used = g.matmul(value.transpose(-2, -1)), weights
    if attention.dropout:
        shape = random_shape(scores._shape[:-2], rows, columns)
        words = Tensor._apply(RANDOM_BITS, tuple(rest), (shape,))[..., :columns]
        dropped = words < filled(threshold(attention.dropout), uint32, g._storage.device, tuple(words._shape))
        of_weights, used = ((t * (1 / (1 - attention.dropout)))._fill_where(dropped, 0) for t in (of_weights, used))
    if delta is None:
        delta = (weights * of_weights).sum(-1, keepdim=True)
    of_scores = weights * (of_weights - delta) * attention.scale
    return (
        lambda: cast(of_scores.matmul(key), narrow),
        lambda: cast(of_scores.transpose(-2, -1).matmul(query), narrow),
        lambda: cast(used.transpose(-2, -1).matmul(g), narrow),
    )


_ATTENTION = Composite("scaled_dot_product_flash_attention_for_cpu", _gradient, saves="inputs, output")
