"""`torch.Stream` and `torch.Event`: orders of work of a device, and moments in them. Every device here has one order.

May import `flambeau.device`, `flambeau.runtime`.
"""

from __future__ import annotations

from typing import Any

from flambeau.device import device as Device
from flambeau.runtime import synchronize

__all__ = ["Event", "Stream"]


def _device(given: Any, what: str) -> Device:
    """The device of a stream or an event, "cpu" where none is given; raises RuntimeError for one that isn't here."""
    if isinstance(given, int):
        raise RuntimeError("Cannot access accelerator device when none is available.")
    found = Device("cpu") if given is None else Device(given)
    if found.type in ("cuda", "xpu", "mps"):
        raise RuntimeError(f"PyTorch is not linked with support for {found.type} devices: there is no {what} of one")
    return found


class Stream:
    """The order in which a device computes; there is one. As a context it changes nothing.

    Raises RuntimeError for a device that isn't here, and where an event is to be recorded.

    >>> torch.Stream()
    torch.Stream device_type=cpu, device_index=-1, stream_id=0
    """

    stream_id = 0

    def __init__(self, device: Any = None, *, priority: int = 0) -> None:
        self.device = _device(device, "stream")

    @property
    def device_index(self) -> int:
        """-1 where the device was named without a number."""
        return -1 if self.device.index is None else self.device.index

    def __repr__(self) -> str:
        return f"torch.Stream device_type={self.device.type}, device_index={self.device_index}, stream_id={self.stream_id}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stream) and other.device == self.device

    def __hash__(self) -> int:
        return hash((Stream, self.device))

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: Any) -> None:
        pass

    def query(self) -> bool:
        """True: what waits is computed when it is asked for."""
        return True

    def is_capturing(self) -> bool:
        """False."""
        return False

    def synchronize(self) -> None:
        """Computes what waits."""
        synchronize()

    def record_event(self, event: Event | None = None) -> Event:
        """Raises RuntimeError, as in PyTorch on the CPU: with one order there are no moments to wait for."""
        raise _no_events(self.device)

    def wait_event(self, event: Event) -> None:
        """Nothing: no event is ever ahead."""

    def wait_stream(self, stream: Stream) -> None:
        """Raises RuntimeError, as `record_event`."""
        raise _no_events(self.device)


def _no_events(of: Device) -> RuntimeError:
    return RuntimeError(f"{of.type} backend doesn't support events.")


class Event:
    """A moment in a stream, which can't be recorded here: it is always past.

    >>> torch.Event().query()
    True
    """

    event_id = 0

    def __init__(
        self, device: Any = None, *, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False
    ) -> None:
        self.device, self._timed = _device(device, "event"), enable_timing

    def __repr__(self) -> str:
        index = -1 if self.device.index is None else self.device.index
        return f"torch.Event device_type={self.device.type}, device_index={index}, event_flag={int(self._timed)}, event_id=0"

    def query(self) -> bool:
        """True."""
        return True

    def record(self, stream: Stream | None = None) -> None:
        """Raises RuntimeError, as `Stream.record_event`."""
        raise _no_events(self.device)

    def wait(self, stream: Stream | None = None) -> None:
        """Nothing: it is past."""

    def synchronize(self) -> None:
        """Nothing: it is past."""

    def elapsed_time(self, end_event: Event) -> float:
        """Raises ValueError: neither was recorded."""
        if not (self._timed and end_event._timed):
            raise ValueError("Both events must be created with argument 'enable_timing=True'.")
        raise ValueError("Both events must be recorded before calculating elapsed time.")
