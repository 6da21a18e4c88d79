"""Attention: the scaled product, and several heads of it with their projections. May import what `flambeau.ops` may."""

from __future__ import annotations

import math
import warnings

from flambeau.dtypes import bool_
from flambeau.nn.functional.arguments import check_tensor, scalar_name
from flambeau.nn.functional.dropout import dropout
from flambeau.nn.functional.linear import linear
from flambeau.nn.functional.softmax import softmax
from flambeau.nn.functional.windows import positions
from flambeau.ops.attention import fused, is_fusible
from flambeau.ops.joining import cat
from flambeau.ops.operands import strides_like
from flambeau.ops.padding import pad
from flambeau.ops.registry import operator
from flambeau.shapes import attention as rules
from flambeau.tensor import Tensor

__all__ = ["added_mask", "multi_head_attention_forward", "scaled_dot_product_attention"]


def _causal(first: int, rows: int, columns: int, device: str) -> Tensor:
    """Bool [rows, columns]: what lies after each row's own position, which is `first` for the first of them."""
    return positions(columns, 2, 1, device) > positions(rows, 2, 0, device) + first


def _scores(query: Tensor, key: Tensor, factor: float) -> Tensor:
    """query·keyᵀ·factor. Half types are scaled before, so that the product stays in range; others after, in the same kernel."""
    if query.dtype.itemsize == 2:
        return (query * factor).matmul(key.transpose(-2, -1))
    return query.matmul(key.transpose(-2, -1)) * factor


def _weights(scores: Tensor, mask: Tensor | None, first: int | None, p: float) -> Tensor:
    """The weights of rows from number `first` on, which see nothing after their own position; None: they may see all."""
    if first is not None:
        scores = scores._fill_where(_causal(first, scores.shape[-2], scores.shape[-1], scores._storage.device), -math.inf)
    if mask is not None:
        scores = scores._fill_where(~mask, -math.inf) if mask.dtype is bool_ else scores + mask
    weights = softmax(scores, -1)
    if mask is not None and mask.dtype is bool_:  # a row that may look at nothing gives zeros
        weights = weights._fill_where(~mask.any(-1, keepdim=True), 0)
    return dropout(weights, p, True) if p > 0 else weights


_CAUSAL_ROWS = 256
"""Rows of scores at a time where causality leaves some of them out…"""
_FEWEST = 1 << 20
"""…of so many scores at least: fewer aren't worth kernels of their own."""
_MOST = 1 << 26
"""So many scores are in memory at once, where nothing keeps them for a gradient."""


def _attend(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, is_causal: bool, factor: float, p: float = 0.0
) -> Tensor:
    """softmax(query·keyᵀ·factor + mask)·value.

    Long sequences are done some rows at a time: of the scores that causality leaves out most are never computed, and all of them
    together would need memory that grows with the square of the length.
    """
    if is_fusible(query, key, value, mask, p):
        return fused(query, key, value, mask, is_causal, factor, p)
    rows, columns = query.shape[-2], key.shape[-2]
    row = query.numel() // max(query.shape[-1] * rows, 1) * columns
    step = rows
    if is_causal:
        step = _CAUSAL_ROWS
        while step < rows and row * step < _FEWEST:
            step *= 2
    while step > _CAUSAL_ROWS and row * step > _MOST:
        step //= 2
    if step >= rows or p > 0:
        return _weights(_scores(query, key, factor), mask, 0 if is_causal else None, p).matmul(value)
    parts = []
    for first in range(0, rows, step):
        end = min(first + step, rows)
        seen = min(end, columns) if is_causal else columns
        part = None if mask is None else mask if mask.ndim < 2 or mask.shape[-2] == 1 else mask[..., first:end, :]
        scores = _scores(query[..., first:end, :], key[..., :seen, :], factor)
        parts.append(_weights(scores, part, first if is_causal else None, p).matmul(value[..., :seen, :]))
    return cat(parts, -2)


@operator(namespace="nn.functional", method=False)
def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(query·keyᵀ·scale + mask)·value for [..., L, E], [..., S, E], [..., S, V]; scale is 1/√E where None.

    A bool mask says what takes part. With `enable_gqa` query may have a multiple of the heads of key and value.

    >>> q = k = v = torch.randn(2, 4, 5, 8)
    >>> F.scaled_dot_product_attention(q, k, v, is_causal=True).shape
    torch.Size([2, 4, 5, 8])
    """
    for position, (name, t) in enumerate((("query", query), ("key", key), ("value", value))):
        check_tensor(t, "scaled_dot_product_attention", name, position + 1)
        if t.dtype is not query.dtype:
            raise RuntimeError(
                "Expected query, key, and value to have the same dtype, but got query.dtype: "
                f"{query.dtype} key.dtype: {key.dtype} and value.dtype: {value.dtype} instead."
            )
    if attn_mask is not None and is_causal:
        raise RuntimeError("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
    if attn_mask is not None and attn_mask.dtype is not bool_ and attn_mask.dtype is not query.dtype:
        raise RuntimeError(
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: "
            f"{scalar_name(attn_mask)} and  query.dtype: {scalar_name(query)} instead."
        )
    rules.scaled_dot_product_attention(
        tuple(query._shape),
        tuple(key._shape),
        tuple(value._shape),
        None if attn_mask is None else tuple(attn_mask._shape),
        enable_gqa=enable_gqa,
    )
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    attend = _attend_in_groups if enable_gqa else _attend
    result = attend(query, key, value, attn_mask, is_causal, factor, dropout_p)
    is_plain = dropout_p == 0 and (attn_mask is None or not attn_mask.requires_grad)
    if is_plain and query.ndim == 4 and query.stride(-1) == 1 and query.shape == result.shape:
        return result._laid_out(strides_like(query))  # as PyTorch's fused kernel does
    return result


def _attend_in_groups(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, is_causal: bool, factor: float, p: float
) -> Tensor:
    """`_attend` where several heads of the query have one of key and value."""
    heads, groups = query.shape[-3], key.shape[-3]
    if value.shape[-3] != groups:
        key, value = (t.repeat_interleave(heads // t.shape[-3], -3) for t in (key, value))
        return _attend(query, key, value, mask, is_causal, factor, p)
    in_groups = (groups, heads // groups)
    if mask is not None and mask.ndim > 2:
        mask = mask.unsqueeze(-3) if mask.shape[-3] == 1 else mask.unflatten(-3, in_groups)
    query, key, value = query.unflatten(-3, in_groups), key.unsqueeze(-3), value.unsqueeze(-3)
    return _attend(query, key, value, mask, is_causal, factor, p).flatten(-4, -3)


def added_mask(mask: Tensor | None, name: str, like: Tensor, other: Tensor | None = None, other_name: str = "") -> Tensor | None:
    """A mask to add: a bool one, which says what to leave out, becomes −∞ there. Warns of another mask of another dtype."""
    if mask is None:
        return None
    if mask.dtype is not bool_ and mask.dtype.category != 2:
        raise AssertionError(f"only bool and floating types of {name} are supported")
    if other is not None and other.dtype is not mask.dtype:
        warnings.warn(
            f"Support for mismatched {name} and {other_name} is deprecated. Use same type for both instead.", stacklevel=3
        )
    return like.detach().new_zeros(mask.shape)._fill_where(mask, -math.inf) if mask.dtype is bool_ else mask


def _check_dimensions(query: Tensor, key: Tensor, value: Tensor) -> None:
    if query.ndim not in (2, 3):
        raise AssertionError(f"query should be unbatched 2D or batched 3D tensor but received {query.ndim}-D query tensor")
    for name, t in (("key", key), ("value", value)):
        if t.ndim != query.ndim:
            kind = "batched 3-D" if query.ndim == 3 else "unbatched 2-D"
            raise AssertionError(f"For {kind} `query`, expected `{name}` to be {query.ndim}-D but found {t.ndim}-D tensor")


def _projected(
    query: Tensor, key: Tensor, value: Tensor, weight: Tensor | None, bias: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """The three projections from one packed weight [3E, E]; a self-attention's in a single product."""
    if key.shape != value.shape:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
    if weight is None:
        raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
    width = query.shape[-1]
    if query is key and key is value:
        q, k, v = linear(query, weight, bias).split(width, -1)
        return q, k, v
    weights = weight.split(width)
    biases = (None,) * 3 if bias is None else bias.split(width)
    q, k, v = (linear(t, w, b) for t, w, b in zip((query, key, value), weights, biases))
    return q, k, v


def _projected_apart(
    tensors: tuple[Tensor, Tensor, Tensor], weights: tuple[Tensor | None, ...], bias: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """The projections of query, key and value, each by a weight of its own; their biases [3E] are packed."""
    biases = (None,) * 3 if bias is None else bias.chunk(3)
    given = [weight for weight in weights if weight is not None]
    if len(given) < len(weights):
        raise AssertionError("use_separate_proj_weight is True but one of q_proj_weight, k_proj_weight, v_proj_weight is None")
    q, k, v = (linear(t, w, b) for t, w, b in zip(tensors, given, biases))
    return q, k, v


def _for_each_head(mask: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """A mask [L, S] or of `shape` [N·heads, L, S] as [1 or N·heads, L, S]."""
    if mask.ndim == 2:
        if tuple(mask.shape) != shape[1:]:
            raise RuntimeError(f"The shape of the 2D attn_mask is {mask.shape}, but should be {shape[1:]}.")
        return mask.unsqueeze(0)
    if mask.ndim != 3:
        raise RuntimeError(f"attn_mask's dimension {mask.ndim} is not supported")
    if tuple(mask.shape) != shape:
        raise RuntimeError(f"The shape of the 3D attn_mask is {mask.shape}, but should be {shape}.")
    return mask


def _padding_for_each_head(padding: Tensor, batch: int, heads: int, source: int) -> Tensor:
    """A mask [N, S] of an example's sources as [N·heads, 1, S]."""
    if tuple(padding.shape) != (batch, source):
        raise AssertionError(f"expecting key_padding_mask shape of {(batch, source)}, but got {padding.shape}")
    return padding.reshape(batch, 1, 1, source).expand((batch, heads, 1, source)).reshape(batch * heads, 1, source)


def _one_more_source(mask: Tensor | None) -> Tensor | None:
    """A mask that leaves in one source more, behind the others."""
    return None if mask is None else pad(mask, (0, 1))


@operator(namespace="nn.functional", method=False)
def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """What `nn.MultiheadAttention` computes, for [L, N, E] (or [L, E]): the result and, with `need_weights`, the weights."""
    _check_dimensions(query, key, value)
    is_batched = query.ndim == 3
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint, otherwise use a bias with `attn_mask` that implements causal "
            "masking."
        )
    if not is_batched:
        same = query is key and key is value
        query = query.unsqueeze(1)
        key, value = (query, query) if same else (key.unsqueeze(1), value.unsqueeze(1))
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    length, batch, width = query.shape
    if width != embed_dim_to_check:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim_to_check}, but got {width}")
    head = width // num_heads
    if head * num_heads != width:
        raise AssertionError(f"embed_dim {width} not divisible by num_heads {num_heads}")
    if use_separate_proj_weight:
        apart = (q_proj_weight, k_proj_weight, v_proj_weight)
        q, k, v = _projected_apart((query, key, value), apart, in_proj_bias)
    else:
        q, k, v = _projected(query, key, value, in_proj_weight, in_proj_bias)
    padding = added_mask(key_padding_mask, "key_padding_mask", q, attn_mask, "attn_mask")
    mask = added_mask(attn_mask, "attn_mask", q)
    if mask is not None:
        mask = _for_each_head(mask, (batch * num_heads, length, key.shape[0]))
    if bias_k is not None and bias_v is not None:
        k, v = cat((k, bias_k.expand((1, batch, width)))), cat((v, bias_v.expand((1, batch, width))))
        mask, padding = _one_more_source(mask), _one_more_source(padding)
    q = q.reshape(length, batch * num_heads, head).transpose(0, 1)
    k = k.reshape(-1, batch * num_heads, head).transpose(0, 1) if static_k is None else static_k
    v = v.reshape(-1, batch * num_heads, head).transpose(0, 1) if static_v is None else static_v
    if add_zero_attn:
        k, v = (cat((t, t.detach().new_zeros((batch * num_heads, 1, head))), 1) for t in (k, v))
        mask, padding = _one_more_source(mask), _one_more_source(padding)
    source = k.shape[1]
    if padding is not None:
        spread = _padding_for_each_head(padding, batch, num_heads, source)
        mask = spread if mask is None else mask + spread
    factor, p = math.sqrt(1.0 / head), dropout_p if training else 0.0
    if need_weights:
        weights = _weights(_scores(q, k, factor), mask, None, p)
        heads = weights.matmul(v)
    else:
        weights, by_example = None, (batch, num_heads)
        if mask is not None:
            mask = mask.unflatten(0, by_example) if mask.shape[0] != 1 else mask
        q, k, v = (t.unflatten(0, by_example) for t in (q, k, v))
        heads = _attend(q, k, v, mask, False, factor, p).flatten(0, 1)
    joined = heads.transpose(0, 1).reshape(length * batch, width)
    result = linear(joined, out_proj_weight, out_proj_bias).reshape(length, batch, -1)
    if not is_batched:
        result = result.squeeze(1)
    if weights is None:
        return result, None
    weights = weights.reshape(batch, num_heads, length, source)
    if average_attn_weights:
        weights = weights.mean(1)
    return result, weights if is_batched else weights.squeeze(0)
