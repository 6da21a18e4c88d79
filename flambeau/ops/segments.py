"""Reductions of pieces of several lengths along a dimension. May import what `flambeau.ops` may."""

from __future__ import annotations

import math

from flambeau.dtypes import int64
from flambeau.ops.joining import repeat_interleave
from flambeau.ops.operands import cast, check_tensor
from flambeau.ops.registry import operator
from flambeau.ops.sequences import arange
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
