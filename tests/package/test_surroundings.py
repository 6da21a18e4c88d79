"""What programs ask of their surroundings before they begin: CUDA, backends, determinism, scripting."""

from __future__ import annotations

import importlib
import subprocess
import sys

import numpy as np
import pytest
import torch

import flambeau
from flambeau import config


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
assert flambeau.__name__ == "flambeau"
sys.modules["torch"] = flambeau
import torch
assert torch.__name__ == "torch", torch.__name__
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


WINDOWS = {
    "exponential": [{"tau": 2.0}, {"tau": 0.5, "center": 1.0, "sym": False}, {"center": 1.0}],
    "gaussian": [{"std": 0.5}, {"std": 0.0}],
    "general_cosine": [{"a": [0.4, 0.5, 0.1]}, {"a": []}],
    "general_hamming": [{"alpha": 0.3}],
    "kaiser": [{"beta": 3.0}, {"beta": -1.0}],
}


@pytest.mark.parametrize("name", torch.signal.windows.__all__)
def test_windows(name):
    for length in (0, 1, 2, 7, 8, -1):
        for options in ({}, {"sym": False}, {"dtype": "float64"}, *WINDOWS.get(name, [])):
            found = []
            for m in (flambeau, torch):
                given = {**options, "dtype": getattr(m, options["dtype"])} if "dtype" in options else options
                if name == "general_cosine" and "a" not in given:
                    given = {"a": [0.5, 0.5], **given}
                try:
                    found.append(getattr(m.signal.windows, name)(length, **given).tolist())
                except (ValueError, TypeError) as error:
                    found.append(type(error))
            if isinstance(found[1], type):
                assert found[0] is found[1], (length, options)
            else:
                np.testing.assert_allclose(found[0], found[1], rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("where", ["cuda", "xpu", "mps", "accelerator"])
def test_what_devices_that_are_not_there_answer(where):
    """The same names, answers and errors as PyTorch's, for all functions that need no argument."""
    theirs, ours = getattr(torch, where), importlib.import_module(f"flambeau.{where}")
    unlike = {"memory_summary", "memory_snapshot", "reset_peak_memory_stats", "reset_max_memory_allocated", "utilization",
              "reset_max_memory_cached", "reset_accumulated_memory_stats", "graph_pool_handle", "get_sync_debug_mode",
              "is_current_stream_capturing", "list_gpu_processes"}  # fmt: skip
    for name in set(ours.__all__) - {"amp", "device", "current_accelerator"} - unlike:
        answers = []
        for module in (ours, theirs):
            try:
                answers.append(getattr(module, name)())
            except (AssertionError, AttributeError, ImportError, RuntimeError, TypeError) as error:
                answers.append(type(error))
        if isinstance(answers[0], Exception):  # a class of errors
            assert [c.__name__ for c in type(answers[0]).__mro__] == [c.__name__ for c in type(answers[1]).__mro__], name
        elif isinstance(answers[1], type) and answers[1] is not answers[0]:
            assert isinstance(answers[0], type) or answers[1] is TypeError, name  # PyTorch misses an argument first
        else:
            assert type(answers[0]) is type(answers[1]), name
            assert isinstance(answers[0], tuple) or answers[0] == answers[1] or name.endswith("Context"), name


def test_result_types():
    """Named results: their classes are PyTorch's by name and fields, and can be made, copied and pickled."""
    import copy
    import pickle

    importlib.import_module("flambeau.nn.functional")
    for name, kind in vars(flambeau.return_types).items():
        expected = getattr(torch.return_types, name, None)
        if isinstance(kind, type) and issubclass(kind, tuple):
            assert expected is not None and expected.__match_args__ == kind._fields, name
    for m in (flambeau, torch):
        found = m.tensor([[1.0, 3.0]]).max(1)
        assert isinstance(found, m.return_types.max) and found.values.tolist() == [3]
        assert m.return_types.max((1, 2))[1] == 2
        with pytest.raises(TypeError):
            m.return_types.max((1, 2, 3))
    found = flambeau.tensor([[1.0, 3.0]]).max(1)
    for again in (copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        assert type(again) is type(found) and again.indices.tolist() == [1]


def test_made_tensors():
    for dtype in ("bool", "uint8", "int64", "float16", "float32", "complex64"):
        for options in ({}, {"low": 1, "high": 4}, {"noncontiguous": True}, {"exclude_zero": True}):
            made, expected = (
                m.testing.make_tensor(3, 4, dtype=getattr(m, dtype), device="cpu", **options) for m in (flambeau, torch)
            )
            assert made.shape == expected.shape and str(made.dtype) == str(expected.dtype)
            assert made.is_contiguous() == expected.is_contiguous()
            if "low" in options and dtype != "complex64":
                assert made.to(flambeau.float64).min() >= 1 and made.to(flambeau.float64).max() <= 4
            if "exclude_zero" in options:
                assert (made != 0).all()
    for options in ({"low": 3, "high": 1}, {"low": float("nan")}, {"requires_grad": True}):
        for m in (flambeau, torch):
            with pytest.raises((ValueError, RuntimeError)):
                m.testing.make_tensor(2, dtype=m.int64, device="cpu", **options)


def test_swapped_tensors():
    for m in (flambeau, torch):
        a, b = m.ones(2), m.nn.Parameter(m.zeros(3))
        a.note = 1
        m.utils.swap_tensors(a, b)
        assert isinstance(a, m.nn.Parameter) and a.shape == (3,) and b.tolist() == [1, 1] and b.note == 1
        x, y = m.ones(2, requires_grad=True), m.ones(2)
        z = x * 2
        if m is flambeau:  # PyTorch raises when the gradient arrives
            with pytest.raises(RuntimeError, match="graph"):
                m.utils.swap_tensors(x, y)
        assert z.tolist() == [2, 2]


def test_timers():
    from flambeau.utils.benchmark import Compare, Measurement, Timer

    seen = []
    timer = Timer("f(x)", globals={"f": seen.append, "x": 3}, label="append", description="list")
    found = timer.timeit(20)
    assert len(seen) >= 20 and found.number_per_run == 20 and 0 < found.median < 1 and found.iqr == 0
    many = timer.blocked_autorange(min_run_time=0.001)
    assert many.median > 0 and "append" in repr(many)
    (merged,) = Measurement.merge([found, many])
    assert len(merged.times) == len(found.times) + len(many.times)
    assert "list" in str(Compare([found, many]))
    with pytest.raises(ValueError, match="Python"):
        Timer("1", language="c++")


def test_a_timer_computes_what_it_times():
    from flambeau.utils.benchmark import Timer

    with flambeau.profiler.profile() as profile:
        Timer("x * 2 + 1", globals={"x": flambeau.ones(5)}).timeit(5)
    assert sum(e.count for e in profile.key_averages()) >= 5


def test_trees():
    for m in (flambeau, torch):
        tree = importlib.import_module(f"{m.__name__}.utils._pytree")
        value = {"a": [1, (2, 3)], "b": 4}
        leaves, spec = tree.tree_flatten(value)
        assert leaves == [1, 2, 3, 4] and tree.tree_unflatten(leaves, spec) == value
        assert tree.tree_map(lambda x: x + 1, value) == {"a": [2, (3, 4)], "b": 5}
        assert tree.tree_map_only(int, str, value) == {"a": ["1", ("2", "3")], "b": "4"}
        with pytest.raises(ValueError):
            tree.tree_unflatten([1], spec)
        values, keys = tree._dict_flatten(value)
        assert values == [[1, (2, 3)], 4] and keys == ["a", "b"] and tree._dict_unflatten(values, keys) == value


def test_parts_of_a_dataset():
    from torch.utils.data.distributed import DistributedSampler as Theirs

    from flambeau.utils.data.distributed import DistributedSampler as Ours

    for count in (10, 11, 3):
        for drop_last in (False, True):
            for rank in range(4):
                ours, theirs = (list(s(range(count), 4, rank, False, drop_last=drop_last)) for s in (Ours, Theirs))
                assert ours == theirs
    sampler = Ours(range(8), 2, 1)
    first = list(sampler)
    sampler.set_epoch(1)
    assert len(sampler) == 4 and list(sampler) != first
    sampler.set_epoch(0)
    assert list(sampler) == first and sorted(first + list(Ours(range(8), 2, 0))) == list(range(8))
    with pytest.raises(ValueError, match="rank"):
        Ours(range(8), 2, 2)


def test_weights_from_an_address(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save({"w": torch.arange(3.0)}, path)
    directory = tmp_path / "kept"
    address = path.as_uri()
    found = flambeau.hub.load_state_dict_from_url(address, str(directory), progress=False)
    assert found["w"].tolist() == [0, 1, 2] and (directory / "weights.pth").exists()
    path.unlink()
    assert flambeau.hub.load_state_dict_from_url(address, str(directory))["w"].tolist() == [0, 1, 2]
    (tmp_path / "other-0123abcd.pth").write_bytes(b"something else")
    with pytest.raises(RuntimeError, match="invalid hash"):
        flambeau.hub.load_state_dict_from_url((tmp_path / "other-0123abcd.pth").as_uri(), str(directory), check_hash=True)
    assert not (directory / "other-0123abcd.pth").exists() and not list(directory.glob("*.partial"))


def test_switches_of_the_process():
    assert flambeau.set_flush_denormal(True) is False and flambeau.get_num_interop_threads() >= 1
    for m in (flambeau, torch):
        before = m.get_autocast_dtype("cpu")
        assert str(before) == "torch.bfloat16"
        m.set_autocast_dtype("cpu", m.float16)
        with m.autocast("cpu"):
            assert (m.ones(2, 2) @ m.ones(2, 2)).dtype is m.float16 and m.is_autocast_enabled("cpu")
        m.set_autocast_dtype("cpu", before)
        m.set_autocast_enabled("cpu", True)
        assert (m.ones(2, 2) @ m.ones(2, 2)).dtype is m.bfloat16
        m.set_autocast_enabled("cpu", False)
        m.set_anomaly_enabled(True, False)
        assert m.is_anomaly_enabled() and not m.is_anomaly_check_nan_enabled()
        m.set_anomaly_enabled(False)
        assert m.functional.einsum is not None and m.version.cuda is None and isinstance(2.5, m.types.Number)


@pytest.mark.parametrize("msg", [None, "not close", lambda text: f"prefix: {text.splitlines()[0]}"])
def test_assert_close_says_what_it_is_told_to(msg):
    for m in (flambeau, torch):
        with pytest.raises(AssertionError) as error:
            m.testing.assert_close(m.tensor([1.0, 2.0]), m.tensor([1.0, 3.0]), msg=msg)
        text = {"str": msg, "NoneType": "Tensor-likes are not close!"}.get(
            type(msg).__name__, "prefix: Tensor-likes are not close!"
        )
        assert str(error.value).splitlines()[0] == text


@pytest.mark.skipif(config.vector_bits() is not None, reason="narrower vectors were asked for")
def test_the_processors_vectors():
    """torchvision resizes bytes as such where they are AVX2, and as floats where not."""
    assert flambeau.backends.cpu.get_cpu_capability() == torch.backends.cpu.get_cpu_capability()
