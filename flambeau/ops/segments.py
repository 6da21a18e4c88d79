"""Pieces of several lengths along a dimension: reductions of them, and where rows of elements begin.

May import what `flambeau.ops` may.
"""

from __future__ import annotations

import math

from flambeau.dtypes import int32, int64
from flambeau.ops.joining import repeat_interleave, stack
from flambeau.ops.operands import cast, check_tensor
from flambeau.ops.registry import operator, scalar_name
from flambeau.ops.sequences import arange, unravel_index
from flambeau.ops.sorting import searchsorted
from flambeau.ops.views import reshape
from flambeau.tensor import Tensor

__all__ = ["segment_reduce"]

_STARTS = {"sum": 0.0, "mean": 0.0, "prod": 1.0, "max": -math.inf, "min": math.inf}
_BY_INDEX = {"max": "amax", "min": "amin"}


@operator(method=False, out=True)
def segment_reduce(
    data: Tensor,
    reduce: str,
    *,
    lengths: Tensor | None = None,
    indices: Tensor | None = None,
    offsets: Tensor | None = None,
    axis: int = 0,
    unsafe: bool = False,
    initial: float | None = None,
) -> Tensor:
    """The sum, mean, prod, max or min of segments along `axis`, which lie one after another.

    Their lengths [..., S] are given, or their `offsets` [..., S + 1] (the first 0, the last the size of `axis`); dimensions
    before `axis` are those of the data. An empty segment gives `initial`, or the reduction's start (NaN for a mean).

    >>> torch.segment_reduce(torch.tensor([1.0, 2.0, 3.0]), "sum", lengths=torch.tensor([2, 0, 1]))
    tensor([3., 0., 3.])
    """
    check_tensor(data, "segment_reduce", "data")
    if reduce not in _STARTS:
        raise RuntimeError(f"segment_reduce(): reduce must be one of {', '.join(_STARTS)}, got {reduce!r}")
    if indices is not None:
        raise RuntimeError("segment_reduce(): indices based reduction is not supported yet.")
    if lengths is None and offsets is None:
        raise RuntimeError("segment_reduce(): Either lengths or offsets must be defined.")
    given = lengths if lengths is not None else offsets
    check_tensor(given, "segment_reduce", "lengths" if lengths is not None else "offsets")
    assert given is not None
    if axis != len(given._shape) - 1:
        raise RuntimeError(f"segment_reduce(): Expected axis to be the last dimension of lengths but got {axis}.")
    if len(data._shape) <= axis or tuple(data._shape[:axis]) != tuple(given._shape[:-1]):
        raise RuntimeError(f"segment_reduce(): data of shape {list(data._shape)} doesn't fit segments {list(given._shape)}")
    counts = cast(given if lengths is not None else given.diff(dim=-1), int64)
    n, segments = data._shape[axis], counts._shape[-1]
    if not unsafe:
        if bool((counts < 0).any()):
            raise RuntimeError("segment_reduce(): lengths contains negative value!")
        if bool((counts.sum(-1) != n).any()):
            raise RuntimeError("segment_reduce(): Expected all rows of lengths along axis to sum to data.size(lengths.dim()-1)")
    lead, rest = tuple(data._shape[:axis]), tuple(data._shape[axis + 1 :])
    flat = reshape(data, (math.prod(lead) * n, *rest))
    total = math.prod(lead) * segments
    which = repeat_interleave(arange(total, device=data.device), reshape(counts, (-1,)))
    start = _STARTS[reduce] if initial is None else float(initial)
    result = data.new_full((total, *rest), start)
    if reduce in ("max", "min"):  # where an element equals `initial`, it has the gradient
        result = result.index_reduce(0, which, flat, _BY_INDEX[reduce], include_self=False)
        if initial is not None:
            result = result._fill_where(result < start if reduce == "max" else result > start, start)
    elif reduce == "prod":
        result = result.index_reduce(0, which, flat, "prod")
    else:
        result = result.index_add(0, which, flat)
    if reduce == "mean":
        sizes = reshape(counts, (total, *[1] * len(rest)))
        result = result / sizes
        if initial is not None:
            result = result._fill_where(sizes == 0, start)
    return reshape(result, (*lead, segments, *rest))


_segment_reduce = segment_reduce  # PyTorch has it by this name, too


@operator(method=False, out=True)
def _convert_indices_from_coo_to_csr(input: Tensor, size: int, *, out_int32: bool = False) -> Tensor:
    """Where each of `size` rows begins among elements whose rows are `input` [n], in ascending order; and n, [size + 1].

    In int64, or int32 if asked for. Raises RuntimeError for other than one dimension, NotImplementedError for floats.
    """
    if len(input._shape) != 1:
        raise RuntimeError(f"Input is supposed to be a vector, but got {len(input._shape)} dimensional tensor.")
    if input.dtype.category != 1:
        raise NotImplementedError(f"\"convert_indices_from_coo_to_csr_cpu\" not implemented for '{scalar_name(input)}'")
    return cast(searchsorted(input, arange(size + 1, dtype=input.dtype, device=input.device)), int32 if out_int32 else int64)


@operator(method=False, out=True)
def _convert_indices_from_csr_to_coo(
    crow_indices: Tensor, col_indices: Tensor, *, out_int32: bool = False, transpose: bool = False
) -> Tensor:
    """The places [d, n] of elements in rows that begin at `crow_indices` [..., rows + 1] and columns `col_indices` [..., n].

    d is the number of dimensions: of batches, then rows and columns, these two the other way round with `transpose`.
    """
    lead, n = tuple(col_indices._shape[:-1]), col_indices._shape[-1]
    every = arange(n, dtype=crow_indices.dtype, device=crow_indices.device).expand((*lead, n))
    rows = reshape(searchsorted(crow_indices[..., 1:], every, right=True), (-1,))
    batches = unravel_index(arange(math.prod(lead) * n, device=rows.device), (*lead, n))[:-1] if lead else ()
    columns = cast(reshape(col_indices, (-1,)), int64)
    places = stack([*batches, columns, rows] if transpose else [*batches, rows, columns])
    return cast(places, int32 if out_int32 else int64)
