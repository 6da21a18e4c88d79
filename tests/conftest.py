"""What all tests share: the devices that they run on, and how many examples hypothesis draws."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from flambeau import devices

settings.register_profile(
    "quick", max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
settings.register_profile("thorough", settings.get_profile("quick"), max_examples=300)
settings.register_profile("same", settings.get_profile("quick"), derandomize=True)  # CI draws the same examples each time
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same" if os.environ.get("CI") else "quick"))


def pytest_configure(config: pytest.Config) -> None:
    """PyTorch, the oracle, warns about its own functions; flambeau's warnings are errors where a test says so."""
    config.addinivalue_line("filterwarnings", "ignore::UserWarning:torch")
    config.addinivalue_line("filterwarnings", "ignore::UserWarning:tests")


DEVICES = os.environ.get("FLAMBEAU_TEST_DEVICES", "reference,cpu,webgpu").split(",")
"""The devices to test; one that isn't there is skipped."""

_missing: dict[str, str] = {}


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> str:
    """Each device in turn."""
    name = request.param
    if name not in _missing:
        try:
            devices.backend(name if name != "webgpu" else "webgpu:0")
            _missing[name] = ""
        except (ImportError, RuntimeError) as error:
            _missing[name] = str(error) or type(error).__name__
    if _missing[name]:
        if os.environ.get("CI"):
            pytest.fail(f"CI must have every device, and there is no {name}: {_missing[name]}")
        pytest.skip(f"no {name}: {_missing[name]}")
    return name
