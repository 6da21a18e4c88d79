"""`Plan`: what a device runs: kernels in order, over numbered values; and the kernel that is a plan itself, run many times.

May import `flambeau.kernels`, `flambeau.dtypes`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flambeau.dtypes import dtype
from flambeau.kernels.ir import Kernel, Slot

__all__ = ["Value", "Step", "Plan", "Place", "RecurrenceKernel"]


@dataclass(frozen=True)
class Value:
    """One block of memory in a plan: `size` elements of `dtype`.

    `kind` is "input" (a leaf's buffer, read only unless donated), "scalar" (one number given at each run), "temporary" or
    "output" (handed to the caller after the run).
    """

    dtype: dtype
    size: int
    kind: str


@dataclass(frozen=True)
class Step:
    """A kernel and the value number for each of its slots. `origin` names the operators it came from, for the profiler.

    `is_copy`: the step only copies one value to another; where those share memory (`Plan.aliases`) it is not needed.
    """

    kernel: Kernel | RecurrenceKernel
    arguments: tuple[int, ...]
    origin: tuple[str, ...] = ()
    is_copy: bool = False

    @property
    def name(self) -> str:
        """What profiles and errors call it."""
        return "+".join(self.origin) or type(self.kernel).__name__


@dataclass
class Plan:
    """Steps in a valid order. `inputs`, `scalars` and `outputs` are value numbers in the caller's order.

    An output's number may occur twice, and may be an input's: then the same memory is the result.

    `aliases` maps a value to an earlier value whose memory it takes over (an in-place update whose operand is not read
    again; for an operand that is a plan input this holds only when the caller donates that input). `executable` is where a device
    keeps what it compiled from the plan.

    `donations` says, for each input that a value may take over, what must be unknown outside the graph for that:
    (position in `inputs`, ((place in the topological order, number of references from within), …)).
    """

    values: tuple[Value, ...]
    steps: tuple[Step, ...]
    inputs: tuple[int, ...]
    scalars: tuple[int, ...]
    outputs: tuple[int, ...]
    aliases: dict[int, int] = field(default_factory=dict)
    executable: Any = None
    donations: tuple[tuple[int, tuple[tuple[int, int], ...]], ...] = ()
    used: int = 0
    """Grows with each use, over all plans."""
    general: Any = None
    """The `schedule.general.General` that this plan is of: then sizes in it are traced numbers, good for…"""
    numbers: tuple[int, ...] = ()
    """…these values of the variables."""
    multiplications: int = 0
    """Of a general plan's products whose sizes are arguments."""
    runs: int = 0
    """How often a general plan ran with its numbers, after the first time."""


@dataclass(frozen=True)
class Place:
    """Where an input or output of a recurrence's body is at run r, in elements: offset + stride·(r + phase), or with `alternates`
    offset + stride·((r + phase) mod 2).

    `memory` is a slot of the kernel, or ~k for its own block k. At run 0 the beginning of slot `first` is meant, if there is one.
    """

    memory: int
    offset: int = 0
    stride: int = 0
    phase: int = 0
    alternates: bool = False
    first: int | None = None

    def element(self, run: int) -> tuple[int, int]:
        """The memory, and the element in it, at a run."""
        if run == 0 and self.first is not None:
            return self.first, 0
        turn = run + self.phase
        return self.memory, self.offset + self.stride * (turn % 2 if self.alternates else turn)


@dataclass(frozen=True, eq=False)
class RecurrenceKernel:
    """A plan run `times` times, each time on other memory.

    `places` says where each of the body's inputs and outputs is, by its value number; all differ, so no run overwrites what it
    reads. `blocks` are the bytes of memory that only the kernel itself uses.
    """

    body: Plan
    times: int
    places: dict[int, Place]
    blocks: tuple[int, ...]
    slots: tuple[Slot, ...]
