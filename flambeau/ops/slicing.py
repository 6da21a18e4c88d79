"""Views of parts of a tensor: ranges, single indices, pieces. May import what `flambeau.ops` may."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from flambeau.autograd.entries import entitle
from flambeau.autograd.modes import state
from flambeau.autograd.tape import GradientFunction
from flambeau.graph.primitives.movement import CONCATENATE, PAD, RESHAPE, SLICE
from flambeau.layout import contiguous_format
from flambeau.ops.operands import check_tensor, dims_argument, integer
from flambeau.ops.registry import operator
from flambeau.shapes import views as rules
from flambeau.shapes.dims import wrap_dim
from flambeau.tensor import Tensor, View

__all__ = ["narrow", "pick", "select", "slice_dim", "slice_view", "split", "unbind"]


def slice_view(t: Tensor, starts: tuple[int, ...], steps: tuple[int, ...], lengths: tuple[int, ...]) -> Tensor:
    """Element i of dimension d is element starts[d] + i·steps[d]."""
    strides = t.stride()
    offset = t._offset
    for a, s, n in zip(starts, strides, lengths):
        if n:
            offset += a * s
    shape = tuple(t._shape)
    return t._view(SLICE, (starts, steps, lengths, shape), lengths, tuple([s * k for s, k in zip(strides, steps)]), offset)


def slice_dim(t: Tensor, dim: int, start: int, length: int, step: int = 1) -> Tensor:
    """`length` elements of one dimension."""
    shape = tuple(t._shape)
    rank = len(shape)
    zeros, ones = (0,) * rank, (1,) * rank
    return slice_view(
        t,
        (*zeros[:dim], start, *zeros[dim + 1 :]),
        (*ones[:dim], step, *ones[dim + 1 :]),
        (*shape[:dim], length, *shape[dim + 1 :]),
    )


@operator()
def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """`length` elements of dimension `dim` from `start`.

    >>> torch.arange(10).narrow(0, 2, 3)
    tensor([2, 3, 4])
    """
    if isinstance(start, Tensor) and (start._shape or start.dtype.category != 1):
        raise RuntimeError("start must be an 0-dim integral Tensor.")
    first = integer(start, "narrow", "start")
    shape = tuple(check_tensor(input, "narrow", "input")._shape)
    rules.narrow(shape, dim, first, length)
    d = wrap_dim(dim, len(shape))
    return slice_dim(input, d, first + shape[d] if first < 0 else first, length)


@operator(out="exact")
def narrow_copy(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """`narrow`, copied."""
    return narrow(input, dim, start, length).clone(memory_format=contiguous_format)


@operator()
def select(input: Tensor, dim: int, index: int) -> Tensor:
    """One index taken of dimension `dim`, which goes.

    >>> torch.arange(6).reshape(2, 3).select(1, 0)
    tensor([0, 3])
    """
    shape = tuple(check_tensor(input, "select", "input")._shape)
    if not shape:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    i = integer(index, "select", "index")
    rules.select(shape, dim, i)
    d = wrap_dim(dim, len(shape))
    return pick(input, d, i + shape[d] if i < 0 else i)


def pick(t: Tensor, dim: int, index: int) -> Tensor:
    """One index (counted from 0) of dimension `dim`, which goes."""
    return t._viewed(_picked(t._shape, t.stride(), t._offset, dim, index))


@lru_cache(1 << 12)
def _picked(shape: tuple[int, ...], strides: tuple[int, ...], offset: int, dim: int, index: int) -> View:
    shape, rank = tuple(shape), len(shape)
    starts = (*(0,) * dim, index, *(0,) * (rank - dim - 1))
    one, rest = (*shape[:dim], 1, *shape[dim + 1 :]), (*shape[:dim], *shape[dim + 1 :])
    steps = (SLICE, (starts, (1,) * rank, one, shape)), (RESHAPE, (rest, one))
    return View(steps, rest, (*strides[:dim], *strides[dim + 1 :]), offset + index * strides[dim], "Select")


@operator()
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The slices along a dimension, as a tuple of views.

    >>> torch.arange(6).reshape(2, 3).unbind()
    (tensor([0, 1, 2]), tensor([3, 4, 5]))
    """
    d = wrap_dim(dim, len(check_tensor(input, "unbind", "input")._shape), scalar=False)
    if input._shape[d] > _FEW:
        return _several([pick(input, d, i) for i in range(input._shape[d])], "Unbind")
    return _several([input._viewed(view) for view in _unbound(input._shape, input.stride(), input._offset, d)], "Unbind")


_FEW = 64
"""So many views are remembered together."""


@lru_cache(1 << 10)
def _unbound(shape: tuple[int, ...], strides: tuple[int, ...], offset: int, dim: int) -> list[View]:
    return [_picked(shape, strides, offset, dim, i) for i in range(shape[dim])]


def _several(views: Sequence[Tensor], title: str) -> tuple[Tensor, ...]:
    """The views that one function made at once, which may not be written while gradients are recorded."""
    for view in views:
        view._origin = view._origin or "several"
        if view._grad_fn is not None:
            entitle(view, title + "Backward0")
    return tuple(views)


_CUTS = {"sections": "indices_or_sections", "indices": "indices_or_sections"}


class SplitBackward0(GradientFunction):
    """The tape entry of a tensor cut into pieces: the pieces' gradients side by side."""

    __slots__ = ("shape", "dim", "lengths")

    def __init__(self, t: Tensor, dim: int, lengths: Sequence[int]) -> None:
        super().__init__((t._edge(),), len(lengths))
        self.shape, self.dim, self.lengths = tuple(t._shape), dim, lengths

    def backward(self, gradients: list[Any]) -> tuple[Tensor]:
        shape, dim = self.shape, self.dim
        given = [i for i, g in enumerate(gradients) if g is not None]
        if len(given) == 1:
            (i,) = given
            zero = (0,) * len(shape)
            low = sum(self.lengths[:i])
            high = shape[dim] - low - self.lengths[i]
            padding = ((*zero[:dim], low, *zero[dim + 1 :]), (*zero[:dim], high, *zero[dim + 1 :]), zero, 0)
            return (Tensor._apply(PAD, (gradients[i],), padding),)
        like = gradients[given[0]]
        parts = [
            like.new_zeros((*shape[:dim], n, *shape[dim + 1 :])) if g is None else g for g, n in zip(gradients, self.lengths)
        ]
        return (Tensor._apply(CONCATENATE, parts, (dim,)),)


def _pieces(t: Tensor, dim: int, lengths: Sequence[int]) -> tuple[Tensor, ...]:
    is_taped = state.enabled and t.requires_grad and t._storage.dtype.category >= 2
    entry = SplitBackward0(t, dim, tuple(lengths)) if is_taped else None
    (value, before), strides = t._unfollowed(), t.stride()
    result: list[Tensor] = []
    origin = t._origin or ("several" if state.enabled else "no_grad")
    for params, shape, offset in _cuts(tuple(t._shape), strides, t._offset, dim, tuple(lengths)):
        view = t._alias((value, (*before, (SLICE, params))), shape, strides, offset)
        view._origin = origin
        if entry is not None:
            view._requires_grad, view._grad_fn, view._output_index = True, entry, len(result)
        result.append(view)
    return tuple(result)


@lru_cache(1 << 12)
def _cuts(shape: tuple[int, ...], strides: tuple[int, ...], offset: int, dim: int, lengths: tuple[int, ...]) -> Any:
    """Of each piece the parameters of the slice, its shape and where it begins."""
    zeros, ones, start, found = (0,) * len(shape), (1,) * len(shape), 0, []
    for n in lengths:
        piece = (*shape[:dim], n, *shape[dim + 1 :])
        at = offset + (start * strides[dim] if n else 0)
        found.append((((*zeros[:dim], start, *zeros[dim + 1 :]), ones, piece, shape), piece, at))
        start += n
    return found


@operator(also={"split_size": "split_size_or_sections", "split_sizes": "split_size_or_sections"})
def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces of `split_size` elements (the last may be smaller), or of the given lengths, as views.

    >>> torch.arange(5).split(2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    >>> torch.arange(5).split([1, 4])
    (tensor([0]), tensor([1, 2, 3, 4]))
    """
    from flambeau.shapes.joining import split_sizes

    shape = tuple(check_tensor(tensor, "split", "tensor")._shape)
    wanted = dims_argument(split_size_or_sections)
    lengths = split_sizes(shape, wanted, dim)
    return _pieces(tensor, wrap_dim(dim, len(shape)), lengths)


@operator()
def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces of the given lengths."""
    return split(input, tuple(split_sizes), dim)


@operator()
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` pieces of ⌈size / chunks⌉ elements, as views.

    >>> torch.arange(5).chunk(2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    from flambeau.shapes.joining import chunk_sizes

    shape = tuple(check_tensor(input, "chunk", "input")._shape)
    lengths = chunk_sizes(shape, integer(chunks, "chunk", "chunks"), dim)
    return _pieces(input, wrap_dim(dim, len(shape)), lengths)


@operator(also=_CUTS)
def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces as equal as can be, or cut at the given indices, as views.

    >>> torch.arange(7).tensor_split(3)
    (tensor([0, 1, 2]), tensor([3, 4]), tensor([5, 6]))
    """
    from flambeau.shapes.joining import tensor_split_bounds

    if isinstance(indices_or_sections, Tensor):
        indices_or_sections = indices_or_sections.tolist()
    shape = tuple(check_tensor(input, "tensor_split", "input")._shape)
    d = wrap_dim(dim, len(shape))
    result = []
    for start, stop in tensor_split_bounds(shape, dims_argument(indices_or_sections), dim):
        first, length, _ = rules.slice_bounds(shape[d], start, stop)
        result.append(slice_dim(input, d, first, length))
    return tuple(result)


def _split_at(name: str, dim: int, rank: int) -> Any:
    def split_there(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
        if len(input._shape) < rank:
            raise RuntimeError(
                f"torch.{name} requires a tensor with at least {rank} dimension{'s' if rank > 1 else ''}, "
                f"but got a tensor with {len(input._shape)} dimensions!"
            )
        axis = 0 if name == "hsplit" and len(input._shape) == 1 else dim
        if isinstance(indices_or_sections, int) and (indices_or_sections == 0 or input._shape[axis] % indices_or_sections):
            raise RuntimeError(
                f"torch.{name} attempted to split along dimension {axis}, but the "
                f"size of the dimension {input._shape[axis]} is not "
                f"divisible by the split_size {indices_or_sections}!"
            )
        return tensor_split(input, indices_or_sections, axis)

    split_there.__name__ = split_there.__qualname__ = name
    split_there.__doc__ = f"`tensor_split` along dimension {dim}; a number of sections must divide the size."
    operator(name, also=_CUTS)(split_there)
    return split_there


hsplit = _split_at("hsplit", 1, 1)


vsplit = _split_at("vsplit", 0, 2)


dsplit = _split_at("dsplit", 2, 3)


@operator()
def unsafe_split(tensor: Tensor, split_size: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`split`."""
    return split(tensor, split_size, dim)


@operator()
def unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`chunk`."""
    return chunk(input, chunks, dim)


@operator()
def unsafe_split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """`split_with_sizes`."""
    return split_with_sizes(input, split_sizes, dim)
