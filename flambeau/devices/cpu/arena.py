"""Where a plan's values live: which share memory, and offsets in one arena for those that nobody outside sees.

May import `flambeau.schedule.plan` and `flambeau.traced`.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

from flambeau.schedule.plan import Plan
from flambeau.traced import Traced, larger, peeked

__all__ = ["Block", "homes", "lifetimes", "place"]

_LINE = 64
_offset = itemgetter(0)


def homes(plan: Plan, donated: frozenset[int]) -> list[int]:
    """For each value the value whose memory it lives in, itself or the one it takes over.

    A plan input is taken over only if the caller donates it.
    """
    given = {plan.inputs[i] for i in donated}
    home = list(range(len(plan.values)))
    for value in sorted(plan.aliases):
        chain = [value]
        at = value
        while at in plan.aliases:
            below = plan.aliases[at]
            kind = plan.values[below].kind
            if kind == "scalar" or (kind == "input" and below not in given):
                break
            at = below
            chain.append(at)
        home[value] = at
    return home


@dataclass(eq=False)
class Block:
    """Memory wanted from step `first` to step `last`, both included. Sizes and offsets may be traced numbers."""

    size: int
    first: int
    last: int
    offset: int = -1

    @property
    def room(self) -> int:
        """What it takes, in whole lines."""
        return -(-larger(self.size, 1) // _LINE) * _LINE


def place(blocks: Sequence[Block]) -> int:
    """Gives each block an offset such that those wanted at one time don't overlap; returns the arena's size in bytes.

    Large blocks first, each at the lowest offset where it fits. Where sizes are traced, this says which blocks lie above which;
    how far above follows from the sizes, whatever they are.
    """
    placed: list[tuple[int, int, Block]] = []  # by their places
    for block in sorted(blocks, key=lambda b: (-peeked(b.size), b.first)):
        size, first, last = peeked(block.room), block.first, block.last
        offset = 0
        for low, high, other in placed:
            if high > offset and other.first <= last and first <= other.last:
                if offset + size <= low:
                    break
                offset = high
        insort(placed, (offset, offset + size, block), key=_offset)
    total = 0
    if not any(isinstance(b.size, Traced) for b in blocks):
        for offset, end, block in placed:
            block.offset = offset
            total = max(total, end)
        return total
    for number, (_, _, block) in enumerate(placed):
        below = [b for _, _, b in placed[:number] if _meet(block, b)]
        block.offset = 0
        for b in below:
            if not any(_meet(b, c) for c in below[below.index(b) + 1 :]):  # else that one is above it, too
                block.offset = larger(block.offset, b.offset + b.room)
        total = larger(total, block.offset + block.room)
    return total


def _meet(a: Block, b: Block) -> bool:
    """Whether both are wanted at some step."""
    return a.first <= b.last and b.first <= a.last


def lifetimes(plan: Plan, home: Sequence[int]) -> dict[int, tuple[int, int]]:
    """For each home the first and the last step that touches it."""
    found: dict[int, tuple[int, int]] = {}
    for number, step in enumerate(plan.steps):
        for value in step.arguments:
            at = home[value]
            first, _ = found.get(at, (number, number))
            found[at] = first, number
    return found
