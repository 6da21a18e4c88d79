"""Multivariate normal distributions of a covariance of low rank and a diagonal. May import `flambeau.tensor`, `flambeau.ops`."""

from __future__ import annotations

import math
from typing import Any

from flambeau.distributions import constraints
from flambeau.distributions.distribution import Distribution
from flambeau.distributions.utils import lazy_property
from flambeau.ops.joining import cat
from flambeau.ops.linalg.cholesky import cholesky
from flambeau.ops.linalg.solving import solve_triangular
from flambeau.ops.random import standard_normal
from flambeau.ops.sequences import eye
from flambeau.shapes.broadcasting import broadcast
from flambeau.tensor import Tensor

__all__ = ["LowRankMultivariateNormal"]


class LowRankMultivariateNormal(Distribution):
    """Normal vectors of mean `loc` and covariance W Wᵀ + diag(d): W is `cov_factor` [n, rank], d `cov_diag` [n].

    Only matrices of rank × rank are factored (Woodbury's identity and the determinant lemma).
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc: Tensor, cov_factor: Tensor, cov_diag: Tensor, validate_args: bool | None = None) -> None:
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        if cov_factor.dim() < 2:
            raise ValueError("cov_factor must be at least two-dimensional, with optional leading batch dimensions")
        n = loc.shape[-1]
        if cov_factor.shape[-2] != n:
            raise ValueError(f"cov_factor must be a batch of matrices with shape {n} x m")
        if cov_diag.shape[-1:] != (n,):
            raise ValueError(f"cov_diag must be a batch of vectors with shape {(n,)}")
        batch = broadcast(broadcast(tuple(loc.shape[:-1]), tuple(cov_factor.shape[:-2])), tuple(cov_diag.shape[:-1]))
        self.loc, self.cov_diag = loc.expand((*batch, n)), cov_diag.expand((*batch, n))
        self.cov_factor = cov_factor.expand((*batch, n, cov_factor.shape[-1]))
        super().__init__(batch, (n,), validate_args=validate_args)

    @lazy_property
    def _capacitance_tril(self) -> Tensor:
        """The Cholesky factor of 1 + Wᵀ diag(d)⁻¹ W."""
        scaled = self.cov_factor / self.cov_diag.unsqueeze(-1)
        rank = self.cov_factor.shape[-1]
        return cholesky(eye(rank, dtype=self.loc.dtype, device=self.loc.device) + self.cov_factor.mT @ scaled)

    @property
    def mean(self) -> Tensor:
        return self.loc

    mode = mean

    @lazy_property
    def variance(self) -> Tensor:  # type: ignore[override]
        return self.cov_factor.pow(2).sum(-1) + self.cov_diag

    @lazy_property
    def scale_tril(self) -> Tensor:
        return cholesky(self.covariance_matrix)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        return self.cov_factor @ self.cov_factor.mT + self.cov_diag.diag_embed()

    @lazy_property
    def precision_matrix(self) -> Tensor:
        half = solve_triangular(self._capacitance_tril, self.cov_factor.mT / self.cov_diag.unsqueeze(-2), upper=False)
        return self.cov_diag.reciprocal().diag_embed() - half.mT @ half

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = tuple(self._extended_shape(sample_shape))
        dtype, device = self.loc.dtype, self.loc._storage.device
        common = standard_normal((*shape[:-1], self.cov_factor.shape[-1]), dtype, device, None)
        own = standard_normal(shape, dtype, device, None)
        return self.loc + (self.cov_factor @ common.unsqueeze(-1)).squeeze(-1) + self.cov_diag.sqrt() * own

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        distance = self._precision_trace((value - self.loc).unsqueeze(-1))
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + distance) - self._half_log_determinant()

    def _factor(self) -> Tensor:
        """A with A Aᵀ the covariance matrix."""
        return cat([self.cov_factor, self.cov_diag.sqrt().diag_embed()], -1)

    def _precision_trace(self, a: Tensor) -> Tensor:
        """The trace of Aᵀ precision_matrix A, for matrices A [..., n, m]."""
        scaled = a / self.cov_diag.unsqueeze(-1)
        turned = self.cov_factor.mT @ scaled
        factor = self._capacitance_tril.expand((*turned.shape[:-2], *self._capacitance_tril.shape[-2:]))
        return (a * scaled).sum((-2, -1)) - solve_triangular(factor, turned, upper=False).pow(2).sum((-2, -1))

    def _half_log_determinant(self) -> Tensor:
        return self._capacitance_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1) + 0.5 * self.cov_diag.log().sum(-1)

    def entropy(self) -> Tensor:
        return 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + self._half_log_determinant()
