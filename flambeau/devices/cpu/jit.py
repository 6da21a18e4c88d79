"""LLVM IR text → machine code, as images that can be kept on disk and put into memory. Uses llvmlite.

Several threads may compile at the same time. llvmlite holds a lock around each call into LLVM; the two long ones, optimising
and emitting, are made past that lock, which LLVM allows for modules of different contexts. May import its neighbours.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

from flambeau.codegen.llvm.target import Target
from flambeau.devices.cpu.code import Code
from flambeau.devices.cpu.image import Image, link
from flambeau.devices.cpu.stopping import FUNCTIONS
from flambeau.devices.cpu.support import HALF_CONVERSIONS
from flambeau.devices.cpu.uncut import uncut

__all__ = ["Jit"]


def _unlocked(function: Any) -> Callable[..., Any]:
    """llvmlite's C function without its lock; the locked one where this version of llvmlite wraps it otherwise."""
    return getattr(function, "_cfn", function)


def elf(triple: str) -> str:
    """The target triple with ELF as its object format, which is Linux' own; calling conventions stay the system's."""
    return triple if "linux" in triple or triple.endswith("elf") else triple + "-elf"


_SUPPORT: dict[Target, tuple[Image, Code]] = {}
"""What compiled code may call and the process lacks, in memory: the same for all that is compiled for a target."""


class Jit:
    """A compiler and loader for one target. `triple` is for tests: another system's, whose code can't be loaded here."""

    def __init__(self, target: Target, triple: str | None = None) -> None:
        import llvmlite.binding as llvm

        self.llvm: Any = llvm
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self.target = target
        self._triple = elf(llvm.get_process_triple() if triple is None else triple)
        self._machines: list[Any] = []
        """Target machines that nobody uses now: one compiles one module at a time."""
        self.own: dict[str, int] = {}
        """Functions that compiled code may call and the process lacks."""
        if triple is None:
            if target not in _SUPPORT:
                lacks_halves = target.architecture == "x86_64" and not target.has("f16c")
                image = self.assemble(FUNCTIONS + HALF_CONVERSIONS if lacks_halves else FUNCTIONS)
                _SUPPORT[target] = image, self.load([image])
            image, code = _SUPPORT[target]
            self.own = {name: code.bases[0] + offset for name, offset in image.functions.items()}

    def _machine(self) -> Any:
        return self.llvm.Target.from_triple(self._triple).create_target_machine(
            cpu=self.target.cpu, features=self.target.features, opt=2, codemodel="small", reloc="pic"
        )

    def assemble(self, ir: str) -> Image:
        """The module's code. Raises RuntimeError for IR that LLVM doesn't accept, or that `link` can't link.

        Two passes do: the text has its vectors, its unrolled loops and its shared values already, so the rest of -O2 took half
        of all compile time for code that was no faster.
        """
        return link(uncut(lambda: self._compile(ir)))

    def _compile(self, ir: str) -> bytes:
        """An object file."""
        llvm = self.llvm
        try:
            machine = self._machines.pop()
        except IndexError:
            machine = self._machine()
        with (
            llvm.create_context() as context,
            llvm.parse_assembly(ir, context) as module,
            llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(2)) as builder,
            llvm.create_new_module_pass_manager() as passes,
        ):
            passes.add_sroa_pass()
            passes.add_instruction_combine_pass()
            _unlocked(llvm.ffi.lib.LLVMPY_RunNewModulePassManager)(passes, module, builder)
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

    def load(self, images: Sequence[Image]) -> Code:
        """Puts images into executable memory, all in one block."""
        return Code(images, self.own)
