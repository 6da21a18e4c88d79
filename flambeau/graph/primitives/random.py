"""Random bits from a counter: Philox 4x32 with 10 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).

The same seed and offset give the same words on every device. May import `flambeau.dtypes` and `flambeau.graph`.
"""

from __future__ import annotations

import math
from typing import Any

from flambeau.dtypes import uint32
from flambeau.graph.node import PRIMITIVES, Node, Primitive
from flambeau.graph.numpy import np

__all__ = ["RANDOM_BITS", "WORDS", "ROUNDS", "MULTIPLIERS", "WEYL", "philox"]

WORDS = 4
"""32-bit words in one block of the counter."""
ROUNDS = 10
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)


def philox(n: int, seed: Any, offset: Any) -> Any:
    """The first n words."""
    mask = np.uint64(0xFFFFFFFF)
    with np.errstate(over="ignore"):
        block = np.arange((n + 3) // 4, dtype=np.uint64) + np.uint64(int(offset) & (2**64 - 1))
        c = [block & mask, block >> np.uint64(32), np.zeros_like(block), np.zeros_like(block)]
        key = [int(seed) & 0xFFFFFFFF, int(seed) >> 32 & 0xFFFFFFFF]
        for _ in range(ROUNDS):
            a, b = c[0] * np.uint64(MULTIPLIERS[0]), c[2] * np.uint64(MULTIPLIERS[1])
            c = [
                (b >> np.uint64(32)) ^ c[1] ^ np.uint64(key[0]),
                b & mask,
                (a >> np.uint64(32)) ^ c[3] ^ np.uint64(key[1]),
                a & mask,
            ]
            key = [(k + w) & 0xFFFFFFFF for k, w in zip(key, WEYL, strict=True)]
    return np.stack(c, 1).reshape(-1)[:n].astype(np.uint32)


def _evaluate(node: Node, seed: Any, offset: Any) -> Any:
    return philox(node.size, seed, offset).reshape(node.shape)


def _batch(node: Node, inputs: Any, batched: Any, n: int) -> Node:
    """Other numbers for each example: the next blocks of the counter, and the offset (the first example's) is as it was."""
    words = math.prod(node.params[0])
    whole = -(-words // WORDS) * WORDS
    bits = RANDOM_BITS(tuple(inputs), ((n, whole),))
    kept = PRIMITIVES["slice"]((bits,), ((0, 0), (1, 1), (n, words), (n, whole)))
    return PRIMITIVES["reshape"]((kept,), ((n, *node.params[0]), (n, words)))


RANDOM_BITS = Primitive("random_bits", "random", lambda inputs, params: (params[0], uint32), _evaluate, batch=_batch)
"""`params = (shape,)`; inputs (seed, offset), int64 of shape (). Element i (row-major) is word i mod 4 of the block whose
128-bit counter is (offset + ⌊i/4⌋, 0) under the 64-bit key `seed`."""
