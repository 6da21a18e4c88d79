"""Variances, covariances and integrals by rule. May import what `flambeau.ops` may."""

from __future__ import annotations

import math
from typing import Any

from flambeau.dtypes import promote, uint8
from flambeau.graph.primitives.reduction import SUM
from flambeau.ops.composite import Composite, record, untaped
from flambeau.ops.joining import cat
from flambeau.ops.operands import accumulation_dtype, cast, check_tensor, dims_argument, expand
from flambeau.ops.reduction import reduced, restored
from flambeau.ops.registry import operator, scalar_name
from flambeau.ops.slicing import slice_dim
from flambeau.shapes.dims import wrap_dim, wrap_dims
from flambeau.storage import may_look
from flambeau.tensor import Tensor

__all__ = ["var", "std", "var_mean", "std_mean", "cov", "corrcoef", "trapezoid"]


# --- variance ----------------------------------------------------------------------------------------------------------
def _var_gradient(g: Tensor, y: Any, inputs: Any, params: tuple[Any, ...]) -> tuple[Any]:
    (x,) = inputs
    axes, divisor, keepdim = params
    shape = tuple(x.shape)
    return (lambda: restored(g, axes, shape, keepdim) * (2 / divisor if divisor else math.inf) * (x - x.mean(axes, True)),)


_VAR = Composite("var", _var_gradient)


def _arguments(name: str, input: Any, dim: Any, unbiased: Any, correction: Any) -> tuple[tuple[int, ...], float]:
    if check_tensor(input, name, "input").dtype.category < 2:
        raise RuntimeError(f"{name}: only support floating point and complex dtypes, but got {scalar_name(input)}")
    if unbiased is not None:
        correction = 1 if unbiased else 0
    axes = wrap_dims(dims_argument(dim), len(input._shape))
    return axes, 1 if correction is None else correction


def _count(t: Tensor, axes: tuple[int, ...]) -> int:
    return math.prod(t._shape[d] for d in axes)


def _moments(input: Tensor, axes: tuple[int, ...], correction: float, keepdim: bool) -> tuple[Tensor, Tensor]:
    """Variance and mean, in the accumulation dtype."""
    x = cast(input, accumulation_dtype(input.dtype))
    n = _count(x, axes)
    shape = tuple(x._shape)
    total = reduced(SUM, x, axes, True)
    center = total / n if n else total * math.nan
    rest = x - expand(center, shape)
    squares = reduced(SUM, rest * rest, axes, keepdim)
    divisor = max(n - correction, 0)
    variance = squares / divisor if n else squares * math.nan
    return variance, center if keepdim else center.reshape(tuple(variance._shape))


def _split_flags(dim: Any, unbiased: Any) -> tuple[Any, Any]:
    """`var(input, False)` means unbiased=False, not dim=False."""
    return (None, dim) if isinstance(dim, bool) else (dim, unbiased)


def _variance(name: str, input: Tensor, dim: Any, unbiased: Any, keepdim: bool, correction: Any) -> Tensor:
    dim, unbiased = _split_flags(dim, unbiased)
    axes, by = _arguments(name, input, dim, unbiased, correction)
    if input.dtype.category == 3:
        return _variance(name, input.real, axes, None, keepdim, by) + _variance(name, input.imag, axes, None, keepdim, by)
    with untaped():
        y = cast(_moments(input, axes, by, keepdim)[0], input.dtype)
    return record(_VAR, y, (input,), (axes, _count(input, axes) - by, keepdim))


_STD = Composite("std", lambda g, y, inputs, params: (lambda: (g / (y * 2))._fill_where(y == 0, 0),), saves="output")


def _root(variance: Tensor) -> Tensor:
    with untaped():
        y = variance.sqrt()
    return record(_STD, y, (variance,))


@operator(out="exact", remembered=True)
def var(input: Tensor, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None) -> Tensor:
    """Σ (x - mean)² / max(0, n - correction) over `dim`; correction is 1 unless told.

    >>> torch.tensor([1.0, 3.0]).var()
    tensor(2.)
    >>> torch.tensor([1.0, 3.0]).var(correction=0)
    tensor(1.)
    """
    return _variance("var", input, dim, unbiased, keepdim, correction)


@operator(out="exact", remembered=True)
def std(input: Tensor, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None) -> Tensor:
    """The square root of the variance.

    >>> torch.tensor([1.0, 3.0]).std()
    tensor(1.4142)
    """
    return _root(_variance("std", input, dim, unbiased, keepdim, correction))


@operator()
def var_mean(
    input: Tensor, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None
) -> tuple[Tensor, Tensor]:
    """Variance and mean."""
    plain = _split_flags(dim, unbiased)[0]
    return _variance("var_mean", input, dim, unbiased, keepdim, correction), input.mean(plain, keepdim)


@operator()
def std_mean(
    input: Tensor, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None
) -> tuple[Tensor, Tensor]:
    """Standard deviation and mean."""
    plain = _split_flags(dim, unbiased)[0]
    return _root(_variance("std_mean", input, dim, unbiased, keepdim, correction)), input.mean(plain, keepdim)


# --- covariance --------------------------------------------------------------------------------------------------------
@operator()
def cov(input: Tensor, *, correction: int = 1, fweights: Tensor | None = None, aweights: Tensor | None = None) -> Tensor:
    """Covariances of the rows of a matrix, columns being observations with optional frequencies and weights."""
    if len(check_tensor(input, "cov", "input")._shape) > 2:
        raise RuntimeError(f"cov(): expected input to have two or fewer dimensions but got an input with {input.ndim} dimensions")
    if input.dtype.category == 0:
        raise RuntimeError("cov(): bool dtype is not supported for input")
    x = input if input.dtype.category >= 2 else input.float()
    x = x.reshape(1, -1) if len(x._shape) < 2 else x
    n = x._shape[1]
    weights = None
    type = x.dtype
    for name, given, is_whole in (("fweights", fweights, True), ("aweights", aweights, False)):
        if given is None:
            continue
        if len(given._shape) > 1:
            raise RuntimeError(
                f"cov(): expected {name} to have one or fewer dimensions but got {name} with {given.ndim} dimensions"
            )
        if given.numel() != n:
            raise RuntimeError(
                f"cov(): expected {name} to have the same numel as there are "
                f"observations in the input but got {given.numel()} != {n}"
            )
        if given.dtype.category != (1 if is_whole else 2):
            raise RuntimeError(
                f"cov(): expected {name} to have {'integral' if is_whole else 'floating point'} dtype but got {name} with "
                f"{scalar_name(given)} dtype"
            )
        if given.numel() and may_look(given._storage.device) and bool((given < 0).any()):
            raise RuntimeError(f"cov(): {name} cannot be negative")
        weights = given if weights is None else weights * given
    if weights is not None and weights.dtype.category == 2:
        type = promote(type, weights.dtype)
        x = x.to(type)
    total: Any = float(n) if weights is None else weights.sum()
    center = x.mean(1, keepdim=True) if weights is None else (x * weights).sum(1, keepdim=True) / total
    if weights is None:
        divisor: Any = n - correction
    elif correction == 0 or aweights is None:
        divisor = total - correction
    else:
        share = (weights * aweights).sum() / total
        divisor = total - correction * share
    rest = x - center
    product = (rest if weights is None else rest * weights) @ rest.mH
    divisor = max(divisor, 0) if not isinstance(divisor, Tensor) else divisor.clamp(min=0)
    result = product / divisor
    return result.squeeze()


@operator()
def corrcoef(input: Tensor) -> Tensor:
    """Pearson's correlations of the rows of a matrix."""
    if len(check_tensor(input, "corrcoef", "input")._shape) > 2:
        raise RuntimeError(
            f"corrcoef(): expected input to have two or fewer dimensions but got an input with {input.ndim} dimensions"
        )
    c = cov(input)
    if not c._shape:
        return c / c
    deviation = c.diagonal().real.sqrt()
    c = c / deviation.unsqueeze(1) / deviation
    return c if c.dtype.category == 3 else c.clamp(-1, 1)


# --- integrals by rule -------------------------------------------------------------------------------------------------
def _strips(name: str, y: Tensor, x: Tensor | None, dx: float, dim: int) -> Tensor:
    d = wrap_dim(dim, len(check_tensor(y, name, "y")._shape))
    if y.dtype.category == 0 or (x is not None and x.dtype.category == 0):
        which = "`y`" if x is None else "`x` or `y`"
        raise RuntimeError(f"{name}: received a bool input for {which}, but bool is not supported")
    n = y._shape[d]
    pair_sum = slice_dim(y, d, 1, n - 1) + slice_dim(y, d, 0, n - 1)
    if x is None:
        return pair_sum * (dx / 2)
    if len(x._shape) == 1 and len(y._shape) > 1:
        if x._shape[0] != n:
            raise RuntimeError("trapezoid: There must be one `x` value for each sample point")
        x = x.reshape((n,) + (1,) * (len(y._shape) - d - 1))
        steps = x.diff(dim=0)
    else:
        steps = x.diff(dim=dim)
    return pair_sum * steps / 2


@operator("trapezoid", "trapz", method=False)
def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float = 1, dim: int = -1) -> Tensor:
    """The integral of y along `dim` by the trapezoidal rule, at places x or steps of dx."""
    d = wrap_dim(dim, len(y._shape))
    if y._shape[d] == 0:
        return y.sum(d)
    return _strips("trapezoid", y, x, dx, dim).sum(dim)


@operator(method=False)
def cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float = 1, dim: int = -1) -> Tensor:
    """The running integral of y along `dim` by the trapezoidal rule."""
    return _strips("cumulative_trapezoid", y, x, dx, dim).cumsum(dim)


# --- derivatives by differences ----------------------------------------------------------------------------------------
@operator(method=False)
def gradient(input: Tensor, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1) -> tuple[Tensor, ...]:
    """Estimates of the derivative along each of `dim` (all by default): central differences, one-sided ones at the edges.

    `spacing` is a number, one for each dimension, or a tensor of coordinates for each. Second order inside where the spacing
    varies, too: the parabola through three neighbours. Raises RuntimeError for fewer than edge_order + 1 elements.

    >>> torch.gradient(torch.tensor([1.0, 4.0, 9.0]))
    (tensor([3., 4., 5.]),)
    """
    rank = len(check_tensor(input, "gradient", "input")._shape)
    dims = list(range(rank)) if dim is None else [wrap_dim(d, rank) for d in ((dim,) if isinstance(dim, int) else dim)]
    for d in dims:
        if dims.count(d) > 1:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    spacing = 1 if spacing is None else spacing
    spacings = list(spacing) if isinstance(spacing, (list, tuple)) else [spacing] * len(dims)
    if len(spacings) != len(dims):
        raise RuntimeError(
            f"torch.gradient expected spacing to be unspecified, a scalar or a list of length equal to 'len(dim)={len(dims)}', "
            f"but got a list of length {len(spacings)}"
        )
    for d in dims:
        if input._shape[d] < edge_order + 1:
            raise RuntimeError("torch.gradient expected each dimension size to be at least edge_order+1")
    return tuple([_derivative(input.movedim(d, -1), h, edge_order).movedim(-1, d).contiguous() for d, h in zip(dims, spacings)])


def _derivative(f: Tensor, spacing: Any, edge_order: int) -> Tensor:
    """Along the last dimension."""
    if f.dtype.category < 2:
        if f.dtype.category == 0 or f.dtype is uint8:
            raise RuntimeError(f"torch.gradient does not support {f.dtype.name} input.")
        f = f.float()
    slope = f.diff()
    if isinstance(spacing, Tensor) and spacing._shape:
        h = spacing.diff().to(f.dtype)
        slope = slope / h
        before, after = h[:-1], h[1:]
        weight = after / (before + after)
        inside = slope[..., :-1] * weight + slope[..., 1:] * (1 - weight)
        first, last = (h[0] / (h[0] + h[1]), h[-1] / (h[-1] + h[-2])) if edge_order == 2 else (0.0, 0.0)
    else:
        slope = slope / spacing
        inside = (slope[..., :-1] + slope[..., 1:]) / 2
        first = last = 0.5
    start, end = slope[..., :1], slope[..., -1:]
    if edge_order == 2:
        start = start + (start - slope[..., 1:2]) * first
        end = end + (end - slope[..., -2:-1]) * last
    return cat([start, inside, end], -1)
