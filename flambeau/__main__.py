"""The command line: `flambeau info`, `bench`, `run` and `check`. May import anything of flambeau."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from flambeau.check import command as checking

__all__ = ["main"]


def _info(options: argparse.Namespace) -> int:
    """Devices, features, cache and threads."""
    import flambeau
    from flambeau import devices
    from flambeau.version import RELEASE

    versions = f"flambeau {RELEASE} ({flambeau.__version__} for programs), Python {platform.python_version()}"
    print(f"{versions}, {platform.system()} {platform.machine()}")
    for name in ("cpu", "webgpu"):
        try:
            facts: dict[str, Any] = devices.backend(name).describe()  # type: ignore[attr-defined]
        except (RuntimeError, ImportError) as error:
            print(f"{name}: not available: {error}")
            continue
        print(f"{name}:")
        for key, value in facts.items():
            print(f"  {key}: {value}")
    return 0


def _bench(options: argparse.Namespace) -> int:
    """A quick look at this machine's speed; `make bench` in the repository compares with PyTorch."""
    import flambeau as torch
    import flambeau.nn.functional as F

    torch.manual_seed(0)
    cases: list[tuple[str, Any, float]] = []
    for n, c, size, o in ((8, 64, 56, 64), (8, 128, 28, 128), (8, 256, 14, 256)):
        x = torch.randn(n, c, size, size, device=options.device)
        w = torch.randn(o, c, 3, 3, device=options.device)
        convolution = torch.compile(lambda x, w: F.conv2d(x, w, padding=1))
        cases.append(
            (f"conv2d {n},{c},{size},{size}→{o} 3×3", lambda f=convolution, x=x, w=w: f(x, w), 2 * n * o * size * size * c * 9)
        )
    a, b = torch.randn(1024, 1024, device=options.device), torch.randn(1024, 1024, device=options.device)
    product = torch.compile(lambda a, b: a @ b)
    cases.append(("matmul 1024³", lambda: product(a, b), 2 * 1024**3))
    print(f"device {options.device}; best of 20 calls")
    for name, call, operations in cases:
        best = float("inf")
        for _ in range(23):
            start = time.perf_counter()
            call()
            torch.synchronize()
            best = min(best, time.perf_counter() - start)
        print(f"  {name:32} {best * 1e3:9.3f} ms {operations / best / 1e9:9.1f} GFLOP/s")
    return 0


def _run(options: argparse.Namespace) -> int:
    """Python, with a folder on its path where `import torch` finds flambeau; processes that the program starts have it, too."""
    if options.arguments[:1] in (["-h"], ["--help"]):
        options.parser.print_help()
        return 0
    path = [str(Path(__file__).with_name("_as_torch")), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
    command = [sys.executable, *options.arguments]
    if os.name == "nt":  # a process cannot become another there
        return subprocess.call(command, env=environment)
    os.execve(sys.executable, command, environment)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; gives the exit status."""
    parser = argparse.ArgumentParser(prog="flambeau", description="PyTorch's API as a compiler in pure Python.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    info = commands.add_parser("info", help="devices, features, cache, threads")
    info.set_defaults(run=_info)
    bench = commands.add_parser("bench", help="a quick look at this machine's speed")
    bench.add_argument("--device", default="cpu", help="cpu or webgpu")
    bench.set_defaults(run=_bench)
    check = commands.add_parser("check", help="find shape, dtype and device errors in programs without running them")
    checking.add_arguments(check)
    check.set_defaults(run=checking.run)
    run = commands.add_parser(
        "run",
        help="run a PyTorch program on flambeau, unchanged",
        description="Python, in which `import torch` is flambeau: `flambeau run train.py --epochs 3`, `flambeau run -m train`.",
        add_help=False,
        prefix_chars=" ",  # what begins with - is Python's, or the program's
    )
    run.add_argument("arguments", nargs=argparse.REMAINDER, help="what `python` takes: a file or -m MODULE, and its arguments")
    run.set_defaults(run=_run, parser=run)
    options = parser.parse_args(arguments)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # `flambeau info | head`: nobody reads the rest, nor what Python would flush at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
