"""`SharedStorage`: a storage whose memory someone outside knows and may write: an array of NumPy's, another library's tensor.

`share` makes a tensor's storage one, `over_foreign` makes one of memory that is someone else's. May import
`flambeau.seen_storage` and what that may.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable
from typing import Any

from flambeau import devices
from flambeau.devices.foreign import ALONE, ForeignMemory, foreign_of
from flambeau.dtypes import dtype
from flambeau.graph.node import Node, next_serial
from flambeau.graph.numpy import array_type, np
from flambeau.graph.primitives.leaf import BUFFER
from flambeau.graph.primitives.movement import ASSIGN, RESHAPE
from flambeau.seen_storage import SeenStorage
from flambeau.storage import READ, RECORDERS, SHARED, Storage, copied, duplicate, is_recording, looked_at, pending, realize

__all__ = [
    "SharedStorage", "over_foreign", "share", "share_elsewhere", "settle", "memory_of", "lasting", "check_resizable", "is_alone",
]  # fmt: skip

_NODE: Any = Storage.__dict__["node"]
_VERSION: Any = Storage.__dict__["version"]
_looks = itertools.count(-2, -1)
_COPIED = 1 << 19
"""Bytes; of so many at most a read takes a copy, and what is computed of it may wait."""


class _Sharing:
    """What a storage has besides that is, or was, shared.

    Attributes:
        leaf: holds the memory; `references` is what `sys.getrefcount` says of it while no other node reads it.
        is_copied: whether a read gives `copy`, a leaf of a copy of the contents at the last read, rather than `leaf`.
        since: where a read gave `leaf`, and that may still be referred to, a serial of before.
        is_forever: whether there is no telling when the others let go of the memory.
        is_resizable: whether nobody has more than its address, so that the tensor may get larger memory.
    """

    __slots__ = ("leaf", "is_copied", "copy", "since", "is_forever", "is_resizable")
    references = ALONE + 1  # the storage has one, too

    def __init__(self, leaf: Node, is_copied: bool) -> None:
        self.leaf, self.is_copied = leaf, is_copied
        self.copy: Node | None = None
        self.since = 0
        self.is_forever = False
        self.is_resizable = False


class SharedStorage(Storage):
    """A storage whose memory someone outside knows and may write at any time: an array of NumPy's, another library's tensor.

    The memory stays where it is: a write lands there before it returns, and nothing else ever gets that memory. What an operator
    reads of it is read before the operator returns. A storage becomes one, and ceases to be one when the others let go of the
    memory, by its class.
    """

    __slots__ = ()
    is_shared = True

    @property
    def node(self) -> Node:  # type: ignore[override]
        if is_recording():
            return _NODE.__get__(self)
        sharing = self.sharing
        if not self.is_known_outside():
            self._end()
            return sharing.leaf
        if sharing.is_copied:
            return self._copy()
        if id(sharing) not in READ:
            sharing.since = next_serial()
            READ[id(sharing)] = sharing
        return sharing.leaf

    @node.setter
    def node(self, node: Node) -> None:
        _NODE.__set__(self, node)

    @property
    def version(self) -> int:  # type: ignore[override]
        """Another at each look, or for each copy: what was read before may have been written since."""
        return _VERSION.__get__(self) if self.sharing.is_copied else next(_looks)

    @version.setter
    def version(self, version: int) -> None:
        _VERSION.__set__(self, version)

    @property
    def has_lasting_nodes(self) -> bool:  # type: ignore[override]
        return self.sharing.is_copied

    def is_known_outside(self) -> bool:
        """Whether anyone outside still knows the memory."""
        sharing = self.sharing
        if sharing.is_forever or sys.getrefcount(sharing.leaf.buffer) != ALONE:
            return True
        foreign = foreign_of(sharing.leaf.buffer)
        return foreign is not None and foreign.is_known_outside()

    def write(self, node: Node) -> None:
        if is_recording():
            super().write(node)
            return
        leaf = self.sharing.leaf
        for examples in pending.examples:
            examples.write(leaf, node)
        foreign = foreign_of(leaf.buffer)
        if not self.is_known_outside() or (foreign is not None and not foreign.is_writable):
            self._end()
            self.write(node)
            return
        if node.primitive is ASSIGN and self._write_part(node):
            return
        if node.buffer is None:
            realize([node])
        self.put(node)

    def _write_part(self, node: Node) -> bool:
        """Writes into a part of the memory what the graph would give as new memory with that part exchanged.

        False where it is another memory's part, or there is no NumPy to write with.
        """
        (whole, value), (shape, strides, offset) = node.inputs, node.params
        if whole.primitive is RESHAPE and whole.buffer is None:
            whole = whole.inputs[0]
        if whole is not self.sharing.leaf and whole is not self.sharing.copy:
            return False
        try:
            element = array_type(self.dtype)
        except ModuleNotFoundError:
            return False
        if value.buffer is None:
            realize([value])
        backend, size = devices.backend(self.device), element.itemsize
        memory = backend.download(self.sharing.leaf.buffer, self.size * size)
        source = np.frombuffer(backend.download(value.buffer, value.size * size), element).reshape(shape)
        np.ndarray(shape, element, memory, offset * size, [s * size for s in strides])[...] = source
        self.sharing.copy = None
        return True

    def put(self, node: Node) -> None:
        leaf = self.sharing.leaf
        foreign = foreign_of(leaf.buffer)
        if foreign is not None and not foreign.is_writable:
            self._end()
            self.put(node)
            return
        if node.buffer is not leaf.buffer:
            backend, nbytes = devices.backend(self.device), self.size * self.dtype.itemsize
            backend.download(leaf.buffer, nbytes)[:] = backend.download(node.buffer, nbytes)
        _NODE.__set__(self, leaf)
        self.sharing.copy = None

    def _copy(self) -> Node:
        sharing, backend = self.sharing, devices.host_backend(self.device)
        leaf, copy = sharing.leaf, sharing.copy
        if copy is None or not backend.holds_same(copy.buffer, leaf.buffer, self.size * self.dtype.itemsize):
            copy = sharing.copy = copied(leaf)
            _VERSION.__set__(self, _VERSION.__get__(self) + 1)
        return copy

    def _end(self) -> None:
        """Nobody outside knows the memory any more."""
        sharing = self.sharing
        SHARED.discard(id(sharing.leaf.buffer))
        READ.pop(id(sharing), None)
        devices.host_backend(self.device).keep_packed(sharing.leaf.buffer, True)
        sharing.copy = None
        _NODE.__set__(self, sharing.leaf)
        self.__class__ = Storage  # type: ignore[assignment]
        self.version += 1

    def __del__(self) -> None:
        SHARED.discard(id(self.sharing.leaf.buffer))
        READ.pop(id(self.sharing), None)


def share(storage: Storage, is_address: bool = False) -> Node:
    """Makes the memory of a storage known outside: gives the leaf that holds it. What waits is computed.

    `is_address`: it is the address that is handed out, and so there is no telling when it is forgotten.
    """
    whole = storage
    while isinstance(whole, SeenStorage):
        whole = whole.whole
    if RECORDERS and pending.recorder is not None:
        pending.recorder.look()
    if not whole.is_shared:
        realize([whole.node])
        leaf = _own_memory(whole)
        _begin(whole, leaf)
        whole.sharing.is_resizable = True
    sharing: _Sharing = whole.sharing
    sharing.is_forever = sharing.is_forever or is_address
    sharing.is_resizable = sharing.is_resizable and is_address
    return sharing.leaf


def share_elsewhere(storage: Storage, memory: ForeignMemory) -> None:
    """Moves a storage's value to memory that others know. Who shared its memory before no longer does."""
    node = looked_at(storage)
    backend, nbytes = devices.host_backend(storage.device), storage.size * storage.dtype.itemsize
    leaf = _leaf(node, backend.adopt(memory))
    backend.download(leaf.buffer, nbytes)[:] = backend.download(node.buffer, nbytes)
    if isinstance(storage, SharedStorage):
        storage._end()
    _begin(storage, leaf)


def check_resizable(storage: Storage) -> None:
    """Before a storage gets larger memory: raises RuntimeError where others have the memory, or had it."""
    sharing: _Sharing | None = getattr(storage, "sharing", None)
    if sharing is not None:
        if not sharing.is_resizable:
            raise RuntimeError("Trying to resize storage that is not resizable")
        if isinstance(storage, SharedStorage):
            storage._end()


def settle(read: Iterable[Storage], written: Iterable[Storage]) -> None:
    """After a recorded call: what it gave shared storages goes to their memory; what it left waiting is computed before."""
    found = [(s, _NODE.__get__(s)) for s in written if isinstance(s, SharedStorage)]
    if found:
        realize([node for _, node in found])
    for storage, node in found:
        storage.put(node)
    for s in read:
        if isinstance(s, SharedStorage):
            _NODE.__set__(s, s.sharing.leaf)


def over_foreign(memory: ForeignMemory, type: dtype, shape: tuple[int, ...], device: str) -> Storage:
    """A storage of all of someone else's memory, as elements of `type` (`shape` has as many), on a device in host memory."""
    leaf = Node(BUFFER, (), (), shape, type, device)
    leaf.buffer = devices.host_backend(device).adopt(memory)
    storage = Storage(leaf)
    _begin(storage, leaf)
    return storage


def _begin(storage: Storage, leaf: Node) -> None:
    storage.node = leaf
    storage.version += 1
    is_copied = storage.size * storage.dtype.itemsize <= _COPIED
    storage.sharing = _Sharing(leaf, is_copied)
    devices.host_backend(storage.device).keep_packed(leaf.buffer, False)
    if not is_copied:
        SHARED.add(id(leaf.buffer))
    storage.__class__ = SharedStorage


def _own_memory(storage: Storage) -> Node:
    """A leaf for the computed value of a storage, in memory that no other node has: where others have it they get a copy, or,
    where that can't be, the storage does.
    """
    node = storage.node
    is_known = sys.getrefcount(storage.node) != ALONE + 1
    is_elsewhere = sys.getrefcount(node.buffer) != ALONE
    if not is_known and not is_elsewhere:
        return node
    leaf = _leaf(node, node.buffer)
    if is_elsewhere:
        leaf.buffer = duplicate(node)
    else:
        node.buffer = duplicate(node)
    return leaf


def is_alone(storage: Storage) -> bool:
    """Whether the computed value of a storage is in memory that nothing else knows: no node, and nobody outside."""
    if storage.__class__ is not Storage or sys.getrefcount(storage.node) != ALONE:
        return False
    return sys.getrefcount(storage.node.buffer) == ALONE


def _leaf(like: Node, buffer: Any) -> Node:
    leaf = Node(BUFFER, (), (), like.shape, like.dtype, like.device)
    leaf.buffer = buffer
    return leaf


def memory_of(storage: Storage) -> Node:
    """The node that holds a storage's memory: to be read before control returns to the program."""
    return storage.sharing.leaf if isinstance(storage, SharedStorage) else storage.node


def lasting(storage: Storage) -> Any:
    """A buffer of what a storage holds now, that no write changes."""
    node = storage.node
    return duplicate(node) if id(node.buffer) in SHARED else node.buffer
