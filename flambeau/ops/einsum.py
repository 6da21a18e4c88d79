"""`einsum`: sums of products over labelled dimensions, in string and sublist form. May import what `flambeau.ops` may."""

from __future__ import annotations

import string
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from flambeau.ops.matmul import contract
from flambeau.ops.operands import same_device
from flambeau.ops.registry import operator, scalar_name
from flambeau.ops.views import reshape
from flambeau.shapes import einsum as rules
from flambeau.shapes.errors import ShapeError
from flambeau.tensor import Tensor

__all__ = ["einsum"]


def _in_one_form(equation: Any, *operands: Any) -> tuple[Any, ...]:
    """The arguments of `einsum` as an equation and one operand after the other, if they are tensors."""
    if isinstance(equation, Tensor):
        equation, tensors = _from_sublists((equation, *operands))
        return equation, *tensors
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        return equation, *operands[0]
    return equation, *operands


@operator(method=False, remembered=True, seen=_in_one_form)
def einsum(equation: Any, *operands: Any) -> Tensor:
    """Sums of products over labelled dimensions: `einsum("bij,bjk->bik", a, b)`, or `einsum(a, [0, 1], b, [1, 2], [0, 2])`.

    A label that the output lacks is summed over, one that an operand repeats is its diagonal; `...` broadcasts. Several operands
    are contracted in a good order. Raises RuntimeError for labels or sizes that don't fit.

    >>> torch.einsum('ij,jk->ik', torch.ones(2, 3), torch.ones(3, 2))
    tensor([[3., 3.],
            [3., 3.]])
    >>> torch.einsum('bhqd,bhkd->bhqk', torch.ones(2, 4, 5, 8), torch.ones(2, 4, 7, 8)).shape
    torch.Size([2, 4, 5, 7])
    """
    equation, *tensors = _in_one_form(equation, *operands)
    if not tensors:
        raise ShapeError("einsum(): must provide at least one operand")
    for i, t in enumerate(tensors):
        if not isinstance(t, Tensor):
            raise TypeError(f"einsum(): argument 'operands' (position {i + 2}) must be Tensor, not {type(t).__name__}")
        if t.dtype is not tensors[0].dtype:
            raise RuntimeError(
                f"expected m1 and m2 to have the same dtype, but got: {scalar_name(tensors[0])} and {scalar_name(t)}"
            )
    _, moved = same_device(tensors)
    parsed = rules.parse(equation, len(tensors))
    sizes = rules.sizes(parsed, [tuple(t._shape) for t in tensors], text=equation)
    numbers: dict[Any, int] = {label: i for i, label in enumerate(sizes.labels)}
    extent = dict(zip(numbers.values(), sizes.labels.values()))
    rank = len(sizes.ellipsis)
    for d, size in enumerate(sizes.ellipsis):
        numbers["...", d] = len(numbers)
        extent[numbers["...", d]] = size

    def spelled(labels: Sequence[str], covered: int) -> list[int]:
        result: list[int] = []
        for label in labels:
            if label == rules.ELLIPSIS:
                result += [numbers["...", d] for d in range(rank - covered, rank)]
            else:
                result.append(numbers[label])
        return result

    parts = []
    for t, labels in zip(moved, parsed.inputs):
        named = len(labels) - (rules.ELLIPSIS in labels)
        parts.append(_prepared(t, spelled(labels, len(t._shape) - named), extent))
    output = spelled(parsed.output, rank)
    result, order = _contracted(parts, output, extent)
    return _arranged(result, order, output, extent)


def _from_sublists(arguments: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """The string form of `einsum(op1, labels1, op2, labels2, …[, labels])`."""
    tensors, sublists = list(arguments[0::2]), list(arguments[1::2])
    output = tensors.pop() if len(arguments) % 2 else None
    if len(sublists) > len(tensors):
        raise ShapeError("einsum(): expected a list of labels after each operand")

    def spelled(labels: Sequence[Any]) -> str:
        text = ""
        for label in labels:
            if label is Ellipsis:
                text += "..."
            elif isinstance(label, int) and 0 <= label < 52:
                text += (string.ascii_uppercase + string.ascii_lowercase)[label]
            else:
                raise ShapeError(f"einsum(): expected subscripts to be integers in [0, 52) or an Ellipsis, got {label!r}")
        return text

    equation = ",".join(spelled(s) for s in sublists)
    return equation if output is None else f"{equation}->{spelled(output)}", tensors


Part = tuple[Tensor, tuple[int, ...]]


def _prepared(t: Tensor, labels: list[int], extent: dict[int, int]) -> Part:
    """An operand with no repeated label (its diagonal) and no dimension of size 1 that another operand stretches."""
    position = 0
    while position < len(labels):
        label = labels[position]
        if label in labels[:position]:
            first = labels.index(label)
            t = t.diagonal(0, first, position)
            labels = [l for i, l in enumerate(labels) if i not in (first, position)] + [label]
            position = 0
            continue
        position += 1
    kept = [i for i, l in enumerate(labels) if t._shape[i] == extent[l]]
    if len(kept) != len(labels):
        t = reshape(t, tuple(t._shape[i] for i in kept))
    return t, tuple(labels[i] for i in kept)


def _summed(part: Part, others: set[int]) -> Part:
    """The operand without the labels that nobody else asks for."""
    t, labels = part
    gone = [i for i, l in enumerate(labels) if l not in others]
    if not gone:
        return part
    return t.sum(gone), tuple(l for l in labels if l in others)


def _contracted(parts: list[Part], output: list[int], extent: dict[int, int]) -> Part:
    for i, j in _order(tuple(labels for _, labels in parts), tuple(output), tuple(sorted(extent.items()))):
        second, first = parts.pop(max(i, j)), parts.pop(min(i, j))
        needed = set(output).union(*(labels for _, labels in parts))
        first = _summed(first, needed | set(second[1]))
        second = _summed(second, needed | set(first[1]))
        shared = [l for l in first[1] if l in second[1]]
        labels = [l for l in (*first[1], *(l for l in second[1] if l not in shared)) if l in needed]
        labels.sort(key=lambda l: output.index(l) if l in output else len(output))
        if any(l not in needed for l in shared):  # in memory, as in PyTorch: the batch, what is the first's, what is the second's
            labels.sort(key=lambda l: (l not in shared, l not in first[1]))
            t = contract(first[0], second[0], first[1], second[1], tuple(labels))
        else:  # nothing is summed: an ordinary product
            t = _arranged(*first, labels, extent) * _arranged(*second, labels, extent)
        parts.append((t, tuple(labels)))
    t, found = parts[0]
    if any(l not in output for l in found):  # summed in the output's order, which is then the memory's
        order = sorted(range(len(found)), key=lambda i: output.index(found[i]) if found[i] in output else len(output))
        return _summed((t.permute(order), tuple(found[i] for i in order)), set(output))
    return parts[0]


@lru_cache(maxsize=1024)
def _order(
    labels: tuple[tuple[int, ...], ...], output: tuple[int, ...], extent: tuple[tuple[int, int], ...]
) -> tuple[tuple[int, int], ...]:
    """Pairs of positions to contract, in turn; each result goes to the end."""
    n = len(labels)
    if n == 1:
        return ()
    if n == 2:
        return ((0, 1),)
    import opt_einsum

    sizes = dict(extent)

    def spelled(items: tuple[int, ...]) -> str:
        return "".join(opt_einsum.get_symbol(l) for l in items)

    equation = ",".join(spelled(items) for items in labels) + "->" + spelled(output)
    path, _ = opt_einsum.contract_path(equation, *(tuple(sizes[l] for l in items) for items in labels), shapes=True)
    result: list[tuple[int, int]] = []
    count = n
    for step in path:
        positions = sorted(step)
        while len(positions) > 2:  # three at once: two, then the rest
            result.append((positions[-2], positions[-1]))
            positions = [*positions[:-2], count - 2]
            count -= 1
        if len(positions) == 2:
            result.append((positions[0], positions[1]))
            count -= 1
    return tuple(result)


def _arranged(t: Tensor, labels: tuple[int, ...], output: list[int], extent: dict[int, int]) -> Tensor:
    """The tensor with its dimensions in the output's order, those it lacks of size 1, stretched."""
    order = [labels.index(l) for l in output if l in labels]
    if order != list(range(len(order))):
        t = t.permute(order)
    if len(labels) != len(output):
        t = reshape(t, tuple(extent[l] if l in labels else 1 for l in output))
        t = t.expand(tuple(extent[l] for l in output))
    return t
