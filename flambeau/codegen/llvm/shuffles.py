"""Rearrangements of vectors in registers. May import the builder."""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.types import Value, lanes_of, poison

__all__ = ["gathered", "parted", "transpose"]


def gathered(f: Function, sources: Sequence[Value], picks: Sequence[int]) -> Value:
    """Lanes picked from all the sources, counted through (-1: any), by a chain of two-operand shuffles."""
    lanes = len(picks)
    used = sorted({p // lanes for p in picks if p >= 0})
    total = sources[used[0]]
    if len(used) == 1:
        return f.shuffle(total, poison(total.type), [p % lanes if p >= 0 else -1 for p in picks])
    for count in range(1, len(used)):
        done, source = used[:count], used[count]
        chosen = []
        for n, p in enumerate(picks):
            if p >= 0 and p // lanes == source:
                chosen.append(lanes + p % lanes)
            elif p >= 0 and p // lanes in done:
                chosen.append(p % lanes if count == 1 else n)
            else:
                chosen.append(-1)
        total = f.shuffle(total, sources[source], chosen)
    return total


def parted(f: Function, vectors: Sequence[Value]) -> list[Value]:
    """Every n-th lane of n vectors (a power of two) side by side: from the first lane on, from the second, …"""
    if len(vectors) == 1:
        return list(vectors)
    lanes = lanes_of(vectors[0].type)
    halves = [
        parted(f, [f.shuffle(a, b, [2 * i + k for i in range(lanes)]) for a, b in zip(vectors[::2], vectors[1::2])])
        for k in range(2)
    ]
    return [v for pair in zip(*halves) for v in pair]


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
