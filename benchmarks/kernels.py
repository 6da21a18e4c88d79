"""Where a network's time goes: every kernel of a replayed call, with its time, its arithmetic and its memory traffic.

A contraction's arithmetic is that of the direct sum (2 operations a product; products with zeros between the elements of a
strided convolution's input gradient left out), whatever algorithm computes it: Winograd's rates may exceed the processor's peak.
"""

from __future__ import annotations

import contextlib
import math
import statistics
from collections.abc import Callable
from typing import Any

from benchmarks.timing import table
from flambeau.kernels.ir import ContractionKernel, LoopKernel
from flambeau.profiler import recorder

__all__ = ["describe", "kernels"]


class _Observer:
    """What the runtime tells of each kernel of one call."""

    def __init__(self) -> None:
        self.found: list[tuple[str, Any, float]] = []

    def launched(self, name: str, start_ns: int, end_ns: int, device: str = "cpu", kernel: Any = None) -> None:
        self.found.append((name, kernel, (end_ns - start_ns) / 1e6))

    def span(self, name: str, category: str) -> Any:
        return contextlib.nullcontext()


def _operations(kernel: ContractionKernel) -> float:
    """2 · the products of the sum; of operands that hold an element every so many positions only those count."""
    every = 1
    for operand in (kernel.a, kernel.b):
        every *= math.prod(p.every for p in operand.positions)
    return 2 * math.prod(kernel.extents) / every


def describe(kernel: Any) -> str:
    """A kernel's extents, and those of its sums."""
    if isinstance(kernel, ContractionKernel):
        summed = [e for k, e in enumerate(kernel.extents) if k not in kernel.outputs]
        return "×".join(str(kernel.extents[k]) for k in kernel.outputs) + " Σ " + "×".join(map(str, summed))
    if isinstance(kernel, LoopKernel):
        reductions = {e.param[1] for e in _reduces(kernel)}
        inner = "; ".join("×".join(str(extent) for _, extent in axes) for axes in sorted(reductions))
        return "×".join(map(str, kernel.axes)) + (f" Σ {inner}" if inner else "") + f" ({len(kernel.stores)} results)"
    return type(kernel).__name__


def _reduces(kernel: LoopKernel) -> list[Any]:
    found, seen = [], set()
    stack = [s.value for s in kernel.stores]
    while stack:
        e = stack.pop()
        if e not in seen:
            seen.add(e)
            found += [e] if e.op == "reduce" else []
            stack.extend(e.args)
    return found


def kernels(title: str, call: Callable[[], object], turns: int = 9, fewest_ms: float = 0.0) -> str:
    """A table of the kernels of `call` in running order: medians over `turns` calls. Each waits for the one before, so their
    sum is a little more than the call. Rows below `fewest_ms` are summed up in one."""
    for _ in range(3):
        call()
    runs = []
    for _ in range(turns):
        observer = _Observer()
        recorder.start(observer)
        try:
            call()
        finally:
            recorder.stop()
        runs.append(observer.found)
    rows = []
    total = contractions = small = 0.0
    for same in zip(*runs, strict=True):
        name, kernel, _ = same[0]
        ms = statistics.median(t for _, _, t in same)
        total += ms
        is_contraction = isinstance(kernel, ContractionKernel)
        contractions += ms if is_contraction else 0.0
        megabytes = sum(s.size * s.dtype.itemsize for s in kernel.slots) / 1e6
        rate = f"{_operations(kernel) / ms / 1e6:.0f}" if is_contraction else ""
        if ms < fewest_ms:
            small += ms
            continue
        row = [name, describe(kernel), f"{ms:.3f}", rate, f"{megabytes:.1f}", f"{megabytes / ms:.1f}"]
        rows.append(row)
    rows.append(["all of these", f"{contractions:.2f} of it in contractions", f"{total:.3f}", "", "", ""])
    if small:
        rows.insert(-1, ["smaller ones", "", f"{small:.3f}", "", "", ""])
    return table(title, ["operators", "result Σ summed", "ms", "GFLOP/s (direct)", "MB", "GB/s"], rows)
