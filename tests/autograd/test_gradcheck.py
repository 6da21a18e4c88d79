"""gradcheck, gradgradcheck and autograd.functional: they pass what is right, find what is wrong, and agree with PyTorch."""

from __future__ import annotations

import pytest
import torch

import flambeau
from flambeau.autograd import gradcheck, gradgradcheck
from flambeau.autograd.functional import hessian, hvp, jacobian, jvp, vhp, vjp
from flambeau.nn import functional as F
from tests.functional.comparison import assert_same, mirror


def draw(*shape):
    return flambeau.randn(*shape, dtype=flambeau.float64).requires_grad_()


class Wrong(flambeau.autograd.Function):
    """A derivative that is wrong in one element."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 2 * x + flambeau.arange(x.numel(), dtype=x.dtype, device=x.device).reshape(x.shape) * 0.01


class WrongTwice(flambeau.autograd.Function):
    """A right derivative whose own derivative is wrong."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 3 * x * x.detach()


class Drifting(flambeau.autograd.Function):
    """A derivative that is a little larger at each call."""

    calls = 0

    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        Drifting.calls += 1
        return g * (2 + 1e-6 * Drifting.calls)


@pytest.mark.parametrize("fast", [False, True])
def test_gradcheck_finds_what_changes_from_call_to_call(fast):
    with pytest.raises(RuntimeError, match="not reentrant"):
        gradcheck(Drifting.apply, draw(3), fast_mode=fast)
    assert gradcheck(Drifting.apply, draw(3), fast_mode=fast, nondet_tol=1e-3, check_undefined_grad=False)


@pytest.mark.parametrize("fast", [False, True])
def test_gradcheck_finds_errors(fast):
    assert gradcheck(lambda x, y: (x * y).sum(0), (draw(3, 2), draw(2)), fast_mode=fast)
    assert not gradcheck(Wrong.apply, draw(3), raise_exception=False, fast_mode=fast)
    with pytest.raises(RuntimeError, match="Jacobian mismatch for output 0 with respect to input 0"):
        gradcheck(Wrong.apply, draw(3), fast_mode=fast)
    assert gradcheck(WrongTwice.apply, draw(3), fast_mode=fast)
    assert not gradgradcheck(WrongTwice.apply, draw(3), raise_exception=False, fast_mode=fast)
    assert gradgradcheck(lambda x: x * x * x, draw(3), fast_mode=fast)


def test_gradcheck_checks_its_arguments():
    with pytest.raises(ValueError, match="at least one input tensor to require gradient"):
        gradcheck(lambda x: x * 2, flambeau.ones(3, dtype=flambeau.float64))
    with pytest.warns(UserWarning, match="double precision"):
        gradcheck(lambda x: x * 2, flambeau.ones(3, requires_grad=True), atol=1e-1, eps=1e-2)
    with pytest.raises(RuntimeError, match="stride 0"):
        gradcheck(lambda x: x * 2, draw(1).expand(3))
    with pytest.raises(NotImplementedError):
        gradcheck(lambda x: x * 2, draw(3), check_forward_ad=True)


def test_gradcheck_sees_undefined_gradients_and_leaves_inputs_alone():
    x = draw(3)
    before = x.tolist()
    assert gradcheck(lambda x: (x * 2, x.sin(), (x * 0).detach()), x)
    assert x.tolist() == before and x.grad is None

    class NeedsBoth(flambeau.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, g, h):
            return g * 2 if h is None else flambeau.zeros_like(h) if g is None else g * 2 + h * 3

    assert not gradcheck(NeedsBoth.apply, draw(2), raise_exception=False)


OPERATORS = {
    "conv2d": lambda: (lambda x, w, b: F.conv2d(x, w, b, 2, 1), (draw(1, 2, 4, 3), draw(2, 2, 3, 2), draw(2))),
    "conv_transpose1d": lambda: (lambda x, w: F.conv_transpose1d(x, w, stride=2), (draw(1, 2, 3), draw(2, 1, 2))),
    "max_pool2d": lambda: (lambda x: F.max_pool2d(x, 2, 1), (draw(1, 1, 3, 3),)),
    "avg_pool2d": lambda: (lambda x: F.avg_pool2d(x, 2, 1, 1), (draw(1, 1, 3, 2),)),
    "adaptive_avg_pool1d": lambda: (lambda x: F.adaptive_avg_pool1d(x, 3), (draw(1, 2, 5),)),
    "linear": lambda: (F.linear, (draw(2, 3), draw(2, 3), draw(2))),
    "bilinear": lambda: (F.bilinear, (draw(2, 2), draw(2, 3), draw(2, 2, 3))),
    "batch_norm": lambda: (lambda x, w, b: F.batch_norm(x, None, None, w, b, True), (draw(3, 2, 2), draw(2), draw(2))),
    "layer_norm": lambda: (lambda x, w, b: F.layer_norm(x, (3,), w, b), (draw(2, 3), draw(3), draw(3))),
    "group_norm": lambda: (lambda x: F.group_norm(x, 2), (draw(2, 4, 2),)),
    "rms_norm": lambda: (lambda x, w: F.rms_norm(x, (3,), w), (draw(2, 3), draw(3))),
    "softmax": lambda: (lambda x: F.softmax(x, 1), (draw(2, 3),)),
    "log_softmax": lambda: (lambda x: F.log_softmax(x, 1), (draw(2, 3),)),
    "cross_entropy": lambda: (lambda x: F.cross_entropy(x, flambeau.tensor([0, 2])), (draw(2, 3),)),
    "mse_loss": lambda: (F.mse_loss, (draw(2, 3), draw(2, 3))),
    "gelu": lambda: (F.gelu, (draw(4),)),
    "silu": lambda: (F.silu, (draw(4),)),
    "mish": lambda: (F.mish, (draw(4),)),
    "softplus": lambda: (F.softplus, (draw(4),)),
    "attention": lambda: (F.scaled_dot_product_attention, (draw(2, 3), draw(4, 3), draw(4, 2))),
    "embedding": lambda: (lambda w: F.embedding(flambeau.tensor([0, 2, 2]), w), (draw(3, 2),)),
    "interpolate": lambda: (lambda x: F.interpolate(x, 5, mode="linear"), (draw(1, 1, 3),)),
    "grid_sample": lambda: (lambda x, g: F.grid_sample(x, g, align_corners=False), (draw(1, 1, 3, 3), draw(1, 2, 1, 2))),
    "pad": lambda: (lambda x: F.pad(x, (1, 2), "reflect"), (draw(1, 2, 4),)),
    "fold": lambda: (lambda x: F.fold(x, (3, 3), 2), (draw(4, 4),)),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_operators(name, device):
    function, inputs = OPERATORS[name]()
    assert gradcheck(function, inputs, fast_mode=True)
    if device == "reference":
        assert gradgradcheck(function, inputs, fast_mode=True)


def _function(lib):
    return lambda x, y: ((x * x).sum() * y, x.exp() + y.sum())


def test_functional_against_pytorch(device):
    x, y = torch.randn(2, dtype=torch.float64), torch.randn(3, dtype=torch.float64)
    mine = mirror((x, y), device)
    reference = torch.autograd.functional
    assert_same(jacobian(_function(flambeau), mine), reference.jacobian(_function(torch), (x, y)), "jacobian")
    assert_same(jacobian(flambeau.exp, mine[0]), reference.jacobian(torch.exp, x), "jacobian")
    v = (torch.randn(3, dtype=torch.float64), torch.randn(2, dtype=torch.float64))
    assert_same(vjp(_function(flambeau), mine, mirror(v, device)), reference.vjp(_function(torch), (x, y), v), "vjp")
    w = (torch.randn(2, dtype=torch.float64), torch.randn(3, dtype=torch.float64))
    assert_same(jvp(_function(flambeau), mine, mirror(w, device)), reference.jvp(_function(torch), (x, y), w), "jvp")

    def single(x, y):
        return (x.exp().sum() * y * y).sum()

    assert_same(hessian(single, mine), reference.hessian(single, (x, y)), "hessian")
    assert_same(hessian(lambda x: (x**3).sum(), mine[0]), reference.hessian(lambda x: (x**3).sum(), x), "hessian")
    assert_same(vhp(single, mine, mirror(w, device)), reference.vhp(single, (x, y), w), "vhp")
    assert_same(hvp(single, mine, mirror(w, device)), reference.hvp(single, (x, y), w), "hvp")
    (twice,) = (jacobian(lambda x: jacobian(flambeau.exp, x, create_graph=True).sum(0), mine[0]),)
    assert_same(twice, torch.diag(x.exp()), "jacobian of a jacobian")


def test_functional_errors():
    x = flambeau.ones(2, dtype=flambeau.float64)
    with pytest.raises(RuntimeError, match="v has invalid size"):
        vjp(flambeau.exp, x, flambeau.ones(3))
    with pytest.raises(RuntimeError, match="single Tensor with a single element"):
        hessian(flambeau.exp, x)
    with pytest.raises(TypeError, match="must be either a Tensor or a tuple of Tensors"):
        jacobian(lambda x: 3, x)
    assert jacobian(lambda x: flambeau.ones(2, dtype=x.dtype), x).tolist() == [[0, 0], [0, 0]]
    with pytest.raises(RuntimeError, match="independent"):
        jacobian(lambda x: flambeau.ones(2, dtype=x.dtype), x, strict=True)
