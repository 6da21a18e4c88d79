"""Devices by name: `backend("cpu")` imports and starts one when first asked for."""

from __future__ import annotations

import importlib
import os
import threading
from typing import cast

from flambeau.devices.base import Backend, HostBackend

__all__ = ["Backend", "HostBackend", "adopt", "backend", "host_backend", "started", "DEVICE_TYPES"]

DEVICE_TYPES = ("cpu", "reference", "webgpu", "meta")
_started: dict[str, Backend] = {}
_lock = threading.RLock()
if hasattr(os, "register_at_fork"):  # a child must not inherit a device that another thread was half-way through starting
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


def backend(name: str) -> Backend:
    """The running device of that name ("cpu", "webgpu:0"); raises RuntimeError, saying why, when it can't be had."""
    found = _started.get(name)
    if found is None:
        kind, _, index = name.partition(":")
        if kind not in DEVICE_TYPES:
            raise RuntimeError(f"Expected one of {', '.join(DEVICE_TYPES)} device type at start of device string: {name}")
        with _lock:
            found = _started.get(name)
            if found is None:
                module = importlib.import_module(f"flambeau.devices.{kind}")
                found = _started[name] = module.start(int(index or 0))
    return found


def host_backend(name: str) -> HostBackend:
    """The running device of that name, which is known to be in the host's memory."""
    return cast(HostBackend, backend(name))


def adopt(name: str, opened: Backend) -> None:
    """Makes a device that was opened elsewhere (awaited, in a page) the one of that name."""
    _started[name] = opened


def started() -> list[Backend]:
    """The devices in use."""
    return list(_started.values())
