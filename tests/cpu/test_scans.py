"""Running values: along memory, where a vector's are found within it, and across it, at lengths around a vector's and beyond."""

from __future__ import annotations

import pytest
import torch

from tests.helpers.oracle import compare, to_flambeau

DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.int8, torch.uint8, torch.bool)
SHAPES = [((1,), 0), ((17,), 0), ((1000,), 0), ((70_001,), 0), ((5, 33), 1), ((40, 33), 0), ((64, 130), 1), ((3, 40, 5), 1)]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("shape", "dim"), SHAPES)
def test_running_values(device: str, shape: tuple[int, ...], dim: int, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    x = torch.randn(shape) * 3
    if dtype.is_floating_point:
        x[torch.rand(shape) < 0.02] = float("nan")
    x = x > 1 if dtype is torch.bool else x.to(dtype)
    mine = to_flambeau(x, device)
    for name in ("cummax", "cummin"):
        for a, b in zip(getattr(mine, name)(dim), getattr(x, name)(dim), strict=True):
            compare(a, b)
    if dtype is torch.bool or not dtype.is_floating_point:
        compare(mine.cumsum(dim), x.cumsum(dim))
        compare(mine.cumprod(dim), x.cumprod(dim))
    elif dtype is not torch.bfloat16:
        x = x.nan_to_num(float("inf")).cos().nan_to_num(1.0)
        mine = to_flambeau(x, device)
        compare(mine.cumsum(dim), x.cumsum(dim), factor=30)
        compare(mine.cumprod(dim), x.cumprod(dim), factor=30)
