"""What stands around every shader's body: the grid of workgroups, the memories of a kernel's slots, and their bindings.

May import `codegen.wgsl`'s memory, program and target.
"""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.codegen.wgsl.memory import Memory
from flambeau.codegen.wgsl.program import ERRORS, Binding
from flambeau.codegen.wgsl.target import Target

__all__ = ["bind_memories", "make_memories", "workgroup_grid", "workgroup_number"]


def workgroup_grid(count: int, target: Target) -> tuple[int, int, int]:
    """`count` workgroups as a grid within the adapter's limits: their number is x + y·(size of x) + z·(size of x and y)."""
    limit = target.max_workgroups
    if count <= limit:
        return count, 1, 1
    y = -(-count // limit)
    if y <= limit:
        return -(-count // y), y, 1
    z = -(-y // limit)
    y = -(-y // z)
    return -(-count // (y * z)), y, z


def workgroup_number(grid: tuple[int, int, int]) -> str:
    """The text of a workgroup's number in such a grid."""
    if grid[1] == 1:
        return "workgroup.x"
    if grid[2] == 1:
        return f"(workgroup.x + workgroup.y * {grid[0]}u)"
    return f"(workgroup.x + (workgroup.y + workgroup.z * {grid[1]}u) * {grid[0]}u)"


_FAIL = """fn fail(check: u32, low: i32, high: i32) {
  if (atomicCompareExchangeWeak(&errors[0], 0u, check).exchanged) {
    atomicStore(&errors[1], bitcast<u32>(low));
    atomicStore(&errors[2], bitcast<u32>(high));
  }
}
"""


def bind_memories(memories: Sequence[Memory], has_checks: bool = False) -> tuple[str, tuple[Binding, ...]]:
    """Declarations and bindings of every distinct memory, in order, then of the buffer for failed checks if it is needed."""
    text = ""
    bindings: list[Binding] = []
    done: set[int] = set()
    for memory in memories:
        if id(memory) not in done:
            done.add(id(memory))
            declared, bound = memory.declaration(len(bindings))
            text += declared
            bindings.extend(bound)
    if has_checks:
        text += f"@group(0) @binding({len(bindings)}) var<storage, read_write> errors: array<atomic<u32>, 4>;\n" + _FAIL
        bindings.append(Binding(ERRORS, True, 0, 16))
    return text, tuple(bindings)


def make_memories(kernel_slots: Sequence, target: Target, same: Sequence[int], used: set[int]) -> list[Memory | None]:
    """The memory of each used slot; slots in one buffer (`same`) share one, writable if any of them is."""
    memories: list[Memory | None] = [None] * len(kernel_slots)
    for i, slot in enumerate(kernel_slots):
        if i not in used:
            continue
        first = same[i]
        if memories[first] is None:
            size = max(s.size for s, group in zip(kernel_slots, same) if group == first)
            memories[first] = Memory(first, kernel_slots[first].dtype, size, target)
        memories[i] = memories[first]
        if slot.access != "in":
            memories[first].writable = True  # type: ignore[union-attr]
    return memories
