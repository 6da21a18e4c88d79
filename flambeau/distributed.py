"""`torch.distributed` where it isn't built: nothing but the answer that it isn't there. Imports nothing."""

__all__ = ["is_available", "is_initialized"]


def is_available() -> bool:
    """False."""
    return False


def is_initialized() -> bool:
    """False."""
    return False
