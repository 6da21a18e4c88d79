"""Convolution and transposed convolution in any number of spatial dimensions.

One trilinear form stands behind all of it, the sum over every index of

    x[n, g, c, p·stride + k·dilation − low] · w[g, o, c, k] · y[n, g, o, p]

with x zero outside. Its derivative by y is the convolution of x with w; by x, the transposed convolution of y with w (and a
convolution's gradient to its input); by w, the gradient to the weight. Each is one CONTRACT of two views, bilinear, and its own
gradients are the other two: so every order of derivative closes over three functions. May import what `flambeau.nn` may, and
`flambeau.graph` for the views.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from flambeau.dtypes import c_name_of_dtype, float64, int64
from flambeau.graph.node import Node
from flambeau.graph.primitives.contraction import CONTRACT
from flambeau.graph.primitives.elementwise import ADD
from flambeau.graph.primitives.movement import EXPAND, PAD, RESHAPE, SLICE, WINDOW
from flambeau.layout import contiguous_format, memory_format
from flambeau.nn.functional.arguments import check_device, check_tensor, geometry, scalar_name
from flambeau.ops.composite import Composite, record
from flambeau.ops.operands import integer
from flambeau.ops.registry import operator
from flambeau.shapes import convolution as rules
from flambeau.shapes.strides import format_strides, suggested_format
from flambeau.tensor import Tensor, from_node

__all__ = ["conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]


class Form(NamedTuple):
    """The trilinear form's sizes: x [N, G, C, *X], w [G, O, C, *K], y [N, G, O, *Y], one entry a spatial dimension.

    `low` is how far the first window lies before x. Where y's windows end before x does (the rows that a stride leaves over) x
    counts nothing there; where they end after it, x is zero.
    """

    batch: int
    groups: int
    inputs: int
    outputs: int
    x: tuple[int, ...]
    kernel: tuple[int, ...]
    y: tuple[int, ...]
    low: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]

    # The groups' index is there only when there are several: a plain convolution has plain operands.
    def x_shape(self) -> tuple[int, ...]:
        return (self.batch, self.groups, self.inputs, *self.x) if self.groups > 1 else (self.batch, self.inputs, *self.x)

    def w_shape(self) -> tuple[int, ...]:
        shape = (self.outputs, self.inputs, *self.kernel)
        return (self.groups, *shape) if self.groups > 1 else shape

    def y_shape(self) -> tuple[int, ...]:
        return (self.batch, self.groups, self.outputs, *self.y) if self.groups > 1 else (self.batch, self.outputs, *self.y)


def _shaped(node: Node, shape: tuple[int, ...]) -> Node:
    return node if node.shape == shape else RESHAPE((node,), (shape, node.shape))


@lru_cache(maxsize=4096)
def _labels(form: Form) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """The labels of window(x), of w and of y."""
    n, g, c, o, first = 0, 1, 2, 3, 4
    rank = len(form.x)
    places, kernel = tuple(range(first, first + rank)), tuple(range(first + rank, first + 2 * rank))
    if form.groups > 1:
        return (n, g, c, *places, *kernel), (g, o, c, *kernel), (n, g, o, *places)
    return (n, c, *places, *kernel), (o, c, *kernel), (n, o, *places)


def _padded(node: Node, low: Sequence[int], high: Sequence[int], interior: Sequence[int]) -> Node:
    """The last dimensions padded by zeros, `interior` of them between neighbours; negative amounts crop."""
    lead = (0,) * (len(node.shape) - len(low))
    if any(low) or any(high) or any(interior):
        if any(a > 0 for a in (*low, *high, *interior)):
            widths = tuple(tuple(max(a, 0) for a in amounts) for amounts in (low, high))
            node = PAD((node,), ((*lead, *widths[0]), (*lead, *widths[1]), (*lead, *interior), 0))
        if any(a < 0 for a in (*low, *high)):
            starts = (*lead, *(max(-a, 0) for a in low))
            cut = (*lead, *(max(-a, 0) + max(-b, 0) for a, b in zip(low, high)))
            sizes = tuple(n - c for n, c in zip(node.shape, cut))
            node = SLICE((node,), (starts, (1,) * len(starts), sizes, node.shape))
    return node


def _windows(form: Form, x: Node) -> Node:
    """[N, (G), C, *Y, *K]: what each kernel element meets."""
    x = _shaped(x, form.x_shape())
    high = tuple(
        (count - 1) * s + (k - 1) * d + 1 - low - size
        for count, s, k, d, low, size in zip(form.y, form.stride, form.kernel, form.dilation, form.low, form.x)
    )
    rank = len(form.x)
    # Fewer than a stride left over behind the last window don't make another: no need to crop them.
    high = tuple(0 if -s < h < 0 else h for h, s in zip(high, form.stride))
    x = _padded(x, form.low, high, (0,) * rank)
    first = len(x.shape) - rank
    return WINDOW((x,), (tuple(range(first, first + rank)), form.kernel, form.stride, form.dilation))


def _reflected_windows(form: Form, y: Node) -> Node:
    """[N, (G), O, *X, *K]: the windows of y, spread by the stride, that reach each element of x; element k of a window meets
    kernel element K−1−k."""
    y = _shaped(y, form.y_shape())
    low = tuple((k - 1) * d - low for k, d, low in zip(form.kernel, form.dilation, form.low))
    high = tuple(
        size + (k - 1) * d - a - ((count - 1) * s + 1)
        for size, k, d, a, count, s in zip(form.x, form.kernel, form.dilation, low, form.y, form.stride)
    )
    rank = len(form.x)
    y = _padded(y, low, high, tuple(s - 1 for s in form.stride))
    first = len(y.shape) - rank
    return WINDOW((y,), (tuple(range(first, first + rank)), form.kernel, (1,) * rank, form.dilation))


def _flipped(form: Form, w: Node) -> Node:
    """w with its kernel's elements in reverse."""
    w = _shaped(w, form.w_shape())
    rank = len(form.kernel)
    if all(k == 1 for k in form.kernel):
        return w
    lead = len(w.shape) - rank
    starts = (0,) * lead + tuple(k - 1 for k in form.kernel)
    steps = (1,) * lead + tuple(-1 if k > 1 else 1 for k in form.kernel)
    return SLICE((w,), (starts, steps, w.shape, w.shape))


def _by_y(form: Form, x: Node, w: Node) -> Node:
    x_labels, w_labels, y_labels = _labels(form)
    return CONTRACT((_windows(form, x), _shaped(w, form.w_shape())), (x_labels, w_labels, y_labels))


def _by_w(form: Form, x: Node, y: Node) -> Node:
    x_labels, w_labels, y_labels = _labels(form)
    return CONTRACT((_windows(form, x), _shaped(y, form.y_shape())), (x_labels, y_labels, w_labels))


def _by_x(form: Form, w: Node, y: Node) -> Node:
    x_labels, w_labels, y_labels = _labels(form)
    rank, channel = len(form.x), x_labels.index(2)
    window_labels = (*y_labels, *x_labels[len(x_labels) - rank :])
    result_labels = (*x_labels[:channel], 2, *y_labels[len(y_labels) - rank :])
    return CONTRACT((_reflected_windows(form, y), _flipped(form, w)), (window_labels, w_labels, result_labels))


_DERIVATIVES = {"x": (_by_x, ("w", "y")), "w": (_by_w, ("x", "y")), "y": (_by_y, ("x", "w"))}
"""For each argument of the form: its derivative's function, and the arguments that one reads."""


def _gradient(g: Tensor, y: Any, operands: Sequence[Tensor], params: tuple[Any, ...]) -> list[Any]:
    """Of one derivative of the form: the form's derivative by either operand, with g in the result's place."""
    form, by, format = params
    first, second = _DERIVATIVES[by][1]
    a, b = operands[:2]
    values = {by: g, first: a, second: b}

    def part(name: str, shape: tuple[int, ...]) -> Tensor:
        left, right = (values[other] for other in _DERIVATIVES[name][1])
        return _derivative(form, name, left, right, shape, None, format)

    found: list[Any] = [lambda: part(first, tuple(a.shape)), lambda: part(second, tuple(b.shape))]
    if len(operands) > 2:
        found.append(lambda: _channel_sums(g, g.ndim - len(form.x) - 1))
    return found


_CONVOLUTION = Composite("convolution", _gradient, reads=((1,), (0,), ()))


def _channel_sums(g: Tensor, channel: int) -> Tensor:
    return g.sum(tuple(d for d in range(g.ndim) if d != channel))


def _derivative(
    form: Form,
    by: str,
    a: Tensor,
    b: Tensor,
    shape: tuple[int, ...],
    bias: Tensor | None,
    format: memory_format,
) -> Tensor:
    """The form's derivative by one argument, as a tensor of `shape` in a memory format, plus the channels' bias where given."""
    node = _shaped(_DERIVATIVES[by][0](form, a._value(), b._value()), shape)
    operands: tuple[Tensor, ...] = (a, b)
    if bias is not None:
        operands = (a, b, bias)
        rank = len(form.x)
        channels = shape[-rank - 1]
        column = (1,) * (len(shape) - rank - 1) + (channels,) + (1,) * rank
        spread = EXPAND((RESHAPE((bias._value(),), (column, (channels,))),), (shape, column))
        node = ADD((node, spread))
    strides = None
    if format is not contiguous_format:  # of an example without a batch, as of a batch of one
        strides = format_strides((1, *shape), format)[1:] if len(shape) == len(form.x) + 1 else format_strides(shape, format)
    return record(_CONVOLUTION, from_node(node, strides), operands, (form, by, format))


def _format(input: Tensor, weight: Tensor) -> memory_format:
    """The memory format that results, gradients too, are in: channels last where the input or the weight is."""
    if input._strides is weight._strides is None or (len(weight._shape) == 5 and weight._storage.dtype is float64):
        return contiguous_format
    shape, strides = input._shape, input.stride()
    if len(shape) == len(weight._shape) - 1:
        shape, strides = (1, *shape), (shape[0] * strides[0], *strides)
    found = suggested_format(tuple(shape), strides)
    return suggested_format(weight._shape, weight.stride()) if found is contiguous_format else found


# --- what users call -----------------------------------------------------------------------------------------------------
@lru_cache(maxsize=4096)
def _forward_form(
    x: tuple[int, ...], w: tuple[int, ...], bias: Any, stride: Any, padding: Any, dilation: Any, groups: int, spatial: int
) -> tuple[Form, tuple[int, ...]]:
    found = rules.convolution(x, w, bias, stride, padding, dilation, groups, spatial=spatial)
    low = tuple(before for before, _ in found.padding)
    sizes = (x[0] if found.batched else 1, groups, w[1], w[0] // groups)
    return Form(*sizes, x[-spatial:], w[2:], found.shape[-spatial:], low, found.stride, found.dilation), found.shape


@lru_cache(maxsize=4096)
def _transposed_form(
    y: tuple[int, ...],
    w: tuple[int, ...],
    bias: Any,
    stride: Any,
    padding: Any,
    extra: Any,
    groups: int,
    dilation: Any,
    spatial: int,
) -> tuple[Form, tuple[int, ...]]:
    found = rules.transposed_convolution(y, w, bias, stride, padding, extra, groups, dilation, spatial=spatial)
    sizes = (y[0] if found.batched else 1, groups, w[1], w[0] // groups)
    return Form(*sizes, found.shape[-spatial:], w[2:], y[-spatial:], found.padding, found.stride, found.dilation), found.shape


def _check(name: str, input: Any, weight: Any, bias: Any) -> None:
    """Tensors of one dtype, floating (for the plain convolution also an integer, for a transposed one int64), on one device."""
    type = check_tensor(input, name, "input", 1)._storage.dtype
    check_tensor(weight, name, "weight", 2)
    if bias is not None and check_tensor(bias, name, "bias", 3)._storage.dtype is not type:
        raise RuntimeError(
            f"Input type ({c_name_of_dtype(type)}) and bias type ({c_name_of_dtype(bias.dtype)}) should be the same"
        )
    if weight._storage.dtype is not type:
        raise RuntimeError(f"expected scalar type {scalar_name(input)} but found {scalar_name(weight)}")
    if type.category == 0 or (type.category == 1 and type is not int64 and "transpose" in name):
        raise NotImplementedError(f"\"{name}\" not implemented for '{scalar_name(input)}'")
    check_device(input, weight, bias)


def _convolve(
    spatial: int, input: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any, dilation: Any, groups: int
) -> Tensor:
    name = f"conv{spatial}d"
    _check(name, input, weight, bias)
    form, shape = _forward_form(
        tuple(input._shape),
        tuple(weight._shape),
        None if bias is None else tuple(bias._shape),
        geometry(stride, name, "stride"),
        geometry(padding, name, "padding"),
        geometry(dilation, name, "dilation"),
        integer(groups, name, "groups"),
        spatial,
    )
    return _derivative(form, "y", input, weight, shape, bias, _format(input, weight))


def _convolve_transposed(
    spatial: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    extra: Any,
    groups: int,
    dilation: Any,
) -> Tensor:
    name = f"conv_transpose{spatial}d"
    _check(name, input, weight, bias)
    form, shape = _transposed_form(
        tuple(input._shape),
        tuple(weight._shape),
        None if bias is None else tuple(bias._shape),
        geometry(stride, name, "stride"),
        geometry(padding, name, "padding"),
        geometry(extra, name, "output_padding"),
        integer(groups, name, "groups"),
        geometry(dilation, name, "dilation"),
        spatial,
    )
    return _derivative(form, "x", weight, input, shape, bias, _format(input, weight))


@operator(method=False)
@operator(namespace="nn.functional", method=False)
def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """input [N, C, L] or [C, L] convolved with weight [O, C/groups, kL], plus bias [O].

    `padding` is an int, one a dimension, "valid" or "same". Raises RuntimeError for sizes that don't fit.

    >>> F.conv1d(torch.arange(5.0).reshape(1, 1, 5), torch.ones(1, 1, 2))
    tensor([[[1., 3., 5., 7.]]])
    """
    return _convolve(1, input, weight, bias, stride, padding, dilation, groups)


@operator(method=False)
@operator(namespace="nn.functional", method=False)
def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """input [N, C, H, W] or [C, H, W] convolved with weight [O, C/groups, kH, kW], plus bias [O].

    `padding` is an int, one a dimension, "valid" or "same". Raises RuntimeError for sizes that don't fit.

    >>> F.conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 3, 3), padding=1)
    tensor([[[[4., 6., 4.],
              [6., 9., 6.],
              [4., 6., 4.]]]])
    >>> F.conv2d(torch.randn(8, 3, 32, 32), torch.randn(16, 3, 3, 3), stride=2, padding=1).shape
    torch.Size([8, 16, 16, 16])
    """
    return _convolve(2, input, weight, bias, stride, padding, dilation, groups)


@operator(method=False)
@operator(namespace="nn.functional", method=False)
def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """input [N, C, D, H, W] or [C, D, H, W] convolved with weight [O, C/groups, kD, kH, kW], plus bias [O].

    `padding` is an int, one a dimension, "valid" or "same". Raises RuntimeError for sizes that don't fit.

    >>> F.conv3d(torch.randn(1, 2, 5, 6, 7), torch.randn(4, 2, 3, 3, 3)).shape
    torch.Size([1, 4, 3, 4, 5])
    """
    return _convolve(3, input, weight, bias, stride, padding, dilation, groups)


@operator(method=False)
@operator(namespace="nn.functional", method=False)
def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The transpose of conv1d: input [N, C, L] or [C, L], weight [C, O/groups, kL], bias [O].

    A dimension's result has (size − 1)·stride − 2·padding + dilation·(kernel − 1) + output_padding + 1 elements.
    """
    return _convolve_transposed(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


@operator(method=False)
@operator(namespace="nn.functional", method=False)
def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The transpose of conv2d: input [N, C, H, W] or [C, H, W], weight [C, O/groups, kH, kW], bias [O].

    A dimension's result has (size − 1)·stride − 2·padding + dilation·(kernel − 1) + output_padding + 1 elements.

    >>> F.conv_transpose2d(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2), stride=2).shape
    torch.Size([1, 1, 4, 4])
    """
    return _convolve_transposed(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


@operator(method=False)
@operator(namespace="nn.functional", method=False)
def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The transpose of conv3d: input [N, C, D, H, W] or [C, D, H, W], weight [C, O/groups, kD, kH, kW], bias [O].

    A dimension's result has (size − 1)·stride − 2·padding + dilation·(kernel − 1) + output_padding + 1 elements.
    """
    return _convolve_transposed(3, input, weight, bias, stride, padding, output_padding, groups, dilation)


@operator(method=False)
@operator(namespace="nn.functional", method=False)
def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """conv1d of input [T, N, C] with weight [kT, C, O], plus bias [O]: [T', N, O]."""
    if check_tensor(input, "conv_tbc", "input", 1).ndim != 3:
        raise RuntimeError("Input must have 3 dims: time, batch, in_channel")
    if check_tensor(weight, "conv_tbc", "weight", 2).ndim != 3:
        raise RuntimeError("Weight tensor must have 3 dims: kernel_width, in_channels, out_channels.")
    if check_tensor(bias, "conv_tbc", "bias", 3).ndim != 1:
        raise RuntimeError("Bias must be 1-D")
    return conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad).permute(2, 0, 1)
