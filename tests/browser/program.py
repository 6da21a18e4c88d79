"""Runs in the page: no NumPy, no llvmlite, the browser's WebGPU. Gives its findings as JSON."""

import json
import sys

import js
from pyodide.ffi import create_proxy

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import nn

found = {"numpy": "numpy" in sys.modules, "adapter": torch.webgpu.get_device_name()}
torch.set_default_device("webgpu")

# --- conv2d forward and backward against PyTorch's stored results ---
stored = json.loads(await (await js.fetch("conv2d.json")).text())  # noqa: F704 - the page awaits at top level
worst = 0.0
for case in stored:
    leaves = {name: torch.tensor(case[name][1]).reshape(case[name][0]).requires_grad_() for name in ("x", "weight", "bias")}
    y = F.conv2d(leaves["x"], leaves["weight"], leaves["bias"], *case["arguments"])
    (y * y).sum().backward()
    results = {"y": y, "dx": leaves["x"].grad, "dweight": leaves["weight"].grad, "dbias": leaves["bias"].grad}
    for name, value in results.items():
        assert list(value.shape) == case[name][0], name
        expected = torch.tensor(case[name][1]).reshape(case[name][0])
        worst = max(worst, ((value - expected).abs().max() / expected.abs().max()).item())  # sums of many terms cancel
found["worst_error"] = worst

# --- a small convolutional net learns ---
torch.manual_seed(0)
images = torch.zeros(64, 1, 8, 8)
labels = torch.arange(64) % 4
for i in range(64):  # a bright row or column, by class
    c, place = i % 4, 1 + (i // 4) % 6
    if c < 2:
        images[i, 0, place if c == 0 else 7 - place, :] = 1.0
    else:
        images[i, 0, :, place if c == 2 else 7 - place] = 1.0
labels = labels // 2
images = images + 0.1 * torch.randn(64, 1, 8, 8)
net = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 2))
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
losses = []
for _ in range(25):
    optimizer.zero_grad()
    loss = F.cross_entropy(net(images), labels)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
found["losses"] = losses
found["accuracy"] = (net(images).argmax(1) == labels).float().mean().item()
found["printed"] = repr(torch.arange(4) * 2)

# --- where the call stack can't be suspended, a clear error, and the awaitable form works ---
told = []


def plainly(*_: object) -> None:
    try:
        torch.ones(3).sum().item()
    except RuntimeError as error:
        told.append(str(error))


js.Array.of(1).forEach(create_proxy(plainly))
found["told"] = told
host = await torch.webgpu.fetch(torch.ones(3) * 2)  # noqa: F704
found["fetched"] = [str(host.device), host.tolist()]

# --- the profiler sees the kernels ---
with torch.profiler.profile() as p:
    net(images).sum().item()
found["kernels"] = [a.key for a in p.key_averages() if a.category == "kernel"]
found["memory"] = torch.webgpu.memory_stats()["allocated_bytes.all.current"]
json.dumps(found)
