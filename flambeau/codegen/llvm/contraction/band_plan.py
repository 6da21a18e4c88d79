"""Which band: a register tile, and lines for a block, by an estimate of cycles.

May import the builder and the contraction's other parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from flambeau.codegen.llvm.contraction.band import WRITTEN_OUT, Band, Shape, pieces
from flambeau.codegen.llvm.contraction.form import Form
from flambeau.codegen.llvm.contraction.roles import ceiling, roles, size_of
from flambeau.codegen.llvm.contraction.track import Track, find_track, is_banded
from flambeau.codegen.llvm.target import Target

__all__ = ["plan_band"]

_MOST_TAPS = 1024
_LONGEST = 512
"""Columns of a line in one block."""
_BLOCKS = (1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 28, 40, 56, 112)
"""Into how many blocks lines are cut, as far as that is looked at."""


@dataclass(frozen=True)
class _Costs:
    """What a block of lines takes, in cycles: numbers that fit what `benchmarks.contraction` measured on an Emerald Rapids."""

    plan: Band
    """With the block's lines; its tile doesn't matter here."""
    target: Target

    @cached_property
    def terms(self) -> int:
        return self.plan.packed.terms

    @cached_property
    def outer(self) -> int:
        return size_of(self.plan.form.extents, self.plan.outer)

    @cached_property
    def band_bytes(self) -> int:
        return self.outer * self.plan.planes * self.plan.form.sum_bytes

    @cached_property
    def copying(self) -> float:
        plan = self.plan
        each = 8 if plan.inner.step > 1 else 5
        phases = [(plan.line.reach(a), plan.inner.reach(b)) for a in plan.line.phases for b in plan.inner.phases]
        lines = sum(
            (plan.shape.lines + below) * (6 + each * ceiling(plan.segment + beside, plan.lanes)) for below, beside in phases
        )
        return self.outer * lines

    @cached_property
    def together(self) -> int:
        """Taps that a line's element is met by when all are written out."""
        return self.plan.line.taps if self.plan.line.step == 1 else 1

    def tile(self, height: int, tall: int, width: int, run: str) -> float:
        """One tile: two multiply-adds or two loads a cycle, a vector off its alignment being two loads; then its end."""
        plan, lanes = self.plan, self.plan.lanes
        if run == "across":
            vectors = height // lanes
            panel = self.terms * height * plan.form.sum_bytes
            stream = (
                0.0
                if panel <= self.target.l1 * 3 // 4
                else height * plan.form.sum_bytes / (24 if panel <= self.target.l2 // 8 else 14)
            )
            term = max(vectors * width / 2, (vectors + width) / 2, 4.0, stream) + 0.3
            return self.terms * term + vectors * lanes * (lanes.bit_length() + 2) + 15
        loads = width * (tall + self.together - 1) / self.together
        slow = 0.6 * width if self.band_bytes > self.target.l1 * 3 // 4 else 0.0
        count = height * tall * width
        busy = 1.0 if tall == 1 else 1.08 if 2 * count <= self.target.registers else 1.35  # the taps' weights want registers, too
        term = max(busy * count / 2, height / 2 + loads, 4.0) + 0.3 + slow
        return self.terms * term + count * (8.0 if run == "flat" else 2.0 if tall > 1 else 1.5) + 10

    def panel(self, height: int, tall: int, width: int, run: str) -> float:
        """All tiles of a block for one panel of rows."""
        plan, lines = self.plan, self.plan.shape.lines
        if run == "across":
            return lines * sum(n * self.tile(height, 1, w, run) for w, n in pieces(plan.segment, width) if n)

        def strips(tall: int, vectors: int) -> float:
            rest = vectors % width
            return vectors // width * self.tile(height, tall, width, run) + (self.tile(height, tall, rest, run) if rest else 0.0)

        if run == "flat":
            return strips(1, ceiling((lines - 1) * plan.pitch + plan.segment, plan.lanes))
        vectors = ceiling(plan.segment, plan.lanes)
        return lines // tall * strips(tall, vectors) + (lines % tall * strips(1, vectors) if lines % tall else 0.0)


def _tiles(rows: int, lanes: int, registers: int, taps: int, lined: bool, turns: bool) -> Iterator[tuple[int, int, int, str]]:
    """Register tiles (rows, lines, vectors or columns, run) that are worth a look: `lined` says whether there are several lines,
    `turns` whether rows may lie along lanes."""
    for height in sorted({ceiling(rows, n) for n in range(1, rows + 1)}):
        if height > registers // 2:
            break
        for width in range(1, 9):
            if height * width + width + 1 <= registers:
                yield height, 1, width, "line"
                yield height, 1, width, "flat"
            for tall in (2, 3, 4, 6, 8) if lined and height <= 2 else ():
                if height * tall * width + width + 1 <= registers and height * tall * width * taps <= WRITTEN_OUT:
                    yield height, tall, width, "line"
    for vectors in range(1, ceiling(rows, lanes) + 1 if turns else 0):
        for width in range(2, lanes + 1):
            if vectors * width + vectors + 1 <= registers and vectors <= 6:
                yield vectors * lanes, 1, width, "across"


def plan_band(form: Form, target: Target, threads: int, slides: bool = True) -> tuple[float, Band] | None:
    """The plan, with the cycles that it is expected to take the busiest thread, or None where a band has nothing to offer: where
    nothing slides, unless `slides` is False."""
    r = roles(form)
    if not r.columns or not r.summed:
        return None
    view, extents = r.right, form.extents
    inner = find_track(form, r, r.columns[-1])
    line = find_track(form, r, r.columns[-2], (inner.tap,)) if len(r.columns) > 1 else Track(None)
    if not is_banded(view, line, inner) or line.taps * inner.taps > _MOST_TAPS or (slides and line.tap is inner.tap is None):
        return None
    bits = 8 * form.sum_bytes
    lanes = target.lanes(bits)
    extent = extents[r.columns[-1]]
    if extent < lanes // 4 or lanes == 1:
        return None
    segment = extent
    if extent > _LONGEST:
        segment = ceiling(ceiling(extent, ceiling(extent, _LONGEST)), 2 * lanes) * 2 * lanes
    rows = size_of(extents, r.rows)
    count = extents[line.axis] if line.axis is not None else 1
    fixed = {*r.batch, *r.columns} - {line.axis, inner.axis}
    images = size_of(extents, sorted(fixed)) * ceiling(extent, segment)
    taps = line.taps * inner.taps
    # many rows with a few columns each are slow to write where the result's columns lie apart
    turns_well = segment == extent and 2 * rows > lanes and form.out.strides[r.columns[-1]] == 1
    tiles = list(_tiles(rows, lanes, target.registers, taps, count > 1, turns_well))
    best: tuple[float, Band] | None = None
    for lines in sorted({ceiling(count, n) for n in _BLOCKS}):
        costs = _Costs(Band(form, r, line, inner, lanes, segment, Shape(1, 1, 1, lines, "line"), 1), target)
        if costs.band_bytes > target.l2 // 2:
            continue
        units = images * ceiling(count, lines)
        full = count / (ceiling(count, lines) * lines)
        turns = ceiling(units, threads) if units < 8 * threads else units / threads
        for height, tall, width, run in tiles:
            if tall > lines or (run == "flat" and (segment != extent or extent % lanes == 0)):
                continue
            panels = ceiling(rows, height)
            groups = min(panels, ceiling(threads, units)) if units < threads else 1
            cost = turns * full * (costs.copying + costs.panel(height, tall, width, run) * ceiling(panels, groups) + 100)
            if best is None or cost < best[0]:
                best = cost, Band(form, r, line, inner, lanes, segment, Shape(height, tall, width, lines, run), groups)
    return best
