"""conv2d as a user calls it, forward and with all gradients, beside PyTorch in the faster of its two memory formats."""

from __future__ import annotations

from typing import Any

import torch

import flambeau
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


def _to_flambeau(t: Any) -> Any:
    return flambeau.from_numpy(t.detach().contiguous().numpy())


def _check(name: str, mine: Any, reference: Any) -> None:
    a, b = torch.from_numpy(mine.detach().numpy()).double(), reference.double()
    error = ((a - b).abs().max() / b.abs().max()).item()
    assert error < 1e-4, f"{name}: error {error}"


def forward(filter: str = "") -> str:
    rows, ratios, eager_ratios = [], [], []
    for case in CASES:
        if filter not in case[0]:
            continue
        x, weight, bias, options = _tensors(case)
        x_last, w_last = (t.contiguous(memory_format=torch.channels_last) for t in (x, weight))
        fx, fw, fb = map(_to_flambeau, (x, weight, bias))
        compiled = flambeau.compile(lambda a, b, c, options=options: flambeau.nn.functional.conv2d(a, b, c, **options))

        def eager(a: Any = fx, b: Any = fw, c: Any = fb, options: Any = options) -> None:
            result = flambeau.nn.functional.conv2d(a, b, c, **options)
            flambeau.synchronize()
            del result

        with torch.no_grad(), flambeau.no_grad():
            _check(
                case[0], compiled(fx, fw, fb), torch.nn.functional.conv2d(x.double(), weight.double(), bias.double(), **options)
            )
            times = measure({
                "compiled": lambda: compiled(fx, fw, fb),
                "eager": eager,
                "NCHW": lambda: torch.nn.functional.conv2d(x, weight, bias, **options),
                "NHWC": lambda: torch.nn.functional.conv2d(x_last, w_last, bias, **options),
            })  # fmt: skip
        best = min(times["NCHW"], times["NHWC"])
        ratios.append(best / times["compiled"])
        eager_ratios.append(best / times["eager"])
        rows.append([
            case[0], f"{times['compiled'] * 1e3:.3f}", f"{times['eager'] * 1e3:.3f}", f"{times['NCHW'] * 1e3:.3f}",
            f"{times['NHWC'] * 1e3:.3f}", f"{ratios[-1]:.2f}", f"{eager_ratios[-1]:.2f}",
        ])  # fmt: skip
    rows.append(["geometric mean", "", "", "", "", f"{geometric_mean(ratios):.2f}", f"{geometric_mean(eager_ratios):.2f}"])
    header = ["conv2d forward, ms", "compiled", "uncompiled", "PyTorch NCHW", "PyTorch NHWC", "ratio", "uncompiled ratio"]
    return table("conv2d forward", header, rows)


def backward(filter: str = "") -> str:
    """Forward and the gradients to input, weight and bias."""
    rows, ratios = [], []
    for case in CASES:
        if filter not in case[0]:
            continue
        x, weight, bias, options = _tensors(case)
        with torch.no_grad():
            gradient = torch.randn_like(torch.nn.functional.conv2d(x, weight, bias, **options))

        def run(library: Any, a: Any, b: Any, c: Any, g: Any, options: Any = options) -> Any:
            result = library.nn.functional.conv2d(a, b, c, **options)
            return library.autograd.grad(result, (a, b, c), g)

        theirs = [t.clone().requires_grad_() for t in (x, weight, bias)]
        last = [t.contiguous(memory_format=torch.channels_last).requires_grad_() for t in (x, weight)]
        gradient_last = gradient.contiguous(memory_format=torch.channels_last)
        mine = [_to_flambeau(t).requires_grad_() for t in (x, weight, bias)]
        fg = _to_flambeau(gradient)
        compiled = flambeau.compile(lambda a, b, c, g, run=run: run(flambeau, a, b, c, g))
        for name, got, want in zip(
            ("input", "weight", "bias"), compiled(*mine, fg), run(torch, *(t.double() for t in theirs), gradient.double())
        ):
            _check(f"{case[0]} {name}", got, want)
        times = measure({
            "compiled": lambda: compiled(*mine, fg),
            "NCHW": lambda: run(torch, *theirs, gradient),
            "NHWC": lambda: run(torch, *last, theirs[2], gradient_last),
        })  # fmt: skip
        best = min(times["NCHW"], times["NHWC"])
        ratios.append(best / times["compiled"])
        rows.append([
            case[0], f"{times['compiled'] * 1e3:.3f}", f"{times['NCHW'] * 1e3:.3f}", f"{times['NHWC'] * 1e3:.3f}", f"{ratios[-1]:.2f}",
        ])  # fmt: skip
    rows.append(["geometric mean", "", "", "", f"{geometric_mean(ratios):.2f}"])
    return table(
        "conv2d forward and all gradients",
        ["conv2d and gradients, ms", "compiled", "PyTorch NCHW", "PyTorch NHWC", "ratio"],
        rows,
    )
