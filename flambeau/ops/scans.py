"""Running sums, products and extrema, and differences. May import what `flambeau.ops` may."""

from __future__ import annotations

from typing import Any

from flambeau.dtypes import c_name_of_dtype, dtype, int64
from flambeau.graph.primitives.scan import SCAN
from flambeau.ops.binary import logaddexp
from flambeau.ops.composite import record
from flambeau.ops.gathering import gather
from flambeau.ops.joining import cat, stack
from flambeau.ops.operands import cast, check_tensor
from flambeau.ops.reduction import CHOSEN
from flambeau.ops.registry import in_place, operator, scalar_name
from flambeau.ops.results import result_type
from flambeau.ops.slicing import slice_dim
from flambeau.ops.views import owned, reshape
from flambeau.shapes import reduction as rules
from flambeau.shapes.dims import wrap_dim
from flambeau.tensor import Tensor

__all__ = ["cumsum", "cumprod", "cummax", "cummin", "logcumsumexp", "diff"]


def _scan(t: Tensor, dim: int, kind: str) -> Tensor:
    shape = tuple(t._shape)
    d = wrap_dim(dim, len(shape))
    if not shape:
        return owned(reshape(Tensor._apply(SCAN, (reshape(t, (1,)),), (0, kind)), ()))
    if 0 in shape:
        return t.clone()
    return Tensor._apply(SCAN, (t,), (d, kind))


def _summable(name: str, input: Tensor, dtype: dtype | None) -> Tensor:
    own = check_tensor(input, name, "input").dtype
    if dtype is not None and dtype.category == 0 and input._shape and input.numel():
        raise NotImplementedError(f"\"{name}_out_cpu\" not implemented for 'Bool'")
    return cast(input, dtype or (own if own.category >= 2 else int64))


@operator(out="dtype")
def cumsum(input: Tensor, dim: int, *, dtype: dtype | None = None) -> Tensor:
    """Sums of all elements up to each one along `dim`; bools and integers as int64 unless told.

    >>> torch.arange(5).cumsum(0)
    tensor([ 0,  1,  3,  6, 10])
    """
    return _scan(_summable("cumsum", input, dtype), dim, "sum")


@operator(out="dtype")
def cumprod(input: Tensor, dim: int, *, dtype: dtype | None = None) -> Tensor:
    """Products of all elements up to each one along `dim`; bools and integers as int64 unless told."""
    return _scan(_summable("cumprod", input, dtype), dim, "prod")


def _in_own_dtype(scan: Any) -> None:
    """The in-place form: computed in the tensor's own dtype."""

    def change(self: Tensor, dim: int, *, dtype: dtype | None = None) -> Tensor:
        own = self._storage.dtype
        wrap_dim(dim, len(self._shape))
        if dtype is not None and dtype is not own:
            raise RuntimeError(
                f"Bad in-place call: input tensor dtype {c_name_of_dtype(own)} and output tensor dtype "
                f"{c_name_of_dtype(dtype)} should match"
            )
        return in_place(scan, self, dim, dtype=own)

    change.__name__ = change.__qualname__ = scan.__name__ + "_"
    change.__doc__ = f"`{scan.__name__}`, written into this tensor."
    operator(change.__name__, namespace=None)(change)


_in_own_dtype(cumsum)
_in_own_dtype(cumprod)


def _running(name: str, kind: str) -> Any:
    result = result_type(name, "values indices")

    def function(input: Tensor, dim: int) -> Any:
        check_tensor(input, name, "input")
        x = input.detach()
        if not input._shape or 0 in input._shape:
            wrap_dim(dim, len(input._shape))
            return result(input.clone(), x.new_zeros(tuple(input._shape), dtype=int64))
        d = wrap_dim(dim, len(input._shape))
        places = _scan(x, dim, "arg" + kind)
        values = gather(x, d, places)
        return result(record(CHOSEN, values, (input, places), (d, True)), places)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"The {kind}imum of all elements up to each one along `dim`, and its last position."
    operator(name, out="exact")(function)
    return function


cummax = _running("cummax", "max")
cummin = _running("cummin", "min")


@operator(out="exact")
def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """log of the running sum of exp(input), without overflow: relative to the running maximum."""
    shape = tuple(check_tensor(input, "logcumsumexp", "input")._shape)
    d = wrap_dim(dim, len(shape))
    if input.dtype.category < 2:
        raise NotImplementedError(f"\"logcumsumexp_out_cpu\" not implemented for '{scalar_name(input)}'")
    if not shape or 0 in shape:
        return input.clone()
    if input.is_complex():  # one after another: imaginary parts go on beyond half a turn
        parts = [input.select(d, 0)]
        for k in range(1, shape[d]):
            parts.append(logaddexp(parts[-1], input.select(d, k)))
        return stack(parts, d)
    return _running_logsumexp(input.movedim(d, -1)).movedim(-1, d).contiguous()


_BLOCK = 32


def _running_logsumexp(x: Tensor) -> Tensor:
    """Along the last dimension: within blocks, then over the blocks' totals in the same way."""
    n = x._shape[-1]
    if n <= _BLOCK:
        # Each result from its own row of a table [k, i], i ≤ k: the running maximum may change at every step.
        position = x.new_ones((n,), dtype=int64).cumsum(0)
        later = position.unsqueeze(0) > position.unsqueeze(1)
        return x.unsqueeze(-2)._fill_where(later, float("-inf")).logsumexp(-1)
    whole = n // _BLOCK * _BLOCK
    within = _running_logsumexp(x.narrow(-1, 0, whole).unflatten(-1, (-1, _BLOCK)))
    totals = _running_logsumexp(within.select(-1, -1))
    blocks = whole // _BLOCK
    later_blocks = logaddexp(within.narrow(-2, 1, blocks - 1), totals.narrow(-1, 0, blocks - 1).unsqueeze(-1))
    parts = [within.select(-2, 0), later_blocks.flatten(-2)]
    if whole < n:
        parts.append(logaddexp(_running_logsumexp(x.narrow(-1, whole, n - whole)), totals.narrow(-1, blocks - 1, 1)))
    return cat(parts, -1)


@operator(out=lambda result, input, n=1, *_, **others: n != 0 or "exact", remembered=True)
def diff(input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None) -> Tensor:
    """n-th differences of neighbours along `dim`, after `prepend` and `append` were put on."""
    rules.diff(tuple(check_tensor(input, "diff", "input")._shape), n, dim)
    d = wrap_dim(dim, len(input._shape))
    parts = [t for t in (prepend, input, append) if t is not None]
    if n == 0:
        return input.clone()
    x = cat(parts, d) if len(parts) > 1 else input
    for _ in range(n):
        size = x._shape[d]
        if size <= 1:
            return slice_dim(x, d, 0, 0).clone()
        upper, lower = slice_dim(x, d, 1, size - 1), slice_dim(x, d, 0, size - 1)
        x = upper.logical_xor(lower) if x.dtype.category == 0 else upper - lower
    return x
