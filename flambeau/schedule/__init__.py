"""The scheduler: pending graph → plan. May import `flambeau.kernels`, `flambeau.graph` and `flambeau.dtypes`.

`running` walks the pending graph once for its structure and finds the plan made for it before. Only a new structure comes to
`planning`: the nodes become operations (`kernels.operation`: equal ones are one, needless ones go); `fusion` decides which of
them get memory, and which kernel makes each; `kernels.lower` and `kernels.contract` make the kernels, by pulling every element
of a result back to elements of memory; `memory` says which values may take over another's memory.
"""

from flambeau.schedule.planning import build
from flambeau.schedule.running import prepare, realize

__all__ = ["build", "prepare", "realize"]
