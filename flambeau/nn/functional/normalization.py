"""Normalisations: batch, layer, group, instance, root mean square, local response, and vectors to length 1.

Batch, layer, group and instance norm are one mechanism, y = (x − mean)·r·weight + bias, r = (var + eps)^−½, with the moments over
some axes: one entry on the tape, whose gradient is dx = r·(gw − mean(gw) − x̂·mean(gw·x̂)), x̂ = (x − mean)·r, gw = g·weight.

May import what `flambeau.ops` may.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from flambeau.autograd.modes import no_grad, state
from flambeau.nn.functional.arguments import as_tensor_argument, check_device, check_floating, scalar_name
from flambeau.ops.composite import Composite, record, untaped
from flambeau.ops.formula import in_wide
from flambeau.ops.operands import accumulation_dtype, cast
from flambeau.ops.registry import operator, write_out
from flambeau.shapes import normalization as rules
from flambeau.tensor import Tensor

__all__ = [
    "batch_norm", "group_norm", "instance_norm", "layer_norm", "local_response_norm", "normalize", "rms_norm",
]  # fmt: skip


def _moments(x: Tensor, dims: tuple[int, ...], eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, variance (by n) and 1/√(variance + eps), with the reduced dimensions of size 1, in the accumulation dtype."""
    x = cast(x, accumulation_dtype(x.dtype))
    n = math.prod(x.shape[d] for d in dims)
    mean = x.sum(dims, keepdim=True) / n
    centered = x - mean
    variance = (centered * centered).sum(dims, keepdim=True) / n
    return mean, variance, (variance + eps).rsqrt()


def _gradient(g: Tensor, y: Any, inputs: Sequence[Any], params: tuple[Any, ...]) -> list[Any]:
    """For inputs (x, mean, r, weight, bias): mean and r come from the forward pass; a recorded backward computes them anew.

    `params` are the axes that the moments are over, eps, the shape of weight and bias against x, and whether the moments depend
    on x.
    """
    x, mean, scale = inputs[:3]
    dims, eps, shape, own_moments = params
    wide = accumulation_dtype(x.dtype)
    weight = inputs[3] if len(inputs) > 3 else None
    if own_moments and state.enabled:
        mean, _, scale = _moments(x, dims, eps)
    g_wide = cast(g, wide)
    parameter_dims = tuple(d for d, n in enumerate(shape) if n == 1 and x.shape[d] != 1)

    def normalized() -> Tensor:
        return (cast(x, wide) - mean) * scale

    def by_input() -> Tensor:
        gw = g_wide if weight is None else g_wide * cast(weight, wide).reshape(shape)
        if not own_moments:
            return cast(gw * scale, x.dtype)
        n = math.prod(x.shape[d] for d in dims)
        hat = normalized()
        first = gw.sum(dims, keepdim=True) / n
        second = (gw * hat).sum(dims, keepdim=True) / n
        return cast(scale * (gw - first - hat * second), x.dtype)

    def summed(t: Tensor, like: Any) -> Tensor:
        if parameter_dims:
            t = t.sum(parameter_dims)
        return cast(t.reshape(tuple(like.shape)), like.dtype)

    return [
        by_input,
        None,
        None,
        lambda: summed(g_wide * normalized(), weight),
        lambda: summed(g_wide, inputs[4]),
    ][: len(inputs)]


_NORMALIZE = Composite("normalization", _gradient, reads=((0, 1, 2, 3), (), (), (0, 1, 2), ()))


def _scaled(
    x: Tensor,
    moments: tuple[Tensor, Tensor, Tensor],
    dims: tuple[int, ...],
    eps: float,
    weight: Tensor | None,
    bias: Tensor | None,
    shape: tuple[int, ...],
    own_moments: bool,
) -> Tensor:
    """(x − mean)·r·weight + bias, recorded as one operator. `shape` is that of weight and bias against x."""
    if bias is not None and weight is None:
        return _scaled(x, moments, dims, eps, None, None, shape, own_moments) + bias.reshape(shape)
    mean, _, scale = moments
    with untaped():
        y = (cast(x, mean.dtype) - mean) * scale
        if weight is not None:
            y = y * cast(weight, mean.dtype).reshape(shape)
        if bias is not None:
            y = y + cast(bias, mean.dtype).reshape(shape)
        y = cast(y, x.dtype)
    parameters = tuple(t for t in (weight, bias) if t is not None)
    return record(_NORMALIZE, y, (x, mean, scale, *parameters), (dims, eps, shape, own_moments))


def _check(name: str, input: Any, *others: Tensor | None) -> None:
    check_floating(f"{name}_cpu", as_tensor_argument(input, name, "input"))
    for t in others:
        if t is not None:
            as_tensor_argument(t, name, "weight")
            if t.dtype is not input.dtype and t.dtype is not accumulation_dtype(input.dtype):
                raise RuntimeError(f"expected scalar type {scalar_name(input)} but found {scalar_name(t)}")
    check_device(input, *others)


def _shape_of(t: Tensor | None) -> tuple[int, ...] | None:
    return None if t is None else tuple(t._shape)


def _update_running(
    running_mean: Tensor | None, running_var: Tensor | None, mean: Tensor, variance: Tensor, n: int, momentum: float
) -> None:
    """Moves the running moments towards the batch's, the variance as the unbiased one."""
    with no_grad():
        if running_mean is not None:
            new = cast(mean.reshape(running_mean.shape), running_mean.dtype)
            running_mean._assign(running_mean * (1 - momentum) + new * momentum)
        if running_var is not None:
            new = cast((variance * (n / (n - 1) if n > 1 else math.nan)).reshape(running_var.shape), running_var.dtype)
            running_var._assign(running_var * (1 - momentum) + new * momentum)


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
    the running ones."""
    _check("batch_norm", input, running_mean, running_var, weight, bias)
    parameters = (running_mean, running_var, weight, bias)
    rules.batch_norm(tuple(input._shape), *map(_shape_of, parameters), training)
    dims = tuple(d for d in range(input.ndim) if d != 1)
    shape = (1, input.shape[1]) + (1,) * (input.ndim - 2)
    if not training:
        if running_mean is None or running_var is None:
            missing = "running_mean" if running_mean is None else "running_var"
            raise RuntimeError(f"Expected {missing} to be defined in evaluation mode")
        wide = accumulation_dtype(input.dtype)
        with untaped():
            mean = cast(running_mean, wide).reshape(shape)
            scale = (cast(running_var, wide).reshape(shape) + eps).rsqrt()
        return _scaled(input, (mean, mean, scale), dims, eps, weight, bias, shape, False)
    if input.numel() == 0:
        return input * 1
    with untaped():
        moments = _moments(input, dims, eps)
    if running_mean is not None or running_var is not None:
        n = input.numel() // input.shape[1]
        _update_running(running_mean, running_var, moments[0], moments[1], n, momentum)
    return _scaled(input, moments, dims, eps, weight, bias, shape, True)


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
    parameters = (running_mean, running_var, weight, bias)
    rules.instance_norm(tuple(input._shape), *map(_shape_of, parameters), use_input_stats)
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise RuntimeError("Expected running_mean and running_var to be defined when use_input_stats is false")
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    if input.numel() == 0:
        return input * 1
    dims = tuple(range(2, input.ndim))
    shape = (1, input.shape[1]) + (1,) * (input.ndim - 2)
    with untaped():
        moments = _moments(input, dims, eps)
        if running_mean is not None or running_var is not None:
            n = math.prod(input.shape[2:])
            mean, variance = (m.sum(0, keepdim=True) / input.shape[0] for m in moments[:2])
            _update_running(running_mean, running_var, mean, variance, n, momentum)
    return _scaled(input, moments, dims, eps, weight, bias, shape, True)


@operator(namespace="nn.functional", method=False)
def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalised over the last dimensions, which have `normalized_shape`, as weight and bias have."""
    _check("layer_norm", input, weight, bias)
    normalized_shape = tuple(normalized_shape)
    rules.layer_norm(tuple(input._shape), normalized_shape, _shape_of(weight), _shape_of(bias))
    if input.numel() == 0:
        return input * 1
    count = len(normalized_shape)
    dims = tuple(range(input.ndim - count, input.ndim))
    shape = (1,) * (input.ndim - count) + normalized_shape
    with untaped():
        moments = _moments(input, dims, eps)
    return _scaled(input, moments, dims, eps, weight, bias, shape, True)


@operator("layer_norm", method=False)
def _torch_layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Tensor:
    """`nn.functional.layer_norm`, in `torch`'s form."""
    return layer_norm(input, normalized_shape, weight, bias, eps)


@operator(namespace="nn.functional", method=False)
def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """[N, C, ...] normalised over groups of C / num_groups channels and all that follows; weight and bias are by channel."""
    _check("group_norm", input, weight, bias)
    rules.group_norm(tuple(input._shape), num_groups, _shape_of(weight), _shape_of(bias))
    if input.numel() == 0:
        return input * 1
    n, channels = input.shape[:2]
    each = channels // num_groups
    rest = math.prod(input.shape[2:])
    x = input.reshape(n, num_groups, each, rest)
    shape = (1, num_groups, each, 1)
    with untaped():
        moments = _moments(x, (2, 3), eps)
    return _scaled(x, moments, (2, 3), eps, weight, bias, shape, True).reshape(input.shape)


@operator("group_norm", method=False)
def _torch_group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Tensor:
    """`nn.functional.group_norm`, in `torch`'s form."""
    return group_norm(input, num_groups, weight, bias, eps)


@operator(method=False)
@operator(namespace="nn.functional", method=False)
def rms_norm(input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None) -> Tensor:
    """input / √(mean of squares + eps)·weight over the last dimensions; `eps` is the dtype's own where None."""
    _check("rms_norm", input, weight)
    normalized_shape = tuple(normalized_shape)
    rules.layer_norm(tuple(input._shape), normalized_shape, _shape_of(weight))
    if eps is None:
        from flambeau.dtypes import finfo

        eps = finfo(accumulation_dtype(input.dtype)).eps
    dims = tuple(range(input.ndim - len(normalized_shape), input.ndim))

    def normalized(x: Tensor, *weights: Tensor) -> Tensor:
        y = x * ((x * x).mean(dims, keepdim=True) + eps).rsqrt()
        return y * weights[0] if weights else y

    return in_wide(normalized, input) if weight is None else in_wide(normalized, input, weight)


@operator(namespace="nn.functional", method=False)
def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """input / (k + alpha·mean of squares over `size` neighbouring channels)^beta."""
    from flambeau.nn.functional.pooling import avg_pool3d

    rules.local_response_norm(tuple(as_tensor_argument(input, "local_response_norm", "input")._shape))
    if input.numel() == 0:
        return input
    n, channels = input.shape[:2]
    squares = (input * input).reshape(n, 1, channels, -1, 1)
    before = size // 2
    from flambeau.nn.functional.padding import pad

    squares = pad(squares, (0, 0, 0, 0, before, (size - 1) // 2))
    mean = avg_pool3d(squares, (size, 1, 1), stride=1).reshape(input.shape)
    return input / (mean * alpha + k).pow(beta)


@operator(namespace="nn.functional", method=False)
def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Tensor | None = None) -> Tensor:
    """input divided along `dim` by its p-norm, which counts at least `eps`."""
    as_tensor_argument(input, "normalize", "input")
    result = input / input.norm(p, dim, keepdim=True).clamp_min(eps).expand_as(input)
    return result if out is None else write_out(out, result)
