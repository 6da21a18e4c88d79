"""Distances and similarities of vectors. May import what `flambeau.ops` may."""

from __future__ import annotations

import math
from typing import Any

from flambeau.dtypes import promote
from flambeau.graph.primitives.movement import CONCATENATE
from flambeau.nn.functional.arguments import check_tensor
from flambeau.ops.composite import Composite, computed, record
from flambeau.ops.operands import operands
from flambeau.ops.reduction import norm_gradient, vector_norm
from flambeau.ops.registry import operator, scalar_name
from flambeau.ops.sequences import triu_indices
from flambeau.shapes.broadcasting import broadcast
from flambeau.shapes.errors import ShapeError
from flambeau.tensor import Tensor

__all__ = ["cdist", "cosine_distance", "cosine_similarity", "pairwise_distance", "pdist"]


@operator(method=False, remembered=True)
@operator(namespace="nn.functional", method=False, remembered=True)
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1·x2 / (max(‖x1‖, eps)·max(‖x2‖, eps)) along `dim`.

    >>> F.cosine_similarity(torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 1.0]]))
    tensor([0.7071])
    """
    check_tensor(x1, "cosine_similarity", "x1", 1)
    check_tensor(x2, "cosine_similarity", "x2", 2)
    a, b = operands("cosine_similarity", x1, x2, type=promote(x1.dtype, x2.dtype))
    if a.dtype.category != 2:
        raise RuntimeError(f"expected common dtype to be floating point, yet common dtype is {a.dtype}")
    a_norm = a.norm(2, dim, keepdim=True).clamp_min(eps)
    b_norm = b.norm(2, dim, keepdim=True).clamp_min(eps)
    return ((a / a_norm) * (b / b_norm)).sum(dim)


def cosine_distance(x1: Tensor, x2: Tensor) -> Tensor:
    """The cosine along the last dimension as `cosine_embedding_loss` takes it: 1e-12 is added to the squares."""
    product = (x1 * x2).sum(-1)
    first, second = (x1 * x1).sum(-1) + 1e-12, (x2 * x2).sum(-1) + 1e-12
    return product / (first * second).sqrt()


@operator(method=False)
@operator(namespace="nn.functional", method=False)
def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """‖x1 − x2 + eps‖ₚ along the last dimension."""
    check_tensor(x1, "pairwise_distance", "x1", 1)
    check_tensor(x2, "pairwise_distance", "x2", 2)
    return (x1 - x2 + eps).norm(p, -1, keepdim=keepdim)


@operator(method=False, remembered=True)
def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str | None = None) -> Tensor:
    """The p-norm distances of all pairs of rows: [..., P, M] and [..., R, M] give [..., P, R].

    `compute_mode` is PyTorch's choice of a way to compute it; here differences are always taken before they are squared.

    >>> torch.cdist(torch.tensor([[0.0, 0.0], [3.0, 4.0]]), torch.zeros(1, 2))
    tensor([[0.],
            [5.]])
    """
    check_tensor(x1, "cdist", "x1", 1)
    check_tensor(x2, "cdist", "x2", 2)
    for t, name in ((x1, "X1"), (x2, "X2")):
        if t.dtype.category != 2:
            raise RuntimeError(f"cdist only supports floating-point dtypes, {name} got: {scalar_name(t)}")
        if t.ndim < 2:
            raise ShapeError(f"cdist only supports at least 2D tensors, {name} got: {t.ndim}D")
    if x1.shape[-1] != x2.shape[-1]:
        raise ShapeError(f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}")
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    modes = (None, "use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")
    if compute_mode not in modes:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    lead = broadcast(tuple(x1.shape[:-2]), tuple(x2.shape[:-2]))
    x1, x2 = (t.expand(*lead, *t.shape[-2:]) for t in (x1, x2))
    order = float(p) if x1.shape[-1] else 1.0  # of no columns all are 0
    (y,) = computed(_DISTANCES, _distances, (x1, x2), (order,))
    return record(_DISTANCES, y, (x1, x2), (order,))


def _distances(x1: Tensor, x2: Tensor, p: float) -> Tensor:
    if x2.shape[-2] < _MANY:
        difference, axis = x1.unsqueeze(-2) - x2.unsqueeze(-3), x1.ndim
    else:
        columns = Tensor._apply(CONCATENATE, (x2.mT,), (x2.ndim - 1,))  # one part: a copy in memory, along whose rows vectors run
        difference, axis = x1.unsqueeze(-1) - columns.unsqueeze(-3), x1.ndim - 1
    if math.isinf(p):  # here, and not in `pdist`, PyTorch leaves out what is undefined
        difference = difference._fill_where(difference.isnan(), 0)
    return _length(difference, p, axis)


def _length(difference: Tensor, p: float, axis: int) -> Tensor:
    """The p-norm along an axis; with p = 0 the number of elements that aren't 0, NaN where one is undefined."""
    if p == 0:
        return difference.abs().ceil().clamp(max=1).sum(axis)
    return vector_norm(difference, p, (axis,), False)


def _slope_of_length(g: Tensor, y: Tensor, difference: Tensor, p: float, axis: int) -> Tensor:
    """The gradient of differences from that of their p-norms along an axis: with p = ∞ each of the largest has it in full."""
    if p == 0:
        return g.new_zeros(tuple(difference.shape))
    if p != 1 and not math.isinf(p):
        found: Tensor = norm_gradient(g, y, (difference,), (p, (axis,), False))[0]()
        return found
    slope = difference.sgn()._fill_where(difference.isnan(), math.nan)
    if math.isinf(p):
        slope = slope * (1 - (difference.abs() - y.unsqueeze(axis)).abs().ceil().clamp(max=1))
    return g.unsqueeze(axis) * slope


def _distances_gradient(g: Tensor, y: Tensor, inputs: Any, params: Any) -> tuple[Any, ...]:
    a, b = inputs

    def part() -> Tensor:
        return _slope_of_length(g, y, a.unsqueeze(-2) - b.unsqueeze(-3), params[0], a.ndim)

    return (lambda: part().sum(-2), lambda: -part().sum(-3))


_DISTANCES = Composite("cdist", _distances_gradient, saves="inputs output")
_MANY = 16
"""Rows that are enough for vectors of them; with fewer, vectors run along the columns that are summed."""


@operator(method=False)
@operator(namespace="nn.functional", method=False)
def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The p-norm distances of all pairs of the rows of [N, M], as [N·(N − 1)/2]."""
    if check_tensor(input, "pdist", "input").ndim != 2:
        raise ShapeError(f"pdist only supports 2D tensors, got: {input.ndim}D")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    n = input.shape[0]
    first, second = triu_indices(n, n, 1, device=input.device)
    difference = input.index_select(0, first) - input.index_select(0, second)
    order = float(p) if input.shape[1] else 1.0  # of no columns all are 0
    (y,) = computed(_LENGTHS, _length, (difference,), (order, 1))
    return record(_LENGTHS, y, (difference,), (order, 1))


_LENGTHS = Composite(
    "pdist", lambda g, y, inputs, params: (lambda: _slope_of_length(g, y, inputs[0], *params),), saves="inputs output"
)
