"""Which sides of a convolution to filter, and how to cut it into blocks, by an estimate of cycles.

May import the contraction's other parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from math import prod

from flambeau.codegen.llvm.contraction.form import Form
from flambeau.codegen.llvm.contraction.micro import Tile, register_tiles
from flambeau.codegen.llvm.contraction.roles import Roles, ceiling, roles, size_of
from flambeau.codegen.llvm.contraction.tiles import lines_together, lines_within
from flambeau.codegen.llvm.contraction.windows import Window, windows
from flambeau.codegen.llvm.contraction.winograd import Winograd
from flambeau.codegen.llvm.contraction.winograd_taps import Side
from flambeau.codegen.llvm.target import Target
from flambeau.dtypes import float32
from flambeau.kernels.filtering import F4, PLAIN, minimal

__all__ = ["filtered_sides", "plan_winograd"]

_GROUP = 32
"""About how many result channels are multiplied before their sums are transformed, where the second cache holds the patches."""
_HALF = 0.5
"""What part of the second cache patches may take before taps and sums on their way through push some of them out…"""
_REFETCHED = 1.0
"""…and how much longer products with them take for each further part, since every group of channels reads them again."""
_LEAST = 768 << 10
"""So many bytes a block's patches may take even where that is more than the second cache: shorter blocks would read the taps too
often."""
_SUMS = 16
"""Bytes of all channels' sums that are written and read again in a cycle: more than the second cache holds with the patches."""
_WIDEST = 4
"""Most vectors of columns of a register tile…"""
_FEW = 6
"""…and so many vectors that a block may have no more, so that the tile should be chosen for them."""
_MOST_PLANES = 144
"""Transformed values of a tile: more would be too much code."""


def plan_winograd(form: Form, target: Target, threads: int) -> tuple[float, Winograd] | None:
    """The plan, with the cycles that it is expected to take the busiest thread, or None where the form isn't a dense window over
    floating point, or filtering has nothing to offer."""
    if not form.a.type.is_floating_point or not form.size or not form.terms:
        return None
    r = roles(form)
    lanes = target.lanes(8 * form.sum_bytes)
    if not r.rows or not r.columns or lanes < 4:
        return None
    sides = list(filtered_sides(form, r, target))
    tiles = register_tiles(size_of(form.extents, r.rows), target.registers, _WIDEST, _FEW)
    plans = [
        _blocked(form, r, *both, tile, in_groups, target, threads)
        for both in sides
        for tile in tiles
        for in_groups in (True, False)
    ]
    return min((plan for plan in plans if plan is not None), key=lambda plan: plan[0], default=None)


def filtered_sides(form: Form, r: Roles, target: Target) -> Iterator[tuple[Side, Side]]:
    """The vertical and horizontal sides of tiles that have fewer products than outputs and taps."""
    rough = target.may_round and form.a.type is float32
    line, inner = windows(form, r)

    def sides(w: Window | None) -> list[Side]:
        if w is None or w.dilation != 1:
            return []
        taps = form.extents[w.taps]
        filterings = [minimal(taps, w.stride), *([F4] if rough and (taps, w.stride) == (3, 1) else [])]
        return [Side(w.axis, w.taps, filtering) for filtering in filterings]

    verticals = [Side(None, None, PLAIN), *sides(line)]
    horizontals = [Side(r.columns[-1], None, PLAIN), *sides(inner)]
    for vertical in verticals:
        for horizontal in horizontals:
            filters = (vertical.filtering, horizontal.filtering)
            planes = prod(f.terms for f in filters)
            if planes <= _MOST_PLANES and planes < prod(f.outputs * f.taps for f in filters):
                yield vertical, horizontal


def _blocked(
    form: Form, r: Roles, vertical: Side, horizontal: Side, tile: Tile, in_groups: bool, target: Target, threads: int
) -> tuple[float, Winograd] | None:
    """The plan of these sides whose slowest thread takes the fewest cycles: vectors should be full, strips whole, and the threads
    have equal shares. Every block reads the taps again; every group of result channels its patches, unless not `in_groups`. None
    where the second cache has no room for a group."""
    lanes = target.lanes(8 * form.sum_bytes)
    rows = size_of(form.extents, r.rows)
    panels = ceiling(rows, tile.height)
    one = Winograd(form, r, vertical, horizontal, tile, lanes, 1, panels)
    depth, planes, points, wide = one.depth, one.planes, one.points, one.wide
    outputs = vertical.filtering.outputs * horizontal.filtering.outputs
    budget = max(target.l2 * 5 // 8, _LEAST) // form.sum_bytes
    group = ceiling(panels, ceiling(panels, max(1, _GROUP // tile.height))) if in_groups else panels
    room = budget // (planes * depth + (points * group * tile.height if in_groups else 0))
    if room < tile.width * lanes and in_groups:
        return None
    room = max(tile.width * lanes, room)
    line_count, batch = prod(one.line_extents), size_of(form.extents, r.batch)
    most = max(1, min(line_count, room // wide))

    def multiplied(width: int) -> float:
        each = depth * planes * (max(tile.height * width / 2, (tile.height + width) / 2, 4.0) + 0.5)
        return panels * (each + points * (tile.height * width * 1.5 + 10))

    def cost(lines: int, shortest: int, longest: int) -> float:
        strips, rest = divmod(ceiling(lines * wide, lanes), tile.width)
        products = strips * multiplied(tile.width) + (multiplied(rest) if rest else 0)
        if in_groups:
            patch_bytes = depth * replace(one, blocks=ceiling(line_count, longest)).stride(planes) * form.sum_bytes
            products *= 1 + _REFETCHED * max(0.0, patch_bytes / target.l2 - _HALF)
        else:
            products += points * rows * lines * wide * 2 * form.sum_bytes / _SUMS
        together = lines_together(wide, lanes, shortest, longest, planes)
        vectors = ceiling(lines, together) * ceiling(together * wide, lanes)
        patches = depth * planes * vectors * (7 if together == longest or together * wide % lanes == 0 else 11)
        within = lines_within(wide, lanes)
        sums = rows * ceiling(lines, within) * ceiling(within * wide, lanes) * (2.0 * points + 3.0 * outputs)
        return products + patches + sums + panels * planes * depth * tile.height / 8

    def slowest(blocks: int) -> float:
        shortest, longer = divmod(line_count, blocks)
        longest = shortest + 1 if longer else shortest
        short, long = cost(shortest, shortest, longest), cost(longest, shortest, longest) if longer else 0.0
        units = batch * blocks
        if units >= 16 * threads:
            return batch * (longer * long + (blocks - longer) * short) / threads
        ends = [b * line_count // blocks for b in range(blocks + 1)]
        each = [short if after - before == shortest else long for before, after in pairwise(ends)]
        shares = [range(t * units // threads, (t + 1) * units // threads) for t in range(threads)]
        return max(sum(each[u % blocks] for u in share) for share in shares)

    fewest = ceiling(line_count, most)
    counts: Sequence[int] = range(fewest, min(line_count, 4 * fewest + threads) + 1)
    if len(counts) > 16 * threads:  # of the many, those that differ in their longest block
        counts = sorted({ceiling(line_count, ceiling(line_count, n)) for n in counts})
    blocks = min(counts, key=slowest)
    return slowest(blocks), Winograd(form, r, vertical, horizontal, tile, lanes, blocks, group)
