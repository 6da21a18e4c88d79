"""Muon beside PyTorch's: its steps in bfloat16 agree to bfloat16's digits only, so the update is judged by its size."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import flambeau

OPTIONS = [
    {},
    {"nesterov": False, "momentum": 0.5, "weight_decay": 0.0},
    {"lr": 0.02, "adjust_lr_fn": "match_rms_adamw", "ns_steps": 3},
    {"ns_coefficients": (2.0, -1.5, 0.5), "adjust_lr_fn": "original"},
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("shape", [(6, 4), (4, 9), (5, 5)])
def test_steps(shape, options):
    rng = np.random.default_rng(3)
    start = rng.standard_normal(shape).astype(np.float32)
    ours, theirs = flambeau.tensor(start, requires_grad=True), torch.tensor(start, requires_grad=True)
    a, b = flambeau.optim.Muon([ours], **options), torch.optim.Muon([theirs], **options)
    for _ in range(5):
        before = theirs.detach().numpy().copy()
        grad = rng.standard_normal(shape).astype(np.float32)
        ours.grad, theirs.grad = flambeau.tensor(grad), torch.tensor(grad)
        a.step()
        b.step()
        size = np.abs(theirs.detach().numpy() - before).max()
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), atol=0.2 * size)
        np.testing.assert_allclose(
            a.state[ours]["momentum_buffer"].numpy(), b.state[theirs]["momentum_buffer"].numpy(), rtol=1e-5, atol=1e-6
        )
        ours.data.copy_(flambeau.tensor(theirs.detach().numpy().copy()))
    assert a.state_dict()["param_groups"][0].keys() == b.state_dict()["param_groups"][0].keys()


@pytest.mark.parametrize(
    "options", [{"lr": -1.0}, {"momentum": -1.0}, {"weight_decay": -1.0}, {"adjust_lr_fn": "other"}, {"shape": (3,)}]
)
def test_errors(options):
    options = dict(options)
    shape = options.pop("shape", (3, 3))
    with pytest.raises(ValueError) as theirs:
        torch.optim.Muon([torch.zeros(shape)], **options)
    with pytest.raises(ValueError) as ours:
        flambeau.optim.Muon([flambeau.zeros(shape)], **options)
    assert str(ours.value) == str(theirs.value)


def test_in_a_recording():
    w = flambeau.randn(8, 4, requires_grad=True)
    x = flambeau.randn(32, 8)
    optimizer = flambeau.optim.Muon([w], lr=0.2, weight_decay=0.0)

    @flambeau.compile
    def step():
        optimizer.zero_grad()
        loss = (x @ w).square().mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    losses = [step().item() for _ in range(20)]
    assert losses[-1] < 0.5 * losses[0]
