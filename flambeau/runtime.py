"""Process-wide switches: threads, waiting for devices. May import `flambeau.storage`, `flambeau.devices`."""

from __future__ import annotations

from flambeau import devices
from flambeau.storage import realize

__all__ = ["synchronize", "set_num_threads", "get_num_threads"]


def synchronize() -> None:
    """Computes everything of this thread that waits, and returns when every device has finished."""
    realize([])
    for backend in devices.started():
        backend.synchronize()


def set_num_threads(threads: int) -> None:
    """How many threads the CPU device computes with; raises RuntimeError for fewer than one."""
    if not isinstance(threads, int) or isinstance(threads, bool):
        raise TypeError(f"set_num_threads expects an int, but got {type(threads).__name__}")
    if threads < 1:
        raise RuntimeError("set_num_threads expects a positive integer")
    devices.backend("cpu").set_num_threads(threads)  # type: ignore[attr-defined]


def get_num_threads() -> int:
    """How many threads the CPU device computes with."""
    return devices.backend("cpu").get_num_threads()  # type: ignore[attr-defined]
