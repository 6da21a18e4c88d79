"""Code generation: kernel IR → LLVM IR (`llvm`), kernel IR → WGSL (`wgsl`).

May import `flambeau.kernels`, `flambeau.graph`, `flambeau.dtypes`.
"""
