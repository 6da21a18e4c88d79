"""GPU time of each shader of the convolutions: `python -m benchmarks.webgpu.steps [--gradients] [PART OF A NAME…]`."""

from __future__ import annotations

import statistics
import sys

from benchmarks.webgpu.cases import CONVOLUTIONS
from benchmarks.webgpu.figures import convolution
from benchmarks.webgpu.timing import Runner
from flambeau.devices import backend as start


def main() -> None:
    wanted = [a for a in sys.argv[1:] if not a.startswith("-")]
    backend = start("webgpu:0")
    print(backend.host.name, flush=True)
    for case in CONVOLUTIONS:
        if wanted and not any(w in str(case) for w in wanted):
            continue
        runner = Runner(backend, *convolution(case, "--gradients" in sys.argv)[0])
        runner.values()
        rows = []
        for _ in range(10):
            backend.flush()
            backend.execute(runner.plan, runner.inputs, runner.scalars, frozenset())
            commands, backend._commands = backend._commands, []
            backend._batch += 1
            token = backend.host.submit(commands, timed=True)
            rows.append([(b - a) / 1e3 for a, b in backend.host.timings(token)])
        dispatches = [c for c in commands if c[0] == "dispatch"]
        print(f"{case}: together {runner.milliseconds(3) * 1e3:.1f} µs")
        for command, times in zip(dispatches, zip(*rows)):
            print(f"   {statistics.median(times):9.1f} µs  {command[3:6]} workgroups  {command[6]}", flush=True)


if __name__ == "__main__":
    main()
