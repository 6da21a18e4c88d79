"""Stores that may meet at one place: atomic updates, the order of plain writes, and what only one invocation can do right.

May import `flambeau.dtypes`, `kernels.ir` and `codegen.wgsl`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flambeau.codegen.wgsl.expressions import elementwise
from flambeau.codegen.wgsl.memory import Memory
from flambeau.codegen.wgsl.target import Target
from flambeau.codegen.wgsl.types import lanes, pack, rounded, unpack
from flambeau.dtypes import dtype, uint32
from flambeau.kernels.ir import Store

if TYPE_CHECKING:
    from flambeau.codegen.wgsl.emit import Emitter

__all__ = ["needs_atomic", "needs_order", "winner_memory", "claim", "is_winner", "update", "serial_store"]

_OPS = {"add": "add", "mul": "mul", "amax": "maximum", "amin": "minimum"}


def needs_order(store: Store, type: dtype) -> bool:
    """Whether updates of `type` in this mode can't be atomic: 64 bits are two words (but sums of int64 carry between them)."""
    return store.mode != "set" and type.itemsize == 8 and not (type.name == "int64" and store.mode == "add")


def needs_atomic(store: Store, memory: Memory) -> bool:
    """Whether the slot must be declared atomic for this store."""
    return store.mode != "set" or (store.is_scatter and lanes(memory.type) > 1)


def winner_memory(slot: int, size: int, target: Target, writing: bool) -> Memory:
    """For each place of a scattered slot, one more than the number of the last iteration that writes there."""
    memory = Memory(slot, uint32, size, target, writable=writing)
    memory.is_atomic = writing
    return memory


def _iteration(emitter: Emitter, axes: Sequence[int]) -> str:
    """One more than the row-major number of this iteration."""
    text = "0u"
    for axis, extent in enumerate(axes):
        name = f"u32({emitter.axis_names[axis]})"
        text = name if text == "0u" else f"({text} * {extent}u + {name})"
    return f"({text} + 1u)"


def claim(emitter: Emitter, store: Store, winners: Memory, axes: Sequence[int]) -> list[str]:
    """This iteration's claim to the place that it writes."""
    return [f"atomicMax(&{winners.name}[{emitter.index(store.index)}], {_iteration(emitter, axes)});"]


def is_winner(emitter: Emitter, store: Store, winners: Memory, axes: Sequence[int]) -> str:
    """Whether this iteration is the last that writes its place."""
    return f"{winners.load(emitter.index(store.index))} == {_iteration(emitter, axes)}"


def _combined(mode: str, old: str, new: str, type: dtype) -> str:
    return rounded(elementwise(_OPS[mode], (old, new), type, type), type)


def update(emitter: Emitter, store: Store, memory: Memory) -> list[str]:
    """Statements that combine a value with what is at the place, atomically."""
    type, mode = memory.type, store.mode
    place, value = emitter.index(store.index), emitter.value(store.value)
    name = memory.name
    if type.name == "int64":
        return [
            "{",
            f"  let added = {value}; let place = 2u * ({place});",
            f"  let before = atomicAdd(&{name}[place], added.x);",
            "  let carry = select(0u, 1u, before + added.x < before);",
            f"  atomicAdd(&{name}[place + 1u], added.y + carry);",
            "}",
        ]
    if type.itemsize == 4 and type.category == 1 and mode == "add":
        return [f"atomicAdd(&{name}[{place}], {pack(value, type)});"]
    n = lanes(type)
    bits = 32 // n
    mask = hex((1 << bits) - 1)
    old_value = unpack("((old >> shift) & " + mask + "u)", type) if n > 1 else unpack("old", type)
    new = pack(_combined(mode, old_value, "combined", type), type)
    return [
        "{",
        f"  let combined = {value}; let place = {place};",
        *([f"  let shift = (place & {n - 1}u) * {bits}u;"] if n > 1 else []),
        f"  let word = {f'place >> {n.bit_length() - 1}u' if n > 1 else 'place'};",
        f"  var old = atomicLoad(&{name}[word]);",
        "  loop {",
        f"    let fresh = {f'(old & ~({mask}u << shift)) | ({new} << shift)' if n > 1 else new};",
        f"    let result = atomicCompareExchangeWeak(&{name}[word], old, fresh);",
        "    if (result.exchanged) { break; }",
        "    old = result.old_value;",
        "  }",
        "}",
    ]


def serial_store(emitter: Emitter, store: Store, memory: Memory) -> list[str]:
    """The store by the one invocation that runs the whole kernel in order."""
    place, value = emitter.index(store.index), emitter.value(store.value)
    if store.mode != "set":
        value = _combined(store.mode, memory.load("place"), value, memory.type)
    lines = ["{", f"let place = {place};", *memory.store("place", value), "}"]
    if store.guard is not None:
        lines = [f"if ({emitter.value(store.guard)}) {{", *lines, "}"]
    return lines
