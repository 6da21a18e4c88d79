"""NaN and infinity that constants make, on the GPU: WGSL's compilers may calculate as if there were none."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import flambeau
from tests.helpers.oracle import compare, supports

EXPRESSIONS = {
    "0 * x": lambda t, x: 0 * x,
    "x * 0 + 1": lambda t, x: x * 0 + 1,
    "x - x": lambda t, x: x - x,
    "x / 1 - x": lambda t, x: x / 1 - x,
    "x + -x": lambda t, x: x + -x,
    "x / x": lambda t, x: x / x,
    "x / 0 * 0": lambda t, x: x / 0 * 0,
    "0 / (x * 0)": lambda t, x: 0 / (x * 0),
    "x * inf * 0": lambda t, x: x * float("inf") * 0,
    "x * nan * 0": lambda t, x: x * float("nan") * 0,
    "where(x > 1, 0, nan) * 0": lambda t, x: t.where(x > 1, 0.0, float("nan")) * 0,
    "std of one": lambda t, x: t.std(x[:, None], 1),
    "mean of none": lambda t, x: x[:0].mean(),
    "max(x, nan) * 0": lambda t, x: t.maximum(x, t.full_like(x, float("nan"))) * 0,
    "nan == nan": lambda t, x: t.full_like(x, float("nan")) == t.full_like(x, float("nan")),
    "inf - inf of constants": lambda t, x: t.full_like(x, float("inf")) - t.full_like(x, float("inf")) + x,
}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_constants_that_make_nan(name: str, dtype: torch.dtype, device: str) -> None:
    if not supports(device, dtype):
        pytest.skip(f"no {dtype} on {device}")
    x = torch.tensor([1.5, -2.0, 0.0, -0.0, float("inf"), float("-inf"), float("nan")], dtype=dtype)
    own: Any = flambeau.tensor(x.tolist(), dtype=getattr(flambeau, str(dtype).split(".")[1]), device=device)
    expression = EXPRESSIONS[name]
    compare(expression(flambeau, own), expression(torch, x))


@pytest.mark.parametrize("dtype", [flambeau.float16, flambeau.bfloat16])
def test_rows_of_halves_that_fill_words(dtype):
    """Several words of a row in turn are put together from nothing."""
    x = flambeau.linspace(-3, 3, 40 * 64).reshape(40, 64).to(dtype)
    found, expected = (flambeau.softmax(t, -1) for t in (x.to("webgpu"), x))
    flambeau.testing.assert_close(found.cpu(), expected)
