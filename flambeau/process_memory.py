"""`ProcessMemory`: memory that several processes have, for tensors to lie in; and how storages go to other processes in it.

Importing this module, as `flambeau.multiprocessing` and `share_memory_` do, teaches Python's `multiprocessing` to send every
storage as shared memory rather than as a copy. It isn't imported before, since `multiprocessing` takes a while. May import
`flambeau.tensor` and what that may.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import secrets
import sys
import tempfile
from multiprocessing import reduction
from typing import Any

from flambeau import devices
from flambeau.devices.foreign import ForeignMemory, foreign_of
from flambeau.dtypes import dtype
from flambeau.seen_storage import SeenStorage
from flambeau.shared_storage import SharedStorage, over_foreign, share_elsewhere
from flambeau.storage import ProgramStorage, Storage
from flambeau.tensor import Tensor

__all__ = ["ProcessMemory", "is_between_processes", "share_between_processes"]

_IS_WINDOWS = sys.platform == "win32"


class ProcessMemory:
    """`nbytes` bytes, zero at first, that forked children have, too, and other processes when they get this object by a pipe,
    a queue or as an argument of a `multiprocessing.Process`. The system frees them when no process has them any more.

    Raises OSError where the system has no memory, or no file descriptor, left.

    Attributes:
        handle: how another process finds the memory: a file descriptor of this process; on Windows a name.
        bytes: the memory.
        address: of its first byte, in this process.
    """

    __slots__ = ("nbytes", "handle", "bytes", "address")

    def __init__(self, nbytes: int, handle: Any = None) -> None:
        self.nbytes, self.handle = nbytes, handle
        length = max(nbytes, 1)
        if _IS_WINDOWS:
            self.handle = handle or f"flambeau-{secrets.token_hex(16)}"
            self.bytes = mmap.mmap(-1, length, tagname=self.handle)  # type: ignore[call-arg, unused-ignore]
        else:
            if handle is None:
                self.handle = _nameless_file()
                os.ftruncate(self.handle, length)
            self.bytes = mmap.mmap(self.handle, length)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.bytes))

    def __del__(self) -> None:
        if isinstance(getattr(self, "handle", None), int):
            os.close(self.handle)


def _nameless_file() -> int:
    """The descriptor of a file that no directory has: in memory where the system knows such files."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("flambeau")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _of(storage: Storage) -> ProcessMemory | None:
    """The memory that a storage shares with other processes, if it does."""
    foreign = foreign_of(storage.sharing.leaf.buffer) if isinstance(storage, SharedStorage) else None
    return foreign.owner if foreign is not None and isinstance(foreign.owner, ProcessMemory) else None


def _whole(storage: Storage) -> Storage:
    while isinstance(storage, SeenStorage):
        storage = storage.whole
    return storage


def is_between_processes(storage: Storage) -> bool:
    """Whether other processes may have the memory."""
    return _of(_whole(storage)) is not None


def share_between_processes(storage: Storage) -> ProcessMemory:
    """Moves a storage to memory that other processes can have; what waits for it is computed.

    Raises RuntimeError for a device whose memory is its own, or that has none.
    """
    whole = _whole(storage)
    memory = _of(whole)
    if memory is None:
        if not devices.backend(whole.device).is_host or whole.device == "meta":
            raise RuntimeError(f"memory of {whole.device} can't be shared between processes: move the tensor to the CPU first")
        memory = ProcessMemory(whole.size * whole.dtype.itemsize)
        share_elsewhere(whole, _foreign(memory))
    return memory


def _foreign(memory: ProcessMemory) -> ForeignMemory:
    return ForeignMemory(memory.address, memory.nbytes, memory, None, 0, True)


# --- how storages go to other processes ----------------------------------------------------------------------------------
def _sent(storage: Storage) -> Any:
    if not devices.backend(storage.device).is_host or storage.device == "meta":
        return storage.__reduce_ex__(4)
    memory = share_between_processes(storage)
    return _received, (memory, storage.dtype, tuple(storage.node.shape), storage.device)


def _sent_tensor(tensor: Tensor) -> Any:
    if tensor.requires_grad and not tensor.is_leaf:
        raise RuntimeError(
            "Cowardly refusing to serialize non-leaf tensor which requires_grad: gradients don't go between processes. "
            "Send tensor.detach() if it is the values that the other process is to have"
        )
    return tensor.__reduce_ex__(4)


def _received(memory: ProcessMemory, type: dtype, shape: tuple[int, ...], device: str) -> Storage:
    return over_foreign(_foreign(memory), type, shape, device)


def _sent_memory(memory: ProcessMemory) -> Any:
    handle = memory.handle if _IS_WINDOWS else reduction.DupFd(memory.handle)  # type: ignore[attr-defined, unused-ignore]
    return _received_memory, (handle, memory.nbytes)


def _received_memory(handle: Any, nbytes: int) -> ProcessMemory:
    return ProcessMemory(nbytes, handle if _IS_WINDOWS else handle.detach())


for _kind in (Storage, ProgramStorage, SharedStorage):  # a SeenStorage is sent as the one it sees, and how
    reduction.ForkingPickler.register(_kind, _sent)
reduction.ForkingPickler.register(ProcessMemory, _sent_memory)
reduction.ForkingPickler.register(Tensor, _sent_tensor)
