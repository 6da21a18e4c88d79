"""Draws are seeded; the device is tests/conftest.py's."""

from __future__ import annotations

import random

import pytest
import torch


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)
    random.seed(0)
