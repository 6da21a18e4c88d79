"""`Plan`: what a device runs: kernels in order, over numbered values. May import `flambeau.kernels`, `flambeau.dtypes`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flambeau.dtypes import dtype
from flambeau.kernels.ir import Kernel

__all__ = ["Value", "Step", "Plan"]


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

    kernel: Kernel
    arguments: tuple[int, ...]
    origin: tuple[str, ...] = ()
    is_copy: bool = False


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
