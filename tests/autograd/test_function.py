"""`autograd.Function` against PyTorch: one class body, run by both libraries."""

from __future__ import annotations

import pytest
import torch

import flambeau

BOTH = pytest.mark.parametrize("lib", [flambeau, torch], ids=["flambeau", "torch"])


def leaf(lib, *values):
    return lib.tensor(list(values), dtype=lib.float64, requires_grad=True)


@BOTH
def test_saved_tensors_attributes_and_arguments(lib):
    class Scale(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x, y, factor, flag=None):
            ctx.save_for_backward(x, y)
            ctx.factor = factor
            assert not lib.is_grad_enabled()
            return x * y * factor

        @staticmethod
        def backward(ctx, g):
            _, y = ctx.saved_tensors
            assert ctx.needs_input_grad == (True, False, False)
            return g * y * ctx.factor, None, None

    x, y = leaf(lib, 1.0, 2.0), lib.tensor([3.0, 4.0], dtype=lib.float64)
    z = Scale.apply(x, y, 5)
    assert z.requires_grad and "ScaleBackward" in type(z.grad_fn).__name__ + z.grad_fn.name()
    z.sum().backward()
    assert x.grad.tolist() == [15.0, 20.0]
    with pytest.raises(RuntimeError, match="second time"):
        z.sum().backward()
    with lib.no_grad():
        assert not Scale.apply(x, y, 5).requires_grad
    assert not Scale.apply(x.detach(), y, 5).requires_grad


@BOTH
def test_second_derivative_through_backward(lib):
    class Cube(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 3 * x * x

    x = leaf(lib, 2.0, -1.0)
    (first,) = lib.autograd.grad(Cube.apply(x).sum(), x, create_graph=True)
    (second,) = lib.autograd.grad(first.sum(), x)
    assert first.tolist() == [12.0, 3.0] and second.tolist() == [12.0, -6.0]


@BOTH
def test_saved_output(lib):
    class Exp(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x.exp()
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx, g):
            (y,) = ctx.saved_tensors
            return g * y

    x = leaf(lib, 0.5)
    y = Exp.apply(x)
    (first,) = lib.autograd.grad(y, x, create_graph=True)
    (second,) = lib.autograd.grad(first, x, create_graph=True)
    (third,) = lib.autograd.grad(second, x)
    assert first.item() == second.item() == third.item() == y.item()


@BOTH
def test_setup_context(lib):
    class Product(lib.autograd.Function):
        @staticmethod
        def forward(x, y):
            return x * y, x + y

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)
            ctx.count = len(output)

        @staticmethod
        def backward(ctx, g, h):
            x, y = ctx.saved_tensors
            return g * y + h * (ctx.count - 1), g * x + h

    x, y = leaf(lib, 2.0), leaf(lib, 3.0)
    p, s = Product.apply(x, y)
    (p + 10 * s).sum().backward()
    assert (x.grad.item(), y.grad.item()) == (13.0, 12.0)


@BOTH
@pytest.mark.parametrize("materialize", [True, False])
def test_gradients_nobody_asked_for(lib, materialize):
    seen = []

    class Two(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(materialize)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, g, h):
            seen.append(None if h is None else h.tolist())
            return g * 2

    x = leaf(lib, 1.0)
    Two.apply(x)[0].sum().backward()
    assert seen == [[0.0] if materialize else None] and x.grad.item() == 2.0


@BOTH
def test_mark_non_differentiable(lib):
    class Sorted(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y, rank = x * 2, x * 0
            ctx.mark_non_differentiable(rank)
            return y, rank, "text"

        @staticmethod
        def backward(ctx, *grads):
            return grads[0] * 2

    x = leaf(lib, 1.0, 2.0)
    y, rank, text = Sorted.apply(x)
    assert y.requires_grad and not rank.requires_grad and text == "text"
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


@BOTH
def test_mark_dirty(lib):
    class AddOne(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x.add_(1)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 10

    x = leaf(lib, 1.0, 2.0)
    y = x * 3
    z = AddOne.apply(y)
    assert z is y and y.tolist() == [4.0, 7.0]
    (y * 2).sum().backward()
    assert x.grad.tolist() == [60.0, 60.0]
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        AddOne.apply(x)
    part = leaf(lib, 1.0, 2.0)
    base = part * 1
    AddOne.apply(base[1:])
    base.sum().backward()
    assert part.grad.tolist() == [1.0, 10.0] and base.tolist() == [1.0, 3.0]


@BOTH
def test_input_returned_as_it_is(lib):
    class Same(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 7

    x = leaf(lib, 1.0)
    y = Same.apply(x)
    assert y is not x and y.requires_grad
    y.sum().backward()
    assert x.grad.item() == 7.0


@BOTH
def test_wrong_gradients(lib):
    def make(result):
        class Bad(lib.autograd.Function):
            @staticmethod
            def forward(ctx, x, number):
                return x * 1

            @staticmethod
            def backward(ctx, g):
                return result(g)

        return Bad

    x = leaf(lib, 1.0, 2.0)
    for result, message in (
        (lambda g: g, "returned an incorrect number of gradients"),
        (lambda g: (g, None, g), "returned an incorrect number of gradients"),
        (lambda g: (g, g), "returned a gradient different than None at position 2"),
        (lambda g: (g.reshape(1, 2).expand(3, 2)[:, :1], None), "invalid gradient at index 0"),
    ):
        with pytest.raises(RuntimeError, match=message):
            make(result).apply(x, 3).sum().backward()
    make(lambda g: (g.reshape(1, 2).expand(3, 2), None, None)).apply(x, 3).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]  # a broadcast of the input's shape is summed
    x.grad = None
    make(lambda g: (g.float(), None)).apply(x, 3).sum().backward()
    assert x.grad.dtype is lib.float64


@BOTH
def test_once_differentiable(lib):
    from importlib import import_module

    once = import_module(f"{lib.__name__}.autograd.function").once_differentiable

    class Square(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @once
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 2 * x

    x = leaf(lib, 3.0)
    y = Square.apply(x)
    (first,) = lib.autograd.grad(y, x, create_graph=True, grad_outputs=leaf(lib, 1.0))
    assert first.item() == 6.0
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()


@BOTH
def test_misuse(lib):
    class Nothing(lib.autograd.Function):
        pass

    x = leaf(lib, 1.0)
    with pytest.raises(NotImplementedError, match="must implement the forward"):
        Nothing.apply(x)

    class NoBackward(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

    with pytest.raises(NotImplementedError, match="must implement either the backward"):
        NoBackward.apply(x).sum().backward()

    class SavesNumbers(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x, 3)
            return x * 1

    with pytest.raises(TypeError, match="save_for_backward can only save variables"):
        SavesNumbers.apply(x)


@BOTH
def test_saved_tensor_overwritten(lib):
    class Square(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return g * 2 * ctx.saved_tensors[0]

    x = leaf(lib, 3.0)
    y = x * 1
    z = Square.apply(y)
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_nothing_is_kept_after_the_result():
    import gc
    import weakref

    class Square(flambeau.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x * x
            ctx.save_for_backward(x, y)
            return y

        @staticmethod
        def backward(ctx, g):
            return g * 2 * ctx.saved_tensors[0]

    gc.disable()
    try:
        y = Square.apply(leaf(flambeau, 1.0))
        entry = weakref.ref(y.grad_fn)
        del y
        assert entry() is None  # no cycle: freed at once
    finally:
        gc.enable()
