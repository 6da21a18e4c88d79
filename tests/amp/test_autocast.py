"""`autocast` and `GradScaler` against PyTorch's: dtypes of every listed operator, numbers of a training step."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import flambeau

rng = np.random.RandomState(0)
A = rng.rand(1, 4, 4).astype("f")

CALLS = {
    "matmul": lambda m, x: x @ x,
    "mm": lambda m, x: m.mm(x[0], x[0]),
    "bmm": lambda m, x: m.bmm(x, x),
    "baddbmm": lambda m, x: m.baddbmm(x, x, x),
    "addmm": lambda m, x: m.addmm(x[0], x[0], x[0]),
    "linear": lambda m, x: m.nn.functional.linear(x, x[0]),
    "einsum": lambda m, x: m.einsum("bij,bjk->bik", x, x),
    "conv1d": lambda m, x: m.nn.functional.conv1d(x, x),
    "conv2d": lambda m, x: m.nn.functional.conv2d(x[None], x[:, None, :2, :2]),
    "conv_transpose1d": lambda m, x: m.nn.functional.conv_transpose1d(x, x.transpose(0, 1)),
    "attention": lambda m, x: m.nn.functional.scaled_dot_product_attention(x, x, x),
    "float64 stays": lambda m, x: x.double() @ x.double(),
    "integers stay": lambda m, x: x.long() @ x.long(),
    "add": lambda m, x: x + x,
    "softmax": lambda m, x: x.softmax(-1),
    "sum of a product": lambda m, x: (x @ x).sum(),
    "layer_norm": lambda m, x: m.nn.functional.layer_norm(x @ x, (4,)),
    "gelu of a product": lambda m, x: m.nn.functional.gelu(x @ x),
    "mixed sum": lambda m, x: x @ x + x,
    "prod": lambda m, x: (x @ x).prod(),
    "mse_loss": lambda m, x: m.nn.functional.mse_loss(x @ x, x @ x),
    "cross_entropy": lambda m, x: m.nn.functional.cross_entropy(x[0] @ x[0], m.tensor([0, 1, 2, 3])),
    "nll_loss": lambda m, x: m.nn.functional.nll_loss(x[0] @ x[0], m.tensor([0, 1, 2, 3])),
    "binary": lambda m, x: m.nn.functional.binary_cross_entropy_with_logits(x @ x, x),
    "l1_loss": lambda m, x: m.nn.functional.l1_loss(x @ x, x),
    "cdist": lambda m, x: m.cdist(x @ x, x @ x),
    "kl_div": lambda m, x: m.nn.functional.kl_div(x @ x, x),
    "cat": lambda m, x: m.cat([x @ x, x]),
    "cat of lower ones": lambda m, x: m.cat([x @ x, x @ x]),
    "stack": lambda m, x: m.stack([x @ x, x]),
    "inside, not": lambda m, x: not_inside(m, x),
}


def not_inside(m, x):
    with m.autocast("cpu", enabled=False):
        return x @ x


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_dtypes_and_values(name, dtype):
    results = []
    for m in (torch, flambeau):
        with m.autocast("cpu", dtype=getattr(m, dtype)):
            results.append(CALLS[name](m, m.tensor(A)))
    a, b = results
    assert str(a.dtype) == str(b.dtype)
    np.testing.assert_allclose(a.double().numpy(), b.double().numpy(), rtol=0.02, atol=0.02)


def test_a_training_step():
    """Parameters and gradients stay float32; losses fall as PyTorch's do."""
    results = []
    for m in (torch, flambeau):
        nn = m.nn
        net = nn.Sequential(nn.Linear(8, 16), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 3))
        weights = np.random.RandomState(1)
        with m.no_grad():
            for p in net.parameters():
                p.copy_(m.tensor(weights.randn(*p.shape).astype("f") * 0.3))
        data = np.random.RandomState(2)
        x, y = m.tensor(data.randn(12, 8).astype("f")), m.tensor(data.randint(0, 3, 12))
        optimizer, scaler, losses = m.optim.SGD(net.parameters(), 0.1), m.amp.GradScaler("cpu", init_scale=128.0), []
        for _ in range(5):
            optimizer.zero_grad()
            with m.autocast("cpu"):
                out = net(x)
                loss = nn.functional.cross_entropy(out, y)
            assert out.dtype == m.bfloat16 and loss.dtype == m.float32
            scaler.scale(loss).backward()
            assert all(p.grad.dtype == m.float32 for p in net.parameters())
            scaler.unscale_(optimizer)
            norm = nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
            losses += [loss.item(), float(norm)]
        results.append(losses)
    np.testing.assert_allclose(*results, rtol=0.03)


def test_the_scale_adapts():
    """A step with an infinite gradient is skipped and the scale falls; it grows after enough good ones."""
    results = []
    for m in (torch, flambeau):
        w = m.nn.Parameter(m.ones(2))
        optimizer = m.optim.SGD([w], 0.1)
        scaler, found = m.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2), []
        for factor in (1.0, float("inf"), 1.0, 1.0, 2.0):
            optimizer.zero_grad()
            scaler.scale((w * factor).sum()).backward()
            scaler.step(optimizer)
            scaler.update()
            found += [scaler.get_scale(), *w.detach().tolist()]
        again = m.amp.GradScaler("cpu")
        again.load_state_dict(scaler.state_dict())
        results.append([*found, again.get_scale(), *sorted(map(float, scaler.state_dict().values()))])
    np.testing.assert_allclose(*results, rtol=1e-6)


def test_errors():
    for m in (torch, flambeau):
        scaler = m.amp.GradScaler("cpu")
        optimizer = m.optim.SGD([m.nn.Parameter(m.ones(1))], 0.1)
        with pytest.raises(AssertionError, match="_scale is None"):
            scaler.unscale_(optimizer)
        with pytest.raises(RuntimeError, match="device"):
            m.autocast("nothing")
        with pytest.warns(UserWarning, match="CUDA is not available"):
            assert not m.autocast("cuda")._enabled
        with pytest.warns(UserWarning, match="CUDA is not available"):
            assert not m.amp.GradScaler().is_enabled()
        with pytest.warns(UserWarning, match="the target dtype is not supported"):
            m.autocast("cpu", dtype=m.float32)


def test_decorator_and_queries():
    @flambeau.autocast("cpu")
    def f(x):
        assert flambeau.is_autocast_enabled("cpu")
        return x @ x

    assert f(flambeau.tensor(A)).dtype is flambeau.bfloat16
    assert not flambeau.is_autocast_enabled("cpu")


def test_custom_function():
    """`custom_fwd(cast_inputs=)`: the function's inputs come in float32, and nothing is cast inside."""
    seen = []

    class Product(flambeau.autograd.Function):
        @staticmethod
        @flambeau.amp.custom_fwd(device_type="cpu", cast_inputs=flambeau.float32)
        def forward(ctx, a, b):
            seen.append((a.dtype, (a @ b).dtype))
            ctx.save_for_backward(a, b)
            return a @ b

        @staticmethod
        @flambeau.amp.custom_bwd(device_type="cpu")
        def backward(ctx, g):
            a, b = ctx.saved_tensors
            return g @ b.T, a.T @ g

    x = flambeau.tensor(A[0], requires_grad=True)
    with flambeau.autocast("cpu"):
        y = Product.apply(x, x @ x)
    y.sum().backward()
    assert seen == [(flambeau.float32, flambeau.float32)] and x.grad.dtype is flambeau.float32
