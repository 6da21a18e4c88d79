"""Sparse tensors in files, copies and modules; and a graph convolution network that trains as PyTorch's does."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import pytest
import torch
from hypothesis import given, settings

import flambeau
from tests.helpers.oracle import to_flambeau, to_torch
from tests.sparse.both import drawn, same, translated


@settings(max_examples=15, deadline=None)
@given(s=drawn())
def test_files_go_both_ways(s: torch.Tensor) -> None:
    theirs: dict[str, Any] = {"s": s, "deep": [s.coalesce()]}
    if not s.dense_dim():
        theirs["csr"] = s.to_sparse_csr()
    file = io.BytesIO()
    torch.save(theirs, file)
    file.seek(0)
    mine = flambeau.load(file)
    same(mine["s"], s)
    same(mine["deep"][0], s.coalesce())
    assert mine["s"].is_coalesced() == s.is_coalesced()
    back = io.BytesIO()
    flambeau.save(mine, back)
    back.seek(0)
    again = torch.load(back, weights_only=True)
    for name in theirs.keys() - {"deep"}:
        same(mine[name], again[name])
        assert again[name].layout is theirs[name].layout


def test_a_file_with_indices_outside_is_refused() -> None:
    file = io.BytesIO()
    torch.save(torch.sparse_coo_tensor([[0, 7]], [1.0, 2.0], (3,)), file)
    file.seek(0)
    with pytest.raises(RuntimeError, match="size is inconsistent with indices"):
        flambeau.load(file)


@pytest.mark.parametrize("layout", ["sparse_coo", "sparse_csr"])
def test_copies(layout: str) -> None:
    x = flambeau.eye(3).to_sparse(layout=getattr(flambeau, layout))
    for other in (copy.deepcopy(x), pickle.loads(pickle.dumps(x)), copy.copy(x)):
        assert other.layout is x.layout and other.to_dense().tolist() == flambeau.eye(3).tolist()
    x = flambeau.eye(3).to_sparse().requires_grad_()
    x.sum().backward()
    other = copy.deepcopy(x)
    other.grad.zero_()
    assert other.requires_grad and x.grad.sum() == 9
    parameter = copy.deepcopy(flambeau.nn.Parameter(x.detach()))
    assert isinstance(parameter, flambeau.nn.Parameter) and parameter.is_sparse


def test_buffers() -> None:
    heads = flambeau.zeros(4, 6, dtype=flambeau.bool)
    heads[2:] = True
    module = flambeau.nn.Linear(2, 2)
    module.register_buffer("alignment_heads", heads.to_sparse(), persistent=False)
    module.register_buffer("adjacency", flambeau.eye(3).to_sparse())
    assert module.alignment_heads.indices().T.tolist()[0] == [2, 0] and list(module.state_dict()) == [
        "weight",
        "bias",
        "adjacency",
    ]
    other = copy.deepcopy(module).double()
    assert other.adjacency.dtype is flambeau.float64 and other.adjacency.is_sparse
    module.adjacency.mul_(2)
    flambeau.nn.Module.load_state_dict(other, module.state_dict())
    assert other.adjacency.to_dense().sum() == 6


class _Layer:
    """The convolution of pygcn."""

    def __init__(self, library: Any, weight: Any, bias: Any) -> None:
        self.library, self.weight, self.bias = library, weight, bias

    def __call__(self, x: Any, adjacency: Any) -> Any:
        return self.library.spmm(adjacency, self.library.mm(x, self.weight)) + self.bias


def _train(library: Any, adjacency: Any, x: Any, labels: Any, parameters: list[Any]) -> list[float]:
    first, second = _Layer(library, *parameters[:2]), _Layer(library, *parameters[2:])
    optimizer = library.optim.Adam(parameters, lr=0.05, weight_decay=5e-4)
    losses = []
    for _ in range(6):
        optimizer.zero_grad()
        hidden = library.nn.functional.relu(first(x, adjacency))
        loss = library.nn.functional.cross_entropy(second(hidden, adjacency), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_a_graph_network_trains_as_with_pytorch(device: str) -> None:
    generator = torch.Generator().manual_seed(3)
    n, edges = 30, torch.randint(30, (2, 90), generator=generator)
    adjacency = torch.sparse_coo_tensor(torch.cat((edges, edges.flip(0)), 1), torch.full((180,), 0.2), (n, n))
    x, labels = torch.rand(n, 12, generator=generator), torch.randint(3, (n,), generator=generator)
    shapes = [(12, 8), (8,), (8, 3), (3,)]
    theirs = [(torch.rand(shape, generator=generator) - 0.5).requires_grad_() for shape in shapes]
    mine = [to_flambeau(t, device) for t in theirs]
    ours = _train(flambeau, translated(adjacency, device), to_flambeau(x, device), to_flambeau(labels, device), mine)
    expected = _train(torch, adjacency, x, labels, theirs)
    assert ours == pytest.approx(expected, rel=1e-4)
    for m, t in zip(mine, theirs):
        torch.testing.assert_close(to_torch(m), t.detach(), rtol=1e-3, atol=1e-4)


def test_compiled_functions_run_plainly() -> None:
    adjacency = flambeau.eye(3).to_sparse()
    compiled = flambeau.compile(lambda x: adjacency @ x)
    with pytest.warns(UserWarning, match="can't be recorded"):
        found = [compiled(flambeau.full((3, 1), float(k))).sum().item() for k in range(3)]
    assert found == [0.0, 3.0, 6.0]
