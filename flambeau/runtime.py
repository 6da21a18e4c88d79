"""Process-wide switches: threads, waiting for devices. May import `flambeau.storage`, `flambeau.devices`."""

from __future__ import annotations

import os

from flambeau import devices
from flambeau.storage import realize

__all__ = [
    "synchronize", "set_num_threads", "get_num_threads", "set_num_interop_threads", "get_num_interop_threads",
    "set_flush_denormal",
]  # fmt: skip


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


_interop_threads: int | None = None


def set_num_interop_threads(threads: int) -> None:
    """Noted, and given back by `get_num_interop_threads`: one call computes at a time, on all threads.

    Raises RuntimeError for fewer than one, and where it was set before.
    """
    global _interop_threads
    if not isinstance(threads, int) or isinstance(threads, bool):
        raise TypeError(f"set_num_interop_threads expects an int, but got {type(threads).__name__}")
    if threads < 1:
        raise RuntimeError("set_num_interop_threads expects a positive integer")
    if _interop_threads is not None:
        raise RuntimeError("Error: cannot set number of interop threads after parallel work has started or "
                           "set_num_interop_threads called")  # fmt: skip
    _interop_threads = threads


def get_num_interop_threads() -> int:
    """What was set, or the number of the machine's cores."""
    return _interop_threads or os.cpu_count() or 1


def set_flush_denormal(mode: bool) -> bool:
    """False: numbers below the normal ones are always computed with."""
    return False
