"""Views: the same memory seen under another shape. May import what `flambeau.ops` may.

Each view says twice where its elements are: structurally (a movement primitive, which kernels fuse through) and as strides
(where a write through the view goes).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from flambeau.autograd.modes import state
from flambeau.dtypes import dtype as dtype_class
from flambeau.graph.primitives.movement import AS_STRIDED, EXPAND, PERMUTE, RESHAPE, SLICE, WINDOW
from flambeau.ops.operands import check_tensor, dims_argument, integer, sizes
from flambeau.ops.registry import operator
from flambeau.shapes import views as rules
from flambeau.shapes.broadcasting import expand as expand_rule
from flambeau.shapes.dims import wrap_dim, wrap_dims
from flambeau.shapes.views import unfold as unfold_rule
from flambeau.size import contiguous_strides
from flambeau.tensor import Tensor

# The rules over plain sizes are asked again and again with the same arguments.
_view_rule = lru_cache(maxsize=1 << 12)(rules.view)
_reshape_rule = lru_cache(maxsize=1 << 12)(rules.reshape)
_strides_rule = lru_cache(maxsize=1 << 12)(rules.view_strides)
_permutation_rule = lru_cache(maxsize=1 << 12)(rules.permutation)

__all__ = ["reshape", "permute", "transpose", "select", "narrow", "slice_view", "squeeze", "unsqueeze", "expand", "unfold"]


# --- shape ---------------------------------------------------------------------------------------------------------------
def _reshaped(t: Tensor, shape: tuple[int, ...], strides: tuple[int, ...]) -> Tensor:
    own = tuple(t._shape)
    return t._view(RESHAPE, (shape, own), shape, strides, t._offset)


def alias(t: Tensor) -> Tensor:
    """A view of all of a tensor."""
    shape = tuple(t._shape)
    return _reshaped(t, shape, t.stride())


@operator(namespace=None)
def view(self: Tensor, *shape: Any, dtype: Any = None) -> Tensor:
    """The same memory under another shape (one size may be -1), or its bytes read as another dtype (a copy).

    Raises RuntimeError where the layout in memory doesn't allow the shape.
    """
    if dtype is not None or (len(shape) == 1 and isinstance(shape[0], dtype_class)):
        from flambeau.ops.conversion import _bitcast

        return _bitcast(self, dtype or shape[0])
    wanted = sizes("view", shape, "size")
    result, strides = _view_rule(tuple(self._shape), self.stride(), wanted)
    return _reshaped(self, result, strides)


@operator()
def reshape(input: Tensor, *shape: Any) -> Tensor:
    """The elements in row-major order under another shape: a view where possible, else a copy."""
    check_tensor(input, "reshape", "input")
    own = tuple(input._shape)
    wanted = _reshape_rule(own, sizes("reshape", shape, "shape"))
    strides = contiguous_strides(wanted) if input._strides is None else _strides_rule(own, input.stride(), wanted)
    if strides is None:
        return Tensor._apply(RESHAPE, (input,), (wanted, own))
    return _reshaped(input, wanted, strides)


@operator(namespace=None)
def view_as(self: Tensor, other: Tensor) -> Tensor:
    """`view` with another tensor's shape."""
    return view(self, *other._shape)


@operator(namespace=None)
def reshape_as(self: Tensor, other: Tensor) -> Tensor:
    """`reshape` to another tensor's shape."""
    return reshape(self, tuple(other._shape))


@operator()
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Dimensions start_dim … end_dim, both included, made one."""
    shape = rules.flatten(tuple(check_tensor(input, "flatten", "input")._shape), start_dim, end_dim)
    return input if shape == tuple(input._shape) else reshape(input, shape)


@operator()
def ravel(input: Tensor) -> Tensor:
    """All elements in one dimension."""
    return reshape(input, (-1,)) if input.numel() else reshape(input, (0,))


@operator()
def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """Dimension `dim` cut into `sizes`, one of which may be -1."""
    from flambeau.ops.operands import sizes as read_sizes

    wanted = rules.unflatten(
        tuple(check_tensor(input, "unflatten", "input")._shape), dim, read_sizes("unflatten", (sizes,), "sizes")
    )
    return view(input, wanted)


@operator(inplace=False)
def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """Dimensions of size 1 dropped: all, or those among `dim`."""
    own = tuple(check_tensor(input, "squeeze", "input")._shape)
    dims = dims_argument(dim)
    chosen = range(len(own)) if dims is None else wrap_dims(dims, len(own), empty_is_all=False)
    kept = [d for d, n in enumerate(own) if n != 1 or d not in chosen]
    strides = input.stride()
    return _reshaped(input, tuple([own[d] for d in kept]), tuple([strides[d] for d in kept]))


@operator()
def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """A dimension of size 1 put in before `dim`."""
    own = tuple(check_tensor(input, "unsqueeze", "input")._shape)
    d = wrap_dim(integer(dim, "unsqueeze", "dim"), len(own) + 1)
    strides = input.stride()
    step = strides[d] * own[d] if d < len(own) else 1
    return _reshaped(input, (*own[:d], 1, *own[d:]), (*strides[:d], step, *strides[d:]))


@operator()
def atleast_1d(*tensors: Any) -> Any:
    """The tensor, or each of several, with at least one dimension."""
    return _at_least(tensors, lambda t: t if t._shape else reshape(t, (1,)))


@operator()
def atleast_2d(*tensors: Any) -> Any:
    """The tensor, or each of several, with at least two dimensions, new ones in front."""
    return _at_least(tensors, lambda t: t if len(t._shape) >= 2 else reshape(t, (1,) * (2 - len(t._shape)) + tuple(t._shape)))


@operator()
def atleast_3d(*tensors: Any) -> Any:
    """The tensor, or each of several, with at least three dimensions: a vector lies along the second, a matrix on
    the first two."""
    from flambeau.shapes.joining import at_least_3d

    return _at_least(tensors, lambda t: t if len(t._shape) >= 3 else reshape(t, at_least_3d(tuple(t._shape))))


def _at_least(tensors: tuple[Any, ...], f: Any) -> Any:
    if len(tensors) == 1:
        if isinstance(tensors[0], Tensor):
            return f(tensors[0])
        tensors = tuple(tensors[0])
    return tuple(f(t) for t in tensors)


# --- order of dimensions -----------------------------------------------------------------------------------------------------
def _permuted(t: Tensor, order: tuple[int, ...]) -> Tensor:
    shape, strides = t._shape, t.stride()
    return t._view(PERMUTE, (order,), tuple([shape[d] for d in order]), tuple([strides[d] for d in order]), t._offset)


@operator()
def permute(input: Tensor, *dims: Any) -> Tensor:
    """Dimension i of the result is dimension dims[i]."""
    order = _permutation_rule(len(check_tensor(input, "permute", "input")._shape), sizes("permute", dims, "dims"))
    return _permuted(input, order)


@operator("transpose", "swapaxes", "swapdims")
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions exchanged."""
    rank = len(check_tensor(input, "transpose", "input")._shape)
    a, b = wrap_dim(dim0, rank), wrap_dim(dim1, rank)
    order = list(range(rank))
    if rank:
        order[a], order[b] = b, a
    return _permuted(input, tuple(order))


@operator()
def t(input: Tensor) -> Tensor:
    """A matrix transposed; a vector or a scalar as it is."""
    rank = len(check_tensor(input, "t", "input")._shape)
    if rank > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {rank}D")
    return _permuted(input, (1, 0)) if rank == 2 else alias(input)


@operator()
def adjoint(input: Tensor) -> Tensor:
    """The last two dimensions exchanged."""
    if len(input._shape) < 2:
        raise RuntimeError(f"tensor.adjoint() is only supported on matrices or batches of matrices. Got {input.ndim}-D tensor.")
    return transpose(input, -2, -1)


@operator("movedim", "moveaxis")
def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Dimensions `source` moved to the places `destination`; the others keep their order."""
    return _permuted(input, rules.movedim_permutation(len(input._shape), dims_argument(source), dims_argument(destination)))


def _all_reversed(self: Tensor) -> Tensor:
    """All dimensions in reverse order."""
    return _permuted(self, tuple(range(len(self._shape) - 1, -1, -1)))


def _matrix_transpose(self: Tensor) -> Tensor:
    """The last two dimensions exchanged."""
    rules.matrix_transpose(tuple(self._shape))
    return transpose(self, -2, -1)


Tensor.T = property(_all_reversed)  # type: ignore[attr-defined]
Tensor.mT = property(_matrix_transpose)  # type: ignore[attr-defined]
Tensor.H = property(adjoint)  # type: ignore[attr-defined]
Tensor.mH = property(_matrix_transpose)  # type: ignore[attr-defined]
Tensor.real = property(lambda self: self)  # type: ignore[attr-defined]


# --- repeated without a copy ---------------------------------------------------------------------------------------------
def _expanded(t: Tensor, shape: tuple[int, ...]) -> Tensor:
    own, strides = tuple(t._shape), t.stride()
    lead = len(shape) - len(own)
    if lead:
        own, strides = (1,) * lead + own, (0,) * lead + strides
        t = _reshaped(t, own, strides)
    strides = tuple([0 if n == 1 and m != 1 else s for n, m, s in zip(own, shape, strides)])
    return t._view(EXPAND, (shape, own), shape, strides, t._offset)


@operator(namespace=None)
def expand(self: Tensor, *size: Any, implicit: bool = False) -> Tensor:
    """Dimensions of size 1 repeated to `size` (-1 keeps one), new ones in front, all without a copy."""
    return _expanded(self, expand_rule(tuple(self._shape), sizes("expand", size)))


@operator(namespace=None)
def expand_as(self: Tensor, other: Tensor) -> Tensor:
    """`expand` to another tensor's shape."""
    return expand(self, *other._shape)


@operator()
def broadcast_to(input: Tensor, size: Any) -> Tensor:
    """`expand`, as a function."""
    return expand(input, size)


@operator(method=False)
def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """All tensors expanded to their common shape."""
    from flambeau.shapes.broadcasting import broadcast

    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    shape = broadcast(*(tuple(t._shape) for t in tensors))
    return tuple(_expanded(t, shape) for t in tensors)


@operator(method=False)
def broadcast_shapes(*shapes: Any) -> Any:
    """The shape that shapes broadcast to."""
    from flambeau.shapes.broadcasting import broadcast
    from flambeau.size import Size

    return Size(broadcast(*((s,) if isinstance(s, int) else tuple(s) for s in shapes)))


# --- parts -----------------------------------------------------------------------------------------------------------------
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


def drop_dim(t: Tensor, dim: int) -> Tensor:
    """A dimension of size 1 left out."""
    shape, strides = tuple(t._shape), t.stride()
    return _reshaped(t, (*shape[:dim], *shape[dim + 1 :]), (*strides[:dim], *strides[dim + 1 :]))


@operator()
def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """`length` elements of dimension `dim` from `start`."""
    first = integer(start, "narrow", "start")
    shape = tuple(check_tensor(input, "narrow", "input")._shape)
    rules.narrow(shape, dim, first, length)
    d = wrap_dim(dim, len(shape))
    return slice_dim(input, d, first + shape[d] if first < 0 else first, length)


@operator()
def narrow_copy(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """`narrow`, copied."""
    return narrow(input, dim, start, length).clone()


@operator()
def select(input: Tensor, dim: int, index: int) -> Tensor:
    """One index taken of dimension `dim`, which goes."""
    shape = tuple(check_tensor(input, "select", "input")._shape)
    if not shape:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    i = integer(index, "select", "index")
    rules.select(shape, dim, i)
    d = wrap_dim(dim, len(shape))
    return pick(input, d, i + shape[d] if i < 0 else i)


def pick(t: Tensor, dim: int, index: int) -> Tensor:
    """One index (counted from 0) of dimension `dim`, which goes."""
    if state.enabled and t.requires_grad:
        return drop_dim(slice_dim(t, dim, index, 1), dim)
    shape, strides = tuple(t._shape), t.stride()
    rank = len(shape)
    starts = (*(0,) * dim, index, *(0,) * (rank - dim - 1))
    one, rest = (*shape[:dim], 1, *shape[dim + 1 :]), (*shape[:dim], *shape[dim + 1 :])
    node = RESHAPE((SLICE((t._value(),), (starts, (1,) * rank, one, shape)),), (rest, one))
    return t._alias(node, rest, (*strides[:dim], *strides[dim + 1 :]), t._offset + index * strides[dim])


@operator()
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The slices along a dimension, as a tuple of views."""
    d = wrap_dim(dim, len(check_tensor(input, "unbind", "input")._shape), scalar=False)
    return tuple([select(input, d, i) for i in range(input._shape[d])])


def _pieces(t: Tensor, dim: int, lengths: Sequence[int]) -> tuple[Tensor, ...]:
    start, result = 0, []
    for n in lengths:
        result.append(slice_dim(t, dim, start, n))
        start += n
    return tuple(result)


@operator()
def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces of `split_size` elements (the last may be smaller), or of the given lengths, as views."""
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
    """At most `chunks` pieces of ⌈size / chunks⌉ elements, as views."""
    from flambeau.shapes.joining import chunk_sizes

    shape = tuple(check_tensor(input, "chunk", "input")._shape)
    lengths = chunk_sizes(shape, integer(chunks, "chunk", "chunks"), dim)
    return _pieces(input, wrap_dim(dim, len(shape)), lengths)


@operator()
def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces as equal as can be, or cut at the given indices, as views."""
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
    operator(name)(split_there)
    return split_there


hsplit = _split_at("hsplit", 1, 1)
vsplit = _split_at("vsplit", 0, 2)
dsplit = _split_at("dsplit", 2, 3)


# --- windows, diagonals, any strides ----------------------------------------------------------------------------------------
@operator(namespace=None)
def unfold(self: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Windows of `size` elements every `step` along a dimension, the window's elements last."""
    own = tuple(self._shape)
    shape = unfold_rule(own, dimension, size, step)
    if not own:
        return _reshaped(self, (1,), (1,)) if size == 1 else slice_dim(_reshaped(self, (1,), (1,)), 0, 0, size)
    d, strides = wrap_dim(dimension, len(own)), self.stride()
    steps = (*strides[:d], strides[d] * step, *strides[d + 1 :], strides[d])
    if size == 0:
        return self.new_empty(shape)
    return self._view(WINDOW, ((d,), (size,), (step,), (1,)), shape, steps, self._offset)


@operator()
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonals of the planes (dim1, dim2), put last, `offset` above the main one; a view."""
    own = tuple(check_tensor(input, "diagonal", "input")._shape)
    shape = rules.diagonal(own, offset, dim1, dim2)
    a, b = wrap_dim(dim1, len(own)), wrap_dim(dim2, len(own))
    strides, n = input.stride(), shape[-1]
    order = (*(d for d in range(len(own)) if d not in (a, b)), a, b)
    first_row, first_column = max(-offset, 0), max(offset, 0)
    start = input._offset + (first_row * strides[a] + first_column * strides[b] if n else 0)
    steps = (*(strides[d] for d in order[:-2]), strides[a] + strides[b])
    lead = shape[:-1]
    # The block whose main diagonal this is, flat, every (n+1)-th element. What is in between is not seen by anyone.
    block = slice_view(_permuted(input, order), (0,) * len(lead) + (first_row, first_column), (1,) * len(own), (*lead, n, n))
    nowhere = (0,) * (len(lead) + 1)
    flat = block._view(RESHAPE, ((*lead, n * n), (*lead, n, n)), (*lead, n * n), nowhere, start)
    params = ((0,) * (len(lead) + 1), (1,) * len(lead) + (n + 1,), shape, (*lead, n * n))
    return flat._view(SLICE, params, shape, steps, start)


def whole_memory(t: Tensor) -> Tensor:
    """All elements of the memory that a tensor views, in one dimension."""
    root = t if t._strides is None else t._base if t._base is not None and t._base._strides is None else None
    if root is None:
        root = t._without_tape()
        root._shape, root._strides, root._offset, root._node_version = (t._storage.size,), None, 0, -1
        root._base = t._base
    return root if len(root._shape) == 1 else _reshaped(root, (root._storage.size,), (1,))


@operator(inplace=False)
def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """Any window into the memory that a tensor views: element (i…) is element storage_offset + Σ i·stride of it."""
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
    return whole_memory(input)._view(AS_STRIDED, (shape, strides, offset, total), shape, strides, offset)


def _copying(name: str, function: Any) -> None:
    """The form of a view that copies: `permute_copy` and so on."""

    def copied(*args: Any, **kwargs: Any) -> Any:
        found = function(*args, **kwargs)
        return found.clone() if isinstance(found, Tensor) else tuple([t.clone() for t in found])

    copied.__name__ = copied.__qualname__ = name + "_copy"
    copied.__doc__ = f"`{name}`, copied."
    operator(name + "_copy", method=False)(copied)


for _name, _function in (
    ("alias", alias), ("as_strided", as_strided), ("detach", lambda x: x), ("diagonal", diagonal), ("expand", expand),
    ("permute", permute), ("select", select), ("split", split), ("split_with_sizes", split_with_sizes), ("squeeze", squeeze),
    ("t", t), ("transpose", transpose), ("unbind", unbind), ("unfold", unfold), ("unsqueeze", unsqueeze), ("view", view),
):  # fmt: skip
    _copying(_name, _function)


@operator()
def unsafe_split(tensor: Tensor, split_size: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`split`."""
    return split(tensor, split_size, dim)


@operator()
def unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`chunk`."""
    return chunk(input, chunks, dim)


@operator(namespace=None)
def sum_to_size(self: Tensor, *size: Any) -> Tensor:
    """The sum over dimensions that `size`, which broadcasts to this shape, lacks or has of size 1."""
    wanted, own = sizes("sum_to_size", size), tuple(self._shape)
    lead = len(own) - len(wanted)
    if lead < 0 or any(m not in (1, n) for n, m in zip(own[lead:], wanted)):
        raise RuntimeError(f"size {{{list(wanted)}}} is not expandable to size {{{list(own)}}}.")
    dims = (*range(lead), *(d + lead for d, m in enumerate(wanted) if m == 1 and own[d + lead] != 1))
    return reshape(self.sum(dims, keepdim=True), wanted) if dims else self


@operator(namespace=None)
def fill_diagonal_(self: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Writes a number on the main diagonal; with `wrap` it goes on after as many rows as columns."""
    shape = tuple(self._shape)
    if len(shape) < 2:
        raise RuntimeError("dimensions must larger than 1")
    if len(shape) > 2 and len(set(shape)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    step = sum(self.stride())
    n = min(shape)
    if wrap and len(shape) == 2 and shape[0] > shape[1] + 1:
        n = -(-(shape[0] * shape[1]) // (shape[1] + 1))
    as_strided(self, (n,), (step,), self.storage_offset()).fill_(fill_value)
    return self


@operator()
def as_strided_scatter(input: Tensor, src: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """input with `src` written where `as_strided` reads."""
    result = input.clone()
    as_strided(result, size, stride, storage_offset).copy_(src)
    return result


def _in_place_view(name: str, function: Any) -> None:
    """The in-place form of a change of shape: this tensor becomes the view."""

    def change(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        changed = function(self, *args, **kwargs)
        self._shape, self._strides, self._offset = changed._shape, changed._strides, changed._offset
        self._node, self._node_version = changed._node, changed._node_version
        if changed._requires_grad and changed._grad_fn is not None:
            self._requires_grad, self._grad_fn, self._output_index = True, changed._grad_fn, 0
        return self

    change.__name__ = change.__qualname__ = name + "_"
    change.__doc__ = f"`{name}`, of this tensor itself."
    operator(name + "_", namespace=None)(change)


for _name, _function in (
    ("squeeze", squeeze), ("unsqueeze", unsqueeze), ("transpose", transpose), ("swapaxes", transpose), ("swapdims", transpose),
    ("t", t), ("as_strided", as_strided),
):  # fmt: skip
    _in_place_view(_name, _function)
