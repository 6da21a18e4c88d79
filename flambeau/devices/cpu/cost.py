"""A rough estimate of a kernel's time on one core, in nanoseconds: whether to wake helpers, how to cut a long plan.

May import `flambeau.kernels` and `flambeau.schedule.plan`.
"""

from __future__ import annotations

import math

from flambeau.kernels.ir import AttentionKernel, ContractionKernel, Expr, FourierKernel, Kernel, LoopKernel, SortKernel
from flambeau.kernels.weights import weight
from flambeau.schedule.plan import RecurrenceKernel

__all__ = ["nanoseconds"]


def nanoseconds(kernel: Kernel | RecurrenceKernel) -> float:
    if isinstance(kernel, RecurrenceKernel):
        return kernel.times * sum(nanoseconds(step.kernel) for step in kernel.body.steps)
    if isinstance(kernel, LoopKernel):
        return _loops(kernel)
    if isinstance(kernel, ContractionKernel):
        return 0.02 * math.prod(kernel.extents) + 0.3 * math.prod(kernel.extents[k] for k in kernel.outputs)
    if isinstance(kernel, SortKernel):
        return kernel.rows * (20.0 * min(kernel.length, 100 * kernel.kept) + kernel.length)
    if isinstance(kernel, FourierKernel):
        return 0.2 * kernel.outer * kernel.n * kernel.inner * kernel.n.bit_length()
    if isinstance(kernel, AttentionKernel):
        rows, columns, width, value_width = kernel.sizes
        products = 1 if "output" in kernel.parts else 2
        return 0.02 * math.prod(kernel.batch) * rows * columns * products * (width + value_width)
    return 0.0


def _loops(kernel: LoopKernel) -> float:
    """Each expression is computed for every position of its axes and of the reductions around it."""
    total = 0.0
    seen: set[tuple[Expr, int]] = set()
    for s in kernel.stores:
        count = math.prod(kernel.axes)
        total += 0.2 * count
        stack: list[tuple[Expr, int]] = [(s.value, 1)]
        while stack:
            e, around = stack.pop()
            if (e, around) in seen:
                continue
            seen.add((e, around))
            if e.op == "reduce":
                around *= math.prod(extent for _, extent in e.param[1])
            elif e.op not in ("axis", "literal"):
                turns = around * math.prod(kernel.axes[a] for a in e.axes if a < len(kernel.axes))
                total += turns * (0.2 if e.op == "load" else 0.05 * weight(e.op))
                if e.op == "load":
                    continue
            stack.extend((a, around) for a in e.args)
    return total
