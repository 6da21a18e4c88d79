"""`LoopKernel` → LLVM IR: `lower(kernel, target)`.

- `phases` cuts reductions that are too large for one thread into partial ones and a rest.
- `schedule` chooses the order of the loops, the axis whose neighbours share a vector, and what threads divide.
- `nest` builds the loops; `evaluate` the expressions in them; `memory`, `reductions`, `scans` and `philox` their special kinds.

May import `flambeau.kernels`, `flambeau.dtypes` and its neighbours in `codegen.llvm`.
"""

from flambeau.codegen.llvm.loops.phases import lower

__all__ = ["lower"]
