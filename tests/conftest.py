"""What all tests share: the devices that they run on, and how many examples hypothesis draws."""

from __future__ import annotations

import gc
import os
import sys

# PyTorch, the oracle, and NumPy compute small things: their threads would only wait for each other, and for flambeau's.
os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.database import DirectoryBasedExampleDatabase, InMemoryExampleDatabase

import flambeau
from flambeau import devices

# A database even in CI, where hypothesis would have none: its pytest plugin gives each parameter of a test the settings of the
# one before as parent, and looks for a database through all of them.
settings.register_profile(
    "quick",
    max_examples=12,
    deadline=None,
    derandomize=False,
    database=InMemoryExampleDatabase() if os.environ.get("CI") else DirectoryBasedExampleDatabase(".hypothesis/examples"),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile("thorough", settings.get_profile("quick"), max_examples=300)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def pytest_configure(config: pytest.Config) -> None:
    """PyTorch, the oracle, warns about its own functions; flambeau's warnings are errors where a test says so."""
    config.addinivalue_line("filterwarnings", "ignore::UserWarning:torch")
    config.addinivalue_line("filterwarnings", "ignore::UserWarning:tests")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests first: at the end one process would be at work on one, and the other idle."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(autouse=True, scope="module")
def _what_is_there_stays() -> None:
    """What was imported and kept, PyTorch above all, stays: no collection of garbage need look through it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """A test draws the same numbers whatever ran before it: the order differs between processes."""
    flambeau.manual_seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


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
