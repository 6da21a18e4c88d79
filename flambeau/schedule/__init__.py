"""The scheduler: pending graph → plan. May import `flambeau.kernels`, `flambeau.graph` and `flambeau.dtypes`."""

from flambeau.schedule.build import build
from flambeau.schedule.realize import prepare, realize

__all__ = ["build", "prepare", "realize"]
