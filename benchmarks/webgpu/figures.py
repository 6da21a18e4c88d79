"""The project's GPU figures, beside PyTorch's in the same run: `python -m benchmarks.webgpu.figures [--PART…] [FILE.md]`.

Needs a GPU with Vulkan; PyTorch with CUDA for the columns beside. Every value is compared with PyTorch's before it is timed.
FLAMBEAU_WEBGPU=wgpudawn runs on Dawn. The parts are --forward, --matmul, --host, --gradients, --high and "--high gradients".
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import flambeau
import flambeau.nn.functional as F
from benchmarks.webgpu.cases import CONVOLUTIONS, Conv
from benchmarks.webgpu.timing import Runner
from flambeau import devices

try:
    import torch
except ImportError:
    torch = None  # type: ignore[assignment]


def cuda_milliseconds(function: Callable[[], Any]) -> float:
    """The median time of a call, by CUDA events over long runs."""
    for _ in range(5):
        function()
    torch.cuda.synchronize()
    start = time.perf_counter()
    while time.perf_counter() < start + 0.3:
        function()
    torch.cuda.synchronize()
    times = []
    for _ in range(7):
        a, b = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        a.record()
        for _ in range(30):
            function()
        b.record()
        torch.cuda.synchronize()
        times.append(a.elapsed_time(b) / 30)
    return statistics.median(times)


def best_of_formats(make: Callable[[Any], Callable[[], Any]]) -> tuple[float, float]:
    """PyTorch's time without and with TF32, in the faster of its two memory formats."""
    result = []
    for tf32 in (False, True):
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = tf32
        torch.backends.cudnn.benchmark = True
        result.append(min(cuda_milliseconds(make(f)) for f in (torch.contiguous_format, torch.channels_last)))
    return result[0], result[1]


def error_of(found: Any, expected: Any) -> float:
    expected = np.asarray(expected).reshape(-1)
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def nodes_of(tensors: list[Any]) -> list[Any]:
    return [t.detach().contiguous()._value() for t in tensors]


class Table:
    """Rows of a Markdown table, printed as they come."""

    def __init__(self, title: str, columns: list[str]) -> None:
        self.lines = [f"### {title}", "", "| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
        print("\n".join(self.lines), flush=True)

    def row(self, *cells: Any) -> None:
        self.lines.append("| " + " | ".join(f"{c:.4g}" if isinstance(c, float) else str(c) for c in cells) + " |")
        print(self.lines[-1], flush=True)


def convolution(case: Conv, backward: bool) -> tuple[list[Any], list[Any], tuple[int, ...]]:
    """A case's results as nodes (the output, or the three gradients), its arrays (x, w, b, the output's gradient) and options."""
    oh, ow = case.out_size
    shapes = (
        (case.n, case.c, case.h, case.w),
        (case.o, case.c // case.groups, case.kernel, case.kernel),
        (case.o,),
        (case.n, case.o, oh, ow),
    )
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s).astype(np.float32) for s in shapes]
    options = (case.stride, case.padding, case.dilation, case.groups)
    x, w, b, g = (flambeau.tensor(a, device="webgpu", requires_grad=backward and i < 3) for i, a in enumerate(arrays))
    y = F.conv2d(x, w, b, *options)
    return nodes_of(list(flambeau.autograd.grad(y, (x, w, b), g)) if backward else [y]), arrays, options


def convolutions(backend: Any, backward: bool, precision: str = "highest") -> Table:
    title = "conv2d with bias, all three gradients" if backward else "conv2d with bias, forward"
    note = "" if precision == "highest" else f', set_float32_matmul_precision("{precision}")'
    table = Table(f"{title}, float32{note}, ms", ["case", "flambeau", "PyTorch", "PyTorch TF32", "ratio", "ratio TF32", "error"])
    ratios = []
    flambeau.set_float32_matmul_precision(precision)
    for case in CONVOLUTIONS:
        nodes, arrays, options = convolution(case, backward)
        runner = Runner(backend, *nodes)
        values = runner.values()
        plain = tf32 = float("nan")
        error = float("nan")
        if torch is not None and torch.cuda.is_available():
            torch.backends.cudnn.allow_tf32 = False
            on_gpu = [torch.from_numpy(a).cuda().requires_grad_(backward and i < 3) for i, a in enumerate(arrays)]
            expected = torch.nn.functional.conv2d(*on_gpu[:3], *options)
            wanted = torch.autograd.grad(expected, on_gpu[:3], on_gpu[3]) if backward else [expected]
            error = max(error_of(v, e.detach().cpu().numpy()) for v, e in zip(values, wanted))
            assert error < (1e-4 if precision == "highest" else 2e-3), (case, error)

            def make(layout: Any, arrays: Any = arrays, options: Any = options) -> Callable[[], Any]:
                tensors = [
                    torch.from_numpy(a).cuda().to(memory_format=layout if a.ndim == 4 else torch.contiguous_format)
                    for a in arrays
                ]
                if not backward:
                    return lambda: torch.nn.functional.conv2d(*tensors[:3], *options)
                for t in tensors[:3]:
                    t.requires_grad_()
                out = torch.nn.functional.conv2d(*tensors[:3], *options)
                return lambda: torch.autograd.grad(out, tensors[:3], tensors[3], retain_graph=True)

            plain, tf32 = best_of_formats(make)
        ms = runner.milliseconds()
        ratios.append(plain / ms)
        table.row(case, ms, plain, tf32, plain / ms, tf32 / ms, error)
    table.row("geometric mean", "", "", "", float(np.exp(np.mean(np.log(ratios)))), "", "")
    flambeau.set_float32_matmul_precision("highest")
    return table


def matmuls(backend: Any) -> Table:
    table = Table("matmul 4096³", ["dtype", "precision", "flambeau ms", "TFLOP/s", "PyTorch ms", "of PyTorch", "error"])
    rng = np.random.default_rng(0)
    n = 4096
    for dtype, precision in (("float32", "highest"), ("float32", "high"), ("float16", "highest")):
        flambeau.set_float32_matmul_precision(precision)
        a, b = (rng.standard_normal((n, n)).astype(dtype) for _ in range(2))
        x, y = flambeau.tensor(a, device="webgpu"), flambeau.tensor(b, device="webgpu")
        runner = Runner(backend, *nodes_of([x @ y]))
        (result,) = backend.execute(runner.plan, runner.inputs, runner.scalars, frozenset())
        found = np.frombuffer(backend.download(result, result.nbytes), dtype).reshape(n, n)[:16].astype("f8")
        wanted = a[:16].astype("f8") @ b.astype("f8")
        error = float(np.abs(found - wanted).max() / np.abs(wanted).max())
        assert error < (1e-5 if (dtype, precision) == ("float32", "highest") else 2e-3), error
        plain = float("nan")
        if torch is not None and torch.cuda.is_available():
            torch.set_float32_matmul_precision(precision)
            p, q = torch.from_numpy(a).cuda(), torch.from_numpy(b).cuda()
            plain = cuda_milliseconds(lambda p=p, q=q: p @ q)
        ms = runner.milliseconds()
        table.row(dtype, precision, ms, 2 * n**3 / ms / 1e9, plain, plain / ms, error)
    flambeau.set_float32_matmul_precision("highest")
    return table


def host_cost(backend: Any) -> Table:
    table = Table("host time of a plan run again, µs a kernel", ["plan", "µs"])
    x = flambeau.randn(1, 64, 16, 16, device="webgpu")
    w = flambeau.randn(64, 64, 3, 3, device="webgpu")
    flambeau.synchronize()
    y = x
    for _ in range(16):
        y = flambeau.relu(F.conv2d(y, w, padding=1)) * 0.01
    runner = Runner(backend, *nodes_of([y]))
    runner.values()
    table.row("16 convolutions with ReLU", runner.host_microseconds())
    return table


def main() -> None:
    backend = devices.backend("webgpu:0")
    package = backend.host._package.__name__  # type: ignore[attr-defined]
    lines = [f"## {backend.host.name}, {package} {backend.host._package.__version__}", ""]  # type: ignore[attr-defined]
    print("\n".join(lines), flush=True)
    failed = []
    parts = {
        "forward": lambda: convolutions(backend, False),
        "matmul": lambda: matmuls(backend),
        "host": lambda: host_cost(backend),
        "gradients": lambda: convolutions(backend, True),
        "high": lambda: convolutions(backend, False, "high"),
        "high gradients": lambda: convolutions(backend, True, "high"),
    }
    wanted = [a.removeprefix("--") for a in sys.argv[1:] if a.startswith("--")]
    files = [a for a in sys.argv[1:] if not a.startswith("--")]
    if not backend.target.has_subgroup_matrix:
        del parts["high"], parts["high gradients"]
    for name, part in parts.items():
        if wanted and name not in wanted:
            continue
        try:
            lines += [*part().lines, ""]
        except Exception as error:  # the other figures are wanted all the same
            failed.append(error)
            print("FAILED", type(error).__name__, str(error)[:2000], flush=True)
    if files:
        with Path(files[0]).open("a", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
    if failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
