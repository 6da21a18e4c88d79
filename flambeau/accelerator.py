"""`torch.accelerator`: a device that programs may use without naming it. There is none: "webgpu" is used where it is asked for.

May import `flambeau.device`.
"""

from __future__ import annotations

from flambeau.device import device

__all__ = ["current_accelerator", "device_count", "is_available"]


def is_available() -> bool:
    """False."""
    return False


def current_accelerator(check_available: bool = False) -> device | None:
    """None."""
    return None


def device_count() -> int:
    """0."""
    return 0
