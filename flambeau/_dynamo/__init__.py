"""What programs set in `torch._dynamo`: `flambeau.compile` has no such switches; they are kept and do nothing.

May import `flambeau.compiler`, `flambeau.nn`.
"""

from types import SimpleNamespace
from typing import Any

from flambeau._dynamo.eval_frame import OptimizedModule
from flambeau.compiler import allow_in_graph, disable, is_compiling, reset

__all__ = [
    "OptimizedModule",
    "allow_in_graph", "assume_constant_result", "config", "disable", "graph_break", "is_compiling", "mark_dynamic", "mark_static",
    "mark_static_address", "maybe_mark_dynamic", "reset",
]  # fmt: skip

config: Any = SimpleNamespace(
    cache_size_limit=8, capture_scalar_outputs=False, optimize_ddp=True, recompile_limit=8, suppress_errors=False, verbose=False
)

assume_constant_result = allow_in_graph


def mark_dynamic(t: Any, index: Any, **kwargs: Any) -> None:
    """Nothing: which sizes vary is found out."""


mark_static = maybe_mark_dynamic = mark_dynamic


def mark_static_address(t: Any, guard: bool = False) -> None:
    """Nothing: where a tensor lies is found out at each call."""


def graph_break(msg: str = "") -> None:
    """Nothing: a call that can't be recorded runs plainly."""
