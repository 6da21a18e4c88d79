"""`Code`: executable memory that holds images (`image.py`), given back when nothing refers to it any more.

Memory is written first and made executable (and read-only) after. May import `devices.cpu.image`.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import sys
import weakref
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from flambeau.devices.cpu.image import Image

__all__ = ["Code"]


class Code:
    """Some images in one block of memory, `bases` their addresses.

    Functions that the images import are those in `own`, or the process'. Raises MemoryError when the system gives no memory, or
    doesn't let it be run, and RuntimeError for a function that there isn't.
    """

    def __init__(self, images: Sequence[Image], own: Mapping[str, int]) -> None:
        self.size = 0
        offsets = []
        for image in images:
            self.size += -self.size % image.alignment
            offsets.append(self.size)
            self.size += len(image.code)
        content = bytearray(self.size)
        for image, offset in zip(images, offsets, strict=True):
            content[offset : offset + len(image.code)] = image.code
            for name, place in image.imports.items():
                content[offset + place : offset + place + 8] = _address_of(name, own).to_bytes(8, "little")
        self.size += -self.size % mmap.PAGESIZE
        system = _system()
        address = system.allocate(self.size)
        self.bases = tuple(address + offset for offset in offsets)
        # Not at the process' end: other threads may still be in there.
        weakref.finalize(self, system.free, address, self.size).atexit = False
        ctypes.memmove(address, bytes(content), len(content))
        system.make_executable(address, self.size)


def _address_of(name: str, own: Mapping[str, int]) -> int:
    if name in own:
        return own[name]
    for library in _system().libraries:
        with contextlib.suppress(AttributeError):
            return ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0
    raise RuntimeError(f"compiled code calls {name}, which this process doesn't have")


class _Unix:
    def __init__(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self.libraries = [libc]  # and all that it is linked with
        p, n, i = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
        self._mmap, self._protect, self._unmap = libc.mmap, libc.mprotect, libc.munmap
        self._mmap.restype, self._mmap.argtypes = p, (p, n, i, i, i, ctypes.c_int64)
        self._protect.argtypes, self._unmap.argtypes = (p, n, i), (p, n)
        # Where a processor's instruction cache doesn't see what was written; x86 has no such function and needs none.
        self._flush = getattr(libc, "sys_icache_invalidate", None)

    def allocate(self, size: int) -> int:
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        address = self._mmap(None, size, mmap.PROT_READ | mmap.PROT_WRITE, flags, -1, 0)
        if address == ctypes.c_void_p(-1).value:
            raise MemoryError(f"no memory for {size} bytes of compiled code (error {ctypes.get_errno()})")
        return int(address)

    def make_executable(self, address: int, size: int) -> None:
        if self._flush is not None:
            self._flush(ctypes.c_void_p(address), ctypes.c_size_t(size))
        if self._protect(address, size, mmap.PROT_READ | mmap.PROT_EXEC):
            raise MemoryError(f"the system doesn't let compiled code be run (error {ctypes.get_errno()})")

    def free(self, address: int, size: int) -> None:
        self._unmap(address, size)


class _Windows:
    def __init__(self) -> None:
        kernel: Any = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined]
        p, n, i = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint32
        self._kernel = kernel
        self.libraries = [ctypes.CDLL(name) for name in ("ucrtbase", "ntdll", "kernel32")]
        kernel.VirtualAlloc.restype, kernel.VirtualAlloc.argtypes = p, (p, n, i, i)
        kernel.VirtualProtect.argtypes = (p, n, i, p)
        kernel.VirtualFree.argtypes = (p, n, i)
        kernel.FlushInstructionCache.argtypes = (p, p, n)
        kernel.GetCurrentProcess.restype = p

    def allocate(self, size: int) -> int:
        address = self._kernel.VirtualAlloc(None, size, 0x3000, 0x04)  # reserved and committed; readable and writable
        if not address:
            raise MemoryError(f"no memory for {size} bytes of compiled code")
        return int(address)

    def make_executable(self, address: int, size: int) -> None:
        before = ctypes.c_uint32()
        if not self._kernel.VirtualProtect(address, size, 0x20, ctypes.byref(before)):
            raise MemoryError("the system doesn't let compiled code be run")
        self._kernel.FlushInstructionCache(self._kernel.GetCurrentProcess(), address, size)

    def free(self, address: int, size: int) -> None:
        self._kernel.VirtualFree(address, 0, 0x8000)


@cache
def _system() -> _Unix | _Windows:
    return _Windows() if sys.platform == "win32" else _Unix()
