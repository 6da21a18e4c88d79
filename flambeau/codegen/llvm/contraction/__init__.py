"""Contractions for the CPU: a sum of products of two zero-padded affine views, as LLVM IR.

May import `flambeau.kernels`, `flambeau.dtypes` and `codegen.llvm`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from flambeau.codegen.llvm.builder import Int, Module, Value
from flambeau.codegen.llvm.contraction.direct import direct
from flambeau.codegen.llvm.contraction.dot import Dot, plan_dot
from flambeau.codegen.llvm.contraction.epilogue import ContractionModule
from flambeau.codegen.llvm.contraction.form import Form, merge, normalize, simplify
from flambeau.codegen.llvm.contraction.panel import Panel, plan_panel
from flambeau.codegen.llvm.contraction.roles import PHASE, Pack, Scratch, share
from flambeau.codegen.llvm.contraction.spread import dense_parts
from flambeau.codegen.llvm.contraction.winograd import Winograd, plan_winograd, undilated
from flambeau.codegen.llvm.contraction.winograd_weight import WinogradWeight, plan_winograd_weight
from flambeau.codegen.llvm.lowered import Lowered
from flambeau.codegen.llvm.target import Target
from flambeau.kernels.ir import ContractionKernel

__all__ = ["lower", "Pack"]


def lower(kernel: ContractionKernel, target: Target, threads: int) -> Lowered:
    """LLVM IR for the kernel. `threads` is the number that will usually run it; any number may.

    The result's `packs` are `Pack`s (see `roles.py`).
    """
    lowered = _lower(kernel, target, threads, 0)
    if lowered.messages:  # the error word's address stands after the scratch blocks, whose number is known now
        lowered = _lower(kernel, target, threads, len(kernel.slots) + len(lowered.scratch))
    return lowered


def _lower(kernel: ContractionKernel, target: Target, threads: int, error_place: int) -> Lowered:
    module = ContractionModule(target, kernel.slots, error_place)
    slots = len(kernel.slots)
    scratch = Scratch(slots, threads)
    packs: dict[object, Pack] = {}
    parts: list[tuple[str, int]] = []
    plans = [plan for form in dense_parts(normalize(kernel)) for plan in _plans(form, target, threads)]
    lines = [plan.lines for _, plan in plans if isinstance(plan, Panel)]
    for part, plan in plans:
        if isinstance(plan, Panel) and len(lines) > 1:
            plan = replace(plan, lines=min(lines))
        name = f"part{len(parts)}"
        if plan is None:
            units = direct(module, name, part, slots, target)
        elif isinstance(plan, Dot | WinogradWeight):
            units = plan.build(module, name, slots, scratch)
        else:
            pack = packs.get(plan.pack_key)
            if pack is None:
                pack = packs[plan.pack_key] = plan.build_pack(module, f"pack{len(packs)}", slots, scratch)
            units = plan.build(module, name, slots, scratch, pack)
        parts.append((name, units))
    _phase(module, "contraction", parts, threads)
    messages = tuple(module.messages.found)
    return Lowered(module.text(), ("contraction",), tuple(scratch.sizes), messages, tuple(packs.values()))


def _plans(form: Form, target: Target, threads: int) -> list[tuple[Form, Winograd | WinogradWeight | Dot | Panel | None]]:
    """The form, or forms that together are it, each with its schedule (None: direct)."""
    if not form.size:
        return []
    if not form.terms:
        return [(form, None)]
    windows = [merge(simplify(part)) for part in undilated(form) or ()]
    filtered = [(part, plan_winograd(part, target, threads)) for part in windows]
    if filtered and all(plan for _, plan in filtered):
        return [*filtered]
    for choose in (plan_winograd_weight, plan_dot, plan_panel):
        plan = choose(form, target, threads)
        if plan is not None:
            return [(form, plan)]
    return [(form, None)]


def _phase(module: Module, name: str, parts: Sequence[tuple[str, int]], threads: int) -> None:
    """A phase that does the parts, each (function, units of work). They write different places, so no thread waits between them.
    Parts with equal units take turns unit by unit: those of one spread operand write next to each other."""
    f = module.function(name, PHASE)
    arguments, thread, _ = f.parameters
    for units, group in groupby(parts, key=lambda part: part[1]):
        names = [part for part, _ in group]
        low, high = share(f, units, threads)
        if len(names) == 1:
            f.call_void(names[0], arguments, thread, f.integer(low), f.integer(high))
            continue

        def turn(u: Int, _: list[Value], names: list[str] = names) -> None:
            for part in names:
                f.call_void(part, arguments, thread, f.integer(u), f.integer(f.add(u, 1)))

        f.loop(low, high, 1, turn)
    f.finish()
