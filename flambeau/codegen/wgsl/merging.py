"""More slots than the adapter binds: slots of one element type are copied into one buffer before the shader, and back after it.

May import `codegen.wgsl`.
"""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.codegen.wgsl.memory import Memory
from flambeau.codegen.wgsl.program import Copy
from flambeau.codegen.wgsl.target import Target
from flambeau.codegen.wgsl.types import storage_type

__all__ = ["merge"]


def merge(
    memories: Sequence[Memory], target: Target, others: int, scratch_slot: int
) -> tuple[list[Memory], list[int], list[Copy], list[Copy]]:
    """Makes `memories` need no more bindings than the adapter has, `others` being needed besides.

    Returns (the buffers to bind in place of them all, bytes of new scratch buffers numbered from `scratch_slot`, copies to
    make before the shader, copies to make after it). Raises RuntimeError where even that is too many.
    """
    limit = target.max_storage_buffers - others
    bound = list(memories)
    before: list[Copy] = []
    after: list[Copy] = []
    scratch: list[int] = []

    def needed() -> int:
        return sum(len(m.pieces()) for m in bound)

    while needed() > limit:
        groups: dict[tuple[str, bool], list[Memory]] = {}
        for m in bound:
            if not m.is_atomic and not m.is_vector and len(m.pieces()) == 1 and not m.holds:
                groups.setdefault((storage_type(m.type), m.writable), []).append(m)
        # read-only groups first, then the cheapest to copy
        options = sorted((g for g in groups.values() if len(g) > 1), key=lambda g: (g[0].writable, sum(m.nbytes for m in g)))
        if not options:
            raise RuntimeError(
                f"a kernel needs {needed() + others} storage buffers, but the adapter allows {target.max_storage_buffers} in"
                " a shader"
            )
        group = sorted(options[0], key=lambda m: m.nbytes)[: needed() - limit + 1]
        slot = scratch_slot + len(scratch)
        width = max(4, group[0].type.itemsize)
        place = 0
        for m in group:
            m.inside(f"s{slot}", place // width)
            before.append(Copy(m.slot, 0, slot, place, m.nbytes))
            if m.writable:
                after.append(Copy(slot, place, m.slot, 0, m.nbytes))
            place += -(-m.nbytes // 8) * 8
        merged = Memory(slot, group[0].type, place // group[0].type.itemsize, target, writable=group[0].writable)
        merged.holds = True
        scratch.append(place)
        bound = [m for m in bound if m not in group] + [merged]
    return bound, scratch, before, after
