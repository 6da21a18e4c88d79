"""`torch.cpu`: what programs written for any device ask of the CPU. May import `flambeau.absent`, `flambeau.runtime`."""

from __future__ import annotations

from typing import Any

from flambeau.absent import StreamContext
from flambeau.runtime import synchronize as _synchronize

__all__ = [
    "Event", "Stream", "StreamContext", "current_device", "current_stream", "device_count", "is_available", "is_initialized",
    "set_device", "stream", "synchronize",
]  # fmt: skip


class Stream:
    """The order in which calls compute; there is one."""

    def __init__(self, priority: int = -1) -> None:
        pass

    def wait_stream(self, stream: Stream) -> None:
        """Nothing: there is one stream."""

    def synchronize(self) -> None:
        """Computes what waits."""
        _synchronize()


class Event:
    """A moment between calls, which are over when they are computed."""

    def query(self) -> bool:
        return True

    def record(self, stream: Stream | None = None) -> None:
        """Nothing."""

    def synchronize(self) -> None:
        """Computes what waits."""
        _synchronize()

    def wait(self, stream: Stream | None = None) -> None:
        """Nothing: there is one stream."""


stream = StreamContext
_current = Stream()


def is_available() -> bool:
    """True."""
    return True


def is_initialized() -> bool:
    """True."""
    return True


def synchronize(device: Any = None) -> None:
    """Computes what waits."""
    _synchronize()


def current_stream(device: Any = None) -> Stream:
    """The one stream."""
    return _current


def current_device() -> str:
    """ "cpu"."""
    return "cpu"


def set_device(device: Any) -> None:
    """Nothing: there is one."""


def device_count() -> int:
    """1."""
    return 1
