"""Operands written anew before a product: in the order, type and range in which its tiles read them.

May import `flambeau.dtypes`, `kernels.ir` and `codegen.wgsl`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

from flambeau.codegen.wgsl.forms import Form, padded
from flambeau.codegen.wgsl.loops import append_split_loops
from flambeau.codegen.wgsl.operands import binary, index_literal, load_operand, row_major
from flambeau.codegen.wgsl.program import Program
from flambeau.codegen.wgsl.target import Target
from flambeau.codegen.wgsl.turning import append_turned, is_worth_turning
from flambeau.dtypes import bool_, dtype, float32, int32, int64
from flambeau.kernels.ir import Affine, ContractionKernel, Expr, LoopKernel, Operand, Slot, Store
from flambeau.kernels.traverse import rebuild

__all__ = ["Packing"]

_RANGE = 13
"""Scaled operands have magnitudes up to 2 to the power of this and one more: float16 goes to 2 to the 16th."""


def _bits(value: Expr) -> Expr:
    return Expr("bitcast", (value,), int32)


def _int32(value: int) -> Expr:
    return Expr("literal", (), int32, value)


@dataclass
class Packing:
    """A contraction on its way to a shader: each copy makes it read a scratch slot of `program` instead."""

    kernel: ContractionKernel
    form: Form
    target: Target
    same: Sequence[int]
    program: Program
    base: int
    """Where scratch slots start: the number of slots of the kernel that was asked for."""
    out: int
    """The slot that the product goes to."""

    def add_scratch(self, type: dtype, size: int) -> int:
        """The number of a new scratch slot, which the kernel can read."""
        # shaders before may have taken slots that the kernel doesn't know
        number = self.base + len(self.program.scratch)
        self.program.scratch.append(padded(size * type.itemsize, 4))
        unknown = range(len(self.kernel.slots), number)
        others = tuple(Slot(int32, self.program.scratch[i - self.base] // 4, "in") for i in unknown)
        self.kernel = replace(self.kernel, slots=(*self.kernel.slots, *others, Slot(type, size, "in")))
        self.same = (*self.same, *unknown, number)
        return number

    def slots_to_write(self, written: int) -> tuple[Slot, ...]:
        """The slots as a kernel has them that writes this one only."""
        return tuple(Slot(s.dtype, s.size, "out" if i == written else "in") for i, s in enumerate(self.kernel.slots))

    def _write(self, axes: Sequence[int], type: dtype, size: int, place: Expr, value: Expr) -> int:
        """Adds shaders that fill a new scratch slot; returns its number."""
        slot = self.add_scratch(type, size)
        self.append(axes, [Store(slot, place, value)])
        return slot

    def append(self, axes: Sequence[int], stores: Sequence[Store]) -> None:
        """Adds shaders of a loop over axes of these extents that writes one slot."""
        loop = LoopKernel(tuple(axes), self.slots_to_write(stores[0].slot), tuple(stores))
        append_split_loops(loop, self.target, self.same, self.program, self.base)

    def _replace(self, old: Operand, new: Operand) -> None:
        is_rows = old is self.form.row_operand
        if old is self.kernel.a:
            self.kernel = replace(self.kernel, a=new)
        else:
            self.kernel = replace(self.kernel, b=new)
        self.form = replace(self.form, row_operand=new) if is_rows else replace(self.form, column_operand=new)

    def copy_by_axes(self, operand: Operand, order: Sequence[int], type: dtype = float32) -> Operand:
        """The operand with one dimension for each of the axes that it depends on, in this order."""
        extents = self.kernel.extents
        axis = {k: Expr("axis", (), int64, i) for i, k in enumerate(order)}
        source = self.kernel.slots[operand.slot].dtype
        loaded = load_operand(operand, source, extents, axis, [[k] for k in order])
        sizes = [extents[k] for k in order]
        value = loaded if source is type else Expr("cast", (loaded,), type)
        slot = self._write(sizes, type, prod(sizes), row_major(order, sizes, axis), value)
        new = Operand(slot, tuple(sizes), tuple(Affine(0, ((k, 1),)) for k in order))
        self._replace(operand, new)
        return new

    def copy_with_last(self, operand: Operand, last: int, type: dtype, scale: Scale | None = None) -> Operand:
        """The operand's memory times `scale`'s factor, dimension `last` innermost with zeros up to a multiple of four."""
        rank = len(operand.shape)
        order = [*(d for d in range(rank) if d != last), last]
        sizes = [operand.shape[d] for d in order]
        wide = [*sizes[:-1], padded(sizes[-1], 4)]
        axis = {d: Expr("axis", (), int64, i) for i, d in enumerate(order)}
        place = row_major(range(rank), operand.shape, axis)
        turns = is_worth_turning(operand.shape, last, self.target)
        pads = wide[-1] > sizes[-1] and not turns
        inside = [binary("lt", axis[last], index_literal(operand.shape[last]), bool_)] if pads else []
        source = self.kernel.slots[operand.slot].dtype
        value = Expr("load", (place, *inside), source, operand.slot)
        if scale is not None:
            value = scale.apply(value, axis)
        if turns:
            slot = self.add_scratch(type, prod(wide))
            slots = self.slots_to_write(slot)
            append_turned(operand.shape, last, wide[-1], value, slot, slots, self.target, self.same, self.program, self.base)
        else:
            value = value if value.dtype is type else Expr("cast", (value,), type)
            slot = self._write(wide, type, prod(wide), row_major(order, wide, axis), value)
        new = Operand(slot, tuple(wide), tuple(operand.positions[d] for d in order))
        self._replace(operand, new)
        return new

    def find_scale(self, operand: Operand) -> Scale:
        """Computes the powers of two that bring the operand into float16's range.

        One for each position along the dimensions that are not summed over, so that it can be taken out of the sum again. It
        comes from the largest finite magnitude; infinities and NaN stay what they are.
        """
        kept: dict[int, int] = {}
        for d, (n, p) in enumerate(zip(operand.shape, operand.positions)):
            if p.every == 1 and p.offset == 0 and len(p.terms) == 1 and p.terms[0][1] == 1:
                k = p.terms[0][0]
                if k in self.kernel.outputs and self.kernel.extents[k] == n and k not in kept.values():
                    kept[d] = k
        rank = len(operand.shape)
        axis = {d: Expr("axis", (), int64, i) for i, d in enumerate([*kept, *(d for d in range(rank) if d not in kept)])}
        summed = tuple((axis[d].param, operand.shape[d]) for d in range(rank) if d not in kept)
        place = row_major(range(rank), operand.shape, axis)
        magnitude = Expr("bitwise_and", (_bits(Expr("load", (place,), float32, operand.slot)), _int32(0x7FFFFFFF)), int32)
        finite = Expr("lt", (magnitude, _int32(0x7F800000)), bool_)
        largest = Expr("where", (finite, magnitude, _int32(0)), int32)
        if summed:
            largest = Expr("reduce", (largest,), int32, ("max", summed))
        power = Expr("bitwise_and", (largest, _int32(0x7F800000)), int32)
        # its inverse must be a normal number, too
        power = Expr("minimum", (Expr("maximum", (power, _int32(0x00800000)), int32), _int32(0x7E800000)), int32)
        sizes = [operand.shape[d] for d in kept]
        place = row_major(list(kept), sizes, axis)
        slot = self._write(sizes, float32, prod(sizes), place, Expr("bitcast", (power,), float32))
        return Scale(slot, kept, dict(zip(kept, sizes)))

    def restore(self, a: Scale, b: Scale) -> None:
        """Takes the operands' factors out of the finished sum."""
        axis = {k: Expr("axis", (), int64, k) for k in self.kernel.outputs}
        powers = tuple(s.power({d: axis[k] for d, k in s.kept.items()}) for s in (a, b))
        both = Expr("mul", powers, float32)
        total = Expr("mul", (Expr("accumulator", (), float32), Expr("literal", (), float32, 4.0**-_RANGE)), float32)
        self.kernel = replace(self.kernel, epilogue=_with_sum(self.kernel.epilogue, Expr("mul", (total, both), float32)))


@dataclass(frozen=True)
class Scale:
    """A slot of powers of two: one for each position along the dimensions `kept` of an operand (dimension → output axis)."""

    slot: int
    kept: dict[int, int]
    sizes: dict[int, int]

    def power(self, axis: Mapping[int, Expr]) -> Expr:
        """The power of two at these positions by dimension: the largest power that isn't above the magnitudes there."""
        order = list(self.kept)
        return Expr("load", (row_major(order, [self.sizes[d] for d in order], axis),), float32, self.slot)

    def apply(self, value: Expr, axis: Mapping[int, Expr]) -> Expr:
        """The operand's value there in float16's range. Two products: the inverse alone can be near the largest number."""
        inverse = Expr("sub", (_int32(0x7F000000), _bits(self.power(axis))), int32)
        value = Expr("mul", (value, Expr("bitcast", (inverse,), float32)), float32)
        return Expr("mul", (value, Expr("literal", (), float32, 2.0**_RANGE)), float32)


def _with_sum(epilogue: Expr, total: Expr) -> Expr:
    """The epilogue with an expression of the sum in the sum's place."""

    def visit(e: Expr, args: tuple[Expr, ...]) -> Expr:
        if e.op == "accumulator":
            return total
        return e if args == e.args else Expr(e.op, args, e.dtype, e.param)

    return rebuild(epilogue, visit)
