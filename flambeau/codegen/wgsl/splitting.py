"""Long reductions with few results, in two shaders: partial results of many stretches, then their combination.

One workgroup alone can't read memory at the GPU's speed. May import `flambeau.dtypes`, `kernels.ir` and `codegen.wgsl`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from flambeau.codegen.wgsl.target import Target
from flambeau.dtypes import bool_, dtype, float32, int64
from flambeau.kernels.ir import Expr, LoopKernel, Slot, Store
from flambeau.kernels.traverse import rebuild, walk

__all__ = ["split_reductions"]

_LONG = 1 << 14
_FEW = 256
_IDENTITY = {"sum": 0, "prod": 1, "any": False, "all": True}


def _index(value: int) -> Expr:
    return Expr("literal", (), int64, value)


def _plus(a: Expr, b: Expr) -> Expr:
    return Expr("add", (a, b), int64)


def _times(a: Expr, b: int) -> Expr:
    return a if b == 1 else Expr("mul", (a, _index(b)), int64)


def split_reductions(kernel: LoopKernel, target: Target, same: Sequence[int]) -> list[tuple[LoopKernel, tuple[int, ...]]]:
    """The kernels to run instead of `kernel`, in order, each with its map of slots that share a buffer."""
    same = tuple(same)
    if target.is_software:
        return [(kernel, same)]
    stages: list[tuple[LoopKernel, tuple[int, ...]]] = []
    extents = dict(enumerate(kernel.axes))
    while True:
        long = _find(kernel, extents)
        if long is None:
            return [*stages, (kernel, same)]
        first, kernel = _split(kernel, long)
        same = (*same, len(same))
        stages.append((first, same))


def _find(kernel: LoopKernel, extents: dict[int, int]) -> Expr | None:
    parallel = frozenset(extents)
    candidates = []
    for e in walk([s.value for s in kernel.stores]):
        if e.op == "reduce" and e.param[0] in _IDENTITY | {"max": 0, "min": 0}.keys() and e.axes <= parallel:
            length = prod(n for _, n in e.param[1])
            rows = prod(extents[a] for a in e.axes)
            if length >= _LONG and rows <= _FEW and not any(x.op == "scan" for x in walk([e])):
                candidates.append(e)
    # one that needs no other long reduction comes first
    for e in candidates:
        if not any(other is not e and other in set(walk([e])) for other in candidates):
            return e
    return None


def _split(kernel: LoopKernel, e: Expr) -> tuple[LoopKernel, LoopKernel]:
    """(a kernel that stores partial results of `e`, `kernel` with `e` replaced by their combination)."""
    kind, axes = e.param
    length = prod(n for _, n in axes)
    rows = sorted(e.axes)
    row_count = prod(kernel.axes[a] for a in rows)
    chunks = max(2, min(length // 2048, 1024 // row_count))
    # the longest axis is cut; the others stay
    cut_axis, cut_extent = max(axes, key=lambda a: a[1])
    chunks = min(chunks, cut_extent)
    stretch = -(-cut_extent // chunks)
    chunks = -(-cut_extent // stretch)
    body = e.args[0]
    partial_type: dtype = float32 if body.dtype.itemsize < 4 and body.dtype.category == 2 else body.dtype
    fresh = 1 + max([a for x in _axes_of(kernel) for a in x] + [len(kernel.axes)])
    row_axis = {axis: i for i, axis in enumerate(rows)}
    chunk_axis, inside = Expr("axis", (), int64, len(rows)), Expr("axis", (), int64, fresh)
    place = _plus(_times(chunk_axis, stretch), inside)
    renamed: dict[int, Expr] = {axis: Expr("axis", (), int64, i) for axis, i in row_axis.items()}
    new_axes = []
    for axis, extent in axes:
        if axis == cut_axis:
            renamed[axis] = place
            new_axes.append((fresh, stretch))
        else:
            fresh_axis = fresh + 1 + len(new_axes)
            renamed[axis] = Expr("axis", (), int64, fresh_axis)
            new_axes.append((fresh_axis, extent))
    inner_bound = fresh + len(axes) + 2
    value = _substitute(body, renamed, {"next": inner_bound})
    if partial_type is not body.dtype:
        value = Expr("cast", (value,), partial_type)
    if cut_extent % stretch:
        inside_range = Expr("lt", (place, _index(cut_extent)), bool_)
        value = _masked(value, inside_range, kind)
    partial = Expr("reduce", (value,), partial_type, (kind, tuple(new_axes)))
    index: Expr = _index(0)
    for axis in rows:
        index = _plus(_times(index, kernel.axes[axis]), Expr("axis", (), int64, row_axis[axis]))
    slot = len(kernel.slots)
    scratch = Slot(partial_type, row_count * chunks, "out")
    slots = (*(Slot(s.dtype, s.size, "in") for s in kernel.slots), scratch)
    first = LoopKernel(
        (*(kernel.axes[a] for a in rows), chunks),
        slots,
        (Store(slot, _plus(_times(index, chunks), chunk_axis), partial),),
    )
    read_index: Expr = _index(0)
    for axis in rows:
        read_index = _plus(_times(read_index, kernel.axes[axis]), Expr("axis", (), int64, axis))
    step = Expr("axis", (), int64, fresh)
    loaded = Expr("load", (_plus(_times(read_index, chunks), step),), partial_type, slot)
    combined = Expr("reduce", (loaded,), e.dtype if partial_type is body.dtype else partial_type, (kind, ((fresh, chunks),)))
    if combined.dtype is not e.dtype:
        combined = Expr("cast", (combined,), e.dtype)
    stores = tuple(Store(s.slot, s.index, _replace(s.value, e, combined), s.mode, s.guard, s.is_scatter) for s in kernel.stores)
    second = LoopKernel(kernel.axes, (*kernel.slots, Slot(partial_type, row_count * chunks, "in")), stores)
    return first, second


def _masked(value: Expr, condition: Expr, kind: str) -> Expr:
    """`value` where `condition` holds, else what leaves the reduction as it is; loads are masked, not only their values."""
    d = value.dtype
    if kind in _IDENTITY:
        neutral = Expr("literal", (), d, _IDENTITY[kind])
    elif d.category == 2:
        neutral = Expr("literal", (), d, float("-inf") if kind == "max" else float("inf"))
    elif d.category == 0:
        neutral = Expr("literal", (), d, kind == "min")
    else:
        bits = 8 * d.itemsize
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if d.is_signed else (0, (1 << bits) - 1)
        neutral = Expr("literal", (), d, low if kind == "max" else high)
    return Expr("where", (condition, _mask_loads(value, condition), neutral), d)


def _mask_loads(value: Expr, condition: Expr) -> Expr:
    def visit(e: Expr, args: tuple[Expr, ...]) -> Expr:
        if e.op == "load" and condition.axes & e.axes:
            mask = condition if len(args) == 1 else Expr("bitwise_and", (args[1], condition), bool_)
            return Expr("load", (args[0], mask), e.dtype, e.param)
        return e if args == e.args else Expr(e.op, args, e.dtype, e.param)

    return rebuild(value, visit)


def _axes_of(kernel: LoopKernel) -> list[list[int]]:
    return [[axis for axis, _ in e.param[1]] for e in walk([s.value for s in kernel.stores]) if e.op == "reduce"]


def _substitute(root: Expr, axes: dict[int, Expr], counter: dict[str, int]) -> Expr:
    """`root` with axes replaced; axes bound by reductions inside get new numbers."""
    inner: dict[int, int] = {}

    def visit(e: Expr, args: tuple[Expr, ...]) -> Expr:
        if e.op == "axis":
            if e.param in axes:
                return axes[e.param]
            if e.param not in inner:
                inner[e.param] = counter["next"] + len(inner)
            return Expr("axis", (), e.dtype, inner[e.param])
        if e.op == "reduce":
            kind, bound = e.param
            renumbered = tuple((inner.setdefault(a, counter["next"] + len(inner)), n) for a, n in bound)
            return Expr("reduce", args, e.dtype, (kind, renumbered))
        return e if args == e.args else Expr(e.op, args, e.dtype, e.param)

    return rebuild(root, visit)


def _replace(root: Expr, old: Expr, new: Expr) -> Expr:
    return rebuild(root, lambda e, args: new if e is old else e if args == e.args else Expr(e.op, args, e.dtype, e.param))
