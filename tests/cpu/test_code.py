"""From objects to memory that runs: linking for several processors, what can't be linked, and code that is given back."""

from __future__ import annotations

import ctypes
import gc
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from support import download, upload
from test_device import chain, lookup, plus

from flambeau.codegen.llvm import loops
from flambeau.codegen.llvm.target import Target
from flambeau.devices.cpu import compiler as compiling
from flambeau.devices.cpu.backend import CpuBackend
from flambeau.devices.cpu.cache import DiskCache
from flambeau.devices.cpu.compiler import Compiler
from flambeau.devices.cpu.image import link
from flambeau.devices.cpu.jit import Jit
from flambeau.devices.cpu.machine import host
from flambeau.schedule.plan import Plan

CALLS = """
@numbers = private constant [4 x double] [double 1.0, double 2.0, double 4.0, double 8.0], align 64
declare double @fmod(double, double)
define void @f(ptr %place, i64 %which, i64 %threads) {
  %address = getelementptr double, ptr @numbers, i64 %which
  %number = load double, ptr %address
  %x = load double, ptr %place
  %rest = call double @fmod(double %x, double %number)
  %sum = fadd double %rest, 0.125
  store double %sum, ptr %place
  ret void
}
"""


def call(address: int, x: float, which: int) -> float:
    place = ctypes.c_double(x)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(address)(ctypes.addressof(place), which, 1)
    return place.value


def mappings() -> int:
    return len(Path("/proc/self/maps").read_text().splitlines())


def test_linked_code_runs() -> None:
    jit = Jit(host())
    image = jit.assemble(CALLS)
    assert set(image.functions) == {"f"} and set(image.imports) == {"fmod"}
    code = jit.load([image, image])
    for base in code.bases:
        assert [call(base + image.functions["f"], 13.5, which) for which in range(4)] == [0.625, 1.625, 1.625, 5.625]


OTHERS = {
    "x86_64-unknown-linux-gnu": Target(128, 16, "x86-64"),
    "x86_64-pc-windows-msvc": Target(128, 16, "x86-64"),
    "x86_64-apple-darwin20": Target(128, 16, "x86-64"),
    "aarch64-unknown-linux-gnu": Target(128, 32, "generic", "+neon", architecture="aarch64"),
    "arm64-apple-darwin23": Target(128, 32, "generic", "+neon", architecture="aarch64"),
}


@pytest.mark.parametrize("triple", OTHERS)
def test_other_systems_code_links(triple: str) -> None:
    import llvmlite.binding as llvm

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = OTHERS[triple]
    jit = Jit(target, triple)
    assert set(jit.assemble(CALLS).imports) == {"fmod"}
    for kernel in (plus(1000, 0.25), lookup(9, 5, 50)):
        lowered = loops.lower(loops.generalise(kernel, target, 2).phases, target)
        assert set(lowered.functions) <= set(jit.assemble(lowered.ir).functions)


def test_aarch64_distances() -> None:
    """The fields of each instruction that refers to something else, read back."""
    import llvmlite.binding as llvm

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    image = Jit(OTHERS["aarch64-unknown-linux-gnu"], "aarch64-unknown-linux-gnu").assemble(CALLS)
    words = np.frombuffer(image.code[: len(image.code) // 4 * 4], np.uint32)
    numbers = image.code.index(np.array([1.0, 2.0, 4.0, 8.0]).tobytes())
    (page,) = (i for i, w in enumerate(words) if w & 0x9F000000 == 0x90000000)  # adrp
    assert words[page] & 0x60FFFFE0 == 0 and numbers < 4096  # the constants lie in the same page
    adds = [w >> 10 & 0xFFF for w in words if w & 0xFFC00000 == 0x91000000]
    assert numbers in adds
    (at,) = (i for i, w in enumerate(words) if w >> 26 in (0b100101, 0b000101))  # bl, b
    stub = at + (int(words[at] & 0x3FFFFFF) ^ 0x2000000) - 0x2000000
    assert words[stub] == 0x58000050 and words[stub + 1] == 0xD61F0200
    assert 4 * (stub + 2) == image.imports["fmod"]


@pytest.mark.parametrize(
    ("ir", "message"),
    [
        ("@x = global i64 1\ndefine i64 @f() { %v = load i64, ptr @x\n ret i64 %v }", "section .data"),
        ("@x = external dso_local global i64\ndefine i64 @f() { %v = load i64, ptr @x\n ret i64 %v }", "'x' of the process"),
        ("@x = thread_local global i64 1\ndefine ptr @f() { ret ptr @x }", "section"),
    ],
)
def test_what_kernels_never_do_is_refused(ir: str, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        Jit(host()).assemble(ir)


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(RuntimeError, match="ELF"):
        link(b"MZ" + bytes(100))


def test_a_function_that_there_is_not() -> None:
    jit = Jit(host())
    image = jit.assemble("declare void @no_such_function()\ndefine void @f() { call void @no_such_function()\n ret void }")
    with pytest.raises(RuntimeError, match="no_such_function"):
        jit.load([image])


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="counts the process' mappings")
def test_code_is_given_back() -> None:
    jit = Jit(host())
    image = jit.assemble(CALLS)
    held = [jit.load([image]) for _ in range(10)]
    before = mappings()
    for _ in range(3000):
        code = jit.load([image])
        assert call(code.bases[0], 3.0, 1) == 1.125
    del code
    assert mappings() <= before + 2
    del held


def test_kernels_that_no_plan_uses_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "KEPT", 5)
    compiler = Compiler(host(), DiskCache(tmp_path))
    used = compiler.prepare([plus(7, 0.5)], 2)
    address = used[plus(7, 0.5)].addresses
    for k in range(20):
        compiler.prepare([plus(7, k + 1.5)], 2)
    gc.collect()
    assert len(compiler._alive) == 6
    assert compiler.prepare([plus(7, 0.5)], 2)[plus(7, 0.5)].addresses == address
    before = compiler.compiled
    compiler.prepare([plus(7, 1.5)], 2)
    assert (compiler.compiled, compiler.loaded) == (before, 1)


def test_plans_keep_their_kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "KEPT", 1)
    cpu = CpuBackend()
    plans: list[tuple[Plan, Any]] = [(chain(n, 3), np.arange(n, dtype=np.float32)) for n in (5, 50, 500)]
    for _ in range(3):
        for plan, x in plans:
            (out,) = cpu.execute(plan, [upload(cpu, x)], (), frozenset())
            np.testing.assert_array_equal(download(cpu, out, x), x + 3)
