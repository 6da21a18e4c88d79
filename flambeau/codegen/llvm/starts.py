"""Kernels that differ only in where in memory they read: one kernel, whose slots begin elsewhere.

A program that takes a sequence step by step reads another part of one tensor in each; all its steps then run the same code.
May import `flambeau.kernels` and its neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import TypeVar

from flambeau.codegen.llvm.indices import Indices
from flambeau.codegen.llvm.loops.schedule import extents, roots
from flambeau.dtypes import int64
from flambeau.kernels.ir import Affine, AttentionKernel, ContractionKernel, Expr, Kernel, LoopKernel, Operand, Strided
from flambeau.kernels.traverse import rebuild, walk

__all__ = ["from_starts"]

_K = TypeVar("_K", bound=Kernel)


def from_starts(kernel: _K) -> tuple[_K, tuple[int, ...]]:
    """A kernel of plain numbers as it is when the slots that it reads begin where it first reads, and the elements before that.

    A slot begins no later than all that is read of it, as far as bounds of the positions tell.
    """
    if isinstance(kernel, LoopKernel):
        read = _Read(len(kernel.slots), [r for s in kernel.stores for r in roots(s)], extents(kernel))
        if not any(read.starts):
            return kernel, read.starts
        stores = [
            replace(s, index=read.load(s.index), value=read.load(s.value), guard=None if s.guard is None else read.load(s.guard))
            for s in kernel.stores
        ]
        return replace(kernel, stores=tuple(stores)), read.starts
    if isinstance(kernel, ContractionKernel):
        lengths = dict(enumerate(kernel.extents))
        read = _Read(len(kernel.slots), [kernel.epilogue], lengths, (kernel.a, kernel.b))
        slots = tuple(s if s.access == "out" else replace(s, size=0) for s in kernel.slots)  # code doesn't depend on it
        a, b, epilogue = read.operand(kernel.a), read.operand(kernel.b), read.load(kernel.epilogue)
        return replace(kernel, slots=slots, a=a, b=b, epilogue=epilogue), read.starts
    if isinstance(kernel, AttentionKernel):
        read = _Read(len(kernel.slots), (), {}, (), kernel.operands)
        return replace(kernel, operands=tuple(map(read.view, kernel.operands))), read.starts
    return kernel, (0,) * len(kernel.slots)


class _Read:
    """What a kernel reads. `starts`: where each slot is to begin."""

    def __init__(
        self,
        slots: int,
        expressions: Sequence[Expr],
        lengths: dict[int, int],
        operands: Sequence[Operand] = (),
        views: Sequence[Strided] = (),
    ) -> None:
        self._indices = Indices(lengths)
        self._loaded: dict[Expr, Expr] = {}
        first: dict[int, list[int]] = {}
        for e in walk(expressions):
            if e.op == "load":
                first.setdefault(e.param, []).append(max(0, min(_offset(e.args[0]), self._indices.range(e.args[0])[0])))
        for view in views:
            first.setdefault(view.slot, []).append(view.offset if min(view.strides, default=0) >= 0 else 0)
        for o in operands:
            first.setdefault(o.slot, []).append(self._first(o))
        starts = {slot: min(places) for slot, places in first.items()}
        for o in operands:  # these begin at their own first element, or where they did
            if len(set(first[o.slot])) > 1:
                starts[o.slot] = 0
        self.starts = tuple(starts.get(slot, 0) for slot in range(slots))

    def load(self, e: Expr) -> Expr:
        """The expression with loads from slots that begin at their starts."""
        return rebuild(e, self._visit, self._loaded)

    def _visit(self, e: Expr, operands: tuple[Expr, ...]) -> Expr:
        if e.op == "load" and self.starts[e.param]:
            left = Expr("literal", (), int64, _offset(operands[0]) - self.starts[e.param])
            if operands[0].op == "add":
                left = Expr("add", (operands[0].args[0], left), int64) if left.param else operands[0].args[0]
            return Expr("load", (left, *operands[1:]), e.dtype, e.param)
        return e if all(a is b for a, b in zip(e.args, operands)) else Expr(e.op, operands, e.dtype, e.param)

    def view(self, view: Strided) -> Strided:
        """A view of a slot that begins at its start."""
        return replace(view, offset=view.offset - self.starts[view.slot])

    def operand(self, o: Operand) -> Operand:
        """An operand in a slot that begins at its start."""
        if not self.starts[o.slot]:
            return o
        return replace(o, positions=tuple(replace(p, offset=p.offset - self._low(p, n)) for p, n in zip(o.positions, o.shape)))

    def _first(self, o: Operand) -> int:
        return sum(self._low(p, n) * prod(o.shape[d + 1 :]) for d, (p, n) in enumerate(zip(o.positions, o.shape)))

    def _low(self, p: Affine, size: int) -> int:
        """The smallest of the positions, where each is inside; else 0."""
        ends = [(self._indices.extents[axis] - 1) * c for axis, c in p.terms]
        low, high = p.offset + sum(min(e, 0) for e in ends), p.offset + sum(max(e, 0) for e in ends)
        return low if p.every == 1 and low >= 0 and high < size else 0


def _offset(index: Expr) -> int:
    """What is added to a position, which `kernels.index` puts last."""
    last = index.args[1] if index.op == "add" else index
    return last.param if last.op == "literal" else 0
