"""Kernels → addresses of machine code: from memory, from disk, or compiled now, several at a time.

May import `flambeau.kernels`, `flambeau.codegen.llvm` and its neighbours.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from flambeau.codegen.llvm import contraction, loops
from flambeau.codegen.llvm.lowered import Lowered, Message
from flambeau.codegen.llvm.target import Target
from flambeau.devices.cpu.cache import DiskCache
from flambeau.devices.cpu.jit import Jit
from flambeau.kernels.fingerprint import fingerprint
from flambeau.kernels.ir import ContractionKernel, Kernel, LoopKernel

__all__ = ["Compiled", "Compiler"]


@dataclass(frozen=True)
class Compiled:
    """Addresses of a kernel's phases in order, and what they need (see `codegen/llvm/lowered.py`).

    `packs` are phases that run before the others: (address, slot that is packed, scratch block of the result).
    """

    addresses: tuple[int, ...]
    scratch: tuple[int, ...]
    messages: tuple[Message, ...]
    packs: tuple[tuple[int, int, int], ...] = ()


@cache
def _sources() -> str:
    """A digest of the code that generates code: a new version of it makes new kernels."""
    import llvmlite

    root = Path(__file__).parents[2]
    digest = hashlib.sha256(llvmlite.__version__.encode())
    for path in sorted([*root.glob("codegen/llvm/**/*.py"), *root.glob("devices/cpu/jit.py"), root / "dtypes.py"]):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


class Compiler:
    """Compiles kernels for one target and number of threads."""

    def __init__(self, target: Target, disk: DiskCache | None = None) -> None:
        self.target = target
        self.jit = Jit(target)
        self.disk = DiskCache() if disk is None else disk
        self.compiled = self.loaded = 0
        """How many kernels were compiled in this process, and how many came from disk."""
        self._known: dict[tuple[Kernel, int], Compiled] = {}
        self._by_key: dict[str, Compiled] = {}
        self._lock = threading.Lock()

    def prepare(self, kernels: Iterable[Kernel], threads: int) -> None:
        """Has all these kernels ready, compiling those that are missing on two threads."""
        missing = [k for k in dict.fromkeys(kernels) if (k, threads) not in self._known]
        if len(missing) < 2:
            for kernel in missing:
                self.get(kernel, threads)
            return
        with ThreadPoolExecutor(2, thread_name_prefix="flambeau-compile") as pool:
            for _ in pool.map(lambda kernel: self.get(kernel, threads), missing):
                pass

    def after_fork(self) -> None:
        """In a forked child: other threads may have held the locks."""
        self._lock = threading.Lock()
        self.jit.after_fork()

    def get(self, kernel: Kernel, threads: int) -> Compiled:
        """The kernel's machine code."""
        found = self._known.get((kernel, threads))
        if found is None:
            found = self._known[kernel, threads] = self._find(kernel, threads)
        return found

    def _find(self, kernel: Kernel, threads: int) -> Compiled:
        key = self._key(kernel, threads)
        with self._lock:
            found = self._by_key.get(key)
        if found is not None:
            return found
        kept = self.disk.get(key)
        if kept is None:
            data = self._compile(kernel, key, threads)
            self.disk.put(key, data)
            self.compiled += 1
        else:
            data = kept
            self.loaded += 1
        with self._lock:  # another thread may have been as fast
            found = self._by_key.get(key)
            if found is None:
                found = self._by_key[key] = self._load(data)
        return found

    def _key(self, kernel: Kernel, threads: int) -> str:
        depends = threads if isinstance(kernel, ContractionKernel) else 0
        text = "\0".join([_sources(), repr(self.target), str(depends), fingerprint(kernel)])
        return hashlib.sha256(text.encode()).hexdigest()

    def _compile(self, kernel: Kernel, key: str, threads: int) -> bytes:
        lowered = self._lower(kernel, threads)
        unique = {name: f"{name}_{key[:24]}" for name in re.findall(r"^define .*?@([\w.]+)\(", lowered.ir, re.MULTILINE)}
        ir = re.sub(r"@([\w.]+)", lambda m: "@" + unique.get(m[1], m[1]), lowered.ir)
        code = self.jit.assemble(ir)
        head = json.dumps(
            {
                "functions": [unique[name] for name in lowered.functions],
                "packs": [[unique[pack.function], pack.slot, pack.scratch] for pack in lowered.packs],
                "scratch": lowered.scratch,
                "messages": [[m.exception, m.text] for m in lowered.messages],
            }
        ).encode()
        return len(head).to_bytes(4, "little") + head + code

    def _lower(self, kernel: Kernel, threads: int) -> Lowered:
        if isinstance(kernel, LoopKernel):
            return loops.lower(kernel, self.target)
        assert isinstance(kernel, ContractionKernel), kernel
        return contraction.lower(kernel, self.target, threads)

    def _load(self, data: bytes) -> Compiled:
        size = int.from_bytes(data[:4], "little")
        head: dict[str, Any] = json.loads(data[4 : 4 + size])
        names = [*head["functions"], *(name for name, _, _ in head["packs"])]
        addresses = self.jit.load(data[4 + size :], tuple(names))
        count = len(head["functions"])
        messages = tuple(Message(exception, text) for exception, text in head["messages"])
        packs = tuple((address, slot, block) for address, (_, slot, block) in zip(addresses[count:], head["packs"], strict=True))
        return Compiled(addresses[:count], tuple(head["scratch"]), messages, packs)
