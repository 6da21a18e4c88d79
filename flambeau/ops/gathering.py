"""Reading and writing at computed positions along one dimension. May import what `flambeau.ops` may."""

from __future__ import annotations

from typing import Any

from flambeau.dtypes import bool_, int64
from flambeau.graph.primitives.elementwise import WHERE
from flambeau.graph.primitives.indexing import EITHER_END, FROM_START, GATHER, SCATTER, Bounds
from flambeau.ops.composite import repeated
from flambeau.ops.expanded import first_of, repeated_dims
from flambeau.ops.operands import cast, check_tensor, expand, filled, python_number, refuse, strides_like
from flambeau.ops.registry import check_apart, operator, scalar_name, write_in_place
from flambeau.ops.slicing import slice_view
from flambeau.ops.views import owned, reshape
from flambeau.shapes.broadcasting import broadcast
from flambeau.shapes.dims import wrap_dim
from flambeau.tensor import Tensor

__all__ = ["gather", "scatter", "scatter_add", "index_select", "index_add", "take", "take_along_dim"]

_apply = Tensor._apply


IN_SELF = Bounds("IndexError", "index out of range in self", False)
_IN_COPY = Bounds("IndexError", "index_copy_(): " + FROM_START.text, False)
_IN_FLAT = Bounds("IndexError", "out of range: tried to access index {value} on a tensor of {size} elements.", True)


def _index(name: str, index: Any, *, int32_too: bool = True) -> Tensor:
    if not isinstance(index, Tensor):
        raise TypeError(f"{name}(): argument 'index' must be Tensor, not {type(index).__name__}")
    if index.dtype.name not in (("int64", "int32") if int32_too else ("int64",)) and index.numel():
        raise RuntimeError(f"{name}(): Expected dtype {'int32/int64' if int32_too else 'int64'} for index")
    return cast(index.detach(), int64)


# --- along one dimension, an index for every element --------------------------------------------------------------------------
def _raised(t: Tensor) -> Tensor:
    return t if t._shape else reshape(t, (1,))


@operator(apart=True, out="exact", remembered=True)
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """out[i, j, …] = input[index[i, j, …], j, …] for dim 0. Indices must lie in [0, n) (RuntimeError otherwise).

    >>> torch.tensor([[1, 2], [3, 4]]).gather(1, torch.tensor([[0], [1]]))
    tensor([[1],
            [4]])
    """
    return gathered(input, dim, index, FROM_START)


def gathered(input: Tensor, dim: int, index: Tensor, bounds: Bounds) -> Tensor:
    """`gather`, with its own word on which indices are allowed."""
    (result,) = repeated(_GATHERED, _gathered, (check_tensor(input, "gather", "input"), _index("gather", index)), (dim, bounds))
    return result


_GATHERED: dict[Any, Any] = {}


def _gathered(input: Tensor, index: Tensor, dim: int, bounds: Bounds) -> Tensor:
    d = wrap_dim(dim, len(input._shape))
    x, i = _raised(input), _raised(index)
    if not index.numel() and len(i._shape) != len(x._shape):
        return reshape(input, (-1,))[:0].reshape(tuple(index._shape))
    _check_index_shape(tuple(i._shape), tuple(x._shape), d)
    result = _apply(GATHER, (_within(x, tuple(i._shape), d), i), (d, bounds))
    return result if index._shape else owned(reshape(result, ()))


def _check_index_shape(index: tuple[int, ...], input: tuple[int, ...], d: int) -> None:
    if len(index) != len(input):
        raise RuntimeError("Index tensor must have the same number of dimensions as input tensor")
    for k, (a, b) in enumerate(zip(index, input)):
        if k != d and a > b:
            raise RuntimeError(
                f"Size does not match at dimension {k} expected index {list(index)} "
                f"to be no larger than self {list(input)} apart "
                f"from dimension {d}"
            )


def _within(x: Tensor, shape: tuple[int, ...], d: int) -> Tensor:
    """x cut to the index's size in every dimension but d."""
    own = tuple(x._shape)
    wanted = tuple([n if k == d else m for k, (n, m) in enumerate(zip(own, shape))])
    return x if wanted == own else slice_view(x, (0,) * len(own), (1,) * len(own), wanted)


_MODES = {"add": "add", "multiply": "mul", "sum": "add", "prod": "mul", "amax": "amax", "amin": "amin"}


def _scatter(name: str, input: Tensor, dim: int, index: Tensor, src: Any, mode: str) -> Tensor:
    check_tensor(input, name, "input")
    places = _index(name, index)
    d = wrap_dim(dim, len(input._shape))
    x, i = _raised(input), _raised(places)
    if not index.numel():
        return input.clone()
    shape = tuple(i._shape)
    if isinstance(src, Tensor):
        if src.dtype is not input.dtype:
            raise RuntimeError(f"{name}(): Expected self.dtype to be equal to src.dtype")
        source = _raised(src)
        if len(source._shape) != len(shape):
            raise RuntimeError("Index tensor must have the same number of dimensions as src tensor")
        if any(a > b for a, b in zip(shape, source._shape)):
            raise RuntimeError(
                f"Expected index {list(shape)} to be no larger than self {list(x._shape)} apart from dimension {d} and to be no "
                f"larger size than src {list(source._shape)}"
            )
        source = slice_view(source, (0,) * len(shape), (1,) * len(shape), shape) if tuple(source._shape) != shape else source
    else:
        number = python_number(src)
        if number is None:
            raise TypeError(f"{name}(): argument 'src' must be Tensor or Number, not {type(src).__name__}")
        source = filled(number, input.dtype, input._storage.device, shape)
    if len(shape) != len(x._shape):
        raise RuntimeError("Index tensor must have the same number of dimensions as self tensor")
    if any(k != d and a > b for k, (a, b) in enumerate(zip(shape, x._shape))):
        raise RuntimeError(f"Expected index {list(shape)} to be no larger than self {list(x._shape)} apart from dimension {d}")
    result = _apply(SCATTER, (x, i, source), (d, mode, FROM_START))
    return result if input._shape else owned(reshape(result, ()))


@operator(inplace=True, apart=True, out="exact")
def scatter(input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None, reduce: str | None = None) -> Tensor:
    """out[index[i, j, …], j, …] = src[i, j, …] (a tensor or a number) for dim 0; `reduce` "add" or "multiply" combines.

    >>> torch.zeros(3, dtype=torch.int64).scatter(0, torch.tensor([2, 0]), torch.tensor([5, 6]))
    tensor([6, 0, 5])
    """
    if reduce is not None and reduce not in ("add", "multiply"):
        raise RuntimeError("reduce argument must be either add or multiply.")
    return _scatter("scatter", input, dim, index, value if src is None else src, "set" if reduce is None else _MODES[reduce])


@operator(inplace=True, apart=True, out="exact")
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """out[index[i, j, …], j, …] += src[i, j, …] for dim 0.

    >>> torch.zeros(3).scatter_add(0, torch.tensor([0, 0, 2]), torch.tensor([1.0, 2.0, 3.0]))
    tensor([3., 0., 3.])
    """
    return _scatter("scatter", input, dim, index, check_tensor(src, "scatter_add", "src", 4), "add")


@operator(inplace=True, apart=True, out="exact")
def scatter_reduce(input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True) -> Tensor:
    """src combined into the places of index: "sum", "prod", "mean", "amax" or "amin", with what was there if `include_self`.

    >>> torch.zeros(2).scatter_reduce(0, torch.tensor([0, 0, 1]), torch.tensor([1.0, 5.0, 3.0]), 'amax')
    tensor([5., 3.])
    """
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    base = input
    if not include_self:
        base = _scatter("scatter_reduce", input, dim, index, _neutral(reduce, input), "set")
    if reduce != "mean":
        return _scatter("scatter_reduce", base, dim, index, src, _MODES[reduce])
    total = _scatter("scatter_reduce", base, dim, index, src, "add")
    count = input.new_ones(tuple(input._shape)) if include_self else _scatter(
        "scatter_reduce", input.new_ones(tuple(input._shape)), dim, index, 0, "set"
    )  # fmt: skip
    count = _scatter("scatter_reduce", count, dim, index, 1, "add")
    count = count.masked_fill(count < 1, 1)
    return total / count if input.dtype.category >= 2 else total.div(count, rounding_mode="floor")


def _neutral(reduce: str, input: Tensor) -> Any:
    """What a combination starts from."""
    if reduce in ("sum", "mean"):
        return 0
    if reduce == "prod":
        return 1
    if input.dtype.category == 2:
        return float("-inf") if reduce == "amax" else float("inf")
    if input.dtype.category == 0:
        return reduce == "amin"
    from flambeau.dtypes import iinfo

    limits = iinfo(input.dtype)
    return limits.min if reduce == "amax" else limits.max


@operator(apart=True, out="exact", remembered=True)
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """`gather` whose operands broadcast; over the flattened tensor without `dim`.

    >>> x = torch.tensor([[3, 1, 2]])
    >>> x.take_along_dim(x.argsort(1), 1)
    tensor([[1, 2, 3]])
    """
    places = _index("take_along_dim", indices, int32_too=False)
    if dim is None:
        return gather(reshape(input, (-1,)), 0, reshape(places, (-1,)))
    if len(input._shape) != len(indices._shape):
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{len(input._shape)} dimensions for input, and {len(indices._shape)} dimensions for indices"
        )
    d = wrap_dim(dim, len(input._shape))
    a, b = tuple(input._shape), tuple(indices._shape)
    shape = broadcast((*a[:d], 1, *a[d + 1 :]), (*b[:d], 1, *b[d + 1 :]))
    wide, there = expand(input, (*shape[:d], a[d], *shape[d + 1 :])), expand(places, (*shape[:d], b[d], *shape[d + 1 :]))
    return gathered(wide, d, there, EITHER_END)


# --- whole slices along one dimension ----------------------------------------------------------------------------------
def along(t: Tensor, places: Tensor, d: int, bounds: Bounds = EITHER_END) -> Tensor:
    """The slices of dimension d at a vector of places: x[…, places[k], …]."""
    shape = tuple(t._shape)
    n = places._shape[0]
    index = expand(reshape(places, (1,) * d + (n,) + (1,) * (len(shape) - d - 1)), (*shape[:d], n, *shape[d + 1 :]))
    return _apply(GATHER, (t, index), (d, bounds))


def into(t: Tensor, places: Tensor, d: int, source: Tensor, mode: str, bounds: Bounds = EITHER_END) -> Tensor:
    """t with the slices of dimension d at a vector of places combined with source's."""
    shape = tuple(t._shape)
    n = places._shape[0]
    index = expand(reshape(places, (1,) * d + (n,) + (1,) * (len(shape) - d - 1)), (*shape[:d], n, *shape[d + 1 :]))
    return _apply(SCATTER, (t, index, source), (d, mode, bounds))


def _vector(name: str, index: Any) -> Tensor:
    places = _index(name, index)
    if len(places._shape) > 1:
        raise IndexError(f"{name}(): Index is supposed to be a vector, but got dim: {len(places._shape)}")
    return _raised(places)


@operator(apart=True, out="exact", remembered=True)
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The slices of dimension `dim` at the given places, a copy.

    >>> torch.arange(6).reshape(2, 3).index_select(1, torch.tensor([2, 0]))
    tensor([[2, 0],
            [5, 3]])
    """
    places = _vector("index_select", index)
    d = wrap_dim(dim, len(check_tensor(input, "index_select", "input")._shape))
    if not input._shape:
        if places.numel() != 1:
            raise RuntimeError(f"index_select(): Index to scalar can have only 1 value, got {places.numel()} value(s)")
        return owned(reshape(along(reshape(input, (1,)), places, 0, IN_SELF), ()))
    return along(input, places, d, IN_SELF)


def _index_source(name: str, input: Tensor, d: int, places: Tensor, source: Tensor) -> Tensor:
    if source.dtype is not input.dtype:
        raise RuntimeError(
            f"{name}(): self ({scalar_name(input)}) and source ({scalar_name(source)}) must have the same scalar type"
        )
    shape = tuple(input._shape)
    n = places._shape[0]
    if len(source._shape) > 1 or (source._shape and len(shape) > 1) or (source._shape and source._shape[0] != n):
        if len(source._shape) != len(shape) or source._shape[d] != n:
            raise (IndexError if name == "index_copy" else RuntimeError)(
                f"{name}(): Number of indices ({n}) should be equal to source.size(dim): "
                f"({source._shape[d] if d < len(source._shape) else 1}), for dim: {d}"
            )
        if any(k != d and a != b for k, (a, b) in enumerate(zip(shape, source._shape))):
            raise RuntimeError(
                f"{name}(): Source/destination tensor must have same slice shapes. Destination slice shape: {list(shape)} "
                f"at dimension {d} and source slice shape: {list(source._shape)} at dimension {d}."
            )
    return reshape(source, (*shape[:d], n, *shape[d + 1 :])) if shape else source


def _by_index(
    name: str, input: Tensor, dim: int, index: Tensor, source: Tensor, mode: str, bounds: Bounds, alpha: Any = 1
) -> Tensor:
    operands = check_tensor(input, name, "input"), _vector(name, index), check_tensor(source, name, "source", 4)
    (result,) = repeated(_COMBINED, _combined, operands, (name, dim, mode, bounds, alpha))
    return result


_COMBINED: dict[Any, Any] = {}


def _combined(
    input: Tensor, places: Tensor, source: Tensor, name: str, dim: int, mode: str, bounds: Bounds, alpha: Any
) -> Tensor:
    d = wrap_dim(dim, len(input._shape))
    x = _raised(input)
    if name == "index_add" and source._shape and not input._shape and source._shape[0] == places._shape[0]:
        raise RuntimeError(
            "source tensor shape must match self tensor shape, excluding the specified dimension. "
            f"Got self.shape = [] source.shape = {list(source._shape)}"
        )
    part = _raised(_index_source(name, x, d, places, source))
    if alpha != 1:
        part = part * alpha
    result = into(x, places, d, part, mode, bounds)
    return result if input._shape else owned(reshape(result, ()))


@operator(inplace=True, apart=True, out="exact")
def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
    """alpha·source added into the slices of `dim` at the given places (which may repeat).

    >>> torch.zeros(3).index_add(0, torch.tensor([1, 1]), torch.tensor([2.0, 3.0]))
    tensor([0., 5., 0.])
    """
    bounds = FROM_START if len(check_tensor(input, "index_add", "input")._shape) > 1 else IN_SELF
    return _by_index("index_add", input, dim, index, source, "add", bounds, alpha)


@operator(inplace=True, apart=True, out="exact")
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """source written into the slices of `dim` at the given places."""
    return _by_index("index_copy", input, dim, index, source, "set", _IN_COPY)


@operator(inplace=True, apart=True, out="exact")
def index_reduce(input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True) -> Tensor:
    """source combined into the slices of `dim`: "prod", "mean", "amax" or "amin"."""
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    refuse(input, "index_func_" if include_self else "index_reduce_func_exclude_input_init", bool, complex)
    places = _vector("index_reduce", index)
    d = wrap_dim(dim, len(input._shape))
    part = _raised(_index_source("index_reduce", input, d, places, source))
    x = _raised(input)
    wide = expand(reshape(places, (1,) * d + (places._shape[0],) + (1,) * (len(x._shape) - d - 1)), tuple(part._shape))
    result = scatter_reduce(x, d, wide, part, reduce, include_self=include_self)
    return result if input._shape else reshape(result, ())


def _filled_once(input: Tensor, dim: int, index: Tensor, value: Any) -> tuple[Tensor, int, Tensor, Any]:
    """An expanded tensor's own elements, and the places of the index among them."""
    dims = repeated_dims(input)
    if wrap_dim(dim, len(input._shape)) in dims:
        index = index.div(input._shape[dim], rounding_mode="floor")  # 0 or -1, and beyond where it was out of bounds
    return first_of(input, dims), dim, index, value


@operator(inplace=True, apart=True, expanded=_filled_once)
def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """A number (or a zero-dimensional tensor) written into the slices of `dim` at the given places."""
    places = _vector("index_fill", index)
    d = wrap_dim(dim, len(check_tensor(input, "index_fill", "input")._shape))
    x = _raised(input)
    shape = (*x._shape[:d], places._shape[0], *x._shape[d + 1 :])
    if isinstance(value, Tensor):
        if value._shape:
            raise RuntimeError(
                f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s)."
            )
        # By a mask, so that a place named twice counts once in the value's gradient.
        device, n = x._storage.device, x._shape[d]
        ones = filled(True, bool_, device, tuple(places._shape))
        mask = into(filled(False, bool_, device, (n,)), places, 0, ones, "set")
        mask = reshape(mask, (1,) * d + (n,) + (1,) * (len(x._shape) - d - 1))
        result = _apply(WHERE, (expand(mask, tuple(x._shape)), expand(cast(value, input.dtype), tuple(x._shape)), x))
        return result if input._shape else owned(reshape(result, ()))
    else:
        source = filled(value, input.dtype, input._storage.device, shape)
    result = into(x, places, d, source, "set")
    return result._laid_out(strides_like(input)) if input._shape else reshape(result, ())


# --- by flat positions -------------------------------------------------------------------------------------------------
@operator(apart=True, out="exact")
def take(input: Tensor, index: Tensor) -> Tensor:
    """The elements at positions of the flattened tensor, in the index's shape."""
    if check_tensor(index, "take", "index", 2).dtype is not int64:
        raise RuntimeError(f"take(): Expected a long tensor for index, but got {scalar_name(index)}")
    flat = reshape(input, (-1,))
    if not input.numel() and index.numel():
        raise IndexError("take(): tried to take from an empty tensor")
    return owned(reshape(along(flat, reshape(index.detach(), (-1,)), 0, _IN_FLAT), tuple(index._shape)))


@operator(inplace=False)
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """source's elements written (or added) at positions of the flattened tensor."""
    if check_tensor(index, "put", "index", 2).dtype is not int64:
        raise IndexError(f"put_(): Expected a long tensor for index, but got {scalar_name(index)}")
    if source.dtype is not input.dtype:
        raise RuntimeError(
            "put_(): self and source expected to have the same dtype, but got "
            f"self.dtype = {input.dtype} and source.dtype = {source.dtype}"
        )
    if source.numel() != index.numel():
        raise IndexError(
            f"put_(): Expected source and index to have the same number of elements, but got source.numel() = {source.numel()}, "
            f"index.numel() = {index.numel()}"
        )
    places, mode = reshape(index.detach(), (-1,)), "add" if accumulate else "set"
    flat = into(reshape(input, (-1,)), places, 0, reshape(source, (-1,)), mode, _IN_FLAT)
    return reshape(flat, tuple(input._shape))._laid_out(strides_like(input))


@operator(namespace=None)
def put_(self: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """`put`, written into this tensor."""
    check_apart(self, index, source)
    return write_in_place(self, put(self, index, source, accumulate))
