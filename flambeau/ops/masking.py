"""Choosing, filling and writing by masks. May import what `flambeau.ops` may."""

from __future__ import annotations

from typing import Any

from flambeau.dtypes import bool_
from flambeau.graph.primitives.elementwise import WHERE
from flambeau.ops.expanded import first_of, repeated_dims
from flambeau.ops.gathering import along, into
from flambeau.ops.operands import cast, check_fits, check_tensor, expand, filled, python_number
from flambeau.ops.positions import flat_positions
from flambeau.ops.registry import operator, scalar_name
from flambeau.ops.slicing import slice_dim
from flambeau.ops.views import reshape
from flambeau.shapes.broadcasting import broadcast
from flambeau.size import contiguous_strides
from flambeau.tensor import Tensor

__all__ = ["fill_where", "masked_fill", "masked_scatter", "masked_select"]

_apply = Tensor._apply


def _mask(name: str, mask: Any) -> Tensor:
    if not isinstance(mask, Tensor):
        raise TypeError(f"{name}(): argument 'mask' (position 2) must be Tensor, not {type(mask).__name__}")
    if mask.dtype is not bool_:
        raise RuntimeError(f"{name} only supports boolean masks, but got mask with dtype {mask.dtype}")
    return mask


def fill_where(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """`where(mask, value, input)`, of the input's dtype: an elementwise result, which lies in memory as its operands do."""
    shape = tuple(input._shape)
    if value.__class__ is int and value == 0 and mask._shape == shape and mask._storage.device == input._storage.device:
        return _apply(WHERE, (mask, filled(0, input._storage.dtype, input._storage.device, shape), input))
    if mask._shape != shape:
        shape = broadcast(shape, tuple(mask._shape))
    type, device = input._storage.dtype, input._storage.device
    if isinstance(value, Tensor):
        if value._shape:
            raise RuntimeError(
                f"masked_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s)."
            )
        if value.dtype.category > type.category:
            raise RuntimeError(f"value cannot be converted to type {type} without overflow")
        other = expand(cast(value.to(input.device), type), shape)
    else:
        number = python_number(value)
        if number is None:
            raise TypeError(f"masked_fill(): argument 'value' must be Number or Tensor, not {value.__class__.__name__}")
        check_fits(number, type)
        other = filled(number, type, device, shape)
    return _apply(WHERE, (expand(mask, shape), other, expand(input, shape)))


Tensor._fill_where = fill_where  # type: ignore[attr-defined]


def _masked_once(input: Tensor, mask: Tensor, value: Any) -> tuple[Tensor, Tensor, Any]:
    """An expanded tensor's own elements, and where the mask holds for one of those that they stand for."""
    dims = repeated_dims(input)
    wide = expand(_mask("masked_fill", mask), tuple(input._shape))
    return first_of(input, dims), wide.any(dims, keepdim=True), value


@operator(inplace=True, expanded=_masked_once, remembered=True)
def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """`value` (a number or a zero-dimensional tensor) where the mask holds; in row-major order.

    >>> torch.arange(4).masked_fill(torch.tensor([True, False, True, False]), -1)
    tensor([-1,  1, -1,  3])
    """
    check_tensor(input, "masked_fill", "input")
    _mask("masked_fill", mask)
    result = fill_where(input, mask, value)
    return result if result._strides is None else result._laid_out(contiguous_strides(result._shape))


@operator(apart=True, out="exact")
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where the mask holds, in row-major order, in one dimension. Computes the mask to know how many.

    >>> x = torch.arange(4)
    >>> x.masked_select(x > 1)
    tensor([2, 3])
    """
    _mask("masked_select", mask)
    shape = broadcast(tuple(input._shape), tuple(mask._shape))
    flat = reshape(expand(input, shape), (-1,))
    return along(flat, flat_positions(reshape(expand(mask, shape), (-1,))), 0)


@operator(inplace=True, apart=True)
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """The elements where the mask holds replaced by source's, one after another."""
    _mask("masked_scatter", mask)
    if source.dtype is not input.dtype:
        raise RuntimeError(
            "masked_scatter_: expected self and source to have same dtypes but "
            f"got {scalar_name(input)} and {scalar_name(source)}"
        )
    shape = broadcast(tuple(input._shape), tuple(mask._shape))
    positions = flat_positions(reshape(expand(mask, shape), (-1,)))
    n = positions._shape[0]
    if source.numel() < n:
        raise RuntimeError("number of elements of source < number of ones in mask")
    flat = reshape(expand(input, shape), (-1,))
    return reshape(into(flat, positions, 0, slice_dim(reshape(source, (-1,)), 0, 0, n), "set"), shape)
