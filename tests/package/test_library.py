"""Operators that programs define: `torch.library.custom_op`, with gradients of their own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import flambeau

MODULES = pytest.mark.parametrize("m", [flambeau, torch], ids=["flambeau", "torch"])


def define(m, name):
    """An operator of tensors, a list of them and numbers, whose gradient is twice the true one, to be seen."""
    kinds = {"x": m.Tensor, "others": list[m.Tensor], "scale": float, "return": m.Tensor}

    def weigh(x, others, scale=2.0):
        return x.sin() * scale + sum(o * o for o in others)

    weigh.__annotations__ = kinds
    made = m.library.custom_op(f"programs::{name}", weigh, mutates_args=())

    def setup(ctx, inputs, output):
        x, others, ctx.scale = inputs
        ctx.save_for_backward(x, *others)

    def backward(ctx, grad):
        x, *others = ctx.saved_tensors
        return 2 * grad * x.cos() * ctx.scale, [4 * grad * o for o in others], None

    made.register_autograd(backward, setup_context=setup)
    made.register_fake(lambda x, others, scale=2.0: m.empty_like(x))
    return made


def test_gradients():
    found = []
    for m in (flambeau, torch):
        define(m, "weigh")
        x, a, b = (m.tensor(v, requires_grad=True) for v in ([0.5, 1.0], [2.0, 3.0], [1.0, -1.0]))
        y = m.ops.programs.weigh(x, [a, b], scale=3.0)
        y.sum().backward()
        plain = m.ops.programs.weigh.default(x.detach(), [a.detach()])
        assert not plain.requires_grad
        found.append([t.detach().numpy() for t in (y, x.grad, a.grad, b.grad, plain)])
    for ours, theirs in zip(*found):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@MODULES
def test_several_results(m):
    def split(x):
        return [x * 2, x * 3]

    split.__annotations__ = {"x": m.Tensor, "return": list[m.Tensor]}
    made = m.library.custom_op("programs::split", split, mutates_args=())
    m.library.register_autograd("programs::split", lambda ctx, grads: 2 * grads[0] + 3 * grads[1])
    x = m.ones(2, requires_grad=True)
    first, second = found = made(x)
    (first * 10 + second).sum().backward()
    assert isinstance(found, list) and x.grad.tolist() == [23, 23]


@MODULES
def test_an_operator_that_writes(m):
    def grow(x, by):
        x.add_(by)

    grow.__annotations__ = {"x": m.Tensor, "by": float, "return": None}
    made = m.library.custom_op("programs::grow", grow, mutates_args=("x",))
    x = m.zeros(2)
    before = x._version
    assert made(x, 1.5) is None and x.tolist() == [1.5, 1.5] and x._version > before
    with pytest.raises(RuntimeError, match="Cannot register autograd formula"):
        made.register_autograd(lambda ctx, grad: grad)


@MODULES
def test_errors(m):
    def twice(x):
        return x * 2

    with pytest.raises(ValueError, match="Parameter x must have a type annotation"):
        m.library.custom_op("programs::bare", twice, mutates_args=())
    twice.__annotations__ = {"x": m.Tensor, "return": m.Tensor}
    with pytest.raises(ValueError, match=r"'y'.* in mutates_args were not found"):
        m.library.custom_op("programs::wrong", twice, mutates_args=("y",))
    with pytest.raises(ValueError):
        m.library.custom_op("nowhere", twice, mutates_args=())
    made = m.library.custom_op("programs::twice", mutates_args=())(twice)
    assert repr(made) == "<CustomOpDef(programs::twice)>" and made(m.ones(1)).tolist() == [2]
    with pytest.raises(RuntimeError, match=r"Trying to backward through programs\.twice\.default but no autograd formula"):
        made(m.ones(1, requires_grad=True)).sum().backward()
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(m.ops.programs, "nothing")  # noqa: B009
    with pytest.raises(RuntimeError, match="operator programs::nothing does not exist"):
        m.library.register_fake("programs::nothing")(twice)
    made.register_kernel("cpu")(lambda x: x * 5)
    assert made(m.ones(1)).tolist() == [5]


def test_a_recorded_call():
    define(flambeau, "recorded")

    @flambeau.compile
    def step(x):
        loss = flambeau.ops.programs.recorded(x, [x]).sum()
        return flambeau.autograd.grad(loss, x)[0]

    for value in (0.1, 0.2, 0.3):
        x = flambeau.full((3,), value, requires_grad=True)
        np.testing.assert_allclose(step(x).numpy(), 4 * np.cos(x.detach().numpy()) + 4 * x.detach().numpy(), rtol=1e-5)
