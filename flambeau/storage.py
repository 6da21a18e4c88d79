"""`Storage`: the memory that tensors view, and the work that waits: PyTorch's storage over the lazy graph.

May import `flambeau.graph`, `flambeau.devices`, `flambeau.dtypes`.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any

from flambeau import devices
from flambeau.dtypes import dtype
from flambeau.graph.node import Node

__all__ = ["Storage", "pending", "realize", "FLUSH_AFTER"]

FLUSH_AFTER = 2000
"""How many unread results of one thread may wait before they are computed without being asked for."""


class _Pending(threading.local):
    """Storages of this thread whose value was not computed yet, and who is recording (flambeau.compile)."""

    def __init__(self) -> None:
        self.storages: list[weakref.ref[Storage]] = []
        self.count = 0
        self.on_realize: Callable[[list[Node]], None] | None = None
        """While a call is recorded: told before anything is computed."""


pending = _Pending()
_lock = threading.RLock()


class Storage:
    """A row-major block of `size` elements; its value is a node (of any shape with that many elements).

    `version` counts writes; `autograd_version` counts those that autograd must notice (writes through `.data` are not).
    """

    __slots__ = ("node", "version", "autograd_version", "dtype", "device", "size", "__weakref__")

    def __init__(self, node: Node) -> None:
        self.node = node
        self.version = 0
        self.autograd_version = 0
        self.dtype: dtype = node.dtype
        self.device = node.device
        size = 1
        for n in node.shape:
            size *= n
        self.size = size
        if node.buffer is None:
            self._wait()

    def write(self, node: Node) -> None:
        """Gives the memory another value, of the same number of elements."""
        self.node = node
        self.version += 1
        if node.buffer is None:
            self._wait()

    def _wait(self) -> None:
        pending.storages.append(weakref.ref(self))
        pending.count += 1
        if pending.count > FLUSH_AFTER and pending.on_realize is None:
            realize([])


def realize(nodes: list[Node]) -> None:
    """Computes `nodes` and everything of this thread that waits and can still be seen."""
    wanted: dict[str, dict[int, Node]] = {}
    for node in nodes:
        if node.buffer is None:
            wanted.setdefault(node.device, {})[node.serial] = node
    if pending.on_realize is not None and nodes:
        pending.on_realize(nodes)
    waiting, pending.storages, pending.count = pending.storages, [], 0
    for reference in waiting:
        storage = reference()
        if storage is not None and storage.node.buffer is None:
            wanted.setdefault(storage.device, {})[storage.node.serial] = storage.node
    # After an error nothing waits any more: what is good is computed when it is looked at, and what is not raises again there.
    with _lock:
        for device, group in wanted.items():
            devices.backend(device).realize([group[serial] for serial in sorted(group)])
