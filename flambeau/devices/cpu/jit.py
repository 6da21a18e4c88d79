"""LLVM IR text → machine code in this process, by way of object code that can be kept on disk. Uses llvmlite.

`Jit.compile` gives the addresses of a module's functions. Threads may compile at the same time.
"""

from __future__ import annotations

import threading
from typing import Any

from flambeau.codegen.llvm.target import Target
from flambeau.devices.cpu.support import HALF_CONVERSIONS, HALF_FUNCTIONS

__all__ = ["Jit"]


class Jit:
    """A compiler for one target, and everything that it compiled (code stays until the process ends)."""

    def __init__(self, target: Target) -> None:
        import llvmlite.binding as llvm

        self.llvm: Any = llvm
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self.target = target
        self._lock = threading.Lock()
        self._machine = self._new_machine()
        # An engine needs a module to start from; objects are added to it one by one.
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), self._new_machine())
        if target.architecture == "x86_64" and not target.has("f16c"):
            addresses = self.load(self.assemble(HALF_CONVERSIONS), HALF_FUNCTIONS)
            for name, address in zip(HALF_FUNCTIONS, addresses, strict=True):
                llvm.add_symbol(name, address)

    def after_fork(self) -> None:
        self._lock = threading.Lock()

    def _new_machine(self) -> Any:
        llvm = self.llvm
        machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(
            cpu=self.target.cpu, features=self.target.features, opt=2, codemodel="small", reloc="pic"
        )
        return machine

    def assemble(self, ir: str) -> bytes:
        """The module's object code."""
        llvm = self.llvm
        with self._lock:
            context = llvm.create_context()
            module = llvm.parse_assembly(ir, context)
            tuning = llvm.create_pipeline_tuning_options(2)
            tuning.loop_vectorization = tuning.slp_vectorization = False
            builder = llvm.create_pass_builder(self._machine, tuning)
            builder.getModulePassManager().run(module, builder)
            return self._machine.emit_object(module)

    def load(self, code: bytes, functions: tuple[str, ...]) -> tuple[int, ...]:
        """Puts object code in executable memory; the addresses of its functions. Names must be new to the process."""
        with self._lock:
            self._engine.add_object_file(self.llvm.object_file.ObjectFileRef.from_data(code))
            self._engine.finalize_object()
            addresses = tuple(self._engine.get_function_address(name) for name in functions)
        if not all(addresses):
            raise RuntimeError(f"the object code lacks one of {functions}")
        return addresses
