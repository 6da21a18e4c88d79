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
