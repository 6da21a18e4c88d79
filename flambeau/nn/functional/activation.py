"""Activations: functions of every element, with the gradient of each as one formula.

May import what `flambeau.ops` may.
"""

from __future__ import annotations

import math
from typing import Any

from flambeau.dtypes import uint8
from flambeau.nn.functional.arguments import check_floating, check_tensor, scalar_name
from flambeau.ops.formula import formula, in_wide
from flambeau.ops.operands import refuse
from flambeau.ops.pointwise import relu as _relu
from flambeau.ops.registry import in_place, operator
from flambeau.shapes import normalization as rules
from flambeau.tensor import Tensor

__all__ = [
    "celu", "elu", "gelu", "glu", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "logsigmoid",
    "mish", "relu", "relu6", "rrelu", "selu", "sigmoid", "silu", "softplus", "softshrink", "softsign", "tanh",
    "tanhshrink", "threshold",
]  # fmt: skip


def _argument(input: Any, name: str, kernel: str) -> Tensor:
    """The floating operand of an activation."""
    check_floating(kernel, check_tensor(input, name, "input"))
    return input


def _not_bool(input: Any, name: str, message: str) -> Tensor:
    if check_tensor(input, name, "input").dtype.category == 0:
        raise RuntimeError(message)
    return input


# --- piecewise linear ----------------------------------------------------------------------------------------------------
_threshold = formula(
    "threshold",
    lambda x, threshold, value: x._fill_where(x <= threshold, value),
    lambda g, x, threshold, value: g._fill_where(x <= threshold, 0),
)
_hardtanh = formula(
    "hardtanh",
    lambda x, low, high: x.clamp(low, high),
    lambda g, x, low, high: g._fill_where((x <= low) | (x >= high), 0),
)
_leaky_relu = formula(
    "leaky_relu",
    lambda x, slope: x.where(x > 0, x * slope),
    lambda g, x, slope: g.where(x > 0, g * slope),
)
_hardsigmoid = formula(
    "hardsigmoid",
    lambda x: (x + 3).clamp(0, 6) / 6,
    lambda g, x: (g / 6)._fill_where((x <= -3) | (x >= 3), 0),
)
_hardswish = formula(
    "hardswish",
    lambda x: x * (x + 3).clamp(0, 6) / 6,
    lambda g, x: (g * (x / 3 + 0.5)).where(x < 3, g)._fill_where(x <= -3, 0),
)
_softshrink = formula(
    "softshrink",
    lambda x, size: (x - size).where(x > size, (x + size).where(x < -size, x * 0)),
    lambda g, x, size: g._fill_where((x >= -size) & (x <= size), 0),
)


@operator(namespace="nn.functional", method=False)
def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(input, 0).

    >>> F.relu(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return in_place(_relu, input) if inplace else _relu(input)


@operator(method=False)
@operator(namespace="nn.functional", method=False)
def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """input where it is above `threshold`, else `value`."""
    if check_tensor(input, "threshold", "input").dtype.category == 0:
        raise NotImplementedError("\"threshold_cpu\" not implemented for 'Bool'")
    return in_place(_threshold, input, threshold, value) if inplace else _threshold(input, threshold, value)


@operator(namespace="nn.functional", method=False)
def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """input clamped to [min_val, max_val]; the gradient is 0 at and beyond the bounds."""
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    _not_bool(input, "hardtanh", "Bool inputs not supported for hardtanh")
    if input.dtype.category == 1:
        min_val, max_val = int(min_val), int(max_val)
        if input.dtype is uint8 and (min_val < 0 or max_val < 0):
            raise RuntimeError("cannot do hardtanh on an unsigned type with negative limits")
    return in_place(_hardtanh, input, min_val, max_val) if inplace else _hardtanh(input, min_val, max_val)


@operator(namespace="nn.functional", method=False)
def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(input, 0), 6)."""
    return hardtanh(input, 0.0, 6.0, inplace)


@operator(namespace="nn.functional", method=False, remembered=True)
def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """input where positive, else negative_slope·input."""
    _argument(input, "leaky_relu", "leaky_relu_cpu")
    return in_place(_leaky_relu, input, negative_slope) if inplace else _leaky_relu(input, negative_slope)


@operator(namespace="nn.functional", method=False)
def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(input + 3, 0), 6) / 6."""
    _argument(input, "hardsigmoid", "hardsigmoid_cpu")
    return in_place(_hardsigmoid, input) if inplace else _hardsigmoid(input)


@operator(namespace="nn.functional", method=False)
def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """input·min(max(input + 3, 0), 6) / 6."""
    _argument(input, "hardswish", "hardswish_cpu")
    return in_place(_hardswish, input) if inplace else _hardswish(input)


@operator(namespace="nn.functional", method=False, out="exact")
def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """input moved towards 0 by `lambd`, 0 inside [-lambd, lambd]."""
    _argument(input, "softshrink", "softshrink_check")
    if lambd < 0:
        raise RuntimeError(f"lambda must be in range [0, 3.40282e+38] for input dtype {scalar_name(input)}, but found {lambd:g}")
    return _softshrink(input, lambd)


# --- exponential ---------------------------------------------------------------------------------------------------------
_SQRT_HALF = math.sqrt(0.5)
_TANH_SCALE = math.sqrt(2 / math.pi)
_TANH_CUBIC = 0.044715


def _gelu_derivative(g: Tensor, x: Tensor) -> Tensor:
    density = (x * x * -0.5).exp() * (1 / math.sqrt(2 * math.pi))
    return g * (((x * _SQRT_HALF).erf() + 1) * 0.5 + x * density)


def _tanh_gelu_derivative(g: Tensor, x: Tensor) -> Tensor:
    square = x * x
    t = ((x + x * square * _TANH_CUBIC) * _TANH_SCALE).tanh()
    slope = (square * (3 * _TANH_CUBIC) + 1) * _TANH_SCALE
    return g * ((t + 1) * 0.5 + x * 0.5 * (1 - t * t) * slope)


def _silu_derivative(g: Tensor, x: Tensor) -> Tensor:
    s = x.sigmoid()
    return g * (s * (x * (1 - s) + 1))


def _log1p_exp(x: Tensor) -> Tensor:
    """log(1 + eˣ) without overflow."""
    return x.clamp_min(0) + (-x.abs()).exp().log1p()


def _mish_derivative(g: Tensor, x: Tensor) -> Tensor:
    t = _log1p_exp(x).tanh()
    return g * (t + x * (1 - t * t) * x.sigmoid())


_gelu = formula("gelu", lambda x: x * 0.5 * ((x * _SQRT_HALF).erf() + 1), _gelu_derivative)
_tanh_gelu = formula(
    "gelu", lambda x: x * 0.5 * (((x + x * x * x * _TANH_CUBIC) * _TANH_SCALE).tanh() + 1), _tanh_gelu_derivative
)
_silu = formula("silu", lambda x: x * x.sigmoid(), _silu_derivative)
_mish = formula("mish", lambda x: x * _log1p_exp(x).tanh(), _mish_derivative)
_elu = formula(
    "elu",
    lambda x, alpha, scale, input_scale: (x * scale).where(x > 0, (x * input_scale).expm1() * (alpha * scale)),
    lambda g, x, alpha, scale, input_scale: (g * scale).where(x > 0, g * (x * input_scale).exp() * (alpha * scale * input_scale)),
)
_softplus = formula(
    "softplus",
    lambda x, beta, threshold: x.where(x * beta > threshold, (x * beta).exp().log1p() / beta),
    lambda g, x, beta, threshold: g.where(x * beta > threshold, g * (x * beta).sigmoid()),
)
_logsigmoid = formula("log_sigmoid", lambda x: x.clamp_max(0) - (-x.abs()).exp().log1p(), lambda g, x: g * (-x).sigmoid())
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


@operator(namespace="nn.functional", method=False, out="exact", remembered=True)
def gelu(input: Tensor, *, approximate: str = "none") -> Tensor:
    """input·Φ(input), Φ the normal distribution function; with `approximate="tanh"` by the tanh formula.

    >>> F.gelu(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.8413])
    """
    _argument(input, "gelu", "GeluKernelImpl")
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    return _gelu(input) if approximate == "none" else _tanh_gelu(input)


@operator(namespace="nn.functional", method=False, remembered=True)
def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """input·sigmoid(input)."""
    refuse(check_tensor(input, "silu", "input"), "silu_cpu", bool, int)
    return in_place(_silu, input) if inplace else _silu(input)


@operator(namespace="nn.functional", method=False)
def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """input·tanh(log(1 + exp(input)))."""
    _argument(input, "mish", "mish_cpu")
    return in_place(_mish, input) if inplace else _mish(input)


@operator(namespace="nn.functional", method=False)
def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """input where positive, else alpha·(exp(input) − 1)."""
    _argument(input, "elu", "elu_cpu")
    return in_place(_elu, input, alpha, 1.0, 1.0) if inplace else _elu(input, alpha, 1.0, 1.0)


@operator(method=False)
@operator(namespace="nn.functional", method=False)
def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """The scaled ELU that keeps mean and variance (Klambauer et al., "Self-Normalizing Neural Networks", 2017)."""
    _argument(input, "selu", "elu_cpu")
    arguments = (_SELU_ALPHA, _SELU_SCALE, 1.0)
    return in_place(_elu, input, *arguments) if inplace else _elu(input, *arguments)


@operator(method=False)
@operator(namespace="nn.functional", method=False)
def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """input where positive, else alpha·(exp(input / alpha) − 1)."""
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    _argument(input, "celu", "elu_cpu")
    arguments = (alpha, 1.0, 1.0 / alpha)
    return in_place(_elu, input, *arguments) if inplace else _elu(input, *arguments)


@operator(namespace="nn.functional", method=False, out="exact", remembered=True)
def softplus(input: Tensor, beta: float = 1, threshold: float = 20) -> Tensor:
    """log(1 + exp(beta·input)) / beta; input itself where beta·input is above `threshold`."""
    return _softplus(_argument(input, "softplus", "softplus_cpu"), beta, threshold)


@operator(namespace="nn.functional", method=False, out="exact")
def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(input))."""
    return _logsigmoid(_argument(input, "logsigmoid", "log_sigmoid_cpu"))


@operator(namespace="nn.functional", method=False)
def tanhshrink(input: Tensor) -> Tensor:
    """input − tanh(input)."""
    return input - input.tanh()


@operator(namespace="nn.functional", method=False)
def softsign(input: Tensor) -> Tensor:
    """input / (1 + |input|)."""
    return input / (input.abs() + 1)


@operator(namespace="nn.functional", method=False)
def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    return input.tanh()


@operator(namespace="nn.functional", method=False, remembered=True)
def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(−input))."""
    return input.sigmoid()


# --- with a second operand, a random slope or a gate ---------------------------------------------------------------------------
@operator(namespace="nn.functional", method=False)
def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half along `dim` times the sigmoid of the second."""
    _argument(input, "glu", "glu_cpu")
    half = rules.glu(tuple(input._shape), dim)[dim]
    return in_wide(lambda a, b: a * b.sigmoid(), input.narrow(dim, 0, half), input.narrow(dim, half, half))


@operator(method=False)
@operator(namespace="nn.functional", method=False)
def rrelu(input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False) -> Tensor:
    """input where positive, else input times a slope: drawn from [lower, upper) in training, its mean otherwise."""
    if lower > upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")
    if not training:
        return leaky_relu(input, (lower + upper) / 2, inplace)
    _argument(input, "rrelu", "rrelu_with_noise_cpu")
    slope = input.detach().new_empty(input.shape).uniform_(lower, upper)

    def sloped(x: Tensor) -> Tensor:
        return x.where(x > 0, x * slope)

    return in_place(sloped, input) if inplace else sloped(input)


for _function in (threshold, relu, hardtanh, leaky_relu, elu, selu, celu, rrelu):

    def _written(input: Tensor, *args: Any, _function: Any = _function, **kwargs: Any) -> Tensor:
        return _function(input, *args, inplace=True, **kwargs)

    _written.__name__ = _written.__qualname__ = _function.__name__ + "_"
    _written.__doc__ = f"`{_function.__name__}`, written into its input."
    operator(namespace="nn.functional", method=False)(_written)
    if _function in (threshold, selu, celu, rrelu):
        operator(method=False)(_written)
    globals()[_written.__name__] = _written
