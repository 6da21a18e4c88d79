"""The scheduler: pending graph → plan. May import `flambeau.kernels`, `flambeau.graph` and `flambeau.dtypes`."""

from flambeau.schedule.planning import build
from flambeau.schedule.running import prepare, realize

__all__ = ["build", "prepare", "realize"]
