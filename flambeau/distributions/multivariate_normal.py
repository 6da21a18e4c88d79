"""Multivariate normal distributions. May import `flambeau.tensor`, `flambeau.ops`."""

from __future__ import annotations

import math
from typing import Any

from flambeau.distributions import constraints
from flambeau.distributions.distribution import Distribution
from flambeau.distributions.utils import lazy_property
from flambeau.ops.linalg.cholesky import cholesky
from flambeau.ops.linalg.solving import solve_triangular
from flambeau.ops.random import standard_normal
from flambeau.ops.sequences import eye
from flambeau.shapes.broadcasting import broadcast
from flambeau.tensor import Tensor

__all__ = ["MultivariateNormal"]


class MultivariateNormal(Distribution):
    """Normal vectors of mean `loc`, and `covariance_matrix`, its inverse `precision_matrix` or its factor `scale_tril`."""

    arg_constraints = {
        "loc": constraints.real_vector, "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite, "scale_tril": constraints.lower_cholesky,
    }  # fmt: skip
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        forms = {"covariance_matrix": covariance_matrix, "precision_matrix": precision_matrix, "scale_tril": scale_tril}
        given = [(name, matrix) for name, matrix in forms.items() if matrix is not None]
        if len(given) != 1:
            raise ValueError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        ((name, matrix),) = given
        if matrix.dim() < 2:
            raise ValueError(f"{name} must be at least two-dimensional, with optional leading batch dimensions")
        batch = broadcast(tuple(matrix.shape[:-2]), tuple(loc.shape[:-1]))
        matrix = matrix.expand((*batch, *matrix.shape[-2:]))
        setattr(self, name, matrix)
        self.loc = loc.expand((*batch, loc.shape[-1]))
        super().__init__(batch, self.loc.shape[-1:], validate_args=validate_args)

    @lazy_property
    def scale_tril(self) -> Tensor:
        if "covariance_matrix" in self.__dict__:
            return cholesky(self.covariance_matrix)
        return _factor_of_inverse(self.precision_matrix)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        return self.scale_tril @ self.scale_tril.mT

    @lazy_property
    def precision_matrix(self) -> Tensor:
        n = self._event_shape[0]
        inverse = solve_triangular(self.scale_tril, eye(n, dtype=self.loc.dtype, device=self.loc.device), upper=False)
        return inverse.mT @ inverse

    @property
    def _unbroadcasted_scale_tril(self) -> Tensor:
        return self.scale_tril

    @property
    def mean(self) -> Tensor:
        return self.loc

    mode = mean

    @property
    def variance(self) -> Tensor:
        return self.scale_tril.pow(2).sum(-1)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = tuple(self._extended_shape(sample_shape))
        x = standard_normal(shape, self.loc.dtype, self.loc._storage.device, None)
        return self.loc + (self.scale_tril @ x.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + mahalanobis(self.scale_tril, value - self.loc)) - (
            self._half_log_determinant()
        )

    def _half_log_determinant(self) -> Tensor:
        return self.scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def entropy(self) -> Tensor:
        return 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + self._half_log_determinant()


def mahalanobis(scale_tril: Tensor, x: Tensor) -> Tensor:
    """xᵀ (L Lᵀ)⁻¹ x of vectors x and lower triangular L, batches of both."""
    n = x.shape[-1]
    lead = broadcast(tuple(scale_tril.shape[:-2]), tuple(x.shape[:-1]))
    batch = tuple(scale_tril.shape[:-2])
    samples = len(lead) - len(batch)
    if lead[samples:] != batch:
        scale_tril = scale_tril.expand((*lead[samples:], n, n))
        batch = lead[samples:]
    # One solve for each factor, all of its vectors side by side.
    columns = x.expand((*lead, n)).reshape(-1, *batch, n).movedim(0, -1)
    solved = solve_triangular(scale_tril, columns, upper=False)
    return solved.pow(2).sum(-2).movedim(-1, 0).reshape(lead)


def _factor_of_inverse(p: Tensor) -> Tensor:
    """The lower triangular L with L Lᵀ the inverse of a positive definite matrix: of its factor from the other end."""
    turned = cholesky(p.flip((-2, -1)))
    upper = turned.flip((-2, -1)).mT
    return solve_triangular(upper, eye(p.shape[-1], dtype=p.dtype, device=p.device), upper=False)
