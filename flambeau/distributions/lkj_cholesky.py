"""Cholesky factors of random correlation matrices. May import `flambeau.tensor`, `flambeau.ops`."""

from __future__ import annotations

import math
from typing import Any

from flambeau.distributions import constraints
from flambeau.distributions.beta import Beta
from flambeau.distributions.distribution import Distribution
from flambeau.distributions.utils import broadcast_all
from flambeau.ops.draws import above_zero
from flambeau.ops.random import standard_normal
from flambeau.ops.sequences import arange
from flambeau.tensor import Tensor

__all__ = ["LKJCholesky"]


class LKJCholesky(Distribution):
    """Lower triangular L with L Lᵀ a correlation matrix of density det(L Lᵀ)^(concentration - 1), up to a factor.

    Samples by the onion method (Lewandowski, Kurowicka & Joe 2009): row by row, a direction on a sphere and how far along it.

    Args:
        dim: rows of the matrices, at least 2.
        concentration: 1 is uniform over correlation matrices, more is closer to the identity.
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None) -> None:
        if dim < 2:
            raise ValueError(f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}.")
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        super().__init__(self.concentration.size(), (dim, dim), validate_args=validate_args)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = tuple(self._extended_shape(sample_shape))
        like = self.concentration
        before = arange(self.dim - 1, dtype=like.dtype, device=like.device)
        beta = Beta(before + 0.5, like.unsqueeze(-1) + 0.5 * (self.dim - 2) - 0.5 * before, validate_args=False)
        squared = beta.sample(sample_shape).unsqueeze(-1)  # of the part of each row but the first that isn't on the diagonal
        directions = standard_normal((*shape[:-2], self.dim - 1, self.dim), like.dtype, like._storage.device, None).tril()
        rows = squared.sqrt() * directions / directions.norm(dim=-1, keepdim=True)
        rows = like.new_zeros(shape).slice_scatter(rows, -2, 1, self.dim)
        return rows + above_zero(1 - rows.pow(2).sum(-1)).sqrt().diag_embed()

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        rows = arange(2, self.dim + 1, dtype=self.concentration.dtype, device=self.concentration.device)
        powers = 2 * (self.concentration - 1).unsqueeze(-1) + self.dim - rows
        found = (powers * value.diagonal(dim1=-2, dim2=-1)[..., 1:].log()).sum(-1)
        n = self.dim - 1
        alpha = self.concentration + 0.5 * n
        return found - (0.5 * n * math.log(math.pi) + (alpha - 0.5).mvlgamma(n) - alpha.lgamma() * n)
