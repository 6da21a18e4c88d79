"""Contractions for the CPU: a sum of products of two zero-padded affine views, as LLVM IR.

May import `flambeau.kernels`, `flambeau.dtypes` and `codegen.llvm`.
"""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.codegen.llvm.builder import Module
from flambeau.codegen.llvm.contraction.direct import direct
from flambeau.codegen.llvm.contraction.form import normalize
from flambeau.codegen.llvm.contraction.panel import plan_panel
from flambeau.codegen.llvm.contraction.roles import PHASE, Pack, Scratch
from flambeau.codegen.llvm.contraction.spread import dense_parts
from flambeau.codegen.llvm.lowered import Lowered
from flambeau.codegen.llvm.target import Target
from flambeau.kernels.ir import ContractionKernel

__all__ = ["lower", "Pack"]


def lower(kernel: ContractionKernel, target: Target, threads: int) -> Lowered:
    """LLVM IR for the kernel. `threads` is the number that will usually run it; any number may."""
    module = Module(target.attributes)
    slots = len(kernel.slots)
    scratch = Scratch(slots)
    packs: list[Pack] = []
    names: list[str] = []
    for number, form in enumerate(dense_parts(normalize(kernel))):
        if not form.size:
            continue
        name = f"part{number}"
        panel = plan_panel(form, target, threads) if form.terms else None
        if panel is None:
            direct(module, name, form, slots, target)
        else:
            packs.append(panel.build_pack(module, f"pack{number}", slots, scratch))
            panel.build(module, name, slots, scratch, packs[-1])
        names.append(name)
    _in_turn(module, "contraction", names)
    return Lowered(module.text(), ("contraction",), tuple(scratch.sizes), packs=tuple(packs))


def _in_turn(module: Module, name: str, parts: Sequence[str]) -> None:
    """A phase that does the parts one after another; they write different places, so no thread waits between them."""
    f = module.function(name, PHASE)
    for part in parts:
        f.call_void(part, *f.parameters)
    f.finish()
