"""What programs ask of their surroundings before they begin: CUDA, backends, determinism, scripting."""

from __future__ import annotations

import importlib
import subprocess
import sys

import numpy as np
import pytest
import torch

import flambeau


def program(m):
    """The lines at the top of many programs."""
    device = m.device("cuda" if m.cuda.is_available() else "mps" if m.backends.mps.is_available() else "cpu")
    m.manual_seed(0)
    m.cuda.manual_seed_all(0)
    m.backends.cudnn.benchmark = False
    m.backends.cudnn.deterministic = True
    m.backends.cuda.matmul.allow_tf32 = True
    m.use_deterministic_algorithms(True, warn_only=True)
    found = [m.are_deterministic_algorithms_enabled(), m.get_deterministic_debug_mode(), m.cuda.device_count()]
    m.use_deterministic_algorithms(False)
    accelerator = m.accelerator.current_accelerator().type if m.accelerator.is_available() else "cpu"
    scaler = m.cuda.amp.GradScaler(enabled=False)
    with m.cuda.amp.autocast(enabled=False):
        y = scaler.scale(m.ones(2, device=device) * 2)

    @m.jit.script
    def swish(x):
        return x * x.sigmoid()

    return [*found, accelerator, str(device), swish(y).sum().item(), m.cuda.memory_allocated(), m.jit.is_scripting()]


@pytest.mark.filterwarnings("ignore")
def test_the_top_of_a_program():
    ours, theirs = program(flambeau), program(torch)
    np.testing.assert_allclose(ours.pop(-3), theirs.pop(-3), rtol=1e-6)
    assert ours == theirs


def test_asking_for_a_device_that_is_not_there():
    for m in (torch, flambeau):
        with pytest.raises((AssertionError, RuntimeError), match=r"CUDA|NVIDIA"):
            m.cuda.get_device_name(0)
        with pytest.raises(AssertionError, match="CUDA"):
            m.zeros(2).cuda()
        with pytest.raises(AssertionError, match="CUDA"):
            m.nn.Linear(2, 2).cuda()
        with pytest.raises(RuntimeError, match="mps"):
            m.zeros(2).to("mps")
        with pytest.raises(RuntimeError, match="at start of device string: gpu"):
            m.device("gpu")
        assert m.device("cuda", 1) == m.device("cuda:1") != m.device("cpu") and m.device("xla").type == "xla"
    assert not flambeau.distributed.is_available() and not flambeau.distributed.is_initialized()


@pytest.mark.parametrize("name", ["cuda.amp", "amp.grad_scaler", "distributions.normal", "autograd.graph", "backends", "func"])
def test_modules_by_name(name):
    importlib.import_module(f"torch.{name}")
    importlib.import_module(f"flambeau.{name}")


def test_version():
    """Programs compare PyTorch's version, by its numbers."""
    for m in (torch, flambeau):
        v = m.__version__
        assert isinstance(v, str) and v.startswith("2.13.0+") and v.split("+")[0] == m.version.__version__.split("+")[0]
        assert v >= "2.2" and v > "2.9.1" and not v < "2.0" and v < "3" and v > (1, 8) and v > "1.10"
        assert v > "2.13.0" and not v <= "2.13" and v < "2.13.1"
    assert flambeau.version.RELEASE in flambeau.__version__


def test_in_the_place_of_torch():
    """`sys.modules["torch"] = flambeau`: what is imported from there is ours, once."""
    program = """
import sys, flambeau
sys.modules["torch"] = flambeau
import torch.nn as nn, torch.optim.lr_scheduler as lr_scheduler
from torch.nn.parameter import Parameter
from torch.utils.data import DataLoader
assert nn is flambeau.nn and nn.__name__ == nn.__spec__.name == "flambeau.nn"
assert Parameter is flambeau.nn.Parameter and DataLoader is flambeau.utils.data.DataLoader
assert lr_scheduler.StepLR is flambeau.optim.lr_scheduler.StepLR
try:
    import torch.nothing
except ModuleNotFoundError as error:
    assert error.name == "torch.nothing", error.name
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.filterwarnings("ignore")
def test_what_is_not_to_be_recorded():
    """`compiler.disable`: the call runs plainly, each time."""
    seen = []

    @flambeau.compiler.disable
    def log(x):
        seen.append(flambeau.compiler.is_compiling())
        return x

    @flambeau.compile
    def f(x):
        return log(x * 2) + 1

    for _ in range(3):
        assert f(flambeau.ones(2)).tolist() == [3, 3]
    assert len(seen) >= 3 and f.replays == 0


def test_autocast_is_part_of_the_guard():
    @flambeau.compile
    def f(x):
        return x @ x

    x = flambeau.ones(2, 2)
    assert f(x).dtype is flambeau.float32
    with flambeau.autocast("cpu"):
        assert f(x).dtype is flambeau.bfloat16
    assert f(x).dtype is flambeau.float32 and f.replays == 1
