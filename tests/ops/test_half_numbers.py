"""Half types with numbers: which numbers are rounded to the half type first, and which are not. Bit for bit as PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import flambeau
from tests.helpers.oracle import to_torch

NUMBERS = (3.0, 0.1, 7, -0.3, 1e-3, 2.5, 100.7, 1e-8, 70000.0)
FUNCTIONS: dict[str, Callable[[Any, Any, float], Any]] = {
    "mul": lambda lib, x, n: x * n,
    "mul by a tensor of one element": lambda lib, x, n: x * lib.tensor(n),
    "number · x": lambda lib, x, n: n * x,
    "tensor of one element · x": lambda lib, x, n: lib.tensor(n) * x,
    "mul_": lambda lib, x, n: x.clone().mul_(n),
    "div": lambda lib, x, n: x / n,
    "div by a tensor of one element": lambda lib, x, n: x / lib.tensor(n),
    "number / x": lambda lib, x, n: n / x,
    "tensor of one element / x": lambda lib, x, n: lib.tensor(n) / x,
    "div_": lambda lib, x, n: x.clone().div_(n),
    "div, trunc": lambda lib, x, n: lib.div(x, n, rounding_mode="trunc"),
    "div, floor": lambda lib, x, n: lib.div(x, n, rounding_mode="floor"),
    "//": lambda lib, x, n: x // n,
    "%": lambda lib, x, n: x % n,
    "add": lambda lib, x, n: x + n,
    "sub": lambda lib, x, n: n - x,
    "hardshrink": lambda lib, x, n: lib.nn.functional.hardshrink(x, min(abs(n), 100)),
}


def _numbers(dtype: torch.dtype) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    plain = torch.randn(976, generator=generator) * torch.tensor([0.1, 3.0, 100.0, 1.0]).repeat(244)
    special = torch.tensor([0.0, -0.0, 1.0, -1.0, float("inf"), float("-inf"), float("nan"), 0.3])
    return torch.cat([plain, special.repeat(3)]).to(dtype)


def _ours(x: torch.Tensor) -> flambeau.Tensor:
    return flambeau.tensor(x.float().tolist()).to(getattr(flambeau, str(x.dtype).removeprefix("torch.")))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_one_number(name: str, dtype: torch.dtype) -> None:
    x = _numbers(dtype)
    for n in NUMBERS:
        mine, theirs = FUNCTIONS[name](flambeau, _ours(x), n), FUNCTIONS[name](torch, x, n)
        torch.testing.assert_close(to_torch(mine), theirs, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_alpha_is_rounded_and_the_sum_once(dtype: torch.dtype) -> None:
    x = _numbers(dtype)[:960]  # whole vectors of PyTorch's: what is left over it rounds at each step
    for n in (0.1, -0.3, 3.3, 7):
        for name in ("add", "sub"):
            mine = getattr(flambeau, name)(_ours(x), _ours(x.flip(0)), alpha=n)
            theirs = getattr(torch, name)(x, x.flip(0), alpha=n)
            assert torch.equal(to_torch(mine), theirs), (name, n)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_powers(dtype: torch.dtype) -> None:
    x = _numbers(dtype)[:976].abs()
    for n in (-2, 3, 0.5):
        mine, theirs = to_torch(_ours(x) ** n), x**n
        torch.testing.assert_close(mine, theirs, rtol=3e-7 if dtype is torch.float32 else 0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_gradients_of_a_number(dtype: torch.dtype) -> None:
    x = _numbers(dtype)[:976]
    for f in (lambda x: x * 0.1, lambda x: x / 0.3, lambda x: x * 3 + x):
        mine, theirs = _ours(x).requires_grad_(), x.clone().requires_grad_()
        f(mine).backward(_ours(x.flip(0)))
        f(theirs).backward(x.flip(0))
        torch.testing.assert_close(to_torch(mine.grad), theirs.grad, rtol=0, atol=0)
