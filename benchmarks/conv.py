"""conv2d as a user calls it, forward and with all gradients, beside PyTorch in the faster of its two memory formats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

import flambeau
from benchmarks import rivals
from benchmarks.tensors import to_flambeau
from benchmarks.timing import geometric_mean, measure, table

__all__ = ["CASES", "forward", "backward"]

# (name, N, C, H, W, O, kernel, stride, padding, dilation, groups)
CASES: list[tuple[Any, ...]] = [
    ("1,3,224,224→64 3×3 p1", 1, 3, 224, 224, 64, (3, 3), 1, (1, 1), 1, 1),
    ("4,64,112,112→128 3×3 s2 p1", 4, 64, 112, 112, 128, (3, 3), 2, (1, 1), 1, 1),
    ("1,128,32,32→128 3×3 p2 d2", 1, 128, 32, 32, 128, (3, 3), 1, (2, 2), 2, 1),
    ("32,64,28,28 depthwise 3×3 p1", 32, 64, 28, 28, 64, (3, 3), 1, (1, 1), 1, 64),
    ("8,128,16,16→256 3×3 p1", 8, 128, 16, 16, 256, (3, 3), 1, (1, 1), 1, 1),
    ("8,3,224,224→64 7×7 s2 p3", 8, 3, 224, 224, 64, (7, 7), 2, (3, 3), 1, 1),
    ("8,64,56,56→256 1×1", 8, 64, 56, 56, 256, (1, 1), 1, (0, 0), 1, 1),
    ("8,128,28,28→128 3×3 p1", 8, 128, 28, 28, 128, (3, 3), 1, (1, 1), 1, 1),
    ("8,512,7,7→512 3×3 p1", 8, 512, 7, 7, 512, (3, 3), 1, (1, 1), 1, 1),
    ("3,17,37,41→29 3×3 p1", 3, 17, 37, 41, 29, (3, 3), 1, (1, 1), 1, 1),
    ("4,96,17,17→96 1×7 p(0,3)", 4, 96, 17, 17, 96, (1, 7), 1, (0, 3), 1, 1),
    ("8,64,28,28→64 3×3 p1 groups 4", 8, 64, 28, 28, 64, (3, 3), 1, (1, 1), 1, 4),
]


def _tensors(case: tuple[Any, ...]) -> tuple[Any, Any, Any, dict[str, Any]]:
    _, n, c, h, w, o, kernel, stride, padding, dilation, groups = case
    torch.manual_seed(0)
    x, weight, bias = torch.randn(n, c, h, w), torch.randn(o, c // groups, *kernel) * 0.1, torch.randn(o)
    return x, weight, bias, {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}


def _check(name: str, mine: Any, reference: Any) -> None:
    a, b = torch.from_numpy(mine.detach().numpy()).double(), reference.double()
    error = ((a - b).abs().max() / b.abs().max()).item()
    assert error < 1e-4, f"{name}: error {error}"


def _forward_times(case: tuple[Any, ...]) -> dict[str, float]:
    """Seconds of one case by each way; the value is checked against float64 first."""
    x, weight, bias, options = _tensors(case)
    x_last, w_last = (t.contiguous(memory_format=torch.channels_last) for t in (x, weight))
    fx, fw, fb = map(to_flambeau, (x, weight, bias))

    def mine(a: Any, b: Any, c: Any) -> Any:
        return flambeau.nn.functional.conv2d(a, b, c, **options)

    def eager() -> None:
        result = mine(fx, fw, fb)
        flambeau.synchronize()
        del result

    compiled = flambeau.compile(mine)
    with torch.no_grad(), flambeau.no_grad():
        expected = torch.nn.functional.conv2d(x.double(), weight.double(), bias.double(), **options)
        _check(case[0], compiled(fx, fw, fb), expected)
        return measure({
            "compiled": lambda: compiled(fx, fw, fb),
            "uncompiled": eager,
            "NCHW": lambda: torch.nn.functional.conv2d(x, weight, bias, **options),
            "NHWC": lambda: torch.nn.functional.conv2d(x_last, w_last, bias, **options),
            **rivals.convolution(x, weight, bias, options),
        })  # fmt: skip


def _backward_times(case: tuple[Any, ...]) -> dict[str, float]:
    """Seconds of forward and the gradients to input, weight and bias."""
    x, weight, bias, options = _tensors(case)
    with torch.no_grad():
        gradient = torch.randn_like(torch.nn.functional.conv2d(x, weight, bias, **options))

    def run(library: Any, a: Any, b: Any, c: Any, g: Any) -> Any:
        result = library.nn.functional.conv2d(a, b, c, **options)
        return library.autograd.grad(result, (a, b, c), g)

    theirs = [t.clone().requires_grad_() for t in (x, weight, bias)]
    last = [t.contiguous(memory_format=torch.channels_last).requires_grad_() for t in (x, weight)]
    gradient_last = gradient.contiguous(memory_format=torch.channels_last)
    mine = [to_flambeau(t).requires_grad_() for t in (x, weight, bias)]
    my_gradient = to_flambeau(gradient)
    compiled = flambeau.compile(lambda a, b, c, g: run(flambeau, a, b, c, g))
    expected = run(torch, *(t.double() for t in theirs), gradient.double())
    for name, got, want in zip(("input", "weight", "bias"), compiled(*mine, my_gradient), expected, strict=True):
        _check(f"{case[0]} {name}", got, want)
    return measure({
        "compiled": lambda: compiled(*mine, my_gradient),
        "NCHW": lambda: run(torch, *theirs, gradient),
        "NHWC": lambda: run(torch, *last, theirs[2], gradient_last),
        **rivals.convolution_with_gradients(x, weight, bias, gradient, options),
    })  # fmt: skip


def _compare(title: str, filter: str, times_of: Callable[[tuple[Any, ...]], dict[str, float]], ways: list[str]) -> str:
    """A table of milliseconds, and of PyTorch's better time over each of `ways`; JAX where it is installed."""
    rows: list[list[str]] = []
    ratios: dict[str, list[float]] = {w: [] for w in ways}
    for case in CASES:
        if filter in case[0]:
            times = times_of(case)
            best = min(times["NCHW"], times["NHWC"])
            for w in ways:
                ratios[w].append(best / times[w])
            jax = [f"{min(t for k, t in times.items() if k.startswith('JAX')) * 1e3:.3f}" if "JAX NCHW" in times else "–"]
            shown = [f"{times[k] * 1e3:.3f}" for k in (*ways, "NCHW", "NHWC")]
            rows.append([case[0], *shown, *jax, *(f"{ratios[w][-1]:.2f}" for w in ways)])
    rows.append(["geometric mean", *[""] * (len(ways) + 3), *(f"{geometric_mean(ratios[w]):.2f}" for w in ways)])
    header = [f"{title}, ms", *ways, "PyTorch NCHW", "PyTorch NHWC", "JAX, the faster", *(f"ratio, {w}" for w in ways)]
    return table(title, header, rows)


def forward(filter: str = "") -> str:
    """The forward table, for the cases whose name has `filter`."""
    return _compare("conv2d forward", filter, _forward_times, ["compiled", "uncompiled"])


def backward(filter: str = "") -> str:
    """The table of forward and all gradients, for the cases whose name has `filter`."""
    return _compare("conv2d forward and all gradients", filter, _backward_times, ["compiled"])
