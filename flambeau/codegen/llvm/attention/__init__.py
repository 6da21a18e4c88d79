"""`AttentionKernel` → LLVM IR: the matrix of weights is made a block at a time, and each block is used up before the next.

A unit of work is a block of rows, one in each *lane* of some vectors: of queries, for the result and the query's gradient; of
keys, for the gradients of key and value. The other side's rows are gone through in *steps*, `block.STEPS` at a time. So the sums
over a row of weights need no exchange between lanes, the steps' operands are read where they are (each number is spread over a
vector), and all products are those of `contraction.micro`.

- `block` holds what a unit works with, and copies operands into lanes and results out of them.
- `weights` turns a block of products into weights: the mask, causality, dropped weights.
- `forward` and `backward` are the units.

May import `flambeau.kernels`, `flambeau.graph.primitives`, `flambeau.dtypes` and `codegen.llvm`.
"""

from __future__ import annotations

from math import prod

from flambeau.codegen.llvm.attention.backward import Backward
from flambeau.codegen.llvm.attention.block import Block
from flambeau.codegen.llvm.attention.forward import Forward
from flambeau.codegen.llvm.builder import Module
from flambeau.codegen.llvm.contraction.roles import PHASE
from flambeau.codegen.llvm.lowered import Lowered
from flambeau.codegen.llvm.scratch import Scratch
from flambeau.codegen.llvm.target import Target
from flambeau.codegen.llvm.types import Int, Value
from flambeau.kernels.ir import AttentionKernel

__all__ = ["lower"]


def lower(kernel: AttentionKernel, target: Target, threads: int) -> Lowered:
    """LLVM IR for the kernel. `threads` is the number that will usually run it; any number may."""
    lowered = _lower(kernel, target, threads, 0)
    if lowered.sizes:  # these stand after the scratch blocks, whose number is known now
        lowered = _lower(kernel, target, threads, len(kernel.slots) + len(lowered.scratch) + 1)
    return lowered


def _lower(kernel: AttentionKernel, target: Target, threads: int, size_place: int) -> Lowered:
    module = Module(target)
    module.size_place = size_place
    scratch = Scratch(len(kernel.slots), threads)
    f = module.function("attention", PHASE)
    kind = Forward if "output" in kernel.parts or "logsumexp" in kernel.parts else Backward
    block: Block = kind(f, kernel, target, scratch)
    per_batch = block.count
    units = f.mul(prod(kernel.batch), per_batch)
    most = f.minimum(f.parameters[2], threads)
    first = f.choose_int(f.compare("slt", f.parameters[1], most), f.parameters[1], f.integer(units))

    def unit(u: Int, _: list[Value]) -> None:
        b, number = f.div(u, per_batch), f.rem(u, per_batch)
        if kernel.is_causal:  # blocks differ in work: every other batch is gone through backwards, which gives threads as much
            other = f.sub(f.sub(per_batch, 1), number)
            number = f.choose_int(f.compare("eq", f.rem(b, 2), 0), number, other)
        block.run(b, number)

    f.loop(first, units, most, f.unless_stopped(unit))
    f.finish()
    return Lowered(module.text(), ("attention",), tuple(scratch.sizes), sizes=tuple(module.sizes.values()))
