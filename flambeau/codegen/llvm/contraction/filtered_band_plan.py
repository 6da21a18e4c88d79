"""Which filtered band: a register tile, and tile lines for a block, by an estimate of cycles.

May import the contraction's other parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from flambeau.codegen.llvm.contraction.band import WRITTEN_OUT
from flambeau.codegen.llvm.contraction.filtered_band import FilteredBand
from flambeau.codegen.llvm.contraction.form import Form
from flambeau.codegen.llvm.contraction.roles import Roles, ceiling, roles, size_of
from flambeau.codegen.llvm.contraction.track import find_track
from flambeau.codegen.llvm.contraction.windows import windows
from flambeau.codegen.llvm.contraction.winograd_taps import Side
from flambeau.codegen.llvm.target import Target
from flambeau.kernels.filtering import minimal

__all__ = ["filtered_bands", "plan_filtered_band"]

_LONGEST = 1024
"""Most columns of a line."""
_LINES = (1, 2, 3, 4, 6, 8, 12, 16, 28, 56)
"""How many tile lines a block has, as far as that is looked at."""


def filtered_bands(form: Form, target: Target) -> Iterator[FilteredBand]:
    """A plan of one tile line a block and a register tile of one vector, or none where the form isn't a window over floating
    point that slides by single steps and has two or three taps from line to line: with more, or with strides, the sums at the
    end and the writing of more lines take what the products save."""
    r = roles(form)
    lanes = target.lanes(8 * form.sum_bytes)
    if not form.a.type.is_floating_point or not form.size or not form.terms or not r.rows or not r.columns or lanes < 4:
        return
    line, _ = windows(form, r)
    if line is None or (line.dilation, line.stride) != (1, 1) or form.extents[line.axis] < 2 or form.extents[line.taps] > 3:
        return
    side = Side(line.axis, line.taps, minimal(form.extents[line.taps]))
    inner = find_track(form, r, r.columns[-1], (line.taps,))
    if not _slides_last(r, side, inner.tap) or r.right.strides[r.columns[-1]] < 1 or inner.step != 1:
        return
    if form.extents[r.columns[-1]] > _LONGEST or any(c.every != 1 for c in r.right.checks):
        return
    yield FilteredBand(form, r, side, inner, lanes, 1, 1, 1, 1)


def _slides_last(r: Roles, side: Side, tap: int | None) -> bool:
    """Whether the taps along lines are the last of the summed axes but those of the side."""
    rest = [k for k in r.summed if k != side.taps]
    return tap is None or rest[-1] == tap


def plan_filtered_band(form: Form, target: Target, threads: int) -> tuple[float, FilteredBand] | None:
    """The plan, with the cycles that it is expected to take the busiest thread, or None where it has nothing to offer."""
    best: tuple[float, FilteredBand] | None = None
    for band in filtered_bands(form, target):
        for lines in _LINES:
            if lines >= 2 * band.line_count:
                break
            block = replace(band, lines=min(lines, band.line_count))
            if block.bytes > target.l2 // 2:
                break
            for height, width in _tiles(band, target):
                tiled = replace(block, height=height, width=width)
                cost, groups = _cycles(tiled, target, threads)
                if best is None or cost < best[0]:
                    best = cost, replace(tiled, groups=groups)
    return best


def _tiles(band: FilteredBand, target: Target) -> Iterator[tuple[int, int]]:
    """Register tiles (rows, vectors) that are worth a look."""
    for height in range(1, min(band.taps.rows, 8) + 1):
        for width in range(1, min(4, ceiling(band.length, band.lanes)) + 1):
            if band.taps.points * height * width + width + 1 <= target.registers:
                yield height, width


def _cycles(band: FilteredBand, target: Target, threads: int) -> tuple[float, int]:
    """What the busiest thread takes, and into how many groups the rows are best cut: numbers that fit what was measured on an
    Emerald Rapids."""
    taps, filtering, inner = band.taps, band.side.filtering, band.inner
    extents, r = band.form.extents, band.roles
    copying = band.depth * band.lines * band.pitch // band.lanes * (16 + 3 * filtering.pixels + 5 * filtering.points)

    is_far = band.depth * band.planes * band.form.sum_bytes > target.l1 * 3 // 4

    def tile(width: int) -> float:
        count = band.height * width
        terms = band.depth * inner.taps * filtering.points
        off_lines = 1.5 * (2 - 1 / inner.taps)  # a vector off its alignment is two loads, which are rarely all hidden
        loads = width * off_lines + band.height * (1.0 if width > 1 else 0.5)
        written = filtering.points * count * inner.taps <= WRITTEN_OUT
        term = max(count / 2, loads / 2, 4.0 / filtering.points) + (0.2 if written else 0.8) + (0.6 * width if is_far else 0.0)
        return terms * term + count * (0.7 * filtering.points + 1.2 * filtering.outputs) + 5

    strips, rest = divmod(ceiling(band.length, band.lanes), band.width)
    panel = band.lines * (strips * tile(band.width) + (tile(rest) if rest else 0.0))
    fixed = {*r.batch, *r.columns} - {band.axis, r.columns[-1]}
    units = size_of(extents, sorted(fixed)) * ceiling(band.line_count, band.lines)
    groups = min(taps.panels, ceiling(threads, units)) if units < threads else 1
    turns = ceiling(units, threads) if units < 8 * threads else units / threads
    full = band.line_count / (ceiling(band.line_count, band.lines) * band.lines)
    return turns * full * (copying + panel * ceiling(taps.panels, groups) + 100), groups
