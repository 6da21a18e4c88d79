"""Times every tile for every convolution and for matmul, to judge `choose_tile` by: `python -m benchmarks.webgpu.tune`."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from benchmarks.webgpu.cases import CONVOLUTIONS, conv_node
from benchmarks.webgpu.timing import Runner, leaf_on, make_on
from flambeau.codegen.wgsl import tiling
from flambeau.devices import backend as start
from flambeau.devices.webgpu import native
from flambeau.schedule.running import PLANS


def matmul(backend: Any, n: int) -> Any:
    rng = np.random.default_rng(0)
    a, b = (leaf_on(backend, rng.standard_normal((n, n)).astype(np.float32)) for _ in range(2))
    return make_on(backend.name)("contract", (a, b), (0, 1), (1, 2), (0, 2))


def main() -> None:
    if "--unchecked" in sys.argv:
        sys.argv.remove("--unchecked")
        native.DAWN_TOGGLES.append("disable_robustness")
    backend = start("webgpu:0")
    print(backend.host.name, backend.target, flush=True)
    rng = np.random.default_rng(0)
    make = make_on(backend.name)
    only = sys.argv[1:]
    suggest = tiling.choose_tile
    jobs: list[tuple[str, float, Any]] = [("matmul 4096", 2 * 4096**3, lambda: matmul(backend, 4096))]
    for case in CONVOLUTIONS:
        if case.groups > 1:
            continue

        def build(case: Any = case) -> Any:
            shapes = (case.n, case.c, case.h, case.w), (case.o, case.c, case.kernel, case.kernel), (case.o,)
            x, w, b = (leaf_on(backend, rng.standard_normal(s).astype(np.float32)) for s in shapes)
            return conv_node(case, x, w, b, make)

        jobs.append((str(case), case.operations, build))
    for name, operations, build in jobs:
        if only and not any(o in name for o in only):
            continue
        node = build()
        expected = None
        lines = []
        suggested: list[Any] = []
        for tile in (tiling._LARGE, tiling._WIDE, *tiling._TILES):
            for split in (1, 2, 4, 8, 16):

                def choose(
                    rows: int, columns: int, size: int, batches: int, target: Any,
                    *, tile: Any = tile, split: int = split, suggested: list[Any] = suggested,
                ) -> Any:  # fmt: skip
                    suggested[:] = [suggest(rows, columns, size, batches, target)]
                    groups = -(-rows // tile.rows) * -(-columns // tile.columns) * batches
                    if split > 1 and (groups * split > 1200 or size // tile.step < 4 * split):
                        raise LookupError
                    return tile, split

                tiling.choose_tile = choose
                backend._programs.clear()
                PLANS.clear()
                try:
                    runner = Runner(backend, node)
                    value = runner.value()
                    if expected is None:
                        expected = value
                    error = float(np.abs(value - expected).max() / np.abs(expected).max())
                    ms = runner.milliseconds(3)
                    lines.append(
                        (
                            ms,
                            f"{tile.rows}x{tile.columns}x{tile.step} {tile.own_rows}x{tile.own_columns} /{split} err {error:.0e}",
                        )
                    )
                except LookupError:
                    continue
                except Exception as problem:
                    print(name, tile, split, "failed:", str(problem)[:300], flush=True)
        lines.sort()
        tile, split = suggested[0]
        print(f"{name}: suggested {tile.rows}x{tile.columns} {tile.own_rows}x{tile.own_columns} /{split}")
        for ms, text in lines[:7]:
            print(f"   {ms:.4f} ms {operations / ms / 1e9:.2f} TFLOP/s  {text}", flush=True)


if __name__ == "__main__":
    main()
