"""Tensors put together, cut apart, repeated, padded and rearranged in blocks.

May import: shapes.broadcasting, shapes.dims, shapes.errors, shapes.sizes, shapes.views.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from flambeau.shapes.broadcasting import broadcast
from flambeau.shapes.dims import wrap_dim
from flambeau.shapes.errors import ShapeError, require, show
from flambeau.shapes.sizes import Shape, Size, at_least, differ, divisible, equal, less, minimum, product, unify
from flambeau.shapes.views import flatten


def _is_legacy_empty(shape: Sequence[Size]) -> bool:
    return len(shape) == 1 and equal(shape[0], 0) is True


def cat(shapes: Sequence[Sequence[Size]], dim: int = 0) -> Shape:
    """Joined along an existing dimension. A tensor of shape [0] joins anything, as in PyTorch."""
    if not shapes:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    for position, shape in enumerate(shapes):
        if not shape:
            raise ShapeError(f"zero-dimensional tensor (at position {position}) cannot be concatenated")
    full = [(position, shape) for position, shape in enumerate(shapes) if not _is_legacy_empty(shape)]
    if not full:
        return (0,)
    first = full[0][1]
    dim = wrap_dim(dim, len(first))
    result = list(first)
    for position, shape in full[1:]:
        if len(shape) != len(first):
            raise ShapeError(
                f"Tensors must have same number of dimensions: got {len(first)} and {len(shape)}"
                f" (cat of {show(first)} and {show(shape)})"
            )
        for axis, size in enumerate(shape):
            if axis == dim:
                result[axis] = result[axis] + size
                continue
            if differ(size, result[axis]):
                raise ShapeError(
                    f"Sizes of tensors must match except in dimension {dim}. Expected size {result[axis]} but got size {size} for"
                    f" tensor number {position} in the list. (cat of {show(first)} and {show(shape)}: dimension {axis} differs)"
                )
            result[axis] = unify(result[axis], size)
    return tuple(result)


def stack(shapes: Sequence[Sequence[Size]], dim: int = 0) -> Shape:
    """Tensors of one shape joined along a new dimension."""
    if not shapes:
        raise ShapeError("stack expects a non-empty TensorList")
    first = tuple(shapes[0])
    dim = wrap_dim(dim, len(first) + 1)
    for position, shape in enumerate(shapes):
        if len(shape) != len(first) or any(differ(a, b) for a, b in zip(first, shape)):
            raise ShapeError(
                f"stack expects each tensor to be equal size, but got {show(first)} at entry 0 and {show(shape)} at entry"
                f" {position}"
            )
        first = tuple(unify(a, b) for a, b in zip(first, shape))
    return (*first[:dim], len(shapes), *first[dim:])


def hstack(shapes: Sequence[Sequence[Size]]) -> Shape:
    """Joined side by side: along dimension 0 for vectors, else 1."""
    raised = [tuple(shape) or (1,) for shape in shapes]
    return cat(raised, 0 if raised and len(raised[0]) == 1 else 1)


def vstack(shapes: Sequence[Sequence[Size]]) -> Shape:
    """Joined row under row."""
    return cat([tuple(shape) if len(shape) >= 2 else (1, *(shape or (1,))) for shape in shapes], 0)


def dstack(shapes: Sequence[Sequence[Size]]) -> Shape:
    """Joined along the third dimension."""
    return cat([at_least_3d(shape) for shape in shapes], 2)


def column_stack(shapes: Sequence[Sequence[Size]]) -> Shape:
    """Vectors as columns, joined side by side."""
    return hstack([tuple(shape) if len(shape) >= 2 else (product(shape), 1) for shape in shapes])


def at_least_3d(shape: Sequence[Size]) -> Shape:
    """The shape of ``atleast_3d``."""
    if len(shape) >= 3:
        return tuple(shape)
    return {0: (1, 1, 1), 1: (1, *shape, 1), 2: (*shape, 1)}[len(shape)]


def split_sizes(shape: Sequence[Size], split_size: Size | Sequence[Size], dim: int = 0) -> tuple[Size, ...]:
    """The length of each piece of ``split``. The number of pieces must be known when `split_size` is an integer."""
    if not shape:
        raise ShapeError("split expects at least a 1-dimensional tensor")
    if not isinstance(split_size, (list, tuple)) and less(split_size, 0) is True:
        raise ShapeError(f"split expects split_size be non-negative, but got split_size={split_size}")
    dim = wrap_dim(dim, len(shape))
    size = shape[dim]
    if isinstance(split_size, (list, tuple)):
        for piece in split_size:
            if less(piece, 0) is True:
                raise ShapeError(
                    f"split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={show(split_size)}"
                )
        total: Size = 0
        for piece in split_size:
            total = total + piece
        require(
            equal(total, size),
            f"split_with_sizes expects split_sizes to sum exactly to {size} (input tensor's size at dimension {dim}), but got"
            f" split_sizes={show(split_size)}",
        )
        return tuple(split_size)
    if equal(split_size, 0) is True:
        require(equal(size, 0), f"split_size can only be 0 if dimension size is 0, but got dimension size of {size}")
        return (0,)
    length: Size = split_size
    pieces = (size + length - 1) // length
    if not isinstance(pieces, int):
        raise TypeError(f"the number of pieces of split is not known: {size} by {split_size}")
    pieces = max(pieces, 1)
    return tuple(length if piece < pieces - 1 else size - length * piece for piece in range(pieces))


def chunk_sizes(shape: Sequence[Size], chunks: int, dim: int = 0) -> tuple[Size, ...]:
    """The length of each piece of ``chunk``: ⌈size / chunks⌉, the last one smaller; fewer pieces than asked for may come."""
    if not shape:
        raise ShapeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise ShapeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    dim = wrap_dim(dim, len(shape))
    size = shape[dim]
    if equal(size, 0) is True:
        return (0,) * chunks
    if not isinstance(size, int) and divisible(size, chunks) is True:
        return (size // chunks,) * chunks
    return split_sizes(shape, (size + chunks - 1) // chunks, dim)


def tensor_split_bounds(
    shape: Sequence[Size], indices_or_sections: int | Sequence[int], dim: int = 0
) -> tuple[tuple[Size, Size], ...]:
    """(start, stop) of each piece of ``tensor_split``."""
    if not shape:
        raise ShapeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    dim = wrap_dim(dim, len(shape))
    size = shape[dim]
    if isinstance(indices_or_sections, int):
        sections = indices_or_sections
        if sections <= 0:
            raise ShapeError(f"number of sections must be larger than 0, got {sections}")
        small, larger = size // sections, size % sections
        starts = [small * piece + minimum(larger, piece) for piece in range(sections + 1)]
        return tuple(pairwise(starts))
    edges = [0, *indices_or_sections, size]
    return tuple(pairwise(edges))


def unbind(shape: Sequence[Size], dim: int = 0) -> tuple[int, Shape]:
    """How many tensors ``unbind`` gives, and their shape."""
    if not shape:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    dim = wrap_dim(dim, len(shape))
    return shape[dim], (*shape[:dim], *shape[dim + 1 :])


def repeat(shape: Sequence[Size], repeats: Sequence[Size]) -> Shape:
    """Each dimension repeated whole; new dimensions come in front."""
    lead = len(repeats) - len(shape)
    if lead < 0:
        raise ShapeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor:"
            f" repeat of {show(shape)} by {show(repeats)}"
        )
    result = tuple(count * size for count, size in zip(repeats, (1,) * lead + tuple(shape)))
    if any(less(size, 0) is True for size in result):
        raise ShapeError(f"Trying to create tensor with negative dimension: repeat of {show(shape)} by {show(repeats)}")
    return result


def tile(shape: Sequence[Size], repeats: Sequence[Size]) -> Shape:
    """``repeat`` with missing repeats taken as 1."""
    return repeat(shape, (1,) * (len(shape) - len(repeats)) + tuple(repeats))


def repeat_interleave(shape: Sequence[Size], repeats: Size, dim: int | None = None) -> Shape:
    """Each element repeated `repeats` times; over the flattened tensor where `dim` is None."""
    if dim is not None:
        dim = wrap_dim(dim, len(shape))
    if less(repeats, 0) is True:
        raise ShapeError(f"repeats can not be negative, got {repeats}")
    if dim is None:
        return (product(shape) * repeats,)
    return (*shape[:dim], shape[dim] * repeats, *shape[dim + 1 :])


def pad(shape: Sequence[Size], padding: Sequence[Size], mode: str = "constant") -> Shape:
    """``nn.functional.pad``: (low, high) pairs from the last dimension back; negative padding crops.

    The modes reflect, replicate and circular pad the last 1, 2 or 3 dimensions of a tensor with one or two more.
    """
    rank = len(shape)
    if len(padding) % 2:
        raise ShapeError(f"Padding length must be divisible by 2, got {show(padding)}")
    count = len(padding) // 2
    if mode not in ("constant", "reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if count > rank:
        raise ShapeError(
            f"Padding length should be less than or equal to two times the input dimension. Padding length {len(padding)},"
            f" input of dimension {rank}"
        )
    if mode != "constant" and not (1 <= count <= 3 and rank in (count + 1, count + 2)):
        raise NotImplementedError(
            f"{mode} padding is of the last 1, 2 or 3 dimensions of a tensor with one or two more: got {show(shape)} and padding"
            f" {show(padding)}"
        )
    result = list(shape)
    for position in range(count):
        dim = rank - 1 - position
        low, high = padding[2 * position], padding[2 * position + 1]
        size = shape[dim]
        if mode == "reflect" and any(at_least(side, size) is True for side in (low, high)):
            raise ShapeError(
                "Padding size should be less than the corresponding input dimension, but got: padding"
                f" ({low}, {high}) at dimension {dim} of input {show(shape)}"
            )
        if mode == "circular" and any(less(size, side) is True for side in (low, high)):
            raise ShapeError(
                f"Padding value causes wrapping around more than once: padding ({low}, {high}) at dimension {dim} of input"
                f" {show(shape)}"
            )
        for side in (low, high):  # cropping comes before padding
            if less(side, 0) is True:
                size = size + side
        if mode != "replicate" and less(size, 0) is True:  # which repeats an edge that was cropped
            raise ShapeError(f"pad: padding ({low}, {high}) crops more than dimension {dim} of input {show(shape)} holds")
        size = shape[dim]
        result[dim] = size + low + high
        if less(result[dim], 0) is True or (mode != "constant" and less(result[dim], 1) is True):
            raise ShapeError(
                f"The input size {size}, plus negative padding {low} and {high} resulted in a negative output size, which is"
                f" invalid. Check dimension {dim} of your input."
            )
    return tuple(result)


def pixel_shuffle(shape: Sequence[Size], upscale_factor: Size) -> Shape:
    """[*, C·r², H, W] to [*, C, H·r, W·r]."""
    if len(shape) < 3:
        raise ShapeError(
            f"pixel_shuffle expects input to have at least 3 dimensions, but got input with {len(shape)} dimension(s)"
        )
    if less(0, upscale_factor) is False:
        raise ShapeError(f"pixel_shuffle expects a positive upscale_factor, but got {upscale_factor}")
    *lead, channels, height, width = shape
    square = upscale_factor * upscale_factor
    require(
        divisible(channels, square),
        "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but"
        f" input.size(-3)={channels} is not divisible by {square}",
    )
    return (*lead, channels // square, height * upscale_factor, width * upscale_factor)


def pixel_unshuffle(shape: Sequence[Size], downscale_factor: Size) -> Shape:
    """[*, C, H·r, W·r] to [*, C·r², H, W]."""
    if len(shape) < 3:
        raise ShapeError(
            f"pixel_unshuffle expects input to have at least 3 dimensions, but got input with {len(shape)} dimension(s)"
        )
    if less(0, downscale_factor) is False:
        raise ShapeError(f"pixel_unshuffle expects a positive downscale_factor, but got {downscale_factor}")
    *lead, channels, height, width = shape
    for name, size, dim in (("height", height, -2), ("width", width, -1)):
        require(
            divisible(size, downscale_factor),
            f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but input.size({dim})={size} is not divisible"
            f" by {downscale_factor}",
        )
    return (*lead, channels * downscale_factor * downscale_factor, height // downscale_factor, width // downscale_factor)


def channel_shuffle(shape: Sequence[Size], groups: Size) -> Shape:
    """Channels (dimension 1) regrouped."""
    if len(shape) < 3:
        raise ShapeError(f"channel_shuffle expects input with > 2 dims, but got input with sizes {show(shape)}")
    if less(0, groups) is False:
        raise ShapeError(f"Number of groups to divide channels in must be positive. Value of groups:{groups}")
    require(
        divisible(shape[1], groups),
        f"Number of channels must be divisible by groups. Got {shape[1]} channels and {groups} groups.",
    )
    return tuple(shape)


def roll(shape: Sequence[Size], shifts: int | Sequence[int], dims: int | Sequence[int] | None = None) -> Shape:
    """Checks of ``roll``: one shift a dimension, or one shift of the flattened tensor."""
    counts = 1 if isinstance(shifts, int) else len(shifts)
    chosen = () if dims is None else (dims,) if isinstance(dims, int) else tuple(dims)
    if counts == 0:
        raise ShapeError("`shifts` required")
    if not (not chosen and counts == 1) and len(chosen) != counts:
        raise ShapeError(f"shifts and dimensions must align. shifts: {counts}, dims:{len(chosen)}")
    if equal(product(shape), 0) is not True:
        for dim in chosen:
            wrap_dim(dim, len(shape), scalar=False)
    return tuple(shape)


def kron(a: Sequence[Size], b: Sequence[Size]) -> Shape:
    """The Kronecker product: aligned sizes multiplied."""
    rank = max(len(a), len(b))
    left, right = (1,) * (rank - len(a)) + tuple(a), (1,) * (rank - len(b)) + tuple(b)
    return tuple(x * y for x, y in zip(left, right))


def meshgrid(shapes: Sequence[Sequence[Size]], indexing: str = "ij") -> Shape:
    """The shape of every grid of ``meshgrid`` over vectors or scalars."""
    if not shapes:
        raise ShapeError("meshgrid expects a non-empty TensorList")
    for shape in shapes:
        if len(shape) > 1:
            raise ShapeError(f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {show(shape)}")
    if indexing not in ("ij", "xy"):
        raise ShapeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    sizes = [product(shape) for shape in shapes]
    if indexing == "xy" and len(sizes) >= 2:
        sizes[0], sizes[1] = sizes[1], sizes[0]
    return tuple(sizes)


def block_diagonal(shapes: Sequence[Sequence[Size]]) -> Shape:
    """Matrices along the diagonal of a larger one."""
    for position, shape in enumerate(shapes):
        if len(shape) > 2:
            raise ShapeError(
                f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {position} has {len(shape)} dimensions"
            )
    matrices = [(*(1,) * (2 - len(shape)), *shape) for shape in shapes]
    return (sum((m[0] for m in matrices), 0), sum((m[1] for m in matrices), 0)) if matrices else (1, 0)


def cartesian_product(shapes: Sequence[Sequence[Size]]) -> Shape:
    """The shape of ``cartesian_prod`` over vectors."""
    for shape in shapes:
        if len(shape) != 1:
            raise ShapeError(f"Expect a 1D vector, but got shape {show(shape)}")
    count = product(shape[0] for shape in shapes)
    return (count,) if len(shapes) == 1 else (count, len(shapes))


def cross(a: Sequence[Size], b: Sequence[Size], dim: int = -1) -> Shape:
    """The vector product along a dimension of size 3."""
    if len(a) != len(b):
        raise ShapeError(f"linalg.cross: inputs must have the same number of dimensions, got {show(a)} and {show(b)}")
    axis = wrap_dim(dim, len(a))
    for shape in (a, b):
        require(
            equal(shape[axis], 3),
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {a[axis]} and {b[axis]}",
        )
    return broadcast(a, b)


def flattened(shape: Sequence[Size], dim: int | None) -> Shape:
    """The shape itself, or flat where `dim` is None: what operators with an optional dim work on."""
    return flatten(shape) if dim is None else tuple(shape)
