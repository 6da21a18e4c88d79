"""Contractions that read between elements (the input gradient of a strided convolution), made dense.

Where an operand has an element at every s-th position only, p = c·h + d·k + … with an output axis h and a summed axis k,
outputs of one residue of h meet one residue of k. So h is cut into s·h' + r and k into s·k' + a + b·r, with b chosen so that p is
always a multiple of s: no zero between elements is multiplied any more. Values of k' that leave the range of k for some r read
outside of the other operand, where it is zero.

May import `flambeau.dtypes`, `kernels.ir` and `codegen.wgsl`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import gcd

from flambeau.codegen.wgsl.operands import binary, index_literal
from flambeau.dtypes import int64
from flambeau.kernels.ir import Affine, ContractionKernel, Expr, Operand
from flambeau.kernels.traverse import rebuild

__all__ = ["dense"]

_Sum = tuple[int, dict[int, int]]
"""offset + Σ coefficient·axis."""


def dense(kernel: ContractionKernel) -> ContractionKernel:
    """The same contraction with as few positions between elements as can be."""
    for reader, other in ((kernel.a, kernel.b), (kernel.b, kernel.a)):
        for p in reader.positions:
            if p.every > 1:
                changed = _cut(kernel, p, other)
                if changed is not None:
                    return dense(changed)
    return kernel


def _cut(kernel: ContractionKernel, p: Affine, other: Operand) -> ContractionKernel | None:
    """The kernel with position `p` closed up, or None where it isn't of that form."""
    every, extents = p.every, kernel.extents
    moving = [(k, c) for k, c in p.terms if c % every and extents[k] > 1]
    outer = [(k, c) for k, c in moving if k in kernel.outputs]
    summed = [(k, c) for k, c in moving if k not in kernel.outputs]
    if len(outer) != 1 or len(summed) != 1:
        return None
    (h, c), (k, d) = outer[0], summed[0]
    if extents[h] % every or gcd(d, every) != 1 or not _is_whole(other, k, extents[k]):
        return None
    inverse = pow(d, -1, every)
    start, turn = -p.offset * inverse % every, -c * inverse % every
    if abs(d) == 1:
        turn = -c * d  # then r falls out of the position, and is an axis of the other operand alone
    elif turn > every // 2:
        turn -= every
    first = [start + turn * r for r in range(every)]
    low = min(-(v // every) for v in first)
    high = max((extents[k] - 1 - v) // every for v in first)
    r = len(extents)
    change: dict[int, _Sum] = {h: (0, {h: every, r: 1}), k: (every * low + start, {k: every, r: turn})}
    new_extents = list(extents)
    new_extents[h], new_extents[k] = extents[h] // every, high - low + 1
    outputs = [x for axis in kernel.outputs for x in ((h, r) if axis == h else (axis,))]
    return replace(
        kernel,
        extents=(*new_extents, every),
        outputs=tuple(outputs),
        a=_changed(kernel.a, change),
        b=_changed(kernel.b, change),
        epilogue=_changed_epilogue(kernel.epilogue, h, r, every),
    )


def _is_whole(operand: Operand, axis: int, extent: int) -> bool:
    """Whether a dimension of the operand is this axis alone, forwards or backwards: outside of the axis' range it is zero."""
    whole = (Affine(0, ((axis, 1),)), Affine(extent - 1, ((axis, -1),)))
    return any(n == extent and p in whole for n, p in zip(operand.shape, operand.positions))


def _changed(operand: Operand, change: Mapping[int, _Sum]) -> Operand:
    positions = []
    for p in operand.positions:
        offset, terms = p.offset, dict[int, int]()
        for k, c in p.terms:
            constant, inner = change.get(k, (0, {k: 1}))
            offset += c * constant
            for axis, coefficient in inner.items():
                terms[axis] = terms.get(axis, 0) + c * coefficient
        kept = {k: c for k, c in terms.items() if c}
        every = p.every
        if every > 1 and all(x % every == 0 for x in (offset, *kept.values())):
            offset, kept, every = offset // every, {k: c // every for k, c in kept.items()}, 1
        positions.append(Affine(offset, tuple(sorted(kept.items())), every))
    return replace(operand, positions=tuple(positions))


def _changed_epilogue(epilogue: Expr, h: int, r: int, every: int) -> Expr:
    whole = binary("add", binary("mul", Expr("axis", (), int64, h), index_literal(every)), Expr("axis", (), int64, r))

    def visit(e: Expr, args: tuple[Expr, ...]) -> Expr:
        if e.op == "axis":
            return whole if e.param == h else e
        return e if args == e.args else Expr(e.op, args, e.dtype, e.param)

    return rebuild(epilogue, visit)
