"""Views: the same memory seen under another shape, or with its dimensions in another order. May import what `flambeau.ops` may.

Each view says twice where its elements are: structurally (a movement primitive, which kernels fuse through) and as strides
(where a write through the view goes).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from flambeau.dtypes import dtype as dtype_class
from flambeau.graph.primitives.movement import PERMUTE, RESHAPE
from flambeau.ops.operands import check_tensor, dims_argument, expansion, integer, sizes
from flambeau.ops.registry import operator
from flambeau.shapes import views as rules
from flambeau.shapes.broadcasting import expand as expand_rule
from flambeau.shapes.dims import wrap_dim, wrap_dims
from flambeau.size import contiguous_strides
from flambeau.tensor import Tensor, View

__all__ = ["alias", "expand", "permute", "permuted", "reshape", "reshaped", "squeeze", "transpose", "unsqueeze", "view"]

# The rules over plain sizes are asked again and again with the same arguments.
_view_rule = lru_cache(maxsize=1 << 12)(rules.view)
_reshape_rule = lru_cache(maxsize=1 << 12)(rules.reshape)
_strides_rule = lru_cache(maxsize=1 << 12)(rules.view_strides)
_permutation_rule = lru_cache(maxsize=1 << 12)(rules.permutation)


# --- shape ---------------------------------------------------------------------------------------------------------------
def reshaped(t: Tensor, shape: tuple[int, ...], strides: tuple[int, ...], title: str = "View") -> Tensor:
    """A view of the same elements in row-major order, whose strides the caller knows; `title` is what the tape shows."""
    own = tuple(t._shape)
    return t._view(RESHAPE, (shape, own), shape, strides, t._offset, title)


def owned(t: Tensor) -> Tensor:
    """The same tensor, a view of an operator's own result that nobody else sees, as no view."""
    if t._base is not None:
        t._requires_grad, t._grad_fn = t.requires_grad, t._history()
        t._base = t._origin = None
    return t


def apart(result: Tensor, *inputs: Tensor) -> Tensor:
    """An operator's result, in memory of its own: a copy where it turned out to be a view of an input."""
    return result.clone() if any(result._storage is t._storage for t in inputs) else owned(result)


def alias(t: Tensor) -> Tensor:
    """A view of all of a tensor."""
    shape = tuple(t._shape)
    return reshaped(t, shape, t.stride(), "Alias")


@operator(namespace=None)
def view(self: Tensor, *size: Any, dtype: Any = None) -> Tensor:
    """The same memory under another shape (one size may be -1), or its bytes read as another dtype.

    Raises RuntimeError where the layout in memory doesn't allow the shape.
    """
    if dtype is not None or (len(size) == 1 and isinstance(size[0], dtype_class)):
        from flambeau.ops.memory import reinterpreted

        return reinterpreted(self, dtype or size[0])
    wanted = sizes("view", size, "size")
    result, strides = _view_rule(tuple(self._shape), self.stride(), wanted)
    return reshaped(self, result, strides)


@operator()
def reshape(input: Tensor, *shape: Any) -> Tensor:
    """The elements in row-major order under another shape: a view where possible, else a copy.

    >>> torch.arange(6).reshape(2, 3)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    >>> torch.arange(6).reshape(3, -1)
    tensor([[0, 1],
            [2, 3],
            [4, 5]])
    """
    check_tensor(input, "reshape", "input")
    own = tuple(input._shape)
    wanted = _reshape_rule(own, sizes("reshape", shape, "shape"))
    strides = contiguous_strides(wanted) if input._strides is None else _strides_rule(own, input.stride(), wanted)
    if strides is None:
        return Tensor._apply(RESHAPE, (input,), (wanted, own))
    return reshaped(input, wanted, strides)


@operator(namespace=None)
def view_as(self: Tensor, other: Tensor) -> Tensor:
    """`view` with another tensor's shape."""
    return view(self, other._shape)


@operator(namespace=None)
def reshape_as(self: Tensor, other: Tensor) -> Tensor:
    """`reshape` to another tensor's shape."""
    return reshape(self, tuple(other._shape))


@operator()
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Dimensions start_dim … end_dim, both included, made one.

    >>> torch.zeros(2, 3, 5).flatten(1).shape
    torch.Size([2, 15])
    """
    shape = rules.flatten(tuple(check_tensor(input, "flatten", "input")._shape), start_dim, end_dim)
    return input if shape == tuple(input._shape) else reshape(input, shape)


@operator()
def ravel(input: Tensor) -> Tensor:
    """All elements in one dimension."""
    return reshape(input.contiguous(), (-1,)) if input.numel() else reshape(input, (0,))


@operator()
def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """Dimension `dim` cut into `sizes`, one of which may be -1.

    >>> torch.zeros(2, 12).unflatten(1, (3, -1)).shape
    torch.Size([2, 3, 4])
    """
    from flambeau.ops.operands import sizes as read_sizes

    wanted = rules.unflatten(
        tuple(check_tensor(input, "unflatten", "input")._shape), dim, read_sizes("unflatten", (sizes,), "sizes")
    )
    return view(input, wanted)


@operator(inplace=False)
def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """Dimensions of size 1 dropped: all, or those among `dim`.

    >>> torch.zeros(1, 3, 1).squeeze().shape
    torch.Size([3])
    >>> torch.zeros(1, 3, 1).squeeze(0).shape
    torch.Size([3, 1])
    """
    own = tuple(check_tensor(input, "squeeze", "input")._shape)
    dims = dims_argument(dim)
    chosen = range(len(own)) if dims is None else wrap_dims(dims, len(own), empty_is_all=False)
    kept = [d for d, n in enumerate(own) if n != 1 or d not in chosen]
    strides = input.stride()
    return reshaped(input, tuple([own[d] for d in kept]), tuple([strides[d] for d in kept]), "Squeeze")


@operator()
def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """A dimension of size 1 put in before `dim`.

    >>> torch.arange(3).unsqueeze(1)
    tensor([[0],
            [1],
            [2]])
    """
    own = check_tensor(input, "unsqueeze", "input")._shape
    return input._viewed(_deepened(own, input.stride(), input._offset, integer(dim, "unsqueeze", "dim")))


@lru_cache(maxsize=1 << 12)
def _deepened(own: tuple[int, ...], strides: tuple[int, ...], offset: int, dim: int) -> View:
    d, own = wrap_dim(dim, len(own) + 1), tuple(own)
    step = strides[d] * own[d] if d < len(own) else 1
    shape = (*own[:d], 1, *own[d:])
    return View(((RESHAPE, (shape, own)),), shape, (*strides[:d], step, *strides[d:]), offset, "Unsqueeze")


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

    def deepened(t: Tensor) -> Tensor:
        rank = len(t._shape)
        if rank == 2:
            return unsqueeze(t, -1)
        return t if rank > 2 else reshape(t, at_least_3d(tuple(t._shape)))

    return _at_least(tensors, deepened)


def _at_least(tensors: tuple[Any, ...], f: Any) -> Any:
    if len(tensors) == 1:
        if isinstance(tensors[0], Tensor):
            return f(tensors[0])
        tensors = tuple(tensors[0])
    return tuple(f(t) for t in tensors)


# --- order of dimensions -----------------------------------------------------------------------------------------------------
def permuted(t: Tensor, order: tuple[int, ...], title: str = "Permute") -> Tensor:
    """`permute` by an order that is known to be one; `title` is what the tape shows."""
    return t._viewed(_permutation(t._shape, t.stride(), t._offset, order, title))


@lru_cache(maxsize=1 << 12)
def _permutation(shape: tuple[int, ...], strides: tuple[int, ...], offset: int, order: tuple[int, ...], title: str) -> View:
    return View(((PERMUTE, (order,)),), tuple([shape[d] for d in order]), tuple([strides[d] for d in order]), offset, title)


@operator()
def permute(input: Tensor, *dims: Any) -> Tensor:
    """Dimension i of the result is dimension dims[i].

    >>> torch.zeros(2, 3, 5).permute(2, 0, 1).shape
    torch.Size([5, 2, 3])
    """
    order = _permutation_rule(len(check_tensor(input, "permute", "input")._shape), sizes("permute", dims, "dims"))
    return permuted(input, order)


@operator("transpose", "swapaxes", "swapdims", also={"axis0": "dim0", "axis1": "dim1"})
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions exchanged.

    >>> torch.arange(6).reshape(2, 3).transpose(0, 1)
    tensor([[0, 3],
            [1, 4],
            [2, 5]])
    """
    return permuted(input, _exchange(len(check_tensor(input, "transpose", "input")._shape), dim0, dim1), "Transpose")


@lru_cache(maxsize=1 << 10, typed=True)
def _exchange(rank: int, dim0: int, dim1: int) -> tuple[int, ...]:
    a, b = wrap_dim(dim0, rank), wrap_dim(dim1, rank)
    order = list(range(rank))
    if rank:
        order[a], order[b] = b, a
    return tuple(order)


@operator()
def t(input: Tensor) -> Tensor:
    """A matrix transposed; a vector or a scalar as it is."""
    rank = len(check_tensor(input, "t", "input")._shape)
    if rank > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {rank}D")
    return permuted(input, tuple(range(rank - 1, -1, -1)), "T")


@operator("movedim", "moveaxis")
def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Dimensions `source` moved to the places `destination`; the others keep their order.

    >>> torch.zeros(2, 3, 5).movedim(0, -1).shape
    torch.Size([3, 5, 2])
    """
    return permuted(input, rules.movedim_permutation(len(input._shape), dims_argument(source), dims_argument(destination)))


def _all_reversed(self: Tensor) -> Tensor:
    """All dimensions in reverse order."""
    return permuted(self, tuple(range(len(self._shape) - 1, -1, -1)))


def _matrix_transpose(self: Tensor) -> Tensor:
    """The last two dimensions exchanged."""
    rules.matrix_transpose(tuple(self._shape))
    return transpose(self, -2, -1) if self._shape else self


Tensor.T = property(_all_reversed)  # type: ignore[attr-defined]
Tensor.mT = property(_matrix_transpose)  # type: ignore[attr-defined]


# --- repeated without a copy ---------------------------------------------------------------------------------------------
def _expanded(t: Tensor, shape: tuple[int, ...]) -> Tensor:
    return t._viewed(expansion(t._shape, t.stride(), t._offset, shape))


@operator(namespace=None)
def expand(self: Tensor, *size: Any, implicit: bool = False) -> Tensor:
    """Dimensions of size 1 repeated to `size` (-1 keeps one), new ones in front, all without a copy."""
    return _expanded(self, expand_rule(tuple(self._shape), sizes("expand", size)))


@operator(namespace=None)
def expand_as(self: Tensor, other: Tensor) -> Tensor:
    """`expand` to another tensor's shape."""
    return expand(self, other._shape)


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

    return Size(broadcast(*((s,) if isinstance(s, int) else sizes("broadcast_shapes", (tuple(s),)) for s in shapes)))


@operator(namespace=None)
def sum_to_size(self: Tensor, *size: Any) -> Tensor:
    """The sum over dimensions that `size`, which broadcasts to this shape, lacks or has of size 1."""
    wanted, own = sizes("sum_to_size", size), tuple(self._shape)
    if not wanted:
        return self.sum()
    lead = len(own) - len(wanted)
    if lead < 0 or any(m not in (1, n) for n, m in zip(own[lead:], wanted)):
        raise RuntimeError(f"size {{{list(wanted)}}} is not expandable to size {{{list(own)}}}.")
    dims = (*range(lead), *(d + lead for d, m in enumerate(wanted) if m == 1 and own[d + lead] != 1))
    return reshape(self.sum(dims, keepdim=True), wanted) if dims else self


@operator("detach", method=False)
def _detach(input: Tensor) -> Tensor:
    """The same memory without history."""
    return check_tensor(input, "detach", "input").detach()


@operator("detach_", method=False)
def _detach_in_place(input: Tensor) -> Tensor:
    """Forgets the tensor's history, in place."""
    return check_tensor(input, "detach_", "input").detach_()
