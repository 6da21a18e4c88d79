"""Factors found by random projections: what they multiply to, where the matrix has that rank."""

from __future__ import annotations

import pytest
import torch

import flambeau
from tests.helpers.oracle import compare, to_flambeau


@pytest.mark.parametrize("shape", [(20, 8), (8, 20), (2, 9, 7)])
@pytest.mark.parametrize("name", ["svd_lowrank", "pca_lowrank"])
def test_low_rank(device: str, name: str, shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(*s, generator=generator) for s in ((*shape[:-1], 3), (*shape[:-2], 3, shape[-1])))
    a = left @ right
    u, s, v = getattr(flambeau, name)(to_flambeau(a, device), 4)
    expected = getattr(torch, name)(a, 4)
    assert [tuple(t.shape) for t in (u, s, v)] == [tuple(t.shape) for t in expected]
    compare(s, expected[1], factor=200, layout=False)
    whole = a - a.mean(-2, keepdim=True) if name == "pca_lowrank" else a
    compare((u * s.unsqueeze(-2)) @ v.mT, whole, factor=200, layout=False)


def test_more_directions_than_there_are() -> None:
    for t in (flambeau, torch):
        with pytest.raises(ValueError, match="not greater than"):
            t.pca_lowrank(t.ones(3, 2), 3)
