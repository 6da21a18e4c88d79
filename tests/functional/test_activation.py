"""Activations and softmax against PyTorch: values, gradients, second gradients, errors, in-place forms."""

from __future__ import annotations

import pytest
import torch

import flambeau
from flambeau.nn import functional
from tests.functional.comparison import Cases, assert_same, compare, integers, mirror, normal, run_cases

PLAIN = (
    "relu", "relu6", "hardtanh", "hardswish", "elu", "selu", "leaky_relu", "gelu", "logsigmoid", "hardshrink", "tanhshrink",
    "softsign", "softplus", "softshrink", "silu", "mish", "sigmoid", "tanh",
)  # fmt: skip
HALVES = (torch.float16, torch.bfloat16)


def spread() -> torch.Tensor:
    return (torch.randn(3, 4, dtype=torch.float64) * 3).requires_grad_()


def activations(cases: Cases) -> None:
    for name in PLAIN:
        cases(name, spread())
        for dtype in HALVES:
            cases(name, normal(3, 4, dtype=dtype), second=False)
        cases(name, integers(5, 3))
        if name != "gelu":  # where PyTorch's vectorised code gives NaN for infinity
            cases(name, torch.tensor([float("nan"), float("inf"), -float("inf"), 0.0, -0.0]))
    cases("hardsigmoid", spread(), loosen=1e3, second=False)  # PyTorch keeps 1/6 as a float32
    cases("celu", spread(), loosen=1e3)  # and 1/alpha too
    cases("celu", spread(), 1.3, loosen=1e3)
    cases("celu", spread(), 0.0)
    cases("rrelu", spread())
    cases("rrelu", spread(), 2.0, 1.0)
    cases("threshold", spread(), 0.1, 20.0)
    cases("gelu", spread(), approximate="tanh")
    cases("gelu", spread(), approximate="fast")
    cases("elu", spread(), 1.3)
    cases("hardtanh", spread(), -0.5, 0.3)
    cases("hardtanh", spread(), 1.0, -1.0)
    cases("softplus", spread(), 2.0, 1.0)
    cases("softshrink", spread(), -1.0)
    cases("glu", normal(4, 6))
    cases("glu", normal(4, 6), 0)
    cases("glu", normal(4, 5))
    cases("glu", normal(4, 6, dtype=torch.bfloat16), second=False)
    cases("prelu", normal(2, 3, 4), normal(3))
    cases("prelu", normal(2, 3, 4), normal(1))
    cases("prelu", normal(4), normal(1))
    cases("prelu", normal(2, 3, 4), normal(4))
    cases("prelu", normal(2, 3, dtype=torch.float32), normal(3))


def softmaxes(cases: Cases) -> None:
    for name in ("softmax", "log_softmax", "softmin"):
        cases(name, normal(3, 4), 1)
        cases(name, normal(3, 4, 2), 0)
        cases(name, normal(3), -1)
        cases(name, torch.tensor(2.0, requires_grad=True), 0)
        cases(name, normal(3, 4, dtype=torch.float32), 1, dtype=torch.float64)
        cases(name, integers(5, 3, 4), 1, dtype=torch.float32)
        cases(name, normal(3, 4))
        cases(name, normal(0, 4), 1)
        cases(name, normal(4, 0), 1)
        cases(name, integers(5, 3, 4), 1)
        cases(name, normal(3, 4), 3)
        for dtype in HALVES:
            cases(name, normal(3, 9, dtype=dtype), 1, second=False)
        cases(name, torch.tensor([1.0, -float("inf"), 3.0]), 0)
        cases(name, torch.full((3,), -float("inf")), 0)


@pytest.mark.parametrize("build", [activations, softmaxes])
def test_values_and_gradients(build, device):
    run_cases(build, device)


INPLACE = (
    "relu", "relu6", "hardtanh", "hardswish", "elu", "selu", "leaky_relu", "silu", "mish", "hardsigmoid", "celu", "threshold",
)  # fmt: skip


@pytest.mark.parametrize("name", INPLACE)
def test_in_place(name, device):
    """The flag writes into the input, and the gradient is that of the values before."""
    arguments = (0.1, 3.0) if name == "threshold" else ()
    x = spread()
    written = x * 2
    expected = getattr(torch.nn.functional, name)(written, *arguments, inplace=True)
    mine = mirror(x, device)
    my_written = mine * 2
    found = getattr(functional, name)(my_written, *arguments, inplace=True)
    assert found is my_written
    assert_same(found, expected, name, 1e3)
    expected.sum().backward()
    found.sum().backward()
    assert_same(mine.grad, x.grad, name, 1e3)


def test_in_place_on_a_leaf_is_refused(device):
    with pytest.raises(RuntimeError, match="leaf Variable"):
        functional.relu(mirror(normal(3), device), inplace=True)


def test_torch_forms(device):
    """The names that live in `torch` and on tensors."""
    x = normal(3, 4)
    for name, arguments in (("softmax", (1,)), ("log_softmax", (1,)), ("relu", ()), ("prelu", (normal(1),))):
        compare(getattr(torch, name), getattr(flambeau, name), (x, *arguments), {}, device, what=name)
        compare(getattr(torch.Tensor, name), getattr(flambeau.Tensor, name), (x, *arguments), {}, device, what=name)


def test_gumbel_softmax(device):
    flambeau.manual_seed(0)
    logits = flambeau.zeros(2000, 3, device=device) + flambeau.tensor([0.0, 1.0, 2.0], device=device)
    hard = functional.gumbel_softmax(logits, hard=True)
    assert hard.sum(1).tolist() == pytest.approx([1.0] * 2000)
    share = torch.softmax(torch.tensor([0.0, 1.0, 2.0]), 0).tolist()
    assert hard.mean(0).tolist() == pytest.approx(share, abs=0.05)


def test_rrelu_draws_slopes(device):
    flambeau.manual_seed(0)
    x = flambeau.full((1000,), -1.0, device=device, requires_grad=True)
    y = functional.rrelu(x, 0.1, 0.3, training=True)
    slopes = (-y).tolist()
    assert min(slopes) >= 0.1 and max(slopes) <= 0.3 and max(slopes) - min(slopes) > 0.1
    y.sum().backward()
    assert x.grad.tolist() == pytest.approx(slopes)
