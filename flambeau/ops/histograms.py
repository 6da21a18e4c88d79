"""Weighted counts of elements, or of points, between edges. May import what `flambeau.ops` may."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from flambeau.dtypes import dtype, int64
from flambeau.ops.composite import record, underivable, untaped
from flambeau.ops.operands import cast, check_tensor
from flambeau.ops.registry import operator, scalar_name
from flambeau.ops.results import result_type
from flambeau.ops.sequences import linspace
from flambeau.ops.sorting import searchsorted
from flambeau.ops.views import reshape
from flambeau.tensor import Tensor

__all__ = ["histogram", "histogramdd"]

_histogram_result = result_type("histogram", "hist bin_edges")
_histogramdd_result = result_type("histogramdd", "hist bin_edges")


def _check(name: str, input: Any, weight: Any, shape: tuple[int, ...]) -> None:
    if input.dtype.category != 2 or input.dtype.itemsize == 2:
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{scalar_name(input)}'")
    if weight is None:
        return
    check_tensor(weight, name, "weight")
    if weight.dtype is not input.dtype:
        raise RuntimeError(f"torch.{name}(): if weight tensor is provided, input tensor and weight tensor should have the same "
                           f"dtype, but got input {scalar_name(input)}, and weight {scalar_name(weight)}")  # fmt: skip
    if tuple(weight._shape) != shape:
        raise RuntimeError(f"torch.{name}(): if weight tensor is provided it should have the same shape as the input tensor "
                           f"without its innermost dimension, but got {list(weight._shape)} for {list(shape)}")  # fmt: skip


def _ends(name: str, values: Tensor, given: Sequence[float] | None) -> tuple[float, float]:
    """The first and the last edge: those given, or the least and the greatest value, a half apart from it where they agree."""
    if given is None:
        low, high = (float(end) for end in values.aminmax()) if values.numel() else (0.0, 1.0)
    else:
        low, high = (float(end) for end in given)
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"{name}: range [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError(f"{name}: min should not exceed max, but got min {low} max {high}")
    return (low - 0.5, high + 0.5) if low == high else (low, high)


def _edges(name: str, values: Tensor, bins: Any, given: Sequence[float] | None, type: dtype) -> Tensor:
    """The edges of one dimension's bins: the ones given, or `bins` equal ones."""
    if isinstance(bins, Tensor):
        if bins.dtype is not type:
            raise RuntimeError(f"{name}: input tensor and bins tensors should have the same dtype, but got input with dtype "
                               f"{type} and bins with dtype {bins.dtype}")  # fmt: skip
        if len(bins._shape) != 1 or not bins._shape[0]:
            raise RuntimeError(f"{name}: bins tensor should have one dimension and at least one edge, got {list(bins._shape)}")
        return bins
    if not isinstance(bins, int) or bins <= 0:
        raise RuntimeError(f"{name}(): bins must be > 0, but got {bins}")
    low, high = _ends(name, values, given)
    return linspace(low, high, bins + 1, dtype=type, device=values.device)


def _places(values: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
    """For each value its bin, the last of which holds its upper edge too, and whether it is in any."""
    last = edges._shape[0] - 2
    inside = (values >= edges[0]) & (values <= edges[-1])
    place = (searchsorted(edges, values.contiguous(), right=True) - 1).clamp(max=max(last, 0))
    return cast(place, int64)._fill_where(~inside, 0), inside


def _counted(name: str, points: Tensor, bins: Sequence[Any], ranges: Any, weight: Tensor | None, density: bool) -> Any:
    """The histogram of points [n, d], and the d tensors of edges."""
    x = points.detach()
    edges = [_edges(name, x[:, d], b, None if ranges is None else ranges[d], x.dtype) for d, b in enumerate(bins)]
    shape = tuple(e._shape[0] - 1 for e in edges)
    place: Any = x.new_zeros((x._shape[0],), dtype=int64)
    inside: Any = None
    for d, e in enumerate(edges):
        found, within = _places(x[:, d], e)
        place, inside = place * max(shape[d], 1) + found, within if inside is None else inside & within
    counted = cast(inside, x.dtype) if weight is None else weight.detach()._fill_where(~inside, 0)
    size = math.prod(shape)
    hist = x.new_zeros((size,)).index_add(0, place, counted) if size else x.new_zeros((0,))
    hist = reshape(hist, shape)
    if density:
        hist = hist / hist.sum()
        for d, e in enumerate(edges):
            hist = hist / e.diff().reshape([-1 if k == d else 1 for k in range(len(shape))])
    return hist, edges


@operator(out="exact")
def histogram(
    input: Tensor,
    bins: Any = 100,
    *,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Any:
    """How many elements are in each bin, and the bins' edges; `bins` is their number or the edges, increasing.

    Bins hold their lower edge, the last both. Without `range` equal bins go from the least to the greatest element. Each element
    counts as much as `weight` says; with `density` the histogram's integral is 1. Raises NotImplementedError for dtypes but
    float32 and float64.

    >>> torch.tensor([1.0, 2.0, 1.0]).histogram(bins=4, range=(0.0, 3.0)).hist
    tensor([0., 2., 1., 0.])
    """
    check_tensor(input, "histogram", "input")
    _check("histogram", input, weight, tuple(input._shape))
    ranges = None
    if range is not None:
        if len(range) != 2:
            raise RuntimeError(f"torch.histogram(): range should have 2 elements, but got {len(range)}")
        ranges = [range]
    flat = None if weight is None else reshape(weight, (-1,))
    with untaped():
        hist, (edges,) = _counted("histogram", reshape(input, (-1, 1)), [bins], ranges, flat, density)
        edges = edges.clone() if edges is bins else edges
    return _histogram_result(*_without_derivative("histogram", (hist, edges), input, weight, bins))


def _without_derivative(name: str, results: Sequence[Tensor], *operands: Any) -> list[Tensor]:
    """The results of an operator that PyTorch has no derivative for, on the tape."""
    rule, tensors = underivable(name, f"derivative for aten::{name} is not implemented"), []
    for operand in operands:
        tensors += [t for t in (operand if isinstance(operand, list) else [operand]) if isinstance(t, Tensor)]
    return [record(rule, result, tensors) for result in results]


@operator(method=False)
def histogramdd(
    input: Tensor, bins: Any, range: Sequence[float] | None = None, weight: Tensor | None = None, density: bool = False
) -> Any:
    """How many points [..., D] are in each of the boxes between edges, and the D tensors of edges.

    `bins` is the number of bins of all dimensions, or for each its number or (for all) its edges; `range` the lowest and the
    highest edge of each dimension, one after the other.
    """
    check_tensor(input, "histogramdd", "input")
    if len(input._shape) < 2:
        raise RuntimeError(f"torch.histogramdd: input tensor should have at least 2 dimensions, but got {input.ndim}")
    _check("histogramdd", input, weight, tuple(input._shape[:-1]))
    d = input._shape[-1]
    each = [bins] * d if isinstance(bins, int) else list(bins)
    if len(each) != d:
        raise RuntimeError(f"histogramdd: bins are given for {len(each)} dimensions, but the points have {d}")
    if range is not None and len(range) != 2 * d:
        raise RuntimeError(f"torch.histogramdd(): for a {d}-dimensional histogram range should have {2 * d} elements, but got "
                           f"{len(range)}")  # fmt: skip
    ranges = None if range is None else [*zip(range[::2], range[1::2])]
    flat = None if weight is None else reshape(weight, (-1,))
    with untaped():
        hist, edges = _counted("histogramdd", reshape(input, (-1, d)), each, ranges, flat, density)
    if all(isinstance(b, int) for b in each):
        (hist,) = _without_derivative("_histogramdd_from_bin_cts", (hist,), input, weight)
        edges = _without_derivative("_histogramdd_bin_edges", edges, input, weight)
    else:
        (hist,) = _without_derivative("_histogramdd_from_bin_tensors", (hist,), input, weight, each)
    return _histogramdd_result(hist, tuple(edges))
