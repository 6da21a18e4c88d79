"""The CPU without llvmlite: every node computed by its primitive's NumPy meaning. May import the reference device."""

from __future__ import annotations

import warnings
from typing import Any

from flambeau.devices.reference import ReferenceBackend

__all__ = ["NumpyBackend"]


class NumpyBackend(ReferenceBackend):
    """The reference device under the CPU's name."""

    name = "cpu"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        warnings.warn(
            f"flambeau runs on NumPy, far slower than compiled, because llvmlite can't be imported ({reason}); "
            "`pip install llvmlite` gives the compiled CPU device.",
            RuntimeWarning,
            stacklevel=4,
        )

    def get_num_threads(self) -> int:
        return 1

    def set_num_threads(self, threads: int) -> None:
        """NumPy's operations run on one thread: any positive number is accepted."""
        if threads < 1:
            raise RuntimeError("set_num_threads expects a positive integer")

    def describe(self) -> dict[str, Any]:
        return {"device": "cpu", "compiler": f"none: NumPy fallback ({self.reason})", "threads": 1}
