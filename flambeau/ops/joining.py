"""Tensors put together, repeated, turned and padded: copies. May import what `flambeau.ops` may."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from flambeau.graph.primitives.movement import CONCATENATE, PAD, SLICE
from flambeau.layout import contiguous_format
from flambeau.ops.composite import repeated
from flambeau.ops.operands import (
    cast,
    check_sizes,
    check_tensor,
    dims_argument,
    expand,
    integer,
    same_device,
    sizes,
    strides_like,
)
from flambeau.ops.registry import operator, scalar_name
from flambeau.ops.slicing import slice_dim
from flambeau.ops.views import apart, atleast_1d, atleast_2d, atleast_3d, reshape, transpose, unsqueeze
from flambeau.shapes import joining as rules
from flambeau.shapes.dims import wrap_dim, wrap_dims
from flambeau.shapes.errors import ShapeError
from flambeau.shapes.strides import format_strides, suggested_format
from flambeau.tensor import Tensor

__all__ = ["cat", "stack", "flip", "roll", "repeat", "pad_constant", "repeat_interleave"]


def _tensors(name: str, tensors: Any) -> list[Tensor]:
    if isinstance(tensors, Tensor) or not isinstance(tensors, (tuple, list)):
        raise TypeError(f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not {type(tensors).__name__}")
    for i, t in enumerate(tensors):
        if not isinstance(t, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(t).__name__}")
    return list(tensors)


_joined = lru_cache(1 << 12)(rules.cat)


# --- joined ------------------------------------------------------------------------------------------------------------------
@operator("cat", "concat", "concatenate", method=False, apart=True, out="joined", remembered=True)
def cat(tensors: Any, dim: int = 0) -> Tensor:
    """Tensors joined along an existing dimension; dtypes promote. A tensor of shape [0] joins anything.

    >>> torch.cat([torch.zeros(1, 2), torch.ones(2, 2)])
    tensor([[0., 0.],
            [1., 1.],
            [1., 1.]])
    """
    found = _tensors("cat", tensors)
    _joined(tuple([tuple(t._shape) for t in found]), dim)
    type = found[0]._storage.dtype
    for t in found:
        if t._storage.dtype is not type:
            from flambeau.ops.operands import result_dtype

            type = result_dtype(found)
            break
    _, moved = same_device(found)
    parts = [cast(t, type) for t in moved if tuple(t._shape) != (0,)]
    if not parts:
        return cast(moved[0], type).clone()
    formats = {contiguous_format if t._strides is None else suggested_format(t._shape, t._strides) for t in parts}
    format = formats.pop() if len(formats) == 1 else contiguous_format
    if len(parts) == 1:
        return parts[0].clone(memory_format=format)
    result = Tensor._apply(CONCATENATE, tuple(parts), (wrap_dim(dim, len(parts[0]._shape)),))
    return result if format is contiguous_format else result._laid_out(format_strides(result._shape, format))


@operator(method=False, apart=True, out="joined", remembered=True)
def stack(tensors: Any, dim: int = 0) -> Tensor:
    """Tensors of one shape joined along a new dimension.

    >>> torch.stack([torch.arange(3), torch.arange(3)], dim=1)
    tensor([[0, 0],
            [1, 1],
            [2, 2]])
    """
    found = _tensors("stack", tensors)
    rules.stack([tuple(t._shape) for t in found], dim)
    (result,) = repeated(_STACKED, _stacked, found, (wrap_dim(dim, len(found[0]._shape) + 1),))
    return result


_STACKED: dict[Any, Any] = {}


def _stacked(*tensors: Any) -> Tensor:
    *found, d = tensors
    return cat([unsqueeze(t, d) for t in found], d)


@operator(method=False, out="joined")
def hstack(tensors: Any) -> Tensor:
    """Tensors joined side by side: along dimension 0 for vectors, else 1."""
    found = [atleast_1d(t) for t in _tensors("hstack", tensors)]
    if not found:
        raise RuntimeError("hstack expects a non-empty TensorList")
    return cat(found, 0 if len(found[0]._shape) == 1 else 1)


@operator("vstack", "row_stack", method=False, out="joined")
def vstack(tensors: Any) -> Tensor:
    """Tensors joined row under row."""
    found = [atleast_2d(t) for t in _tensors("vstack", tensors)]
    if not found:
        raise RuntimeError("vstack expects a non-empty TensorList")
    return cat(found, 0)


@operator(method=False, out="joined")
def dstack(tensors: Any) -> Tensor:
    """Tensors joined along the third dimension."""
    found = [atleast_3d(t) for t in _tensors("dstack", tensors)]
    if not found:
        raise RuntimeError("dstack expects a non-empty TensorList")
    return cat(found, 2)


@operator(method=False, out="joined")
def column_stack(tensors: Any) -> Tensor:
    """Vectors as columns, joined side by side."""
    found = _tensors("column_stack", tensors)
    return hstack([t if len(t._shape) >= 2 else reshape(t, (t.numel(), 1)) for t in found])


@operator(method=False)
def block_diag(*tensors: Tensor) -> Tensor:
    """Matrices along the diagonal of a larger one, zeros elsewhere.

    >>> torch.block_diag(torch.ones(1, 2), torch.full((1, 1), 2.0))
    tensor([[1., 1., 0.],
            [0., 0., 2.]])
    """
    from flambeau.ops.creation import empty

    shape = rules.block_diagonal([tuple(t._shape) for t in tensors])
    if not tensors:
        return empty(shape)
    width = shape[1]
    blocks = [atleast_2d(t) for t in tensors]
    rows, before = [], 0
    for b in blocks:
        n = b._shape[1]
        rows.append(pad_constant(b, ((0, 0), (before, width - before - n))))
        before += n
    return cat(rows, 0)


@operator(method=False)
def cartesian_prod(*tensors: Tensor) -> Tensor:
    """All combinations of the vectors' elements, one a row."""
    rules.cartesian_product([tuple(t._shape) for t in tensors])
    if len(tensors) == 1:
        return tensors[0]
    return stack([reshape(g, (-1,)) for g in meshgrid(*tensors, indexing="ij")], 1)


@operator(method=False)
def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Grids of coordinates: tensor i's elements along dimension i ("xy" exchanges the first two).

    >>> x, y = torch.meshgrid(torch.arange(2), torch.arange(3), indexing='ij')
    >>> x
    tensor([[0, 0, 0],
            [1, 1, 1]])
    >>> y
    tensor([[0, 1, 2],
            [0, 1, 2]])
    """
    found = list(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else list(tensors)
    rules.meshgrid([tuple(t._shape) for t in found], indexing)
    if any(t.dtype is not found[0].dtype for t in found):
        raise RuntimeError("torch.meshgrid expects all tensors to have the same dtype")
    swapped = indexing == "xy" and len(found) >= 2
    if swapped:
        found[0], found[1] = found[1], found[0]
    shape = tuple(t.numel() for t in found)
    grids = []
    for i, t in enumerate(found):
        lines = reshape(t, (1,) * i + (shape[i],) + (1,) * (len(shape) - i - 1))
        grids.append(lines.expand(shape))
    if swapped:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


@operator(method=False)
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All choices of r of a vector's elements, one a row, in order."""
    import itertools

    if len(input._shape) != 1:
        raise RuntimeError("Expect a 1D vector, but got shape " + str(list(input._shape)))
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return input.new_empty((0,))
    if r == 2:
        from flambeau.ops.sequences import triu_indices

        places = triu_indices(input._shape[0], input._shape[0], 0 if with_replacement else 1, device=input.device)
        return reshape(input.index_select(0, places.t().reshape(-1)), (places._shape[1], 2))
    pick = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    chosen = list(pick(range(input._shape[0]), r))
    from flambeau.dtypes import int64
    from flambeau.ops.creation import tensor

    places = tensor([i for row in chosen for i in row], dtype=int64, device=input.device)
    return reshape(input.index_select(0, places), (len(chosen), r))


# --- repeated ----------------------------------------------------------------------------------------------------------------
@operator(namespace=None)
def repeat(self: Tensor, *repeats: Any) -> Tensor:
    """Each dimension repeated whole, new ones in front."""
    counts = sizes("repeat", repeats, "repeats")
    own = tuple(self._shape)
    shape = rules.repeat(own, counts)
    check_sizes(shape, self.dtype.itemsize)
    own = (1,) * (len(counts) - len(own)) + own
    paired, wide = [], []
    for count, n in zip(counts, own):
        paired += [1, n]
        wide += [count, n]
    copied = expand(reshape(self, tuple(paired)), tuple(wide))
    result = reshape(copied, shape)
    return result.clone(memory_format=contiguous_format) if result._storage is self._storage else result


@operator()
def tile(input: Tensor, *dims: Any) -> Tensor:
    """`repeat`, missing counts taken as 1.

    >>> torch.tile(torch.arange(2), (2, 2))
    tensor([[0, 1, 0, 1],
            [0, 1, 0, 1]])
    """
    counts = sizes("tile", dims, "dims")
    return repeat(input, (1,) * (len(input._shape) - len(counts)) + counts)


@operator()
def repeat_interleave(
    input: Any = None, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each element repeated `repeats` times in its place (a number, or a tensor of one number an element of `dim`).

    With one argument alone, a vector of counts, the result is each index i repeated input[i] times.

    >>> torch.arange(3).repeat_interleave(2)
    tensor([0, 0, 1, 1, 2, 2])
    >>> torch.arange(3).repeat_interleave(torch.tensor([0, 1, 2]))
    tensor([1, 2, 2])
    """
    from flambeau.dtypes import int64
    from flambeau.ops.creation import iota
    from flambeau.ops.positions import pieces

    if input is None:
        input, repeats = repeats, None
    check_tensor(input, "repeat_interleave", "input")
    if repeats is None:
        if len(input._shape) != 1:
            raise RuntimeError(f"repeat_interleave only accepts 1D vector as repeat, got one of {len(input._shape)} dimensions")
        return repeat_interleave(iota(input._shape[0], int64, input._storage.device), input, 0)
    if dim is None:
        input, dim = reshape(input, (-1,)), 0
    if not input._shape:
        input = reshape(input, (1,))
    d = wrap_dim(dim, len(input._shape))
    shape = tuple(input._shape)
    if isinstance(repeats, Tensor) and repeats.numel() != 1:
        if repeats.dtype.name not in ("int32", "int64"):
            raise NotImplementedError(f"\"repeat_interleave_cpu\" not implemented for '{scalar_name(repeats)}'")
        if len(repeats._shape) != 1 or repeats._shape[0] != shape[d]:
            raise RuntimeError("repeats must have the same size as input along dim")
        if not shape[d]:
            return input.clone()
        ends = repeats.cumsum(0)
        least, total = stack([repeats.amin().to(int64), ends[-1]]).tolist()
        if least < 0:
            raise RuntimeError("repeats can not be negative")
        return input.index_select(d, pieces(ends - repeats, total))
    count = integer(repeats.item() if isinstance(repeats, Tensor) else repeats, "repeat_interleave", "repeats")
    result = rules.repeat_interleave(shape, count, d)
    wide = unsqueeze(input, d + 1).expand((*shape[: d + 1], count, *shape[d + 1 :]))
    return apart(reshape(wide, result), input)


# --- turned ------------------------------------------------------------------------------------------------------------------
@operator(remembered=True)
def flip(input: Tensor, *dims: Any) -> Tensor:
    """The order of elements reversed along dimensions: a copy.

    >>> torch.arange(6).reshape(2, 3).flip(1)
    tensor([[2, 1, 0],
            [5, 4, 3]])
    """
    own = tuple(check_tensor(input, "flip", "input")._shape)
    chosen = wrap_dims(sizes("flip", dims, "dims"), len(own), empty_is_all=False)
    starts = tuple([n - 1 if d in chosen else 0 for d, n in enumerate(own)])
    steps = tuple([-1 if d in chosen else 1 for d in range(len(own))])
    if not chosen or 0 in own:
        return input.clone()
    return Tensor._apply(SLICE, (input,), (starts, steps, own, own))._laid_out(strides_like(input))


@operator()
def fliplr(input: Tensor) -> Tensor:
    """The second dimension reversed."""
    if len(input._shape) < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip(input, 1)


@operator()
def flipud(input: Tensor) -> Tensor:
    """The first dimension reversed."""
    if len(input._shape) < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flip(input, 0)


@operator(remembered=True)
def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """Elements moved along dimensions, those that fall off coming back in front; over the flattened tensor without `dims`.

    >>> torch.arange(5).roll(2)
    tensor([3, 4, 0, 1, 2])
    """
    own = tuple(check_tensor(input, "roll", "input")._shape)
    shifts, dims = dims_argument(shifts), dims_argument(dims)
    rules.roll(own, shifts, dims)
    amounts = (shifts,) if isinstance(shifts, int) else shifts
    axes = () if dims is None else (dims,) if isinstance(dims, int) else dims
    if not axes:
        return reshape(roll(reshape(input, (-1,)), amounts[0], 0), own)
    if 0 in own or not own:
        return input.clone()
    result = input
    for amount, axis in zip(amounts, axes):
        d = wrap_dim(axis, len(own))
        cut = -amount % own[d]
        # also where nothing moves: the result lies in memory as parts that are joined do
        result = cat([slice_dim(result, d, cut, own[d] - cut), slice_dim(result, d, 0, cut)], d)
    return result


@operator()
def rot90(input: Tensor, k: int = 1, dims: Any = (0, 1)) -> Tensor:
    """A plane turned by k quarters, from the first dimension towards the second."""
    from flambeau.shapes.views import rot90 as rule

    dims = tuple(dims)
    rule(tuple(input._shape), k, dims)
    a, b = (wrap_dim(d, len(input._shape)) for d in dims)
    turns = k % 4
    if turns == 1:
        return transpose(flip(input, b), a, b)
    if turns == 2:
        return flip(input, (a, b))
    if turns == 3:
        return transpose(flip(input, a), a, b)
    return input.clone()


# --- padded ------------------------------------------------------------------------------------------------------------------
def pad_constant(input: Tensor, widths: Sequence[tuple[int, int]], value: Any = 0) -> Tensor:
    """`value` put before and after each dimension, a pair (before, after) for every dimension; negative widths crop."""
    result = input
    for d, (low, high) in enumerate(widths):
        if low < 0 or high < 0:
            n = result._shape[d]
            first = max(-low, 0)
            length = n - first - max(-high, 0)
            if length < 0:
                raise ShapeError(f"padding ({low}, {high}) at dimension {d} of {list(input._shape)} leaves a negative size")
            result = slice_dim(result, d, first, length)
    before = tuple([max(low, 0) for low, _ in widths])
    after = tuple([max(high, 0) for _, high in widths])
    if not any(before) and not any(after):
        return result.clone() if result._storage is input._storage else result
    if result.dtype.category == 1:
        value = int(value)
    elif result.dtype.category == 0:
        value = bool(value)
    return Tensor._apply(PAD, (result,), (before, after, (0,) * len(before), value))._laid_out_as_image(input)
