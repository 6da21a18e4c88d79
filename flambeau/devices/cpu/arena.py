"""Where a plan's values live: which share memory, and offsets in one arena for those that nobody outside sees.

May import `flambeau.schedule.plan`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flambeau.schedule.plan import Plan

__all__ = ["Block", "homes", "lifetimes", "place"]

_LINE = 64


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


@dataclass
class Block:
    """Memory wanted from step `first` to step `last`, both included."""

    size: int
    first: int
    last: int
    offset: int = -1


def place(blocks: Sequence[Block]) -> int:
    """Gives each block an offset such that those wanted at one time don't overlap; returns the arena's size in bytes.

    Large blocks first, each at the lowest offset where it fits.
    """
    placed: list[Block] = []
    total = 0
    for block in sorted(blocks, key=lambda b: (-b.size, b.first)):
        size = -(-max(block.size, 1) // _LINE) * _LINE
        taken = sorted(
            (other.offset, other.offset + -(-max(other.size, 1) // _LINE) * _LINE)
            for other in placed
            if other.first <= block.last and block.first <= other.last
        )
        offset = 0
        for low, high in taken:
            if offset + size <= low:
                break
            offset = max(offset, high)
        block.offset = offset
        placed.append(block)
        total = max(total, offset + size)
    return total


def lifetimes(plan: Plan, home: Sequence[int]) -> dict[int, tuple[int, int]]:
    """For each home the first and the last step that touches it."""
    found: dict[int, tuple[int, int]] = {}
    for number, step in enumerate(plan.steps):
        for value in step.arguments:
            at = home[value]
            first, _ = found.get(at, (number, number))
            found[at] = first, number
    return found
