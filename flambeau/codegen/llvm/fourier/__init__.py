"""`FourierKernel` → LLVM IR: discrete Fourier transforms of one dimension, of sizes with small prime factors.

The code is given the number of transforms. `scheme` says how one is done; `whole` and `cut` are the two ways; both are made of
`passes`, which are made of what `butterfly` does in registers. May import `flambeau.kernels`, `flambeau.dtypes` and its
neighbours.
"""

from __future__ import annotations

from flambeau.codegen.llvm.builder import Module
from flambeau.codegen.llvm.fourier import cut
from flambeau.codegen.llvm.fourier.cut import Cut
from flambeau.codegen.llvm.fourier.memory import Buffer
from flambeau.codegen.llvm.fourier.scheme import Scheme, choose
from flambeau.codegen.llvm.fourier.whole import Whole, buffer_count
from flambeau.codegen.llvm.lowered import Lowered
from flambeau.codegen.llvm.target import Target
from flambeau.codegen.llvm.types import Int, Value
from flambeau.dtypes import dtype
from flambeau.kernels.ir import FourierKernel

__all__ = ["choose", "lower", "scratch_bytes"]

_SLOTS = 2
_BLOCKS = 2
"""Scratch blocks: what each thread has for itself, and what is between the halves of transforms."""
_OUTER = _SLOTS + _BLOCKS + 1
"""Where the number of transforms stands among the arguments: after those, and the error word."""


def _element(type: dtype) -> str:
    return "float" if type.itemsize == 4 else "double"


def scratch_bytes(kernel: FourierKernel, scheme: Scheme, threads: int) -> tuple[int, int]:
    """The scratch blocks' sizes."""
    element = _element(kernel.slots[0].dtype)
    if not scheme.is_cut:
        return threads * 2 * Buffer.nbytes(buffer_count(scheme), element, scheme.lanes[0]), 64
    transforms = kernel.outer if scheme.is_shared else threads
    return threads * cut.private_bytes(scheme, element), transforms * cut.planes_bytes(scheme, element)


def lower(type: dtype, scheme: Scheme, target: Target) -> Lowered:
    """LLVM IR that transforms arrays of floating dtype `type`."""
    module = Module(target)
    element = _element(type)
    if not scheme.is_cut:
        names: tuple[str, ...] = (_whole(module, scheme, element),)
    elif not scheme.is_shared:
        names = (_private(module, scheme, target, element),)
    else:
        steps = {"forward": ("columns", "rows"), "inverse": ("columns", "rows"), "real": ("columns", "rows", "middle"),
                 "half": ("middle", "columns", "rows")}[scheme.kind]  # fmt: skip
        names = tuple(_shared(module, scheme, target, element, step) for step in steps)
    return Lowered(module.text(), names)


class _Phase:
    """A function and what it finds among its arguments."""

    def __init__(self, module: Module, name: str) -> None:
        self.f = f = module.function(name, (("ptr", "arguments"), ("i64", "thread"), ("i64", "threads")))
        arguments, self.thread, self.threads = f.parameters
        self.source, self.result, self.own, self.planes = (
            f.load("ptr", f.address(arguments, i, "ptr"), 8) for i in range(_SLOTS + _BLOCKS)
        )
        self.outer = f.entry_load("i64", arguments, _OUTER)

    def part(self, tasks: Int) -> tuple[Value, Value]:
        """This thread's part of so many tasks."""
        f = self.f
        low, high = (f.div(f.mul(t, tasks), self.threads) for t in (self.thread, f.add(self.thread, 1)))
        return f.integer(low), f.integer(high)


def _whole(module: Module, scheme: Scheme, element: str) -> str:
    phase = _Phase(module, "transform")
    f, lanes = phase.f, scheme.lanes[0]
    own = f.address(phase.own, f.mul(phase.thread, 2 * Buffer.nbytes(buffer_count(scheme), element, lanes)), "i8")
    code = Whole(f, scheme, element, phase.source, phase.result, own)
    if scheme.inner == 1:
        tasks = f.div(f.add(phase.outer, lanes - 1), lanes)
    else:
        tasks = f.mul(phase.outer, -(-scheme.inner // lanes))
    f.loop(*phase.part(tasks), 1, f.unless_stopped(lambda t, _: code.task(t, phase.outer)))
    f.finish()
    return "transform"


def _ends(scheme: Scheme) -> tuple[int, int]:
    """Real numbers that a transform takes, and gives."""
    spectrum = 2 * (scheme.size + 1)
    return {"real": (scheme.n, spectrum), "half": (spectrum, scheme.n)}.get(scheme.kind, (2 * scheme.n, 2 * scheme.n))


def _cut(phase: _Phase, scheme: Scheme, target: Target, element: str, transform: Int, place: Int) -> Cut:
    """The code for one transform, with planes number `place`."""
    f, (taken, given) = phase.f, _ends(scheme)
    own = f.address(phase.own, f.mul(phase.thread, cut.private_bytes(scheme, element)), "i8")
    planes = f.address(phase.planes, f.mul(place, cut.planes_bytes(scheme, element)), "i8")
    source = f.address(phase.source, f.mul(transform, taken), element)
    return Cut(f, scheme, target, element, source, f.address(phase.result, f.mul(transform, given), element), own, planes)


def _private(module: Module, scheme: Scheme, target: Target, element: str) -> str:
    """Each thread does transforms of its own."""
    phase = _Phase(module, "transform")
    columns, rows = cut.counts(scheme)

    def transform(t: Int, _: list[Value]) -> None:
        code = _cut(phase, scheme, target, element, t, phase.thread)

        def real() -> None:
            code.ends()
            code.middle(1, code.pairs + 1)

        if scheme.kind == "half":
            real()
        code.columns(0, columns)
        code.rows(0, rows)
        if scheme.kind == "real":
            real()

    phase.f.loop(*phase.part(phase.outer), 1, transform)
    phase.f.finish()
    return "transform"


def _shared(module: Module, scheme: Scheme, target: Target, element: str, step: str) -> str:
    """One step of all transforms; all threads do each."""
    phase = _Phase(module, step)
    f = phase.f

    def transform(t: Int, _: list[Value]) -> None:
        code = _cut(phase, scheme, target, element, t, t)
        if step != "middle":
            getattr(code, step)(*phase.part(cut.counts(scheme)[0 if step == "columns" else 1]))
            return
        with f.when(f.op("i1", f"icmp eq i64 {phase.thread}, 0")):
            code.ends()
        width = code.width
        low, high = (f.add(f.mul(b, width), 1) for b in phase.part(code.pairs // width))
        rest = f.compare("eq", f.add(phase.thread, 1), phase.threads)
        with f.when(f.compare("slt", low, high)):
            code.middle(low, f.choose_int(rest, code.pairs + 1, high))

    f.loop(0, phase.outer, 1, transform)
    f.finish()
    return step
