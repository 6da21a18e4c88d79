"""`python -m benchmarks.contraction [TEXT]`: contraction kernels alone beside PyTorch, on one thread, in processor time.

Processor time of one thread is what a shared machine disturbs least: use this table to compare schedules, and `python -m
benchmarks conv` for what a user sees. PyTorch's time is the better of its two memory formats; packing of the left operand,
which the device keeps while a weight doesn't change, is done before.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import numpy as np

from benchmarks.timing import geometric_mean, table, with_tuned_malloc

CASES = {
    "1,3,224→64 3×3": (1, 3, 224, 224, 64, 3, 3, 1, 1),
    "4,64,112→128 3×3 s2": (4, 64, 112, 112, 128, 3, 3, 2, 1),
    "1,128,32→128 3×3 d2": (1, 128, 32, 32, 128, 3, 3, 1, 2, 2),
    "32,64,28 depthwise": (32, 64, 28, 28, 64, 3, 3, 1, 1, 1, 64),
    "8,128,16→256 3×3": (8, 128, 16, 16, 256, 3, 3, 1, 1),
    "8,3,224→64 7×7 s2": (8, 3, 224, 224, 64, 7, 7, 2, 3),
    "8,64,56→256 1×1": (8, 64, 56, 56, 256, 1, 1),
    "8,128,28→128 3×3": (8, 128, 28, 28, 128, 3, 3, 1, 1),
    "8,512,7→512 3×3": (8, 512, 7, 7, 512, 3, 3, 1, 1),
    "2,48,37×53→80 3×3": (2, 48, 37, 53, 80, 3, 3, 1, 1),
    "8,96,17→96 1×7": (8, 96, 17, 17, 96, 1, 7, 1, (0, 3)),
    "8,128,28→128 3×3 g4": (8, 128, 28, 28, 128, 3, 3, 1, 1, 1, 4),
}
PRODUCTS = [(32, 784, 128, 0), (1024, 1024, 1024, 0), (100000, 64, 32, 0), (64, 2048, 1000, 0), (128, 128, 128, 32)]


def in_turns(mine: Callable[[], object], others: list[Callable[[], object]], seconds: float = 0.4) -> tuple[float, float]:
    """Median milliseconds of processor time of `mine` and of the fastest of `others`."""
    runs = [mine, *others]
    times: list[list[float]] = [[] for _ in runs]
    for run in runs:
        run()
        run()
    begin = time.perf_counter()
    while time.perf_counter() - begin < seconds * len(runs) or len(times[0]) < 5:
        for run, found in zip(runs, times):
            run()
            start = time.thread_time()
            run()
            found.append(time.thread_time() - start)
    ours, *theirs = (1e3 * median(t) for t in times)
    return ours, min(theirs)


def prepared(backend: Any, kernel: Any) -> Callable[[], object]:
    """A function that runs the kernel on random numbers."""
    from flambeau.schedule.plan import Plan, Step, Value

    r = np.random.default_rng(0)
    count = len(kernel.slots)
    last = count - 1
    values = tuple(Value(s.dtype, s.size, "output" if n == last else "input") for n, s in enumerate(kernel.slots))
    plan = Plan(values, (Step(kernel, tuple(range(count))),), tuple(range(last)), (), (last,))
    arrays = [r.standard_normal(s.size, dtype=np.float32) for s in kernel.slots[:-1]]
    buffers = [backend.upload(a.view(np.uint8), a.nbytes) for a in arrays]
    return lambda: backend.execute(plan, buffers, (), frozenset())


def _reference(s: Any, which: int, x: Any, w: Any, b: Any) -> Callable[[], object]:
    """PyTorch's forward (0), input gradient (1) or weight gradient (2)."""
    import torch

    step, pads, spread = [s.stride] * 2, list(s.pads), [s.dilation] * 2
    if which == 0:
        return lambda: torch.conv2d(x, w, b, step, pads, spread, s.groups)
    y = torch.conv2d(x, w, b, step, pads, spread, s.groups)
    backward = torch.ops.aten.convolution_backward
    mask = [which == 1, which == 2, False]
    return lambda: backward(y, x, w, [s.o], step, pads, spread, False, [0, 0], s.groups, mask)


def convolutions(backend: Any, text: str) -> str:
    import torch

    from tests.cpu.contractions import Conv, conv_forward, conv_input, conv_weight

    rows, ratios = [], []
    for name, sizes in CASES.items():
        if text not in name:
            continue
        s = Conv(*sizes)
        x = torch.randn(s.n, s.c, s.h, s.w)
        w, b = torch.randn(s.o, s.c // s.groups, s.kh, s.kw), torch.randn(s.o)
        row = [name]
        for which, make in enumerate((conv_forward, conv_input, conv_weight)):
            others: list[Callable[[], object]] = []
            for layout in (torch.contiguous_format, torch.channels_last):
                others.append(_reference(s, which, x.to(memory_format=layout), w.to(memory_format=layout), b))
            mine, theirs = in_turns(prepared(backend, make(s)), others)
            ratios.append(theirs / mine)
            row.append(f"{mine:.2f} ms ({s.flops / mine / 1e6:.0f} GF/s) ×{theirs / mine:.2f}")
        rows.append(row)
    header = ["case", "forward", "input gradient", "weight gradient"]
    mean = f"geometric mean ×{geometric_mean(ratios):.2f}" if ratios else ""
    return table("Convolution kernels", header, rows) + "\n" + mean


def products(backend: Any, text: str) -> str:
    import torch

    from tests.cpu.contractions import matmul

    rows = []
    for m, k, n, batch in PRODUCTS:
        name = f"{m}×{k}×{n}" + (f" ×{batch}" if batch else "")
        if text not in name:
            continue
        lead = (batch,) if batch else ()
        a, b, flipped = torch.randn(*lead, m, k), torch.randn(*lead, k, n), torch.randn(*lead, n, k)
        row = [name]
        for letters, right in (("kn", b), ("nk", flipped.mT)):
            other = partial(torch.matmul, a, right)
            mine, theirs = in_turns(prepared(backend, matmul(m, k, n, "mk", letters, batch)), [other])
            flops = 2 * m * k * n * max(batch, 1)
            row.append(f"{mine:.3f} ms ({flops / mine / 1e6:.0f} GF/s) ×{theirs / mine:.2f}")
        rows.append(row)
    return table("Matrix products", ["case", "a·b", "a·bᵀ"], rows)


def main() -> None:
    with_tuned_malloc()
    import torch

    from flambeau.devices.cpu.backend import CpuBackend
    from flambeau.devices.cpu.machine import host

    torch.set_num_threads(1)
    backend = CpuBackend(host())
    backend.set_num_threads(1)
    text = sys.argv[1] if len(sys.argv) > 1 else ""
    with torch.no_grad():
        print(convolutions(backend, text), products(backend, text), sep="\n\n", flush=True)


if __name__ == "__main__":
    main()
