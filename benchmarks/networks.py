"""Whole models: ResNet-18, an MLP, image networks of many kinds; inference, training steps, peak memory and start-up."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

import flambeau
from benchmarks import rivals
from benchmarks.kernels import kernels
from benchmarks.models import mlp, resnet18
from benchmarks.tensors import to_flambeau
from benchmarks.timing import inference_and_training, measure, table
from benchmarks.zoo import NETWORKS

__all__ = [
    "mlp_training", "network_kernels", "networks", "resnet_inference", "resnet_inference_kernels", "resnet_memory",
    "resnet_training", "resnet_training_kernels",
]  # fmt: skip


def _same_weights(mine: Any, theirs: Any) -> None:
    mine.load_state_dict({k: to_flambeau(v) for k, v in theirs.state_dict().items()})


def _row(name: str, times: dict[str, float], best: float) -> list[str]:
    others = [f"{k} {t * 1e3:.3f}" for k, t in times.items() if k != name]
    return [name, f"{times[name] * 1e3:.3f}", ", ".join(others), f"{best / times[name]:.2f}"]


def resnet_inference(batch: int = 8) -> str:
    theirs, mine = resnet18(torch).eval(), resnet18(flambeau).eval()
    _same_weights(mine, theirs)
    x = torch.randn(batch, 3, 224, 224)
    fx = to_flambeau(x)
    last = resnet18(torch).eval().to(memory_format=torch.channels_last)
    x_last = x.contiguous(memory_format=torch.channels_last)
    compiled = flambeau.compile(mine)
    with torch.no_grad(), flambeau.no_grad():
        error = (torch.from_numpy(compiled(fx).numpy()) - theirs(x)).abs().max().item()
        assert error < 1e-3, error
        candidates: dict[str, Callable[[], object]] = {
            "compiled": lambda: compiled(fx), "PyTorch NCHW": lambda: theirs(x), "PyTorch NHWC": lambda: last(x_last),
        }  # fmt: skip
        candidates.update(rivals.resnet_inference(theirs, x))
        times = measure(candidates, 4)
    best = min(times["PyTorch NCHW"], times["PyTorch NHWC"])
    return table(f"ResNet-18 inference, batch {batch}, 224²", ["", "ms", "others, ms", "ratio"], [_row("compiled", times, best)])


def resnet_inference_kernels(batch: int = 8) -> str:
    """What each kernel of an inference takes."""
    compiled = flambeau.compile(resnet18(flambeau).eval())
    x = flambeau.randn(batch, 3, 224, 224)
    with flambeau.no_grad():
        return kernels(f"ResNet-18 inference, batch {batch}, 224²: its kernels", lambda: compiled(x), fewest_ms=0.1)


def resnet_training_kernels(batch: int = 8) -> str:
    """What each kernel of a training step takes."""
    x, y = (to_flambeau(t) for t in _data(batch))
    model = resnet18(flambeau)
    step = flambeau.compile(_training_step(flambeau, model, flambeau.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)))
    return kernels(f"ResNet-18 training step, batch {batch}, 224²: its kernels", lambda: step(x, y), fewest_ms=0.1)


def _training_step(library: Any, model: Any, optimizer: Any) -> Callable[..., Any]:
    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = library.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def _data(batch: int) -> tuple[Any, Any]:
    torch.manual_seed(0)
    return torch.randn(batch, 3, 224, 224), torch.randint(0, 1000, (batch,))


def resnet_training(batch: int = 8) -> str:
    x, y = _data(batch)
    fx, fy = to_flambeau(x), to_flambeau(y)
    theirs, last, mine = resnet18(torch), resnet18(torch).to(memory_format=torch.channels_last), resnet18(flambeau)
    _same_weights(mine, theirs)
    x_last = x.contiguous(memory_format=torch.channels_last)
    steps = [
        _training_step(lib, m, lib.optim.SGD(m.parameters(), lr=1e-3, momentum=0.9))
        for lib, m in ((torch, theirs), (torch, last), (flambeau, mine))
    ]
    compiled = flambeau.compile(steps[2])
    for i in range(3):
        a, b = steps[0](x, y).item(), compiled(fx, fy).item()
        assert abs(a - b) < 1e-2 * abs(a), (i, a, b)
    times = measure({
        "compiled": lambda: compiled(fx, fy), "PyTorch NCHW": lambda: steps[0](x, y), "PyTorch NHWC": lambda: steps[1](x_last, y),
    }, 6)  # fmt: skip
    best = min(times["PyTorch NCHW"], times["PyTorch NHWC"])
    return table(
        f"ResNet-18 training step, batch {batch}, 224²", ["", "ms", "others, ms", "ratio"], [_row("compiled", times, best)]
    )


def mlp_training(batch: int = 32) -> str:
    torch.manual_seed(0)
    x, y = torch.randn(batch, 784), torch.randint(0, 10, (batch,))
    fx, fy = to_flambeau(x), to_flambeau(y)
    theirs, mine, eager = mlp(torch), mlp(flambeau), mlp(flambeau)
    _same_weights(mine, theirs)
    _same_weights(eager, theirs)
    steps = [
        _training_step(lib, m, lib.optim.Adam(m.parameters(), lr=1e-3))
        for lib, m in ((torch, theirs), (flambeau, mine), (flambeau, eager))
    ]
    compiled = flambeau.compile(steps[1])
    for i in range(5):
        a, b, c = steps[0](x, y).item(), compiled(fx, fy).item(), steps[2](fx, fy).item()
        assert abs(a - b) < 1e-3 * abs(a) and abs(a - c) < 1e-3 * abs(a), (i, a, b, c)

    def uncompiled() -> None:
        steps[2](fx, fy)
        flambeau.synchronize()

    others: dict[str, Callable[[], object]] = {"PyTorch": lambda: steps[0](x, y), **rivals.mlp_step(theirs, x, y)}
    times = measure({"compiled": lambda: compiled(fx, fy), "uncompiled": uncompiled, **others}, 2)
    shown = ", ".join(f"{k} {times[k] * 1e3:.3f}" for k in others)
    rows = [[k, f"{times[k] * 1e3:.3f}", shown, f"{times['PyTorch'] / times[k]:.2f}"] for k in ("compiled", "uncompiled")]
    return table(f"MLP 784-128-10 training step, Adam, batch {batch}", ["", "ms", "others, ms", "ratio"], rows)


def _square_step(library: Any, model: Any) -> Callable[..., Any]:
    """A training step, by SGD, that makes the outputs' squares smaller."""
    optimizer = library.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)

    def step(x: Any) -> Any:
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def _settled(library: Any, model: Any, x: Any) -> Any:
    """The model with batch norms whose running statistics fit `x`: without, activations vanish into subnormal numbers."""
    norms = [m for m in model.modules() if isinstance(m, library.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    with library.no_grad():
        model(x)
    for norm in norms:
        norm.momentum = 0.1
    return model


def _network_times(name: str, training: bool) -> dict[str, float]:
    """Seconds of an inference or a training step. What it gives is compared first."""
    make, shape = NETWORKS[name]
    torch.manual_seed(0)
    x = torch.randn(shape)
    models = [_settled(torch, make(torch), x), make(torch), make(flambeau)]
    models[1].load_state_dict(models[0].state_dict())
    models[1].to(memory_format=torch.channels_last)
    _same_weights(models[2], models[0])
    x_last, mine = x.contiguous(memory_format=torch.channels_last), to_flambeau(x)
    if not training:
        for model in models:
            model.eval()
    calls = [_square_step(library, m) if training else m for library, m in zip((torch, torch, flambeau), models)]
    compiled = flambeau.compile(calls[2])
    with contextlib.ExitStack() as stack:
        if not training:
            stack.enter_context(torch.no_grad())
            stack.enter_context(flambeau.no_grad())
        expected, got = calls[0](x), torch.from_numpy(compiled(mine).numpy())
        error = ((got - expected).abs().max() / expected.abs().max()).item()
        assert error < 1e-3, (name, error)
        return measure({
            "compiled": lambda: compiled(mine), "NCHW": lambda: calls[0](x), "NHWC": lambda: calls[1](x_last),
        }, 2, 5)  # fmt: skip


def networks(filter: str = "") -> str:
    """Inference and training step of the networks whose name has `filter`."""
    names = {f"{name}, {'×'.join(map(str, shape))}": name for name, (_, shape) in NETWORKS.items() if filter in name}

    def times(label: str, is_training: bool) -> tuple[float, float]:
        found = _network_times(names[label], is_training)
        return found["compiled"], min(found["NCHW"], found["NHWC"])

    return inference_and_training("Networks, compiled", names, times)


def network_kernels(filter: str = "") -> str:
    """What each kernel of an inference and of a training step takes, of the networks whose name has `filter`."""
    found = []
    for name, (make, shape) in NETWORKS.items():
        if filter in name:
            x = flambeau.randn(*shape)
            models = [_settled(flambeau, make(flambeau), x) for _ in range(2)]
            inference, step = flambeau.compile(models[0].eval()), flambeau.compile(_square_step(flambeau, models[1]))
            with flambeau.no_grad():
                found.append(kernels(f"{name} inference: its kernels", partial(inference, x), fewest_ms=0.1))
            found.append(kernels(f"{name} training step: its kernels", partial(step, x), fewest_ms=0.1))
    return "\n".join(found)


_CHILD = """
import json, sys, time
library = __import__(sys.argv[1])
from benchmarks.kernels import kernels
from benchmarks.models import resnet18
import numpy as np
start = time.perf_counter()
library.manual_seed(0)
model = resnet18(library)
optimizer = library.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
x = library.from_numpy(np.random.default_rng(0).standard_normal((8, 3, 224, 224)).astype(np.float32))
y = library.from_numpy(np.arange(8))
def step(x, y):
    optimizer.zero_grad()
    loss = library.nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss.detach()
if sys.argv[1] == "flambeau":
    step = library.compile(step)
def peak():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
base = peak()
step(x, y).item()
first = time.perf_counter() - start
for _ in range(4):
    loss = step(x, y).item()
print(json.dumps({"first": first, "peak": peak() - base, "loss": loss}))
"""


def resnet_memory() -> str:
    """Peak memory over what was there before the first step, and the time of the first step, each in a process of its own."""
    rows = []
    with tempfile.TemporaryDirectory() as cache:
        for name, library in (("flambeau, no cache", "flambeau"), ("flambeau, warm cache", "flambeau"), ("PyTorch", "torch")):
            environment = {**os.environ, "FLAMBEAU_CACHE_DIR": cache}
            done = subprocess.run(
                [sys.executable, "-c", _CHILD, library], capture_output=True, text=True, env=environment, check=True
            )
            found = json.loads(done.stdout.splitlines()[-1])
            rows.append([name, f"{found['first']:.2f}", f"{found['peak'] / 1024:.0f}", f"{found['loss']:.4f}"])
    header = [
        "ResNet-18 training step, batch 8",
        "first step, s (all included)",
        "peak memory over start, MB",
        "loss after 5",
    ]
    return table("First step and peak memory", header, rows)
