"""tinygrad's WEBGPU device on the cases of `figures`, beside flambeau's times: `python -m benchmarks.webgpu.tinygrad_figures`.

Needs tinygrad and the Dawn library that it loads (package dawn-python; WEBGPU_PATH names the shared library). Both are timed by
the wall over many runs enqueued back to back, captured by TinyJit and replayed as a plan; values are compared with NumPy's.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

os.environ["DEV"] = "WEBGPU"
os.environ.setdefault("BEAM", "0")


def milliseconds(run: Callable[[], Any], wait: Callable[[], Any]) -> float:
    """The median time of a run within long sequences, once the GPU is at its clock."""
    for _ in range(3):
        run()
    wait()
    start = time.perf_counter()
    run()
    wait()
    once = max(time.perf_counter() - start, 1e-4)
    many = max(5, min(200, int(0.3 / once)))
    times = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(many):
            run()
        wait()
        times.append((time.perf_counter() - start) / many)
    return statistics.median(times) * 1e3


def main() -> None:
    from tinygrad import Device, Tensor, TinyJit

    import flambeau
    import flambeau.nn.functional as F
    from benchmarks.webgpu.cases import CONVOLUTIONS
    from benchmarks.webgpu.figures import nodes_of
    from benchmarks.webgpu.timing import Runner
    from flambeau import devices

    backend: Any = devices.backend("webgpu:0")
    print("tinygrad on", Device.DEFAULT, Device[Device.DEFAULT], "flambeau on", backend.host.name, flush=True)
    print("| case | flambeau ms | tinygrad ms | ratio | error |\n| --- | --- | --- | --- | --- |", flush=True)
    rng = np.random.default_rng(0)
    wanted = sys.argv[1:]

    def row(name: str, ours: Any, theirs: Callable[..., Any], arrays: list[Any]) -> None:
        if wanted and not any(w in name for w in wanted):
            return
        runner = Runner(backend, *nodes_of([ours(*(flambeau.tensor(a, device="webgpu") for a in arrays))]))
        value = runner.values()[0]
        inputs = [Tensor(a).realize() for a in arrays]
        jit = TinyJit(lambda *xs: theirs(*xs).realize())
        for _ in range(3):
            found = jit(*inputs)
        other = found.numpy().reshape(-1)
        error = float(np.abs(value - other).max() / np.abs(other).max())
        assert error < 1e-4, (name, error)
        mine = milliseconds(lambda: backend.execute(runner.plan, runner.inputs, runner.scalars, frozenset()), backend.synchronize)
        tiny = milliseconds(lambda: jit(*inputs), Device[Device.DEFAULT].synchronize)
        print(f"| {name} | {mine:.4g} | {tiny:.4g} | {tiny / mine:.4g} | {error:.1e} |", flush=True)

    for case in CONVOLUTIONS:
        shapes = (case.n, case.c, case.h, case.w), (case.o, case.c // case.groups, case.kernel, case.kernel), (case.o,)
        arrays = [rng.standard_normal(s).astype(np.float32) for s in shapes]
        row(
            str(case),
            lambda x, w, b, c=case: F.conv2d(x, w, b, c.stride, c.padding, c.dilation, c.groups),
            lambda x, w, b, c=case: x.conv2d(w, b, groups=c.groups, stride=c.stride, dilation=c.dilation, padding=c.padding),
            arrays,
        )
    arrays = [rng.standard_normal((4096, 4096)).astype(np.float32) for _ in range(2)]
    row("matmul 4096³", lambda a, b: a @ b, lambda a, b: a @ b, arrays)


if __name__ == "__main__":
    main()
