"""Normalisations: batch, layer, group, instance, root mean square, local response, and vectors to length 1.

Batch, layer, group and instance norm are one mechanism, y = (x − mean)·r·weight + bias, r = (var + eps)^−½, with the moments over
some axes: one entry on the tape, whose gradient is dx = r·(gw − mean(gw) − x̂·mean(gw·x̂)), x̂ = (x − mean)·r, gw = g·weight.

May import what `flambeau.ops` may.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

from flambeau.autograd.modes import no_grad, state
from flambeau.dtypes import finfo
from flambeau.graph.node import Node, Primitive
from flambeau.graph.primitives import elementwise as e
from flambeau.graph.primitives.movement import EXPAND, RESHAPE
from flambeau.graph.primitives.reduction import SUM
from flambeau.layout import contiguous_format, memory_format
from flambeau.nn.functional.arguments import check_device, check_floating, check_tensor, scalar_name
from flambeau.nn.functional.pooling import avg_pool3d
from flambeau.ops.composite import Composite, record
from flambeau.ops.formula import in_wide
from flambeau.ops.nodes import converted, number_like, shaped
from flambeau.ops.operands import accumulation_dtype, cast, expand
from flambeau.ops.padding import pad
from flambeau.ops.registry import operator, write_out
from flambeau.shapes import normalization as rules
from flambeau.shapes.broadcasting import broadcast
from flambeau.shapes.strides import format_strides, suggested_format
from flambeau.tensor import Tensor, from_node

__all__ = [
    "batch_norm", "group_norm", "instance_norm", "layer_norm", "local_response_norm", "normalize", "rms_norm",
]  # fmt: skip


# --- tensors: what the gradient is written in ------------------------------------------------------------------------------
def _apply(primitive: Primitive, *tensors: Tensor) -> Tensor:
    return Tensor._apply(primitive, tensors)


def _total(t: Tensor, dims: tuple[int, ...]) -> Tensor:
    """The sum over some dimensions, which stay with size 1."""
    total = Tensor._apply(SUM, (t,), (dims, tuple(t._shape)))
    kept = tuple([1 if d in dims else n for d, n in enumerate(t._shape)])
    return Tensor._apply(RESHAPE, (total,), (kept, tuple(total._shape)))


def _recorded_moments(x: Tensor, dims: tuple[int, ...], eps: float) -> tuple[Tensor, Tensor]:
    """Mean and 1/√(variance + eps), with their history."""
    x = cast(x, accumulation_dtype(x.dtype))
    n = math.prod(x.shape[d] for d in dims)
    mean = _total(x, dims) / n
    centered = x - mean
    return mean, (_total(centered * centered, dims) / n + eps).rsqrt()


def _gradient(g: Tensor, y: Any, inputs: Sequence[Any], params: tuple[Any, ...]) -> list[Any]:
    """For inputs (x, mean, r, weight, bias): mean and r come from the forward pass; a recorded backward computes them anew.

    `params` are the axes that the moments are over, eps, the shape of weight and bias against x, whether the moments depend
    on x, and the memory format.
    """
    x, mean, scale = inputs[:3]
    dims, eps, shape, own_moments, format = params
    if own_moments and state.enabled:
        mean, scale = _recorded_moments(x, dims, eps)
    full, type = tuple(x.shape), x.dtype
    wide = accumulation_dtype(type)
    n = math.prod(full[d] for d in dims)
    g = cast(g, wide)
    others = tuple([d for d, size in enumerate(shape) if size == 1 and full[d] != 1])
    # Where a weight is one for all elements of a mean, the two sums of dx are those of the weight and of the bias.
    shared = all(shape[d] == 1 for d in dims)
    weight: Any = (
        None if len(inputs) < 4 else cast(inputs[3], wide).reshape(shape) if isinstance(inputs[3], Tensor) else inputs[3]
    )

    @cache
    def centered() -> Tensor:
        return _apply(e.SUB, cast(x, wide), expand(mean, full))

    @cache
    def sums(weighted: bool) -> tuple[Tensor, Tensor]:
        """Σ g and Σ g·(x − mean) over the axes."""
        t = _apply(e.MUL, g, expand(weight, full)) if weighted else g
        return _total(t, dims), _total(_apply(e.MUL, t, centered()), dims)

    def by_input() -> Tensor:
        found = slope_of_input()
        return found if found._strides is None and format is contiguous_format else found._laid_out(format_strides(full, format))

    def slope_of_input() -> Tensor:
        factor = scale
        if weight is not None:
            factor = expand(scale, broadcast(tuple(scale.shape), shape)) * expand(weight, broadcast(tuple(scale.shape), shape))
        if not own_moments:
            return cast(_apply(e.MUL, g, expand(factor, full)), type)
        weighted = weight is not None and not shared
        first, second = sums(weighted)
        t = _apply(e.MUL, g, expand(weight, full)) if weighted else g
        slope = _apply(e.MUL, _apply(e.MUL, scale, scale), second / n)
        t = _apply(e.SUB, t, expand(first / n, full))
        t = _apply(e.SUB, t, _apply(e.MUL, centered(), expand(slope, full)))
        return cast(_apply(e.MUL, t, expand(scale if weighted else factor, full)), type)

    def by_weight() -> Tensor:
        if shared:
            t = _apply(e.MUL, sums(False)[1], scale)
            return fitted(t, inputs[3])
        return fitted(_apply(e.MUL, _apply(e.MUL, g, centered()), expand(scale, full)), inputs[3])

    def by_bias() -> Tensor:
        return fitted(sums(False)[0] if shared and isinstance(x, Tensor) else g, inputs[4])

    def fitted(t: Tensor, like: Any) -> Tensor:
        remaining = tuple([d for d in others if t._shape[d] != 1])
        if remaining:
            t = Tensor._apply(SUM, (t,), (remaining, tuple(t._shape)))
        return cast(t.reshape(tuple(like.shape)), like.dtype)

    return [by_input, None, None, by_weight, by_bias][: len(inputs)]


_NORMALIZE = Composite("normalization", _gradient, reads=((0, 1, 2, 3), (), (), (0, 1, 2), ()))


# --- nodes: what the forward pass builds -----------------------------------------------------------------------------------
def _stretched(node: Node, shape: tuple[int, ...]) -> Node:
    return node if node.shape == shape else EXPAND((node,), (shape, node.shape))


def _mean(x: Node, dims: tuple[int, ...], n: int) -> Node:
    """The mean over some dimensions, which stay with size 1."""
    total = SUM((x,), (dims, x.shape))
    kept = tuple([1 if d in dims else size for d, size in enumerate(x.shape)])
    return shaped(e.DIV((total, number_like(n, total))), kept)


def _moments(x: Tensor, dims: tuple[int, ...], eps: float) -> tuple[Node, Node, Node]:
    """Mean, variance (by n) and 1/√(variance + eps), with the reduced dimensions of size 1, in the accumulation dtype."""
    node = x._value()
    node = converted(node, accumulation_dtype(node.dtype))
    n = math.prod(node.shape[d] for d in dims)
    mean = _mean(node, dims, n)
    centered = e.SUB((node, _stretched(mean, node.shape)))
    variance = _mean(e.MUL((centered, centered)), dims, n)
    return mean, variance, e.RSQRT((e.ADD((variance, number_like(eps, variance))),))


def _scaled(
    x: Tensor,
    mean: Node,
    scale: Node,
    dims: tuple[int, ...],
    eps: float,
    weight: Tensor | None,
    bias: Tensor | None,
    shape: tuple[int, ...],
    own_moments: bool,
    format: memory_format = contiguous_format,
) -> Tensor:
    """(x − mean)·(r·weight) + bias in a memory format, recorded as one operator. `shape` is that of weight and bias against x."""
    if bias is not None and weight is None:
        return _scaled(x, mean, scale, dims, eps, None, None, shape, own_moments, format) + bias.reshape(shape)
    node = x._value()
    full, type = node.shape, node.dtype
    factor = scale
    if weight is not None:
        common = broadcast(scale.shape, shape)
        w = shaped(converted(weight._value(), mean.dtype), shape)
        factor = e.MUL((_stretched(scale, common), _stretched(w, common)))
    y = e.MUL((e.SUB((converted(node, mean.dtype), _stretched(mean, full))), _stretched(factor, full)))
    if bias is not None:
        y = e.ADD((y, _stretched(shaped(converted(bias._value(), mean.dtype), shape), full)))
    inputs = [x, from_node(mean), from_node(scale), *(t for t in (weight, bias) if t is not None)]
    strides = None if format is contiguous_format else format_strides(full, format)
    return record(_NORMALIZE, from_node(converted(y, type), strides), inputs, (dims, eps, shape, own_moments, format))


def _check(name: str, input: Any, *others: Tensor | None) -> None:
    if check_tensor(input, name, "input").dtype.category != 3 or name != "rms_norm":
        check_floating(f"{name}_cpu", input)
    for t in others:
        if t is not None:
            check_tensor(t, name, "weight")
            if t.dtype is not input.dtype and t.dtype is not accumulation_dtype(input.dtype):
                raise RuntimeError(f"expected scalar type {scalar_name(input)} but found {scalar_name(t)}")
    check_device(input, *others)


def _shape_of(t: Tensor | None) -> tuple[int, ...] | None:
    return None if t is None else tuple(t._shape)


def _follow(running: Tensor | None, new: Node, factor: float, momentum: float) -> None:
    """Moves a running moment towards factor·new, in place."""
    if running is None:
        return
    own = running._value()
    new = converted(shaped(new, own.shape), own.dtype)
    if factor != 1:
        new = e.MUL((new, number_like(factor, new)))
    old = e.MUL((own, number_like(1 - momentum, own)))
    with no_grad():
        running._assign(from_node(e.ADD((old, e.MUL((new, number_like(momentum, new)))))))


def _update_running(
    running_mean: Tensor | None, running_var: Tensor | None, mean: Node, variance: Node, n: int, momentum: float
) -> None:
    """Moves the running moments towards the batch's, the variance as the unbiased one."""
    _follow(running_mean, mean, 1, momentum)
    _follow(running_var, variance, n / (n - 1) if n > 1 else math.nan, momentum)


def _of_nothing(input: Tensor, shape: tuple[int, ...], weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """What norms make of a tensor without elements: as much, with gradients of zeros to all operands."""
    result = input * 1 if weight is None else input * cast(weight, input.dtype).reshape(shape)
    return result if bias is None else result + cast(bias, input.dtype).reshape(shape)


@operator(namespace="nn.functional", method=False)
def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """[N, C, ...] normalised over all but C: by the batch's moments in training (the running ones follow in place), else by
    the running ones.

    >>> F.batch_norm(torch.tensor([[1.0], [3.0]]), None, None, training=True)
    tensor([[-1.0000],
            [ 1.0000]])
    """
    if training and eps <= 0.0:
        raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
    _check("batch_norm", input, running_mean, running_var, weight, bias)
    mean_shape, var_shape, weight_shape, bias_shape = map(_shape_of, (running_mean, running_var, weight, bias))
    rules.batch_norm(tuple(input._shape), mean_shape, var_shape, weight_shape, bias_shape, training)
    if input.numel() == 0:  # PyTorch takes the first weight for all
        return _of_nothing(input, (), *(None if t is None else t[0] for t in (weight, bias)))
    dims = tuple(d for d in range(input.ndim) if d != 1)
    shape = (1, input.shape[1]) + (1,) * (input.ndim - 2)
    format = suggested_format(tuple(input._shape), input.stride())
    if not training:
        if running_mean is None or running_var is None:
            missing = "running_mean" if running_mean is None else "running_var"
            raise RuntimeError(f"Expected {missing} to be defined in evaluation mode")
        wide = accumulation_dtype(input.dtype)
        mean = shaped(converted(running_mean._value(), wide), shape)
        variance = shaped(converted(running_var._value(), wide), shape)
        scale = e.RSQRT((e.ADD((variance, number_like(eps, variance))),))
        return _scaled(input, mean, scale, dims, eps, weight, bias, shape, False, format)
    mean, variance, scale = _moments(input, dims, eps)
    _update_running(running_mean, running_var, mean, variance, input.numel() // input.shape[1], momentum)
    return _scaled(input, mean, scale, dims, eps, weight, bias, shape, True, format)


@operator(namespace="nn.functional", method=False)
def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """[N, C, ...] normalised over all but N and C; running moments, where given, follow the mean over N in place."""
    _check("instance_norm", input, running_mean, running_var, weight, bias)
    mean_shape, var_shape, weight_shape, bias_shape = map(_shape_of, (running_mean, running_var, weight, bias))
    rules.instance_norm(tuple(input._shape), mean_shape, var_shape, weight_shape, bias_shape, use_input_stats)
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise RuntimeError("Expected running_mean and running_var to be defined when use_input_stats is false")
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    if input.numel() == 0:
        return _of_nothing(input, (-1, *(1,) * (input.ndim - 2)), weight, bias)
    dims = tuple(range(2, input.ndim))
    shape = (1, input.shape[1]) + (1,) * (input.ndim - 2)
    mean, variance, scale = _moments(input, dims, eps)
    if running_mean is not None or running_var is not None:
        batch_mean, batch_variance = (_mean(m, (0,), input.shape[0]) for m in (mean, variance))
        _update_running(running_mean, running_var, batch_mean, batch_variance, math.prod(input.shape[2:]), momentum)
    return _scaled(input, mean, scale, dims, eps, weight, bias, shape, True)


@operator(namespace="nn.functional", method=False, remembered=True)
def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalised over the last dimensions, which have `normalized_shape`, as weight and bias have.

    >>> F.layer_norm(torch.tensor([[1.0, 3.0]]), (2,))
    tensor([[-1.0000,  1.0000]])
    """
    _check("layer_norm", input, weight, bias)
    normalized_shape = tuple(normalized_shape)
    rules.layer_norm(tuple(input._shape), normalized_shape, _shape_of(weight), _shape_of(bias))
    if input.numel() == 0:
        return _of_nothing(input, normalized_shape, weight, bias)
    count = len(normalized_shape)
    dims = tuple(range(input.ndim - count, input.ndim))
    shape = (1,) * (input.ndim - count) + normalized_shape
    mean, _, scale = _moments(input, dims, eps)
    return _scaled(input, mean, scale, dims, eps, weight, bias, shape, True)


@operator(namespace="nn.functional", method=False)
def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """[N, C, ...] normalised over groups of C / num_groups channels and all that follows; weight and bias are by channel."""
    _check("group_norm", input, weight, bias)
    rules.group_norm(tuple(input._shape), num_groups, _shape_of(weight), _shape_of(bias))
    if input.numel() == 0:
        return _of_nothing(input, (-1, *(1,) * (input.ndim - 2)), weight, bias)
    n, channels = input.shape[:2]
    each = channels // num_groups
    rest = math.prod(input.shape[2:])
    x = input.reshape(n, num_groups, each, rest)
    shape = (1, num_groups, each, 1)
    mean, _, scale = _moments(x, (2, 3), eps)
    return _scaled(x, mean, scale, (2, 3), eps, weight, bias, shape, True).reshape(input.shape)._laid_out_as_image(input)


@operator(method=False)
@operator(namespace="nn.functional", method=False)
def rms_norm(input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None) -> Tensor:
    """input / √(mean of squares + eps)·weight over the last dimensions; `eps` is the dtype's own where None."""
    _check("rms_norm", input, weight)
    normalized_shape = tuple(normalized_shape)
    rules.layer_norm(tuple(input._shape), normalized_shape, _shape_of(weight))
    if eps is None:
        eps = finfo(accumulation_dtype(input.dtype)).eps
    dims = tuple(range(input.ndim - len(normalized_shape), input.ndim))

    def normalized(x: Tensor, *weights: Tensor) -> Tensor:
        y = x * ((x * x).mean(dims, keepdim=True) + eps).rsqrt()
        return y * weights[0] if weights else y

    return in_wide(normalized, input) if weight is None else in_wide(normalized, input, weight)


@operator(namespace="nn.functional", method=False)
def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """input / (k + alpha·mean of squares over `size` neighbouring channels)^beta."""
    rules.local_response_norm(tuple(check_tensor(input, "local_response_norm", "input")._shape))
    if input.numel() == 0:
        return input
    n, channels = input.shape[:2]
    squares = (input * input).reshape(n, 1, channels, -1, 1)
    before = size // 2
    squares = pad(squares, (0, 0, 0, 0, before, (size - 1) // 2))
    mean = avg_pool3d(squares, (size, 1, 1), stride=1).reshape(input.shape)
    return input / (mean * alpha + k).pow(beta)


@operator(namespace="nn.functional", method=False, remembered=True)
def normalize(
    input: Tensor,
    p: float = 2.0,
    dim: int | Sequence[int] = 1,
    eps: float = 1e-12,
    out: Tensor | None = None,
) -> Tensor:
    """input divided along `dim` (one or several) by its p-norm, which counts at least `eps`.

    >>> F.normalize(torch.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """
    check_tensor(input, "normalize", "input")
    result = input / input.norm(p, dim, keepdim=True).clamp_min(eps).expand_as(input)
    return result if out is None else write_out(out, result)
