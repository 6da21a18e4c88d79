"""Checkpointed computations give the gradients of plain ones."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau
from flambeau.utils.checkpoint import checkpoint, checkpoint_sequential


def network():
    flambeau.manual_seed(0)
    nn = flambeau.nn
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1))


@pytest.mark.parametrize("input_gradient", [True, False])
@pytest.mark.parametrize("form", ["whole", "parts"])
def test_gradients(form, input_gradient):
    results = []
    for checkpointed in (False, True):
        model = network()
        x = flambeau.ones(3, 4, requires_grad=input_gradient)
        flambeau.manual_seed(1)
        if not checkpointed:
            y = model(x)
        elif form == "parts":
            y = checkpoint_sequential(model, 3, x, use_reentrant=False)
        else:
            y = checkpoint(model, x, use_reentrant=False)
        (y**2).sum().backward()
        after = flambeau.rand(1).item()
        results.append([y.detach(), flambeau.tensor(after), *(p.grad for p in (x, *model.parameters()) if p.requires_grad)])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)


def test_other_arguments_and_results():
    w = flambeau.tensor(3.0, requires_grad=True)

    def function(a, scale, b, *, shift):
        return a * b * scale * w, a + shift

    a, b = flambeau.tensor(2.0, requires_grad=True), flambeau.tensor(5.0)
    y, z = checkpoint(function, a, 10, b, shift=1, use_reentrant=False)
    (y + z).backward()
    assert (y.item(), z.item(), a.grad.item(), w.grad.item(), b.grad) == (300.0, 3.0, 151.0, 100.0, None)


def test_without_gradients():
    with flambeau.no_grad():
        assert not checkpoint(lambda x: x * 2, flambeau.ones(1, requires_grad=True)).requires_grad


def test_nothing_inside_is_kept():
    kept = []

    class Watch(flambeau.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            kept.append(flambeau.is_grad_enabled())
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return grad * 2

    x = flambeau.ones(1, requires_grad=True)
    y = checkpoint(Watch.apply, x)
    assert len(kept) == 1
    y.backward()
    assert len(kept) == 2 and x.grad.item() == 2
