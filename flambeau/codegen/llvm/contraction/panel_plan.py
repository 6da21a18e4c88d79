"""Which panels: a register tile, blocks of the sum and of columns, and who packs what; with an estimate of cycles.

What is chosen depends on the powers of two that traced extents lie between, no more. May import the builder and the
contraction's other parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import gcd

from flambeau.codegen.llvm.contraction.form import Form, epilogue_axes
from flambeau.codegen.llvm.contraction.micro import Tile, register_tile
from flambeau.codegen.llvm.contraction.pack import Panels
from flambeau.codegen.llvm.contraction.panel import Panel
from flambeau.codegen.llvm.contraction.panel_columns import Columns
from flambeau.codegen.llvm.contraction.roles import Roles, ceiling, roles, size_of
from flambeau.codegen.llvm.target import Target
from flambeau.codegen.llvm.values import memory_type

__all__ = ["panel_cycles", "plan_panel"]

_FEW_ROWS = 64
"""With so many rows at most the right operand is packed before…"""
_KEPT = 0.2
"""How much copying counts that is mostly found done, since the operand is a weight."""


def panel_cycles(plan: Panel, threads: int) -> float:
    """What the plan is expected to take the busiest thread."""
    form, r, tile = plan.form, plan.roles, plan.tile
    extents = form.typical_extents
    columns, batch, terms = size_of(extents, r.columns), size_of(extents, r.batch), size_of(extents, r.summed)
    panels = ceiling(size_of(extents, r.rows), tile.height)
    term = max(tile.height * tile.width / 2, (tile.height + tile.width) / 2, 4.0) + 0.3
    tiles = panels * ceiling(columns, tile.width * plan.lanes) * (terms * term + tile.height * tile.width * 3 + 15)
    inner = extents[plan.columns.inner]
    chunks, step = ceiling(inner, plan.lanes), abs(r.right.strides[plan.columns.inner])
    each = 6 if step == 1 else 9 if step == 2 or plan.columns.turns else 40
    copied = terms * (columns // inner) * (8 + each * chunks)
    return batch * (tiles + copied * (_KEPT if plan.shared else 1)) / threads


def plan_panel(form: Form, target: Target, threads: int) -> Panel | None:
    """The schedule's plan, or None where it has nothing to offer: too little reuse, or no columns for the lanes."""
    r = roles(form)
    if not r.columns or not r.rows or not r.summed:
        return None
    choice = _Choice(form, r, target, threads)
    if choice.rows < 2 or choice.count < choice.lanes // 2:
        return None
    return choice.plan


@dataclass(frozen=True)
class _Choice:
    """What is chosen for a form, one thing after another, by its typical extents."""

    form: Form
    roles: Roles
    target: Target
    threads: int

    @cached_property
    def extents(self) -> tuple[int, ...]:
        return self.form.typical_extents

    @cached_property
    def rows(self) -> int:
        return size_of(self.extents, self.roles.rows)

    @cached_property
    def count(self) -> int:
        """Columns."""
        return size_of(self.extents, self.roles.columns)

    @cached_property
    def terms(self) -> int:
        return size_of(self.extents, self.roles.summed)

    @cached_property
    def batch(self) -> int:
        return size_of(self.extents, self.roles.batch)

    @cached_property
    def lanes(self) -> int:
        return self.target.lanes(8 * self.form.sum_bytes)

    @cached_property
    def line(self) -> int:
        """Columns of a line."""
        return self.extents[self.roles.columns[-1]]

    @cached_property
    def line_axes(self) -> tuple[int, ...]:
        return self.roles.columns[:-1]

    @cached_property
    def tile(self) -> Tile:
        is_one_line = not self.line_axes and self.line <= 1024
        return register_tile(self.rows, self.target.registers, vectors=ceiling(self.line, self.lanes) if is_one_line else 0)

    # --- who packs the left operand

    @cached_property
    def in_place(self) -> bool:
        """Whether the left operand can be read where it lies: one step from a row to the next, and terms beside each other, as
        numbers of the sum's type."""
        r, view = self.roles, self.roles.left
        if self.form.is_traced or len(r.rows) != 1 or len(r.summed) != 1 or view.checks or view.strides[r.summed[0]] != 1:
            return False
        return memory_type(view.type) == self.form.sum_type

    @cached_property
    def own(self) -> bool:
        return not self.form.is_traced and Panels(self.form, self.roles, self.tile.height, self.roles.summed).is_beside

    @cached_property
    def shared(self) -> bool:
        """Whether it is the right operand that is packed before: for few rows, of which each thread packs all in its cache."""
        form, r = self.form, self.roles
        is_product = r.batch == () and len(r.columns) == 1 and not form.b.checks and not form.a.checks
        packed = ceiling(self.rows, self.tile.height) * self.tile.height * self.terms * form.sum_bytes
        return is_product and self.is_single and packed <= self.target.l1 and self.rows <= _FEW_ROWS

    # --- the sum: blocks of which a tile of the right operand nearly fits the first cache (it streams well from the second), or
    # does with the panel beside it, where panels are packed between

    @cached_property
    def _most_terms(self) -> int:
        room = self.target.l1 // 2 if self.own else 2 * self.target.l1
        return max(16, room // (self.tile.width * self.lanes * self.form.sum_bytes))

    @cached_property
    def split(self) -> int:
        """The axis that is cut."""
        split, inside = self.roles.summed[-1], 1
        while split > self.roles.summed[0] and inside * self.extents[split] < self._most_terms:
            inside *= self.extents[split]
            split -= 1
        return split

    @cached_property
    def inside(self) -> int:
        """Terms for one step of it."""
        return size_of(self.extents, [k for k in self.roles.summed if k > self.split])

    @cached_property
    def step(self) -> int:
        """Steps of it in a block."""
        length = self.extents[self.split]
        if self.split == self.roles.summed[0] and self.terms <= 2 * self._most_terms:
            return length
        blocks = ceiling(length, min(length, max(1, self._most_terms // self.inside)))
        return ceiling(length, blocks)

    @cached_property
    def is_single(self) -> bool:
        """Whether the sum is one block."""
        return self.split == self.roles.summed[0] and self.step == self.extents[self.split]

    # --- columns: blocks that fit the second cache with their sums

    @cached_property
    def _cache(self) -> int:
        """Numbers of which half the second cache is full."""
        return self.target.l2 // 2 // self.form.sum_bytes

    @cached_property
    def widest(self) -> int:
        """Most columns of a block."""
        sums = 0 if self.is_single or self.own else self.rows  # a few panels' at a time of those that are packed then
        return max(4 * self.lanes, min(1024, self._cache // (self.step * self.inside + sums)))

    @cached_property
    def span(self) -> bool:
        """Whether a block's lines stay within the last axis of lines: the only one, or one with enough columns for a block."""
        if len(self.line_axes) < 2:
            return bool(self.line_axes)
        return self.extents[self.line_axes[-1]] * self.line >= min(self.widest, 512)

    @cached_property
    def lines_there(self) -> int:
        """Lines that blocks are cut from: those of an image with `span`."""
        return size_of(self.extents, self.line_axes[-1:] if self.span else self.line_axes)

    @cached_property
    def images(self) -> int:
        """How many times there are so many."""
        return self.batch * (size_of(self.extents, self.line_axes) // self.lines_there)

    @cached_property
    def has_whole_lines(self) -> bool:
        """Whether a block is some lines, and not a part of one."""
        return self.line < self.widest and bool(self.line_axes)

    @cached_property
    def segment(self) -> int:
        """Columns of a line in a block."""
        if self.has_whole_lines:
            return self.line
        parts = ceiling(self.line, self.widest)
        if not (self.in_place or self.own) or parts > 1:  # else threads share the rows, so that each is read by one of them
            parts = _balanced(parts, self.threads, self.batch * size_of(self.extents, self.line_axes))
        return min(self.line, ceiling(ceiling(self.line, parts), self.lanes) * self.lanes)

    @cached_property
    def lines(self) -> int:
        """Lines of a block: as many for each, and of whole tiles where that costs little."""
        if not self.has_whole_lines:
            return 1
        count = self.lines_there
        lines = max(1, min(count, self.widest // self.line))
        lines = max(1, ceiling(count, _balanced(ceiling(count, lines), self.threads, self.images)))
        unit = self.tile.width * self.lanes
        even = unit // gcd(unit, self.line)
        is_cut = even <= lines and lines - lines % even >= lines * 0.7 and count > 3 * lines
        return lines - lines % even if is_cut else lines

    @cached_property
    def groups(self) -> int:
        """Into how many parts the rows are cut."""
        panels = ceiling(self.rows, self.tile.height)
        units = self.images * ceiling(self.lines_there, self.lines) * ceiling(self.line, self.segment)
        if self.in_place or self.own:
            return min(panels, _balanced(1, self.threads, units))
        return min(panels, ceiling(self.threads, units)) if units < self.threads else 1

    # --- all of it

    @cached_property
    def columns(self) -> Columns:
        """The blocks, in the form's own extents: what is whole is so for every length."""
        extents, inner = self.form.extents, self.roles.columns[-1]
        spanned = self.line_axes[-1:] if self.span else self.line_axes
        return Columns(
            self.form,
            self.roles,
            self.lanes,
            size_of(extents, spanned) if self.lines == self.lines_there else self.lines,
            extents[inner] if self.segment == self.line else self.segment,
            self.span,
            self.split,
            extents[self.split] if self.step == self.extents[self.split] else self.step,
        )

    @cached_property
    def fused(self) -> bool:
        """Whether sums can go from registers to the epilogue: they are whole, and a block's columns lie in line where it reads
        and writes."""
        lines, segment, inner = self.columns.lines, self.columns.segment, self.columns.inner
        if not self.is_single or lines == 1:
            return self.is_single
        views = [self.form.out, *(v for _, v in self.form.loads)]
        in_line = self.span and all(v.strides[self.line_axes[-1]] == segment * v.strides[inner] for v in views)
        return in_line and not epilogue_axes(self.form) & {inner, *self.line_axes}

    @property
    def plan(self) -> Panel:
        is_left_packed = not self.shared
        return Panel(
            self.tile,
            self.columns,
            self.groups,
            self.fused,
            self.shared,
            self.in_place and is_left_packed,
            self.own and is_left_packed,
        )


def _balanced(blocks: int, threads: int, others: int) -> int:
    """A number of blocks, at least `blocks`, that `threads` share evenly."""
    if others * blocks >= 8 * threads:
        return blocks
    while (others * blocks) % threads:
        blocks += 1
    return blocks
