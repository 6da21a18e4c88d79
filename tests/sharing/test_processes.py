"""Memory that several processes have: `share_memory_`, what queues and arguments of processes carry, training by several at once.

In a process of its own, since importing `flambeau.multiprocessing` changes how tensors are sent.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import flambeau

pytestmark = pytest.mark.skipif(sys.platform == "emscripten", reason="a page has no processes")

_PROGRAM = """
import sys
import flambeau as torch
import flambeau.multiprocessing as mp
from flambeau import nn


def train(model, steps):
    torch.manual_seed(steps)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(steps):
        x = torch.randn(16, 3)
        optimizer.zero_grad()
        ((model(x) - x.sum(1, keepdim=True)) ** 2).mean().backward()
        optimizer.step()


def fill(index, values, row):
    values[index] = index + 1.0
    row.add_(1)


def echo(received, answers):
    tensor = received.get()
    tensor.mul_(2)
    answers.put(tensor.sum())
    received.get()


def forked(tensor):
    tensor[0] = 5


if __name__ == "__main__":
    method = sys.argv[1]
    context = mp.get_context(method)
    torch.manual_seed(0)
    (torch.randn(300, 300) @ torch.randn(300, 300)).sum().item()  # threads have computed

    model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
    model.share_memory()
    assert all(p.is_shared() and p.requires_grad and p.is_leaf for p in model.parameters())
    x = torch.randn(64, 3)
    loss = lambda: ((model(x) - x.sum(1, keepdim=True)) ** 2).mean().item()
    before = loss()
    processes = [context.Process(target=train, args=(model, 100 + i)) for i in range(2)]
    [p.start() for p in processes]
    [p.join() for p in processes]
    assert [p.exitcode for p in processes] == [0, 0]
    assert loss() < before / 5, (before, loss())

    values, table = torch.zeros(2), torch.zeros(3, 2)
    mp.start_processes(fill, (values, table[1]), nprocs=2, start_method=method if method == "spawn" else "spawn")
    assert values.tolist() == [1.0, 2.0] and values.is_shared()
    assert table[0].tolist() == table[2].tolist() == [0, 0] and table[1].sum() > 0  # two adding at once may lose one

    received, answers = context.Queue(), context.Queue()
    child = context.Process(target=echo, args=(received, answers))
    child.start()
    big = torch.ones(400, 400)
    received.put(big.t())
    assert answers.get().item() == 320000 and big.sum().item() == 320000
    received.put(None)
    child.join()

    if method == "fork":
        shared, own = torch.zeros(2).share_memory_(), torch.zeros(2)
        for tensor in (shared, own):
            child = context.Process(target=forked, args=(tensor,))
            child.start()
            child.join()
            assert child.exitcode == 0
        assert shared.tolist() == [5, 0] and own.tolist() == [0, 0]
    print("done")
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_write_the_same_memory(method: str, tmp_path: Path) -> None:
    if method == "fork" and not sys.platform.startswith("linux"):
        pytest.skip("fork is safe on Linux only")
    program = tmp_path / "program.py"
    program.write_text(_PROGRAM)
    found = subprocess.run([sys.executable, program, method], capture_output=True, text=True, timeout=120)
    assert found.returncode == 0 and found.stdout == "done\n", found.stderr


def test_shared_memory_is_moved_once_and_with_all_views(device: str) -> None:
    if device.startswith("webgpu"):
        with pytest.raises(RuntimeError, match="can't be shared between processes"):
            flambeau.ones(2, device=device).share_memory_()
        return
    x = flambeau.arange(6.0, device=device).reshape(2, 3)
    row, doubled = x[1], x * 2
    assert not x.is_shared()
    assert x.share_memory_() is x and x.is_shared() and row.is_shared() and not doubled.is_shared()
    assert row.untyped_storage().is_shared()
    address = x.data_ptr()
    assert x.share_memory_().data_ptr() == address
    row += 1
    assert x.tolist() == [[0, 1, 2], [4, 5, 6]] and doubled.tolist() == [[0, 2, 4], [6, 8, 10]]
    assert flambeau.ones(0, device=device).share_memory_().is_shared()


def test_what_has_history_is_not_sent() -> None:
    program = (
        "import flambeau.multiprocessing, flambeau as t; from multiprocessing.reduction import ForkingPickler\n"
        "ForkingPickler.dumps(t.ones(2, requires_grad=True) * 2)"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert "RuntimeError: Cowardly refusing to serialize non-leaf tensor which requires_grad" in found.stderr


def test_pickled_views_share_their_storage(device: str) -> None:
    x = flambeau.arange(12, dtype=flambeau.float32, device=device).reshape(3, 4)
    other, column, bits = pickle.loads(pickle.dumps((x, x[:, 1], x.view(flambeau.int32))))
    column.zero_()
    assert other[:, 1].tolist() == [0, 0, 0] and bits[:, 1].tolist() == [0, 0, 0] and column.stride() == (4,)
    assert x[0, 1] == 1
    leaf = flambeau.ones(2, device=device, requires_grad=True)
    again = pickle.loads(pickle.dumps(leaf))
    assert again.requires_grad and again.is_leaf and again.tolist() == [1, 1]
