"""`LoopKernel` → LLVM IR, in two steps: `generalise(kernel, target)` takes out what kernels may differ in and share code; `lower`
generates the code.

- `phases` cuts reductions that are too large for one thread into partial ones and a rest.
- `schedule` chooses the order of the loops, the axis whose neighbours share a vector, and what threads divide.
- `rows` keeps what one pass over a row computes and another needs again.
- `sizes` makes sizes arguments of the code.
- `nest` builds the loops; `evaluate` the expressions in them; `memory`, `reductions`, `scans` and `philox` their special kinds.

May import `flambeau.kernels`, `flambeau.dtypes` and its neighbours in `codegen.llvm`.
"""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.codegen.llvm.builder import Module
from flambeau.codegen.llvm.errors import Messages
from flambeau.codegen.llvm.loops.nest import build
from flambeau.codegen.llvm.loops.sizes import General, ScheduledPhase, generalise
from flambeau.codegen.llvm.lowered import Lowered
from flambeau.codegen.llvm.target import Target

__all__ = ["General", "generalise", "lower"]


def lower(phases: Sequence[ScheduledPhase], target: Target) -> Lowered:
    """LLVM IR for a kernel's phases."""
    module = Module(target)
    messages = Messages()
    functions = tuple(f"kernel{i}" for i in range(len(phases)))
    for name, phase in zip(functions, phases, strict=True):
        build(module, name, phase, target, messages, len(phases[-1].kernel.slots))
    return Lowered(module.text(), functions, (), tuple(messages.found))
