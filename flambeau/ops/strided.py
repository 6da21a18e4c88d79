"""Windows, diagonals, and views by any strides. May import what `flambeau.ops` may."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from flambeau.autograd.modes import state
from flambeau.autograd.tape import GradientFunction
from flambeau.graph.primitives.movement import AS_STRIDED, PERMUTE, RESHAPE, SLICE, WINDOW
from flambeau.ops.composite import untaped
from flambeau.ops.operands import check_tensor, sizes
from flambeau.ops.registry import operator
from flambeau.ops.slicing import slice_dim
from flambeau.ops.views import permuted, reshaped
from flambeau.shapes import views as rules
from flambeau.shapes.dims import wrap_dim
from flambeau.shapes.views import unfold as unfold_rule
from flambeau.tensor import Tensor, View

__all__ = ["as_strided", "diagonal", "unfold", "whole_memory"]


@operator(namespace=None)
def unfold(self: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Windows of `size` elements every `step` along a dimension, the window's elements last."""
    own = tuple(self._shape)
    shape = unfold_rule(own, dimension, size, step)
    if not own:
        return reshaped(self, (1,), (1,)) if size == 1 else slice_dim(reshaped(self, (1,), (1,)), 0, 0, size)
    d, strides = wrap_dim(dimension, len(own)), self.stride()
    steps = (*strides[:d], strides[d] * step, *strides[d + 1 :], strides[d])
    if size == 0:
        return self.new_empty(shape)
    return self._view(WINDOW, ((d,), (size,), (step,), (1,)), shape, steps, self._offset)


@operator()
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonals of the planes (dim1, dim2), put last, `offset` above the main one; a view.

    >>> torch.arange(9).reshape(3, 3).diagonal()
    tensor([0, 4, 8])
    """
    shape = tuple(check_tensor(input, "diagonal", "input")._shape)
    return input._viewed(_diagonal(shape, input.stride(), input._offset, offset, dim1, dim2))


@lru_cache(1 << 10)
def _diagonal(own: tuple[int, ...], strides: tuple[int, ...], start: int, offset: int, dim1: int, dim2: int) -> View:
    """The block whose main diagonal this is, flat, every (n+1)-th element. What is in between is not seen by anyone."""
    shape = rules.diagonal(own, offset, dim1, dim2)
    a, b = wrap_dim(dim1, len(own)), wrap_dim(dim2, len(own))
    order = (*(d for d in range(len(own)) if d not in (a, b)), a, b)
    first_row, first_column = max(-offset, 0), max(offset, 0)
    *lead, n = shape
    nowhere, ones = (0,) * len(lead), (1,) * len(lead)
    steps = (
        (PERMUTE, (order,)),
        (SLICE, ((*nowhere, first_row, first_column), (*ones, 1, 1), (*lead, n, n), tuple(own[d] for d in order))),
        (RESHAPE, ((*lead, n * n), (*lead, n, n))),
        (SLICE, ((*nowhere, 0), (*ones, n + 1), shape, (*lead, n * n))),
    )
    start += first_row * strides[a] + first_column * strides[b] if n else 0
    return View(steps, shape, (*(strides[d] for d in order[:-2]), strides[a] + strides[b]), start, "Diagonal")


def whole_memory(t: Tensor) -> Tensor:
    """All elements of the memory that a tensor views, in one dimension."""
    root = t if t._strides is None or t._base is None or t._base._storage is not t._storage else t._base
    order = None if root._strides is None else root._memory_order()
    if order is not None:
        root = permuted(root, order.order)
    elif root._strides is not None:
        root = t._without_tape()
        root._shape, root._strides, root._offset, root._node_version = (t._storage.size,), None, 0, -1
        root._base = t._base
    return root if len(root._shape) == 1 else reshaped(root, (root._storage.size,), (1,))


@operator(inplace=False)
def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """Any window into the memory that a tensor views: element (i…) is element storage_offset + Σ i·stride of it.

    >>> torch.arange(6).as_strided((2, 3), (1, 2))
    tensor([[0, 2, 4],
            [1, 3, 5]])
    """
    shape, strides = sizes("as_strided", (size,)), sizes("as_strided", (stride,), "stride")
    offset = input.storage_offset() if storage_offset is None else storage_offset
    if len(shape) != len(strides):
        raise RuntimeError("mismatch in length of strides and shape")
    if any(s < 0 for s in strides):
        raise RuntimeError(
            f"as_strided: Negative strides are not supported at the moment, got strides: [{', '.join(map(str, strides))}]"
        )
    if any(n < 0 for n in shape):
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}")
    if offset < 0:
        raise RuntimeError("as_strided: Negative storage offset is not supported at the moment")
    last = offset + 1 + sum((n - 1) * s for n, s in zip(shape, strides))
    total = input._storage.size
    if 0 not in shape and last > total:
        item = input.dtype.itemsize
        raise RuntimeError(
            f"setStorage: sizes {list(shape)}, strides {list(strides)}, storage offset {offset}, and itemsize {item} requiring a "
            f"storage size of {last * item} are out of bounds for storage of size {total * item}"
        )
    if not (state.enabled and input.requires_grad) or input._strides is None or input._memory_order() is not None:
        return whole_memory(input)._view(AS_STRIDED, (shape, strides, offset, total), shape, strides, offset)
    with untaped():
        node = AS_STRIDED((whole_memory(input)._value(),), (shape, strides, offset, total))
    view = input._alias(node, shape, strides, offset)
    view._requires_grad, view._grad_fn = True, AsStridedBackward0(input, (shape, strides, offset, total))
    return view


class AsStridedBackward0(GradientFunction):
    """The tape entry of a window into memory of which its input sees a part: the gradient goes where the input's elements lie.

    As in PyTorch, elements of the window that the input doesn't see have no gradient, and a place that the input sees several
    times gives an equal share to each.
    """

    __slots__ = ("window", "own")

    def __init__(self, input: Tensor, window: tuple[Any, ...]) -> None:
        super().__init__((input._edge(),))
        self.window, self.own = window, (tuple(input._shape), input.stride(), input.storage_offset(), window[-1])

    def backward(self, gradients: list[Any]) -> tuple[Tensor]:
        flat, own = _onto_memory(gradients[0], self.window), self.own
        if any(s == 0 and n > 1 for n, s in zip(own[0], own[1])):
            flat = flat / _onto_memory(flat.new_ones(own[0]), own).clamp_min(1)
        return (Tensor._apply(AS_STRIDED, (flat,), own),)


def _onto_memory(t: Tensor, window: tuple[Any, ...]) -> Tensor:
    """All of the memory, flat, with the sum of the elements of a window at each place."""
    assert AS_STRIDED.gradient is not None
    (flat,) = AS_STRIDED.gradient(t, None, (), window)
    return flat


@operator(namespace=None)
def fill_diagonal_(self: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Writes a number on the main diagonal; with `wrap` it goes on after as many rows as columns."""
    shape = tuple(self._shape)
    if len(shape) < 2:
        raise RuntimeError("dimensions must larger than 1")
    if len(shape) > 2 and len(set(shape)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    step = sum(self.stride())
    n, start = min(shape), self.storage_offset()
    as_strided(self, (n,), (step,), start).fill_(fill_value)
    if wrap and len(shape) == 2 and shape[0] > shape[1] + 1:
        rest = -(-(shape[0] * shape[1]) // (shape[1] + 1)) - n
        as_strided(self, (rest,), (step,), start + self.stride(0) * (shape[1] + 1)).fill_(fill_value)
    return self


@operator()
def as_strided_scatter(input: Tensor, src: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """input with `src` written where `as_strided` reads."""
    result = input.clone()
    as_strided(result, size, stride, storage_offset).copy_(src)
    return result
