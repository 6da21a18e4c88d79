"""What programs ask of CUDA, on machines that have none: there is no such device here (`torch.cuda` without a GPU).

May import `flambeau.amp` and below.
"""

from __future__ import annotations

from typing import Any

from flambeau.cuda import amp as amp

__all__ = [
    "amp", "current_device", "device_count", "empty_cache", "get_device_name", "get_device_properties", "is_available",
    "is_bf16_supported", "is_initialized", "manual_seed", "manual_seed_all", "max_memory_allocated", "memory_allocated",
    "reset_peak_memory_stats", "seed", "set_device", "synchronize",
]  # fmt: skip


def is_available() -> bool:
    """False."""
    return False


def is_initialized() -> bool:
    """False."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """False."""
    return False


def device_count() -> int:
    """0."""
    return 0


def manual_seed(seed: int) -> None:
    """Nothing: there are no generators to seed."""


def manual_seed_all(seed: int) -> None:
    """Nothing: there are no generators to seed."""


def seed() -> None:
    """Nothing: there are no generators to seed."""


def empty_cache() -> None:
    """Nothing: there is no memory to free."""


def memory_allocated(device: Any = None) -> int:
    """0 bytes."""
    return 0


def max_memory_allocated(device: Any = None) -> int:
    """0 bytes."""
    return 0


def reset_peak_memory_stats(device: Any = None) -> None:
    """Nothing: there is no memory."""


def _missing(name: str) -> Any:
    def ask(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError(f'Torch not compiled with CUDA enabled: torch.cuda.{name} has no device; the GPU here is "webgpu"')

    ask.__name__ = ask.__qualname__ = name
    ask.__doc__ = "Raises AssertionError: there is no such device."
    return ask


current_device, get_device_name, get_device_properties, set_device, synchronize = map(
    _missing, ("current_device", "get_device_name", "get_device_properties", "set_device", "synchronize")
)
