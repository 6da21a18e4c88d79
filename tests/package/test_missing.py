"""Parts of PyTorch that aren't here: libraries can import their names, and using one says what is missing."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import torch

import flambeau
from flambeau import missing


@pytest.mark.parametrize("module", sorted(missing._PARTS))
def test_modules_can_be_imported(module):
    loaded = importlib.import_module(f"flambeau.{module}")
    part = missing._PARTS[module]
    for name in part.names.split():
        value = getattr(loaded, name)
        with pytest.raises(NotImplementedError, match=name):
            value()
    for name, answer in part.answers.items():
        assert getattr(loaded, name)() == answer
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = loaded.no_such_name


def test_classes_can_be_named_and_not_made():
    class Mine(flambeau.nn.parallel.DistributedDataParallel):
        def __init__(self, module):
            raise AssertionError("never reached")

    assert not isinstance(flambeau.nn.Linear(1, 1), flambeau.nn.parallel.DistributedDataParallel)
    with pytest.raises(NotImplementedError, match="DistributedDataParallel"):
        Mine(flambeau.nn.Linear(1, 1))


def test_what_decorates_for_later_gives_the_function_back():
    record = importlib.import_module("flambeau.distributed.elastic.multiprocessing.errors").record
    parse = importlib.import_module("flambeau.onnx.symbolic_helper").parse_args
    assert record(len) is len and parse("v", "v")(len) is len


def test_a_library_of_operators_is_refused(monkeypatch):
    monkeypatch.setattr(flambeau.ops.defined, "refused", refused := [])
    monkeypatch.setattr(flambeau.library, "refused", refused)
    for m in (torch, flambeau):
        with pytest.raises(OSError, match="programs_elsewhere"):
            m.ops.load_library(Path("programs_elsewhere/_C.so"))
    assert flambeau.library.register_fake("programs_elsewhere::nothing")(len) is len
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = flambeau.ops.programs_elsewhere.nothing


def test_aten_calls_the_operators():
    for m in (torch, flambeau):
        aten = m.ops.aten
        x = m.tensor([[1.0, -2.0], [3.0, 4.0]])
        assert aten.add.Tensor(x, x).tolist() == (x + x).tolist()
        assert aten.relu.default(x).tolist() == x.relu().tolist()
        assert aten.t(x).tolist() == x.t().tolist()
        assert aten.add_.Tensor(x.clone(), 1).tolist() == (x + 1).tolist()
        assert aten.linalg_det(x).item() == pytest.approx(10.0)
        assert aten.add.Tensor is aten.add.Tensor and aten.add.Tensor.name() == "aten::add.Tensor"
        assert aten.relu.default.name() == "aten::relu"
    with pytest.raises(NotImplementedError, match="_local_scalar"):
        flambeau.ops.aten._local_scalar_dense(flambeau.ones(1))


def test_tensors_flat_and_back():
    theirs, ours = torch._utils, flambeau._utils
    for m, module in ((torch, theirs), (flambeau, ours)):
        parts = [m.arange(6.0).view(2, 3), m.ones(()), m.zeros(4)]
        flat = module._flatten_dense_tensors(parts)
        back = module._unflatten_dense_tensors(flat, parts)
        assert flat.shape == (11,) and [t.tolist() for t in back] == [t.tolist() for t in parts]


def test_assert():
    for m in (torch, flambeau):
        m._assert(True, "fine")
        with pytest.raises(AssertionError, match="wrong size"):
            m._assert(False, "wrong size")


def test_loader_iterators_are_of_the_classes_that_packages_ask_for():
    for m in (torch, flambeau):
        names = importlib.import_module(f"{m.__name__}.utils.data.dataloader")
        loader = m.utils.data.DataLoader(range(5), batch_size=2)
        iterator = iter(loader)
        assert isinstance(iterator, names._SingleProcessDataLoaderIter)
        assert isinstance(iterator, names._BaseDataLoaderIter)
        assert len(iterator) == 3 and [batch.tolist() for batch in iterator] == [[0, 1], [2, 3], [4]]


def test_trace_files(tmp_path):
    with flambeau.profiler.profile() as profiled:
        flambeau.ones(3).sum().item()
    flambeau.profiler.tensorboard_trace_handler(str(tmp_path), "worker", use_gzip=True)(profiled)
    (file,) = tmp_path.iterdir()
    assert file.name.startswith("worker.") and file.name.endswith(".pt.trace.json.gz")
