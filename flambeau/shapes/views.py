"""Movement of dimensions without joining tensors: reshape and its relatives, permutations, slices, windows, diagonals.

May import: shapes.dims, shapes.errors, shapes.sizes.
"""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.shapes.dims import wrap_dim, wrap_dims
from flambeau.shapes.errors import ShapeError, require, show
from flambeau.shapes.sizes import Shape, Size, at_least, divisible, equal, less, maximum, minimum, product


def contiguous_strides(shape: Sequence[Size]) -> Shape:
    """Row-major strides, in elements."""
    strides: list[Size] = []
    step: Size = 1
    for size in reversed(shape):
        strides.append(step)
        step = step * (maximum(size, 1))
    return tuple(reversed(strides))


def reshape(shape: Sequence[Size], sizes: Sequence[Size]) -> Shape:
    """`sizes` with its one -1 inferred. Raises ShapeError where the numbers of elements differ."""
    count = product(shape)
    inferred = None
    for position, size in enumerate(sizes):
        if equal(size, -1) is True:
            if inferred is not None:
                raise ShapeError(f"only one dimension can be inferred, got {show(sizes)}")
            inferred = position
        elif less(size, 0) is True:
            raise ShapeError(f"invalid shape dimension {size} at index {position} of shape {show(sizes)}")
    invalid = f"shape '{show(sizes)}' is invalid for input of size {count}"
    if len(shape) != 1:
        invalid += f" (shape {show(shape)})"
    if inferred is None:
        require(equal(product(sizes), count), invalid)
        return tuple(sizes)
    rest = product(size for position, size in enumerate(sizes) if position != inferred)
    if equal(rest, 0) is True:
        require(equal(count, 0), invalid)
        raise ShapeError(
            f"cannot reshape tensor of 0 elements into shape {show(sizes)} because the unspecified dimension size -1 can be"
            " any value and is ambiguous"
        )
    require(divisible(count, rest), invalid)
    return tuple(count // rest if position == inferred else size for position, size in enumerate(sizes))


def view_strides(shape: Sequence[int], strides: Sequence[int], sizes: Sequence[int]) -> tuple[int, ...] | None:
    """The strides with which memory laid out as (shape, strides) can be seen as `sizes`, or None where a copy is needed.

    `sizes` has no -1 left and as many elements as `shape`. Dimensions are taken from the last: a run of old dimensions that
    lie densely one within the other can be cut anew.
    """
    if product(shape) == 0:
        return tuple(strides) if tuple(shape) == tuple(sizes) else contiguous_strides(sizes)
    if not shape:
        return (1,) * len(sizes)
    result = [0] * len(sizes)
    new = len(sizes) - 1
    run_stride, run_count, new_count = strides[-1], 1, 1
    for old in range(len(shape) - 1, -1, -1):
        run_count *= shape[old]
        dense_beyond = old > 0 and (shape[old - 1] == 1 or strides[old - 1] == run_count * run_stride)
        if dense_beyond:
            continue
        while new >= 0 and (new_count < run_count or sizes[new] == 1):
            result[new] = new_count * run_stride
            new_count *= sizes[new]
            new -= 1
        if new_count != run_count:
            return None
        if old > 0:
            run_stride, run_count, new_count = strides[old - 1], 1, 1
    return tuple(result) if new == -1 else None


def view(shape: Sequence[int], strides: Sequence[int], sizes: Sequence[int]) -> tuple[Shape, tuple[int, ...]]:
    """The size and stride of ``tensor.view(sizes)``. Raises ShapeError where the layout does not allow it."""
    result = reshape(shape, sizes)
    found = view_strides(shape, strides, result)
    if found is None:
        raise ShapeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two"
            f" contiguous subspaces). Use .reshape(...) instead. (size {show(shape)}, stride {show(strides)}, view"
            f" {show(result)})"
        )
    return result, found


def flatten(shape: Sequence[Size], start_dim: int = 0, end_dim: int = -1) -> Shape:
    """Dimensions start_dim … end_dim, both included, made one."""
    rank = len(shape)
    start, end = wrap_dim(start_dim, rank), wrap_dim(end_dim, rank)
    if start > end:
        raise ShapeError(f"flatten() has invalid args: start_dim ({start_dim}) cannot come after end_dim ({end_dim})")
    if rank == 0:
        return (1,)
    return (*shape[:start], product(shape[start : end + 1]), *shape[end + 1 :])


def unflatten(shape: Sequence[Size], dim: int, sizes: Sequence[Size]) -> Shape:
    """Dimension `dim` cut into `sizes`, one of which may be -1."""
    if not sizes:
        raise ShapeError("unflatten: sizes must be non-empty")
    dim = wrap_dim(dim, len(shape), scalar=False)
    inferred = [position for position, size in enumerate(sizes) if equal(size, -1) is True]
    if len(inferred) > 1:
        raise ShapeError(f"only one dimension can be inferred, got {show(sizes)}")
    rest = product(size for position, size in enumerate(sizes) if position not in inferred)
    message = (
        f"unflatten: Provided sizes {show(sizes)} don't multiply up to the size of dim {dim} ({shape[dim]}) in the input tensor"
    )
    if inferred:
        if equal(rest, 0) is True:
            raise ShapeError(message)
        require(divisible(shape[dim], rest), message)
        sizes = [shape[dim] // rest if position in inferred else size for position, size in enumerate(sizes)]
    else:
        require(equal(rest, shape[dim]), message)
    return (*shape[:dim], *sizes, *shape[dim + 1 :])


def squeeze(shape: Sequence[Size], dims: int | Sequence[int] | None = None) -> Shape:
    """Dimensions of size 1 dropped: all of them, or those among `dims`."""
    chosen = range(len(shape)) if dims is None else wrap_dims(dims, len(shape), empty_is_all=False)
    return tuple(size for dim, size in enumerate(shape) if not (dim in chosen and equal(size, 1) is True))


def unsqueeze(shape: Sequence[Size], dim: int) -> Shape:
    """A dimension of size 1 put in before `dim`; dim in [-rank - 1, rank]."""
    dim = wrap_dim(dim, len(shape) + 1)
    return (*shape[:dim], 1, *shape[dim:])


def permute(shape: Sequence[Size], dims: Sequence[int]) -> Shape:
    """Dimension i of the result is dimension dims[i]."""
    return tuple(shape[dim] for dim in permutation(len(shape), dims))


def permutation(rank: int, dims: Sequence[int]) -> tuple[int, ...]:
    """`dims` counted from 0, checked to be a permutation of the `rank` dimensions."""
    if len(dims) != rank:
        raise ShapeError(
            "permute: number of dimensions in the tensor input does not match the length of the desired ordering"
            f" of dimensions i.e. input.dim() = {rank} is not equal to len(dims) = {len(dims)}"
        )
    wrapped = tuple(wrap_dim(dim, rank) for dim in dims)
    if len(set(wrapped)) != rank:
        raise ShapeError(f"permute(): duplicate dims are not allowed, got {show(dims)}")
    return wrapped


def transpose(shape: Sequence[Size], dim0: int, dim1: int) -> Shape:
    """Two dimensions exchanged."""
    dims = list(shape)
    a, b = wrap_dim(dim0, len(shape)), wrap_dim(dim1, len(shape))
    if dims:
        dims[a], dims[b] = dims[b], dims[a]
    return tuple(dims)


def matrix_transpose(shape: Sequence[Size]) -> Shape:
    """The shape of ``tensor.mT``; a number's is its own."""
    if not shape:
        return ()
    if len(shape) < 2:
        raise ShapeError(
            f"tensor.mT is only supported on matrices or batches of matrices. Got {len(shape)}-D tensor {show(shape)}"
        )
    return (*shape[:-2], shape[-1], shape[-2])


def movedim_permutation(rank: int, source: int | Sequence[int], destination: int | Sequence[int]) -> tuple[int, ...]:
    """The permutation that ``movedim`` (``moveaxis``) does."""
    source = (source,) if isinstance(source, int) else tuple(source)
    destination = (destination,) if isinstance(destination, int) else tuple(destination)
    if len(source) != len(destination):
        raise ShapeError(
            f"movedim: Invalid source or destination dims: source ({show(source)} dims) should contain the same number of dims"
            f" as destination ({show(destination)} dims)"
        )
    sources = [wrap_dim(dim, rank) for dim in source]
    destinations = [wrap_dim(dim, rank) for dim in destination]
    for name, given, wrapped in (("source", source, sources), ("destination", destination, destinations)):
        if len(set(wrapped)) != len(wrapped):
            raise ShapeError(f"movedim: repeated dim in `{name}` ({show(given)})")
    if rank == 0:
        return ()
    order: list[int] = [-1] * rank
    for start, end in zip(sources, destinations):
        order[end] = start
    rest = iter(dim for dim in range(rank) if dim not in sources)
    return tuple(next(rest) if dim < 0 else dim for dim in order)


def movedim(shape: Sequence[Size], source: int | Sequence[int], destination: int | Sequence[int]) -> Shape:
    """Dimensions `source` moved to the places `destination`; the others keep their order."""
    return tuple(shape[dim] for dim in movedim_permutation(len(shape), source, destination))


def select(shape: Sequence[Size], dim: int, index: Size) -> Shape:
    """One index taken of dimension `dim`, which goes."""
    dim = wrap_dim(dim, len(shape), scalar=False)
    check_index(index, shape[dim], dim, shape)
    return (*shape[:dim], *shape[dim + 1 :])


def check_index(index: Size, size: Size, dim: int, shape: Sequence[Size]) -> None:
    """Raise IndexError where `index` is surely outside [-size, size)."""
    if less(index, size) is False or at_least(index, -1 * size) is False:
        raise IndexError(f"index {index} is out of bounds for dimension {dim} with size {size} (shape {show(shape)})")


def slice_bounds(size: Size, start: Size | None, stop: Size | None, step: int = 1) -> tuple[Size, Size, int]:
    """Start, length and step of ``start:stop:step`` over `size` elements: Python's rules, steps above 0 only, as PyTorch's."""
    if step <= 0:
        raise ValueError("step must be greater than zero")
    if stop is None and step == 1 and start is not None and less(start, 0) is True:
        return _clamp(start, size), minimum(size, -1 * start), 1  # written so that a symbolic length stays short
    start = 0 if start is None else _clamp(start, size)
    stop = size if stop is None else _clamp(stop, size)
    return start, maximum((stop - start + step - 1) // step, 0), step


def _clamp(bound: Size, size: Size) -> Size:
    if less(bound, 0) is True:
        return maximum(size + bound, 0)
    return minimum(bound, size)


def narrow(shape: Sequence[Size], dim: int, start: Size, length: Size) -> Shape:
    """`length` elements of dimension `dim` from `start`."""
    if not shape:
        raise ShapeError("narrow() cannot be applied to a 0-dim tensor.")
    if less(length, 0) is True:
        raise ShapeError(f"narrow(): length must be non-negative, got {length}")
    dim = wrap_dim(dim, len(shape))
    size = shape[dim]
    if less(size, start) is True or less(start, -1 * size) is True:
        raise IndexError(
            f"start out of range (expected to be in range of [{-1 * size}, {size}], but got {start}) for dimension {dim}"
        )
    if less(start, 0) is True:
        start = start + size
    require(at_least(size, start + length), f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return (*shape[:dim], length, *shape[dim + 1 :])


def unfold(shape: Sequence[Size], dimension: int, size: Size, step: Size) -> Shape:
    """Windows of `size` every `step` along a dimension, the window last: ``Tensor.unfold``."""
    dim = wrap_dim(dimension, len(shape))
    extent = shape[dim] if shape else 1
    if less(size, 0) is True:
        raise ShapeError(f"size is {size} but must be >= 0")
    require(at_least(extent, size), f"maximum size for tensor at dimension {dim} is {extent} but size is {size}")
    require(less(0, step), f"step is {step} but must be > 0")
    if not shape:
        return (size,)
    return (*shape[:dim], (extent - size) // step + 1, *shape[dim + 1 :], size)


def diagonal(shape: Sequence[Size], offset: int = 0, dim1: int = 0, dim2: int = 1) -> Shape:
    """The diagonals of dimensions (dim1, dim2), put last."""
    first, second = wrap_dim(dim1, len(shape), scalar=False), wrap_dim(dim2, len(shape), scalar=False)
    if first == second:
        raise ShapeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    rows, columns = shape[first], shape[second]
    if offset >= 0:
        length = maximum(minimum(rows, columns - offset), 0)
    else:
        length = maximum(minimum(rows + offset, columns), 0)
    return (*(size for dim, size in enumerate(shape) if dim not in (first, second)), length)


def diag_embed(shape: Sequence[Size], offset: int = 0, dim1: int = -2, dim2: int = -1) -> Shape:
    """The last dimension laid on a diagonal of two new dimensions (dim1, dim2)."""
    rank = len(shape) + 1
    first, second = wrap_dim(dim1, rank), wrap_dim(dim2, rank)
    if first == second:
        raise ShapeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    side = shape[-1] + abs(offset)
    rest = iter(shape[:-1])
    return tuple(side if dim in (first, second) else next(rest) for dim in range(rank))


def diag(shape: Sequence[Size], diagonal_offset: int = 0) -> Shape:
    """A matrix's diagonal, or the matrix with a vector on its diagonal."""
    if len(shape) == 1:
        return diag_embed(shape, diagonal_offset)
    if len(shape) == 2:
        return diagonal(shape, diagonal_offset)
    raise ShapeError(f"diag(): Supports 1D or 2D tensors. Got {len(shape)}D")


def rot90(shape: Sequence[Size], k: int = 1, dims: Sequence[int] = (0, 1)) -> Shape:
    """A plane turned k quarters."""
    if len(dims) != 2:
        raise ShapeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if len(shape) < 2:
        raise ShapeError(f"expected total dims >= 2, but got total dims = {len(shape)}")
    for dim in dims:
        wrap_dim(dim, len(shape))
    if dims[0] == dims[1] or abs(dims[0] - dims[1]) == len(shape):
        raise ShapeError(f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    return transpose(shape, dims[0], dims[1]) if k % 2 else permute(shape, range(len(shape)))
