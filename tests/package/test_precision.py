"""`set_float32_matmul_precision` as PyTorch has it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch

import flambeau


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    yield
    for library in (torch, flambeau):
        library.set_float32_matmul_precision("highest")


@pytest.mark.parametrize("value", ["highest", "high", "medium", "HIGH", "Medium", "tf32", "", 3, None])
def test_as_pytorch(value: Any) -> None:
    found = []
    for library in (torch, flambeau):
        library.set_float32_matmul_precision("highest")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                library.set_float32_matmul_precision(value)
                error = None
            except Exception as e:
                error = type(e), str(e)
        found.append((error, len(caught), library.get_float32_matmul_precision()))
    assert found[0] == found[1]
