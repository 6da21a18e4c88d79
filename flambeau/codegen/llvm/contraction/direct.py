"""The direct schedule: sums are made straight from the operands' memory, lanes along one output axis, nothing packed.

Right for every contraction, and fast where there is little to reuse (depthwise convolutions, small groups, short sums).
May import `codegen.llvm` and the contraction's form, elements and epilogue.
"""

from __future__ import annotations

from flambeau.codegen.llvm.builder import Int, Module, Value, bits_of, vector, zero
from flambeau.codegen.llvm.contraction.elements import pointers, read, sum_type
from flambeau.codegen.llvm.contraction.epilogue import finish, store
from flambeau.codegen.llvm.contraction.form import Form
from flambeau.codegen.llvm.contraction.roles import PHASE, share
from flambeau.codegen.llvm.target import Target

__all__ = ["direct"]


def direct(module: Module, name: str, form: Form, slots: int, target: Target) -> None:
    """Adds the phase `name` to the module."""
    f = module.function(name, PHASE)
    memory = pointers(f, slots)
    total = sum_type(form.a.type)
    lane_axis = form.outputs - 1 if form.outputs else None
    extent = form.extents[lane_axis] if lane_axis is not None else 1
    lanes = min(target.lanes(bits_of(total)), 1 << max(0, (extent - 1).bit_length()))
    chunks = -(-extent // lanes)
    outer = form.extents[: max(0, form.outputs - 1)]
    units = chunks
    for e in outer:
        units *= e
    type = vector(total, lanes)

    def unit(u: Int, _: list[Value]) -> None:
        index: list[Int] = []
        rest, chunk = f.div(u, chunks), f.rem(u, chunks)
        for e in reversed(outer):
            index.insert(0, f.rem(rest, e))
            rest = f.div(rest, e)
        start = f.mul(chunk, lanes)
        count: Int = lanes
        if lane_axis is not None:
            index.append(start)
            if extent % lanes:
                count = f.minimum(f.sub(extent, start), lanes)

        def nest(axis: int, at: list[Int], sums: list[Value]) -> list[Value]:
            if axis == len(form.extents):
                a = read(f, memory[form.a.slot], form.a, at, lane_axis, lanes, count)
                b = read(f, memory[form.b.slot], form.b, at, lane_axis, lanes, count)
                return [f.multiply_add(a, b, sums[0])]
            return f.loop(0, form.extents[axis], 1, lambda k, s: nest(axis + 1, [*at, k], s), sums)

        sums = nest(form.outputs, index, [zero(type)])
        whole = [*index, *[0] * len(form.summed)]
        result = finish(f, form, memory, sums[0], whole, lane_axis, lanes, count)
        store(f, form, memory, result, whole, lane_axis, lanes, count)

    low, high = share(f, units)
    f.loop(low, high, 1, unit)
    f.finish()
