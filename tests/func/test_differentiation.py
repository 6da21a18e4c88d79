"""`grad`, `vjp`, `jvp`, Jacobians and Hessians against PyTorch's, alone and inside each other."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

import flambeau

X, W = np.random.RandomState(0).randn(3), np.random.RandomState(1).randn(4, 3)


def leaves(value):
    if isinstance(value, dict):
        return [leaf for key in sorted(value) for leaf in leaves(value[key])]
    if isinstance(value, (tuple, list)):
        return [leaf for v in value for leaf in leaves(v)]
    return [value.detach().numpy()]


def model(m):
    made = m.nn.Sequential(m.nn.Linear(3, 5), m.nn.BatchNorm1d(5), m.nn.Tanh(), m.nn.Linear(5, 2)).double().eval()
    rng = np.random.RandomState(2)
    with m.no_grad():
        for p in made.parameters():
            p.copy_(m.tensor(rng.randn(*p.shape)))
    return made


def per_example(m):
    """The gradients of a loss for each example by itself."""
    net = model(m)
    parameters = {k: v.detach() for k, v in net.named_parameters()}
    buffers = dict(net.named_buffers())

    def loss(parameters, x, y):
        out = m.func.functional_call(net, (parameters, buffers), (x.unsqueeze(0),))
        return m.nn.functional.cross_entropy(out, y.unsqueeze(0))

    return m.func.vmap(m.func.grad(loss), (None, 0, 0))(parameters, m.tensor(W), m.tensor([0, 1, 1, 0]))


def ensemble(m):
    """Models side by side, and the gradients of their stacked parameters."""
    nets = [model(m) for _ in range(3)]
    with m.no_grad():
        for i, net in enumerate(nets):
            net[0].weight.mul_(i + 1)
    parameters, buffers = m.func.stack_module_state(nets)
    base = copy.deepcopy(nets[0])
    x = m.tensor(W)
    out = m.func.vmap(lambda p, b: m.func.functional_call(base, (p, b), (x,)))(parameters, buffers)
    out.pow(2).sum().backward()
    return out, {k: p.grad for k, p in parameters.items()}


PROGRAMS = {
    "grad": lambda m, x, w: m.func.grad(lambda x: (w @ x.sin()).pow(2).sum())(x),
    "grad of two": lambda m, x, w: m.func.grad(lambda a, b: (b @ a.sin()).pow(2).sum(), argnums=(1, 0))(x, w),
    "grad of a dict": lambda m, x, w: m.func.grad(lambda d: (d["w"] @ d["x"][0]).exp().sum())({"w": w, "x": [x]}),
    "aux": lambda m, x, w: m.func.grad(lambda x: ((x * x).sum(), {"twice": 2 * x}), has_aux=True)(x),
    "value": lambda m, x, w: m.func.grad_and_value(lambda x: (x * x).sum())(x),
    "third": lambda m, x, w: m.func.grad(m.func.grad(m.func.grad(lambda x: x.sin() * x)))(x[0]),
    "vjp": lambda m, x, w: m.func.vjp(lambda x: (w @ x, x.exp()), x)[1]((m.ones(4, dtype=m.float64), x)),
    "jvp": lambda m, x, w: m.func.jvp(lambda x, y: (w @ x * y.sum()).tanh(), (x, x + 1), (x * 2, x - 1)),
    "linearize": lambda m, x, w: m.func.linearize(lambda x: (w @ x).tanh(), x)[1](x),
    "jacrev": lambda m, x, w: m.func.jacrev(lambda x: (w @ x).tanh())(x),
    "jacrev of two": lambda m, x, w: m.func.jacrev(lambda a, b: (b @ a, a.sum()), argnums=(0, 1))(x, w),
    "jacrev in chunks": lambda m, x, w: m.func.jacrev(lambda x: (w @ x).tanh(), chunk_size=3)(x),
    "jacfwd": lambda m, x, w: m.func.jacfwd(lambda x: (w @ x).tanh())(x),
    "jacfwd of two": lambda m, x, w: m.func.jacfwd(lambda a, b: (b @ a, a.sum()), argnums=(0, 1))(x, w),
    "hessian": lambda m, x, w: m.func.hessian(lambda x: (w @ x.sin()).pow(3).sum() * x.prod())(x),
    "jacrev of jacrev": lambda m, x, w: m.func.jacrev(m.func.jacrev(lambda x: (w @ x).tanh().sum() ** 2))(x),
    "hessian of many": lambda m, x, w: m.func.vmap(m.func.hessian(lambda x: x.sin().prod()))(w),
    "vmap of vjp": lambda m, x, w: m.func.vmap(lambda c: m.func.vjp(lambda x: (w @ x).exp(), x)[1](c)[0])(w @ w.T),
    "per example": lambda m, x, w: per_example(m),
    "ensemble": lambda m, x, w: ensemble(m),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_against_pytorch(name):
    results = [leaves(PROGRAMS[name](m, m.tensor(X), m.tensor(W))) for m in (torch, flambeau)]
    assert len(results[0]) == len(results[1])
    for a, b in zip(*results, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(b, a, rtol=1e-7, atol=1e-10)


def test_levels():
    """The inner differentiation doesn't see the outer, and what lies outside is reached through both."""
    results = []
    for m in (torch, flambeau):
        w = m.tensor(W, requires_grad=True)
        x = m.tensor(X)
        g = m.func.grad(lambda x, w=w: (w @ x).exp().sum())(x)
        assert g.requires_grad and x.grad is None and not x.requires_grad
        g.sum().backward()
        assert not m.func.grad(lambda x: (x * x).sum())(x).requires_grad
        with m.no_grad():
            assert not m.func.grad(lambda x, w=w: (w @ x).sum())(x).requires_grad
        inside_no_grad = m.func.grad(lambda x: (x * x).sum())
        with m.no_grad():
            results.append([w.grad.numpy(), inside_no_grad(x).numpy()])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)


ERRORS = [
    (lambda m, x: m.func.grad(lambda x: x)(x), "scalar Tensor"),
    (lambda m, x: m.func.grad(lambda x: x.sum(), argnums=2)(x), "argnum"),
    (lambda m, x: m.func.grad(lambda x: 3.0)(x), "return"),
    (lambda m, x: m.func.jvp(lambda x: x, (x,), (x[:2],)), "."),
    (lambda m, x: m.func.jvp(lambda x: x, x, x), "tuple"),
    (lambda m, x: m.func.stack_module_state([]), "at least one model"),
]


@pytest.mark.parametrize("number", range(len(ERRORS)))
def test_errors(number):
    call, message = ERRORS[number]
    for m in (torch, flambeau):
        with pytest.raises(RuntimeError, match=message):
            call(m, m.tensor(X))


MISTAKES = """
vjp(f, 3.0) | vjp(f, [x, 3.0]) | vjp(lambda x: 3.0, x) | vjp(lambda x: (x, 3), x) | vjp(lambda x: [], x) | vjp(lambda x: None, x)
vjp(f, x)[1](x[:2]) | vjp(f, x)[1](3.0) | vjp(f, x)[1](None) | vjp(lambda x: (x, x), x)[1](x) | vjp(lambda x: [x], x)[1]((x,))
vjp(f, i) | vjp(lambda x: x > 0, x)[1](x > 0) | vjp(f, x, has_aux=True) | vjp(lambda x: (x, 3.0), x, has_aux=True)
jvp(f, (3.0,), (1.0,)) | jvp(f, x, x) | jvp(f, (x,), (x[:2],)) | jvp(f, (), ()) | jvp(lambda x: 3.0, (x,), (x,))
jvp(f, (x,), (3.0,))
jvp(f, (i,), (i,)) | jvp(lambda x: (x, 3.0), (x,), (x,)) | jvp(lambda x: [], (x,), (x,)) | jvp(lambda x: None, (x,), (x,))
jvp(lambda x: (x, 3), (x,), (x,), has_aux=True) | grad(f)(x) | grad(lambda x: 3.0)(x) | grad(f)(3.0) | grad(f, argnums=1)(x)
grad(lambda x: (x.sum(), 3), has_aux=True)(x) | grad(lambda x: (x.sum(),))(x) | grad(f, argnums="a")(x) | grad(f, argnums=())(x)
grad(lambda x: x.sum())(i) | grad(lambda x, y: x, argnums=(0, 0))(x, x) | jacrev(f)(3.0) | jacrev(lambda x: 3.0)(x) | jacrev(f)(i)
jacrev(f, chunk_size=0) | jacfwd(lambda x: 3.0)(x) | jacfwd(f)(i) | hessian(lambda x: 3.0)(x)
jacrev(lambda x: (x, 3), has_aux=True)(x)
jvp(f, (x,), (x, x)) | jvp(f, (x,), [x]) | jvp(f, ([x, x],), ((x, x),))
""".replace("\n", "|").split("|")


@pytest.mark.parametrize("call", [call.strip() for call in MISTAKES if call.strip()])
def test_what_mistakes_are_told(call):
    """PyTorch's error and its text, which ours may go on from, up to how a structure is shown."""

    def run(m):
        x = m.tensor(X)
        with pytest.raises((RuntimeError, ValueError, TypeError)) as caught:
            eval(f"func.{call}", {"func": m.func, "f": lambda x: x * x, "x": x, "i": m.tensor([1, 2, 3])})
        return caught.type, str(caught.value).split(" Got primals with structure")[0]

    (kind, text), (expected_kind, expected) = run(flambeau), run(torch)
    assert issubclass(kind, expected_kind)
    assert text.startswith(expected)


def test_functional_call_with_two_dictionaries():
    net = flambeau.nn.Linear(2, 2)
    with pytest.raises(ValueError, match="appeared in multiple dictionaries"):
        flambeau.func.functional_call(net, ({"bias": net.bias}, {"bias": net.bias}), (flambeau.ones(2),))


def test_of_one_number() -> None:
    """Nothing has dimensions: no shape on the way is given as no arguments at all."""
    for library in (flambeau, torch):
        x, func = library.tensor(2.0), library.func
        found = [f(library.sin)(x) for f in (func.grad, func.jacrev, func.jacfwd, func.hessian)]
        found.append(func.grad(lambda v: v.prod() * v.sum())(x))
        assert [tuple(t.shape) for t in found] == [()] * 5
        assert [round(t.item(), 4) for t in found] == [-0.4161, -0.4161, -0.4161, -0.9093, 4.0]


def test_batch_norms_without_running_moments():
    for m in (torch, flambeau):
        net = m.nn.Sequential(m.nn.Linear(2, 3), m.nn.BatchNorm1d(3), m.nn.Sequential(m.nn.BatchNorm2d(3), m.nn.GroupNorm(1, 3)))
        assert m.func.replace_all_batch_norm_modules_(net) is net
        for norm in (net[1], net[2][0]):
            assert norm.running_mean is norm.running_var is norm.num_batches_tracked is None
            assert not norm.track_running_stats
        assert list(net.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias", "2.0.weight", "2.0.bias", "2.1.weight",
                                          "2.1.bias"]  # fmt: skip
        alone = m.nn.BatchNorm1d(3)
        assert m.func.replace_all_batch_norm_modules_(alone).running_mean is None
