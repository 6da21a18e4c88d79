"""From operations to attention kernels: operands read through movement operations where those are strided views of memory.

May import `flambeau.graph` and `flambeau.kernels`.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from flambeau.graph.primitives.attention import Attention
from flambeau.kernels.index import Index, Space
from flambeau.kernels.ir import AttentionKernel, Slot, Strided
from flambeau.kernels.lower import Unfusable, moved
from flambeau.kernels.operation import MOVEMENT, Operation
from flambeau.size import contiguous_strides

__all__ = ["lower_attention"]


def lower_attention(roots: Sequence[Operation], memory: Container[int]) -> tuple[AttentionKernel, list[Operation]]:
    """The kernel that makes some parts of one attention, or of its gradients; and the operation of each slot.

    Raises `Unfusable` with an operand's operation when that must be in memory.
    """
    first = roots[0]
    attention: Attention = first.params[0]
    query, _, value = first.inputs[:3]
    tensors = len(first.inputs) - 2 * bool(attention.dropout)
    views = [_strided(o, memory) for o in first.inputs[:tensors]]
    operations: dict[Operation, int] = {}
    operands = tuple(Strided(operations.setdefault(o, len(operations)), offset, strides) for o, offset, strides in views)
    numbers = list(first.inputs[tensors:])
    for o in numbers:
        if o.number not in memory and o.name != "scalar":
            raise Unfusable(o)
    arguments = [*operations, *numbers, *roots]
    slots = tuple(Slot(o.dtype, o.size, "out" if o in roots else "in") for o in arguments)
    sizes = (query.shape[-2], value.shape[-2], query.shape[-1], value.shape[-1])
    parts = tuple(root.params[1] for root in roots)
    kernel = AttentionKernel(
        parts, query.shape[:-2], sizes, operands, *attention[:2], attention.has_mask, attention.dropout, slots
    )
    return kernel, arguments


def _strided(operation: Operation, memory: Container[int]) -> tuple[Operation, int, tuple[int, ...]]:
    """An operation in memory, and where the elements of the given one are in it: an offset, and a stride for each dimension."""
    space = Space()
    rank = len(operation.shape)
    index: tuple[Index, ...] = tuple(space.axis(d, n) for d, n in enumerate(operation.shape))
    while operation.number not in memory and operation.name in MOVEMENT and operation.name != "pad":
        before = moved(space, operation, index)
        if any(space.affine(i) is None for i in before):
            break
        (operation,), index = operation.inputs, before
    if operation.number not in memory:
        raise Unfusable(operation)
    offset, strides = 0, [0] * rank
    for i, stride in zip(index, contiguous_strides(operation.shape)):
        offset += i[0] * stride
        for axis, coefficient in (space.affine(i) or {}).items():
            strides[axis] += coefficient * stride
    return operation, offset, tuple(strides)
