"""Functions that `torch` has of layers, beside those of `nn.functional`: `native_layer_norm`, `convolution` and so on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import flambeau
from tests.helpers.oracle import check

CALLS: dict[str, list[Callable[[], tuple[Any, ...]]]] = {
    "native_layer_norm": [lambda: (torch.randn(2, 3, 4), (4,), torch.rand(4), torch.rand(4), 1e-5)],
    "native_group_norm": [lambda: (torch.randn(2, 4, 5), torch.rand(4), None, 2, 4, 5, 2, 1e-5)],
    "native_batch_norm": [
        lambda: (torch.randn(2, 4, 5), torch.rand(4), torch.rand(4), torch.zeros(4), torch.ones(4), True, 0.1, 1e-5),
        lambda: (torch.randn(2, 4, 5), torch.rand(4), torch.rand(4), torch.zeros(4), torch.ones(4), False, 0.1, 1e-5),
    ],
    "native_dropout": [
        lambda: (torch.randn(5), 0.0, True),
        lambda: (torch.randn(5), 1.0, True),
        lambda: (torch.randn(5), 0.5, False),
    ],
    "embedding_renorm_": [lambda: (torch.randn(6, 2), torch.tensor([0, 2]), 0.5, 2.0)],
    "convolution": [
        lambda: (torch.randn(1, 2, 4, 4), torch.randn(3, 2, 2, 2), torch.rand(3), [1, 1], [0, 1], [1, 1], False, [0, 0], 1),
        lambda: (torch.randn(1, 2, 4, 4), torch.randn(2, 3, 2, 2), None, [2, 2], [0, 0], [1, 1], True, [1, 1], 1),
    ],
    "norm_except_dim": [lambda: (torch.randn(2, 3, 4), 2, 1), lambda: (torch.randn(2, 3), 2, -1), lambda: (torch.randn(4),)],
}


@pytest.mark.parametrize("name", CALLS)
def test_calls(device: str, name: str) -> None:
    torch.manual_seed(0)
    for arguments in CALLS[name]:
        check(getattr(flambeau, name), getattr(torch, name), arguments(), {}, device=device, factor=10, layout=False)


def test_dropout_says_what_it_kept(device: str) -> None:
    x = flambeau.ones(1000, device=device)
    y, kept = flambeau.native_dropout(x, 0.25, True)
    assert kept.dtype is flambeau.bool and 0.6 < kept.float().mean().item() < 0.9
    assert (y == kept * (1 / 0.75)).all().item()


@pytest.mark.parametrize("mode", [0, 1, 2])
def test_embedding_bag(device: str, mode: int) -> None:
    torch.manual_seed(0)
    args = (torch.randn(6, 2), torch.tensor([0, 2, 1, 5]), torch.tensor([0, 1, 1]))
    check(lambda *a, **k: flambeau.embedding_bag(*a, **k)[0], lambda *a, **k: torch.embedding_bag(*a, **k)[0], args,
          {"mode": mode}, device=device, factor=10)  # fmt: skip


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_gradients_of_convolutions(device: str, rank: int) -> None:
    torch.manual_seed(0)
    x, w = torch.randn(2, 4, *[5] * rank), torch.randn(6, 2, *[3] * rank)
    options = (2, 1, 1, 2)
    y = getattr(torch.nn.functional, f"conv{rank}d")(x, w, None, *options)
    g = torch.randn_like(y)
    for what, args in (("input", (x.shape, w, g, *options)), ("weight", (x, w.shape, g, *options))):
        name = f"conv{rank}d_{what}"
        check(getattr(flambeau.nn.grad, name), getattr(torch.nn.grad, name), args, {}, device=device, factor=50, layout=False)
