"""Contractions for the CPU: a sum of products of two zero-padded affine views, as LLVM IR.

May import `flambeau.kernels`, `flambeau.dtypes` and `codegen.llvm`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from flambeau.codegen.llvm.builder import Module
from flambeau.codegen.llvm.contraction.band import Band
from flambeau.codegen.llvm.contraction.band_plan import plan_band
from flambeau.codegen.llvm.contraction.building import Building, Schedule
from flambeau.codegen.llvm.contraction.direct import Direct, direct_cycles
from flambeau.codegen.llvm.contraction.dot import Dot, dot_cycles, plan_dot
from flambeau.codegen.llvm.contraction.epilogue import ContractionModule
from flambeau.codegen.llvm.contraction.filtered_band_plan import plan_filtered_band
from flambeau.codegen.llvm.contraction.form import Form, merge, normalize, simplify
from flambeau.codegen.llvm.contraction.panel import Panel
from flambeau.codegen.llvm.contraction.panel_plan import panel_cycles, plan_panel
from flambeau.codegen.llvm.contraction.roles import PHASE, share
from flambeau.codegen.llvm.contraction.spread import dense_parts
from flambeau.codegen.llvm.contraction.windows import undilated
from flambeau.codegen.llvm.contraction.winograd_plan import plan_winograd
from flambeau.codegen.llvm.contraction.winograd_weight import WinogradWeight, plan_winograd_weight
from flambeau.codegen.llvm.lowered import Lowered
from flambeau.codegen.llvm.target import Target
from flambeau.codegen.llvm.types import Int, Value
from flambeau.kernels.ir import ContractionKernel

__all__ = ["lower"]


def lower(kernel: ContractionKernel, target: Target, threads: int) -> Lowered:
    """LLVM IR for the kernel. `threads` is the number that will usually run it; any number may."""
    lowered = _lower(kernel, target, threads, 0)
    if lowered.messages or lowered.sizes:  # these stand after the scratch blocks, whose number is known now
        lowered = _lower(kernel, target, threads, len(kernel.slots) + len(lowered.scratch))
    return lowered


def _lower(kernel: ContractionKernel, target: Target, threads: int, error_place: int) -> Lowered:
    module = ContractionModule(target, kernel.slots, error_place)
    building = Building(module, len(kernel.slots), threads)
    parts: list[tuple[str, int]] = []
    plans = _plans(dense_parts(normalize(kernel)), target, threads)
    lines = [plan.lines for plan in plans if isinstance(plan, Panel | Band)]
    for plan in plans:
        if isinstance(plan, Panel | Band) and len(lines) > 1:
            plan = plan.with_lines(min(lines))
        name = f"part{len(parts)}"
        parts.append((name, plan.build(building, name)))
    _phase(module, "contraction", parts, threads)
    messages = tuple(module.messages.found)
    functions = (*(p.function for p in building.packs if p.takes_sizes), "contraction")
    kept = tuple(p for p in building.packs if not p.takes_sizes)
    return Lowered(module.text(), functions, tuple(building.scratch.sizes), messages, kept, tuple(module.sizes.values()))


_Planned = tuple[float, list[Schedule]]
"""The schedules of forms that together are a given one, and the cycles that they are expected to take the busiest thread."""


def _plans(forms: Sequence[Form], target: Target, threads: int) -> list[Schedule]:
    """Schedules of the given forms, or of forms that together are these: the kind that is expected to take the least time.

    Several forms are the parts of one spread operand: they are all of one kind, since they write between each other's elements
    and should do so in turns.
    """
    summing = [form for form in forms if form.size and form.terms]
    bands = [None if form.is_traced else plan_band(form, target, threads, slides=len(forms) == 1) for form in summing]
    plain = [_unbanded(form, target, threads) for form in summing]
    others: list[_Planned] = [(cost, [plan]) for cost, plan in plain]
    banded: list[_Planned] = [(band[0], [band[1]]) for band in bands if band is not None]
    filtered = [part for form in summing if (part := _filtered(form, target, threads)) is not None]
    candidates = [c for c in (others, banded, filtered) if len(c) == len(summing)]
    found = [plan for _, parts in min(candidates, key=lambda c: sum(cost for cost, _ in c)) for plan in parts]
    return found + [Direct(form, target) for form in forms if form.size and not form.terms]


def _filtered(form: Form, target: Target, threads: int) -> _Planned | None:
    """Schedules of the form, or of forms that together are it, by minimal filtering, with the cycles expected; None where that
    has nothing to offer."""
    parts = None if form.is_traced else undilated(form)
    if parts is None:
        return None
    parts = [merge(simplify(part)) for part in parts]
    found: list[_Planned] = []
    for part in parts:
        plans = [plan for way in (plan_winograd, plan_filtered_band) if (plan := way(part, target, threads)) is not None]
        if not plans:
            return None
        cost, best = min(plans, key=lambda plan: plan[0])
        found.append((cost, [best]))
    return sum(cost for cost, _ in found), [plan for _, plans in found for plan in plans]


def _unbanded(form: Form, target: Target, threads: int) -> tuple[float, WinogradWeight | Dot | Panel | Direct]:
    """The best schedule but bands, with the cycles that it is expected to take the busiest thread."""
    weight = None if form.is_traced else plan_winograd_weight(form, target, threads)
    if weight is not None:
        return 0.0, weight
    dot, panel = plan_dot(form, target, threads), plan_panel(form, target, threads)
    if dot is not None:
        cost = dot_cycles(dot, target, threads)
        packing = 0.0 if panel is None or panel.packing is None else panel.packed.cycles(panel.lanes) / threads
        if panel is None or cost < 1.05 * (panel_cycles(panel, threads) + packing):
            return cost, dot
    return (
        (direct_cycles(form, target, threads), Direct(form, target)) if panel is None else (panel_cycles(panel, threads), panel)
    )


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
