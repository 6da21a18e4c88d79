"""Contractions for the CPU: a sum of products of two zero-padded affine views, as LLVM IR.

May import `flambeau.kernels`, `flambeau.dtypes` and `codegen.llvm`.
"""

from __future__ import annotations

from flambeau.codegen.llvm.builder import Module
from flambeau.codegen.llvm.contraction.direct import direct
from flambeau.codegen.llvm.contraction.form import normalize
from flambeau.codegen.llvm.contraction.panel import plan_panel
from flambeau.codegen.llvm.contraction.roles import Pack
from flambeau.codegen.llvm.lowered import Lowered
from flambeau.codegen.llvm.target import Target
from flambeau.kernels.ir import ContractionKernel

__all__ = ["lower", "Pack"]


def lower(kernel: ContractionKernel, target: Target, threads: int) -> Lowered:
    """LLVM IR for the kernel. `threads` is the number that will usually run it; any number may."""
    module = Module(target.attributes)
    form = normalize(kernel)
    slots = len(kernel.slots)
    panel = plan_panel(form, target, threads) if form.size and form.terms else None
    if panel is None:
        direct(module, "contraction", form, slots, target)
        return Lowered(module.text(), ("contraction",))
    pack = panel.build_pack(module, "pack", slots)
    panel.build(module, "contraction", slots)
    return Lowered(module.text(), ("contraction",), panel.scratch, packs=(pack,))
