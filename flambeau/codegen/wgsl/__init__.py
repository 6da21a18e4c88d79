"""Kernel IR → WGSL. `generate` gives the shaders of a kernel for an adapter.

May import `flambeau.dtypes`, `flambeau.kernels`, and the routines' and random numbers' definitions in `flambeau.graph`.
"""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.codegen.wgsl.attention import generate_attention
from flambeau.codegen.wgsl.contraction import generate_contraction
from flambeau.codegen.wgsl.loops import generate_loops
from flambeau.codegen.wgsl.program import Binding, Clear, Copy, Dispatch, Program
from flambeau.codegen.wgsl.sorting import generate_sort
from flambeau.codegen.wgsl.target import Target
from flambeau.kernels.ir import AttentionKernel, ContractionKernel, LoopKernel, SortKernel

__all__ = ["generate", "Target", "Program", "Dispatch", "Clear", "Copy", "Binding"]


def generate(
    kernel: LoopKernel | ContractionKernel | SortKernel | AttentionKernel,
    target: Target,
    same: Sequence[int] | None = None,
    reduced_precision: bool = False,
) -> Program:
    """The shaders that compute `kernel`; `same[i]` is the first slot that shares slot i's buffer (default: none shares).

    Raises RuntimeError when the adapter can't hold what the kernel needs, saying what and how much.
    """
    slots = tuple(range(len(kernel.slots))) if same is None else tuple(same)
    if isinstance(kernel, LoopKernel):
        return generate_loops(kernel, target, slots)
    if isinstance(kernel, ContractionKernel):
        return generate_contraction(kernel, target, slots, reduced_precision)
    if isinstance(kernel, AttentionKernel):
        return generate_attention(kernel, target, slots)
    return generate_sort(kernel, target, slots)
