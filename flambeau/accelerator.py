"""`torch.accelerator`: a device that programs may use without naming it. There is none: "webgpu" is used where it is asked for.

May import `flambeau.device`.
"""

from __future__ import annotations

from flambeau.absent import refusing
from flambeau.device import device

_REFUSED = (
    "current_device_idx", "current_device_index", "current_stream", "empty_cache", "empty_host_cache", "get_device_capability",
    "get_memory_info", "max_memory_allocated", "max_memory_reserved", "memory_allocated", "memory_reserved", "memory_stats",
    "reset_accumulated_memory_stats", "reset_peak_memory_stats", "set_device_idx", "set_device_index", "set_stream",
    "synchronize",
)  # fmt: skip
globals().update(refusing(_REFUSED, RuntimeError, "Cannot access accelerator device when none is available: {name}()"))
__all__ = sorted(["current_accelerator", "device_count", "is_available", *_REFUSED])


def is_available() -> bool:
    """False."""
    return False


def current_accelerator(check_available: bool = False) -> device | None:
    """None."""
    return None


def device_count() -> int:
    """0."""
    return 0
