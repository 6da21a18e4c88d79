"""Arithmetic on sparse tensors in coordinates, and functions of their elements that leave zeros zero.

May import what `flambeau.ops` may.
"""

from __future__ import annotations

from math import prod
from typing import Any

from flambeau.dtypes import promote
from flambeau.layout import strided
from flambeau.ops.joining import cat
from flambeau.ops.operands import result_dtype
from flambeau.ops.sorting import searchsorted
from flambeau.ops.sparse import parts
from flambeau.ops.sparse.methods import with_parts
from flambeau.shapes.broadcasting import broadcast
from flambeau.tensor import Tensor
from flambeau.tensor.meanings import in_place, meaning, refusal

__all__ = ["as_seen"]


def _is_number(value: Any) -> bool:
    return not isinstance(value, Tensor) or (not value._shape and value._storage.layout is strided)


# --- sums ----------------------------------------------------------------------------------------------------------------
@meaning("add")
def _add(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    if not parts.is_sparse(other):
        raise RuntimeError("add(sparse, dense) is not supported. Use add(dense, sparse) instead.")
    if not parts.is_sparse(input):
        return _added_to_dense(input, other, alpha, "AddBackward0")
    return _sum(input, other, alpha, "AddBackward0")


@meaning("sub", "subtract")
def _sub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    if not parts.is_sparse(other):
        raise RuntimeError("add(sparse, dense) is not supported. Use add(dense, sparse) instead.")
    if not parts.is_sparse(input):
        return _added_to_dense(input, other, -alpha, "SubBackward0")
    return _sum(input, other, -alpha, "SubBackward0")


@meaning("rsub")
def _rsub(input: Tensor, other: Any, *, alpha: Any = 1) -> Tensor:
    if isinstance(other, Tensor):
        raise refusal("rsub", input if parts.is_sparse(input) else other)
    return _sub(other, input, alpha=alpha)


def _added_to_dense(dense: Any, x: Tensor, alpha: Any, title: str) -> Tensor:
    """A dense tensor, to which a sparse one of its shape is added."""
    shape = tuple(dense._shape) if isinstance(dense, Tensor) else ()
    if not isinstance(dense, Tensor) or shape != tuple(x._shape):
        raise RuntimeError(
            f"add: expected 'self' and 'other' to have same size, but self has size {list(shape)} while other has size "
            f"{list(x._shape)} (FYI: dense-sparse addition does not currently support broadcasting)"
        )
    type = result_dtype((dense, x))
    count = parts.sparse_dims(x)
    values = parts.raw_values(x).to(type)
    rows = dense.detach().to(type).reshape((prod(shape[:count]), *shape[count:]))
    sum = rows.index_add(0, parts.flat_places(parts.indices_of(x), shape[:count]), values if alpha == 1 else values * alpha)
    types = dense.dtype, x.dtype
    return parts.recorded(
        sum.reshape(shape),
        title,
        (dense, x),
        lambda g: (lambda: g.to(types[0]), lambda: (g if alpha == 1 else g * alpha).to(types[1])),
    )


def _sum(x: Tensor, y: Tensor, alpha: Any, title: str) -> Tensor:
    if tuple(x._shape) != tuple(y._shape):
        raise RuntimeError(f"add: expected sizes of 'self' and 'other' to match, but {list(x._shape)} != {list(y._shape)}")
    if parts.sparse_dims(x) != parts.sparse_dims(y):
        raise RuntimeError(
            f"add: expected 'self' and 'other' to have same number of sparse dimensions, but {parts.sparse_dims(x)} != "
            f"{parts.sparse_dims(y)}"
        )
    type = promote(x.dtype, y.dtype)
    both = x.is_coalesced() and y.is_coalesced()
    (at_x, of_x), (at_y, of_y) = parts.places(x), parts.places(y)
    of_x, of_y = of_x.to(type), of_y.to(type) if alpha == 1 else of_y.to(type) * alpha
    if at_x._storage is at_y._storage and at_x._shape == at_y._shape:
        return parts.coo(at_x, of_x + of_y, x._shape, both, title)
    joined = parts.coo(cat((at_x, at_y), 1), cat((of_x, of_y)), x._shape, False, title)
    return parts.coalesced(joined) if both else joined


# --- products ------------------------------------------------------------------------------------------------------------
@meaning("mul", "multiply")
def _mul(input: Any, other: Any) -> Tensor:
    if _is_number(other):
        return _scaled(input, other)
    if _is_number(input):
        return _scaled(other, input)
    if parts.is_sparse(input) and parts.is_sparse(other):
        return _product(input, other)
    return _times_dense(input, other) if parts.is_sparse(input) else _times_dense(other, input)


def _scaled(x: Tensor, number: Any) -> Tensor:
    x = parts.coalesced(x) if x.requires_grad else x
    return with_parts(x, parts.values_of(x) * number, "MulBackward0")


def _times_dense(x: Tensor, dense: Tensor) -> Tensor:
    shape = tuple(broadcast(tuple(x._shape), tuple(dense._shape)))
    if shape != tuple(x._shape):
        raise RuntimeError(f"mul(sparse, dense): the sparse tensor of shape {list(x._shape)} can't be broadcast to {list(shape)}")
    indices = parts.indices_of(x)
    values = parts.raw_values(x) * parts.picked(dense.detach().expand(shape), indices)
    storage: Any = x._storage
    result = parts.made(x.layout, (indices,), values, shape, storage.is_coalesced)

    def rule(g: Tensor, x: Tensor, dense: Tensor) -> Any:
        return (lambda: _mul(g, dense.conj()).to(x.dtype)), (lambda: as_seen(_mul(g, x.conj()), dense))

    return parts.recorded(result, "MulBackward0", (x, dense), rule, (x, dense))


def as_seen(g: Tensor, t: Tensor) -> Tensor:
    """A sparse gradient for a dense tensor: sparse where the program sees it, dense on its way to others."""
    if parts.is_leaf(t) and tuple(g._shape) == tuple(t._shape):
        return g.to(t.dtype)
    return g.to_dense().sum_to_size(t._shape).to(t.dtype)


def _product(x: Tensor, y: Tensor) -> Tensor:
    if tuple(x._shape) != tuple(y._shape):
        raise RuntimeError(
            f"mul: expected 'self' and 'other' to have same sizes when both are sparse, but {list(x._shape)} != {list(y._shape)}"
        )
    is_coalesced = x.is_coalesced() and y.is_coalesced()
    x, y = parts.coalesced(x), parts.coalesced(y)
    (at_x, of_x), (at_y, of_y) = parts.places(x), parts.places(y)
    if at_x._storage is at_y._storage and at_x._shape == at_y._shape:
        return parts.coo(at_x, of_x * of_y, x._shape, is_coalesced, "MulBackward0")
    sizes = tuple(x._shape[: parts.sparse_dims(x)])
    if not of_x._shape[0] or not of_y._shape[0]:
        kept = at_x.new_zeros((0,))
        at = kept
    else:
        wanted, known = parts.flat_places(at_x, sizes), parts.flat_places(at_y, sizes)
        near = searchsorted(known, wanted).clamp(max=known._shape[0] - 1)
        kept = (known.index_select(0, near) == wanted).nonzero().reshape(-1)
        at = near.index_select(0, kept)
    found = at_x.index_select(1, kept)
    return parts.coo(found, of_x.index_select(0, kept) * of_y.index_select(0, at), x._shape, is_coalesced, "MulBackward0")


@meaning("div", "divide", "true_divide")
def _div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    if not parts.is_sparse(input) or not _is_number(other):
        shape = list(other._shape) if isinstance(other, Tensor) else []
        raise RuntimeError(f"Sparse division requires a scalar or zero-dim dense tensor divisor (got shape {shape} for divisor)")
    x = parts.coalesced(input) if rounding_mode is not None or input.requires_grad else input
    return with_parts(x, parts.values_of(x).div(other, rounding_mode=rounding_mode), "DivBackward0")


@meaning("floor_divide")
def _floor_divide(input: Any, other: Any) -> Tensor:
    return _div(input, other, rounding_mode="floor")


@meaning("pow")
def _pow(input: Any, exponent: Any) -> Tensor:
    if not parts.is_sparse(input) or isinstance(exponent, Tensor):
        raise refusal("pow", input if parts.is_sparse(input) else exponent)
    if exponent == 0:
        raise RuntimeError("pow: cannot raise to zeroth power on sparse tensor; it would make the result tensor dense")
    x = parts.coalesced(input)
    return with_parts(x, parts.values_of(x) ** exponent, "PowBackward0")


# --- functions of each element -------------------------------------------------------------------------------------------
def _elementwise(name: str, is_linear: bool) -> None:
    @meaning(name)
    def function(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if not is_linear or input.requires_grad:
            input = parts.coalesced(input)
        return with_parts(input, getattr(parts.values_of(input), name)(*args, **kwargs), f"{name.capitalize()}Backward0")


_LINEAR = ("neg", "negative", "conj", "conj_physical", "resolve_conj", "deg2rad", "rad2deg", "positive")
_OTHERS = (
    "abs", "absolute", "asin", "arcsin", "asinh", "arcsinh", "atan", "arctan", "atanh", "arctanh", "ceil", "erf", "erfinv",
    "expm1", "floor", "frac", "isinf", "isnan", "isneginf", "isposinf", "log1p", "nan_to_num", "relu", "round", "sgn", "sign",
    "signbit",    "sin", "sinh", "sqrt", "tan", "tanh", "trunc", "fix",
)  # fmt: skip
for _name in _LINEAR:
    _elementwise(_name, True)
for _name in _OTHERS:
    _elementwise(_name, False)

in_place(
    "add", "sub", "mul", "div", "neg", "floor_divide",
    *(name for name in _OTHERS if not name.startswith("is") and name != "signbit"),
)  # fmt: skip


@meaning("zero_")
def _zero(self: Tensor) -> Tensor:
    storage: Any = self._storage
    indices = parts.indices_of(self)
    values = parts.raw_values(self)
    empty = parts.made(self.layout, (indices[:, :0].clone(),), values[:0].clone(), self._shape, True)
    storage.become(empty._storage)
    return self


@meaning("copy_")
def _copy(self: Tensor, src: Tensor, non_blocking: bool = False) -> Tensor:
    if not (parts.is_sparse(self) and parts.is_sparse(src)):
        raise RuntimeError(
            "copy_() between dense and sparse Tensors is not implemented! Found self type = "
            f"{self.type()} and src type = {src.type()}"
        )
    if tuple(self._shape) != tuple(src._shape):
        raise RuntimeError(f"output with shape {list(self._shape)} doesn't match the shape {list(src._shape)}")
    storage: Any = self._storage
    storage.become(src.detach().clone().to(self.dtype)._storage)
    return self


@meaning("zeros_like", "empty_like")
def _zeros_like(input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any) -> Tensor:
    values = parts.raw_values(input)[:0].to(device=device, dtype=dtype)
    indices = parts.indices_of(input)[:, :0].to(values.device)
    result = parts.made(input.layout, (indices.clone(),), values.clone(), input._shape, True)
    result._requires_grad = bool(requires_grad)
    return result


@meaning("new_zeros", "new_empty", first=True)
def _new_zeros(self: Tensor, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any) -> Tensor:
    shape = tuple(size[0]) if len(size) == 1 and isinstance(size[0], (tuple, list)) else size
    values = parts.raw_values(self)
    empty = values.new_zeros((0,), dtype=dtype, device=device)
    result = parts.coo(parts.indices_of(self).new_zeros((len(shape), 0), device=device), empty, shape, True)
    result._requires_grad = bool(requires_grad)
    return result
