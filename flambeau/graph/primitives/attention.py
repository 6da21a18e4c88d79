"""Attention: softmax(scale·query·keyᵀ + mask)·value, whose weights exist only a block at a time, and its gradients.

May import `flambeau.dtypes` and `flambeau.graph`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from flambeau.dtypes import float32
from flambeau.graph.batching import leading
from flambeau.graph.node import Node, Primitive
from flambeau.graph.numpy import array_type, np
from flambeau.graph.primitives.random import WORDS, philox

__all__ = ["ATTENTION", "ATTENTION_KEY_GRADIENT", "ATTENTION_QUERY_GRADIENT", "NAMES", "Attention", "random_shape", "threshold"]


class Attention(NamedTuple):
    """What all parts of one attention have in common.

    Operands are query [*batch, L, E], key [*batch, S, E], value [*batch, S, V]; for gradients also the result's gradient
    [*batch, L, V], the logarithm of each row's sum of exponentials [*batch, L] ("logsumexp"; +∞ where a row sees nothing), and
    the sum of the result times its gradient [*batch, L]; then the mask [*batch, L, S], if there is one, bool (what takes part) or
    to be added; then seed and offset of random numbers, if a part of the weights is dropped.
    """

    scale: float
    is_causal: bool
    has_mask: bool
    dropout: float

    def gradient_operands(self, operands: Sequence[Any], gradient: Any, logsumexp: Any, delta: Any) -> tuple[Any, ...]:
        """The operands of a gradient, from those of the attention."""
        return (*operands[:3], gradient, logsumexp, delta, *operands[3:])


NAMES = ("query", "key", "value", "gradient", "logsumexp", "delta")
"""The first operands of the gradients; of attention itself the first three."""


def random_shape(batch: Sequence[int], rows: int, columns: int) -> tuple[int, ...]:
    """The shape of the random words drawn for the weights: rows in whole blocks, of which the last words may be of no use."""
    return (*batch, rows, -(-columns // WORDS) * WORDS)


def threshold(p: float) -> int:
    """A weight is dropped where its random word is below this."""
    return min(round(p * 2**32), 2**32 - 1)


def _rule(inputs: Any, params: tuple[Any, ...]) -> Any:
    (query, _, value), (_, part) = inputs[:3], params
    if part == "logsumexp":
        return query.shape[:-1], float32 if query.dtype.itemsize == 2 else query.dtype
    return (*query.shape[:-1], value.shape[-1]), query.dtype


def _gradient_rule(inputs: Any, params: tuple[Any, ...]) -> Any:
    operand = inputs[NAMES.index(params[1])]
    return operand.shape, operand.dtype


class _Meaning:
    """The weights in NumPy, with all that leads to them."""

    def __init__(self, attention: Attention, operands: Sequence[Any], rest: Sequence[Any]) -> None:
        wide = np.float64 if operands[0].dtype.itemsize == 8 else np.float32
        self.operands = [x.astype(wide) for x in operands]
        query, key = self.operands[:2]
        rest = list(rest)
        scores = (query * wide(attention.scale)) @ np.swapaxes(key, -1, -2)
        if attention.is_causal:
            scores = np.where(np.tri(*scores.shape[-2:], dtype=bool), scores, -np.inf)
        if attention.has_mask:
            mask = rest.pop(0)
            scores = np.where(mask, scores, -np.inf) if mask.dtype.kind == "b" else scores + mask.astype(wide)
        self.scores, self.wide = scores, wide
        self.factors: Any = 1
        if attention.dropout:
            seed, offset = rest
            shape = random_shape(scores.shape[:-2], *scores.shape[-2:])
            words = philox(math.prod(shape), seed, offset).reshape(shape)[..., : scores.shape[-1]]
            self.factors = np.where(words < threshold(attention.dropout), 0, 1 / (1 - attention.dropout)).astype(wide)


def _evaluate(node: Node, query: Any, key: Any, value: Any, *rest: Any) -> Any:
    attention, part = node.params
    with np.errstate(all="ignore"):
        made = _Meaning(attention, (query, key, value), rest)
        largest = made.scores.max(-1, keepdims=True, initial=-np.inf)
        shift = np.where(largest == -np.inf, 0, largest)
        exponentials = np.exp(made.scores - shift)
        total = exponentials.sum(-1, keepdims=True)
        if part == "logsumexp":
            return np.where(total == 0, np.inf, shift + np.log(total))[..., 0].astype(array_type(node.dtype))
        weights = exponentials / np.where(total == 0, 1, total)
        return ((weights * made.factors) @ made.operands[2]).astype(array_type(node.dtype))


def _evaluate_gradient(node: Node, *arrays: Any) -> Any:
    attention, part = node.params
    with np.errstate(all="ignore"):
        made = _Meaning(attention, arrays[:4], arrays[6:])
        query, key, value, gradient = made.operands
        logsumexp, delta = (x[..., None] for x in arrays[4:6])
        weights = np.exp(made.scores - logsumexp)
        if part == "value":
            return (np.swapaxes(weights * made.factors, -1, -2) @ gradient).astype(array_type(node.dtype))
        of_scores = weights * ((gradient @ np.swapaxes(value, -1, -2)) * made.factors - delta)
        found = of_scores @ key if part == "query" else np.swapaxes(of_scores, -1, -2) @ query
        return (found * made.wide(attention.scale)).astype(array_type(node.dtype))


def _batch(node: Node, inputs: Sequence[Node], batched: Sequence[bool], n: int) -> Node:
    """The examples are one more dimension of the batch; each has random numbers of its own, the next ones."""
    tensors = len(inputs) - 2 * bool(node.params[0].dropout)
    operands = [i if b else leading(i, n) for i, b in zip(inputs[:tensors], batched)]
    return node.primitive((*operands, *inputs[tensors:]), node.params)


ATTENTION = Primitive("attention", "attention", _rule, _evaluate, batch=_batch)
"""`params = (Attention, part)`, part "output" or "logsumexp". The parts of one attention have equal operands; a device computes
them together. Operators put it onto the tape (`flambeau.nn.functional.attention`), so no gradient stands here."""
ATTENTION_QUERY_GRADIENT = Primitive("attention_query_gradient", "attention", _gradient_rule, _evaluate_gradient, batch=_batch)
"""`params = (Attention, "query")`."""
ATTENTION_KEY_GRADIENT = Primitive("attention_key_gradient", "attention", _gradient_rule, _evaluate_gradient, batch=_batch)
"""`params = (Attention, part)`, part "key" or "value": computed together, too."""
