"""Every test here runs on each device."""

from __future__ import annotations

import pytest

import flambeau


@pytest.fixture(params=("reference", "cpu"), autouse=True)
def device(request: pytest.FixtureRequest):
    """The device is the default one, so that tests read as users write."""
    flambeau.set_default_device(request.param)
    flambeau.manual_seed(0)
    yield request.param
    flambeau.set_default_device(None)
