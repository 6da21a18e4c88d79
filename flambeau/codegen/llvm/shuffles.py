"""Rearrangements of vectors in registers. May import the builder."""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.codegen.llvm.builder import Function, Value

__all__ = ["transpose"]


def transpose(f: Function, vectors: Sequence[Value]) -> list[Value]:
    """As many vectors as lanes (a power of two), transposed in stages of two-operand shuffles."""
    lanes = len(vectors)
    held = list(vectors)
    distance = 1
    while distance < lanes:
        for i in range(lanes):
            if i & distance:
                continue
            a, b = held[i], held[i + distance]
            held[i] = f.shuffle(a, b, [j if not j & distance else lanes + j - distance for j in range(lanes)])
            held[i + distance] = f.shuffle(a, b, [j + distance if not j & distance else lanes + j for j in range(lanes)])
        distance *= 2
    return held
