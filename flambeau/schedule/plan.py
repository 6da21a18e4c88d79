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
    """A kernel and the value number for each of its slots. `origin` names the operators it came from, for the profiler."""

    kernel: Kernel
    arguments: tuple[int, ...]
    origin: tuple[str, ...] = ()


@dataclass
class Plan:
    """Steps in a valid order. `inputs`, `scalars` and `outputs` are value numbers in the caller's order.

    `aliases` maps a value to an earlier value whose memory it takes over (an in-place update whose operand is not read
    again; for an operand that is a plan input this holds only when the caller donates that input). `executable` is where a device
    keeps what it compiled from the plan.
    """

    values: tuple[Value, ...]
    steps: tuple[Step, ...]
    inputs: tuple[int, ...]
    scalars: tuple[int, ...]
    outputs: tuple[int, ...]
    aliases: dict[int, int] = field(default_factory=dict)
    executable: Any = None
