"""What is written for several devices, on one; weights that stay orthogonal."""

from __future__ import annotations

import pytest
import torch

import flambeau
from tests.helpers.oracle import compare, to_flambeau, to_torch


def test_synchronised_statistics_of_one_process() -> None:
    torch.manual_seed(0)
    x = torch.randn(5, 3, 2)
    found = []
    for t in (flambeau, torch):
        module = t.nn.Sequential(t.nn.Conv1d(3, 3, 1), t.nn.Sequential(t.nn.BatchNorm1d(3, eps=0.1)))
        inner = module[1][0]
        converted = t.nn.SyncBatchNorm.convert_sync_batchnorm(module)
        assert type(converted[1][0]) is t.nn.SyncBatchNorm and converted[1][0].weight is inner.weight
        assert list(converted.state_dict()) == list(module.state_dict())
        given = to_flambeau(x, "cpu") if t is flambeau else x
        found.append((converted[1](given), converted[1][0].running_mean))
        with pytest.raises(ValueError, match="2D"):
            converted[1](t.ones(3))
    for mine, theirs in zip(*found):
        compare(mine, theirs, factor=10)


def test_one_device_in_parallel() -> None:
    states = []
    for t in (flambeau, torch):
        module = t.nn.DataParallel(t.nn.Linear(2, 3))
        assert module(t.ones(4, 2)).shape == (4, 3) and module.module.weight.shape == (3, 2)
        states.append(module.state_dict())
    assert list(states[0]) == list(states[1])
    for t, state in zip((flambeau, torch), states):
        t.nn.modules.utils.consume_prefix_in_state_dict_if_present(state, "module.")
        t.nn.Linear(2, 3).load_state_dict(state)
    assert list(states[0]) == list(states[1]) and list(states[0]._metadata) == list(states[1]._metadata)


MAPS = ["householder", "matrix_exp", "cayley"]


@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5)])
@pytest.mark.parametrize("orthogonal_map", MAPS)
def test_orthogonal_weights(orthogonal_map: str, shape: tuple[int, int]) -> None:
    """Orthonormal at first and after a step, with PyTorch's names."""
    names = []
    for t in (flambeau, torch):
        module = t.nn.Linear(shape[1], shape[0])
        t.nn.utils.parametrizations.orthogonal(module, orthogonal_map=orthogonal_map)
        optimizer = t.optim.SGD(module.parameters(), lr=0.5)
        for _ in range(2):
            q = module.weight if shape[0] >= shape[1] else module.weight.mT
            assert (q.mT @ q - t.eye(min(shape))).abs().max() < 1e-5
            (module(t.ones(2, shape[1])) ** 2).sum().backward()
            optimizer.step()
        names.append(list(module.state_dict()))
    assert names[0] == names[1]


@pytest.mark.parametrize("orthogonal_map", MAPS)
def test_orthogonal_maps(orthogonal_map: str) -> None:
    """The same weight and gradient as PyTorch's from the same matrix and base."""
    torch.manual_seed(0)
    weight, x = torch.randn(4, 4), torch.randn(4, 4)
    found = []
    for t in (flambeau, torch):
        module = t.nn.Linear(4, 4)
        with t.no_grad():
            module.weight.copy_(to_flambeau(weight, "cpu") if t is flambeau else weight)
        t.nn.utils.parametrizations.orthogonal(module, orthogonal_map=orthogonal_map)
        first = module.weight.detach()
        original = module.parametrizations.weight.original
        with t.no_grad():
            original.copy_(to_flambeau(x, "cpu") if t is flambeau else x)
        (module.weight**3).sum().backward()
        found.append((first, module.weight.detach(), original.grad))
    for mine, theirs in zip(*found):
        torch.testing.assert_close(to_torch(mine), theirs, rtol=1e-3, atol=1e-4)


def test_what_cannot_be_orthogonal() -> None:
    for t in (flambeau, torch):
        orthogonal = t.nn.utils.parametrizations.orthogonal
        with pytest.raises(ValueError, match="dimensions"):
            orthogonal(t.nn.Linear(2, 2), "bias")
        with pytest.raises(ValueError, match="orthogonal_map"):
            orthogonal(t.nn.Linear(2, 2), orthogonal_map="qr")
        with pytest.raises(ValueError, match="no parameter"):
            orthogonal(t.nn.Linear(2, 2), "wight")
        fixed = orthogonal(t.nn.Linear(3, 3), orthogonal_map="cayley", use_trivialization=False)
        with pytest.raises(NotImplementedError, match="not possible to assign"):
            fixed.weight = t.eye(3)
        free = orthogonal(t.nn.Linear(2, 4), use_trivialization=False)
        start = free.weight.detach()
        free.weight = start
        assert (free.weight - start).abs().max() < 1e-5
        assert t.nn.utils.skip_init(t.nn.Linear, 2, 3, device="cpu").weight.shape == (3, 2)
        with pytest.raises(RuntimeError, match="device"):
            t.nn.utils.skip_init(t.nn.ReLU)
