"""Whole networks on a GPU, beside PyTorch's CUDA: `python -m benchmarks.webgpu.networks [--kernels] [NAME…]`.

By the wall: calls one after another until a second is over, and the wait at the end; so the host's time counts where it is
more than the GPU's. flambeau's calls are compiled, PyTorch's are eager. Outputs and losses are compared before anything is
timed. With --kernels: the GPU's time of each shader instead. FLAMBEAU_WEBGPU=wgpudawn runs on Dawn.
"""

from __future__ import annotations

import statistics
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import flambeau
from benchmarks.kernels import describe
from benchmarks.models import gpt, mlp, resnet18
from benchmarks.tensors import to_flambeau
from benchmarks.webgpu.figures import Table
from benchmarks.zoo import convnext_tiny, mobilenet_v2, unet, vit_tiny
from flambeau import devices
from flambeau.schedule.plan import Step

__all__ = ["THEIRS", "kernels", "measure", "milliseconds"]


def _gpt(library: Any) -> Any:
    """`models.gpt` in the size that is trained on Shakespeare's letters."""
    return gpt(library, 65, 384, 6, 6, 256)


CASES: dict[str, tuple[Callable[[Any], Any], tuple[int, ...], int]] = {
    "MLP 784-128-10": (mlp, (32, 784), 10),
    "ResNet-18": (resnet18, (32, 3, 224, 224), 1000),
    "MobileNetV2": (mobilenet_v2, (32, 3, 224, 224), 1000),
    "ConvNeXt-T": (convnext_tiny, (16, 3, 224, 224), 1000),
    "ViT-Ti/16": (vit_tiny, (32, 3, 224, 224), 1000),
    "U-Net": (unet, (8, 3, 192, 192), 0),
    "GPT, 6 layers of 384": (_gpt, (64, 256), 65),
}
"""What makes a network, its input's shape (tokens where it has two dimensions and a vocabulary), and how many classes."""


THEIRS = "cuda" if torch.cuda.is_available() else "cpu"


def milliseconds(call: Callable[[], Any], wait: Callable[[], Any], seconds: float = 1.0) -> float:
    """A call's time in a row of calls, the last of which is waited for."""
    for _ in range(3):
        call()
    wait()
    n, start = 0, time.perf_counter()
    while time.perf_counter() < start + seconds:
        for _ in range(4):
            call()
        n += 4
        if n % 16 == 0:
            wait()
    wait()
    return (time.perf_counter() - start) / n * 1e3


def _step(library: Any, model: Any, loss_of: Callable[..., Any]) -> Callable[..., Any]:
    optimizer = library.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = loss_of(library.nn.functional, model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def _inputs(shape: tuple[int, ...], classes: int, is_text: bool) -> tuple[Any, Any, Callable[..., Any]]:
    rng = np.random.default_rng(0)
    x = rng.integers(0, classes, shape) if is_text else rng.standard_normal(shape, dtype=np.float32)
    if not classes:
        return x, np.zeros(1, np.float32), lambda F, out, y: (out * out).mean()
    y = rng.integers(0, classes, shape if is_text else shape[:1]).reshape(-1)
    return x, y, lambda F, out, y: F.cross_entropy(out.flatten(0, -2), y)


def _ready(name: str, training: bool) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """A call of flambeau's network and one of PyTorch's, with the same weights and inputs."""
    make, shape, classes = CASES[name]
    x, y, loss_of = _inputs(shape, classes, make is _gpt)
    torch.manual_seed(0)
    theirs, mine = make(torch), make(flambeau)
    mine.load_state_dict({k: to_flambeau(v) for k, v in theirs.state_dict().items()})
    theirs, mine = theirs.to(THEIRS), mine.to("webgpu")
    tx, ty = torch.from_numpy(x).to(THEIRS), torch.from_numpy(y).to(THEIRS)
    fx, fy = flambeau.tensor(x, device="webgpu"), flambeau.tensor(y, device="webgpu")
    if training:
        step, my_step = _step(torch, theirs, loss_of), flambeau.compile(_step(flambeau, mine, loss_of))
        return lambda: my_step(fx, fy), lambda: step(tx, ty)
    compiled = flambeau.compile(mine.eval())
    theirs.eval()
    return flambeau.no_grad()(lambda: compiled(fx)), torch.no_grad()(lambda: theirs(tx))


def measure(name: str, training: bool) -> tuple[float, float, float, float]:
    """Milliseconds of flambeau, of PyTorch and of PyTorch with TF32, and flambeau's first call in seconds."""
    mine, theirs = _ready(name, training)
    start = time.perf_counter()
    found = [mine().cpu().numpy()]
    first = time.perf_counter() - start
    found += [mine().cpu().numpy() for _ in range(2)]
    expected = [theirs().cpu().numpy() for _ in range(3)]
    error = max(np.abs(a - b).max() / np.abs(b).max() for a, b in zip(found, expected))
    assert error < 2e-3, (name, error)
    return *_turns(mine, theirs), first


def kernels(name: str, training: bool, most: int = 24) -> None:
    """Prints the shaders that take most of the GPU's time in a call, those that are alike together."""
    plain: Any = Step.name
    Step.name = property(lambda step: f"{plain.fget(step)}  {describe(step.kernel)}")  # type: ignore[assignment]  # commands' labels
    call, _ = _ready(name, training)
    backend: Any = devices.backend("webgpu:0")
    for _ in range(4):  # the first calls of a training step make the optimizer's state and the recording
        call()
    flambeau.synchronize()
    Step.name = plain
    rows = []
    for _ in range(5):
        backend.flush()
        backend.holding += 1
        result = call()
        commands, backend._commands = backend._commands, []
        backend.holding -= 1
        backend._batch += 1
        token = backend.host.submit(commands, timed=True)
        rows.append([(b - a) / 1e3 for a, b in backend.host.timings(token)])
    del result
    dispatches = [c for c in commands if c[0] == "dispatch"]
    times = [statistics.median(t) for t in zip(*rows)]
    print(f"{name}, {'training' if training else 'inference'}: {len(times)} shaders, {sum(times) / 1e3:.2f} ms")
    alike: dict[Any, list[float]] = {}
    for microseconds, command in zip(times, dispatches):
        alike.setdefault((command[3:6], command[6]), []).append(microseconds)
    for (workgroups, label), each in sorted(alike.items(), key=lambda r: -sum(r[1]))[:most]:
        print(f"   {sum(each):9.1f} µs  {len(each):3} of {statistics.median(each):8.1f} µs  {workgroups} workgroups  {label}")


def _turns(mine: Callable[[], Any], theirs: Callable[[], Any]) -> tuple[float, float, float]:
    times: dict[str, list[float]] = {"mine": [], "plain": [], "tf32": []}
    for _ in range(2):
        times["mine"].append(milliseconds(mine, flambeau.synchronize))
        for kind, allowed in (("plain", False), ("tf32", True)):
            torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = allowed
            torch.backends.cudnn.benchmark = True
            times[kind].append(milliseconds(theirs, torch.cuda.synchronize))
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    return statistics.median(times["mine"]), statistics.median(times["plain"]), statistics.median(times["tf32"])


def main() -> None:
    wanted = [a for a in sys.argv[1:] if not a.startswith("--")]
    names = [name for name in CASES if not wanted or any(a in name for a in wanted)]
    if "--kernels" in sys.argv:
        for name in names:
            for training in (False, True):
                kernels(name, training)
        return
    torch.backends.cudnn.allow_tf32 = False
    columns = ["network, input", "flambeau", "PyTorch", "PyTorch TF32", "ratio", "ratio TF32", "first call, s"]
    failed = False
    for training in (False, True):
        table = Table(f"{'training steps' if training else 'inferences'}, float32, ms", columns)
        for name in names:
            try:
                mine, plain, tf32, first = measure(name, training)
            except Exception:  # the other figures are wanted all the same
                failed = True
                traceback.print_exc()
                continue
            shape = "×".join(map(str, CASES[name][1]))
            table.row(f"{name}, {shape}", mine, plain, tf32, plain / mine, tf32 / mine, first)
        print(flush=True)
    if failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
