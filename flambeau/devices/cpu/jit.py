"""LLVM IR text → machine code in this process, by way of object code that can be kept on disk. Uses llvmlite.

Several threads may compile at the same time. llvmlite holds a lock around each call into LLVM; the two long ones, optimising
and emitting, are made past that lock, which LLVM allows for modules of different contexts.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import Any

from flambeau.codegen.llvm.target import Target
from flambeau.devices.cpu.support import HALF_CONVERSIONS, HALF_FUNCTIONS

__all__ = ["Jit"]


def _unlocked(function: Any) -> Callable[..., Any]:
    """llvmlite's C function without its lock; the locked one where this version of llvmlite wraps it otherwise."""
    return getattr(function, "_cfn", function)


class Jit:
    """A compiler for one target, and everything that it compiled (code stays until the process ends)."""

    def __init__(self, target: Target) -> None:
        import llvmlite.binding as llvm

        self.llvm: Any = llvm
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self.target = target
        self._lock = threading.Lock()
        self._machines: list[Any] = []
        """Target machines that nobody uses now: one compiles one module at a time."""
        # An engine needs a module to start from; objects are added to it one by one.
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), self._machine())
        if target.architecture == "x86_64" and not target.has("f16c"):
            addresses = self.load(self.assemble(HALF_CONVERSIONS), HALF_FUNCTIONS)
            for name, address in zip(HALF_FUNCTIONS, addresses, strict=True):
                llvm.add_symbol(name, address)

    def after_fork(self) -> None:
        """In a forked child: another thread may have held the lock."""
        self._lock = threading.Lock()

    def _machine(self) -> Any:
        llvm = self.llvm
        return llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(
            cpu=self.target.cpu, features=self.target.features, opt=2, codemodel="small", reloc="pic"
        )

    def assemble(self, ir: str) -> bytes:
        """The module's object code. Raises RuntimeError for IR that LLVM doesn't accept."""
        llvm = self.llvm
        try:
            machine = self._machines.pop()
        except IndexError:
            machine = self._machine()
        module = llvm.parse_assembly(ir, llvm.create_context())
        tuning = llvm.create_pipeline_tuning_options(2)
        tuning.loop_vectorization = tuning.slp_vectorization = False
        builder = llvm.create_pass_builder(machine, tuning)
        _unlocked(llvm.ffi.lib.LLVMPY_RunNewModulePassManager)(builder.getModulePassManager(), module, builder)
        code = self._emit(machine, module)
        self._machines.append(machine)
        return code

    def _emit(self, machine: Any, module: Any) -> bytes:
        lib = self.llvm.ffi.lib
        with self.llvm.ffi.OutputString() as error:
            memory = _unlocked(lib.LLVMPY_TargetMachineEmitToMemory)(machine, module, 1, error)
            if not memory:
                raise RuntimeError(str(error))
        try:
            return ctypes.string_at(lib.LLVMPY_GetBufferStart(memory), lib.LLVMPY_GetBufferSize(memory))
        finally:
            lib.LLVMPY_DisposeMemoryBuffer(memory)

    def load(self, code: bytes, functions: tuple[str, ...]) -> tuple[int, ...]:
        """Puts object code in executable memory; the addresses of its functions. Names must be new to the process."""
        with self._lock:
            self._engine.add_object_file(self.llvm.object_file.ObjectFileRef.from_data(code))
            self._engine.finalize_object()
            addresses = tuple(self._engine.get_function_address(name) for name in functions)
        if not all(addresses):
            raise RuntimeError(f"the object code lacks one of {functions}")
        return addresses
