"""Lowering, once for each kind of piece: equal pieces of graphs give equal kernels.

A network repeats its blocks, a plan for its second step is mostly that of its first, and fusion tries the same kernels several
times. So what a piece lowers to is remembered under what lowering can see of it: the operations from the kernel's results down
to memory, as they are wired. Pieces with traced sizes are lowered anew each time, so that what is asked about the sizes is noted.
May import `flambeau.kernels`, `flambeau.dtypes`, `flambeau.traced`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Container, Iterable, Sequence
from typing import Any, TypeVar

from flambeau.kernels import attention, contract, lower
from flambeau.kernels.ir import AttentionKernel, ContractionKernel, LoopKernel
from flambeau.kernels.lower import Unfusable, Write
from flambeau.kernels.operation import Operation
from flambeau.traced import Traced

__all__ = ["lower_attention", "lower_contraction", "lower_loops"]

K = TypeVar("K")
_REMEMBERED = 2048
"""How many pieces are remembered; when there are more the oldest half goes."""
_FORMS = 1 << 16
"""How many kinds of operations have numbers; when there are more all are forgotten."""

_known: dict[tuple[Any, ...], tuple[Any, tuple[int, ...]]] = {}
"""By piece: the kernel, and the place of each slot's operation among the piece's; or None and the one that must be in memory."""
_forms: dict[Any, int] = {}
_numbers = itertools.count(1)
"""Of forms: never used again, so that what was remembered under forgotten ones is never found."""


class _IsTraced(Exception):
    """There are traced numbers in a piece."""


def lower_loops(writes: Sequence[Write], memory: Container[int], heights: Sequence[int]) -> tuple[LoopKernel, list[Operation]]:
    """See `lower.lower_loops`."""
    roots: list[Operation] = []
    own: set[int] = set()
    parts: list[Any] = ["loops"]
    for w in writes:
        roots += (w.target, w.value)
        parts += (w.kind, w.corner, w.row)
        if w.kind == "all":
            own.add(w.target.number)
        elif w.kind == "scatter":
            roots.append(w.target.inputs[1])
        if w.kind in ("assign", "scatter"):
            parts.append(w.target.params)
    return _lowered(parts, roots, own, memory, heights, lambda: lower.lower_loops(writes, memory, heights))


def lower_contraction(
    core: Operation, result: Operation, memory: Container[int], heights: Sequence[int]
) -> tuple[ContractionKernel, list[Operation]]:
    """See `contract.lower_contraction`."""
    return _lowered(
        ["contraction"], [result, core], {result.number}, memory, heights,
        lambda: contract.lower_contraction(core, result, memory, heights),
    )  # fmt: skip


def lower_attention(roots: Sequence[Operation], memory: Container[int]) -> tuple[AttentionKernel, list[Operation]]:
    """See `attention.lower_attention`."""
    own = {root.number for root in roots}
    return _lowered(["attention"], roots, own, memory, None, lambda: attention.lower_attention(roots, memory))


def _lowered(
    parts: Sequence[Any],
    roots: Sequence[Operation],
    own: Container[int],
    memory: Container[int],
    heights: Sequence[int] | None,
    make: Callable[[], tuple[K, list[Operation]]],
) -> tuple[K, list[Operation]]:
    """What `make` gives, or raises, for a piece: now, or for an equal one before.

    A piece is `parts` and the operations under `roots`: those in `memory` have no operands there unless they are the kernel's
    `own`. Of `heights` counts which are equal.
    """
    try:
        piece, order, place = _piece(parts, roots, own, memory, heights)
    except _IsTraced:
        return make()
    found = _known.get(piece)
    if found is None:
        try:
            kernel, operations = make()
            found = kernel, tuple([place[o] for o in operations])
        except Unfusable as error:
            found = None, (place[error.operation],)
        if len(_known) >= _REMEMBERED:
            for old in list(_known)[: _REMEMBERED // 2]:
                _known.pop(old, None)
        _known[piece] = found
    made, places = found
    if made is None:
        raise Unfusable(order[places[0]])
    return made, [order[at] for at in places]


def _piece(
    parts: Sequence[Any], roots: Iterable[Operation], own: Container[int], memory: Container[int], heights: Sequence[int] | None
) -> tuple[tuple[Any, ...], list[Operation], dict[Operation, int]]:
    """What stands for a piece; its operations in the order in which they are met, and their places in that."""
    place: dict[Operation, int] = {}
    order: list[Operation] = []
    levels: dict[int, int] = {}
    kinds: list[Any] = []
    _look(tuple(parts), kinds)
    key = [*parts, *kinds]
    find, meet, note = place.setdefault, order.append, key.append
    met = 0
    for o in roots:
        at = find(o, met)
        note(at)
        if at == met:
            meet(o)
            met += 1
    for o in order:  # grows while it is walked
        if o.number in memory and o.number not in own:
            note(-(o.stored or _stored(o)))
            continue
        note(o.computed or _computed(o))
        if heights is not None and (o.kind == "reduction" or o.kind == "contraction"):
            note(levels.setdefault(heights[o.number], len(levels)))
        for i in o.inputs:
            at = find(i, met)
            note(at)
            if at == met:
                meet(i)
                met += 1
    return tuple(key), order, place


def _computed(o: Operation) -> int:
    """A number for what an operation is but for its operands."""
    kinds: list[Any] = []
    _look((o.shape, o.params), kinds)
    o.computed = found = _form((o.name, o.params, o.shape, o.dtype, *kinds))
    return found


def _stored(o: Operation) -> int:
    """A number for how the operation's value lies in memory."""
    _look(o.shape, [])
    o.stored = found = _form((o.shape, o.dtype))
    return found


def _form(whole: tuple[Any, ...]) -> int:
    found = _forms.get(whole)
    if found is None:
        if len(_forms) >= _FORMS:
            _forms.clear()
        found = _forms[whole] = next(_numbers)
    return found


def _look(item: Any, kinds: list[Any]) -> None:
    """Collects what equal numbers differ in (1, 1.0 and True; 0.0 and -0.0); raises `_IsTraced`."""
    if item.__class__ is int:
        kinds.append(int)
    elif isinstance(item, tuple):
        for x in item:
            _look(x, kinds)
    elif isinstance(item, Traced):
        raise _IsTraced
    else:
        kinds.append(repr(item) if isinstance(item, float) else item.__class__)
