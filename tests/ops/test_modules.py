"""`torch.special` and `torch.random`: names that lead to operators tested elsewhere, and what these modules add."""

from __future__ import annotations

import pytest
import torch

import flambeau
from tests.helpers.oracle import check, check_gradients


@pytest.mark.parametrize("name", ["expit", "gammaln", "psi", "entr", "ndtr", "ndtri", "erf", "log1p", "i0", "i1"])
def test_special_of_one_number(name: str, device: str) -> None:
    x = torch.tensor([0.1, 0.3, 0.5, 0.9], dtype=torch.float64)
    mine, theirs = getattr(flambeau.special, name), getattr(torch.special, name)
    check(mine, theirs, (x,), device=device)
    check_gradients(mine, theirs, (x,), device=device)


@pytest.mark.parametrize("name", ["gammainc", "gammaincc", "zeta"])
def test_gradient_of_the_second_number_only(name: str, device: str) -> None:
    a = torch.tensor([1.3, 2.0, 9.5, 3.0], dtype=torch.float64)
    x = torch.tensor([0.4, 2.5, 7.0, 30.0], dtype=torch.float64)
    mine, theirs = getattr(flambeau.special, name), getattr(torch.special, name)
    check_gradients(lambda x: mine(flambeau.tensor(a.numpy(), device=device), x), lambda x: theirs(a, x), (x,), device=device)
    b = flambeau.tensor(a.numpy(), device=device, requires_grad=True)
    with pytest.raises(NotImplementedError, match="not implemented"):
        mine(b, b.detach()).sum().backward()


def test_special_of_two_numbers(device: str) -> None:
    x, y = torch.tensor([0.0, 1.5, -2.0]), torch.tensor([-0.5, 2.0, 0.25])
    for name in ("xlogy", "xlog1py"):
        check(getattr(flambeau.special, name), getattr(torch.special, name), (x, y.abs()), device=device)
    check(flambeau.special.multigammaln, torch.special.multigammaln, (y.abs() + 3, 2), device=device)
    check(flambeau.special.softmax, torch.special.softmax, (x, 0), device=device)


def test_fork_rng() -> None:
    flambeau.manual_seed(1)
    before = flambeau.rand(3, device="reference").tolist()
    flambeau.manual_seed(1)
    with flambeau.random.fork_rng():
        flambeau.rand(100, device="reference")
    assert flambeau.rand(3, device="reference").tolist() == before
