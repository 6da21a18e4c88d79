"""Attention whose scores a function changes and whose positions a function allows (`torch.nn.attention.flex_attention`).

Both functions are called once, with all positions: what PyTorch calls them with, one number of each, are here tensors that
broadcast to [B, H, Q, K], so a function written in elementwise operators and indexing gives the same. The whole is lazy, so the
scores are changed as they are made. May import: ops, tensor.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from flambeau.dtypes import int32
from flambeau.ops.padding import pad
from flambeau.ops.sequences import arange
from flambeau.ops.views import broadcast_to
from flambeau.tensor import Tensor

__all__ = [
    "AuxOutput", "AuxRequest", "BlockMask", "and_masks", "create_block_mask", "create_mask", "flex_attention", "noop_mask",
    "or_masks",
]  # fmt: skip

Mask = Callable[[Any, Any, Any, Any], Any]
_DEFAULT_SPARSE_BLOCK_SIZE = 128


class AuxRequest(NamedTuple):
    """What `flex_attention` is to return besides: the scores' `lse`, their `max_scores`."""

    lse: bool = False
    max_scores: bool = False


class AuxOutput(NamedTuple):
    """What an `AuxRequest` asked for: [B, H, Q] each, None for what it didn't."""

    lse: Tensor | None = None
    max_scores: Tensor | None = None


def _positions(sizes: tuple[int, int, int, int], device: Any) -> tuple[Tensor, ...]:
    """The batch, head, query and key numbers, each along its dimension of four."""
    return tuple(arange(n, device=device).reshape([-1 if i == d else 1 for i in range(4)]) for d, n in enumerate(sizes))


def noop_mask(batch: Any, head: Any, token_q: Any, token_kv: Any) -> Any:
    """Allows every position."""
    return (batch + head + token_q + token_kv) >= 0


def and_masks(*mask_mods: Mask) -> Mask:
    """A function that allows what all these do; raises RuntimeError for what is no function."""
    return _combined(mask_mods, lambda a, b: a & b, True)


def or_masks(*mask_mods: Mask) -> Mask:
    """A function that allows what any of these does; raises RuntimeError for what is no function."""
    return _combined(mask_mods, lambda a, b: a | b, False)


def _combined(mods: tuple[Mask, ...], join: Callable[[Any, Any], Any], start: bool) -> Mask:
    if not all(map(callable, mods)):
        raise RuntimeError(f"All inputs should be callable mask_mods: {mods}")

    def mask(b: Any, h: Any, q: Any, k: Any) -> Any:
        result = noop_mask(b, h, q, k) if start else ~noop_mask(b, h, q, k)
        for mod in mods:
            result = join(result, mod(b, h, q, k))
        return result

    return mask


def create_mask(mod_fn: Mask, B: int | None, H: int | None, Q_LEN: int, KV_LEN: int, device: Any = None) -> Tensor:
    """What a mask function allows, as a bool tensor [B, H, Q_LEN, KV_LEN]; B and H are 1 where they don't matter (None)."""
    sizes = (B or 1, H or 1, Q_LEN, KV_LEN)
    found = mod_fn(*_positions(sizes, device))
    return broadcast_to(found, sizes).clone()


class BlockMask:
    """What a mask function allows among positions of some number (`create_block_mask`).

    `seq_lengths` are the numbers of queries and keys, `shape` is (B, H, Q, K), `BLOCK_SIZE` the size of the blocks that
    `to_dense` and `sparsity` tell of.
    """

    def __init__(self, mask_mod: Mask, shape: tuple[int, int, int, int], BLOCK_SIZE: tuple[int, int], device: Any) -> None:
        self.mask_mod, self.shape, self.BLOCK_SIZE, self.device = mask_mod, shape, BLOCK_SIZE, device
        self.seq_lengths = shape[2:]

    def to_dense(self) -> Tensor:
        """[B, H, blocks of queries, blocks of keys], int32: 1 where a block has an allowed position."""
        dense = create_mask(self.mask_mod, *self.shape, device=self.device)
        (rows, columns), (q, k) = self.BLOCK_SIZE, self.seq_lengths
        padded = pad(dense, (0, -k % columns, 0, -q % rows))
        blocks = padded.reshape(*self.shape[:2], padded.shape[2] // rows, rows, padded.shape[3] // columns, columns)
        return blocks.any(dim=5).any(dim=3).to(int32)

    def numel(self) -> int:
        """How many positions there are, allowed or not."""
        return math.prod(self.shape)

    def sparsity(self) -> float:
        """How much of it no allowed block covers, in percent: below 0 where the last blocks reach over the end."""
        covered = int(self.to_dense().sum().item()) * math.prod(self.BLOCK_SIZE)
        return 100 * (1 - covered / self.numel())

    def to(self, device: Any) -> BlockMask:
        """The same for tensors of another device."""
        return BlockMask(self.mask_mod, self.shape, self.BLOCK_SIZE, device)

    def __repr__(self) -> str:
        name = getattr(self.mask_mod, "__name__", repr(self.mask_mod))
        return f"BlockMask(shape={self.shape}, BLOCK_SIZE={self.BLOCK_SIZE}, mask_mod={name})"


def create_block_mask(
    mask_mod: Mask,
    B: int | None,
    H: int | None,
    Q_LEN: int,
    KV_LEN: int,
    device: Any = None,
    BLOCK_SIZE: int | tuple[int, int] = _DEFAULT_SPARSE_BLOCK_SIZE,
    _compile: bool = False,
    separate_full_blocks: bool = True,
) -> BlockMask:
    """What `mask_mod(b, h, q, k)` allows, for `flex_attention`; B and H are None where it doesn't depend on them."""
    size = (BLOCK_SIZE, BLOCK_SIZE) if isinstance(BLOCK_SIZE, int) else (BLOCK_SIZE[0], BLOCK_SIZE[1])
    return BlockMask(mask_mod, (B or 1, H or 1, Q_LEN, KV_LEN), size, device)


def _check(query: Tensor, key: Tensor, value: Tensor, block_mask: BlockMask | None, enable_gqa: bool) -> None:
    if not query.dim() == key.dim() == value.dim() == 4:
        raise NotImplementedError("NYI: query, key, and value must be 4D tensors")
    if not query.dtype is key.dtype is value.dtype:
        raise ValueError("Expected query, key, and value to have the same dtype, but got query.dtype: "
                         f"{query.dtype}, key.dtype: {key.dtype}, and value.dtype: {value.dtype} instead.")  # fmt: skip
    heads, others = query.shape[1], key.shape[1]
    if not enable_gqa and heads != others:
        raise ValueError(f"Expect query and key/value to have the same number of heads but got Hq={heads} and Hkv={others}. Try "
                         "setting enable_gqa=True for GQA.")  # fmt: skip
    if enable_gqa and heads % others:
        raise ValueError(
            f"Expect number of query heads to be a multiple of kv heads for GQA but got Hq={heads} and Hkv={others}."
        )
    if block_mask is not None and block_mask.seq_lengths != (query.shape[2], key.shape[2]):
        raise ValueError(f"block_mask was created for block_mask.shape={block_mask.shape} but got q_len={query.shape[2]} and "
                         f"kv_len={key.shape[2]}.")  # fmt: skip


def flex_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    score_mod: Callable[..., Any] | None = None,
    block_mask: BlockMask | None = None,
    scale: float | None = None,
    enable_gqa: bool = False,
    return_lse: bool = False,
    kernel_options: Any = None,
    *,
    return_aux: AuxRequest | None = None,
) -> Any:
    """softmax(score_mod(scale · query keyᵀ)) value, over the positions that `block_mask` allows.

    `query` is [B, H, Q, E], `key` [B, Hk, K, E] and `value` [B, Hk, K, Ev]; Hk is H, or divides it with `enable_gqa`.
    `score_mod(score, b, h, q, k)` gives the score that is used; it is called with the scores of all positions. `scale` is 1/√E
    unless given. A query that may look nowhere gives zeros. With `return_lse`, also the logarithm of the sum of the scores'
    exponentials, [B, H, Q]; with `return_aux`, also an `AuxOutput`. Raises ValueError for
    operands that don't fit, NotImplementedError for those of other than four dimensions.
    """
    _check(query, key, value, block_mask, enable_gqa)
    if enable_gqa and key.shape[1] != query.shape[1]:
        times = query.shape[1] // key.shape[1]
        key, value = key.repeat_interleave(times, 1), value.repeat_interleave(times, 1)
    sizes = (key.shape[0] if query.shape[0] == 1 else query.shape[0], query.shape[1], query.shape[2], key.shape[2])
    scores = query @ key.transpose(-2, -1) * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    positions = _positions(sizes, query.device)
    if score_mod is not None:
        scores = score_mod(scores, *positions)
    if block_mask is not None:
        scores = scores.masked_fill(~broadcast_to(block_mask.mask_mod(*positions), sizes), -math.inf)
    highest = scores.detach().amax(-1, keepdim=True)
    shift = highest.masked_fill(highest == -math.inf, 0)
    weights = (scores - shift).exp()
    total = weights.sum(-1, keepdim=True)
    result = (weights / total.masked_fill(total == 0, 1)) @ value
    lse = (total.log() + shift).squeeze(-1)
    if return_aux is not None:
        return result, AuxOutput(lse if return_aux.lse else None, highest.squeeze(-1) if return_aux.max_scores else None)
    return (result, lse) if return_lse else result
