"""`vmap` against a loop over the examples and against PyTorch, gradients through it included; what it refuses."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch

import flambeau
from flambeau.func import vmap
from flambeau.graph.node import PRIMITIVES

rng = np.random.RandomState(0)
A, B = rng.randn(4, 3, 5), rng.randn(4, 5, 2)
SQUARE = rng.randn(4, 3, 3) + 3 * np.eye(3)

# One function for each kind of primitive and each way of writing; `m` is the library.
FUNCTIONS = {
    "elementwise": lambda m, x: (x.sin() * 2 + x.abs()).clamp(min=0.1).pow(2),
    "where": lambda m, x: m.where(x > 0, x, x * 3),
    "cast": lambda m, x: x.float().to(m.float64) + (x > 0),
    "reshape": lambda m, x: x.reshape(5, 3).flatten(),
    "permute": lambda m, x: x.T.unsqueeze(0).expand(2, 5, 3),
    "slice": lambda m, x: x[1:, ::2].flip(0),
    "pad": lambda m, x: m.nn.functional.pad(x, (1, 2)),
    "reflect": lambda m, x: m.nn.functional.pad(x[None], (1, 2), mode="reflect"),
    "window": lambda m, x: x.unfold(1, 3, 1).sum(-1),
    "as_strided": lambda m, x: x.clone().as_strided((3, 3), (5, 1), 1),
    "concatenate": lambda m, x: m.cat([x, x[:1] * 2, m.ones(1, 5, dtype=m.float64)]),
    "stack": lambda m, x: m.stack([x[0], x[1]], 1),
    "sum": lambda m, x: x.sum(0),
    "mean": lambda m, x: x.mean(),
    "prod": lambda m, x: x.prod(1),
    "max": lambda m, x: x.max(1).values + x.amin(1),
    "argmax": lambda m, x: x.argmax(1).double(),
    "norm": lambda m, x: x.norm(dim=1) + x.std(1) + x.logsumexp(1),
    "softmax": lambda m, x: x.softmax(1) + m.nn.functional.log_softmax(x, 0),
    "cumsum": lambda m, x: x.cumsum(1) + x.cumprod(1),
    "cummax": lambda m, x: x.cummax(1).values,
    "sort": lambda m, x: x.sort(1, descending=True).values,
    "topk": lambda m, x: x.topk(2, 1).values,
    "gather": lambda m, x: x.gather(1, m.tensor([[0, 4], [2, 2], [1, 0]])),
    "scatter": lambda m, x: m.zeros(3, 5, dtype=m.float64).scatter_add(0, m.tensor([[0, 1, 2, 0, 1]] * 3), x),
    "index": lambda m, x: x[[0, 2]][:, m.tensor([1, 1, 4])],
    "written": lambda m, x: written_in_place(m, x),
    "matmul": lambda m, x: x @ x.T,
    "contract with what is shared": lambda m, x: x @ m.tensor(B[0]),
    "einsum": lambda m, x: m.einsum("ij,kj->ik", x, x),
    "conv": lambda m, x: m.nn.functional.conv1d(x[None], m.tensor(rng_fixed(2, 3, 2)), padding=1),
    "pool": lambda m, x: m.nn.functional.max_pool1d(x[None], 2),
    "layer_norm": lambda m, x: m.nn.functional.layer_norm(x, (5,)),
    "written into what is shared": lambda m, x: sum(
        (
            m.select_scatter(m.zeros(3, 5, dtype=m.float64), x[0], 0, 1),
            m.slice_scatter(m.ones(3, 5, dtype=m.float64), x[:, :2], 1, 3, 5),
            m.diagonal_scatter(m.ones(3, 5, dtype=m.float64), x[1, :3]),
        )
    ),
    "checked loss": lambda m, x: m.nn.functional.binary_cross_entropy(x.sigmoid(), m.ones(3, 5, dtype=m.float64) / 2),
    "checked places": lambda m, x: m.nn.functional.max_unpool1d(x[:, :2].reshape(3, 1, 2), m.tensor([0, 3]).expand(3, 1, 2), 2),
    "shared alone": lambda m, x: m.arange(3.0, dtype=m.float64),
}


def rng_fixed(*shape):
    return np.random.RandomState(1).randn(*shape)


def written_in_place(m, x):
    y = x * 1
    y[0] = x[1]
    y[:, 1:3] += x[:, :2]
    return y.mul_(2)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_against_a_loop(name):
    """Values, first and second derivatives are those of a loop."""
    f = FUNCTIONS[name]
    results = []
    for form in ("loop", "vmap", "torch"):
        m = torch if form == "torch" else flambeau
        x = m.tensor(A, requires_grad=True)
        if form == "loop":
            y = m.stack([f(m, one) for one in x])
        elif form == "vmap":
            y = vmap(functools.partial(f, m))(x)
        else:
            y = m.stack([f(m, one) for one in x])
        found = [y]
        if y.requires_grad:
            (g,) = m.autograd.grad((y * y.cos()).sum(), x, create_graph=True)
            found.append(g)
            if g.requires_grad:
                found += m.autograd.grad((g * g).sum(), x)
        results.append([t.detach().numpy() for t in found])
    for others in results[1:]:
        assert len(others) == len(results[0])
        for a, b in zip(results[0], others, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)


def test_every_primitive_has_a_rule():
    assert [name for name, p in PRIMITIVES.items() if p.batch is None and p.kind != "leaf"] == []


@pytest.mark.parametrize("name", ["cholesky", "inv", "solve", "det", "slogdet", "eigh", "svd", "qr", "lstsq"])
def test_routines(name):
    def f(m, a):
        symmetric = a @ a.mT
        if name == "solve":
            return m.linalg.solve(a, a[:, 0])
        if name == "lstsq":
            return m.linalg.lstsq(a, a[:, :1]).solution
        found = getattr(m.linalg, name)(symmetric if name in ("cholesky", "eigh") else a)
        if name == "svd":
            return found[1]
        return found if isinstance(found, m.Tensor) else found[0 if name in ("eigh", "qr") else 1].abs()

    x, t = flambeau.tensor(SQUARE, requires_grad=True), torch.tensor(SQUARE, requires_grad=True)
    y, expected = vmap(lambda a: f(flambeau, a))(x), torch.stack([f(torch, a) for a in t])
    np.testing.assert_allclose(y.detach().numpy(), expected.detach().numpy(), rtol=1e-6, atol=1e-8)
    if expected.requires_grad and name != "lstsq":
        y.sum().backward()
        expected.sum().backward()
        np.testing.assert_allclose(x.grad.numpy(), t.grad.numpy(), rtol=1e-5, atol=1e-7)


def test_structures_and_dims():
    """in_dims and out_dims in every form, several results, and calls within calls, as PyTorch's."""

    def run(m):
        v = m.vmap
        x, y = m.tensor(A), m.tensor(B)
        found = [
            v(lambda a, b: a @ b)(x, y),
            v(lambda a, b: a @ b, in_dims=(2, 0))(m.tensor(A.transpose(1, 2, 0).copy()), y),
            v(lambda a: (a, a.sum()), out_dims=(1, 0))(x)[0],
            v(lambda a: {"s": a.sum(0), "t": [a.T]}, out_dims=-1)(x)["t"][0],
            v(lambda d, c: d["a"] * c, in_dims=({"a": 0}, None))({"a": x}, 3.0),
            v(v(lambda a, b: (a * b).sum(), (None, 0)), (0, None))(x[:, 0], x[:, 1]),
            v(v(v(lambda a: a.exp() / 2)))(x),
            v(lambda a: a.sum(), in_dims=-1)(x),
            v(lambda a, scale=1: a * scale, chunk_size=3)(x, scale=2),
        ]
        return [t.numpy() for t in found]

    for a, b in zip(run(torch), run(flambeau), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)


def test_gradients_to_what_is_shared():
    """Parameters that the function closes over get the sum over the examples, through vmap in vmap as well."""

    def run(m):
        w = m.tensor(B[0], requires_grad=True)
        bias = m.tensor(2.0, dtype=m.float64, requires_grad=True)
        x = m.tensor(A, requires_grad=True)
        inner = m.vmap(lambda row: (row @ w).tanh() * bias)
        y = m.vmap(lambda a: inner(a).sum(0))(x)
        (y * y).sum().backward()
        return w.grad, bias.grad, x.grad

    for a, b in zip(run(torch), run(flambeau), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9)


def test_backward_twice():
    x = flambeau.tensor(A, requires_grad=True)
    y = vmap(lambda a: a.sin())(x).sum()
    y.backward(retain_graph=True)
    y.backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * np.cos(A), rtol=1e-6)
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


def test_writing_an_argument():
    """What the function writes into its argument is written; into a shared tensor it may not be."""
    x = flambeau.tensor(A)
    vmap(lambda a: a.add_(1))(x)
    np.testing.assert_allclose(x.numpy(), A + 1)
    total = flambeau.zeros(3, 5, dtype=flambeau.float64)
    with pytest.raises(RuntimeError, match="inplace arithmetic"):
        vmap(lambda a: total.add_(a))(x)
    assert float(total.sum()) == 0


@pytest.mark.parametrize("look", [lambda a: a.sum().item(), lambda a: float(a[0, 0]), lambda a: a if a.sum() > 0 else -a, str])
def test_a_look_is_refused(look):
    with pytest.raises(RuntimeError, match="vmap"):
        vmap(look)(flambeau.tensor(A))
    assert float(flambeau.ones(2).sum()) == 2


def test_what_escapes_is_refused():
    kept = []
    vmap(lambda a: kept.append(a * 2) or a)(flambeau.tensor(A))
    with pytest.raises(RuntimeError, match="vmap"):
        kept[0].numpy()


def test_randomness():
    x = flambeau.zeros(6, 4)
    with pytest.raises(RuntimeError, match="randomness error mode"):
        vmap(lambda a: a + flambeau.rand(4))(x)
    same = vmap(lambda a: a + flambeau.rand(4), randomness="same")(x).numpy()
    assert (same == same[0]).all()
    different = vmap(lambda a: a + flambeau.rand(4) + 0 * flambeau.randn(3).sum(), randomness="different")(x).numpy()
    assert len(np.unique(different)) == 24
    nested = vmap(vmap(lambda a: a + flambeau.rand(()), randomness="different"), randomness="different")(x).numpy()
    assert len(np.unique(nested)) == 24
    flambeau.manual_seed(0)
    first = vmap(lambda a: flambeau.dropout(a + 1, 0.5, True), randomness="different")(x).numpy()
    flambeau.manual_seed(0)
    again = vmap(lambda a: flambeau.dropout(a + 1, 0.5, True), randomness="different")(x).numpy()
    assert (first == again).all() and len({tuple(r) for r in first}) > 1


ERRORS = [
    (lambda m, x: m.vmap(lambda a: a)(), ValueError, "got no inputs"),
    (lambda m, x: m.vmap(lambda a: a, in_dims=(0, 0))(x), ValueError, "in_dims is not compatible"),
    (lambda m, x: m.vmap(lambda a: a, in_dims=3)(x), ValueError, "Got in_dim=3 for some input"),
    (lambda m, x: m.vmap(lambda a, b: a)(x, x[:2]), ValueError, "same size in the mapped dimension"),
    (lambda m, x: m.vmap(lambda a, b: a)(x, 3.0), ValueError, "cannot vmap over non-Tensor"),
    (lambda m, x: m.vmap(lambda a: 3)(x), ValueError, "must only return Tensors"),
    (lambda m, x: m.vmap(lambda a: a, out_dims=(0, 0))(x), ValueError, "out_dims is not compatible"),
    (lambda m, x: m.vmap(lambda a: a, out_dims=None)(x), ValueError, "can not return a BatchedTensor when out_dim is None"),
    (lambda m, x: m.vmap(lambda a: a, randomness="no")(x), RuntimeError, "Only allowed values for randomness"),
]


@pytest.mark.parametrize("number", range(len(ERRORS)))
def test_errors(number):
    call, kind, message = ERRORS[number]
    for m in (torch, flambeau):
        with pytest.raises(kind, match=message):
            call(m, m.tensor(A))


def test_gradients_of_many_at_once():
    """`autograd.grad(is_grads_batched=True)`."""
    results = []
    for m in (torch, flambeau):
        x = m.tensor(A[0], requires_grad=True)
        y = (x.sin() @ m.tensor(B[0])).flatten()
        results.append(m.autograd.grad(y, x, m.eye(6, dtype=m.float64), is_grads_batched=True)[0].numpy())
    np.testing.assert_allclose(*results, rtol=1e-9)


def test_recorded():
    """`vmap` inside `flambeau.compile`: a training step of per-example gradients."""
    w = flambeau.tensor(B[0], requires_grad=True)

    @flambeau.compile
    def step(x):
        loss = (vmap(lambda a: (a @ w).tanh().sum())(x) ** 2).mean()
        (g,) = flambeau.autograd.grad(loss, w)
        return loss.detach(), g

    for scale in (1.0, 2.0, 0.5):
        t, v = torch.tensor(A * scale), torch.tensor(B[0], requires_grad=True)
        expected = ((t @ v).tanh().sum((1, 2)) ** 2).mean()
        expected.backward()
        loss, g = step(flambeau.tensor(A * scale))
        assert loss.item() == pytest.approx(expected.item(), rel=1e-9)
        np.testing.assert_allclose(g.numpy(), v.grad.numpy(), rtol=1e-8)
