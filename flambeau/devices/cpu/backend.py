"""`CpuBackend`: tensors in host memory, kernels as machine code.

May import `flambeau.schedule`, `flambeau.graph`, `flambeau.dtypes` and its neighbours.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import threading
import weakref
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import flambeau.config as config
from flambeau.codegen.llvm.target import Target
from flambeau.devices.cpu import stopping
from flambeau.devices.cpu.compiler import Compiler
from flambeau.devices.cpu.executable import Executable
from flambeau.devices.cpu.machine import host
from flambeau.devices.cpu.memory import UNKEPT, Buffer, Pool, Region, Window
from flambeau.devices.cpu.runner.team import Team
from flambeau.devices.foreign import ForeignMemory
from flambeau.dtypes import dtype
from flambeau.graph.numpy import np
from flambeau.precision import may_round_products
from flambeau.profiler import recorder
from flambeau.schedule import realize

__all__ = ["CpuBackend"]

_compare: Any = ctypes.CDLL("msvcrt" if os.name == "nt" else None).memcmp
_compare.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
_VARIANTS = 8
"""Executables of a plan that are kept, one for each set of donated inputs."""
_GENERAL = 64
"""Executables of a general plan that are kept for each of those, each for sizes among which its choices are right."""


class CpuBackend:
    """The CPU. Any Python thread may use it; plans run one at a time, each on all the backend's threads."""

    name = "cpu"
    runs_plans = True
    takes_sizes = True
    is_host = True
    multiplies_halves = False
    window = Window

    def __init__(self, target: Target | None = None) -> None:
        self.target = host() if target is None else target
        self.pool = Pool()
        self.compiler = Compiler(self.target)
        self.team = Team(self.target, config.num_threads())
        self._lock = threading.RLock()
        self._arena = Region()
        atexit.register(_at_exit, weakref.ref(self))
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_Forked(self))

    # --- what every device offers

    def supports(self, type: dtype) -> bool:
        return True

    def upload(self, data: Any, nbytes: int) -> Buffer:
        buffer = self.pool.allocate(nbytes)
        if nbytes:
            source = memoryview(data)
            if not source.contiguous:
                raise ValueError("upload: the data must be contiguous")
            np.asarray(buffer)[:] = np.frombuffer(source, np.uint8, nbytes)
        return buffer

    def download(self, buffer: Buffer, nbytes: int) -> memoryview:
        return memoryview(np.asarray(buffer))[:nbytes]

    def adopt(self, memory: ForeignMemory) -> ForeignMemory:
        return memory

    def address(self, buffer: Buffer) -> int:
        return buffer.address

    def holds_same(self, buffer: Buffer, other: Buffer, nbytes: int) -> bool:
        return not _compare(buffer.address, other.address, nbytes)

    def keep_packed(self, buffer: Buffer, is_kept: bool) -> None:
        buffer.packed = None if is_kept else UNKEPT

    realize = realize

    def execute(self, plan: Any, inputs: Sequence[Buffer], scalars: Sequence[Any], donated: frozenset[int]) -> list[Buffer]:
        may_round = may_round_products()
        if donated:
            donated = frozenset([i for i in donated if inputs[i].is_writable])
        key = (donated, may_round)
        with self._lock:
            kept = plan.executable
            if kept is None:
                kept = plan.executable = {}
            found = kept.get(key)
            if found is None or found[0].threads != self.team.threads:
                if len(kept) >= _VARIANTS:
                    del kept[next(iter(kept))]
                found = kept[key] = self._executable(plan, donated, may_round)
            executable, numbers = found
            if numbers is not None:
                executable.fill(numbers)
            return executable.run(self.team, inputs, scalars, self._arena)

    def _executable(self, plan: Any, donated: frozenset[int], may_round: bool) -> tuple[Executable, list[int] | None]:
        """What runs the plan; of a general plan one that serves other sizes too, with the numbers to fill in."""
        known: list[Executable] = []
        if plan.general is not None:
            known = plan.general.compiled.setdefault((donated, may_round, self.team.threads, self.target), [])
            for place, executable in enumerate(known):
                numbers = executable.numbers(plan.numbers)
                if numbers is not None:
                    known.insert(0, known.pop(place))
                    return executable, numbers
        with recorder.span("compile", "compile"), nullcontext() if plan.general is None else plan.general.trace.lock:
            executable = Executable(plan, donated, may_round, self.compiler, self.pool, self.team)
        if plan.general is None:
            return executable, None
        known.insert(0, executable)
        del known[_GENERAL:]
        numbers = executable.numbers(plan.numbers)
        assert numbers is not None
        return executable, numbers

    def synchronize(self) -> None:
        """Plans have run when `execute` returns: nothing is pending."""

    # --- of the CPU alone

    def set_num_threads(self, threads: int) -> None:
        """How many threads compute. Raises RuntimeError for less than one."""
        if threads < 1:
            raise RuntimeError("set_num_threads expects a positive integer")
        with self._lock:
            self.team.set_threads(threads)

    def get_num_threads(self) -> int:
        return self.team.threads

    def memory_stats(self) -> dict[str, int]:
        """`live_bytes` and `buffers` of tensors, `pooled_bytes` that wait for reuse, and `arena_bytes` for temporaries."""
        return {**self.pool.statistics(), "arena_bytes": self._arena.nbytes}

    def empty_cache(self) -> None:
        """Gives memory that waits for reuse back to the system."""
        with self._lock:
            self._arena.release()
            self.pool.trim()

    def describe(self) -> dict[str, Any]:
        """What `flambeau info` prints."""
        import llvmlite
        import llvmlite.binding as llvm

        disk = self.compiler.disk
        return {
            "device": "cpu",
            "compiler": f"LLVM {'.'.join(map(str, llvm.llvm_version_info))} (llvmlite {llvmlite.__version__})",
            "processor": llvm.get_host_cpu_name(),
            "vector_bits": self.target.vector_bits,
            "threads": self.team.threads,
            "kernel_cache": str(disk.directory),
            "kernel_cache_bytes": disk.size(),
            "kernels_compiled": self.compiler.compiled,
            "kernels_loaded": self.compiler.loaded,
            "code_bytes": self.compiler.code_bytes(),
            **self.memory_stats(),
        }

    def _close(self) -> None:
        """Before the interpreter ends: no daemon thread may compute while memory is being torn down. The lock stays taken."""
        while not self._lock.acquire(timeout=0.5):
            stopping.stop()
        self.team.stop()

    def _after_fork(self) -> None:
        self._lock = threading.RLock()
        self.pool.after_fork()
        self.compiler.after_fork()
        self.team.after_fork()


class _Forked:
    """Runs in a forked child, if the backend still exists."""

    def __init__(self, backend: CpuBackend) -> None:
        self._backend = weakref.ref(backend)

    def __call__(self) -> None:
        backend = self._backend()
        if backend is not None:
            backend._after_fork()


def _at_exit(reference: weakref.ref[CpuBackend]) -> None:
    backend = reference()
    if backend is not None:
        backend._close()
