"""Sorting and scanning long rows on the GPU: radix sort and scans in blocks, against PyTorch."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import flambeau
from tests.helpers.oracle import compare, supports

DTYPES = [
    torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.bfloat16, torch.float32,
    torch.float64,
]  # fmt: skip


def numbers(shape: tuple[int, ...], dtype: torch.dtype, seed: int) -> torch.Tensor:
    """Numbers with many equal ones; for floats NaN, infinities and both zeros, for int64 and float64 some that need 64 bits."""
    generator = torch.Generator().manual_seed(seed)
    x = (torch.randn(shape, generator=generator, dtype=torch.float64) * 40).round()
    if dtype is torch.bool:
        return x > 0
    if dtype in (torch.int64, torch.float64):
        x = torch.where(x.abs() > 30, x * 2.0**50, x)
    if dtype is torch.uint8:
        x = x.abs()
    if dtype.is_floating_point:
        for i, value in enumerate([float("nan"), float("inf"), float("-inf"), 0.0, -0.0]):
            x.view(-1)[i :: 7 + 2 * i] = value
    return x.to(dtype)


def on(device: str, x: torch.Tensor) -> Any:
    """The same tensor of flambeau's."""
    if not supports(device, x.dtype):
        pytest.skip(f"no {x.dtype} on {device}")
    name = str(x.dtype).split(".")[1]
    wide = x.float() if x.dtype is torch.bfloat16 else x
    return flambeau.from_numpy(wide.numpy()).to(device, getattr(flambeau, name))


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_long_rows_are_sorted_stably(dtype: torch.dtype, descending: bool, device: str) -> None:
    x = numbers((3, 1031), dtype, seed=int(descending))
    own = on(device, x)
    expected = x.sort(dim=1, descending=descending, stable=True)
    values, places = own.sort(dim=1, descending=descending, stable=True)
    compare(places, expected.indices)
    compare(values, expected.values)


@pytest.mark.parametrize("shape, dim", [((1_000_003,), 0), ((300, 129), 1), ((2000, 3), 0), ((1, 128), 1)])
def test_sizes(shape: tuple[int, ...], dim: int, device: str) -> None:
    x = numbers(shape, torch.float32, seed=2)
    compare(on(device, x).argsort(dim=dim, stable=True), x.argsort(dim=dim, stable=True))


@pytest.mark.parametrize("dtype", [torch.int64, torch.float32], ids=str)
def test_what_is_built_on_sort(dtype: torch.dtype, device: str) -> None:
    x = numbers((100_003,), dtype, seed=3)
    x = torch.where(x == x, x, torch.zeros_like(x))
    own = on(device, x)
    compare(own.topk(50).values, x.topk(50).values)
    compare(own.kthvalue(77_777).values, x.kthvalue(77_777).values)
    compare(own.median(), x.median())
    for mine, theirs in zip(
        own.unique(return_inverse=True, return_counts=True), x.unique(return_inverse=True, return_counts=True), strict=True
    ):
        compare(mine, theirs)


@pytest.mark.parametrize("name", ["cumsum", "cumprod", "cummax", "cummin"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_long_scans(dtype: torch.dtype, name: str, device: str) -> None:
    x = numbers((2, 1543), dtype, seed=4)
    if dtype.is_floating_point and name.startswith("cum") and name not in ("cummax", "cummin"):
        generator = torch.Generator().manual_seed(5)
        x = torch.randn((2, 1543), generator=generator, dtype=torch.float64)
        x = (x if name == "cumsum" else 1 + 0.01 * x).to(dtype)
    compare(getattr(on(device, x), name)(1), getattr(x, name)(1), factor=100.0)


def test_scans_along_other_dimensions(device: str) -> None:
    x = numbers((1000, 5), torch.int64, seed=6)
    own = on(device, x)
    compare(own.cumsum(0), x.cumsum(0))
    for mine, theirs in zip(own.cummax(0), x.cummax(0), strict=True):
        compare(mine, theirs)
    long = torch.arange(1_000_003) % 17 - 8
    compare(on(device, long).cumsum(0), long.cumsum(0))
    compare((on(device, long) * 2).cummin(0).indices, (long * 2).cummin(0).indices)


def test_positions_of_int32_beside_an_extremum_of_uint8(device):
    """Both reductions are shared by a workgroup in one kernel, with u32 arrays for the one's values and the other's places."""
    x = (torch.arange(4000) * 7919 % 4001).reshape(2, 2000)
    expected = x.to(torch.uint8).amax(1).long() + x.int().argmax(1)
    y = flambeau.tensor(x.tolist(), device=device)
    result = y.to(flambeau.uint8).amax(1).to(flambeau.int64) + y.to(flambeau.int32).argmax(1)
    assert result.tolist() == expected.tolist()
