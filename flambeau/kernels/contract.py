"""From operations to contraction kernels: operands read through movement operations, elementwise users as the epilogue.

May import `flambeau.dtypes`, `flambeau.graph` and `flambeau.kernels`.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from math import prod

from flambeau.dtypes import float32, int64
from flambeau.graph.node import PRIMITIVES
from flambeau.kernels.index import Index, Space, constant
from flambeau.kernels.ir import Affine, ContractionKernel, Expr, Operand, Slot
from flambeau.kernels.lower import Lowering, Unfusable, moved
from flambeau.kernels.operation import MOVEMENT, Operation

__all__ = ["View", "trace", "contracts", "images", "lower_contraction"]


class View:
    """Memory read at one position a dimension: `position / every`, and zero outside or between."""

    def __init__(self, base: Operation, positions: tuple[Index, ...], every: tuple[int, ...]) -> None:
        self.base, self.positions, self.every = base, positions, every


def trace(space: Space, operation: Operation, index: tuple[Index, ...], memory: Container[int]) -> View:
    """Follows movement operations down to an operation in `memory`, or to the last that an affine, zero-padded view can reach."""
    positions, every = index, (1,) * len(index)
    padded = [False] * len(index)
    while operation.number not in memory and operation.name in MOVEMENT:
        (source,) = operation.inputs
        name, params = operation.name, operation.params
        if name == "pad":
            low, _, interior, value = params
            if value != 0 or any(e > 1 and (a or gap) for e, a, gap in zip(every, low, interior)):
                break
            positions = tuple(space.add(i, constant(-a)) for i, a in zip(positions, low))
            every = tuple(e * (gap + 1) for e, gap in zip(every, interior))
            for d, (i, n, e) in enumerate(zip(positions, source.shape, every)):
                padded[d] = padded[d] or e > 1 or space.within(i, 0, n) is not True
        elif not any(padded):
            after = moved(space, operation, positions)
            if any(space.affine(i) is None for i in after):
                break
            positions, every, padded = after, (1,) * len(after), [False] * len(after)
        else:
            carried = _carry(operation, padded)
            if carried is None:
                break
            after = moved(space, operation, positions)  # of a padded dimension as it is: a reshape may wrap what is outside
            after = tuple(i if d is None or not padded[d] else positions[d] for i, d in zip(after, carried))
            if any(space.affine(i) is None for i in after):
                break
            positions = after
            every = tuple(1 if d is None else every[d] for d in carried)
            padded = [d is not None and padded[d] for d in carried]
        operation = source
    return View(operation, positions, every)


def _carry(operation: Operation, padded: Sequence[bool]) -> list[int | None] | None:
    """For each dimension of the operand the padded dimension of the result it simply is (None: not padded).

    None where a padded dimension is changed by the movement, so that its zeros can't be told below it.
    """
    name, params = operation.name, operation.params
    source = operation.inputs[0].shape
    rank = len(source)
    result: list[int | None] = [None] * rank
    if name == "permute":
        for i, d in enumerate(params[0]):
            result[d] = i
    elif name in ("expand", "slice", "window"):
        for d in range(rank):
            same = {
                "expand": lambda d: source[d] == operation.shape[d],
                "slice": lambda d: params[0][d] == 0 and params[1][d] == 1 and operation.shape[d] == source[d],
                "window": lambda d: d not in params[0],
            }[name](d)
            result[d] = d if same else None
    elif name == "reshape":
        ends_out = _boundaries(operation.shape)
        ends_in = _boundaries(source)
        for d in range(rank):
            for o in range(len(operation.shape)):
                if ends_in[d] == ends_out[o] and source[d] == operation.shape[o] and source[d] != 1:
                    result[d] = o
    else:
        return None
    kept = {d for d in result if d is not None}
    if any(is_padded and o not in kept for o, is_padded in enumerate(padded)):
        return None
    return result


def _boundaries(shape: Sequence[int]) -> list[int]:
    """The number of elements before the end of each dimension's run: where it stands in the row-major order."""
    result, size = [], 1
    for n in shape:
        size *= n
        result.append(size)
    return result


class _Epilogue(Lowering):
    """Pulls the elementwise users of a contraction, which itself is the accumulator."""

    core: Operation
    core_index: tuple[Index, ...] | None

    def start(self) -> None:
        super().start()
        self.core_index = None

    def visit_contract(self, operation: Operation, index: tuple[Index, ...], mask: frozenset) -> Expr:  # type: ignore[override]
        if operation is not self.core or mask or self.core_index not in (None, index):
            raise Unfusable(operation)
        if any(self.space.affine(i) is None for i in index) and not self.space.splits:
            raise Unfusable(operation)
        self.core_index = index
        if operation.dtype.itemsize == 2:
            return Expr("cast", (Expr("accumulator", (), float32),), operation.dtype)
        return Expr("accumulator", (), operation.dtype)


def lower_contraction(
    core: Operation, result: Operation, memory: Container[int], heights: Sequence[int]
) -> tuple[ContractionKernel, list[Operation]]:
    """The kernel of contraction `core` with what leads from it to `result` as its epilogue; and the operation of each slot.

    Raises `Unfusable`: with `core` when the epilogue can't be one, with an operand's operation when it must be in memory.
    """
    lowering = _Epilogue(result.shape, memory, heights)
    lowering.core = core
    for _ in range(16):
        start = lowering.index_of(result.shape)
        lowering.computed = {result.number: start}
        epilogue = lowering.pull(result, start)
        if lowering.core_index is None:
            raise Unfusable(core)
        at: dict[int, Index] = dict(zip(core.params[2], lowering.core_index))
        sizes: dict[int, int] = {}
        for labels, source in zip(core.params, core.inputs):
            sizes.update(zip(labels, source.shape))
        summed = [label for label in sizes if label not in at]
        index, _ = lowering.reduce_axes(core, summed, sizes)  # type: ignore[arg-type]
        at.update(zip(summed, index))
        views = [
            trace(lowering.space, x, tuple(at[label] for label in labels), memory) for x, labels in zip(core.inputs, core.params)
        ]
        if not lowering.refine():
            break
        lowering.start()
    space = lowering.space
    for view in views:
        if view.base.number not in memory:
            raise Unfusable(view.base)
    assert lowering.core_index is not None
    if any(space.affine(i) is None for i in lowering.core_index):
        raise Unfusable(core)
    if not _is_plain(epilogue):
        raise Unfusable(core)
    operands = [_operand(space, view, lowering.slot(view.base)) for view in views]
    extents = [1] * len(lowering.owners)
    for axis, extent in space.extents.items():
        extents[axis] = extent
    operations = [*sorted(lowering.slots, key=lambda o: lowering.slots[o]), result]
    slots = tuple(Slot(o.dtype, o.size, "out" if o is result else "in") for o in operations)
    kernel = ContractionKernel(tuple(extents), tuple(lowering.parallel), operands[0], operands[1], epilogue, slots)
    return kernel, operations


def _is_plain(epilogue: Expr) -> bool:
    """Whether an epilogue is elementwise operations on the sum and on memory read at affine positions."""
    seen, stack = set(), [epilogue]
    while stack:
        e = stack.pop()
        if e in seen:
            continue
        seen.add(e)
        if e.op == "load":
            if len(e.args) > 1:
                return False
            stack.extend(e.args)
        elif e.op in ("floor_divide", "remainder") and e.dtype is int64:
            return False  # a position that is not affine
        elif e.op not in ("axis", "literal", "accumulator"):
            if e.op not in PRIMITIVES or PRIMITIVES[e.op].kind != "elementwise":
                return False
            stack.extend(e.args)
    return True


def _operand(space: Space, view: View, slot: int) -> Operand:
    positions = []
    for i, every in zip(view.positions, view.every):
        terms = space.affine(i)
        assert terms is not None
        positions.append(Affine(i[0], tuple(sorted(terms.items())), every))
    return Operand(slot, view.base.shape, tuple(positions))


SMALL = 1 << 17
"""Products up to which a matrix times a vector (or one for each of a batch) is done by loops, whose code serves every size."""


def contracts(operation: Operation) -> bool:
    """Whether the contraction kernel is the way to compute this contraction: floating-point, something is summed, and it is large
    or reads something more than once."""
    if operation.name != "contract" or operation.dtype.category != 2 or operation.size == 0:
        return False
    a, b, out = operation.params
    sizes = {label: n for labels, source in zip((a, b), operation.inputs) for label, n in zip(labels, source.shape)}
    summed = prod(n for label, n in sizes.items() if label not in out)
    sides = [prod(sizes[label] for label in out if label not in other) for other in (a, b)]
    if summed <= 1:
        return False
    return min(sides) > 1 or summed * operation.size > SMALL or any(map(_is_windowed, operation.inputs))


def _is_windowed(operation: Operation) -> bool:
    while operation.name in MOVEMENT:
        if operation.name == "window":
            return True
        operation = operation.inputs[0]
    return False


def images(operation: Operation) -> tuple[Operation, ...]:
    """The operands of a contraction in which windows of several elements slide over images: those that are images, not weights.

    One is the windows; the other, in the gradient to a weight, the result's gradient. Empty where nothing slides, as in a 1×1
    convolution, which is a matrix product in any layout.
    """
    if operation.name != "contract":
        return ()
    for at, (windows, labels) in enumerate(zip(operation.inputs, operation.params)):
        if windows.name == "window" and prod(windows.params[1]) > 1:
            taps = labels[-len(windows.params[0]) :]
            is_weight = not set(taps).isdisjoint(operation.params[1 - at])
            return (windows,) if is_weight else (windows, operation.inputs[1 - at])
    return ()
