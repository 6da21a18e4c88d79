"""The taps of minimal filtering (`kernels.filtering`), transformed once into panels: a `Pack` phase.

May import `codegen.llvm` and the contraction's building, elements, filtering, form and roles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

from flambeau.codegen.llvm.contraction.building import Building
from flambeau.codegen.llvm.contraction.elements import pointers, read, read_flat
from flambeau.codegen.llvm.contraction.filtering import transform
from flambeau.codegen.llvm.contraction.form import Check, Form
from flambeau.codegen.llvm.contraction.roles import PHASE, Roles, ceiling, place, share, size_of, unravel
from flambeau.codegen.llvm.lowered import Pack
from flambeau.codegen.llvm.types import Int, Value
from flambeau.kernels.filtering import Filtering

__all__ = ["Side", "Taps", "output_bound"]


@dataclass(frozen=True)
class Side:
    """A side of the tiles: the axis that counts outputs along it (None: there is one), the summed axis of the taps (None: nothing
    slides), and how the one are made from the others."""

    axis: int | None
    taps: int | None
    filtering: Filtering


def output_bound(form: Form, side: Side) -> Check:
    """The bound that stops reads along the side's axes at what its outputs read: tiles reach past the last output where the
    outputs of a tile don't divide theirs."""
    filtering = side.filtering
    assert side.axis is not None
    terms = {side.axis: filtering.stride} if side.taps is None else {side.axis: filtering.stride, side.taps: 1}
    last = filtering.stride * (form.extents[side.axis] - 1) + filtering.taps
    return Check(0, tuple(terms.get(k, 0) for k in range(len(form.extents))), last)


@dataclass(frozen=True)
class Taps:
    """The taps of one form, filtered along two sides: panels of `height` rows, `group` of them together, as
    [batch][group of panels][point][panel][channel][term][row]."""

    form: Form
    roles: Roles
    vertical: Side
    horizontal: Side
    height: int
    group: int

    @property
    def rows(self) -> int:
        return size_of(self.form.extents, self.roles.rows)

    @property
    def panels(self) -> int:
        return ceiling(self.rows, self.height)

    @property
    def groups(self) -> int:
        return ceiling(self.panels, self.group)

    @property
    def channels(self) -> tuple[int, ...]:
        """Summed axes other than the taps."""
        return tuple(k for k in self.roles.summed if k not in (self.vertical.taps, self.horizontal.taps))

    @property
    def depth(self) -> int:
        """Channels in the sum."""
        return size_of(self.form.extents, self.channels)

    @property
    def tap_axes(self) -> tuple[int, ...]:
        return tuple(side.taps for side in (self.vertical, self.horizontal) if side.taps is not None)

    @property
    def points(self) -> int:
        return self.vertical.filtering.points * self.horizontal.filtering.points

    @cached_property
    def terms(self) -> list[list[tuple[int, int]]]:
        """For each point, the terms of both sides."""
        y, x = self.vertical.filtering, self.horizontal.filtering
        return [
            [(a, b) for a in range(y.terms) if y.places[a] == i for b in range(x.terms) if x.places[b] == j]
            for i in range(y.points)
            for j in range(x.points)
        ]

    @property
    def planes(self) -> int:
        """Terms of all points together."""
        return self.vertical.filtering.terms * self.horizontal.filtering.terms

    def in_order(self, values: Sequence[Sequence[Value]]) -> list[Value]:
        """Values for each pair of terms, in the order of `terms`."""
        return [values[a][b] for point in self.terms for a, b in point]

    @property
    def key(self) -> object:
        """Equal keys mean equal contents."""
        packed = (self.roles.batch, self.roles.rows, self.roles.summed)
        extents = tuple(self.form.extents[k] for axes in packed for k in axes)
        sides = [(side.taps, side.filtering) for side in (self.vertical, self.horizontal)]
        return type(self), *sides, self.height, self.group, self.roles.left, packed, extents

    def build(self, building: Building, name: str) -> Pack:
        """Adds the phase, and its block of scratch memory."""
        element = self.form.sum_type
        form, r, height = self.form, self.roles, self.height
        batch = [form.extents[k] for k in r.batch]
        plane = self.group * self.depth * height
        total = prod(batch) * self.groups * self.planes * plane
        block = building.scratch.own((total + 64) * self.form.sum_bytes)
        f = building.module.function(name, PHASE)
        memory = pointers(f, building.slots)
        source, packed = memory[r.left.slot], building.scratch.pointer(f, block)
        lanes = 1 << (height - 1).bit_length()
        y, x = self.vertical.filtering, self.horizontal.filtering

        def unit(u: Int, _: list[Value]) -> None:
            outer, panel = f.div(u, self.panels), f.rem(u, self.panels)
            index = place([0] * len(form.extents), r.batch, unravel(f, outer, batch))
            first = f.mul(panel, height)
            group = f.add(f.mul(outer, self.groups), f.div(panel, self.group))
            base = f.mul(group, self.planes * plane)
            within = f.mul(f.rem(panel, self.group), self.depth)

            def channel(c: Int, _: list[Value]) -> None:
                at = place(index, self.channels, unravel(f, c, [form.extents[k] for k in self.channels]))
                taps = []
                for i in range(y.taps):
                    line = []
                    for j in range(x.taps):
                        counts = [n for n, side in zip((i, j), (self.vertical, self.horizontal)) if side.taps is not None]
                        where = place(at, self.tap_axes, counts)
                        if len(r.rows) == 1:
                            whole = self.rows % height == 0 and lanes == height
                            count = lanes if whole else f.minimum(f.sub(self.rows, first), height)
                            where = place(where, r.rows, [first])
                            line.append(read(f, source, r.left, where, r.rows[0], lanes, count))
                        else:
                            line.append(read_flat(f, source, r.left, where, r.rows, form.extents, first, lanes))
                    taps.append(line)
                there = f.mul(f.add(within, c), height)
                mask = f.lane_mask(0, height, lanes)
                values = iter(self.in_order(transform(f, y.filter, x.filter, taps)))
                before = 0
                for point in self.terms:
                    here = f.address(packed, f.add(f.add(base, before * plane), f.mul(there, len(point))), element)
                    for n in range(len(point)):
                        f.masked_store(next(values), f.address(here, n * height, element), mask)
                    before += len(point)

            f.loop(0, self.depth, 1, channel)

        low, high = share(f, prod(batch) * self.panels)
        f.loop(low, high, 1, unit)
        f.finish()
        return Pack(name, r.left.slot, block, f.takes_sizes)
