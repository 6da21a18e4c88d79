"""Rows of a recurrence's sequences: kernels that copy one to and from memory of its own, where a plain copy of bytes can't.

The GPU copies whole words from and to multiples of four bytes. A row of half-precision numbers or bools may begin between those.
May import `flambeau.kernels` and `flambeau.schedule.plan`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flambeau.dtypes import int64
from flambeau.kernels.ir import Expr, LoopKernel, Slot, Store
from flambeau.schedule.plan import Place, Plan, RecurrenceKernel, Step, Value

__all__ = ["RowCopy", "row_copies"]


@dataclass
class RowCopy:
    """A plan whose value 0 is the sequence, 1 the number of the row's first element (a scalar), 2 the row; and its program."""

    plan: Plan
    program: Any


Copies = list[tuple[int, RowCopy | None]]


def row_copies(kernel: RecurrenceKernel, compile: Callable[[Plan], Any]) -> tuple[Copies, Copies]:
    """For each input and each output of the body that is elsewhere at each run its value number, and the kernel that copies it
    where bytes can't be copied."""
    takes: Copies = []
    puts: Copies = []
    for values, found in ((kernel.body.inputs, takes), (kernel.body.outputs, puts)):
        for v in values:
            place = kernel.places[v]
            if place.stride or place.first is not None:
                value = kernel.body.values[v]
                width = value.dtype.itemsize
                in_words = value.size * width % 4 == 0 and place.offset * width % 4 == 0
                plan = None if in_words else _plan(value, _size(kernel, place, width), found is puts)
                found.append((v, None if plan is None else RowCopy(plan, compile(plan))))
    return takes, puts


def _size(kernel: RecurrenceKernel, place: Place, width: int) -> int:
    """How many elements a place's memory has."""
    return kernel.slots[place.memory].size if place.memory >= 0 else kernel.blocks[~place.memory] // width


def _plan(row: Value, size: int, is_put: bool) -> Plan:
    axis, zero = Expr("axis", (), int64, 0), Expr("literal", (), int64, 0)
    element = Expr("add", (Expr("load", (zero,), int64, 1), axis), int64)
    sequence = Slot(row.dtype, size, "inout" if is_put else "in")
    slots = (sequence, Slot(int64, 1, "in"), Slot(row.dtype, row.size, "in" if is_put else "out"))
    if is_put:
        store = Store(0, element, Expr("load", (axis,), row.dtype, 2), is_scatter=True)
    else:
        store = Store(2, axis, Expr("load", (element,), row.dtype, 0))
    kinds = ("input", "scalar", "input" if is_put else "output")
    values = tuple(Value(slot.dtype, slot.size, kind) for slot, kind in zip(slots, kinds))
    step = Step(LoopKernel((row.size,), slots, (store,)), (0, 1, 2), ("row",))
    return Plan(values, (step,), (0, 2) if is_put else (0,), (1,), () if is_put else (2,))
