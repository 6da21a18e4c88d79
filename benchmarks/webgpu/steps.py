"""GPU time of each shader of each convolution's plan: `python -m benchmarks.webgpu.steps`."""

from __future__ import annotations

import statistics

import numpy as np

from benchmarks.webgpu.cases import CONVOLUTIONS, conv_node
from benchmarks.webgpu.timing import Runner, leaf_on, make_on
from flambeau.devices import backend as start


def main() -> None:
    backend = start("webgpu:0")
    print(backend.host.name, flush=True)
    rng = np.random.default_rng(0)
    make = make_on(backend.name)
    for case in CONVOLUTIONS:
        shapes = (case.n, case.c, case.h, case.w), (case.o, case.c // case.groups, case.kernel, case.kernel), (case.o,)
        x, w, b = (leaf_on(backend, rng.standard_normal(s).astype(np.float32)) for s in shapes)
        runner = Runner(backend, conv_node(case, x, w, b, make))
        runner.value()
        rows = []
        for _ in range(10):
            backend.flush()
            backend.execute(runner.plan, runner.inputs, runner.scalars, frozenset())
            commands, backend._commands = backend._commands, []
            backend._batch += 1
            token = backend.host.submit(commands, timed=True)
            rows.append([(b - a) / 1e3 for a, b in backend.host.timings(token)])
        grids = [c[3:6] for c in commands if c[0] == "dispatch"]
        times = [statistics.median(column) for column in zip(*rows)]
        print(
            case,
            " ".join(f"{t:.1f}us{g}" for t, g in zip(times, grids)),
            f"together {runner.milliseconds(3) * 1e3:.1f}us",
            flush=True,
        )


if __name__ == "__main__":
    main()
