"""Transforms of whole vectors and matrices: shapes, simplexes, Cholesky factors. May import `flambeau.tensor`, `flambeau.ops`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from flambeau.distributions import constraints
from flambeau.distributions.transforms.elementwise import SigmoidTransform
from flambeau.distributions.transforms.transform import Parameterless, Transform
from flambeau.distributions.utils import softplus
from flambeau.dtypes import finfo
from flambeau.ops.draws import above_zero
from flambeau.ops.joining import cat as concatenate
from flambeau.tensor import Tensor

__all__ = [
    "ReshapeTransform",
    "SoftmaxTransform",
    "StickBreakingTransform",
    "LowerCholeskyTransform",
    "PositiveDefiniteTransform",
    "CorrCholeskyTransform",
]


class ReshapeTransform(Transform):
    """Events of another shape with as many elements."""

    bijective = True

    def __init__(self, in_shape: Sequence[int], out_shape: Sequence[int], cache_size: int = 0) -> None:
        self.in_shape, self.out_shape = tuple(in_shape), tuple(out_shape)
        if math.prod(self.in_shape) != math.prod(self.out_shape):
            raise ValueError("in_shape, out_shape have different numbers of elements")
        super().__init__(cache_size)

    @property
    def domain(self) -> Any:  # type: ignore[override]
        return constraints.independent(constraints.real, len(self.in_shape))

    @property
    def codomain(self) -> Any:  # type: ignore[override]
        return constraints.independent(constraints.real, len(self.out_shape))

    def _call(self, x: Tensor) -> Tensor:
        return x.reshape((*x.shape[: x.dim() - len(self.in_shape)], *self.out_shape))

    def _inverse(self, y: Tensor) -> Tensor:
        return y.reshape((*y.shape[: y.dim() - len(self.out_shape)], *self.in_shape))

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x.new_zeros(x.shape[: x.dim() - len(self.in_shape)])

    def forward_shape(self, shape: Sequence[int]) -> Sequence[int]:
        return self._changed(shape, self.in_shape, self.out_shape)

    def inverse_shape(self, shape: Sequence[int]) -> Sequence[int]:
        return self._changed(shape, self.out_shape, self.in_shape)

    def _changed(self, shape: Sequence[int], before: tuple[int, ...], after: tuple[int, ...]) -> tuple[int, ...]:
        lead = len(shape) - len(before)
        if lead < 0:
            raise ValueError("Too few dimensions on input")
        if tuple(shape[lead:]) != before:
            raise ValueError(f"Shape mismatch: expected {tuple(shape[lead:])} but got {before}")
        return (*shape[:lead], *after)


class SoftmaxTransform(Parameterless):
    """exp, then divided by the sum along the last dimension; not bijective."""

    domain = constraints.real_vector
    codomain = constraints.simplex

    def _call(self, x: Tensor) -> Tensor:
        return x.softmax(-1)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()


class StickBreakingTransform(Parameterless):
    """n numbers as n + 1 positive ones that add up to 1: each sigmoid takes its part of what is left of a stick."""

    bijective = True
    domain = constraints.real_vector
    codomain = constraints.simplex

    def _offset(self, x: Tensor) -> Tensor:
        n = x.shape[-1]
        return (n + 1 - x.new_ones(n).cumsum(-1)).log()

    def _call(self, x: Tensor) -> Tensor:
        z = SigmoidTransform()(x - self._offset(x))
        left = (1 - z).cumprod(-1)
        one = z.new_ones((*z.shape[:-1], 1))
        return concatenate([z, one], -1) * concatenate([one, left], -1)

    def _inverse(self, y: Tensor) -> Tensor:
        kept = y[..., :-1]
        left = above_zero(1 - kept.cumsum(-1))
        return kept.log() - left.log() + self._offset(kept)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        x = x - self._offset(x)
        return (-x - softplus(-x) + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape: Sequence[int]) -> Sequence[int]:
        return (*shape[:-1], shape[-1] + 1)

    def inverse_shape(self, shape: Sequence[int]) -> Sequence[int]:
        return (*shape[:-1], shape[-1] - 1)


class LowerCholeskyTransform(Parameterless):
    """A matrix as a lower triangular one with a positive diagonal: exp of its diagonal."""

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.lower_cholesky

    def _call(self, x: Tensor) -> Tensor:
        return x.tril(-1) + x.diagonal(dim1=-2, dim2=-1).exp().diag_embed()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.tril(-1) + y.diagonal(dim1=-2, dim2=-1).log().diag_embed()


class PositiveDefiniteTransform(Parameterless):
    """L Lᵀ of the matrix's `LowerCholeskyTransform` L."""

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.positive_definite

    def _call(self, x: Tensor) -> Tensor:
        lower = LowerCholeskyTransform()(x)
        return lower @ lower.mT

    def _inverse(self, y: Tensor) -> Tensor:
        from flambeau.ops.linalg.cholesky import cholesky

        return LowerCholeskyTransform().inv(cholesky(y))


class CorrCholeskyTransform(Transform):
    """n (n - 1) / 2 numbers as the Cholesky factor of an n×n correlation matrix, by tanh and the sticks that are left."""

    bijective = True
    domain = constraints.real_vector
    codomain = constraints.corr_cholesky

    @staticmethod
    def _size(count: int) -> int:
        n = round((0.25 + 2 * count) ** 0.5 + 0.5)
        if n * (n - 1) // 2 != count:
            raise ValueError("Input is not a flattened lower-diagonal number")
        return n

    @staticmethod
    def _places(n: int, like: Tensor) -> tuple[Tensor, Tensor]:
        from flambeau.ops.sequences import tril_indices

        rows, columns = tril_indices(n, n, -1, device=like.device)
        return rows, columns

    def _call(self, x: Tensor) -> Tensor:
        n = self._size(x.shape[-1])
        eps = finfo(x.dtype).eps
        r = x.tanh().clamp(min=-1 + eps, max=1 - eps)
        rows, columns = self._places(n, x)
        r = x.new_zeros((*x.shape[:-1], n * n)).index_copy(-1, rows * n + columns, r).reshape(*x.shape[:-1], n, n)
        left = (1 - r * r).sqrt().cumprod(-1)
        unit = r.new_ones(n).diag()
        one = r.new_ones((*r.shape[:-1], 1))
        return (r + unit) * concatenate([one, left[..., :-1]], -1)

    def _inverse(self, y: Tensor) -> Tensor:
        left = 1 - (y * y).cumsum(-1)
        one = y.new_ones((*y.shape[:-1], 1))
        left = concatenate([one, left[..., :-1]], -1)
        rows, columns = self._places(y.shape[-1], y)
        t = y[..., rows, columns] / above_zero(left[..., rows, columns]).sqrt()
        return (t.log1p() - t.neg().log1p()) / 2

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        left = above_zero(1 - (y * y).cumsum(-1))
        rows, columns = self._places(y.shape[-1], y)
        inner = columns < rows - 1  # the last factor of a row is counted by tanh
        logs = 0.5 * (left[..., rows, columns].log() * inner.to(y.dtype)).sum(-1)
        return logs - 2 * (x + softplus(-2 * x) - math.log(2.0)).sum(-1)

    def forward_shape(self, shape: Sequence[int]) -> Sequence[int]:
        n = self._size(shape[-1])
        return (*shape[:-1], n, n)

    def inverse_shape(self, shape: Sequence[int]) -> Sequence[int]:
        if shape[-2] != shape[-1]:
            raise ValueError("Input is not square")
        return (*shape[:-2], shape[-1] * (shape[-1] - 1) // 2)
