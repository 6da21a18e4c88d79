"""Maximum, average and power-average pooling in 1 to 3 dimensions, and unpooling. May import what `flambeau.ops` may.

A pooling is a reduction over `windows`. Its gradient is, for each element, a sum over the few windows that cover it: all
elements at once, with no scattering.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from flambeau.dtypes import dtype, iinfo, int32, int64
from flambeau.layout import contiguous_format
from flambeau.nn.functional.arguments import check_tensor, geometry, scalar_name
from flambeau.nn.functional.windows import Windows, behind, covering, positions, windows
from flambeau.ops.choices import where
from flambeau.ops.composite import Composite, record, untaped
from flambeau.ops.operands import cast, refuse
from flambeau.ops.registry import operator
from flambeau.shapes import pooling as rules
from flambeau.shapes.errors import show
from flambeau.shapes.strides import format_strides, suggested_format
from flambeau.storage import may_look
from flambeau.tensor import Tensor

__all__ = [
    "avg_pool1d", "avg_pool2d", "avg_pool3d", "lp_pool1d", "lp_pool2d", "lp_pool3d",
    "max_pool1d", "max_pool1d_with_indices", "max_pool2d", "max_pool2d_with_indices", "max_pool3d", "max_pool3d_with_indices",
    "max_unpool1d", "max_unpool2d", "max_unpool3d",
]  # fmt: skip


def _each(
    name: str, make: Callable[[int], Callable[..., Any]], torch: Sequence[int] = (), out: Sequence[int] = ()
) -> list[Callable[..., Any]]:
    """An operator for 1, 2 and 3 spatial dimensions: `name` with {} for the number; those in `torch` are in `torch` too, those in
    `out` take `out=`."""
    made = []
    for spatial in (1, 2, 3):
        function = make(spatial)
        function.__name__ = function.__qualname__ = name.format(spatial)
        operator(namespace="nn.functional", method=False, out="exact" if spatial in out else False)(function)
        if spatial in torch:
            operator(method=False)(function)
        made.append(function)
    return made


@lru_cache(maxsize=4096)
def _form(
    shape: tuple[int, ...], kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, spatial: int, name: str
) -> tuple[Windows, tuple[int, ...]]:
    found = rules.pooling(shape, kernel, stride, padding, dilation, ceil_mode, spatial=spatial, operator=name)
    sizes = (shape[-spatial:], found.kernel, found.stride, found.padding, found.dilation, found.shape[-spatial:])
    return Windows(*sizes), found.shape


def _geometry(name: str, **values: Any) -> list[Any]:
    return [geometry(value, name, argument) for argument, value in values.items()]


def lowest(type: dtype) -> Any:
    """What is below every element: −∞, or the smallest integer."""
    return -math.inf if type.category >= 2 else iinfo(type).min


# --- maximum ---------------------------------------------------------------------------------------------------------------
def _kernel_dims(t: Tensor, form: Windows) -> tuple[int, ...]:
    return tuple(range(t.ndim - len(form.kernel), t.ndim))


def place_of_maximum(blocks: Tensor, rank: int) -> Tensor:
    """The flat position of the first maximum over the last `rank` dimensions, int64; of the last NaN where there is one."""
    lead, width = tuple(blocks._shape[: blocks.ndim - rank]), math.prod(blocks._shape[blocks.ndim - rank :])
    flat = blocks.reshape((*lead, width))
    undefined = positions(width, flat.ndim, flat.ndim - 1, flat._storage.device, int64).expand(tuple(flat._shape))
    last = undefined._fill_where(flat == flat, -1).amax(-1)
    return where(last < 0, flat.argmax(-1), last)


def _indices(x: Tensor, form: Windows) -> Tensor:
    """Where in its plane (row-major) each window's first maximum lies, or its last NaN: int32 (int64 for planes too large).

    The smallest place that holds the maximum, so no position has to be taken apart into rows and columns. A place p of a NaN
    is ~p meanwhile: the last one is the smallest, and smaller than all others.
    """
    rank = len(form.sizes)
    blocks = windows(x, form, lowest(x.dtype))
    dims = _kernel_dims(blocks, form)
    undefined = blocks != blocks
    is_maximum = (blocks == blocks.amax(dims, keepdim=True)) | undefined
    device, type = x._storage.device, int32 if math.prod(form.sizes) < 2**31 else int64
    place = None
    for dim in range(rank):
        along = positions(form.kernel[dim], 2 * rank, rank + dim, device, type)
        if form.dilation[dim] > 1:
            along = along * form.dilation[dim]
        start = positions(form.counts[dim], 2 * rank, dim, device, type)
        along = along + (start * form.stride[dim] if form.stride[dim] > 1 else start)
        if form.padding[dim]:
            along = along - form.padding[dim]
            is_maximum = is_maximum & (along >= 0) & (along < form.sizes[dim])
        place = along if place is None else place * form.sizes[dim] + along
    assert place is not None
    place = where(undefined, ~place, place)._fill_where(~is_maximum, iinfo(place.dtype).max).amin(dims)
    return where(place < 0, ~place, place)


def _max_gradient(g: Tensor, y: Any, inputs: Any, params: tuple[Any, ...]) -> tuple[Any]:
    """Each element takes the gradients of those covering windows whose maximum it is."""
    (x,) = inputs
    (form,) = params
    with untaped():
        chosen = covering(_indices(x, form), form, -1)
        own = _flat_positions(form, chosen)
        elsewhere = chosen != own
    found = covering(g, form, 0)._fill_where(elsewhere, 0).sum(_kernel_dims(chosen, form))
    return (found._laid_out_as_image(x),)


def _flat_positions(form: Windows, like: Tensor) -> Tensor:
    """0, 1, … over the plane, of shape (*sizes, 1, …)."""
    rank = len(form.sizes)
    total = None
    for dim, size in enumerate(form.sizes):
        place = positions(size, 2 * rank, dim, like._storage.device, like.dtype)
        total = place if total is None else total * size + place
    assert total is not None
    return total


_MAX_POOL = Composite("max_pool", _max_gradient)


def _max_pool(
    spatial: int, input: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, with_indices: bool
) -> Any:
    name = f"max_pool{spatial}d"
    x = check_tensor(input, name, "input")
    if spatial == 1 and not with_indices and not x.requires_grad:  # which PyTorch has a kernel of its own for
        refuse(x, "max_pool1d_impl", bool, int)
    refuse(x, name, bool)
    arguments = _geometry(name, kernel_size=kernel, stride=stride, padding=padding, dilation=dilation)
    form, _ = _form(tuple(x._shape), *arguments, ceil_mode, spatial, name)
    with untaped():
        blocks = windows(x, form, lowest(x.dtype))
        y = blocks.amax(_kernel_dims(blocks, form))._laid_out_as_image(x)
    y = record(_MAX_POOL, y, (x,), (form,))
    if not with_indices:
        return y
    with untaped():
        return y, cast(_indices(x, form), int64)._laid_out_as_image(x)


def _make_max_pool(spatial: int) -> Callable[..., Any]:
    def max_pool(
        input: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        """The maximum of each window of [N, C, ...] or [C, ...]; with `return_indices` also where in its plane it lies."""
        return _max_pool(spatial, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)

    return max_pool


def _make_max_pool_with_indices(spatial: int) -> Callable[..., Any]:
    def max_pool(
        input: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        """The maximum of each window, and where in its plane it lies."""
        return _max_pool(spatial, input, kernel_size, stride, padding, dilation, ceil_mode, True)

    return max_pool


max_pool1d, max_pool2d, max_pool3d = _each("max_pool{}d", _make_max_pool, torch=(1, 2, 3))
max_pool1d_with_indices, max_pool2d_with_indices, max_pool3d_with_indices = _each(
    "max_pool{}d_with_indices", _make_max_pool_with_indices, torch=(1,)
)


# --- average ---------------------------------------------------------------------------------------------------------------
def _divisor(x: Tensor, form: Windows, include_pad: bool, override: int | None) -> Any:
    """How many elements each window's sum is divided by: a number, or a tensor where windows differ."""
    if override is not None:
        return override
    rank = len(form.sizes)
    total: Any = 1
    for dim in range(rank):
        size, p, s, k = form.sizes[dim], form.padding[dim], form.stride[dim], form.kernel[dim]
        low, high = (-p, size + p) if include_pad else (0, size)
        counts = [min(w * s - p + k, high) - max(w * s - p, low) for w in range(form.counts[dim])]
        if all(c == k for c in counts):
            total = total * k
            continue
        start = positions(form.counts[dim], rank, dim, x._storage.device) * s - p
        total = total * cast((start + k).clamp_max(high) - start.clamp_min(low), x.dtype)
    return total


def _average_gradient(g: Tensor, y: Any, inputs: Any, params: tuple[Any, ...]) -> tuple[Any]:
    form, include_pad, override, format = params
    shared = covering(g / _divisor(g, form, include_pad, override), form, 0)
    for dim, (k, s) in enumerate(zip(form.kernel, form.stride)):
        if k % s:
            with untaped():
                beyond = behind(form, dim, g._storage.device) >= k
            shared = shared._fill_where(beyond, 0)
    found = shared.sum(_kernel_dims(shared, form))
    return (found._laid_out(format_strides(tuple(found._shape), format)),)


_AVG_POOL = Composite("avg_pool", _average_gradient, saves="")


def _avg_pool(
    spatial: int, input: Any, kernel: Any, stride: Any, padding: Any, ceil_mode: bool, include_pad: bool, override: int | None
) -> Tensor:
    name = f"avg_pool{spatial}d"
    x = check_tensor(input, name, "input")
    if x.dtype.category != 2 and x.dtype is not int64:
        raise NotImplementedError(f"\"{name}\" not implemented for '{scalar_name(x)}'")
    if override == 0:
        raise RuntimeError("divisor must be not zero")
    form, _ = _form(
        tuple(x._shape), *_geometry(name, kernel_size=kernel, stride=stride, padding=padding), 1, ceil_mode, spatial, name
    )
    if spatial == 3 and any(size < k for size, k in zip(form.sizes, form.kernel)):  # PyTorch checks this in 3-d alone
        raise RuntimeError(f"input image {show(form.sizes)} smaller than kernel size {show(form.kernel)}")
    with untaped():
        blocks = windows(x, form, 0)
        total = blocks.sum(_kernel_dims(blocks, form))
        divisor = _divisor(x, form, include_pad, override)
        y = total / divisor if x.dtype.category == 2 else total.div(divisor, rounding_mode="trunc")
    format = suggested_format(tuple(x._shape), x.stride()) if spatial == 2 else contiguous_format  # as PyTorch's
    y = y._laid_out(format_strides(tuple(y._shape), format))
    return record(_AVG_POOL, y, (x,), (form, include_pad, override, format))


def _make_avg_pool(spatial: int) -> Callable[..., Any]:
    if spatial == 1:

        def avg_pool(
            input: Tensor,
            kernel_size: Any,
            stride: Any = None,
            padding: Any = 0,
            ceil_mode: bool = False,
            count_include_pad: bool = True,
        ) -> Tensor:
            """The mean of each window of [N, C, L] or [C, L]."""
            return _avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)

        return avg_pool

    def avg_pool_override(
        input: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Tensor:
        """The mean of each window of [N, C, ...] or [C, ...]; `divisor_override` replaces the number of its elements."""
        return _avg_pool(spatial, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)

    return avg_pool_override


avg_pool1d, avg_pool2d, avg_pool3d = _each("avg_pool{}d", _make_avg_pool, torch=(1,), out=(2, 3))


def _make_lp_pool(spatial: int) -> Callable[..., Any]:
    def lp_pool(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
        """(Σ xᵖ)^(1/p) over each window, as PyTorch computes it: a window that hangs over counts as a full one."""
        name = f"lp_pool{spatial}d"
        shape = tuple(check_tensor(input, name, "input")._shape)
        form, _ = _form(shape, *_geometry(name, kernel_size=kernel_size, stride=stride), 0, 1, ceil_mode, spatial, name)
        mean = _avg_pool(spatial, input.pow(norm_type), kernel_size, stride, 0, ceil_mode, True, None)
        return (mean.sign() * mean.abs().relu() * math.prod(form.kernel)).pow(1.0 / norm_type)

    return lp_pool


lp_pool1d, lp_pool2d, lp_pool3d = _each("lp_pool{}d", _make_lp_pool)


# --- back to where the maxima were -----------------------------------------------------------------------------------------
def _make_max_unpool(spatial: int) -> Callable[..., Any]:
    def max_unpool(
        input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
    ) -> Tensor:
        """The inverse of max pooling: each value at its index in the plane, zero elsewhere."""
        name = f"max_unpool{spatial}d"
        check_tensor(input, name, "input", 1)
        check_tensor(indices, name, "indices", 2)
        if indices.dtype is not int64:
            raise RuntimeError(f"elements in indices should be type int64 but got: {indices.dtype}")
        shape = rules.unpool(
            tuple(input._shape), tuple(indices._shape), kernel_size, stride, padding, output_size, spatial=spatial
        )
        refuse(input, f"max_unpool{max(spatial, 2)}d", bool, int, complex)
        lead = shape[:-spatial]
        plane = math.prod(shape[-spatial:])
        flat, places = input.reshape((*lead, -1)), indices.reshape((*lead, -1))
        outside = (places < 0) | (places >= plane)
        if places.numel() and may_look(places._storage.device) and bool(outside.any()):
            wrong = places.masked_select(outside)[0].item()
            raise RuntimeError(
                f"Found an invalid max index: {wrong} (output volumes are of size {'x'.join(map(str, shape[-spatial:]))})"
            )
        found = flat.new_zeros((*lead, plane)).scatter(-1, places, flat).reshape(shape)
        return found._laid_out_as_image(input) if spatial == 2 else found

    return max_unpool


max_unpool1d, max_unpool2d, max_unpool3d = _each("max_unpool{}d", _make_max_unpool)
