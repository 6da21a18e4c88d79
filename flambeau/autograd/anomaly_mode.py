"""Finding the operation whose gradient went wrong (`torch.autograd.detect_anomaly`). May import `flambeau.autograd.tape`."""

from __future__ import annotations

import warnings
from typing import Any

from flambeau.autograd.tape import anomaly

__all__ = [
    "detect_anomaly", "set_detect_anomaly", "is_anomaly_check_nan_enabled", "is_anomaly_enabled", "set_anomaly_enabled",
]  # fmt: skip


class set_detect_anomaly:
    """Sets it at once; as a context manager restores what was before.

    While it is on, each operation on the tape remembers where it was called: an error in its backward, or with `check_nan` a NaN
    among its gradients, is reported with that place. Every gradient is looked at, so it is slow.
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = anomaly.enabled, anomaly.check_nan
        anomaly.enabled, anomaly.check_nan = mode, check_nan

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: Any) -> None:
        anomaly.enabled, anomaly.check_nan = self._before


class detect_anomaly(set_detect_anomaly):
    """A context manager in which `backward` reports where a NaN gradient or an error comes from.

    Raises RuntimeError that names the function, after a warning with the call that recorded it.
    """

    def __init__(self, check_nan: bool = True) -> None:
        self._wanted = check_nan
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for debugging.",
            stacklevel=2,
        )

    def __enter__(self) -> None:
        super().__init__(True, self._wanted)


def is_anomaly_enabled() -> bool:
    """Whether it is on."""
    return anomaly.enabled


def is_anomaly_check_nan_enabled() -> bool:
    """Whether gradients are searched for NaN while it is on."""
    return anomaly.check_nan


def set_anomaly_enabled(enabled: bool, check_nan: bool = True) -> None:
    """Turns it on or off."""
    anomaly.enabled, anomaly.check_nan = enabled, check_nan
