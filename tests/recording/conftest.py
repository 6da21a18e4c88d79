"""Recording is tested wherever plans run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import flambeau as torch


@pytest.fixture(autouse=True)
def default_device(device: str) -> Iterator[None]:
    """Tensors of a test are made on each device in turn."""
    if device == "reference":
        pytest.skip("the reference device runs graphs, not plans")
    torch.set_default_device(device)
    yield
    torch.set_default_device(None)
