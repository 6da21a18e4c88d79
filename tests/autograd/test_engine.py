"""The tape: accumulation, retain_graph, create_graph, modes, hooks, versions, depth, and that nothing leaks."""

from __future__ import annotations

import gc

import pytest
import torch

import flambeau

BOTH = pytest.mark.parametrize("lib", [flambeau, torch], ids=["flambeau", "torch"])


def leaf(lib, *values):
    return lib.tensor(list(values), dtype=lib.float64, requires_grad=True)


@BOTH
def test_accumulation_and_leaves(lib):
    x = leaf(lib, 1.0, 2.0)
    (x * 2).sum().backward()
    (x * 3).sum().backward()
    assert x.grad.tolist() == [5.0, 5.0] and x.is_leaf and x.grad_fn is None
    y = x * 2
    assert not y.is_leaf and y.requires_grad
    y.retain_grad()
    (y * y).sum().backward()
    assert y.grad.tolist() == [4.0, 8.0]
    x.grad = None
    y = x + x + x
    y.backward(lib.tensor([1.0, 2.0], dtype=lib.float64))
    assert x.grad.tolist() == [3.0, 6.0]
    with pytest.raises(RuntimeError, match="implicitly created only for scalar outputs"):
        (x * 2).backward()
    with pytest.raises(RuntimeError, match="does not require grad"):
        x.detach().sum().backward()
    with pytest.raises(RuntimeError, match="can only change requires_grad flags of leaf variables"):
        y.requires_grad = False
    with pytest.raises(RuntimeError, match="only Tensors of floating point"):
        lib.tensor([1]).requires_grad_()


@BOTH
def test_retain_graph(lib):
    x = leaf(lib, 1.0, 2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [4.0, 8.0]
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()
    z = (x + 1).sum()  # nothing saved: PyTorch lets it run again
    z.backward()
    z.backward()


@BOTH
def test_create_graph(lib):
    x = leaf(lib, 2.0)
    y = x**4
    for expected in (32.0, 48.0, 48.0, 24.0):
        (y,) = lib.autograd.grad(y, x, create_graph=True)
        assert y.item() == pytest.approx(expected)
    x = leaf(lib, 3.0)
    (x * x).backward(create_graph=True)
    assert x.grad.requires_grad
    (second,) = lib.autograd.grad(x.grad, x)
    assert second.item() == 2.0


@BOTH
def test_grad_of_parts(lib):
    x, y = leaf(lib, 1.0), leaf(lib, 2.0)
    z = x * 3
    gx, gz = lib.autograd.grad(z * z, (x, z))
    assert (gx.item(), gz.item()) == (18.0, 6.0) and x.grad is None
    with pytest.raises(RuntimeError, match="to not have been used"):
        lib.autograd.grad(x * 2, y)
    assert lib.autograd.grad(x * 2, y, allow_unused=True) == (None,)
    (g,) = lib.autograd.grad(x * 2, y, materialize_grads=True)
    assert g.item() == 0.0
    (x * y).backward(inputs=[x])
    assert x.grad.item() == 2.0 and y.grad is None


@BOTH
def test_modes(lib):
    x = leaf(lib, 1.0)
    with lib.no_grad():
        assert not (x * 2).requires_grad
        with lib.enable_grad():
            assert (x * 2).requires_grad
        x.add_(1)
    assert x.item() == 2.0

    @lib.no_grad()
    def quiet():
        return x * 2

    assert not quiet().requires_grad
    with lib.set_grad_enabled(False):
        assert not lib.is_grad_enabled()
    with lib.inference_mode():
        y = x * 2
    assert y.is_inference()
    with pytest.raises(RuntimeError, match=r"(?i)inference"):
        (y * x).sum().backward()


@BOTH
def test_detach(lib):
    x = leaf(lib, 1.0, 2.0)
    y = x * 2
    d = y.detach()
    assert not d.requires_grad
    d[0] = 9.0
    assert y.tolist() == [9.0, 4.0]
    (y * d).sum().backward()
    assert x.grad.tolist() == [18.0, 8.0]


@BOTH
def test_hooks(lib):
    x = leaf(lib, 1.0, 2.0)
    y = x * 2
    seen = []
    handle = y.register_hook(lambda g: seen.append(g.tolist()) or g * 10)
    x.register_hook(lambda g: g + 1)
    (y * 3).sum().backward()
    assert seen == [[3.0, 3.0]] and x.grad.tolist() == [61.0, 61.0]
    handle.remove()
    x.grad = None
    y = x * 2
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]
    done = []
    x.register_post_accumulate_grad_hook(lambda t: done.append(t.grad.tolist()))
    x.grad = None
    (x * 5).sum().backward()
    assert done == [[6.0, 6.0]]
    y = x * 2
    y.grad_fn.register_hook(lambda inputs, outputs: tuple(None if g is None else g * 2 for g in inputs))
    x.grad = None
    y.sum().backward()
    assert x.grad.tolist() == [5.0, 5.0]
    with pytest.raises(RuntimeError, match="doesn't require gradient"):
        x.detach().register_hook(lambda g: g)


@BOTH
def test_hook_sees_the_whole_gradient_once(lib):
    x = leaf(lib, 1.0)
    y = x * 2
    seen = []
    y.register_hook(lambda g: seen.append(g.item()))
    (y * 3 + y * 4 + y.sin() * 0).sum().backward()
    assert seen == [7.0]


@BOTH
def test_version_counters(lib):
    x = leaf(lib, 1.0, 2.0)
    y = x * 1
    z = y * y
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()
    y = x * 1
    z = y.exp()
    y.add_(1)  # exp keeps its result, not its operand
    z.sum().backward()
    y = x * 1
    view = y[0]
    z = y * y
    view.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()
    y = x * 1
    z = y * y
    y.data.add_(1)  # not seen
    z.sum().backward()
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        x.add_(1)
    with pytest.raises(RuntimeError, match="view of a leaf Variable"):
        x[0].add_(1)


@BOTH
def test_writes_through_views_are_differentiated(lib):
    x = leaf(lib, 1.0, 2.0, 3.0)
    y = x * 1
    y[1:].mul_(10)
    y[0] = x[2] * 2
    (y * lib.tensor([1.0, 2.0, 3.0], dtype=lib.float64)).sum().backward()
    assert y.tolist() == [6.0, 20.0, 30.0] and x.grad.tolist() == [0.0, 20.0, 32.0]
    part = lib.zeros(3, dtype=lib.float64)
    view = part[:2]
    part.add_(x)  # the base takes on a history; so does the older view
    x.grad = None
    (view * view).sum().backward()
    assert view.requires_grad and x.grad.tolist() == [2.0, 4.0, 0.0]


@BOTH
def test_views_that_may_not_be_written(lib):
    def computed():
        return leaf(lib, 1.0, 2.0, 3.0, 4.0) * 1

    several = "function that returns multiple views"
    for part in (lambda t: t.split(2)[1], lambda t: t.chunk(2)[0], lambda t: t.unbind(0)[2], lambda t: next(iter(t))):
        with pytest.raises(RuntimeError, match=f"is being modified inplace.*{several}"):
            part(computed()).mul_(2)
        base = computed()
        view = part(base)
        base.add_(1)
        assert view.requires_grad
        with pytest.raises(RuntimeError, match=f"another view of its base has been modified inplace.*{several}"):
            view.sum()
    with pytest.raises(RuntimeError, match=several):
        computed().split(2)[0][:1].add_(1)  # a view of such a view
    base = computed()
    base.tensor_split(2)[0].add_(1)  # made of slices: PyTorch lets it be written
    base.split(2)[0].detach().add_(1)
    base = computed()
    with lib.no_grad():
        view = base[:2]
    with pytest.raises(RuntimeError, match="view was created in no_grad mode and is being modified inplace"):
        view.mul_(leaf(lib, 1.0, 2.0))
    with pytest.raises(RuntimeError, match="view was created in no_grad mode and is being modified inplace"):
        view.mul_(2)
    with lib.no_grad():
        view.mul_(2)
        rows = lib.zeros(2, 2)
        for row in rows:
            row.add_(1)
    for row in rows:
        row.add_(1)  # nothing is recorded
    assert view.tolist() == [2.0, 4.0] and rows.tolist() == [[2.0, 2.0], [2.0, 2.0]]


@BOTH
def test_adding_at_indices_keeps_no_result(lib):
    x = leaf(lib, 1.0, 2.0)
    y = x * 1
    y.index_add_(0, lib.tensor([0, 0]), lib.ones(2, dtype=lib.float64))
    y.neg_()
    y.scatter_(0, lib.tensor([1]), 5.0)
    y.mul_(2)
    y.sum().backward()
    assert y.tolist() == [-6.0, 10.0] and x.grad.tolist() == [-2.0, 0.0]


def test_deep_chains():
    """10,000 operations: no recursion anywhere."""
    x = leaf(flambeau, 1.0)
    y = x
    for _ in range(10_000):
        y = y + 1e-4
    y.sum().backward()
    assert y.item() == pytest.approx(2.0) and x.grad.item() == 1.0
    del y
    x.grad = None
    y = x
    for _ in range(2_000):
        y = y * 1.0001
    (first,) = flambeau.autograd.grad(y, x, create_graph=True)
    assert first.item() == pytest.approx(1.0001**2000)
    del y, first


def _live() -> int:
    gc.collect()
    return sum(isinstance(o, (flambeau.Tensor, flambeau.autograd.tape.GradientFunction)) for o in gc.get_objects())


def test_nothing_leaks_over_steps():
    """The number of live tensors and tape entries is the same after 5 training steps and after 55."""
    import flambeau.nn.functional as F

    w = [flambeau.randn(8, 4).requires_grad_(), flambeau.randn(3, 8).requires_grad_()]
    x, target = flambeau.randn(5, 4), flambeau.tensor([0, 1, 2, 1, 0])

    def step():
        loss = F.cross_entropy(F.linear(F.relu(F.linear(x, w[0])), w[1]), target)
        loss.backward()
        with flambeau.no_grad():
            for p in w:
                p.sub_(p.grad, alpha=0.1)
                p.grad = None
        return loss.item()

    losses = [step() for _ in range(5)]
    before = _live()
    losses += [step() for _ in range(50)]
    assert _live() <= before
    assert losses[-1] < losses[0]


def test_the_tape_makes_no_cycles():
    gc.collect()
    gc.disable()
    try:
        x = leaf(flambeau, 1.0, 2.0)
        before = gc.get_count()
        import weakref

        y = (x.exp() * x).tanh().sum()
        entries = [weakref.ref(y.grad_fn)]
        y.backward(retain_graph=True)
        del y
        assert all(e() is None for e in entries), before
    finally:
        gc.enable()


def test_a_leaf_that_is_a_root_too() -> None:
    """Its gradients come from there and from what depends on it."""
    for library in (torch, flambeau):
        x = library.ones(3, requires_grad=True)
        y = x * 2
        (first,) = library.autograd.grad(
            [x, y.sum(), x, y * x], [x], [library.ones(3), None, library.full((3,), 5.0), library.ones(3)]
        )
        assert first.tolist() == [12.0] * 3
        z = library.ones(2, requires_grad=True)
        library.autograd.backward([z, (z * 3).sum()], [library.ones(2), None])
        assert z.grad.tolist() == [4.0, 4.0]
