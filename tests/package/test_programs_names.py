"""Names that programs reach for in modules which are little more than names here."""

from __future__ import annotations

import importlib
import math
import subprocess
import sys
import textwrap
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
import torch

import flambeau

MODULES = [
    "_dynamo", "_dynamo.eval_frame", "_inductor", "__config__", "autograd.profiler", "autograd.variable", "cuda", "backends",
    "multiprocessing", "compiler", "control_flow", "hub", "nn.common_types", "overrides", "sparse", "storage", "testing",
    "utils.checkpoint", "utils.data._utils", "utils.data._utils.collate",
]  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_the_module_is_there_and_says_what_it_has(name: str) -> None:
    module = importlib.import_module(f"flambeau.{name}")
    for member in module.__all__:
        assert hasattr(module, member), member


@pytest.mark.parametrize("name", ["eig", "lstsq", "matrix_rank", "solve", "symeig"])
def test_removed_functions_say_so(name: str) -> None:
    for library in (torch, flambeau):
        arguments = (library.eye(2),) * (2 if name in ("solve", "lstsq") else 1)
        with pytest.raises(RuntimeError, match=r"deprecated since version 1\.9 and is now removed"):
            getattr(library, name)(*arguments)


def test_switches_of_attention() -> None:
    for library in (torch, flambeau):
        cuda = library.backends.cuda
        before = cuda.flash_sdp_enabled()
        cuda.enable_flash_sdp(False)
        assert not cuda.flash_sdp_enabled()
        with cuda.sdp_kernel(enable_flash=True, enable_math=False):
            assert cuda.flash_sdp_enabled() and not cuda.math_sdp_enabled()
        assert cuda.math_sdp_enabled() and not cuda.flash_sdp_enabled()
        cuda.enable_flash_sdp(before)
        with pytest.raises(AttributeError):
            _ = cuda.no_such_switch


def test_functions_of_sizes() -> None:
    calls: list[Any] = [
        lambda t: t.sym_max(2, 3), lambda t: t.sym_max(2, 1.0), lambda t: t.sym_min(2, 3.0), lambda t: t.sym_int(-2.5),
        lambda t: t.sym_float(2), lambda t: t.sym_not(True), lambda t: t.sym_sum([1, 2]), lambda t: t.sym_ite(True, 1, 2),
        lambda t: isinstance(3, t.SymInt),
    ]  # fmt: skip
    for call in calls:
        assert call(flambeau) == call(torch)
        assert type(call(flambeau)) is type(call(torch))


def _double(number: int, tensors: Any) -> None:
    tensors.put((number, (flambeau.ones(2) * number).tolist()))


def _fail(number: int) -> None:
    if number:
        raise ValueError("no")


def test_spawn() -> None:
    processes = flambeau.multiprocessing
    queue = processes.get_context("spawn").SimpleQueue()
    processes.spawn(_double, (queue,), nprocs=2)
    assert sorted(queue.get() for _ in range(2)) == [(0, [0.0, 0.0]), (1, [1.0, 1.0])]
    with pytest.raises(processes.ProcessRaisedException, match=r"(?s)Process 1 terminated.*ValueError: no"):
        processes.spawn(_fail, nprocs=2)


@pytest.mark.parametrize("library", [torch, flambeau])
def test_hooks_for_several_gradients(library: Any) -> None:
    hook = library.autograd.graph.register_multi_grad_hook
    a, b, c = (library.ones(2, requires_grad=True) for _ in range(3))
    seen: list[Any] = []
    handle = hook((a, b, c), lambda gradients: seen.append([None if g is None else g.tolist() for g in gradients]))
    (a * 2 + b * 3).sum().backward()
    (a * b * c).sum().backward()
    handle.remove()
    (a * 2).sum().backward()
    assert seen == [[[2.0, 2.0], [3.0, 3.0], None], [[1.0, 1.0]] * 3]
    first: list[Any] = []
    with hook((a, b), lambda gradient: first.append(gradient.tolist()), mode="any"):
        (a * 2 + b * 2).sum().backward()
    assert first == [[2.0, 2.0]]
    with pytest.raises(ValueError, match="Expects mode to be one of"):
        hook((a,), print, mode="some")


def test_branches_and_loops_on_values() -> None:
    for library in (torch, flambeau):
        x = library.ones(2, requires_grad=True)
        y = library.cond(x.detach().sum() > 1, lambda t: t * 2, lambda t: t * 3, (x,))
        y.sum().backward()
        assert x.grad.tolist() == [2.0, 2.0]
        assert library.cond(False, lambda t: t * 2, lambda t: t * 3, [x]).tolist() == [3.0, 3.0]
        i, z = library.while_loop(lambda i, t: i < 3, lambda i, t: (i + 1, t * 2), (library.tensor(0), library.ones(2)))
        assert (i.item(), z.tolist()) == (3, [8.0, 8.0])
        with pytest.raises(RuntimeError, match="Expected pred to be bool or single-element tensor"):
            library.cond(library.ones(2) > 0, lambda: 1, lambda: 2)


@pytest.mark.parametrize("n", [2, 3, 5, 8])
@pytest.mark.parametrize("reverse", [False, True])
def test_scans(n: int, reverse: bool) -> None:
    """A linear recurrence (the scan of state space models) by pairs; the plain scan does the same in turns."""
    from torch._higher_order_ops.associative_scan import associative_scan as theirs

    from flambeau._higher_order_ops import scan
    from flambeau._higher_order_ops.associative_scan import associative_scan as ours

    found = []
    for library, associative_scan in ((torch, theirs), (flambeau, ours)):
        decay = library.linspace(0.1, 0.9, 2 * n).reshape(2, n).requires_grad_()
        added = library.arange(2.0 * n).reshape(2, n).requires_grad_()
        _, y = associative_scan(lambda l, r: (l[0] * r[0], l[1] * r[0] + r[1]), (decay, added), 1, reverse, "generic")
        (y * y).sum().backward()
        found.append([y.tolist(), decay.grad.tolist(), added.grad.tolist()])
        with pytest.raises(ValueError, match="Combine_mode"):
            associative_scan(lambda a, b: a + b, decay, 0, combine_mode="other")
    np.testing.assert_allclose(np.array(found[1]), np.array(found[0]), rtol=2e-5)
    xs = (flambeau.tensor(decay.tolist()), flambeau.tensor(added.tolist()))
    last, z = scan(lambda c, x: (c * x[0] + x[1],) * 2, flambeau.zeros(2), xs, dim=1, reverse=reverse)
    np.testing.assert_allclose(z.numpy(), found[0][0], rtol=1e-5)
    np.testing.assert_allclose(last.numpy(), np.array(found[0][0])[:, 0 if reverse else -1], rtol=1e-5)


def test_a_model_of_a_directory(tmp_path: Any) -> None:
    (tmp_path / "hubconf.py").write_text("dependencies = ['math']\ndef made(n, bias=True):\n    return [n, bias]\n")
    for library in (torch, flambeau):
        assert library.hub.load(tmp_path, "made", 3, source="local", bias=False) == [3, False]
        with pytest.raises(RuntimeError, match="Cannot find callable other in hubconf"):
            library.hub.load(tmp_path, "other", source="local")
    with pytest.raises(NotImplementedError, match="fetches weights, not programs"):
        flambeau.hub.load("pytorch/vision", "resnet18")


@pytest.mark.parametrize("library", [torch, flambeau], ids=lambda library: library.__name__)
def test_checkpoints_with_settings(library: Any) -> None:
    checkpoint = library.utils.checkpoint

    def contexts() -> Any:
        return checkpoint.create_selective_checkpoint_contexts(lambda *_, **__: checkpoint.CheckpointPolicy.PREFER_RECOMPUTE)

    x = library.ones(3, requires_grad=True)
    with checkpoint.set_checkpoint_early_stop(False), checkpoint.set_checkpoint_debug_enabled(None):
        y = checkpoint.checkpoint(lambda t: t.sin().exp(), x, use_reentrant=False, context_fn=contexts)
    y.sum().backward()
    assert x.grad[0].item() == pytest.approx(math.cos(1) * math.exp(math.sin(1)), rel=1e-5)


@pytest.mark.parametrize("library", [flambeau, torch], ids=["flambeau", "torch"])
def test_groups_of_tensors_by_dtype(library: Any) -> None:
    group = importlib.import_module(f"{library.__name__}.utils._foreach_utils")._group_tensors_by_device_and_dtype
    a, b, c = library.ones(2), library.ones(3, dtype=library.float64), library.ones(4)
    groups = group([[a, b, c], [c, b, None], []], with_indices=True)
    cpu = library.device("cpu")
    assert set(groups) == {(cpu, library.float32), (cpu, library.float64)}
    lists, positions = groups[cpu, library.float32]
    assert [[t if t is None else t.numel() for t in tensors] for tensors in lists] == [[2, 4], [4, None], []]
    assert positions == [0, 2]
    with pytest.raises(RuntimeError):
        group([[a], [a, b]])
    with pytest.raises(RuntimeError, match="0-th Tensor is not"):
        group([[None]])


@pytest.mark.parametrize("library", [flambeau, torch], ids=["flambeau", "torch"])
def test_names_of_libraries_of_images(library: Any) -> None:
    half = library.complex32
    assert half is library.chalf and half.is_complex and half.itemsize == 4 and half.to_real() is library.float16
    assert library.finfo(half).max == 65504 and str(half) == "torch.complex32"
    assert library._assert_async(library.tensor(2.0)) is None
    with pytest.raises(RuntimeError, match="single nonzero value, but got zero"):
        library._assert_async(library.tensor(0))
    with pytest.raises(RuntimeError, match="none left"):
        library._assert_async(library.tensor(False), "none left")
    seen = []
    library.func.vmap(lambda x: seen.append(library._C._are_functorch_transforms_active()) or x)(library.ones(2))
    assert seen == [True] and not library._C._are_functorch_transforms_active()


@pytest.mark.parametrize("library", [flambeau, torch], ids=["flambeau", "torch"])
def test_an_optimizer_around_another_asks_for_hooks(library: Any) -> None:
    class Around(library.optim.Optimizer):  # type: ignore[misc, name-defined]
        def __init__(self, optimizer: Any) -> None:
            self._optimizer_step_pre_hooks: Any = OrderedDict()
            self._optimizer_step_post_hooks: Any = OrderedDict()
            self._patch_step_function()
            self.optimizer, self.param_groups = optimizer, optimizer.param_groups

        def step(self, closure: Any = None) -> None:
            self.optimizer.step()

    x, seen = library.ones(2, requires_grad=True), []
    x.sum().backward()
    around = Around(library.optim.SGD([x], lr=0.5))
    around.register_step_post_hook(lambda *_: seen.append(x.tolist()))
    around.step()
    assert seen == [[0.5, 0.5]]


def test_backward_of_gradients_with_a_graph_warns_once() -> None:
    program = """
import warnings
import {} as torch
x = torch.ones(2, requires_grad=True)
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    torch.autograd.grad((x**2).sum(), x, create_graph=True)
    assert not seen
    for _ in range(2):
        (x**2).sum().backward(create_graph=True)
print([(w.category.__name__, str(w.message).partition(" (Triggered")[0]) for w in seen])
"""
    ours, theirs = (
        subprocess.run([sys.executable, "-c", program.format(n)], capture_output=True, text=True, check=True).stdout
        for n in ("flambeau", "torch")
    )
    assert ours == theirs and ours.count("reference cycle") == 1


@pytest.mark.parametrize("library", ["flambeau", "torch"])
def test_numbers_made_of_what_has_a_gradient_warn_once(library: str) -> None:
    text = f"""
        import warnings, {library} as torch
        x = torch.ones(1, requires_grad=True)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            int(x), bool(x), x.item(), float(x.detach())
            with torch.no_grad():
                float(x)
            before = len(said)
            float(x), complex(x), float(x)
        print(before, [w.category.__name__ for w in said if "requires_grad=True to a scalar" in str(w.message)])
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(text)], capture_output=True, text=True, check=True)
    assert done.stdout == "0 ['UserWarning']\n"


@pytest.mark.parametrize("library", [flambeau, torch], ids=["flambeau", "torch"])
def test_names_of_libraries_of_transformers(library: Any) -> None:
    def symbolic(graph: library._C.Graph, input: library._C.Value) -> library._C.Node:  # type: ignore[name-defined]
        raise NotImplementedError

    assert library._dynamo.eval_frame.OptimizedModule is library._dynamo.OptimizedModule
    assert isinstance(library.compile(library.nn.ReLU()), library._dynamo.eval_frame.OptimizedModule)
    assert library.nn.modules.module._EXTRA_STATE_KEY_SUFFIX == "_extra_state"


@pytest.mark.filterwarnings("ignore")
def test_scripts_that_run_as_they_are() -> None:
    for library in (torch, flambeau):
        later = library.jit.fork(lambda x, y: x + y, library.ones(2), y=1)
        assert library.jit.wait(later).tolist() == [2.0, 2.0]
        assert issubclass(library.jit.TracerWarning, Warning) and issubclass(library.jit.Error, Exception)
        with library.jit.strict_fusion():
            assert not library.jit.is_scripting()

        class Twice(library.nn.Module):
            @library.jit.script_method if library is flambeau else library.jit.export
            def forward(self, x: Any) -> Any:
                return 2 * x

        assert Twice()(library.ones(1)).item() == 2.0
    for name in ("load", "save", "CompilationUnit"):
        with pytest.raises(NotImplementedError, match=rf"torch\.jit\.{name}"):
            getattr(flambeau.jit, name)("model.pt")


def test_types_of_scripts_are_names_for_annotations() -> None:
    for library in (torch, flambeau):
        assert isinstance(library.TensorType, type) and library.TensorType is library._C.TensorType
        assert not isinstance(library.ones(1), library.TensorType)


@pytest.mark.filterwarnings("ignore")
def test_older_names_of_amp() -> None:
    for library in (torch, flambeau):
        name = library.__name__
        grad_scaler = importlib.import_module(f"{name}.cuda.amp.grad_scaler")
        assert library.cuda.amp.GradScaler is grad_scaler.GradScaler and issubclass(
            grad_scaler.GradScaler, library.amp.GradScaler
        )
        assert grad_scaler.OptState.READY.value == 0
        scaler = grad_scaler.GradScaler(2.0**10, 3.0, enabled=False)
        assert not scaler.is_enabled() and scaler.scale(library.ones(1)).item() == 1.0
        assert importlib.import_module(f"{name}.cuda.amp.autocast_mode").autocast is library.cuda.amp.autocast
