"""Gradients that are to be differentiated are built again like others, to any order, and keep to PyTorch's rules meanwhile."""

from __future__ import annotations

import gc

import numpy as np
import pytest
import torch

import flambeau
from flambeau.autograd.repeated import RepeatedGradient

TURNS = 4
"""The third is the first one to be built again."""

FUNCTIONS = {
    "product": lambda lib, x: x * x * x,
    "quotient": lambda lib, x: x / (x + 1),
    "power": lambda lib, x: x**2.5,
    "functions": lambda lib, x: x.tanh() * x.exp() + x.sin().sigmoid(),
    "matrix product": lambda lib, x: (x @ x.t() + 1).tanh() @ x,
    "broadcast": lambda lib, x: (x * x.sum(0) + x.mean(1, keepdim=True)).exp(),
    "slices": lambda lib, x: (x[:, 0:1] * x[1:2]) ** 3,
    "views": lambda lib, x: x.t().reshape(3, 2).unsqueeze(0).expand(2, 3, 2) ** 3,
    "softmax": lambda lib, x: lib.softmax(x, -1) * lib.log_softmax(x, 0),
    "norm": lambda lib, x: (x * x + 1).norm(dim=1),
    "linear": lambda lib, x: lib.nn.functional.linear(x, x * x, x[:, 0]).tanh(),
    "convolution": lambda lib, x: lib.nn.functional.conv1d(x[None], x[None, :, :1] ** 2, padding=1).tanh(),
    "cross entropy": lambda lib, x: lib.nn.functional.cross_entropy(x * x, lib.tensor([0, 1, 1])),
    "gather": lambda lib, x: x.gather(1, lib.tensor([[0, 1, 1], [1, 0, 0], [0, 0, 1]])) ** 3,
    "joined": lambda lib, x: lib.cat([x, x * x]).cumsum(0) ** 2,
    "where": lambda lib, x: lib.where(x > 0.5, x * x, x.relu() ** 3),
}
VALUES = np.linspace(0.2, 0.9, 6).reshape(3, 2)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives_of_higher_order(name):
    found = {}
    for lib in (flambeau, torch):
        turns = []
        for turn in range(TURNS):
            x = lib.tensor(VALUES + turn / 10, requires_grad=True)
            gradient = FUNCTIONS[name](lib, x)
            for _ in range(3):
                (gradient,) = lib.autograd.grad((gradient * gradient).sum(), x, create_graph=True)
                turns.append(gradient.detach().numpy())
        found[lib] = turns
    for mine, theirs in zip(found[flambeau], found[torch], strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-6 * np.abs(theirs).max())


def _functions(root):
    found, stack = set(), [root]
    while stack:
        function = stack.pop()
        if function is not None and function not in found:
            found.add(function)
            stack += [f for f, _ in function.edges]
    return found


def test_gradients_get_one_entry_for_each_rule():
    for _ in range(TURNS):
        x = flambeau.tensor(VALUES, requires_grad=True)
        (gradient,) = flambeau.autograd.grad((x.tanh() * 3).sum(), x, create_graph=True)
    assert any(isinstance(f, RepeatedGradient) for f in _functions(gradient.grad_fn))
    assert "Backward" in gradient.grad_fn.name() and "Repeated" not in repr(gradient.grad_fn)


@pytest.mark.parametrize("lib", [flambeau, torch], ids=["flambeau", "torch"])
def test_which_gradients_require_a_gradient(lib):
    for _ in range(TURNS):
        x, y = lib.tensor(VALUES, requires_grad=True), lib.tensor(VALUES, requires_grad=True)
        of_x, of_y = lib.autograd.grad((x * y + 2 * x).sum(), (x, y), create_graph=True)
        assert of_x.requires_grad and of_y.requires_grad
        (linear,) = lib.autograd.grad((x * 2).sum(), x, create_graph=True)
        assert not linear.requires_grad
        (masked,) = lib.autograd.grad(x.relu().sum(), x, create_graph=True)
        weights = lib.ones(3, 2, dtype=lib.float64, requires_grad=True)
        (of_mask,) = lib.autograd.grad(x.relu(), x, weights, create_graph=True)
        assert of_mask.requires_grad
        assert lib.autograd.grad(of_mask.sum(), weights)[0].tolist() == masked.tolist()


@pytest.mark.parametrize("lib", [flambeau, torch], ids=["flambeau", "torch"])
def test_a_write_to_what_the_second_derivative_reads_is_an_error(lib):
    for _ in range(TURNS):
        x, w = lib.tensor(VALUES, requires_grad=True), lib.tensor(VALUES, requires_grad=True)
        y = x.exp()
        (gradient,) = lib.autograd.grad((y * 2).sum(), x, create_graph=True)
        with lib.no_grad():
            y.add_(1)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            lib.autograd.grad(gradient.sum(), x)
        (gradient,) = lib.autograd.grad((x.exp() + w).sum(), x, create_graph=True)
        with lib.no_grad():
            w.add_(1)  # which nothing reads
        (second,) = lib.autograd.grad(gradient.sum(), x)
        np.testing.assert_allclose(second.numpy(), np.exp(VALUES))


@pytest.mark.parametrize("lib", [flambeau, torch], ids=["flambeau", "torch"])
def test_what_was_freed_is_not_read_again(lib):
    for _ in range(TURNS):
        x = lib.tensor(VALUES, requires_grad=True)
        (gradient,) = lib.autograd.grad((x.exp() * x).sum(), x, create_graph=True)
        gradient.sum().backward(retain_graph=True)
        first = x.grad.tolist()
        x.grad = None
        gradient.sum().backward()
        assert x.grad.tolist() == first
        with pytest.raises(RuntimeError, match="second time"):
            gradient.sum().backward()


@pytest.mark.parametrize("lib", [flambeau, torch], ids=["flambeau", "torch"])
def test_gradients_through_views_that_are_written_later(lib):
    for _ in range(TURNS):
        x = lib.tensor(VALUES, requires_grad=True)
        (gradient,) = lib.autograd.grad((x.sum(0) ** 3).sum(), x, create_graph=True)
        changed = gradient.clone()
        changed[0] *= 2
        (second,) = lib.autograd.grad(changed.sum(), x)
        np.testing.assert_allclose(second.numpy(), 24 * np.broadcast_to(VALUES.sum(0), (3, 2)))


def test_hooks_on_saved_tensors_see_second_derivatives():
    packed = []

    def pack(t):
        packed.append(t)
        return t

    for _ in range(TURNS):
        x = flambeau.tensor(VALUES, requires_grad=True)
        y = (x.tanh() * x).sum()
        before = len(packed)
        with flambeau.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
            (gradient,) = flambeau.autograd.grad(y, x, create_graph=True)
        assert len(packed) > before and all(not isinstance(t.tolist(), float) for t in packed)
        (second,) = flambeau.autograd.grad(gradient.sum(), x)
        np.testing.assert_allclose(second.numpy(), (2 - 2 * VALUES * np.tanh(VALUES)) / np.cosh(VALUES) ** 2)


def test_nothing_is_kept_of_the_operands():
    def turn():
        x = flambeau.tensor(VALUES, requires_grad=True)
        (gradient,) = flambeau.autograd.grad((x.tanh() * x.exp()).sum(), x, create_graph=True)
        return flambeau.autograd.grad(gradient.sum(), x)[0].sum().item()

    def tensors():
        gc.collect()
        return sum(isinstance(o, flambeau.Tensor) for o in gc.get_objects())

    for _ in range(TURNS):
        turn()
    before = tensors()
    for _ in range(10):
        turn()
    assert tensors() <= before
