"""What programs set in `torch._inductor`: the switches are kept and do nothing. Imports nothing."""

from types import SimpleNamespace
from typing import Any

__all__ = ["config"]

config: Any = SimpleNamespace(
    coordinate_descent_tuning=False, cpp=SimpleNamespace(), epilogue_fusion=True, fx_graph_cache=True, max_autotune=False,
    shape_padding=True, triton=SimpleNamespace(unique_kernel_names=True, cudagraphs=False),
)  # fmt: skip
