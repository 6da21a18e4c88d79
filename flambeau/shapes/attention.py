"""Scaled dot-product attention. May import: shapes.broadcasting, shapes.errors, shapes.sizes."""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.shapes.broadcasting import broadcast, expand
from flambeau.shapes.errors import ShapeError, require, show
from flambeau.shapes.sizes import Shape, Size, differ, divisible


def in_heads(embed_dim: Size, num_heads: Size) -> Shape:
    """The width of a layer, which must fall into heads. Raises AssertionError, as PyTorch does."""
    if divisible(embed_dim, num_heads) is False:
        raise AssertionError(f"embed_dim must be divisible by num_heads, got {embed_dim} and {num_heads}")
    return (embed_dim,)


def scaled_dot_product_attention(
    query: Sequence[Size],
    key: Sequence[Size],
    value: Sequence[Size],
    attn_mask: Sequence[Size] | None = None,
    *,
    enable_gqa: bool = False,
) -> Shape:
    """query [..., L, E], key [..., S, E], value [..., S, V] to [..., L, V]; the mask stretches to [..., L, S]."""
    for name, shape in (("query", query), ("key", key), ("value", value)):
        if len(shape) < 2:
            raise ShapeError(f"scaled_dot_product_attention: {name} must have at least 2 dimensions, got {show(shape)}")
    if differ(query[-1], key[-1]):
        raise ShapeError(
            f"scaled_dot_product_attention: query {show(query)} and key {show(key)} differ in their last dimension:"
            f" {query[-1]} and {key[-1]}"
        )
    if differ(key[-2], value[-2]):
        raise ShapeError(
            f"scaled_dot_product_attention: key {show(key)} has {key[-2]} positions but value {show(value)} has {value[-2]}"
        )
    if enable_gqa:
        if len(query) < 3:
            raise ShapeError(f"scaled_dot_product_attention: enable_gqa needs a dimension of heads, got query {show(query)}")
        for name, shape in (("key", key), ("value", value)):
            require(
                len(shape) >= 3 and divisible(query[-3], shape[-3]),
                f"scaled_dot_product_attention: the {query[-3]} heads of query {show(query)} are not a multiple of those of"
                f" {name} {show(shape)}",
            )
        lead = (*broadcast(query[:-3], key[:-3], value[:-3]), query[-3])
    else:
        lead = broadcast(query[:-2], key[:-2], value[:-2])
    if attn_mask is not None:
        expand(attn_mask, (*lead, query[-2], key[-2]))
    return (*lead, query[-2], value[-1])
