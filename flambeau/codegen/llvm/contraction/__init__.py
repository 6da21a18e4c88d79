"""Contractions for the CPU: a sum of products of two zero-padded affine views, as LLVM IR.

May import `flambeau.kernels`, `flambeau.dtypes` and `codegen.llvm`.
"""

from __future__ import annotations

from flambeau.codegen.llvm.builder import Module
from flambeau.codegen.llvm.contraction.direct import direct
from flambeau.codegen.llvm.contraction.form import normalize
from flambeau.codegen.llvm.lowered import Lowered
from flambeau.codegen.llvm.target import Target
from flambeau.kernels.ir import ContractionKernel

__all__ = ["lower"]


def lower(kernel: ContractionKernel, target: Target, threads: int) -> Lowered:
    """LLVM IR for the kernel. `threads` is the number that will usually run it; any number may."""
    module = Module(target.attributes)
    form = normalize(kernel)
    direct(module, "contraction", form, len(kernel.slots), target)
    return Lowered(module.text(), ("contraction",))
