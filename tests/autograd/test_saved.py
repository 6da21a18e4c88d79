"""Hooks on what is saved for backward, anomaly detection, checkpoints that any kind of gradient goes through."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

import flambeau
from flambeau.utils.checkpoint import CheckpointError, checkpoint

X = np.random.RandomState(0).randn(3, 4)


def test_hooks_see_what_pytorch_saves():
    """Pack and unpack are called for as many tensors as PyTorch's; gradients of gradients go through them."""
    results = []
    for m in (torch, flambeau):
        packed, unpacked = [], []

        def pack(t, packed=packed):
            packed.append(tuple(t.shape))
            return t.detach().numpy().copy()

        def unpack(kept, m=m, unpacked=unpacked):
            unpacked.append(kept.shape)
            return m.tensor(kept)

        x = m.tensor(X, requires_grad=True)
        with m.autograd.graph.saved_tensors_hooks(pack, unpack):
            y = (x * x).sum() + x.exp().sum()
        (g,) = m.autograd.grad(y, x, create_graph=True)
        g.pow(2).sum().backward()
        results.append([x.grad.numpy(), np.array(len(packed))])
        assert len(packed) == 3 and set(unpacked) == {(3, 4)}
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)


def test_hooks_that_are_wrong():
    x = flambeau.tensor(X, requires_grad=True)
    with flambeau.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: 3):
        y = (x * x).sum()
    with pytest.raises(TypeError, match="unpack_hook expected to be a Tensor"):
        y.backward()
    graph = flambeau.autograd.graph
    with graph.disable_saved_tensors_hooks("not here"), pytest.raises(RuntimeError, match="not here"), graph.save_on_cpu():
        pass
    with flambeau.autograd.graph.save_on_cpu():
        y = (x * x).sum()
    y.backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * X)


def test_anomaly():
    """The function that gave NaN is named, and the call that recorded it is shown."""
    for m in (torch, flambeau):
        x = m.tensor([-1.0, 0.0], requires_grad=True)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with m.autograd.detect_anomaly():
                y = (x.sqrt() * 0).sum()
                with pytest.raises(RuntimeError, match="returned nan values in its 0th output"):
                    y.backward()
        assert any("test_saved.py" in str(w.message) and "x.sqrt()" in str(w.message) for w in caught)
        y = (x.sqrt() * 0).sum()
        y.backward()
        with m.autograd.set_detect_anomaly(True, check_nan=False):
            (x.sqrt() * 0).sum().backward()


@pytest.mark.parametrize("early_stop", [True, False])
def test_gradients_of_any_kind_through_a_checkpoint(early_stop):
    """`autograd.grad` by parameters, gradients of gradients, keyword arguments, checkpoints inside checkpoints."""
    results = []
    for form in ("plain", "checkpoint", "torch"):
        m = torch if form == "torch" else flambeau
        w, x = m.tensor(X.T.copy(), requires_grad=True), m.tensor(X)

        def inner(h, w=w):
            return (h @ w).tanh().exp()

        def block(h, scale=1.0, w=w, form=form, inner=inner):
            if form == "checkpoint":
                h = checkpoint(inner, h, use_reentrant=False)
            else:
                h = inner(h)
            return {"out": (h @ w.T).sin() * scale}

        if form == "checkpoint":
            y = checkpoint(block, x, scale=2.0, use_reentrant=False, early_stop=early_stop)["out"]
        else:
            y = block(x, scale=2.0)["out"]
        (g,) = m.autograd.grad(y.sum(), w, create_graph=True)
        (second,) = m.autograd.grad((g * g).sum(), w)
        results.append([y.detach().numpy(), g.detach().numpy(), second.numpy()])
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-8)


def test_a_checkpoint_keeps_nothing_and_computes_twice():
    calls = []

    def block(h):
        calls.append(1)
        return h.sin().exp()

    x = flambeau.tensor(X, requires_grad=True)
    y = checkpoint(block, x, use_reentrant=False).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert len(calls) == 3
    np.testing.assert_allclose(x.grad.numpy(), 2 * np.cos(X) * np.exp(np.sin(X)), rtol=1e-9)


def test_a_checkpoint_that_differs_the_second_time():
    calls = []

    def block(h):
        calls.append(1)
        return h.sin() if len(calls) > 1 else h.sin().exp()

    x = flambeau.tensor(X, requires_grad=True)
    y = checkpoint(block, x, use_reentrant=False).sum()
    with pytest.raises(CheckpointError, match="different number of tensors"):
        y.backward()


def test_the_reentrant_form_is_pytorchs():
    """Without an input that requires grad, its result requires none, with a warning."""
    from torch.utils.checkpoint import checkpoint as theirs

    for m, f in ((torch, theirs), (flambeau, checkpoint)):
        layer = m.nn.Linear(4, 2).double()
        with pytest.warns(UserWarning, match="None of the inputs have requires_grad=True"):
            y = f(layer, m.tensor(X), use_reentrant=True)
        assert not y.requires_grad
        x = m.tensor(X, requires_grad=True)
        f(layer, x, use_reentrant=True).sum().backward()
        assert layer.weight.grad is not None and x.grad is not None
        with pytest.warns(UserWarning, match="use_reentrant parameter should be passed"):
            f(layer, x)


def test_autocast_in_a_checkpoint():
    x = flambeau.tensor(X.astype("f"), requires_grad=True)
    with flambeau.autocast("cpu"):
        y = checkpoint(lambda h: (h @ h.T).exp(), x, use_reentrant=False)
    y.float().sum().backward()
    assert y.dtype is flambeau.bfloat16 and x.grad.dtype is flambeau.float32


SQUARE = np.random.RandomState(1).randn(4, 4)
POSITIVE = SQUARE @ SQUARE.T + 4 * np.eye(4)
WRITTEN = {
    # name: (function of m, x and y, what is written over)
    "cross_entropy": (lambda m, x, y: m.nn.functional.cross_entropy(x, m.tensor([0, 2, 1, 3])), "x"),
    "copysign": (lambda m, x, y: m.copysign(x, y), "y"),
    "hypot": (lambda m, x, y: m.hypot(x, y.detach()), "y"),
    "ldexp": (lambda m, x, y: m.ldexp(x, y), "x"),
    "frexp": (lambda m, x, y: m.frexp(x)[0], "x"),
    "scatter_add": (lambda m, x, y: x.scatter_add(0, INDEX[m], y.detach()), "index"),
    "inv": (lambda m, x, y: m.linalg.inv(x), "x"),
    "solve": (lambda m, x, y: m.linalg.solve(x, y), "y"),
    "solve_triangular": (lambda m, x, y: m.linalg.solve_triangular(x, y, upper=True), "y"),
    "cholesky": (lambda m, x, y: m.linalg.cholesky(x), "x"),
    "eigh": (lambda m, x, y: m.linalg.eigh(x)[0], "x"),
    "svd": (lambda m, x, y: m.linalg.svd(x)[1], "x"),
    "qr": (lambda m, x, y: m.linalg.qr(x)[1].abs(), "x"),
    "qr wide": (lambda m, x, y: m.linalg.qr(x[:2] * 1)[1].abs(), "x"),
    "lu": (lambda m, x, y: m.linalg.lu_factor(x)[0], "x"),
    "pow": (lambda m, x, y: x.pow(1.5), "result"),
    "pow to a half": (lambda m, x, y: x**0.5, "result"),
    "pow to minus a half": (lambda m, x, y: x.pow(-0.5), "result"),
    "pow of an integer": (lambda m, x, y: x**-1, "result"),
    "erfc": (lambda m, x, y: m.erfc(x), "result"),
    "ndtri": (lambda m, x, y: m.special.ndtri(x.sigmoid()), "x"),
    "polygamma": (lambda m, x, y: m.polygamma(1, x.abs() + 1), "result"),
}
INDEX = {m: m.zeros(4, 4, dtype=m.int64) for m in (torch, flambeau)}


@pytest.mark.parametrize("name", WRITTEN)
def test_what_pytorch_does_not_keep_may_be_written_over(name):
    function, written = WRITTEN[name]
    found = []
    for m in (torch, flambeau):
        x, y = m.tensor(POSITIVE, requires_grad=True), m.tensor(SQUARE, requires_grad=True)
        inner = {"x": x * 1, "y": y * 1, "index": INDEX[m]}
        inner["result"] = result = function(m, inner["x"], inner["y"])
        total = result.sum()
        with m.no_grad():
            inner[written].zero_()
        total.backward()
        found.append([np.zeros(1) if t.grad is None else t.grad.numpy() for t in (x, y)])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("name", ["a logit", "a leaf"])
def test_cross_entropy_differentiated_twice_after_a_write(name):
    found = []
    for m in (torch, flambeau):
        x = m.tensor(X, requires_grad=True)
        scores = x if name == "a leaf" else x * 1
        loss = m.nn.functional.cross_entropy(scores, m.tensor([1, 2, 0]))
        with m.no_grad():
            scores.zero_()
        (g,) = m.autograd.grad(loss, x, create_graph=True)
        found.append([g.detach().numpy(), m.autograd.grad((g * g).sum(), x)[0].numpy()])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)


@pytest.mark.parametrize(
    "function",
    [
        lambda m, x: x // 2,
        lambda m, x: 3 // x,
        lambda m, x: m.floor_divide(x, x.detach()),
        lambda m, x: m.heaviside(x, x),
        lambda m, x: x.unique(),
        lambda m, x: m.unique(x, dim=0, return_inverse=True)[0],
        lambda m, x: x.unique_consecutive(),
        lambda m, x: x.unique_consecutive(dim=1),
    ],
)
def test_what_has_no_derivative_says_so(function):
    messages = []
    for m in (torch, flambeau):
        y = function(m, m.tensor(X, requires_grad=True))
        assert y.requires_grad
        with pytest.raises((RuntimeError, NotImplementedError)) as raised:
            y.sum().backward()
        messages.append((raised.type, str(raised.value)))
    assert messages[0] == messages[1]


def _written_operand(m):
    a = m.ones(2, 3, requires_grad=True)
    b = a.clone()
    out = (b**2).sum()
    b.sin_()
    out.backward()
    return a.grad.tolist(), b.tolist()


def _written_data(m):
    w, d = m.ones(3, requires_grad=True), m.arange(3.0)
    out = (w * d).sum()
    d.fill_(9)
    return m.autograd.grad(out, w)[0].tolist()


def _written_result_differentiated_twice(m):
    w = m.ones(3, requires_grad=True)
    y = w.exp()
    z = y * y
    y.detach().zero_()
    (first,) = m.autograd.grad(z.sum(), w, create_graph=True)
    y.detach().add_(1)
    first.detach().mul_(5)
    return first.tolist(), m.autograd.grad(first.sum(), w)[0].tolist()


def _written_array(m):
    array = np.arange(3.0, dtype="float32")
    d = m.from_numpy(array)
    w = d.new_ones(3).requires_grad_()
    out = (w * d).sum()
    d.add_(1)
    out.backward()
    return w.grad.tolist()


@pytest.mark.parametrize("program", [_written_operand, _written_data, _written_result_differentiated_twice, _written_array])
def test_saved_tensors_that_are_written(program):
    found = []
    for m in (flambeau, torch):
        with m.autograd.graph.allow_mutation_on_saved_tensors():
            found.append(program(m))
    for mine, theirs in zip(np.ravel(found[0]), np.ravel(found[1]), strict=True):
        assert mine == pytest.approx(theirs)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        _written_operand(flambeau)


def test_saved_views_that_are_written():
    """Worked out by hand: PyTorch's own result is wrong where a view of what is written was saved."""
    with flambeau.autograd.graph.allow_mutation_on_saved_tensors():
        a = flambeau.arange(4.0, requires_grad=True)
        b = a * 1
        c = b.exp()
        out = b[1:3] * c[:2]
        b.zero_()
        c.mul_(3)
        b[1:3].add_(1)
        total = (out * b[:2]).sum() + c.sum()
        out.mul_(2)
        b[0] = 7
        total.backward()
    e = np.e
    np.testing.assert_allclose(a.grad.numpy(), [3, 5 * e, 3 * e**2 + e, 3 * e**3], rtol=1e-6)


def test_where_saved_tensors_may_be_written():
    for m in (flambeau, torch):
        allow = m.autograd.graph.allow_mutation_on_saved_tensors
        x = m.ones(2, requires_grad=True)
        with allow():
            out = (x * x).sum()
        with pytest.raises(AssertionError, match="outside of the 'allow_mutation_on_saved_tensors' context"):
            out.backward()
        with allow(), pytest.raises(RuntimeError, match="contexts cannot be nested"), allow():
            pass
