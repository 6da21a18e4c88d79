"""Order: sort, topk, medians, quantiles, searches and sets. May import what `flambeau.ops` may."""

from __future__ import annotations

import math
from typing import Any

from flambeau.dtypes import iinfo, int32, int64
from flambeau.graph.primitives.indexing import ARGSORT
from flambeau.ops.choices import choose
from flambeau.ops.composite import Composite, computed, record, underivable, untaped
from flambeau.ops.creation import iota
from flambeau.ops.gathering import along, gather
from flambeau.ops.joining import cat
from flambeau.ops.operands import cast, check_tensor, integer, python_number, refuse, strides_like
from flambeau.ops.positions import flat_positions
from flambeau.ops.reduction import evenly
from flambeau.ops.registry import operator, scalar_name
from flambeau.ops.results import result_type
from flambeau.ops.slicing import select, slice_dim
from flambeau.ops.views import owned, reshape
from flambeau.shapes import reduction as rules
from flambeau.shapes.dims import wrap_dim
from flambeau.tensor import Tensor

__all__ = ["sort", "argsort", "topk", "kthvalue", "median", "quantile", "unique", "bincount", "searchsorted", "bucketize"]


# --- order -------------------------------------------------------------------------------------------------------------
def _order(t: Tensor, d: int, descending: bool, kept: int | None = None) -> Tensor:
    """The stable order of elements along d (int64), of the first `kept` in it."""
    return Tensor._apply(ARGSORT, (t.detach(),), (d, bool(descending), t._shape[d] if kept is None else kept))


_sort_result = result_type("sort", "values indices")
_topk_result = result_type("topk", "values indices")
_kth_result = result_type("kthvalue", "values indices")
_mode_result = result_type("mode", "values indices")


@operator(out="exact")
def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool | None = False) -> Any:
    """The elements along `dim` in order, and their places; NaN counts as largest. Always stable.

    >>> torch.tensor([3, 1, 2]).sort().indices
    tensor([1, 2, 0])
    """
    d = wrap_dim(dim, len(check_tensor(input, "sort", "input")._shape))
    if not input._shape:
        return _sort_result(input.clone(), input.new_zeros((), dtype=int64))
    strides = strides_like(input)
    places = _order(input, d, descending)._laid_out(strides)
    return _sort_result(gather(input, d, places)._laid_out(strides), places)


@operator(method=True, out=True)
def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The places of the elements along `dim` in order.

    >>> torch.tensor([3, 1, 2]).argsort(descending=True)
    tensor([0, 2, 1])
    """
    return sort(input, dim, descending)[1]


@operator(out="exact")
def msort(input: Tensor) -> Tensor:
    """The elements along the first dimension in order."""
    return sort(input, 0)[0]


@operator(out="exact")
def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """The k largest (or smallest) elements along `dim`, in order, and their places.

    >>> torch.tensor([1, 4, 2]).topk(2).values
    tensor([4, 2])
    """
    if check_tensor(input, "topk", "input").dtype.category in (0, 3):
        raise RuntimeError(f"topk does not support {'bool' if input.dtype.category == 0 else 'complex'} dtypes on CPU")
    shape = tuple(check_tensor(input, "topk", "input")._shape)
    count = integer(k, "topk", "k")
    rules.topk(shape, count, dim)
    d = wrap_dim(dim, len(shape))
    if not shape:
        return _topk_result(input.clone(), input.new_zeros((), dtype=int64))
    places = _order(input, d, largest, count)
    return _topk_result(gather(input, d, places), places)


@operator(apart=True, out="exact")
def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """The k-th smallest element along `dim` (k from 1), and its place."""
    shape = tuple(check_tensor(input, "kthvalue", "input")._shape)
    rules.kthvalue(shape, k, dim, keepdim)
    d = wrap_dim(dim, len(shape))
    if not shape:
        return _kth_result(input.clone(), input.new_zeros((), dtype=int64))
    refuse(input, "kthvalue_cpu", bool, complex)
    return _kth_result(*_at_rank(input, d, k - 1, keepdim))


def _at_rank(input: Tensor, d: int, rank: int, keepdim: bool) -> tuple[Tensor, Tensor]:
    places = slice_dim(_order(input, d, False, rank + 1), d, rank, 1).clone()
    values = gather(input, d, places)
    return (values, places) if keepdim else (values.squeeze(d), places.squeeze(d))


# --- medians and quantiles ---------------------------------------------------------------------------------------------
_median_result = result_type("median", "values indices")
_nanmedian_result = result_type("nanmedian", "values indices")


def _median(name: str, input: Tensor, dim: int | None, keepdim: bool, skip_nan: bool, result: Any) -> Any:
    shape = tuple(check_tensor(input, name, "input")._shape)
    refuse(input, "median_cpu" if dim is None else "median_out", bool, complex)
    if dim is None:
        if input.numel() == 0:
            return input.sum() * math.nan if input.dtype.category == 2 else input.new_full((), iinfo(input.dtype).min)
        y = _median(name, reshape(input.detach(), (-1,)), 0, False, skip_nan, lambda values, places: values)
        return record(_MIDDLE[name], y, (input,))
    d = wrap_dim(dim, len(shape))
    if not shape:
        return result(input.clone(), input.new_zeros((), dtype=int64))
    rules.reduce_nonempty(shape, d, keepdim, name=name)
    n = shape[d]
    order = _order(input, d, False)
    nans = input.detach().isnan().sum(d, keepdim=True)
    middle = ((n - nans) - 1).clamp(min=0).div(2, rounding_mode="floor") if skip_nan else None
    if middle is None:
        first = (n - 1) // 2
        middle = (nans > 0).to(int64) * (n - nans - first) + first  # NaN if there is one: the first of those at the end
    places = gather(order, d, middle)
    values = gather(input, d, places)
    return result(values, places) if keepdim else result(owned(values.squeeze(d)), owned(places.squeeze(d)))


_MIDDLE = {name: Composite(name, evenly, saves="inputs output") for name in ("median", "nanmedian")}


@operator(out="exact", remembered=True)
def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The middle element (the lower of two), of all or along `dim` with its place. NaN if there is one.

    >>> torch.tensor([3, 1, 2]).median()
    tensor(2)
    """
    return _median("median", input, dim, keepdim, False, _median_result)


@operator(out="exact")
def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The middle of what isn't NaN."""
    return _median("nanmedian", input, dim, keepdim, True, _nanmedian_result)


@operator(out="exact")
def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> Any:
    """The most frequent element along `dim` (the smallest of several), and the last of its places."""
    shape = tuple(check_tensor(input, "mode", "input")._shape)
    d = wrap_dim(dim, len(shape))
    if not shape:
        return _mode_result(input.clone(), input.new_zeros((), dtype=int64))
    rules.reduce_nonempty(shape, d, keepdim, name="mode")
    order = _order(input, d, False).movedim(d, -1)
    values = gather(input.detach().movedim(d, -1), -1, order)
    n = shape[d]
    places = iota(n, int64, input._storage.device)
    if n > 1:
        fresh = slice_dim(values, len(shape) - 1, 1, n - 1) != slice_dim(values, len(shape) - 1, 0, n - 1)
        fresh = cat([fresh.new_ones((*fresh._shape[:-1], 1)), fresh], -1)
        start = cast(fresh, int64) * places
        run = places - start.cummax(-1)[0]
        last = run.argmax(-1, keepdim=True)
    else:
        last = values.new_zeros((*values._shape[:-1], 1), dtype=int64)
    chosen = gather(order, -1, last).movedim(-1, d)
    found = gather(input, d, chosen)
    return _mode_result(found, chosen) if keepdim else _mode_result(found.squeeze(d), chosen.squeeze(d))


def _quantile(name: str, input: Tensor, q: Any, dim: int | None, keepdim: bool, interpolation: str, skip_nan: bool) -> Tensor:
    if check_tensor(input, name, "input").dtype.name not in ("float32", "float64"):
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype")
    if not isinstance(q, Tensor):
        number = python_number(q)
        if number is None:
            raise TypeError(f"{name}(): argument 'q' must be Tensor or Number, not {type(q).__name__}")
        if not 0 <= number <= 1:
            raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {number}")
        q = input.new_full((), number)
    elif q.dtype is not input.dtype:
        raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}"
        )
    rules.quantile(tuple(input._shape), tuple(q._shape), dim, keepdim)
    if input.numel() == 0:
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    rank = len(input._shape)
    whole = dim is None
    x = reshape(input, (-1,)) if whole or not rank else input.movedim(dim, -1)
    n = x._shape[-1]
    ordered = sort(x, -1)[0]
    last = n - 1
    probabilities = reshape(q, (-1,))
    lead = x._shape[:-1]
    nans = x.detach().isnan().sum(-1, keepdim=True)
    if skip_nan:
        position = probabilities * (n - nans - 1).clamp(min=0).to(x.dtype)
    else:
        position = (probabilities * last).expand((*lead, probabilities._shape[0]))._fill_where(nans > 0, last)
    if interpolation == "lower":
        position = position.floor()
    elif interpolation == "higher":
        position = position.ceil()
    elif interpolation == "nearest":
        position = position.round()
    below = position.floor()
    low = gather(ordered, -1, below.to(int64))
    result = low
    if interpolation in ("linear", "midpoint"):
        weight = (position - below) if interpolation == "linear" else (position != below).to(x.dtype) * 0.5
        high = gather(ordered, -1, position.ceil().to(int64))
        result = low.lerp(high, weight)
    if dim is None:
        result = reshape(result, (*result._shape[-1:], *(1,) * rank)) if keepdim else reshape(result, (-1,))
        result = result if keepdim else reshape(result, (-1,))
    else:
        result = result.movedim(-1, 0)
        if keepdim and rank:
            result = result.unsqueeze((wrap_dim(dim, rank)) + 1)
    return result.squeeze(0) if not q._shape else result


@operator(out="exact")
def quantile(input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear") -> Tensor:
    """Where a share q of the elements lies below, of all or along `dim`; several q come first. NaN if there is one.

    >>> torch.arange(5.0).quantile(0.25)
    tensor(1.)
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation, False)


@operator(out="exact")
def nanquantile(input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear") -> Tensor:
    """`quantile` of what isn't NaN."""
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, True)


# --- searches ----------------------------------------------------------------------------------------------------------
@operator(method=False, out="exact")
def searchsorted(
    sorted_sequence: Tensor,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Where values would go into a sequence sorted along its last dimension: before equal elements, after with `right`.

    >>> torch.searchsorted(torch.tensor([1, 3, 5]), torch.tensor([3, 6]))
    tensor([1, 3])
    """
    if side is not None and side not in ("left", "right"):
        raise RuntimeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise RuntimeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True"
        )
    check_tensor(sorted_sequence, "searchsorted", "sorted_sequence")
    refuse(sorted_sequence, "searchsorted_out_cpu", bool, complex)
    after = right or side == "right"
    is_number = not isinstance(input, Tensor)
    if is_number:
        if len(sorted_sequence._shape) != 1:
            raise RuntimeError(
                "torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is 1, but we got "
                f"boundaries tensor dim({sorted_sequence.ndim}) and input value's dim(0) numel(1)"
            )
        input = (
            sorted_sequence.new_full((), input)
            if sorted_sequence.dtype.category == 2
            else sorted_sequence.new_tensor(input, dtype=None if isinstance(input, float) else sorted_sequence.dtype)
        )
    edges = sorted_sequence if sorter is None else gather(sorted_sequence, -1, sorter)
    if len(edges._shape) > 1 and tuple(edges._shape[:-1]) != tuple(input._shape[:-1]):
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and "
            "input value tensor must match, but we got boundaries tensor "
            f"{list(edges._shape)} and input value tensor {list(input._shape)}"
        )
    (found,) = computed(_SEARCH, _bisect, (edges, input), (after,))
    return cast(found, int32 if out_int32 else int64)


_SEARCH = Composite("searchsorted", None)


def _bisect(edges: Tensor, values: Tensor, after: bool) -> Tensor:
    """The search of all values at once, halving as PyTorch does: an unordered NaN sends a value up."""
    n = edges._shape[-1]
    low = values.new_zeros(tuple(values._shape), dtype=int64)
    high = low + n
    for _ in range(n.bit_length()):
        middle = (low + high) >> 1
        place = middle.clamp(max=n - 1)
        if len(edges._shape) == 1:
            edge = reshape(gather(edges, 0, reshape(place, (-1,))), tuple(place._shape))
        else:
            edge = gather(edges, -1, place)
        goes_down = edge > values if after else edge >= values
        is_open = low < high
        low = choose(is_open & ~goes_down, middle + 1, low, "searchsorted")
        high = choose(is_open & goes_down, middle, high, "searchsorted")
    return low


@operator(method=False, out="exact")
def bucketize(input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """The number of the bucket between `boundaries` that each value falls into.

    >>> torch.bucketize(torch.tensor([0.5, 3.0]), torch.tensor([1.0, 2.0, 3.0]))
    tensor([0, 2])
    """
    if len(check_tensor(boundaries, "bucketize", "boundaries", 2)._shape) != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


@operator(method=False, also={"element": "elements", "test_element": "test_elements"}, out="exact")
def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Whether each element is among `test_elements`."""
    if not isinstance(elements, Tensor) and not isinstance(test_elements, Tensor):
        raise TypeError("isin(): one of 'elements' and 'test_elements' must be Tensor")
    for t in (elements, test_elements):
        if isinstance(t, Tensor) and t.dtype.category in (0, 3):
            raise RuntimeError(f"Unsupported input type encountered for isin(): {scalar_name(t)}")
    if not isinstance(elements, Tensor):
        elements = test_elements.new_tensor(elements)
    if not isinstance(test_elements, Tensor):
        found = elements == test_elements
    else:
        found = (elements.detach().unsqueeze(-1) == reshape(test_elements.detach(), (-1,))).any(-1)
    return found.logical_not() if invert else found


# --- sets and counts ---------------------------------------------------------------------------------------------------
def _runs(fresh: Tensor, n: int) -> tuple[Tensor, Tensor, Tensor]:
    """From which elements of a row begin a new run: where runs begin, each element's run, the runs' lengths."""
    starts = flat_positions(fresh)
    run = cast(fresh, int64).cumsum(0) - 1
    count = starts._shape[0]
    following = cat([slice_dim(starts, 0, 1, count - 1), starts.new_full((1,), n)]) if count else starts
    return starts, run, following - starts


def _results(values: Tensor, inverse: Tensor, counts: Tensor, return_inverse: bool, return_counts: bool) -> Any:
    extra = ([inverse] if return_inverse else []) + ([counts] if return_counts else [])
    return (values, *extra) if extra else values


_UNIQUE, _UNIQUE_SLICES, _CONSECUTIVE = (
    underivable(name, f"the derivative for '{name}' is not implemented.", NotImplementedError)
    for name in ("_unique2", "unique_dim", "unique_consecutive")
)


def _differs(x: Tensor) -> Tensor:
    """Whether each row (of [n, m]) or element (of [n]) differs from the one before; the first does."""
    n = x._shape[0]
    changed = slice_dim(x, 0, 1, n - 1) != slice_dim(x, 0, 0, n - 1)
    if len(x._shape) > 1:
        changed = changed.any(1)
    return cat([changed.new_ones((1,)), changed])


@operator(method=True)
def unique(
    input: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The distinct elements in order (or slices of `dim`); also where each went and how many there are of each.
    Computes the input.

    >>> torch.tensor([3, 1, 3, 2]).unique(return_counts=True)
    (tensor([1, 2, 3]), tensor([1, 1, 2]))
    """
    x = check_tensor(input, "unique", "input").detach()
    device = x._storage.device
    if dim is None:
        flat = reshape(x, (-1,))
        n = flat._shape[0]
        if n == 0:
            empty = flat.new_empty((0,), dtype=int64)
            values = record(_UNIQUE, flat.clone(), (input,))
            return _results(values, empty.reshape(tuple(input._shape)), empty, return_inverse, return_counts)
        order = _order(flat, 0, False)
        ordered = along(flat, order, 0)
        shape = tuple(input._shape)
    else:
        d = wrap_dim(dim, len(x._shape))
        moved = x.movedim(d, 0)
        n = moved._shape[0]
        if n == 0:
            empty = x.new_empty((0,), dtype=int64)
            return _results(record(_UNIQUE_SLICES, x.clone(), (input,)), empty, empty, return_inverse, return_counts)
        table = reshape(moved, (n, -1))
        order = iota(n, int64, device)
        for column in range(table._shape[1] - 1, -1, -1):  # stable sorts from the last key to the first
            order = along(order, _order(along(select(table, 1, column), order, 0), 0, False), 0)
        ordered = along(table, order, 0)
        shape = (n,)
    starts, run, counts = _runs(_differs(ordered), n)
    inverse = run.new_zeros((n,)).scatter(0, order, run).reshape(shape)
    values = record(_UNIQUE if dim is None else _UNIQUE_SLICES, along(ordered, starts, 0), (input,))
    if dim is not None:
        values = reshape(values, (values._shape[0], *moved._shape[1:])).movedim(0, d)
    return _results(values, inverse, counts, return_inverse, return_counts)


@operator(method=True)
def unique_consecutive(input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None) -> Any:
    """Of each run of equal elements (or slices of `dim`) one; also each element's run and the runs' lengths.
    Computes the input."""
    x = check_tensor(input, "unique_consecutive", "input").detach()
    refuse(x, "unique" if dim is None else "unique_dim", complex)
    moved = reshape(x, (-1,)) if dim is None else x.movedim(dim, 0)
    n = moved._shape[0] if moved._shape else 1
    if n == 0:
        empty = x.new_empty((0,), dtype=int64)
        return _results(record(_CONSECUTIVE, moved.clone(), (input,)), empty, empty, return_inverse, return_counts)
    table = moved if dim is None else reshape(moved, (n, -1))
    starts, run, counts = _runs(_differs(table), n)
    inverse = reshape(run, tuple(input._shape)) if dim is None else run
    values = record(_CONSECUTIVE, along(moved, starts, 0), (input,))
    return _results(values if dim is None else values.movedim(0, dim), inverse, counts, return_inverse, return_counts)


@operator()
def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each number 0, 1, … occurs in a vector, or the sum of its `weights`. Computes the input, to know the largest.

    >>> torch.tensor([0, 1, 1, 3]).bincount()
    tensor([1, 2, 0, 1])
    """
    if len(check_tensor(input, "bincount", "input")._shape) != 1 or input.dtype.category != 1:
        if input.dtype.category != 1:
            raise NotImplementedError(f"\"bincount_cpu\" not implemented for '{scalar_name(input)}'")
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    n = input._shape[0]
    if weights is not None and tuple(weights._shape) != (n,):
        raise RuntimeError("weights should be 1-d and have the same length as input")
    size = minlength
    places = cast(input.detach(), int64)
    if n:
        low, high = places.aminmax()
        if int(low) < 0:
            raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
        size = max(int(high) + 1, minlength)
    if weights is None:
        source = places.new_ones((n,))
    else:
        source = weights if weights.dtype.name in ("float32", "float64") else weights.double()
    with untaped():
        counts = source.new_zeros((size,)).scatter_add(0, places, source)
    return record(_BINCOUNT, counts, (source,))


_BINCOUNT = underivable("bincount", "derivative for aten::bincount is not implemented")


@operator(out="exact")
def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """Counts of elements in `bins` equal intervals of [min, max] (of the elements' range when both are 0).

    >>> torch.tensor([0.0, 1.0, 1.0, 2.0]).histc(bins=3)
    tensor([1., 2., 1.])
    """
    if check_tensor(input, "histc", "input").dtype.category != 2:
        raise NotImplementedError(f"\"histogram_cpu\" not implemented for '{scalar_name(input)}'")
    if bins <= 0:
        raise RuntimeError("bins must be > 0")
    x = reshape(input.detach(), (-1,))
    low, high = float(min), float(max)
    if low == high and x.numel():
        ends = x.aminmax()
        low, high = float(ends[0]), float(ends[1])
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"range of [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError("max must be larger than min")
    if low == high:
        low, high = low - 1, high + 1
    inside = (x >= low) & (x <= high)
    place = ((x - low) * (bins / (high - low)))._fill_where(~inside, 0).to(int64).clamp(max=bins - 1)
    return x.new_zeros((bins,)).scatter_add(0, place, inside.to(x.dtype))
