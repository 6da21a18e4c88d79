"""Kernel IR → LLVM IR text. May import `flambeau.kernels` and `flambeau.dtypes`; knows neither the graph nor llvmlite."""
