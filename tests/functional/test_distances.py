"""Distances of all pairs: few rows and many take different ways; and counts in pieces, whose sizes follow from numbers."""

from __future__ import annotations

import pytest
import torch

import flambeau
from tests.helpers.oracle import check, check_gradients

SHAPES = [
    ((5, 3), (4, 3)),
    ((6, 3), (17, 3)),
    ((2, 5, 2), (2, 18, 2)),
    ((2, 1, 4, 3), (3, 16, 3)),
    ((4, 0), (20, 0)),
    ((3, 2), (0, 2)),
]


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0, 2.0, 3.0, float("inf")])
@pytest.mark.parametrize("first, second", SHAPES)
def test_cdist(first: tuple[int, ...], second: tuple[int, ...], p: float, device: str) -> None:
    a, b = torch.randn(first), torch.randn(second)
    check(flambeau.cdist, torch.cdist, (a, b, p), device=device)
    check_gradients(flambeau.cdist, torch.cdist, (a, b, p), device=device, second=False)


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0, 2.0, 3.0, INF])
@pytest.mark.parametrize(
    "row", [[1.0, 1.0, 0.0], [NAN, 1.0], [1.0, NAN, -2.0], [INF, 1.0], [INF, -INF], [NAN] * 2, [0.0, 0.0]], ids=str
)
def test_undefined_and_equal_differences(row: list[float], p: float, device: str) -> None:
    """What NaN makes of a distance and of its gradient, which the largest differences don't share."""
    a, b = torch.tensor([row], requires_grad=True), torch.zeros(1, len(row), requires_grad=True)
    for many in (1, 20):
        args = a, b.detach().expand(many, -1).clone().requires_grad_(), p
        check(flambeau.cdist, torch.cdist, args, device=device)
        check_gradients(flambeau.cdist, torch.cdist, args, device=device, second=False)
    pairs = torch.cat([a, b]).detach().requires_grad_()
    check(flambeau.pdist, torch.pdist, (pairs, p), device=device)
    check_gradients(flambeau.pdist, torch.pdist, (pairs, p), device=device, second=False)


def test_counts_of_elements_have_no_gradient() -> None:
    for m in (torch, flambeau):
        x = m.ones(3, requires_grad=True)
        x.norm(0).backward()
        assert x.grad is None


@pytest.mark.parametrize("name", ["tril_indices", "triu_indices"])
@pytest.mark.parametrize("rows, columns", [(0, 3), (3, 0), (1, 1), (3, 5), (5, 3)])
def test_indices_of_triangles(name: str, rows: int, columns: int, device: str) -> None:
    for offset in range(-6, 7):
        mine = getattr(flambeau, name)(rows, columns, offset, device=device)
        assert mine.tolist() == getattr(torch, name)(rows, columns, offset).tolist(), offset


@pytest.mark.parametrize("counts", [[2, 0, 3], [0, 0, 1], [4], [0, 0]])
def test_repetitions(counts: list[int], device: str) -> None:
    x = torch.arange(float(len(counts)))
    check(flambeau.repeat_interleave, torch.repeat_interleave, (x, torch.tensor(counts)), device=device)
