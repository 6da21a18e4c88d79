"""Every test here runs on each device, with seeded draws."""

from __future__ import annotations

import random

import pytest
import torch

from tests.functional.comparison import DEVICES


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)
    random.seed(0)
