"""Kernels: what a device runs, as loop nests over expression trees, and the schedules that make them from the graph.

Knows nothing of targets (LLVM, WGSL). May import `flambeau.dtypes` and `flambeau.graph`.
"""
