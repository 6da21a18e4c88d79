"""Reductions: sums, products, extrema, truth, norms. May import what `flambeau.ops` may."""

from __future__ import annotations

import math
from typing import Any

from flambeau.dtypes import bool_, dtype, int64, name_of_dtype
from flambeau.graph.node import Primitive
from flambeau.graph.primitives import reduction as r
from flambeau.graph.primitives.complex import REAL
from flambeau.graph.primitives.elementwise import CAST, DIV
from flambeau.graph.primitives.movement import RESHAPE
from flambeau.ops.choices import choose
from flambeau.ops.composite import Composite, computed, record
from flambeau.ops.operands import accumulation_dtype, cast, check_tensor, dims_argument, expand, filled, refuse, refuse_complex
from flambeau.ops.registry import operator, scalar_name
from flambeau.ops.results import result_type
from flambeau.ops.views import owned, reshape
from flambeau.shapes import reduction as rules
from flambeau.shapes.dims import wrap_dim, wrap_dims
from flambeau.size import contiguous_strides
from flambeau.tensor import Tensor, from_node

__all__ = ["sum", "mean", "prod", "amax", "amin", "max", "min", "argmax", "argmin", "any", "all", "logsumexp", "norm", "restored"]

_apply = Tensor._apply


def reduced(primitive: Primitive, t: Tensor, axes: tuple[int, ...], keepdim: bool) -> Tensor:
    """The primitive over some axes (all counted from 0), which stay with size 1 if `keepdim`."""
    own = tuple(t._shape)
    result = _apply(primitive, (t,), (tuple(sorted(axes)), own)) if axes else t
    if axes and keepdim:
        result = owned(reshape(result, tuple([1 if d in axes else n for d, n in enumerate(own)])))
    return result


def restored(t: Tensor, axes: tuple[int, ...], shape: tuple[int, ...], keepdim: bool) -> Tensor:
    """A reduced tensor repeated to the shape that it was reduced from."""
    if not keepdim:
        t = reshape(t, tuple([1 if d in axes else n for d, n in enumerate(shape)]))
    return expand(t, tuple(shape))


def _axes(name: str, input: Any, dim: Any) -> tuple[int, ...]:
    check_tensor(input, name, "input")
    return wrap_dims(dims_argument(dim), len(input._shape))


def _sum_dtype(input: Tensor, type: dtype | None) -> dtype:
    """Sums and products of bools and integers are int64 unless told."""
    if type is not None:
        return type
    own = input._storage.dtype
    return own if own.category >= 2 else int64


# --- sums ----------------------------------------------------------------------------------------------------------------------
@operator(out="dtype")
def sum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor:
    """The sum over `dim` (an int, a tuple, None: all). Bools and integers sum as int64 unless `dtype` says otherwise.

    >>> torch.arange(6).reshape(2, 3).sum(1)
    tensor([ 3, 12])
    >>> torch.tensor([True, True]).sum()
    tensor(2)
    """
    axes = _axes("sum", input, dim)
    x = cast(input, _sum_dtype(input, dtype))
    return reduced(r.SUM, x, axes, keepdim) if axes else x.clone() if x is input else x


@operator(out=True)
def nansum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor:
    """The sum with NaN counted as 0."""
    refuse_complex(check_tensor(input, "nansum", "input"), "nansum on CPU does not support complex inputs", RuntimeError)
    x = input._fill_where(input.isnan(), 0) if input.dtype.category == 2 else input
    return sum(x, dim, keepdim, dtype=dtype)


def _count(shape: tuple[int, ...], axes: tuple[int, ...]) -> int:
    n = 1
    for d in axes:
        n *= shape[d]
    return n


def _mean_gradient(g: Tensor, y: Any, inputs: Any, params: tuple[Any, ...]) -> tuple[Tensor]:
    (x,) = inputs
    axes, count, keepdim = params
    return (restored(g / count, axes, tuple(x.shape), keepdim),)


_MEAN = Composite("mean", _mean_gradient, saves="shapes")


@operator(out="dtype", remembered=True)
def mean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor:
    """The mean over `dim`. Raises RuntimeError for integers unless a floating `dtype` is given.

    >>> torch.arange(6.0).reshape(2, 3).mean(0)
    tensor([1.5000, 2.5000, 3.5000])
    """
    type = dtype or check_tensor(input, "mean", "input")._storage.dtype
    if type.category < 2:
        what = "Input dtype" if dtype is None else "Optional dtype"
        raise RuntimeError(
            f"mean(): could not infer output dtype. {what} must be either a floating point or complex dtype. "
            f"Got: {scalar_name(input) if dtype is None else dtype}"
        )
    axes = _axes("mean", input, dim)
    x = cast(input, type)
    own, wide = tuple(x._shape), accumulation_dtype(type)
    count = _count(own, axes)
    node = x._value()
    if wide is not type:
        node = CAST((node,), (wide, type))
    if axes:
        node = r.SUM((node,), (tuple(sorted(axes)), own))
        if keepdim:
            node = RESHAPE((node,), (tuple([1 if d in axes else n for d, n in enumerate(own)]), node.shape))
    node = DIV((node, filled(float(count), wide, node.device, node.shape)._value()))
    if wide is not type:
        node = CAST((node,), (type, wide))
    return record(_MEAN, from_node(node), (x,), (axes, count, keepdim))


@operator(out=True)
def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor:
    """The mean of what isn't NaN."""
    if check_tensor(input, "nanmean", "input").dtype.category < 2:
        raise RuntimeError(f"nanmean(): expected input to have floating point or complex dtype but got {scalar_name(input)}")
    count = sum(input.detach().isnan().logical_not(), dim, keepdim)
    type = dtype or input.dtype
    return cast(nansum(input, dim, keepdim, dtype=accumulation_dtype(type)) / count, type)


@operator(out="dtype")
def prod(input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor:
    """The product over one dimension, or all elements'. Bools and integers multiply as int64 unless told.

    >>> torch.arange(1, 5).prod()
    tensor(24)
    """
    axes = _axes("prod", input, dim)
    x = cast(input, _sum_dtype(input, dtype))
    return reduced(r.PROD, x, axes, keepdim) if axes else x.clone() if x is input else x


@operator(remembered=True)
def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    """How many elements are not zero."""
    return sum(cast(check_tensor(input, "count_nonzero", "input").detach(), bool_), dim)


# --- truth -------------------------------------------------------------------------------------------------------------
def _truth(primitive: Primitive, name: str, doc: str) -> Any:
    def function(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
        axes = _axes(name, input, dim)
        result = reduced(primitive, cast(input.detach(), bool_), axes, keepdim)
        if input.dtype.name == "uint8":
            return cast(result, input.dtype)
        return result.clone() if result._storage is input._storage else result

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    operator(name, out="exact", remembered=True)(function)
    return function


any = _truth(r.ANY, "any", "Whether one element is not zero (uint8 for uint8, else bool).")
all = _truth(r.ALL, "all", "Whether every element is not zero (uint8 for uint8, else bool).")


# --- extrema -----------------------------------------------------------------------------------------------------------
def _even_extremum(primitive: Primitive, name: str, doc: str) -> Any:
    def function(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
        axes = _axes(name, input, dim)
        rules.reduce_nonempty(tuple(input._shape), axes if dim != () and dim is not None else None, keepdim, name=name)
        result = reduced(primitive, input, axes, keepdim)
        return result.clone() if result is input else result

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    operator(name, out="exact", remembered=True)(function)
    return function


amax = _even_extremum(r.MAX, "amax", "The largest element over `dim`; equal ones share the gradient.")
amin = _even_extremum(r.MIN, "amin", "The smallest element over `dim`; equal ones share the gradient.")


def _one_place(g: Tensor, y: Any, inputs: Any, params: tuple[Any, ...]) -> tuple[Any, None]:
    """The gradient of a chosen element goes to its place alone."""
    d, keepdim = params
    x, places = inputs
    if not x.shape:
        return g, None
    g, places = (g, places) if keepdim else (g.unsqueeze(d), places.unsqueeze(d))
    return g.new_zeros(tuple(x.shape)).scatter_add(d, places, g), None


CHOSEN = Composite("index_select_along", _one_place, reads=((1,), ()))
"""Inputs (x, places); params = (dim, keepdim): a result that is x at those places of `dim`."""


def evenly(g: Tensor, y: Tensor, inputs: Any, params: tuple[Any, ...]) -> tuple[Any]:
    """All elements that equal the result share its gradient; NaNs do where it is one."""
    (x,) = inputs
    chosen = (x == y) | (x.isnan() & y.isnan())
    return (lambda: choose(chosen, g / chosen.sum(), 0, "max"),)


_EVENLY = Composite("max", evenly, saves="inputs output")

_max_result = result_type("max", "values indices")
_min_result = result_type("min", "values indices")


def _extremum(name: str, primitive: Primitive, index: Primitive, two: str, result: Any, even: Any) -> Any:
    def function(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
        check_tensor(input, name, "input")
        if isinstance(dim, Tensor) or other is not None:
            return getattr(input, two)(dim if other is None else other)
        shape = tuple(input._shape)
        if dim is None:
            refuse(input, f"{name}_all", complex)
            rules.reduce_nonempty(shape, None, name=name)
            return record(_EVENLY, even(input.detach()), (input,))
        refuse_complex(input, f"{name}(): does not support complex input", RuntimeError)
        d = wrap_dim(dims_argument(dim), len(shape))
        rules.reduce_nonempty(shape, d if shape else None, keepdim, name=name)
        if not shape:
            return result(input.clone(), input.new_zeros((), dtype=int64))
        node, params = input._value(), ((d,), shape)
        found, best = index((node,), params), primitive((node,), params)
        if keepdim:
            kept = (*shape[:d], 1, *shape[d + 1 :])
            found, best = RESHAPE((found,), (kept, found.shape)), RESHAPE((best,), (kept, best.shape))
        places, values = from_node(found), from_node(best)
        return result(record(CHOSEN, values, (input, places), (d, keepdim)), places)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"The {name}imum of all elements; over `dim` as a named tuple (values, indices); of two tensors elementwise."
    )
    operator(name, out=lambda found, *_, **others: "exact" if isinstance(found, tuple) else True, remembered=True)(function)
    return function


max = _extremum("max", r.MAX, r.ARGMAX, "maximum", _max_result, amax)
min = _extremum("min", r.MIN, r.ARGMIN, "minimum", _min_result, amin)


def _position(name: str, primitive: Primitive) -> Any:
    def function(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
        check_tensor(input, name, "input")
        if input.dtype.category == 0:
            raise NotImplementedError(f"\"{name}_cpu\" not implemented for 'Bool'")
        shape = tuple(input._shape)
        d = None if dim is None else dims_argument(dim)
        if d is None and 0 in shape:
            raise IndexError(
                f"{name}(): Expected reduction dim to be specified for input.numel() == "
                "0. Specify the reduction dim with the 'dim' argument."
            )
        rules.reduce_nonempty(shape, d if shape else None, keepdim, name=name)
        if d is not None:
            d = wrap_dim(d, len(shape))
        x = input.detach()
        if not shape:
            return x.new_zeros((), dtype=int64)
        if d is None:
            found = reduced(primitive, reshape(x, (-1,)), (0,), False)
            return reshape(found, (1,) * len(shape)) if keepdim else found
        return reduced(primitive, x, (d,), keepdim)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"The first position of the {name[3:]}imum, of the flattened tensor or along `dim` (int64)."
    operator(name, out="exact", remembered=True)(function)
    return function


argmax = _position("argmax", r.ARGMAX)
argmin = _position("argmin", r.ARGMIN)

_aminmax_result = result_type("aminmax", "min max")


@operator(out="exact")
def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """The smallest and the largest element, of all or along `dim`."""
    refuse(check_tensor(input, "aminmax", "input"), "aminmax_cpu", complex)
    axes = () if dim is None else dim
    return _aminmax_result(amin(input, axes, keepdim), amax(input, axes, keepdim))


# --- norms and the like ------------------------------------------------------------------------------------------------
def _logsumexp_gradient(g: Tensor, y: Tensor, inputs: Any, params: tuple[Any, ...]) -> tuple[Any]:
    (x,) = inputs
    axes, keepdim = params
    shape = tuple(x.shape)
    return (lambda: restored(g, axes, shape, keepdim) * (x - restored(y, axes, shape, keepdim)).exp(),)


_LOGSUMEXP = Composite("logsumexp", _logsumexp_gradient, saves="inputs output")


@operator("logsumexp", out=True, remembered=True)
def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """log Σ exp(input) over `dim`, without overflow.

    >>> torch.zeros(4).logsumexp(0)
    tensor(1.3863)
    """
    from flambeau.ops.pointwise import unary_operand

    axes = _axes("logsumexp", input, dim)
    x = unary_operand("logsumexp", input)
    (y,) = computed(_LOGSUMEXP, _logsumexp, (x,), (axes, keepdim))
    return record(_LOGSUMEXP, y, (x,), (axes, keepdim))


def _logsumexp(x: Tensor, axes: Any, keepdim: bool) -> Tensor:
    shape = tuple(x._shape)
    w = cast(x, accumulation_dtype(x.dtype))
    if _count(shape, axes) == 0:
        y = reduced(r.SUM, w.exp(), axes, keepdim).log()
    else:
        top = reduced(r.MAX, _apply(REAL, (w,)) if w.dtype.category == 3 else w, axes, True)
        top = top._fill_where(top.abs() == math.inf, 0)
        y = reduced(r.SUM, (w - expand(top, shape)).exp(), axes, True).log() + top
        if not keepdim:
            y = owned(reshape(y, rules.reduce(shape, axes if axes else None, False)))
    return cast(y, x.dtype)


def norm_gradient(g: Tensor, y: Tensor, inputs: Any, params: tuple[Any, ...]) -> tuple[Any]:
    """d‖x‖/dx, and 0 where the norm is 0 (as PyTorch: a subgradient); none with p = 0."""
    (x,) = inputs
    p, axes, keepdim = params
    shape = tuple(x.shape)

    def part() -> Tensor:
        gg, yy = restored(g, axes, shape, keepdim), restored(y, axes, shape, keepdim)
        if p == 1:
            return gg * x.sgn()
        if p == 2:
            return x * (gg / yy._fill_where(yy == 0, 1))._fill_where(yy == 0, 0)
        if math.isinf(p):
            chosen = ((x.abs() == yy) | (x.isnan() & yy.isnan())).to(g.dtype)
            return x.sgn() * (gg / expand(reduced(r.SUM, chosen, axes, True), shape)) * chosen
        if p < 1:
            share = x.sgn() * x.abs().pow(p - 1)._fill_where(x == 0, 0)
        elif p < 2:
            share = x.sgn() * x.abs().pow(p - 1)
        else:
            share = x * x.abs().pow(p - 2)
        return share * (gg / yy._fill_where(yy == 0, 1).pow(p - 1))._fill_where(yy == 0, 0)

    return (part if p else None,)


_NORM = Composite("norm", norm_gradient, saves="inputs output")


def vector_norm(x: Tensor, p: float, axes: tuple[int, ...], keepdim: bool) -> Tensor:
    """(Σ |x|^p)^(1/p) over axes, with its limits for p = 0, ∞, -∞."""
    if x.dtype.category == 3:
        x = x.abs()
    (y,) = computed(_NORM, _vector_norm, (x,), (p, axes, keepdim))
    return record(_NORM, y, (x,), (p, axes, keepdim))


def _vector_norm(x: Tensor, p: float, axes: tuple[int, ...], keepdim: bool) -> Tensor:
    w = cast(x, accumulation_dtype(x.dtype))
    size = w.abs() if p != 2 else w

    def total(t: Tensor) -> Tensor:
        return reduced(r.SUM, t, axes, keepdim)

    if p == 0:
        y = total(cast(w != 0, w.dtype))
    elif p == 1 or math.prod(x._shape[axis] for axis in axes) == 1:  # of one number, however large
        y = total(w.abs())
    elif p == 2:
        y = total(w * w).sqrt()
    elif math.isinf(p):
        y = reduced(r.MAX if p > 0 else r.MIN, size, axes, keepdim)
    else:
        y = total(size.pow(p)).pow(1 / p)
    y = cast(y, x.dtype)
    return y.clone() if y._storage is x._storage else y


@operator(out="exact", remembered=True)
def norm(input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: dtype | None = None) -> Tensor:
    """The p-norm over `dim` (all elements by default); "fro" is 2, "nuc" the sum of singular values of a matrix.

    >>> torch.tensor([3.0, 4.0]).norm()
    tensor(5.)
    """
    if check_tensor(input, "norm", "input").dtype.category < 2 and dtype is None:
        raise RuntimeError(f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {scalar_name(input)}")
    x = input if dtype is None else cast(input, dtype)
    if p == "nuc":
        from flambeau.ops.linalg.norms import matrix_norm

        return matrix_norm(x, "nuc", (-2, -1) if dim is None else dim, keepdim)
    if isinstance(p, str) and p != "fro":
        raise RuntimeError(f"Expected p to be a number, 'fro' or 'nuc', got {p!r}")
    axes = _axes("norm", input, dim)
    return vector_norm(x, 2.0 if p == "fro" or p is None else float(p), axes, keepdim)


@operator(method=True)
def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The p-norm of input - other."""
    return norm(input - other, float(p))


@operator(inplace=True, out=True)
def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """Slices along `dim` whose p-norm is above `maxnorm` scaled down to it."""
    if p <= 0:
        raise RuntimeError("non-positive-norm not supported")
    if maxnorm < 0:
        raise RuntimeError("expected maxnorm to be >= 0 but got " + str(maxnorm))
    if input.dtype.category < 2:
        raise RuntimeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {name_of_dtype(input.dtype)}"
        )
    if len(input._shape) < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {len(input._shape)} dimensions")
    d = wrap_dim(dim, len(input._shape))
    axes = tuple(i for i in range(len(input._shape)) if i != d)
    length = vector_norm(input, float(p), axes, True)
    factor = (maxnorm / (length + 1e-7))._fill_where(~(length > maxnorm), 1)  # of NaN, too
    return (input * factor)._laid_out(contiguous_strides(input._shape))
