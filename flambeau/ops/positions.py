"""Positions that depend on values: where a mask is true, and in which of several pieces each place is.

May import what `flambeau.ops` may.
"""

from __future__ import annotations

from array import array
from itertools import compress

from flambeau.dtypes import dtype, int32, int64
from flambeau.graph.primitives.elementwise import WHERE
from flambeau.graph.primitives.indexing import EITHER_END, SCATTER
from flambeau.graph.primitives.scan import SCAN
from flambeau.ops.operands import cast, filled
from flambeau.ops.slicing import slice_dim
from flambeau.tensor import Tensor, from_bytes

__all__ = ["flat_positions", "pieces"]

_apply = Tensor._apply


def _counts(n: int) -> dtype:
    """The dtype of numbers up to n: of int32, vectors hold twice as many."""
    return int32 if n < 1 << 31 else int64


_SHORT = 1024
"""Elements of a mask that is gone through in Python."""


def flat_positions(mask: Tensor) -> Tensor:
    """Where a vector of bools is true (int64). Computes the mask: the result's size is its number of true elements.

    Each true element knows its place in the result from the running count; scattering the positions there compacts them. Where
    few of many are true, each place in the result searches the running count instead. A short mask, which has to be looked at
    anyway, is gone through here.
    """
    from flambeau.ops.creation import iota
    from flambeau.ops.sorting import searchsorted

    n = mask._shape[0]
    device = mask._storage.device
    if n == 0:
        return mask.new_empty((0,), dtype=int64)
    if n <= _SHORT and device != "meta":
        found = array("q", compress(range(n), mask._bytes()))
        return from_bytes(found, int64, (len(found),), device)
    mask, type = mask.detach(), _counts(n)
    ends = _apply(SCAN, (cast(mask, type),), (0, "sum"))
    count = int(slice_dim(ends, 0, n - 1, 1).item())
    if _SPARSE * count <= n and n >= _LONG:
        return searchsorted(ends, cast(iota(count, int64, device) + 1, type))
    places = cast(_apply(WHERE, (mask, ends - 1, filled(count, type, device, (n,)))), int64)
    slots = filled(0, int64, device, (count + 1,))
    return slice_dim(_apply(SCATTER, (slots, places, iota(n, int64, device)), (0, "set", EITHER_END)), 0, 0, count)


_SPARSE, _LONG = 32, 1 << 15
"""Elements for each true one, and elements, from which searches take less time than scattering, as measured."""


def pieces(starts: Tensor, total: int) -> Tensor:
    """Which of the pieces that begin at `starts` (int64, ascending from 0; empty ones where the next begins) each of `total`
    positions is in, int64: how many have begun up to there."""
    (count,), device = starts._shape, starts._storage.device
    type = _counts(max(count, total))
    begun = (filled(0, type, device, (total + 1,)), starts, filled(1, type, device, (count,)))
    marks = slice_dim(_apply(SCATTER, begun, (0, "add", EITHER_END)), 0, 0, total)
    return cast(_apply(SCAN, (marks,), (0, "sum")) - 1, int64)
