"""`Storage`: the memory that tensors view, and the work that waits: PyTorch's storage over the lazy graph.

One whose memory someone outside knows is a `SharedStorage` (`flambeau.shared_storage`); what reads it is found here, and computed
at once. May import `flambeau.graph`, `flambeau.devices`, `flambeau.dtypes`.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from collections.abc import Callable
from math import prod
from operator import attrgetter
from typing import Any, Protocol
from weakref import ref

from flambeau import devices
from flambeau.dtypes import dtype
from flambeau.graph.node import Node
from flambeau.graph.primitives.leaf import BUFFER, PART, escaped
from flambeau.layout import strided

__all__ = [
    "Storage",
    "ProgramStorage",
    "Recorder",
    "Examples",
    "RECORDERS",
    "pending",
    "realize",
    "copied",
    "duplicate",
    "is_recording",
    "may_look",
    "READ",
    "SHARED",
    "FLUSH_AFTER",
]

FLUSH_AFTER = 2000
"""How many unread results of one thread may wait before they are computed without being asked for."""


class _Pending(threading.local):
    """Storages of this thread whose value was not computed yet, and who is recording (flambeau.compile)."""

    def __init__(self) -> None:
        self.storages: list[ref[Storage]] = []
        self.recorder: Recorder | None = None
        """Who records a call of this thread, if anyone."""
        self.examples: tuple[Examples, ...] = ()
        """The calls of `vmap` that this thread is inside of, outermost first."""
        self.unshared: set[int] = set()
        """Serials of nodes that wait and are known to depend on no shared memory."""


class Recorder(Protocol):
    """What `flambeau.compile` is told while it records a call."""

    looked: bool
    """Whether the recording is void: the call runs plainly."""

    def read(self, tensor: Any) -> None:
        """A tensor's value is about to be read."""

    def write(self, storage: Storage) -> None:
        """`storage` is about to get another value."""

    def get_grad(self, tensor: Any) -> None:
        """A tensor's `.grad` is about to be read or added to."""

    def set_grad(self, tensor: Any, is_dropped: bool) -> None:
        """A tensor's `.grad` is about to be set, or to be None."""

    def call_module(self, module: Any) -> None:
        """A module is about to be called."""

    def call_optimizer(self, optimizer: Any, state: Any) -> None:
        """An optimizer has done a step; `state.holds(optimizer)` tells whether the next one would do the same."""

    def take_random(self, generator: Any, blocks: int) -> Callable[[], int]:
        """Random blocks are about to be taken: gives a function for the number of the first at each run."""
        raise AssertionError

    def look(self) -> None:
        """The program looks at a value, or does something else that a replay can't do."""


class Examples(Protocol):
    """What `vmap` is told while it builds the graph of one example."""

    def depends(self, node: Node) -> bool:
        """Whether a node is another for each example."""
        raise AssertionError

    def write(self, before: Node, after: Node) -> None:
        """Memory gets another value."""

    def take_random(self, blocks: int) -> int:
        """Random blocks are about to be taken for one example: gives how many to take for all."""
        raise AssertionError

    def differs(self, offset: Node) -> None:
        """Random numbers that start at `offset` are asked for."""


pending = _Pending()
SHARED: set[int] = set()
"""The ids of buffers that someone outside may write at any time, so that what reads them is computed at once."""
READ: dict[int, Any] = {}
"""By id what shares memory (`shared_storage`) whose leaf was handed out and may still be referred to: only while there is some
may a node depend on shared memory. It has the `leaf`, how many `references` to it are no node's, and a serial of before."""
RECORDERS: list[Recorder] = []
"""The recorders at work in any thread: while there are none, nobody asks for this thread's."""
_lock = threading.RLock()
if hasattr(os, "register_at_fork"):  # a child must not inherit a computation that another thread was half-way through
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


class Storage:
    """A row-major block of `size` elements; its value is a node (of any shape with that many elements).

    `version` counts writes; `autograd_version` counts those that autograd must notice (writes through `.data` are not).
    """

    __slots__ = ("node", "version", "autograd_version", "dtype", "device", "size", "sharing", "__weakref__")
    sharing: Any  # what a `SharedStorage` has besides; unset in others
    is_program = False
    is_shared = False
    layout = strided
    has_lasting_nodes = True
    """Whether a view may keep the node that it reads, as long as `version` stays the same."""

    node: Node
    version: int
    autograd_version: int
    dtype: dtype
    device: str
    size: int

    def __init__(self, node: Node) -> None:
        self.begin(node)

    def begin(self, node: Node) -> None:
        """What `__init__` does; quicker where it is called for `object.__new__(Storage)`."""
        self.node = node
        self.version = self.autograd_version = 0
        self.dtype, self.device, self.size = node.dtype, node.device, node.size
        if node.inputs and (node.primitive.kind != "movement" or not _is_filled(node)):
            if READ and _reads_shared(node) and self._is_computed_at_once():
                return
            waiting = pending.storages
            waiting.append(ref(self))
            if len(waiting) > FLUSH_AFTER:
                _flush()
        elif node.primitive is PART or (SHARED and id(node.buffer) in SHARED):
            self.node = copied(node)

    def write(self, node: Node) -> None:
        """Gives the memory another value, of the same number of elements."""
        if RECORDERS and pending.recorder is not None:
            pending.recorder.write(self)
        if pending.examples:
            for examples in pending.examples:
                examples.write(self.node, node)
        self.node = node
        self.version += 1
        if node.inputs and not _is_filled(node):
            if READ and _reads_shared(node) and self._is_computed_at_once():
                return
            pending.storages.append(ref(self))
            if len(pending.storages) > FLUSH_AFTER:
                _flush()
        elif node.primitive is PART or (SHARED and id(node.buffer) in SHARED):
            self.node = copied(node)

    def put(self, node: Node) -> None:
        """Gives the memory the value of a node that is computed and that no other memory has."""
        self.node = node
        self.version += 1

    def __reduce_ex__(self, protocol: Any) -> Any:
        """In pickles a storage is its bytes: tensors that see the same storage, of one pickle, do so afterwards."""
        node = looked_at(self)
        backend, nbytes = devices.backend(self.device), self.size * self.dtype.itemsize
        data = b"" if backend.name == "meta" else bytes(backend.download(node.buffer, nbytes))
        return _unpickled, (data, self.dtype, tuple(node.shape), self.device)

    def _is_computed_at_once(self) -> bool:
        """Computes what reads shared memory, before anyone can write there. False for what a later call computes."""
        node = self.node
        if is_recording() or any(e.depends(node) for e in pending.examples):
            return False
        if _reads_waiting(node):
            realize([node])
        else:
            with _lock:
                devices.backend(node.device).realize([node])
        if id(node.buffer) in SHARED:  # nothing but another view of it
            self.node = copied(node)
        return True


def uploaded(data: Any, type: dtype, shape: tuple[int, ...], device: str) -> Node:
    """A leaf with a copy of bytes in row-major order. Raises TypeError for a dtype that the device doesn't have."""
    backend = devices.backend(device)
    if not backend.supports(type):
        raise TypeError(f"device {device} has no {type}: convert the tensor first, with .to(torch.float32) for example")
    node = Node(BUFFER, (), (), shape, type, device)
    node.buffer = backend.upload(data, prod(shape) * type.itemsize)
    return node


def _unpickled(data: bytes, type: dtype, shape: tuple[int, ...], device: str) -> Storage:
    return Storage(uploaded(data, type, shape, device))


def _flush() -> None:
    """Computes what waits, since it is much: not while a call is recorded, which is one plan."""
    if pending.recorder is None:
        realize([])


class ProgramStorage(Storage):
    """A number of the program itself, a leaf of some shape, or an operand as it is repeated: never written, waits for nobody, and
    part of what is recorded."""

    __slots__ = ()
    is_program = True

    def begin(self, node: Node) -> None:
        self.node = node
        self.version = self.autograd_version = 0
        self.dtype, self.device, self.size = node.dtype, node.device, node.size


# --- memory shared with others -----------------------------------------------------------------------------------------
def duplicate(node: Node) -> Any:
    """A buffer with what a computed node's holds."""
    backend, nbytes = devices.backend(node.device), node.size * node.dtype.itemsize
    return backend.upload(backend.download(node.buffer, nbytes), nbytes)


def copied(node: Node) -> Node:
    """A leaf like a computed node, with memory of its own."""
    if node.primitive is BUFFER:
        return node.twin(duplicate(node))
    leaf = Node(BUFFER, (), (), node.shape, node.dtype, node.device)
    leaf.buffer = duplicate(node)
    return leaf


def is_recording() -> bool:
    """Whether this thread's work is only noted at present."""
    if not RECORDERS:
        return False
    recorder = pending.recorder
    return recorder is not None and not recorder.looked


def compute_at_once(storage: Storage) -> None:
    """Computes a value whose computation may fail, where PyTorch does: at the call, on this thread's own processor."""
    if storage.device in ("cpu", "reference") and may_look(storage.device):
        realize([storage.node])


def may_look(*devices: str) -> bool:
    """Whether values on some devices may be looked at, to check them: not while a call is recorded, nor in `vmap`."""
    return not pending.examples and "meta" not in devices and (not RECORDERS or pending.recorder is None)


def _reads_shared(node: Node) -> bool:
    """Whether computing a node reads memory that someone outside may write."""
    for sharing in list(READ.values()):
        if sys.getrefcount(sharing.leaf) <= sharing.references:
            READ.pop(id(sharing), None)
    if not READ:
        return False
    first = min([sharing.since for sharing in READ.values()], default=0)
    unshared, seen = pending.unshared, set()
    stack = [node]
    while stack:
        n = stack.pop()
        if n.buffer is not None:
            if id(n.buffer) in SHARED:
                return True
        elif n.serial > first and n.serial not in unshared and n.serial not in seen:
            seen.add(n.serial)
            stack += n.inputs
    unshared |= seen
    return False


def _reads_waiting(node: Node) -> bool:
    """Whether a node, which reads shared memory, also depends on what was to be computed before that was first read."""
    first = min([sharing.since for sharing in READ.values()], default=0)
    seen: set[int] = set()
    stack = [node]
    while stack:
        n = stack.pop()
        if n.buffer is None and n.serial not in seen:
            if n.inputs and n.serial < first:
                return True
            seen.add(n.serial)
            stack += n.inputs
    return False


def _is_filled(node: Node) -> bool:
    """Whether a node is a baked number repeated: it costs nothing until it is looked at, so it need not wait."""
    while node.primitive.name in ("expand", "reshape", "complex") and node.inputs:
        if node.primitive.name == "complex" and node.inputs[1].primitive.name != "constant":
            return False
        node = node.inputs[0]
    return node.primitive.name == "constant"


def realize(nodes: list[Node]) -> None:
    """Computes `nodes` and everything of this thread that waits and can still be seen."""
    mine = pending
    examples = mine.examples
    if examples and any(e.depends(node) for node in nodes for e in examples):
        raise escaped()
    wanted = [node for node in nodes if node.buffer is None]
    waiting = mine.storages
    if not waiting and not wanted:
        return
    if wanted and RECORDERS and mine.recorder is not None:
        mine.recorder.look()
    mine.storages = []
    if READ:
        mine.unshared.clear()
    first = wanted[0] if wanted else None
    for reference in waiting:
        storage = reference()
        if storage is not None:
            node = storage.node
            if node.buffer is None and node is not first and not (examples and any(e.depends(node) for e in examples)):
                wanted.append(node)
    # After an error nothing waits any more: what is good is computed when it is looked at, and what is not raises again there.
    if len(wanted) > 1:
        wanted = sorted(dict.fromkeys(wanted), key=_serial)
    by_device: dict[str, list[Node]] = {}
    for node in wanted:
        by_device.setdefault(node.device, []).append(node)
    with _lock:
        for name, of_one in by_device.items():
            devices.backend(name).realize(of_one)


def looked_at(storage: Storage) -> Node:
    """A storage's node, computed, for the program to see: a call that is being recorded isn't any more."""
    if RECORDERS and pending.recorder is not None:
        pending.recorder.look()
    node = storage.node
    if node.buffer is None:
        realize([node])
    return node


_serial = attrgetter("serial")


def __getattr__(name: str) -> Any:
    """The classes that programs know by this module's name."""
    if name in ("TypedStorage", "UntypedStorage"):
        return getattr(importlib.import_module(f"{__package__}.ops.storages"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
