"""The left operand in panels: [batch][rows/height][summed][height], zeros past the last row. A phase of its own, whose result is
kept while the operand doesn't change.

May import `codegen.llvm` and the contraction's elements and roles.
"""

from __future__ import annotations

from dataclasses import dataclass

from flambeau.codegen.llvm.builder import Module
from flambeau.codegen.llvm.contraction.elements import pointers, read, read_flat
from flambeau.codegen.llvm.contraction.form import Form
from flambeau.codegen.llvm.contraction.roles import (
    PHASE,
    Pack,
    Roles,
    Scratch,
    ceiling,
    place,
    share,
    size_of,
    unravel,
)
from flambeau.codegen.llvm.types import Int, Value

__all__ = ["Panels"]


@dataclass(frozen=True)
class Panels:
    """How a form's left operand is packed: `height` rows a panel, the terms in row-major order of the axes `summed`."""

    form: Form
    roles: Roles
    height: int
    summed: tuple[int, ...]

    @property
    def rows(self) -> int:
        return size_of(self.form.extents, self.roles.rows)

    @property
    def count(self) -> int:
        return ceiling(self.rows, self.height)

    @property
    def terms(self) -> int:
        return size_of(self.form.extents, self.summed)

    @property
    def key(self) -> object:
        """Equal keys mean equal contents."""
        packed = (*self.roles.batch, *self.roles.rows, *self.summed)
        extents = tuple(self.form.extents[k] for k in packed)
        return self.height, self.roles.left, packed, extents

    def build(self, module: Module, name: str, slots: int, scratch: Scratch) -> Pack:
        """Adds the phase, and its block of scratch memory."""
        r, height, extents = self.roles, self.height, self.form.extents
        lanes = 1 << (height - 1).bit_length()
        batches = size_of(extents, r.batch)
        block = scratch.own((batches * self.count * self.terms * height + 2 * max(16, lanes)) * self.form.sum_bytes)
        f = module.function(name, PHASE)
        source, packed = pointers(f, slots)[r.left.slot], scratch.pointer(f, block)

        def unit(u: Int, _: list[Value]) -> None:
            group, panel = f.div(u, self.count), f.rem(u, self.count)
            index = place([0] * len(extents), r.batch, unravel(f, group, [extents[k] for k in r.batch]))
            first = f.mul(panel, height)
            base = f.mul(u, self.terms * height)

            def nest(depth: int, index: list[Int], term: Int) -> None:
                if depth < len(self.summed):
                    axis, e = self.summed[depth], extents[self.summed[depth]]
                    f.loop(0, e, 1, lambda k, _: nest(depth + 1, place(index, [axis], [k]), f.add(f.mul(term, e), k)))
                    return
                if height == 1:
                    values = read(
                        f, source, r.left, place(index, r.rows, unravel(f, first, [extents[k] for k in r.rows])), None, 1
                    )
                elif len(r.rows) == 1:
                    whole = self.rows % height == 0 and lanes == height
                    count = lanes if whole else f.minimum(f.sub(self.rows, first), height)
                    values = read(f, source, r.left, place(index, r.rows, [first]), r.rows[0], lanes, count)
                else:
                    values = read_flat(f, source, r.left, index, r.rows, extents, first, lanes)
                target = f.address(packed, f.add(base, f.mul(term, height)), self.form.sum_type)
                f.masked_store(values, target, f.lane_mask(0, height, lanes))

            nest(0, index, 0)

        low, high = share(f, batches * self.count)
        f.loop(low, high, 1, unit)
        f.finish()
        return Pack(name, r.left.slot, block)
